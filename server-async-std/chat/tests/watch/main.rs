//! `/health`, `/ready` and `/metrics` of the program itself: who gets them, what they say, and that numbers move when the thing
//! happens that they are about. Not all of them: the chat has no rooms and asks for no acknowledgements, the backlog and CONNECTs
//! that are not decided on are gone before anybody could ask, and of the limits, those of addresses and the payload are hit here.

mod exposition;
mod limits;
mod numbers;
mod program;
#[path = "../support/mod.rs"]
mod support;

use program::{Program, request};
use std::collections::BTreeMap;
use std::io::Read;
use std::net::TcpStream;
use std::time::{Duration, Instant};

const PATHS: [&str; 3] = ["/health", "/ready", "/metrics"];

fn get(path: &str, headers: &str) -> String {
    format!("GET {path} HTTP/1.1\r\n{headers}connection: close\r\n\r\n")
}

#[test]
fn health_ready_and_metrics_are_there_for_this_machine() {
    let program = Program::start(&[]);
    for host in ["localhost", "localhost:8081", "127.0.0.1", "127.0.0.1:80", "[::1]:8081", "127.3.2.1"] {
        for path in PATHS {
            let answer = request(program.address, &get(path, &format!("host: {host}\r\n")));
            assert_eq!(answer.status, 200, "{host}{path}: {answer:?}");
            assert!(answer.head.contains("cache-control: no-store"), "{answer:?}");
        }
    }
    assert_eq!(program.get("/health").body, "ok");
    assert_eq!(program.get("/ready").body, "ready");
    assert!(program.get("/metrics").head.contains("content-type: application/openmetrics-text; version=1.0.0"));
}

/// As `docs/proxies/README.md` has it.
#[test]
fn behind_a_proxy_they_are_there_for_this_machine_too() {
    let program = Program::start(&["--trusted-proxy", "127.0.0.1/32", "--host", "chat.example"]);
    for path in PATHS {
        for (headers, status) in [
            ("host: localhost:8081\r\n", 200),
            ("host: 127.0.0.1:8081\r\n", 200),
            ("host: chat.example\r\nx-forwarded-for: 203.0.113.9\r\n", 404),
            ("host: localhost\r\nx-forwarded-for: 203.0.113.9\r\n", 404),
            ("host: rebound.example\r\n", 421),
        ] {
            assert_eq!(request(program.address, &get(path, headers)).status, status, "{path} with {headers}");
        }
    }
}

/// A proxy on this machine would show them to everybody.
#[test]
fn what_a_proxy_hands_on_finds_nothing() {
    let program = Program::start(&["--host", "chat.example", "--host", "192.0.2.1"]);
    for headers in [
        "host: localhost\r\nx-forwarded-for: 192.0.2.1\r\n",
        "host: localhost\r\nX-Forwarded-For: 127.0.0.1\r\n",
        "host: localhost\r\nx-forwarded-proto: https\r\n",
        "host: localhost\r\nforwarded: for=192.0.2.1\r\n",
        "host: localhost\r\nx-real-ip: 192.0.2.1\r\n",
        "host: localhost\r\nvia: 1.1 proxy\r\n",
        // What a client has sent, and a proxy has appended to.
        "host: localhost\r\nx-forwarded-for: é, 203.0.113.9\r\n",
        "host: localhost\r\nforwarded: for=é, for=203.0.113.9\r\n",
        "host: localhost\r\nx-real-ip: é\r\n",
        "host: localhost\r\nvia: 1.1 é, 1.1 proxy\r\n",
        "host: chat.example\r\n",
        "host: 192.0.2.1\r\n",
    ] {
        let unknown = request(program.address, &get("/unknown", headers));
        for path in PATHS {
            let answer = request(program.address, &get(path, headers));
            assert_eq!((answer.status, &answer.body), (404, &unknown.body), "{path} with {headers}");
            let without_date = |head: &str| {
                let mut lines: Vec<String> =
                    head.lines().filter(|line| !line.starts_with("date")).map(str::to_owned).collect();
                lines.sort();
                lines
            };
            assert_eq!(without_date(&answer.head), without_date(&unknown.head), "it is as if it were not there");
        }
    }
}

#[test]
fn a_listener_of_their_own_has_them_for_anybody_and_the_server_has_not() {
    // Every address of the machine, of which a test may use loopback.
    let program = Program::start(&["--admin-listen", "0.0.0.0:0"]);
    let port = program.admin.expect("it says where").port();
    let admin = ([127, 0, 0, 1], port).into();
    for path in PATHS {
        assert_eq!(program.get(path).status, 404, "{path}");
        let answer = request(admin, &get(path, "host: chat.example\r\nx-forwarded-for: 192.0.2.1\r\n"));
        assert_eq!(answer.status, 200, "{path}: {answer:?}");
    }
    for path in ["/", "/socket.io/?EIO=4&transport=polling"] {
        let status = request(admin, &get(path, "host: localhost\r\n")).status;
        assert!(matches!(status, 404 | 503), "{path}: {status}");
    }
}

/// A page whose own name points to this machine.
#[test]
fn a_listener_of_their_own_on_loopback_answers_for_this_machine_only() {
    let program = Program::start(&["--admin-listen", "127.0.0.1:0", "--host", "chat.example"]);
    let admin = program.admin.expect("it says where");
    for path in PATHS {
        for (host, status) in [
            ("localhost:8082", 200),
            ("127.0.0.1", 200),
            ("[::1]:8082", 200),
            ("rebound.example:8082", 421),
            ("chat.example", 421),
        ] {
            assert_eq!(request(admin, &get(path, &format!("host: {host}\r\n"))).status, status, "{host}{path}");
        }
    }
}

#[test]
fn head_gets_what_get_would_without_the_body() {
    let program = Program::start(&[]);
    let other = Program::start(&["--admin-listen", "127.0.0.1:0"]);
    for address in [program.address, other.admin.expect("it says where")] {
        for (path, length) in [("/health", Some(2)), ("/ready", Some(5)), ("/metrics", None)] {
            let head = get(path, "host: localhost\r\n").replace("GET", "HEAD");
            let answer = request(address, &head);
            assert_eq!((answer.status, &*answer.body), (200, ""), "{path}: {answer:?}");
            let said = answer.head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse::<u32>().ok());
            assert!(length.map_or(said > Some(1_000), |length| said == Some(length)), "{path}: {answer:?}");
        }
    }
    let foreign = get("/metrics", "host: localhost\r\nx-forwarded-for: 192.0.2.1\r\n").replace("GET", "HEAD");
    assert_eq!(request(program.address, &foreign).status, 404);
}

/// A listener for whoever watches must not be a way to use up the process.
#[test]
fn the_listener_of_their_own_has_limits() {
    let program = Program::start(&["--admin-listen", "127.0.0.1:0"]);
    let admin = program.admin.expect("it says where");
    // One address may have half of the places, so the others have some left.
    let idle: Vec<TcpStream> = (0..32).map(|_| TcpStream::connect(admin).expect("it listens")).collect();
    let mut one_more = TcpStream::connect(admin).expect("it listens");
    one_more.set_read_timeout(Some(Duration::from_secs(20))).expect("a timeout");
    let mut answer = Vec::new();
    one_more.read_to_end(&mut answer).expect("an answer, and the end");
    assert!(answer.starts_with(b"HTTP/1.1 429"), "{}", String::from_utf8_lossy(&answer));
    drop(idle);
    let end = Instant::now() + Duration::from_secs(20);
    while request(admin, &get("/health", "host: localhost\r\n")).status != 200 {
        assert!(Instant::now() < end, "there is room again");
    }
}

#[test]
fn a_program_that_closes_is_alive_but_not_ready() {
    let program = Program::start(&["--admin-listen", "127.0.0.1:0"]);
    let admin = program.admin.expect("it says where");
    assert_eq!(request(admin, &get("/ready", "host: localhost\r\n")).status, 200);
    // A client that has to be told of the end, and does not come for it.
    let _session = program.open(4);
    program.terminate();
    let end = Instant::now() + Duration::from_secs(20);
    loop {
        let answer = request(admin, &get("/ready", "host: localhost\r\n"));
        if answer.status == 503 {
            assert_eq!(answer.body, "closing");
            break;
        }
        assert!(Instant::now() < end, "{answer:?}");
    }
    assert_eq!(request(admin, &get("/health", "host: localhost\r\n")).status, 200);
}

/// To whoever asks on this machine, without a listener of their own.
#[test]
fn a_program_that_drains_says_so_where_it_serves() {
    let program = Program::start(&["--drain", "60"]);
    let start = program.metrics();
    // Somebody has to be let go.
    program.open(4);
    program.terminate();
    let end = Instant::now() + Duration::from_secs(20);
    while program.get("/ready").status != 503 {
        assert!(Instant::now() < end, "it is still ready");
    }
    assert_eq!(program.get("/ready").body, "closing");
    assert_eq!(program.get("/health").status, 200);
    assert_eq!(program.get("/socket.io/?EIO=4&transport=polling").status, 503);
    let refused = r#"sanket_refusals_total{kind="closing"}"#;
    assert!(program.metrics()[refused] > start[refused]);
}

#[test]
fn the_list_in_the_documentation_is_the_list_of_the_program() {
    let written =
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/metrics.md")).expect("it is there");
    let rows = written.lines().filter_map(|line| line.strip_prefix("| `")).filter(|row| !row.starts_with('/'));
    let listed: BTreeMap<String, String> = rows
        .map(|row| {
            let (name, rest) = row.split_once('`').expect("a name");
            (name.to_owned(), rest.split('|').nth(1).unwrap_or_default().trim().to_owned())
        })
        .collect();
    let program = Program::start(&[]);
    let said = exposition::parse(&program.get("/metrics").body).types;
    // Those of the process are there where the system says them.
    let has_process = cfg!(target_os = "linux");
    let listed: BTreeMap<_, _> =
        listed.into_iter().filter(|(name, _)| has_process || !name.starts_with("process_")).collect();
    assert_eq!(listed, said);
}
