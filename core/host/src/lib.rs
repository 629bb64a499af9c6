//! A Socket.IO server without I/O: everything between the bytes of a TCP connection and the protocol ([`sanket`]).

pub mod http;
pub mod request;
