//! An application from handlers, by the names of namespaces and events.
//!
//! A [`Router`] is an [`App`](crate::App): servers and the bench take it. It has one state, of which handlers get `cx.state`, and data for
//! each socket, `cx.data`. Handlers are added to a namespace, `io.of("/")`, once, before the server begins:
//!
#![cfg_attr(feature = "testing", doc = "```")]
#![cfg_attr(not(feature = "testing"), doc = "```ignore")]
//! use sanket::router::Router;
//!
//! /// The state is how many lines were said. The data of a socket is its name.
//! fn chat() -> Router<u64, String> {
//!     let mut io = Router::default();
//!     io.of("/")
//!         .on("join", |cx, name: String| {
//!             cx.broadcast().emit("joined", &name);
//!             *cx.data = name;
//!         })
//!         .on("say", |cx, text: String| {
//!             *cx.state += 1;
//!             cx.broadcast().emit("said", (&*cx.data, text));
//!             *cx.state // The acknowledgement.
//!         })
//!         .on_disconnect(|cx, _| cx.broadcast().emit("left", &*cx.data));
//!     io
//! }
//!
//! # fn main() {
//! let bench = sanket::testing::Bench::new(chat());
//! let (ann, bob) = (bench.connect("/", ()), bench.connect("/", ()));
//! ann.emit("join", "Ann");
//! assert_eq!(ann.emit_with_ack("say", "hello").expect(), serde_json::json!([1]));
//! assert_eq!(bob.expect("joined"), serde_json::json!(["Ann"]));
//! assert_eq!(bob.expect("said"), serde_json::json!(["Ann", "hello"]));
//! # }
//! ```
//!
//! `cx` is a [`Cx`]: the socket that the handler is about, and everything that can be done. Timers and answers get an [`Io`], which is the
//! same without a socket. The [course](crate::course) has a page for each topic.
//!
//! | topic | |
//! |---|---|
//! | namespaces, and forms of names | [`Router::of`], [`Router::of_matching`], [`Cx::param`] |
//! | who may connect | [`Namespace::authorize`], [`Connecting`], [`ConnectError`](crate::ConnectError), [`Cx::auth`], [`Cx::handshake`] |
//! | passing on what a client sent | [`Emitter::forward`], [`Emitter::forward_with_ack`], [`Cx::ack_event`] |
//! | connected and disconnected | [`Namespace::on_connect`], [`Namespace::on_disconnecting`], [`Namespace::on_disconnect`] |
//! | events | [`Namespace::on`], [`Namespace::on_event`], [`Namespace::on_other`] |
//! | before handlers | [`Namespace::middleware`], [`Namespace::on_any`] |
//! | what is sent | [`Cx::emit`], [`Cx::broadcast`], [`Emitter`], [`Namespace::on_any_outgoing`] |
//! | acknowledgements | [`Reply`], [`Cx::ack`], [`Cx::take_ack`], [`Emitter::emit_with_ack`], [`Answers`] |
//! | bytes | [`Binary`] |
//! | rooms | [`Cx::join`], [`Cx::leave`], [`Cx::to`], [`Emitter::except`], [`Emitter::sockets_join`] |
//! | other sockets | [`Emitter::fetch_sockets`], [`Sockets`] |
//! | errors | [`Error`], [`ErrorKind`], [`Router::on_error`], [`Failure`] |
//! | time | [`Cx::after`], [`Router::every`], [`Cx::now`] |
//! | handlers that wait (feature `async`) | [`Namespace::on_async`], [`AsyncCx`], [`Namespace::authorize_async`], [`TaskLimits`] |
//! | the rest of a program (feature `async`) | [`Router::handle`], [`Handle`] |
//! | recovery | [`Data`], [`Cx::recovered`], [`Namespace::on_recover`] |
//! | what is missing here | [`Cx::effects`]: the hub's own effects |
//!
//! # Rules
//!
//! One handler runs at a time, so handlers need no locks. All clients of the server wait while it runs. So:
//!
//! - **A handler does not block.** No files, no network, no sleeping, no lock that is held for long. All clients would wait. What has to
//!   wait is an asynchronous handler, a task ([`Effects::spawn`](crate::Effects::spawn)), or a thread with a [`Handle`].
//! - **A handler does not panic.** A panic ends the server for all clients: the state may be half changed, so no handler is called again.
//!   Check what clients send, and return an [`Error`]. An asynchronous handler that panics ends alone, if the runtime catches panics of
//!   tasks; its acknowledgement is `{"error": "internal error"}`.
//!
//! # Arguments and replies
//!
//! Arguments are read with serde as the type that the handler names. A tuple is several arguments, `()` none, and any other type is the
//! first argument. Additional arguments are ignored, and missing ones are `None`. If they cannot be read, the handler is not called.
//! What is sent follows the same rule.
//!
//! What the handler returns is the acknowledgement, if the client asked for one: see [`Reply`]. A handler that returns a value of its own
//! type returns `Ok(value)`.
//!
//! # Errors
//!
//! Each error ends in [`Router::on_error`]: one that a handler returns, arguments that cannot be read, values that cannot be sent. The
//! client gets it as its acknowledgement, if it asked for one. Messages of libraries are not for clients: they get `internal error`.
//! [`ErrorKind`] has the details. Without `on_error`, errors are logged.
//!
//! # Order
//!
//! Events of one client come in the order in which it sent them. What handlers send arrives in the order in which it was sent.
//! Disconnecting takes effect when the handler has returned. Middleware and [`Namespace::on_any`] are called in the order in which they
//! were added, before the handler.
//!
//! # Handlers that wait
//!
//! An asynchronous handler ([`Namespace::on_async`], feature `async`) returns a future, which the driver runs. Later events of the same
//! client wait until it has ended, so that they keep their order. Other clients do not wait. [`Namespace::on_async_unordered`] gives the
//! order up. The future is dropped when its socket is disconnected.
//!
//! A future cannot borrow the state: [`AsyncCx::with`] and [`AsyncCx::state`] run a closure that can. Between two of them, others may have
//! changed it. [`TaskLimits`] bound the tasks, and the events that wait; beyond them the acknowledgement is `{"error": "busy"}`.
//!
//! # Recovery
//!
//! With [`Config::recovery`](crate::Config::recovery), a client that lost its connection comes back with its rooms and its data, which is
//! kept as JSON meanwhile. [`Namespace::authorize`] is not called. Its [`SocketId`](crate::SocketId) is a new one, so what the state has
//! by that id does not come back. [`Namespace::on_connect`] is called again, with [`Cx::recovered`], or [`Namespace::on_recover`] if it is
//! there.

#![cfg_attr(not(all(feature = "async", feature = "testing")), allow(rustdoc::broken_intra_doc_links))]

#[cfg(feature = "async")]
mod access;
mod app;
mod arguments;
mod calls;
mod context;
mod emitter;
mod error;
mod inside;
mod io;
#[cfg(feature = "async")]
mod mail;
mod namespace;
mod pattern;
mod reply;
#[cfg(feature = "async")]
mod tasks;

pub use app::Router;
pub use arguments::Binary;
#[cfg(feature = "testing")]
pub(crate) use arguments::{read_value, write};
pub use context::{Connecting, Cx};
pub use emitter::{Among, Answers, Emitter};
pub use error::{Error, ErrorKind, Failure};
pub use inside::{Data, Io, Outgoing};
pub use io::Sockets;
pub use namespace::{Authorize, Handler, Hook, Namespace};
pub use reply::{Outcome, Reply};
#[cfg(feature = "async")]
pub use tasks::{AsyncAuthorize, AsyncConnecting, AsyncCx, AsyncHandler, Handle, TaskLimits};
