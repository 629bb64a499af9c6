//! A process that stood still: nobody was silent, it did not listen. What waits in the sockets is read before any deadline is
//! judged.

use crate::time::Time;

/// How much later than it was asked for a call may come, in milliseconds, before the process counts as having stood still:
/// longer than a busy driver is ever late, shorter than any deadline of the default configuration.
const STALL: u64 = 1_000;
/// Milliseconds after that in which no deadline is judged. A driver has read every socket once by then.
const GRACE: u64 = 1_000;

/// Whether deadlines are judged. They are not for 1,000 ms after the process was stopped, or the machine suspended: after a call
/// that came more than 1,000 ms later than it was asked for.
#[derive(Clone, Copy, Debug, Default)]
pub struct Grace {
    until: Time,
}

impl Grace {
    /// A call came at `now` that was asked for at `asked`, if at all.
    pub fn notice(&mut self, asked: Option<Time>, now: Time) {
        if asked.is_some_and(|asked| now > asked.after(STALL)) {
            self.until = now.after(GRACE);
        }
    }

    /// Whether deadlines are not judged at `now`.
    #[must_use]
    pub fn holds(&self, now: Time) -> bool {
        now < self.until
    }

    /// When a deadline is judged that is due at `at`: then, or when the grace is over.
    #[must_use]
    pub fn judged(&self, at: Time) -> Time {
        at.max(self.until)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_call_that_is_more_than_a_second_late_begins_a_grace() {
        let at = Time::from_millis;
        let mut grace = Grace::default();
        for (asked, now) in [(None, 9_000), (Some(8_000), 9_000), (Some(9_500), 9_000)] {
            grace.notice(asked.map(at), at(now));
            assert!(!grace.holds(at(now)), "{asked:?}");
        }
        grace.notice(Some(at(7_999)), at(9_000));
        assert!(grace.holds(at(9_999)) && !grace.holds(at(10_000)));
        assert_eq!([grace.judged(at(9_500)), grace.judged(at(10_500))], [at(10_000), at(10_500)]);
    }
}
