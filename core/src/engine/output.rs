//! What a session is asked and answers with: how it opens, why it ends, what the driver is to do. Words, no machine.

use super::handshake::Handshake;
use super::payload::{Batch, BodyKind};
use super::request::RequestError;
use crate::config::Config;
use crate::frame::Revision;
use crate::id::{Key, RequestId, Sid};
use crate::time::Time;
use alloc::collections::VecDeque;
use alloc::sync::Arc;
use bytes::Bytes;
use core::fmt;

/// Why a session, or a socket on it, ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reason {
    /// The connection broke, or the client broke the transport's rules.
    TransportError,
    /// The client closed the connection.
    TransportClose,
    /// The client was silent for too long.
    PingTimeout,
    /// The client sent something that is no packet.
    ParseError,
    /// The client did not read what was sent to it. Not in the reference, which lets its memory grow.
    SlowConsumer,
    /// The server closed the connection because of what the client sent: a packet that makes no sense, or none that it may
    /// send now.
    ForcedClose,
    /// The server closed the connection for reasons of its own: the client joined no namespace in time, or came back over
    /// another connection.
    ForcedServerClose,
    /// The whole server is closing.
    ServerShuttingDown,
    /// The client left the namespace.
    ClientNamespaceDisconnect,
    /// The server took the socket out of the namespace.
    ServerNamespaceDisconnect,
}

impl Reason {
    /// Whether the connection was lost, rather than left or taken: the reference's list of what can be recovered from, and
    /// [`Reason::SlowConsumer`].
    #[must_use]
    pub const fn is_recoverable(self) -> bool {
        match self {
            Self::TransportError
            | Self::TransportClose
            | Self::PingTimeout
            | Self::SlowConsumer
            | Self::ForcedClose
            | Self::ForcedServerClose
            | Self::ServerShuttingDown => true,
            Self::ParseError | Self::ClientNamespaceDisconnect | Self::ServerNamespaceDisconnect => false,
        }
    }
}

impl fmt::Display for Reason {
    /// The reference's wording of a server-side disconnect reason.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TransportError => "transport error",
            Self::TransportClose => "transport close",
            Self::PingTimeout => "ping timeout",
            Self::ParseError => "parse error",
            Self::SlowConsumer => "slow consumer",
            Self::ForcedClose => "forced close",
            Self::ForcedServerClose => "forced server close",
            Self::ServerShuttingDown => "server shutting down",
            Self::ClientNamespaceDisconnect => "client namespace disconnect",
            Self::ServerNamespaceDisconnect => "server namespace disconnect",
        })
    }
}

/// How a new session comes about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Opening {
    /// By a GET, which is answered with the handshake.
    Polling {
        /// Whether poll answers must be text (`b64`).
        base64: bool,
    },
    /// By a WebSocket.
    WebSocket(RequestId),
}

/// A session that is to be opened, with ids that the driver has made: 128 bits each from the operating system's generator.
#[derive(Clone, Debug)]
pub struct NewSession {
    /// The client's credential.
    pub sid: Sid,
    /// The first of its sockets' public ids.
    pub public: Sid,
    /// The first of its sockets' credentials for coming back, where there is recovery.
    pub private: Sid,
    /// From the request.
    pub revision: Revision,
    /// How it comes about.
    pub opening: Opening,
    /// What is known of the request, if anybody wants to know.
    pub handshake: Option<Arc<Handshake>>,
}

/// How a WebSocket ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WsEnd {
    /// The peer closed it, with or without ceremony.
    Closed,
    /// It broke, or the peer broke its protocol.
    Failed,
}

/// The answer to an HTTP request.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Response {
    /// 200: packets for the client.
    Batch(Batch),
    /// 200 `ok`: a POST has been taken.
    Taken,
    /// 400: a POST was malformed; the session is over.
    Malformed,
    /// 400: a second GET while one waits; the session is over.
    Overlap,
    /// 413: a POST beyond [`Config::max_payload`](crate::Config::max_payload); the session lives.
    TooLarge,
    /// The status, code and message of a refusal.
    Refused(RequestError),
}

impl Response {
    /// Status, content type and body. Encodes, so not to be called under a lock.
    #[must_use]
    pub fn into_parts(self) -> (u16, &'static str, Bytes) {
        const TEXT: &str = "text/plain; charset=UTF-8";
        match self {
            Self::Batch(batch) => match batch.encode() {
                (BodyKind::Text, body) => (200, TEXT, body),
                (BodyKind::Binary, body) => (200, "application/octet-stream", body),
            },
            // text/html, since old browsers offer other types for download (the reference's GH-43).
            Self::Taken => (200, "text/html", Bytes::from_static(b"ok")),
            Self::Malformed | Self::Overlap => (400, TEXT, Bytes::new()),
            Self::TooLarge => (413, TEXT, Bytes::new()),
            Self::Refused(error) => (error.status(), "application/json", error.body().into()),
        }
    }
}

/// What the driver is to do.
#[derive(Clone, Debug)]
pub enum Output {
    /// Answer an HTTP request. There is exactly one answer to each, unless the driver said that the request is gone.
    Respond(RequestId, Response),
    /// There is something to transmit on this WebSocket. Said once; again only after
    /// [`Shard::transmit`](crate::Shard::transmit) has found nothing more.
    WsReady(RequestId),
    /// Close this WebSocket, after what has been transmitted on it.
    WsClose(RequestId),
    /// The session is over and its key names nobody any more.
    Closed(Reason),
}

/// What a session is lent while it works: the outputs are those of a whole shard, so that a session needs no queue for
/// its own.
#[derive(Debug)]
pub(crate) struct Context<'a> {
    pub(crate) key: Key,
    pub(crate) config: &'a Config,
    pub(crate) now: Time,
    pub(crate) outputs: &'a mut VecDeque<(Key, Output)>,
}

impl Context<'_> {
    pub(crate) fn push(&mut self, output: Output) {
        self.outputs.push_back((self.key, output));
    }

    pub(crate) fn respond(&mut self, id: RequestId, response: Response) {
        self.push(Output::Respond(id, response));
    }
}
