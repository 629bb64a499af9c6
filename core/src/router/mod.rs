//! An application from handlers, by the names of namespaces and events.
mod app;
mod arguments;
mod context;
mod emitter;
mod error;
mod inside;
mod io;
mod namespace;
mod pattern;
mod reply;
#[cfg(feature = "async")]
mod tasks;

pub use app::{Data, Router};
pub use arguments::Binary;
pub use context::{Connecting, Cx};
pub use emitter::{Among, Answers, Emitter};
pub use error::{Error, ErrorKind, Failure};
pub use inside::Outgoing;
pub use io::{Io, Sockets};
pub use namespace::{Authorize, Handler, Hook, Namespace};
pub use reply::{Outcome, Reply};
#[cfg(feature = "async")]
pub use tasks::{AsyncAuthorize, AsyncConnecting, AsyncCx, AsyncHandler, Handle, TaskLimits};
