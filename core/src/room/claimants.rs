//! What the clients of each address were sent of missed events lately: many sessions of one address are limited together.

use crate::network::Network;
use crate::time::Time;
use alloc::collections::BTreeMap;

/// Addresses that are known at the same time. When there are more, those that have not used up anything are forgotten, or else
/// any.
const MAX: usize = 10_000;

/// The addresses.
#[derive(Debug, Default)]
pub(crate) struct Claimants(BTreeMap<Network, Claimant>);

#[derive(Debug)]
struct Claimant {
    /// When nothing is used up.
    full_at: Time,
    /// What the last replay has cost, in milliseconds.
    last: u64,
}

impl Claimants {
    /// When there may be a replay for this address, if that is later than `now`. The time is then reserved for one like the last
    /// one. `burst` is how much may be used up, in milliseconds.
    pub(crate) fn wait(&mut self, network: Network, burst: u64, now: Time) -> Option<Time> {
        let claimant = self.0.get_mut(&network)?;
        let at = Time::from_millis(claimant.full_at.as_millis().saturating_sub(burst));
        if at <= now {
            return None;
        }
        claimant.full_at = claimant.full_at.after(claimant.last.max(1));
        Some(at)
    }

    /// There was a replay that has cost so many milliseconds. `reserved`: it has waited for it.
    pub(crate) fn spend(&mut self, network: Network, millis: u64, reserved: bool, now: Time) {
        if self.0.len() >= MAX && !self.0.contains_key(&network) {
            self.0.retain(|_, claimant| claimant.full_at > now);
            if self.0.len() >= MAX {
                self.0.pop_first();
            }
        }
        let claimant = self.0.entry(network).or_insert(Claimant { full_at: now, last: 0 });
        claimant.last = millis;
        if !reserved {
            claimant.full_at = claimant.full_at.max(now).after(millis);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(millis: u64) -> Time {
        Time::from_millis(millis)
    }

    #[test]
    fn replays_of_an_address_wait_one_behind_the_other() {
        let (one, other) = (Network::V4([192, 0, 2, 1]), Network::V4([192, 0, 2, 2]));
        let mut claimants = Claimants::default();
        assert_eq!(claimants.wait(one, 100, at(0)), None);
        claimants.spend(one, 130, false, at(0));
        let waits = [(); 3].map(|()| claimants.wait(one, 100, at(0)));
        assert_eq!(waits, [Some(at(30)), Some(at(160)), Some(at(290))]);
        assert_eq!(claimants.wait(other, 100, at(0)), None);
        claimants.spend(one, 130, true, at(30));
        assert_eq!(claimants.wait(one, 100, at(419)), Some(at(420)));
        assert_eq!(claimants.wait(one, 100, at(1_000)), None);
    }

    #[test]
    fn so_many_addresses_are_known() {
        let mut claimants = Claimants::default();
        for n in 0..20_001 {
            claimants.spend(Network::V6([0, 0, 0, n]), 10, false, at(0));
        }
        assert_eq!(claimants.0.len(), MAX);
        claimants.spend(Network::V6([1; 4]), 10, false, at(100));
        assert_eq!(claimants.0.len(), 1, "the others have used up nothing");
    }
}
