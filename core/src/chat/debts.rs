//! What people who left still owe for their messages, by their addresses: whoever comes again at once does not begin
//! anew.

use crate::network::Network;
use crate::time::Time;
use alloc::collections::BTreeSet;

/// A debt is the time until which somebody has sent all that the limit allows.
#[derive(Debug)]
pub(crate) struct Debts {
    max: usize,
    /// The number makes equal debts of one network two.
    by_network: BTreeSet<(Network, Time, u64)>,
    by_time: BTreeSet<(Time, u64, Network)>,
    last: u64,
}

impl Debts {
    /// At most `max` debts are kept.
    pub(crate) fn new(max: usize) -> Self {
        Self { max, by_network: BTreeSet::new(), by_time: BTreeSet::new(), last: 0 }
    }

    /// Keeps what somebody owes who leaves. Debts that are over are dropped, and the smallest if there are too many.
    pub(crate) fn keep(&mut self, network: Network, paid_until: Time, now: Time) {
        if paid_until > now {
            self.last += 1;
            self.by_network.insert((network, paid_until, self.last));
            self.by_time.insert((paid_until, self.last, network));
        }
        while let Some(&(until, number, network)) = self.by_time.first()
            && (until <= now || self.by_time.len() > self.max)
        {
            self.by_time.pop_first();
            self.by_network.remove(&(network, until, number));
        }
    }

    /// Takes over the largest debt of a network: that of whoever comes again is not larger. The others stay, because
    /// several people may have one address.
    pub(crate) fn take(&mut self, network: Network) -> Option<Time> {
        let all = (network, Time::default(), 0)..=(network, Time::NEVER, u64::MAX);
        let largest @ (_, until, number) = *self.by_network.range(all).next_back()?;
        self.by_network.remove(&largest);
        self.by_time.remove(&(until, number, network));
        Some(until)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(millis: u64) -> Time {
        Time::from_millis(millis)
    }

    fn network(address: &str) -> Network {
        Network::parse(address).expect("an address")
    }

    #[test]
    fn who_comes_takes_over_the_largest_debt_of_the_address_and_only_that() {
        let (here, there) = (network("192.0.2.1"), network("192.0.2.2"));
        let mut debts = Debts::new(9);
        for (network, until) in [(here, 30), (here, 50), (here, 50), (there, 90), (here, 10)] {
            debts.keep(network, at(until), at(10));
        }
        let taken = [here, here, there, here, here, there].map(|network| debts.take(network));
        assert_eq!(taken, [Some(at(50)), Some(at(50)), Some(at(90)), Some(at(30)), None, None]);
        assert!(debts.by_network.is_empty() && debts.by_time.is_empty());
    }

    #[test]
    fn debts_that_are_over_are_dropped_and_the_smallest_of_too_many() {
        let networks = ["192.0.2.1", "192.0.2.2", "192.0.2.3", "192.0.2.4"].map(network);
        let mut debts = Debts::new(2);
        for (network, until) in networks.into_iter().zip([40, 30, 50, 20]) {
            debts.keep(network, at(until), at(10));
            assert!(debts.by_time.len() <= 2 && debts.by_network.len() == debts.by_time.len());
        }
        assert_eq!(networks.map(|network| debts.take(network)), [Some(at(40)), None, Some(at(50)), None]);
        debts.keep(networks[0], at(40), at(10));
        debts.keep(networks[1], at(41), at(40));
        assert_eq!(debts.by_time.len(), 1);
        debts.keep(networks[1], at(41), at(41));
        assert!(debts.by_time.is_empty() && debts.by_network.is_empty());
    }
}
