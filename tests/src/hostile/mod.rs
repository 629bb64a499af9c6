//! Every decoder with the same signature ([`DECODERS`]), and inputs that are made to be expensive ([`shapes`]), for the
//! tests that count the memory and the steps of decoding. Uses only the core's public API.

mod chance;
mod decoders;
mod shapes;

pub use chance::random;
pub use decoders::{DECODERS, Decoder, wide_open};
pub use shapes::{Shape, counted, shapes};
