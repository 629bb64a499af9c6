//! Who comes from which address, and how much of its share each address has used up. The table has a bound: addresses that come
//! when it is full share one entry, so that they are limited all the same.

use super::bucket::{Bucket, Rate};
use super::trim::trim_map;
use crate::sync::lock;
use sanket::driver::Key;
use sanket::{Network, Time};
use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

/// Milliseconds between two searches for addresses that nobody needs to know of any more, when there is no room.
const SWEEP: u64 = 1_000;
/// The same when there is, and more than [`FEW`] are known.
const SWEEP_AT_EASE: u64 = 30_000;
/// So many addresses are not worth a search, unless they are all that may be.
const FEW: usize = 1_024;
/// Bytes after which a connection waits for the whole debt of its address; after fewer, for a part of it. About what one read
/// brings.
const SHARE: u64 = 16 << 10;

/// What one address may have and do: an IPv4 address, or for IPv6 one /64 ([`Network`]). Behind a proxy that is
/// [trusted](crate::request::RequestOptions::trusted_proxies), addresses are those of its clients, and its own connections are not
/// counted. On a mounted server, connections, CONNECT packets and bytes are the other server's to limit. The reference has no such
/// limits; nginx has `limit_conn` and `limit_req`, which are off by default.
///
/// Rates are `None` by default: what is normal, only the operator knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AddressLimits {
    /// Connections at the same time, WebSockets included; of the clients of a trusted proxy, WebSockets only. Default 1,024: several
    /// hundred browser tabs behind one NAT are within it. Beyond it: 429, close.
    pub connections: usize,
    /// New connections. Beyond it: 429, close. Connections of a trusted proxy are not counted.
    pub connects: Option<Rate>,
    /// Sessions at the same time. Default 50,000: half of [`Config::max_sessions`](sanket::Config::max_sessions). A handshake beyond
    /// it gets a response 429.
    pub sessions: usize,
    /// Of the sessions that the address opened last, how many may be unjoined, as
    /// [`Config::max_unjoined`](sanket::Config::max_unjoined) counts. One more handshake ends the oldest of them, if it still is.
    /// Default 10,000: a fifth of `max_unjoined`, so that a flood of handshakes keeps nobody out, not even others behind the same
    /// address.
    pub unjoined: usize,
    /// Handshakes. One beyond it gets a response 429.
    pub handshakes: Option<Rate>,
    /// CONNECT packets. Beyond it, connections that have sent some are not read from until the rate allows, and new ones neither.
    pub joins: Option<Rate>,
    /// Bytes received; behind a trusted proxy those of POST bodies and WebSockets. Beyond it, connections are read from less often:
    /// each waits for a part of the address's debt, the larger the more it has sent, so that heartbeats of others are heard in
    /// time; new ones wait for all of it. A debt is a minute at most.
    pub bytes: Option<Rate>,
    /// Addresses that are known at the same time, of some 200 bytes each, and some 30 for each of its last `unjoined` sessions.
    /// Default 65,536. Those that come when so many are in use are limited as if they were one.
    pub max_addresses: usize,
}

impl Default for AddressLimits {
    fn default() -> Self {
        Self {
            connections: 1_024,
            connects: None,
            sessions: 50_000,
            unjoined: 10_000,
            handshakes: None,
            joins: None,
            bytes: None,
            max_addresses: 65_536,
        }
    }
}

/// How often a limit of [`AddressLimits`] was hit, by the name of its field.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct AddressHits {
    /// Connections that were refused, since there were too many.
    pub connections: u64,
    /// Connections that were refused, since they came too fast.
    pub connects: u64,
    /// Handshakes that were refused, since there were too many sessions.
    pub sessions: u64,
    /// Unjoined sessions that were ended for new ones.
    pub unjoined: u64,
    /// Handshakes that were refused, since they came too fast.
    pub handshakes: u64,
    /// How often a connection was not read from because of CONNECT packets.
    pub joins: u64,
    /// How often a connection was not read from because of bytes.
    pub bytes: u64,
}

/// The same, counted. Relaxed: no other memory depends on it.
#[derive(Debug, Default)]
struct Hits([AtomicU64; 7]);

#[derive(Clone, Copy)]
enum Hit {
    Connections,
    Connects,
    Sessions,
    Unjoined,
    Handshakes,
    Joins,
    Bytes,
}

impl Hits {
    /// Counts a hit, unless it `is_within` the limit. Returns whether it is.
    fn check(&self, hit: Hit, is_within: bool) -> bool {
        if !is_within {
            self.0[hit as usize].fetch_add(1, Ordering::Relaxed);
        }
        is_within
    }

    fn get(&self, hit: Hit) -> u64 {
        self.0[hit as usize].load(Ordering::Relaxed)
    }
}

/// All addresses that somebody is from, or was from a short time ago.
#[derive(Debug)]
pub(super) struct Addresses {
    limits: AddressLimits,
    table: Mutex<Table>,
    hits: Hits,
}

#[derive(Debug, Default)]
struct Table {
    known: HashMap<Network, Arc<Address>>,
    /// Those for which there is no room.
    others: Arc<Address>,
    swept: Time,
}

/// One address.
#[derive(Debug, Default)]
pub(super) struct Address {
    connections: AtomicUsize,
    connects: Bucket,
    sessions: AtomicUsize,
    handshakes: Bucket,
    joins: Bucket,
    bytes: Bucket,
    opened: Mutex<Opened>,
}

/// The sessions that were opened last, in this order.
#[derive(Debug, Default)]
struct Opened {
    sessions: BTreeMap<u64, Key>,
    last: u64,
}

/// The place of one session among those of its address. To be given back by [`Place::leave`].
#[derive(Debug)]
pub(super) struct Place {
    address: Arc<Address>,
    number: u64,
}

/// The address has as many sessions as it may have, or opens them too fast.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TooMany;

impl Addresses {
    pub(super) fn new(limits: AddressLimits) -> Self {
        Self { limits, table: Mutex::default(), hits: Hits::default() }
    }

    /// The address, which is known from now on.
    pub(super) fn find(&self, address: IpAddr, now: Time) -> Arc<Address> {
        let address = Network::from(address);
        let mut table = lock(&self.table);
        if let Some(known) = table.known.get(&address) {
            return known.clone();
        }
        if table.known.len() >= self.limits.max_addresses && table.swept.after(SWEEP) <= now {
            table.sweep(now);
        }
        if table.known.len() >= self.limits.max_addresses {
            return table.others.clone();
        }
        table.known.entry(address).or_default().clone()
    }

    /// Forgets those that nobody needs to know of any more, now and then.
    pub(super) fn tidy(&self, now: Time) {
        let mut table = lock(&self.table);
        if table.known.len() > FEW && table.swept.after(SWEEP_AT_EASE) <= now {
            table.sweep(now);
        }
    }

    /// One more connection. Returns whether it may be.
    pub(super) fn connect(&self, address: &Address, now: Time) -> bool {
        let in_time = self.limits.connects.is_none_or(|rate| address.connects.take(rate, now));
        self.hits.check(Hit::Connects, in_time) && self.occupy(address)
    }

    /// One more connection, however fast they come. Returns whether it may be.
    pub(super) fn occupy(&self, address: &Address) -> bool {
        self.hits.check(Hit::Connections, increase(&address.connections, self.limits.connections))
    }

    /// One more session is to be opened. [`Addresses::opened`] or [`Address::session_over`] is to follow.
    pub(super) fn open(&self, address: &Address, now: Time) -> Result<(), TooMany> {
        let in_time = self.limits.handshakes.is_none_or(|rate| address.handshakes.take(rate, now));
        let is_within = self.hits.check(Hit::Handshakes, in_time)
            && self.hits.check(Hit::Sessions, increase(&address.sessions, self.limits.sessions));
        is_within.then_some(()).ok_or(TooMany)
    }

    /// It was. Returns its place, and a session that is to end if it has joined no namespace.
    pub(super) fn opened(&self, address: &Arc<Address>, key: Key) -> (Place, Option<Key>) {
        let mut opened = lock(&address.opened);
        opened.last += 1;
        let number = opened.last;
        opened.sessions.insert(number, key);
        let is_over = opened.sessions.len() > self.limits.unjoined.max(1);
        let oldest = if is_over { opened.sessions.pop_first().map(|(_, key)| key) } else { None };
        (Place { address: address.clone(), number }, oldest)
    }

    /// An unjoined session has made way for a new one.
    pub(super) fn made_way(&self) {
        self.hits.check(Hit::Unjoined, false);
    }

    /// Until when a new connection is not to be read from, since others of its address have sent too much.
    pub(super) fn debt(&self, address: &Address, now: Time) -> Option<Time> {
        let debt = |rate: Option<Rate>, bucket: &Bucket| rate.map_or(0, |rate| bucket.debt(rate, now));
        until(debt(self.limits.bytes, &address.bytes).max(debt(self.limits.joins, &address.joins)), now)
    }

    /// CONNECT packets were received. Returns until when their connection is not to be read from.
    pub(super) fn joins(&self, address: &Address, count: impl FnOnce() -> usize, now: Time) -> Option<Time> {
        let rate = self.limits.joins?;
        let count = count();
        if count == 0 {
            return None;
        }
        address.joins.spend(rate, count as u64, now);
        let until = until(address.joins.debt(rate, now), now);
        self.hits.check(Hit::Joins, until.is_none());
        until
    }

    /// Bytes were received. Returns until when their connection is not to be read from.
    pub(super) fn received(&self, address: &Address, bytes: usize, now: Time) -> Option<Time> {
        let rate = self.limits.bytes?;
        address.bytes.spend(rate, bytes as u64, now);
        // Whoever has sent little waits little: each connection gets as many bytes through in the time of a debt.
        let part = (bytes as u64).min(SHARE);
        let wait = u128::from(address.bytes.debt(rate, now)) * u128::from(part) / u128::from(SHARE);
        let until = until(u64::try_from(wait).unwrap_or(u64::MAX), now);
        self.hits.check(Hit::Bytes, until.is_none());
        until
    }

    /// How often each limit was hit.
    pub(super) fn hits(&self) -> AddressHits {
        AddressHits {
            connections: self.hits.get(Hit::Connections),
            connects: self.hits.get(Hit::Connects),
            sessions: self.hits.get(Hit::Sessions),
            unjoined: self.hits.get(Hit::Unjoined),
            handshakes: self.hits.get(Hit::Handshakes),
            joins: self.hits.get(Hit::Joins),
            bytes: self.hits.get(Hit::Bytes),
        }
    }
}

impl Table {
    /// Forgets addresses that nobody is from, and that owe nothing.
    fn sweep(&mut self, now: Time) {
        self.swept = now;
        self.known.retain(|_, address| Arc::strong_count(address) > 1 || !address.has_paid(now));
        trim_map(&mut self.known);
    }
}

/// When so many nanoseconds have passed, unless it is at once.
fn until(nanos: u64, now: Time) -> Option<Time> {
    const NANOS: u64 = 1_000_000;
    (nanos > 0).then(|| now.after(nanos.div_ceil(NANOS)))
}

impl Address {
    /// A session has ended, or could not be opened after all.
    pub(super) fn session_over(&self) {
        self.sessions.fetch_sub(1, Ordering::Relaxed);
    }

    /// A connection is over that [`Addresses::connect`] let in.
    pub(super) fn disconnect(&self) {
        self.connections.fetch_sub(1, Ordering::Relaxed);
    }

    fn has_paid(&self, now: Time) -> bool {
        [&self.connects, &self.handshakes, &self.joins, &self.bytes].iter().all(|bucket| bucket.is_full(now))
    }
}

impl Place {
    /// The session has ended.
    pub(super) fn leave(self) {
        lock(&self.address.opened).sessions.remove(&self.number);
        self.address.session_over();
    }
}

/// Adds one to a count that is less than `max`. Relaxed: no other memory depends on it.
fn increase(count: &AtomicUsize, max: usize) -> bool {
    count.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |n| (n < max).then_some(n + 1)).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use sanket::Revision;
    use sanket::driver::{NewSession, Opening, Shard, Sid};

    fn at(millis: u64) -> Time {
        Time::from_millis(1_700_000_000_000 + millis)
    }

    fn address(last: u8) -> IpAddr {
        IpAddr::from([192, 0, 2, last])
    }

    fn key(n: u32) -> Key {
        // A shard is the only one that makes keys.
        let mut shard = Shard::new(0, Arc::default());
        let mut keys = (0..=n).map(|n| {
            let sid = Sid::from_bytes(u128::from(n + 1).to_be_bytes());
            let (revision, opening) = (Revision::V4, Opening::Polling { base64: false });
            let new = NewSession { sid, public: sid, private: sid, revision, opening, handshake: None };
            shard.open(new, at(0)).expect("there is room")
        });
        keys.next_back().expect("one at least")
    }

    #[test]
    fn a_session_too_many_is_refused_until_another_has_ended() {
        let addresses = Addresses::new(AddressLimits { sessions: 2, ..AddressLimits::default() });
        let one = addresses.find(address(1), at(0));
        let open = |n| addresses.open(&one, at(0)).map(|()| addresses.opened(&one, key(n)).0);
        let (first, second) = (open(0).expect("room"), open(1).expect("room"));
        assert_eq!(open(2).expect_err("there are two"), TooMany);
        first.leave();
        let third = open(2).expect("room again");
        assert!(open(3).is_err());
        assert!(addresses.open(&addresses.find(address(2), at(0)), at(0)).is_ok(), "others have room");
        [second, third].into_iter().for_each(Place::leave);
        assert!(lock(&one.opened).sessions.is_empty());
        assert_eq!(one.sessions.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn the_oldest_without_a_namespace_makes_way() {
        let addresses = Addresses::new(AddressLimits { unjoined: 2, ..AddressLimits::default() });
        let one = addresses.find(address(1), at(0));
        let opened: Vec<_> = (0..4).map(|n| addresses.opened(&one, key(n))).collect();
        let made_way: Vec<_> = opened.iter().map(|(_, oldest)| *oldest).collect();
        assert_eq!(made_way, [None, None, Some(key(0)), Some(key(1))]);
    }

    #[test]
    fn joins_and_bytes_are_waited_for_by_whoever_sent_them() {
        let rate = Some(Rate { burst: 10, per_second: 10 });
        let addresses = Addresses::new(AddressLimits { joins: rate, bytes: rate, ..AddressLimits::default() });
        let one = addresses.find(address(1), at(0));
        assert_eq!(addresses.joins(&one, || 10, at(0)), None);
        assert_eq!(addresses.joins(&one, || 1, at(0)), Some(at(100)));
        assert_eq!(addresses.joins(&one, || 0, at(0)), None);
        let two = addresses.find(address(2), at(0));
        // A full share waits for the whole debt, a part of one for a part of it.
        assert_eq!(addresses.received(&two, 16 << 10, at(0)), Some(at(60_000)));
        assert_eq!(addresses.received(&two, 4 << 10, at(0)), Some(at(15_000)));
        assert_eq!(addresses.received(&two, 8, at(0)), Some(at(30)));
        assert_eq!(addresses.debt(&two, at(0)), Some(at(60_000)));
        assert_eq!((addresses.debt(&one, at(0)), addresses.debt(&one, at(100))), (Some(at(100)), None));
        let unlimited = Addresses::new(AddressLimits::default());
        assert_eq!(unlimited.received(&one, usize::MAX, at(0)), None);
        assert_eq!(unlimited.joins(&one, || unreachable!("nobody counts"), at(0)), None);
        assert_eq!(unlimited.debt(&one, at(0)), None);
    }

    #[test]
    fn the_table_has_a_bound_and_those_beyond_it_share_an_entry() {
        let rate = Some(Rate { burst: 1, per_second: 1 });
        let limits = AddressLimits { max_addresses: 2, handshakes: rate, ..AddressLimits::default() };
        let addresses = Addresses::new(limits);
        let open = |last, now| addresses.open(&addresses.find(address(last), at(now)), at(now)).is_ok();
        assert!(open(1, 0) && open(2, 0));
        assert!(open(3, 0) && !open(4, 0), "they are limited as if they were one");
        assert_eq!(lock(&addresses.table).known.len(), 2);
        // The first two have paid, and nobody is from there.
        assert!(open(4, 1_000) && open(5, 1_000));
        assert_eq!(lock(&addresses.table).known.len(), 2);
        assert!(lock(&addresses.table).known.contains_key(&Network::from(address(4))));
    }

    #[test]
    fn a_crowd_of_addresses_is_forgotten_when_it_has_gone() {
        let addresses = Addresses::new(AddressLimits::default());
        let from = |n: u16| addresses.find(IpAddr::from([192, 0, n.to_be_bytes()[0], n.to_be_bytes()[1]]), at(0));
        let mut crowd: Vec<_> = (0..10_000).map(from).collect();
        addresses.tidy(at(SWEEP_AT_EASE));
        assert_eq!(lock(&addresses.table).known.len(), 10_000, "all are there");
        crowd.truncate(7);
        addresses.tidy(at(2 * SWEEP_AT_EASE - 1));
        assert_eq!(lock(&addresses.table).known.len(), 10_000, "not so soon");
        addresses.tidy(at(2 * SWEEP_AT_EASE));
        let table = lock(&addresses.table);
        assert_eq!(table.known.len(), 7);
        assert!(table.known.capacity() < 4 * FEW, "{}", table.known.capacity());
    }
}
