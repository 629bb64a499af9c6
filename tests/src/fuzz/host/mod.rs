//! A whole server between bytes and application: several connections, their clients' bytes interleaved, sockets that take as
//! much as a command says, time, and the server's end. Each tape is played three times: twice the same, and with the bytes of
//! each turn in other pieces. What clients get must be the same.
//!
//! The first line of the tape has flags: `t` small limits, `p` MessagePack, `e` Engine.IO alone, `r` clients may come back, `a`
//! somebody is asked whether a client is let in, `2` two shards, `c` nothing is compressed, `v` in the end clients are silent
//! instead of gone.

mod application;
mod bench;
mod wire;

use crate::bytes::tape::{Cut, Tape};
use bench::Bench;

/// The life of a server.
///
/// # Panics
///
/// If something does not hold.
pub fn host(data: &[u8]) {
    let (flags, tape) = Tape::new(data);
    let whole = Bench::play(flags, tape.clone(), Cut::Whole);
    let again = Bench::play(flags, tape.clone(), Cut::Whole);
    assert_eq!(again.hash, whole.hash, "twice the same is not the same");
    let seed = data.iter().fold(0_u64, |seed, byte| seed.wrapping_mul(31).wrapping_add(u64::from(*byte)));
    let cut = if seed % 2 == 0 { Cut::One } else { Cut::Anywhere(fastrand::Rng::with_seed(seed)) };
    let pieces = Bench::play(flags, tape, cut);
    if !whole.depends && !pieces.depends {
        assert_eq!(pieces.written, whole.written, "in pieces it is not the same");
    }
}
