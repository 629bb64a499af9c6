//! websockets
