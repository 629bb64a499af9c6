//! The driver of one client in one shard, without a hub: makes any calls in any order, and checks the guarantees of the
//! shard. `session` and `client` choose the calls and the deliveries.

mod checks;

use bytes::Bytes;
use sanket::codec::{BodyKind, DecodeError, Packet, PacketData, decode_binary, decode_payload, decode_text};
use sanket::driver::{
    Ask, Delivery, Frame, Hub, Incoming, Input, Key, NewSession, Opening, Output, Packets, RequestError, RequestId,
    Response, Shard, Sid, SocketEvent, WsEnd, WsMessage,
};
use sanket::{Config, Emit, Event, Protocol, Reason, Revision, SocketId, Target, Time};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, OnceLock};

/// Limits that can be hit within a short script, by one client.
pub(super) fn config(protocol: Protocol) -> Config {
    Config {
        protocol,
        ping_interval: 300,
        ping_timeout: 200,
        upgrade_timeout: 250,
        connect_timeout: 1_000,
        attachment_timeout: 350,
        close_timeout: 400,
        max_payload: 200,
        max_packets: 6,
        max_attachments: 2,
        max_attached: 64,
        max_incomplete: 150,
        max_queue: 1_000,
        max_sessions: 1,
        max_unjoined: 1,
        max_namespaces: 2,
        max_namespace_name: 8,
        max_backlog: 10_000,
        max_depth: 8,
        ..Config::default()
    }
}

/// Longer than anything that a session may wait for.
const LONG: u64 = 5_000;

#[derive(Debug)]
pub(super) struct Driver {
    pub(super) config: Arc<Config>,
    shard: Shard,
    pub(super) now: Time,
    /// Every client there was; the last may live.
    keys: Vec<(Key, Sid, Revision)>,
    live: bool,
    number: u64,
    /// Every request there was, in order.
    requests: Vec<RequestId>,
    /// Those that must be answered still.
    waiting: BTreeSet<RequestId>,
    /// POSTs whose body is still to come.
    begun: Vec<RequestId>,
    wires: BTreeMap<RequestId, Wire>,
    /// Sockets of the client that lives.
    pub(super) sockets: BTreeMap<SocketId, Socket>,
    /// Events that the client must hear of, in order; of volatile ones it may.
    owed: VecDeque<Owed>,
    /// Attachments that must follow at once.
    following: VecDeque<Bytes>,
    /// Whether the client's events name their attachments: see [`check_attachments`].
    pub(super) counts: bool,
    /// The largest packet that ever waited.
    largest: usize,
}

/// The driver's end of a WebSocket.
#[derive(Debug, Default)]
struct Wire {
    ready: bool,
    closed: bool,
}

/// An event on its way to the client.
#[derive(Debug)]
struct Owed {
    number: u64,
    attachments: Vec<Bytes>,
    volatile: bool,
}

/// A socket, as the hub sees it.
#[derive(Debug)]
pub(super) struct Socket {
    pub(super) nsp: String,
    pub(super) status: Status,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Status {
    Requested,
    Connected,
    Disconnected,
}

impl Driver {
    pub(super) fn new(config: Config) -> Self {
        let config = Arc::new(config);
        Self {
            shard: Shard::new(3, config.clone()),
            config,
            now: Time::from_millis(1_000_000),
            keys: Vec::new(),
            live: false,
            number: 0,
            requests: Vec::new(),
            waiting: BTreeSet::new(),
            begun: Vec::new(),
            wires: BTreeMap::new(),
            sockets: BTreeMap::new(),
            owed: VecDeque::new(),
            following: VecDeque::new(),
            counts: false,
            largest: 200,
        }
    }

    pub(super) fn revision(&self) -> Revision {
        self.keys.last().map_or(Revision::V4, |(_, _, revision)| *revision)
    }

    /// The `n`th last client; the last one is the only that may live.
    fn key(&self, n: usize) -> Option<Key> {
        let index = self.keys.len().checked_sub(1 + n)?;
        Some(self.keys[index].0)
    }

    fn request(&mut self) -> RequestId {
        self.number += 1;
        let id = RequestId(self.number);
        self.requests.push(id);
        id
    }

    /// The `n`th last request there was, answered or not.
    pub(super) fn earlier(&self, n: usize) -> RequestId {
        let index = self.requests.len().checked_sub(1 + n);
        index.map_or(RequestId(u64::MAX), |index| self.requests[index])
    }

    /// The `n`th last WebSocket there was, open or not.
    pub(super) fn wire(&self, n: usize) -> RequestId {
        self.wires.keys().rev().nth(n).copied().unwrap_or(RequestId(u64::MAX))
    }

    /// Opens a session if there is none; if there is one, there is no room for another.
    pub(super) fn open(&mut self, revision: Revision, polling: Option<bool>, again: bool) {
        let id = self.request();
        let sid = match self.keys.last() {
            Some((_, sid, _)) if again => *sid,
            _ => Sid::from_bytes(
                u128::from(self.number).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835).to_be_bytes(),
            ),
        };
        let opening = match polling {
            Some(base64) => Opening::Polling { base64 },
            None => {
                self.wires.insert(id, Wire::default());
                Opening::WebSocket(id)
            }
        };
        let new = NewSession { sid, public: sid, private: sid, revision, opening, handshake: None };
        match self.shard.open(new, self.now) {
            Ok(key) => {
                assert!(!self.live, "there was room for two");
                assert!(!self.keys.iter().any(|(old, _, _)| *old == key), "{key:?} names two");
                self.live = true;
                self.keys.push((key, sid, revision));
                self.sockets.clear();
                self.owed.clear();
                self.following.clear();
                self.drain(key);
                if polling.is_some() {
                    self.waiting.insert(id);
                    self.shard.handle(key, Input::Poll(id), self.now);
                    self.drain(key);
                    assert!(!self.waiting.contains(&id), "a handshake waits");
                }
            }
            Err(error) => {
                assert!(self.live || error == RequestError::Forbidden, "{error} without a session");
                self.wires.remove(&id);
            }
        }
    }

    /// A request of the `n`th last client.
    pub(super) fn ask<'a>(&mut self, n: usize, input: impl FnOnce(RequestId) -> Input<'a>) -> Option<RequestId> {
        let key = self.key(n)?;
        let id = self.request();
        let input = input(id);
        if matches!(input, Input::WsOpen(_)) {
            self.wires.insert(id, Wire::default());
        } else {
            self.waiting.insert(id);
        }
        if matches!(input, Input::PostBegins(_)) {
            self.begun.push(id);
        }
        self.shard.handle(key, input, self.now);
        self.drain(key);
        Some(id)
    }

    /// The body of a POST that has begun.
    pub(super) fn body(&mut self, n: usize, packets: Option<Packets<'_>>) {
        let Some(key) = self.key(0) else { return };
        self.begun.retain(|id| self.waiting.contains(id));
        if self.begun.is_empty() {
            return;
        }
        let id = self.begun.remove(n % self.begun.len());
        let input = match packets {
            Some(packets) => Input::Post(id, packets),
            None => Input::PostTooLarge(id),
        };
        self.shard.handle(key, input, self.now);
        self.drain(key);
        assert!(!self.waiting.contains(&id), "a POST waits");
    }

    /// A whole POST.
    pub(super) fn post(&mut self, n: usize, packets: Packets<'_>) {
        if let Some(id) = self.ask(n, |id| Input::Post(id, packets)) {
            assert!(!self.waiting.contains(&id), "a POST waits");
        }
    }

    /// The connection of a request is gone, whatever has become of it before.
    pub(super) fn lose(&mut self, id: RequestId) {
        let Some(key) = self.key(0) else { return };
        self.waiting.remove(&id);
        self.shard.handle(key, Input::RequestGone(id), self.now);
        self.drain(key);
    }

    /// A message on a WebSocket, which may have been told to close.
    pub(super) fn message(&mut self, id: RequestId, packet: Result<Incoming<'_>, DecodeError>) {
        let Some(key) = self.key(0) else { return };
        self.shard.handle(key, Input::WsMessage(id, packet), self.now);
        self.drain(key);
    }

    /// A WebSocket ends, perhaps once more.
    pub(super) fn end(&mut self, id: RequestId, end: WsEnd) {
        let Some(key) = self.key(0) else { return };
        if let Some(wire) = self.wires.get_mut(&id) {
            wire.closed = true;
        }
        self.shard.handle(key, Input::WsEnd(id, end), self.now);
        self.drain(key);
    }

    /// Writes to a WebSocket what there is; asks also where nobody said that there is something.
    pub(super) fn transmit(&mut self, id: RequestId, max: usize) {
        let Some(key) = self.key(0) else { return };
        let mut messages = Vec::new();
        let more = self.shard.transmit(key, id, max, &mut messages, self.now);
        assert!(!more || !messages.is_empty(), "there is more, but it does not come");
        let wire = self.wires.get_mut(&id);
        assert!(wire.as_ref().is_some_and(|wire| !wire.closed) || messages.is_empty(), "{messages:?} for nobody");
        if let Some(wire) = wire {
            wire.ready = more;
        }
        let revision = self.revision();
        for message in &messages {
            let packet = match message {
                WsMessage::Text(text) => decode_text(revision, std::str::from_utf8(text).expect("text is UTF-8")),
                WsMessage::Binary(data) => decode_binary(revision, data),
            };
            self.hear(packet.expect("a packet"));
        }
        assert!(self.following.is_empty(), "{:?} is missing", self.following);
        self.drain(key);
    }

    /// Lets time pass, stopping at every deadline on the way.
    pub(super) fn advance(&mut self, millis: u64) {
        let end = self.now.after(millis);
        while let Some(at) = self.shard.poll_timeout().filter(|at| *at <= end) {
            self.now = self.now.max(at);
            self.timeout(self.now);
        }
        self.now = end;
    }

    /// A look at what is due, though it may be too early, or even in the past.
    pub(super) fn timeout(&mut self, now: Time) {
        self.shard.handle_timeout(now);
        if let Some(key) = self.key(0) {
            self.drain(key);
        }
    }

    pub(super) fn shut_down(&mut self, all: bool) {
        let Some(key) = self.key(0) else { return };
        if all {
            self.shard.shutdown(self.now);
        } else {
            self.shard.handle(key, Input::Shutdown, self.now);
        }
        self.drain(key);
    }

    /// A socket of the same number, of the client before this one.
    pub(super) fn before(&self, who: SocketId) -> SocketId {
        SocketId { key: self.key(1).unwrap_or(who.key), ..who }
    }

    /// Something of the hub for a socket, who may be gone, or never have been there.
    pub(super) fn deliver(&mut self, to: SocketId, delivery: Delivery) {
        if self.live
            && let Some(socket) = self.sockets.get_mut(&to)
        {
            match &delivery {
                Delivery::Accept(_) if socket.status == Status::Requested => socket.status = Status::Connected,
                Delivery::Refuse(_) | Delivery::Disconnect | Delivery::Detach => socket.status = Status::Disconnected,
                Delivery::Accept(_) | Delivery::Emit(_) | Delivery::Close(_) => {}
            }
        }
        self.shard.deliver(&[to], delivery, self.now);
        self.drain(to.key);
    }

    /// An event for a socket. What is for somebody who is not in the namespace goes nowhere.
    pub(super) fn emit(&mut self, to: SocketId, size: usize, attachments: usize, volatile: bool) {
        self.number += 1;
        let number = self.number;
        let attachments = if volatile { 0 } else { attachments };
        let data: Vec<Bytes> = (0..attachments).map(|n| format!("{number}.{n}").into()).collect();
        let text = || format!("42[\"n\",{number},\"{}\"]", "x".repeat(size));
        let frame = if volatile { volatile_frame() } else { Frame::new(text(), &data) };
        self.largest = self.largest.max(16 + frame.cost());
        let is_in = self.sockets.get(&to).is_some_and(|socket| socket.status == Status::Connected);
        if self.live && is_in {
            self.owed.push_back(Owed { number: if volatile { 0 } else { number }, attachments: data, volatile });
        }
        self.deliver(to, Delivery::Emit(frame));
    }

    /// Which session a request is for: the one that lives, in its own revision. Ids may have been another's before.
    pub(super) fn route(&mut self, n: usize, ask: Ask) {
        let Some(index) = self.keys.len().checked_sub(1 + n) else { return };
        let (key, sid, revision) = self.keys[index];
        let living = self.keys.last().filter(|(_, last, _)| self.live && *last == sid);
        for claimed in [Some(Revision::V3), Some(Revision::V4), None] {
            match (self.shard.route(sid, claimed, ask, self.now), living) {
                (Ok(found), Some((key, _, revision))) => assert!(found == *key && claimed == Some(*revision)),
                (Err(RequestError::UnknownSid), None) if ask == Ask::Poll => {
                    // The id may have been another session's, too.
                    let had = self.keys.iter().any(|(_, other, revision)| *other == sid && claimed == Some(*revision));
                    let response = self.shard.farewell(sid, claimed, self.now);
                    assert!(response.is_none_or(|response| had && response.into_parts().0 == 200), "{claimed:?}");
                }
                (Err(RequestError::UnknownSid), None) => {}
                (Err(RequestError::BadRequest), Some((_, _, revision))) => {
                    assert!(ask != Ask::Upgrade || claimed != Some(*revision), "{claimed:?}");
                }
                (other, _) => panic!("{other:?} for {living:?}"),
            }
        }
        let is_living = self.live && self.key(0) == Some(key);
        assert_eq!(self.shard.revision(key), Some(revision).filter(|_| is_living));
    }
}

/// Only a hub makes frames that may be dropped.
fn volatile_frame() -> Frame {
    static FRAME: OnceLock<Frame> = OnceLock::new();
    FRAME.get_or_init(|| frame_of(&Emit::new("n").arg(&0).arg(&"").volatile())).clone()
}

/// The frame that a hub makes of an event.
fn frame_of(event: &Emit<'_>) -> Frame {
    struct Anybody;
    impl sanket::App for Anybody {
        fn connect(&mut self, _: SocketId, _: &sanket::ConnectRequest, _: &mut sanket::Effects<'_>) {}
        fn disconnect(&mut self, _: SocketId, _: Reason, _: &mut sanket::Effects<'_>) {}
    }
    let config = Arc::new(Config::default());
    let (now, sid) = (Time::default(), Sid::from_bytes([0; 16]));
    let mut shard = Shard::new(0, config.clone());
    let opening = Opening::WebSocket(RequestId(0));
    let new = NewSession { sid, public: sid, private: sid, revision: Revision::V3, opening, handshake: None };
    shard.open(new, now).expect("there is room");
    let mut hub = Hub::new(Anybody, config);
    let (who, connect) = shard.poll_event().expect("a CONNECT");
    hub.handle(who, connect, now);
    hub.apply(now, |_, fx| fx.send(Target::Socket(who), event));
    let frames = std::iter::from_fn(|| hub.poll_delivery()).filter_map(|(_, delivery)| match delivery {
        Delivery::Emit(frame) => Some(frame),
        _ => None,
    });
    frames.last().expect("a frame")
}
