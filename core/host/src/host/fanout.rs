//! What is to be sent to more connections than one thread serves soon: a list that threads share.

use super::agenda::Work;
use super::crew::{BATCH, SHARE};
use crate::sync::lock;
use std::collections::VecDeque;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Sends that any thread may do, in any order: each sends all that there is for its connection.
#[derive(Debug, Default)]
pub(super) struct Fanout {
    list: Mutex<VecDeque<Work>>,
    length: AtomicUsize,
}

impl Fanout {
    /// Whether so many sends are worth sharing.
    pub(super) fn is_worth(sends: usize) -> bool {
        sends > SHARE
    }

    /// Adds what is to be sent of `work`, and leaves the rest. Returns how much there is.
    pub(super) fn share(&self, work: &mut VecDeque<Work>) -> usize {
        let (sends, rest): (VecDeque<_>, VecDeque<_>) = work.drain(..).partition(Work::is_send);
        *work = rest;
        let mut list = lock(&self.list);
        list.extend(sends);
        self.length.store(list.len(), Ordering::Release);
        list.len()
    }

    /// Takes a few, if there are any. Returns how many are left.
    pub(super) fn take(&self, into: &mut VecDeque<Work>) -> Option<usize> {
        if self.is_empty() {
            return None;
        }
        let mut list = lock(&self.list);
        let count = list.len().min(BATCH);
        into.extend(list.drain(..count));
        self.length.store(list.len(), Ordering::Release);
        (count > 0).then_some(list.len())
    }

    /// Whether there are none.
    pub(super) fn is_empty(&self) -> bool {
        self.length.load(Ordering::Acquire) == 0
    }
}
