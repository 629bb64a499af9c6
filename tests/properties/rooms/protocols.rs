//! The other protocols: Engine.IO alone, and Socket.IO with MessagePack.

use crate::{calls, with};
use bytes::Bytes;
use rmp::encode as write;
use sanket::codec::BodyKind;
use sanket::driver::{RawMessage, RequestId, WsMessage};
use sanket::{
    Admission, App, Config, ConnectError, ConnectRequest, Effects, Emit, Message, Nsp, Protocol, Reason, Revision,
    SocketId, Target,
};
use sanket_tests::people::{Call, Recorder};
use sanket_tests::world::{Session, World};

const ROOT: &Nsp = &Nsp::ROOT;
const BOTH: [Revision; 2] = [Revision::V3, Revision::V4];

fn world(protocol: Protocol) -> World<Recorder> {
    World::new(Recorder::default(), Config { protocol, ..Config::default() })
}

/// Binary messages begin with a type byte in EIO=3.
fn framed(revision: Revision, data: &[u8]) -> Vec<u8> {
    if revision == Revision::V3 { [&[4], data].concat() } else { data.to_vec() }
}

fn text(text: &str) -> WsMessage {
    WsMessage::Text(Bytes::copy_from_slice(text.as_bytes()))
}

#[test]
fn engine_io_alone_is_one_socket_and_messages() {
    for revision in BOTH {
        let mut world = world(Protocol::EngineIo);
        let (session, ws) = world.open_ws(revision).expect("there is room");
        let [Call::Admit(who, nsp), Call::Connect(_)] = &calls(&mut world)[..] else { panic!("it is not in") };
        let who = *who;
        assert_eq!(nsp, "/");
        assert_eq!(world.receive(session, ws, 1_000).len(), 1, "the handshake, and no CONNECT");
        world.send(session, ws, RawMessage::Text("4hello"));
        world.send(session, ws, RawMessage::Text("42[\"no packet\"]"));
        world.send(session, ws, RawMessage::Binary(&framed(revision, b"\x01\x02")));
        assert_eq!(
            calls(&mut world),
            [
                Call::Message(who, Message::Text("hello".into())),
                Call::Message(who, Message::Text("2[\"no packet\"]".into())),
                Call::Message(who, Message::Binary(Bytes::from_static(b"\x01\x02"))),
            ]
        );
        with(&mut world, |fx| {
            fx.send_text(Target::Namespace(ROOT), "é");
            fx.send_binary(Target::Socket(who), Bytes::from_static(b"\x03"));
            let id = fx.id(who).expect("it is there");
            assert_eq!(id, session.sid.to_string(), "there is no other id");
            fx.send_text(Target::Room(ROOT, &id), "");
        });
        let wanted = [text("4é"), WsMessage::Binary(framed(revision, b"\x03").into()), text("4")];
        assert_eq!(world.receive(session, ws, 1_000), wanted);
        with(&mut world, |fx| fx.disconnect(who, false));
        assert_eq!(world.receive(session, ws, 1_000), []);
        assert_eq!(world.end_of(session), Some(Reason::ForcedServerClose));
        assert!(!world.is_open(ws));
        let reason = Reason::ServerNamespaceDisconnect;
        assert_eq!(calls(&mut world).last(), Some(&Call::Disconnect(who, reason, vec![])));
        world.assert_silence_ends_everything();
    }
}

#[test]
fn engine_io_alone_polls_too() {
    let mut world = world(Protocol::EngineIo);
    let (session, opened) = world.open_polling(Revision::V4, false).expect("there is room");
    assert_eq!(world.answer(opened).expect("an answer").0, 200);
    calls(&mut world);
    let post = world.post(session, BodyKind::Text, b"4a\x1ebAQI=\x1e4");
    assert_eq!(world.answer(post).expect("an answer").0, 200);
    let said: Vec<Message> = calls(&mut world)
        .into_iter()
        .map(|call| if let Call::Message(_, said) = call { said } else { panic!("{call:?}") })
        .collect();
    assert_eq!(
        said,
        [Message::Text("a".into()), Message::Binary(Bytes::from_static(b"\x01\x02")), Message::Text("".into())]
    );
    with(&mut world, |fx| {
        fx.send_binary(Target::Namespace(ROOT), Bytes::from_static(b"\x01\x02"));
        fx.send_text(Target::Namespace(ROOT), "x");
    });
    let poll = world.get(session);
    assert_eq!(&*world.answer(poll).expect("an answer").2, b"bAQI=\x1e4x");
    world.assert_silence_ends_everything();
}

/// Answers as it is told, when somebody knocks.
#[derive(Debug)]
struct Door(Admission, Option<SocketId>);

impl App for Door {
    fn admit(&mut self, who: SocketId, _: &ConnectRequest, _: &mut Effects<'_>) -> Admission {
        self.1 = Some(who);
        self.0.clone()
    }

    fn connect(&mut self, _: SocketId, _: &ConnectRequest, _: &mut Effects<'_>) {}

    fn disconnect(&mut self, _: SocketId, _: Reason, _: &mut Effects<'_>) {}
}

#[test]
fn a_refusal_closes_a_session_of_engine_io_alone() {
    for revision in BOTH {
        for admission in [Admission::Refuse(ConnectError::new("no")), Admission::NoSuchNamespace, Admission::Later] {
            let config = Config { protocol: Protocol::EngineIo, connect_timeout: 5_000, ..Config::default() };
            let mut world = World::new(Door(admission.clone(), None), config);
            let (session, ws) = world.open_ws(revision).expect("there is room");
            if admission == Admission::Later {
                // Nobody listens yet.
                world.send(session, ws, RawMessage::Text("4early"));
                assert_eq!(world.end_of(session), None);
                world.advance(5_100);
            }
            let heard = world.receive(session, ws, 1_000);
            assert_eq!(heard.len(), 1, "nothing but the handshake: {heard:?}");
            assert_eq!(world.end_of(session), Some(Reason::ForcedServerClose));
            assert!(world.server.hub.is_empty());
            world.assert_silence_ends_everything();
        }
    }
}

#[test]
fn engine_io_alone_may_let_in_later() {
    let config = Config { protocol: Protocol::EngineIo, ..Config::default() };
    let mut world = World::new(Door(Admission::Later, None), config);
    let (session, ws) = world.open_ws(Revision::V4).expect("there is room");
    world.apply(|app, fx| fx.decide(app.1.expect("it has knocked"), Admission::Accept));
    world.apply(|_, fx| fx.send_text(Target::Namespace(ROOT), "x"));
    assert_eq!(world.receive(session, ws, 1_000)[1..], [text("4x")]);
}

/// What clients without credentials send for them, as notepack writes it.
const UNDEFINED: &[u8] = b"\xd4\x00\x00";

/// `{type, data, nsp, id}` as socket.io-msgpack-parser writes it; `data` is msgpack already.
fn packet(kind: u8, nsp: &str, id: Option<u64>, data: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    write::write_map_len(&mut bytes, 3 + u32::from(id.is_some())).expect("a vector takes everything");
    write::write_str(&mut bytes, "type").expect("a vector takes everything");
    write::write_uint(&mut bytes, kind.into()).expect("a vector takes everything");
    write::write_str(&mut bytes, "data").expect("a vector takes everything");
    bytes.extend(data);
    write::write_str(&mut bytes, "nsp").expect("a vector takes everything");
    write::write_str(&mut bytes, nsp).expect("a vector takes everything");
    if let Some(id) = id {
        write::write_str(&mut bytes, "id").expect("a vector takes everything");
        write::write_uint(&mut bytes, id).expect("a vector takes everything");
    }
    bytes
}

/// Everything on the line is binary but the handshake.
fn packets(world: &mut World<Recorder>, session: Session, ws: RequestId) -> Vec<Vec<u8>> {
    let messages = world.receive(session, ws, 1_000);
    let skip = usize::from(session.revision == Revision::V3);
    let binary = |message| match message {
        WsMessage::Binary(data) => Some(data[skip..].to_vec()),
        WsMessage::Text(text) => {
            assert!(text.starts_with(b"0{"), "{text:?}");
            None
        }
    };
    messages.into_iter().filter_map(binary).collect()
}

#[test]
fn msgpack_from_connect_to_disconnect() {
    for revision in BOTH {
        let mut world = world(Protocol::SocketIoMsgPack);
        let (session, ws) = world.open_ws(revision).expect("there is room");
        let send = |world: &mut World<Recorder>, packet: Vec<u8>| {
            world.send(session, ws, RawMessage::Binary(&framed(revision, &packet)));
        };
        if revision == Revision::V4 {
            send(&mut world, packet(0, "/", None, UNDEFINED));
        }
        let connected = packets(&mut world, session, ws);
        assert_eq!(connected.len(), 1);
        assert!(connected[0].starts_with(b"\x83\xa4type\x00") || connected[0].starts_with(b"\x82\xa4type\x00"));
        let who = *with(&mut world, |fx| fx.fetch_sockets(Target::Namespace(ROOT))).first().expect("it is in");
        calls(&mut world);
        // An event with something binary in it, which wants an ack.
        send(&mut world, packet(2, "/", Some(7), b"\x92\xa1x\xc4\x02\x01\x02"));
        let event = r#"["x",{"_placeholder":true,"num":0}]"#;
        assert_eq!(calls(&mut world), [Call::Event(who, event.into())]);
        assert_eq!(packets(&mut world, session, ws), [packet(3, "/", Some(7), b"\x91\xa5taken")]);
        // One to the client, with something binary.
        let data = [Bytes::from_static(b"\x05")];
        with(&mut world, |fx| {
            let event = Emit::new("y").args_json(r#"{"_placeholder":true,"num":0}"#).attachments(&data);
            fx.send(Target::Socket(who), &event);
        });
        assert_eq!(packets(&mut world, session, ws), [packet(2, "/", None, b"\x92\xa1y\xc4\x01\x05")]);
        // And one that wants an answer.
        let ask = with(&mut world, |fx| fx.emit_with_ack(Target::Socket(who), &Emit::new("q"), 1_000));
        assert_eq!(packets(&mut world, session, ws), [packet(2, "/", Some(0), b"\x91\xa1q")]);
        send(&mut world, packet(3, "/", Some(0), b"\x91\x01"));
        let wanted = [Call::Ack(ask, who, "[1]".into()), Call::AcksDone(ask, vec![])];
        assert_eq!(calls(&mut world), wanted);
        // A refusal, and goodbye.
        send(&mut world, packet(0, "/no", None, UNDEFINED));
        let refused = packets(&mut world, session, ws);
        assert!(refused[0].starts_with(b"\x83\xa4type\x04"), "{refused:?}");
        with(&mut world, |fx| fx.disconnect(who, false));
        let goodbye = packets(&mut world, session, ws);
        assert!(goodbye.len() == 1 && goodbye[0].starts_with(b"\x82\xa4type\x01"), "{goodbye:?}");
        assert_eq!(world.end_of(session), None);
        world.assert_silence_ends_everything();
    }
}

#[test]
fn msgpack_polls_too() {
    for revision in BOTH {
        let mut world = world(Protocol::SocketIoMsgPack);
        let (session, opened) = world.open_polling(revision, false).expect("there is room");
        assert_eq!(world.answer(opened).expect("an answer").0, 200);
        if revision == Revision::V4 {
            let post = world.post(session, BodyKind::Text, b"bg6R0eXBlAKRkYXRh1AAAo25zcKEv");
            assert_eq!(world.answer(post).expect("an answer").0, 200);
        }
        assert_eq!(world.server.hub.len(), 1);
        let poll = world.get(session);
        let (status, kind, body) = world.answer(poll).expect("an answer");
        assert_eq!(status, 200);
        match revision {
            Revision::V4 => assert!(kind.starts_with("text/plain") && body.starts_with(b"b"), "{body:?}"),
            Revision::V3 => assert_eq!((kind, &body[..2]), ("application/octet-stream", &b"\x01\x01"[..])),
        }
    }
}

#[test]
fn what_is_no_packet_closes_a_msgpack_session() {
    for bad in [
        packet(2, "/", None, b"\x91"),
        packet(2, "/a", None, b"\x91\xa1x"),
        packet(7, "/", None, b"\x91\xa1x"),
        packet(0, "/a", None, b"\xc0"),
        packet(2, "/", None, b"\x80"),
        b"\x01".to_vec(),
    ] {
        let mut world = world(Protocol::SocketIoMsgPack);
        let (session, ws) = world.open_ws(Revision::V4).expect("there is room");
        world.send(session, ws, RawMessage::Binary(&packet(0, "/", None, b"\x80")));
        world.send(session, ws, RawMessage::Binary(&bad));
        packets(&mut world, session, ws);
        assert_eq!(world.end_of(session), Some(Reason::ForcedClose), "{bad:x?}");
    }
    let mut world = world(Protocol::SocketIoMsgPack);
    let (session, ws) = world.open_ws(Revision::V4).expect("there is room");
    world.send(session, ws, RawMessage::Text("40"));
    packets(&mut world, session, ws);
    assert_eq!(world.end_of(session), Some(Reason::ForcedClose), "text means nothing");
}
