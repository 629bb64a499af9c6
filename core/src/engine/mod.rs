//! Engine.IO: one session over HTTP long-polling, over WebSocket, or upgraded from the one to the other.
//!
//! `request`, `packet` and `payload` have no state. `session` is the state machine, which does not parse; `table`,
//! `outbox`, `queue` and `timer` are its parts.

pub(crate) mod handshake;
pub mod jsonp;
mod open;
mod outbox;
pub(crate) mod output;
pub(crate) mod packet;
pub(crate) mod payload;
pub(crate) mod queue;
mod reason;
pub(crate) mod request;
pub(crate) mod session;
mod table;
pub(crate) mod timer;

pub use handshake::Handshake;
pub use output::{NewSession, Opening, Output, Response, WsEnd};
pub use packet::{Packet, PacketData, PacketError, decode_binary, decode_text};
pub use payload::{Batch, BodyKind, Payload, PayloadError, decode_payload};
pub use queue::Outgoing;
pub use reason::Reason;
pub use request::{Ask, Method, Request, RequestError, Transport};
