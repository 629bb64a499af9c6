//! All that an application can do, as data: emit, broadcast, ack, join, leave, disconnect, and be woken. Each effect is
//! applied at once to the hub's tables and queues; nothing here waits or fails because of a client.

use super::hub::State;
use super::rooms::RoomFull;
use crate::engine::Reason;
use crate::frame::Frame;
use crate::id::SocketId;
use crate::socket::{AckId, Delivery, Nsp, packet};
use crate::time::Time;
use alloc::string::String;
use alloc::vec::Vec;
use bytes::Bytes;
use serde::Serialize;

/// An application's hands. Valid during one call of the application.
#[derive(Debug)]
pub struct Effects<'a> {
    state: &'a mut State,
    now: Time,
}

/// Who is to get an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target<'a> {
    /// One socket.
    Socket(SocketId),
    /// Everybody in a namespace.
    Namespace(&'a Nsp),
    /// Everybody in a room of a namespace.
    Room(&'a Nsp, &'a str),
}

impl<'a> Effects<'a> {
    pub(crate) fn new(state: &'a mut State, now: Time) -> Self {
        Self { state, now }
    }

    /// The moment of the driver's call.
    #[must_use]
    pub fn now(&self) -> Time {
        self.now
    }

    /// Asks for a call of [`App::wake`](crate::App::wake) at `at`, if none is due earlier.
    pub fn wake_at(&mut self, at: Time) {
        self.state.wake = self.state.wake.min(at);
    }

    /// Sends the event `name` with one argument. It is encoded once, however many get it. A value that can not be JSON
    /// (a map whose keys are no strings) is sent as `null`.
    pub fn emit(&mut self, to: Target<'_>, name: &str, argument: &impl Serialize) {
        self.emit_json(to, name, &json(argument), &[]);
    }

    /// The same, but whoever can not take it at once (no poll waiting, or something still unsent) does without it.
    pub fn emit_volatile(&mut self, to: Target<'_>, name: &str, argument: &impl Serialize) {
        self.send(to, |nsp| packet::event(nsp, &json(name), &json(argument), &[]).volatile());
    }

    /// Sends the event `name` with `args`, JSON values with commas between them, and attachments. Attachment `n` stands in
    /// `args` as `{"_placeholder":true,"num":n}`.
    ///
    /// `args` is not checked: it is meant for what [`Received::args`](crate::Received::args) gave, or serde_json wrote.
    pub fn emit_json(&mut self, to: Target<'_>, name: &str, args: &str, attachments: &[Bytes]) {
        self.send(to, |nsp| packet::event(nsp, &json(name), args, attachments));
    }

    /// Encodes once, if there is anybody to send it to.
    fn send(&mut self, to: Target<'_>, encode: impl FnOnce(&Nsp) -> Frame) {
        let state = &mut *self.state;
        let (nsp, members) = match to {
            Target::Socket(who) => {
                if let Some(seat) = state.seats.get(&who) {
                    state.out.push_back((who, Delivery::Emit(encode(&seat.nsp))));
                }
                return;
            }
            Target::Namespace(nsp) => (nsp, state.rooms.everybody(nsp)),
            Target::Room(nsp, room) => (nsp, state.rooms.members(nsp, room)),
        };
        if let Some(members) = members {
            let frame = encode(nsp);
            state.out.extend(members.iter().map(|who| (*who, Delivery::Emit(frame.clone()))));
        }
    }

    /// Answers an event that asked for an ack, with one argument.
    pub fn ack(&mut self, who: SocketId, ack: AckId, argument: &impl Serialize) {
        self.ack_json(who, ack, &json(argument), &[]);
    }

    /// Answers with `args`, JSON values with commas between them, and attachments, as [`Effects::emit_json`].
    pub fn ack_json(&mut self, who: SocketId, ack: AckId, args: &str, attachments: &[Bytes]) {
        if let Some(seat) = self.state.seats.get(&who) {
            let frame = packet::ack(&seat.nsp, ack.0, args, attachments);
            self.state.out.push_back((who, Delivery::Emit(frame)));
        }
    }

    /// Puts a socket into a room of its namespace. Whether it was not in it before.
    ///
    /// # Errors
    ///
    /// [`RoomFull`] when it is in as many rooms as it may be.
    pub fn join(&mut self, who: SocketId, room: &str) -> Result<bool, RoomFull> {
        let state = &mut *self.state;
        let Some(seat) = state.seats.get_mut(&who) else { return Ok(false) };
        if seat.rooms.iter().any(|name| **name == *room) {
            return Ok(false);
        }
        if seat.rooms.len() >= state.config.max_rooms {
            return Err(RoomFull);
        }
        seat.rooms.push(room.into());
        Ok(state.rooms.join(&seat.nsp, room, who))
    }

    /// Takes a socket out of a room. Whether it was in it.
    pub fn leave(&mut self, who: SocketId, room: &str) -> bool {
        let state = &mut *self.state;
        let Some(seat) = state.seats.get_mut(&who) else { return false };
        let Some(index) = seat.rooms.iter().position(|name| **name == *room) else { return false };
        seat.rooms.swap_remove(index);
        state.rooms.leave(&seat.nsp, room, who)
    }

    /// The sockets in a room, in the order of their keys.
    #[must_use]
    pub fn members(&self, nsp: &Nsp, room: &str) -> Vec<SocketId> {
        self.state.rooms.members(nsp, room).into_iter().flatten().copied().collect()
    }

    /// How many sockets are in a namespace.
    #[must_use]
    pub fn count(&self, nsp: &Nsp) -> usize {
        self.state.rooms.everybody(nsp).map_or(0, alloc::collections::BTreeSet::len)
    }

    /// Takes a socket out of its namespace (`close` false), or closes its client's connection.
    pub fn disconnect(&mut self, who: SocketId, close: bool) {
        let delivery = if close { Delivery::Close(Reason::ServerNamespaceDisconnect) } else { Delivery::Disconnect };
        self.state.out.push_back((who, delivery));
    }
}

fn json(value: &(impl Serialize + ?Sized)) -> String {
    serde_json::to_string(value).unwrap_or_else(|_| "null".into())
}
