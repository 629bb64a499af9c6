//! Socket.IO on top of an Engine.IO session: namespaces, events, acks, attachments.
//!
//! `packet`, `encode` and `incoming` have no state. `client` is the state machine: a shard has one for each session.
//! `assembly` collects the attachments of a packet.

pub(crate) mod assembly;
mod check;
pub(crate) mod client;
pub(crate) mod context;
pub(crate) mod encode;
pub(crate) mod event;
pub(crate) mod incoming;
pub(crate) mod json;
pub(crate) mod msgpack;
pub(crate) mod nsp;
pub(crate) mod packet;
mod write;

pub use client::Input;
pub use event::{AckId, ConnectRequest, Delivery, Event, Message, SocketEvent};
pub use incoming::{DecodeError, Incoming, Packets, RawMessage, decode_body, decode_message};
pub use nsp::Nsp;
pub use packet::{Kind, Packet, PacketError, SocketMessage, decode as decode_socket_packet};
pub(crate) use write::to_json;
