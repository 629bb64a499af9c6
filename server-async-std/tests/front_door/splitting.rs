//! The same bytes are the same requests, in one piece, byte by byte, and cut anywhere: every answer to them is, to the byte.
//! But for its date. What an endpoint streams back may come in other pieces, and is not asked for.
use crate::client::Client;
use crate::house::{House, house};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use std::io::Write;

/// A request that may be in order, or not; and not only in one way.
fn request() -> impl Strategy<Value = Vec<u8>> {
    let head = (
        select(vec!["POST /echo", "POST /ignore", "GET /", "GET /values?%61=%C3%A4", "GET /none", "PUT x", "BREW /"]),
        select(vec![" HTTP/1.1", " HTTP/1.0", " HTTP/1.2", ""]),
        select(vec!["Host: a\r\n", "Host: a:80\r\n", "hOST: [::1]\r\n", "", "Host: a\r\nHost: b\r\n", "Host: a/b\r\n"]),
        select(vec![
            "",
            "X: 1\r\nx: 2\r\n",
            "Accept:\r\n",
            "X : 1\r\n",
            "X: \u{e4}\r\n",
            "A: b\n",
            " folded\r\n",
            "Expect: it\r\n",
        ]),
    );
    // Most parts are in order for most requests.
    let head = (head, vec(0_u8..8, 4)).prop_map(|((target, version, host, more), odds)| {
        let or = |n: usize, odd: &'static str, usual: &'static str| if odds[n] == 0 { odd } else { usual };
        let target = or(0, target, if target.starts_with("POST") { target } else { "POST /echo" });
        [target, or(1, version, " HTTP/1.1"), "\r\n", or(2, host, "Host: a\r\n"), or(3, more, "X: 1\r\n")].concat()
    });
    (head, body()).prop_map(|(head, (framing, body))| [head.as_bytes(), framing.as_bytes(), b"\r\n", &body].concat())
}

/// The header lines that say where the body ends, and the body.
fn body() -> impl Strategy<Value = (String, Vec<u8>)> {
    let by_length = vec(any::<u8>(), 0..300).prop_map(|body| (format!("Content-Length: {}\r\n", body.len()), body));
    let chunk = (vec(any::<u8>(), 1..60), select(vec!["", ";a=b", " ; q=\"x\""]))
        .prop_map(|(data, extension)| [format!("{:x}{extension}\r\n", data.len()).as_bytes(), &data, b"\r\n"].concat());
    let end = select(vec!["0\r\n\r\n", "000\r\nX-Sum: 1\r\nY:\r\n\r\n"]);
    let chunked = (vec(chunk, 0..6), end).prop_map(|(chunks, end)| [chunks.concat(), end.into()].concat());
    let chunked = chunked.prop_map(|body| ("Transfer-Encoding: chunked\r\n".to_owned(), body));
    let odd = select(vec![
        ("Content-Length: 2\r\nContent-Length: 3\r\n", &b"abc"[..]),
        ("Content-Length: 3\r\nTransfer-Encoding: chunked\r\n", b"0\r\n\r\n"),
        ("Content-Length: 99999999999\r\n", b""),
        ("Transfer-Encoding: gzip\r\n", b""),
        ("Transfer-Encoding: chunked\r\n", b"5\r\nhello!\r\n"),
        ("Transfer-Encoding: chunked\r\n", b"x\r\n"),
        ("Transfer-Encoding: chunked\r\n", b"5\nhello\r\n0\r\n\r\n"),
        ("Transfer-Encoding: chunked\r\n", b"0\r\nno trailer\r\n\r\n"),
        ("", b""),
    ]);
    let odd = odd.prop_map(|(framing, body)| (framing.to_owned(), body.to_vec()));
    prop_oneof![4 => by_length, 4 => chunked, 1 => odd]
}

/// All that the server says until it closes, of bytes that come in pieces of these sizes.
fn answers(house: &House, bytes: &[u8], mut sizes: impl Iterator<Item = usize>) -> String {
    let mut client: Client = house.client();
    let mut rest = bytes;
    while !rest.is_empty() {
        let (piece, after) = rest.split_at(sizes.next().unwrap_or(usize::MAX).clamp(1, rest.len()));
        // Who is refused need not be listened to any longer.
        if client.stream.write_all(piece).is_err() {
            break;
        }
        rest = after;
    }
    let said = client.rest();
    let lines = said.split_inclusive(|byte| *byte == b'\n').filter(|line| !line.starts_with(b"date: "));
    lines.map(|line| line.escape_ascii().to_string()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn requests_are_the_same_however_they_are_cut(requests in vec(request(), 1..5), sizes in vec(1_usize..200, 0..30)) {
        let house = house();
        // What ends the connection, if nothing before it has.
        let last = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
        let bytes = [requests.concat(), last.to_vec()].concat();
        let whole = answers(&house, &bytes, std::iter::empty());
        prop_assert!(whole.starts_with("HTTP/1.1 "), "{} is answered {}", bytes.escape_ascii(), whole);
        prop_assert_eq!(&answers(&house, &bytes, std::iter::repeat(1)), &whole, "{}", bytes.escape_ascii());
        prop_assert_eq!(&answers(&house, &bytes, sizes.into_iter()), &whole);
    }
}
