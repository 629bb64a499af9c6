//! What the parser of heads takes and what it refuses, byte for byte.
use super::*;

/// What a head says, without its buffer.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Said {
    method: Method,
    target: String,
    path: String,
    query: String,
    host: String,
    fields: Vec<(String, Vec<u8>)>,
    terms: Terms,
}

fn read(bytes: impl AsRef<[u8]>) -> Result<Option<Said>, Refusal> {
    let (mut room, mut more) = (room(), Vec::new());
    let head = parse(bytes.as_ref(), &mut room, &mut more, 8)?;
    Ok(head.map(|head| Said {
        method: head.method().clone(),
        target: head.target().into(),
        path: head.path().into(),
        query: head.query().into(),
        host: head.host().into(),
        fields: head.fields().map(|(name, value)| (name.into(), value.into())).collect(),
        terms: head.terms,
    }))
}

/// A GET with these header lines beside `Host`.
fn with(lines: &str) -> Result<Said, Refusal> {
    read(format!("GET / HTTP/1.1\r\nHost: a\r\n{lines}\r\n\r\n")).map(Option::unwrap)
}

fn status(result: Result<impl Sized, Refusal>) -> u16 {
    result.err().map_or(200, |refusal| refusal.status.as_u16())
}

#[test]
fn a_plain_request() {
    let text = "GET /socket.io/?EIO=4&x=%20 HTTP/1.1\r\nHost: chat.example:3000\r\nA: 1\r\na:  2\t\r\n\r\nrest";
    let said = read(text).unwrap().unwrap();
    assert_eq!((&*said.target, &*said.path, &*said.query), ("/socket.io/?EIO=4&x=%20", "/socket.io/", "EIO=4&x=%20"));
    assert_eq!((&*said.host, said.terms.len), ("chat.example:3000", text.len() - 4));
    let fields = [("Host", &b"chat.example:3000"[..]), ("A", b"1"), ("a", b"2")];
    assert_eq!(said.fields, fields.map(|(name, value)| (name.to_owned(), value.to_vec())));
    assert_eq!(said.terms.body, Framing::End);
    assert_eq!(said.terms.shape, Shape { head_only: false, http10: false, close: false });
    assert!(!said.terms.upgrade && !said.terms.expects_continue);
    for end in 0..text.len() - 4 {
        assert!(read(&text[..end]).unwrap().is_none(), "complete after {end} bytes");
    }
}

#[test]
fn headers_by_name() {
    let text = b"POST / HTTP/1.0\r\nX: a\r\nx: \xff\r\nContent-Length: 7\r\n\r\n";
    let (mut room, mut more) = (room(), Vec::new());
    let head = parse(text, &mut room, &mut more, 8).unwrap().unwrap();
    assert_eq!(head.values("x").collect::<Vec<_>>(), [&b"a"[..], b"\xff"]);
    assert_eq!(head.header_str("X").as_deref(), Some("a"));
    assert_eq!((head.header_str("y"), head.values("y").count()), (None, 0));
    assert_eq!((head.length(), head.has_body(), head.version()), (Some(7), true, Version::HTTP_10));
    let text = b"POST / HTTP/1.1\r\nHost: a\r\nX: \xff\r\nTransfer-Encoding: chunked\r\n\r\n";
    let (mut room, mut more) = (super::room(), Vec::new());
    let head = parse(text, &mut room, &mut more, 8).unwrap().unwrap();
    assert_eq!(head.header_str("x").as_deref(), Some("\u{fffd}"));
    assert_eq!((head.length(), head.has_body(), head.version()), (None, true, Version::HTTP_11));
    assert!(!head.is_upgrade());
}

#[test]
fn the_connection_header() {
    let close = |said: Said| said.terms.shape.close;
    assert!(close(with("Connection: Close").unwrap()));
    assert!(close(with("Connection: a, close").unwrap()));
    assert!(close(with("Connection: a\r\nConnection: close").unwrap()));
    assert!(with("Connection: keep-alive, Upgrade\r\nUpgrade: websocket").unwrap().terms.upgrade);
    assert!(!with("Connection: upgrade").unwrap().terms.upgrade);
    assert!(!with("Upgrade: websocket").unwrap().terms.upgrade);
    let old = |lines: &str| read(format!("GET / HTTP/1.0\r\n{lines}\r\n")).unwrap().unwrap();
    assert!(close(old("")));
    assert!(!close(old("Connection: Keep-Alive\r\n")));
    assert!(close(old("Connection: keep-alive, close\r\n")));
    assert!(!old("Connection: upgrade\r\nUpgrade: websocket\r\n").terms.upgrade);
    assert_eq!(old("").host, "");
}

#[test]
fn the_framing_of_a_body_is_unambiguous() {
    assert_eq!(with("Content-Length: 5").unwrap().terms.body, Framing::Length(5));
    assert_eq!(with("Content-Length: 0").unwrap().terms.body, Framing::End);
    assert_eq!(with("Transfer-Encoding: Chunked").unwrap().terms.body, Framing::chunked());
    for lines in [
        "Content-Length: 5\r\nContent-Length: 6",
        "Content-Length: 5\r\ncontent-length: 5",
        "Content-Length: 5, 5",
        "Content-Length: +5",
        "Content-Length: -5",
        "Content-Length: 0x5",
        "Content-Length: 5 5",
        "Content-Length:",
        "Content-Length: 99999999999999999999",
        "Content-Length: 5\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: xchunked",
        "Transfer-Encoding: chunkedx",
        "Transfer-Encoding: gzip, chunked",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding:",
        "Transfer-Encoding : chunked",
        "A: b\r\n folded",
        "A : b",
        "A: b\nB: c",
        "A: b\rB: c",
        ": b",
        "\u{e4}: a",
        "A: \0",
    ] {
        assert_eq!(status(with(lines)), 400, "{lines:?}");
    }
    assert_eq!(status(read("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n")), 400);
}

#[test]
fn values_are_opaque_bytes() {
    let said = read(b"GET / HTTP/1.1\r\nHost: a\r\nA: \xe4\r\nB: \xc3\xa4\r\n\r\n").unwrap().unwrap();
    assert_eq!(said.fields[1..], [("A".to_owned(), b"\xe4".to_vec()), ("B".to_owned(), b"\xc3\xa4".to_vec())]);
    assert_eq!(status(read(b"GET / HTTP/1.1\r\nHost: \xe4\r\n\r\n")), 400);
}

#[test]
fn the_host_header() {
    for host in ["a", "a:80", "[::1]:3000", "under_score.example", "127.0.0.1", ""] {
        let said = read(format!("GET /p HTTP/1.1\r\nHost: {host}\r\n\r\n")).unwrap().unwrap();
        assert_eq!((&*said.path, &*said.host), ("/p", host));
        assert!(read(format!("GET /p HTTP/1.1\r\nHost: {host}\r\nhost: {host}\r\n\r\n")).unwrap().is_some());
    }
    for lines in [
        "",
        "Host: a\r\nHost: b\r\n",
        "Host: a\r\nHost: A\r\n",
        "Host: a\r\nHost: a\r\nHost:\r\n",
        "Host: a/b\r\n",
        "Host: a?b\r\n",
        "Host: u@a\r\n",
        "Host: a b\r\n",
        "Host: %41\r\n",
        "Host: a\\b\r\n",
        "Host: a:b\r\n",
        "Host: [::g]\r\n",
    ] {
        assert_eq!(status(read(format!("GET / HTTP/1.1\r\n{lines}\r\n"))), 400, "{lines:?}");
    }
}

#[test]
fn the_target_names_the_host_where_it_has_one() {
    let host = |target: &str| {
        let said = read(format!("GET {target} HTTP/1.1\r\nHost: a\r\n\r\n"))?.unwrap();
        assert_eq!(said.fields, [("Host".to_owned(), b"a".to_vec())]);
        Ok::<_, Refusal>((said.host, said.path))
    };
    assert_eq!(host("//x/y"), Ok(("a".into(), "//x/y".into())));
    assert_eq!(host("http://b:81/x?y"), Ok(("b:81".into(), "/x".into())));
    assert_eq!(status(host("*")), 400);
    assert_eq!(read("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n").unwrap().unwrap().path, "*");
}

#[test]
fn methods_and_versions() {
    let line = |line: &str| status(read(format!("{line}\r\nHost: a\r\n\r\n")));
    for method in METHODS {
        assert_eq!(line(&format!("{method} / HTTP/1.1")), 200, "{method}");
    }
    assert!(METHODS.is_sorted());
    assert!(read("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n").unwrap().unwrap().terms.shape.head_only);
    assert_eq!(line("get / HTTP/1.1"), 501);
    assert_eq!(line("BREW / HTTP/1.1"), 501);
    assert_eq!(line("CONNECT a:80 HTTP/1.1"), 501);
    assert_eq!(line("PRI * HTTP/2.0"), 505);
    assert_eq!(line("GET / HTTP/1.2"), 505);
    assert_eq!(line("GET / HTTPS/1.1"), 505);
    assert_eq!(line("GET /"), 400);
    assert_eq!(line("\u{16}\u{3}\u{1}"), 400);
    assert_eq!(status(with("Expect: 200-maybe")), 417);
    assert_eq!(status(with("Expect: 100-continue\r\nExpect: 100-continue")), 400);
    assert!(with("Expect: 100-Continue").unwrap().terms.expects_continue);
    assert_eq!(status(with(&"A: b\r\n".repeat(8))), 431);
}

proptest::proptest! {
    /// The parser is asked again whenever more has come, so what it says of the beginning must hold for the whole.
    #[test]
    fn a_head_is_the_same_from_however_much_of_it(
        parts in proptest::collection::vec(proptest::sample::select(PARTS.to_vec()), 0..9),
        first in proptest::sample::select(vec!["GET / HTTP/1.1\r\nHost: a\r\n", "POST /x HTTP/1.0\r\n", ""]),
    ) {
        let text = [first, &parts.concat()].concat();
        let whole = read(&text);
        for end in 0..text.len() {
            match read(&text.as_bytes()[..end]) {
                Ok(None) => {}
                known => proptest::prop_assert_eq!(&known, &whole),
            }
        }
    }
}

/// What heads are made of, and what they should not be.
const PARTS: [&str; 24] = [
    "\r\n",
    "\n",
    "\r",
    " ",
    ":",
    "\0",
    "\u{e4}",
    "GET",
    " /",
    "*",
    " HTTP/1.1\r\n",
    "Host: a\r\n",
    "Host: b:1\r\n",
    "A: b\r\n",
    "Content-Length: 5\r\n",
    "Transfer-Encoding: chunked\r\n",
    "Expect: 100-continue\r\n",
    "Expect: x\r\n",
    "Connection: close, upgrade\r\n",
    "Upgrade: websocket\r\n",
    " folded\r\n",
    "A: b\n",
    "\r\n\r\n",
    "body",
];
