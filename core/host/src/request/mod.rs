//! One request to the Socket.IO endpoint as a value: what it asks for ([`Action`]) and how it is to be answered
//! ([`ResponsePolicy`]). Pure functions of the request's head; no I/O, no clock, and no table of sessions.
//!
//! ```
//! use sanket::{Config, Time};
//! use sanket_host::request::{Action, Peer, Request, RequestHead, RequestOptions};
//!
//! struct Get<'a>(&'a str, &'a str);
//!
//! impl RequestHead for Get<'_> {
//!     fn method(&self) -> &str {
//!         "GET"
//!     }
//!     fn path(&self) -> &str {
//!         self.0
//!     }
//!     fn query(&self) -> &str {
//!         self.1
//!     }
//!     fn fields(&self) -> impl Iterator<Item = (&str, &[u8])> {
//!         [("host", &b"chat.example"[..])].into_iter()
//!     }
//! }
//!
//! let options = RequestOptions::default();
//! let head = Get("/socket.io/", "EIO=4&transport=polling");
//! assert!(options.is_endpoint(head.path()));
//! let request = Request::read(&head, &Peer::default(), &options, &Config::default(), Time::from_millis(0));
//! assert!(matches!(request.action, Ok(Action::Open { .. })));
//! ```

mod allow;
mod authority;
mod compression;
mod encoding;
mod forwarded;
mod head;
mod hosts;
mod jsonp;
mod options;
mod origin;
mod parsed;
mod policy;
mod read;
mod refused;
mod responses;
mod websocket;

#[cfg(test)]
mod policy_tests;
#[cfg(test)]
mod read_tests;
#[cfg(test)]
pub(crate) mod test_head;

pub use allow::{AllowReply, Denial, Welcome};
pub use compression::{LONG, compress};
pub use encoding::Encoding;
pub use forwarded::{InvalidNetwork, TrustedProxy};
pub use head::{Peer, RequestHead};
pub use hosts::{HostName, Hosts, InvalidHostName};
pub use options::{Cookie, RequestOptions};
pub use origin::{InvalidOrigin, Origin, Origins};
pub use policy::ResponsePolicy;
pub use read::{Action, OpenTransport, Request, SessionRequest};
pub use refused::Refused;
pub use responses::{greet, preflight, switching_protocols};
pub use websocket::{Accept, WebSocketAccept};
