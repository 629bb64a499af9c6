//! The trait of applications: methods that the hub calls when something has happened.

use super::acks::BroadcastAckId;
use super::admission::Admission;
use super::effects::Effects;
use crate::engine::Reason;
use crate::id::SocketId;
use crate::socket::{AckId, ConnectRequest, Event, Message};
use core::task::Waker;

/// An application: what the server does on top of the protocol.
///
/// The hub calls one method at a time, so an application needs no locks. What one client sent comes in the order in
/// which the client sent it.
///
/// # Rules for its methods
///
/// A method may compute, and call the methods of [`Effects`]. All clients of the server wait while it runs. So it must
/// keep to these rules:
///
/// - **No I/O and no blocking**: no files, no network, no sleeping, no lock that is held for long. Instead, give the
///   work to a task ([`Effects::spawn`]) or a thread, return, and apply the result by [`Hub::apply`](crate::driver::Hub::apply)
///   or by the waker of [`App::attach`]. A connect request can wait for it ([`Admission::Later`]), and an [`AckId`] can
///   be stored and used later.
/// - **No clock and no timers**. The time is [`Effects::now`]. [`Effects::wake_at`] asks for a call of [`App::wake`].
/// - **No panic**. It would leave the application in an unknown state, so a driver does not call the application again:
///   a panic ends it for all clients. Events have whatever content clients send: check it, and acknowledge with an
///   error, or ignore it.
/// - **Randomness only from a seed**, if runs are to be repeatable.
pub trait App {
    /// A client asks to connect to a namespace.
    ///
    /// The default accepts `/` and no other namespace, as the reference does if the application has defined none.
    fn admit(&mut self, socket: SocketId, request: &ConnectRequest, fx: &mut Effects<'_>) -> Admission {
        let (_, _) = (socket, fx);
        if request.nsp.is_root() { Admission::Accept } else { Admission::NoSuchNamespace }
    }

    /// A client whose connect request waits ([`Admission::Later`]) is not waited for any more: it has left, or
    /// [`Config::connect_timeout`](crate::Config::connect_timeout) is over. What is kept for its request can go.
    fn gave_up(&mut self, socket: SocketId, fx: &mut Effects<'_>) {
        let (_, _) = (socket, fx);
    }

    /// A socket is connected. Everything that is sent to it from now on follows the connect reply.
    fn connect(&mut self, socket: SocketId, request: &ConnectRequest, fx: &mut Effects<'_>);

    /// A socket is connected, and its session was restored ([`Config::recovery`](crate::Config::recovery)): it has the
    /// public id, the rooms and the data of the previous socket. The connect reply and the missed events have been
    /// sent. [`App::admit`] was not called, as in the reference.
    ///
    /// The default is what an application in the reference sees: if the previous socket is still connected, it is
    /// disconnected; then this one is connected.
    fn recover(&mut self, socket: SocketId, previous: PreviousSocket, request: &ConnectRequest, fx: &mut Effects<'_>) {
        if previous.connected {
            self.disconnect(previous.socket, Reason::TransportClose, fx);
        }
        self.connect(socket, request, fx);
    }

    /// A socket sent an event. If the client asks for an acknowledgement, `ack` is set. [`Effects::ack`] sends it, at
    /// once or later. If `ack` is dropped, none is sent.
    fn event(&mut self, socket: SocketId, event: &Event, ack: Option<AckId>, fx: &mut Effects<'_>) {
        let (_, _, _, _) = (socket, event, ack, fx);
    }

    /// A session sent a message, with Engine.IO alone ([`Protocol::EngineIo`](crate::Protocol::EngineIo)).
    fn message(&mut self, socket: SocketId, message: &Message, fx: &mut Effects<'_>) {
        let (_, _, _) = (socket, message, fx);
    }

    /// A socket acknowledged an event that was sent by [`Effects::emit_with_ack`].
    fn ack(&mut self, id: BroadcastAckId, socket: SocketId, ack: &Event, fx: &mut Effects<'_>) {
        let (_, _, _, _) = (id, socket, ack, fx);
    }

    /// There will be no more acknowledgements of an event: all have arrived, the other sockets are disconnected, or the
    /// time is over. `missing` are the sockets that have not acknowledged.
    fn acks_done(&mut self, id: BroadcastAckId, missing: &[SocketId], fx: &mut Effects<'_>) {
        let (_, _, _) = (id, missing, fx);
    }

    /// A socket is about to be disconnected. It is still in its rooms.
    fn disconnecting(&mut self, socket: SocketId, reason: Reason, fx: &mut Effects<'_>) {
        let (_, _, _) = (socket, reason, fx);
    }

    /// A socket is disconnected, after [`App::connect`] or [`App::recover`]. It has left its rooms.
    fn disconnect(&mut self, socket: SocketId, reason: Reason, fx: &mut Effects<'_>);

    /// The server begins. When `waker` is woken, from whichever thread, [`App::wake`] is called soon. This is the way in
    /// for what happens outside of the server.
    fn attach(&mut self, waker: Waker) {
        drop(waker);
    }

    /// It is the time that was given to [`Effects::wake_at`], or the waker of [`App::attach`] was woken.
    fn wake(&mut self, fx: &mut Effects<'_>) {
        let _ = fx;
    }
}

/// The socket whose session was restored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PreviousSocket {
    /// Its id, which is not valid any more.
    pub socket: SocketId,
    /// The server had not noticed that its connection was lost, and has not called [`App::disconnect`] for it.
    pub connected: bool,
}
