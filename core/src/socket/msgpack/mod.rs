//! The MessagePack form of Socket.IO packets, as in socket.io-msgpack-parser 3: a whole packet is one binary message, a
//! map of `type`, `data`, `nsp` and `id`. The content of `data` is converted from and to JSON text with placeholders,
//! so that the rest of the crate knows only that.

mod decode;
mod encode;
#[cfg(test)]
mod tests;

use alloc::string::String;
use alloc::vec::Vec;
use bytes::Bytes;

pub(crate) use decode::decode;
pub(crate) use encode::encode;

/// The limits of a packet.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// The depth of arrays and maps in `data`.
    pub(crate) max_depth: usize,
    /// The number of binary values in `data`.
    pub(crate) max_attachments: usize,
}

/// A packet. A byte of the message becomes at most 6 bytes of JSON (`\u0000`), for which a growing string may have a
/// capacity of 12. An attachment becomes a placeholder, a handle, and its own bytes. Decoding takes 8 bytes for each
/// level of depth.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Decoded {
    /// 0 to 4.
    pub(crate) kind: u8,
    /// Begins with `/`.
    pub(crate) nsp: String,
    pub(crate) id: Option<u64>,
    /// JSON, in which attachments stand as `{"_placeholder":true,"num":n}`.
    pub(crate) data: Option<String>,
    /// Copies of the attachments, in the order of their numbers.
    pub(crate) attachments: Vec<Bytes>,
}

/// Why bytes are not a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Error {
    /// They end too early, or a length exceeds them.
    Truncated,
    /// There are bytes after the packet.
    Trailing,
    /// Deeper than [`Limits::max_depth`].
    Depth,
    /// More than [`Limits::max_attachments`].
    Attachments,
    /// A value that JSON does not have: an extension other than notepack's, or a key that is neither a string nor an
    /// integer.
    Type,
    /// A string that is not UTF-8.
    Utf8,
    /// Not a map, or a member is missing or of the wrong type.
    Shape,
}
