//! A Socket.IO server on async-std and tide, for clients of `socket.io-client` 2, 3 and 4.
//!
//! An application of handlers, and the program that serves it. `socket.emit('say', 'hello', (n) => …)` is a client:
//!
//! ```no_run
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
//! fn main() -> std::io::Result<()> {
//!     let server = sanket_async_std::Server::start(chat(), sanket_async_std::setup())?;
//!     println!("http://{}", server.listen(([127, 0, 0, 1], 8081))?);
//!     loop {
//!         std::thread::park();
//!     }
//! }
//! ```
//!
//! How applications are written is in [`sanket::router`]; **read [its rules](sanket::router#rules) first**: all clients wait while a handler
//! runs, so a handler must not block and must not panic.
//!
//! # Beside the routes of tide
//!
//! A [`Server`] serves a tide application's clients as `socket.io` serves those of an express server:
//!
//! ```no_run
//! use sanket::router::Router;
//! use sanket_async_std::{Server, setup};
//!
//! # async_std::task::block_on(async {
//! let mut app = tide::new();
//! app.at("/health").get(|_| async { Ok("fine") });
//! let mut io = Router::<()>::default();
//! io.of("/").on("ping", |_, ()| "pong");
//! let server = Server::start(io, setup())?;
//! app.listen(server.listener([([127, 0, 0, 1], 8081)])).await
//! # }).unwrap();
//! ```
//!
//! [`Server::listener`] stands in for tide's own listener, which sets no limits. [`Server::listen`] does without tide.
//! [`Server::mount`] puts the server on any listener of tide's.
//!
//! # Handlers that wait
//!
//! The server runs the futures of handlers as tasks of async-std. Meanwhile other clients are served:
//!
//! ```no_run
//! use async_std::fs;
//! use sanket::router::Router;
//! use sanket_async_std::{Server, setup};
//!
//! let mut io = Router::<u64>::default();
//! io.of("/").on_async("motto", |cx, ()| async move {
//!     let motto = fs::read_to_string("motto.txt").await?; // An error is acknowledged, and logged.
//!     let asked = cx.state(|asked| {
//!         *asked += 1;
//!         *asked
//!     });
//!     Ok((motto, asked.await?))
//! });
//! let server = Server::start(io, setup())?;
//! # Ok::<(), std::io::Error>(())
//! ```
//!
//! # Settings
//!
//! [`setup`] has the defaults. [`Setup`] has the limits of the protocol ([`sanket::Config`]), of connections and of addresses, and
//! [`Options`]: path, origins, hosts, proxies, cookies.
//!
//! The protocol is [`sanket`]; HTTP, WebSocket, and who waits for what are [`sanket_host`]; this crate accepts, reads, writes,
//! sleeps and spawns. A program that serves many clients should choose an allocator that gives memory back to the system; see
//! [`sanket_host`].
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

/// The program on the front page of the repository.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;
