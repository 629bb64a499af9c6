//! The end of a session from either side, and what is still sent.

use crate::{BOTH, hear, packets, poller, post, say, socket, world};
use sanket::driver::{Ask, RequestError, WsEnd};
use sanket::{Reason, Revision};
use sanket_tests::world::{Everything, Session, World};

#[test]
fn a_client_that_says_goodbye_is_answered_noop() {
    let mut world = world();
    let session = poller(&mut world, Revision::V4);
    let poll = world.get(session);
    assert_eq!(post(&mut world, session, "1"), 200);
    assert_eq!(packets(&mut world, session, poll), ["6"]);
    assert_eq!(world.end_of(session), Some(Reason::TransportClose));
    assert_eq!(post(&mut world, session, "3"), 400);
}

#[test]
fn a_closing_server_sends_what_is_queued_first() {
    let mut world = world();
    let session = poller(&mut world, Revision::V4);
    let (other, ws) = socket(&mut world, Revision::V4);
    assert_eq!(post(&mut world, session, "42[\"echo\",1]"), 200);
    say(&mut world, other, ws, "42[\"echo\",2]");
    world.server.shard.shutdown(world.now);
    let poll = world.get(session);
    assert_eq!(packets(&mut world, session, poll), ["42[\"echo\",1]"]);
    // By a poll of its own: a client takes the end in before what came beside it.
    let poll = world.get(session);
    assert_eq!(packets(&mut world, session, poll), ["1"]);
    assert_eq!(world.end_of(session), Some(Reason::ServerShuttingDown));
    assert!(world.is_open(ws), "not before it has been read");
    assert_eq!(hear(&mut world, other, ws), ["42[\"echo\",2]"]);
    assert!(!world.is_open(ws));
    assert!(world.open_ws(Revision::V4).is_err(), "no more sessions");
}

#[test]
fn a_closed_session_that_is_never_polled_is_given_up() {
    let mut world = world();
    let session = poller(&mut world, Revision::V4);
    world.server.shard.shutdown(world.now);
    world.advance(29_990);
    assert_eq!(world.end_of(session), None);
    world.advance(26);
    assert!(world.end_of(session).is_some());
}

#[test]
fn what_was_queued_goes_out_before_a_senseless_packet_ends_the_session() {
    let mut world = world();
    let session = poller(&mut world, Revision::V4);
    assert_eq!(post(&mut world, session, "42[\"echo\",1]"), 200);
    assert_eq!(post(&mut world, session, "42{}"), 200, "it is an Engine.IO message");
    let poll = world.get(session);
    assert_eq!(packets(&mut world, session, poll), ["42[\"echo\",1]"]);
    let poll = world.get(session);
    assert_eq!(packets(&mut world, session, poll), ["1"]);
    assert_eq!(world.end_of(session), Some(Reason::ForcedClose));
}

/// The body of the answer to a poll for a session that there is no more.
fn farewell(world: &mut World<Everything>, session: Session, revision: Revision) -> Option<String> {
    let (shard, now) = (&mut world.server.shard, world.now);
    let found = shard.route(session.sid, Some(revision), Ask::Poll, now);
    assert_eq!(found, Err(RequestError::UnknownSid));
    let (status, _, body) = shard.farewell(session.sid, Some(revision), now)?.into_parts();
    assert_eq!(status, 200);
    Some(String::from_utf8(body.to_vec()).expect("text"))
}

/// On two threads the close packet can arrive before the poll that was sent before it.
#[test]
fn a_poll_that_the_close_packet_has_overtaken_is_answered_noop_once() {
    for (revision, noop) in [(Revision::V4, "6"), (Revision::V3, "1:6")] {
        let other = if revision == Revision::V4 { Revision::V3 } else { Revision::V4 };
        let mut world = world();
        let session = poller(&mut world, revision);
        assert_eq!(world.server.shard.farewell(session.sid, Some(revision), world.now).map(drop), None, "it lives");
        assert_eq!(post(&mut world, session, "1"), 200);
        assert_eq!(world.end_of(session), Some(Reason::TransportClose));
        world.now = world.now.after(999);
        assert_eq!(farewell(&mut world, session, other), None, "not its revision");
        assert_eq!(farewell(&mut world, session, revision).as_deref(), Some(noop));
        assert_eq!(farewell(&mut world, session, revision), None, "once");
    }
}

#[test]
fn a_poll_for_a_session_that_was_closed_long_ago_finds_nothing() {
    let mut world = world();
    let session = poller(&mut world, Revision::V4);
    assert_eq!(post(&mut world, session, "1"), 200);
    world.now = world.now.after(1_000);
    assert_eq!(farewell(&mut world, session, Revision::V4), None);
}

#[test]
fn only_a_session_that_its_client_closed_unpolled_has_a_farewell() {
    for revision in BOTH {
        let mut world = world();
        let polled = poller(&mut world, revision);
        let poll = world.get(polled);
        assert_eq!(post(&mut world, polled, "1"), 200);
        assert_eq!(packets(&mut world, polled, poll), ["6"]);
        let malformed = poller(&mut world, revision);
        assert_eq!(post(&mut world, malformed, "x"), 400);
        let (by_packet, ws) = socket(&mut world, revision);
        say(&mut world, by_packet, ws, "1");
        let (by_end, ws) = socket(&mut world, revision);
        world.end_ws(by_end, ws, WsEnd::Closed);
        for session in [polled, malformed, by_packet, by_end] {
            assert!(world.end_of(session).is_some());
            assert_eq!(farewell(&mut world, session, revision), None);
        }
    }
}
