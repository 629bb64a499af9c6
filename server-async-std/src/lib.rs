//! A Socket.IO server on async-std and tide, for clients of `socket.io-client` 2, 3 and 4.
//!
//! The protocol lives in the crate [`sanket`]; this one owns sockets, tasks and the clock, and drives it. [`Server`] is
//! mounted on a tide application, as `socket.io` is on an express server:
//!
//! ```no_run
//! use sanket::{Chat, ChatConfig, Config};
//! use sanket_async_std::{Options, Server, front::Front};
//!
//! # async_std::task::block_on(async {
//! let mut app = tide::new();
//! app.at("/health").get(|_| async { Ok("fine") });
//! let server = Server::start(Chat::new(ChatConfig::default(), 7), Config::default(), Options::default());
//! let mut front = Front::bind_to([([127, 0, 0, 1], 8081)]);
//! server.mount_directly(&mut app, &mut front, "/socket.io");
//! app.listen(front).await
//! # }).unwrap();
//! ```
//!
//! [`front::Front`] stands in for tide's own listener, which sets no limits; see there for what that means. It asks the server
//! before it asks the application, which saves more than half of what a request costs. The server works on tide's listener too
//! ([`Server::mount`]), but then nobody notices when a client vanishes while its poll waits.
//!
//! # Tasks
//!
//! ```text
//! connection (front) ── http ──┐    chores: what the core wants done, at the end of a worker's turn
//! websocket  (ws) ─────────────┼──> shards, a lock each (shared) <──> hub, behind a lock: rooms, application
//! deadlines  (tasks) ──────────┘         └──> outlet: straight into the socket
//! ```
//!
//! Connections live on threads of their own (workers), one for each processor, which learn in one call what has happened to many
//! sockets, and run the tasks of these in one turn; async-std runs the rest, and tide's endpoints where they like.
//!
//! A task decodes what it has read, locks a shard, tells the core, and gives the lock back. At the end of the turn what the core
//! wants is done for all that were told something: the hub is turned, if nobody else is at it, and what it has said is sent to the
//! sockets that take it. So no task is woken for somebody else's message, and what is said at once goes out in one write. A
//! socket that takes no more has its own task wait for it, and the core's queue fills meanwhile, which is bounded.
//!
//! A shard is locked for one call into the core, and the last of all: by whoever has locked the hub, or a WebSocket's outlet.
//! No other lock is taken while one is held, nothing is parsed or encoded under a shard's, and nothing is awaited under any.

mod chores;
#[cfg(feature = "client-files")]
pub mod client_files;
mod clock;
mod compression;
mod direct;
pub mod front;
mod http;
mod hub;
mod mounted;
mod options;
mod origin;
mod outlet;
mod question;
mod refusal;
mod server;
mod shared;
mod signal;
mod tasks;
mod wire;
mod workers;
mod ws;

pub use options::{Cookie, Denial, Options, Welcome};
pub use origin::{InvalidOrigin, Origin, Origins};
pub use server::{Ended, Server};
