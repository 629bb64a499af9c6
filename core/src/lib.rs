//! Engine.IO and Socket.IO, both generations of each, as state machines without I/O.
//!
//! Bytes come in, bytes go out; sockets, threads and clocks are the driver's. The core is `no_std`, has no `unsafe`, and
//! iterates over nothing whose order depends on chance, so that the same inputs at the same times give the same outputs,
//! on any machine.
//!
//! # The map
//!
//! - A *client* is one Engine.IO session (`engine`) with its *sockets*, one a namespace (`socket`). It is told what has
//!   happened as an [`Input`], decoded by [`decode_body`] or [`decode_message`], which remember nothing and belong
//!   outside of every lock.
//! - A [`Shard`] holds clients and their timers. It puts out [`Output`]s for the driver and [`SocketEvent`]s for the hub.
//! - The [`Hub`] knows who is in which room, and asks the [`App`]. It puts out [`Delivery`]s for the shards. What an
//!   application can do are the methods of [`Effects`]; whoever is outside comes in by [`Hub::apply`].
//! - [`Server`] is one shard and the hub in one thread. A driver with threads has several shards, a lock for each, and
//!   one hub.
//! - [`Chat`] is an application.
//!
//! # The loop
//!
//! ```
//! use sanket::{Chat, ChatConfig, Config, Input, NewSession, Opening, Output, RequestId, Revision, Server, Sid, Time};
//!
//! let mut server = Server::new(Chat::new(ChatConfig::default(), 7), Config::default());
//! let mut now = Time::from_millis(0);
//!
//! // A GET without a session id. The ids come from the operating system's generator; these do not.
//! let [sid, public, private] = [1, 2, 3].map(|n| Sid::from_bytes([n; 16]));
//! let opening = Opening::Polling { base64: false };
//! let new = NewSession { sid, public, private, revision: Revision::V4, opening, handshake: None };
//! let key = server.shard.open(new, now).unwrap();
//! server.shard.handle(key, Input::Poll(RequestId(1)), now);
//!
//! // After each input: let shard and hub talk, and do what they want done.
//! let mut handshake = None;
//! server.pump(now, |_, output| match output {
//!     Output::Respond(RequestId(1), response) => handshake = Some(response.into_parts()),
//!     _ => {}
//! });
//! let (status, _, body) = handshake.unwrap();
//! assert_eq!(status, 200);
//! assert!(body.starts_with(br#"0{"sid":"AQEBAQEBAQEBAQEBAQEBAQ""#));
//!
//! // Sleep until the next deadline, or until something comes in.
//! now = server.poll_timeout().unwrap();
//! server.handle_timeout(now);
//! ```
//!
//! # What holds
//!
//! 1. Codecs remember nothing; machines parse nothing.
//! 2. Nothing that a peer sends can make a machine fail, block, or grow without bound. There are no panics.
//! 3. Every HTTP request gets exactly one answer, unless the driver said that it is gone.
//! 4. Every state of a session has a deadline, and every queue a bound in bytes.
//! 5. Any number of inputs may come between two drains; the outputs are the same.
//! 6. A broadcast is encoded once, whoever gets it over whichever transport.
//! 7. Time, ids and seeds come in from outside; order is never a hash's.
//! 8. Where there is [recovery](Config::recovery), whoever comes back gets each kept event of its absence once, in order, and
//!    only those that were said while it was a member; or is told to be somebody new.
//!
//! # Where this differs from the first design
//!
//! A client has no output queue of its own: it puts its outputs into its shard's, which saves the memory of a million
//! empty queues. Inputs borrow what was decoded, and only what outlives the call is copied. Events for the hub wait in
//! the shard until the hub fetches them, so that the driver needs no channel between the two, and one lock a turn is
//! enough. A POST has a beginning of its own, since two of them may collide while their bodies are still coming. An event's
//! arguments stay the text that was sent, and its name is found once, by the decoder. `App` has a clock, [`Effects::now`],
//! and can ask to be woken: presence is told once a tick, and somebody has to know when that is.
//!
//! A delivery is for a list of [`Recipients`], which a room makes once and keeps until somebody comes or goes: a broadcast is one
//! entry of the hub's queue, however many it is for.
//!
//! What ends in another call of the application (somebody is disconnected, let in, has answered) is done when the
//! application's call has returned, so that it is never called while it is at work.
//!
//! Recovery is the hub's: it is there that everybody's order of events is. One log serves all, and what somebody missed is
//! found by what rooms it was in, and when; so that a million sockets cost no queues of their own. A socket that has come back
//! has another [`SocketId`], since that is where its client lives; what stays is its public id, its rooms and its data.

#![no_std]

extern crate alloc;

mod chat;
mod config;
mod digits;
mod engine;
mod farewell;
mod frame;
mod id;
mod population;
mod room;
mod server;
mod shard;
mod socket;
mod time;
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
pub use id::{Key, RequestId, Sid, SocketId};
pub use population::Population;
pub use room::{
    Admission, App, BroadcastAckId, BroadcastOptions, ConnectError, Effects, Emit, Hub, JoinError, PreviousSocket,
    Recipients, Target,
};
pub use server::Server;
pub use shard::Shard;
pub use socket::{
    AckId, ConnectRequest, DecodeError, Delivery, Event, Incoming, Input, Kind, Message, Nsp, Packet as SocketPacket,
    PacketError as SocketPacketError, Packets, RawMessage, SocketEvent, SocketMessage, decode_body, decode_message,
    decode_socket_packet,
};
pub use time::Time;
