//! What clients say: requests and frames that are in order, or not, and not only in one way; and damage to them.
use crate::frames::{self, BINARY, CLOSE, CONTINUATION, FIN, PONG, TEXT, frame};
use crate::websockets::UPGRADE;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};

/// Requests, perhaps an upgrade, and frames; perhaps damaged.
pub(crate) fn conversation() -> impl Strategy<Value = Vec<u8>> {
    let plain =
        (vec(request(), 0..5), any::<bool>(), vec(message(), 0..8)).prop_map(|(requests, upgrade, messages)| {
            let upgrade = if upgrade { UPGRADE.as_bytes() } else { b"" };
            // Frames are no requests, which is as good a damage as another.
            [requests.concat(), upgrade.to_vec(), messages.concat()].concat()
        });
    (plain, prop_oneof![3 => Just(Vec::new()), 2 => vec(damage(), 1..4)]).prop_map(|(mut bytes, damages)| {
        damages.iter().for_each(|damage| damage.apply(&mut bytes));
        bytes
    })
}

/// A request that may be in order, or not.
fn request() -> impl Strategy<Value = Vec<u8>> {
    let head = (
        select(vec![
            "POST /ignore",
            "GET /",
            "GET /values?%61=%C3%A4",
            "GET /none",
            "HEAD /",
            "GET /chunks",
            "GET /nothing",
            "GET /closes",
            "GET /park",
            "GET http://b/values",
            "OPTIONS *",
            "PUT x",
            "BREW /",
        ]),
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
            "Connection: close\r\n",
            "Connection: keep-alive\r\n",
        ]),
    );
    // Most parts are in order for most requests.
    let head = (head, vec(0_u8..6, 4)).prop_map(|((target, version, host, more), odds)| {
        let or = |n: usize, odd: &'static str, usual: &'static str| if odds[n] == 0 { odd } else { usual };
        let target = if odds[0] < 3 { target } else { "POST /echo" };
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
        ("Content-Length: 1000\r\n", b"x"),
        ("Transfer-Encoding: gzip\r\n", b""),
        ("Transfer-Encoding: chunked\r\n", b"5\r\nhello!\r\n"),
        ("Transfer-Encoding: chunked\r\n", b"x\r\n"),
        ("Transfer-Encoding: chunked\r\n", b"5\nhello\r\n0\r\n\r\n"),
        ("Transfer-Encoding: chunked\r\n", b"0\r\nno trailer\r\n\r\n"),
        ("", b""),
    ]);
    let odd = odd.prop_map(|(framing, body)| (framing.to_owned(), body.to_vec()));
    prop_oneof![3 => by_length, 3 => chunked, 3 => Just((String::new(), Vec::new())), 1 => odd]
}

/// One or more frames of a client.
fn message() -> impl Strategy<Value = Vec<u8>> {
    let text = "[a-z\u{e4}]{0,200}".prop_map(|text| frames::text(&text));
    let binary = vec(any::<u8>(), 0..200).prop_map(|bytes| frame(FIN | BINARY, &bytes));
    let fragments = vec("[a-z\u{e4}]{0,9}", 1..4).prop_map(|parts| {
        let mut all = frame(TEXT, b"");
        parts.iter().for_each(|part| all.extend(frame(CONTINUATION, part.as_bytes())));
        all.extend(frames::ping(b"within"));
        all.extend(frame(FIN | CONTINUATION, b""));
        all
    });
    let control = vec(any::<u8>(), 0..126).prop_map(|bytes| frames::ping(&bytes));
    let odd = select(vec![
        frame(FIN | PONG, b"unasked"),
        frames::close(1000),
        frame(FIN | CLOSE, b""),
        frame(FIN | TEXT, b"\xff"),
        frame(FIN | 3, b""),
        b"\x81\x01a".to_vec(),
        frame(FIN | BINARY, &[0; 2_001]),
    ]);
    prop_oneof![3 => text, 2 => binary, 1 => fragments, 1 => control, 1 => odd]
}

/// A change to bytes that were in order.
#[derive(Debug, Clone)]
enum Damage {
    Cut(Index),
    Byte(Index, u8),
    Word(Index, &'static [u8]),
    Reverse(Index),
    Remove(Index, Index),
}

const WORDS: [&[u8]; 22] = [
    b"\r\n",
    b"\n",
    b"\r",
    b"\r\n\r\n",
    b" ",
    b":",
    b"\0",
    b"\xff",
    b"\xc3\xa4",
    b"%",
    b"#",
    b"0\r\n",
    b"ffffffffffffffff\r\n",
    b";",
    b"Content-Length: 18446744073709551615\r\n",
    b"Content-Length: 3\r\n",
    b"Transfer-Encoding: chunked\r\n",
    b"Connection: close\r\n",
    b"HTTP/1.0",
    b"http://[::1]:0/",
    b"*",
    b"Host: [\r\n",
];

fn damage() -> impl Strategy<Value = Damage> {
    prop_oneof![
        any::<Index>().prop_map(Damage::Cut),
        any::<(Index, u8)>().prop_map(|(at, byte)| Damage::Byte(at, byte)),
        (any::<Index>(), select(WORDS.to_vec())).prop_map(|(at, word)| Damage::Word(at, word)),
        any::<Index>().prop_map(Damage::Reverse),
        any::<(Index, Index)>().prop_map(|(from, to)| Damage::Remove(from, to)),
    ]
}

impl Damage {
    fn apply(&self, bytes: &mut Vec<u8>) {
        let len = bytes.len() + 1;
        match self {
            Self::Cut(at) => bytes.truncate(at.index(len)),
            Self::Byte(at, byte) => bytes.insert(at.index(len), *byte),
            Self::Word(at, word) => drop(bytes.splice(at.index(len)..at.index(len), word.iter().copied())),
            Self::Reverse(at) => bytes[..at.index(len)].reverse(),
            Self::Remove(from, to) => {
                let (from, to) = (from.index(len), to.index(len));
                bytes.drain(from.min(to)..from.max(to));
            }
        }
    }
}
