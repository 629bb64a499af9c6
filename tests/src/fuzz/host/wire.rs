//! What a driver brings, without a runtime: a clock that is set, sockets that take what they are told to take, requests and
//! questions that wait until a command answers them.

use sanket::{Handshake, Time};
use sanket_host::host::{Driver, Interest, Socket, application::Request};
use sanket_host::request::AllowReply;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The runtime.
#[derive(Debug, Default)]
pub(super) struct Machine {
    now: AtomicU64,
    wakes: AtomicU64,
    requests: Mutex<Vec<Request>>,
    questions: Mutex<Vec<AllowReply>>,
}

impl Machine {
    pub(super) fn now(&self) -> Time {
        Time::from_millis(self.now.load(Ordering::Relaxed))
    }

    pub(super) fn set(&self, now: Time) {
        self.now.store(now.as_millis(), Ordering::Relaxed);
    }

    /// How often the driver was woken.
    pub(super) fn wakes(&self) -> u64 {
        self.wakes.load(Ordering::Relaxed)
    }

    /// Requests for the application that have come.
    pub(super) fn take_requests(&self) -> Vec<Request> {
        std::mem::take(&mut lock(&self.requests))
    }

    pub(super) fn ask(&self, _: Arc<Handshake>, reply: AllowReply) {
        lock(&self.questions).push(reply);
    }

    /// The question that waits longest.
    pub(super) fn take_question(&self) -> Option<AllowReply> {
        let mut questions = lock(&self.questions);
        (!questions.is_empty()).then(|| questions.remove(0))
    }
}

/// The machine, in the hands of the host.
pub(super) struct Runtime(pub(super) Arc<Machine>);

impl Driver for Runtime {
    fn now(&self) -> Time {
        self.0.now()
    }

    fn wake(&self) {
        self.0.wakes.fetch_add(1, Ordering::Relaxed);
    }

    fn request(&self, request: Request) {
        lock(&self.0.requests).push(request);
    }
}

/// A socket.
#[derive(Debug)]
pub(super) struct Wire(Mutex<Inside>);

#[derive(Debug)]
struct Inside {
    /// What the client got.
    taken: Vec<u8>,
    /// Bytes that the socket takes before it is full.
    room: usize,
    fails: bool,
    /// Writing would have blocked since the driver was told last.
    is_full: bool,
    /// The write direction was shut down.
    is_shut: bool,
}

impl Wire {
    pub(super) fn new() -> Self {
        let inside = Inside { taken: Vec::new(), room: usize::MAX, fails: false, is_full: false, is_shut: false };
        Self(Mutex::new(inside))
    }

    pub(super) fn set_room(&self, room: usize) {
        lock(&self.0).room = room;
    }

    pub(super) fn fail(&self) {
        lock(&self.0).fails = true;
    }

    pub(super) fn shut(&self) {
        lock(&self.0).is_shut = true;
    }

    /// Whether it was full and can be written to again.
    pub(super) fn take_writable(&self) -> bool {
        let mut inside = lock(&self.0);
        let writable = inside.is_full && (inside.room > 0 || inside.fails);
        inside.is_full &= !writable;
        writable
    }

    /// Whether it takes more.
    pub(super) fn has_room(&self) -> bool {
        let inside = lock(&self.0);
        inside.room > 0 && !inside.fails
    }

    pub(super) fn taken<R>(&self, read: impl FnOnce(&[u8]) -> R) -> R {
        read(&lock(&self.0).taken)
    }
}

impl Socket for Wire {
    fn try_write(&self, bytes: &[u8], _: bool) -> io::Result<usize> {
        let mut inside = lock(&self.0);
        assert!(!inside.is_shut, "written behind the end");
        assert!(!bytes.is_empty(), "nothing is written");
        if inside.fails {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        if inside.room == 0 {
            inside.is_full = true;
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let n = bytes.len().min(inside.room);
        if inside.room != usize::MAX {
            inside.room -= n;
        }
        inside.taken.extend(&bytes[..n]);
        Ok(n)
    }

    fn wake(&self, _: Interest) {}
}
