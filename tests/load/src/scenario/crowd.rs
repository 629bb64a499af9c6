//! Brings clients in, some at a time.

use crate::fault::{Fault, Result};
use crate::world::{Orders, Scenario};
use std::time::Instant;

/// Clients on their way in.
#[derive(Debug)]
pub(super) struct Crowd {
    wanted: usize,
    at_a_time: usize,
    opened: usize,
    ready: usize,
}

impl Crowd {
    pub(super) fn of(wanted: usize, at_a_time: usize) -> Self {
        Self { wanted, at_a_time, opened: 0, ready: 0 }
    }
}

impl Scenario for Crowd {
    fn ready(&mut self, _who: usize, _at: Instant, _orders: &mut Orders) -> Result<()> {
        self.ready += 1;
        Ok(())
    }

    fn packet(&mut self, _who: usize, packet: &[u8], _at: Instant, _orders: &mut Orders) -> Result<()> {
        Err(Fault::new(format!("somebody said {} before anybody spoke", String::from_utf8_lossy(packet))))
    }

    fn tick(&mut self, _now: Instant, orders: &mut Orders) -> Option<Instant> {
        while self.opened < self.wanted && self.opened - self.ready < self.at_a_time {
            self.opened += 1;
            orders.open();
        }
        None
    }

    fn is_done(&self) -> bool {
        self.ready == self.wanted
    }

    fn progress(&self) -> u64 {
        self.ready as u64
    }

    fn missing(&self) -> String {
        format!("{} of {} clients are in, {} more are on their way", self.ready, self.wanted, self.opened - self.ready)
    }
}
