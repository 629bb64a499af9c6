//! What an application is to the core: a few functions of what happens, whose effects are data. An application does no
//! I/O and has no clock but [`Effects::now`]; what it has to wait for happens in the driver's world.

use super::acks::BroadcastAckId;
use super::admission::Admission;
use super::effects::Effects;
use crate::engine::Reason;
use crate::id::SocketId;
use crate::socket::{AckId, ConnectRequest, Event, Message};

/// An application: what the server does on top of the protocol.
///
/// The hub calls it for one thing after another, so it needs no locks. Everything from one client comes in the order in
/// which the client sent it.
///
/// # What its methods may do
///
/// Compute, and call the methods of [`Effects`]. All clients of the server wait while a method runs. Therefore:
///
/// - **No I/O and no blocking**: no files, no network, no locks held elsewhere for long, no sleeping. Hand the work to a task or
///   a thread of the driver's, return, and bring the result back with [`Hub::apply`](crate::Hub::apply). Meanwhile keep what it
///   belongs to: a connect request waits with [`Admission::Later`], an event's [`AckId`] can be stored and used later.
/// - **No clock and no timers**: the time is [`Effects::now`]; [`Effects::wake_at`] asks for a call of [`App::wake`].
/// - **No panic**: it leaves the application in an unknown state, and a driver does not call it again, so that it ends the
///   application for everybody. Events are whatever clients send: check them, and answer with an error or not at all.
/// - **No randomness but from a seed** that it was made with, if runs are to be repeatable.
pub trait App {
    /// A client asks to be let into a namespace.
    ///
    /// The default lets it into `/` and says "Invalid namespace" of any other, as the reference does where none has been
    /// made.
    fn admit(&mut self, socket: SocketId, connect: &ConnectRequest, fx: &mut Effects<'_>) -> Admission {
        let (_, _) = (socket, fx);
        if connect.nsp.is_root() { Admission::Accept } else { Admission::NoSuchNamespace }
    }

    /// A socket is in its namespace; its CONNECT has been answered before anything that is emitted from here on.
    fn connect(&mut self, socket: SocketId, connect: &ConnectRequest, fx: &mut Effects<'_>);

    /// A socket has taken up where an earlier connection broke ([`Config::recovery`](crate::Config::recovery)): its CONNECT
    /// has been answered, its rooms and data are what they were, and what it missed is on its way. It was not asked to be
    /// admitted again, as in the reference.
    ///
    /// The default tells an application that knows nothing of this what it would see in the reference: that the earlier
    /// socket disconnected, if it has not been told yet, and that this one connected.
    fn recover(&mut self, socket: SocketId, earlier: PreviousSocket, connect: &ConnectRequest, fx: &mut Effects<'_>) {
        if earlier.connected {
            self.disconnect(earlier.socket, Reason::TransportClose, fx);
        }
        self.connect(socket, connect, fx);
    }

    /// A socket sent an event. `ack` is set where the client asks for an acknowledgement, which [`Effects::ack`] sends, now or
    /// later. Dropping it sends none.
    fn event(&mut self, socket: SocketId, event: &Event, ack: Option<AckId>, fx: &mut Effects<'_>) {
        let (_, _, _, _) = (socket, event, ack, fx);
    }

    /// A session sent a message, where Engine.IO is alone ([`Protocol::EngineIo`](crate::Protocol::EngineIo)).
    fn message(&mut self, socket: SocketId, message: &Message, fx: &mut Effects<'_>) {
        let (_, _, _) = (socket, message, fx);
    }

    /// A socket answered an event that was sent by [`Effects::emit_with_ack`].
    fn ack(&mut self, ask: BroadcastAckId, socket: SocketId, answer: &Event, fx: &mut Effects<'_>) {
        let (_, _, _, _) = (ask, socket, answer, fx);
    }

    /// No more answers will come: everybody has answered, is gone, or was silent for too long. `silent` are those who have
    /// not answered.
    fn acks_done(&mut self, ask: BroadcastAckId, silent: &[SocketId], fx: &mut Effects<'_>) {
        let (_, _, _) = (ask, silent, fx);
    }

    /// A socket is about to be out of its namespace; it still is in its rooms.
    fn disconnecting(&mut self, socket: SocketId, reason: Reason, fx: &mut Effects<'_>) {
        let (_, _, _) = (socket, reason, fx);
    }

    /// A socket that [`App::connect`] was called for is out of its namespace and its rooms.
    fn disconnect(&mut self, socket: SocketId, reason: Reason, fx: &mut Effects<'_>);

    /// The moment that was asked for with [`Effects::wake_at`] has come.
    fn wake(&mut self, fx: &mut Effects<'_>) {
        let _ = fx;
    }
}

/// The socket that somebody was who has come back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PreviousSocket {
    /// Its name, which names nobody any more.
    pub socket: SocketId,
    /// [`App::disconnect`] has not been called for it: the server still believed in its connection.
    pub connected: bool,
}
