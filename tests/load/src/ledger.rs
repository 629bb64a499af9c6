//! Who has to have seen what: everybody sees each number of each sender once, in order. Knows numbers, not packets.

use crate::fault::{Fault, Result};
use std::collections::BTreeSet;

/// What is seen by everybody, and how far each has got.
#[derive(Debug)]
pub struct Ledger {
    recipients: usize,
    /// The next number for each recipient, sender by sender: what many get of one lies together.
    next: Vec<u64>,
    /// Recipient, sender and number of what came before its time.
    early: BTreeSet<(usize, usize, u64)>,
    /// Whether what comes before its time is a fault.
    strict: bool,
    /// How many deliveries came before their time.
    pub disordered: u64,
}

impl Ledger {
    /// A ledger in which nobody has seen anything.
    #[must_use]
    pub fn new(recipients: usize, senders: usize, strict: bool) -> Self {
        Self { recipients, next: vec![0; recipients * senders], early: BTreeSet::new(), strict, disordered: 0 }
    }

    /// `recipient` has got `number` of `sender`.
    ///
    /// # Errors
    ///
    /// If it had got it already, or it is not the next one and order counts.
    pub fn seen(&mut self, recipient: usize, sender: usize, number: u64) -> Result<()> {
        let place = sender.checked_mul(self.recipients).map(|start| start + recipient);
        let Some(next) = place.and_then(|place| self.next.get_mut(place)) else {
            return Err(Fault::new(format!("client {recipient} got something of {sender}, who said nothing")));
        };
        if number == *next {
            *next += 1;
            while !self.early.is_empty() && self.early.remove(&(recipient, sender, *next)) {
                *next += 1;
            }
            return Ok(());
        }
        let wanted = *next;
        if number < wanted || !self.early.insert((recipient, sender, number)) {
            return Err(Fault::new(format!("client {recipient} got number {number} of {sender} twice")));
        }
        self.disordered += 1;
        if self.strict {
            let story = format!("client {recipient} got number {number} of {sender} where {wanted} was next");
            return Err(Fault::new(story));
        }
        Ok(())
    }

    /// Who has not got as far as it should: a recipient, a sender, and what it waits for.
    #[must_use]
    pub fn behind(&self, sent: &[u64]) -> Vec<(usize, usize, u64)> {
        let at = |index: usize| (index % self.recipients, index / self.recipients);
        let all = self.next.iter().enumerate().map(|(index, next)| (at(index), *next));
        all.filter(|((_, sender), next)| *next < sent[*sender])
            .map(|((who, sender), next)| (who, sender, next))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_twice_is_a_fault() {
        let mut ledger = Ledger::new(2, 1, false);
        ledger.seen(1, 0, 0).unwrap();
        assert!(ledger.seen(1, 0, 0).is_err());
        ledger.seen(1, 0, 2).unwrap();
        assert!(ledger.seen(1, 0, 2).is_err());
        ledger.seen(0, 0, 0).unwrap();
    }

    #[test]
    fn what_is_out_of_order_is_a_fault_or_counted() {
        assert!(Ledger::new(1, 1, true).seen(0, 0, 1).is_err());
        let mut ledger = Ledger::new(1, 1, false);
        for number in [1, 2, 0, 3] {
            ledger.seen(0, 0, number).unwrap();
        }
        assert_eq!(ledger.disordered, 2);
        assert_eq!(ledger.behind(&[4]), []);
    }

    #[test]
    fn who_misses_something_is_known() {
        let mut ledger = Ledger::new(2, 2, true);
        ledger.seen(0, 0, 0).unwrap();
        ledger.seen(0, 1, 0).unwrap();
        ledger.seen(1, 1, 0).unwrap();
        assert_eq!(ledger.behind(&[1, 1]), [(1, 0, 0)]);
        assert!(ledger.seen(0, 2, 0).is_err());
    }
}
