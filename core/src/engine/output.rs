//! The types of a session's inputs and outputs: how it is opened, why it ends, what the driver is to do.

use super::handshake::Handshake;
use super::payload::{Batch, BodyKind};
use super::reason::Reason;
use super::request::RequestError;
use crate::config::Config;
use crate::frame::Revision;
use crate::id::{Key, RequestId, Sid};
use crate::stats::ShardStats;
use crate::time::Time;
use alloc::collections::VecDeque;
use alloc::sync::Arc;
use bytes::Bytes;

/// How a session is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Opening {
    /// By a GET. Its response is the handshake.
    Polling {
        /// Whether responses to polls must be text (`b64`).
        base64: bool,
    },
    /// By a WebSocket.
    WebSocket(RequestId),
}

/// A session to be opened. The ids come from the driver: 128 bits each from the operating system's generator.
#[derive(Clone, Debug)]
pub struct NewSession {
    /// The client's credential.
    pub sid: Sid,
    /// The first public id of its sockets.
    pub public: Sid,
    /// The first private id of its sockets, the credential for [recovery](crate::Config::recovery).
    pub private: Sid,
    /// The revision of the request.
    pub revision: Revision,
    /// How it is opened.
    pub opening: Opening,
    /// The request, if the application uses it.
    pub handshake: Option<Arc<Handshake>>,
}

/// How a WebSocket ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WsEnd {
    /// The peer closed it, with or without a closing handshake.
    Closed,
    /// It broke, or the peer violated the protocol.
    Failed,
}

/// The response to an HTTP request.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Response {
    /// 200: packets for the client.
    Batch(Batch),
    /// 200 `ok`: a POST has been accepted.
    Taken,
    /// 400: a POST was malformed. The session has ended.
    Malformed,
    /// 400: a second GET while one waits, or a second POST while one is read. The session has ended.
    Overlap,
    /// 413: a POST is larger than [`Config::max_payload`](crate::Config::max_payload). The session goes on.
    TooLarge,
    /// The status, code and message of an error.
    Refused(RequestError),
}

impl Response {
    /// Status, content type and body. This encodes the packets, so it should not be called with a lock held.
    #[must_use]
    pub fn into_parts(self) -> (u16, &'static str, Bytes) {
        const TEXT: &str = "text/plain; charset=UTF-8";
        match self {
            Self::Batch(batch) => match batch.encode() {
                (BodyKind::Text, body) => (200, TEXT, body),
                (BodyKind::Binary, body) => (200, "application/octet-stream", body),
            },
            // text/html, because old browsers offer other types for download (the reference's GH-43).
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
    /// Respond to an HTTP request. There is exactly one response to each, unless the driver has reported that the
    /// request is gone.
    Respond(RequestId, Response),
    /// There is something to transmit on this WebSocket. Comes again only after
    /// [`Shard::transmit`](crate::driver::Shard::transmit) has returned `false`.
    WsReady(RequestId),
    /// Close this WebSocket after everything has been transmitted.
    WsClose(RequestId),
    /// The session has ended. Its key is not valid any more.
    Closed(Reason),
}

/// The outputs of a shard's clients, and what they have counted.
#[derive(Debug, Default)]
pub(crate) struct Outputs {
    pub(crate) queue: VecDeque<(Key, Output)>,
    pub(crate) stats: ShardStats,
}

/// What a session needs while it works. The outputs are those of the whole shard, so that a session has no queue for
/// them.
#[derive(Debug)]
pub(crate) struct Context<'a> {
    pub(crate) key: Key,
    pub(crate) config: &'a Config,
    pub(crate) now: Time,
    pub(crate) outputs: &'a mut Outputs,
}

/// The pings of all sessions fall on as many moments of an interval, so that the process wakes up at most so often,
/// however many clients there are.
const PING_MOMENTS: u64 = 256;

impl Context<'_> {
    pub(crate) fn push(&mut self, output: Output) {
        self.outputs.queue.push_back((self.key, output));
    }

    pub(crate) fn respond(&mut self, id: RequestId, response: Response) {
        self.push(Output::Respond(id, response));
    }

    /// The counters of the shard.
    pub(crate) fn stats(&mut self) -> &mut ShardStats {
        &mut self.outputs.stats
    }

    /// The moment of a ping that is due in `millis`: then, or a little later.
    pub(crate) fn ping_after(&self, millis: u64) -> Time {
        let at = self.now.after(millis).as_millis();
        let apart = (self.config.ping_interval / PING_MOMENTS).max(1);
        Time::from_millis(at.checked_next_multiple_of(apart).unwrap_or(at))
    }
}
