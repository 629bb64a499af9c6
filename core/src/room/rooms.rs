//! Namespaces, rooms and their members. Members are kept in the order of their keys, which is the order of shards and slots:
//! the same for every run, and the fastest to deliver in. Knows nothing of what is said in a room.

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

/// The members of every namespace and of its rooms. What nobody is in does not exist.
#[derive(Debug, Default)]
pub(crate) struct Rooms(BTreeMap<Nsp, Namespace>);

#[derive(Debug, Default)]
struct Namespace {
    everybody: BTreeSet<SocketId>,
    rooms: BTreeMap<Box<str>, BTreeSet<SocketId>>,
}

impl Rooms {
    pub(crate) fn enter(&mut self, nsp: &Nsp, who: SocketId) {
        self.0.entry(nsp.clone()).or_default().everybody.insert(who);
    }

    /// Leaves the namespace. The rooms must have been left before.
    pub(crate) fn exit(&mut self, nsp: &Nsp, who: SocketId) {
        if let Some(namespace) = self.0.get_mut(nsp) {
            namespace.everybody.remove(&who);
            if namespace.everybody.is_empty() {
                self.0.remove(nsp);
            }
        }
    }

    /// Whether the socket was not in the room before.
    pub(crate) fn join(&mut self, nsp: &Nsp, room: &str, who: SocketId) -> bool {
        let rooms = &mut self.0.entry(nsp.clone()).or_default().rooms;
        if let Some(members) = rooms.get_mut(room) {
            return members.insert(who);
        }
        rooms.insert(room.into(), BTreeSet::from([who]));
        true
    }

    /// Whether the socket was in the room.
    pub(crate) fn leave(&mut self, nsp: &Nsp, room: &str, who: SocketId) -> bool {
        let Some(namespace) = self.0.get_mut(nsp) else { return false };
        let Some(members) = namespace.rooms.get_mut(room) else { return false };
        let was_in = members.remove(&who);
        if members.is_empty() {
            namespace.rooms.remove(room);
        }
        was_in
    }

    pub(crate) fn everybody(&self, nsp: &Nsp) -> Option<&BTreeSet<SocketId>> {
        Some(&self.0.get(nsp)?.everybody)
    }

    pub(crate) fn members(&self, nsp: &Nsp, room: &str) -> Option<&BTreeSet<SocketId>> {
        self.0.get(nsp)?.rooms.get(room)
    }

    /// The names of a namespace's rooms.
    pub(crate) fn names(&self, nsp: &Nsp) -> Vec<&str> {
        self.0.get(nsp).into_iter().flat_map(|namespace| &namespace.rooms).map(|(name, _)| &**name).collect()
    }
}
