//! One Engine.IO session: does what `table` says, with a queue and a few deadlines. Parses nothing, and knows of messages
//! only that they are to be handed up.

use super::output::{Opening, Output, Outputs, Reason, Response, WsEnd};
use super::packet::Packet;
use super::payload::{Batch, polled_size};
use super::queue::{Outgoing, Queue};
use super::request::{RequestError, Transport};
use super::table::{Act, Cause, State, Via, row};
use super::timer::{Timer, TimerTable};
use crate::config::Config;
use crate::frame::{Frame, Revision, WsMessage};
use crate::id::{RequestId, Sid};
use crate::time::Time;
use alloc::format;
use alloc::vec::Vec;
use bytes::Bytes;

#[derive(Debug)]
pub(crate) struct Session {
    sid: Sid,
    state: State,
    revision: Revision,
    base64: bool,
    /// The last ping has been answered by something else than a pong already.
    reprieved: bool,
    /// The driver knows that there is something to transmit.
    signalled: bool,
    /// Set once, when the session begins to end.
    reason: Option<Reason>,
    /// The sockets have been told of it.
    told: bool,
    poll: Option<RequestId>,
    ws: Option<RequestId>,
    queue: Queue,
    timers: TimerTable,
}

impl Session {
    pub(crate) fn open(
        sid: Sid,
        revision: Revision,
        opening: Opening,
        config: &Config,
        now: Time,
        out: &mut Outputs<'_>,
    ) -> Self {
        let (state, base64, ws, upgrades) = match opening {
            Opening::Polling { base64 } => (State::Polling, base64, None, r#""websocket""#),
            Opening::WebSocket(id) => (State::WebSocket, false, Some(id), ""),
        };
        let mut session = Self {
            sid,
            state,
            revision,
            base64,
            reprieved: false,
            signalled: false,
            reason: None,
            told: false,
            poll: None,
            ws,
            queue: Queue::default(),
            timers: TimerTable::new(),
        };
        match revision {
            Revision::V3 => session.timers.set(Timer::Silence, now.after(config.ping_interval + config.ping_timeout)),
            Revision::V4 => {
                let early = u64::from(sid.spread()) * (config.ping_interval / 2) / u64::from(u32::MAX);
                session.timers.set(Timer::Ping, now.after(config.ping_interval - early));
            }
        }
        let Config { ping_interval, ping_timeout, max_payload, .. } = config;
        let handshake = format!(
            r#"0{{"sid":"{sid}","upgrades":[{upgrades}],"pingInterval":{ping_interval},"pingTimeout":{ping_timeout},"maxPayload":{max_payload}}}"#
        );
        session.enqueue(Outgoing::Frame(Frame::new(handshake, &[])), config, out);
        session
    }

    pub(crate) fn sid(&self) -> Sid {
        self.sid
    }

    pub(crate) fn revision(&self) -> Revision {
        self.revision
    }

    /// The transport that a request without an upgrade must name.
    pub(crate) fn transport(&self) -> Transport {
        match self.state {
            State::Polling | State::Probing | State::Probed | State::PollClosing | State::Closed => Transport::Polling,
            State::WebSocket | State::WsClosing => Transport::WebSocket,
        }
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.state == State::Closed
    }

    /// Whether messages still go up and down.
    pub(crate) fn is_open(&self) -> bool {
        matches!(self.state, State::Polling | State::Probing | State::Probed | State::WebSocket)
    }

    /// Why the session began to end, said once.
    pub(crate) fn take_end(&mut self) -> Option<Reason> {
        let told = core::mem::replace(&mut self.told, self.reason.is_some());
        self.reason.filter(|_| !told)
    }

    pub(crate) fn poll_timeout(&self) -> Option<(Time, Timer)> {
        self.timers.next()
    }

    pub(crate) fn set_timer(&mut self, timer: Timer, at: Time) {
        self.timers.set(timer, at);
    }

    pub(crate) fn stop_timer(&mut self, timer: Timer) {
        self.timers.stop(timer);
    }

    /// A timer that is due and is not the session's own business; the session's own have been seen to.
    pub(crate) fn handle_timeout(&mut self, config: &Config, now: Time, out: &mut Outputs<'_>) -> Option<Timer> {
        while let Some(timer) = self.timers.expire(now) {
            let cause = match timer {
                Timer::Ping => Cause::PingDue,
                Timer::Silence => Cause::Silent,
                Timer::Upgrade => Cause::UpgradeOverdue,
                Timer::Linger => Cause::LingerOver,
                Timer::Connect => return Some(timer),
            };
            self.step(cause, config, now, out);
        }
        None
    }

    pub(crate) fn handle_poll(&mut self, id: RequestId, config: &Config, now: Time, out: &mut Outputs<'_>) {
        let cause = if self.poll.is_some() { Cause::SecondPoll } else { Cause::Poll };
        match self.step(cause, config, now, out) {
            Act::Park => {
                self.poll = Some(id);
                self.flush(config, out);
            }
            Act::ParkOrNoop => {
                self.poll = Some(id);
                self.flush(config, out);
                self.answer_poll(Outgoing::Noop, out);
            }
            Act::AnswerLast => {
                let mut last = self.queue.pop_up_to(usize::MAX, |_| 0);
                last.push(Outgoing::Close);
                out.respond(id, Response::Batch(self.batch(last)));
                self.finish(out);
            }
            Act::Overlap => {
                out.respond(id, Response::Overlap);
                self.close(Reason::TransportError, Outgoing::Close, out);
            }
            Act::Unknown => out.respond(id, Response::Refused(RequestError::UnknownSid)),
            _ => out.respond(id, Response::Refused(RequestError::BadRequest)),
        }
    }

    /// Whether a POST's packets are to be taken; if not, it has been answered.
    pub(crate) fn handle_post(&mut self, id: RequestId, config: &Config, now: Time, out: &mut Outputs<'_>) -> bool {
        match self.step(Cause::Post, config, now, out) {
            Act::Take => return true,
            Act::Unknown => out.respond(id, Response::Refused(RequestError::UnknownSid)),
            _ => out.respond(id, Response::Refused(RequestError::BadRequest)),
        }
        false
    }

    pub(crate) fn handle_request_gone(&mut self, id: RequestId, config: &Config, now: Time, out: &mut Outputs<'_>) {
        if self.poll == Some(id) {
            self.poll = None;
            self.step(Cause::PollGone, config, now, out);
        }
    }

    pub(crate) fn handle_ws_open(&mut self, id: RequestId, config: &Config, now: Time, out: &mut Outputs<'_>) {
        match self.step(Cause::WsOpen, config, now, out) {
            Act::StartProbe => {
                self.ws = Some(id);
                self.timers.set(Timer::Upgrade, now.after(config.upgrade_timeout));
            }
            _ => out.push(Output::WsClose(id)),
        }
    }

    pub(crate) fn handle_ws_end(
        &mut self,
        id: RequestId,
        end: WsEnd,
        config: &Config,
        now: Time,
        out: &mut Outputs<'_>,
    ) {
        if self.ws == Some(id) {
            let cause = match end {
                WsEnd::Closed => Cause::WsClosed,
                WsEnd::Failed => Cause::WsFailed,
            };
            self.step(cause, config, now, out);
        }
    }

    /// Takes one packet: from a POST where `ws` is `None`. `None` stands for something that is no packet. Whether it is a
    /// message that is to be handed up.
    pub(crate) fn handle_packet<M>(
        &mut self,
        ws: Option<RequestId>,
        packet: Option<&Packet<M>>,
        config: &Config,
        now: Time,
        out: &mut Outputs<'_>,
    ) -> bool {
        if ws.is_some() && self.ws != ws {
            // From a WebSocket that has been told to close.
            return false;
        }
        let via = if ws.is_some() { Via::WebSocket } else { Via::Polling };
        let probing = matches!(self.state, State::Probing | State::Probed);
        let cause = match packet {
            None => Cause::Malformed(via),
            Some(Packet::Ping { probe: true }) if probing && via == Via::WebSocket => Cause::Probe,
            Some(Packet::Ping { .. }) if self.revision == Revision::V3 => Cause::Heartbeat(via),
            Some(Packet::Pong) if self.revision == Revision::V4 => Cause::Heartbeat(via),
            Some(Packet::Ping { .. } | Packet::Pong) => Cause::WrongHeartbeat(via),
            Some(Packet::Message(_)) => Cause::Message(via),
            Some(Packet::Close) => Cause::Close(via),
            Some(Packet::Upgrade) => Cause::Upgrade(via),
            Some(Packet::Open | Packet::Noop) => Cause::Other(via),
        };
        self.postpone_silence(config, now);
        self.step(cause, config, now, out) == Act::Deliver
    }

    /// Queues a packet for the client, if the session still is open.
    pub(crate) fn send(&mut self, frame: Frame, config: &Config, now: Time, out: &mut Outputs<'_>) {
        if self.step(Cause::Send, config, now, out) != Act::Queue {
            return;
        }
        if frame.is_volatile() && !self.is_writable() {
            return;
        }
        self.enqueue(Outgoing::Frame(frame), config, out);
        if self.queue.bytes() > config.max_queue {
            self.queue.drop_volatile();
        }
        if self.queue.bytes() > config.max_queue {
            self.step(Cause::Overfull, config, now, out);
        }
    }

    /// Closes from the server's side: what is queued goes out first.
    pub(crate) fn shut(&mut self, reason: Reason, config: &Config, now: Time, out: &mut Outputs<'_>) {
        let was = self.state;
        if self.step(Cause::Shut, config, now, out) != Act::BeginClose {
            return;
        }
        self.reason = Some(reason);
        self.timers.stop_all();
        self.timers.set(Timer::Linger, now.after(config.close_timeout));
        if matches!(was, State::Probing | State::Probed) {
            self.close_ws(out);
        }
        if let Some(id) = self.poll.take() {
            // The queue is empty while a poll waits.
            out.respond(id, Response::Batch(self.batch(alloc::vec![Outgoing::Close])));
            self.step(Cause::Drained, config, now, out);
        } else if self.state == State::WsClosing && self.queue.is_empty() {
            self.step(Cause::Drained, config, now, out);
        }
    }

    /// Hands out what is queued for the WebSocket, at least one packet if there is any, and up to about `max` bytes.
    /// Whether there is more.
    pub(crate) fn transmit(
        &mut self,
        id: RequestId,
        max: usize,
        into: &mut Vec<WsMessage>,
        config: &Config,
        now: Time,
        out: &mut Outputs<'_>,
    ) -> bool {
        if self.ws != Some(id) {
            return false;
        }
        match self.state {
            State::WebSocket | State::WsClosing => {}
            // `3probe` went out by a signal of its own; the rest of the queue still is polling's.
            State::Probed if self.signalled => {
                self.signalled = false;
                into.push(WsMessage::Text(Bytes::from_static(b"3probe")));
                return false;
            }
            State::Polling | State::Probing | State::Probed | State::PollClosing | State::Closed => return false,
        }
        for item in self.queue.pop_up_to(max, Outgoing::cost) {
            item.messages(self.revision, into);
        }
        if self.queue.is_empty() {
            self.signalled = false;
            if self.state == State::WsClosing {
                self.step(Cause::Drained, config, now, out);
            }
        }
        !self.queue.is_empty()
    }

    /// Goes to the next state and does what needs no more than the session itself; what needs the request or the packet
    /// is left to the caller.
    fn step(&mut self, cause: Cause, config: &Config, now: Time, out: &mut Outputs<'_>) -> Act {
        let (act, next) = row(self.state, cause);
        self.state = next;
        match act {
            Act::Close(reason) => self.close(reason, Outgoing::Close, out),
            // The reference answers the poll that is waiting with a noop here, and with a close packet elsewhere.
            Act::ClientClose => self.close(Reason::TransportClose, Outgoing::Noop, out),
            Act::Finish => self.finish(out),
            Act::Beat => self.beat(config, now, out),
            Act::SendPing => {
                self.reprieved = false;
                self.timers.set(Timer::Silence, now.after(config.ping_timeout));
                self.enqueue(Outgoing::Ping, config, out);
            }
            Act::AnswerProbe => {
                self.signal(out);
                self.answer_poll(Outgoing::Noop, out);
            }
            Act::Switch => {
                self.timers.stop(Timer::Upgrade);
                self.answer_poll(Outgoing::Noop, out);
                // A `3probe` that was never fetched is not needed any more, but its signal stands.
                if !self.queue.is_empty() {
                    self.signal(out);
                }
            }
            Act::DropProbe => {
                self.timers.stop(Timer::Upgrade);
                self.signalled = false;
                self.close_ws(out);
            }
            Act::Ignore
            | Act::Park
            | Act::ParkOrNoop
            | Act::AnswerLast
            | Act::Mismatch
            | Act::Unknown
            | Act::Overlap
            | Act::Take
            | Act::Deliver
            | Act::StartProbe
            | Act::RefuseWs
            | Act::Queue
            | Act::BeginClose => {}
        }
        act
    }

    fn beat(&mut self, config: &Config, now: Time, out: &mut Outputs<'_>) {
        match self.revision {
            Revision::V3 => self.enqueue(Outgoing::Pong, config, out),
            Revision::V4 => {
                self.timers.stop(Timer::Silence);
                self.timers.set(Timer::Ping, now.after(config.ping_interval));
            }
        }
    }

    /// Any packet is a sign of life. In EIO=4 it buys a pong that is late behind a long message one more timeout, as in
    /// the reference since 6.6.
    fn postpone_silence(&mut self, config: &Config, now: Time) {
        match self.revision {
            Revision::V3 => {
                if self.is_open() {
                    self.timers.set(Timer::Silence, now.after(config.ping_interval + config.ping_timeout));
                }
            }
            Revision::V4 => {
                if self.timers.is_set(Timer::Silence) && !self.reprieved {
                    self.reprieved = true;
                    self.timers.set(Timer::Silence, now.after(config.ping_timeout));
                }
            }
        }
    }

    fn is_writable(&self) -> bool {
        match self.state {
            State::Polling | State::Probing | State::Probed => self.poll.is_some(),
            State::WebSocket => self.queue.is_empty(),
            State::PollClosing | State::WsClosing | State::Closed => false,
        }
    }

    fn enqueue(&mut self, item: Outgoing, config: &Config, out: &mut Outputs<'_>) {
        self.queue.push(item);
        if self.state == State::WebSocket {
            self.signal(out);
        } else {
            self.flush(config, out);
        }
    }

    fn signal(&mut self, out: &mut Outputs<'_>) {
        if let (Some(id), false) = (self.ws, self.signalled) {
            self.signalled = true;
            out.push(Output::WsReady(id));
        }
    }

    /// Answers the waiting poll with what is queued, if there are both.
    fn flush(&mut self, config: &Config, out: &mut Outputs<'_>) {
        if !self.queue.is_empty()
            && let Some(id) = self.poll.take()
        {
            let packets = self.queue.pop_up_to(config.max_payload, polled_size);
            out.respond(id, Response::Batch(self.batch(packets)));
        }
    }

    fn answer_poll(&mut self, packet: Outgoing, out: &mut Outputs<'_>) {
        if let Some(id) = self.poll.take() {
            out.respond(id, Response::Batch(self.batch(alloc::vec![packet])));
        }
    }

    fn close_ws(&mut self, out: &mut Outputs<'_>) {
        if let Some(id) = self.ws.take() {
            out.push(Output::WsClose(id));
        }
    }

    fn batch(&self, packets: Vec<Outgoing>) -> Batch {
        Batch::new(packets, self.revision, self.base64)
    }

    fn close(&mut self, reason: Reason, farewell: Outgoing, out: &mut Outputs<'_>) {
        self.reason = Some(reason);
        self.answer_poll(farewell, out);
        self.finish(out);
    }

    fn finish(&mut self, out: &mut Outputs<'_>) {
        self.close_ws(out);
        self.timers.stop_all();
        self.queue.clear();
        // Every way here leads through `shut` or `close`, which set it.
        out.push(Output::Closed(self.reason.unwrap_or(Reason::ForcedServerClose)));
    }
}
