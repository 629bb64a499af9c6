//! All that an application can do, as data: emit, ask, ack, join, leave, disconnect, and be woken. Each effect is applied at
//! once to the hub's tables and queues, but for those that end in another call of the application; they wait until this
//! call returns. Nothing here waits or fails because of a client.

use super::acks::BroadcastAckId;
use super::admission::Admission;
use super::emit::Emit;
use super::history::Membership;
use super::recipients::Recipients;
use super::rooms::JoinError;
use super::state::{Decision, State};
use super::target::{BroadcastOptions, Target};
use crate::config::Protocol;
use crate::engine::Reason;
use crate::frame::Frame;
use crate::id::SocketId;
use crate::socket::encode::{self, Manner};
use crate::socket::{AckId, Delivery, Nsp, to_json};
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

    /// Sends the event `name` with one argument: [`Effects::send`] in short.
    pub fn emit(&mut self, to: Target<'_>, name: &str, argument: &(impl Serialize + ?Sized)) {
        self.send(to, &Emit::new(name).arg(argument));
    }

    /// Sends an event. It is encoded once, however many get it.
    pub fn send(&mut self, to: Target<'_>, event: &Emit<'_>) {
        let kept = !event.volatile && event.recoverable;
        let scope = if kept && self.state.recovery.is_some() { self.state.scope_of(to) } else { None };
        let Some((nsp, recipients)) = self.audience(to) else { return };
        if scope.is_none() && recipients.is_empty() {
            return;
        }
        // What is passing says how far the client has got all the same, where it could take the last argument for that. What
        // is volatile does not, as in the reference.
        let told = kept || (!event.volatile && event.ends_in_string());
        let offset = self.state.recovery.as_mut().filter(|_| told).map(|recovery| {
            let number = recovery.log.next();
            recovery.log.offset(if scope.is_some() { number } else { number - 1 }, self.now)
        });
        let frame = self.frame(&nsp, event, None, offset.as_deref(), scope.is_some());
        if let (Some(recovery), Some(scope)) = (&mut self.state.recovery, scope) {
            recovery.log.push(frame.clone(), scope, self.now);
        }
        self.deliver(recipients, frame);
    }

    /// Sends an event that is to be acked, and waits for the answers for `timeout` milliseconds. Each comes by
    /// [`App::ack`](crate::App::ack); [`App::acks_done`](crate::App::acks_done) says when there will be no more. Whoever owes
    /// [`Config::max_pending_acks`](crate::Config::max_pending_acks) answers already is not asked, and counts as silent.
    ///
    /// Such an event is not kept for those who come back.
    pub fn emit_with_ack(&mut self, to: Target<'_>, event: &Emit<'_>, timeout: u64) -> BroadcastAckId {
        let audience = self.audience(to);
        let sockets = audience.iter().flat_map(|(_, recipients)| recipients.iter().copied());
        let max = self.state.config.max_pending_acks;
        let (id, asked) = self.state.acks.insert(sockets, max, timeout, self.now);
        if let (false, Some((nsp, _))) = (asked.is_empty(), audience) {
            let frame = self.frame(&nsp, event, Some(id.0), None, false);
            self.deliver(asked.into(), frame);
        }
        id
    }

    /// Sends text, where Engine.IO is alone.
    pub fn send_text(&mut self, to: Target<'_>, text: &str) {
        let Some((_, recipients)) = self.audience(to) else { return };
        self.deliver(recipients, Frame::new(["4", text].concat(), &[]));
    }

    /// Sends bytes, where Engine.IO is alone.
    pub fn send_binary(&mut self, to: Target<'_>, data: Bytes) {
        let Some((_, recipients)) = self.audience(to) else { return };
        self.deliver(recipients, Frame::binary(data));
    }

    fn frame(&self, nsp: &Nsp, event: &Emit<'_>, id: Option<u64>, offset: Option<&str>, kept: bool) -> Frame {
        event.encode(self.protocol(), nsp, Manner { id, offset, for_v3: self.state.sockets.has_v3(), kept })
    }

    fn protocol(&self) -> Protocol {
        self.state.config.protocol
    }

    fn deliver(&mut self, to: Recipients, frame: Frame) {
        if !to.is_empty() {
            self.state.put(to, Delivery::Emit(frame));
        }
    }

    /// Everybody that a target is, and in which namespace. Nothing for a socket that is not there.
    fn audience(&mut self, target: Target<'_>) -> Option<(Nsp, Recipients)> {
        let State { rooms, sockets, .. } = &mut *self.state;
        Some(match target {
            Target::Socket(socket) => (sockets.get(socket)?.nsp.clone(), socket.into()),
            Target::Namespace(nsp) => (nsp.clone(), rooms.everybody(nsp)),
            Target::Room(nsp, room) => (nsp.clone(), rooms.members(nsp, room)),
            Target::Broadcast(among) => (among.nsp.clone(), rooms.among(&among).into()),
        })
    }

    /// The sockets that a target is, each once, in the order of their keys.
    #[must_use]
    pub fn fetch_sockets(&self, target: Target<'_>) -> Vec<SocketId> {
        let rooms = &self.state.rooms;
        match target {
            Target::Socket(socket) => self.state.sockets.contains(socket).then_some(socket).into_iter().collect(),
            Target::Namespace(nsp) => rooms.among(&BroadcastOptions::of(nsp)),
            Target::Room(nsp, room) => rooms.among(&BroadcastOptions { rooms: &[room], ..BroadcastOptions::of(nsp) }),
            Target::Broadcast(among) => rooms.among(&among),
        }
    }

    /// Acknowledges an event with one argument. Nothing happens if the socket is gone.
    pub fn ack(&mut self, ack: AckId, argument: &(impl Serialize + ?Sized)) {
        self.ack_json(ack, &to_json(argument), &[]);
    }

    /// Acknowledges an event with `args`, JSON values with commas between them, and attachments, as [`Emit::args_json`].
    pub fn ack_json(&mut self, ack: AckId, args: &str, attachments: &[Bytes]) {
        if let Some(entry) = self.state.sockets.get(ack.socket()) {
            let frame = encode::ack(self.protocol(), &entry.nsp, ack.id(), args, attachments);
            self.state.put(ack.socket(), Delivery::Emit(frame));
        }
    }

    /// Puts a socket into a room of its namespace. Whether it was not in it before.
    ///
    /// # Errors
    ///
    /// See [`JoinError`].
    pub fn join(&mut self, socket: SocketId, room: &str) -> Result<bool, JoinError> {
        let state = &mut *self.state;
        let Some(entry) = state.sockets.get_mut(socket) else { return Ok(false) };
        if entry.rooms.iter().any(|membership| *membership.room == *room) {
            return Ok(false);
        }
        if room.len() > state.config.max_room_name {
            return Err(JoinError::Name);
        }
        if entry.rooms.len() >= state.config.max_rooms {
            return Err(JoinError::TooMany);
        }
        let since = state.recovery.as_ref().map_or(0, |recovery| recovery.log.next());
        // Most sockets are in few rooms.
        entry.rooms.reserve_exact(1);
        entry.rooms.push(Membership { room: room.into(), since, until: Membership::CURRENT });
        Ok(state.rooms.join(&entry.nsp, room, socket))
    }

    /// Takes a socket out of a room. Whether it was in it.
    pub fn leave(&mut self, socket: SocketId, room: &str) -> bool {
        let state = &mut *self.state;
        let Some(entry) = state.sockets.get_mut(socket) else { return false };
        let Some(index) = entry.rooms.iter().position(|membership| *membership.room == *room) else { return false };
        let mut membership = entry.rooms.swap_remove(index);
        if let (Some(recovery), Some(history)) = (&state.recovery, entry.history_mut()) {
            membership.until = recovery.log.next();
            history.add(membership, recovery.log.first(), state.config.max_rooms);
        }
        state.rooms.leave(&entry.nsp, room, socket)
    }

    /// Puts everybody that `target` is into a room. How many could not join it.
    pub fn sockets_join(&mut self, target: Target<'_>, room: &str) -> usize {
        self.fetch_sockets(target).into_iter().filter(|socket| self.join(*socket, room).is_err()).count()
    }

    /// Takes everybody that `target` is out of a room.
    pub fn sockets_leave(&mut self, target: Target<'_>, room: &str) {
        for socket in self.fetch_sockets(target) {
            self.leave(socket, room);
        }
    }

    /// Takes a socket out of its namespace (`close` false), or closes its client's connection. It happens when this call
    /// of the application returns; [`App::disconnect`](crate::App::disconnect) is called at once after that. Nothing happens
    /// if the socket is gone already, as in the reference.
    pub fn disconnect(&mut self, socket: SocketId, close: bool) {
        if !self.state.sockets.contains(socket) && !self.state.connects.contains(socket) {
            return;
        }
        let reason = Reason::ServerNamespaceDisconnect;
        if !close {
            self.state.put(socket, Delivery::Disconnect);
            self.state.decisions.push_back(Decision::Disconnect(socket, reason));
            return;
        }
        self.state.put(socket, Delivery::Close(reason));
        let everywhere = self.state.sockets.of(socket.key).map(|socket| Decision::Disconnect(socket, reason));
        self.state.decisions.extend(everywhere);
    }

    /// The same with everybody that `target` is.
    pub fn disconnect_sockets(&mut self, target: Target<'_>, close: bool) {
        for socket in self.fetch_sockets(target) {
            self.disconnect(socket, close);
        }
    }

    /// Says of a socket whose admission was [`Admission::Later`] whether it is let in. Nothing happens if it is gone, or has
    /// been told already.
    pub fn decide(&mut self, socket: SocketId, admission: Admission) {
        self.state.decisions.push_back(Decision::Connect(socket, admission));
    }

    /// How many sockets are in a namespace.
    #[must_use]
    pub fn count(&self, nsp: &Nsp) -> usize {
        self.state.rooms.count(nsp)
    }

    /// The namespaces that somebody is in. What nobody is in does not exist.
    #[must_use]
    pub fn namespaces(&self) -> Vec<&Nsp> {
        self.state.rooms.namespaces().collect()
    }

    /// The namespace that a socket is in.
    #[must_use]
    pub fn nsp(&self, socket: SocketId) -> Option<&Nsp> {
        Some(&self.state.sockets.get(socket)?.nsp)
    }

    /// A socket's id, as its client knows it; see [`ConnectRequest::id`](crate::ConnectRequest::id) for who else may.
    #[must_use]
    pub fn id(&self, socket: SocketId) -> Option<String> {
        Some(self.state.sockets.get(socket)?.id())
    }

    /// The socket of this id.
    #[must_use]
    pub fn find(&self, nsp: &Nsp, id: &str) -> Option<SocketId> {
        self.state.rooms.by_id(nsp, id)
    }

    /// The rooms that a socket is in, its own not among them.
    #[must_use]
    pub fn rooms(&self, socket: SocketId) -> Vec<&str> {
        self.state
            .sockets
            .get(socket)
            .into_iter()
            .flat_map(|entry| &entry.rooms)
            .map(|membership| &*membership.room)
            .collect()
    }

    /// What the application has attached to a socket, as JSON. Comes back with whoever comes back.
    #[must_use]
    pub fn data(&self, socket: SocketId) -> Option<&str> {
        self.state.sockets.get(socket)?.data()
    }

    /// Attaches something to a socket.
    pub fn set_data(&mut self, socket: SocketId, data: &(impl Serialize + ?Sized)) {
        if let Some(entry) = self.state.sockets.get_mut(socket) {
            entry.extra().data = Some(to_json(data).into());
        }
    }

    /// Whether sockets can come back at all: there is [`Config::recovery`](crate::Config::recovery).
    #[must_use]
    pub fn can_recover(&self) -> bool {
        self.state.recovery.is_some()
    }

    /// Whether a socket has taken up where an earlier connection of its client broke.
    #[must_use]
    pub fn was_recovered(&self, socket: SocketId) -> bool {
        self.state.sockets.get(socket).is_some_and(|entry| entry.recovered)
    }
}
