//! One Engine.IO session: does what `table` says, with a queue and a few deadlines. Parses nothing, and knows of messages
//! only that they are to be handed up.

use super::output::{Context, NewSession, Opening, Output, Reason, Response, WsEnd};
use super::packet::Packet;
use super::payload::{Batch, polled_size};
use super::queue::{Outgoing, Queue};
use super::request::{RequestError, Transport};
use super::table::{Act, Cause, State, Via, row};
use super::timer::{Timer, TimerTable};
use crate::config::Config;
use crate::digits::push_number;
use crate::frame::{Frame, Revision, WsMessage};
use crate::id::{RequestId, Sid};
use crate::time::Time;
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
    /// The client has closed the session by polling, and no poll waited to be answered.
    closed_unpolled: bool,
    /// Set once, when the session begins to end.
    reason: Option<Reason>,
    poll: Option<RequestId>,
    /// A POST whose body is still to come.
    post: Option<RequestId>,
    ws: Option<RequestId>,
    queue: Queue,
    timers: TimerTable,
}

/// Pings of one interval go out at so many moments, those of many clients together: a process that sleeps is woken as often,
/// however many clients it has.
const PING_MOMENTS: u64 = 256;

/// When to ping, so long from now or a little later.
fn ping_after(millis: u64, cx: &Context<'_>) -> Time {
    let at = cx.now.after(millis).as_millis();
    let apart = (cx.config.ping_interval / PING_MOMENTS).max(1);
    Time::from_millis(at.checked_next_multiple_of(apart).unwrap_or(at))
}

impl Session {
    pub(crate) fn open(new: &NewSession, cx: &mut Context<'_>) -> Self {
        let NewSession { sid, revision, opening, .. } = *new;
        let (state, base64, ws, upgrades) = match opening {
            Opening::Polling { base64 } if cx.config.offers_upgrades() => {
                (State::Polling, base64, None, r#""websocket""#)
            }
            Opening::Polling { base64 } => (State::Polling, base64, None, ""),
            Opening::WebSocket(id) => (State::WebSocket, false, Some(id), ""),
        };
        let mut session = Self {
            sid,
            state,
            revision,
            base64,
            reprieved: false,
            signalled: false,
            closed_unpolled: false,
            reason: None,
            poll: None,
            post: None,
            ws,
            queue: Queue::default(),
            timers: TimerTable::new(),
        };
        match revision {
            Revision::V3 => {
                session
                    .timers
                    .set(Timer::Silence, cx.now.after(cx.config.ping_interval.saturating_add(cx.config.ping_timeout)));
            }
            Revision::V4 => {
                // A part of half an interval, as large a part as the id's bits are of all such bits.
                let early = (u128::from(cx.config.ping_interval / 2) * u128::from(sid.spread())) >> u32::BITS;
                let early = u64::try_from(early).unwrap_or_default();
                session.timers.set(Timer::Ping, ping_after(cx.config.ping_interval - early, cx));
            }
        }
        session.enqueue(Outgoing::Frame(Frame::encoded(handshake(sid, upgrades, cx.config), &[])), cx);
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

    /// Whether the client has closed the session by polling, and the poll that it sent before has not come.
    pub(crate) fn closed_unpolled(&self) -> bool {
        self.closed_unpolled
    }

    /// Whether the answers to its polls must be text.
    pub(crate) fn base64(&self) -> bool {
        self.base64
    }

    pub(crate) fn queued(&self) -> usize {
        self.queue.bytes()
    }

    /// Why the session began to end, if it has. Nothing more comes up from it.
    pub(crate) fn end(&self) -> Option<Reason> {
        self.reason
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
    pub(crate) fn handle_timeout(&mut self, cx: &mut Context<'_>) -> Option<Timer> {
        while let Some(timer) = self.timers.expire(cx.now) {
            let cause = match timer {
                Timer::Ping => Cause::PingDue,
                Timer::Silence => Cause::Silent,
                Timer::Upgrade => Cause::UpgradeOverdue,
                Timer::Noop => Cause::NoopDue,
                Timer::Linger => Cause::LingerOver,
                Timer::Connect | Timer::Attachment => return Some(timer),
            };
            self.step(cause, cx);
        }
        None
    }

    pub(crate) fn handle_poll(&mut self, id: RequestId, cx: &mut Context<'_>) {
        let cause = match () {
            () if self.poll.is_some() => Cause::SecondPoll,
            () if self.queue.is_empty() => Cause::LastPoll,
            () => Cause::Poll,
        };
        match self.step(cause, cx) {
            Act::Park => {
                self.poll = Some(id);
                self.flush(cx);
            }
            Act::ParkOrNoop => {
                self.poll = Some(id);
                self.flush(cx);
                if !self.timers.is_set(Timer::Noop) {
                    self.let_poll_go(cx);
                }
            }
            Act::AnswerLast => {
                cx.respond(id, Response::Batch(self.batch(alloc::vec![Outgoing::Close])));
                self.finish(cx);
            }
            Act::Overlap => {
                cx.respond(id, Response::Overlap);
                self.close(Reason::TransportError, Outgoing::Close, cx);
            }
            Act::Unknown => cx.respond(id, Response::Refused(RequestError::UnknownSid)),
            _ => cx.respond(id, Response::Refused(RequestError::BadRequest)),
        }
    }

    /// A POST has begun. If its body is not to be read, it is answered at once.
    pub(crate) fn handle_post_begins(&mut self, id: RequestId, cx: &mut Context<'_>) {
        let cause = if self.post.is_some() { Cause::SecondPost } else { Cause::PostBegins };
        match self.step(cause, cx) {
            Act::Read => self.post = Some(id),
            Act::OverlapPost => {
                cx.respond(id, Response::Overlap);
                self.close(Reason::TransportError, Outgoing::Close, cx);
            }
            Act::Unknown => cx.respond(id, Response::Refused(RequestError::UnknownSid)),
            _ => cx.respond(id, Response::Refused(RequestError::BadRequest)),
        }
    }

    /// A POST that was larger than it may be: it is refused, and the session lives, as in the reference.
    pub(crate) fn handle_post_too_large(&mut self, id: RequestId, cx: &mut Context<'_>) {
        self.post.take_if(|post| *post == id);
        cx.respond(id, Response::TooLarge);
    }

    /// Whether a POST's packets are to be taken; if not, it has been answered.
    pub(crate) fn handle_post(&mut self, id: RequestId, cx: &mut Context<'_>) -> bool {
        self.post.take_if(|post| *post == id);
        match self.step(Cause::Post, cx) {
            Act::Take => return true,
            Act::Unknown => cx.respond(id, Response::Refused(RequestError::UnknownSid)),
            _ => cx.respond(id, Response::Refused(RequestError::BadRequest)),
        }
        false
    }

    pub(crate) fn handle_request_gone(&mut self, id: RequestId, cx: &mut Context<'_>) {
        if self.poll == Some(id) {
            self.poll = None;
            self.step(Cause::PollGone, cx);
        } else if self.post == Some(id) {
            self.post = None;
            self.step(Cause::PostGone, cx);
        }
    }

    pub(crate) fn handle_ws_open(&mut self, id: RequestId, cx: &mut Context<'_>) {
        if !cx.config.offers_upgrades() {
            cx.push(Output::WsClose(id));
            return;
        }
        match self.step(Cause::WsOpen, cx) {
            Act::StartProbe => {
                self.ws = Some(id);
                self.timers.set(Timer::Upgrade, cx.now.after(cx.config.upgrade_timeout));
            }
            _ => cx.push(Output::WsClose(id)),
        }
    }

    pub(crate) fn handle_ws_end(&mut self, id: RequestId, end: WsEnd, cx: &mut Context<'_>) {
        if self.ws == Some(id) {
            let cause = match end {
                WsEnd::Closed => Cause::WsClosed,
                WsEnd::Failed => Cause::WsFailed,
            };
            self.step(cause, cx);
        }
    }

    /// Takes one packet: from a POST where `ws` is `None`. `None` stands for something that is no packet. Whether it is a
    /// message that is to be handed up.
    pub(crate) fn handle_packet<M>(
        &mut self,
        ws: Option<RequestId>,
        packet: Option<&Packet<M>>,
        cx: &mut Context<'_>,
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
        self.postpone_silence(cx);
        self.step(cause, cx) == Act::Deliver
    }

    /// Queues a packet for the client, if the session still is open.
    pub(crate) fn send(&mut self, frame: Frame, cx: &mut Context<'_>) {
        if self.step(Cause::Send, cx) != Act::Queue {
            return;
        }
        if frame.is_volatile() && !self.is_writable() {
            return;
        }
        self.enqueue(Outgoing::Frame(frame), cx);
    }

    /// Closes from the server's side: what is queued goes out first.
    pub(crate) fn shut(&mut self, reason: Reason, cx: &mut Context<'_>) {
        let was = self.state;
        if self.step(Cause::Shut, cx) != Act::BeginClose {
            return;
        }
        self.reason = Some(reason);
        self.timers.stop_all();
        self.timers.set(Timer::Linger, cx.now.after(cx.config.close_timeout));
        if matches!(was, State::Probing | State::Probed) {
            self.close_ws(cx);
        }
        if let Some(id) = self.poll.take() {
            // The queue is empty while a poll waits.
            cx.respond(id, Response::Batch(self.batch(alloc::vec![Outgoing::Close])));
            self.step(Cause::Drained, cx);
        } else if self.state == State::WsClosing && self.queue.is_empty() {
            self.step(Cause::Drained, cx);
        }
    }

    /// Closes from the server's side where nobody is there to hear of it: what is queued is dropped.
    pub(crate) fn abandon(&mut self, cx: &mut Context<'_>) {
        self.step(Cause::Abandon, cx);
    }

    /// Hands out what is queued for the WebSocket, at least one packet if there is any, and up to about `max` bytes.
    /// Whether there is more.
    pub(crate) fn transmit(
        &mut self,
        id: RequestId,
        max: usize,
        into: &mut Vec<WsMessage>,
        cx: &mut Context<'_>,
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
        self.queue.drain(max, |item| item.into_messages(self.revision, into));
        if self.queue.is_empty() {
            self.signalled = false;
            if self.state == State::WsClosing {
                self.step(Cause::Drained, cx);
            }
        }
        !self.queue.is_empty()
    }

    /// Goes to the next state and does what needs no more than the session itself; what needs the request or the packet
    /// is left to the caller.
    fn step(&mut self, cause: Cause, cx: &mut Context<'_>) -> Act {
        let (act, next) = row(self.state, cause);
        self.state = next;
        match act {
            Act::Close(reason) => self.close(reason, Outgoing::Close, cx),
            // The reference answers the poll that is waiting with a noop here, and with a close packet elsewhere.
            Act::ClientClose => {
                // A client that is upgrading has paused its polls: none is on its way.
                self.closed_unpolled = self.poll.is_none() && self.ws.is_none();
                self.close(Reason::TransportClose, Outgoing::Noop, cx);
            }
            Act::Finish => self.finish(cx),
            Act::Beat => self.beat(cx),
            Act::SendPing => {
                self.reprieved = false;
                self.timers.set(Timer::Silence, cx.now.after(cx.config.ping_timeout));
                self.enqueue(Outgoing::Ping, cx);
            }
            Act::AnswerProbe => {
                self.signal(cx);
                self.let_poll_go(cx);
            }
            Act::Noop => self.let_poll_go(cx),
            Act::Switch => {
                self.timers.stop(Timer::Upgrade);
                self.timers.stop(Timer::Noop);
                self.answer_poll(Outgoing::Noop, cx);
                // A `3probe` that was never fetched is not needed any more, but its signal stands.
                if !self.queue.is_empty() {
                    self.signal(cx);
                }
            }
            Act::DropProbe => {
                self.timers.stop(Timer::Upgrade);
                self.timers.stop(Timer::Noop);
                self.signalled = false;
                self.close_ws(cx);
            }
            Act::Ignore
            | Act::Park
            | Act::ParkOrNoop
            | Act::AnswerLast
            | Act::Mismatch
            | Act::Unknown
            | Act::Overlap
            | Act::Read
            | Act::OverlapPost
            | Act::Take
            | Act::Deliver
            | Act::StartProbe
            | Act::RefuseWs
            | Act::Queue
            | Act::BeginClose => {}
        }
        act
    }

    fn beat(&mut self, cx: &mut Context<'_>) {
        match self.revision {
            Revision::V3 => {
                if !self.queue.ends_in_pong() {
                    self.enqueue(Outgoing::Pong, cx);
                }
            }
            Revision::V4 => {
                self.timers.stop(Timer::Silence);
                self.timers.set(Timer::Ping, ping_after(cx.config.ping_interval, cx));
            }
        }
    }

    /// Any packet is a sign of life. In EIO=4 it buys a pong that is late behind a long message one more timeout, as in
    /// the reference since 6.6.
    fn postpone_silence(&mut self, cx: &Context<'_>) {
        match self.revision {
            // A session that is closing does not mind how long the peer is silent.
            Revision::V3 => self
                .timers
                .set(Timer::Silence, cx.now.after(cx.config.ping_interval.saturating_add(cx.config.ping_timeout))),
            Revision::V4 => {
                if self.timers.is_set(Timer::Silence) && !self.reprieved {
                    self.reprieved = true;
                    self.timers.set(Timer::Silence, cx.now.after(cx.config.ping_timeout));
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

    /// Queues a packet. Whatever it is, no more may wait than [`Config::max_queue`]; but a packet that is alone always may,
    /// or a large one could never be sent.
    fn enqueue(&mut self, item: Outgoing, cx: &mut Context<'_>) {
        let fits = |queue: &Queue| queue.is_empty() || queue.bytes() + item.cost() <= cx.config.max_queue;
        if !fits(&self.queue) {
            self.queue.drop_volatile();
            if !fits(&self.queue) {
                self.step(Cause::Overfull, cx);
                return;
            }
        }
        self.queue.push(item);
        if self.state == State::WebSocket {
            self.signal(cx);
        } else {
            self.flush(cx);
        }
    }

    fn signal(&mut self, cx: &mut Context<'_>) {
        if let (Some(id), false) = (self.ws, self.signalled) {
            self.signalled = true;
            cx.push(Output::WsReady(id));
        }
    }

    /// Answers the waiting poll with what is queued, if there are both.
    fn flush(&mut self, cx: &mut Context<'_>) {
        if !self.queue.is_empty()
            && let Some(id) = self.poll.take()
        {
            let packets = self.queue.pop_up_to(cx.config.max_payload, polled_size);
            cx.respond(id, Response::Batch(self.batch(packets)));
        }
    }

    fn answer_poll(&mut self, packet: Outgoing, cx: &mut Context<'_>) {
        if let Some(id) = self.poll.take() {
            cx.respond(id, Response::Batch(self.batch(alloc::vec![packet])));
        }
    }

    /// Answers the waiting poll `6`, so that the client can move to its WebSocket. At most once in a while, or a client whose
    /// `3probe` got lost would poll as fast as it can.
    fn let_poll_go(&mut self, cx: &mut Context<'_>) {
        /// Milliseconds, as in the reference.
        const PAUSE: u64 = 100;
        if self.poll.is_some() {
            self.answer_poll(Outgoing::Noop, cx);
            self.timers.set(Timer::Noop, cx.now.after(PAUSE));
        }
    }

    fn close_ws(&mut self, cx: &mut Context<'_>) {
        if let Some(id) = self.ws.take() {
            cx.push(Output::WsClose(id));
        }
    }

    fn batch(&self, packets: Vec<Outgoing>) -> Batch {
        Batch::new(packets, self.revision, self.base64)
    }

    fn close(&mut self, reason: Reason, farewell: Outgoing, cx: &mut Context<'_>) {
        self.reason.get_or_insert(reason);
        self.answer_poll(farewell, cx);
        self.finish(cx);
    }

    fn finish(&mut self, cx: &mut Context<'_>) {
        if let Some(id) = self.post.take() {
            // Nobody wants its body any more; the reference breaks the request off.
            cx.respond(id, Response::Refused(RequestError::UnknownSid));
        }
        self.close_ws(cx);
        self.timers.stop_all();
        self.queue.clear();
        // Every way here leads through `shut` or `close`, which set it.
        cx.push(Output::Closed(self.reason.unwrap_or(Reason::ForcedServerClose)));
    }
}

/// The `open` packet. `upgrades` is JSON values with commas between them.
fn handshake(sid: Sid, upgrades: &str, config: &Config) -> Vec<u8> {
    let Config { ping_interval, ping_timeout, max_payload, .. } = *config;
    // Enough for any numbers that mean something.
    let mut text = Vec::with_capacity(144);
    text.extend_from_slice(b"0{\"sid\":\"");
    text.extend_from_slice(sid.text().as_str().as_bytes());
    text.extend_from_slice(b"\",\"upgrades\":[");
    text.extend_from_slice(upgrades.as_bytes());
    text.extend_from_slice(b"],\"pingInterval\":");
    push_number(&mut text, ping_interval);
    text.extend_from_slice(b",\"pingTimeout\":");
    push_number(&mut text, ping_timeout);
    text.extend_from_slice(b",\"maxPayload\":");
    push_number(&mut text, max_payload as u64);
    text.push(b'}');
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::Key;
    use alloc::collections::VecDeque;

    /// A shard lets go of a session that is over; should it still be asked, there is no such session.
    #[test]
    fn a_session_that_is_over_is_as_one_that_never_was() {
        let (config, mut outputs, sid) = (Config::default(), VecDeque::new(), Sid::from_bytes([7; 16]));
        let mut cx = Context { key: Key::new(0, 0, 0), config: &config, now: Time::default(), outputs: &mut outputs };
        let (revision, opening) = (Revision::V4, Opening::Polling { base64: false });
        let new = NewSession { sid, public: sid, private: sid, revision, opening, handshake: None };
        let mut session = Session::open(&new, &mut cx);
        session.abandon(&mut cx);
        assert!(session.is_closed() && session.poll_timeout().is_none());
        cx.outputs.clear();
        session.handle_poll(RequestId(1), &mut cx);
        session.handle_post_begins(RequestId(2), &mut cx);
        assert!(!session.handle_post(RequestId(3), &mut cx));
        for (n, (_, output)) in (1..).zip(&outputs) {
            let Output::Respond(id, Response::Refused(RequestError::UnknownSid)) = output else { panic!("{output:?}") };
            assert_eq!(*id, RequestId(n));
        }
        assert_eq!(outputs.len(), 3);
    }
}
