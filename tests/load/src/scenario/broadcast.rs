//! Somebody says something to everybody. A message is under way until everybody has it.

use super::rollcall::is_call;
use super::{Found, PADDING, Stage, micros, recorder};
use crate::fault::{Fault, Result};
use crate::ledger::Ledger;
use crate::packet::said;
use crate::world::{Orders, Scenario};
use hdrhistogram::Histogram;
use std::collections::VecDeque;
use std::time::{Duration, Instant};

pub(super) fn run(stage: &mut Stage, in_flight: usize, per_second: Option<u32>) -> Result<Found> {
    stage.gather()?;
    let mut broadcast = Broadcast::new(stage, in_flight, per_second)?;
    broadcast.go_on_for(stage.warm_up);
    stage.world.run(&mut broadcast)?;
    let (before, measured) = (broadcast.delivered, stage.measured);
    broadcast.latency.reset();
    let cost = stage.cost_of(|world| {
        broadcast.go_on_for(measured);
        world.run(&mut broadcast)
    })?;
    let delivered = broadcast.delivered - before;
    let mut found = Found::new("delivery", delivered, cost)?;
    found.disordered = broadcast.ledger.disordered;
    found.latency = broadcast.latency;
    found.more.insert("deliveries a second".to_owned(), delivered as f64 / cost.wall.as_secs_f64());
    Ok(found)
}

#[derive(Debug)]
struct Broadcast {
    clients: usize,
    in_flight: usize,
    pace: Option<Duration>,
    senders: Vec<Sender>,
    ledger: Ledger,
    /// When the next one is due, if they are paced.
    due: Instant,
    /// When there is enough.
    until: Instant,
    over: bool,
    said: u64,
    /// Messages that somebody has not got.
    open: usize,
    delivered: u64,
    latency: Histogram<u64>,
}

/// Somebody who speaks, and what it said that not everybody has.
#[derive(Debug, Default)]
struct Sender {
    client: usize,
    said: u64,
    /// When each was said, and how many have not got it.
    open: VecDeque<(Instant, usize)>,
}

impl Broadcast {
    fn new(stage: &Stage, in_flight: usize, per_second: Option<u32>) -> Result<Self> {
        let senders = stage.senders.clamp(1, stage.clients);
        let now = Instant::now();
        Ok(Self {
            clients: stage.clients,
            in_flight,
            pace: per_second.map(|n| Duration::from_secs(1) / n),
            senders: (0..senders)
                .map(|n| Sender { client: n * stage.clients / senders, ..Sender::default() })
                .collect(),
            ledger: Ledger::new(stage.clients, senders, stage.strict),
            due: now,
            until: now,
            over: false,
            said: 0,
            open: 0,
            delivered: 0,
            latency: recorder()?,
        })
    }

    fn go_on_for(&mut self, duration: Duration) {
        self.due = Instant::now();
        self.until = self.due + duration;
        self.over = false;
    }

    fn speak(&mut self, now: Instant, orders: &mut Orders) {
        self.over |= now >= self.until;
        while !self.over && self.open < self.in_flight && self.pace.is_none_or(|_| self.due <= now) {
            let at = self.pace.map_or(now, |_| self.due);
            self.due += self.pace.unwrap_or_default();
            let index = usize::try_from(self.said % self.senders.len() as u64).unwrap_or_default();
            let sender = &mut self.senders[index];
            orders.send(sender.client, format_args!(r#"2["say",{index},{},"{PADDING}"]"#, sender.said));
            sender.open.push_back((at, self.clients));
            sender.said += 1;
            self.said += 1;
            self.open += 1;
        }
    }
}

impl Scenario for Broadcast {
    fn packet(&mut self, who: usize, packet: &[u8], at: Instant, orders: &mut Orders) -> Result<()> {
        if is_call(packet) {
            return Ok(());
        }
        let (index, number) =
            said(packet).ok_or_else(|| Fault::new(format!("an unexpected {}", String::from_utf8_lossy(packet))))?;
        self.ledger.seen(who, index, number)?;
        let sender = &mut self.senders[index];
        let first = sender.said - sender.open.len() as u64;
        let place = number.checked_sub(first).and_then(|place| usize::try_from(place).ok());
        let Some((said, missing)) = place.and_then(|place| sender.open.get_mut(place)) else {
            return Err(Fault::new(format!("number {number} of {index} came, which was not said, or which all had")));
        };
        *missing -= 1;
        self.delivered += 1;
        self.latency.saturating_record(micros(at.saturating_duration_since(*said)));
        while sender.open.front().is_some_and(|(_, missing)| *missing == 0) {
            sender.open.pop_front();
            self.open -= 1;
        }
        if self.pace.is_none() {
            self.speak(at, orders);
        }
        Ok(())
    }

    fn tick(&mut self, now: Instant, orders: &mut Orders) -> Option<Instant> {
        self.speak(now, orders);
        Some(if self.pace.is_some() { self.due.min(self.until) } else { self.until }).filter(|_| !self.over)
    }

    fn is_done(&self) -> bool {
        self.over && self.open == 0
    }

    fn progress(&self) -> u64 {
        self.delivered
    }

    fn missing(&self) -> String {
        let sent: Vec<u64> = self.senders.iter().map(|sender| sender.said).collect();
        let behind = self.ledger.behind(&sent);
        let some: Vec<String> =
            behind.iter().take(5).map(|(who, of, next)| format!("{who} waits for {next} of {of}")).collect();
        format!("{} of {} clients miss something: {}", behind.len(), self.clients, some.join(", "))
    }
}
