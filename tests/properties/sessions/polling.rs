//! Requests: polls and POSTs that overlap, break off, or are too large.

use crate::{BOTH, packets, poller, socket, world};
use sanket::codec::BodyKind;
use sanket::driver::{Batch, Delivery, Outgoing};
use sanket::{Emit, Nsp, Reason, Revision, Target};

#[test]
fn two_polls_at_once_end_the_session() {
    for revision in BOTH {
        let mut world = world();
        let session = poller(&mut world, revision);
        let (first, second) = (world.get(session), world.get(session));
        assert_eq!(packets(&mut world, session, first), ["1"]);
        assert_eq!(world.answer(second).expect("an answer").0, 400);
        assert_eq!(world.end_of(session), Some(Reason::TransportError));
    }
}

#[test]
fn a_poll_whose_connection_breaks_ends_the_session() {
    let mut world = world();
    let session = poller(&mut world, Revision::V4);
    let poll = world.get(session);
    world.lose_request(session, poll);
    assert_eq!(world.end_of(session), Some(Reason::TransportError));
    assert!(world.server.hub.is_empty(), "the others are told");
}

#[test]
fn a_second_post_beside_one_that_is_under_way_ends_the_session() {
    let mut world = world();
    let session = poller(&mut world, Revision::V4);
    let first = world.post_begins(session);
    assert!(world.is_waiting(first));
    let second = world.post_begins(session);
    assert_eq!(world.answer(second).expect("an answer").0, 400);
    assert_eq!(world.answer(first).expect("its body is of no interest any more").0, 400);
    assert_eq!(world.end_of(session), Some(Reason::TransportError));
}

#[test]
fn a_post_whose_connection_breaks_ends_the_session_and_one_that_is_too_large_does_not() {
    let mut world = world();
    let session = poller(&mut world, Revision::V4);
    let large = world.post_begins(session);
    world.post_body(session, large, None);
    assert_eq!(world.answer(large).expect("an answer").0, 413);
    let good = world.post_begins(session);
    world.post_body(session, good, Some((BodyKind::Text, b"42[\"echo\",1]")));
    assert_eq!(world.answer(good).expect("an answer").0, 200);
    let broken = world.post_begins(session);
    world.lose_request(session, broken);
    assert_eq!(world.end_of(session), Some(Reason::TransportError));
}

#[test]
fn an_answer_is_worth_compressing_if_anything_in_it_is() {
    let mut world = world();
    socket(&mut world, Revision::V4);
    let now = world.now;
    let mut event = |emit: &Emit<'_>| {
        world.server.hub.apply(now, |_, fx| fx.send(Target::Namespace(&Nsp::ROOT), emit));
        let Some((_, Delivery::Emit(frame))) = world.server.hub.poll_delivery() else { panic!("it is said to nobody") };
        Outgoing::Frame(frame)
    };
    let (worth_it, not) = (event(&Emit::new("a")), event(&Emit::new("a").uncompressed()));
    for (packets, wanted) in [
        (vec![not.clone(), Outgoing::Noop], false),
        (vec![not.clone(), worth_it.clone()], true),
        (vec![worth_it, not], true),
    ] {
        assert_eq!(Batch::new(packets.clone(), Revision::V4, false).wants_compression(), wanted, "{packets:?}");
    }
}
