//! The table of connected sockets.

use super::entry::SocketEntry;
use crate::by_socket::BySocket;
use crate::frame::Revision;
use crate::id::{Key, SocketId};

/// All connected sockets.
#[derive(Debug, Default)]
pub(crate) struct Sockets {
    entries: BySocket<SocketEntry>,
    /// The number of sockets of EIO=3 clients.
    v3: usize,
}

impl Sockets {
    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there are sockets of EIO=3 clients.
    pub(crate) fn has_v3(&self) -> bool {
        self.v3 > 0
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    pub(crate) fn contains(&self, socket: SocketId) -> bool {
        self.get(socket).is_some()
    }

    pub(crate) fn get(&self, socket: SocketId) -> Option<&SocketEntry> {
        self.entries.get(socket)
    }

    pub(crate) fn get_mut(&mut self, socket: SocketId) -> Option<&mut SocketEntry> {
        self.entries.get_mut(socket)
    }

    /// The sockets of a client.
    pub(crate) fn of(&self, key: Key) -> impl Iterator<Item = SocketId> {
        self.entries.of(key)
    }

    pub(crate) fn insert(&mut self, socket: SocketId, entry: SocketEntry) {
        self.v3 += usize::from(entry.revision == Revision::V3);
        self.v3 -= is_v3(self.entries.insert(socket, entry).as_ref());
    }

    pub(crate) fn remove(&mut self, socket: SocketId) -> Option<SocketEntry> {
        let entry = self.entries.remove(socket);
        self.v3 -= is_v3(entry.as_ref());
        entry
    }
}

fn is_v3(entry: Option<&SocketEntry>) -> usize {
    usize::from(entry.is_some_and(|entry| entry.revision == Revision::V3))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::Sid;
    use crate::socket::Nsp;

    #[test]
    fn sockets_of_eio_3_are_counted() {
        let at = |slot| SocketId { key: Key::new(0, slot, 0), serial: 0 };
        let entry = |revision| SocketEntry::new(Nsp::ROOT, Sid::from_bytes([0; 16]), revision);
        let mut sockets = Sockets::default();
        sockets.insert(at(1), entry(Revision::V4));
        assert!(!sockets.has_v3());
        sockets.insert(at(2), entry(Revision::V3));
        assert!(sockets.has_v3());
        sockets.insert(at(2), entry(Revision::V4));
        assert!(!sockets.has_v3());
        sockets.insert(at(2), entry(Revision::V3));
        sockets.remove(at(2));
        sockets.remove(at(2));
        assert!(!sockets.has_v3() && sockets.len() == 1);
    }
}
