//! The deadlines of a worker's tasks: a table of whom to wake, which belongs to the thread. Knows nothing of sockets.

use super::{Worker, current};
use futures_lite::FutureExt as _;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt;
use std::future::{Future, pending};
use std::mem::replace;
use std::pin::Pin;
use std::ptr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

thread_local! {
    /// Whom this thread has to wake, and when. Numbered, for several may want the same moment.
    static ALARMS: RefCell<BTreeMap<(Instant, u64), Waker>> = const { RefCell::new(BTreeMap::new()) };
}

static NEXT_ALARM: AtomicU64 = AtomicU64::new(0);

/// How long the current worker may wait.
pub(super) fn until_next() -> Option<Duration> {
    ALARMS.with_borrow(|alarms| {
        let ((at, _), _) = alarms.first_key_value()?;
        Some(at.saturating_duration_since(Instant::now()))
    })
}

pub(super) fn sound() {
    while let Some(waker) = ALARMS.with_borrow_mut(|alarms| {
        let alarm = alarms.first_entry()?;
        (alarm.key().0 <= Instant::now()).then(|| alarm.remove())
    }) {
        waker.wake();
    }
}

/// Waits so long.
pub(crate) async fn sleep(patience: Duration) {
    match Instant::now().checked_add(patience) {
        Some(at) => Alarm::at(at).await,
        // Longer than anybody's clock goes.
        None => pending().await,
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

/// A moment that a task waits for: on a worker, or wherever async-std has it run.
pub(crate) struct Alarm {
    at: Instant,
    /// Its number, and the worker that it has been registered with.
    registered: Option<(u64, &'static Worker)>,
    elsewhere: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
}

impl Alarm {
    pub(crate) const fn at(at: Instant) -> Self {
        Self { at, registered: None, elsewhere: None }
    }

    /// Whether it has sounded; if not, the waker is told when it does.
    fn is_over(&self, number: u64, waker: &Waker) -> bool {
        // What was there before is dropped when the table is not borrowed any more: it may be the last that is left of a task
        // with alarms of its own.
        let former = ALARMS.with_borrow_mut(|alarms| {
            let known = alarms.get_mut(&(self.at, number))?;
            Some(if known.will_wake(waker) { None } else { Some(replace(known, waker.clone())) })
        });
        former.is_none()
    }
}

impl fmt::Debug for Alarm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Alarm").field("at", &self.at).finish_non_exhaustive()
    }
}

impl Future for Alarm {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let worker = current();
        // One that has gone to another thread begins anew there.
        if let (Some((number, whose)), Some(worker)) = (self.registered, worker)
            && ptr::eq(whose, worker)
        {
            return if self.is_over(number, cx.waker()) { Poll::Ready(()) } else { Poll::Pending };
        }
        let left = self.at.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Poll::Ready(());
        }
        if let Some(worker) = worker {
            let number = NEXT_ALARM.fetch_add(1, Ordering::Relaxed);
            self.registered = Some((number, worker));
            ALARMS.with_borrow_mut(|alarms| alarms.insert((self.at, number), cx.waker().clone()));
            return Poll::Pending;
        }
        self.elsewhere.get_or_insert_with(|| Box::pin(async_std::task::sleep(left))).as_mut().poll(cx)
    }
}

impl Drop for Alarm {
    fn drop(&mut self) {
        // One that is dropped on another thread is sounded for nothing; a thread that ends has none left.
        if let Some((number, _)) = self.registered {
            let _ = ALARMS.try_with(|alarms| alarms.borrow_mut().remove(&(self.at, number)));
        }
    }
}
