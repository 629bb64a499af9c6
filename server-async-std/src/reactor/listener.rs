//! A socket that connections come in on, and what is done when the system gives none.

use super::news::{Board, News};
use super::threads::{Job, lock};
use crate::clock::Clock;
use mio::net::{TcpListener, TcpStream};
use sanket::Time;
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard};
use std::time::{Duration, Instant};

/// Connections that are accepted before sockets that are ready get their turn.
const ACCEPTS: usize = 64;
/// How long nothing is accepted after an error such as "too many open files". Connections wait in the system's backlog.
const PAUSE: Duration = Duration::from_millis(100);
/// Milliseconds without such an error after which it is said that there is none any more.
const CALM: u64 = 10_000;

/// A listener.
#[derive(Debug)]
pub(super) struct Listening {
    listener: TcpListener,
    pub(super) board: Board,
    /// When accepting failed last, in milliseconds; 0 if it has gone well for a while.
    failed_at: AtomicU64,
}

/// What became of accepting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// There is none at the moment.
    Done,
    /// There may be more, for which a thread is to take the listener once more.
    More,
    /// The system gives none: a thread is to take the listener after a pause.
    Failed,
}

impl Listening {
    pub(super) fn new(listener: TcpListener) -> Self {
        Self { listener, board: Board::free(), failed_at: AtomicU64::new(0) }
    }

    /// Accepts what waits, and lets go of the listener if that is all.
    pub(super) fn accept(&self, clock: Clock, mut each: impl FnMut(TcpStream, SocketAddr)) -> Outcome {
        self.board.take();
        for _ in 0..ACCEPTS {
            match self.listener.accept() {
                Ok((socket, address)) => {
                    self.went_well(clock);
                    each(socket, address);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return self.let_go(),
                Err(error) if is_about_one_connection(&error) => {}
                Err(error) => {
                    self.failed(&error, clock);
                    return Outcome::Failed;
                }
            }
        }
        Outcome::More
    }

    fn let_go(&self) -> Outcome {
        if self.board.let_go(News::NONE, true) { Outcome::More } else { Outcome::Done }
    }

    fn failed(&self, error: &io::Error, clock: Clock) {
        let now = clock.now();
        let before = self.failed_at.swap(now.as_millis(), Ordering::Relaxed);
        // Said once, however often it is tried.
        if before == 0 || Time::from_millis(before).after(CALM) <= now {
            log::warn!("cannot accept connections, trying again: {error}");
        }
    }

    fn went_well(&self, clock: Clock) {
        let failed_at = self.failed_at.load(Ordering::Relaxed);
        if failed_at > 0 && Time::from_millis(failed_at).after(CALM) <= clock.now() {
            self.failed_at.store(0, Ordering::Relaxed);
            log::warn!("accepting connections again");
        }
    }
}

/// Listeners that pause, by their places.
#[derive(Debug, Default)]
pub(super) struct Paused {
    is_any: AtomicBool,
    list: Mutex<Vec<(Instant, usize)>>,
}

impl Paused {
    pub(super) fn add(&self, place: usize) {
        self.lock().push((Instant::now() + PAUSE, place));
        self.is_any.store(true, Ordering::Release);
    }

    /// How long the first of them pauses.
    pub(super) fn patience(&self) -> Option<Duration> {
        if !self.is_any.load(Ordering::Acquire) {
            return None;
        }
        let now = Instant::now();
        self.lock().iter().map(|(at, _)| at.saturating_duration_since(now)).min()
    }

    /// Those that have paused for long enough.
    pub(super) fn resume(&self, jobs: &mut Vec<Job>) {
        if self.is_any.load(Ordering::Acquire) {
            let (mut list, now) = (self.lock(), Instant::now());
            jobs.extend(list.extract_if(.., |(at, _)| *at <= now).map(|(_, place)| Job::Socket(place)));
            self.is_any.store(!list.is_empty(), Ordering::Release);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<(Instant, usize)>> {
        lock(&self.list)
    }
}

/// A response that waits for the acknowledgement of the one before costs 40 ms. On Linux, connections have this from their listener.
#[cfg(target_os = "linux")]
pub(super) fn prepare(listener: &TcpListener) -> io::Result<()> {
    Ok(rustix::net::sockopt::set_tcp_nodelay(listener, true)?)
}

#[cfg(not(target_os = "linux"))]
pub(super) fn prepare(_: &TcpListener) -> io::Result<()> {
    Ok(())
}

/// Elsewhere each connection is told. It fails only if the peer is gone already.
pub(super) fn accepted(socket: &TcpStream) {
    if cfg!(not(target_os = "linux")) {
        let _ = socket.set_nodelay(true);
    }
}

fn is_about_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted)
}
