//! Namespaces, rooms, and the sockets in them. Members are in the order of their keys, which is that of shards and
//! slots: the same in every run, and the fastest for delivering.

use super::recipients::Recipients;
use super::target::BroadcastOptions;
use crate::id::{Sid, SocketId};
use crate::socket::Nsp;
use alloc::boxed::Box;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;
use core::fmt;

/// Why a socket cannot join a room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum JoinError {
    /// It is in [`Config::max_rooms`](crate::Config::max_rooms) rooms.
    TooMany,
    /// The name is longer than [`Config::max_room_name`](crate::Config::max_room_name).
    Name,
}

impl fmt::Display for JoinError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TooMany => "the socket is in too many rooms",
            Self::Name => "the room's name is too long",
        })
    }
}

impl core::error::Error for JoinError {}

/// The namespaces and their rooms. Only those with sockets exist.
#[derive(Debug, Default)]
pub(crate) struct Rooms(BTreeMap<Nsp, Namespace>);

#[derive(Debug, Default)]
struct Namespace {
    everybody: Members,
    rooms: BTreeMap<Box<str>, Members>,
    ids: BTreeMap<Sid, SocketId>,
}

/// The sockets in a room. Most rooms get more events than their members change.
#[derive(Debug, Default)]
struct Members {
    sockets: BTreeSet<SocketId>,
    /// The sockets as a list. Made when it is needed, and dropped when the members change.
    list: Option<Recipients>,
}

impl Members {
    fn insert(&mut self, socket: SocketId) -> bool {
        self.list = None;
        self.sockets.insert(socket)
    }

    fn remove(&mut self, socket: SocketId) -> bool {
        self.list = None;
        self.sockets.remove(&socket)
    }

    fn recipients(&mut self) -> Recipients {
        let sockets = &self.sockets;
        self.list.get_or_insert_with(|| sockets.iter().copied().collect::<Vec<_>>().into()).clone()
    }
}

impl Namespace {
    /// The socket with this public id. EIO=3 clients put the namespace before it.
    fn by_id(&self, nsp: &Nsp, id: &str) -> Option<SocketId> {
        let bare = id.strip_prefix(nsp.as_str()).and_then(|id| id.strip_prefix('#')).unwrap_or(id);
        self.ids.get(&Sid::parse(bare)?).copied()
    }

    fn is_in(&self, nsp: &Nsp, room: &str, socket: SocketId) -> bool {
        self.rooms.get(room).is_some_and(|members| members.sockets.contains(&socket))
            || self.by_id(nsp, room) == Some(socket)
    }
}

impl Rooms {
    pub(crate) fn enter(&mut self, nsp: &Nsp, public: Sid, socket: SocketId) {
        let namespace = self.0.entry(nsp.clone()).or_default();
        namespace.everybody.insert(socket);
        namespace.ids.insert(public, socket);
    }

    /// Removes a socket from a namespace. It must have left its rooms.
    pub(crate) fn exit(&mut self, nsp: &Nsp, public: Sid, socket: SocketId) {
        if let Some(namespace) = self.0.get_mut(nsp) {
            namespace.everybody.remove(socket);
            // A restored socket has the public id of the previous one, which may be removed after it.
            if namespace.ids.get(&public) == Some(&socket) {
                namespace.ids.remove(&public);
            }
            if namespace.everybody.sockets.is_empty() {
                self.0.remove(nsp);
            }
        }
    }

    /// Adds a socket to a room. Returns whether it was not in the room before.
    pub(crate) fn join(&mut self, nsp: &Nsp, room: &str, socket: SocketId) -> bool {
        let rooms = &mut self.0.entry(nsp.clone()).or_default().rooms;
        if let Some(members) = rooms.get_mut(room) {
            return members.insert(socket);
        }
        rooms.entry(room.into()).or_default().insert(socket)
    }

    /// Removes a socket from a room. Returns whether it was in the room.
    pub(crate) fn leave(&mut self, nsp: &Nsp, room: &str, socket: SocketId) -> bool {
        let Some(namespace) = self.0.get_mut(nsp) else { return false };
        let Some(members) = namespace.rooms.get_mut(room) else { return false };
        let was_in = members.remove(socket);
        if members.sockets.is_empty() {
            namespace.rooms.remove(room);
        }
        was_in
    }

    /// The number of sockets in a namespace.
    pub(crate) fn count(&self, nsp: &Nsp) -> usize {
        self.0.get(nsp).map_or(0, |namespace| namespace.everybody.sockets.len())
    }

    /// The sockets in a namespace.
    pub(crate) fn everybody(&mut self, nsp: &Nsp) -> Recipients {
        self.0.get_mut(nsp).map_or_else(Recipients::none, |namespace| namespace.everybody.recipients())
    }

    /// The sockets in a room. The name can also be a socket's id, seldom both.
    pub(crate) fn members(&mut self, nsp: &Nsp, room: &str) -> Recipients {
        let Some(namespace) = self.0.get_mut(nsp) else { return Recipients::none() };
        let owner = namespace.by_id(nsp, room);
        match (namespace.rooms.get_mut(room), owner) {
            (Some(_), Some(_)) => self.among(&BroadcastOptions { rooms: &[room], ..BroadcastOptions::of(nsp) }).into(),
            (Some(members), None) => members.recipients(),
            (None, Some(owner)) => owner.into(),
            (None, None) => Recipients::none(),
        }
    }

    pub(crate) fn by_id(&self, nsp: &Nsp, id: &str) -> Option<SocketId> {
        self.0.get(nsp)?.by_id(nsp, id)
    }

    /// The sockets that options select, each once, in the order of their keys.
    pub(crate) fn among(&self, among: &BroadcastOptions<'_>) -> Vec<SocketId> {
        let Some(namespace) = self.0.get(among.nsp) else { return Vec::new() };
        let mut socket: Vec<SocketId> = if among.rooms.is_empty() {
            namespace.everybody.sockets.iter().copied().collect()
        } else {
            let mut union: BTreeSet<SocketId> = BTreeSet::new();
            for room in among.rooms {
                union.extend(namespace.rooms.get(*room).into_iter().flat_map(|members| &members.sockets));
                union.extend(namespace.by_id(among.nsp, room));
            }
            union.into_iter().collect()
        };
        socket.retain(|socket| {
            !among.except.contains(socket)
                && !among.except_rooms.iter().any(|room| namespace.is_in(among.nsp, room, *socket))
        });
        socket
    }

    /// The number of rooms in all namespaces.
    pub(crate) fn len(&self) -> usize {
        self.0.values().map(|namespace| namespace.rooms.len()).sum()
    }

    /// The namespaces that have sockets.
    pub(crate) fn namespaces(&self) -> impl Iterator<Item = &Nsp> {
        self.0.keys()
    }

    /// The names of a namespace's rooms.
    pub(crate) fn names(&self, nsp: &Nsp) -> Vec<&str> {
        self.0.get(nsp).into_iter().flat_map(|namespace| &namespace.rooms).map(|(name, _)| &**name).collect()
    }
}
