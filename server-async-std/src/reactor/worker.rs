//! What each thread does: it waits for the system, or sees to sockets in a turn, or rests.

use super::listener::{self, Outcome};
use super::news::News;
use super::processors::Processors;
use super::sockets::{Entry, Sockets};
use super::stream::Stream;
use super::threads::{Job, Threads, lock};
use crate::clock::Clock;
use mio::event::Event;
use mio::net::TcpStream;
use mio::{Events, Interest as Readiness, Poll, Token};
use sanket::Time;
use sanket_host::host::crew::Step;
use sanket_host::host::{Host, Line, Turn};
use sanket_host::request::Peer;
use std::io::{self, Read as _};
use std::mem::take;
use std::net::{Shutdown, SocketAddr};
use std::sync::{Arc, Mutex, OnceLock};
use std::thread;
use std::time::Duration;

/// Sockets that the system tells of at once.
const EVENTS: usize = 1_024;
/// Bytes that are read of one connection in one turn.
const READ: usize = 16 << 10;
/// How long the threads pause when the system cannot say what has happened.
const PAUSE: Duration = Duration::from_millis(100);
/// The token of the bell; those of sockets count from 0.
pub(super) const BELL: Token = Token(usize::MAX);

/// What the thread has that waits for the system.
pub(super) struct Waiting {
    poll: Poll,
    events: Events,
    jobs: Vec<Job>,
    processors: Processors,
}

impl Waiting {
    pub(super) fn new(poll: Poll) -> Self {
        let (events, processors) = (Events::with_capacity(EVENTS), Processors::default());
        Self { poll, events, jobs: Vec::new(), processors }
    }
}

/// A thread's own half.
pub(super) struct Worker<A> {
    number: usize,
    threads: Arc<Threads>,
    sockets: Arc<Sockets>,
    host: Host<A>,
    clock: Clock,
    waiting: Arc<Mutex<Waiting>>,
    /// What it was given.
    jobs: Vec<Job>,
    /// What is left of that.
    leaves: Vec<Job>,
    /// What it has in its hands, with what has not been seen to.
    hands: Vec<(usize, Arc<Entry>, News)>,
    buffer: Box<[u8]>,
}

impl<A> Worker<A> {
    pub(super) fn new(
        number: usize,
        (threads, sockets): (Arc<Threads>, Arc<Sockets>),
        (host, clock): (Host<A>, Clock),
        waiting: Arc<Mutex<Waiting>>,
    ) -> Self {
        let (jobs, leaves, hands) = (Vec::new(), Vec::new(), Vec::new());
        Self { number, threads, sockets, host, clock, waiting, jobs, leaves, hands, buffer: vec![0; READ].into() }
    }

    pub(super) fn run(mut self) {
        self.threads.enter();
        let threads = self.threads.clone();
        while !threads.is_ended() {
            if self.host.assist() {
                continue;
            }
            match threads.next(self.number, &mut self.leaves, &mut self.jobs) {
                Step::Work => self.turn(),
                Step::Wait { sleeps } => self.wait(sleeps),
                Step::Rest(Some(nap)) => thread::park_timeout(nap),
                Step::Rest(None) => thread::park(),
            }
        }
        // They hold the host, which holds its driver.
        self.sockets.clear();
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
            let entries = self.sockets.read();
            for event in &*events {
                let place = event.token().0;
                // One that is gone has a successor at most, which finds nothing.
                if event.token() != BELL && entries.get(place).is_some_and(|entry| entry.announce(news(event))) {
                    jobs.push(Job::Socket(place));
                }
            }
        }
        self.sockets.paused.resume(jobs);
        // After what was in the sockets: a stall of this process is nobody else's silence.
        if due.is_some_and(|due| self.clock.until(due).is_zero()) {
            jobs.push(Job::Time);
        }
        if self.threads.found(jobs)
            && let Some(threads) = processors.measure()
        {
            self.threads.limit(threads);
        }
    }

    fn turn(&mut self) {
        let host = self.host.clone();
        let mut is_due = false;
        {
            let entries = self.sockets.read();
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
                        Outcome::Failed => {
                            self.sockets.paused.add(*place);
                            // Whoever waits for the system does not know of it.
                            self.threads.wake_timer();
                        }
                    }
                }
                Entry::Closed => {}
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
            self.sockets.remove(place);
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
            let mut entries = self.sockets.write();
            let vacant = entries.vacant_entry();
            let place = vacant.key();
            let wanted = Readiness::READABLE | Readiness::WRITABLE;
            if let Err(error) = self.sockets.registry.register(&mut socket, Token(place), wanted) {
                log::warn!("cannot wait for a connection: {error}");
                return;
            }
            let stream = Arc::new(Stream::new(socket, self.threads.clone(), place));
            let entry = Arc::new(Entry::Connection(stream.clone(), OnceLock::new()));
            vacant.insert(entry.clone());
            (place, stream, entry)
        };
        let peer = Peer { address: Some(address.ip()), secure: false };
        match (self.host.accept(peer, stream), &*entry) {
            (Some(line), Entry::Connection(_, place)) => _ = place.set(line),
            _ => {
                self.sockets.remove(place);
                return;
            }
        }
        self.leaves.push(Job::Socket(place));
    }

    /// How long it may sleep.
    fn patience(&self, due: Option<Time>) -> Option<Duration> {
        let due = due.map(|due| self.clock.until(due));
        due.into_iter().chain(self.sockets.paused.patience()).min()
    }
}

fn news(event: &Event) -> News {
    let has_ended = event.is_read_closed() || event.is_error();
    News::NONE
        .and(News::ENDED, has_ended)
        .and(News::READABLE, has_ended || event.is_readable())
        .and(News::WRITABLE, event.is_writable() || event.is_error())
}
