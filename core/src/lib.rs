//! Engine.IO revisions 3 and 4 and Socket.IO protocols 4 and 5, server side, as state machines without I/O.
//!
//! An application, and two clients that test it:
//!
#![cfg_attr(feature = "testing", doc = "```")]
#![cfg_attr(not(feature = "testing"), doc = "```ignore")]
//! use sanket::router::Router;
//!
//! /// The state is how many lines were said. The data of a socket is its name.
//! fn chat() -> Router<u64, String> {
//!     let mut io = Router::default();
//!     io.of("/")
//!         .on("join", |cx, name: String| {
//!             cx.broadcast().emit("joined", &name);
//!             *cx.data = name;
//!         })
//!         .on("say", |cx, text: String| {
//!             *cx.state += 1;
//!             cx.broadcast().emit("said", (&*cx.data, text));
//!             *cx.state // The acknowledgement.
//!         })
//!         .on_disconnect(|cx, _| cx.broadcast().emit("left", &*cx.data));
//!     io
//! }
//!
//! # fn main() {
//! let bench = sanket::testing::Bench::new(chat());
//! let (ann, bob) = (bench.connect("/", ()), bench.connect("/", ()));
//! ann.emit("join", "Ann");
//! assert_eq!(ann.emit_with_ack("say", "hello").expect(), serde_json::json!([1]));
//! assert_eq!(bob.expect("joined"), serde_json::json!(["Ann"]));
//! assert_eq!(bob.expect("said"), serde_json::json!(["Ann", "hello"]));
//! # }
//! ```
//!
//! Decoded input goes in, encoded output comes out. Sockets, threads and clocks belong to the driver. The crate is
//! `no_std`, has no `unsafe`, and iterates over nothing whose order is random: the same inputs at the same times give
//! the same outputs on every machine.
//!
//! # Where to read
//!
//! - Write an application: [`router`]. Its page has the rules that handlers keep to. The [`course`] has a page for each topic, with
//!   examples, and a table for those who [come from Node](course::node).
//! - Test it: [`testing`], a bench with clients and without a network (feature `testing`).
//! - Serve it: `sanket-async-std` is a whole server. `sanket-host` is for those who write a driver for another runtime.
//! - Below the router: the trait [`App`], and [`Effects`], what an application can do. [`chat`] is an example of it.
//! - [`driver`] has what connects applications to the world: sessions, the hub, and the loop that a driver runs.
//! - [`codec`] has the formats of both protocols alone. [`stats`] has the numbers for whoever watches a server.
//!
//! # Features
//!
//! - `async`: handlers of the router that wait, and its handle. Still `no_std`: a driver runs the futures.
//! - `testing`: the bench.
//!
//! # Without the router
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

#![cfg_attr(not(all(feature = "async", feature = "testing")), allow(rustdoc::broken_intra_doc_links))]
#![no_std]

extern crate alloc;

pub mod chat;
pub mod codec;
#[cfg(all(doc, feature = "async", feature = "testing"))]
pub mod course;
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
