//! What a server has of sessions and of their incomplete packets, counted for all of its shards together without a lock.

use crate::config::Config;
use crate::stats::Limit;
use alloc::sync::Arc;
use core::sync::atomic::{AtomicUsize, Ordering};

/// The sessions of all shards that share it. [`Config::max_sessions`], [`Config::max_unjoined`] and
/// [`Config::max_incomplete`] are its limits.
#[derive(Debug, Default)]
pub struct Population {
    sessions: AtomicUsize,
    unjoined: AtomicUsize,
    incomplete: AtomicUsize,
}

impl Population {
    /// The number of sessions.
    #[must_use]
    pub fn sessions(&self) -> usize {
        self.sessions.load(Ordering::Relaxed)
    }

    /// The number of unjoined sessions: those that [`Config::max_unjoined`] counts.
    #[must_use]
    pub fn unjoined(&self) -> usize {
        self.unjoined.load(Ordering::Relaxed)
    }

    /// The bytes of packets that wait for attachments: those that [`Config::max_incomplete`] counts.
    #[must_use]
    pub fn incomplete(&self) -> usize {
        self.incomplete.load(Ordering::Relaxed)
    }

    /// Adds an unjoined session, or says which limit does not allow it.
    pub(crate) fn add(&self, config: &Config) -> Result<(), Limit> {
        if !increase(&self.unjoined, config.max_unjoined) {
            return Err(Limit::MaxUnjoined);
        }
        // Shards that add the last sessions at the same moment may be refused all of them. The limits are never
        // exceeded.
        if !increase(&self.sessions, config.max_sessions) {
            self.join();
            return Err(Limit::MaxSessions);
        }
        Ok(())
    }

    /// A session is not unjoined any more.
    pub(crate) fn join(&self) {
        self.unjoined.fetch_sub(1, Ordering::Relaxed);
    }

    /// A session has ended that is not unjoined any more.
    pub(crate) fn remove(&self) {
        self.sessions.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The bytes of one session's incomplete packet. They are given back when this is dropped.
#[derive(Debug)]
pub(crate) struct Incomplete {
    population: Arc<Population>,
    bytes: usize,
}

impl Incomplete {
    pub(crate) fn new(population: Arc<Population>) -> Self {
        Self { population, bytes: 0 }
    }

    /// Adds bytes, unless the session would have more than are left for the others.
    pub(crate) fn add(&mut self, bytes: usize, config: &Config) -> Result<(), Limit> {
        let mine = self.bytes.saturating_add(bytes);
        let add = |all: usize| {
            let all = all.checked_add(bytes)?;
            let left = config.max_incomplete.checked_sub(all)?;
            (mine <= left).then_some(all)
        };
        let added = self.population.incomplete.fetch_update(Ordering::Relaxed, Ordering::Relaxed, add);
        added.map_err(|_| Limit::MaxIncomplete)?;
        self.bytes = mine;
        Ok(())
    }
}

impl Drop for Incomplete {
    fn drop(&mut self) {
        self.population.incomplete.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

/// Adds one to a count that is less than `max`. Relaxed ordering is enough, because no other memory depends on the
/// counts.
fn increase(count: &AtomicUsize, max: usize) -> bool {
    count.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |n| (n < max).then_some(n + 1)).is_ok()
}
