//! What a handler is called with: the socket that it is about, and what can be done there.

use super::arguments::read_value;
use super::emitter::{Among, Emitter};
use super::error::Error;
use super::inside::{Io, Origin, Reach};
use super::io::{Sockets, acknowledge, after};
use super::pattern::Pattern;
use crate::engine::Handshake;
use crate::id::SocketId;
use crate::room::{ConnectError, Effects};
use crate::socket::{AckId, ConnectRequest, Event, Nsp};
use crate::time::Time;
use alloc::boxed::Box;
use alloc::string::{String, ToString as _};
use alloc::vec::Vec;
use bytes::Bytes;
use core::cell::RefCell;
use core::fmt;
use core::time::Duration;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// A socket, in one of its handlers: the `socket` of the reference, and the application's state.
///
/// | in Node | here |
/// |---|---|
/// | `socket.emit("a", 1, 2)` | `cx.emit("a", (1, 2))` |
/// | `socket.to("room").emit(…)` | `cx.to("room").emit(…)` |
/// | `socket.broadcast.emit(…)` | `cx.broadcast().emit(…)` |
/// | `io.emit(…)`, `io.to("room").emit(…)` | `cx.io().emit(…)`, `cx.io().to("room").emit(…)` |
/// | `io.of("/admin").emit(…)` | `cx.of("/admin").emit(…)` |
/// | `socket.volatile.emit(…)` | `cx.volatile().emit(…)` |
/// | `socket.timeout(5000).emit("a", callback)` | `cx.timeout(Duration::from_secs(5)).emit_with_ack("a", (), then)` |
/// | `socket.data.name` | `cx.data.name` |
#[doc(alias = "Socket")]
pub struct Cx<'a, S, D = ()> {
    /// The application's state.
    pub state: &'a mut S,
    /// The data of the socket.
    pub data: &'a mut D,
    pub(crate) socket: SocketId,
    pub(crate) pattern: &'a Pattern,
    pub(crate) origin: &'a Origin,
    pub(crate) reach: RefCell<Reach<'a, S, D>>,
}

impl<'a, S, D> Cx<'a, S, D> {
    /// Sends an event to this socket. [`Emitter::emit`] says what its arguments are.
    pub fn emit(&self, name: impl AsRef<str>, arguments: impl Serialize) {
        self.this().emit(name, arguments);
    }

    /// The members of a room, or one socket; not this one.
    #[doc(alias = "in")]
    pub fn to<'c>(&'c self, whom: impl Into<Among<'c>>) -> Emitter<'c, 'a, S, D> {
        self.broadcast().to(whom)
    }

    /// All sockets in the namespace but the members of a room, or but one; and not this one.
    pub fn except<'c>(&'c self, whom: impl Into<Among<'c>>) -> Emitter<'c, 'a, S, D> {
        self.broadcast().except(whom)
    }

    /// All sockets in the namespace but this one.
    pub fn broadcast(&self) -> Emitter<'_, 'a, S, D> {
        self.io().except(self.socket)
    }

    /// All sockets in the namespace.
    pub fn io(&self) -> Emitter<'_, 'a, S, D> {
        Emitter::new(&self.reach, self.origin.nsp.clone())
    }

    /// All sockets in a namespace.
    pub fn of(&self, nsp: &str) -> Emitter<'_, 'a, S, D> {
        Emitter::new(&self.reach, Nsp::new(nsp))
    }

    /// This socket, for what [`Emitter`] has options for.
    pub fn this(&self) -> Emitter<'_, 'a, S, D> {
        Emitter::only(&self.reach, self.origin.nsp.clone(), self.socket)
    }

    /// This socket, for an event that it does not get if it cannot take it at once.
    pub fn volatile(&self) -> Emitter<'_, 'a, S, D> {
        self.this().volatile()
    }

    /// This socket, for a question that is answered within a time.
    pub fn timeout(&self, timeout: Duration) -> Emitter<'_, 'a, S, D> {
        self.this().timeout(timeout)
    }

    /// The socket, as the server knows it.
    #[must_use]
    pub fn socket(&self) -> SocketId {
        self.socket
    }

    /// The socket's id, as its client knows it. [`ConnectRequest::id`] says to whom it may be shown. Empty when the socket is
    /// disconnected.
    #[must_use]
    pub fn id(&self) -> String {
        self.sockets().id(self.socket).unwrap_or_default()
    }

    /// The namespace.
    #[must_use]
    pub fn nsp(&self) -> &Nsp {
        &self.origin.nsp
    }

    /// A parameter of the namespace's name: the `org` of `/org/{org}`. Empty if there is none of this name.
    #[must_use]
    pub fn param(&self, name: &str) -> &str {
        self.pattern.param(&self.origin.nsp, name).unwrap_or_default()
    }

    /// Adds the socket to a room. Returns whether it was not in it before.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Join`](super::ErrorKind::Join).
    pub fn join(&self, room: impl AsRef<str>) -> Result<bool, Error> {
        self.sockets().join(self.socket, room)
    }

    /// Removes the socket from a room. Returns whether it was in it.
    pub fn leave(&self, room: impl AsRef<str>) -> bool {
        self.sockets().leave(self.socket, room)
    }

    /// The rooms of the socket, without the one that has its id as its name.
    #[must_use]
    pub fn rooms(&self) -> Vec<String> {
        self.sockets().rooms(self.socket)
    }

    /// The HTTP request that opened the client's connection, if the driver has kept it.
    #[must_use]
    pub fn handshake(&self) -> Option<&Handshake> {
        self.origin.handshake.as_deref()
    }

    /// The credentials that the client connected with: what [`Namespace::authorize`](super::Namespace::authorize) reads.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Arguments`](super::ErrorKind::Arguments) if they are not an `A`.
    pub fn auth<A: DeserializeOwned>(&self) -> Result<A, Error> {
        read_auth(&self.origin.auth, &self.origin.attachments).map_err(|error| Error::arguments(&error))
    }

    /// The same as JSON, as [`Emitter::emit_json`] takes it. Empty if there are none.
    #[must_use]
    pub fn auth_json(&self) -> (&str, &[Bytes]) {
        (&self.origin.auth, &self.origin.attachments)
    }

    /// Whether the socket's session was restored: [`Effects::was_recovered`].
    #[must_use]
    pub fn recovered(&self) -> bool {
        self.reach.borrow().fx.was_recovered(self.socket)
    }

    /// Disconnects the socket from its namespace, or closes its client's connection if `close` is set. This happens when the
    /// handler has returned.
    pub fn disconnect(&self, close: bool) {
        self.sockets().disconnect(self.socket, close);
    }

    /// Whether the client asked for an acknowledgement of the event.
    #[must_use]
    pub fn wants_ack(&self) -> bool {
        self.reach.borrow().ack.is_some()
    }

    /// Acknowledges the event now, if the client asked for it. What the handler returns is dropped then.
    pub fn ack(&self, arguments: impl Serialize) {
        if let Some(ack) = self.take_ack() {
            acknowledge(&self.reach, ack, &arguments);
        }
    }

    /// Acknowledges the event now with JSON, as [`Emitter::emit_json`] sends it.
    pub fn ack_json(&self, args: &str, attachments: &[Bytes]) {
        if let Some(ack) = self.take_ack() {
            self.reach.borrow_mut().fx.ack_json(ack, args, attachments);
        }
    }

    /// Acknowledges the event now with the arguments that the client sent, as it sent them.
    pub fn ack_event(&self, event: &Event) {
        self.ack_json(event.args_json(), event.attachments());
    }

    /// Takes the right to acknowledge the event, for [`Io::ack`] later. What the handler returns is dropped then.
    #[must_use]
    pub fn take_ack(&self) -> Option<AckId> {
        self.reach.borrow_mut().ack.take()
    }

    /// The sockets of the server, by their ids.
    pub fn sockets(&self) -> Sockets<'_, 'a, S, D> {
        Sockets { reach: &self.reach }
    }

    /// Has `work` done after a time, to the millisecond, and one at least: the `setTimeout` of JavaScript. It is done whether the
    /// socket is still connected or not.
    pub fn after(&self, delay: Duration, work: impl FnOnce(&mut Io<'_, S, D>) + Send + 'static) {
        after(&self.reach, delay, Box::new(work));
    }

    /// The time.
    #[must_use]
    pub fn now(&self) -> Time {
        self.reach.borrow().fx.now()
    }

    /// Lets `work` have the hub's effects, which can do what there is no method for here. It must not use the context meanwhile.
    pub fn effects<R>(&self, work: impl FnOnce(&mut Effects<'_>) -> R) -> R {
        work(&mut self.reach.borrow_mut().fx)
    }
}

impl<S: fmt::Debug, D: fmt::Debug> fmt::Debug for Cx<'_, S, D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { state, data, socket, origin, .. } = self;
        f.debug_struct("Cx")
            .field("socket", socket)
            .field("nsp", &origin.nsp)
            .field("data", data)
            .field("state", state)
            .finish_non_exhaustive()
    }
}

/// A client that asks to connect: what [`Namespace::authorize`](super::Namespace::authorize) is called with.
pub struct Connecting<'a, S> {
    /// The application's state.
    pub state: &'a mut S,
    /// The request: the namespace, and the HTTP request that opened the connection.
    pub request: &'a ConnectRequest,
    pub(crate) socket: SocketId,
    pub(crate) pattern: &'a Pattern,
    pub(crate) now: Time,
}

impl<S> Connecting<'_, S> {
    /// The socket that there will be.
    #[must_use]
    pub fn socket(&self) -> SocketId {
        self.socket
    }

    /// A parameter of the namespace's name, as [`Cx::param`].
    #[must_use]
    pub fn param(&self, name: &str) -> &str {
        self.pattern.param(&self.request.nsp, name).unwrap_or_default()
    }

    /// The time.
    #[must_use]
    pub fn now(&self) -> Time {
        self.now
    }
}

impl<S: fmt::Debug> fmt::Debug for Connecting<'_, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { state, request, socket, .. } = self;
        f.debug_struct("Connecting")
            .field("socket", socket)
            .field("request", request)
            .field("state", state)
            .finish_non_exhaustive()
    }
}

fn read_auth<A: DeserializeOwned>(auth: &str, attachments: &[Bytes]) -> Result<A, serde_json::Error> {
    read_value(if auth.is_empty() { "{}" } else { auth }, attachments)
}

/// The credentials of a connect request.
pub(crate) fn credentials<A: DeserializeOwned>(request: &ConnectRequest) -> Result<A, ConnectError> {
    read_auth(&request.auth, &request.attachments)
        .map_err(|error| ConnectError::new("invalid credentials").with_data(&error.to_string()))
}
