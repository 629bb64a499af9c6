//! Engine.IO revisions 3 and 4 and Socket.IO protocols 4 and 5, server side, as state machines without I/O.
//!
//! Decoded input goes in, encoded output comes out. Sockets, threads and clocks belong to the driver. The crate is
//! `no_std`, has no `unsafe`, and iterates over nothing whose order is random: the same inputs at the same times give
//! the same outputs on every machine.
//!
//! # Where to read
//!
//! - This page has what an application needs. [`App`] comes first, then [`Effects`]: what an application can do.
//! - [`chat`] is an example of an application.
//! - [`driver`] has what connects applications to the world: sessions, the hub, and the loop that a driver runs. `sanket-host` is a
//!   driver of many threads without I/O, and `sanket-async-std` a whole server; with those, nothing of it is needed.
//! - [`codec`] has the formats of both protocols alone. [`stats`] has the numbers for whoever watches a server.
//!
//! # An application
//!
//! ```
//! use sanket::{AckId, App, ConnectRequest, Effects, Emit, Event, Nsp, Reason, SocketId, Target};
//!
//! /// Passes on what anybody says.
//! struct Relay;
//!
//! impl App for Relay {
//!     fn connect(&mut self, socket: SocketId, _: &ConnectRequest, fx: &mut Effects<'_>) {
//!         fx.emit(Target::Socket(socket), "welcome", "say something");
//!     }
//!
//!     fn event(&mut self, _: SocketId, event: &Event, ack: Option<AckId>, fx: &mut Effects<'_>) {
//!         if event.name() == "say" {
//!             fx.send(Target::Namespace(&Nsp::ROOT), &Emit::new("said").args_json(event.args_json()));
//!         }
//!         if let Some(ack) = ack {
//!             fx.ack(ack, &true);
//!         }
//!     }
//!
//!     fn disconnect(&mut self, _: SocketId, _: Reason, _: &mut Effects<'_>) {}
//! }
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
//! - A POST has an input for its beginning ([`Input::PostBegins`](driver::Input::PostBegins)), because a second POST while
//!   the body of the first is still arriving ends the session.
//! - The arguments of an event stay the JSON text that the client sent. The decoder finds the event's name once.
//! - A delivery has a list of [`Recipients`](driver::Recipients), which a room keeps until its members change. A
//!   broadcast is one entry of the hub's queue, however many sockets it is for.
//! - Effects that lead to another call of the application (disconnecting a socket, deciding on a connect request, the
//!   last acknowledgement) are carried out when the current call has returned. The application is never called while it
//!   runs.
//! - Recovery belongs to the hub, which has the order of all events. There is one log for all sockets. What a socket
//!   missed is found by the rooms that it was in at the time. A recovered socket has a new [`SocketId`], because that
//!   says where its client is; its public id, rooms and data are those of the socket before.

#![no_std]

extern crate alloc;

pub mod chat;
pub mod codec;
pub mod driver;
pub mod stats;

mod by_socket;
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
pub mod router;
mod server;
mod shard;
mod slots;
mod socket;
#[cfg(feature = "testing")]
pub mod testing;
mod time;
mod trim;
mod wheel;

pub use config::{Config, Protocol, Recovery};
pub use engine::{Handshake, Reason};
pub use frame::Revision;
pub use id::SocketId;
pub use network::Network;
pub use room::{
    Admission, App, BroadcastAckId, BroadcastOptions, ConnectError, Effects, Emit, JoinError, PreviousSocket, Target,
    Task,
};
pub use socket::{AckId, ConnectRequest, Event, Message, Nsp};
pub use time::Time;
