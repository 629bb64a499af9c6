//! A Socket.IO server without I/O: everything between the bytes of a TCP connection and the protocol ([`sanket`]).

#[cfg(feature = "client-files")]
pub mod client_files;
pub mod host;
pub mod http;
pub mod request;

mod sync;
