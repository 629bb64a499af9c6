//! The threads that accept, read and write: one for each processor, and one way to wait for the system. Who of them waits, who
//! works and who rests is [`Crew`]'s to say. Whoever works tells the host of what has happened to many sockets in one turn.
//! Decides nothing.
//!
//! Why not a task of async-std for each connection: async-io announces a socket to the system anew for every wait, and wakes
//! one task for each message. With one turn for many sockets, and sockets that are announced once, a message costs a third of the
//! system's time (`docs/performance/where-time-goes.md`).

mod listener;
mod news;
mod processors;
mod stream;

use crate::clock::Clock;
use listener::{Listening, Outcome, Paused};
use mio::event::Event;
use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest as Readiness, Poll, Registry, Token, Waker};
use news::News;
use processors::Processors;
use sanket::Time;
use sanket_host::host::{Crew, Host, Line, Step, Turn};
use sanket_host::request::Peer;
use slab::Slab;
use std::cell::Cell;
use std::io::{self, Read as _};
use std::mem::take;
use std::net::{Shutdown, SocketAddr};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::thread::{self, Thread};
use std::time::Duration;
use stream::Stream;

/// What `news` stands on: a test puts loom's in its place.
mod sync {
    pub(super) use std::sync::atomic::{AtomicU8, Ordering, fence};
}

/// Sockets that the system tells of at once.
const EVENTS: usize = 1_024;
/// Bytes that are read of one connection in one turn.
const READ: usize = 16 << 10;
/// How long the threads pause when the system cannot say what has happened.
const PAUSE: Duration = Duration::from_millis(100);
/// The token of the bell; those of sockets count from 0.
const BELL: Token = Token(usize::MAX);

thread_local! {
    /// The reactor whose thread this is, by its address.
    static CURRENT: Cell<*const Reactor> = const { Cell::new(std::ptr::null()) };
}

/// All threads of a server, as others see them.
#[derive(Debug)]
pub(crate) struct Reactor {
    registry: Registry,
    bell: Waker,
    crew: Mutex<Crew<Job>>,
    /// To wake those who rest.
    threads: OnceLock<Box<[Thread]>>,
    entries: RwLock<Slab<Arc<Entry>>>,
    /// Listeners that pause.
    paused: Paused,
    is_ended: AtomicBool,
}

/// A piece of work: the socket at a place, or what is due.
#[derive(Debug)]
enum Job {
    Socket(usize),
    Time,
}

#[derive(Debug)]
enum Entry {
    Listener(Listening),
    /// The line comes after the stream, which the host makes it of.
    Connection(Arc<Stream>, OnceLock<Line>),
}

impl Reactor {
    /// Without threads: [`Reactor::start`] is to follow.
    pub(crate) fn new(threads: usize) -> io::Result<(Self, Poll)> {
        let poll = Poll::new()?;
        let reactor = Self {
            registry: poll.registry().try_clone()?,
            bell: Waker::new(poll.registry(), BELL)?,
            crew: Mutex::new(Crew::new(threads.max(1))),
            threads: OnceLock::new(),
            entries: RwLock::default(),
            paused: Paused::default(),
            is_ended: AtomicBool::new(false),
        };
        Ok((reactor, poll))
    }

    pub(crate) fn start<A: 'static + Send>(
        self: &Arc<Self>,
        poll: Poll,
        host: &Host<A>,
        clock: Clock,
        threads: usize,
    ) -> io::Result<()> {
        let waiting = Arc::new(Mutex::new(Waiting {
            poll,
            events: Events::with_capacity(EVENTS),
            jobs: Vec::new(),
            processors: Processors::default(),
        }));
        let mut started = Vec::new();
        for number in 0..threads.max(1) {
            let worker = Worker {
                number,
                reactor: self.clone(),
                host: host.clone(),
                clock,
                waiting: waiting.clone(),
                jobs: Vec::new(),
                leaves: Vec::new(),
                hands: Vec::new(),
                wake: Vec::new(),
                buffer: vec![0; READ].into(),
            };
            let thread = thread::Builder::new().name("sanket".into()).spawn(|| worker.run())?;
            started.push(thread.thread().clone());
        }
        let _ = self.threads.set(started.into());
        Ok(())
    }

    /// Begins to accept.
    pub(crate) fn listen(&self, listener: std::net::TcpListener) -> io::Result<()> {
        listener.set_nonblocking(true)?;
        let mut listener = TcpListener::from_std(listener);
        listener::prepare(&listener)?;
        let mut entries = self.entries_mut();
        let entry = entries.vacant_entry();
        self.registry.register(&mut listener, Token(entry.key()), Readiness::READABLE)?;
        entry.insert(Arc::new(Entry::Listener(Listening::new(listener))));
        Ok(())
    }

    /// Closes all listeners.
    pub(crate) fn unlisten(&self) {
        self.entries_mut().retain(|_, entry| matches!(**entry, Entry::Connection(..)));
    }

    /// The deadline that is slept until has moved.
    pub(crate) fn wake_timer(&self) {
        if lock(&self.crew).ring() {
            self.ring();
        }
    }

    /// So many sends are worth a thread that rests.
    pub(crate) fn offer(&self, sends: usize) {
        let mut wake = Vec::new();
        let must_ring = lock(&self.crew).offer(sends, &mut wake);
        self.wake(&mut wake);
        if must_ring {
            self.ring();
        }
    }

    pub(crate) fn end(&self) {
        self.is_ended.store(true, Ordering::SeqCst);
        self.ring();
        self.threads.get().into_iter().flatten().for_each(Thread::unpark);
    }

    /// The socket at a place is to be taken by a thread.
    fn push(&self, place: usize) {
        let mut crew = lock(&self.crew);
        crew.push(Job::Socket(place));
        // A thread of its own asks for what there is when it is done with what it is at.
        let must_ring = !std::ptr::eq(CURRENT.get(), self) && crew.ring();
        drop(crew);
        if must_ring {
            self.ring();
        }
    }

    fn ring(&self) {
        if self.bell.wake().is_err() {
            log::error!("a thread could not be woken");
        }
    }

    fn wake(&self, numbers: &mut Vec<usize>) {
        // Those who start a moment later have not begun to rest.
        let threads = self.threads.get();
        for number in numbers.drain(..) {
            threads.and_then(|threads| threads.get(number)).into_iter().for_each(Thread::unpark);
        }
    }

    fn entries(&self) -> RwLockReadGuard<'_, Slab<Arc<Entry>>> {
        self.entries.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn entries_mut(&self) -> RwLockWriteGuard<'_, Slab<Arc<Entry>>> {
        self.entries.write().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What the thread has that waits for the system.
struct Waiting {
    poll: Poll,
    events: Events,
    jobs: Vec<Job>,
    processors: Processors,
}

/// A thread's own half.
struct Worker<A> {
    number: usize,
    reactor: Arc<Reactor>,
    host: Host<A>,
    clock: Clock,
    waiting: Arc<Mutex<Waiting>>,
    /// What it was given.
    jobs: Vec<Job>,
    /// What is left of that.
    leaves: Vec<Job>,
    /// What it has in its hands, with what has not been seen to.
    hands: Vec<(usize, Arc<Entry>, News)>,
    /// Who is to be woken.
    wake: Vec<usize>,
    buffer: Box<[u8]>,
}

impl<A> Worker<A> {
    fn run(mut self) {
        CURRENT.set(Arc::as_ptr(&self.reactor));
        let reactor = self.reactor.clone();
        while !reactor.is_ended.load(Ordering::SeqCst) {
            if self.host.assist() {
                continue;
            }
            let step = lock(&reactor.crew).next(self.number, self.leaves.drain(..), &mut self.jobs);
            match step {
                Step::Work => self.turn(),
                Step::Wait { sleeps } => self.wait(sleeps),
                Step::Rest(Some(nap)) => thread::park_timeout(nap),
                Step::Rest(None) => thread::park(),
            }
        }
        // They hold the reactor, which holds them.
        drop(take(&mut *reactor.entries_mut()));
    }

    /// Asks the system what has happened.
    fn wait(&mut self, sleeps: bool) {
        let waiting = self.waiting.clone();
        let mut waiting = lock(&waiting);
        let Waiting { poll, events, jobs, processors } = &mut *waiting;
        let due = self.host.poll_timeout();
        let patience = if sleeps { self.patience(due) } else { Some(Duration::ZERO) };
        match poll.poll(events, patience) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::Interrupted => events.clear(),
            Err(error) => {
                log::error!("cannot wait for sockets: {error}");
                events.clear();
                thread::sleep(PAUSE);
            }
        }
        {
            let entries = self.reactor.entries();
            for event in &*events {
                let place = event.token().0;
                // One that is gone has a successor at most, which finds nothing.
                if event.token() != BELL && entries.get(place).is_some_and(|entry| entry.announce(news(event))) {
                    jobs.push(Job::Socket(place));
                }
            }
        }
        self.reactor.paused.resume(jobs);
        // After what was in the sockets: a stall of this process is nobody else's silence.
        if due.is_some_and(|due| self.clock.until(due).is_zero()) {
            jobs.push(Job::Time);
        }
        let is_short = {
            let mut crew = lock(&self.reactor.crew);
            crew.found(jobs.drain(..), &mut self.wake);
            crew.is_short()
        };
        if is_short && let Some(threads) = processors.measure() {
            lock(&self.reactor.crew).limit(threads);
        }
        self.reactor.wake(&mut self.wake);
    }

    fn turn(&mut self) {
        let host = self.host.clone();
        let mut is_due = false;
        {
            let entries = self.reactor.entries();
            for job in self.jobs.drain(..) {
                match job {
                    Job::Socket(place) => {
                        let entry = entries.get(place).cloned();
                        self.hands.extend(entry.map(|entry| (place, entry, News::NONE)));
                    }
                    Job::Time => is_due = true,
                }
            }
        }
        let mut hands = take(&mut self.hands);
        let mut turn = host.turn();
        for (place, entry, unseen) in &mut hands {
            match &**entry {
                Entry::Listener(listening) => {
                    let clock = self.clock;
                    match listening.accept(clock, |socket, address| self.accept(socket, address)) {
                        Outcome::Done => {}
                        Outcome::More => self.leaves.push(Job::Socket(*place)),
                        Outcome::Failed => self.reactor.paused.add(*place),
                    }
                }
                Entry::Connection(stream, line) => {
                    if let Some(line) = line.get() {
                        *unseen = self.happened(stream, line, &mut turn);
                    }
                }
            }
        }
        turn.finish();
        for (place, entry, unseen) in hands.drain(..) {
            self.look(place, entry, unseen);
        }
        self.hands = hands;
        if is_due {
            host.handle_timeout();
        }
    }

    /// Sees to what has happened to a connection. Returns what it leaves for later.
    fn happened(&mut self, stream: &Stream, line: &Line, turn: &mut Turn<'_>) -> News {
        let news = stream.board.take();
        if news.has(News::WRITABLE) && line.interest().write {
            turn.writable(line);
        }
        if !news.has(News::READABLE) {
            return News::NONE;
        }
        let ends = |unseen: News| unseen.and(News::ENDED, news.has(News::ENDED));
        if !line.interest().read {
            return ends(News::READABLE);
        }
        match (&stream.socket).read(&mut self.buffer) {
            Ok(0) => {
                turn.end_of_stream(line);
                News::NONE
            }
            Ok(n) => {
                turn.receive(line, &self.buffer[..n]);
                let more = n == self.buffer.len() || news.has(News::ENDED);
                if more { ends(News::READABLE) } else { News::NONE }
            }
            // Then it has not ended either.
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => News::NONE,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => ends(News::READABLE),
            Err(_) => {
                turn.end_of_stream(line);
                News::NONE
            }
        }
    }

    /// After a turn: what the connection wants now. Then it is let go.
    fn look(&mut self, place: usize, entry: Arc<Entry>, unseen: News) {
        let Entry::Connection(stream, line) = &*entry else { return };
        let Some(line) = line.get() else { return };
        let interest = stream.know(|| line.interest());
        if interest.over {
            self.reactor.entries_mut().try_remove(place);
            let stream = stream.clone();
            // The thread that waits may look at it for a moment longer.
            drop(entry);
            // So may whoever holds its request, and that would keep it open.
            if Arc::strong_count(&stream) > 1 {
                let _ = stream.socket.shutdown(Shutdown::Both);
            }
            return;
        }
        if interest.shutdown && stream.shuts_down() {
            // It fails if the peer is gone already, which is read then.
            let _ = stream.socket.shutdown(Shutdown::Write);
        }
        if stream.board.let_go(unseen, interest.read) {
            self.leaves.push(Job::Socket(place));
        }
    }

    fn accept(&mut self, mut socket: TcpStream, address: SocketAddr) {
        listener::accepted(&socket);
        let (place, stream, entry) = {
            let mut entries = self.reactor.entries_mut();
            let vacant = entries.vacant_entry();
            let place = vacant.key();
            let wanted = Readiness::READABLE | Readiness::WRITABLE;
            if let Err(error) = self.reactor.registry.register(&mut socket, Token(place), wanted) {
                log::warn!("cannot wait for a connection: {error}");
                return;
            }
            let stream = Arc::new(Stream::new(socket, self.reactor.clone(), place));
            let entry = Arc::new(Entry::Connection(stream.clone(), OnceLock::new()));
            vacant.insert(entry.clone());
            (place, stream, entry)
        };
        let peer = Peer { address: Some(address.ip()), secure: false };
        match (self.host.accept(peer, stream), &*entry) {
            (Some(line), Entry::Connection(_, place)) => _ = place.set(line),
            _ => {
                self.reactor.entries_mut().try_remove(place);
                return;
            }
        }
        self.leaves.push(Job::Socket(place));
    }

    /// How long it may sleep.
    fn patience(&self, due: Option<Time>) -> Option<Duration> {
        let due = due.map(|due| self.clock.until(due));
        due.into_iter().chain(self.reactor.paused.patience()).min()
    }
}

impl Entry {
    /// Something has happened. Returns whether a thread is to take it.
    fn announce(&self, news: News) -> bool {
        match self {
            Self::Listener(listening) => listening.board.announce(news),
            Self::Connection(stream, _) => stream.board.announce(news),
        }
    }
}

fn news(event: &Event) -> News {
    let has_ended = event.is_read_closed() || event.is_error();
    News::NONE
        .and(News::ENDED, has_ended)
        .and(News::READABLE, has_ended || event.is_readable())
        .and(News::WRITABLE, event.is_writable() || event.is_error())
}

/// Nothing in here panics while it holds a lock.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
