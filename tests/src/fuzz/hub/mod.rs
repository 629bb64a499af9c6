//! The hub compared with a model. The application records which sockets are connected and what they have to
//! acknowledge, has the effects that the script chooses, also inside of its calls, and compares. Events are made up.
//! Connect requests come from a shard whose outputs are ignored, because only a shard can make them.

mod app;
mod book;
mod puppet;
mod source;

use crate::script::Script;
use book::Claim;
use puppet::Puppet;
use sanket::driver::{Delivery, Frame, Hub, SocketEvent, WsMessage};
use sanket::{Config, Message, Nsp, Protocol, Reason, Recovery, Revision, SocketId, Time};
use source::Source;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

const NAMESPACES: [&str; 3] = ["/", "/a", "/b"];
const REASONS: [Reason; 10] = [
    Reason::TransportError,
    Reason::TransportClose,
    Reason::PingTimeout,
    Reason::SlowConsumer,
    Reason::ForcedClose,
    Reason::ForcedServerClose,
    Reason::ServerShuttingDown,
    Reason::ParseError,
    Reason::ClientNamespaceDisconnect,
    Reason::ServerNamespaceDisconnect,
];

/// Whatever clients do and the application wants, the hub's tables are right.
pub fn hub(data: &[u8]) {
    let mut script = Script::new(data);
    let flags = script.byte();
    let mut world = World::new(flags);
    while !script.is_over() {
        world.step(&mut script);
        world.drain();
        world.check();
    }
    world.finish();
}

/// The hub, and where its clients come from.
struct World {
    hub: Hub<Puppet>,
    now: Time,
    source: Source,
    statuses: BTreeMap<SocketId, Status>,
    /// When each of them has asked to connect.
    knocked: BTreeMap<SocketId, Time>,
    /// The offsets that were given out, each with how many kept events there were by then.
    offsets: BTreeMap<String, u64>,
    /// How many recipients events have had.
    delivered: u64,
}

/// A socket, as its shard sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Status {
    Requested,
    Connected,
    Disconnected,
}

impl World {
    fn new(flags: u8) -> Self {
        let protocol = match flags & 3 {
            0 | 1 => Protocol::SocketIo,
            2 => Protocol::SocketIoMsgPack,
            _ => Protocol::EngineIo,
        };
        let recovery = (flags & 4 != 0).then_some(Recovery {
            max_disconnection_duration: 1_000,
            max_log: 4_000,
            max_persisted_sessions: 2,
            max_persisted_bytes: 900,
            min_replay_interval: 100,
            replay_rate: 1_000,
            address_replay_burst: 1_000,
            address_replay_rate: 1_000,
        });
        let config = Arc::new(Config {
            protocol,
            recovery,
            connect_timeout: 500,
            max_queue: 600,
            max_rooms: 3,
            // An id fits, with its namespace.
            max_room_name: 26,
            max_pending_acks: 2,
            ..Config::default()
        });
        Self {
            hub: Hub::new(Puppet::new(config.clone()), config),
            now: Time::from_millis(1_000_000),
            source: Source::new(protocol),
            statuses: BTreeMap::new(),
            knocked: BTreeMap::new(),
            offsets: BTreeMap::new(),
            delivered: 0,
        }
    }

    fn step(&mut self, script: &mut Script<'_>) {
        match script.below(12) {
            0..=2 => self.request_connect(script),
            3 => {
                let (who, n) = (self.someone(script), script.below(4));
                let event = match self.source.received.get(n) {
                    Some(received) => SocketEvent::Event(received.clone()),
                    None => SocketEvent::Message(Message::Text("said".into())),
                };
                self.hub.handle(who, event, self.now);
            }
            4 => {
                let (who, id) = (self.someone(script), u64::from(script.byte() % 8));
                let answer = self.source.received[0].clone();
                self.hub.handle(who, SocketEvent::Ack { id, answer }, self.now);
            }
            5 => {
                let (who, reason) = (self.someone(script), REASONS[script.below(REASONS.len())]);
                self.leave(who, reason);
            }
            6..=8 => self.act(script, 1),
            9 => self.act(script, 2),
            10 => {
                let n = script.below(8);
                self.hub.apply(self.now, |app, _| app.plan.extend(script.bytes(n)));
            }
            _ => self.advance(u64::from(script.byte()) * 8),
        }
    }

    /// Somebody who has knocked once, the last ones more often; or a stranger.
    fn someone(&self, script: &mut Script<'_>) -> SocketId {
        let n = script.below(self.statuses.len().min(8) + 1);
        self.statuses.keys().rev().nth(n).copied().unwrap_or(self.source.stranger)
    }

    /// Somebody else, or somebody who says to have been here.
    fn request_connect(&mut self, script: &mut Script<'_>) {
        let flags = script.byte();
        let revision = if flags & 3 == 0 { Revision::V3 } else { Revision::V4 };
        let mut nsp = NAMESPACES[usize::from(flags >> 2 & 3) % NAMESPACES.len()];
        let app = self.hub.app();
        let mut auth = "{}".to_owned();
        let mut claim = None;
        if flags & 16 != 0 && !app.histories.is_empty() {
            let index = app.histories.len() - 1 - script.below(app.histories.len().min(4));
            let history = &app.histories[index];
            let heard = &history.heard;
            let offset = match script.below(8) {
                0 => None,
                1 => Some("x".to_owned()),
                // Of a server that ran before.
                2 => Some("@1.1".to_owned()),
                3 => self.offsets.keys().next().cloned(),
                4 => heard.iter().rev().nth(script.below(4)).cloned(),
                _ => heard.last().cloned(),
            };
            let words = offset.as_ref().map(|offset| format!(r#","offset":"{offset}""#)).unwrap_or_default();
            auth = format!(r#"{{"pid":"{}"{words}}}"#, history.pid);
            if flags & 32 == 0 {
                nsp = NAMESPACES.into_iter().find(|nsp| *nsp == history.nsp.as_str()).unwrap_or(nsp);
            }
            let from = match &offset {
                None => Some(0),
                Some(offset) if offset == "@1.1" => Some(0),
                Some(offset) => self.offsets.get(offset).copied(),
            };
            claim = Some(Claim { history: index, from });
        }
        let plan = script.below(4);
        let admission = script.byte();
        let (who, connect) = self.source.request_connect(revision, nsp, &auth, flags & 64 != 0);
        self.statuses.insert(who, Status::Requested);
        self.knocked.insert(who, self.now);
        self.hub.apply(self.now, |app, _| {
            app.claims.extend(claim.map(|claim| (who, claim)));
            app.admission = admission;
            app.known.push(who);
            app.plan.extend(script.bytes(plan));
        });
        self.hub.handle(who, SocketEvent::Connect(connect), self.now);
    }

    fn act(&mut self, script: &mut Script<'_>, times: usize) {
        self.hub.apply(self.now, |app, fx| {
            for _ in 0..times {
                let plan = std::mem::replace(&mut app.plan, script.bytes(6).iter().copied().collect());
                app.act(fx);
                app.plan = plan;
            }
        });
    }

    /// A shard says once that a socket is gone. For somebody who is not there it makes no difference.
    fn leave(&mut self, who: SocketId, reason: Reason) {
        if let Some(status) = self.statuses.get_mut(&who) {
            *status = Status::Disconnected;
        }
        self.hub.apply(self.now, |app, _| app.waiting.remove(&who));
        self.hub.handle(who, SocketEvent::Disconnect(reason), self.now);
    }

    fn advance(&mut self, millis: u64) {
        self.now = self.now.after(millis);
        self.hub.handle_timeout(self.now);
        self.drain();
        // A jump counts as a stall, after which deadlines are judged a second later.
        if millis > 1_000 {
            return self.advance(1_000);
        }
        let (app, now) = (self.hub.app(), self.now);
        assert!(app.pending_acks.values().all(|ask| ask.deadline > now), "an ask is overdue");
        assert!(app.waiting.values().all(|since| since.after(500) > now), "somebody is kept waiting");
        let resting = self
            .statuses
            .iter()
            .filter(|(who, status)| **status == Status::Requested && !app.waiting.contains_key(who));
        assert!(resting.into_iter().all(|(who, _)| self.knocked[who].after(500) > now), "somebody rests too long");
        assert!(app.wake.is_none_or(|at| at > now), "nobody was woken");
        assert!(self.hub.poll_timeout().is_none_or(|at| at > now), "the same deadline again");
    }

    /// Does as the shards do, and compares with what must be said.
    fn drain(&mut self) {
        while let Some((recipients, delivery)) = self.hub.poll_delivery() {
            for who in recipients.iter().copied() {
                self.take(who, &delivery);
            }
        }
        assert_eq!(self.hub.delivery_bytes(), 0);
        assert_eq!(self.hub.deliveries(), 0);
        assert!(self.hub.app().expected.is_empty(), "{:?} was not said", self.hub.app().expected);
    }

    fn take(&mut self, who: SocketId, delivery: &Delivery) {
        match delivery {
            Delivery::Accept(hello) => {
                if let Some(status) = self.statuses.get_mut(&who).filter(|status| **status == Status::Requested) {
                    *status = Status::Connected;
                }
                if let Some(pid) =
                    hello.as_ref().and_then(|frame| find(&bytes_of(frame), &[b"pid\":\"", b"\xa3pid\xb6"]))
                {
                    self.hub.apply(self.now, |app, _| app.learn_pid(who, pid));
                }
            }
            Delivery::Emit(frame) => {
                self.delivered += 1;
                let bytes = bytes_of(frame);
                let tag = find(&bytes, &[b"#"]).and_then(|tag| tag.parse().ok()).expect("a tag");
                let offset = offset_in(&bytes);
                let position = self.hub.apply(self.now, |app, _| app.hear(who, tag, offset.as_ref()));
                if let Some(offset) = offset {
                    let known = *self.offsets.entry(offset.clone()).or_insert(position);
                    assert_eq!(known, position, "{offset} is two places");
                }
            }
            Delivery::Refuse(_) | Delivery::Disconnect | Delivery::Detach => {
                self.statuses.insert(who, Status::Disconnected);
                self.hub.apply(self.now, |app, _| app.waiting.remove(&who));
            }
            Delivery::Close(reason) => {
                let others = self
                    .statuses
                    .iter()
                    .filter(|(other, status)| other.key == who.key && **status != Status::Disconnected);
                for other in others.map(|(other, _)| *other).collect::<Vec<_>>() {
                    self.leave(other, *reason);
                }
            }
        }
    }

    fn check(&mut self) {
        self.hub.apply(self.now, |app, fx| app.check(fx));
        let app = self.hub.app();
        assert_eq!((self.hub.len(), self.hub.is_empty()), (app.people.len(), app.people.is_empty()));
        for nsp in NAMESPACES.map(Nsp::new) {
            let here = app.people.values().filter(|person| person.nsp == nsp);
            let rooms: BTreeSet<&str> = here.flat_map(|person| &person.rooms).map(|room| &**room).collect();
            assert_eq!(self.hub.rooms(&nsp), rooms.into_iter().collect::<Vec<_>>());
        }
        let stats = self.hub.stats();
        let spaces: BTreeSet<&str> = app.people.values().map(|person| person.nsp.as_str()).collect();
        let rooms: BTreeSet<(&str, &String)> = app
            .people
            .values()
            .flat_map(|person| person.rooms.iter().map(|room| (person.nsp.as_str(), room)))
            .collect();
        let pending_acks: usize = app.pending_acks.values().map(|ask| ask.waiting.len()).sum();
        assert_eq!(stats.sockets, app.people.len() as u64);
        assert_eq!((stats.namespaces, stats.rooms), (spaces.len() as u64, rooms.len() as u64));
        assert_eq!(stats.pending_acks, pending_acks as u64);
        assert_eq!(stats.deliveries, self.delivered);
        let (absent, bytes) = self.hub.kept();
        assert!(absent <= 2 && bytes <= 4_000, "{absent} people and {bytes} bytes are kept");
    }

    /// When all are gone, and nobody can come back any more, there is nothing.
    fn finish(mut self) {
        self.hub.apply(self.now, |app, _| app.plan.clear());
        let left: Vec<SocketId> =
            self.statuses.iter().filter(|(_, status)| **status != Status::Disconnected).map(|(who, _)| *who).collect();
        for who in left {
            self.leave(who, Reason::TransportClose);
        }
        self.drain();
        self.check();
        assert!(self.hub.is_empty(), "{} are left", self.hub.len());
        for _ in 0..1_000 {
            let Some(at) = self.hub.poll_timeout() else { break };
            self.advance(at.since(self.now).as_millis().try_into().expect("a time"));
        }
        assert_eq!(self.hub.poll_timeout(), None, "a deadline is left");
        assert_eq!(self.hub.kept(), (0, 0), "something is kept for nobody");
        assert!(self.hub.app().pending_acks.is_empty(), "{:?}", self.hub.app().pending_acks);
        assert!(self.hub.app().waiting.is_empty(), "{:?}", self.hub.app().waiting);
        self.hub.apply(self.now, |_, fx| assert_eq!(fx.namespaces(), [&Nsp::ROOT; 0]));
    }
}

/// All that a client of EIO=4 gets to see of a frame.
fn bytes_of(frame: &Frame) -> Vec<u8> {
    let messages = frame.messages(Revision::V4);
    messages
        .flat_map(|message| match message {
            WsMessage::Text(bytes) | WsMessage::Binary(bytes) => bytes,
        })
        .collect()
}

/// What follows one of these marks, as far as it can be an id, an offset or a number.
fn find(bytes: &[u8], marks: &[&[u8]]) -> Option<String> {
    let behind = |mark: &&[u8]| Some(bytes.windows(mark.len()).position(|window| window == *mark)? + mark.len());
    let start = marks.iter().find_map(behind)?;
    let is_word = |byte: &&u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    Some(bytes[start..].iter().take_while(is_word).map(|byte| char::from(*byte)).collect())
}

/// The offset that goes with an event. Lengths may look like its mark.
fn offset_in(bytes: &[u8]) -> Option<String> {
    let mut marks = bytes.iter().enumerate().filter(|(_, byte)| **byte == b'@').map(|(at, _)| at);
    marks.find_map(|at| find(&bytes[at..], &[b"@"]).filter(|word| word.contains('.'))).map(|word| format!("@{word}"))
}
