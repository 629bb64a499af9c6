//! Binary attachments: complete, missing, too large, too late.

use crate::{BOTH, hear, say, socket, text, world};
use bytes::Bytes;
use sanket::driver::{RawMessage, WsMessage};
use sanket::{Config, Reason, Revision};
use sanket_tests::world::{Everything, World};

#[test]
fn attachments_come_back_whole_on_every_transport() {
    let data = [Bytes::from_static(b"\x00\xff4"), Bytes::new()];
    let args = r#"[{"_placeholder":true,"num":1},{"_placeholder":true,"num":0}]"#;
    for revision in BOTH {
        let mut world = world();
        let (session, ws) = socket(&mut world, revision);
        say(&mut world, session, ws, &format!("452-9[\"echo\",{args}]"));
        for bytes in &data {
            let framed = if revision == Revision::V3 { [&[4], &bytes[..]].concat() } else { bytes.to_vec() };
            world.send(session, ws, RawMessage::Binary(&framed));
        }
        let got = world.receive(session, ws, usize::MAX);
        assert_eq!([text(&got[0]), text(&got[3])], [format!("452-[\"echo\",{args}]"), format!("462-9[{args}]")]);
        for (message, bytes) in got[1..3].iter().chain(&got[4..]).zip(data.iter().chain(&data)) {
            let framed = if revision == Revision::V3 { [&[4], &bytes[..]].concat() } else { bytes.to_vec() };
            assert_eq!(*message, WsMessage::Binary(framed.into()));
        }
    }
}

#[test]
fn text_while_attachments_are_owed_and_attachments_that_nobody_owes_end_the_session() {
    let mut world = world();
    let (session, ws) = socket(&mut world, Revision::V4);
    say(&mut world, session, ws, "451-[\"echo\",{\"_placeholder\":true,\"num\":0}]");
    say(&mut world, session, ws, "42[\"echo\"]");
    assert_eq!(world.end_of(session), Some(Reason::ForcedClose));
    let (session, ws) = socket(&mut world, Revision::V4);
    world.send(session, ws, RawMessage::Binary(b"nobody asked"));
    assert_eq!(world.end_of(session), Some(Reason::ForcedClose));
}

#[test]
fn attachments_that_never_come_end_the_session() {
    let mut world = world();
    let (session, ws) = socket(&mut world, Revision::V3);
    say(&mut world, session, ws, "452-[\"echo\"]");
    world.advance(44_000);
    world.send(session, ws, RawMessage::Binary(b"\x04one"));
    world.advance(44_000);
    say(&mut world, session, ws, "2");
    assert_eq!(hear(&mut world, session, ws), ["3"], "a heartbeat does not count");
    world.advance(1_008);
    hear(&mut world, session, ws);
    assert_eq!(world.end_of(session), Some(Reason::ForcedClose));
}

#[test]
fn attachments_beyond_the_limit_end_the_session() {
    let mut world = World::new(Everything::default(), Config { max_attached: 10, ..Config::default() });
    let (session, ws) = socket(&mut world, Revision::V4);
    say(&mut world, session, ws, "452-[\"echo\"]");
    world.send(session, ws, RawMessage::Binary(&[0; 10]));
    assert_eq!(world.end_of(session), None);
    world.send(session, ws, RawMessage::Binary(&[0; 1]));
    assert_eq!(world.end_of(session), Some(Reason::ForcedClose));
}

#[test]
fn attachments_for_a_namespace_that_was_left_meanwhile_are_a_strangers() {
    let mut world = world();
    let (session, ws) = socket(&mut world, Revision::V4);
    let (other, other_ws) = socket(&mut world, Revision::V4);
    say(&mut world, session, ws, "42[\"join\",1]");
    say(&mut world, session, ws, "451-[\"echo\"]");
    say(&mut world, other, other_ws, "42[\"clear\"]");
    assert_eq!(hear(&mut world, session, ws), ["41"]);
    // The world would complain of an event from a socket that has left.
    world.send(session, ws, RawMessage::Binary(b"late"));
    hear(&mut world, session, ws);
    assert_eq!(world.end_of(session), Some(Reason::ForcedClose));
}
