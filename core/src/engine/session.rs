//! The state machine of one Engine.IO session: does what `table` says, with an outbox and timers. Does not parse; the
//! content of messages is for `socket`.

use super::open::open_packet;
use super::outbox::Outbox;
use super::output::{Context, NewSession, Opening, Output, Response, WsEnd};
use super::packet::Packet;
use super::queue::Outgoing;
use super::reason::Reason;
use super::request::{RequestError, Transport};
use super::table::{Act, Cause, State, Via, row};
use super::timer::{Timer, TimerTable};
use crate::frame::{Frame, Revision, WsMessage};
use crate::id::{RequestId, Sid};
use crate::stats::Limit;
use crate::time::Time;
use alloc::vec::Vec;

#[derive(Debug)]
pub(crate) struct Session {
    sid: Sid,
    state: State,
    /// The timeout of the last ping has been extended once, because of another packet than a pong.
    reprieved: bool,
    /// The client has closed the session by polling while no poll was waiting.
    closed_unpolled: bool,
    /// Why the session ends. Set once.
    reason: Option<Reason>,
    /// A POST whose body has not arrived yet.
    post: Option<RequestId>,
    out: Outbox,
    timers: TimerTable,
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
            reprieved: false,
            closed_unpolled: false,
            reason: None,
            post: None,
            out: Outbox::new(revision, base64, ws),
            timers: TimerTable::new(),
        };
        match revision {
            Revision::V3 => {
                session
                    .timers
                    .set(Timer::Silence, cx.now.after(cx.config.ping_interval.saturating_add(cx.config.ping_timeout)));
            }
            Revision::V4 => {
                // A part of half an interval: the id's 32 bits as a fraction.
                let early = (u128::from(cx.config.ping_interval / 2) * u128::from(sid.spread())) >> u32::BITS;
                let early = u64::try_from(early).unwrap_or_default();
                session.timers.set(Timer::Ping, cx.ping_after(cx.config.ping_interval - early));
            }
        }
        cx.stats().opened.add((session.transport(), revision));
        session.enqueue(Outgoing::Frame(Frame::encoded(open_packet(sid, upgrades, cx.config), &[])), cx);
        session
    }

    pub(crate) fn sid(&self) -> Sid {
        self.sid
    }

    pub(crate) fn revision(&self) -> Revision {
        self.out.revision()
    }

    /// The transport that requests without an upgrade must name.
    pub(crate) fn transport(&self) -> Transport {
        match self.state {
            State::Polling | State::Probing | State::Probed | State::PollClosing | State::Closed => Transport::Polling,
            State::WebSocket | State::WsClosing => Transport::WebSocket,
        }
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.state == State::Closed
    }

    /// Whether the client has closed the session by polling while no poll was waiting.
    pub(crate) fn closed_unpolled(&self) -> bool {
        self.closed_unpolled
    }

    /// Whether responses to polls must be text.
    pub(crate) fn base64(&self) -> bool {
        self.out.base64()
    }

    pub(crate) fn queued(&self) -> usize {
        self.out.bytes()
    }

    /// Whether a WebSocket is open beside polling: an upgrade that is neither done nor failed.
    pub(crate) fn is_upgrading(&self) -> bool {
        matches!(self.state, State::Probing | State::Probed)
    }

    /// Why the session ends, if it does. It delivers no more messages then.
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

    /// Handles the session's timers that are due. Returns a timer that is due and belongs to `socket`, if there is one.
    pub(crate) fn handle_timeout(&mut self, cx: &mut Context<'_>) -> Option<Timer> {
        while let Some(timer) = self.timers.expire(cx.now) {
            timer.limit().into_iter().for_each(|limit| cx.stats().limits.add(limit));
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
            () if self.out.has_poll() => Cause::SecondPoll,
            () if self.out.is_empty() => Cause::LastPoll,
            () => Cause::Poll,
        };
        match self.step(cause, cx) {
            Act::Park => self.out.park(id, cx),
            Act::ParkOrNoop => {
                self.out.park(id, cx);
                if !self.timers.is_set(Timer::Noop) {
                    self.release_poll(cx);
                }
            }
            Act::AnswerLast => {
                let last = self.out.batch_of(Outgoing::Close, cx);
                cx.respond(id, last);
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

    /// A POST has begun. It gets its response at once if its body is not to be read.
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

    /// A POST is too large. It is refused, and the session goes on, as in the reference.
    pub(crate) fn handle_post_too_large(&mut self, id: RequestId, cx: &mut Context<'_>) {
        self.post.take_if(|post| *post == id);
        cx.stats().limits.add(Limit::MaxPayload);
        cx.respond(id, Response::TooLarge);
    }

    /// The body of a POST. Returns whether its packets are to be handled; if not, it has got its response.
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
        if self.out.poll_gone(id) {
            self.step(Cause::PollGone, cx);
        } else if self.post.take_if(|post| *post == id).is_some() {
            self.step(Cause::PostGone, cx);
        }
    }

    pub(crate) fn handle_ws_open(&mut self, id: RequestId, cx: &mut Context<'_>) {
        cx.stats().upgrades_tried += 1;
        if cx.config.offers_upgrades() && self.step(Cause::WsOpen, cx) == Act::StartProbe {
            self.out.set_ws(id);
            self.timers.set(Timer::Upgrade, cx.now.after(cx.config.upgrade_timeout));
        } else {
            cx.stats().upgrades_failed += 1;
            cx.push(Output::WsClose(id));
        }
    }

    pub(crate) fn handle_ws_end(&mut self, id: RequestId, end: WsEnd, cx: &mut Context<'_>) {
        if self.out.is_ws(id) {
            let cause = match end {
                WsEnd::Closed => Cause::WsClosed,
                WsEnd::Failed => Cause::WsFailed,
            };
            self.step(cause, cx);
        }
    }

    /// Handles a packet, from a POST if `ws` is `None`. `None` stands for a malformed packet. Returns whether it is a
    /// message to be delivered.
    pub(crate) fn handle_packet<M>(
        &mut self,
        ws: Option<RequestId>,
        packet: Option<&Packet<M>>,
        cx: &mut Context<'_>,
    ) -> bool {
        if ws.is_some_and(|id| !self.out.is_ws(id)) {
            // From a WebSocket that has been closed by the server.
            return false;
        }
        let via = if ws.is_some() { Via::WebSocket } else { Via::Polling };
        let probing = matches!(self.state, State::Probing | State::Probed);
        let cause = match packet {
            None => Cause::Malformed(via),
            Some(Packet::Ping { probe: true }) if probing && via == Via::WebSocket => Cause::Probe,
            Some(Packet::Ping { .. }) if self.revision() == Revision::V3 => Cause::Heartbeat(via),
            Some(Packet::Pong) if self.revision() == Revision::V4 => Cause::Heartbeat(via),
            Some(Packet::Ping { .. } | Packet::Pong) => Cause::WrongHeartbeat(via),
            Some(Packet::Message(_)) => Cause::Message(via),
            Some(Packet::Close) => Cause::Close(via),
            Some(Packet::Upgrade) => Cause::Upgrade(via),
            Some(Packet::Open | Packet::Noop) => Cause::Other(via),
        };
        cx.stats().packets_received += 1;
        self.postpone_silence(cx);
        self.step(cause, cx) == Act::Deliver
    }

    /// Queues a packet for the client, if the session is open.
    pub(crate) fn send(&mut self, frame: Frame, cx: &mut Context<'_>) {
        if self.step(Cause::Send, cx) != Act::Queue {
            return;
        }
        if frame.is_volatile() && !self.is_writable() {
            return;
        }
        self.enqueue(Outgoing::Frame(frame), cx);
    }

    /// Closes the session from the server's side. The queued packets are sent first.
    pub(crate) fn shut(&mut self, reason: Reason, cx: &mut Context<'_>) {
        let was = self.state;
        if self.step(Cause::Shut, cx) != Act::BeginClose {
            return;
        }
        self.reason = Some(reason);
        self.stop_timers(cx);
        self.timers.set(Timer::Linger, cx.now.after(cx.config.close_timeout));
        if matches!(was, State::Probing | State::Probed) {
            self.out.close_ws(cx);
        }
        // The queue is empty while a poll waits.
        if self.out.answer_poll(Outgoing::Close, cx) || (self.state == State::WsClosing && self.out.is_empty()) {
            self.step(Cause::Drained, cx);
        }
    }

    /// Closes the session from the server's side. The queued packets are dropped: the client has another connection.
    pub(crate) fn abandon(&mut self, cx: &mut Context<'_>) {
        self.step(Cause::Abandon, cx);
    }

    /// Hands out queued packets for the WebSocket: about `max` bytes, and at least one packet if there is any. Returns
    /// whether there are more.
    pub(crate) fn transmit(
        &mut self,
        id: RequestId,
        max: usize,
        into: &mut Vec<WsMessage>,
        cx: &mut Context<'_>,
    ) -> bool {
        if !self.out.is_ws(id) {
            return false;
        }
        match self.state {
            State::WebSocket | State::WsClosing => self.out.transmit(max, into),
            State::Probed => {
                self.out.transmit_probe(into);
                return false;
            }
            State::Polling | State::Probing | State::PollClosing | State::Closed => return false,
        }
        let more = !self.out.is_empty();
        if !more && self.state == State::WsClosing {
            self.step(Cause::Drained, cx);
        }
        more
    }

    /// Goes to the next state and carries out the act, unless the act needs the request or the packet: then the caller
    /// carries it out.
    fn step(&mut self, cause: Cause, cx: &mut Context<'_>) -> Act {
        let (act, next) = row(self.state, cause);
        self.state = next;
        match act {
            Act::Close(reason) => self.close(reason, Outgoing::Close, cx),
            // In this case the reference answers the waiting poll with a noop, in the others with a close packet.
            Act::ClientClose => {
                // A client that is upgrading has paused its polls: none is on its way.
                self.closed_unpolled = !self.out.has_poll() && !self.out.has_websocket();
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
                self.out.signal(cx);
                self.release_poll(cx);
            }
            Act::Noop => self.release_poll(cx),
            Act::Switch => {
                cx.stats().upgrades_done += 1;
                self.timers.stop(Timer::Upgrade);
                self.timers.stop(Timer::Noop);
                self.out.answer_poll(Outgoing::Noop, cx);
                // A `3probe` that has not been transmitted is not needed any more, but its signal is still valid.
                if !self.out.is_empty() {
                    self.out.signal(cx);
                }
            }
            Act::DropProbe => {
                cx.stats().upgrades_failed += 1;
                self.timers.stop(Timer::Upgrade);
                self.timers.stop(Timer::Noop);
                self.out.close_ws(cx);
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
        match self.revision() {
            Revision::V3 => {
                if !self.out.ends_in_pong() {
                    self.enqueue(Outgoing::Pong, cx);
                }
            }
            Revision::V4 => {
                self.timers.stop(Timer::Silence);
                self.timers.set(Timer::Ping, cx.ping_after(cx.config.ping_interval));
            }
        }
    }

    /// Any packet shows that the peer is alive. In EIO=4 it extends the timeout of a ping once, because the pong may
    /// follow a long message, as in the reference since 6.6.
    fn postpone_silence(&mut self, cx: &Context<'_>) {
        match self.revision() {
            // The timer has no effect in a session that is closing.
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
            State::Polling | State::Probing | State::Probed => self.out.has_poll(),
            State::WebSocket => self.out.is_empty(),
            State::PollClosing | State::WsClosing | State::Closed => false,
        }
    }

    /// Queues a packet. If it does not fit [`Config::max_queue`](crate::Config::max_queue), the session ends.
    fn enqueue(&mut self, packet: Outgoing, cx: &mut Context<'_>) {
        if !self.out.push(packet, cx.config.max_queue) {
            self.step(Cause::Overfull, cx);
        } else if self.state == State::WebSocket {
            self.out.signal(cx);
        } else {
            self.out.flush(cx);
        }
    }

    /// Answers the waiting poll with `6`, so that the client can complete the upgrade. At most every 100 ms, because a
    /// client whose `3probe` was lost would poll without a pause.
    fn release_poll(&mut self, cx: &mut Context<'_>) {
        /// Milliseconds, as in the reference.
        const PAUSE: u64 = 100;
        if self.out.answer_poll(Outgoing::Noop, cx) {
            self.timers.set(Timer::Noop, cx.now.after(PAUSE));
        }
    }

    fn close(&mut self, reason: Reason, last: Outgoing, cx: &mut Context<'_>) {
        self.reason.get_or_insert(reason);
        self.out.answer_poll(last, cx);
        self.finish(cx);
    }

    fn finish(&mut self, cx: &mut Context<'_>) {
        if let Some(id) = self.post.take() {
            // The reference breaks the request off.
            cx.respond(id, Response::Refused(RequestError::UnknownSid));
        }
        self.out.close_ws(cx);
        self.stop_timers(cx);
        self.out.clear();
        // The reason has been set by `shut` or `close`, which are the only ways to this point.
        let reason = self.reason.unwrap_or(Reason::ForcedServerClose);
        cx.stats().closed.add(reason);
        cx.push(Output::Closed(reason));
    }

    /// The session ends, and with it an upgrade that is not done.
    fn stop_timers(&mut self, cx: &mut Context<'_>) {
        cx.stats().upgrades_failed += u64::from(self.timers.is_set(Timer::Upgrade));
        self.timers.stop_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use crate::engine::output::Outputs;
    use crate::id::Key;

    /// A shard drops a session that has ended. If it were still called, it would be like one that does not exist.
    #[test]
    fn a_session_that_is_over_is_as_one_that_never_was() {
        let (config, mut outputs, sid) = (Config::default(), Outputs::default(), Sid::from_bytes([7; 16]));
        let mut cx = Context { key: Key::new(0, 0, 0), config: &config, now: Time::default(), outputs: &mut outputs };
        let (revision, opening) = (Revision::V4, Opening::Polling { base64: false });
        let new = NewSession { sid, public: sid, private: sid, revision, opening, handshake: None };
        let mut session = Session::open(&new, &mut cx);
        session.abandon(&mut cx);
        assert!(session.is_closed() && session.poll_timeout().is_none());
        cx.outputs.queue.clear();
        session.handle_poll(RequestId(1), &mut cx);
        session.handle_post_begins(RequestId(2), &mut cx);
        assert!(!session.handle_post(RequestId(3), &mut cx));
        for (n, (_, output)) in (1..).zip(&outputs.queue) {
            let Output::Respond(id, Response::Refused(RequestError::UnknownSid)) = output else { panic!("{output:?}") };
            assert_eq!(*id, RequestId(n));
        }
        assert_eq!(outputs.queue.len(), 3);
    }
}
