//! Rooms and their members. Members are kept in the order of their keys, which is the order of shards and slots: the
//! same for every run, and the fastest to deliver in. Knows nothing of what is said in a room.

use crate::id::SocketId;
use crate::socket::Nsp;
use alloc::boxed::Box;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;
use core::fmt;

/// A socket is in as many rooms as it may be: [`Config::max_rooms`](crate::Config::max_rooms).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RoomFull;

impl fmt::Display for RoomFull {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the socket is in too many rooms")
    }
}

impl core::error::Error for RoomFull {}

/// The members of every room of every namespace.
#[derive(Debug, Default)]
pub(crate) struct Rooms {
    by_name: BTreeMap<Nsp, BTreeMap<Box<str>, BTreeSet<SocketId>>>,
}

impl Rooms {
    /// Whether the socket was not in the room before.
    pub(crate) fn join(&mut self, nsp: &Nsp, room: &str, who: SocketId) -> bool {
        let rooms = self.by_name.entry(nsp.clone()).or_default();
        if let Some(members) = rooms.get_mut(room) {
            return members.insert(who);
        }
        rooms.insert(room.into(), BTreeSet::from([who]));
        true
    }

    /// Whether the socket was in the room. A room that nobody is in is gone.
    pub(crate) fn leave(&mut self, nsp: &Nsp, room: &str, who: SocketId) -> bool {
        let Some(rooms) = self.by_name.get_mut(nsp) else { return false };
        let Some(members) = rooms.get_mut(room) else { return false };
        let was_in = members.remove(&who);
        if members.is_empty() {
            rooms.remove(room);
            if rooms.is_empty() {
                self.by_name.remove(nsp);
            }
        }
        was_in
    }

    /// The members of a room.
    pub(crate) fn members(&self, nsp: &Nsp, room: &str) -> Option<&BTreeSet<SocketId>> {
        self.by_name.get(nsp)?.get(room)
    }

    /// The rooms of a namespace, for tests of what is left behind.
    pub(crate) fn names(&self, nsp: &Nsp) -> Vec<&str> {
        self.by_name.get(nsp).into_iter().flatten().map(|(name, _)| &**name).collect()
    }
}
