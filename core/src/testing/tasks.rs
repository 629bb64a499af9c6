//! Tasks of the application, run in virtual time, and the clock that they sleep by.

use crate::room::Task;
use alloc::sync::Arc;
use alloc::task::Wake;
use alloc::vec::Vec;
use core::fmt;
use core::future::Future;
use core::pin::Pin;
use core::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use core::task::{Context, Poll, Waker};
use core::time::Duration;

/// The virtual time of a [`Bench`](super::Bench), for tasks. It can be given to the application, in place of a runtime's
/// timer. Tasks that sleep by it are woken by [`Bench::advance`](super::Bench::advance), in the order of time.
#[derive(Clone)]
pub struct Clock(Arc<Dial>);

/// Numbers only: no lock is at hand that needs neither the standard library nor `unsafe`, so wakers cannot be shared.
#[derive(Default)]
struct Dial {
    /// Milliseconds since the bench began.
    now: AtomicUsize,
    /// The earliest end of a sleep that has been polled.
    due: AtomicUsize,
    /// The address of the waker of the task that is being polled.
    polled: AtomicUsize,
    /// How many sleeps have asked to be polled again.
    foreign: AtomicUsize,
}

impl Clock {
    /// The time since the bench began.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        Duration::from_millis(self.0.now.load(SeqCst) as u64)
    }

    /// Waits until so much virtual time has passed, in whole milliseconds. Only tasks of the bench can wait for it.
    pub fn sleep(&self, duration: Duration) -> Sleep {
        let millis = usize::try_from(duration.as_millis()).unwrap_or(usize::MAX);
        Sleep { clock: self.clone(), until: self.0.now.load(SeqCst).saturating_add(millis) }
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Clock").field(&self.elapsed()).finish()
    }
}

/// See [`Clock::sleep`].
#[derive(Debug)]
#[must_use = "it does nothing unless it is awaited"]
pub struct Sleep {
    clock: Clock,
    until: usize,
}

impl Future for Sleep {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let dial = &*self.clock.0;
        if dial.now.load(SeqCst) >= self.until {
            return Poll::Ready(());
        }
        dial.due.fetch_min(self.until, SeqCst);
        // The bench polls the whole task then. A future that has put a waker of its own in between polls only those of
        // its parts that were woken.
        if cx.waker().data().addr() != dial.polled.load(SeqCst) {
            dial.foreign.fetch_add(1, SeqCst);
            cx.waker().wake_by_ref();
        }
        Poll::Pending
    }
}

/// Whether a task was woken.
struct Flag(AtomicBool);

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.0.store(true, SeqCst);
    }
}

struct Running {
    task: Task,
    flag: Arc<Flag>,
}

/// The tasks of a bench.
pub(super) struct Tasks {
    clock: Clock,
    running: Vec<Running>,
}

impl Tasks {
    pub(super) fn new() -> Self {
        let dial = Dial { due: AtomicUsize::new(usize::MAX), ..Dial::default() };
        Self { clock: Clock(Arc::new(dial)), running: Vec::new() }
    }

    pub(super) fn clock(&self) -> Clock {
        self.clock.clone()
    }

    pub(super) fn len(&self) -> usize {
        self.running.len()
    }

    pub(super) fn add(&mut self, task: Task) {
        self.running.push(Running { task, flag: Arc::new(Flag(AtomicBool::new(true))) });
    }

    /// Milliseconds since the beginning at which a sleep ends.
    pub(super) fn due(&self) -> Option<u64> {
        Some(self.clock.0.due.load(SeqCst)).filter(|at| *at != usize::MAX).map(|at| at as u64)
    }

    /// Sets the time, in milliseconds since the beginning. If a sleep is over, all tasks are polled next.
    pub(super) fn set_time(&mut self, millis: u64) {
        let dial = &*self.clock.0;
        let now = usize::try_from(millis).unwrap_or(usize::MAX);
        dial.now.store(now, SeqCst);
        if dial.due.load(SeqCst) <= now {
            dial.due.store(usize::MAX, SeqCst);
            self.running.iter().for_each(|running| running.flag.0.store(true, SeqCst));
        }
    }

    /// Polls each task that was woken, in the order in which they began. Returns whether there was one.
    pub(super) fn poll(&mut self) -> bool {
        /// How often a task is polled in a row that is woken only by its sleeps: often enough for a waker that was woken
        /// by something else at the same time.
        const AGAIN: usize = 4;
        let dial = &*self.clock.0;
        let mut any = false;
        self.running.retain_mut(|Running { task, flag }| {
            let mut again = 0;
            while flag.0.swap(false, SeqCst) {
                any = true;
                let waker = Waker::from(flag.clone());
                dial.polled.store(waker.data().addr(), SeqCst);
                dial.foreign.store(0, SeqCst);
                if task.as_mut().poll(&mut Context::from_waker(&waker)).is_ready() {
                    return false;
                }
                if dial.foreign.load(SeqCst) == 0 {
                    break;
                }
                again += 1;
                if again == AGAIN {
                    flag.0.store(false, SeqCst);
                }
            }
            true
        });
        dial.polled.store(0, SeqCst);
        any
    }
}
