//! The threads that accept, read and write: one for each processor. Each asks the system for what has happened to many of its
//! sockets at once, tells the host of all of it in one turn, and sleeps until the next deadline. Decides nothing.
//!
//! Why not a task of async-std for each connection: async-io announces a socket to the system anew for every wait, and wakes
//! one task for each message. With one turn for many sockets, and sockets that are announced once, a message costs a third of the
//! system's time (`docs/performance/where-time-goes.md`).

use crate::clock::Clock;
use mio::event::Event;
use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest as Readiness, Poll, Registry, Token, Waker};
use sanket::Time;
use sanket_host::host::{Host, Interest, Line, Socket, Turn};
use sanket_host::request::Peer;
use slab::Slab;
use std::cell::Cell;
use std::io::{self, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr};
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// Sockets in one turn: few enough for what their clients say to be in the processor's caches when it is answered, and enough
/// for much to be sent in one write.
const EVENTS: usize = 32;
/// Bytes that are read of one connection in one turn.
const READ: usize = 16 << 10;
/// Connections that are accepted in one turn.
const ACCEPTS: usize = 16;
/// How long nothing is accepted after an error such as "too many open files". Connections wait in the system's backlog.
const PAUSE: Duration = Duration::from_millis(100);
/// Milliseconds without such an error after which it is said that there is none any more.
const CALM: u64 = 10_000;
/// The token of the bell; those of sockets count from 0.
const BELL: Token = Token(usize::MAX);

thread_local! {
    /// The worker whose thread this is, by its address.
    static CURRENT: Cell<*const Worker> = const { Cell::new(std::ptr::null()) };
}

/// All workers of a server.
#[derive(Debug)]
pub(crate) struct Reactor {
    workers: Box<[Arc<Worker>]>,
    next: AtomicUsize,
    /// When accepting failed last, in milliseconds; 0 if it has gone well for a while.
    failed_at: AtomicU64,
}

/// One thread, as others see it.
#[derive(Debug)]
struct Worker {
    registry: Registry,
    bell: Waker,
    /// It waits for sockets, or is about to: whoever has something for it must ring.
    is_asleep: AtomicBool,
    inbox: Mutex<Vec<Letter>>,
    is_ended: AtomicBool,
}

/// What others want of a worker.
#[derive(Debug)]
enum Letter {
    /// A connection was accepted for it.
    Connection(TcpStream, SocketAddr),
    Listen(TcpListener),
    /// What to wait for on a connection has changed.
    Look(usize),
    /// Listeners are closed.
    Unlisten,
}

/// A connection's socket, as the host writes to it.
#[derive(Debug)]
struct Stream {
    socket: TcpStream,
    worker: Arc<Worker>,
    place: usize,
    /// What the worker knows of what it is to wait for. That it can be written to, the system says unasked.
    known: AtomicU8,
}

enum Entry {
    Listener(TcpListener),
    Connection { stream: Arc<Stream>, line: Line, is_readable: bool, has_ended: bool, is_shut_down: bool },
}

impl Reactor {
    /// Workers without threads: [`Reactor::start`] is to follow.
    pub(crate) fn new(workers: usize) -> io::Result<(Self, Vec<Poll>)> {
        let (mut all, mut polls) = (Vec::new(), Vec::new());
        for _ in 0..workers.max(1) {
            let poll = Poll::new()?;
            all.push(Arc::new(Worker {
                registry: poll.registry().try_clone()?,
                bell: Waker::new(poll.registry(), BELL)?,
                is_asleep: AtomicBool::new(false),
                inbox: Mutex::default(),
                is_ended: AtomicBool::new(false),
            }));
            polls.push(poll);
        }
        Ok((Self { workers: all.into(), next: AtomicUsize::new(0), failed_at: AtomicU64::new(0) }, polls))
    }

    pub(crate) fn start<A: 'static + Send>(
        self: &Arc<Self>,
        polls: Vec<Poll>,
        host: &Host<A>,
        clock: Clock,
    ) -> io::Result<()> {
        for (number, poll) in polls.into_iter().enumerate() {
            let thread = Thread {
                reactor: self.clone(),
                worker: self.workers[number].clone(),
                host: host.clone(),
                clock,
                keeps_time: number == 0,
                entries: Slab::new(),
                ready: Vec::new(),
                touched: Vec::new(),
                due: None,
                paused: Vec::new(),
                accepts_at: None,
                buffer: vec![0; READ].into(),
            };
            thread::Builder::new().name("sanket".into()).spawn(|| thread.run(poll))?;
        }
        Ok(())
    }

    /// Begins to accept.
    pub(crate) fn listen(&self, listener: std::net::TcpListener) -> io::Result<()> {
        listener.set_nonblocking(true)?;
        self.next().send(Letter::Listen(TcpListener::from_std(listener)));
        Ok(())
    }

    /// Closes all listeners.
    pub(crate) fn unlisten(&self) {
        self.workers.iter().for_each(|worker| worker.send(Letter::Unlisten));
    }

    /// The deadline that the first worker sleeps until has moved.
    pub(crate) fn wake_timer(&self) {
        self.workers[0].ring();
    }

    pub(crate) fn end(&self) {
        for worker in &self.workers {
            worker.is_ended.store(true, Ordering::SeqCst);
            worker.ring();
        }
    }

    fn next(&self) -> &Arc<Worker> {
        &self.workers[self.next.fetch_add(1, Ordering::Relaxed) % self.workers.len()]
    }
}

impl Worker {
    fn send(&self, letter: Letter) {
        lock(&self.inbox).push(letter);
        self.ring();
    }

    /// It looks into its inbox and at the time after it has said that it sleeps, so one of the two sees the other.
    fn ring(&self) {
        if !std::ptr::eq(CURRENT.get(), self)
            && self.is_asleep.swap(false, Ordering::SeqCst)
            && self.bell.wake().is_err()
        {
            log::error!("a worker could not be woken");
        }
    }
}

impl Socket for Stream {
    fn try_write(&self, bytes: &[u8], last: bool) -> io::Result<usize> {
        if last { self.write_last(bytes) } else { (&self.socket).write(bytes) }
    }

    fn wake(&self, interest: Interest) {
        let bits = bits(interest);
        if self.known.swap(bits, Ordering::AcqRel) != bits {
            self.worker.send(Letter::Look(self.place));
        }
    }
}

impl Stream {
    /// The end follows at once. Where the system can, both leave together: for the network stack that is half the work.
    #[cfg(target_os = "linux")]
    fn write_last(&self, bytes: &[u8]) -> io::Result<usize> {
        use rustix::net::{SendFlags, send};
        Ok(send(&self.socket, bytes, SendFlags::MORE | SendFlags::NOSIGNAL)?)
    }

    #[cfg(not(target_os = "linux"))]
    fn write_last(&self, bytes: &[u8]) -> io::Result<usize> {
        (&self.socket).write(bytes)
    }
}

/// What a worker has to be told of, if it changes.
fn bits(interest: Interest) -> u8 {
    u8::from(interest.read) | u8::from(interest.shutdown) << 1 | u8::from(interest.over) << 2
}

/// A worker's own half.
struct Thread<A> {
    reactor: Arc<Reactor>,
    worker: Arc<Worker>,
    host: Host<A>,
    clock: Clock,
    /// It watches the host's deadlines.
    keeps_time: bool,
    entries: Slab<Entry>,
    /// Entries that have more to be read, though the system will not say so again.
    ready: Vec<usize>,
    /// Entries for which what to wait for may have changed.
    touched: Vec<usize>,
    /// When the host has something to do, for the one who keeps the time.
    due: Option<Time>,
    /// Listeners that accept nothing until then.
    paused: Vec<usize>,
    accepts_at: Option<Instant>,
    buffer: Box<[u8]>,
}

impl<A> Thread<A> {
    fn run(mut self, mut poll: Poll) {
        CURRENT.set(Arc::as_ptr(&self.worker));
        let worker = self.worker.clone();
        let mut events = Events::with_capacity(EVENTS);
        while !worker.is_ended.load(Ordering::SeqCst) {
            worker.is_asleep.store(true, Ordering::SeqCst);
            let patience = self.patience();
            let polled = poll.poll(&mut events, patience);
            worker.is_asleep.store(false, Ordering::SeqCst);
            match polled {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    log::error!("cannot wait for sockets: {error}");
                    thread::sleep(PAUSE);
                }
            }
            self.turn(&events);
        }
    }

    /// How long the thread may sleep.
    fn patience(&mut self) -> Option<Duration> {
        self.due = if self.keeps_time { self.host.poll_timeout() } else { None };
        if !self.ready.is_empty() || !lock(&self.worker.inbox).is_empty() {
            return Some(Duration::ZERO);
        }
        let due = self.due.map(|due| self.clock.until(due));
        let accepts = self.accepts_at.map(|at| at.saturating_duration_since(Instant::now()));
        due.into_iter().chain(accepts).min()
    }

    fn turn(&mut self, events: &Events) {
        let host = self.host.clone();
        let mut turn = host.turn();
        let letters = std::mem::take(&mut *lock(&self.worker.inbox));
        for letter in letters {
            match letter {
                Letter::Connection(socket, address) => self.accept(socket, address),
                Letter::Listen(listener) => self.listen(listener),
                Letter::Look(place) => self.touched.push(place),
                Letter::Unlisten => self.entries.retain(|_, entry| !matches!(entry, Entry::Listener(_))),
            }
        }
        if self.accepts_at.is_some_and(|at| at <= Instant::now()) {
            self.accepts_at = None;
            self.ready.append(&mut self.paused);
        }
        let ready = std::mem::take(&mut self.ready);
        for place in ready {
            self.read(place, &mut turn);
        }
        for event in events {
            if event.token() != BELL {
                self.happened(event, &mut turn);
            }
        }
        turn.finish();
        // After what was in the sockets: a stall of this process is nobody else's silence.
        if self.due.is_some_and(|due| self.clock.until(due).is_zero()) {
            host.handle_timeout();
        }
        let touched = std::mem::take(&mut self.touched);
        for place in &touched {
            self.look(*place);
        }
        self.touched = touched;
        self.touched.clear();
    }

    fn happened(&mut self, event: &Event, turn: &mut Turn<'_>) {
        let place = event.token().0;
        match self.entries.get_mut(place) {
            Some(Entry::Listener(_)) => self.ready.push(place),
            Some(Entry::Connection { line, is_readable, has_ended, .. }) => {
                *has_ended |= event.is_read_closed() || event.is_error();
                *is_readable |= event.is_readable() || *has_ended;
                if (event.is_writable() || event.is_error()) && line.interest().write {
                    turn.writable(line);
                }
                self.read(place, turn);
            }
            // One that is gone has a successor at most, which finds nothing.
            None => {}
        }
    }

    /// Reads once, if there is something to be read, and it is wanted.
    fn read(&mut self, place: usize, turn: &mut Turn<'_>) {
        match self.entries.get_mut(place) {
            Some(Entry::Listener(_)) => self.accept_some(place),
            Some(Entry::Connection { stream, line, is_readable, has_ended, .. }) => {
                if *is_readable && line.interest().read {
                    match (&stream.socket).read(&mut self.buffer) {
                        Ok(0) => {
                            (*is_readable, *has_ended) = (false, false);
                            turn.end_of_stream(line);
                        }
                        Ok(n) => {
                            *is_readable = n == self.buffer.len() || *has_ended;
                            turn.receive(line, &self.buffer[..n]);
                            if *is_readable {
                                self.ready.push(place);
                            }
                        }
                        // Then it has not ended either.
                        Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                            (*is_readable, *has_ended) = (false, false);
                        }
                        Err(error) if error.kind() == io::ErrorKind::Interrupted => self.ready.push(place),
                        Err(_) => {
                            (*is_readable, *has_ended) = (false, false);
                            turn.end_of_stream(line);
                        }
                    }
                }
                self.touched.push(place);
            }
            None => {}
        }
    }

    /// After a turn: what the connection wants now.
    fn look(&mut self, place: usize) {
        let Some(Entry::Connection { stream, line, is_readable, is_shut_down, .. }) = self.entries.get_mut(place)
        else {
            return;
        };
        let interest = line.interest();
        stream.known.store(bits(interest), Ordering::Release);
        if interest.over {
            if let Entry::Connection { stream, line, .. } = self.entries.remove(place) {
                drop(line);
                // Whoever still holds its request would keep it open.
                if Arc::strong_count(&stream) > 1 {
                    let _ = stream.socket.shutdown(Shutdown::Both);
                }
            }
            return;
        }
        if interest.shutdown && !*is_shut_down {
            *is_shut_down = true;
            // It fails if the peer is gone already, which is read then.
            let _ = stream.socket.shutdown(Shutdown::Write);
        }
        if *is_readable && interest.read && !self.ready.contains(&place) {
            self.ready.push(place);
        }
    }

    fn listen(&mut self, mut listener: TcpListener) {
        let entry = self.entries.vacant_entry();
        match self.worker.registry.register(&mut listener, Token(entry.key()), Readiness::READABLE) {
            Ok(()) => _ = entry.insert(Entry::Listener(listener)),
            Err(error) => log::error!("cannot listen: {error}"),
        }
    }

    fn accept_some(&mut self, place: usize) {
        for _ in 0..ACCEPTS {
            let Some(Entry::Listener(listener)) = self.entries.get(place) else { return };
            match listener.accept() {
                Ok((socket, address)) => {
                    self.accepted();
                    let worker = self.reactor.next().clone();
                    // One that is behind has as many waiting as it should: each holds a descriptor, and nobody has counted it.
                    if Arc::ptr_eq(&worker, &self.worker) || lock(&worker.inbox).len() >= ACCEPTS {
                        self.accept(socket, address);
                    } else {
                        worker.send(Letter::Connection(socket, address));
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Err(error) if is_about_one_connection(&error) => {}
                Err(error) => {
                    let now = self.clock.now();
                    let before = self.reactor.failed_at.swap(now.as_millis(), Ordering::Relaxed);
                    // Said once, however often it is tried.
                    if before == 0 || Time::from_millis(before).after(CALM) <= now {
                        log::warn!("cannot accept connections, trying again: {error}");
                    }
                    self.accepts_at = Some(Instant::now() + PAUSE);
                    self.paused.push(place);
                    return;
                }
            }
        }
        self.ready.push(place);
    }

    /// A connection was accepted.
    fn accepted(&self) {
        let failed_at = self.reactor.failed_at.load(Ordering::Relaxed);
        if failed_at > 0 && Time::from_millis(failed_at).after(CALM) <= self.clock.now() {
            self.reactor.failed_at.store(0, Ordering::Relaxed);
            log::warn!("accepting connections again");
        }
    }

    fn accept(&mut self, mut socket: TcpStream, address: SocketAddr) {
        // A response that waits for the acknowledgement of the one before costs 40 ms. Fails only if the peer is gone already.
        let _ = socket.set_nodelay(true);
        let entry = self.entries.vacant_entry();
        let place = entry.key();
        if let Err(error) =
            self.worker.registry.register(&mut socket, Token(place), Readiness::READABLE | Readiness::WRITABLE)
        {
            log::warn!("cannot wait for a connection: {error}");
            return;
        }
        let stream = Arc::new(Stream { socket, worker: self.worker.clone(), place, known: AtomicU8::new(1) });
        let peer = Peer { address: Some(address.ip()), secure: false };
        if let Some(line) = self.host.accept(peer, stream.clone()) {
            let (is_readable, has_ended, is_shut_down) = (false, false, false);
            entry.insert(Entry::Connection { stream, line, is_readable, has_ended, is_shut_down });
            self.touched.push(place);
        }
    }
}

fn is_about_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted)
}

/// Nothing in here panics while it holds a lock.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
