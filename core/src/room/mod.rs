//! Who is here, in which rooms, and what the application makes of it. Knows no transport: sockets are names, and what
//! happens to them goes out as deliveries.

pub(crate) mod app;
pub(crate) mod effects;
pub(crate) mod emit;
pub(crate) mod hub;
mod recipients;
pub(crate) mod recovery;
pub(crate) mod rooms;
mod seats;
pub(crate) mod state;

pub use app::{Admission, App, Earlier, Refusal};
pub use effects::{AskId, Effects};
pub use emit::{Among, Emit, Target};
pub use hub::Hub;
pub use recipients::Recipients;
pub use rooms::JoinError;
