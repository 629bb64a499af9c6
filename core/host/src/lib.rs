//! A Socket.IO server without I/O: everything between the bytes of a TCP connection and the protocol ([`sanket`]).
//!
//! This page is for those who write a driver. Whoever writes an application starts from [`sanket::router`], and serves it with
//! `sanket-async-std` or one of the [examples](#a-driver) of this crate.
//!
//! - [`host`]: the server. Whoever drives it accepts, reads, writes and sleeps.
//! - [`host::mount`]: the same server behind an HTTP server that is there already.
//! - [`http`]: one connection, HTTP/1.1 and then perhaps a WebSocket. [`request`]: what a request asks for.
//!
//! # A driver
//!
//! A driver is what connects a [`Host`] to a runtime. It brings two things: a [`Driver`], which knows the time and wakes whoever
//! sleeps, and a [`Socket`] for each connection, which the host writes to. Then it does five things:
//!
//! 1. **Set up.** [`Setup::shards`] is the number of threads that read.
//! 2. **Accept.** Set `TCP_NODELAY`: a response that waits for the acknowledgement of the one before costs 40 ms. Hand the
//!    [`Socket`] to [`Host::accept`], and keep the [`Line`] that it returns; if there is none, close the socket.
//! 3. **Wait for what [`Line::interest`] says, and tell a [`Turn`] of it**, again and again. Ask for the interest after each turn
//!    that was told something of the connection, and after [`Socket::wake`].
//!    - `read`: when there is something to be read, read it, and tell [`Turn::receive`], or [`Turn::end_of_stream`] when the peer
//!      has ended its direction or reading fails.
//!    - `write`: when the socket can be written to, tell [`Turn::writable`]. The host writes, not the driver.
//!    - `shutdown`: everything is written. Shut the write direction down and go on reading. More than once does no harm.
//!    - `over`: shut both directions of the socket down, drop the [`Line`] and the socket.
//! 4. **Sleep** until [`Host::poll_timeout`], or until [`Driver::wake`] if that comes first; when the time has come, call
//!    [`Host::handle_timeout`]. Then ask again.
//! 5. **End.** Call [`Host::wind_down`] every few milliseconds until it returns `true`, or patience ends; go on with 2 to 4
//!    meanwhile. Sessions get as long as that takes, a client that has gone without a word
//!    [`close_timeout`](sanket::Config::close_timeout); connections then get [`drain_deadline`](http::HttpConfig::drain_deadline).
//!    A few seconds of patience are usual. Then call [`Host::end`], and drop what is left.
//!
//! Requests that are not for the server come by [`Driver::request`]; without it, they are 404.
//!
//! A connection without any I/O, from its first byte to its end:
//!
//! ```
//! use sanket::Time;
//! use sanket::chat::{Chat, ChatConfig};
//! use sanket_host::host::{Driver, Host, Interest, Setup, Socket};
//! use sanket_host::request::Peer;
//! use std::sync::{Arc, Mutex};
//!
//! struct Runtime;
//!
//! impl Driver for Runtime {
//!     fn now(&self) -> Time {
//!         Time::from_millis(1_800_000_000_000) // Here time stands still.
//!     }
//!
//!     fn wake(&self) {} // Here nobody sleeps.
//! }
//!
//! #[derive(Default)]
//! struct Memory(Mutex<Vec<u8>>);
//!
//! impl Socket for Memory {
//!     fn try_write(&self, bytes: &[u8], _last: bool) -> std::io::Result<usize> {
//!         self.0.lock().unwrap().extend_from_slice(bytes);
//!         Ok(bytes.len())
//!     }
//!
//!     fn wake(&self, _: Interest) {} // Here nobody waits for the connection.
//! }
//!
//! // Session ids are credentials: a real driver asks the operating system's generator.
//! let setup = Setup::new(|bytes| {
//!     bytes.fill(7);
//!     true
//! });
//! let host = Host::new(Chat::new(ChatConfig::default(), 7), setup, Runtime);
//!
//! let socket = Arc::new(Memory::default());
//! let line = host.accept(Peer::default(), socket.clone()).expect("there is room for one");
//! let mut sent = [&b"GET /socket.io/?EIO=4&transport=poll"[..], b"ing HTTP/1.1\r\nhost: a\r\n\r\n"].into_iter();
//! loop {
//!     let interest = line.interest();
//!     if interest.over {
//!         break;
//!     }
//!     if interest.shutdown {
//!         // `socket.shutdown(Shutdown::Write)`
//!     }
//!     if interest.write {
//!         // As soon as the socket is writable.
//!         host.turn().writable(&line);
//!     }
//!     if interest.read {
//!         // As soon as the socket is readable.
//!         match sent.next() {
//!             Some(bytes) => host.turn().receive(&line, bytes),
//!             None => host.turn().end_of_stream(&line),
//!         }
//!     }
//!     // In a task or a thread of its own, as soon as it is due.
//!     if host.poll_timeout().is_some_and(|due| due <= Runtime.now()) {
//!         host.handle_timeout();
//!     }
//! }
//! drop(line);
//! assert!(socket.0.lock().unwrap().starts_with(b"HTTP/1.1 200 OK\r\n"));
//! assert_eq!((host.sessions(), host.connections()), (1, 0));
//! ```
//!
//! The examples of this crate are whole drivers, each of which can be copied: `tokio` and `smol` with a task for each connection,
//! `threads` with nothing but std, `axum` behind another HTTP server. `sanket-async-std` drives many connections in each turn.
//!
//! # Features
//!
//! - `client-files`, off by default: the files of `socket.io-client` are built into the program, and served to pages that load
//!   `/socket.io/socket.io.js`. Takes Node.js and npm, and the npm registry; `SANKET_SKIP_WEB=1` in the environment builds without
//!   the files.
//!
//! # Why this is a crate of its own
//!
//! The protocol is `no_std` and stands on few crates; heads, compression and locks need std and more of them. As a feature of
//! [`sanket`], they would be there for everybody as soon as one crate of a program wants them.
//!
//! # The rules
//!
//! - **A turn is not kept over anything that waits.** It does its work when it is finished or dropped. One turn for many connections
//!   that became ready at the same time is cheaper than one for each.
//! - **Nothing is read unless `read` is set.** What the client has sent stays in the socket, so that TCP holds it back. The interest
//!   may change while another thread reads: what was read until then is taken.
//! - **`writable` is told only where `write` is set.** If the socket takes nothing after all, `write` is set again.
//! - **[`Socket`]'s methods are called with locks held.** They return at once and do not call the host.
//! - **Dropping the [`Line`] ends the connection for the host, not for the peer.** Whoever still responds to a request keeps the
//!   [`Socket`], so a driver shuts it down by hand.
//! - **Session ids are credentials.** [`Setup::new`] wants the operating system's generator: `|bytes| getrandom::fill(bytes).is_ok()`
//!   with the crate `getrandom`.
//! - **[`Driver::now`] counts from the Unix epoch, and never steps back.** It is a monotonic clock's time since the start, on top of
//!   the epoch's at the start.
//! - **What waits in the sockets is read before [`Host::handle_timeout`] is called**, as far as the runtime allows. Otherwise a
//!   process that was stopped for a while takes its own silence for that of its clients.
//! - **One sleeper is enough**, however many threads there are. Whatever becomes due earlier than it knows of wakes it.
//! - **A second thread is of use only where one does not keep up.** Two that read half of what comes each write twice as often. A
//!   runtime with tasks decides that by itself; a driver with threads of its own asks a [`Crew`]. One whose threads can be woken for
//!   what others send has [`Driver::offer`] do it, and [`Host::assist`] called by them.
//!
//! # Memory
//!
//! Queues, and the tables of clients, sockets, connections and addresses, give memory back when most of what they held has gone.
//! Whether the process gives it back to the system is up to its allocator, which a program chooses and a library does not. glibc's
//! keeps most of it: 20 clients that ask for acknowledgements and do not read leave 75 to 140 MiB, for good. With jemalloc it is some MiB
//! after ten seconds:
//!
//! ```toml
//! [target.'cfg(not(target_env = "msvc"))'.dependencies]
//! tikv-jemallocator = { version = "0.6", features = ["background_threads"] }
//! ```
//!
//! ```ignore
//! #[global_allocator]
//! static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;
//! ```
//!
//! [`Crew`]: host::crew::Crew
//! [`Driver`]: host::Driver
//! [`Driver::now`]: host::Driver::now
//! [`Driver::offer`]: host::Driver::offer
//! [`Driver::request`]: host::Driver::request
//! [`Setup::new`]: host::Setup::new
//! [`Driver::wake`]: host::Driver::wake
//! [`Host`]: host::Host
//! [`Host::accept`]: host::Host::accept
//! [`Host::assist`]: host::Host::assist
//! [`Host::end`]: host::Host::end
//! [`Host::handle_timeout`]: host::Host::handle_timeout
//! [`Host::poll_timeout`]: host::Host::poll_timeout
//! [`Host::wind_down`]: host::Host::wind_down
//! [`Line`]: host::Line
//! [`Line::interest`]: host::Line::interest
//! [`Setup::shards`]: host::Setup::shards
//! [`Socket`]: host::Socket
//! [`Socket::wake`]: host::Socket::wake
//! [`Turn`]: host::Turn
//! [`Turn::end_of_stream`]: host::Turn::end_of_stream
//! [`Turn::receive`]: host::Turn::receive
//! [`Turn::writable`]: host::Turn::writable

#![cfg_attr(docsrs, feature(doc_cfg))]

#[cfg(feature = "client-files")]
pub mod client_files;
pub mod host;
pub mod http;
pub mod request;

mod sync;
