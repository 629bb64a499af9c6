//! Why a handler has failed, for its client and for whoever runs the server.

use super::arguments::{Written, write};
use crate::id::SocketId;
use crate::room::{ConnectError, JoinError};
use alloc::format;
use alloc::string::{String, ToString as _};
use core::fmt;
use serde::Serialize;
use serde_json::json;

/// Why a handler has failed. Handlers return it; the router acknowledges the event with it, if the client asked for an
/// acknowledgement, and tells [`Router::on_error`](super::Router::on_error).
///
/// - [`Error::new`] is for the client: its acknowledgement is `{"error": message}`.
/// - [`Error::reply`] is for the client, and says itself what the acknowledgement is.
/// - Any error of a library becomes one by `?`. That is not for the client, which gets `{"error": "internal error"}`.
pub struct Error {
    kind: ErrorKind,
    message: String,
    reply: Option<Written>,
}

/// What has failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The arguments of an event, an acknowledgement or a connect request are not what the handler wants. The client gets
    /// `{"error": "invalid arguments", "message": …}`.
    Arguments,
    /// The handler says so: [`Error::new`] or [`Error::reply`].
    Handler,
    /// Something that the handler uses: an error of a library.
    Internal,
    /// A value cannot be JSON (a map with keys that are not strings, for example), so an event or an acknowledgement was not sent.
    Value,
    /// A socket is in too many rooms, or a room's name is too long: [`JoinError`]. The client gets the message.
    Join,
    /// A question is not answered: the client has gone, or the time is over.
    NoAnswer,
    /// There are as many tasks of the application as there may be, or as many events of a socket that wait for one. The client gets
    /// `{"error": "busy"}`.
    Busy,
    /// The task of a handler was dropped before its end: it has panicked, or its runtime has ended.
    Dropped,
    /// The server has ended, or the socket that a task is about is disconnected.
    Gone,
    /// The data of a socket that was recovered is not the application's any more. The socket is disconnected.
    Data,
}

impl Error {
    /// An error for the client, with the acknowledgement `{"error": message}`.
    #[must_use]
    pub fn new(message: impl fmt::Display) -> Self {
        Self::of(ErrorKind::Handler, message)
    }

    /// An error for the client, with these arguments as the acknowledgement, as [`Emitter::emit`](super::Emitter::emit) takes them.
    #[must_use]
    pub fn reply(arguments: impl Serialize) -> Self {
        match write(&arguments) {
            Ok(written) => Self { kind: ErrorKind::Handler, message: written.json.clone(), reply: Some(written) },
            Err(error) => Self::of(ErrorKind::Value, error),
        }
    }

    /// The same error with another acknowledgement.
    #[must_use]
    pub fn with_reply(self, arguments: impl Serialize) -> Self {
        let Self { kind, message, reply } = self;
        Self { kind, message, reply: write(&arguments).ok().or(reply) }
    }

    pub(crate) fn of(kind: ErrorKind, message: impl fmt::Display) -> Self {
        Self { kind, message: message.to_string(), reply: None }
    }

    /// What has failed.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// What the client's acknowledgement is.
    pub(crate) fn into_reply(self) -> Written {
        let message = self.message;
        self.reply.unwrap_or_else(|| {
            let reply = match self.kind {
                ErrorKind::Arguments => json!({ "error": "invalid arguments", "message": message }),
                ErrorKind::Handler | ErrorKind::Join | ErrorKind::NoAnswer => json!({ "error": message }),
                ErrorKind::Busy => json!({ "error": "busy" }),
                ErrorKind::Internal | ErrorKind::Value | ErrorKind::Dropped | ErrorKind::Gone | ErrorKind::Data => {
                    json!({ "error": "internal error" })
                }
            };
            Written { json: reply.to_string(), ..Written::default() }
        })
    }

    /// Whether it is the application's fault, and not a client's.
    pub(crate) fn is_internal(&self) -> bool {
        matches!(
            self.kind,
            ErrorKind::Internal | ErrorKind::Value | ErrorKind::Dropped | ErrorKind::Gone | ErrorKind::Data
        )
    }

    pub(crate) fn join(error: JoinError) -> Self {
        Self::of(ErrorKind::Join, error)
    }

    pub(crate) fn arguments(error: &serde_json::Error) -> Self {
        Self::of(ErrorKind::Arguments, error)
    }

    pub(crate) fn value(error: &serde_json::Error) -> Self {
        Self::of(ErrorKind::Value, error)
    }
}

/// Any error. So this type cannot be one itself.
impl<E: core::error::Error> From<E> for Error {
    fn from(error: E) -> Self {
        let mut message = error.to_string();
        let mut source = error.source();
        while let Some(cause) = source {
            message = format!("{message}: {cause}");
            source = cause.source();
        }
        Self::of(ErrorKind::Internal, message)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Error").field("kind", &self.kind).field("message", &self.message).finish_non_exhaustive()
    }
}

/// What a client is told that is not let in: the message of an error that is for clients, and `internal error` of another.
impl From<Error> for ConnectError {
    fn from(error: Error) -> Self {
        if error.is_internal() { Self::new("internal error") } else { Self::new(&error.message) }
    }
}

/// An error, and where it happened. What [`Router::on_error`](super::Router::on_error) is told.
#[derive(Debug)]
#[non_exhaustive]
pub struct Failure<'a> {
    /// The socket whose handler has failed, if there is one.
    pub socket: Option<SocketId>,
    /// The event's name, or what else was handled: `connect`, `disconnect`, `timer`.
    pub event: &'a str,
    /// The error. [`Error::with_reply`] changes what the client gets.
    pub error: Error,
}

impl Failure<'_> {
    /// Changes what the client's acknowledgement is.
    pub fn reply(&mut self, arguments: impl Serialize) {
        if let Ok(written) = write(&arguments) {
            self.error.reply = Some(written);
        }
    }

    /// Logs it, as is done where nobody listens: what a client has caused as a debug message, because clients would fill the log, and
    /// the rest as an error.
    pub fn log(&self) {
        let Self { socket, event, error } = self;
        let level = if error.is_internal() { log::Level::Error } else { log::Level::Debug };
        match socket {
            Some(socket) => log::log!(level, "{event:?} of {:?}: {error} ({:?})", socket.key, error.kind),
            None => log::log!(level, "{event:?}: {error} ({:?})", error.kind),
        }
    }
}
