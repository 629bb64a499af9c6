//! The division of packets makes no difference: in one POST or in several, or on a WebSocket with any number of the
//! driver's turns between them. That the division of a request into pieces makes none is for the tests of the server.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use sanket::codec::BodyKind;
use sanket::driver::{
    Input, NewSession, Opening, Output, RawMessage, RequestId, Server, Sid, WsMessage, decode_message,
};
use sanket::{
    AckId, Admission, App, Config, ConnectRequest, Effects, Emit, Event, Reason, Revision, SocketId, Target, Time,
};
use sanket_tests::world::World;

/// Writes down what it hears, and says it back: as an ack where one is wanted, as an event where none is.
#[derive(Debug, Default)]
struct Witness {
    heard: Vec<String>,
}

impl App for Witness {
    fn admit(&mut self, _: SocketId, connect: &ConnectRequest, _: &mut Effects<'_>) -> Admission {
        if connect.nsp.as_str() == "/no" { Admission::NoSuchNamespace } else { Admission::Accept }
    }

    fn connect(&mut self, who: SocketId, connect: &ConnectRequest, _: &mut Effects<'_>) {
        self.heard.push(format!("{} in {} with {}", who.serial, connect.nsp, connect.auth));
    }

    fn event(&mut self, who: SocketId, event: &Event, ack: Option<AckId>, fx: &mut Effects<'_>) {
        self.heard.push(format!("{}: {} {:?} {ack:?}", who.serial, event.json(), event.attachments()));
        match ack {
            Some(ack) => fx.ack_json(ack, event.args_json(), event.attachments()),
            None => {
                let back = Emit::new("back").args_json(event.args_json()).attachments(event.attachments());
                fx.send(Target::Socket(who), &back);
            }
        }
    }

    fn disconnect(&mut self, who: SocketId, reason: Reason, _: &mut Effects<'_>) {
        self.heard.push(format!("{} out: {reason}", who.serial));
    }
}

/// An Engine.IO packet of a client.
#[derive(Clone, Debug)]
enum Said {
    Text(String),
    Attachment(Vec<u8>),
}

/// Packets that belong together: events with their attachments for the most part, and now and then what is out of place.
fn sayings() -> impl Strategy<Value = Vec<Said>> {
    let json = select(vec!["1", r#""é😀""#, r#"{"a":[null]}"#, r#""\ud800""#, "[]"]);
    let id = select(vec!["", "0", "7", "12345"]);
    let event = (id.clone(), json.clone()).prop_map(|(id, json)| vec![Said::Text(format!(r#"42{id}["say",{json}]"#))]);
    let data = vec(vec(any::<u8>(), 0..40), 1..4);
    let binary = (id, json, data).prop_map(|(id, json, data)| {
        let n = data.len();
        let placeholders = (0..n).map(|num| format!(r#",{{"_placeholder":true,"num":{num}}}"#)).collect::<String>();
        let text = Said::Text(format!(r#"45{n}-{id}["see",{json}{placeholders}]"#));
        std::iter::once(text).chain(data.into_iter().map(Said::Attachment)).collect()
    });
    let odd =
        select(vec!["6", "42/a,[\"said in another\"]", "431[]", "41/a,", "41", "4", "42[", "1", "8", "451-[\"owed\"]"]);
    let talk = prop_oneof![4 => event, 4 => binary, 1 => odd.prop_map(|odd| vec![Said::Text(odd.to_owned())])];
    vec(talk, 1..8).prop_map(|talk| talk.concat())
}

/// What came of it.
#[derive(Debug, PartialEq, Eq)]
struct Outcome {
    heard: Vec<String>,
    answered: Vec<String>,
    end: Option<Reason>,
}

impl Outcome {
    /// Who leaves, or breaks the rules, behind what it asked, in the same breath, does without the answer, which comes too late
    /// for it. What was heard and how it ended are the same all the same.
    fn without_what_came_too_late(mut self) -> Self {
        if self.heard.iter().any(|heard| heard.contains(" out: ")) {
            self.answered.clear();
        }
        self
    }
}

/// The packets in POSTs that end where it is said.
fn posted(said: &[Said], ends: &[bool], revision: Revision, binary: bool) -> Outcome {
    let config = Config::default();
    let mut world = World::new(Witness::default(), config);
    let (session, _) = world.open_polling(revision, !binary).expect("there is room");
    let joins: &[&str] = if revision == Revision::V4 { &["40", "40/a,"] } else { &["40/a,"] };
    for join in joins {
        let (kind, body) = payload(&[Said::Text((*join).to_owned())], revision, false);
        world.post(session, kind, &body);
    }
    let mut ends = ends.iter().copied().chain(std::iter::repeat(false));
    let mut statuses = Vec::new();
    let mut post = |world: &mut World<_>, packets: &[Said]| {
        let (kind, body) = payload(packets, revision, binary);
        let id = world.post(session, kind, &body);
        statuses.push(world.answer(id).map(|(status, ..)| status));
    };
    for piece in said.split_inclusive(|_| ends.next() == Some(true)) {
        post(&mut world, piece);
    }
    let mut answers = Vec::new();
    while !world.server.shard.is_empty() {
        let poll = world.get(session);
        match world.answer(poll) {
            Some((status, kind, body)) => answers.push(format!("{status} {kind} {}", body.escape_ascii())),
            None => break,
        }
    }
    let (heard, end) = (world.server.hub.app().heard.clone(), world.end_of(session));
    Outcome { heard, answered: answers, end }.without_what_came_too_late()
}

/// A body of these packets.
fn payload(packets: &[Said], revision: Revision, binary: bool) -> (BodyKind, Vec<u8>) {
    let text = |said: &Said| match (said, revision) {
        (Said::Text(text), _) => text.clone(),
        (Said::Attachment(data), Revision::V3) => format!("b4{}", STANDARD.encode(data)),
        (Said::Attachment(data), Revision::V4) => format!("b{}", STANDARD.encode(data)),
    };
    match revision {
        Revision::V4 => (BodyKind::Text, packets.iter().map(text).collect::<Vec<_>>().join("\x1e").into()),
        Revision::V3 if !binary => {
            let sized = |text: String| format!("{}:{text}", text.encode_utf16().count());
            (BodyKind::Text, packets.iter().map(|said| sized(text(said))).collect::<String>().into())
        }
        Revision::V3 => {
            let mut body = Vec::new();
            for said in packets {
                let (kind, data) = match said {
                    Said::Text(text) => (0, text.clone().into_bytes()),
                    Said::Attachment(data) => (1, [&[4], &data[..]].concat()),
                };
                body.push(kind);
                body.extend(data.len().to_string().bytes().map(|digit| digit - b'0'));
                body.push(0xff);
                body.extend(data);
            }
            (BodyKind::Binary, body)
        }
    }
}

/// The packets on a WebSocket. After each, what is drained is what the bits of `turns` say: outputs, events and deliveries,
/// what is to be written.
fn messaged(said: &[Said], turns: &[u8], revision: Revision) -> Outcome {
    let config = Config::default();
    let mut server = Server::new(Witness::default(), config.clone());
    let (now, ws) = (Time::from_millis(1_000_000), RequestId(1));
    let [sid, public, private] = [1, 2, 3].map(|n| Sid::from_bytes([n; 16]));
    let opening = Opening::WebSocket(ws);
    let new = NewSession { sid, public, private, revision, opening, handshake: None };
    let key = server.shard.open(new, now).expect("there is room");
    let (mut sent, mut end) = (Vec::new(), None);
    let mut work = |server: &mut Server<Witness>, turn: u8| {
        if turn & 1 != 0 {
            while let Some((from, event)) = server.shard.poll_event() {
                server.hub.handle(from, event, now);
            }
        }
        if turn & 2 != 0 {
            while let Some((to, delivery)) = server.hub.poll_delivery() {
                server.shard.deliver(&to, delivery, now);
            }
        }
        if turn & 4 != 0 {
            while server.shard.transmit(key, ws, 1, &mut sent, now) {}
        }
        while turn & 8 != 0
            && let Some((_, output)) = server.shard.poll_output()
        {
            if let Output::Closed(reason) = output {
                end = Some(reason);
            }
        }
    };
    let mut all = |server: &mut Server<Witness>| (0..3).for_each(|_| work(server, !0));
    for join in ["40", "40/a,"].iter().skip(usize::from(revision == Revision::V3)) {
        server.shard.handle(key, Input::WsMessage(ws, decode_message(revision, RawMessage::Text(join), &config)), now);
        all(&mut server);
    }
    all(&mut server);
    let mut turns = turns.iter().copied().chain(std::iter::repeat(!0));
    for said in said {
        let binary;
        let message = match (said, revision) {
            (Said::Text(text), _) => RawMessage::Text(text),
            (Said::Attachment(data), Revision::V4) => RawMessage::Binary(data),
            (Said::Attachment(data), Revision::V3) => {
                binary = [&[4], &data[..]].concat();
                RawMessage::Binary(&binary)
            }
        };
        server.shard.handle(key, Input::WsMessage(ws, decode_message(revision, message, &config)), now);
        work(&mut server, turns.next().unwrap_or_default());
    }
    (0..3).for_each(|_| work(&mut server, !0));
    let words = |message: &WsMessage| match message {
        WsMessage::Text(text) => format!("text {}", text.escape_ascii()),
        WsMessage::Binary(data) => format!("binary {}", data.escape_ascii()),
    };
    let (heard, answered) = (server.hub.app().heard.clone(), sent.iter().map(words).collect());
    Outcome { heard, answered, end }.without_what_came_too_late()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn packets_in_one_post_or_in_several(said in sayings(), ends in vec(any::<bool>(), 0..40), binary in any::<bool>()) {
        for revision in [Revision::V3, Revision::V4] {
            let binary = binary && revision == Revision::V3;
            let whole = posted(&said, &[], revision, binary);
            prop_assert_eq!(&posted(&said, &[true; 100], revision, binary), &whole);
            prop_assert_eq!(&posted(&said, &ends, revision, binary), &whole);
        }
    }

    #[test]
    fn messages_with_any_number_of_turns_between_them(said in sayings(), turns in vec(any::<u8>(), 0..40)) {
        for revision in [Revision::V3, Revision::V4] {
            let always = messaged(&said, &[], revision);
            prop_assert_eq!(&messaged(&said, &[0; 100], revision), &always);
            prop_assert_eq!(&messaged(&said, &turns, revision), &always);
        }
    }
}
