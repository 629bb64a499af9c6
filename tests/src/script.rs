//! Scripts: bytes that are read as actions of clients, in any order and at any time. Any bytes are a script, so that
//! fuzzers and property tests can mutate and shrink them.

use crate::world::{Everything, Session, World};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sanket::codec::BodyKind;
use sanket::driver::{RawMessage, RequestId, WsEnd, WsMessage};
use sanket::{Config, Nsp, Protocol, Recovery, Revision, Target};

/// Reads numbers off bytes; zeros when they are used up.
#[derive(Debug)]
pub struct Script<'a>(&'a [u8]);

impl<'a> Script<'a> {
    /// A script of these bytes.
    #[must_use]
    pub fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// Whether it is over.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.0.is_empty()
    }

    /// The next byte.
    pub fn byte(&mut self) -> u8 {
        let (first, rest) = self.0.split_first().unwrap_or((&0, &[]));
        self.0 = rest;
        *first
    }

    /// A number below `n`, which must not be 0.
    pub fn below(&mut self, n: usize) -> usize {
        usize::from(self.byte()) % n
    }

    /// The next bytes, up to `n`.
    pub fn bytes(&mut self, n: usize) -> &'a [u8] {
        let (taken, rest) = self.0.split_at(n.min(self.0.len()));
        self.0 = rest;
        taken
    }
}

/// What clients say, right and wrong; the bytes of the script come in where nothing fits.
const TEXTS: [&str; 43] = [
    "40",
    "40/a,",
    "40/ab,{\"t\":1}",
    "40/long,",
    "40{\"token\":\"x\"}",
    "41",
    "41/a,",
    "42[\"echo\",1]",
    "420[\"echo\",\"é😀\"]",
    "42/a,7[\"echo\"]",
    "42[\"all\",{\"b\":1,\"a\":2}]",
    "42[\"typing\"]",
    "42[\"join\",1]",
    "42[\"leave\",1]",
    "42[\"room\",1]",
    "42[\"out\"]",
    "42[\"out\",true]",
    "451-[\"echo\",{\"_placeholder\":true,\"num\":0}]",
    "452-3[\"all\",{\"_placeholder\":true,\"num\":1}]",
    "430[]",
    "43[1]",
    "461-5[{\"_placeholder\":true,\"num\":0}]",
    "44{}",
    "42[\"connect\"]",
    "42[]",
    "2",
    "2probe",
    "3",
    "3probe",
    "5",
    "6",
    "1",
    "0",
    "",
    "42[\"ask\"]",
    "430[1]",
    "431[\"\"]",
    "40/l,",
    "42[\"admit\",true]",
    "42[\"admit\"]",
    "42[\"still\"]",
    "42[\"still\",\"now\"]",
    "4out",
];

/// The same in MessagePack.
const PACKED: [&[u8]; 19] = [
    b"\x82\xa4type\x00\xa3nsp\xa1/",
    b"\x82\xa4type\x00\xa3nsp\xa2/a",
    b"\x82\xa4type\x00\xa3nsp\xa2/l",
    b"\x83\xa4type\x00\xa4data\x81\xa1t\xc4\x01\x00\xa3nsp\xa3/no",
    b"\x82\xa4type\x01\xa3nsp\xa1/",
    b"\x84\xa4type\x02\xa4data\x92\xa4echo\x01\xa3nsp\xa1/\xa2id\x07",
    b"\x84\xa4type\x02\xa4data\x92\xa4echo\xc4\x02\x01\x02\xa3nsp\xa1/\xa2id\x07",
    b"\x83\xa4type\x02\xa4data\x92\xa3all\xc4\x02\x01\x02\xa3nsp\xa1/",
    b"\x83\xa4type\x02\xa4data\x92\xa4join\x01\xa3nsp\xa1/",
    b"\x83\xa4type\x02\xa4data\x92\xa4room\x01\xa3nsp\xa1/",
    b"\x83\xa4type\x02\xa4data\x91\xa5clear\xa3nsp\xa1/",
    b"\x83\xa4type\x02\xa4data\x92\xa3out\xc3\xa3nsp\xa1/",
    b"\x83\xa4type\x02\xa4data\x91\xa3ask\xa3nsp\xa1/",
    b"\x84\xa4type\x03\xa4data\x90\xa3nsp\xa1/\xa2id\x00",
    b"\x84\xa4type\x03\xa4data\x91\xc4\x01\x05\xa3nsp\xa1/\xa2id\x01",
    b"\x83\xa4type\x02\xa4data\x92\xa5admit\xc3\xa3nsp\xa1/",
    b"\x83\xa4type\x02\xa4data\x91\xa5still\xa3nsp\xa1/",
    b"\x83\xa4type\x02\xa4data\x91\xa3out\xa3nsp\xa2/a",
    b"\x81\xa4type",
];

/// A client of the script.
#[derive(Debug)]
struct Client {
    session: Session,
    /// Unanswered and answered requests, and WebSockets, in the order of their making.
    requests: Vec<RequestId>,
    sockets: Vec<RequestId>,
    /// POSTs that have begun.
    posts: Vec<RequestId>,
    connected: bool,
    memory: Memory,
}

/// What a client brings back.
#[derive(Clone, Debug, Default)]
struct Memory {
    pid: Option<String>,
    offset: Option<String>,
}

/// A config whose limits can be hit within a short script.
#[must_use]
pub fn tight() -> Config {
    Config {
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
        max_queue: 2_000,
        max_sessions: 6,
        max_namespaces: 2,
        max_namespace_name: 8,
        max_rooms: 2,
        max_backlog: 10_000,
        max_depth: 8,
        max_unjoined: 5,
        max_room_name: 4,
        max_pending_acks: 2,
        ..Config::default()
    }
}

/// Lets clients do what the script says, and checks that everything holds, to the end of the last of them. The script's
/// first byte says what is spoken, and whether those who are cut off may come back.
///
/// # Panics
///
/// If something does not hold.
pub fn play(bytes: &[u8]) {
    let mut script = Script::new(bytes);
    let mode = script.byte();
    let protocol = [Protocol::SocketIo, Protocol::SocketIoMsgPack, Protocol::EngineIo][usize::from(mode % 3)];
    let recovery = Recovery {
        max_disconnection_duration: 2_000,
        max_log: 5_000,
        max_persisted_sessions: 2,
        max_persisted_bytes: 1_000,
        min_replay_interval: 100,
        replay_rate: 1_000,
        address_replay_burst: 1_000,
        address_replay_rate: 1_000,
    };
    let recovery = (mode / 3 % 2 == 1).then_some(recovery);
    let mut world = World::new(Everything::default(), Config { protocol, recovery, ..tight() });
    let mut clients: Vec<Client> = Vec::new();
    while !script.is_over() {
        step(&mut script, &mut world, &mut clients);
    }
    world.assert_silence_ends_everything();
}

fn step(script: &mut Script<'_>, world: &mut World<Everything>, clients: &mut Vec<Client>) {
    let what = script.below(16);
    if clients.is_empty() || what == 0 {
        open(script, world, clients);
        return;
    }
    let index = script.below(clients.len());
    let client = &mut clients[index];
    let session = client.session;
    let pick = |script: &mut Script<'_>, from: &[RequestId]| match from.len() {
        0 => None,
        n => Some(from[n - 1 - script.below(n.min(3))]),
    };
    match what {
        1 | 2 => client.requests.push(world.get(session)),
        3 => {
            let (kind, body) = body(script, session.revision, world.config.protocol);
            let id = world.post(session, kind, &body);
            assert!(!world.is_waiting(id), "a POST waits");
            client.requests.push(id);
        }
        12 => {
            let id = world.post_begins(session);
            client.requests.push(id);
            client.posts.push(id);
        }
        13 => {
            if let Some(id) = pick(script, &client.posts) {
                let (kind, body) = body(script, session.revision, world.config.protocol);
                let body = (script.below(4) > 0).then_some((kind, &*body));
                world.post_body(session, id, body);
                assert!(!world.is_waiting(id), "a POST waits");
            }
        }
        4 => {
            if let Some(id) = pick(script, &client.requests) {
                world.lose_request(session, id);
            }
        }
        5 => client.sockets.push(world.upgrade(session)),
        6 | 7 => {
            if let Some(ws) = pick(script, &client.sockets) {
                if world.config.protocol == Protocol::SocketIoMsgPack && script.below(8) > 0 {
                    let packed = PACKED[script.below(PACKED.len())];
                    send_binary(world, session, ws, packed);
                } else {
                    world.send(session, ws, RawMessage::Text(&text(script)));
                }
            }
        }
        8 => {
            if let Some(ws) = pick(script, &client.sockets) {
                let n = script.below(80);
                world.send(session, ws, RawMessage::Binary(script.bytes(n)));
            }
        }
        9 => {
            if let Some(ws) = pick(script, &client.sockets) {
                let end = if script.below(2) == 0 { WsEnd::Closed } else { WsEnd::Failed };
                world.end_ws(session, ws, end);
            }
        }
        10 => {
            if let Some(ws) = pick(script, &client.sockets) {
                let max = 1 + 8 * script.below(256);
                let messages = world.receive(session, ws, max);
                client.read(&messages, world.config.protocol);
            }
        }
        14 => reconnect(script, world, clients, index),
        15 => interfere(script, world),
        _ => world.advance(u64::from(script.byte()) * 2),
    }
    let client = &mut clients[index];
    for id in client.requests.clone() {
        if let Some((status, _, body)) = world.answer(id) {
            assert!(matches!(status, 200 | 400 | 413), "{status}");
            assert!(status != 200 || !body.is_empty(), "an empty answer");
            client.memory.take(&body);
        }
    }
}

fn send_binary(world: &mut World<Everything>, session: Session, ws: RequestId, data: &[u8]) {
    let data = if session.revision == Revision::V3 { [&[4], data].concat() } else { data.to_vec() };
    world.send(session, ws, RawMessage::Binary(&data));
}

/// Opens another session, and says in it what a client remembers; that one may not know that it is gone.
fn reconnect(script: &mut Script<'_>, world: &mut World<Everything>, clients: &mut Vec<Client>, who: usize) {
    let mut memory = clients[who].memory.clone();
    match script.below(8) {
        0 => memory.offset = None,
        1 => memory.offset = Some("still".into()),
        _ => {}
    }
    let members = [("pid", &memory.pid), ("offset", &memory.offset)];
    let members: Vec<(&str, &String)> =
        members.into_iter().filter_map(|(name, value)| Some((name, value.as_ref()?))).collect();
    let Ok((session, ws)) = world.open_ws(Revision::V4) else { return };
    if world.config.protocol == Protocol::SocketIoMsgPack {
        let mut packet = b"\x83\xa4type\x00\xa3nsp\xa1/\xa4data".to_vec();
        packet.push(0x80 | u8::try_from(members.len()).unwrap_or_default());
        for text in members.into_iter().flat_map(|(name, value)| [name, value]) {
            packet.push(0xd9);
            packet.push(u8::try_from(text.len()).unwrap_or(u8::MAX));
            packet.extend(text.bytes());
        }
        send_binary(world, session, ws, &packet);
    } else {
        let auth: serde_json::Map<_, _> =
            members.into_iter().map(|(name, value)| (name.to_owned(), value.as_str().into())).collect();
        world.send(session, ws, RawMessage::Text(&format!("40{}", serde_json::Value::from(auth))));
    }
    clients.push(Client::new(session, Vec::new(), vec![ws], memory));
}

/// Somebody outside does something.
fn interfere(script: &mut Script<'_>, world: &mut World<Everything>) {
    let root = Target::Namespace(&Nsp::ROOT);
    match script.below(5) {
        0 => world.apply(|_, fx| fx.emit(root, "news", &1)),
        1 => world.apply(|_, fx| fx.send_text(Target::Room(&Nsp::ROOT, "1"), "")),
        2 => assert!(world.apply(|_, fx| fx.sockets_join(root, "1")) <= 6, "more than there are"),
        3 => world.apply(|_, fx| fx.sockets_leave(root, "1")),
        _ => {
            let close = script.below(2) == 0;
            world.apply(|_, fx| fx.disconnect_sockets(Target::Namespace(&Nsp::new("/a")), close));
        }
    }
}

fn open(script: &mut Script<'_>, world: &mut World<Everything>, clients: &mut Vec<Client>) {
    let revision = if script.below(2) == 0 { Revision::V3 } else { Revision::V4 };
    let opened = if script.below(2) == 0 {
        let base64 = script.below(2) == 0;
        world.open_polling(revision, base64).map(|(session, id)| (session, vec![id], Vec::new()))
    } else {
        world.open_ws(revision).map(|(session, ws)| (session, Vec::new(), vec![ws]))
    };
    if let Ok((session, requests, sockets)) = opened {
        clients.push(Client::new(session, requests, sockets, Memory::default()));
    }
}

fn text(script: &mut Script<'_>) -> String {
    match script.below(TEXTS.len() + 4) {
        n if n < TEXTS.len() => TEXTS[n].into(),
        _ => {
            let n = script.below(24);
            String::from_utf8_lossy(script.bytes(n)).into_owned()
        }
    }
}

fn body(script: &mut Script<'_>, revision: Revision, protocol: Protocol) -> (BodyKind, Vec<u8>) {
    let mut body = Vec::new();
    for n in 0..=script.below(3) {
        let packet = match (script.below(8), protocol, revision) {
            (0, ..) => "bAQID".into(),
            (1..7, Protocol::SocketIoMsgPack, _) => {
                let prefix = if revision == Revision::V3 { "b4" } else { "b" };
                format!("{prefix}{}", STANDARD.encode(PACKED[script.below(PACKED.len())]))
            }
            _ => text(script),
        };
        match revision {
            Revision::V4 if n > 0 => body.extend(format!("\x1e{packet}").bytes()),
            Revision::V4 => body.extend(packet.bytes()),
            Revision::V3 => body.extend(format!("{}:{packet}", packet.encode_utf16().count()).bytes()),
        }
    }
    if script.below(16) == 0 {
        let n = script.below(40);
        body = script.bytes(n).to_vec();
    }
    (if script.below(8) == 0 { BodyKind::Binary } else { BodyKind::Text }, body)
}

impl Memory {
    /// Whatever looks like a credential or an offset, wherever it stands.
    fn take(&mut self, bytes: &[u8]) {
        let after =
            |word: &[u8]| bytes.windows(word.len()).rposition(|window| window == word).map(|at| at + word.len());
        if let Some(at) = after(b"pid") {
            let rest = bytes[at..].iter().skip_while(|byte| !byte.is_ascii() || b"\":".contains(byte));
            self.pid = Some(rest.take(22).map(|byte| char::from(*byte)).collect());
        }
        if let Some(at) = after(b"@") {
            let number = bytes[at..].iter().take_while(|byte| byte.is_ascii_hexdigit() || **byte == b'.');
            self.offset = Some(format!("@{}", number.map(|byte| char::from(*byte)).collect::<String>()));
        }
    }
}

impl Client {
    fn new(session: Session, requests: Vec<RequestId>, sockets: Vec<RequestId>, memory: Memory) -> Self {
        Self { session, requests, sockets, posts: Vec::new(), connected: false, memory }
    }

    /// What comes over a WebSocket must be in order: the handshake first, CONNECT before any event.
    fn read(&mut self, messages: &[WsMessage], protocol: Protocol) {
        for message in messages {
            let (WsMessage::Text(text) | WsMessage::Binary(text)) = message;
            self.memory.take(text);
            let WsMessage::Text(text) = message else { continue };
            let text = std::str::from_utf8(text).expect("text is UTF-8");
            if text.starts_with("40") && !text.starts_with("40/") {
                self.connected = true;
            }
            // What went out over polling before an upgrade is not seen here, so only sessions that began with a
            // WebSocket are held to it.
            let event = protocol == Protocol::SocketIo && text.starts_with("42[");
            assert!(!event || self.connected || !self.requests.is_empty(), "{text} before CONNECT");
        }
    }
}
