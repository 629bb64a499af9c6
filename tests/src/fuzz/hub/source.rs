//! The source of connect requests and events: a shard whose outputs are ignored.

use sanket::codec::{Kind, Packet, SocketMessage, SocketPacket};
use sanket::driver::{Delivery, Input, Key, NewSession, Opening, RequestId, Shard, Sid, SocketEvent};
use sanket::{Config, ConnectRequest, Event, Protocol, Revision, SocketId, Time};
use std::sync::Arc;

/// A shard that takes whatever is said to it, for its events.
pub(super) struct Source {
    pub(super) shard: Shard,
    pub(super) protocol: Protocol,
    pub(super) sessions: u64,
    /// Where the last client has not knocked yet.
    pub(super) last: Option<(Key, Revision, Vec<&'static str>)>,
    /// Things that a client may send.
    pub(super) received: Vec<Event>,
    pub(super) stranger: SocketId,
}

impl Source {
    pub(super) fn new(protocol: Protocol) -> Self {
        let many = usize::MAX;
        let config = Config { protocol, max_sessions: many, max_unjoined: many, ..Config::default() };
        let mut shard = Shard::new(0, Arc::new(config));
        let mut source = Self {
            stranger: SocketId { key: open(&mut shard, 0, Revision::V3), serial: 0 },
            shard,
            protocol,
            sessions: 0,
            last: None,
            received: Vec::new(),
        };
        drop(source.shard.poll_event());
        source.shard.deliver(&[source.stranger], Delivery::Accept(None), Time::default());
        for id in [None, Some(7)] {
            let kind = Kind::Event { id, args: r#"["e",1]"#.into(), name: 1..4, attachments: 0 };
            source.say(source.stranger.key, "/", kind);
            match source.shard.poll_event() {
                Some((_, SocketEvent::Event(received))) => source.received.push(received),
                other => panic!("{other:?}"),
            }
        }
        source
    }

    /// Says something as the last client that came.
    pub(super) fn say(&mut self, key: Key, nsp: &str, kind: Kind<'_>) {
        let packet = SocketMessage::Packet(SocketPacket { nsp: nsp.into(), kind });
        let ws = RequestId(self.sessions);
        self.shard.handle(key, Input::WsMessage(ws, Ok(Packet::Message(packet))), Time::default());
    }

    /// A connect request: of a client of its own, or the last one once more.
    pub(super) fn request_connect(
        &mut self,
        revision: Revision,
        nsp: &'static str,
        auth: &str,
        again: bool,
    ) -> (SocketId, ConnectRequest) {
        let again = again && self.protocol != Protocol::EngineIo;
        let same =
            self.last.take().filter(|(_, old, requested)| again && *old == revision && !requested.contains(&nsp));
        let (key, mut requested) = match same {
            Some((key, _, requested)) => (key, requested),
            None => {
                self.sessions += 1;
                (open(&mut self.shard, self.sessions, revision), Vec::new())
            }
        };
        let unasked = revision == Revision::V3 || self.protocol == Protocol::EngineIo;
        let mut event = None;
        if requested.is_empty() && unasked {
            requested.push("/");
            event = self.shard.poll_event();
        }
        if !requested.contains(&nsp) && self.protocol != Protocol::EngineIo {
            requested.push(nsp);
            self.say(key, nsp, Kind::Connect { auth: auth.into() });
            event = self.shard.poll_event();
        }
        while self.shard.poll_output().is_some() {}
        self.last = Some((key, revision, requested));
        match event {
            Some((who, SocketEvent::Connect(connect))) => (who, connect),
            other => panic!("{other:?}"),
        }
    }
}

pub(super) fn open(shard: &mut Shard, number: u64, revision: Revision) -> Key {
    let id = |kind: u64| {
        let number = u128::from(number) << 64 | u128::from(kind);
        Sid::from_bytes(number.wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835).to_be_bytes())
    };
    let opening = Opening::WebSocket(RequestId(number));
    let new = NewSession { sid: id(1), public: id(2), private: id(3), revision, opening, handshake: None };
    shard.open(new, Time::default()).expect("there is room")
}
