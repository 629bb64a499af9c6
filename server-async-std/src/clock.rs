//! The clock that the core does not have: milliseconds since the Unix epoch as of the start, and never backwards from
//! there, whatever happens to the machine's time of day. A machine that was asleep goes on from where it stopped: deadlines
//! count the time that it was awake, and so do the times of messages.

use sanket::Time;
use std::time::{Duration, Instant, SystemTime};

#[derive(Debug)]
pub(crate) struct Clock {
    started: Instant,
    epoch: Duration,
}

impl Clock {
    pub(crate) fn new() -> Self {
        let epoch = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        Self { started: Instant::now(), epoch }
    }

    pub(crate) fn now(&self) -> Time {
        let millis = (self.epoch + self.started.elapsed()).as_millis();
        Time::from_millis(u64::try_from(millis).unwrap_or(u64::MAX))
    }

    /// How long it is until `at`, at least a millisecond so that a deadline is over when its sleeper looks.
    pub(crate) fn until(&self, at: Time) -> Duration {
        at.since(self.now()).max(Duration::from_millis(1))
    }
}
