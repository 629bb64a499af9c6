//! Upgrades that are begun and not ended.

use super::Life;
use super::visit::gone;
use crate::client::Transport;
use crate::soak::session::frame;
use crate::soak::wire::{PATIENCE, Step};
use std::time::Duration;

/// The server's `upgrade_timeout`, and some time for a machine that has other work.
const TIMEOUT: Duration = Duration::from_secs(10 + 10);
/// How long somebody listens meanwhile, in milliseconds.
const MEANWHILE: u64 = 2_000;

/// A WebSocket on which nothing is said, until the server closes it; the session goes on over polling.
pub(super) fn without_probe(life: &mut Life<'_>) -> Step<()> {
    let manner = life.manner_on(Transport::Polling);
    let mut session = life.join(manner)?;
    let mut wire = session.open_websocket()?;
    if life.rng.u8(..4) > 0 {
        // Most do not wait for the server's patience to end.
        return session.listen(life.up_to(MEANWHILE));
    }
    for _ in 0..TIMEOUT.as_secs() {
        session.listen(Duration::from_secs(1))?;
    }
    wire.closed_within(PATIENCE)
}

/// A probe that is answered and never followed by a `5`.
pub(super) fn without_end(life: &mut Life<'_>) -> Step<()> {
    let manner = life.manner_on(Transport::Polling);
    let mut session = life.join(manner)?;
    let mut wire = session.probed()?;
    if life.rng.u8(..4) > 0 {
        return session.listen(life.up_to(MEANWHILE));
    }
    for _ in 0..TIMEOUT.as_secs() {
        session.listen(Duration::from_secs(1))?;
    }
    wire.closed_within(PATIENCE)
}

/// A WebSocket that is cut before or after its probe; the session goes on over polling.
pub(super) fn cut(life: &mut Life<'_>) -> Step<()> {
    let manner = life.manner_on(Transport::Polling);
    let mut session = life.join(manner)?;
    let mut wire = if life.rng.bool() { session.probed()? } else { session.open_websocket()? };
    if life.rng.bool() {
        frame(&mut wire, b"2pr")?;
    }
    if life.rng.bool() {
        wire.reset()?;
    } else {
        drop(wire);
    }
    session.listen(life.up_to(MEANWHILE))
}

/// The session ends while its WebSocket is probed.
pub(super) fn of_a_session_that_ends(life: &mut Life<'_>) -> Step<()> {
    let manner = life.manner_on(Transport::Polling);
    let mut session = life.join(manner)?;
    let mut wire = if life.rng.bool() { session.probed()? } else { session.open_websocket()? };
    session.say(b"1")?;
    if life.rng.bool() {
        gone(frame(&mut wire, b"5"))?;
    }
    wire.closed_within(TIMEOUT)
}
