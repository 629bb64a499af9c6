//! The end of the sessions, spread over time: if all of them were closed at once, all of their clients would come back at once.

use sanket::Time;
use std::sync::atomic::{AtomicU64, Ordering};

/// Milliseconds between two steps.
const STEP: u64 = 20;

/// How far it is.
#[derive(Debug)]
pub(super) struct Draining {
    /// When it began, and when the last session is closed, in milliseconds.
    began: AtomicU64,
    ends: AtomicU64,
    /// When the next step is due, in milliseconds.
    next: AtomicU64,
}

impl Draining {
    pub(super) fn new() -> Self {
        Self { began: AtomicU64::new(0), ends: AtomicU64::new(0), next: AtomicU64::new(u64::MAX) }
    }

    /// Begins, to close the last session `over` milliseconds later.
    pub(super) fn begin(&self, over: u64, now: Time) {
        self.began.store(now.as_millis(), Ordering::Relaxed);
        self.ends.store(now.after(over).as_millis(), Ordering::Relaxed);
        self.next.store(now.as_millis(), Ordering::Release);
    }

    /// When the next step is due.
    pub(super) fn next(&self) -> Time {
        Time::from_millis(self.next.load(Ordering::SeqCst))
    }

    /// How many 65,536ths of the sessions are to be closed by `now`, if a step is due.
    pub(super) fn take_step(&self, now: Time) -> Option<u32> {
        if self.next.load(Ordering::Acquire) > now.as_millis() {
            return None;
        }
        let (began, ends) = (self.began.load(Ordering::Relaxed), self.ends.load(Ordering::Relaxed));
        let is_last = now.as_millis() >= ends;
        self.next.store(if is_last { u64::MAX } else { now.after(STEP).as_millis() }, Ordering::Release);
        if is_last {
            return Some(1 << 16);
        }
        let passed = u128::from(now.as_millis().saturating_sub(began));
        u32::try_from((passed << 16) / u128::from(ends - began)).ok()
    }
}
