//! The connection limiter: how many connections there are, and whether one more may come.

use super::addresses::{Address, Addresses};
use super::stats::Stats;
use crate::http::HttpConfig;
use crate::sync::lock;
use sanket::Time;
use std::sync::{Arc, Mutex};

/// Counts connections.
#[derive(Debug)]
pub(super) struct Limiter {
    counts: Mutex<Counts>,
    config: Arc<HttpConfig>,
}

#[derive(Debug, Default)]
struct Counts {
    /// Connections that were admitted, those that speak WebSocket included.
    total: usize,
    /// Of these, those that speak HTTP.
    http: usize,
    /// Connections that were not admitted and are being told so.
    refused: usize,
    ever: Ever,
}

/// What only grows.
#[derive(Clone, Copy, Debug, Default)]
struct Ever {
    /// Connections that came.
    accepted: u64,
    /// Of these, those for which there was no place, whatever their address.
    refused_in_total: u64,
    /// Those that were refused and could not be told so.
    dropped: u64,
}

/// The place of one connection. To be given back by [`Limiter::release`].
#[derive(Debug)]
pub(super) enum Permit {
    /// It was admitted. `http`: it speaks HTTP still.
    Admitted { address: Option<Arc<Address>>, http: bool },
    /// It was not, and is told so. `by_address`: since there are too many from its address.
    Refused { by_address: bool },
    /// Another server counts it.
    Foreign,
}

impl Limiter {
    pub(super) fn new(config: Arc<HttpConfig>) -> Self {
        Self { counts: Mutex::default(), config }
    }

    /// A place for one more connection; one where it can be told that there is none; or nothing.
    pub(super) fn admit(&self, addresses: &Addresses, address: Option<Arc<Address>>, now: Time) -> Option<Permit> {
        let mut counts = lock(&self.counts);
        counts.ever.accepted += 1;
        let has_room = counts.total < self.config.max_connections;
        if has_room && address.as_ref().is_none_or(|address| addresses.connect(address, now)) {
            counts.total += 1;
            counts.http += 1;
            return Some(Permit::Admitted { address, http: true });
        }
        let can_be_told = counts.refused < self.config.max_refusals;
        counts.refused += usize::from(can_be_told);
        counts.ever.refused_in_total += u64::from(!has_room);
        counts.ever.dropped += u64::from(!can_be_told);
        can_be_told.then_some(Permit::Refused { by_address: has_room })
    }

    /// The connection speaks another protocol from now on.
    pub(super) fn leave_http(&self, permit: &mut Permit) {
        if let Permit::Admitted { http, .. } = permit
            && std::mem::take(http)
        {
            lock(&self.counts).http -= 1;
        }
    }

    /// The connection is over.
    pub(super) fn release(&self, permit: &Permit) {
        let mut counts = lock(&self.counts);
        match permit {
            Permit::Admitted { address, http } => {
                counts.total -= 1;
                counts.http -= usize::from(*http);
                address.iter().for_each(|address| address.disconnect());
            }
            Permit::Refused { .. } => counts.refused -= 1,
            Permit::Foreign => {}
        }
    }

    /// Puts the numbers into `stats`.
    pub(super) fn read(&self, stats: &mut Stats) {
        let counts = lock(&self.counts);
        (stats.connections, stats.http_connections) = (counts.total as u64, counts.http as u64);
        let Ever { accepted, refused_in_total, dropped } = counts.ever;
        (stats.accepted, stats.refused_in_total, stats.dropped) = (accepted, refused_in_total, dropped);
    }

    /// How many connections there are, and how many of them speak HTTP.
    pub(super) fn counts(&self) -> (usize, usize) {
        let counts = lock(&self.counts);
        (counts.total, counts.http)
    }
}

#[cfg(test)]
mod tests {
    use super::super::addresses::AddressLimits;
    use super::*;
    use std::net::IpAddr;

    #[test]
    fn a_place_is_free_again_when_it_is_released() {
        let config = HttpConfig { max_connections: 3, max_refusals: 1, ..HttpConfig::default() };
        let addresses = Addresses::new(AddressLimits { connections: 2, ..AddressLimits::default() });
        let (limiter, now) = (Limiter::new(Arc::new(config)), Time::from_millis(1));
        let admit = |last| {
            let address = addresses.find(IpAddr::from([192, 0, 2, last]), now);
            limiter.admit(&addresses, Some(address), now).unwrap()
        };
        let is_admitted = |permit: &Permit| matches!(permit, Permit::Admitted { .. });
        let (first, mut second) = (admit(1), admit(1));
        let refused = admit(1);
        assert!(is_admitted(&first) && is_admitted(&second), "two of one address");
        assert!(matches!(refused, Permit::Refused { by_address: true }));
        let third = admit(2);
        assert!(is_admitted(&third));
        assert!(limiter.admit(&addresses, None, now).is_none(), "three in total, and one that is told so");
        limiter.release(&refused);
        let refused = admit(3);
        assert!(matches!(refused, Permit::Refused { by_address: false }));
        limiter.release(&refused);
        limiter.leave_http(&mut second);
        assert_eq!(limiter.counts(), (3, 2));
        for permit in [first, second, third] {
            limiter.release(&permit);
        }
        assert_eq!(limiter.counts(), (0, 0));
        assert!(is_admitted(&admit(1)) && is_admitted(&admit(1)) && !is_admitted(&admit(1)));
    }
}
