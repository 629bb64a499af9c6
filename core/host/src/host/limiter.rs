//! The connection limiter: how many connections there are, and whether one more may come. Knows addresses and numbers.

use crate::http::HttpConfig;
use crate::sync::lock;
use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
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
    by_address: HashMap<IpAddr, usize>,
    /// Connections that were not admitted and are being told so.
    refused: usize,
}

/// The place of one connection. To be given back by [`Limiter::release`].
#[derive(Debug)]
pub(super) enum Permit {
    /// It was admitted. `http`: it speaks HTTP still.
    Admitted { address: Option<IpAddr>, http: bool },
    /// It was not, and is told so.
    Refused,
    /// Another server counts it.
    Foreign,
}

impl Limiter {
    pub(super) fn new(config: Arc<HttpConfig>) -> Self {
        Self { counts: Mutex::default(), config }
    }

    /// A place for one more connection; one where it can be told that there is none; or nothing.
    pub(super) fn admit(&self, address: Option<IpAddr>) -> Option<Permit> {
        let address = address.map(counted_as);
        let mut counts = lock(&self.counts);
        let of_address = address.and_then(|address| counts.by_address.get(&address).copied()).unwrap_or(0);
        if counts.total >= self.config.max_connections || of_address >= self.config.max_connections_per_ip {
            let room = counts.refused < self.config.max_refusals;
            counts.refused += usize::from(room);
            return room.then_some(Permit::Refused);
        }
        if let Some(address) = address {
            counts.by_address.insert(address, of_address + 1);
        }
        counts.total += 1;
        counts.http += 1;
        Some(Permit::Admitted { address, http: true })
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
                if let Some(address) = address
                    && let Some(n) = counts.by_address.get_mut(address)
                {
                    *n -= 1;
                    if *n == 0 {
                        counts.by_address.remove(address);
                    }
                }
            }
            Permit::Refused => counts.refused -= 1,
            Permit::Foreign => {}
        }
    }

    /// How many connections there are, and how many of them speak HTTP.
    pub(super) fn counts(&self) -> (usize, usize) {
        let counts = lock(&self.counts);
        (counts.total, counts.http)
    }
}

/// The unit in which connections of one address are counted: an IPv4 address, or an IPv6 /64, of which a host has all.
fn counted_as(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() & (u128::MAX << 64))),
        v4 => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_one_host_are_counted_together() {
        let counted = |ip: &str| counted_as(ip.parse().unwrap());
        assert_eq!(counted("2001:db8::1"), counted("2001:db8::ffff:1"));
        assert_ne!(counted("2001:db8::1"), counted("2001:db8:0:1::1"));
        assert_eq!(counted("::ffff:192.0.2.1"), counted("192.0.2.1"));
        assert_ne!(counted("192.0.2.1"), counted("192.0.2.2"));
    }

    #[test]
    fn a_place_is_free_again_when_it_is_released() {
        let config =
            HttpConfig { max_connections: 3, max_connections_per_ip: 2, max_refusals: 1, ..HttpConfig::default() };
        let limiter = Limiter::new(Arc::new(config));
        let admit = |last| limiter.admit(Some(IpAddr::from([192, 0, 2, last]))).unwrap();
        let is_admitted = |permit: &Permit| matches!(permit, Permit::Admitted { .. });
        let (first, mut second) = (admit(1), admit(1));
        let refused = admit(1);
        assert!(is_admitted(&first) && is_admitted(&second) && !is_admitted(&refused), "two of one address");
        let third = admit(2);
        assert!(is_admitted(&third));
        assert!(limiter.admit(None).is_none(), "three in total, and one that is told so");
        limiter.release(&refused);
        assert!(!is_admitted(&admit(3)));
        limiter.leave_http(&mut second);
        assert_eq!(limiter.counts(), (3, 2));
        for permit in [first, second, third] {
            limiter.release(&permit);
        }
        assert_eq!(limiter.counts(), (0, 0));
        assert!(lock(&limiter.counts).by_address.is_empty());
    }
}
