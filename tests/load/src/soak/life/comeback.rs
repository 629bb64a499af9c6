//! Clients that lost their connection and come back to their session: in time, and too late.

use super::Life;
use crate::client::Transport;
use crate::packet::Revision;
use crate::soak::session::{Claim, Session};
use crate::soak::wire::{PATIENCE, Step, fault};
use std::time::{Duration, Instant};

/// How long the program keeps a session that is lost, and how long it may take to notice the loss.
const KEPT: Duration = Duration::from_secs(120 + 30);
/// The longest absence, in milliseconds.
const AWAY: u64 = 2_000;

/// A client that is cut and comes back gets its session, under the same private id.
pub(super) fn in_time(life: &mut Life<'_>) -> Step<()> {
    let transport = if life.rng.bool() { Transport::Websocket } else { Transport::Polling };
    let manner = super::visit::on(life, transport, Revision::V4);
    let mut session = Session::join(life.place, manner, "{}")?;
    session.say(br#"42["chat message",{"description":"I shall be back"}]"#)?;
    let until = Instant::now() + PATIENCE;
    while session.claim.as_ref().is_some_and(|claim| claim.offset.is_empty()) {
        if session.next(until)?.is_none() {
            return fault("nothing that has an offset");
        }
    }
    let Some(claim) = session.claim.take() else { return fault("no private id") };
    let connection = if transport == Transport::Polling { session.take_poll() } else { session.websocket.take() };
    if let Some(wire) = connection.filter(|_| life.rng.bool()) {
        wire.reset()?;
    }
    drop(session);
    // A session on polling is lost when its heartbeat is.
    life.place.sleep(life.up_to(AWAY))?;
    let again = claimed(life, &claim)?;
    if transport == Transport::Websocket && again != claim.pid {
        return fault("a session was not recovered");
    }
    Ok(())
}

/// A client whose session is no longer kept, or never was, gets a new one.
pub(super) fn too_late(life: &mut Life<'_>) -> Step<()> {
    let never = || Claim { pid: "bm9ib2R5IGhhcyBldmVyIA".to_owned(), offset: "bm90aGluZw".to_owned() };
    let claim = life.lost.older_than(KEPT).unwrap_or_else(never);
    if claimed(life, &claim)? == claim.pid { fault("a session was recovered that was too old") } else { Ok(()) }
}

/// Comes with a claim; the private id of the session that is given for it.
fn claimed(life: &mut Life<'_>, claim: &Claim) -> Step<String> {
    let manner = super::visit::on(life, Transport::Websocket, Revision::V4);
    let auth = format!(r#"{{"pid":"{}","offset":"{}"}}"#, claim.pid, claim.offset);
    let mut session = Session::join(life.place, manner, &auth)?;
    session.listen(life.up_to(AWAY))?;
    match session.claim.take() {
        Some(given) => Ok(given.pid),
        None => fault("no private id"),
    }
}
