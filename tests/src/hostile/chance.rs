//! Random inputs of tokens that mean something to the decoder. The random numbers are the caller's, from a seed.

use super::shapes::{HEAD, SKIPPED, Shape};
use std::borrow::Cow;

/// What inputs of a decoder are made of.
fn fragments(decoder: &str) -> &'static [&'static [u8]] {
    match decoder {
        "payload v4" | "body v4" => {
            &[b"\x1e", b"4", b"2", b"b", b"AAAA", b"==", b"2[\"a\"]", b"0", b"x", b"\xc3\xa9", b"451-[]", b"{"]
        }
        "payload v3" | "body v3" => {
            &[b":", b"0", b"1", b"2", b"10", b"4", b"b4", b"AAAA", b"1:2", b"8:42[\"a\"]\"", b"\xf0\x9f\x98\x80", b"x"]
        }
        "payload v3b" | "body v3b" => {
            &[b"\x00", b"\x01", b"\x02", b"\x09", b"\xff", b"\x04", b"4", b"x", b"\x00\x01\xff2", b"\xc3\xa9"]
        }
        "msgpack" => &[
            b"\x91",
            b"\x81",
            b"\xdd",
            b"\xdf",
            b"\xc0",
            b"\x00",
            b"\xff",
            b"\xa1a",
            b"\xc4\x01",
            b"\xd7\x00",
            b"\xd9",
            b"\xa4data",
            b"\xa4type\x02",
            b"\xa3nsp\xa1/",
        ],
        "request" | "jsonp" => {
            &[b"&", b"=", b"%", b"%5C", b"\\n", b"+", b"d", b"d=", b"sid", b"EIO=4", b"transport=polling", b"%ff"]
        }
        "binary" => &[b"\x04", b"x"],
        _ => &[
            b"[",
            b"]",
            b"{",
            b"}",
            b",",
            b":",
            b"\"",
            b"\\",
            b"\\u",
            b"d83d",
            b"1",
            b"-",
            b"e",
            b".",
            b"/",
            b"?",
            b"true",
            b"null",
            b" ",
            b"\"_placeholder\":true",
            b"\"num\":0",
            b"\"a\"",
            b"4",
            b"2[\"a\",",
            b"51-",
            b"b",
            b"AAAA",
            b"\xf0\x9f\x98\x80",
        ],
    }
}

/// A shape for a decoder, made of its fragments by chance.
#[must_use]
pub fn random(decoder: &'static str, rng: &mut fastrand::Rng) -> Shape {
    let fragments = fragments(decoder);
    let some = |rng: &mut fastrand::Rng, least: usize, most: usize| -> Cow<'static, [u8]> {
        (0..rng.usize(least..=most)).flat_map(|_| fragments[rng.usize(..fragments.len())].to_vec()).collect()
    };
    // What begins as something that is taken gets further.
    let head: Cow<'static, [u8]> = match decoder {
        "packet" if rng.u8(0..3) > 0 => b"2[\"a\",".as_slice().into(),
        "message v3" | "message v4" if rng.u8(0..3) > 0 => b"451-[\"a\",".as_slice().into(),
        "text v3" | "text v4" => b"b4".as_slice().into(),
        "msgpack" if rng.bool() => HEAD.into(),
        "msgpack" => SKIPPED.into(),
        "jsonp" if rng.bool() => b"d=".as_slice().into(),
        _ => some(rng, 0, 2),
    };
    let (unit, tail) = (some(rng, 1, 5), some(rng, 0, 2));
    let close = if rng.bool() { some(rng, 0, 2) } else { Cow::default() };
    Shape { decoder, head, unit, close, tail }
}
