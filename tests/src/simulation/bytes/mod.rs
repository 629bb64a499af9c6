//! The same world in bytes: clients write HTTP and WebSocket into simulated TCP streams, and the server is the whole host.
//!
//! ```text
//! fate: what happens to clients
//!   └── clients ── guest: what a client knows ── requests: what it writes
//!         └── net: the streams and the driver ── stream: one of them, and the server's socket
//! ```

mod clients;
mod fate;
mod guest;
mod net;
mod requests;
mod stream;

pub use clients::ByteSimulation;
