//! What a router does where there is no socket that it is about: timers, answers, work from outside.

use super::arguments::write;
use super::emitter::{Among, Emitter};
use super::error::Error;
use super::inside::{Io, Once, Reach, Timer, millis};
use crate::id::SocketId;
use crate::room::Effects;
use crate::socket::{AckId, Nsp};
use crate::time::Time;
use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;
use core::cell::RefCell;
use core::fmt;
use core::time::Duration;
use serde::Serialize;

impl<'a, S, D> Io<'a, S, D> {
    /// All sockets in a namespace.
    pub fn of(&self, nsp: &str) -> Emitter<'_, 'a, S, D> {
        Emitter::new(&self.reach, Nsp::new(nsp))
    }

    /// The members of a room of `/`, or one socket in it.
    pub fn to<'c>(&'c self, whom: impl Into<Among<'c>>) -> Emitter<'c, 'a, S, D> {
        Emitter::new(&self.reach, Nsp::ROOT).to(whom)
    }

    /// Sends an event to all sockets in `/`. [`Emitter::emit`] says what its arguments are.
    pub fn emit(&self, name: impl AsRef<str>, arguments: impl Serialize) {
        self.of("/").emit(name, arguments);
    }

    /// The sockets of the server, by their ids.
    pub fn sockets(&self) -> Sockets<'_, 'a, S, D> {
        Sockets { reach: &self.reach }
    }

    /// Acknowledges an event whose acknowledgement was taken: [`Cx::take_ack`](super::Cx::take_ack).
    pub fn ack(&self, ack: AckId, arguments: impl Serialize) {
        acknowledge(&self.reach, ack, &arguments);
    }

    /// Has `work` done after a time, to the millisecond, and one at least: the `setTimeout` of JavaScript.
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

    /// Reports an error of something that has no way to return it.
    pub fn fail(&self, error: impl Into<Error>) {
        self.reach.borrow_mut().fail(error.into());
    }
}

impl<S: fmt::Debug, D> fmt::Debug for Io<'_, S, D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Io").field("state", &self.state).finish_non_exhaustive()
    }
}

pub(crate) fn acknowledge<S, D>(reach: &RefCell<Reach<'_, S, D>>, ack: AckId, arguments: &impl Serialize) {
    let reach = &mut *reach.borrow_mut();
    match write(arguments) {
        Ok(written) => reach.fx.ack_json(ack, &written.json, &written.attachments),
        Err(error) => reach.fail(Error::value(&error)),
    }
}

pub(crate) fn after<S, D>(reach: &RefCell<Reach<'_, S, D>>, delay: Duration, work: Once<S, D>) {
    let mut reach = reach.borrow_mut();
    let at = reach.fx.now().after(millis(delay));
    reach.at(at, Timer::Once(work));
}

/// The sockets of the server, by their ids.
pub struct Sockets<'c, 'a, S, D> {
    pub(crate) reach: &'c RefCell<Reach<'a, S, D>>,
}

impl<S, D> Sockets<'_, '_, S, D> {
    /// A socket's id as its client knows it: see [`Effects::id`]. `None` if it is not connected.
    #[must_use]
    pub fn id(&self, socket: SocketId) -> Option<String> {
        self.reach.borrow().fx.id(socket)
    }

    /// The socket with this id in a namespace.
    #[must_use]
    pub fn find(&self, nsp: &str, id: &str) -> Option<SocketId> {
        self.reach.borrow().fx.find(&Nsp::new(nsp), id)
    }

    /// The namespace of a socket.
    #[must_use]
    pub fn nsp(&self, socket: SocketId) -> Option<Nsp> {
        self.reach.borrow().fx.nsp(socket).cloned()
    }

    /// The number of sockets in a namespace.
    #[must_use]
    pub fn count(&self, nsp: &str) -> usize {
        self.reach.borrow().fx.count(&Nsp::new(nsp))
    }

    /// The namespaces that have sockets.
    #[must_use]
    pub fn namespaces(&self) -> Vec<Nsp> {
        self.reach.borrow().fx.namespaces().into_iter().cloned().collect()
    }

    /// Lets `work` have the data of a socket. `None` if it is not connected, or if the handler that runs is about it: that has the
    /// data itself.
    pub fn data<R>(&self, socket: SocketId, work: impl FnOnce(&mut D) -> R) -> Option<R> {
        // Not borrowed while it works: it may use the context.
        let mut held = self.reach.borrow_mut().inside.members.get_mut(socket)?.held.take()?;
        let result = work(&mut held.1);
        if let Some(member) = self.reach.borrow_mut().inside.members.get_mut(socket) {
            member.held = Some(held);
        }
        Some(result)
    }

    /// Adds a socket to a room. Returns whether it was not in it before.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Join`](super::ErrorKind::Join).
    pub fn join(&self, socket: SocketId, room: impl AsRef<str>) -> Result<bool, Error> {
        self.reach.borrow_mut().fx.join(socket, room.as_ref()).map_err(Error::join)
    }

    /// Removes a socket from a room. Returns whether it was in it.
    pub fn leave(&self, socket: SocketId, room: impl AsRef<str>) -> bool {
        self.reach.borrow_mut().fx.leave(socket, room.as_ref())
    }

    /// The rooms of a socket, without the one that has its id as its name.
    #[must_use]
    pub fn rooms(&self, socket: SocketId) -> Vec<String> {
        self.reach.borrow().fx.rooms(socket).into_iter().map(String::from).collect()
    }

    /// Disconnects a socket from its namespace, or closes its client's connection if `close` is set. This happens when the handler
    /// has returned.
    pub fn disconnect(&self, socket: SocketId, close: bool) {
        self.reach.borrow_mut().fx.disconnect(socket, close);
    }
}

impl<S, D> fmt::Debug for Sockets<'_, '_, S, D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sockets").finish_non_exhaustive()
    }
}
