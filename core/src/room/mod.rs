//! Namespaces, rooms, sockets, and the application. Knows no transports: sockets are ids, and what happens to them is
//! returned as deliveries.
//!
//! `sockets`, `rooms`, `acks`, `connects`, `replays`, `claimants`, `recovery` and `log` are tables. `state` has all of them, `effects` changes
//! them for the application, and `hub` calls the application. Imports follow this order.

mod acks;
mod admission;
mod app;
mod claimants;
mod connects;
mod effects;
mod emit;
mod entry;
mod history;
mod hub;
mod log;
mod recipients;
mod recovery;
mod replays;
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
pub use state::Task;
pub use target::{BroadcastOptions, Target};
