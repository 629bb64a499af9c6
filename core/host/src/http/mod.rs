//! One TCP connection as a state machine: HTTP/1.1 (RFC 9110, 9112) and WebSocket (RFC 6455), without socket and clock.
//!
//! [`Connection`] turns bytes into [`Event`]s and [`Response`]s into bytes. It serves one request at a time, in the order in
//! which they come; every limit and deadline is in [`HttpConfig`].

mod body;
mod config;
mod connection;
mod event;
mod framing;
mod head;
mod lines;
mod output;
mod received;
mod refusal;
mod reply;
mod response;
mod scan;
mod target;
mod websocket;

pub use body::Body;
pub use config::HttpConfig;
pub use connection::Connection;
pub use event::{Event, Message, Ticket};
pub use head::Head;
pub use refusal::Refusal;
pub use response::Response;
pub use tungstenite::Utf8Bytes;
