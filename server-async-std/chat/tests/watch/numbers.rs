//! What happens, and the numbers that move.

use crate::program::{Program, WebSocket, after, request};
use std::collections::BTreeMap;

type Samples = BTreeMap<String, f64>;

/// Asserts that samples are so much more than they were.
fn assert_moved(was: &Samples, now: &Samples, by: &[(&str, f64)]) {
    for (sample, n) in by {
        let value = |samples: &Samples| samples.get(*sample).copied().unwrap_or(0.0);
        let moved = value(now) - value(was);
        assert!((moved - n).abs() < 1e-9, "{sample} has moved by {moved}, not by {n}");
    }
}

#[test]
fn a_session_and_its_upgrade_are_counted() {
    let program = Program::start(&[]);
    let start = program.metrics();
    let path = program.open(4);
    assert_eq!(program.post(&path, "40").body, "ok");
    let mut polled = String::new();
    while !polled.contains("40{") {
        polled += &program.get(&path).body;
    }
    let joined = program.metrics();
    assert_moved(
        &start,
        &joined,
        &[
            (r#"sanket_sessions{transport="polling",revision="4"}"#, 1.0),
            (r#"sanket_sessions_opened_total{transport="polling",revision="4"}"#, 1.0),
            ("sanket_sockets", 1.0),
            ("sanket_namespaces", 1.0),
            ("sanket_connects_total", 1.0),
            ("sanket_packets_received_total", 1.0),
        ],
    );
    for grows in [
        "sanket_received_bytes_total",
        "sanket_sent_bytes_total",
        "sanket_hub_turns_total",
        "sanket_packets_sent_total",
        "sanket_events_sent_total",
        "sanket_deliveries_total",
        "sanket_connections_accepted_total",
        r#"sanket_requests_total{for="server"}"#,
        r#"sanket_requests_total{for="application"}"#,
        "process_start_time_seconds",
        "process_resident_memory_bytes",
        "process_virtual_memory_bytes",
        "process_threads",
        "process_open_fds",
        "process_max_fds",
    ] {
        let is_new = !grows.starts_with("process") && joined[grows] <= start[grows];
        assert!(!is_new && joined[grows] > 0.0, "{grows}");
    }

    let mut websocket = WebSocket::open(&program, &path);
    websocket.send("2probe");
    assert_eq!(websocket.receive(), "3probe");
    let probing = program.metrics();
    assert_moved(
        &joined,
        &probing,
        &[("sanket_upgrades_tried_total", 1.0), ("sanket_upgrades_under_way", 1.0), ("sanket_websockets", 1.0)],
    );
    websocket.send("5");
    program.until("sanket_upgrades_done_total", |n| n > 0.0);
    let upgraded = program.metrics();
    assert_moved(
        &probing,
        &upgraded,
        &[
            ("sanket_upgrades_done_total", 1.0),
            ("sanket_upgrades_under_way", -1.0),
            (r#"sanket_sessions{transport="polling",revision="4"}"#, -1.0),
            (r#"sanket_sessions{transport="websocket",revision="4"}"#, 1.0),
        ],
    );

    websocket.send(r#"420["chat message",{"description":"hello"}]"#);
    websocket.receive_until("430[");
    let spoken = program.metrics();
    assert_moved(&upgraded, &spoken, &[("sanket_events_received_total", 1.0)]);
    assert!(spoken["sanket_events_sent_total"] > upgraded["sanket_events_sent_total"]);

    drop(websocket);
    program.until("sanket_sockets", |n| n == 0.0);
    program.until("sanket_websockets", |n| n == 0.0);
    let gone = program.metrics();
    assert_moved(
        &spoken,
        &gone,
        &[
            (r#"sanket_sessions_closed_total{reason="transport close"}"#, 1.0),
            (r#"sanket_disconnects_total{reason="transport close"}"#, 1.0),
            (r#"sanket_sessions{transport="websocket",revision="4"}"#, -1.0),
            ("sanket_namespaces", -1.0),
        ],
    );
}

#[test]
fn refusals_and_limits_are_counted_by_kind() {
    let program = Program::start(&[
        "--max-payload=1000",
        "--max-sessions=4",
        "--max-sessions-per-ip=4",
        "--max-unjoined-per-ip=4",
    ]);
    let start = program.metrics();
    let status = |path: &str| program.get(path).status;
    assert_eq!(status("/socket.io/?EIO=4&transport=polling&sid=AAAAAAAAAAAAAAAAAAAAAA"), 400);
    assert_eq!(status("/socket.io/?EIO=4&transport=carrier-pigeon"), 400);
    assert_eq!(status("/socket.io/?EIO=9&transport=polling"), 400);
    assert_eq!(program.post("/socket.io/?EIO=4&transport=polling", "").status, 400);
    assert_eq!(request(program.address, "GET / HTTP/1.1\r\nhost : localhost\r\n\r\n").status, 400);
    let foreign = "GET /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nhost: localhost\r\norigin: http://evil.example\r\n\
                   connection: close\r\n\r\n";
    assert_eq!(request(program.address, foreign).status, 403);
    let refused = program.metrics();
    assert_moved(
        &start,
        &refused,
        &[
            (r#"sanket_refusals_total{kind="unknown_sid"}"#, 1.0),
            (r#"sanket_refusals_total{kind="unknown_transport"}"#, 1.0),
            (r#"sanket_refusals_total{kind="unsupported_revision"}"#, 1.0),
            (r#"sanket_refusals_total{kind="bad_handshake_method"}"#, 1.0),
            (r#"sanket_refusals_total{kind="origin"}"#, 1.0),
            (r#"sanket_http_refusals_total{status="400"}"#, 1.0),
        ],
    );

    let path = program.open(4);
    assert_eq!(program.post(&path, "40/nowhere,").status, 200);
    program.until("sanket_connects_refused_total", |n| n == 1.0);
    assert_eq!(program.post(&path, &"x".repeat(1_500)).status, 413);
    assert_eq!(program.post(&path, "nonsense").status, 400);
    let malformed = program.metrics();
    assert_moved(
        &refused,
        &malformed,
        &[
            (r#"sanket_refusals_total{kind="too_large"}"#, 1.0),
            (r#"sanket_limit_hits_total{limit="max_payload"}"#, 1.0),
            (r#"sanket_refusals_total{kind="malformed"}"#, 1.0),
            (r#"sanket_sessions_closed_total{reason="parse error"}"#, 1.0),
        ],
    );

    // Half of the sessions may have joined nothing.
    let _two = [program.open(4), program.open(4)];
    assert_eq!(status("/socket.io/?EIO=4&transport=polling"), 503);
    let full = program.metrics();
    assert_moved(
        &malformed,
        &full,
        &[(r#"sanket_refusals_total{kind="full"}"#, 1.0), (r#"sanket_limit_hits_total{limit="max_unjoined"}"#, 1.0)],
    );
}

#[test]
fn an_upgrade_that_fails_is_counted() {
    let program = Program::start(&[]);
    let path = program.open(4);
    let mut websocket = WebSocket::open(&program, &path);
    websocket.send("2probe");
    assert_eq!(websocket.receive(), "3probe");
    let probing = program.metrics();
    drop(websocket);
    program.until("sanket_upgrades_failed_total", |n| n > 0.0);
    assert_moved(
        &probing,
        &program.metrics(),
        &[
            ("sanket_upgrades_failed_total", 1.0),
            ("sanket_upgrades_under_way", -1.0),
            ("sanket_upgrades_tried_total", 0.0),
            ("sanket_upgrades_done_total", 0.0),
        ],
    );
}

#[test]
fn what_waits_for_a_slow_consumer_is_counted_until_it_is_closed() {
    let program = Program::start(&["--max-queue=4000", "--message-burst=1000"]);
    let path = program.open(4);
    assert_eq!(program.post(&path, "40").body, "ok");
    // It does not poll any more. Somebody else speaks.
    let mut talker = WebSocket::open(&program, "/socket.io/?EIO=4&transport=polling");
    talker.send("40");
    talker.receive_until("40{");
    let say = |talker: &mut WebSocket| {
        talker.send(&format!(r#"420["chat message",{{"description":"{}"}}]"#, "x".repeat(80)));
        talker.receive_until("430[");
    };
    say(&mut talker);
    let waiting = program.metrics();
    for sample in ["sanket_queue_bytes", "sanket_longest_queue_bytes"] {
        assert!(waiting[sample] > 80.0 && waiting[sample] < 4_000.0, "{sample} is {}", waiting[sample]);
    }
    for _ in 0..50 {
        say(&mut talker);
    }
    program.until(r#"sanket_sessions_closed_total{reason="slow consumer"}"#, |n| n > 0.0);
    program.until("sanket_longest_queue_bytes", |n| n < 80.0);
}

#[test]
fn a_session_that_falls_silent_is_counted() {
    let program = Program::start(&["--ping-interval=50", "--ping-timeout=50"]);
    program.open(4);
    program.until(r#"sanket_sessions_closed_total{reason="ping timeout"}"#, |n| n > 0.0);
    program.until(r#"sanket_sessions{transport="polling",revision="4"}"#, |n| n < 1.0);
}

#[test]
fn recoveries_are_counted_by_their_outcome() {
    let program = Program::start(&["--recovery"]);
    let start = program.metrics();
    let join = |auth: &str| {
        let mut websocket = WebSocket::open(&program, "/socket.io/?EIO=4&transport=polling");
        websocket.send(&format!("40{auth}"));
        let hello = websocket.receive_until("40{");
        (websocket, after(&hello, "\"pid\":\"").to_owned())
    };
    let (mut first, pid) = join("");
    first.send(r#"420["chat message",{"description":"kept"}]"#);
    first.receive_until("430[");
    drop(first);
    program.until("sanket_persisted_sessions", |n| n == 1.0);
    let away = program.metrics();
    assert!(away["sanket_persisted_bytes"] > 0.0);
    let auth = format!(r#"{{"pid":"{pid}"}}"#);
    let (_back, same) = join(&auth);
    assert_eq!(same, pid);
    let _over = join(&auth);
    let _stranger = join(r#"{"pid":"AAAAAAAAAAAAAAAAAAAAAA"}"#);
    let (_other, pid) = join("");
    let _lost = join(&format!(r#"{{"pid":"{pid}","offset":"none of ours"}}"#));
    assert_moved(
        &start,
        &program.metrics(),
        &[
            (r#"sanket_recoveries_total{outcome="restored"}"#, 1.0),
            (r#"sanket_recoveries_total{outcome="taken_over"}"#, 1.0),
            (r#"sanket_recoveries_total{outcome="unknown"}"#, 1.0),
            (r#"sanket_recoveries_total{outcome="missed"}"#, 1.0),
            ("sanket_persisted_sessions", 0.0),
            ("sanket_connects_total", 4.0),
        ],
    );
    assert!(program.metrics()["sanket_recovery_log_bytes"] > 0.0);
}
