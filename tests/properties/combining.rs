//! The lock of the hub and of connections, under loom: all interleavings of two threads, as far as its memory model goes. It is
//! compiled from its very file, on loom's locks and atomics.

#[path = "../../core/host/src/host/combining.rs"]
#[allow(dead_code, reason = "not everything is of use here")]
mod combining;

/// What the file knows as `crate::sync`.
mod sync {
    pub(crate) use loom::sync::atomic::{AtomicBool, Ordering, fence};
    pub(crate) use loom::sync::{Mutex, MutexGuard};

    pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
        mutex.lock().expect("nobody panics")
    }

    pub(crate) fn try_lock<T>(mutex: &Mutex<T>) -> Option<MutexGuard<'_, T>> {
        mutex.try_lock().ok()
    }
}

use combining::Combining;
use loom::sync::Arc;
use loom::sync::atomic::{AtomicUsize, Ordering};
use loom::thread;

/// Work that waits, and how much of it was done.
#[derive(Default)]
struct Desk {
    waiting: AtomicUsize,
    done: Combining<usize>,
}

impl Desk {
    /// Brings a piece of work, and has it done: here, or by whoever is at it.
    fn bring(&self) {
        self.waiting.fetch_add(1, Ordering::AcqRel);
        self.done.want();
        self.work();
    }

    fn work(&self) {
        self.done.work(usize::MAX, |done| *done += self.waiting.swap(0, Ordering::AcqRel));
    }
}

/// Nobody holds the lock any more: then nothing is left undone.
fn nothing_is_left(desk: &Desk, brought: usize) {
    assert!(!desk.done.is_wanted(), "work is wanted, and nobody does it");
    assert_eq!(desk.done.with(|done| *done), brought);
}

#[test]
fn work_of_two_threads_is_done_by_one_of_them() {
    loom::model(|| {
        let desk = Arc::new(Desk::default());
        let other = desk.clone();
        let thread = thread::spawn(move || other.bring());
        desk.bring();
        thread.join().expect("it does not panic");
        nothing_is_left(&desk, 2);
    });
}

/// A connection's reader waits for the lock, and does what was wanted meanwhile when it gives it back.
#[test]
fn whoever_waited_for_the_lock_does_what_is_wanted_meanwhile() {
    loom::model(|| {
        let desk = Arc::new(Desk::default());
        let other = desk.clone();
        let thread = thread::spawn(move || other.bring());
        desk.done.with(|_| thread::yield_now());
        desk.work();
        thread.join().expect("it does not panic");
        nothing_is_left(&desk, 1);
    });
}

#[test]
fn work_that_is_wanted_while_it_is_done_is_done_again() {
    loom::model(|| {
        let desk = Arc::new(Desk::default());
        let others = [desk.clone(), desk.clone()];
        let threads = others.map(|other| thread::spawn(move || other.bring()));
        for thread in threads {
            thread.join().expect("it does not panic");
        }
        nothing_is_left(&desk, 2);
    });
}
