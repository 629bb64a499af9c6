//! Every decoder under one name and one signature ([`DECODERS`]), and inputs that were made to be dear ([`shapes`]): for
//! the tests that count what decoding costs in memory and in steps. Knows only the core's public API, and judges nothing.

mod chance;
mod decoders;
mod shapes;

pub use chance::random;
pub use decoders::{DECODERS, Decoder, wide_open};
pub use shapes::{Shape, counted, shapes};
