//! The threads that wait for sockets, and run the tasks that read them: one for each processor, with a queue of its own. A socket
//! belongs to one of them for as long as it lives, and is announced to the system once, not for every wait; what has
//! happened to many sockets is learnt in one call, and their tasks run on the thread that has learnt it, without another being
//! woken. That call ends in time for the deadlines of these tasks, too. Everything that is no connection stays with async-std.
//! Knows tasks, readiness and deadlines; nothing of what is read.

mod alarm;
mod watched;

use async_task::{Runnable, Task};
use mio::{Events, Poll as Poller, Registry, Token, Waker as Bell};
use slab::Slab;
use std::cell::Cell;
use std::collections::VecDeque;
use std::fmt;
use std::future::Future;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;
use watched::Readiness;

pub(crate) use alarm::{Alarm, sleep, within};
pub(crate) use watched::Watched;

/// Events taken from the system at once: few enough that what their tasks have read is still in the processor's caches when the
/// answers are sent, and enough for many to be sent in one turn.
const EVENTS: usize = 32;
/// The token of the bell; those of sockets begin at 0.
const BELL: Token = Token(usize::MAX);
/// What happens if the system refuses to wait, which is not known to happen.
const PAUSE: Duration = Duration::from_millis(100);

static ALL: Mutex<Option<&'static [Worker]>> = Mutex::new(None);
static NEXT: AtomicUsize = AtomicUsize::new(0);

thread_local! {
    static CURRENT: Cell<Option<&'static Worker>> = const { Cell::new(None) };
    static AT_END_OF_TURN: Cell<Vec<fn()>> = const { Cell::new(Vec::new()) };
}

/// One thread, as others see it.
pub(crate) struct Worker {
    registry: Registry,
    bell: Bell,
    /// It waits for sockets, or is about to: who has a task for it must ring.
    asleep: AtomicBool,
    queue: Mutex<VecDeque<Runnable>>,
    sources: Mutex<Slab<Arc<Readiness>>>,
}

impl fmt::Debug for Worker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Worker").finish_non_exhaustive()
    }
}

/// Runs a task where the current one runs: on its worker, or wherever async-std likes.
pub(crate) fn spawn(future: impl Future<Output = ()> + Send + 'static) {
    match CURRENT.get() {
        Some(worker) => worker.spawn(future).detach(),
        None => drop(async_std::task::spawn(future)),
    }
}

/// The worker whose thread this is.
fn current() -> Option<&'static Worker> {
    CURRENT.get()
}

/// Runs a task on one of the workers, told apart by numbers; wherever async-std likes if the system gives no workers.
pub(crate) fn spawn_on(number: usize, future: impl Future<Output = ()> + Send + 'static) {
    match Worker::all() {
        Ok(workers) => workers[number % workers.len()].spawn(future).detach(),
        Err(error) => {
            log::error!("there are no workers: {error}");
            drop(async_std::task::spawn(future));
        }
    }
}

/// Calls `work` on this thread when all tasks that can go on have done so; at once where there is no worker.
pub(crate) fn at_end_of_turn(work: fn()) {
    if current().is_none() {
        return work();
    }
    let mut all = AT_END_OF_TURN.take();
    all.push(work);
    AT_END_OF_TURN.set(all);
}

fn end_turn() {
    let mut all = AT_END_OF_TURN.take();
    while !all.is_empty() {
        all.drain(..).for_each(contain);
        all.append(&mut AT_END_OF_TURN.take());
    }
    AT_END_OF_TURN.set(all);
}

/// A panic ends what panics, not the thread.
fn contain(work: impl FnOnce()) {
    if catch_unwind(AssertUnwindSafe(work)).is_err() {
        log::error!("a task panicked");
    }
}

impl Worker {
    /// One after the other. Starts them all, the first time.
    ///
    /// # Errors
    ///
    /// The system's, if it gives no threads or no descriptors for them.
    pub(crate) fn next() -> io::Result<&'static Self> {
        let workers = Self::all()?;
        Ok(&workers[NEXT.fetch_add(1, Ordering::Relaxed) % workers.len()])
    }

    /// At least one.
    fn all() -> io::Result<&'static [Self]> {
        let mut all = lock(&ALL);
        match *all {
            Some(workers) => Ok(workers),
            None => Ok(all.insert(start()?)),
        }
    }

    /// Runs a task on this thread, and on no other. A panic ends the task, and is whoever's who waits for it.
    pub(crate) fn spawn<R: Send + 'static>(&'static self, future: impl Future<Output = R> + Send + 'static) -> Task<R> {
        let (runnable, task) = async_task::spawn(future, |runnable| self.push(runnable));
        runnable.schedule();
        task
    }

    fn push(&self, runnable: Runnable) {
        lock(&self.queue).push_back(runnable);
        // It looks into the queue after it has said that it sleeps, so one of the two sees the other.
        if self.asleep.swap(false, Ordering::SeqCst) && self.bell.wake().is_err() {
            log::error!("a worker could not be woken");
        }
    }

    fn run(&'static self, mut poller: Poller) {
        CURRENT.set(Some(self));
        let mut events = Events::with_capacity(EVENTS);
        let mut batch = VecDeque::new();
        loop {
            // What these tasks wake is run after the sockets have been asked.
            std::mem::swap(&mut *lock(&self.queue), &mut batch);
            for runnable in batch.drain(..) {
                contain(|| _ = runnable.run());
            }
            end_turn();
            self.asleep.store(true, Ordering::SeqCst);
            let patience = if lock(&self.queue).is_empty() { alarm::until_next() } else { Some(Duration::ZERO) };
            let polled = poller.poll(&mut events, patience);
            self.asleep.store(false, Ordering::SeqCst);
            alarm::sound();
            match polled {
                Ok(()) => self.announce(&events),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    log::error!("cannot wait for sockets: {error}");
                    thread::sleep(PAUSE);
                }
            }
        }
    }

    fn announce(&self, events: &Events) {
        let sources = lock(&self.sources);
        for event in events {
            // One that is gone by now has a successor at most, whose task will find nothing.
            if let Some(readiness) = sources.get(event.token().0) {
                readiness.announce(event);
            }
        }
    }
}

fn start() -> io::Result<&'static [Worker]> {
    let n = thread::available_parallelism().map_or(1, usize::from);
    let mut pollers = Vec::with_capacity(n);
    let mut workers = Vec::with_capacity(n);
    for _ in 0..n {
        let poller = Poller::new()?;
        workers.push(Worker {
            registry: poller.registry().try_clone()?,
            bell: Bell::new(poller.registry(), BELL)?,
            asleep: AtomicBool::new(false),
            queue: Mutex::default(),
            sources: Mutex::default(),
        });
        pollers.push(poller);
    }
    let workers: &'static [Worker] = workers.leak();
    for (worker, poller) in workers.iter().zip(pollers) {
        thread::Builder::new().name("sanket-worker".into()).spawn(|| worker.run(poller))?;
    }
    Ok(workers)
}

/// Nothing in here panics while it holds a lock.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
