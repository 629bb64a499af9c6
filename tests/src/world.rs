//! A server with raw clients in virtual time. It is the driver, and checks the guarantees of the core: one response to
//! each request, nothing for a WebSocket after its end, events of a socket only between its connect request and its
//! end.

use crate::ledger::Ledger;
use bytes::Bytes;
use sanket::codec::BodyKind;
use sanket::driver::{
    Delivery, Input, Key, NewSession, Opening, Output, RawMessage, RequestError, RequestId, Response, Server, Sid,
    SocketEvent, WsEnd, WsMessage, decode_body, decode_message,
};
use sanket::{
    AckId, Admission, App, BroadcastAckId, Config, ConnectError, ConnectRequest, Effects, Emit, Event, Handshake,
    Message, Nsp, Reason, Revision, SocketId, Target, Time,
};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// An application that does a little of everything. Its events: `echo` acknowledges with its arguments and emits them back, `all`
/// emits them to all sockets, `join`, `leave` and `room` are for the room that the first argument names, `out` disconnects the
/// sender, and `clear` all sockets in the room `1`. `ask` emits an event with acknowledgement to all, and `still` one that is not
/// recoverable. `/no` and `/off` refuse connect requests; those to `/l` wait until somebody sends `admit`, which accepts them, or
/// refuses them if it has no argument. A namespace with a longer name does not exist. With Engine.IO alone, messages are sent to
/// all, and `out` disconnects the sender.
#[derive(Debug, Default)]
pub struct Everything {
    waiting: Vec<SocketId>,
}

impl App for Everything {
    fn admit(&mut self, who: SocketId, connect: &ConnectRequest, _: &mut Effects<'_>) -> Admission {
        match connect.nsp.as_str() {
            "/l" => {
                self.waiting.push(who);
                Admission::Later
            }
            "/no" => Admission::Refuse(ConnectError::new("not you").with_data(&connect.auth)),
            "/off" => Admission::Refuse(ConnectError::new("closed today")),
            name if name.len() < 4 => Admission::Accept,
            _ => Admission::NoSuchNamespace,
        }
    }

    fn connect(&mut self, who: SocketId, _: &ConnectRequest, fx: &mut Effects<'_>) {
        let now = fx.now().as_millis();
        fx.emit(Target::Socket(who), "hello", &now);
    }

    fn event(&mut self, who: SocketId, event: &Event, ack: Option<AckId>, fx: &mut Effects<'_>) {
        let args = event.args();
        let joined = args.join(",");
        let room = args.first().copied().unwrap_or("none");
        match &*event.name() {
            "echo" => {
                fx.send(Target::Socket(who), &Emit::new("echo").args_json(&joined).attachments(event.attachments()));
                if let Some(ack) = ack {
                    fx.ack_json(ack, &joined, event.attachments());
                }
            }
            "all" => {
                let all = Emit::new("all").args_json(&joined).attachments(event.attachments());
                fx.send(Target::Namespace(&Nsp::ROOT), &all);
            }
            "typing" => fx.send(Target::Namespace(&Nsp::ROOT), &Emit::new("typing").arg(&1).volatile()),
            "join" => drop(fx.join(who, room)),
            "leave" => drop(fx.leave(who, room)),
            "room" => fx.send(Target::Room(&Nsp::ROOT, room), &Emit::new("room").args_json(&joined)),
            "clear" => fx.disconnect_sockets(Target::Room(&Nsp::ROOT, "1"), false),
            "out" => fx.disconnect(who, joined == "true"),
            "ask" => drop(fx.emit_with_ack(Target::Namespace(&Nsp::ROOT), &Emit::new("ask").arg("?"), 150)),
            "still" => fx.send(Target::Namespace(&Nsp::ROOT), &Emit::new("still").args_json(&joined).not_recoverable()),
            "admit" => {
                let full = Admission::Refuse(ConnectError::new("full"));
                for who in self.waiting.drain(..) {
                    fx.decide(who, if args.is_empty() { full.clone() } else { Admission::Accept });
                }
            }
            _ => {}
        }
    }

    fn message(&mut self, who: SocketId, message: &Message, fx: &mut Effects<'_>) {
        match message {
            Message::Text(text) if **text == *"out" => fx.disconnect(who, true),
            Message::Text(text) => fx.send_text(Target::Namespace(&Nsp::ROOT), text),
            Message::Binary(data) => fx.send_binary(Target::Namespace(&Nsp::ROOT), data.clone()),
        }
    }

    fn ack(&mut self, _: BroadcastAckId, who: SocketId, answer: &Event, fx: &mut Effects<'_>) {
        fx.send(Target::Socket(who), &Emit::new("answered").args_json(answer.args_json()));
    }

    fn acks_done(&mut self, _: BroadcastAckId, silent: &[SocketId], fx: &mut Effects<'_>) {
        fx.emit(Target::Namespace(&Nsp::ROOT), "asked", &silent.len());
    }

    fn disconnect(&mut self, _: SocketId, _: Reason, fx: &mut Effects<'_>) {
        fx.emit(Target::Namespace(&Nsp::ROOT), "gone", &1);
    }
}

/// A server, its clients, and what has gone between them.
#[derive(Debug)]
pub struct World<A> {
    /// The server.
    pub server: Server<A>,
    /// The limits that it works with.
    pub config: Config,
    /// The time.
    pub now: Time,
    /// Answers, until somebody takes them.
    answers: BTreeMap<RequestId, Response>,
    waiting: BTreeSet<RequestId>,
    lines: BTreeMap<RequestId, Line>,
    /// Sockets between CONNECT and their end.
    live: BTreeSet<SocketId>,
    /// Sockets that the hub did not let in, or put out: something that they did before may still be on its way.
    out: BTreeSet<SocketId>,
    /// The sessions that were ever opened.
    keys: Vec<Key>,
    ended: BTreeMap<Key, Reason>,
    ledger: Ledger,
    next: u64,
}

/// The server's end of a WebSocket.
#[derive(Debug, Default)]
struct Line {
    ready: bool,
    closed: bool,
    sent: Vec<WsMessage>,
}

/// A session as a client knows it.
#[derive(Clone, Copy, Debug)]
pub struct Session {
    /// Its key.
    pub key: Key,
    /// Its id.
    pub sid: Sid,
    /// Its revision.
    pub revision: Revision,
}

impl<A: App> World<A> {
    /// A world without clients.
    pub fn new(app: A, config: Config) -> Self {
        Self {
            server: Server::new(app, config.clone()),
            config,
            now: Time::from_millis(1_000_000),
            answers: BTreeMap::new(),
            waiting: BTreeSet::new(),
            lines: BTreeMap::new(),
            live: BTreeSet::new(),
            out: BTreeSet::new(),
            keys: Vec::new(),
            ended: BTreeMap::new(),
            ledger: Ledger::default(),
            next: 1,
        }
    }

    fn number(&mut self) -> u64 {
        self.next += 1;
        self.next
    }

    fn open(
        &mut self,
        revision: Revision,
        opening: Opening,
        handshake: Option<Arc<Handshake>>,
    ) -> Result<Session, RequestError> {
        // All bits differ, as if they were random; an odd factor keeps them apart.
        let bytes = |n: u64, kind: u64| {
            let number = u128::from(n) << 64 | u128::from(kind);
            Sid::from_bytes(number.wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835).to_be_bytes())
        };
        let n = self.number();
        let sid = bytes(n, 1);
        let new = NewSession { sid, public: bytes(n, 2), private: bytes(n, 3), revision, opening, handshake };
        let key = self.server.shard.open(new, self.now)?;
        self.keys.push(key);
        Ok(Session { key, sid, revision })
    }

    /// Opens a session by polling; its handshake is the answer to the request.
    ///
    /// # Errors
    ///
    /// What the shard refuses it with.
    pub fn open_polling(&mut self, revision: Revision, base64: bool) -> Result<(Session, RequestId), RequestError> {
        let session = self.open(revision, Opening::Polling { base64 }, None)?;
        Ok((session, self.get(session)))
    }

    /// Opens a session by WebSocket.
    ///
    /// # Errors
    ///
    /// What the shard refuses it with.
    pub fn open_ws(&mut self, revision: Revision) -> Result<(Session, RequestId), RequestError> {
        self.open_ws_with(revision, None)
    }

    /// Opens a session by WebSocket, with the request that the application gets.
    ///
    /// # Errors
    ///
    /// What the shard refuses it with.
    pub fn open_ws_with(
        &mut self,
        revision: Revision,
        handshake: Option<Arc<Handshake>>,
    ) -> Result<(Session, RequestId), RequestError> {
        let id = RequestId(self.number());
        // The line is there before the session, as in a driver.
        self.lines.insert(id, Line::default());
        let session =
            self.open(revision, Opening::WebSocket(id), handshake).inspect_err(|_| drop(self.lines.remove(&id)))?;
        self.pump();
        Ok((session, id))
    }

    /// Sends a GET.
    pub fn get(&mut self, session: Session) -> RequestId {
        let id = RequestId(self.number());
        self.waiting.insert(id);
        self.server.shard.handle(session.key, Input::Poll(id), self.now);
        self.pump();
        id
    }

    /// Begins a POST, of which [`World::post_body`] is the rest.
    pub fn post_begins(&mut self, session: Session) -> RequestId {
        let id = RequestId(self.number());
        self.waiting.insert(id);
        self.server.shard.handle(session.key, Input::PostBegins(id), self.now);
        self.pump();
        id
    }

    /// Sends the body of a POST that has begun and has not been answered; `None` for one that is too large.
    pub fn post_body(&mut self, session: Session, id: RequestId, body: Option<(BodyKind, &[u8])>) {
        if self.waiting.contains(&id) {
            let input = match body {
                Some((kind, body)) => Input::Post(id, decode_body(session.revision, kind, body, &self.config)),
                None => Input::PostTooLarge(id),
            };
            self.server.shard.handle(session.key, input, self.now);
            self.pump();
        }
    }

    /// Sends a POST.
    pub fn post(&mut self, session: Session, kind: BodyKind, body: &[u8]) -> RequestId {
        let id = RequestId(self.number());
        self.waiting.insert(id);
        let packets = decode_body(session.revision, kind, body, &self.config);
        self.server.shard.handle(session.key, Input::Post(id, packets), self.now);
        self.pump();
        id
    }

    /// The connection of a request breaks.
    pub fn lose_request(&mut self, session: Session, id: RequestId) {
        if self.waiting.remove(&id) {
            self.server.shard.handle(session.key, Input::RequestGone(id), self.now);
            self.pump();
        }
    }

    /// Opens a WebSocket for a session that polls.
    pub fn upgrade(&mut self, session: Session) -> RequestId {
        let id = RequestId(self.number());
        self.lines.insert(id, Line::default());
        self.server.shard.handle(session.key, Input::WsOpen(id), self.now);
        self.pump();
        id
    }

    /// Sends a message on a WebSocket. One that the server has closed swallows it, as the network would.
    pub fn send(&mut self, session: Session, ws: RequestId, message: RawMessage<'_>) {
        if self.is_open(ws) {
            let packet = decode_message(session.revision, message, &self.config);
            self.server.shard.handle(session.key, Input::WsMessage(ws, packet), self.now);
            self.pump();
        }
    }

    /// A WebSocket ends from the client's side.
    pub fn end_ws(&mut self, session: Session, ws: RequestId, end: WsEnd) {
        if self.is_open(ws) {
            self.line(ws).closed = true;
            self.server.shard.handle(session.key, Input::WsEnd(ws, end), self.now);
            self.pump();
        }
    }

    /// Does something with the application's hands, from outside.
    pub fn apply<R>(&mut self, work: impl FnOnce(&mut A, &mut Effects<'_>) -> R) -> R {
        let result = self.server.hub.apply(self.now, work);
        self.pump();
        result
    }

    /// Whether a WebSocket is open.
    #[must_use]
    pub fn is_open(&self, ws: RequestId) -> bool {
        self.lines.get(&ws).is_some_and(|line| !line.closed)
    }

    /// Reads what is to be read from a WebSocket, in packets of at most about `max` bytes.
    pub fn receive(&mut self, session: Session, ws: RequestId, max: usize) -> Vec<WsMessage> {
        while self.is_open(ws) && self.line(ws).ready {
            let mut messages = Vec::new();
            let more = self.server.shard.transmit(session.key, ws, max, &mut messages, self.now);
            assert!(!more || !messages.is_empty(), "there is more, but it does not come");
            let line = self.line(ws);
            line.ready = more;
            line.sent.append(&mut messages);
            self.pump();
        }
        self.lines.get_mut(&ws).map(|line| std::mem::take(&mut line.sent)).unwrap_or_default()
    }

    /// The answer to a request, if there is one: status, content type, body.
    pub fn answer(&mut self, id: RequestId) -> Option<(u16, &'static str, Bytes)> {
        self.answers.remove(&id).map(Response::into_parts)
    }

    /// Whether a request waits for its answer.
    #[must_use]
    pub fn is_waiting(&self, id: RequestId) -> bool {
        self.waiting.contains(&id)
    }

    /// Why a session ended, if it has.
    #[must_use]
    pub fn end_of(&self, session: Session) -> Option<Reason> {
        self.ended.get(&session.key).copied()
    }

    /// Lets time pass, stopping at every deadline on the way.
    pub fn advance(&mut self, millis: u64) {
        let end = self.now.after(millis);
        while let Some(at) = self.server.poll_timeout().filter(|at| *at <= end) {
            self.now = self.now.max(at);
            self.server.handle_timeout(self.now);
            self.pump();
        }
        self.now = end;
    }

    /// After the longest deadline of all there must be nothing left of clients that have fallen silent.
    ///
    /// # Panics
    ///
    /// If there is.
    pub fn assert_silence_ends_everything(&mut self) {
        assert!(
            self.server.shard.is_empty() || self.server.shard.poll_timeout().is_some(),
            "a session without deadline"
        );
        let Config { ping_interval, ping_timeout, connect_timeout, upgrade_timeout, close_timeout, .. } = self.config;
        self.advance(2 * (ping_interval + ping_timeout + connect_timeout + upgrade_timeout + close_timeout));
        // What is kept for those who may come back is kept from then on; it goes a second late.
        self.advance(self.config.recovery.as_ref().map_or(0, |recovery| recovery.max_disconnection_duration + 1_000));
        assert!(self.server.shard.is_empty(), "{} sessions are left", self.server.shard.len());
        assert!(self.server.hub.is_empty(), "{} sockets are left", self.server.hub.len());
        assert_eq!(self.server.hub.rooms(&Nsp::ROOT), [""; 0], "rooms are left");
        assert_eq!(self.server.hub.kept(), (0, 0), "people or events are remembered");
        assert_eq!(self.waiting, BTreeSet::new(), "requests were never answered");
        assert_eq!(self.live, BTreeSet::new(), "sockets never ended");
        assert!(self.lines.values().all(|line| line.closed), "WebSockets were never closed");
        assert_eq!(self.server.shard.population().incomplete(), 0, "bytes of packets that nobody waits for");
        assert_eq!(self.server.hub.poll_timeout(), None, "the hub waits for something");
        assert_eq!(self.server.poll_timeout(), None, "a deadline is left");
    }

    fn line(&mut self, id: RequestId) -> &mut Line {
        self.lines.get_mut(&id).unwrap_or_else(|| panic!("{id:?} is no WebSocket"))
    }

    fn pump(&mut self) {
        self.exchange();
        self.ledger.check(&self.server, &self.keys, &self.ended);
        let incomplete = self.server.shard.population().incomplete();
        assert!(incomplete <= self.config.max_incomplete, "{incomplete} bytes of packets wait for attachments");
    }

    fn exchange(&mut self) {
        loop {
            while let Some((key, output)) = self.server.shard.poll_output() {
                self.take(key, output);
            }
            if let Some((from, event)) = self.server.shard.poll_event() {
                self.check(from, &event);
                self.server.hub.handle(from, event, self.now);
            } else if self.server.hub.deliveries() == 0 {
                return;
            }
            while let Some((recipients, delivery)) = self.server.hub.poll_delivery() {
                for to in recipients.iter().copied() {
                    self.deliver(to, delivery.clone());
                }
            }
        }
    }

    fn deliver(&mut self, to: SocketId, delivery: Delivery) {
        let before = self.server.shard.queued(to.key);
        if matches!(delivery, Delivery::Refuse(_) | Delivery::Disconnect | Delivery::Detach) {
            self.live.remove(&to);
            self.out.insert(to);
        }
        self.server.shard.deliver(&[to], delivery, self.now);
        let after = self.server.shard.queued(to.key);
        assert!(before == 0 || after <= self.config.max_queue, "{after} bytes wait for {to:?}");
    }

    fn take(&mut self, key: Key, output: Output) {
        match output {
            Output::Respond(id, response) => {
                assert!(self.waiting.remove(&id), "{id:?} does not wait for an answer");
                self.answers.insert(id, response);
            }
            Output::WsReady(id) => {
                let line = self.line(id);
                assert!(!line.closed, "{id:?} is closed");
                assert!(!line.ready, "{id:?} knows that already");
                line.ready = true;
            }
            Output::WsClose(id) => {
                let line = self.line(id);
                line.closed = true;
            }
            Output::Closed(reason) => {
                assert_eq!(self.ended.insert(key, reason), None, "{key:?} ended twice");
            }
        }
    }

    fn check(&mut self, from: SocketId, event: &SocketEvent) {
        match event {
            SocketEvent::Connect(_) => assert!(self.live.insert(from), "{from:?} connected twice"),
            SocketEvent::Event(_) | SocketEvent::Message(_) | SocketEvent::Ack { .. } => {
                assert!(self.live.contains(&from) || self.out.contains(&from), "{from:?} is not connected");
            }
            SocketEvent::Disconnect(_) => {
                assert!(self.live.remove(&from) || self.out.remove(&from), "{from:?} is not connected");
            }
        }
    }
}
