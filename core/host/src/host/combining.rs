//! The lock that never makes anybody wait for work that its holder can do as well: a value, and a flag that says there is
//! work to be done on it. Knows nothing of the value or the work.

use crate::sync::{AtomicBool, Mutex, MutexGuard, Ordering, fence};

/// A value behind a lock, and whether work on it is wanted.
///
/// Whoever wants work done raises the flag and tries the lock. Whoever gives the lock back looks at the flag. The two fences
/// make sure that one of the two sees the other: no work is left undone while nobody holds the lock. `tests/properties/combining.rs` shows it, under loom, for all
/// interleavings of two threads.
#[derive(Debug, Default)]
pub(crate) struct Combining<T> {
    wanted: AtomicBool,
    value: Mutex<T>,
}

impl<T> Combining<T> {
    pub(crate) fn new(value: T) -> Self {
        Self { wanted: AtomicBool::new(false), value: Mutex::new(value) }
    }

    /// Says that work is wanted, without doing it.
    pub(crate) fn want(&self) {
        self.wanted.store(true, Ordering::Release);
    }

    /// Whether work is wanted that nobody has begun.
    pub(crate) fn is_wanted(&self) -> bool {
        fence(Ordering::SeqCst);
        self.wanted.load(Ordering::Acquire)
    }

    /// Waits for the lock, and lets `access` have the value. What others want meanwhile is the caller's to do, by
    /// [`Combining::work`].
    pub(crate) fn with<R>(&self, access: impl FnOnce(&mut T) -> R) -> R {
        access(&mut crate::sync::lock(&self.value))
    }

    /// Does the work that is wanted, unless there is none, or somebody else holds the lock, who will do it. At most `rounds`
    /// times; returns whether more was wanted then, for which the caller has to come again.
    pub(crate) fn work(&self, rounds: usize, mut work: impl FnMut(&mut T)) -> bool {
        for _ in 0..rounds {
            if !self.is_wanted() {
                return false;
            }
            let Some(mut value) = self.try_lock() else { return false };
            if self.wanted.swap(false, Ordering::AcqRel) {
                work(&mut value);
            }
        }
        self.is_wanted()
    }

    fn try_lock(&self) -> Option<MutexGuard<'_, T>> {
        crate::sync::try_lock(&self.value)
    }
}
