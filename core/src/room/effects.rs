//! What an application can do. Effects are applied at once to the hub's tables and queues. Those that lead to another
//! call of the application wait until the current call has returned. None waits for a client, or fails because of one.

use super::acks::BroadcastAckId;
use super::admission::Admission;
use super::emit::Emit;
use super::history::Membership;
use super::recipients::Recipients;
use super::rooms::JoinError;
use super::state::{Decision, State, Task};
use super::target::{BroadcastOptions, Target};
use crate::config::Protocol;
use crate::engine::Reason;
use crate::frame::Frame;
use crate::id::SocketId;
use crate::socket::encode::{self, EncodeOptions};
use crate::socket::{AckId, Delivery, Nsp, to_json};
use crate::stats::Limit;
use crate::time::Time;
use alloc::string::String;
use alloc::vec::Vec;
use bytes::Bytes;
use serde::Serialize;

/// The effects that an application can have. Valid during one call of the application.
#[derive(Debug)]
pub struct Effects<'a> {
    state: &'a mut State,
    now: Time,
}

impl<'a> Effects<'a> {
    pub(crate) fn new(state: &'a mut State, now: Time) -> Self {
        Self { state, now }
    }

    /// The same for a shorter time.
    pub(crate) fn reborrow(&mut self) -> Effects<'_> {
        Effects { state: self.state, now: self.now }
    }

    /// The time of the current call.
    #[must_use]
    pub fn now(&self) -> Time {
        self.now
    }

    /// Asks for a call of [`App::wake`](crate::App::wake) at `at`. Only the earliest of several times counts.
    pub fn wake_at(&mut self, at: Time) {
        self.state.wake = self.state.wake.min(at);
    }

    /// Has the driver run a task, on whatever it runs tasks. For what takes time: a look-up in a database, a request to
    /// another server. Its outcome comes back by the waker of [`App::attach`](crate::App::attach), or by
    /// [`Hub::apply`](crate::driver::Hub::apply). A server that ends drops its tasks, or lets them run to their end, as its
    /// runtime does.
    pub fn spawn(&mut self, task: Task) {
        self.state.tasks.push_back(task);
    }

    /// Sends the event `name` with one argument. Short for [`Effects::send`].
    pub fn emit(&mut self, to: Target<'_>, name: &str, argument: &(impl Serialize + ?Sized)) {
        self.send(to, &Emit::new(name).arg(argument));
    }

    /// Sends an event. It is encoded once for all recipients.
    pub fn send(&mut self, to: Target<'_>, event: &Emit<'_>) {
        let kept = !event.volatile && event.recoverable;
        let scope = if kept && self.state.recovery.is_some() { self.state.scope_of(to) } else { None };
        let Some((nsp, recipients)) = self.audience(to) else { return };
        if scope.is_none() && recipients.is_empty() {
            return;
        }
        // A client takes the last argument of any event for an offset, if it is a string. So an event that is not kept
        // has an offset too if it ends in a string: that of the last kept event. A volatile one has none, as in the
        // reference.
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

    /// Sends an event that is to be acknowledged within `timeout` milliseconds. Each acknowledgement comes by
    /// [`App::ack`](crate::App::ack); [`App::acks_done`](crate::App::acks_done) is called when there will be no more. A
    /// socket that has [`Config::max_pending_acks`](crate::Config::max_pending_acks) events to acknowledge does not get
    /// it, and counts as missing.
    ///
    /// Such an event is not sent again after recovery.
    pub fn emit_with_ack(&mut self, to: Target<'_>, event: &Emit<'_>, timeout: u64) -> BroadcastAckId {
        let audience = self.audience(to);
        let sockets = audience.iter().flat_map(|(_, recipients)| recipients.iter().copied());
        let max = self.state.config.max_pending_acks;
        let mut n_sockets = 0;
        let sockets = sockets.inspect(|_| n_sockets += 1);
        let (id, asked) = self.state.acks.insert(sockets, max, timeout, self.now);
        self.state.stats.limits.add_many(Limit::MaxPendingAcks, n_sockets - asked.len() as u64);
        if let (false, Some((nsp, _))) = (asked.is_empty(), audience) {
            let frame = self.frame(&nsp, event, Some(id.0), None, false);
            self.deliver(asked.into(), frame);
        }
        id
    }

    /// Sends a text message, with Engine.IO alone.
    pub fn send_text(&mut self, to: Target<'_>, text: &str) {
        let Some((_, recipients)) = self.audience(to) else { return };
        self.deliver(recipients, Frame::new(["4", text].concat(), &[]));
    }

    /// Sends a binary message, with Engine.IO alone.
    pub fn send_binary(&mut self, to: Target<'_>, data: Bytes) {
        let Some((_, recipients)) = self.audience(to) else { return };
        self.deliver(recipients, Frame::binary(data));
    }

    fn frame(&self, nsp: &Nsp, event: &Emit<'_>, id: Option<u64>, offset: Option<&str>, kept: bool) -> Frame {
        event.encode(self.protocol(), nsp, EncodeOptions { id, offset, for_v3: self.state.sockets.has_v3(), kept })
    }

    fn protocol(&self) -> Protocol {
        self.state.config.protocol
    }

    fn deliver(&mut self, to: Recipients, frame: Frame) {
        if !to.is_empty() {
            self.state.put(to, Delivery::Emit(frame));
        }
    }

    /// The namespace and the sockets of a target. `None` if the target is a socket that is not connected.
    fn audience(&mut self, target: Target<'_>) -> Option<(Nsp, Recipients)> {
        let State { rooms, sockets, .. } = &mut *self.state;
        Some(match target {
            Target::Socket(socket) => (sockets.get(socket)?.nsp.clone(), socket.into()),
            Target::Namespace(nsp) => (nsp.clone(), rooms.everybody(nsp)),
            Target::Room(nsp, room) => (nsp.clone(), rooms.members(nsp, room)),
            Target::Broadcast(among) => (among.nsp.clone(), rooms.among(&among).into()),
        })
    }

    /// The sockets of a target, each once, in the order of their keys.
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

    /// Acknowledges an event with one argument. Nothing happens if the socket is disconnected.
    pub fn ack(&mut self, ack: AckId, argument: &(impl Serialize + ?Sized)) {
        self.ack_json(ack, &to_json(argument), &[]);
    }

    /// Acknowledges an event with `args`, JSON values with commas between them, and attachments, as
    /// [`Emit::args_json`].
    pub fn ack_json(&mut self, ack: AckId, args: &str, attachments: &[Bytes]) {
        if let Some(entry) = self.state.sockets.get(ack.socket()) {
            let frame = encode::ack(self.protocol(), &entry.nsp, ack.id(), args, attachments);
            self.state.put(ack.socket(), Delivery::Emit(frame));
        }
    }

    /// Adds a socket to a room of its namespace. Returns whether it was not in the room before.
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
            state.stats.limits.add(Limit::MaxRoomName);
            return Err(JoinError::Name);
        }
        if entry.rooms.len() >= state.config.max_rooms {
            state.stats.limits.add(Limit::MaxRooms);
            return Err(JoinError::TooMany);
        }
        let since = state.recovery.as_ref().map_or(0, |recovery| recovery.log.next());
        // Most sockets are in few rooms.
        entry.rooms.reserve_exact(1);
        entry.rooms.push(Membership { room: room.into(), since, until: Membership::CURRENT });
        Ok(state.rooms.join(&entry.nsp, room, socket))
    }

    /// Removes a socket from a room. Returns whether it was in the room.
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

    /// Adds the sockets of `target` to a room. Returns how many could not join it.
    pub fn sockets_join(&mut self, target: Target<'_>, room: &str) -> usize {
        self.fetch_sockets(target).into_iter().filter(|socket| self.join(*socket, room).is_err()).count()
    }

    /// Removes the sockets of `target` from a room.
    pub fn sockets_leave(&mut self, target: Target<'_>, room: &str) {
        for socket in self.fetch_sockets(target) {
            self.leave(socket, room);
        }
    }

    /// Disconnects a socket from its namespace, or closes its client's connection if `close` is set. This happens when
    /// the current call of the application has returned; then [`App::disconnect`](crate::App::disconnect) is called.
    /// Nothing happens if the socket is already disconnected, as in the reference.
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

    /// Disconnects the sockets of `target`, as [`Effects::disconnect`].
    pub fn disconnect_sockets(&mut self, target: Target<'_>, close: bool) {
        for socket in self.fetch_sockets(target) {
            self.disconnect(socket, close);
        }
    }

    /// Decides on a connect request whose [`Admission`] was [`Admission::Later`]. Nothing happens if the client is
    /// gone, or the request has been decided on.
    pub fn decide(&mut self, socket: SocketId, admission: Admission) {
        self.state.decisions.push_back(Decision::Connect(socket, admission));
    }

    /// The number of sockets in a namespace.
    #[must_use]
    pub fn count(&self, nsp: &Nsp) -> usize {
        self.state.rooms.count(nsp)
    }

    /// The namespaces that have sockets.
    #[must_use]
    pub fn namespaces(&self) -> Vec<&Nsp> {
        self.state.rooms.namespaces().collect()
    }

    /// The namespace of a socket.
    #[must_use]
    pub fn nsp(&self, socket: SocketId) -> Option<&Nsp> {
        Some(&self.state.sockets.get(socket)?.nsp)
    }

    /// A socket's id, as its client knows it. [`ConnectRequest::id`](crate::ConnectRequest::id) says to whom it may be
    /// shown.
    #[must_use]
    pub fn id(&self, socket: SocketId) -> Option<String> {
        Some(self.state.sockets.get(socket)?.id())
    }

    /// The socket with this id.
    #[must_use]
    pub fn find(&self, nsp: &Nsp, id: &str) -> Option<SocketId> {
        self.state.rooms.by_id(nsp, id)
    }

    /// The rooms of a socket, without the one that has its id as its name.
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

    /// The data that the application has attached to a socket, as JSON. It is kept through recovery.
    #[must_use]
    pub fn data(&self, socket: SocketId) -> Option<&str> {
        self.state.sockets.get(socket)?.data()
    }

    /// Attaches data to a socket.
    pub fn set_data(&mut self, socket: SocketId, data: &(impl Serialize + ?Sized)) {
        if let Some(entry) = self.state.sockets.get_mut(socket) {
            entry.extra().data = Some(to_json(data).into());
        }
    }

    pub(crate) fn set_data_json(&mut self, socket: SocketId, json: String) {
        if let Some(entry) = self.state.sockets.get_mut(socket) {
            entry.extra().data = Some(json.into());
        }
    }

    /// Whether [`Config::recovery`](crate::Config::recovery) is on.
    #[must_use]
    pub fn can_recover(&self) -> bool {
        self.state.recovery.is_some()
    }

    /// Whether the session of a socket was restored, as the reference's `socket.recovered`.
    #[must_use]
    pub fn was_recovered(&self, socket: SocketId) -> bool {
        self.state.sockets.get(socket).is_some_and(|entry| entry.recovered)
    }
}
