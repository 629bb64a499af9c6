//! The clock: milliseconds since the Unix epoch as of the start, and never backwards from there, whatever happens to the
//! machine's time of day.

use sanket::Time;
use std::time::{Duration, Instant, SystemTime};

#[derive(Clone, Copy, Debug)]
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

    /// How long it is until `at`: rounded up to the next millisecond, so that `at` has come when its sleeper looks.
    pub(crate) fn until(&self, at: Time) -> Duration {
        let at = Duration::from_millis(at.as_millis());
        at.saturating_sub(self.epoch + self.started.elapsed())
    }
}
