//! Everybody connects as after a restart of the server, and stays. Whoever is refused or cut off comes again, as clients do.

use super::{Found, Stage, micros, recorder};
use crate::account::tcp_counters;
use crate::fault::{Fault, Result};
use crate::world::{Orders, Scenario};
use hdrhistogram::Histogram;
use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

/// The name of how often somebody was refused or cut off, and came again.
pub const CAME_AGAIN: &str = "came again";
/// Descriptors that are left to everything else.
const SPARE: u64 = 500;
/// Loopback's addresses that clients come from, so that there are ports enough.
pub(super) const SOURCES: u8 = 32;
/// How long somebody waits who was refused or cut off: the shortest first wait of socket.io's client.
const PAUSE: Duration = Duration::from_millis(500);

/// How many connections this process may have; what it starts has the same limit.
pub(super) fn at_most() -> usize {
    let limit = rlimit::Resource::NOFILE.get_soft().unwrap_or(1_024);
    usize::try_from(limit.saturating_sub(SPARE)).unwrap_or(usize::MAX).max(1)
}

pub(super) fn run(stage: &mut Stage, within: Duration) -> Result<Found> {
    let mut returning = Returning::new(stage.clients, within)?;
    let before = tcp_counters();
    let cost = stage.cost_of(|world| world.run(&mut returning))?;
    let after = tcp_counters();
    let mut found = Found::new("client", stage.clients as u64, cost)?;
    found.latency = returning.latency;
    found.until_in = Some([returning.most, returning.all].map(|took| took.as_secs_f64() * 1_000.0));
    found.more.insert(CAME_AGAIN.to_owned(), returning.retries as f64);
    // The system counts them for all its connections; those of others are few in a moment like this one.
    for (name, count) in after {
        let before = before.get(&name).copied().unwrap_or_default();
        found.more.insert(name, count.saturating_sub(before) as f64);
    }
    Ok(found)
}

#[derive(Debug)]
struct Returning {
    clients: usize,
    /// Between two clients.
    interval: Duration,
    begun: Option<Instant>,
    /// How many have begun to connect, those not counted that came again.
    begun_by: usize,
    /// When those were due first that are being opened, in that order.
    opening: VecDeque<Instant>,
    /// Who is on its way in, and when it was due first.
    under_way: BTreeMap<usize, Instant>,
    /// When somebody comes again, and when it was due first.
    again: VecDeque<(Instant, Instant)>,
    retries: u64,
    ready: usize,
    /// From the beginning until 99 of 100 were in, and until all were.
    most: Duration,
    all: Duration,
    latency: Histogram<u64>,
    /// What nobody should have got: no reason to come again.
    strange: bool,
}

impl Returning {
    fn new(clients: usize, within: Duration) -> Result<Self> {
        Ok(Self {
            clients,
            interval: within / u32::try_from(clients.max(1)).unwrap_or(u32::MAX),
            begun: None,
            begun_by: 0,
            opening: VecDeque::new(),
            under_way: BTreeMap::new(),
            again: VecDeque::new(),
            retries: 0,
            ready: 0,
            most: Duration::ZERO,
            all: Duration::ZERO,
            latency: recorder()?,
            strange: false,
        })
    }

    fn open(&mut self, due: Instant, orders: &mut Orders) {
        self.opening.push_back(due);
        orders.open();
    }
}

impl Scenario for Returning {
    fn opened(&mut self, who: usize) {
        if let Some(due) = self.opening.pop_front() {
            self.under_way.insert(who, due);
        }
    }

    fn ready(&mut self, who: usize, at: Instant, _orders: &mut Orders) -> Result<()> {
        let due = self.under_way.remove(&who).ok_or_else(|| Fault::new("it was let in twice"))?;
        self.latency.saturating_record(micros(at.saturating_duration_since(due)));
        self.ready += 1;
        let took = self.begun.map_or(Duration::ZERO, |begun| at - begun);
        if self.ready <= (self.clients * 99).div_ceil(100) {
            self.most = took;
        }
        self.all = took;
        Ok(())
    }

    fn packet(&mut self, _who: usize, packet: &[u8], _at: Instant, _orders: &mut Orders) -> Result<()> {
        self.strange = true;
        Err(Fault::new(format!("an unexpected {}", String::from_utf8_lossy(packet))))
    }

    fn lost(&mut self, who: usize, fault: Fault, at: Instant, _orders: &mut Orders) -> Result<()> {
        match self.under_way.remove(&who) {
            Some(due) if !self.strange => {
                self.again.push_back((at + PAUSE, due));
                self.retries += 1;
                Ok(())
            }
            // Whoever is in stays.
            _ => Err(fault),
        }
    }

    fn tick(&mut self, now: Instant, orders: &mut Orders) -> Option<Instant> {
        let begun = *self.begun.get_or_insert(now);
        let mut next = None;
        while self.begun_by < self.clients {
            let due = begun + self.interval * u32::try_from(self.begun_by).unwrap_or(u32::MAX);
            if due > now {
                next = Some(due);
                break;
            }
            self.begun_by += 1;
            self.open(due, orders);
        }
        while let Some((_, due)) = self.again.front().copied().filter(|(at, _)| *at <= now) {
            self.again.pop_front();
            self.open(due, orders);
        }
        let again = self.again.front().map(|(at, _)| *at);
        next.into_iter().chain(again).min()
    }

    fn is_done(&self) -> bool {
        self.ready == self.clients
    }

    fn progress(&self) -> u64 {
        self.ready as u64
    }

    fn missing(&self) -> String {
        let (ready, all, retries) = (self.ready, self.clients, self.retries);
        format!("{ready} of {all} clients are in, and {retries} times somebody was turned away")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_is_turned_away_comes_again() {
        let mut returning = Returning::new(2, Duration::ZERO).unwrap();
        let (mut orders, now) = (Orders::default(), Instant::now());
        assert_eq!(returning.tick(now, &mut orders), None);
        returning.opened(0);
        returning.opened(1);
        let later = now + PAUSE / 4;
        returning.lost(1, Fault::new("refused"), later, &mut orders).unwrap();
        returning.ready(0, now + PAUSE / 2, &mut orders).unwrap();
        assert_eq!(returning.tick(later, &mut orders), Some(later + PAUSE));
        assert_eq!(returning.tick(later + PAUSE, &mut orders), None);
        returning.opened(1);
        assert!(!returning.is_done());
        returning.ready(1, now + 2 * PAUSE, &mut orders).unwrap();
        assert!(returning.is_done());
        assert_eq!((returning.retries, returning.all), (1, 2 * PAUSE));
        // It waited from when it was due first.
        assert!(returning.latency.max() >= 999_000);
    }

    #[test]
    fn whoever_is_in_is_not_to_be_cut_off() {
        let mut returning = Returning::new(1, Duration::ZERO).unwrap();
        let (mut orders, now) = (Orders::default(), Instant::now());
        returning.tick(now, &mut orders);
        returning.opened(0);
        returning.ready(0, now, &mut orders).unwrap();
        assert!(returning.lost(0, Fault::new("cut off"), now, &mut orders).is_err());
        // Nor is whoever gets what it should not have got a client that was turned away.
        let mut returning = Returning::new(1, Duration::ZERO).unwrap();
        returning.tick(now, &mut orders);
        returning.opened(0);
        let fault = returning.packet(0, b"2[]", now, &mut orders).unwrap_err();
        assert!(returning.lost(0, fault, now, &mut orders).is_err());
    }
}
