//! Each flag that is a limit of an address or of the room limits what it says, and nothing does without it.

use crate::program::{Program, WebSocket, request};
use std::io::Write as _;
use std::net::TcpStream;

/// The limits of addresses, as `/metrics` calls them.
const LIMITS: [&str; 7] = [
    "connect_rate",
    "handshake_rate",
    "join_rate",
    "byte_rate",
    "max_sessions_per_ip",
    "max_unjoined_per_ip",
    "max_connections_per_ip",
];
const HANDSHAKE: &str = "/socket.io/?EIO=4&transport=polling";
/// Far more than the limits that are tried.
const MANY: usize = 20;

/// Does what one limit is about, without the flag and with it.
fn assert_limits(flag: &str, limit: &str, act: impl Fn(&Program)) {
    for flags in [&["--admin-listen", "127.0.0.1:0"][..], &["--admin-listen", "127.0.0.1:0", flag]] {
        // From the other listener, so that asking is not limited.
        let program = Program::start(flags);
        act(&program);
        let sample = |limit: &str| format!("sanket_limit_hits_total{{limit=\"{limit}\"}}");
        if flags.contains(&flag) {
            program.until(&sample(limit), |hits| hits > 0.0);
        }
        let metrics = program.metrics();
        for other in LIMITS.iter().filter(|other| **other != limit || !flags.contains(&flag)) {
            assert!(metrics[&sample(other)].abs() < 0.5, "{other} with {flags:?}");
        }
    }
}

/// Asks so often, on a connection each time.
fn ask(program: &Program, path: &str) {
    let bytes = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
    for _ in 0..MANY {
        assert!(matches!(request(program.address, &bytes).status, 200 | 429));
    }
}

#[test]
fn connect_rate() {
    assert_limits("--connect-rate=2/1", "connect_rate", |program| ask(program, "/"));
}

#[test]
fn handshake_rate() {
    assert_limits("--handshake-rate=2/1", "handshake_rate", |program| ask(program, HANDSHAKE));
}

#[test]
fn max_sessions_per_ip() {
    assert_limits("--max-sessions-per-ip=2", "max_sessions_per_ip", |program| ask(program, HANDSHAKE));
}

#[test]
fn max_unjoined_per_ip() {
    assert_limits("--max-unjoined-per-ip=2", "max_unjoined_per_ip", |program| ask(program, HANDSHAKE));
}

#[test]
fn max_connections_per_ip() {
    assert_limits("--max-connections-per-ip=2", "max_connections_per_ip", |program| {
        let held: Vec<_> = (0..MANY).map(|_| TcpStream::connect(program.address).expect("it listens")).collect();
        // All of them have been seen.
        program.until("sanket_connections_accepted_total", |n| n >= MANY as f64);
        drop(held);
    });
}

#[test]
fn join_rate() {
    assert_limits("--join-rate=2/1", "join_rate", |program| {
        let mut websocket = WebSocket::open(program, HANDSHAKE);
        for n in 0..MANY {
            websocket.send(&format!("40/nowhere-{n},"));
        }
        websocket.receive_until("44/nowhere-0,");
    });
}

#[test]
fn byte_rate() {
    assert_limits("--byte-rate=1000/1000", "byte_rate", |program| {
        let mut stream = TcpStream::connect(program.address).expect("it listens");
        let field = "x".repeat(1_500);
        write!(stream, "GET / HTTP/1.1\r\nhost: localhost\r\nx: {field}\r\n\r\n").expect("it reads");
        program.until("sanket_received_bytes_total", |n| n > 1_500.0);
    });
}

/// Somebody in the room.
fn join(program: &Program) -> WebSocket {
    let mut websocket = WebSocket::open(program, HANDSHAKE);
    websocket.send("40");
    websocket.receive_until("initUser");
    websocket
}

/// What becomes of a message.
fn say(websocket: &mut WebSocket, text: &str) -> String {
    websocket.send(&format!(r#"427["chat message",{{"description":"{text}"}}]"#));
    websocket.receive_until("437[")
}

#[test]
fn message_bytes() {
    for (flags, second) in [(&[][..], r#""ok":true"#), (&["--message-bytes=10"], "too_fast")] {
        let program = Program::start(&[&["--message-burst=3", "--message-interval=3600000"], flags].concat());
        let mut somebody = join(&program);
        // With its quotation marks three times ten bytes.
        let first = say(&mut somebody, &"x".repeat(28));
        assert!(first.contains(r#""ok":true"#), "{first}");
        let said = say(&mut somebody, "x");
        assert!(said.contains(second), "{flags:?}: {said}");
    }
}

#[test]
fn max_debts() {
    for (flags, again) in [(&[][..], "too_fast"), (&["--max-debts=0"], r#""ok":true"#)] {
        let program = Program::start(&[&["--message-burst=1", "--message-interval=3600000"], flags].concat());
        let mut somebody = join(&program);
        let first = say(&mut somebody, "x");
        assert!(first.contains(r#""ok":true"#), "{first}");
        drop(somebody);
        program.until("sanket_sockets", |n| n < 0.5);
        let said = say(&mut join(&program), "x");
        assert!(said.contains(again), "{flags:?}: {said}");
    }
}

#[test]
fn refusal_interval() {
    for (flag, is_told_again) in [("--refusal-interval=3600000", false), ("--refusal-interval=1", true)] {
        let program = Program::start(&["--message-burst=1", "--message-interval=3600000", flag]);
        let mut somebody = join(&program);
        say(&mut somebody, "x");
        let mut told = 0;
        for _ in 0..MANY {
            // Nothing is asked for but the last answer, before which a notice comes.
            somebody.send(r#"42["chat message",{"description":"x"}]"#);
            somebody.send(r#"427["chat message",{"description":"x"}]"#);
            loop {
                let heard = somebody.receive();
                told += usize::from(heard.contains(r#""refused":"too_fast""#));
                if heard.starts_with("437[") {
                    break;
                }
            }
            // It has a millisecond, however fast they are.
            std::thread::sleep(std::time::Duration::from_millis(2));
        }
        assert!(if is_told_again { told > 1 } else { told == 1 }, "{flag}: {told} times");
    }
}
