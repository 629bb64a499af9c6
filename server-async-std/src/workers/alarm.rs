//! The deadlines of a worker's tasks: a table of whom to wake, which belongs to the thread. Knows nothing of sockets.

use super::is_worker;
use futures_lite::FutureExt as _;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
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

/// Waits so long: on a worker, or wherever the current task runs.
pub(crate) async fn sleep(patience: Duration) {
    match Instant::now().checked_add(patience) {
        Some(at) if is_worker() => Alarm { at, number: None }.await,
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
