//! The places of a shard's clients. A place that is free is used again, with another generation; when most are free, those at the end
//! are given up.

use crate::socket::client::Client;
use crate::time::Time;
use crate::trim::Trim as _;
use alloc::vec::Vec;

/// Places that are never given up.
const KEPT: usize = 256;

/// A place.
#[derive(Debug)]
pub(crate) struct Slot {
    pub(crate) generation: u32,
    /// The moment of the slot's entry in the wheel. Not later than the client's next deadline.
    pub(crate) armed: Time,
    /// The client counts as unjoined.
    pub(crate) unjoined: bool,
    pub(crate) client: Option<Client>,
}

/// All places.
#[derive(Debug, Default)]
pub(crate) struct Slots {
    list: Vec<Slot>,
    /// Those that became free, the last one at the end. Some may have been given up since, or be taken after they were.
    free: Vec<u32>,
    /// The generation of a new place: no client of a place that was given up has had it.
    generation: u32,
    taken: usize,
}

impl Slots {
    pub(crate) fn get(&self, index: u32) -> Option<&Slot> {
        self.list.get(index as usize)
    }

    pub(crate) fn get_mut(&mut self, index: u32) -> Option<&mut Slot> {
        self.list.get_mut(index as usize)
    }

    /// Takes a place, which is to be filled. Returns it with its generation.
    pub(crate) fn take(&mut self) -> (u32, u32) {
        self.taken += 1;
        while let Some(index) = self.free.pop() {
            if let Some(slot) = self.get(index).filter(|slot| slot.client.is_none()) {
                return (index, slot.generation);
            }
        }
        self.list.push(Slot { generation: self.generation, armed: Time::NEVER, unjoined: false, client: None });
        // There are at most `Key::MAX_SLOTS`, which is less than `u32::MAX`.
        (u32::try_from(self.list.len() - 1).unwrap_or(u32::MAX), self.generation)
    }

    /// A client's place is free.
    pub(crate) fn free(&mut self, index: u32) {
        let Some(slot) = self.list.get_mut(index as usize) else { return };
        slot.client = None;
        slot.generation = slot.generation.wrapping_add(1);
        self.free.push(index);
        self.taken -= 1;
        if self.list.len() > KEPT && self.taken < self.list.len() / 4 {
            self.give_up();
        }
    }

    /// Gives up the places at the end that are free. Each was made once before, so that this costs little.
    #[cold]
    fn give_up(&mut self) {
        while self.list.len() > KEPT
            && let Some(slot) = self.list.pop_if(|slot| slot.client.is_none())
        {
            // It comes round again.
            if slot.generation.wrapping_sub(self.generation) < 1 << 31 {
                self.generation = slot.generation;
            }
        }
        let capacity = self.list.capacity();
        self.list.trim();
        if self.list.capacity() < capacity {
            let len = self.list.len();
            self.free.retain(|index| (*index as usize) < len);
            self.free.trim();
        }
    }

    /// From the first place to the last.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Slot> {
        self.list.iter()
    }

    /// How many places there are, free ones included.
    pub(crate) fn len(&self) -> usize {
        self.list.len()
    }
}
