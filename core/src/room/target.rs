//! The sockets that an effect is for.

use crate::id::SocketId;
use crate::socket::Nsp;

/// The sockets that get an event, join or leave a room, or are disconnected. Each counts once, in however many of the
/// rooms it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target<'a> {
    /// One socket.
    Socket(SocketId),
    /// All sockets in a namespace.
    Namespace(&'a Nsp),
    /// All sockets in a room of a namespace. Every socket is in a room that has the socket's id as its name, as in the
    /// reference.
    Room(&'a Nsp, &'a str),
    /// Sockets selected by several rooms and exceptions.
    Broadcast(BroadcastOptions<'a>),
}

/// Selects sockets of a namespace by rooms and exceptions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BroadcastOptions<'a> {
    /// The namespace.
    pub nsp: &'a Nsp,
    /// Names of rooms, or ids of sockets. If there are none, all sockets in the namespace are selected.
    pub rooms: &'a [&'a str],
    /// Names of rooms, or ids of sockets, whose members are not selected.
    pub except_rooms: &'a [&'a str],
    /// Sockets that are not selected.
    pub except: &'a [SocketId],
}

impl<'a> BroadcastOptions<'a> {
    /// Selects all sockets in a namespace.
    #[must_use]
    pub fn of(nsp: &'a Nsp) -> Self {
        Self { nsp, rooms: &[], except_rooms: &[], except: &[] }
    }
}
