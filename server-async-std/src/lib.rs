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
//! server.mount(&mut app, "/socket.io");
//! app.listen(Front::bind_to([([127, 0, 0, 1], 8081)])).await
//! # }).unwrap();
//! ```
//!
//! [`front::Front`] stands in for tide's own listener, which sets no limits; see there for what that means. The server
//! works on tide's listener too, but then nobody notices when a client vanishes while its poll waits.
//!
//! # Tasks
//!
//! ```text
//! connection (front) ── http ──┐                                    ┌── deadlines, one a shard
//! websocket  (ws) ─────────────┴──> shards, a lock each (shared) <──┴── hub, one (tasks): rooms, application
//! ```
//!
//! A task decodes what it has read, locks a shard, tells the core, and gives the lock back; then it does what the core
//! wants done. What clients did for others to see waits in the shard until the hub's task fetches it. No lock is held
//! while another one is taken, while a message or a body is parsed or encoded, or while anything is awaited.

mod assets;
pub mod client_files;
mod clock;
mod compression;
pub mod front;
mod http;
mod options;
mod origin;
pub mod page;
mod refusal;
mod server;
mod shared;
mod signal;
mod tasks;
mod turn;
mod ws;

pub use options::{Cookie, Denial, Options, Welcome};
pub use origin::{InvalidOrigin, Origin, Origins};
pub use server::{Ended, Server};
