//! The table of connected sockets. Its layout is that of the shards: a socket's key says where its entry is, so that
//! nothing is searched.

use super::entry::SocketEntry;
use crate::frame::Revision;
use crate::id::{Key, SocketId};
use crate::trim::Trim as _;
use alloc::vec::Vec;

/// All connected sockets.
#[derive(Debug, Default)]
pub(crate) struct Sockets {
    /// For each shard and each of its slots, the sockets of the client in it, ordered by id. Usually there is one.
    shards: Vec<Vec<Vec<(SocketId, SocketEntry)>>>,
    len: usize,
    /// The number of sockets of EIO=3 clients.
    v3: usize,
}

impl Sockets {
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Whether there are sockets of EIO=3 clients.
    pub(crate) fn has_v3(&self) -> bool {
        self.v3 > 0
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len == 0
    }

    pub(crate) fn contains(&self, socket: SocketId) -> bool {
        self.get(socket).is_some()
    }

    pub(crate) fn get(&self, socket: SocketId) -> Option<&SocketEntry> {
        self.slot(socket.key).iter().find(|(id, _)| *id == socket).map(|(_, entry)| entry)
    }

    pub(crate) fn get_mut(&mut self, socket: SocketId) -> Option<&mut SocketEntry> {
        let slot = self.shards.get_mut(usize::from(socket.key.shard()))?.get_mut(socket.key.slot() as usize)?;
        slot.iter_mut().find(|(id, _)| *id == socket).map(|(_, entry)| entry)
    }

    /// The sockets of a client.
    pub(crate) fn of(&self, key: Key) -> impl Iterator<Item = SocketId> {
        self.slot(key).iter().map(|(socket, _)| *socket).filter(move |socket| socket.key == key)
    }

    pub(crate) fn insert(&mut self, socket: SocketId, entry: SocketEntry) {
        let slots = at(&mut self.shards, usize::from(socket.key.shard()));
        let slot = at(slots, socket.key.slot() as usize);
        let index = slot.partition_point(|(id, _)| *id < socket);
        self.v3 += usize::from(entry.revision == Revision::V3);
        if let Some((_, old)) = slot.get_mut(index).filter(|(id, _)| *id == socket) {
            self.v3 -= usize::from(old.revision == Revision::V3);
            *old = entry;
            return;
        }
        slot.reserve_exact(1);
        slot.insert(index, (socket, entry));
        self.len += 1;
    }

    pub(crate) fn remove(&mut self, socket: SocketId) -> Option<SocketEntry> {
        let slots = self.shards.get_mut(usize::from(socket.key.shard()))?;
        let slot = slots.get_mut(socket.key.slot() as usize)?;
        let index = slot.iter().position(|(id, _)| *id == socket)?;
        let (_, entry) = slot.remove(index);
        if slot.is_empty() {
            *slot = Vec::new();
        }
        self.len -= 1;
        // Places of clients that are gone, as in the shard.
        if self.len < slots.len() / 4 {
            while slots.pop_if(|slot| slot.is_empty()).is_some() {}
            slots.trim();
        }
        self.v3 -= usize::from(entry.revision == Revision::V3);
        Some(entry)
    }

    fn slot(&self, key: Key) -> &[(SocketId, SocketEntry)] {
        let slots = self.shards.get(usize::from(key.shard())).map_or(&[][..], Vec::as_slice);
        slots.get(key.slot() as usize).map_or(&[], Vec::as_slice)
    }
}

/// The element at this index. The list is filled up to it with empty elements.
fn at<T: Default>(list: &mut Vec<T>, index: usize) -> &mut T {
    if list.len() <= index {
        list.resize_with(index + 1, T::default);
    }
    &mut list[index]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::Sid;
    use crate::socket::Nsp;

    fn entry(number: u8) -> SocketEntry {
        SocketEntry::new(Nsp::ROOT, Sid::from_bytes([number; 16]), Revision::V3)
    }

    #[test]
    fn every_socket_has_an_entry_of_its_own() {
        let at = |shard, slot, generation, serial| SocketId { key: Key::new(shard, slot, generation), serial };
        let all = [at(0, 3, 0, 1), at(0, 3, 0, 0), at(0, 3, 1, 0), at(2, 0, 0, 0), at(0, 0, 0, 0)];
        let mut sockets = Sockets::default();
        for (number, socket) in (0..).zip(all) {
            sockets.insert(socket, entry(number));
        }
        assert_eq!(sockets.len(), all.len());
        for (number, socket) in (0..).zip(all) {
            assert_eq!(sockets.get(socket).map(|entry| entry.public), Some(Sid::from_bytes([number; 16])));
        }
        assert_eq!(sockets.of(all[0].key).collect::<Vec<_>>(), [all[1], all[0]]);
        for stranger in [at(0, 3, 2, 0), at(0, 3, 0, 2), at(0, 9, 0, 0), at(1, 0, 0, 0), at(7, 0, 0, 0)] {
            assert!(
                !sockets.contains(stranger)
                    && sockets.get_mut(stranger).is_none()
                    && sockets.remove(stranger).is_none()
            );
        }
        sockets.insert(all[3], entry(9));
        assert_eq!((sockets.len(), sockets.get(all[3]).map(|entry| entry.public)), (5, Some(Sid::from_bytes([9; 16]))));
        for socket in all {
            assert!(sockets.remove(socket).is_some() && !sockets.contains(socket));
        }
        assert!(
            sockets.is_empty() && !sockets.has_v3() && sockets.shards.iter().flatten().all(|slot| slot.capacity() == 0)
        );
    }
}
