//! Asynchronous handlers: futures that the driver runs, and the way back from them.
//!
//! The router does no I/O, so a handler that has to wait is a future, which leaves as an effect ([`Effects::spawn`]) like everything
//! else. What it wants of the application comes back as commands in a mailbox, and so does its end. So a simulation, which has tasks
//! of its own, drives the same code as a runtime does.
//!
//! [`Effects::spawn`]: crate::Effects::spawn

mod connecting;
mod context;
mod handle;
mod mailbox;
mod table;

pub(crate) use connecting::OnAuthorizeLater;
pub(crate) use connecting::boxed;
pub use connecting::{AsyncAuthorize, AsyncConnecting};
pub use context::{AsyncCx, AsyncHandler};
pub(crate) use context::{OnEventLater, Work};
pub use handle::Handle;
pub(crate) use mailbox::{Ended, Ending};
pub use table::TaskLimits;
pub(crate) use table::{Tasks, busy};
