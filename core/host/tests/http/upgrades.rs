//! Connections that stop speaking HTTP.
use crate::bench::bench;
use crate::frames;
use crate::websockets::UPGRADE;

#[test]
fn the_response_to_an_upgrade_leaves_alone() {
    let mut bench = bench();
    bench.window = 0;
    bench.send([UPGRADE.as_bytes(), &frames::text("early")].concat());
    bench.window = usize::MAX;
    bench.turn();
    assert_eq!(bench.writes.len(), 2, "an upgrade and what follows it are two writes");
    let reply = bench.head();
    assert_eq!(reply.status, 101);
    assert_eq!(reply.header("upgrade"), Some("websocket"));
    assert_eq!(reply.header("connection"), Some("Upgrade"));
    assert_eq!(reply.header("content-length"), None);
    assert_eq!(bench.rest(), b"\x81\x05early");
    assert!(bench.connection.is_upgraded());
    assert_eq!(bench.app.switched, [true]);
}

#[test]
fn an_upgrade_behind_another_request() {
    let mut bench = bench();
    bench.send(format!("GET / HTTP/1.1\r\nHost: a\r\n\r\n{UPGRADE}"));
    assert_eq!(bench.reply().text(), "hello");
    assert_eq!(bench.head().status, 101);
    bench.send(frames::text("late"));
    assert_eq!(bench.rest(), b"\x81\x04late");
}

#[test]
fn a_switch_that_was_not_asked_for_is_refused() {
    for lines in ["", "Connection: Upgrade\r\n", "Upgrade: websocket\r\n"] {
        let request = format!("GET /upgrade HTTP/1.1\r\nHost: a\r\n{lines}\r\n");
        bench().send(request).is_refused(400);
    }
    let lines = "Connection: Upgrade\r\nUpgrade: websocket\r\nContent-Length: 5";
    let mut bench = bench();
    bench.post("/upgrade", lines, "").is_refused(400);
    assert_eq!(bench.app.switched, [false]);
    assert!(!bench.connection.is_upgraded());
}
