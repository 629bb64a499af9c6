//! A Socket.IO server on async-std and tide, for clients of `socket.io-client` 2, 3 and 4.
//!
//! The protocol is [`sanket`]; HTTP, WebSocket, and who waits for what are [`sanket_host`]; this crate accepts, reads, writes,
//! sleeps and spawns. A [`Server`] serves a tide application's clients as `socket.io` serves those of an express server:
//!
//! ```no_run
//! use sanket::chat::{Chat, ChatConfig};
//! use sanket_async_std::{Server, setup};
//!
//! # async_std::task::block_on(async {
//! let mut app = tide::new();
//! app.at("/health").get(|_| async { Ok("fine") });
//! let server = Server::start(Chat::new(ChatConfig::default(), 7), setup())?;
//! app.listen(server.listener([([127, 0, 0, 1], 8081)])).await
//! # }).unwrap();
//! ```
//!
//! [`Server::listener`] stands in for tide's own listener, which sets no limits. [`Server::listen`] does without tide.
//! [`Server::mount`] puts the server on any listener of tide's.
//!
//! A program that serves many clients should choose an allocator that gives memory back to the system; see [`sanket_host`].
//!
//! # Features
//!
//! - `client-files`, off by default: pages can load `/socket.io/socket.io.js` and the other files of `socket.io-client` from the
//!   server. Takes Node.js and npm; see [`sanket_host`].

#![cfg_attr(docsrs, feature(doc_cfg))]

mod application;
mod bind;
mod clock;
mod driver;
mod listen;
mod mount;
mod options;
mod reactor;
mod server;
mod sync;

pub use bind::bind;
pub use listen::{Listen, Listening};
pub use options::AllowAsync;
pub use sanket_host::host::{AddressLimits, InvalidRate, Rate, RefusalKind, Setup, Stats};
pub use sanket_host::http::HttpConfig;
pub use sanket_host::request::{
    Cookie, Denial, HostName, Hosts, InvalidHostName, InvalidNetwork, InvalidOrigin, Origin, Origins,
    RequestOptions as Options, TrustedProxy, Welcome,
};
pub use server::{Ended, Server, setup};
