//! Decoding all the way down: from a WebSocket message or a POST body to Socket.IO packets. Stateless, so that drivers
//! can do it before they take any lock.

use super::packet::{self, SocketMessage};
use crate::config::Config;
use crate::engine::packet::{Message, decode_binary, decode_text};
use crate::engine::{self, BodyKind, PayloadError, decode_payload};
use crate::frame::Revision;
use alloc::vec::Vec;
use core::fmt;

/// One Engine.IO packet, its message decoded too.
pub type Incoming<'a> = engine::Packet<SocketMessage<'a>>;

/// Why what a client sent can not be understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DecodeError {
    /// The POST body, or an Engine.IO packet in it.
    Payload(PayloadError),
    /// An Engine.IO packet in a WebSocket message.
    Engine(engine::PacketError),
    /// A Socket.IO packet.
    Socket(packet::PacketError),
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Payload(error) => error.fmt(f),
            Self::Engine(error) => error.fmt(f),
            Self::Socket(error) => error.fmt(f),
        }
    }
}

impl core::error::Error for DecodeError {}

/// The packets of a POST body, up to the first that is malformed.
#[derive(Clone, Debug, Default)]
pub struct Packets<'a> {
    /// What could be decoded, in order.
    pub packets: Vec<Incoming<'a>>,
    /// Why the rest could not.
    pub error: Option<DecodeError>,
}

/// Decodes a POST body.
#[must_use]
pub fn decode_body<'a>(revision: Revision, kind: BodyKind, body: &'a [u8], config: &Config) -> Packets<'a> {
    let mut decoded = Packets::default();
    for packet in decode_payload(revision, kind, body, config.max_packets) {
        match packet.map_err(DecodeError::Payload).and_then(|packet| further(packet, config)) {
            Ok(packet) => decoded.packets.push(packet),
            Err(error) => {
                decoded.error = Some(error);
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
/// See [`DecodeError`]; give them to the session too, it closes.
pub fn decode_message<'a>(
    revision: Revision,
    message: RawMessage<'a>,
    config: &Config,
) -> Result<Incoming<'a>, DecodeError> {
    let packet = match message {
        RawMessage::Text(text) => decode_text(text),
        RawMessage::Binary(bytes) => decode_binary(revision, bytes),
    };
    further(packet.map_err(DecodeError::Engine)?, config)
}

fn further<'a>(packet: engine::Packet<Message<'a>>, config: &Config) -> Result<Incoming<'a>, DecodeError> {
    packet.try_map(|message| match message {
        Message::Text(text) => {
            packet::decode(text, config.max_attachments).map(SocketMessage::Packet).map_err(DecodeError::Socket)
        }
        Message::Binary(bytes) => Ok(SocketMessage::Attachment(bytes)),
    })
}
