//! Ends from either side, and what still goes out.

use crate::{hear, packets, poller, post, say, socket, world};
use sanket::{Reason, Revision};

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
