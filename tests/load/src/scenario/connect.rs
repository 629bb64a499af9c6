//! Clients come and go, some at a time: each is let in, and closes as soon as it is.

use super::{Found, Stage, micros, recorder};
use crate::fault::{Fault, Result};
use crate::world::{Orders, Scenario};
use hdrhistogram::Histogram;
use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

pub(super) fn run(stage: &mut Stage, at_a_time: usize) -> Result<Found> {
    let mut coming = Coming {
        at_a_time,
        here: BTreeMap::new(),
        opened: VecDeque::new(),
        until: Instant::now(),
        over: false,
        under_way: 0,
        gone: 0,
        latency: recorder()?,
    };
    coming.go_on_for(stage.warm_up);
    stage.world.run(&mut coming)?;
    let (before, measured) = (coming.gone, stage.measured);
    coming.latency.reset();
    let cost = stage.cost_of(|world| {
        coming.go_on_for(measured);
        world.run(&mut coming)
    })?;
    let gone = coming.gone - before;
    let mut found = Found::new("client", gone, cost)?;
    found.latency = coming.latency;
    Ok(found)
}

#[derive(Debug)]
struct Coming {
    at_a_time: usize,
    /// Who is in and was told to close, and when it came in.
    here: BTreeMap<usize, Instant>,
    /// When those were opened that are on their way in; they are let in about in that order.
    opened: VecDeque<Instant>,
    until: Instant,
    over: bool,
    under_way: usize,
    gone: u64,
    latency: Histogram<u64>,
}

impl Coming {
    fn go_on_for(&mut self, duration: Duration) {
        self.until = Instant::now() + duration;
        self.over = false;
    }
}

impl Scenario for Coming {
    fn ready(&mut self, who: usize, at: Instant, orders: &mut Orders) -> Result<()> {
        if self.here.insert(who, at).is_some() {
            return Err(Fault::new("it was let in twice"));
        }
        if let Some(opened) = self.opened.pop_front() {
            self.latency.saturating_record(micros(at.saturating_duration_since(opened)));
        }
        orders.close(who);
        Ok(())
    }

    fn packet(&mut self, _who: usize, packet: &[u8], _at: Instant, _orders: &mut Orders) -> Result<()> {
        Err(Fault::new(format!("an unexpected {}", String::from_utf8_lossy(packet))))
    }

    fn closed(&mut self, who: usize, _at: Instant, _orders: &mut Orders) -> Result<()> {
        self.here.remove(&who).ok_or_else(|| Fault::new("it is gone and was never in"))?;
        self.under_way -= 1;
        self.gone += 1;
        Ok(())
    }

    fn tick(&mut self, now: Instant, orders: &mut Orders) -> Option<Instant> {
        self.over |= now >= self.until;
        while !self.over && self.under_way < self.at_a_time {
            orders.open();
            self.opened.push_back(now);
            self.under_way += 1;
        }
        Some(self.until).filter(|_| !self.over)
    }

    fn is_done(&self) -> bool {
        self.over && self.under_way == 0
    }

    fn progress(&self) -> u64 {
        self.gone
    }

    fn missing(&self) -> String {
        let leaving = self.here.len();
        format!("{} clients are on their way in, {leaving} on their way out", self.under_way - leaving)
    }
}
