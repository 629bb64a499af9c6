//! The end of the sessions, spread over time: if all of them were closed at once, all of their clients would come back at once.

use crate::sync::lock;
use sanket::Time;
use std::sync::Mutex;

/// Milliseconds between two steps.
const STEP: u64 = 20;

/// How far the sessions are closed.
#[derive(Debug, Default)]
pub(super) struct SessionDrain(Mutex<Option<Drain>>);

#[derive(Clone, Copy, Debug)]
struct Drain {
    began: Time,
    /// When the last session is closed.
    ends: Time,
    /// When the next step is due.
    next: Time,
}

impl SessionDrain {
    /// Begins, to close the last session `over` milliseconds later. A drain that has begun goes on if it ends earlier.
    pub(super) fn begin(&self, over: u64, now: Time) {
        let ends = now.after(over);
        let mut drain = lock(&self.0);
        if drain.is_none_or(|drain| ends < drain.ends) {
            *drain = Some(Drain { began: now, ends, next: now });
        }
    }

    /// When the next step is due.
    pub(super) fn next(&self) -> Time {
        lock(&self.0).map_or(Time::NEVER, |drain| drain.next)
    }

    /// How many 65,536ths of the sessions are to be closed by `now`, if a step is due.
    pub(super) fn take_step(&self, now: Time) -> Option<u32> {
        let mut drain = lock(&self.0);
        let Drain { began, ends, .. } = drain.filter(|drain| drain.next <= now)?;
        if now >= ends {
            if let Some(drain) = &mut *drain {
                drain.next = Time::NEVER;
            }
            return Some(1 << 16);
        }
        *drain = Some(Drain { began, ends, next: now.after(STEP) });
        let (passed, all) = (now.since(began).as_millis(), ends.since(began).as_millis());
        u32::try_from((passed << 16) / all.max(1)).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> Time {
        Time::from_millis(1_700_000_000_000 + millis)
    }

    #[test]
    fn the_share_grows_with_time_and_ends_with_all() {
        let drain = SessionDrain::default();
        assert_eq!((drain.next(), drain.take_step(at(0))), (Time::NEVER, None));
        drain.begin(1_000, at(0));
        assert_eq!(drain.next(), at(0));
        assert_eq!(
            [0, 10, 250, 500, 1_000, 2_000].map(|now| drain.take_step(at(now))),
            [Some(0), None, Some(1 << 14), Some(1 << 15), Some(1 << 16), None]
        );
        assert_eq!(drain.next(), Time::NEVER);
    }

    #[test]
    fn a_second_one_ends_the_first_earlier_but_not_later() {
        let drain = SessionDrain::default();
        drain.begin(1_000, at(0));
        drain.begin(5_000, at(100));
        assert_eq!(drain.take_step(at(500)), Some(1 << 15));
        drain.begin(0, at(600));
        assert_eq!((drain.take_step(at(600)), drain.next()), (Some(1 << 16), Time::NEVER));
        drain.begin(0, at(700));
        assert_eq!(drain.next(), Time::NEVER, "all are closed");
    }
}
