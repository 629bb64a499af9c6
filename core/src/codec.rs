//! For tools and tests that read what is sent: the formats of both protocols, without sessions. Read [`decode_payload`] and
//! [`decode_socket_packet`] first.
//!
//! Engine.IO carries messages in [`Packet`]s: [`decode_text`] and [`decode_binary`] read what one message of a WebSocket is, and
//! [`decode_payload`] the body of a POST. A message of Socket.IO is a [`SocketPacket`] in turn. A driver needs none of the functions:
//! [`driver::decode_body`](crate::driver::decode_body) and [`driver::decode_message`](crate::driver::decode_message) do both at once,
//! and say what they found in the types of this module.

pub use crate::engine::{
    BodyKind, Packet, PacketData, PacketError, Payload, PayloadError, decode_binary, decode_payload, decode_text,
};
pub use crate::socket::{
    DecodeError, Kind, Packet as SocketPacket, PacketError as SocketPacketError, SocketMessage, decode_socket_packet,
};
