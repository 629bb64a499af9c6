//! The HTTP/1.1 front door of a tide application: accepts, reads and answers on its own, because the listener that comes
//! with tide sets no limit and drops what it does not expect. Refuses to know Engine.IO and Socket.IO.
//!
//! ```no_run
//! use sanket_async_std::front::{Front, FrontConfig};
//!
//! # async_std::task::block_on(async {
//! let mut app = tide::new();
//! app.at("/").get(|_| async { Ok("hello") });
//! let front = Front::bind_to([([127, 0, 0, 1], 3000)]).config(FrontConfig { max_connections: 500, ..FrontConfig::default() });
//! let handle = front.handle(); // handle.shutdown() makes `listen` return
//! app.listen(front).await
//! # }).unwrap();
//! ```
//!
//! What an endpoint can rely on:
//! - Its future is dropped as soon as the client goes, or its request's body turns out to be malformed, too long or too slow
//!   (which the client is told). `Drop` is the place to notice.
//! - A panic is answered with 500 and ends that connection only.
//! - `recv_upgrade` and a 101 get it the connection, the bytes that came early included. The front door counts that
//!   connection under its caps until it is dropped, but does not wait for it at shutdown.
//! - Request bodies are streamed: what an endpoint does not read is not received, but for a little.
//! - Request trailers are checked and thrown away; response trailers are not sent.
//!
//! ```text
//! listen ── accepts ──> connection ──┬── reading   the wait for a head; head: bytes -> what it says (pure)
//!    │                               ├── direct    who answers without the application; promise: or somebody later
//!    └── gate: caps, phases          ├── inbound   who reads the socket; body, framing (pure), received
//!                                    ├── link      deadlines
//!                                    └── reply     Response -> bytes; answer: what is there as a whole; lines
//! ```
mod answer;
mod body;
mod config;
mod connection;
mod deadline;
mod direct;
mod framing;
mod gate;
mod head;
mod inbound;
mod lines;
mod link;
mod listen;
mod promise;
mod reading;
mod received;
mod refusal;
mod reply;
mod stream;
mod upgrade;

pub(crate) use answer::Answer;
pub use config::FrontConfig;
pub(crate) use direct::{Asking, Course, Direct, Outcome, Owed};
pub use gate::FrontHandle;
pub(crate) use head::Head;
pub use listen::{Front, FrontListener};
pub(crate) use promise::Promise;
pub use stream::Stream;
pub use upgrade::Peer;
