//! Requests through the application and past it: the same requests have the same answers, but for ids and dates.

use crate::house::Floods;
use async_std::task::{block_on, spawn};
use sanket::{Config, Reason};
use sanket_async_std::{AllowAsync as _, Cookie, Denial, HttpConfig, Options, Origins, Server, Setup, Welcome, setup};
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::mpsc;
use std::thread::{sleep, yield_now};
use std::time::{Duration, Instant};
use tide::listener::Listener;

/// Longer than an answer takes.
const SOON: Duration = Duration::from_secs(10);
/// As long as it takes until something has come to where it waits.
const A_MOMENT: Duration = Duration::from_millis(30);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    /// Through tide.
    Mounted,
    /// Past it.
    Direct,
}

struct House {
    address: SocketAddr,
    server: Server<Floods>,
    /// The one that listens.
    front: Server<Floods>,
    left: mpsc::Receiver<Reason>,
}

impl House {
    fn open(way: Way, options: Options, limits: HttpConfig) -> Self {
        let (app, left) = Floods::new();
        let config = Config { max_payload: 5_000, ..Config::default() };
        let server = Server::start(app, Setup { config, http: limits.clone(), options, ..setup() }).expect("threads");
        let mut front = server.clone();
        let mut tide = tide::new();
        let address = match way {
            Way::Mounted => {
                // Another server's listener, which has no use for that path.
                server.mount(&mut tide, "/socket.io");
                let options = Options::default().path("/elsewhere");
                let other =
                    Server::start(Floods::new().0, Setup { http: limits, options, ..setup() }).expect("threads");
                let mut listener = block_on(tide.bind(other.listener([([127, 0, 0, 1], 0)]))).expect("a free port");
                spawn(async move { Listener::<()>::accept(&mut listener).await });
                let address = other.addresses()[0];
                front = other;
                address
            }
            Way::Direct => {
                let mut listener = block_on(tide.bind(server.listener([([127, 0, 0, 1], 0)]))).expect("a free port");
                spawn(async move { Listener::<()>::accept(&mut listener).await });
                server.addresses()[0]
            }
        };
        Self { address, server, front, left }
    }

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).expect("a connection");
        stream.set_read_timeout(Some(SOON)).expect("a deadline");
        stream
    }

    fn send(&self, bytes: &[u8]) -> TcpStream {
        let mut stream = self.connect();
        stream.write_all(bytes).expect("the server takes it");
        stream
    }

    /// Until so many requests wait for an answer.
    fn until_waiting(&self, requests: usize) {
        let started = Instant::now();
        while self.server.host().waiting() != requests {
            assert!(started.elapsed() < SOON, "{} requests wait", self.server.host().waiting());
            yield_now();
        }
    }

    /// A session with a socket in it, which has been welcomed.
    fn session(&self) -> String {
        let opened = rest(&mut self.send(get("", "Connection: close\r\n").as_bytes()));
        let (_, sid) = opened.split_once(r#""sid":""#).expect("a handshake");
        let sid = sid[..22].to_owned();
        assert!(rest(&mut self.send(post(&sid, "40").as_bytes())).ends_with("ok"));
        let query = format!("&sid={sid}");
        let welcome = rest(&mut self.send(get(&query, "Connection: close\r\n").as_bytes()));
        assert!(welcome.contains("welcome"), "{welcome}");
        sid
    }
}

fn get(query: &str, lines: &str) -> String {
    format!("GET /socket.io/?EIO=4&transport=polling{query} HTTP/1.1\r\nHost: a\r\n{lines}\r\n")
}

fn post(sid: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "POST /socket.io/?EIO=4&transport=polling&sid={sid} HTTP/1.1\r\nHost: a\r\nContent-Length: {length}\r\n\
         Connection: close\r\n\r\n{body}"
    )
}

/// All that comes until the connection ends.
fn rest(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    match stream.read_to_end(&mut bytes) {
        Ok(_) => {}
        Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => {}
        Err(error) => panic!("{} and then {error}", bytes.escape_ascii()),
    }
    // One letter a byte, so that all of it can be compared.
    bytes.into_iter().map(char::from).collect()
}

/// One answer of a connection that goes on.
fn one(stream: &mut TcpStream) -> String {
    let (mut bytes, mut byte) = (Vec::new(), [0]);
    while !bytes.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte).expect("an answer");
        bytes.push(byte[0]);
    }
    let head = String::from_utf8(bytes).expect("a head");
    let length = head.split_once("content-length: ").and_then(|(_, rest)| rest.split_once("\r\n")?.0.parse().ok());
    let mut body = vec![0; length.expect("a length")];
    stream.read_exact(&mut body).expect("a body");
    head + &String::from_utf8(body).expect("text")
}

/// The same without ids and dates, the headers of each answer in an order of their own.
fn normal(said: &str) -> String {
    let mut text = said.to_owned();
    for before in [r#""sid":""#, r#"\"sid\":\""#, "io="] {
        let mut from = 0;
        while let Some(at) = text[from..].find(before).map(|at| from + at + before.len()) {
            text.replace_range(at..at + 22, "an id");
            from = at;
        }
    }
    let mut normal = String::new();
    let mut lines: Vec<&str> = Vec::new();
    for line in text.split_inclusive('\n') {
        if !line.starts_with("date: ") {
            lines.push(line);
        }
        if line == "\r\n" {
            // What is before the end of a head: a status line, or a body and the next one, and headers.
            let headers = lines.iter().rposition(|line| line.contains("HTTP/1.1 ")).map_or(0, |at| at + 1);
            lines[headers..].sort_unstable();
            normal.extend(lines.drain(..));
        }
    }
    normal.extend(lines);
    normal
}

/// What is sent on a connection of its own, `SID` in it being the session's id, and `NEW` that of another; and what is sent on another while that waits.
struct Step(String, Option<String>);

fn steps() -> Vec<Step> {
    const CLOSE: &str = "Connection: close\r\n";
    const WEBSOCKET: &str = "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\
                             Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n";
    let mut steps = Vec::new();
    let mut say = |request: String| steps.push(Step(request, None));
    let raw = |line: &str, lines: &str, body: &str| format!("{line}\r\nHost: a\r\n{lines}{CLOSE}\r\n{body}");
    let target = "/socket.io/?EIO=4&transport=polling";
    // Handshakes, and what is none.
    for line in [
        "GET /socket.io/?EIO=4&transport=polling HTTP/1.1",
        "GET /socket.io?EIO=4&transport=polling HTTP/1.1",
        "GET /socket.io/?EIO=3&transport=polling&b64=1 HTTP/1.1",
        "GET /socket.io/?EIO=4&transport=polling&j=12x3 HTTP/1.1",
        "GET /socket.io/?EIO=4&transport=polling&%6a=7 HTTP/1.1",
        "GET /socket.io/?EIO=4&transport=polling&x='\" HTTP/1.1",
        "GET http://a/socket.io/?EIO=4&transport=polling HTTP/1.1",
        "GET /socket.io/?EIO=4&transport=polling HTTP/1.0",
        "GET /socket.io/?EIO=4&transport=pigeon HTTP/1.1",
        "GET /socket.io/?EIO=9&transport=polling HTTP/1.1",
        "GET /socket.io/ HTTP/1.1",
        "GET /socket.io/? HTTP/1.1",
        "GET /socket.io/x?EIO=4&transport=polling HTTP/1.1",
        "GET /socket.io//?EIO=4&transport=polling HTTP/1.1",
        "HEAD /socket.io/?EIO=4&transport=polling HTTP/1.1",
        "PUT /socket.io/?EIO=4&transport=polling HTTP/1.1",
        "POST /socket.io/?EIO=4&transport=polling HTTP/1.1",
        "GET /socket.io/?EIO=4&transport=polling&deny=1 HTTP/1.1",
        "GET /socket.io/?EIO=4&transport=polling&panic=1 HTTP/1.1",
        "GET /socket.io/?EIO=4&transport=polling&sid=AAAAAAAAAAAAAAAAAAAAAA HTTP/1.1",
        "GET /socket.io/?EIO=4&transport=polling&sid=nonsense HTTP/1.1",
        "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1",
        "BREW /socket.io/ HTTP/1.1",
        "GET /socket.io/?a#b HTTP/1.1",
    ] {
        say(raw(line, "", ""));
        say(raw(line, "Origin: http://a\r\nUser-Agent: x; MSIE 9\r\nAccept-Encoding: gzip\r\n", ""));
    }
    // Pages from elsewhere.
    for origin in ["http://a", "https://friend.example", "https://evil.example", "null"] {
        for method in ["GET", "OPTIONS", "HEAD"] {
            let lines = format!("Origin: {origin}\r\nAccess-Control-Request-Headers: x-a\r\n");
            say(raw(&format!("{method} {target} HTTP/1.1"), &lines, ""));
        }
    }
    // Hosts that are no plain names, and heads that are none.
    for lines in ["Host: a_b\r\n", "Host: 1.2.3\r\n", "Host: a:b\r\n", "", "Host: a\r\nX: \u{e4}\r\n"] {
        say(format!("GET {target} HTTP/1.1\r\n{lines}{CLOSE}\r\n"));
    }
    say(format!("GET {target} HTTP/1.0\r\n\r\n"));
    // WebSockets; and handshakes of such that lack something.
    let websocket = "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1";
    let goodbye = "\u{8}\0";
    for (lines, after) in [
        (WEBSOCKET.to_owned(), goodbye),
        (WEBSOCKET.replace("13", "12"), ""),
        (WEBSOCKET.replace("AA==", ""), ""),
        (WEBSOCKET.replace("Connection: Upgrade\r\n", ""), ""),
        (format!("{WEBSOCKET}Content-Length: 3\r\n"), ""),
    ] {
        let after = if after.is_empty() { "" } else { "\u{88}\u{80}\0\0\0\0" };
        say(format!("{websocket}\r\nHost: a\r\n{lines}\r\n{after}"));
        say(format!("{}\r\nHost: a\r\n{lines}\r\n{after}", websocket.replace("EIO=4", "EIO=9")));
        say(format!("{}\r\nHost: a\r\n{lines}\r\n{after}", websocket.replace("EIO=4", "EIO=4&deny=1")));
    }
    // Posts in all shapes; the session lives.
    let begin = format!("POST {target}&sid=SID HTTP/1.1");
    say(raw(&begin, "Transfer-Encoding: chunked\r\n", "2\r\n42\r\n7\r\n[\"hi\",1\r\n1\r\n]\r\n0\r\n\r\n"));
    say(raw(&begin, "Transfer-Encoding: chunked\r\n", "x\r\n").replace("SID", "NEW"));
    say(raw(&begin, "Expect: 100-continue\r\nContent-Length: 1\r\n", "3"));
    say(raw(&begin, "Content-Length: 6000\r\n", &"x".repeat(6_000)));
    say(raw(&begin, "Content-Length: 99999999999\r\n", ""));
    say(raw(&begin, "Content-Type: text/plain;charset=UTF-8\r\nContent-Length: 3\r\n", "42x").replace("SID", "NEW"));
    say(raw(&format!("POST {target}&sid=NEW&j=0 HTTP/1.1"), "Content-Length: 5\r\n", "d=3\r\n"));
    say(raw(
        &format!("POST {target}&sid=NEW HTTP/1.1"),
        "Content-Type: application/octet-stream\r\nContent-Length: 1\r\n",
        "3",
    ));
    // Several requests in one piece.
    let flood = |count: usize, size: usize| format!("42[\"flood\",{count},{size}]");
    let post_on = |body: &str| post("SID", body).replace(CLOSE, "");
    say(format!("{}{}{}", post_on("3"), get("&sid=NOBODY", ""), get("", CLOSE)));
    say(format!("{}{}", post_on(&flood(1, 10)), get("&sid=SID", CLOSE)));
    // What is worth to be compressed, or is not, and what takes several writes.
    for (size, lines) in [(2_000, "Accept-Encoding: gzip, br\r\n"), (200_000, "Accept-Encoding: deflate\r\n")] {
        for lines in ["", lines, "Accept-Encoding: gzip;q=0\r\nAccept-Encoding: br\r\n"] {
            say(post("SID", &flood(1, size)));
            say(get("&sid=SID", &format!("{lines}{CLOSE}")));
        }
    }
    say(post("SID", &flood(1, 2_000)));
    say(get("&sid=SID&j=5", &format!("Accept-Encoding: gzip\r\n{CLOSE}")));
    // Polls that wait, and what they wait for.
    for (size, lines) in [(10, ""), (2_000, "Accept-Encoding: gzip\r\n"), (200_000, "Origin: http://a\r\n")] {
        steps.push(Step(get("&sid=SID", &format!("{lines}{CLOSE}")), Some(post("SID", &flood(1, size)))));
    }
    let with_body = raw(&format!("GET {target}&sid=SID HTTP/1.1"), "Content-Length: 3\r\n", "abc");
    steps.push(Step(with_body, Some(post("SID", &flood(1, 10)))));
    let old = format!("GET {target}&sid=SID HTTP/1.0\r\nConnection: keep-alive\r\n\r\nGET / HTTP/1.0\r\n\r\n");
    steps.push(Step(old, Some(post("SID", &flood(1, 10)))));
    let two = get("&sid=SID", "") + &get("&sid=NOBODY", CLOSE);
    steps.push(Step(two, Some(post("SID", &flood(1, 10)))));
    // The end of the session.
    steps.push(Step(get("&sid=SID", CLOSE), Some(get("&sid=SID", CLOSE))));
    steps.push(Step(get("&sid=SID", CLOSE), None));
    steps
}

/// One letter a byte, as they are read.
fn bytes(text: &str) -> Vec<u8> {
    text.chars().map(|letter| u8::try_from(letter).expect("a byte")).collect()
}

fn answers(house: &House) -> Vec<(String, String)> {
    let sid = house.session();
    let mut answers = Vec::new();
    for Step(first, then) in steps() {
        let new = if first.contains("NEW") { house.session() } else { String::new() };
        let with_ids = |text: &str| text.replace("SID", &sid).replace("NEW", &new);
        let (sent, then) = (with_ids(&first), then.as_deref().map(with_ids));
        let mut stream = house.send(&bytes(&sent));
        if let Some(then) = then {
            house.until_waiting(1);
            answers.push((format!("what follows {first}"), normal(&rest(&mut house.send(&bytes(&then))))));
        }
        let answer = rest(&mut stream);
        answers.push((first, normal(&answer)));
    }
    answers
}

fn are_the_same(options: impl Fn() -> Options) {
    let [through, past] =
        [Way::Mounted, Way::Direct].map(|way| answers(&House::open(way, options(), HttpConfig::default())));
    let mut differences = 0;
    for ((asked, through), (_, past)) in through.into_iter().zip(past) {
        assert!(!through.is_empty(), "no answer to {asked}");
        if past != through {
            differences += 1;
            eprintln!("to {asked:?}\npast    {past:?}\nthrough {through:?}");
        }
    }
    assert_eq!(differences, 0);
}

#[test]
fn answers_are_the_same_for_a_page_of_the_same_host() {
    are_the_same(|| Options::default().jsonp(true));
}

#[test]
fn answers_are_the_same_where_there_is_more_to_say() {
    are_the_same(|| {
        Options::default()
            .jsonp(true)
            .origins(Origins::listed(vec!["https://friend.example".parse().expect("an origin")]))
            .cookie(Cookie::new("io"))
            .allow_async(|handshake| async move {
                assert!(handshake.query_value("panic").is_none(), "this is what the test is about");
                match handshake.query_value("deny") {
                    Some(_) => Err(Denial::new("Not you")),
                    None => Ok(Welcome::default().header("X-A", "1").header("x-a", "2").header("x-b", "a\r\nc: d")),
                }
            })
    });
}

#[test]
fn answers_are_the_same_where_any_page_is_let_in() {
    are_the_same(|| Options::default().origins(Origins::any()).compression(None).jsonp(true));
}

/// The application's paths are normalised, as URLs are; the server's is what was sent.
#[test]
fn paths_are_not_normalised() {
    let house = House::open(Way::Direct, Options::default(), HttpConfig::default());
    for path in ["/./socket.io/", "/x/../socket.io/", "/x/%2e%2e/socket.io/", "/x\\..\\socket.io\\", "/socket%2eio/"] {
        let request = get("", "Connection: close\r\n").replace("/socket.io/", path);
        let answer = rest(&mut house.send(request.as_bytes()));
        assert!(answer.starts_with("HTTP/1.1 404 "), "{path}: {answer}");
    }
    assert_eq!(house.server.host().sessions(), 0);
}

fn on_both_ways(limits: &HttpConfig, test: impl Fn(House, String)) {
    for way in [Way::Mounted, Way::Direct] {
        let house = House::open(way, Options::default(), limits.clone());
        let sid = house.session();
        test(house, sid);
    }
}

#[test]
fn a_poll_that_breaks_off_ends_the_session() {
    on_both_ways(&HttpConfig::default(), |house, sid| {
        let poll = house.send(get(&format!("&sid={sid}"), "").as_bytes());
        house.until_waiting(1);
        assert_eq!(house.server.host().sessions(), 1);
        drop(poll);
        assert_eq!(house.left.recv_timeout(SOON), Ok(Reason::TransportError));
    });
}

#[test]
fn a_connection_goes_on_after_a_poll_but_not_for_ever() {
    let limits = HttpConfig { keep_alive_timeout: 300, ..HttpConfig::default() };
    on_both_ways(&limits, |house, sid| {
        let poll = get(&format!("&sid={sid}"), "");
        let mut stream = house.connect();
        for n in 0..3 {
            stream.write_all(poll.as_bytes()).expect("the server takes it");
            // A poll may wait for longer than a connection may be idle.
            house.until_waiting(1);
            if n == 0 {
                sleep(A_MOMENT * 20);
            }
            assert!(rest(&mut house.send(post(&sid, r#"42["flood",1,3]"#).as_bytes())).ends_with("ok"));
            assert!(one(&mut stream).ends_with(r#"42["flood","xxx"]"#));
        }
        assert_eq!(rest(&mut stream), "", "it is closed");
    });
}

#[test]
fn a_closing_house_lets_a_poll_be_answered() {
    on_both_ways(&HttpConfig::default(), |house, sid| {
        let poll = get(&format!("&sid={sid}"), "");
        let mut idle = house.send(poll.as_bytes());
        house.until_waiting(1);
        assert!(rest(&mut house.send(post(&sid, r#"42["flood",1,3]"#).as_bytes())).ends_with("ok"));
        one(&mut idle);
        let mut waiting = house.send(poll.as_bytes());
        house.until_waiting(1);
        let front = house.front.clone();
        let shut_down = spawn(async move { front.shut_down().await });
        assert_eq!(rest(&mut idle), "");
        assert!(block_on(house.server.close(SOON)));
        let said = rest(&mut waiting);
        assert!(said.starts_with("HTTP/1.1 200 OK\r\n") && said.contains("connection: close\r\n"), "{said}");
        drop(waiting);
        block_on(shut_down);
    });
}

#[test]
fn a_long_answer_reaches_a_client_that_reads_slowly() {
    on_both_ways(&HttpConfig::default(), |house, sid| {
        let mut stream = house.send(get(&format!("&sid={sid}"), "").as_bytes());
        house.until_waiting(1);
        assert!(rest(&mut house.send(post(&sid, r#"42["flood",1,8000000]"#).as_bytes())).ends_with("ok"));
        sleep(A_MOMENT);
        assert!(one(&mut stream).len() > 8_000_000);
        assert_eq!(house.server.host().sessions(), 1);
    });
}

#[test]
fn polls_that_are_sent_ahead_are_answered_one_by_one() {
    on_both_ways(&HttpConfig::default(), |house, sid| {
        const COUNT: usize = 100;
        let mut stream = house.send(get(&format!("&sid={sid}"), "").repeat(COUNT).as_bytes());
        let mut other = house.connect();
        let mut said = String::new();
        for size in 1..=COUNT {
            let post = post(&sid, &format!(r#"42["flood",1,{size}]"#)).replace("Connection: close\r\n", "");
            other.write_all(post.as_bytes()).expect("the server takes it");
            // Sometimes the answer is waited for, and sometimes several come together.
            if size % 3 == 0 {
                said += &one(&mut stream);
            }
            assert!(one(&mut other).ends_with("ok"));
        }
        let last = format!(r#"42["flood","{}"]"#, "x".repeat(COUNT));
        while !said.ends_with(&last) {
            said += &one(&mut stream);
        }
        let mut sizes =
            said.split(r#"42["flood",""#).skip(1).map(|rest| rest.bytes().take_while(|b| *b == b'x').count());
        assert!((1..=COUNT).all(|size| sizes.next() == Some(size)) && sizes.next().is_none());
    });
}
