//! The `open` packet: the handshake, as the client gets it.

use crate::config::Config;
use crate::digits::push_number;
use crate::id::Sid;
use alloc::vec::Vec;

/// The packet with its type digit. `upgrades` is JSON values with commas between them.
pub(crate) fn open_packet(sid: Sid, upgrades: &str, config: &Config) -> Vec<u8> {
    let Config { ping_interval, ping_timeout, max_payload, .. } = *config;
    // Enough for any numbers that mean something.
    let mut text = Vec::with_capacity(144);
    text.extend_from_slice(b"0{\"sid\":\"");
    text.extend_from_slice(sid.text().as_str().as_bytes());
    text.extend_from_slice(b"\",\"upgrades\":[");
    text.extend_from_slice(upgrades.as_bytes());
    text.extend_from_slice(b"],\"pingInterval\":");
    push_number(&mut text, ping_interval);
    text.extend_from_slice(b",\"pingTimeout\":");
    push_number(&mut text, ping_timeout);
    text.extend_from_slice(b",\"maxPayload\":");
    push_number(&mut text, max_payload as u64);
    text.push(b'}');
    text
}
