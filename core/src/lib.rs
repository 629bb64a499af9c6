//! Engine.IO revisions 3 and 4 and Socket.IO protocols 4 and 5, server side, as state machines without I/O.
//!
//! Decoded input goes in, encoded output comes out. Sockets, threads and clocks belong to the driver. The crate is
//! `no_std`, has no `unsafe`, and iterates over nothing whose order is random: the same inputs at the same times give
//! the same outputs on every machine.
//!
//! # Overview
//!
//! - A *client* is one Engine.IO session (`engine`) with its *sockets*, one for each namespace (`socket`). It takes
//!   [`Input`]s. [`decode_body`] and [`decode_message`] make them from bytes; they have no state and need no lock.
//! - A [`Shard`] holds clients and their timers. It returns [`Output`]s for the driver and [`SocketEvent`]s for the
//!   hub.
//! - The [`Hub`] holds the namespaces and rooms, and calls the [`App`]. It returns [`Delivery`]s for the shards. The
//!   methods of [`Effects`] are what an application can do. Other code of the server does the same through
//!   [`Hub::apply`].
//! - A [`Server`] is one shard and the hub in one thread. A driver with several threads has several shards, each with a
//!   lock, and one hub.
//! - [`Chat`] is an example of an application.
//!
//! # The loop
//!
//! ```
//! use sanket::{Chat, ChatConfig, Config, Input, NewSession, Opening, Output, RequestId, Revision, Server, Sid, Time};
//!
//! let mut server = Server::new(Chat::new(ChatConfig::default(), 7), Config::default());
//! let mut now = Time::from_millis(0);
//!
//! // A GET without a session id. A driver takes the ids from the operating system's generator.
//! let [sid, public, private] = [1, 2, 3].map(|n| Sid::from_bytes([n; 16]));
//! let opening = Opening::Polling { base64: false };
//! let new = NewSession { sid, public, private, revision: Revision::V4, opening, handshake: None };
//! let key = server.shard.open(new, now).unwrap();
//! server.shard.handle(key, Input::Poll(RequestId(1)), now);
//!
//! // After each input: exchange events and deliveries between shard and hub, and carry out what they return.
//! let mut handshake = None;
//! server.pump(now, |_, output| match output {
//!     Output::Respond(RequestId(1), response) => handshake = Some(response.into_parts()),
//!     _ => {}
//! });
//! let (status, _, body) = handshake.unwrap();
//! assert_eq!(status, 200);
//! assert!(body.starts_with(br#"0{"sid":"AQEBAQEBAQEBAQEBAQEBAQ""#));
//!
//! // Sleep until the next deadline, or until there is input.
//! now = server.poll_timeout().unwrap();
//! server.handle_timeout(now);
//! ```
//!
//! # Guarantees
//!
//! 1. Decoders have no state, and state machines do not parse.
//! 2. Nothing that a peer sends makes a machine fail, block, panic, or grow without bound.
//! 3. Every HTTP request gets exactly one response, unless the driver has reported that its connection is gone.
//! 4. Every state of a session has a deadline, and every queue has a limit in bytes.
//! 5. Any number of inputs may be handled between two calls of the `poll` functions. The outputs are the same.
//! 6. A broadcast is encoded once for all recipients on all transports.
//! 7. Time, ids and seeds are inputs. No order depends on a hash.
//! 8. With [recovery](Config::recovery), a client that reconnects gets every event that it missed in its rooms, once
//!    and in order, or else a new socket.
//!
//! # Design notes
//!
//! - Outputs and events are queued in the shard, not in each client: a million idle clients have no queues. A driver
//!   needs no channel between shard and hub.
//! - Inputs borrow the decoded data. Only what outlives the call is copied.
//! - A POST has an input for its beginning ([`Input::PostBegins`]), because a second POST while the body of the first
//!   is still arriving ends the session.
//! - The arguments of an event stay the JSON text that the client sent. The decoder finds the event's name once.
//! - A delivery has a list of [`Recipients`], which a room keeps until its members change. A broadcast is one entry of
//!   the hub's queue, however many sockets it is for.
//! - Effects that lead to another call of the application (disconnecting a socket, deciding on a connect request, the
//!   last acknowledgement) are carried out when the current call has returned. The application is never called while it
//!   runs.
//! - Recovery belongs to the hub, which has the order of all events. There is one log for all sockets. What a socket
//!   missed is found by the rooms that it was in at the time. A recovered socket has a new [`SocketId`], because that
//!   says where its client is; its public id, rooms and data are those of the socket before.

#![no_std]

extern crate alloc;

mod chat;
mod config;
mod digits;
mod engine;
mod farewell;
mod frame;
mod grace;
mod id;
mod network;
mod population;
mod room;
mod server;
mod shard;
mod slots;
mod socket;
mod stats;
#[cfg(feature = "testing")]
pub mod testing;
mod time;
mod trim;
mod wheel;

pub use chat::{Chat, ChatConfig};
pub use config::{Config, Protocol, Recovery};
pub use engine::jsonp;
pub use engine::{
    Ask, Batch, BodyKind, Handshake, Method, NewSession, Opening, Outgoing, Output, Packet, PacketData, PacketError,
    Payload, PayloadError, Reason, Request, RequestError, Response, Transport, WsEnd, decode_binary, decode_payload,
    decode_text,
};
pub use frame::{Frame, Revision, WsMessage};
pub use grace::Grace;
pub use id::{Key, RequestId, Sid, SocketId};
pub use network::Network;
pub use population::Population;
pub use room::{
    Admission, App, BroadcastAckId, BroadcastOptions, ConnectError, Effects, Emit, Hub, JoinError, PreviousSocket,
    Recipients, Target, Task,
};
pub use server::Server;
pub use shard::Shard;
pub use socket::{
    AckId, ConnectRequest, DecodeError, Delivery, Event, Incoming, Input, Kind, Message, Nsp, Packet as SocketPacket,
    PacketError as SocketPacketError, Packets, RawMessage, SocketEvent, SocketMessage, decode_body, decode_message,
    decode_socket_packet,
};
pub use stats::{
    ByLimit, ByOutcome, ByReason, ByWay, Census, CountKey, Counts, HubStats, Limit, RecoveryOutcome, ShardStats,
};
pub use time::Time;
