//! The hub against a model of it. The application keeps a book of who is where and is owed what, does what the script says,
//! also while it is called, and compares. Events are made up; a shard that nobody hears from is where CONNECTs come from,
//! which only a shard can make.

use crate::script::Script;
use bytes::Bytes;
use sanket::{
    AckId, Admission, Among, App, AskId, Config, Connect, Delivery, Earlier, Effects, Emit, Event, Frame, Hub, Input,
    JoinError, Key, Kind, NewSession, Nsp, Opening, Packet, Protocol, Reason, Received, Recovery, Refusal, RequestId,
    Revision, Said, Shard, Sid, SocketId, SocketMessage, SocketPacket, Target, Time, WsMessage,
};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
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
    doors: BTreeMap<SocketId, Door>,
    /// The offsets that were given out, each with how many kept events there were by then.
    offsets: BTreeMap<String, u64>,
}

/// A socket, as its shard sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Door {
    Knocking,
    In,
    Out,
}

impl World {
    fn new(flags: u8) -> Self {
        let protocol = match flags & 3 {
            0 | 1 => Protocol::SocketIo,
            2 => Protocol::SocketIoMsgPack,
            _ => Protocol::EngineIo,
        };
        let recovery = (flags & 4 != 0).then_some(Recovery {
            window: 1_000,
            max_log: 4_000,
            max_absent: 2,
            max_absent_bytes: 900,
        });
        let config = Arc::new(Config {
            protocol,
            recovery,
            connect_timeout: 500,
            max_queue: 600,
            max_rooms: 3,
            // An id fits, with its namespace.
            max_room_name: 26,
            max_asks: 2,
            ..Config::default()
        });
        Self {
            hub: Hub::new(Puppet::new(config.clone()), config),
            now: Time::from_millis(1_000_000),
            source: Source::new(protocol),
            doors: BTreeMap::new(),
            offsets: BTreeMap::new(),
        }
    }

    fn step(&mut self, script: &mut Script<'_>) {
        match script.below(12) {
            0..=2 => self.knock(script),
            3 => {
                let (who, n) = (self.someone(script), script.below(4));
                let event = match self.source.received.get(n) {
                    Some(received) => Event::Received(received.clone()),
                    None => Event::Said(Said::Text("said".into())),
                };
                self.hub.handle(who, event, self.now);
            }
            4 => {
                let (who, id) = (self.someone(script), u64::from(script.byte() % 8));
                let answer = self.source.received[0].clone();
                self.hub.handle(who, Event::Acked { id, answer }, self.now);
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
        let n = script.below(self.doors.len().min(8) + 1);
        self.doors.keys().rev().nth(n).copied().unwrap_or(self.source.stranger)
    }

    /// Somebody else, or somebody who says to have been here.
    fn knock(&mut self, script: &mut Script<'_>) {
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
        let (who, connect) = self.source.knock(revision, nsp, &auth, flags & 64 != 0);
        self.doors.insert(who, Door::Knocking);
        self.hub.apply(self.now, |app, _| {
            app.claim = claim;
            app.admission = admission;
            app.known.push(who);
            app.plan.extend(script.bytes(plan));
        });
        self.hub.handle(who, Event::Connect(connect), self.now);
        self.hub.apply(self.now, |app, _| app.claim = None);
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
        if let Some(door) = self.doors.get_mut(&who) {
            *door = Door::Out;
        }
        self.hub.apply(self.now, |app, _| app.waiting.remove(&who));
        self.hub.handle(who, Event::Disconnect(reason), self.now);
    }

    fn advance(&mut self, millis: u64) {
        self.now = self.now.after(millis);
        self.hub.handle_timeout(self.now);
        self.drain();
        let (app, now) = (self.hub.app(), self.now);
        assert!(app.asks.values().all(|ask| ask.deadline > now), "an ask is overdue");
        assert!(app.waiting.values().all(|since| since.after(500) > now), "somebody is kept waiting");
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
                if let Some(door) = self.doors.get_mut(&who).filter(|door| **door == Door::Knocking) {
                    *door = Door::In;
                }
                if let Some(pid) =
                    hello.as_ref().and_then(|frame| find(&bytes_of(frame), &[b"pid\":\"", b"\xa3pid\xb6"]))
                {
                    self.hub.apply(self.now, |app, _| app.learn_pid(who, pid));
                }
            }
            Delivery::Emit(frame) => {
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
                self.doors.insert(who, Door::Out);
                self.hub.apply(self.now, |app, _| app.waiting.remove(&who));
            }
            Delivery::Close(reason) => {
                let others = self.doors.iter().filter(|(other, door)| other.key == who.key && **door != Door::Out);
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
        let (absent, bytes) = self.hub.kept();
        assert!(absent <= 2 && bytes <= 4_000, "{absent} people and {bytes} bytes are kept");
    }

    /// When all are gone, and nobody can come back any more, there is nothing.
    fn finish(mut self) {
        self.hub.apply(self.now, |app, _| app.plan.clear());
        let left: Vec<SocketId> =
            self.doors.iter().filter(|(_, door)| **door != Door::Out).map(|(who, _)| *who).collect();
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
        assert!(self.hub.app().asks.is_empty(), "{:?}", self.hub.app().asks);
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

/// A shard that takes whatever is said to it, for its events.
struct Source {
    shard: Shard,
    protocol: Protocol,
    sessions: u64,
    /// Where the last client has not knocked yet.
    last: Option<(Key, Revision, Vec<&'static str>)>,
    /// Things that a client may send.
    received: Vec<Received>,
    stranger: SocketId,
}

impl Source {
    fn new(protocol: Protocol) -> Self {
        let many = usize::MAX;
        let config = Config { protocol, max_sessions: many, max_newcomers: many, ..Config::default() };
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
        source.shard.deliver(&[source.stranger], &Delivery::Accept(None), Time::default());
        for id in [None, Some(7)] {
            let kind = Kind::Event { id, args: r#"["e",1]"#.into(), name: 1..4, attachments: 0 };
            source.say(source.stranger.key, "/", kind);
            match source.shard.poll_event() {
                Some((_, Event::Received(received))) => source.received.push(received),
                other => panic!("{other:?}"),
            }
        }
        source
    }

    /// Says something as the last client that came.
    fn say(&mut self, key: Key, nsp: &str, kind: Kind<'_>) {
        let packet = SocketMessage::Packet(SocketPacket { nsp: nsp.into(), kind });
        let ws = RequestId(self.sessions);
        self.shard.handle(key, Input::WsMessage(ws, Ok(Packet::Message(packet))), Time::default());
    }

    /// Somebody at a namespace's door: a client of its own, or the last one once more.
    fn knock(&mut self, revision: Revision, nsp: &'static str, auth: &str, again: bool) -> (SocketId, Connect) {
        let again = again && self.protocol != Protocol::EngineIo;
        let same = self.last.take().filter(|(_, old, knocked)| again && *old == revision && !knocked.contains(&nsp));
        let (key, mut knocked) = match same {
            Some((key, _, knocked)) => (key, knocked),
            None => {
                self.sessions += 1;
                (open(&mut self.shard, self.sessions, revision), Vec::new())
            }
        };
        let unasked = revision == Revision::V3 || self.protocol == Protocol::EngineIo;
        let mut event = None;
        if knocked.is_empty() && unasked {
            knocked.push("/");
            event = self.shard.poll_event();
        }
        if !knocked.contains(&nsp) && self.protocol != Protocol::EngineIo {
            knocked.push(nsp);
            self.say(key, nsp, Kind::Connect { auth: auth.into() });
            event = self.shard.poll_event();
        }
        while self.shard.poll_output().is_some() {}
        self.last = Some((key, revision, knocked));
        match event {
            Some((who, Event::Connect(connect))) => (who, connect),
            other => panic!("{other:?}"),
        }
    }
}

fn open(shard: &mut Shard, number: u64, revision: Revision) -> Key {
    let id = |kind: u64| {
        let number = u128::from(number) << 64 | u128::from(kind);
        Sid::from_bytes(number.wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835).to_be_bytes())
    };
    let opening = Opening::WebSocket(RequestId(number));
    let new = NewSession { sid: id(1), public: id(2), private: id(3), revision, opening, handshake: None };
    shard.open(new, Time::default()).expect("there is room")
}

/// The application, and its book.
#[derive(Debug)]
struct Puppet {
    config: Arc<Config>,
    /// What it will do.
    plan: VecDeque<u8>,
    /// What it answers whoever knocks next.
    admission: u8,
    /// What whoever knocks now has said.
    claim: Option<Claim>,
    /// Everybody who ever knocked.
    known: Vec<SocketId>,
    people: BTreeMap<SocketId, Person>,
    /// Who has been told to wait, and since when.
    waiting: BTreeMap<SocketId, Time>,
    histories: Vec<History>,
    asks: BTreeMap<AskId, Asked>,
    /// Who must be told what, in this order.
    expected: VecDeque<(SocketId, u64)>,
    leaving: Option<SocketId>,
    wake: Option<Time>,
    tags: u64,
    /// How many kept events there were, and by each event.
    position: u64,
    positions: BTreeMap<u64, u64>,
}

#[derive(Clone, Copy, Debug)]
struct Claim {
    history: usize,
    /// How many kept events it has heard of; nothing if nobody can say.
    from: Option<u64>,
}

#[derive(Debug)]
struct Person {
    nsp: Nsp,
    id: String,
    rooms: BTreeSet<String>,
    data: Option<String>,
    history: Option<usize>,
}

/// What a socket was told, however often it came back.
#[derive(Debug)]
struct History {
    pid: String,
    nsp: Nsp,
    id: String,
    /// As they were when it went.
    rooms: BTreeSet<String>,
    data: Option<String>,
    state: State,
    /// Kept events for it, each with its number among all of them.
    told: Vec<(u64, u64)>,
    /// The offsets that came to it.
    heard: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Here(SocketId),
    Gone(SocketId),
    Over,
}

#[derive(Debug)]
struct Asked {
    waiting: BTreeSet<SocketId>,
    silent: BTreeSet<SocketId>,
    deadline: Time,
}

/// A target, with all that it names.
#[derive(Debug)]
enum Aim {
    Socket(SocketId),
    Namespace(Nsp),
    Room(Nsp, String),
    Among { nsp: Nsp, rooms: Vec<String>, except_rooms: Vec<String>, except: Vec<SocketId> },
}

impl Aim {
    fn with<R>(&self, work: impl FnOnce(Target<'_>) -> R) -> R {
        match self {
            Self::Socket(who) => work(Target::Socket(*who)),
            Self::Namespace(nsp) => work(Target::Namespace(nsp)),
            Self::Room(nsp, room) => work(Target::Room(nsp, room)),
            Self::Among { nsp, rooms, except_rooms, except } => {
                let [rooms, except_rooms] =
                    [rooms, except_rooms].map(|names| names.iter().map(|name| &**name).collect::<Vec<_>>());
                work(Target::Among(Among { rooms: &rooms, except_rooms: &except_rooms, except, ..Among::of(nsp) }))
            }
        }
    }

    /// Whether it includes somebody in these rooms; `who` is nobody while its connection is gone.
    fn includes(&self, who: Option<SocketId>, in_nsp: &Nsp, id: &str, in_rooms: &BTreeSet<String>) -> bool {
        // An EIO=3 client's id may be given without the namespace.
        let bare =
            |id: &str| id.strip_prefix(in_nsp.as_str()).and_then(|id| id.strip_prefix('#')).unwrap_or(id).to_owned();
        let is_in = |room: &String| bare(room) == bare(id) || in_rooms.contains(room);
        match self {
            Self::Socket(only) => who == Some(*only),
            Self::Namespace(nsp) => nsp == in_nsp,
            Self::Room(nsp, room) => nsp == in_nsp && is_in(room),
            Self::Among { nsp, rooms, except_rooms, except } => {
                nsp == in_nsp
                    && (rooms.is_empty() || rooms.iter().any(is_in))
                    && !except_rooms.iter().any(is_in)
                    && !who.is_some_and(|who| except.contains(&who))
            }
        }
    }
}

impl Puppet {
    fn new(config: Arc<Config>) -> Self {
        Self {
            config,
            plan: VecDeque::new(),
            admission: 0,
            claim: None,
            known: Vec::new(),
            people: BTreeMap::new(),
            waiting: BTreeMap::new(),
            histories: Vec::new(),
            asks: BTreeMap::new(),
            expected: VecDeque::new(),
            leaving: None,
            wake: None,
            tags: 0,
            position: 0,
            positions: BTreeMap::new(),
        }
    }

    fn below(&mut self, n: usize) -> usize {
        usize::from(self.plan.pop_front().unwrap_or_default()) % n
    }

    fn someone(&mut self) -> SocketId {
        let n = self.below(self.known.len().min(6) + 1);
        let index = self.known.len().saturating_sub(1 + n);
        self.known.get(index).copied().unwrap_or_else(|| panic!("nobody has knocked"))
    }

    fn nsp(&mut self) -> Nsp {
        Nsp::new(NAMESPACES[self.below(NAMESPACES.len())])
    }

    fn room(&mut self) -> String {
        match self.below(8) {
            n @ 0..=4 => ["r", "s", "t", "u", ""][n].into(),
            5 => "a name that is longer than rooms may have".into(),
            _ => {
                let who = self.someone();
                self.people.get(&who).map_or("r".into(), |person| person.id.clone())
            }
        }
    }

    fn rooms(&mut self) -> Vec<String> {
        (0..self.below(3)).map(|_| self.room()).collect()
    }

    fn aim(&mut self) -> Aim {
        match self.below(6) {
            0 | 1 => Aim::Socket(self.someone()),
            2 => Aim::Namespace(self.nsp()),
            3 => Aim::Room(self.nsp(), self.room()),
            _ => {
                let (nsp, rooms, except_rooms) = (self.nsp(), self.rooms(), self.rooms());
                let except = (0..self.below(3)).map(|_| self.someone()).collect();
                Aim::Among { nsp, rooms, except_rooms, except }
            }
        }
    }

    fn recipients(&self, aim: &Aim, fx: &Effects<'_>) -> Vec<SocketId> {
        let included =
            |(who, person): &(&SocketId, &Person)| aim.includes(Some(**who), &person.nsp, &person.id, &person.rooms);
        let wanted: Vec<SocketId> = self.people.iter().filter(included).map(|(who, _)| *who).collect();
        assert_eq!(aim.with(|target| fx.recipients(target)), wanted, "{aim:?}");
        wanted
    }

    /// Does something.
    fn act(&mut self, fx: &mut Effects<'_>) {
        if self.known.is_empty() {
            return;
        }
        match self.below(16) {
            0 | 1 => {
                let (who, room) = (self.someone(), self.room());
                self.join(who, &room, fx);
            }
            2 => {
                let (who, room) = (self.someone(), self.room());
                let was_in = self.people.get_mut(&who).is_some_and(|person| person.rooms.remove(&room));
                assert_eq!(fx.leave(who, &room), was_in);
            }
            3 => {
                let (aim, room) = (self.aim(), self.room());
                for who in self.recipients(&aim, fx) {
                    // `join_all` is the same once more.
                    self.join(who, &room, fx);
                }
                let refused = aim.with(|target| fx.join_all(target, &room));
                let lonely =
                    self.recipients(&aim, fx).iter().filter(|who| !self.people[*who].rooms.contains(&room)).count();
                assert_eq!(refused, lonely);
            }
            4 => {
                let (aim, room) = (self.aim(), self.room());
                for who in self.recipients(&aim, fx) {
                    self.people.get_mut(&who).map(|person| person.rooms.remove(&room));
                }
                aim.with(|target| fx.leave_all(target, &room));
            }
            5..=7 => self.send(fx),
            8 => self.ask(fx),
            9 => fx.disconnect(self.someone(), self.below(4) == 0),
            10 => {
                let aim = self.aim();
                let close = self.below(4) == 0;
                aim.with(|target| fx.disconnect_all(target, close));
            }
            11 => {
                let (who, admission) = (self.someone(), self.below(4));
                fx.admit(who, answer(admission));
            }
            12 => {
                let who = self.someone();
                let data = self.below(100);
                fx.set_data(who, &data);
                if let Some(person) = self.people.get_mut(&who) {
                    person.data = Some(data.to_string());
                }
            }
            13 => {
                let at = fx.now().after(1 + u64::try_from(self.below(256)).unwrap_or_default());
                self.wake = Some(self.wake.map_or(at, |wake| wake.min(at)));
                fx.wake_at(at);
            }
            n => {
                let aim = self.aim();
                let recipients = self.recipients(&aim, fx);
                let tag = self.expect(&recipients);
                let text = format!("#{tag}#");
                aim.with(|target| match n {
                    14 => fx.send_text(target, &text),
                    _ => fx.send_binary(target, text.into_bytes().into()),
                });
            }
        }
    }

    fn join(&mut self, who: SocketId, room: &str, fx: &mut Effects<'_>) {
        let config = &self.config;
        let wanted = match self.people.get_mut(&who) {
            Some(person) if person.rooms.contains(room) => Ok(false),
            Some(_) if room.len() > config.max_room_name => Err(JoinError::Name),
            Some(person) if person.rooms.len() == config.max_rooms => Err(JoinError::TooMany),
            Some(person) => Ok(person.rooms.insert(room.into())),
            None => Ok(false),
        };
        assert_eq!(fx.join(who, room), wanted);
    }

    /// A new tag, which these are to get.
    fn expect(&mut self, recipients: &[SocketId]) -> u64 {
        self.tags += 1;
        self.positions.insert(self.tags, self.position);
        self.expected.extend(recipients.iter().map(|who| (*who, self.tags)));
        self.tags
    }

    fn send(&mut self, fx: &mut Effects<'_>) {
        let aim = self.aim();
        let flags = self.below(256);
        let (volatile, passing) = (flags & 3 == 1, flags & 3 == 2);
        let recipients = self.recipients(&aim, fx);
        let tag = self.expect(&recipients);
        let kept = self.config.recovery.is_some() && !volatile && !passing;
        let for_one_who_can_return = match &aim {
            Aim::Socket(who) => self.people.get(who).is_some_and(|person| person.history.is_some()),
            Aim::Namespace(_) | Aim::Room(..) | Aim::Among { .. } => true,
        };
        if kept && for_one_who_can_return {
            self.position += 1;
            self.positions.insert(tag, self.position);
            let people = &self.people;
            for history in &mut self.histories {
                let included = match history.state {
                    State::Here(who) => recipients.contains(&who) && people.contains_key(&who),
                    State::Gone(_) => aim.includes(None, &history.nsp, &history.id, &history.rooms),
                    State::Over => false,
                };
                if included {
                    history.told.push((self.position, tag));
                }
            }
        }
        let data = [Bytes::from_static(b"abc")];
        let mut emit = Emit::new("e").arg(&format!("#{tag}#"));
        if flags & 4 != 0 {
            emit = emit.arg(&"x".repeat(flags));
        }
        if flags & 8 != 0 {
            emit = emit.args_json(r#"{"_placeholder":true,"num":0}"#).attachments(&data);
        }
        if flags & 16 != 0 {
            emit = emit.uncompressed();
        }
        emit = match (volatile, passing) {
            (true, _) => emit.volatile(),
            (_, true) => emit.passing(),
            _ => emit,
        };
        aim.with(|target| fx.send(target, &emit));
    }

    fn ask(&mut self, fx: &mut Effects<'_>) {
        let aim = self.aim();
        let timeout = 1 + u64::try_from(self.below(256)).unwrap_or_default();
        let owes = |who: &SocketId| self.asks.values().filter(|ask| ask.waiting.contains(who)).count();
        let (waiting, silent): (Vec<_>, Vec<_>) =
            self.recipients(&aim, fx).into_iter().partition(|who| owes(who) < self.config.max_asks);
        let tag = self.expect(&waiting);
        let id = aim.with(|target| fx.ask(target, &Emit::new("e").arg(&format!("#{tag}#")), timeout));
        let (waiting, silent) = (waiting.into_iter().collect(), silent.into_iter().collect());
        // Where nobody is asked, that is said soon.
        let waiting: BTreeSet<SocketId> = waiting;
        let deadline = fx.now().after(if waiting.is_empty() { 1 } else { timeout.max(1) });
        let ask = Asked { waiting, silent, deadline };
        assert!(self.asks.insert(id, ask).is_none(), "{id:?} is two asks");
    }

    /// While it is called, it may do something, too.
    fn interfere(&mut self, fx: &mut Effects<'_>) {
        if self.below(4) == 1 {
            self.act(fx);
        }
    }

    /// Somebody's seat is gone: nothing is awaited from it any more.
    fn stand_up(&mut self, who: SocketId) -> Person {
        for ask in self.asks.values_mut() {
            if ask.waiting.remove(&who) {
                ask.silent.insert(who);
            }
        }
        self.people.remove(&who).unwrap_or_else(|| panic!("{who:?} was not here"))
    }

    fn learn_pid(&mut self, who: SocketId, pid: String) {
        let history = self.people.get(&who).and_then(|person| person.history);
        if let Some(history) = history.map(|index| &mut self.histories[index]) {
            assert!(history.pid.is_empty() || history.pid == pid, "{pid} was {}", history.pid);
            history.pid = pid;
        }
    }

    /// Somebody gets something. How many kept events there were by then.
    fn hear(&mut self, who: SocketId, tag: u64, offset: Option<&String>) -> u64 {
        assert_eq!(self.expected.pop_front(), Some((who, tag)));
        let history = self.people.get(&who).and_then(|person| person.history);
        if let (Some(index), Some(offset)) = (history, offset) {
            self.histories[index].heard.push(offset.clone());
        }
        self.positions[&tag]
    }

    fn check(&self, fx: &Effects<'_>) {
        let all: BTreeSet<&Nsp> = self.people.values().map(|person| &person.nsp).collect();
        assert_eq!(fx.namespaces().into_iter().collect::<BTreeSet<_>>(), all);
        for nsp in all {
            let here: Vec<SocketId> =
                self.people.iter().filter(|(_, person)| person.nsp == *nsp).map(|(who, _)| *who).collect();
            assert_eq!(fx.count(nsp), here.len());
            assert_eq!(fx.recipients(Target::Namespace(nsp)), here);
        }
        for (who, person) in &self.people {
            assert_eq!(fx.nsp(*who), Some(&person.nsp));
            assert_eq!(fx.id(*who).as_ref(), Some(&person.id));
            assert_eq!(fx.find(&person.nsp, &person.id), Some(*who));
            assert_eq!(
                fx.rooms(*who).into_iter().collect::<BTreeSet<_>>(),
                person.rooms.iter().map(|room| &**room).collect()
            );
            assert_eq!(fx.data(*who), person.data.as_deref());
        }
    }
}

fn answer(n: usize) -> Admission {
    match n {
        0 => Admission::Accept,
        1 => Admission::Refuse(Refusal::new("no").with_data(&1)),
        2 => Admission::NoSuchNamespace,
        _ => Admission::Later,
    }
}

impl App for Puppet {
    fn admit(&mut self, who: SocketId, _: &Connect, fx: &mut Effects<'_>) -> Admission {
        self.interfere(fx);
        let admission = match self.admission % 8 {
            n @ 5..=7 => answer(usize::from(n) - 4),
            _ => Admission::Accept,
        };
        if admission == Admission::Later {
            self.waiting.insert(who, fx.now());
        }
        admission
    }

    fn connect(&mut self, who: SocketId, connect: &Connect, fx: &mut Effects<'_>) {
        self.waiting.remove(&who);
        let (nsp, id) = (connect.nsp.clone(), connect.id());
        let can_recover = self.config.recovery.is_some() && self.config.protocol != Protocol::EngineIo;
        let can_return = can_recover && connect.revision == Revision::V4;
        assert_eq!(fx.can_recover(), can_recover);
        assert!(!fx.was_recovered(who));
        let history = can_return.then(|| {
            self.histories.push(History {
                pid: String::new(),
                nsp: nsp.clone(),
                id: id.clone(),
                rooms: BTreeSet::new(),
                data: None,
                state: State::Here(who),
                told: Vec::new(),
                heard: Vec::new(),
            });
            self.histories.len() - 1
        });
        let person = Person { nsp, id, rooms: BTreeSet::new(), data: None, history };
        assert!(self.people.insert(who, person).is_none(), "{who:?} is here already");
        self.interfere(fx);
    }

    /// Whoever comes back gets what it missed, all of it and nothing else.
    fn recover(&mut self, who: SocketId, earlier: Earlier, connect: &Connect, fx: &mut Effects<'_>) {
        let claim = self.claim.unwrap_or_else(|| panic!("{who:?} did not ask for it"));
        let state = self.histories[claim.history].state;
        let (rooms, data) = if earlier.connected {
            assert_eq!(state, State::Here(earlier.was));
            let person = self.stand_up(earlier.was);
            (person.rooms, person.data)
        } else {
            assert_eq!(state, State::Gone(earlier.was));
            let history = &self.histories[claim.history];
            (history.rooms.clone(), history.data.clone())
        };
        let history = &mut self.histories[claim.history];
        assert_eq!(connect.nsp, history.nsp);
        history.state = State::Here(who);
        let from = claim.from.unwrap_or_else(|| panic!("{who:?} said nothing that makes sense"));
        let missed = history.told.iter().filter(|(position, _)| *position > from);
        self.expected.extend(missed.map(|(_, tag)| (who, *tag)));
        assert!(fx.was_recovered(who));
        let person =
            Person { nsp: history.nsp.clone(), id: history.id.clone(), rooms, data, history: Some(claim.history) };
        assert!(self.people.insert(who, person).is_none(), "{who:?} is here already");
        self.check(fx);
        self.interfere(fx);
    }

    fn event(&mut self, who: SocketId, event: &Received, ack: Option<AckId>, fx: &mut Effects<'_>) {
        assert!(self.people.contains_key(&who), "{event:?} of a stranger");
        if let Some(ack) = ack
            && self.below(2) == 0
        {
            let tag = self.expect(&[who]);
            fx.ack(who, ack, &format!("#{tag}#"));
        }
        self.interfere(fx);
    }

    fn message(&mut self, who: SocketId, _: &Said, fx: &mut Effects<'_>) {
        assert!(self.people.contains_key(&who), "a message of a stranger");
        self.interfere(fx);
    }

    fn answer(&mut self, ask: AskId, who: SocketId, _: &Received, fx: &mut Effects<'_>) {
        let asked = self.asks.get_mut(&ask).unwrap_or_else(|| panic!("nobody asked {ask:?}"));
        assert!(asked.waiting.remove(&who), "{who:?} was not asked, or has answered");
        self.interfere(fx);
    }

    fn asked(&mut self, ask: AskId, silent: &[SocketId], fx: &mut Effects<'_>) {
        let Asked { waiting, silent: mut wanted, deadline } =
            self.asks.remove(&ask).unwrap_or_else(|| panic!("nobody asked {ask:?}"));
        assert!(waiting.is_empty() || deadline <= fx.now(), "{waiting:?} may answer yet");
        wanted.extend(waiting);
        assert_eq!(silent.iter().copied().collect::<BTreeSet<_>>(), wanted);
        assert_eq!(silent.len(), wanted.len());
        self.interfere(fx);
    }

    fn disconnecting(&mut self, who: SocketId, _: Reason, fx: &mut Effects<'_>) {
        self.leaving = Some(who);
        self.check(fx);
        self.interfere(fx);
    }

    fn disconnect(&mut self, who: SocketId, reason: Reason, fx: &mut Effects<'_>) {
        let person = self.stand_up(who);
        if let Some(index) = person.history {
            let history = &mut self.histories[index];
            assert_eq!(history.state, State::Here(who));
            let was_leaving = self.leaving == Some(who);
            assert!(was_leaving || self.claim.is_some_and(|claim| claim.history == index), "{who:?} left unseen");
            history.state = if was_leaving && reason.is_recoverable() { State::Gone(who) } else { State::Over };
            (history.rooms, history.data) = (person.rooms, person.data);
        } else {
            assert_eq!(self.leaving, Some(who));
        }
        self.leaving = None;
        self.check(fx);
        self.interfere(fx);
    }

    fn wake(&mut self, fx: &mut Effects<'_>) {
        let at = self.wake.take().unwrap_or_else(|| panic!("nobody wanted to be woken"));
        assert!(at <= fx.now(), "woken too early");
        self.interfere(fx);
    }
}
