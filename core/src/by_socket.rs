//! A table with an entry for each of some sockets. Its layout is that of the shards: a socket's key says where its entry is, so
//! that nothing is searched.

use crate::id::{Key, SocketId};
use crate::trim::Trim as _;
use alloc::vec::Vec;

/// Entries by socket.
#[derive(Debug)]
pub(crate) struct BySocket<T> {
    /// For each shard and each of its slots, the entries of the client in it, ordered by id. Usually there is one.
    shards: Vec<Vec<Vec<(SocketId, T)>>>,
    len: usize,
}

impl<T> Default for BySocket<T> {
    fn default() -> Self {
        Self { shards: Vec::new(), len: 0 }
    }
}

impl<T> BySocket<T> {
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len == 0
    }

    pub(crate) fn get(&self, socket: SocketId) -> Option<&T> {
        self.slot(socket.key).iter().find(|(id, _)| *id == socket).map(|(_, entry)| entry)
    }

    pub(crate) fn get_mut(&mut self, socket: SocketId) -> Option<&mut T> {
        let slot = self.shards.get_mut(usize::from(socket.key.shard()))?.get_mut(socket.key.slot() as usize)?;
        slot.iter_mut().find(|(id, _)| *id == socket).map(|(_, entry)| entry)
    }

    /// The sockets of a client.
    pub(crate) fn of(&self, key: Key) -> impl Iterator<Item = SocketId> {
        self.slot(key).iter().map(|(socket, _)| *socket).filter(move |socket| socket.key == key)
    }

    /// Adds an entry. Returns the one that was there before.
    pub(crate) fn insert(&mut self, socket: SocketId, entry: T) -> Option<T> {
        let slots = at(&mut self.shards, usize::from(socket.key.shard()));
        let slot = at(slots, socket.key.slot() as usize);
        let index = slot.partition_point(|(id, _)| *id < socket);
        if let Some((_, old)) = slot.get_mut(index).filter(|(id, _)| *id == socket) {
            return Some(core::mem::replace(old, entry));
        }
        slot.reserve_exact(1);
        slot.insert(index, (socket, entry));
        self.len += 1;
        None
    }

    pub(crate) fn remove(&mut self, socket: SocketId) -> Option<T> {
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
        Some(entry)
    }

    fn slot(&self, key: Key) -> &[(SocketId, T)] {
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

    #[test]
    fn every_socket_has_an_entry_of_its_own() {
        let at = |shard, slot, generation, serial| SocketId { key: Key::new(shard, slot, generation), serial };
        let all = [at(0, 3, 0, 1), at(0, 3, 0, 0), at(0, 3, 1, 0), at(2, 0, 0, 0), at(0, 0, 0, 0)];
        let mut entries = BySocket::default();
        for (number, socket) in (0..).zip(all) {
            assert_eq!(entries.insert(socket, number), None);
        }
        assert_eq!(entries.len(), all.len());
        for (number, socket) in (0..).zip(all) {
            assert_eq!(entries.get(socket), Some(&number));
        }
        assert_eq!(entries.of(all[0].key).collect::<Vec<_>>(), [all[1], all[0]]);
        for stranger in [at(0, 3, 2, 0), at(0, 3, 0, 2), at(0, 9, 0, 0), at(1, 0, 0, 0), at(7, 0, 0, 0)] {
            assert_eq!(entries.get(stranger), None);
            assert_eq!(entries.remove(stranger), None);
            assert_eq!(entries.get_mut(stranger), None);
        }
        assert_eq!(entries.insert(all[3], 9), Some(3));
        assert_eq!((entries.len(), entries.get(all[3])), (5, Some(&9)));
        for socket in all {
            assert!(entries.remove(socket).is_some() && entries.get(socket).is_none());
        }
        assert!(entries.is_empty() && entries.shards.iter().flatten().all(|slot| slot.capacity() == 0));
    }
}
