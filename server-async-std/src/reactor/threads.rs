//! All threads of a server, as others see them: who has something for them says so here, and wakes one if it must.

use mio::Waker;
use sanket_host::host::crew::{Crew, Step};
use std::cell::Cell;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread::Thread;

thread_local! {
    /// The threads of which this is one, by their address.
    static CURRENT: Cell<*const Threads> = const { Cell::new(std::ptr::null()) };
}

/// The threads, and the work that waits for them.
#[derive(Debug)]
pub(super) struct Threads {
    crew: Mutex<Crew<Job>>,
    /// Wakes the one that waits for the system.
    bell: Waker,
    /// To wake those who rest.
    handles: OnceLock<Box<[Thread]>>,
    is_ended: AtomicBool,
}

/// A piece of work: the socket at a place, or what is due.
#[derive(Debug)]
pub(super) enum Job {
    Socket(usize),
    Time,
}

impl Threads {
    /// So many, which are yet to be started.
    pub(super) fn new(threads: usize, bell: Waker) -> Self {
        let (crew, handles) = (Mutex::new(Crew::new(threads)), OnceLock::new());
        Self { crew, bell, handles, is_ended: AtomicBool::new(false) }
    }

    /// They have been started.
    pub(super) fn started(&self, handles: Vec<Thread>) {
        let _ = self.handles.set(handles.into());
    }

    /// The calling thread is one of them.
    pub(super) fn enter(&self) {
        CURRENT.set(self);
    }

    pub(super) fn next(&self, thread: usize, leaves: &mut Vec<Job>, batch: &mut Vec<Job>) -> Step {
        self.crew().next(thread, leaves.drain(..), batch)
    }

    /// The socket at a place is to be taken by a thread.
    pub(super) fn push(&self, place: usize) {
        let mut crew = self.crew();
        crew.push(Job::Socket(place));
        // A thread of its own asks for what there is when it is done with what it is at.
        let rings = !std::ptr::eq(CURRENT.get(), self) && crew.ring();
        drop(crew);
        if rings {
            self.ring();
        }
    }

    /// What the system has said. Returns whether it is worth finding out for how many threads there are processors.
    pub(super) fn found(&self, jobs: &mut Vec<Job>) -> bool {
        let mut wake = Vec::new();
        let mut crew = self.crew();
        crew.found(jobs.drain(..), &mut wake);
        let is_short = crew.is_short();
        drop(crew);
        self.wake(&wake);
        is_short
    }

    /// There are processors for so many of them.
    pub(super) fn limit(&self, threads: usize) {
        self.crew().limit(threads);
    }

    /// So many sends are worth a thread that rests.
    pub(super) fn offer(&self, sends: usize) {
        let mut wake = Vec::new();
        let rings = self.crew().offer(sends, &mut wake);
        self.wake(&wake);
        if rings {
            self.ring();
        }
    }

    /// The deadline that is slept until has moved.
    pub(super) fn wake_timer(&self) {
        let rings = self.crew().ring();
        if rings {
            self.ring();
        }
    }

    pub(super) fn end(&self) {
        self.is_ended.store(true, Ordering::SeqCst);
        self.ring();
        self.handles.get().into_iter().flatten().for_each(Thread::unpark);
    }

    pub(super) fn is_ended(&self) -> bool {
        self.is_ended.load(Ordering::SeqCst)
    }

    fn ring(&self) {
        if self.bell.wake().is_err() {
            log::error!("a thread could not be woken");
        }
    }

    fn wake(&self, numbers: &[usize]) {
        let handles = self.handles.get().map_or(&[][..], |handles| handles);
        numbers.iter().filter_map(|number| handles.get(*number)).for_each(Thread::unpark);
    }

    fn crew(&self) -> MutexGuard<'_, Crew<Job>> {
        lock(&self.crew)
    }
}

/// Nothing in here panics while it holds a lock.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
