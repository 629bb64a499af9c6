//! The queue of a client: its limit, its order, and what is dropped.

use crate::{BOTH, hear, packets, poller, post, say, socket, world};
use bytes::Bytes;
use sanket::driver::{Frame, Outgoing, WsEnd};
use sanket::{Config, Emit, Nsp, Reason, Revision, Target};
use sanket_tests::world::{Everything, World};

#[test]
fn a_volatile_event_goes_only_to_who_can_take_it_at_once() {
    let mut world = world();
    let (speaker, ws) = socket(&mut world, Revision::V4);
    let (idle, polling) = (poller(&mut world, Revision::V4), poller(&mut world, Revision::V3));
    let waiting = world.get(polling);
    say(&mut world, speaker, ws, "42[\"typing\"]");
    assert_eq!(packets(&mut world, polling, waiting), ["42[\"typing\",1]"]);
    assert_eq!(hear(&mut world, speaker, ws), ["42[\"typing\",1]"]);
    let poll = world.get(idle);
    assert!(world.is_waiting(poll), "it was not kept");
    // Nor does it go to a WebSocket that has not sent everything yet.
    say(&mut world, speaker, ws, "42[\"echo\",1]");
    say(&mut world, speaker, ws, "42[\"typing\"]");
    assert_eq!(hear(&mut world, speaker, ws), ["42[\"echo\",1]"]);
}

#[test]
fn a_volatile_event_that_waits_makes_room_for_what_must_not_be_lost() {
    let mut world = World::new(Everything::default(), Config { max_queue: 10_000, ..Config::default() });
    let (session, ws) = socket(&mut world, Revision::V4);
    let root = Target::Namespace(&Nsp::ROOT);
    let large = Emit::new("typing").arg(&"x".repeat(5_000)).volatile();
    world.apply(|_, fx| fx.send(root, &large));
    assert!(world.server.shard.queued(session.key) > 5_000, "it waits, since nothing else did");
    let (event, text) = (Emit::new("said").arg(&"x".repeat(1_000)), format!("42[\"said\",\"{}\"]", "x".repeat(1_000)));
    let cost = Outgoing::Frame(Frame::new(text.clone(), &[])).cost();
    for n in 1..=9 {
        world.apply(|_, fx| fx.send(root, &event));
        let waiting = world.server.shard.queued(session.key);
        assert!(n < 5 || waiting == n * cost, "{waiting} bytes wait where {n} events do");
    }
    assert_eq!(hear(&mut world, session, ws), vec![text; 9]);
    assert_eq!((world.server.shard.queued(session.key), world.end_of(session)), (0, None));
}

#[test]
fn who_does_not_fetch_what_is_queued_is_closed_and_nobody_else() {
    let mut world = World::new(Everything::default(), Config { max_queue: 10_000, ..Config::default() });
    let slow = poller(&mut world, Revision::V4);
    let (speaker, ws) = socket(&mut world, Revision::V3);
    let message = format!("42[\"all\",\"{}\"]", "x".repeat(1_000));
    for round in 0..10 {
        assert_eq!(world.end_of(slow), None, "{round}");
        say(&mut world, speaker, ws, &message);
        assert_eq!(hear(&mut world, speaker, ws)[0], message);
    }
    assert_eq!(world.end_of(slow), Some(Reason::SlowConsumer));
    assert_eq!(world.end_of(speaker), None);
}

#[test]
fn a_poll_takes_as_much_as_fits_and_at_least_one_packet() {
    let mut world = World::new(Everything::default(), Config { max_payload: 1_000, ..Config::default() });
    let session = poller(&mut world, Revision::V4);
    let (speaker, ws) = socket(&mut world, Revision::V4);
    for length in [400, 400, 400, 980] {
        say(&mut world, speaker, ws, &format!("42[\"all\",\"{}\"]", "x".repeat(length)));
    }
    let sizes: Vec<usize> = (0..3)
        .map(|_| {
            let poll = world.get(session);
            packets(&mut world, session, poll).len()
        })
        .collect();
    assert_eq!(sizes, [2, 1, 1]);
}

#[test]
fn a_websocket_takes_as_much_at_once_as_the_driver_wants_and_at_least_one_packet() {
    let packet = format!("42[\"echo\",\"{}\"]", "x".repeat(100));
    let cost = Outgoing::Frame(Frame::new(packet.clone(), &[])).cost();
    for (max, n) in [(0, 1), (1, 1), (cost, 1), (cost + 1, 2), (3 * cost, 3), (5 * cost, 5), (usize::MAX, 5)] {
        let mut world = world();
        let (session, ws) = socket(&mut world, Revision::V4);
        for _ in 0..5 {
            say(&mut world, session, ws, &packet);
        }
        let mut messages = Vec::new();
        let more = world.server.shard.transmit(session.key, ws, max, &mut messages, world.now);
        assert_eq!((messages.len(), more), (n, n < 5), "{max} bytes");
    }
}

#[test]
fn a_poll_with_attachments_is_no_larger_than_it_may_be() {
    for (revision, base64) in [(Revision::V4, false), (Revision::V3, false), (Revision::V3, true)] {
        let mut world = World::new(Everything::default(), Config { max_payload: 1_000, ..Config::default() });
        let (session, _) = world.open_polling(revision, base64).expect("there is room");
        if revision == Revision::V4 {
            post(&mut world, session, "40");
        }
        let data = [Bytes::from(vec![7; 300])];
        let event = Emit::new("x").args_json(r#"{"_placeholder":true,"num":0}"#).attachments(&data);
        world.apply(|_, fx| (0..5).for_each(|_| fx.send(Target::Namespace(&Nsp::ROOT), &event)));
        let mut polls = 0;
        while world.server.shard.queued(session.key) > 0 {
            let poll = world.get(session);
            let (status, _, body) = world.answer(poll).expect("an answer");
            assert!(status == 200 && body.len() <= 1_000, "{} bytes for {revision:?}", body.len());
            polls += 1;
        }
        assert_eq!(polls, 3, "two events fit");
    }
}

#[test]
fn a_packet_larger_than_the_queue_reaches_who_has_read_everything_else() {
    let mut world = World::new(Everything::default(), Config { max_queue: 1_000, ..Config::default() });
    let (session, ws) = socket(&mut world, Revision::V4);
    let message = format!("42[\"echo\",\"{}\"]", "x".repeat(5_000));
    for _ in 0..3 {
        say(&mut world, session, ws, &message);
        assert_eq!(hear(&mut world, session, ws), [message.as_str()]);
    }
    say(&mut world, session, ws, &message);
    say(&mut world, session, ws, &message);
    assert_eq!(world.end_of(session), Some(Reason::SlowConsumer));
}

/// No packet is so small that it may wait where there is no room.
#[test]
fn a_pong_or_a_ping_that_does_not_fit_closes_the_session_as_an_event_does() {
    let text = format!("42[\"said\",\"{}\"]", "x".repeat(1_000));
    let max_queue = 3 * Outgoing::Frame(Frame::new(text, &[])).cost();
    for revision in BOTH {
        for spare in [Outgoing::Ping.cost(), Outgoing::Ping.cost() - 1] {
            let config = Config { max_queue: max_queue + spare, ..Config::default() };
            let mut world = World::new(Everything::default(), config);
            let (session, ws) = socket(&mut world, revision);
            let event = Emit::new("said").arg(&"x".repeat(1_000));
            world.apply(|_, fx| (0..3).for_each(|_| fx.send(Target::Namespace(&Nsp::ROOT), &event)));
            match revision {
                Revision::V3 => say(&mut world, session, ws, "2"),
                Revision::V4 => world.advance(25_008),
            }
            let wanted = (spare < Outgoing::Ping.cost()).then_some(Reason::SlowConsumer);
            assert_eq!(world.end_of(session), wanted, "{spare} bytes for {revision:?}");
        }
    }
}

#[test]
fn sessions_beyond_the_limit_are_refused() {
    let mut world = World::new(Everything::default(), Config { max_sessions: 1, ..Config::default() });
    let (session, ws) = socket(&mut world, Revision::V4);
    let refused = world.open_polling(Revision::V4, false).expect_err("there is no room");
    assert_eq!((refused.status(), refused.body()), (503, r#"{"code":6,"message":"Too many sessions"}"#.to_owned()));
    world.end_ws(session, ws, WsEnd::Closed);
    assert!(world.open_polling(Revision::V4, false).is_ok());
}
