//! Readers that are slow, or none at all, until the server closes them.

use super::Life;
use super::visit::on;
use crate::client::Transport;
use crate::packet::Revision;
use crate::soak::server::{PING_INTERVAL, PING_TIMEOUT};
use crate::soak::session::{Manner, frame};
use crate::soak::wire::{Cut, PATIENCE, Step, fault};
use std::time::{Duration, Instant};

/// Bytes of their receive buffers.
const BUFFER: usize = 2_048;
/// When the server must have closed a WebSocket: the queue that it keeps for one client is full long before.
const LONGEST: Duration = Duration::from_secs(60);
/// How long a poll is not read, at most: longer than a heartbeat may stay without an answer, in milliseconds.
const UNREAD: u64 = 3 * (PING_INTERVAL + PING_TIMEOUT);
/// How often they read a byte, if they do.
const PAUSE: Duration = Duration::from_millis(100);
/// How long the server keeps for a polling client what it then does not read.
const MEANWHILE: Duration = Duration::from_secs(3);

/// A WebSocket whose heartbeats go on and from which nothing is read, or a byte now and then.
pub(super) fn websocket(life: &mut Life<'_>, reads: bool) -> Step<()> {
    let revision = if life.rng.bool() { Revision::V3 } else { Revision::V4 };
    let manner = Manner { buffer: Some(BUFFER), ..on(life, Transport::Websocket, revision) };
    let mut session = life.join(manner)?;
    let Some(mut wire) = session.websocket.take() else { return Ok(()) };
    let beat: &[u8] = if revision == Revision::V3 { b"2" } else { b"3" };
    let (until, mut beat_at) = (Instant::now() + LONGEST, Instant::now());
    while Instant::now() < until {
        if Instant::now() >= beat_at {
            beat_at = Instant::now() + Duration::from_millis(PING_INTERVAL);
            match frame(&mut wire, beat) {
                Err(Cut::Closed) => return Ok(()),
                other => other?,
            }
        }
        if reads {
            match wire.nibble() {
                Err(Cut::Closed) => return Ok(()),
                other => other?,
            }
        }
        life.place.sleep(PAUSE)?;
    }
    fault(format!("a WebSocket that is not read is still open after {LONGEST:.0?}"))
}

/// A poll whose answer is not read, or a byte now and then.
pub(super) fn poll(life: &mut Life<'_>, reads: bool) -> Step<()> {
    let manner = Manner { buffer: Some(BUFFER), compressed: false, ..life.manner_on(Transport::Polling) };
    let mut session = life.join(manner)?;
    life.place.sleep(MEANWHILE)?;
    session.poll()?;
    let Some(mut wire) = session.take_poll() else { return Ok(()) };
    let until = Instant::now() + Duration::from_millis(PING_INTERVAL + PING_TIMEOUT) + life.up_to(UNREAD);
    while Instant::now() < until {
        if reads {
            match wire.nibble() {
                Err(Cut::Closed) => break,
                other => other?,
            }
        }
        life.place.sleep(PAUSE)?;
    }
    // Whether or not its connection is closed, the session has to be.
    drop(wire);
    session.ended_within(PATIENCE)
}
