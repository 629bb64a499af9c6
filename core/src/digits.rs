//! Decimal numbers in what is sent: acks' ids and lengths. The standard library's formatting takes several times as long to begin.

use alloc::vec::Vec;

/// Appends a number.
pub(crate) fn push_number(text: &mut Vec<u8>, number: u64) {
    text.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
}
