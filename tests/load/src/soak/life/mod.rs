//! What clients that come and go do, one life each. A life fails if it did not get as far as it is about: a server that
//! refuses everybody would be flat, too.

mod comeback;
mod garbage;
mod slow;
mod upgrade;
mod visit;

use super::session::{Claim, Manner, Session};
use super::wire::{Place, Step};
use crate::client::Transport;
use crate::packet::Revision;
use fastrand::Rng;
use std::collections::VecDeque;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use visit::End;

/// Sessions that were cut and that somebody may come back to.
const KEPT: usize = 4_096;
/// Addresses that each kind of life comes from.
const ADDRESSES: u8 = 20;

/// A kind of life.
#[derive(Debug)]
pub struct Kind {
    /// Its name.
    pub name: &'static str,
    /// How often it is chosen.
    weight: u32,
    live: fn(&mut Life<'_>) -> Step<()>,
}

/// All kinds.
pub static KINDS: &[Kind] = &[
    kind("closes", 10, |life| visit::visit(life, End::Close)),
    kind("leaves the namespace", 6, |life| visit::visit(life, End::Leave)),
    kind("ends with a FIN", 10, |life| visit::visit(life, End::Fin)),
    kind("ends with a RST", 8, |life| visit::visit(life, End::Reset)),
    kind("falls silent", 3, |life| visit::visit(life, End::Silence)),
    kind("is cut in a head", 4, |life| visit::visit(life, End::InHead)),
    kind("is cut in a body", 4, |life| visit::visit(life, End::InBody)),
    kind("is cut in a frame", 4, |life| visit::visit(life, End::InFrame)),
    kind("aborts a poll", 4, |life| visit::visit(life, End::AbortedPoll)),
    kind("polls twice at once", 4, |life| visit::visit(life, End::TwoPolls)),
    kind("upgrade without a probe", 3, upgrade::without_probe),
    kind("upgrade without its end", 3, upgrade::without_end),
    kind("upgrade that is cut", 4, upgrade::cut),
    kind("upgrade of a session that ends", 4, upgrade::of_a_session_that_ends),
    kind("WebSocket that reads slowly", 1, |life| slow::websocket(life, true)),
    kind("WebSocket that does not read", 1, |life| slow::websocket(life, false)),
    kind("poll that reads slowly", 1, |life| slow::poll(life, true)),
    kind("poll that is not read", 1, |life| slow::poll(life, false)),
    kind("comes back in time", 6, comeback::in_time),
    kind("comes back too late", 3, comeback::too_late),
    kind("random bytes", 4, garbage::random_bytes),
    kind("malformed packets", 6, garbage::malformed_packets),
    kind("bad requests", 6, garbage::bad_requests),
    kind("too much", 3, garbage::too_much),
    kind("bad frames", 4, garbage::bad_frames),
];

const fn kind(name: &'static str, weight: u32, live: fn(&mut Life<'_>) -> Step<()>) -> Kind {
    Kind { name, weight, live }
}

/// One of [`KINDS`], by chance.
pub fn choose(rng: &mut Rng) -> usize {
    let all: u32 = KINDS.iter().map(|kind| kind.weight).sum();
    let mut left = rng.u32(..all);
    let chosen = KINDS.iter().position(|kind| {
        let is_it = left < kind.weight;
        left = left.saturating_sub(kind.weight);
        is_it
    });
    chosen.unwrap_or(0)
}

/// Sessions that were cut, the oldest first.
#[derive(Debug, Default)]
pub struct Lost(Mutex<VecDeque<(Instant, Claim)>>);

impl Lost {
    fn add(&self, claim: Claim) {
        let mut lost = self.lock();
        if lost.len() < KEPT {
            lost.push_back((Instant::now(), claim));
        }
    }

    /// One that was cut longer ago than that.
    fn older_than(&self, age: Duration) -> Option<Claim> {
        let mut lost = self.lock();
        let (at, _) = lost.front()?;
        if at.elapsed() > age { lost.pop_front().map(|(_, claim)| claim) } else { None }
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<(Instant, Claim)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One life.
#[derive(Debug)]
pub struct Life<'a> {
    place: &'a Place,
    lost: &'a Lost,
    rng: Rng,
    from: IpAddr,
}

impl<'a> Life<'a> {
    /// Lives a life of one of [`KINDS`].
    ///
    /// # Errors
    ///
    /// If it did not get as far as it is about.
    pub fn live(place: &'a Place, lost: &'a Lost, mut rng: Rng, kind: usize) -> Step<()> {
        // Limits by address are to be reached by nobody whose life is not about them.
        let of_kind = u8::try_from(kind).unwrap_or(u8::MAX);
        let from = IpAddr::V4(Ipv4Addr::new(127, 1, of_kind, 1 + rng.u8(..ADDRESSES)));
        (KINDS[kind].live)(&mut Self { place, lost, rng, from })
    }

    /// Any way to speak.
    fn manner(&mut self) -> Manner {
        let transport = match self.rng.u8(..4) {
            0 => Transport::Polling,
            1 => Transport::Upgrade,
            _ => Transport::Websocket,
        };
        self.manner_on(transport)
    }

    fn manner_on(&mut self, transport: Transport) -> Manner {
        let revision = if self.rng.u8(..3) == 0 { Revision::V3 } else { Revision::V4 };
        let jsonp = self.place.jsonp && transport != Transport::Websocket && self.rng.u8(..4) == 0;
        Manner { revision, transport, compressed: self.rng.bool(), jsonp, from: self.from, buffer: None }
    }

    fn join(&mut self, manner: Manner) -> Step<Session<'a>> {
        Session::join(self.place, manner, "")
    }

    /// A time up to so many milliseconds.
    fn up_to(&mut self, millis: u64) -> Duration {
        Duration::from_millis(self.rng.u64(..millis))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_is_chosen_as_often_as_it_weighs() {
        let mut rng = Rng::with_seed(1);
        let mut count = vec![0_u32; KINDS.len()];
        let all: u32 = KINDS.iter().map(|kind| kind.weight).sum();
        (0..all * 1_000).for_each(|_| count[choose(&mut rng)] += 1);
        for (kind, count) in KINDS.iter().zip(count) {
            assert!(count > kind.weight * 800 && count < kind.weight * 1_200, "{}: {count}", kind.name);
        }
    }
}
