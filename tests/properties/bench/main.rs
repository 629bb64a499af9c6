//! The bench of `sanket::testing`: its clients are what real clients are on the wire, and all that an application can
//! meet can be brought about on it.

mod app;
mod features;
mod lines;
mod tasks;
mod wire;
