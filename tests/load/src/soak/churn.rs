//! A steady population of clients that come and go: so many at a time, each a thread that lives one life after another.
//! Counts what came of them.

use super::life::{KINDS, Life, Lost, choose};
use super::wire::{Cut, Place};
use crate::fault::Result;
use fastrand::Rng;
use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{Builder, JoinHandle, sleep};
use std::time::{Duration, Instant};

/// Bytes of a client's stack.
const STACK: usize = 256 * 1_024;
/// The shortest time from one birth to the next of the same thread, in milliseconds: many kinds of garbage take none.
const SHORTEST: u64 = 400;
/// Which share of one kind's lives may fail, in percent, and how many more: on a machine with other work some are late.
const MAY_FAIL: (u64, u64) = (5, 3);
/// Failures of one kind whose reasons are told.
const TOLD: usize = 3;

/// What came of the lives of one kind.
#[derive(Clone, Debug, Default)]
pub struct Count {
    /// As far as they are about.
    pub done: u64,
    /// Over when the soak was.
    pub stopped: u64,
    /// Less far.
    pub failed: u64,
    /// Why, of the first few.
    pub why: Vec<String>,
}

/// What came of all lives.
#[derive(Debug)]
pub struct Tally(Mutex<Vec<Count>>);

/// All clients.
#[derive(Debug)]
pub struct Churn {
    threads: Vec<JoinHandle<()>>,
    /// What comes of them.
    pub tally: Arc<Tally>,
    births: Arc<AtomicU64>,
}

impl Churn {
    /// Brings in so many clients. The life of each birth is told by the seed and its number; when it is lived, by the
    /// machine.
    ///
    /// # Errors
    ///
    /// If the system does not give as many threads.
    pub fn begin(place: &Arc<Place>, clients: usize, seed: u64) -> Result<Self> {
        let tally = Arc::new(Tally(Mutex::new(vec![Count::default(); KINDS.len()])));
        let (births, lost) = (Arc::new(AtomicU64::new(0)), Arc::new(Lost::default()));
        let thread = |_| {
            let (place, tally, births, lost) = (place.clone(), tally.clone(), births.clone(), lost.clone());
            let live = move || {
                while !place.over.load(Ordering::Relaxed) {
                    let number = births.fetch_add(1, Ordering::Relaxed);
                    let mut rng = Rng::with_seed(seed.wrapping_add(number.wrapping_mul(0x9e37_79b9_7f4a_7c15)));
                    let kind = choose(&mut rng);
                    let next = Instant::now() + Duration::from_millis(rng.u64(..2 * SHORTEST));
                    let outcome = Life::live(&place, &lost, rng, kind);
                    tally.add(kind, number, outcome);
                    sleep(next.saturating_duration_since(Instant::now()));
                }
            };
            Ok(Builder::new().stack_size(STACK).spawn(live)?)
        };
        let threads = (0..clients).map(thread).collect::<Result<_>>()?;
        Ok(Self { threads, tally, births })
    }

    /// How many lives have begun.
    #[must_use]
    pub fn births(&self) -> u64 {
        self.births.load(Ordering::Relaxed)
    }

    /// Waits until everybody has gone, as they do when the soak is over.
    pub fn end(&mut self) {
        for thread in self.threads.drain(..) {
            // One that panicked has been counted by nobody, which its message tells.
            let _ = thread.join();
        }
    }
}

impl Tally {
    fn add(&self, kind: usize, number: u64, outcome: std::result::Result<(), Cut>) {
        let count = &mut self.lock()[kind];
        let why = match outcome {
            Ok(()) => return count.done += 1,
            Err(Cut::Stopped) => return count.stopped += 1,
            Err(Cut::Closed) => "the server closed it too early".to_owned(),
            Err(Cut::Fault(fault)) => fault.to_string(),
        };
        count.failed += 1;
        if count.why.len() < TOLD {
            count.why.push(format!("birth {number}: {why}"));
        }
    }

    /// A table of all kinds.
    #[must_use]
    pub fn table(&self) -> String {
        let mut table = format!("{:<32} {:>8} {:>8} {:>8}\n", "lives", "done", "failed", "stopped");
        for (kind, count) in KINDS.iter().zip(self.lock().iter()) {
            let Count { done, failed, stopped, why } = count;
            // Writing into a string does not fail.
            let _ = writeln!(table, "{:<32} {done:>8} {failed:>8} {stopped:>8}", kind.name);
            for why in why {
                let _ = writeln!(table, "    {why}");
            }
        }
        table
    }

    /// The kinds of which too many have failed; and, where there was time for all of them, those that nobody has lived
    /// to the end.
    #[must_use]
    pub fn findings(&self, all: bool) -> Vec<String> {
        let found = |(kind, count): (&super::life::Kind, &Count)| {
            let Count { done, failed, .. } = count;
            let may_fail = (done + failed) * MAY_FAIL.0 / 100 + MAY_FAIL.1;
            let is_bad = *failed > may_fail || (*done == 0 && (all || *failed > 0));
            is_bad.then(|| format!("{}: {failed} of {} lives failed", kind.name, done + failed))
        };
        KINDS.iter().zip(self.lock().iter()).filter_map(found).collect()
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Count>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fault::Fault;

    #[test]
    fn a_kind_of_which_too_many_fail_is_found() {
        let tally = Tally(Mutex::new(vec![Count::default(); KINDS.len()]));
        let fail = |kind| tally.add(kind, 0, Err(Cut::Fault(Fault::new("no"))));
        fail(2);
        assert_eq!(tally.findings(false).len(), 1, "nobody has lived it to the end");
        assert_eq!(tally.findings(true).len(), KINDS.len(), "nor the others");
        (0..100).for_each(|_| tally.add(2, 0, Ok(())));
        assert_eq!(tally.findings(false).len(), 0);
        (0..8).for_each(|_| fail(2));
        assert_eq!(tally.findings(false).len(), 1);
    }
}
