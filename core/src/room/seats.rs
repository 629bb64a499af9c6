//! Where every socket sits: a table like the shards' own, in which a key says where to look, so that nothing is searched for
//! however many there are. Knows no rooms.

use super::state::Seat;
use crate::id::{Key, SocketId};
use alloc::vec::Vec;

/// The seats of all sockets.
#[derive(Debug, Default)]
pub(crate) struct Seats {
    /// For each shard, for each of its slots, the sockets of whoever is in it, in the order of their ids. Mostly there is one.
    shards: Vec<Vec<Vec<(SocketId, Seat)>>>,
    len: usize,
}

impl Seats {
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len == 0
    }

    pub(crate) fn contains(&self, who: SocketId) -> bool {
        self.get(who).is_some()
    }

    pub(crate) fn get(&self, who: SocketId) -> Option<&Seat> {
        self.slot(who.key).iter().find(|(id, _)| *id == who).map(|(_, seat)| seat)
    }

    pub(crate) fn get_mut(&mut self, who: SocketId) -> Option<&mut Seat> {
        let slot = self.shards.get_mut(usize::from(who.key.shard()))?.get_mut(who.key.slot() as usize)?;
        slot.iter_mut().find(|(id, _)| *id == who).map(|(_, seat)| seat)
    }

    /// The sockets of a client.
    pub(crate) fn of(&self, key: Key) -> impl Iterator<Item = SocketId> {
        self.slot(key).iter().map(|(who, _)| *who).filter(move |who| who.key == key)
    }

    pub(crate) fn insert(&mut self, who: SocketId, seat: Seat) {
        let slots = at(&mut self.shards, usize::from(who.key.shard()));
        let slot = at(slots, who.key.slot() as usize);
        let index = slot.partition_point(|(id, _)| *id < who);
        if let Some((_, there)) = slot.get_mut(index).filter(|(id, _)| *id == who) {
            *there = seat;
            return;
        }
        slot.reserve_exact(1);
        slot.insert(index, (who, seat));
        self.len += 1;
    }

    pub(crate) fn remove(&mut self, who: SocketId) -> Option<Seat> {
        let slot = self.shards.get_mut(usize::from(who.key.shard()))?.get_mut(who.key.slot() as usize)?;
        let index = slot.iter().position(|(id, _)| *id == who)?;
        let (_, seat) = slot.remove(index);
        if slot.is_empty() {
            *slot = Vec::new();
        }
        self.len -= 1;
        Some(seat)
    }

    fn slot(&self, key: Key) -> &[(SocketId, Seat)] {
        let slots = self.shards.get(usize::from(key.shard())).map_or(&[][..], Vec::as_slice);
        slots.get(key.slot() as usize).map_or(&[], Vec::as_slice)
    }
}

/// The place of this number, which is made if there is none.
fn at<T: Default>(list: &mut Vec<T>, index: usize) -> &mut T {
    if list.len() <= index {
        list.resize_with(index + 1, T::default);
    }
    &mut list[index]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::Revision;
    use crate::id::Sid;
    use crate::socket::Nsp;

    fn seat(number: u8) -> Seat {
        let public = Sid::from_bytes([number; 16]);
        Seat { nsp: Nsp::ROOT, public, revision: Revision::V4, recovered: false, rooms: Vec::new(), extra: None }
    }

    #[test]
    fn everybody_has_a_seat_of_its_own() {
        let at = |shard, slot, generation, serial| SocketId { key: Key::new(shard, slot, generation), serial };
        let all = [at(0, 3, 0, 1), at(0, 3, 0, 0), at(0, 3, 1, 0), at(2, 0, 0, 0), at(0, 0, 0, 0)];
        let mut seats = Seats::default();
        for (number, who) in (0..).zip(all) {
            seats.insert(who, seat(number));
        }
        assert_eq!(seats.len(), all.len());
        for (number, who) in (0..).zip(all) {
            assert_eq!(seats.get(who).map(|seat| seat.public), Some(Sid::from_bytes([number; 16])));
        }
        assert_eq!(seats.of(all[0].key).collect::<Vec<_>>(), [all[1], all[0]]);
        for stranger in [at(0, 3, 2, 0), at(0, 3, 0, 2), at(0, 9, 0, 0), at(1, 0, 0, 0), at(7, 0, 0, 0)] {
            assert!(!seats.contains(stranger) && seats.get_mut(stranger).is_none() && seats.remove(stranger).is_none());
        }
        seats.insert(all[3], seat(9));
        assert_eq!((seats.len(), seats.get(all[3]).map(|seat| seat.public)), (5, Some(Sid::from_bytes([9; 16]))));
        for who in all {
            assert!(seats.remove(who).is_some() && !seats.contains(who));
        }
        assert!(seats.is_empty() && seats.shards.iter().flatten().all(|slot| slot.capacity() == 0));
    }
}
