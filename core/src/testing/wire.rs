//! What a client reads from the wire, up to Socket.IO packets. The encoding of what it writes is that of the server.

use crate::engine::BodyKind;
use crate::engine::payload::{split_v3_binary, split_v3_text};
use crate::frame::{MESSAGE, Revision, WsMessage};
use alloc::string::String;
use alloc::vec::Vec;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;

/// An Engine.IO packet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Packet {
    /// With its type digit.
    Text(String),
    /// A binary message.
    Binary(Bytes),
}

/// A WebSocket message. `None` if it is no packet.
pub(super) fn message(revision: Revision, message: WsMessage) -> Option<Packet> {
    match message {
        WsMessage::Text(text) => Some(Packet::Text(String::from_utf8(text.into()).ok()?)),
        WsMessage::Binary(data) => binary(revision, data),
    }
}

/// The packets in the response to a poll. `None` if it is no payload.
pub(super) fn payload(revision: Revision, kind: BodyKind, body: &[u8]) -> Option<Vec<Packet>> {
    if kind == BodyKind::Binary {
        let (mut rest, mut packets) = (body, Vec::new());
        while !rest.is_empty() {
            let (kind, data, after) = split_v3_binary(rest)?;
            packets.push(match kind {
                BodyKind::Text => Packet::Text(String::from_utf8(data.to_vec()).ok()?),
                BodyKind::Binary => binary(revision, Bytes::copy_from_slice(data))?,
            });
            rest = after;
        }
        return Some(packets);
    }
    let text = core::str::from_utf8(body).ok()?;
    match revision {
        Revision::V4 => text.split('\x1e').map(|packet| polled(packet, "b")).collect(),
        Revision::V3 => {
            let (mut rest, mut packets) = (text, Vec::new());
            while !rest.is_empty() {
                let (packet, after) = split_v3_text(rest)?;
                packets.push(polled(packet, "b4")?);
                rest = after;
            }
            Some(packets)
        }
    }
}

/// A packet in a payload of text.
fn polled(packet: &str, mark: &str) -> Option<Packet> {
    match packet.strip_prefix(mark) {
        Some(base64) => Some(Packet::Binary(STANDARD.decode(base64).ok()?.into())),
        None => Some(Packet::Text(packet.into())),
    }
}

fn binary(revision: Revision, data: Bytes) -> Option<Packet> {
    match revision {
        Revision::V4 => Some(Packet::Binary(data)),
        Revision::V3 => (data.first() == Some(&MESSAGE)).then(|| Packet::Binary(data.slice(1..))),
    }
}

/// A Socket.IO packet as it stands: `<type>[<attachments>-][<namespace>,][<ack id>][<JSON>]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct SocketPacket<'a> {
    pub(super) kind: u8,
    pub(super) attachments: usize,
    pub(super) nsp: &'a str,
    pub(super) id: Option<u64>,
    pub(super) json: &'a str,
}

/// Takes a packet to pieces. `None` if it is none.
pub(super) fn socket_packet(text: &str) -> Option<SocketPacket<'_>> {
    let kind = text.bytes().next()?.checked_sub(b'0').filter(|kind| *kind <= 6)?;
    let rest = text.get(1..)?;
    let (attachments, rest) = match kind {
        5 | 6 => rest.split_once('-').and_then(|(number, rest)| Some((number.parse().ok()?, rest)))?,
        _ => (0, rest),
    };
    let (nsp, rest) = if rest.starts_with('/') { rest.split_once(',').unwrap_or((rest, "")) } else { ("/", rest) };
    let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
    let (id, json) = rest.split_at(digits);
    let id = if id.is_empty() { None } else { Some(id.parse().ok()?) };
    Some(SocketPacket { kind, attachments, nsp, id, json })
}
