//! Arguments of events and acknowledgements as values of an application: serde's data model on one side, JSON with attachments on
//! the other.

mod attached;
mod binary;
mod read;
#[cfg(test)]
mod tests;
mod write;

pub use binary::Binary;
pub(crate) use read::{read, read_value};
pub(crate) use write::write;

use alloc::string::String;
use alloc::vec::Vec;
use bytes::Bytes;

/// Arguments as they are sent.
#[derive(Debug, Default)]
pub(crate) struct Written {
    /// JSON values with commas between them.
    pub(crate) json: String,
    pub(crate) attachments: Vec<Bytes>,
}
