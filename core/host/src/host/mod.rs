//! A server for many threads: shards behind their locks, the hub, who waits for what, and connections that are written to by
//! whoever has something for them. Needs of a driver that it accepts, reads, writes, and sleeps.
//!
//! # The locks
//!
//! ```text
//! hub ──> shard        the hub takes events of shards, and hands deliveries to them
//! connection ──> shard a connection tells its client's shard what came, and takes what is to be sent
//! ```
//!
//! A shard's lock is the last: nobody takes another one while holding it. The hub's and a connection's are never held together, and
//! nothing of the driver's or the application around the server is called under any, but for [`Socket`]'s two methods. The hub
//! and each connection are behind a lock that makes nobody wait for work that its holder does as well.

pub mod application;
mod combining;
mod deadlines;
mod driver;
mod entropy;
mod exchange;
mod hub;
mod limiter;
mod line;
pub mod mount;
mod sessions;
mod shards;
mod turn;

pub use driver::{Driver, Interest, Job, Socket};
pub use entropy::Fill;
pub use hub::ApplyError;
pub use line::Line;
pub use turn::Turn;

use crate::http::{Connection, HttpConfig, Refusal};
use crate::request::{Peer, RequestHead, RequestOptions};
use crate::sync::lock;
use ::http::StatusCode;
use deadlines::{Deadlines, Look};
use entropy::Entropy;
use hub::{Pump, Room};
use limiter::{Limiter, Permit};
use line::Inner;
use mount::Reply;
use sanket::{App, Config, Effects, Hub, Population, Shard, Time};
use shards::Cell;
use slab::Slab;
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, Weak};

/// How a host is set up. All but the random numbers has a default.
pub struct Setup {
    /// Limits and intervals of the protocol.
    pub config: Config,
    /// Limits and deadlines of connections.
    pub http: HttpConfig,
    /// Path, origins, cookies, compression, who is let in.
    pub options: RequestOptions,
    /// How many shards: one for each thread that the driver reads with. At most 255.
    pub shards: usize,
    /// Where session ids come from: the operating system's generator, as they are credentials.
    pub fill: Fill,
}

impl Setup {
    /// Defaults, one shard, and random numbers from `fill`, which says whether it could fill the buffer.
    pub fn new(fill: impl Fn(&mut [u8]) -> bool + Send + Sync + 'static) -> Self {
        let (config, http, options) = (Config::default(), HttpConfig::default(), RequestOptions::default());
        Self { config, http, options, shards: 1, fill: Box::new(fill) }
    }
}

impl fmt::Debug for Setup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Setup").field("config", &self.config).field("shards", &self.shards).finish_non_exhaustive()
    }
}

/// A Socket.IO server with the application `A`. Clones are the same server.
pub struct Host<A> {
    shared: Arc<Shared>,
    room: Arc<Room<A>>,
}

impl<A> Clone for Host<A> {
    fn clone(&self) -> Self {
        Self { shared: self.shared.clone(), room: self.room.clone() }
    }
}

impl<A> fmt::Debug for Host<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Host").field("shared", &self.shared).finish_non_exhaustive()
    }
}

/// All that turns, connections and the host have in common.
pub(crate) struct Shared {
    config: Arc<Config>,
    http: Arc<HttpConfig>,
    options: RequestOptions,
    cells: Box<[Cell]>,
    hub: Arc<dyn Pump>,
    driver: Arc<dyn Driver>,
    entropy: Entropy,
    population: Arc<Population>,
    limiter: Limiter,
    /// Connections by their address in memory, for a word to all of them.
    lines: Mutex<Lines>,
    deadlines: Deadlines,
    next_request: AtomicU64,
    /// WebSockets that have not ended: some may still have something to write.
    websockets: AtomicUsize,
    /// What the driver sleeps until, in milliseconds.
    alarm: AtomicU64,
    /// A turn has left something to be done.
    left_over: AtomicBool,
    /// Sessions are closed, and no more are opened.
    winding_down: AtomicBool,
    /// New connections are not taken.
    draining: AtomicBool,
    /// When connections that speak HTTP are cut, in milliseconds.
    cut_at: AtomicU64,
    /// The application has panicked, or was dropped.
    ended: AtomicBool,
    failed: AtomicBool,
}

type Lines = Slab<Weak<Inner>>;

impl<A: App + Send + 'static> Host<A> {
    /// A server with `app` on it.
    #[must_use]
    pub fn new(app: A, setup: Setup, driver: impl Driver) -> Self {
        let Setup { config, http, options, shards, fill } = setup;
        let (config, http) = (Arc::new(config), Arc::new(http));
        let population = Arc::new(Population::default());
        let shards = u8::try_from(shards.max(1)).unwrap_or(u8::MAX);
        let cell = |index| Cell::new(Shard::with_population(index, config.clone(), population.clone()));
        let room = Arc::new(Room::new(Hub::new(app, config.clone())));
        let shared = Shared {
            cells: (0..shards).map(cell).collect(),
            config,
            options,
            hub: room.clone(),
            driver: Arc::new(driver),
            entropy: Entropy::new(fill),
            population,
            limiter: Limiter::new(http.clone()),
            http,
            lines: Mutex::default(),
            deadlines: Deadlines::default(),
            next_request: AtomicU64::new(1),
            websockets: AtomicUsize::new(0),
            alarm: AtomicU64::new(u64::MAX),
            left_over: AtomicBool::new(false),
            winding_down: AtomicBool::new(false),
            draining: AtomicBool::new(false),
            cut_at: AtomicU64::new(u64::MAX),
            ended: AtomicBool::new(false),
            failed: AtomicBool::new(false),
        };
        Self { shared: Arc::new(shared), room }
    }

    /// Lets `work` have the application and its effects, between two events of clients, sooner or later. Whatever an application
    /// has to wait for is waited for elsewhere, and its outcome said here.
    ///
    /// # Errors
    ///
    /// See [`ApplyError`].
    pub fn apply(&self, work: impl FnOnce(&mut A, &mut Effects<'_>) + Send + 'static) -> Result<(), ApplyError> {
        self.room.command(Box::new(work))?;
        self.shared.hub.want();
        self.shared.turn().events = true;
        Ok(())
    }
}

impl<A> Host<A> {
    /// Begins a turn, at the driver's time.
    #[must_use]
    pub fn turn(&self) -> Turn<'_> {
        self.shared.turn()
    }

    /// A connection was accepted. Nothing if there are so many already that it cannot even be told so: close it.
    #[must_use]
    pub fn accept(&self, peer: Peer, socket: Arc<dyn Socket>) -> Option<Line> {
        let shared = &self.shared;
        let permit = shared.limiter.admit(peer.address)?;
        let refuses = matches!(permit, Permit::Refused) || shared.draining.load(Ordering::Acquire);
        let (http, now) = (shared.http.clone(), shared.driver.now());
        let connection = match refuses {
            true => {
                Connection::refused(http, Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "too many connections"), now)
            }
            false => Connection::new(http, now),
        };
        let line = shared.line(peer, socket, permit, connection);
        line.enter(|_, _| ());
        Some(line)
    }

    /// Whether a path is the server's, for whoever asks [`Host::request`].
    #[must_use]
    pub fn is_path(&self, path: &str) -> bool {
        self.shared.options.is_endpoint(path)
    }

    /// A request that another HTTP server has read.
    #[must_use]
    pub fn request(&self, head: &impl RequestHead, peer: &Peer) -> Reply {
        self.shared.request(head, peer)
    }

    /// When [`Host::handle_timeout`] is to be called next. [`Driver::wake`] says when that becomes earlier.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Time> {
        self.shared.poll_timeout()
    }

    /// Sees to everything that is due.
    pub fn handle_timeout(&self) {
        self.shared.handle_timeout();
    }

    /// How many sessions there are.
    #[must_use]
    pub fn sessions(&self) -> usize {
        self.shared.population.sessions()
    }

    /// How many connections there are, WebSockets included.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.shared.limiter.counts().0
    }

    /// How many connections speak HTTP.
    #[must_use]
    pub fn http_connections(&self) -> usize {
        self.shared.limiter.counts().1
    }

    /// How many WebSockets there are.
    #[must_use]
    pub fn websockets(&self) -> usize {
        self.shared.websockets.load(Ordering::Acquire)
    }

    /// How many requests and WebSockets wait for something from a shard.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.shared.cells.iter().map(Cell::waiters).sum()
    }

    /// Whether the application has panicked. Then all sessions are closed; there is nothing to be done but to end.
    #[must_use]
    pub fn has_failed(&self) -> bool {
        self.shared.failed.load(Ordering::Acquire)
    }

    /// Closes every session, and opens no more. Clients are told, and what is queued for them goes out.
    pub fn close_sessions(&self) {
        self.shared.close_sessions(&mut self.shared.turn());
    }

    /// Closes connections that are idle, and the others when their requests are answered, at the latest after
    /// [`HttpConfig::drain_deadline`]. WebSockets are left alone: they end with their sessions. New connections are told that
    /// there is no room.
    pub fn drain(&self) {
        self.shared.draining.store(true, Ordering::Release);
        let mut turn = self.shared.turn();
        let cut_at = turn.now.after(self.shared.http.drain_deadline);
        self.shared.cut_at.store(cut_at.as_millis(), Ordering::Release);
        self.shared.due(cut_at);
        self.shared.all_lines().iter().for_each(|line| line.drain(&mut turn));
    }

    /// Ends the server a step further, and returns whether it is done. First all sessions are closed; when they are gone, and
    /// their WebSockets, connections are drained. To be called again and again, every 10 ms or so, for as long as the driver has
    /// patience. Until it returns, connections are accepted as before: a client that is between two polls has to come in once
    /// more to hear that its session is closed.
    #[must_use]
    pub fn wind_down(&self) -> bool {
        if !self.shared.winding_down.swap(true, Ordering::AcqRel) {
            self.close_sessions();
        }
        if self.sessions() > 0 || self.websockets() > 0 {
            return false;
        }
        if !self.shared.draining.load(Ordering::Acquire) {
            self.drain();
        }
        self.http_connections() == 0
    }

    /// Ends all connections that speak HTTP.
    pub fn cut(&self) {
        self.shared.cut(&mut self.shared.turn());
    }

    /// Drops the application. To be called when the server is not used any more.
    pub fn end(&self) {
        self.shared.ended.store(true, Ordering::Release);
        self.shared.hub.end();
    }
}

impl Shared {
    pub(crate) fn turn(self: &Arc<Self>) -> Turn<'_> {
        Turn::new(self, self.driver.now())
    }

    fn line(self: &Arc<Self>, peer: Peer, socket: Arc<dyn Socket>, permit: Permit, connection: Connection) -> Line {
        let line = Line::new(self.clone(), socket, peer, permit, connection);
        let place = lock(&self.lines).insert(Arc::downgrade(&line.inner));
        line.inner.set_place(place);
        line
    }

    fn forget_line(&self, line: &Inner) {
        lock(&self.lines).try_remove(line.place());
    }

    fn all_lines(&self) -> Vec<Arc<Inner>> {
        lock(&self.lines).iter().filter_map(|(_, line)| line.upgrade()).collect()
    }

    /// Whether the application is gone, so that nothing waits for the hub.
    fn has_ended(&self) -> bool {
        self.ended.load(Ordering::Acquire)
    }

    fn count_websocket(&self, change: isize) {
        self.websockets.fetch_add(change.cast_unsigned(), Ordering::AcqRel);
    }

    /// Something is due at `at`.
    fn due(&self, at: Time) {
        if at.as_millis() < self.alarm.fetch_min(at.as_millis(), Ordering::AcqRel) {
            self.driver.wake();
        }
    }

    fn arm_line(&self, at: Time, line: &Arc<Inner>) -> Look {
        let look = self.deadlines.arm(at, line);
        self.due(at);
        look
    }

    /// A turn has done its share, and there is more.
    fn leave_over(&self) {
        self.left_over.store(true, Ordering::Release);
        self.due(Time::default());
    }

    fn poll_timeout(&self) -> Option<Time> {
        // Whatever becomes due while this looks wakes the driver once more.
        self.alarm.store(u64::MAX, Ordering::SeqCst);
        let cells = self.cells.iter().map(|cell| Time::from_millis(cell.alarm.load(Ordering::SeqCst)));
        let left_over = self.left_over.load(Ordering::SeqCst).then(Time::default);
        let cut_at = Time::from_millis(self.cut_at.load(Ordering::SeqCst));
        let times = cells.chain([cut_at]).chain(left_over).chain(self.deadlines.next()).chain([self.hub.alarm()]);
        let next = times.min().unwrap_or(Time::NEVER);
        self.alarm.fetch_min(next.as_millis(), Ordering::SeqCst);
        (next != Time::NEVER).then_some(next)
    }

    fn handle_timeout(self: &Arc<Self>) {
        let mut turn = self.turn();
        let now = turn.now;
        self.deadlines.notice(self.deadlines.next(), now);
        for cell in &self.cells {
            if cell.alarm.load(Ordering::Acquire) <= now.as_millis() {
                self.with(cell, &mut turn, |access| access.shard().handle_timeout(now));
            }
        }
        while let Some(line) = self.deadlines.take(now) {
            if let Some(line) = line {
                line.handle_timeout(&mut turn);
            }
        }
        if self.cut_at.load(Ordering::Acquire) <= now.as_millis() {
            self.cut_at.store(u64::MAX, Ordering::Release);
            self.cut(&mut turn);
        }
        if self.left_over.swap(false, Ordering::AcqRel) || self.hub.alarm() <= now {
            self.hub.want();
            turn.events = true;
        }
    }

    fn cut(&self, turn: &mut Turn<'_>) {
        self.all_lines().iter().for_each(|line| line.cut(turn));
    }

    fn close_sessions(&self, turn: &mut Turn<'_>) {
        for cell in &self.cells {
            self.with(cell, turn, |access| {
                let now = access.now;
                access.shard().shutdown(now);
            });
        }
    }

    /// The application has panicked: nobody can be served any more, and nobody is kept waiting.
    fn fail(&self, turn: &mut Turn<'_>) {
        self.ended.store(true, Ordering::Release);
        self.failed.store(true, Ordering::Release);
        self.close_sessions(turn);
        for cell in &self.cells {
            self.resume(cell, turn);
        }
        self.driver.failed();
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").field("shards", &self.cells.len()).finish_non_exhaustive()
    }
}
