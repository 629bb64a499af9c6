//! One connection of the host, and everything that a client, an application and a driver may do to it, in any order. Each tape is
//! played three times, its bytes handed over as wholes, one by one, and in pieces of any size: what is seen must be the same.
//!
//! The first line of the tape has flags: `t` small limits, `s` the client takes what is written only when a command says so, `f`
//! bytes are handed over although none should be read, `u` another server has upgraded the connection, `v` in the end the
//! client is silent instead of gone.

mod app;
mod bench;

use crate::bytes::tape::{Cut, Tape};
use bench::Bench;

/// A connection's life.
///
/// # Panics
///
/// If something does not hold.
pub fn connection(data: &[u8]) {
    let (flags, tape) = Tape::new(data);
    let whole = Bench::play(flags, tape.clone(), Cut::Whole);
    let one = Bench::play(flags, tape.clone(), Cut::One);
    let seed = data.iter().fold(0_u64, |seed, byte| seed.wrapping_mul(31).wrapping_add(u64::from(*byte)));
    let pieces = Bench::play(flags, tape, Cut::Anywhere(fastrand::Rng::with_seed(seed)));
    if let (Some(whole), Some(one), Some(pieces)) = (&whole, one, pieces) {
        assert_eq!(one, *whole, "byte by byte it is not the same");
        assert_eq!(pieces, *whole, "in pieces it is not the same");
    }
}
