//! Decodes one Engine.IO packet of either revision: a type digit and data. Has no state, and copies only base64.

use crate::frame::Revision;
use alloc::borrow::Cow;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use core::fmt;

/// An Engine.IO packet. `M` is the decoded data of a `message` packet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Packet<M> {
    /// `0`: the handshake. Only sent by servers.
    Open,
    /// `1`: closes the transport.
    Close,
    /// `2`, or `2probe` when the client tests a WebSocket before an upgrade.
    Ping {
        /// Whether the packet's data is `probe`.
        probe: bool,
    },
    /// `3`.
    Pong,
    /// `4`, or a binary message.
    Message(M),
    /// `5`: the client has moved to this transport.
    Upgrade,
    /// `6`: no operation; ends a poll.
    Noop,
}

impl<M> Packet<M> {
    /// Decodes the data of a `message` packet further.
    #[inline]
    pub fn map<N>(self, decode: impl FnOnce(M) -> N) -> Packet<N> {
        match self {
            Self::Open => Packet::Open,
            Self::Close => Packet::Close,
            Self::Ping { probe } => Packet::Ping { probe },
            Self::Pong => Packet::Pong,
            Self::Message(message) => Packet::Message(decode(message)),
            Self::Upgrade => Packet::Upgrade,
            Self::Noop => Packet::Noop,
        }
    }
}

/// The data of a `message` packet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PacketData<'a> {
    /// Text.
    Text(&'a str),
    /// Bytes: borrowed from a binary frame, or decoded from base64.
    Binary(Cow<'a, [u8]>),
}

/// Why bytes are not a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PacketError {
    /// There are no bytes.
    Empty,
    /// The first character is not a type digit.
    UnknownType,
    /// A binary packet of a type other than `message` (EIO=3).
    BinaryType,
    /// Malformed base64.
    Base64,
}

impl fmt::Display for PacketError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Empty => "empty packet",
            Self::UnknownType => "unknown packet type",
            Self::BinaryType => "binary packet that is not a message",
            Self::Base64 => "malformed base64",
        })
    }
}

impl core::error::Error for PacketError {}

/// Decodes a text packet. A packet that begins with `b` is a binary message in base64: in payloads, and in text frames
/// of clients with `forceBase64`. In EIO=3 a type digit follows the `b`, which must be `4`.
///
/// # Errors
///
/// See [`PacketError`].
#[inline]
pub fn decode_text(revision: Revision, text: &str) -> Result<Packet<PacketData<'_>>, PacketError> {
    if let Some(binary) = text.strip_prefix('b') {
        return decode_base64(match revision {
            Revision::V3 => binary.strip_prefix('4').ok_or(PacketError::BinaryType)?,
            Revision::V4 => binary,
        });
    }
    let kind = text.as_bytes().first().ok_or(PacketError::Empty)?;
    // A first character that is not ASCII is not a type digit.
    let data = text.get(1..).ok_or(PacketError::UnknownType)?;
    Ok(match kind {
        b'0' => Packet::Open,
        b'1' => Packet::Close,
        b'2' => Packet::Ping { probe: data == "probe" },
        b'3' => Packet::Pong,
        b'4' => Packet::Message(PacketData::Text(data)),
        b'5' => Packet::Upgrade,
        b'6' => Packet::Noop,
        _ => return Err(PacketError::UnknownType),
    })
}

fn decode_base64<'a>(text: &str) -> Result<Packet<PacketData<'a>>, PacketError> {
    let bytes = STANDARD.decode(text).map_err(|_| PacketError::Base64)?;
    Ok(Packet::Message(PacketData::Binary(Cow::Owned(bytes))))
}

/// Decodes a binary packet, which is always a message. EIO=4 sends the bytes as they are, EIO=3 with the type byte
/// `0x04` before them.
///
/// # Errors
///
/// EIO=3 only: [`PacketError::Empty`] and [`PacketError::BinaryType`].
pub fn decode_binary(revision: Revision, bytes: &[u8]) -> Result<Packet<PacketData<'_>>, PacketError> {
    let data = match (revision, bytes) {
        (Revision::V4, data) | (Revision::V3, [0x04, data @ ..]) => data,
        (Revision::V3, []) => return Err(PacketError::Empty),
        (Revision::V3, _) => return Err(PacketError::BinaryType),
    };
    Ok(Packet::Message(PacketData::Binary(Cow::Borrowed(data))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_in_text_frames() {
        let binary = |data: &'static [u8]| Ok(Packet::Message(PacketData::Binary(data.into())));
        assert_eq!(decode_text(Revision::V4, "bAQL/"), binary(&[1, 2, 255]));
        assert_eq!(decode_text(Revision::V3, "b4AQL/"), binary(&[1, 2, 255]));
        assert_eq!(decode_text(Revision::V4, "b"), binary(&[]));
        assert_eq!(decode_text(Revision::V3, "b4"), binary(&[]));
        for text in ["b", "bAQL/", "b2AQL/"] {
            assert_eq!(decode_text(Revision::V3, text), Err(PacketError::BinaryType), "{text}");
        }
        for text in ["bAQL", "b!", "bAQI=x"] {
            assert_eq!(decode_text(Revision::V4, text), Err(PacketError::Base64), "{text}");
        }
    }
}
