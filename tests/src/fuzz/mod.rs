//! The bodies of the fuzz targets. Each takes any bytes, and panics if a check fails. The targets in `fuzz/` have one
//! line each, and the seeds are replayed as tests. The bodies of the codecs take what a peer sends, those of the state
//! machines a script of operations ([`Script`](crate::script::Script)), those of a connection and a host a tape of bytes and
//! commands (`bytes/tape.rs`).

mod chat;
mod client;
mod codecs;
mod connection;
mod driver;
mod echo;
mod host;
mod hub;
mod session;

pub use chat::chat;
pub use client::client;
pub use codecs::{engine_packet, jsonp, msgpack, packet, payload_v3, payload_v4, request};
pub use connection::connection;
pub use host::host;
pub use hub::hub;
pub use session::session;

/// A target's name and its body.
pub type Target = (&'static str, fn(&[u8]));

/// All targets.
pub const TARGETS: [Target; 14] = [
    ("chat", chat),
    ("client", client),
    ("connection", connection),
    ("engine_packet", engine_packet),
    ("host", host),
    ("hub", hub),
    ("jsonp", jsonp),
    ("msgpack", msgpack),
    ("packet", packet),
    ("payload_v3", payload_v3),
    ("payload_v4", payload_v4),
    ("request", request),
    ("server", server),
    ("session", session),
];

/// A whole server and its clients: see [`crate::script`].
pub fn server(data: &[u8]) {
    crate::script::play(data);
}
