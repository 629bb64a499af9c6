//! The end of the sessions, spread over time.

use crate::bench::{Bench, UPGRADE, frame, setup};

/// Ten thousand clients that are closed at once come back at once.
#[test]
fn sessions_are_closed_over_the_time_that_draining_may_take() {
    let bench = Bench::new(setup());
    let mut clients: Vec<_> = (0..80).map(|_| bench.connect("192.0.2.1")).collect();
    for client in &mut clients {
        client.send(UPGRADE);
        client.send(frame("40"));
    }
    assert!(bench.host.is_ready() && bench.host.sessions() == 80);
    bench.host.drain_sessions(10_000);
    assert!(!bench.host.is_ready());
    assert_eq!(bench.handshake("192.0.2.1"), (503, r#"{"code":4,"message":"The server is closing"}"#.into()));
    let mut left = Vec::new();
    for _ in 0..10 {
        assert!(!bench.host.wind_down());
        // Those who are still in are served.
        for client in clients.iter_mut().filter(|client| !client.is_over()) {
            if client.take().contains("\u{1}2") {
                client.send(frame("3"));
            }
        }
        bench.pass(1_000);
        left.push(bench.host.sessions());
    }
    assert!(left.is_sorted_by(|a, b| a > b), "some in every second: {left:?}");
    assert_eq!(left.last(), Some(&0));
    let largest = left.windows(2).map(|pair| pair[0] - pair[1]).max();
    assert!(largest < Some(24), "not many in one second: {left:?}");
}

#[test]
fn without_time_they_are_closed_at_once() {
    let bench = Bench::new(setup());
    let mut client = bench.connect("192.0.2.1");
    client.send(UPGRADE);
    bench.host.drain_sessions(0);
    assert_eq!(bench.host.sessions(), 0);
    bench.pass(2_000);
    assert!(client.is_over());
}
