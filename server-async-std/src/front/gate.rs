//! Who is inside: counts connections, admits them or not, and spreads the word that the house closes. Knows addresses and
//! numbers; refuses to know HTTP and sockets.
use super::config::FrontConfig;
use event_listener::{Event, EventListener};
use rustc_hash::FxHashMap;
use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::sync::atomic::{AtomicU8, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Waker};

/// The life of a front door; it only goes forward.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd)]
#[repr(u8)]
pub(super) enum Phase {
    /// Connections are accepted.
    Open = 0,
    /// No new connection; what is under way is finished.
    Draining = 1,
    /// The time for that is over.
    Cut = 2,
}

#[derive(Debug, Default)]
struct Counts {
    /// Every admitted connection, upgraded or not.
    total: usize,
    /// Those that still speak HTTP.
    http: usize,
    per_ip: HashMap<IpAddr, usize>,
    addrs: Vec<SocketAddr>,
    /// Who is woken when the phase changes, each as long as there is its ear.
    ears: FxHashMap<u64, Waker>,
}

#[derive(Debug)]
pub(super) struct Gate {
    phase: AtomicU8,
    phase_changed: Event,
    counts: Mutex<Counts>,
    no_http_left: Event,
    next_ear: AtomicU64,
    refusals: AtomicUsize,
    max_connections: usize,
    max_per_ip: usize,
    max_refusals: usize,
}

impl Gate {
    pub(super) fn new(config: &FrontConfig) -> Self {
        Self {
            phase: AtomicU8::new(Phase::Open as u8),
            phase_changed: Event::new(),
            counts: Mutex::default(),
            no_http_left: Event::new(),
            next_ear: AtomicU64::new(0),
            refusals: AtomicUsize::new(0),
            max_connections: config.max_connections,
            max_per_ip: config.max_connections_per_ip,
            max_refusals: config.max_refusals,
        }
    }

    // Nothing in here panics while it holds the lock, and counts stay usable if something ever did.
    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn reached(&self, phase: Phase) -> bool {
        self.phase.load(Ordering::SeqCst) >= phase as u8
    }

    pub(super) fn advance(&self, phase: Phase) {
        self.phase.fetch_max(phase as u8, Ordering::SeqCst);
        self.phase_changed.notify(usize::MAX);
        let ears: Vec<_> = self.counts().ears.values().cloned().collect();
        ears.into_iter().for_each(Waker::wake);
    }

    /// Resolves when `phase` is reached. `ear` is kept by the caller between calls, since listening costs an allocation.
    pub(super) async fn wait_for(&self, phase: Phase, ear: &mut Option<EventListener>) {
        while !self.reached(phase) {
            match ear {
                Some(listener) => {
                    listener.await;
                    *ear = None;
                }
                None => *ear = Some(self.phase_changed.listen()),
            }
        }
    }

    /// An ear for one connection.
    pub(super) fn ear(self: &Arc<Self>) -> Ear {
        Ear { gate: self.clone(), id: self.next_ear.fetch_add(1, Ordering::Relaxed), task: None }
    }

    pub(super) fn set_addrs(&self, addrs: Vec<SocketAddr>) {
        self.counts().addrs = addrs;
    }

    /// A place for one more connection, or `None` if a cap is reached.
    pub(super) fn admit(self: &Arc<Self>, ip: IpAddr) -> Option<Permit> {
        let ip = counted_as(ip);
        let mut counts = self.counts();
        if counts.total >= self.max_connections {
            return None;
        }
        let of_ip = counts.per_ip.get(&ip).copied().unwrap_or(0);
        if of_ip >= self.max_per_ip {
            return None;
        }
        counts.per_ip.insert(ip, of_ip + 1);
        counts.total += 1;
        counts.http += 1;
        Some(Permit { gate: self.clone(), ip, http: true })
    }

    /// Leave to answer one refused connection, or `None` if too many are being answered.
    pub(super) fn refuse(self: &Arc<Self>) -> Option<Refused> {
        let taken = self
            .refusals
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |n| (n < self.max_refusals).then_some(n + 1));
        taken.ok().map(|_| Refused(self.clone()))
    }
}

/// The unit in which connections of one origin are counted: an IPv4 address, or an IPv6 /64, of which a host has all.
fn counted_as(ip: IpAddr) -> IpAddr {
    match ip.to_canonical() {
        IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() & (u128::MAX << 64))),
        v4 => v4,
    }
}

/// Lets one task know of phases. It registers once, and not for each wait as a listener does, which costs a lock.
#[derive(Debug)]
pub(super) struct Ear {
    gate: Arc<Gate>,
    id: u64,
    task: Option<Waker>,
}

impl Ear {
    /// Whether `phase` is reached; if not, the task is woken when the phase changes.
    pub(super) fn poll_reached(&mut self, phase: Phase, cx: &mut Context<'_>) -> bool {
        if !self.task.as_ref().is_some_and(|known| known.will_wake(cx.waker())) {
            self.gate.counts().ears.insert(self.id, cx.waker().clone());
            self.task = Some(cx.waker().clone());
        }
        self.gate.reached(phase)
    }
}

impl Drop for Ear {
    fn drop(&mut self) {
        if self.task.is_some() {
            // Dropped without the lock.
            let _waker = self.gate.counts().ears.remove(&self.id);
        }
    }
}

/// One connection's place; dropping it makes room.
#[derive(Debug)]
pub(super) struct Permit {
    gate: Arc<Gate>,
    ip: IpAddr,
    http: bool,
}

impl Permit {
    /// The connection speaks another protocol from now on: a shutdown does not wait for it any more.
    pub(super) fn upgraded(&mut self) {
        let gate = self.gate.clone();
        self.leave_http(&mut gate.counts());
    }

    fn leave_http(&mut self, counts: &mut Counts) {
        if std::mem::take(&mut self.http) {
            counts.http -= 1;
            if counts.http == 0 {
                self.gate.no_http_left.notify(usize::MAX);
            }
        }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let gate = self.gate.clone();
        let mut counts = gate.counts();
        self.leave_http(&mut counts);
        counts.total -= 1;
        if let Some(of_ip) = counts.per_ip.get_mut(&self.ip) {
            *of_ip -= 1;
            if *of_ip == 0 {
                counts.per_ip.remove(&self.ip);
            }
        }
    }
}

/// A connection that is being told that there is no room.
#[derive(Debug)]
pub(super) struct Refused(Arc<Gate>);

impl Drop for Refused {
    fn drop(&mut self) {
        self.0.refusals.fetch_sub(1, Ordering::SeqCst);
    }
}

/// What the rest of the program holds of a [`Front`](super::Front) after it was given to tide.
#[derive(Debug, Clone)]
pub struct FrontHandle {
    pub(super) gate: Arc<Gate>,
}

impl FrontHandle {
    /// The addresses that are listened on, with the ports the system chose; empty until bound.
    #[must_use]
    pub fn local_addrs(&self) -> Vec<SocketAddr> {
        self.gate.counts().addrs.clone()
    }

    /// How many connections are open, upgraded ones included.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.gate.counts().total
    }

    /// How many connections still speak HTTP.
    #[must_use]
    pub fn http_connections(&self) -> usize {
        self.gate.counts().http
    }

    /// Closes the house: new connections are refused by the system, idle ones closed, requests under way answered with
    /// `Connection: close`. Upgraded connections are left alone: they belong to whoever upgraded them. Can be called at any
    /// time and more than once.
    pub fn shutdown(&self) {
        self.gate.advance(Phase::Draining);
    }

    /// Whether [`shutdown`](Self::shutdown) was called.
    #[must_use]
    pub fn is_shutting_down(&self) -> bool {
        self.gate.reached(Phase::Draining)
    }

    /// Resolves as soon as no connection speaks HTTP; upgraded ones do not count. Of use after
    /// [`shutdown`](Self::shutdown): before, the next connection may come right after.
    pub async fn finished(&self) {
        loop {
            let listener = self.gate.no_http_left.listen();
            if self.http_connections() == 0 {
                return;
            }
            listener.await;
        }
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
    fn a_place_is_free_again_when_its_permit_is_dropped() {
        let config =
            FrontConfig { max_connections: 3, max_connections_per_ip: 2, max_refusals: 1, ..FrontConfig::default() };
        let gate = Arc::new(Gate::new(&config));
        let counted = || {
            let counts = gate.counts();
            (counts.total, counts.http, counts.per_ip.len())
        };
        let ip = |last| IpAddr::from([192, 0, 2, last]);
        let first = gate.admit(ip(1)).unwrap();
        let mut second = gate.admit(ip(1)).unwrap();
        assert!(gate.admit(ip(1)).is_none(), "two of one address");
        let third = gate.admit(ip(2)).unwrap();
        assert!(gate.admit(ip(3)).is_none(), "three in total");
        second.upgraded();
        assert_eq!(counted(), (3, 2, 2));
        drop((first, second, third));
        assert_eq!(counted(), (0, 0, 0));
        let refused = gate.refuse().unwrap();
        assert!(gate.refuse().is_none());
        drop(refused);
        assert!(gate.refuse().is_some());
    }
}
