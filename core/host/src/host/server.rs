//! The host as whoever drives it knows it: what is on top, and puts the rest together.

use super::driver::Driver;
use super::hub::{ApplyError, Room};
use super::limiter::Permit;
use super::line::Line;
use super::mount::{self, Reply};
use super::setup::Setup;
use super::shared::Shared;
use super::socket::Socket;
use super::stats::Stats;
use super::turn::Turn;
use crate::http::{Connection, Refusal};
use crate::request::{Peer, RequestHead};
use ::http::StatusCode;
use sanket::driver::Hub;
use sanket::{App, Effects, Time};
use std::fmt;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};
use std::task::Wake;

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

/// Wakes the application. The driver's sleeper lets it speak, not whoever wakes it: that may hold a lock which the application
/// wants, or be the application.
struct Bell(Weak<Shared>);

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if let Some(shared) = self.0.upgrade() {
            shared.hub.wake();
            shared.leave_over();
        }
    }
}

impl<A: App + Send + 'static> Host<A> {
    /// A server with `app` on it.
    #[must_use]
    pub fn new(app: A, setup: Setup, driver: impl Driver) -> Self {
        let room = Arc::new(Room::new(Hub::new(app, Arc::new(setup.config.clone()))));
        let shared = Arc::new(Shared::new(setup, driver, room.clone()));
        room.attach(Arc::new(Bell(Arc::downgrade(&shared))).into());
        Self { shared, room }
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
        self.turn().agenda.events = true;
        Ok(())
    }
}

impl<A> Host<A> {
    /// Begins a turn, at the driver's time.
    #[must_use]
    pub fn turn(&self) -> Turn<'_> {
        Turn::new(&self.shared)
    }

    /// Does a part of what is to be sent, if another thread has so much of that that it offers some; see [`Driver::offer`]. Returns
    /// whether there was any. Cheap where there is none.
    pub fn assist(&self) -> bool {
        if self.shared.fanout.is_empty() {
            return false;
        }
        let mut turn = self.turn();
        self.shared.fanout.take(&mut turn.agenda.memory.list).is_some()
    }

    /// A connection was accepted. Nothing if there are so many already that it cannot even be told so: close it.
    #[must_use]
    pub fn accept(&self, peer: Peer, socket: Arc<dyn Socket>) -> Option<Line> {
        let shared = &self.shared;
        let (http, now) = (shared.http.clone(), shared.runtime.now());
        let permit = shared.limiter.admit(&shared.addresses, shared.address(&peer, now), now)?;
        let refusal = match permit {
            Permit::Refused { by_address: true } => {
                Some(Refusal::new(StatusCode::TOO_MANY_REQUESTS, "too many connections from this address"))
            }
            Permit::Admitted { .. } | Permit::Foreign if !shared.closes_connections.load(Ordering::Acquire) => None,
            _ => Some(Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "too many connections")),
        };
        let connection = match refusal {
            Some(refusal) => Connection::refused(http, refusal, now),
            None => Connection::new(http, now),
        };
        Some(Line::new(shared.clone(), socket, peer, permit, connection))
    }

    /// Whether a path is the server's, for whoever asks [`Host::request`].
    #[must_use]
    pub fn is_path(&self, path: &str) -> bool {
        self.shared.options.is_endpoint(path)
    }

    /// A request that another HTTP server has read.
    #[must_use]
    pub fn request(&self, head: &impl RequestHead, peer: &Peer) -> Reply {
        mount::request(&self.shared, head, peer)
    }

    /// When [`Host::handle_timeout`] is to be called next. [`Driver::wake`] says when that becomes earlier.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Time> {
        self.shared.poll_timeout()
    }

    /// Sees to everything that is due.
    pub fn handle_timeout(&self) {
        let shared = &self.shared;
        let mut turn = self.turn();
        let agenda = &mut turn.agenda;
        let now = agenda.now;
        shared.deadlines.notice(shared.deadlines.next(), now);
        shared.sessions.shards.handle_timeout(agenda);
        shared.addresses.tidy(now);
        while let Some(line) = shared.deadlines.take(now) {
            if let Some(line) = line {
                line.handle_timeout(shared, agenda);
            }
        }
        if let Some(share) = shared.session_drain.take_step(now) {
            shared.sessions.shards.close_share(share, agenda);
        }
        if shared.take_cut(now) {
            shared.all_lines().iter().for_each(|line| line.cut(shared, agenda));
        }
        if shared.take_left_over(now) {
            shared.hub.want();
            agenda.events = true;
        }
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
        self.shared.websockets()
    }

    /// How many requests and WebSockets wait for something from a shard.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.shared.sessions.shards.waiters()
    }

    /// What there is, and what was counted. For every 15 seconds or so: it looks at each client, 15 to 50 ns each, and holds
    /// no lock for longer than a part of a millisecond. Numbers are not of one moment. Not to be called while a turn is kept.
    #[must_use]
    pub fn stats(&self) -> Stats {
        let shared = &self.shared;
        let mut stats = Stats { websockets: shared.websockets() as u64, ..Stats::default() };
        stats.incomplete = shared.population.incomplete() as u64;
        shared.counters.read(&mut stats);
        shared.limiter.read(&mut stats);
        stats.addresses = shared.addresses.hits();
        shared.sessions.shards.read(&mut stats);
        shared.hub.read(&mut stats);
        // Whoever wanted something of the hub meanwhile has left it to this thread.
        self.turn().agenda.events = true;
        stats
    }

    /// Whether the application has panicked. Then all sessions are closed; there is nothing to be done but to end.
    #[must_use]
    pub fn has_failed(&self) -> bool {
        self.shared.has_failed()
    }

    /// Closes every session, and opens no more. Clients are told, and what is queued for them goes out.
    pub fn close_sessions(&self) {
        self.shared.sessions.shards.close_sessions(&mut self.turn().agenda);
    }

    /// Opens no more sessions, and closes those that there are, each at a moment of its own within `over` milliseconds: clients come
    /// back as soon as they are closed, and are not to come back all at once. Clients are told, and what is queued for them goes out.
    /// A handshake gets a response 503 from now on. With 0 it is [`Host::close_sessions`]. [`Host::wind_down`] goes on from there.
    pub fn drain_sessions(&self, over: u64) {
        let shared = &self.shared;
        shared.winding_down.store(true, Ordering::Release);
        let mut turn = self.turn();
        let agenda = &mut turn.agenda;
        shared.session_drain.begin(over, agenda.now);
        if let Some(share) = shared.session_drain.take_step(agenda.now) {
            shared.sessions.shards.close_share(share, agenda);
        }
        agenda.due(shared.session_drain.next());
    }

    /// Whether new clients are welcome: sessions are not being closed, nor connections, and the application has not panicked.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        let shared = &self.shared;
        !(shared.sessions.shards.is_closing()
            || shared.closes_connections.load(Ordering::Acquire)
            || shared.has_failed())
    }

    /// Closes connections that are idle, and the others when their requests are answered, at the latest after
    /// [`HttpConfig::drain_deadline`](crate::http::HttpConfig::drain_deadline). WebSockets are left alone: they end with their
    /// sessions. New connections are told that there is no room.
    pub fn drain(&self) {
        let shared = &self.shared;
        shared.closes_connections.store(true, Ordering::Release);
        let mut turn = self.turn();
        let agenda = &mut turn.agenda;
        let cut_at = agenda.now.after(shared.http.drain_deadline);
        shared.cut_at.store(cut_at.as_millis(), Ordering::Release);
        agenda.due(cut_at);
        let lines = shared.all_lines();
        // Those that serve a request come first: when a client sees an idle connection end, all responses end theirs.
        for idle_too in [false, true] {
            lines.iter().for_each(|line| line.drain(shared, agenda, idle_too));
        }
    }

    /// Ends the server a step further, and returns whether it is done. First all sessions are closed, at once unless
    /// [`Host::drain_sessions`] has begun to close them one by one; when they are gone, and
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
        if !self.shared.closes_connections.load(Ordering::Acquire) {
            self.drain();
        }
        self.http_connections() == 0
    }

    /// Ends all connections that speak HTTP.
    pub fn cut(&self) {
        let mut turn = self.turn();
        self.shared.all_lines().iter().for_each(|line| line.cut(&self.shared, &mut turn.agenda));
    }

    /// Drops the application. To be called when the server is not used any more.
    pub fn end(&self) {
        self.shared.sessions.shards.end();
        self.shared.hub.end();
    }
}
