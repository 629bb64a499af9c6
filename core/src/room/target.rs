//! Which sockets an effect is for.

use crate::id::SocketId;
use crate::socket::Nsp;

/// Who is to get an event, to join a room, to be disconnected. Each socket counts once, in however many of the rooms it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target<'a> {
    /// One socket.
    Socket(SocketId),
    /// Everybody in a namespace.
    Namespace(&'a Nsp),
    /// Everybody in a room of a namespace. A socket's id is a room that only this socket is in, as in the reference.
    Room(&'a Nsp, &'a str),
    /// Everybody in one of several rooms, but for some.
    Broadcast(BroadcastOptions<'a>),
}

/// Everybody in one of several rooms of a namespace, but for some.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BroadcastOptions<'a> {
    /// The namespace.
    pub nsp: &'a Nsp,
    /// The rooms, or ids of sockets. Without any, everybody in the namespace.
    pub rooms: &'a [&'a str],
    /// Nobody in one of these rooms, ids of sockets again among them.
    pub except_rooms: &'a [&'a str],
    /// None of these.
    pub except: &'a [SocketId],
}

impl<'a> BroadcastOptions<'a> {
    /// Everybody in a namespace, to begin with.
    #[must_use]
    pub fn of(nsp: &'a Nsp) -> Self {
        Self { nsp, rooms: &[], except_rooms: &[], except: &[] }
    }
}
