//! For whoever writes a driver: what connects clients to an application. Read [`Server`] first, then [`Shard`], [`Input`] and
//! [`Output`].
//!
//! - A *client* is one Engine.IO session with its *sockets*, one for each namespace. It takes [`Input`]s. [`decode_body`] and
//!   [`decode_message`] make them from bytes; they have no state and need no lock. [`Request::parse`] reads the query of a request.
//! - A [`Shard`] holds clients and their timers. It returns [`Output`]s for the driver and [`SocketEvent`]s for the hub.
//! - The [`Hub`] holds the namespaces and rooms, and calls the [`App`](crate::App). It returns [`Delivery`]s for the shards. The
//!   methods of [`Effects`](crate::Effects) are what an application can do. Other code of the server does the same through
//!   [`Hub::apply`].
//! - A [`Server`] is one shard and the hub in one thread. A driver with several threads has several shards, each with a lock, and one
//!   hub.
//!
//! # The loop
//!
//! ```
//! use sanket::chat::{Chat, ChatConfig};
//! use sanket::driver::{Input, NewSession, Opening, Output, RequestId, Server, Sid};
//! use sanket::{Config, Revision, Time};
//!
//! let mut server = Server::new(Chat::new(ChatConfig::default(), 7), Config::default());
//! let mut now = Time::from_millis(0);
//!
//! // A GET without a session id. A driver takes the ids from the operating system's generator.
//! let [sid, public, private] = [1, 2, 3].map(|n| Sid::from_bytes([n; 16]));
//! let opening = Opening::Polling { base64: false };
//! let new = NewSession { sid, public, private, revision: Revision::V4, opening, handshake: None };
//! let key = server.shard.open(new, now).unwrap();
//! server.shard.handle(key, Input::Poll(RequestId(1)), now);
//!
//! // After each input: exchange events and deliveries between shard and hub, and carry out what they return.
//! let mut handshake = None;
//! server.pump(now, |_, output| match output {
//!     Output::Respond(RequestId(1), response) => handshake = Some(response.into_parts()),
//!     _ => {}
//! });
//! let (status, _, body) = handshake.unwrap();
//! assert_eq!(status, 200);
//! assert!(body.starts_with(br#"0{"sid":"AQEBAQEBAQEBAQEBAQEBAQ""#));
//!
//! // Sleep until the next deadline, or until there is input.
//! now = server.poll_timeout().unwrap();
//! server.handle_timeout(now);
//! ```

pub use crate::engine::{
    Ask, Batch, Method, NewSession, Opening, Outgoing, Output, Request, RequestError, Response, Transport, WsEnd, jsonp,
};
pub use crate::frame::{Frame, WsMessage};
pub use crate::grace::Grace;
pub use crate::id::{Key, RequestId, Sid};
pub use crate::population::Population;
pub use crate::room::{Hub, Recipients};
pub use crate::server::Server;
pub use crate::shard::Shard;
pub use crate::socket::{Delivery, Incoming, Input, Packets, RawMessage, SocketEvent, decode_body, decode_message};
