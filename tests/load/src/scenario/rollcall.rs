//! Makes sure that everybody is in its room. Some servers tell a client that it is in before they have done for it what they
//! do on a connection; what is said meanwhile passes it by, which is not what is measured here. So somebody of each circle
//! calls until all have heard it.

use super::PADDING;
use super::circles::Circles;
use crate::fault::{Fault, Result};
use crate::packet::said;
use crate::world::{Orders, Scenario};
use std::time::{Duration, Instant};

/// The sender that calls; what it says is no part of any count.
const CALLER: usize = 1_000_000;
/// How long to wait before the next call.
const PAUSE: Duration = Duration::from_millis(500);

/// Whether this is a call, late perhaps.
pub(super) fn is_call(packet: &[u8]) -> bool {
    said(packet).is_some_and(|(sender, _)| sender == CALLER)
}

/// Calls until everybody has heard one call.
#[derive(Debug)]
pub(super) struct RollCall {
    circles: Circles,
    /// The last call that each has heard, beginning with 1.
    heard: Vec<u64>,
    calls: u64,
    /// How many have heard the last call.
    present: usize,
    again: Instant,
    total: u64,
}

impl RollCall {
    pub(super) fn of(clients: usize, circles: Circles) -> Self {
        Self { circles, heard: vec![0; clients], calls: 0, present: 0, again: Instant::now(), total: 0 }
    }
}

impl Scenario for RollCall {
    fn packet(&mut self, who: usize, packet: &[u8], _at: Instant, _orders: &mut Orders) -> Result<()> {
        let call = said(packet).filter(|(sender, _)| *sender == CALLER).map(|(_, number)| number);
        let call = call.ok_or_else(|| Fault::new(format!("an unexpected {}", String::from_utf8_lossy(packet))))?;
        let heard = &mut self.heard[who];
        if call == self.calls && *heard < call {
            self.present += 1;
            // Whoever calls in vain makes no progress.
            self.total += u64::from(*heard == 0);
        }
        *heard = call.max(*heard);
        Ok(())
    }

    fn tick(&mut self, now: Instant, orders: &mut Orders) -> Option<Instant> {
        if now >= self.again {
            if self.calls == 0 {
                (0..self.heard.len()).for_each(|who| self.circles.enter(who, orders));
            }
            self.again = now + PAUSE;
            self.calls += 1;
            self.present = 0;
            // The first client of each circle calls.
            for who in 0..self.circles.count().min(self.heard.len()) {
                self.circles.say(who, (CALLER, self.calls), PADDING, orders);
            }
        }
        Some(self.again)
    }

    fn is_done(&self) -> bool {
        self.present == self.heard.len()
    }

    fn progress(&self) -> u64 {
        self.total
    }

    fn missing(&self) -> String {
        let absent = self.heard.iter().filter(|heard| **heard < self.calls).count();
        format!("{absent} of {} clients did not hear call {}", self.heard.len(), self.calls)
    }
}
