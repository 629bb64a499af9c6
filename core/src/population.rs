//! How many sessions a server has, counted for all of its shards in one place, without a lock.

use crate::config::Config;
use core::sync::atomic::{AtomicUsize, Ordering};

/// The sessions of the shards that share it. [`Config::max_sessions`] and [`Config::max_unjoined`] are limits of these counts.
#[derive(Debug, Default)]
pub struct Population {
    sessions: AtomicUsize,
    unjoined: AtomicUsize,
}

impl Population {
    /// How many sessions there are.
    #[must_use]
    pub fn sessions(&self) -> usize {
        self.sessions.load(Ordering::Relaxed)
    }

    /// How many of them are unjoined, as [`Config::max_unjoined`] says.
    #[must_use]
    pub fn unjoined(&self) -> usize {
        self.unjoined.load(Ordering::Relaxed)
    }

    /// Counts one more session, unjoined at first. Whether there was room.
    pub(crate) fn add(&self, config: &Config) -> bool {
        if !increase(&self.unjoined, config.max_unjoined) {
            return false;
        }
        // Shards that ask for the last places at the same moment may all be refused; no limit is ever exceeded.
        let added = increase(&self.sessions, config.max_sessions);
        if !added {
            self.join();
        }
        added
    }

    /// A session is unjoined no more.
    pub(crate) fn join(&self) {
        self.unjoined.fetch_sub(1, Ordering::Relaxed);
    }

    /// A session, which is not unjoined, has ended.
    pub(crate) fn remove(&self) {
        self.sessions.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Adds one to a count that is less than `max`. The counts guard no other memory, so their order is of no importance.
fn increase(count: &AtomicUsize, max: usize) -> bool {
    count.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |n| (n < max).then_some(n + 1)).is_ok()
}
