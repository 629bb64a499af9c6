//! Sessions, step by step in virtual time: what the protocols require. Each test has the name of the behaviour.
//! Sections are those of the two protocol documents and of the reference's source.

mod attachments;
mod closing;
mod deadlines;
mod heartbeats;
mod incomplete;
mod namespaces;
mod polling;
mod queues;
mod upgrades;

use sanket::codec::BodyKind;
use sanket::driver::{RawMessage, RequestId, WsMessage};
use sanket::{Config, Revision};
use sanket_tests::world::{Everything, Session, World};

pub(crate) const BOTH: [Revision; 2] = [Revision::V3, Revision::V4];

pub(crate) fn world() -> World<Everything> {
    World::new(Everything::default(), Config::default())
}

pub(crate) fn text(message: &WsMessage) -> &str {
    match message {
        WsMessage::Text(bytes) => std::str::from_utf8(bytes).expect("text is UTF-8"),
        WsMessage::Binary(bytes) => panic!("binary: {bytes:?}"),
    }
}

pub(crate) fn texts(messages: &[WsMessage]) -> Vec<&str> {
    messages.iter().map(text).collect()
}

/// The packets of a poll's answer.
pub(crate) fn packets(world: &mut World<Everything>, session: Session, id: RequestId) -> Vec<String> {
    let (status, _, body) = world.answer(id).expect("an answer");
    assert_eq!(status, 200, "{body:?}");
    let body = String::from_utf8(body.to_vec()).expect("a text payload");
    match session.revision {
        Revision::V4 => body.split('\x1e').map(str::to_owned).collect(),
        Revision::V3 => {
            let (mut rest, mut found) = (&*body, Vec::new());
            while let Some((length, after)) = rest.split_once(':') {
                let (packet, after) = after.split_at(length.parse().expect("a length of ASCII text"));
                found.push(packet.to_owned());
                rest = after;
            }
            found
        }
    }
}

pub(crate) fn post(world: &mut World<Everything>, session: Session, packet: &str) -> u16 {
    let body = match session.revision {
        Revision::V4 => packet.to_owned(),
        Revision::V3 => format!("{}:{packet}", packet.encode_utf16().count()),
    };
    let id = world.post(session, BodyKind::Text, body.as_bytes());
    world.answer(id).expect("an answer").0
}

/// A session that polls, is in `/`, and has nothing left to fetch.
pub(crate) fn poller(world: &mut World<Everything>, revision: Revision) -> Session {
    let (session, id) = world.open_polling(revision, false).expect("there is room");
    assert!(packets(world, session, id)[0].starts_with("0{\"sid\":\""));
    if revision == Revision::V4 {
        assert_eq!(post(world, session, "40"), 200);
    }
    let id = world.get(session);
    let got = packets(world, session, id);
    assert!(got[0].starts_with("40"), "{got:?}");
    if !got.iter().any(|packet| packet.contains("hello")) {
        let id = world.get(session);
        assert!(packets(world, session, id)[0].contains("hello"));
    }
    session
}

/// A session on a WebSocket, in `/`, that has read everything.
pub(crate) fn socket(world: &mut World<Everything>, revision: Revision) -> (Session, RequestId) {
    let (session, ws) = world.open_ws(revision).expect("there is room");
    if revision == Revision::V4 {
        say(world, session, ws, "40");
    }
    let got = world.receive(session, ws, usize::MAX);
    assert_eq!(got.len(), 3, "handshake, CONNECT, hello: {got:?}");
    (session, ws)
}

pub(crate) fn say(world: &mut World<Everything>, session: Session, ws: RequestId, packet: &str) {
    world.send(session, ws, RawMessage::Text(packet));
}

pub(crate) fn hear(world: &mut World<Everything>, session: Session, ws: RequestId) -> Vec<String> {
    texts(&world.receive(session, ws, usize::MAX)).into_iter().map(str::to_owned).collect()
}

/// Lets time pass until a ping has just come; how long that took, in milliseconds.
pub(crate) fn await_ping(world: &mut World<Everything>, session: Session, ws: RequestId) -> usize {
    (0..30_000)
        .find(|_| {
            world.advance(1);
            hear(world, session, ws) == ["2"]
        })
        .expect("a ping")
}
