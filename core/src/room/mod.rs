//! Who is here, in which rooms, and what the application makes of it. Knows no transport: sockets are names, and what
//! happens to them goes out as deliveries.

pub(crate) mod app;
pub(crate) mod effects;
pub(crate) mod hub;
pub(crate) mod rooms;

pub use app::{Admission, App, Refusal};
pub use effects::{Effects, Target};
pub use hub::Hub;
pub use rooms::RoomFull;
