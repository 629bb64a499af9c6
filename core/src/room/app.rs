//! What an application is to the core: a few functions of what happens, whose effects are data. An application does no
//! I/O and has no clock but [`Effects::now`]; what it has to wait for happens in the driver's world.

use super::effects::Effects;
use crate::engine::Reason;
use crate::id::SocketId;
use crate::socket::{AckId, Connect, Received};
use alloc::boxed::Box;
use alloc::string::ToString as _;

/// An application: what the server does on top of the protocol.
///
/// The hub calls it for one thing after another, so it needs no locks. Everything from one client comes in the order in
/// which the client sent it.
pub trait App {
    /// A client asks to be let into a namespace.
    ///
    /// The default lets it into `/` and says "Invalid namespace" of any other, as the reference does where none has been
    /// made.
    fn admit(&mut self, who: SocketId, connect: &Connect, fx: &mut Effects<'_>) -> Admission {
        let (_, _) = (who, fx);
        if connect.nsp.is_root() { Admission::Accept } else { Admission::refuse("Invalid namespace") }
    }

    /// A socket is in its namespace; its CONNECT has been answered before anything that is emitted from here on.
    fn connect(&mut self, who: SocketId, fx: &mut Effects<'_>);

    /// A socket sent an event. `ack` is set where it asks for an answer; dropping it answers nothing.
    fn event(&mut self, who: SocketId, event: &Received, ack: Option<AckId>, fx: &mut Effects<'_>);

    /// A socket that [`App::connect`] was called for is out of its namespace and its rooms.
    fn disconnect(&mut self, who: SocketId, reason: Reason, fx: &mut Effects<'_>);

    /// The moment that was asked for with [`Effects::wake_at`] has come.
    fn wake(&mut self, fx: &mut Effects<'_>) {
        let _ = fx;
    }
}

/// Whether a client is let into a namespace.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Admission {
    /// It is.
    Accept,
    /// It is not, and is told so with this JSON: an object with a `message`, and `data` if there is more to say.
    Refuse(Box<str>),
}

impl Admission {
    /// A refusal with a message.
    #[must_use]
    pub fn refuse(message: &str) -> Self {
        let message = serde_json::Value::from(message);
        Self::Refuse(serde_json::json!({ "message": message }).to_string().into_boxed_str())
    }
}
