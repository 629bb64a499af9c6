//! The whole host in virtual time: bytes in, bytes out.

mod addresses;
mod bench;
mod draining;
mod hosts;
mod inside;
mod panics;
mod tasks;
mod threads;
