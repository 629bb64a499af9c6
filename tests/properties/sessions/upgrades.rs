//! Upgrades from polling to WebSocket, and their failures.

use crate::{BOTH, hear, packets, poller, post, say, world};
use sanket::driver::WsEnd;
use sanket::{Config, Revision};
use sanket_tests::world::{Everything, World};

#[test]
fn an_upgrade_lets_the_poll_go_and_loses_nothing() {
    for revision in BOTH {
        let mut world = world();
        let session = poller(&mut world, revision);
        let poll = world.get(session);
        let ws = world.upgrade(session);
        assert!(world.is_waiting(poll), "the poll waits until the probe has come");
        say(&mut world, session, ws, "2probe");
        assert_eq!(packets(&mut world, session, poll), ["6"]);
        assert_eq!(hear(&mut world, session, ws), ["3probe"]);
        // The client is between its transports: what is said now waits for the new one.
        assert_eq!(post(&mut world, session, "42[\"echo\",1]"), 200);
        assert_eq!(hear(&mut world, session, ws), [""; 0]);
        say(&mut world, session, ws, "5");
        assert_eq!(hear(&mut world, session, ws), ["42[\"echo\",1]"]);
        say(&mut world, session, ws, "42[\"echo\",2]");
        assert_eq!(hear(&mut world, session, ws), ["42[\"echo\",2]"]);
    }
}

#[test]
fn an_upgrade_is_offered_to_who_polls_where_there_are_any() {
    for (upgrades, websocket, offered) in [(true, true, true), (false, true, false), (true, false, false)] {
        let mut world = World::new(Everything::default(), Config { upgrades, websocket, ..Config::default() });
        let (session, poll) = world.open_polling(Revision::V4, false).expect("there is room");
        let handshake = packets(&mut world, session, poll).remove(0);
        let list = if offered { r#""upgrades":["websocket"],"# } else { r#""upgrades":[],"# };
        assert!(handshake.contains(list), "{handshake}");
        let ws = world.upgrade(session);
        assert_eq!(world.is_open(ws), offered, "who tries it all the same is turned away");
        assert_eq!(world.end_of(session), None);
    }
    let mut world = world();
    let (session, ws) = world.open_ws(Revision::V4).expect("there is room");
    assert!(hear(&mut world, session, ws)[0].contains(r#""upgrades":[],"#), "there is nothing better");
}

#[test]
fn a_probe_is_answered_once() {
    let mut world = world();
    let session = poller(&mut world, Revision::V4);
    let ws = world.upgrade(session);
    say(&mut world, session, ws, "2probe");
    assert_eq!(hear(&mut world, session, ws), ["3probe"]);
    // A driver may ask without having been told that there is something.
    let mut more = Vec::new();
    assert!(!world.server.shard.transmit(session.key, ws, 1_000, &mut more, world.now));
    assert_eq!(more, []);
    say(&mut world, session, ws, "2probe");
    assert_eq!(hear(&mut world, session, ws), ["3probe"], "but each is");
}

#[test]
fn a_poll_after_the_probe_is_answered_at_once() {
    let mut world = world();
    let session = poller(&mut world, Revision::V4);
    let ws = world.upgrade(session);
    say(&mut world, session, ws, "2probe");
    let poll = world.get(session);
    assert_eq!(packets(&mut world, session, poll), ["6"]);
}

#[test]
fn a_probe_that_is_never_finished_leaves_polling_as_it_was() {
    let mut world = world();
    let session = poller(&mut world, Revision::V4);
    let ws = world.upgrade(session);
    say(&mut world, session, ws, "2probe");
    world.advance(10_008);
    assert!(!world.is_open(ws));
    let poll = world.get(session);
    assert!(world.is_waiting(poll));
    assert_eq!(post(&mut world, session, "42[\"echo\",1]"), 200);
    assert_eq!(packets(&mut world, session, poll), ["42[\"echo\",1]"]);
    // And another may be tried.
    let second = world.upgrade(session);
    assert!(world.is_open(second));
}

#[test]
fn a_second_websocket_and_a_wrong_probe_close_only_themselves() {
    let mut world = world();
    let session = poller(&mut world, Revision::V4);
    let first = world.upgrade(session);
    let second = world.upgrade(session);
    assert!(world.is_open(first) && !world.is_open(second));
    say(&mut world, session, first, "42[\"echo\",1]");
    assert!(!world.is_open(first));
    assert_eq!(world.end_of(session), None);
    world.end_ws(session, first, WsEnd::Failed);
    assert_eq!(world.end_of(session), None);
}

#[test]
fn a_client_that_polls_on_after_its_probe_is_not_answered_as_fast_as_it_can() {
    let mut world = world();
    let session = poller(&mut world, Revision::V4);
    let ws = world.upgrade(session);
    say(&mut world, session, ws, "2probe");
    let mut noops = 0;
    for _ in 0..1_000 {
        let poll = world.get(session);
        while world.is_waiting(poll) {
            world.advance(1);
        }
        noops += packets(&mut world, session, poll).iter().filter(|packet| *packet == "6").count();
        if !world.is_open(ws) || noops == 20 {
            break;
        }
    }
    // The pauses end between two ticks of the wheel.
    let now = world.now.as_millis() - 1_000_000;
    assert!((1_900..2_100).contains(&now), "20 noops in {now} ms");
}

/// The world compares: those that are done, failed and under way are those that were tried.
#[test]
fn an_upgrade_whose_session_ends_has_failed() {
    let mut world = World::new(Everything::default(), Config::default());
    let (session, poll) = world.open_polling(Revision::V4, false).expect("there is room");
    assert!(world.answer(poll).is_some());
    let poll = world.get(session);
    world.upgrade(session);
    assert_eq!(world.server.shard.census(0, 1).0.upgrading, 1);
    world.lose_request(session, poll);
    let stats = world.server.shard.stats();
    assert_eq!((stats.upgrades_tried, stats.upgrades_done, stats.upgrades_failed), (1, 0, 1));
}
