//! Decodes WebSocket messages and POST bodies up to Socket.IO packets. Has no state, so that drivers can decode without
//! a lock.

use super::packet::{self, Kind, Packet, PacketError, SocketMessage};
use crate::config::{Config, Protocol};
use crate::engine::packet::{PacketData, decode_binary, decode_text};
use crate::engine::{self, BodyKind, PayloadError, decode_payload};
use crate::frame::Revision;
use alloc::borrow::Cow;
use alloc::string::{String, ToString as _};
use alloc::vec::Vec;
use core::fmt;

/// An Engine.IO packet with its message decoded.
pub type Incoming<'a> = engine::Packet<SocketMessage<'a>>;

/// Why input from a client cannot be decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DecodeError {
    /// The POST body is malformed, or a packet in it.
    Payload(PayloadError),
    /// The packet in a WebSocket message is malformed.
    Packet(engine::PacketError),
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Payload(error) => error.fmt(f),
            Self::Packet(error) => error.fmt(f),
        }
    }
}

impl core::error::Error for DecodeError {}

/// The packets of a POST body, up to the first malformed Engine.IO packet.
#[derive(Clone, Debug, Default)]
pub struct Packets<'a> {
    /// The decoded packets, in order.
    pub packets: Vec<Incoming<'a>>,
    /// Why the rest could not be decoded.
    pub error: Option<DecodeError>,
}

/// Decodes a POST body.
#[must_use]
pub fn decode_body<'a>(revision: Revision, kind: BodyKind, body: &'a [u8], config: &Config) -> Packets<'a> {
    let mut decoded = Packets::default();
    for packet in decode_payload(revision, kind, body, config.max_packets) {
        match packet {
            Ok(packet) => decoded.packets.push(further(revision, packet, config)),
            Err(error) => {
                decoded.error = Some(DecodeError::Payload(error));
                break;
            }
        }
    }
    decoded
}

/// A message received from a WebSocket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RawMessage<'a> {
    /// A text message.
    Text(&'a str),
    /// A binary message.
    Binary(&'a [u8]),
}

/// Decodes a WebSocket message.
///
/// # Errors
///
/// See [`DecodeError`]. The error is to be handed to the session, which ends because of it.
pub fn decode_message<'a>(
    revision: Revision,
    message: RawMessage<'a>,
    config: &Config,
) -> Result<Incoming<'a>, DecodeError> {
    let packet = match message {
        RawMessage::Text(text) => decode_text(revision, text),
        RawMessage::Binary(bytes) => decode_binary(revision, bytes),
    };
    Ok(further(revision, packet.map_err(DecodeError::Packet)?, config))
}

/// Decodes the message in a packet. A message that is not a Socket.IO packet is no error of Engine.IO: the session
/// accepts it, and closes after its queued packets have been sent.
#[inline]
fn further<'a>(revision: Revision, packet: engine::Packet<PacketData<'a>>, config: &Config) -> Incoming<'a> {
    packet.map(|message| match (config.protocol, message) {
        (Protocol::EngineIo, message) => SocketMessage::Raw(message),
        (Protocol::SocketIo, PacketData::Binary(bytes)) => SocketMessage::Attachment(bytes),
        (Protocol::SocketIo, PacketData::Text(text)) => match packet::decode(text, config) {
            Ok(packet) if revision == Revision::V3 => SocketMessage::Packet(without_query(packet)),
            Ok(packet) => SocketMessage::Packet(packet),
            Err(error) => SocketMessage::Malformed(error),
        },
        (Protocol::SocketIoMsgPack, PacketData::Binary(bytes)) => match packet::decode_msgpack(&bytes, config) {
            Ok((packet, attachments)) if revision == Revision::V3 => {
                SocketMessage::Whole(without_query(packet), attachments)
            }
            Ok((packet, attachments)) => SocketMessage::Whole(packet, attachments),
            Err(error) => SocketMessage::Malformed(error),
        },
        (Protocol::SocketIoMsgPack, PacketData::Text(_)) => SocketMessage::Malformed(PacketError::Data),
    })
}

/// EIO=3 clients append a query to the namespace's name. In a CONNECT it is what `auth` is in EIO=4. In other packets
/// it has no meaning, as in the reference.
fn without_query(packet: Packet<'_>) -> Packet<'_> {
    let Packet { nsp, kind } = packet;
    let (name, query) = nsp.split_once('?').unwrap_or((&nsp, ""));
    let kind = match kind {
        Kind::Connect { .. } => Kind::Connect { auth: query_as_json(query).into() },
        other => other,
    };
    let end = name.len();
    let nsp = match nsp {
        Cow::Borrowed(nsp) => nsp[..end].into(),
        Cow::Owned(mut nsp) => {
            nsp.truncate(end);
            nsp.into()
        }
    };
    Packet { nsp, kind }
}

/// A query as a JSON object with strings.
fn query_as_json(query: &str) -> String {
    let mut object = serde_json::Map::new();
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        object.insert(name.into_owned(), value.into_owned().into());
    }
    serde_json::Value::Object(object).to_string()
}
