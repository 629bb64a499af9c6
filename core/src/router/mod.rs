//! An application from handlers, by the names of namespaces and events.
#[cfg(feature = "async")]
mod access;
mod app;
mod arguments;
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
