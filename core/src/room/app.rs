//! What an application is to the core: a few functions of what happens, whose effects are data. An application does no
//! I/O and has no clock but [`Effects::now`]; what it has to wait for happens in the driver's world.

use super::effects::Effects;
use crate::engine::Reason;
use crate::frame::Revision;
use crate::id::SocketId;
use crate::socket::{AckId, Connect, Received};
use alloc::boxed::Box;
use alloc::format;
use alloc::string::{String, ToString as _};
use serde::Serialize;

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
        if connect.nsp.is_root() { Admission::Accept } else { Admission::NoSuchNamespace }
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
    /// It is not, for a reason that it is told.
    Refuse(Refusal),
    /// There is no such namespace. The client is told "Invalid namespace".
    NoSuchNamespace,
}

/// What a client is told that is not let into a namespace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    message: Box<str>,
    data: Option<Box<str>>,
}

impl Refusal {
    /// A refusal with a message: the client's `error.message`.
    #[must_use]
    pub fn new(message: &str) -> Self {
        Self { message: message.into(), data: None }
    }

    /// The same with more to say: the client's `error.data`. A value that can not be JSON is left out.
    #[must_use]
    pub fn with_data(mut self, data: &impl Serialize) -> Self {
        self.data = serde_json::to_string(data).ok().map(String::into_boxed_str);
        self
    }

    /// An object for clients of EIO=4. Those of EIO=3 get the data, or the message if there is none, as the reference has
    /// it.
    pub(crate) fn to_json(&self, revision: Revision) -> Box<str> {
        let message = serde_json::Value::from(&*self.message);
        match (revision, &self.data) {
            (Revision::V4, None) => format!(r#"{{"message":{message}}}"#).into(),
            (Revision::V4, Some(data)) => format!(r#"{{"message":{message},"data":{data}}}"#).into(),
            (Revision::V3, None) => message.to_string().into(),
            (Revision::V3, Some(data)) => data.clone(),
        }
    }
}
