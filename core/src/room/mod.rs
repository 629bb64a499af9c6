//! Namespaces, rooms, the sockets in them, and the application. Knows no transport: sockets are names, and what happens to
//! them goes out as deliveries.
//!
//! `sockets`, `rooms`, `acks`, `connects`, `recovery` and `log` are tables, each with one concern. `state` holds them together,
//! `effects` is what an application can do with them, `hub` calls the application. Imports go in this order, never back.

mod acks;
mod admission;
mod app;
mod connects;
mod effects;
mod emit;
mod entry;
mod history;
mod hub;
mod log;
mod recipients;
mod recovery;
mod rooms;
mod sockets;
mod state;
mod target;

pub use acks::BroadcastAckId;
pub use admission::{Admission, ConnectError};
pub use app::{App, PreviousSocket};
pub use effects::Effects;
pub use emit::Emit;
pub use hub::Hub;
pub use recipients::Recipients;
pub use rooms::JoinError;
pub use target::{BroadcastOptions, Target};
