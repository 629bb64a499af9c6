//! Heartbeats: who sends them, how often, and which packets show that a client is alive.

use crate::{await_ping, hear, packets, poller, post, say, socket, world};
use sanket::{Reason, Revision, Time};
use std::collections::BTreeSet;

/// Milliseconds by which a ping may be late: a 256th of the interval, and what a driver may be late with any timer.
const LATE: u64 = 25_000 / 256 + 8;

#[test]
fn v4_the_server_pings_and_the_client_must_answer_in_time() {
    let mut world = world();
    let (session, ws) = socket(&mut world, Revision::V4);
    // The first ping comes up to half an interval early, each later one an interval after the pong.
    await_ping(&mut world, session, ws);
    say(&mut world, session, ws, "3");
    world.advance(24_999);
    assert_eq!(hear(&mut world, session, ws), [""; 0]);
    world.advance(1 + LATE);
    assert_eq!(hear(&mut world, session, ws), ["2"]);
    world.advance(19_999 - LATE);
    assert_eq!(world.end_of(session), None);
    world.advance(1 + LATE + 8);
    assert_eq!(world.end_of(session), Some(Reason::PingTimeout));
    assert!(!world.is_open(ws));
}

#[test]
fn v4_pongs_without_a_ping_only_start_the_interval_anew() {
    let mut world = world();
    let (session, ws) = socket(&mut world, Revision::V4);
    for _ in 0..100 {
        say(&mut world, session, ws, "3");
    }
    world.advance(25_000 + LATE);
    assert_eq!(hear(&mut world, session, ws), ["2"], "one heartbeat, however many pongs (CVE-2026-48802)");
}

#[test]
fn v4_a_message_buys_a_late_pong_one_more_timeout_and_no_more() {
    let mut world = world();
    let (session, ws) = socket(&mut world, Revision::V4);
    await_ping(&mut world, session, ws);
    world.advance(15_000);
    say(&mut world, session, ws, "42[\"x\"]");
    world.advance(15_000);
    say(&mut world, session, ws, "42[\"x\"]");
    assert_eq!(world.end_of(session), None);
    world.advance(5_008);
    assert_eq!(world.end_of(session), Some(Reason::PingTimeout));
}

#[test]
fn v4_an_upgrade_does_not_put_the_heartbeat_off() {
    for probed in [false, true] {
        let mut world = world();
        let session = poller(&mut world, Revision::V4);
        let poll = world.get(session);
        while world.is_waiting(poll) {
            world.advance(1);
        }
        assert_eq!(packets(&mut world, session, poll), ["2"]);
        assert_eq!(post(&mut world, session, "3"), 200);
        world.advance(20_000);
        let ws = world.upgrade(session);
        if probed {
            say(&mut world, session, ws, "2probe");
        }
        world.advance(5_000 + LATE);
        assert!(world.is_open(ws), "the upgrade is still under way");
        let poll = world.get(session);
        assert_eq!(packets(&mut world, session, poll), ["2"]);
        world.advance(20_008);
        assert_eq!(world.end_of(session), Some(Reason::PingTimeout));
    }
}

#[test]
fn v4_every_ping_may_be_answered_late_once() {
    let mut world = world();
    let (session, ws) = socket(&mut world, Revision::V4);
    for round in 0..3 {
        await_ping(&mut world, session, ws);
        world.advance(15_000);
        say(&mut world, session, ws, "42[\"x\"]");
        world.advance(15_000);
        assert_eq!(world.end_of(session), None, "ping {round}");
        say(&mut world, session, ws, "3");
    }
}

/// A process that sleeps is not woken for each of its clients.
#[test]
fn v4_many_pings_go_out_at_few_moments() {
    let mut world = world();
    let mut sessions = Vec::new();
    for _ in 0..400 {
        sessions.push(socket(&mut world, Revision::V4));
        world.advance(5);
    }
    let mut moments = BTreeSet::new();
    while !sessions.is_empty() {
        world.advance(10);
        sessions.retain(|(session, ws)| hear(&mut world, *session, *ws).is_empty());
        moments.insert(sessions.len());
    }
    // They came within two seconds, and the first ping comes at some time in half an interval: 14.5 seconds.
    assert!(moments.len() <= 14_500 / 97 + 2, "400 pings at {} moments", moments.len());
}

/// A driver's clock should not step back; if it does, nothing is due the earlier for it.
#[test]
fn v4_a_clock_that_steps_back_hastens_no_heartbeat() {
    let mut world = world();
    let (session, ws) = socket(&mut world, Revision::V4);
    await_ping(&mut world, session, ws);
    let now = world.now;
    world.now = Time::from_millis(now.as_millis() - 10_000);
    world.server.handle_timeout(world.now);
    say(&mut world, session, ws, "3");
    world.now = now;
    world.advance(24_999);
    assert_eq!(hear(&mut world, session, ws), [""; 0]);
    world.advance(1 + LATE);
    assert_eq!(hear(&mut world, session, ws), ["2"]);
}

/// Whether the ping is still to come or has not been answered yet: what polling began, WebSocket goes on with.
#[test]
fn v4_the_heartbeat_goes_on_after_an_upgrade() {
    for pinged in [false, true] {
        let mut world = world();
        let session = poller(&mut world, Revision::V4);
        if pinged {
            let poll = world.get(session);
            while world.is_waiting(poll) {
                world.advance(1);
            }
            assert_eq!(packets(&mut world, session, poll), ["2"]);
        }
        let ws = world.upgrade(session);
        for packet in ["2probe", "5"] {
            say(&mut world, session, ws, packet);
        }
        assert_eq!(hear(&mut world, session, ws), [""; 0]);
        if pinged {
            world.advance(20_008);
        } else {
            await_ping(&mut world, session, ws);
            world.advance(19_980);
            assert_eq!(world.end_of(session), None);
            world.advance(28);
        }
        assert_eq!(world.end_of(session), Some(Reason::PingTimeout));
    }
}

#[test]
fn v3_the_client_pings_and_the_server_answers() {
    let mut world = world();
    let (session, ws) = socket(&mut world, Revision::V3);
    for _ in 0..3 {
        world.advance(44_990);
        say(&mut world, session, ws, "2");
        assert_eq!(hear(&mut world, session, ws), ["3"]);
    }
    world.advance(45_008);
    assert_eq!(world.end_of(session), Some(Reason::PingTimeout));
}

#[test]
fn a_heartbeat_in_the_wrong_direction_ends_the_session() {
    for (revision, beat) in [(Revision::V4, "2"), (Revision::V3, "3")] {
        let mut world = world();
        let (session, ws) = socket(&mut world, revision);
        say(&mut world, session, ws, beat);
        assert_eq!(world.end_of(session), Some(Reason::TransportError));
        let session = poller(&mut world, revision);
        post(&mut world, session, beat);
        assert_eq!(world.end_of(session), Some(Reason::TransportError));
    }
}

#[test]
fn v4_sessions_that_came_together_do_not_beat_together() {
    let mut world = world();
    let sessions: Vec<_> = (0..50).map(|_| socket(&mut world, Revision::V4)).collect();
    let mut firsts = vec![0; sessions.len()];
    for now in 0..25_008 {
        world.advance(1);
        for (first, (session, ws)) in firsts.iter_mut().zip(&sessions).filter(|(first, _)| **first == 0) {
            if hear(&mut world, *session, *ws) == ["2"] {
                *first = now;
            }
        }
    }
    firsts.sort_unstable();
    assert!(firsts[0] >= 12_499, "not before half an interval: {firsts:?}");
    assert!(firsts[0] < 15_000 && firsts[25] > 15_000 && firsts[25] < 22_500 && firsts[49] > 22_500, "{firsts:?}");
}

#[test]
fn v3_pings_that_are_never_answered_pile_up_no_pongs() {
    let mut world = world();
    let session = poller(&mut world, Revision::V3);
    for _ in 0..1_000 {
        post(&mut world, session, "2");
    }
    assert!(world.server.shard.queued(session.key) < 100);
    let poll = world.get(session);
    assert_eq!(packets(&mut world, session, poll), ["3"]);
}
