//! The decoders. Their results are held until everything is decoded, and dropped then.

use sanket::codec::{BodyKind, decode_binary, decode_payload, decode_socket_packet, decode_text};
use sanket::driver::{Method, RawMessage, Request, decode_body, decode_message, jsonp};
use sanket::{Config, Protocol, Revision};
use std::hint::black_box;
use std::str::from_utf8;

/// A decoder.
#[derive(Clone, Copy, Debug)]
pub struct Decoder {
    /// Its name, and what it is told about the bytes.
    pub name: &'static str,
    /// Decodes bytes. One that wants text does nothing where there is none.
    pub decode: fn(&[u8], &Config),
}

/// All of them.
pub const DECODERS: [Decoder; 15] = [
    Decoder { name: "payload v4", decode: |bytes, config| payload(Revision::V4, BodyKind::Text, bytes, config) },
    Decoder { name: "payload v3", decode: |bytes, config| payload(Revision::V3, BodyKind::Text, bytes, config) },
    Decoder { name: "payload v3b", decode: |bytes, config| payload(Revision::V3, BodyKind::Binary, bytes, config) },
    Decoder { name: "body v4", decode: |bytes, config| body(Revision::V4, BodyKind::Text, bytes, config) },
    Decoder { name: "body v3", decode: |bytes, config| body(Revision::V3, BodyKind::Text, bytes, config) },
    Decoder { name: "body v3b", decode: |bytes, config| body(Revision::V3, BodyKind::Binary, bytes, config) },
    Decoder { name: "text v4", decode: |bytes, _| text(Revision::V4, bytes) },
    Decoder { name: "text v3", decode: |bytes, _| text(Revision::V3, bytes) },
    Decoder {
        name: "binary",
        decode: |bytes, _| {
            let _ = black_box(decode_binary(Revision::V3, bytes));
            let _ = black_box(decode_binary(Revision::V4, bytes));
        },
    },
    Decoder { name: "message v4", decode: |bytes, config| message(Revision::V4, bytes, config) },
    Decoder { name: "message v3", decode: |bytes, config| message(Revision::V3, bytes, config) },
    Decoder {
        name: "packet",
        decode: |bytes, config| {
            if let Ok(text) = from_utf8(bytes) {
                let _ = black_box(decode_socket_packet(text, config));
            }
        },
    },
    Decoder {
        name: "msgpack",
        decode: |bytes, config| {
            let config = Config { protocol: Protocol::SocketIoMsgPack, ..config.clone() };
            let _ = black_box(decode_message(Revision::V4, RawMessage::Binary(bytes), &config));
        },
    },
    Decoder {
        name: "request",
        decode: |bytes, config| {
            if let Ok(query) = from_utf8(bytes) {
                let _ = black_box(Request::parse(Method::Get, query, false, config));
            }
        },
    },
    Decoder { name: "jsonp", decode: |bytes, _| drop(black_box(jsonp::unwrap(bytes))) },
];

impl Decoder {
    /// The decoder of that name.
    ///
    /// # Panics
    ///
    /// If there is none.
    #[must_use]
    pub fn named(name: &str) -> Self {
        let found = DECODERS.iter().find(|decoder| decoder.name == name);
        *found.unwrap_or_else(|| panic!("no decoder is called {name}"))
    }
}

/// Limits that nothing reaches, so that a decoder has to go through all of what it gets. The length of a namespace's name
/// stays limited: what is behind it becomes a map, which is sorted.
#[must_use]
pub fn wide_open() -> Config {
    Config {
        max_payload: usize::MAX,
        max_packets: usize::MAX,
        max_attachments: usize::MAX,
        max_depth: usize::MAX,
        ..Config::default()
    }
}

/// One packet at a time, as the iterator gives them.
fn payload(revision: Revision, kind: BodyKind, bytes: &[u8], config: &Config) {
    for packet in decode_payload(revision, kind, bytes, config.max_packets) {
        let _ = black_box(packet);
    }
}

fn body(revision: Revision, kind: BodyKind, bytes: &[u8], config: &Config) {
    drop(black_box(decode_body(revision, kind, bytes, config)));
}

fn text(revision: Revision, bytes: &[u8]) {
    if let Ok(text) = from_utf8(bytes) {
        let _ = black_box(decode_text(revision, text));
    }
}

fn message(revision: Revision, bytes: &[u8], config: &Config) {
    if let Ok(text) = from_utf8(bytes) {
        let _ = black_box(decode_message(revision, RawMessage::Text(text), config));
    }
}
