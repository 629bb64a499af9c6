//! Testing an application: a [`Bench`] has a server with the application, and clients of it, without a network and in
//! virtual time.
//!
//! Needs the cargo feature `testing`, usually of a dev-dependency. Without it nothing of the crate is different.
//!
//! Clients are real ones up to the wire: they write and read the bytes that `socket.io-client` 2 or 4 does, over polling or
//! WebSocket. All that follows from a call has happened when the call returns, and time passes only in
//! [`Bench::advance`]. The same calls give the same results, ids included.
//!
//! The examples test an application `Talk`. It sends what somebody says (`say`) to all as `said`, and acks it with the
//! number of things that were said. To `/private` it admits those with the token 1. It asks those who `vote` whether
//! they have `agreed?`, `remind`s them after some milliseconds, and puts them `out`.
//!
//! # Events
//!
//! What is emitted is one argument, a tuple of several, or `()` for none. [`Client::heard`] takes the events of one
//! name, [`Client::heard_all`] takes all in order, and [`Client::expect`] takes the only one.
//!
//! ```
#![doc = include_str!("talk.txt")]
//! use sanket::testing::Bench;
//!
//! # fn main() {
//! let bench = Bench::new(Talk::default());
//! let ann = bench.connect("/", ());
//! let bob = bench.connect("/", ());
//! ann.emit("say", "hi");
//! ann.emit("say", ("how", "are you?"));
//! assert_eq!(bob.heard("said"), [json!(["hi"]), json!(["how", "are you?"])]);
//! assert_eq!(ann.heard_all()[0], json!(["said", "hi"]));
//! assert_eq!(bench.app(|talk| talk.said), 2);
//!
//! // Somebody else of the server does something.
//! bench.apply(|_, fx| fx.emit(Target::Namespace(&Nsp::ROOT), "news", &1));
//! assert_eq!(bob.expect("news"), json!([1]));
//! # }
//! ```
//!
//! # Acks
//!
//! ```
#![doc = include_str!("talk.txt")]
//! use sanket::testing::Bench;
//!
//! # fn main() {
//! let bench = Bench::new(Talk::default());
//! let ann = bench.connect("/", ());
//! let answer = ann.emit_with_ack("say", "hi");
//! assert_eq!(answer.expect(), json!([1]));
//! assert!(ann.emit_with_ack("unknown", ()).get().is_none());
//!
//! // The other way round. A question that is dropped stays unanswered.
//! ann.emit("vote", ());
//! for question in ann.asked("agreed?") {
//!     assert_eq!(question.args, json!([]));
//!     question.answer("yes");
//! }
//! assert_eq!(ann.expect("voted"), json!(["yes"]));
//! # }
//! ```
//!
//! # Refusals and disconnects
//!
//! ```
#![doc = include_str!("talk.txt")]
//! use sanket::testing::Bench;
//!
//! # fn main() {
//! let bench = Bench::new(Talk::default());
//! let stranger = bench.connect("/private", json!({ "token": 7 }));
//! let refusal = stranger.refusal().expect("7 is no token");
//! assert_eq!((&*refusal.message, refusal.data), ("who are you?", Some(json!({ "token": 7 }))));
//!
//! let ann = bench.connect("/", ());
//! let private = ann.join("/private", json!({ "token": 1 }));
//! assert!(private.is_connected());
//! private.leave();
//! assert_eq!(bench.app(|talk| talk.reasons.pop()), Some(Reason::ClientNamespaceDisconnect));
//! ann.emit("out", ());
//! assert_eq!(ann.disconnected(), Some("io server disconnect"));
//! assert_eq!(bench.app(|talk| talk.reasons.pop()), Some(Reason::ServerNamespaceDisconnect));
//! # }
//! ```
//!
//! # Time
//!
//! Clients answer pings while time passes, unless [`Client::set_heartbeat`] says otherwise.
//!
//! ```
#![doc = include_str!("talk.txt")]
//! use sanket::testing::Bench;
//! use std::time::Duration;
//!
//! # fn main() {
//! let bench = Bench::new(Talk::default());
//! let ann = bench.connect("/", ());
//! ann.emit("remind", 60_000);
//! bench.advance(Duration::from_millis(59_999));
//! assert!(ann.heard("reminder").is_empty());
//! bench.advance(Duration::from_millis(1));
//! assert_eq!(ann.expect("reminder"), json!([]));
//!
//! ann.set_heartbeat(false);
//! bench.advance(Duration::from_secs(60));
//! assert_eq!(ann.session_end(), Some(Reason::PingTimeout));
//! # }
//! ```
//!
//! # Tasks
//!
//! The bench runs the tasks of [`Effects::spawn`](crate::Effects::spawn), each when it was woken. A task that panics
//! makes the test fail. An application that takes its timer from outside can be given [`Bench::clock`], whose sleeps
//! take virtual time. A sleep that is in a combinator with wakers of its own (as `FuturesUnordered` is) has its task
//! polled some times more than needed.
//!
//! # Lost connections
//!
//! [`Client::cut`] breaks a connection, and the server notices. After [`Client::vanish`] it does not, until its ping
//! timeout. [`Client::pause`] makes a client that does not read. With [recovery](crate::Config::recovery),
//! [`Client::reconnect`] takes up where the client was; the offsets at the end of events are taken off.
//!
//! ```
#![doc = include_str!("talk.txt")]
//! use sanket::{Config, Recovery};
//! use sanket::testing::Bench;
//!
//! # fn main() {
//! let config = Config { recovery: Some(Recovery::default()), ..Config::default() };
//! let bench = Bench::with_config(Talk::default(), config);
//! let (ann, bob) = (bench.connect("/", ()), bench.connect("/", ()));
//! ann.emit("say", "one");
//! bob.cut();
//! ann.emit("say", "two");
//! bob.reconnect();
//! assert!(bob.recovered());
//! assert_eq!(bob.heard("said"), [json!(["one"]), json!(["two"])]);
//! # }
//! ```
//!
//! # Binary
//!
//! [`Binary`](crate::router::Binary) becomes an attachment. An attachment that was heard is in [`Args::attachments`], and a
//! placeholder stands in its place.
//!
//! ```
#![doc = include_str!("talk.txt")]
//! use bytes::Bytes;
//! use sanket::router::Binary;
//! use sanket::testing::{Bench, args};
//!
//! # fn main() {
//! let bench = Bench::new(Talk::default());
//! let ann = bench.connect("/", ());
//! let cat = Binary(Bytes::from_static(b"\x89PNG"));
//! ann.emit("say", ("cat.png", cat.clone()));
//! let said = ann.expect("said");
//! assert_eq!(said, args(("cat.png", cat.clone())));
//! assert_eq!(said.attachments(), [cat.0]);
//! # }
//! ```
//!
//! # Other clients
//!
//! [`Bench::client`] connects in other ways, and [`Client::upgrade`] goes from polling to WebSocket. [`Client::wire`]
//! tells what was written and read, and [`Client::write`] writes what no real client would.
//!
//! ```
#![doc = include_str!("talk.txt")]
//! use sanket::testing::Bench;
//!
//! # fn main() {
//! let bench = Bench::new(Talk::default());
//! let old = bench.client().eio3().polling().address("192.0.2.7").connect("/", ());
//! old.upgrade();
//! old.wire();
//! old.emit("say", "hi");
//! assert_eq!(old.wire(), [r#"> 42["say","hi"]"#, r#"< 42["said","hi"]"#]);
//! # }
//! ```

mod args;
mod bench;
mod client;
mod peer;
mod place;
mod stage;
mod tasks;
mod wire;

pub use args::{Args, args};
pub use bench::{Bench, Connector};
pub use client::{Answer, Client, Question};
pub use place::Refusal;
pub use tasks::{Clock, Sleep};
