//! Everybody joins at once and everybody is told of all of them, of each at once or of several together, again and again. Nothing is under way when the next storm
//! begins: everybody has seen the last count.

use super::circles::Circles;
use super::rollcall::is_call;
use super::{Found, Stage, micros, recorder};
use crate::fault::{Fault, Result};
use crate::packet::joined;
use crate::world::{Orders, Scenario};
use hdrhistogram::Histogram;
use std::collections::BTreeSet;
use std::time::{Duration, Instant};

pub(super) fn run(stage: &mut Stage, each: bool) -> Result<Found> {
    Circles::One.gather(&mut stage.world, stage.clients)?;
    let mut storm = Storm::new(stage.clients, each, stage.strict)?;
    storm.go_on_for(Duration::ZERO);
    stage.world.run(&mut storm)?;
    let (joins, notices, measured) = (storm.joins, storm.notices, stage.measured);
    storm.latency.reset();
    let cost = stage.cost_of(|world| {
        storm.go_on_for(measured);
        world.run(&mut storm)
    })?;
    let (joins, notices) = (storm.joins - joins, storm.notices - notices);
    let mut found = if each { Found::new("notice", notices, cost)? } else { Found::new("join", joins, cost)? };
    found.disordered = storm.disordered;
    found.latency = storm.latency;
    if !each {
        found.more.insert("notices".to_owned(), notices as f64);
        if let Some(server) = cost.server {
            found.more.insert("server µs a notice".to_owned(), server as f64 / notices.max(1) as f64);
        }
    }
    Ok(found)
}

#[derive(Debug)]
struct Storm {
    /// Whether each join is to be told by a notice of its own.
    each: bool,
    /// Of how many joins each has been told.
    told: Vec<u64>,
    /// Joins that each has been told of before it was told of those before them.
    early: Vec<BTreeSet<u64>>,
    strict: bool,
    disordered: u64,
    joins: u64,
    began: Instant,
    until: Instant,
    begun: bool,
    over: bool,
    up_to_date: usize,
    notices: u64,
    latency: Histogram<u64>,
}

impl Storm {
    fn new(clients: usize, each: bool, strict: bool) -> Result<Self> {
        Ok(Self {
            each,
            told: vec![0; clients],
            early: vec![BTreeSet::new(); clients],
            strict,
            disordered: 0,
            joins: 0,
            began: Instant::now(),
            until: Instant::now(),
            begun: false,
            over: false,
            up_to_date: 0,
            notices: 0,
            latency: recorder()?,
        })
    }

    fn go_on_for(&mut self, duration: Duration) {
        self.until = Instant::now() + duration;
        (self.begun, self.over) = (false, false);
    }

    fn all_join(&mut self, now: Instant, orders: &mut Orders) {
        self.began = now;
        self.up_to_date = 0;
        self.joins += self.told.len() as u64;
        for who in 0..self.told.len() {
            let name = if self.each { "arrive" } else { "join" };
            orders.send(who, format_args!(r#"2["{name}"]"#));
        }
    }
}

impl Scenario for Storm {
    fn packet(&mut self, who: usize, packet: &[u8], at: Instant, _orders: &mut Orders) -> Result<()> {
        if is_call(packet) {
            return Ok(());
        }
        let notice =
            joined(packet).ok_or_else(|| Fault::new(format!("an unexpected {}", String::from_utf8_lossy(packet))))?;
        if self.each && notice.joined != 1 {
            return Err(Fault::new(format!("told of {} joins in one notice", notice.joined)));
        }
        let (told, early) = (&mut self.told[who], &mut self.early[who]);
        self.notices += 1;
        let before = notice.count.checked_sub(notice.joined.max(1));
        let first = before.ok_or_else(|| Fault::new("told of more joins than there were"))? + 1;
        if first == *told + 1 {
            *told = notice.count;
            while early.remove(&(*told + 1)) {
                *told += 1;
            }
        } else {
            let wanted = *told + 1;
            self.disordered += 1;
            let is_new = first > wanted && (first..=notice.count).all(|join| early.insert(join));
            if self.strict || !is_new {
                return Err(Fault::new(format!("told of join {first} where {wanted} was next")));
            }
        }
        if *told > self.joins {
            return Err(Fault::new(format!("told of {told} joins when there were {}", self.joins)));
        }
        if *told == self.joins {
            self.up_to_date += 1;
            self.latency.saturating_record(micros(at.saturating_duration_since(self.began)));
        }
        Ok(())
    }

    fn tick(&mut self, now: Instant, orders: &mut Orders) -> Option<Instant> {
        if !self.begun {
            self.begun = true;
            self.all_join(now, orders);
        } else if self.up_to_date == self.told.len() && !self.over {
            self.over = now >= self.until;
            if !self.over {
                self.all_join(now, orders);
            }
        }
        None
    }

    fn is_done(&self) -> bool {
        self.over
    }

    fn progress(&self) -> u64 {
        self.notices
    }

    fn missing(&self) -> String {
        let behind = self.told.len() - self.up_to_date;
        let least = self.told.iter().min().copied().unwrap_or_default();
        format!("{behind} clients have not been told of all {} joins, somebody only of {least}", self.joins)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_notice_of_several_joins_is_for_those_who_do_not_want_each() {
        for each in [true, false] {
            let mut storm = Storm::new(2, each, true).unwrap();
            let (now, mut orders) = (Instant::now(), Orders::default());
            storm.tick(now, &mut orders);
            let both = storm.packet(0, br#"2["joined",{"count":2,"joined":2}]"#, now, &mut orders);
            assert_eq!(both.is_err(), each);
            storm.packet(1, br#"2["joined",{"count":1}]"#, now, &mut orders).unwrap();
            storm.packet(1, br#"2["joined",{"count":2}]"#, now, &mut orders).unwrap();
            assert!(storm.packet(1, br#"2["joined",{"count":3}]"#, now, &mut orders).is_err());
        }
    }
}
