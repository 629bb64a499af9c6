//! What a connection tells its host.
use super::refusal::Refusal;
use bytes::Bytes;
use sanket::driver::WsEnd;
use tungstenite::Utf8Bytes;

/// Names one request of one connection. A stale ticket, one of a request that is over, is ignored everywhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Ticket(pub(super) u64);

/// A message of a WebSocket, from the peer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Message {
    /// A text message.
    Text(Utf8Bytes),
    /// A binary message.
    Binary(Bytes),
}

/// What has happened on a connection. `R` is what the caller made of a request's head.
#[derive(Debug, PartialEq, Eq)]
pub enum Event<R> {
    /// A request.
    Request(R),
    /// The request, or what came instead of one, cannot be served. The host responds, for instance with
    /// [`Refusal::response`] and headers of its own; the connection ends after that.
    ///
    /// `origin`, `host` and `path` are what the head says, as far as it was received and can be read. All are `None` if the
    /// request was handed over before and its body is what is refused: [`Event::Gone`] with the request's ticket came first.
    Refused {
        /// Names the response; it is not the ticket of the request, if there was one.
        ticket: Ticket,
        /// What is wrong.
        refusal: Refusal,
        /// The `Origin` header.
        origin: Option<Box<str>>,
        /// The `Host` header.
        host: Option<Box<str>>,
        /// The path of the request target.
        path: Option<Box<str>>,
    },
    /// After a `read_body` that returned [`Body::More`](super::Body::More): something has come. The next one may still
    /// return `More`.
    Body(Ticket),
    /// The request is over before its response was complete, and its ticket is stale: the client has gone, or the body
    /// cannot be accepted. In that case [`Event::Refused`] follows, unless the response has begun.
    Gone(Ticket),
    /// After [`room`](super::Connection::room) was used up by a response in pieces: at least half of it is there again.
    Writable(Ticket),
    /// A message of the WebSocket.
    Message(Message),
    /// The WebSocket has ended. Comes once for each, also if the host has closed it, and is the last event.
    Closed(WsEnd),
}
