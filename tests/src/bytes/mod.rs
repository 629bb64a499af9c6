//! What travels over a TCP connection, from the client's side and written independently of the server: scripts of bytes and
//! commands, requests as the specifications read them, responses and frames.

pub(crate) mod frames;
pub(crate) mod requests;
pub(crate) mod responses;
pub(crate) mod tape;
