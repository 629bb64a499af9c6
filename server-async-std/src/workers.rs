//! The threads that wait for sockets, and run the tasks that read them: one for each processor, with a queue of its own. A socket
//! belongs to one of them for as long as it lives, and is announced to the system once, not for every wait; what has
//! happened to many sockets is learnt in one call, and their tasks run on the thread that has learnt it, without another being
//! woken. That call ends in time for the deadlines of these tasks, too. Everything that is no connection stays with async-std.
//! Knows tasks, readiness and deadlines; nothing of what is read.

use async_task::{Runnable, Task};
use atomic_waker::AtomicWaker;
use futures_lite::FutureExt as _;
use mio::event::{Event, Source};
use mio::{Events, Interest, Poll as Poller, Registry, Token, Waker as Bell};
use slab::Slab;
use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::future::Future;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker, ready};
use std::thread;
use std::time::{Duration, Instant};

/// Events taken from the system at once.
const EVENTS: usize = 1_024;
/// The token of the bell; those of sockets begin at 0.
const BELL: Token = Token(usize::MAX);
/// What happens if the system refuses to wait, which is not known to happen.
const PAUSE: Duration = Duration::from_millis(100);

static ALL: Mutex<Option<&'static [Worker]>> = Mutex::new(None);
static NEXT: AtomicUsize = AtomicUsize::new(0);

thread_local! {
    static CURRENT: Cell<Option<&'static Worker>> = const { Cell::new(None) };
    /// Whom this thread has to wake, and when. Numbered, for several may want the same moment.
    static ALARMS: RefCell<BTreeMap<(Instant, u64), Waker>> = const { RefCell::new(BTreeMap::new()) };
}

static NEXT_ALARM: AtomicU64 = AtomicU64::new(0);

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
                if catch_unwind(AssertUnwindSafe(|| runnable.run())).is_err() {
                    log::error!("a task panicked");
                }
            }
            self.asleep.store(true, Ordering::SeqCst);
            let patience = if lock(&self.queue).is_empty() { until_alarm() } else { Some(Duration::ZERO) };
            let polled = poller.poll(&mut events, patience);
            self.asleep.store(false, Ordering::SeqCst);
            sound_alarms();
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

/// How long the current worker may wait.
fn until_alarm() -> Option<Duration> {
    ALARMS.with_borrow(|alarms| {
        let ((at, _), _) = alarms.first_key_value()?;
        Some(at.saturating_duration_since(Instant::now()))
    })
}

fn sound_alarms() {
    while let Some(waker) = ALARMS.with_borrow_mut(|alarms| {
        let alarm = alarms.first_entry()?;
        (alarm.key().0 <= Instant::now()).then(|| alarm.remove())
    }) {
        waker.wake();
    }
}

/// Waits so long: on a worker, or wherever the current task runs.
pub(crate) async fn sleep(patience: Duration) {
    match Instant::now().checked_add(patience) {
        Some(at) if CURRENT.get().is_some() => Alarm { at, number: None }.await,
        _ => async_std::task::sleep(patience).await,
    }
}

/// The future's output, if it has one in time.
pub(crate) async fn within<F: Future>(patience: Duration, future: F) -> Option<F::Output> {
    async { Some(future.await) }
        .or(async {
            sleep(patience).await;
            None
        })
        .await
}

/// A moment that a task on a worker waits for.
struct Alarm {
    at: Instant,
    /// Set while it is registered.
    number: Option<u64>,
}

impl Future for Alarm {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if self.at <= Instant::now() {
            return Poll::Ready(());
        }
        let number = *self.number.get_or_insert_with(|| NEXT_ALARM.fetch_add(1, Ordering::Relaxed));
        let waker = cx.waker().clone();
        // Dropped when the table is not borrowed any more: it may be the last that is left of a task with alarms of its own.
        let _former = ALARMS.with_borrow_mut(|alarms| alarms.insert((self.at, number), waker));
        Poll::Pending
    }
}

impl Drop for Alarm {
    fn drop(&mut self) {
        // A task that is dropped elsewhere leaves it to be sounded for nothing; a thread that ends has none left.
        if let Some(number) = self.number {
            let _ = ALARMS.try_with(|alarms| alarms.borrow_mut().remove(&(self.at, number)));
        }
    }
}

/// Nothing in here panics while it holds a lock.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

const READABLE: u8 = 1;
const WRITABLE: u8 = 2;
/// The peer has ended its direction: that is there to be read, however often, and will not be announced again.
const ENDED: u8 = 4;

/// What the system has said of a socket, and nobody has found otherwise since.
#[derive(Debug, Default)]
struct Readiness {
    bits: AtomicU8,
    reader: AtomicWaker,
    writer: AtomicWaker,
}

impl Readiness {
    fn announce(&self, event: &Event) {
        let ended = event.is_read_closed() || event.is_error();
        let readable = event.is_readable() || ended;
        let writable = event.is_writable() || event.is_write_closed() || event.is_error();
        let bit = |is, bit| if is { bit } else { 0 };
        self.bits.fetch_or(bit(ended, ENDED) | bit(readable, READABLE) | bit(writable, WRITABLE), Ordering::AcqRel);
        if readable {
            self.reader.wake();
        }
        if writable {
            self.writer.wake();
        }
    }

    fn take(&self, bit: u8) -> bool {
        self.bits.fetch_and(!bit, Ordering::AcqRel) & (bit | ENDED) != 0
    }
}

/// A socket that a worker waits for.
pub(crate) struct Watched<S> {
    socket: S,
    worker: &'static Worker,
    place: usize,
    readiness: Arc<Readiness>,
}

impl<S> fmt::Debug for Watched<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watched").field("readiness", &self.readiness).finish_non_exhaustive()
    }
}

impl<S: Source> Watched<S> {
    /// A socket that does not block, and belongs to `worker` from now on.
    ///
    /// # Errors
    ///
    /// The system's, if it has no place for one more.
    pub(crate) fn new(mut socket: S, worker: &'static Worker, interest: Interest) -> io::Result<Self> {
        let readiness = Arc::new(Readiness::default());
        let place = lock(&worker.sources).insert(readiness.clone());
        if let Err(error) = worker.registry.register(&mut socket, Token(place), interest) {
            lock(&worker.sources).remove(place);
            return Err(error);
        }
        Ok(Self { socket, worker, place, readiness })
    }
}

impl<S> Watched<S> {
    pub(crate) fn socket(&self) -> &S {
        &self.socket
    }

    pub(crate) fn worker(&self) -> &'static Worker {
        self.worker
    }

    /// Reads with `read`, when there is something. `all` tells of what was read whether it may have been all there was: then
    /// the system is not asked again before it has said that there is more.
    pub(crate) fn poll_read<R>(
        &self,
        cx: &mut Context<'_>,
        read: impl FnMut(&S) -> io::Result<R>,
        all: impl Fn(&R) -> bool,
    ) -> Poll<io::Result<R>> {
        self.poll(cx, READABLE, &self.readiness.reader, read, all)
    }

    /// Waits until the socket takes more than it did.
    pub(crate) fn poll_write<R>(
        &self,
        cx: &mut Context<'_>,
        write: impl FnMut(&S) -> io::Result<R>,
    ) -> Poll<io::Result<R>> {
        // That there is room is assumed until the system denies it.
        self.readiness.bits.fetch_or(WRITABLE, Ordering::AcqRel);
        self.poll(cx, WRITABLE, &self.readiness.writer, write, |_| false)
    }

    fn poll<R>(
        &self,
        cx: &mut Context<'_>,
        bit: u8,
        waker: &AtomicWaker,
        mut work: impl FnMut(&S) -> io::Result<R>,
        all: impl Fn(&R) -> bool,
    ) -> Poll<io::Result<R>> {
        loop {
            // Lowered before the socket is touched: what is announced meanwhile is not lost.
            if !self.readiness.take(bit) {
                waker.register(cx.waker());
                ready!(if self.readiness.take(bit) { Poll::Ready(()) } else { Poll::Pending });
            }
            match work(&self.socket) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    // Then nothing has ended either.
                    self.readiness.bits.fetch_and(!ENDED, Ordering::AcqRel);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {
                    self.readiness.bits.fetch_or(bit, Ordering::AcqRel);
                }
                Ok(done) if all(&done) => return Poll::Ready(Ok(done)),
                done => {
                    self.readiness.bits.fetch_or(bit, Ordering::AcqRel);
                    return Poll::Ready(done);
                }
            }
        }
    }
}

impl<S> Drop for Watched<S> {
    /// The system forgets a socket when it is closed.
    fn drop(&mut self) {
        lock(&self.worker.sources).remove(self.place);
    }
}
