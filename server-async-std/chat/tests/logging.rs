//! The log of the running program: it stops nobody, and nobody can fill it.
#![cfg(unix)]

mod support;

use rustix::process::Signal;
use std::io::{Read as _, Write as _};
use std::net::SocketAddr;
use std::process::{Command, Stdio};
use support::{Killed, Lines, Running, address, assert_serves, connect, sanket, text};

/// Logs a line of about so many bytes for each of so many refused requests.
fn storm(address: SocketAddr, requests: usize, bytes: usize) {
    let mut stream = connect(address);
    let origin = format!("https://{}.example", "x".repeat(bytes));
    let request =
        format!("GET /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nhost: localhost\r\norigin: {origin}\r\n");
    for _ in 1..requests {
        stream.write_all(format!("{request}\r\n").as_bytes()).expect("written");
        let mut received = Vec::new();
        while !text(&received).contains("\r\n\r\n{") || !received.ends_with(b"}") {
            let mut buffer = [0; 4096];
            let length = stream.read(&mut buffer).expect("a response");
            assert_ne!(length, 0, "{}", text(&received));
            received.extend_from_slice(&buffer[..length]);
        }
        assert!(received.starts_with(b"HTTP/1.1 403"), "{}", text(&received));
    }
    stream.write_all(format!("{request}connection: close\r\n\r\n").as_bytes()).expect("written");
    stream.read_to_end(&mut Vec::new()).expect("the last response");
}

/// The program, and a `cat` that reads its stderr.
fn with_reader() -> (Killed, Killed, Lines, SocketAddr) {
    let mut cat = Command::new("cat").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("cat runs");
    let pipe = cat.stdin.take().expect("a pipe");
    let mut lines = Lines::of(cat.stdout.take().expect("a pipe"));
    let cat = Killed(cat);
    let mut command = sanket();
    command.args(["--listen", "127.0.0.1", "--port", "0", "--log-rate", "1000000"]);
    let server = Killed(command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(pipe).spawn().expect("it runs"));
    let address = address(&lines.wait_for("listening on"));
    (server, cat, lines, address)
}

/// More than the pipe and the queue hold together.
const LINES: usize = 8_000;
const BYTES: usize = 100;

#[test]
fn a_stalled_stderr_does_not_stop_the_server_and_what_is_dropped_is_counted() {
    let (mut server, cat, mut lines, address) = with_reader();
    cat.signal(Signal::STOP);
    storm(address, LINES, BYTES);
    assert_serves(address);
    cat.signal(Signal::CONT);
    let said = lines.wait_for("lines were dropped: stderr did not take them");
    let count: usize = said.split(' ').find_map(|word| word.parse().ok()).expect("a count");
    // What is logged now has room again.
    storm(address, 1, 1);
    lines.wait_for("https://x.example");
    server.signal(Signal::TERM);
    assert!(server.ends().success());
    let lines = lines.rest();
    let whole = lines.iter().filter(|line| line.contains(&"x".repeat(BYTES)) && line.ends_with("localhost\"")).count();
    assert!(count > 0 && whole + count == LINES, "{whole} written and {count} dropped of {LINES}");
    assert_eq!(lines.iter().filter(|line| line.contains("were dropped")).count(), 1);
    assert!(lines.last().is_some_and(|line| line.ends_with("closed")), "what is queued at the end is written");
}

#[test]
fn a_stalled_stderr_does_not_keep_the_server_from_ending() {
    let (mut server, cat, _lines, address) = with_reader();
    cat.signal(Signal::STOP);
    storm(address, LINES, BYTES);
    server.signal(Signal::TERM);
    assert!(server.ends().success());
}

#[test]
fn a_reader_that_goes_does_not_stop_the_server() {
    let (mut server, cat, _lines, address) = with_reader();
    drop(cat);
    storm(address, 20, 10);
    assert_serves(address);
    server.signal(Signal::TERM);
    assert!(server.ends().success());
}

#[test]
fn lines_that_a_peer_can_cause_are_rate_limited_and_counted() {
    let mut server = Running::start(&["--log-rate", "3"]);
    let began = std::time::Instant::now();
    storm(server.address, 500, 10);
    let seconds = usize::try_from(began.elapsed().as_secs()).expect("few") + 1;
    // Said without another line of the kind.
    server.stderr.wait_for("more lines like this were left out: refused a page of origin");
    server.child.signal(Signal::TERM);
    assert!(server.child.ends().success());
    let lines = server.stderr.rest();
    let about: Vec<_> = lines.iter().filter(|line| line.contains("refused a page of origin")).collect();
    let left_out = |line: &&String| line.split(" more lines").next()?.rsplit(' ').next()?.parse::<usize>().ok();
    let counts: Vec<_> = about.iter().filter_map(left_out).collect();
    let logged = about.len() - counts.len();
    assert!(logged <= 3 * (seconds + 1), "{logged} lines in {seconds} s");
    assert_eq!(logged + counts.iter().sum::<usize>(), 500, "each is logged or counted");
}
