//! One TCP connection as a state machine: HTTP/1.1 (RFC 9110, 9112) and WebSocket (RFC 6455), without socket and clock.
//!
//! [`Connection`] turns bytes into [`Event`]s and [`Response`]s into bytes. It serves one request at a time, in the order in
//! which they come; every limit and deadline is in [`HttpConfig`].
//!
//! # The loop
//!
//! ```
//! use http::StatusCode;
//! use sanket::Time;
//! use sanket_host::http::{Connection, Event, HttpConfig, Response};
//! use std::sync::Arc;
//!
//! let mut now = Time::from_millis(0);
//! let mut connection = Connection::new(Arc::new(HttpConfig::default()), now);
//!
//! // The socket can be read, and `connection.wants_read()` is true.
//! connection.receive(b"GET /hello HTTP/1.1\r\nHost: a\r\n\r\n", now);
//! while let Some(event) = connection.poll(now, |head, ticket| (ticket, head.path().to_owned())) {
//!     match event {
//!         Event::Request((ticket, path)) => {
//!             let mut response = Response::new(StatusCode::OK);
//!             response.body = format!("This is {path}.").into();
//!             connection.respond(ticket, &response, now);
//!         }
//!         Event::Refused { ticket, refusal, .. } => connection.respond(ticket, &refusal.response(), now),
//!         // Requests that are not answered at once, with bodies, or in pieces; and WebSockets.
//!         Event::Gone(_) | Event::Body(_) | Event::Writable(_) | Event::Message(_) | Event::Closed(_) => {}
//!     }
//! }
//! // The socket can be written.
//! let n = connection.transmit().len();
//! assert!(connection.transmit().ends_with(b"This is /hello."));
//! connection.transmitted(n, now);
//! // What is due is done when it is. This client stays silent.
//! while let Some(at) = connection.poll_timeout() {
//!     now = at;
//!     connection.handle_timeout(now);
//! }
//! // Now the write direction would be shut down if `wants_shutdown`, and the socket closed if `is_over`.
//! assert!(connection.is_over());
//! assert_eq!(now, Time::from_millis(75_000));
//! ```

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

pub use ::http::StatusCode;
pub use body::Body;
pub use config::HttpConfig;
pub use connection::Connection;
pub use event::{Event, Message, Ticket};
pub use head::Head;
pub use refusal::Refusal;
pub use response::Response;
pub use tungstenite::Utf8Bytes;
