//! Connections that break, vanish, are not read, and are taken up again.

use super::app::{Echo, tell, told};
use sanket::testing::{Bench, Connector};
use sanket::{Config, Reason, Recovery};
use serde_json::json;
use std::time::Duration;

fn bench(recovery: bool) -> Bench<Echo> {
    let recovery = recovery.then(Recovery::default);
    Bench::with_config(Echo::default(), Config { recovery, ..Config::default() })
}

fn ways(bench: &Bench<Echo>) -> [Connector; 2] {
    [bench.client(), bench.client().polling()]
}

#[test]
fn whoever_comes_back_hears_what_was_missed_once_and_in_order() {
    for way in 0..2 {
        for hole in [false, true] {
            let bench = bench(true);
            let ann = ways(&bench)[way].clone().connect("/a", json!({ "token": 1 }));
            let id = ann.id();
            tell(&bench, "/a", "n", 1);
            told(&bench);
            if hole {
                ann.vanish();
            } else {
                ann.cut();
            }
            assert_eq!(ann.is_connected(), hole);
            tell(&bench, "/a", "n", 2);
            tell(&bench, "/a", "n", 3);
            // It was written into the hole, or waits for the next connection.
            ann.emit("echo", 1);
            ann.reconnect();
            assert!(ann.is_connected() && ann.recovered());
            assert_eq!(ann.id(), id);
            tell(&bench, "/a", "n", 4);
            assert_eq!(ann.heard("n"), [json!([1]), json!([2]), json!([3]), json!([4])]);
            assert_eq!(ann.heard("echo").len(), usize::from(!hole));
            let last = told(&bench).into_iter().find(|line| line.starts_with("recover"));
            assert_eq!(last, Some(format!("recover, connected: {hole}")));
            // Again, from where it is now.
            bench.advance(Duration::from_secs(10));
            ann.cut();
            tell(&bench, "/a", "n", 5);
            ann.reconnect();
            assert!(ann.recovered());
            assert_eq!(ann.heard("n"), [json!([5])]);
        }
    }
}

#[test]
fn the_credentials_go_with_what_is_remembered() {
    let bench = bench(true);
    let ann = bench.connect("/", json!({ "token": 1 }));
    tell(&bench, "/", "n", 1);
    ann.cut();
    bench.advance(Duration::from_secs(300));
    ann.wire();
    told(&bench);
    ann.reconnect();
    assert!(ann.is_connected() && !ann.recovered(), "it is too late");
    let asked = told(&bench).remove(0);
    let auth = serde_json::from_str::<serde_json::Value>(asked.strip_prefix("admit / ").expect("it was asked"));
    let auth = auth.expect("JSON");
    assert_eq!(auth["token"], 1);
    assert!(auth["pid"].is_string() && auth["offset"].is_string(), "{auth}");
}

#[test]
fn without_recovery_whoever_comes_back_is_new() {
    let bench = bench(false);
    for client in [bench.client(), bench.client().polling(), bench.client().eio3(), bench.client().eio3().polling()] {
        let ann = client.connect("/a", ());
        let other = ann.join("/b", ());
        let left = ann.join("/c", ());
        left.leave();
        let id = ann.id();
        ann.cut();
        assert_eq!(ann.transport(), None);
        tell(&bench, "/a", "n", 1);
        ann.reconnect();
        assert!(ann.is_connected() && other.is_connected() && !left.is_connected());
        assert!(!ann.recovered());
        assert_ne!(ann.id(), id);
        assert!(ann.heard("n").is_empty());
        ann.close();
    }
}

#[test]
fn of_a_black_hole_both_sides_learn_by_the_heartbeat() {
    let bench = bench(false);
    let new = bench.connect("/", ());
    let old = bench.client().eio3().connect("/", ());
    let polling = bench.client().polling().connect("/", ());
    let witness = bench.connect("/w", ());
    told(&bench);
    for client in [&new, &old, &polling] {
        client.vanish();
        client.emit("echo", 1);
        client.wire();
    }
    // The server is told nothing, and goes on sending.
    tell(&bench, "/", "n", 1);
    bench.advance(Duration::from_secs(20));
    assert!(told(&bench).is_empty());
    assert!(new.is_connected() && old.is_connected() && polling.is_connected());
    bench.advance(Duration::from_secs(30));
    for client in [&new, &old, &polling] {
        assert_eq!(client.disconnected(), Some("ping timeout"), "{client:?}");
        assert_eq!(client.session_end(), Some(Reason::PingTimeout), "{client:?}");
        assert!(client.heard_all().is_empty());
    }
    assert_eq!(told(&bench), ["disconnect: ping timeout"; 3]);
    assert!(witness.is_connected());
}

#[test]
fn a_client_without_heartbeat_is_closed() {
    for eio3 in [false, true] {
        let bench = bench(false);
        let ann = if eio3 { bench.client().eio3() } else { bench.client() }.connect("/", ());
        bench.advance(Duration::from_secs(100));
        ann.set_heartbeat(false);
        bench.advance(Duration::from_secs(20));
        ann.set_heartbeat(true);
        bench.advance(Duration::from_secs(100));
        assert!(ann.is_connected(), "it was silent for a short time");
        ann.set_heartbeat(false);
        bench.advance(Duration::from_secs(71));
        assert_eq!(ann.session_end(), Some(Reason::PingTimeout));
        assert_eq!(ann.disconnected(), Some("transport close"));
    }
}

#[test]
fn what_a_client_does_not_read_waits_or_is_dropped() {
    for client in 0..2 {
        let bench = Bench::with_config(Echo::default(), Config { max_queue: 10_000, ..Config::default() });
        let ann = ways(&bench)[client].clone().connect("/", ());
        let bob = bench.connect("/", ());
        ann.pause();
        tell(&bench, "/", "n", 1);
        bob.emit("volatile", ());
        tell(&bench, "/", "n", 2);
        assert!(ann.heard_all().is_empty());
        assert_eq!(bob.heard_all(), [json!(["n", 1]), json!(["volatile"]), json!(["n", 2])]);
        ann.resume();
        assert_eq!(ann.heard_all(), [json!(["n", 1]), json!(["n", 2])], "the volatile one is dropped");
        bob.emit("volatile", ());
        assert_eq!(ann.heard_all(), [json!(["volatile"])]);

        ann.pause();
        for _ in 0..20 {
            bob.emit("all", "x".repeat(1_000));
        }
        assert_eq!(ann.session_end(), Some(Reason::SlowConsumer));
        assert!(bob.is_connected());
    }
}

#[test]
fn whoever_does_not_read_answers_no_pings() {
    let bench = bench(false);
    let ann = bench.connect("/", ());
    ann.pause();
    ann.emit("echo", 1);
    bench.advance(Duration::from_secs(46));
    assert_eq!(ann.session_end(), Some(Reason::PingTimeout));
    assert!(ann.is_connected(), "it has not read of it");
    ann.resume();
    assert_eq!(ann.disconnected(), Some("transport close"));
}

#[test]
#[should_panic(expected = "expected client 1 in / to poll, but its transport is Some(WebSocket)")]
fn a_websocket_is_not_upgraded() {
    bench(false).connect("/", ()).upgrade();
}

#[test]
#[should_panic(
    expected = "expected the server to take the WebSocket of client 1 in /, but its transport is Some(Polling)"
)]
fn an_upgrade_that_is_refused_is_told() {
    let bench = Bench::with_config(Echo::default(), Config { upgrades: false, ..Config::default() });
    bench.client().polling().connect("/", ()).upgrade();
}
