//! Writes decimal numbers (ids of acks, lengths). The standard library's formatting costs several times as much.

use alloc::vec::Vec;

/// Appends a number.
pub(crate) fn push_number(text: &mut Vec<u8>, number: u64) {
    text.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
}
