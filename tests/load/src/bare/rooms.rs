//! Rooms of the bare server: who is in which, and what is to be said in them at the end of the turn.

use super::wire;
use std::collections::HashMap;

/// Who is in a room, and what is to be said to them.
#[derive(Debug, Default)]
pub(super) struct Room {
    pub(super) members: Vec<usize>,
    /// Frames that every member is to get, once for all.
    pub(super) said: Vec<u8>,
}

/// All rooms, of all namespaces.
#[derive(Debug, Default)]
pub(super) struct Rooms {
    /// By namespace and name, one behind the other.
    by_name: HashMap<Vec<u8>, usize>,
    list: Vec<Room>,
    /// Those in which something is to be said.
    pub(super) dirty: Vec<usize>,
    key: Vec<u8>,
}

impl Rooms {
    /// The room of a name, which there is from now on.
    pub(super) fn of(&mut self, nsp: &[u8], name: &[u8]) -> usize {
        self.key.clear();
        self.key.extend_from_slice(nsp);
        self.key.extend_from_slice(name);
        if let Some(room) = self.by_name.get(&self.key) {
            return *room;
        }
        self.list.push(Room::default());
        self.by_name.insert(self.key.clone(), self.list.len() - 1);
        self.list.len() - 1
    }

    pub(super) fn get(&self, room: usize) -> &Room {
        &self.list[room]
    }

    /// The place that somebody has in a room from now on.
    pub(super) fn enter(&mut self, room: usize, who: usize) -> usize {
        let members = &mut self.list[room].members;
        members.push(who);
        members.len() - 1
    }

    /// Somebody leaves its place. Who has it from now on, if anybody.
    pub(super) fn leave(&mut self, room: usize, place: usize) -> Option<usize> {
        let members = &mut self.list[room].members;
        members.swap_remove(place);
        members.get(place).copied()
    }

    /// A frame for everybody in a room.
    pub(super) fn say(&mut self, room: usize, parts: &[&[u8]]) {
        let said = &mut self.list[room].said;
        if said.is_empty() {
            self.dirty.push(room);
        }
        wire::text(said, parts);
    }

    /// Everything has been handed over.
    pub(super) fn hush(&mut self) {
        for room in self.dirty.drain(..) {
            self.list[room].said.clear();
        }
    }
}
