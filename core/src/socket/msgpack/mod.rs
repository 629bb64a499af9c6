//! The other encoding of Socket.IO packets: a whole packet is one binary message, a msgpack map of `type`, `data`, `nsp`
//! and `id`, as socket.io-msgpack-parser 3 has it. What is inside of `data` is turned into JSON text with placeholders,
//! and back, so that nobody else has to know. Knows what bytes mean, not which packets make sense.

mod decode;
mod encode;
#[cfg(test)]
mod tests;

use alloc::string::String;
use alloc::vec::Vec;
use bytes::Bytes;

pub(crate) use decode::decode;
pub(crate) use encode::encode;

/// What is taken at most.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// How deep arrays and maps in `data` are nested.
    pub(crate) max_depth: usize,
    /// How many pieces of binary `data` has.
    pub(crate) max_attachments: usize,
}

/// A packet. A byte of the message makes at most 6 of JSON (`\u0000`), for which a growing string may hold 12; an
/// attachment makes its placeholder, a handle, and as many bytes as it has. While it is decoded, 8 bytes are held for each
/// level of depth.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Decoded {
    /// 0 to 4.
    pub(crate) kind: u8,
    /// Begins with a slash.
    pub(crate) nsp: String,
    pub(crate) id: Option<u64>,
    /// JSON, in which attachments stand as `{"_placeholder":true,"num":n}`.
    pub(crate) data: Option<String>,
    /// Copied to their own size, in the order of their numbers.
    pub(crate) attachments: Vec<Bytes>,
}

/// Why bytes are no packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Error {
    /// They end too early, or a length reaches beyond their end.
    Truncated,
    /// There is more after the packet.
    Trailing,
    /// Deeper than [`Limits::max_depth`].
    Depth,
    /// More than [`Limits::max_attachments`].
    Attachments,
    /// What JSON has no word for: an extension that is not notepack's, a key that is neither string nor integer.
    Type,
    /// A string that is no UTF-8.
    Utf8,
    /// No map, or a member of it is missing or not what it must be.
    Shape,
}
