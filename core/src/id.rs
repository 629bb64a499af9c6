//! The ids of clients, sockets and requests. Only a [`Sid`] is ever sent to a peer; it is a secret. The others are
//! numbers shared by driver and core.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use core::fmt;

/// An Engine.IO session id: 128 bits, printed as 22 characters of URL-safe base64.
///
/// Whoever knows a session's id can act as its client, so ids must come from the operating system's generator. The core
/// makes none: the driver hands them in with [`Shard::open`](crate::driver::Shard::open).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Sid([u8; 16]);

impl Sid {
    /// The number of characters of the printed form.
    pub const LEN: usize = 22;

    /// An id of these 128 bits.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// The 128 bits.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }

    /// Parses the printed form. `None` for any text that [`fmt::Display`] does not produce.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        if text.len() != Self::LEN {
            return None;
        }
        let mut bytes = [0; 16];
        let n = URL_SAFE_NO_PAD.decode_slice(text, &mut bytes).ok()?;
        (n == bytes.len()).then_some(Self(bytes))
    }

    /// The `serial`th id of a family, of which `self` is the zeroth. A client's sockets have public ids of one family.
    /// Those are no secrets, so 128 random bits are enough for all namespaces of a client.
    #[must_use]
    pub(crate) fn sibling(mut self, serial: u32) -> Self {
        for (byte, more) in self.0.iter_mut().zip(serial.to_le_bytes()) {
            *byte ^= more;
        }
        self
    }

    /// The printed form.
    pub(crate) fn text(self) -> SidText {
        let mut text = [0; Self::LEN];
        // 16 bytes always give 22 characters. Otherwise the id would print as a text that matches no session.
        let _ = URL_SAFE_NO_PAD.encode_slice(self.0, &mut text);
        SidText(text)
    }

    /// Bits that differ from session to session; they spread the first heartbeats.
    pub(crate) fn spread(self) -> u32 {
        let [a, b, c, d, ..] = self.0;
        u32::from_le_bytes([a, b, c, d])
    }
}

impl fmt::Display for Sid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text().as_str())
    }
}

/// The printed form of an id.
pub(crate) struct SidText([u8; Sid::LEN]);

impl SidText {
    pub(crate) fn as_str(&self) -> &str {
        core::str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl fmt::Debug for Sid {
    /// An id is a credential and must not be logged. Three bytes are enough to tell sessions apart.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, ..] = self.0;
        write!(f, "Sid({a:02x}{b:02x}{c:02x}…)")
    }
}

/// The place of a client: shard, slot, and generation of the slot. A key whose client is gone names no other client.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key(u64);

impl Key {
    const SLOT_BITS: u32 = 28;
    const MASK: u64 = (1 << Self::SLOT_BITS) - 1;
    /// Slots of one shard: 2^28.
    pub(crate) const MAX_SLOTS: usize = 1 << Self::SLOT_BITS;

    pub(crate) fn new(shard: u8, slot: u32, generation: u32) -> Self {
        let (slot, generation) = (u64::from(slot) & Self::MASK, u64::from(generation) & Self::MASK);
        Self(u64::from(shard) << (2 * Self::SLOT_BITS) | slot << Self::SLOT_BITS | generation)
    }

    /// The number of the shard. Keys are ordered by it first.
    #[must_use]
    pub const fn shard(self) -> u8 {
        (self.0 >> (2 * Self::SLOT_BITS)) as u8
    }

    pub(crate) const fn slot(self) -> u32 {
        (self.0 >> Self::SLOT_BITS & Self::MASK) as u32
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({}.{}.{})", self.shard(), self.slot(), self.0 & Self::MASK)
    }
}

/// The driver's number for an HTTP request, upgrade requests included. A number must not be used twice.
///
/// The number of an upgrade request is also the number of its WebSocket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestId(pub u64);

/// A client's connection to a namespace. A client that leaves a namespace and joins it again has a new one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SocketId {
    /// The client.
    pub key: Key,
    /// The number of the connection among all of the client's, counted from 0.
    pub serial: u32,
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    #[test]
    fn a_sid_reads_what_it_prints_and_nothing_else() {
        let sid = Sid::from_bytes([0xfb; 16]);
        let text = sid.to_string();
        assert_eq!(text.len(), Sid::LEN);
        assert_eq!(Sid::parse(&text), Some(sid));
        for bad in ["", "AAAA", "AAAAAAAAAAAAAAAAAAAAAB", "AAAAAAAAAAAAAAAAAAAAA=", "ééééééééééé"] {
            assert_eq!(Sid::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn keys_sort_by_shard_then_slot() {
        let key = Key::new(200, 7, u32::MAX);
        assert_eq!((key.shard(), key.slot()), (200, 7));
        assert!(Key::new(1, 900, 5) < Key::new(2, 0, 0));
        assert!(Key::new(1, 3, 99) < Key::new(1, 4, 0));
    }
}
