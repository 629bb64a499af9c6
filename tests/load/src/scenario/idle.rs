//! Clients that do nothing but be there: what memory they take, what their heartbeats cost.

use super::{AT_A_TIME, Found, Stage};
use crate::fault::{Fault, Result};
use crate::scenario::circles::Circles;
use crate::scenario::crowd::Crowd;
use crate::world::{Orders, Scenario};
use std::time::{Duration, Instant};

/// Clients that come before it is counted, for what the first ones cost once: a tenth of all, at most so many.
const FIRST: usize = 200;
/// How long a server is left alone before its memory is looked at.
const REST: Duration = Duration::from_secs(2);

/// Resident memory that each client takes.
pub(super) fn memory(stage: &mut Stage) -> Result<Found> {
    let server = stage.server.ok_or_else(|| Fault::new("memory can only be measured with --pid"))?;
    let first = FIRST.min(stage.clients / 10).max(1);
    stage.world.run(&mut Crowd::of(first, AT_A_TIME))?;
    stage.world.run(&mut Idle::of(REST))?;
    let (before, rest) = (server.resident()?, stage.clients - first);
    let cost = stage.cost_of(|world| {
        world.run(&mut Crowd::of(rest, AT_A_TIME))?;
        world.run(&mut Idle::of(REST))
    })?;
    let after = server.resident()?;
    let mut found = Found::new("client", rest as u64, cost)?;
    found.kib_per_client = Some((after as f64 - before as f64) / rest as f64);
    Ok(found)
}

/// What keeping clients costs, as a share of one processor.
pub(super) fn heartbeats(stage: &mut Stage) -> Result<Found> {
    Circles::One.gather(&mut stage.world, stage.clients)?;
    stage.world.run(&mut Idle::of(stage.warm_up))?;
    let measured = stage.measured;
    let cost = stage.cost_of(|world| world.run(&mut Idle::of(measured)))?;
    let mut found = Found::new("client", stage.clients as u64, cost)?;
    if let Some(server) = cost.server {
        found.more.insert("percent of a processor".to_owned(), server as f64 / cost.wall.as_micros() as f64 * 100.0);
    }
    Ok(found)
}

#[derive(Debug)]
struct Idle {
    until: Instant,
    now: Instant,
    turns: u64,
}

impl Idle {
    fn of(duration: Duration) -> Self {
        let now = Instant::now();
        Self { until: now + duration, now, turns: 0 }
    }
}

impl Scenario for Idle {
    fn packet(&mut self, _who: usize, packet: &[u8], _at: Instant, _orders: &mut Orders) -> Result<()> {
        Err(Fault::new(format!("an unexpected {}", String::from_utf8_lossy(packet))))
    }

    fn tick(&mut self, now: Instant, _orders: &mut Orders) -> Option<Instant> {
        self.now = now;
        self.turns += 1;
        Some(self.until)
    }

    fn is_done(&self) -> bool {
        self.now >= self.until
    }

    fn progress(&self) -> u64 {
        self.turns
    }

    fn missing(&self) -> String {
        "nothing is missing".to_owned()
    }
}
