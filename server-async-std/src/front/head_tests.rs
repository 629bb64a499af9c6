//! What the parser of heads takes and what it refuses, byte for byte.
use super::*;

/// A head as an application sees it.
#[derive(Debug)]
struct Heard {
    request: Request,
    terms: Terms,
    plain: bool,
}

fn read(text: &str) -> Result<Option<Heard>, Refusal> {
    let (mut room, mut more) = (room(), Vec::new());
    let head = parse(text.as_bytes(), &mut room, &mut more, 8)?;
    let heard = |head: Head<'_>| {
        let request = head.request(SocketAddr::from(([127, 0, 0, 1], 80)))?;
        Ok(Heard { request, terms: head.terms, plain: head.is_plain() })
    };
    head.map(heard).transpose()
}

/// A GET with these header lines beside `Host`.
fn with(lines: &str) -> Result<Heard, Refusal> {
    read(&format!("GET / HTTP/1.1\r\nHost: a\r\n{lines}\r\n\r\n")).map(Option::unwrap)
}

fn status(result: Result<impl Sized, Refusal>) -> u16 {
    result.err().map_or(200, |refusal| refusal.status.into())
}

#[test]
fn a_plain_request() {
    let text = "GET /socket.io/?EIO=4&x=%20 HTTP/1.1\r\nHost: chat.example:3000\r\nA: 1\r\na: 2\r\n\r\nrest";
    let head = read(text).unwrap().unwrap();
    assert_eq!(head.request.url().as_str(), "http://chat.example:3000/socket.io/?EIO=4&x=%20");
    assert_eq!(head.terms.len, text.len() - 4);
    assert_eq!(head.request.header("a").unwrap().iter().count(), 2);
    assert_eq!(head.terms.body, Framing::End);
    assert!(head.terms.keep_alive && !head.terms.upgrade && !head.terms.expects_continue && !head.terms.http10);
    for end in 0..text.len() - 4 {
        assert!(read(&text[..end]).unwrap().is_none(), "complete after {end} bytes");
    }
}

#[test]
fn the_connection_header() {
    assert!(!with("Connection: Close").unwrap().terms.keep_alive);
    assert!(!with("Connection: a, close").unwrap().terms.keep_alive);
    assert!(!with("Connection: a\r\nConnection: close").unwrap().terms.keep_alive);
    assert!(with("Connection: keep-alive, Upgrade\r\nUpgrade: websocket").unwrap().terms.upgrade);
    assert!(!with("Connection: upgrade").unwrap().terms.upgrade);
    assert!(!with("Upgrade: websocket").unwrap().terms.upgrade);
    let old = |lines: &str| read(&format!("GET / HTTP/1.0\r\n{lines}\r\n")).unwrap().unwrap();
    assert!(!old("").terms.keep_alive);
    assert!(old("Connection: Keep-Alive\r\n").terms.keep_alive);
    assert!(!old("Connection: keep-alive, close\r\n").terms.keep_alive);
    assert!(!old("Connection: upgrade\r\nUpgrade: websocket\r\n").terms.upgrade);
    assert_eq!(old("").request.url().as_str(), "http://127.0.0.1/");
}

#[test]
fn where_a_body_ends_is_said_once_and_clearly() {
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
        "A: \u{e4}",
        "\u{e4}: a",
        "A: \0",
    ] {
        assert_eq!(status(with(lines)), 400, "{lines:?}");
    }
    assert_eq!(status(read("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n")), 400);
}

#[test]
fn one_host_that_stays_a_host() {
    for host in ["a", "a:80", "[::1]:3000", "under_score.example", "127.0.0.1", ""] {
        let head = read(&format!("GET /p HTTP/1.1\r\nHost: {host}\r\n\r\n")).unwrap().unwrap();
        assert_eq!(head.request.url().path(), "/p", "{host:?}");
    }
    for lines in [
        "",
        "Host: a\r\nHost: a\r\n",
        "Host: a/b\r\n",
        "Host: a?b\r\n",
        "Host: u@a\r\n",
        "Host: a b\r\n",
        "Host: %41\r\n",
        "Host: a\\b\r\n",
        "Host: a:b\r\n",
        "Host: [::g]\r\n",
    ] {
        assert_eq!(status(read(&format!("GET / HTTP/1.1\r\n{lines}\r\n"))), 400, "{lines:?}");
    }
}

#[test]
fn targets() {
    let path = |method: &str, target: &str| {
        let head = read(&format!("{method} {target} HTTP/1.1\r\nHost: a\r\n\r\n"))?.unwrap();
        Ok::<_, Refusal>((head.request.url().to_string(), head.request.header("host").unwrap().as_str().to_owned()))
    };
    let is = |url: &str, host: &str| Ok((url.to_owned(), host.to_owned()));
    assert_eq!(path("GET", "//x/y"), is("http://a//x/y", "a"));
    assert_eq!(path("GET", "/%zz?%"), is("http://a/%zz?%", "a"));
    assert_eq!(path("GET", "http://b:81/x?y"), is("http://b:81/x?y", "b:81"));
    assert_eq!(path("GET", "HTTPS://B"), is("https://b/", "b"));
    assert_eq!(path("OPTIONS", "*"), is("http://a/*", "a"));
    for target in
        ["*", "x", "x/y", "a:80", "ftp://b/", "http://", "http://u:p@b/", "http://b:99999/", "/x#y", "?", "data:x"]
    {
        assert_eq!(status(path("GET", target)), 400, "{target:?}");
    }
}

#[test]
fn methods_and_versions() {
    let line = |line: &str| status(read(&format!("{line}\r\nHost: a\r\n\r\n")));
    assert_eq!(line("PATCH / HTTP/1.1"), 200);
    assert_eq!(line("get / HTTP/1.1"), 501);
    assert_eq!(line("BREW / HTTP/1.1"), 501);
    assert_eq!(line("CONNECT a:80 HTTP/1.1"), 501);
    assert_eq!(line("PRI * HTTP/2.0"), 505);
    assert_eq!(line("GET / HTTP/1.2"), 505);
    assert_eq!(line("GET / HTTPS/1.1"), 505);
    assert_eq!(line("GET /"), 400);
    assert_eq!(line("\u{16}\u{3}\u{1}"), 400);
    assert_eq!(status(with("Expect: 200-maybe")), 417);
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
        let words = |head: &Option<Heard>| head.as_ref().map(in_words);
        let whole = read(&text).as_ref().map(words).map_err(|refusal| *refusal);
        for end in (0..text.len()).filter(|end| text.is_char_boundary(*end)) {
            match read(&text[..end]) {
                Ok(None) => {}
                known => proptest::prop_assert_eq!(&known.as_ref().map(words).map_err(|refusal| *refusal), &whole),
            }
        }
    }
}

/// All that a head says, its headers in an order of their own.
fn in_words(heard: &Heard) -> (String, Vec<String>) {
    let Heard { request, terms, plain } = heard;
    let mut headers: Vec<_> = request.iter().map(|(name, values)| format!("{name}: {values:?}")).collect();
    headers.sort();
    (format!("{} {} {terms:?} {plain}", request.method(), request.url()), headers)
}

/// What is found to be plain must be what it would be in a URL.
fn stays_what_it_is(host: &str, target: &str) {
    let text = format!("GET {target} HTTP/1.1\r\nHost: {host}\r\n\r\n");
    let (mut room, mut more) = (room(), Vec::new());
    let Ok(Some(head)) = parse(text.as_bytes(), &mut room, &mut more, 8) else { return };
    if !head.is_plain() || head.path() != "/socket.io/" {
        return;
    }
    let request = head.request(SocketAddr::from(([127, 0, 0, 1], 80))).expect("a plain head makes a request");
    let url = request.url();
    let query = url.query().map_or(String::new(), |query| format!("?{query}"));
    assert_eq!(format!("{}{query}", url.path()), head.path_and_query(), "{text:?}");
    assert_eq!(url.query().unwrap_or_default(), head.query(), "{text:?}");
    assert_eq!(request.header("host").map(|host| host.as_str()), Some(host), "{text:?}");
}

#[test]
fn what_is_plain() {
    let plain = |host: &str, target: &str| {
        let text = format!("GET {target} HTTP/1.1\r\nHost: {host}\r\n\r\n");
        read(&text).is_ok_and(|heard| heard.is_some_and(|heard| heard.plain))
    };
    for host in ["a", "localhost:3000", "chat.example", "A-b.example:80", "127.0.0.1:1", "[::1]:3000", "[::1]"] {
        assert!(plain(host, "/socket.io/?EIO=4&t=a%20b~!$()*+,;:@/?_-.|{}^`"), "{host}");
    }
    for host in ["", "a.", "a:", "a:99999", "1.2.3", "1.2.3.4.5", "0x7f.1", "xn--a", "a..b", "a_b", "[::1", "a:b"] {
        assert!(!plain(host, "/socket.io/"), "{host}");
    }
    for query in ["\"", "'", "<", ">", "\u{e4}"] {
        assert!(!plain("a", &format!("/socket.io/?x={query}")), "{query}");
    }
}

proptest::proptest! {
    #[test]
    fn what_is_plain_is_what_a_url_makes_of_it(
        host in "[a-cx0-9.:\\[\\]_-]{0,12}|(xn--)?[a-z]{1,3}(\\.[0-9a-fx]{1,3}){0,4}(:[0-9]{0,6})?|\\[[0-9a-f:.]{1,9}\\]",
        query in "(\\?[ -~]{0,12})?",
    ) {
        stays_what_it_is(&host, &format!("/socket.io/{query}"));
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
