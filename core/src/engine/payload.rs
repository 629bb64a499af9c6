//! Payloads: several packets in one HTTP body. Decodes the body of a POST, and encodes the response to a poll. There
//! are three forms: EIO=4's text with `0x1e` between packets, EIO=3's text with lengths in UTF-16 units, and EIO=3's
//! binary form with lengths of one byte for each digit.

use super::packet::{Packet, PacketData, PacketError, decode_binary, decode_text};
use super::queue::Outgoing;
use crate::digits::push_number;
use crate::frame::{MESSAGE, Revision};
use alloc::vec::Vec;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use core::fmt;
use memchr::memchr;

/// Between the packets of an EIO=4 payload.
const SEPARATOR: u8 = 0x1e;
/// After the length in an EIO=3 binary payload.
const LENGTH_END: u8 = 0xff;
/// Before a text packet in an EIO=3 binary payload.
const TEXT: u8 = 0x00;
/// Before a binary packet in an EIO=3 binary payload.
const BINARY: u8 = 0x01;

/// The kind of a body, from the request's `content-type`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyKind {
    /// Text: any other type.
    Text,
    /// `application/octet-stream`. Only allowed in EIO=3.
    Binary,
}

/// Why a body is not a payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PayloadError {
    /// There are no bytes.
    Empty,
    /// A text body is not UTF-8.
    NotUtf8,
    /// A binary body from an EIO=4 client (CVE-2026-59725: it must get a response).
    UnexpectedBinary,
    /// A length is not a number, too large, beyond the end of the body, or ends inside a character.
    Length,
    /// More packets than [`Config::max_packets`](crate::Config::max_packets).
    TooManyPackets,
    /// A packet is malformed.
    Packet(PacketError),
}

impl From<PacketError> for PayloadError {
    fn from(error: PacketError) -> Self {
        Self::Packet(error)
    }
}

impl fmt::Display for PayloadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Empty => "empty payload",
            Self::NotUtf8 => "payload is not UTF-8",
            Self::UnexpectedBinary => "binary payload in EIO=4",
            Self::Length => "malformed length in payload",
            Self::TooManyPackets => "too many packets in payload",
            Self::Packet(error) => return error.fmt(f),
        })
    }
}

impl core::error::Error for PayloadError {}

/// The packets of a body. Each is decoded when it is asked for. Ends after the first error.
#[derive(Clone, Debug)]
pub struct Payload<'a> {
    rest: Rest<'a>,
    left: usize,
}

#[derive(Clone, Debug)]
enum Rest<'a> {
    Done,
    Failed(PayloadError),
    V4(&'a str),
    V3Text(&'a str),
    V3Binary(&'a [u8]),
}

/// Decodes a POST body of at most `max_packets` packets. Only base64 is copied. Takes time linear in the length of the
/// body.
///
/// An error comes out of the iterator after the packets before it.
#[must_use]
pub fn decode_payload(revision: Revision, kind: BodyKind, body: &[u8], max_packets: usize) -> Payload<'_> {
    let rest = match (revision, kind) {
        _ if body.is_empty() => Rest::Failed(PayloadError::Empty),
        (Revision::V4, BodyKind::Binary) => Rest::Failed(PayloadError::UnexpectedBinary),
        (Revision::V3, BodyKind::Binary) => Rest::V3Binary(body),
        (_, BodyKind::Text) => match core::str::from_utf8(body) {
            Err(_) => Rest::Failed(PayloadError::NotUtf8),
            Ok(text) if revision == Revision::V4 => Rest::V4(text),
            Ok(text) => Rest::V3Text(text),
        },
    };
    Payload { rest, left: max_packets }
}

impl<'a> Iterator for Payload<'a> {
    type Item = Result<Packet<PacketData<'a>>, PayloadError>;

    fn next(&mut self) -> Option<Self::Item> {
        let (result, rest) = match core::mem::replace(&mut self.rest, Rest::Done) {
            Rest::Done => return None,
            Rest::Failed(error) => return Some(Err(error)),
            Rest::V4(text) => next_v4(text),
            Rest::V3Text(text) => next_v3_text(text),
            Rest::V3Binary(bytes) => next_v3_binary(bytes),
        };
        let Some(left) = self.left.checked_sub(1) else {
            return Some(Err(PayloadError::TooManyPackets));
        };
        self.left = left;
        if result.is_ok() {
            self.rest = rest;
        }
        Some(result)
    }
}

type Step<'a> = (Result<Packet<PacketData<'a>>, PayloadError>, Rest<'a>);

fn next_v4(text: &str) -> Step<'_> {
    let (packet, rest) = match memchr(SEPARATOR, text.as_bytes()) {
        Some(at) => (&text[..at], Rest::V4(&text[at + 1..])),
        None => (text, Rest::Done),
    };
    (decode_text(Revision::V4, packet).map_err(PayloadError::from), rest)
}

fn next_v3_text(text: &str) -> Step<'_> {
    let Some((packet, rest)) = split_v3_text(text) else {
        return (Err(PayloadError::Length), Rest::Done);
    };
    let decoded = decode_text(Revision::V3, packet);
    (decoded.map_err(PayloadError::from), if rest.is_empty() { Rest::Done } else { Rest::V3Text(rest) })
}

fn next_v3_binary(bytes: &[u8]) -> Step<'_> {
    let Some((kind, packet, rest)) = split_v3_binary(bytes) else {
        return (Err(PayloadError::Length), Rest::Done);
    };
    let decoded = match kind {
        BodyKind::Binary => decode_binary(Revision::V3, packet).map_err(PayloadError::from),
        BodyKind::Text => core::str::from_utf8(packet)
            .map_err(|_| PayloadError::NotUtf8)
            .and_then(|text| decode_text(Revision::V3, text).map_err(PayloadError::from)),
    };
    (decoded, if rest.is_empty() { Rest::Done } else { Rest::V3Binary(rest) })
}

/// Splits off `<length>:<packet>`. The length is in UTF-16 units.
pub(crate) fn split_v3_text(text: &str) -> Option<(&str, &str)> {
    let digits = text.bytes().take(MAX_DIGITS + 1).position(|byte| byte == b':')?;
    let (digits, data) = (&text[..digits], &text[digits + 1..]);
    let length = parse_length(digits.bytes())?;
    let (mut units, mut end) = (0, 0);
    // Many bytes at a time. They may end inside a character, because only the first byte of a character is counted.
    for chunk in data.as_bytes().as_chunks().0 {
        let more = units_in(chunk);
        if units + more > length {
            break;
        }
        units += more;
        end += chunk.len();
    }
    for byte in &data.as_bytes()[end..] {
        match units_of(*byte) {
            0 => {}
            more if units + usize::from(more) > length => break,
            more => units += usize::from(more),
        }
        end += 1;
    }
    // `units` skips a length that ends inside a surrogate pair, and does not reach one beyond the end of the body.
    (units == length).then(|| data.split_at(end))
}

/// The UTF-16 units of the character that begins with this byte. None if the byte does not begin a character.
fn units_of(byte: u8) -> u8 {
    u8::from(byte & 0xc0 != 0x80) + u8::from(byte >= 0xf0)
}

/// The UTF-16 units of the characters that begin in a chunk. They fit a byte.
fn units_in(chunk: &[u8; 32]) -> usize {
    chunk.iter().map(|byte| units_of(*byte)).sum::<u8>().into()
}

/// Splits off `00|01, digits, ff, packet`. The length is in bytes.
pub(crate) fn split_v3_binary(bytes: &[u8]) -> Option<(BodyKind, &[u8], &[u8])> {
    let (kind, bytes) = match bytes {
        [TEXT, rest @ ..] => (BodyKind::Text, rest),
        [BINARY, rest @ ..] => (BodyKind::Binary, rest),
        _ => return None,
    };
    let end = bytes.iter().take(MAX_DIGITS + 1).position(|byte| *byte == LENGTH_END)?;
    let digits = bytes[..end].iter().map(|digit| digit.wrapping_add(b'0'));
    let length = parse_length(digits)?;
    let (packet, rest) = bytes[end + 1..].split_at_checked(length)?;
    Some((kind, packet, rest))
}

/// Enough for any body, and too few to overflow.
const MAX_DIGITS: usize = 10;

/// Parses a decimal number. The reference accepts whatever JavaScript's `Number` accepts (`1e1`, `0x2`, ` 2`), but no
/// client sends that.
fn parse_length(digits: impl ExactSizeIterator<Item = u8>) -> Option<usize> {
    if !(1..=MAX_DIGITS).contains(&digits.len()) {
        return None;
    }
    digits.into_iter().try_fold(0_usize, |length, digit| {
        let value = digit.checked_sub(b'0').filter(|value| *value < 10)?;
        length.checked_mul(10)?.checked_add(usize::from(value))
    })
}

/// The packets of the response to a poll. Encoding takes longer than taking them from a session, so it is done later,
/// without a lock.
#[derive(Clone, Debug)]
pub struct Batch {
    packets: Vec<Outgoing>,
    revision: Revision,
    base64: bool,
}

impl Batch {
    /// Packets for a client of `revision`. `base64`: it is an EIO=3 client that cannot take binary responses.
    #[must_use]
    pub fn new(packets: Vec<Outgoing>, revision: Revision, base64: bool) -> Self {
        Self { packets, revision, base64 }
    }

    /// The packets, in order.
    #[must_use]
    pub fn packets(&self) -> &[Outgoing] {
        &self.packets
    }

    /// The kind of the body, and the body. EIO=3 clients that accept binary get the binary form if there is a binary
    /// packet.
    #[must_use]
    pub fn encode(&self) -> (BodyKind, Bytes) {
        let has_binary = || self.packets.iter().any(|p| attachments(p, Revision::V3).next().is_some());
        match self.revision {
            Revision::V4 => (BodyKind::Text, self.encode_v4().into()),
            Revision::V3 if !self.base64 && has_binary() => (BodyKind::Binary, self.encode_v3_binary().into()),
            Revision::V3 => (BodyKind::Text, self.encode_v3_text().into()),
        }
    }

    /// Whether the body is worth compressing: at least one of its frames is.
    #[must_use]
    pub fn wants_compression(&self) -> bool {
        self.packets.iter().any(|packet| matches!(packet, Outgoing::Frame(frame) if frame.wants_compression()))
    }

    fn encode_v4(&self) -> Vec<u8> {
        let mut body = Vec::with_capacity(self.size_hint());
        let separate = |body: &mut Vec<u8>| {
            if !body.is_empty() {
                body.push(SEPARATOR);
            }
        };
        for packet in &self.packets {
            let text = packet.text_bytes(Revision::V4);
            if !text.is_empty() {
                separate(&mut body);
                body.extend_from_slice(text);
            }
            for attachment in attachments(packet, Revision::V4) {
                separate(&mut body);
                body.push(b'b');
                push_base64(&mut body, attachment);
            }
        }
        body
    }

    fn encode_v3_text(&self) -> Vec<u8> {
        let mut body = Vec::with_capacity(self.size_hint());
        for packet in &self.packets {
            let text = packet.text_bytes(Revision::V3);
            if !text.is_empty() {
                push_number(&mut body, utf16_len(text) as u64);
                body.push(b':');
                body.extend_from_slice(text);
            }
            for data in attachments(packet, Revision::V3) {
                push_number(&mut body, 2 + base64_len(data) as u64);
                body.extend_from_slice(b":b4");
                push_base64(&mut body, data);
            }
        }
        body
    }

    fn encode_v3_binary(&self) -> Vec<u8> {
        let mut body = Vec::with_capacity(self.size_hint());
        let mut push = |kind, head: &[u8], bytes: &[u8]| {
            body.push(kind);
            let start = body.len();
            push_number(&mut body, (head.len() + bytes.len()) as u64);
            body[start..].iter_mut().for_each(|digit| *digit -= b'0');
            body.push(LENGTH_END);
            body.extend_from_slice(head);
            body.extend_from_slice(bytes);
        };
        for packet in &self.packets {
            let text = packet.text_bytes(Revision::V3);
            if !text.is_empty() {
                push(TEXT, &[], text);
            }
            for attachment in attachments(packet, Revision::V3) {
                push(BINARY, &[MESSAGE], attachment);
            }
        }
        body
    }

    fn size_hint(&self) -> usize {
        // A cost includes 16 bytes for separators and lengths. Base64 takes a third more; the vector grows for it.
        self.packets.iter().map(Outgoing::cost).sum()
    }
}

fn base64_len(data: &[u8]) -> usize {
    data.len().div_ceil(3) * 4
}

fn push_base64(body: &mut Vec<u8>, data: &[u8]) {
    let start = body.len();
    body.resize(start + base64_len(data), 0);
    // The slice has the length of the encoded data.
    let _ = STANDARD.encode_slice(data, &mut body[start..]);
}

/// The length of UTF-8 text in UTF-16 units.
fn utf16_len(text: &[u8]) -> usize {
    if text.is_ascii() {
        return text.len();
    }
    let (chunks, rest) = text.as_chunks();
    chunks.iter().map(units_in).chain(rest.iter().map(|byte| units_of(*byte).into())).sum()
}

/// The most that `packet` adds to the body of a response to a poll.
pub(crate) fn polled_size(packet: &Outgoing) -> usize {
    const LENGTHS: usize = 12;
    // EIO=3's forms are not longer.
    LENGTHS
        + packet.text_bytes(Revision::V4).len()
        + attachments(packet, Revision::V4).map(|data| LENGTHS + base64_len(data)).sum::<usize>()
}

fn attachments(packet: &Outgoing, revision: Revision) -> impl Iterator<Item = &[u8]> {
    let frame = match packet {
        Outgoing::Frame(frame) => Some(frame),
        Outgoing::Close | Outgoing::Ping | Outgoing::Pong | Outgoing::Noop => None,
    };
    frame.into_iter().flat_map(move |frame| frame.attachments(revision))
}
