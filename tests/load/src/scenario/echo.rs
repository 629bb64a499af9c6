//! Each client sends events that are to be acked with their text, so many at a time.

use super::circles::Circles;
use super::rollcall::is_call;
use super::{Found, PADDING, Stage, micros, recorder};
use crate::fault::{Fault, Result};
use crate::ledger::Ledger;
use crate::packet::ack;
use crate::world::{Orders, Scenario};
use hdrhistogram::Histogram;
use std::collections::VecDeque;
use std::time::{Duration, Instant};

pub(super) fn run(stage: &mut Stage, outstanding: usize) -> Result<Found> {
    Circles::One.gather(&mut stage.world, stage.clients)?;
    let mut echo = Echo {
        outstanding,
        people: (0..stage.clients).map(|_| Person::default()).collect(),
        ledger: Ledger::new(stage.clients, 1, stage.strict),
        until: Instant::now(),
        begun: false,
        over: false,
        open: 0,
        acked: 0,
        latency: recorder()?,
        expected: format!(r#"["{PADDING}"]"#).into_bytes(),
    };
    echo.go_on_for(stage.warm_up);
    stage.world.run(&mut echo)?;
    let (before, measured) = (echo.acked, stage.measured);
    echo.latency.reset();
    let cost = stage.cost_of(|world| {
        echo.go_on_for(measured);
        world.run(&mut echo)
    })?;
    let acked = echo.acked - before;
    let mut found = Found::new("ack", acked, cost)?;
    found.disordered = echo.ledger.disordered;
    found.latency = echo.latency;
    Ok(found)
}

#[derive(Debug)]
struct Echo {
    outstanding: usize,
    people: Vec<Person>,
    ledger: Ledger,
    until: Instant,
    begun: bool,
    over: bool,
    open: usize,
    acked: u64,
    latency: Histogram<u64>,
    expected: Vec<u8>,
}

/// What a client has asked that has not been acked: when, or nothing where a later one was acked first.
#[derive(Debug, Default)]
struct Person {
    asked: u64,
    open: VecDeque<Option<Instant>>,
}

impl Echo {
    fn go_on_for(&mut self, duration: Duration) {
        self.until = Instant::now() + duration;
        (self.begun, self.over) = (false, false);
    }

    fn ask(&mut self, who: usize, now: Instant, orders: &mut Orders) {
        let person = &mut self.people[who];
        orders.send(who, format_args!(r#"2{}["echo","{PADDING}"]"#, person.asked));
        person.asked += 1;
        person.open.push_back(Some(now));
        self.open += 1;
    }
}

impl Scenario for Echo {
    fn packet(&mut self, who: usize, packet: &[u8], at: Instant, orders: &mut Orders) -> Result<()> {
        if is_call(packet) {
            return Ok(());
        }
        let unexpected = || Fault::new(format!("an unexpected {}", String::from_utf8_lossy(packet)));
        let (number, args) = ack(packet).ok_or_else(unexpected)?;
        if args != self.expected && serde_json::from_slice::<[&str; 1]>(args).ok() != Some([PADDING]) {
            return Err(unexpected());
        }
        self.ledger.seen(who, 0, number)?;
        let person = &mut self.people[who];
        let first = person.asked - person.open.len() as u64;
        let place = number.checked_sub(first).and_then(|place| usize::try_from(place).ok());
        let asked = place.and_then(|place| person.open.get_mut(place)?.take()).ok_or_else(unexpected)?;
        while person.open.front().is_some_and(Option::is_none) {
            person.open.pop_front();
        }
        self.latency.saturating_record(micros(at.saturating_duration_since(asked)));
        self.open -= 1;
        self.acked += 1;
        self.over |= at >= self.until;
        if !self.over {
            self.ask(who, at, orders);
        }
        Ok(())
    }

    fn tick(&mut self, now: Instant, orders: &mut Orders) -> Option<Instant> {
        if !self.begun {
            self.begun = true;
            for who in 0..self.people.len() {
                for _ in 0..self.outstanding {
                    self.ask(who, now, orders);
                }
            }
        }
        self.over |= now >= self.until;
        Some(self.until).filter(|_| !self.over)
    }

    fn is_done(&self) -> bool {
        self.over && self.open == 0
    }

    fn progress(&self) -> u64 {
        self.acked
    }

    fn missing(&self) -> String {
        let waiting = self.people.iter().filter(|person| !person.open.is_empty()).count();
        format!("{} acks are missing, of {waiting} clients", self.open)
    }
}
