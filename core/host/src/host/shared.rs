//! All that turns, connections and the host have in common: the sessions, the hub, the limits, who is there, and what the driver
//! sleeps until.

use super::addresses::{Address, Addresses};
use super::agenda::{Agenda, Work};
use super::combining::Combining;
use super::deadlines::Deadlines;
use super::draining::SessionDrain;
use super::fanout::Fanout;
use super::head::Head;
use super::hub::Pump;
use super::limiter::Limiter;
use super::sessions::Sessions;
use super::setup::Setup;
use super::shards::Shards;
use super::state::Inner;
use super::stats::Counters;
use crate::http::{HttpConfig, Ticket};
use crate::request::{Peer, RequestOptions};
use crate::sync::lock;
use sanket::driver::{Population, Shard};
use sanket::{Config, Task, Time};
use slab::Slab;
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, Weak};

/// The driver, as far as turns need it: its requests are made of handles that take turns, so the driver itself is above. No lock
/// is held when it is called.
pub(super) trait Runtime: Send + Sync {
    /// The time.
    fn now(&self) -> Time;

    /// Something is due earlier than [`Shared::poll_timeout`] said.
    fn wake(&self);

    /// A request for the application around the server.
    fn request(&self, shared: &Arc<Shared>, line: Arc<Inner>, ticket: Ticket, head: Box<Head>);

    /// The application has panicked.
    fn failed(&self);

    /// There are so many sends that other threads may do.
    fn offer(&self, sends: usize);

    /// Runs something that takes a few milliseconds.
    fn run(&self, job: Box<dyn FnOnce() + Send>);

    /// Runs a task of the application's.
    fn spawn(&self, task: Task);
}

/// All that turns, connections and the host have in common.
pub(super) struct Shared {
    pub(super) config: Arc<Config>,
    pub(super) http: Arc<HttpConfig>,
    pub(super) options: RequestOptions,
    pub(super) sessions: Sessions,
    pub(super) hub: Arc<dyn Pump>,
    /// Whoever is at it lets the hub speak, and sends what it says. No lock is held there, and nobody waits for it.
    pub(super) desk: Combining<()>,
    pub(super) fanout: Fanout,
    pub(super) runtime: Box<dyn Runtime>,
    pub(super) population: Arc<Population>,
    pub(super) limiter: Limiter,
    pub(super) addresses: Arc<Addresses>,
    pub(super) counters: Counters,
    /// Connections by their place, for a word to all of them.
    pub(super) lines: Mutex<Slab<Weak<Inner>>>,
    pub(super) deadlines: Deadlines<Inner>,
    /// WebSockets that have not ended: some may still have something to write.
    websockets: AtomicUsize,
    /// What the driver sleeps until, in milliseconds.
    alarm: AtomicU64,
    /// A turn has left something to be done.
    left_over: AtomicBool,
    /// Sessions are closed, and no more are opened.
    pub(super) winding_down: AtomicBool,
    /// How far they are closed, if that is spread over time.
    pub(super) session_drain: SessionDrain,
    /// Connections are closed, and new ones are not taken.
    pub(super) closes_connections: AtomicBool,
    /// When connections that speak HTTP are cut, in milliseconds.
    pub(super) cut_at: AtomicU64,
    /// The application has panicked.
    failed: AtomicBool,
}

impl Shared {
    /// What there is before the first connection.
    pub(super) fn new(setup: Setup, runtime: impl Runtime + 'static, hub: Arc<dyn Pump>) -> Self {
        let Setup { config, http, addresses, options, shards, fill } = setup;
        let addresses = Arc::new(Addresses::new(addresses));
        let (config, http) = (Arc::new(config), Arc::new(http));
        let population = Arc::new(Population::default());
        let shards = u8::try_from(shards.max(1)).unwrap_or(u8::MAX);
        let shard = |index| Shard::with_population(index, config.clone(), population.clone());
        Self {
            sessions: Sessions::new(Shards::new((0..shards).map(shard)), addresses.clone(), fill),
            config,
            options,
            hub,
            desk: Combining::default(),
            fanout: Fanout::default(),
            runtime: Box::new(runtime),
            population,
            limiter: Limiter::new(http.clone()),
            addresses,
            counters: Counters::default(),
            http,
            lines: Mutex::default(),
            deadlines: Deadlines::new(),
            websockets: AtomicUsize::new(0),
            alarm: AtomicU64::new(u64::MAX),
            left_over: AtomicBool::new(false),
            winding_down: AtomicBool::new(false),
            session_drain: SessionDrain::default(),
            closes_connections: AtomicBool::new(false),
            cut_at: AtomicU64::new(u64::MAX),
            failed: AtomicBool::new(false),
        }
    }

    /// The address that a client is counted as, if it is to be.
    pub(super) fn address(&self, client: &Peer, now: Time) -> Option<Arc<Address>> {
        client
            .address
            .filter(|_| !self.options.is_trusted(client.address))
            .map(|address| self.addresses.find(address, now))
    }

    /// All connections that have not ended.
    pub(super) fn all_lines(&self) -> Vec<Arc<Inner>> {
        lock(&self.lines).iter().filter_map(|(_, line)| line.upgrade()).collect()
    }

    /// How many WebSockets there are.
    pub(super) fn websockets(&self) -> usize {
        self.websockets.load(Ordering::Acquire)
    }

    /// There are so many more WebSockets, or fewer.
    pub(super) fn count_websocket(&self, change: isize) {
        self.websockets.fetch_add(change.cast_unsigned(), Ordering::AcqRel);
    }

    /// Whether the application has panicked.
    pub(super) fn has_failed(&self) -> bool {
        self.failed.load(Ordering::Acquire)
    }

    /// Lets the hub do what there is for it, once. No lock is held.
    pub(super) fn pump(&self, agenda: &mut Agenda) {
        // If somebody else has taken the events meanwhile, there is nothing to do.
        if self.sessions.shards.have_events() {
            self.hub.want();
        }
        if !self.hub.pump(&self.sessions.shards, agenda) {
            self.fail(agenda);
        }
    }

    /// The application has panicked: nobody can be served any more, and nobody is kept waiting.
    pub(super) fn fail(&self, agenda: &mut Agenda) {
        self.sessions.shards.end();
        self.failed.store(true, Ordering::Release);
        self.sessions.shards.close_sessions(agenda);
        self.sessions.shards.resume_all(agenda);
        // After the clients, who are told first.
        agenda.push(Work::Failed);
    }

    /// Something is due at `at`. No lock is held.
    pub(super) fn due(&self, at: Time) {
        if at.as_millis() < self.alarm.fetch_min(at.as_millis(), Ordering::AcqRel) {
            self.runtime.wake();
        }
    }

    /// A turn has done its share, and there is more.
    pub(super) fn leave_over(&self) {
        self.left_over.store(true, Ordering::Release);
        self.due(Time::default());
    }

    /// Whether a turn has left something for the hub, or the hub has a deadline by `now`.
    pub(super) fn take_left_over(&self, now: Time) -> bool {
        self.left_over.swap(false, Ordering::AcqRel) || self.hub.alarm() <= now
    }

    /// Whether connections are to be cut by `now`, once.
    pub(super) fn take_cut(&self, now: Time) -> bool {
        let cuts = self.cut_at.load(Ordering::Acquire) <= now.as_millis();
        if cuts {
            self.cut_at.store(u64::MAX, Ordering::Release);
        }
        cuts
    }

    /// When the host has something to do next.
    pub(super) fn poll_timeout(&self) -> Option<Time> {
        // Whatever becomes due while this looks wakes the driver once more. What was said before is seen: it is an exchange.
        self.alarm.swap(u64::MAX, Ordering::SeqCst);
        let left_over = self.left_over.load(Ordering::SeqCst).then(Time::default);
        let cut_at = Time::from_millis(self.cut_at.load(Ordering::SeqCst));
        let times = [self.sessions.shards.alarm(), cut_at, self.hub.alarm(), self.session_drain.next()];
        let next = times.into_iter().chain(left_over).chain(self.deadlines.next()).min().unwrap_or(Time::NEVER);
        self.alarm.fetch_min(next.as_millis(), Ordering::SeqCst);
        (next != Time::NEVER).then_some(next)
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").field("sessions", &self.sessions).finish_non_exhaustive()
    }
}
