//! A rate, and how much of it is used up: a token bucket that is one number, so that it needs no lock.

use sanket::Time;
use std::fmt;
use std::str::FromStr;
use std::sync::atomic::{AtomicU64, Ordering};

/// So much at once after a pause, and so much a second from then on. Written as `BURST/PER_SECOND`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// At once. With 0 nothing is, ever.
    pub burst: u32,
    /// Each second. 0 counts as 1.
    pub per_second: u32,
}

/// A text is no [`Rate`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidRate;

impl fmt::Display for InvalidRate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a rate is how much may be at once and how much a second, as in 100/10, and neither is 0")
    }
}

impl std::error::Error for InvalidRate {}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.burst, self.per_second)
    }
}

impl FromStr for Rate {
    type Err = InvalidRate;

    fn from_str(text: &str) -> Result<Self, InvalidRate> {
        let (burst, per_second) = text.split_once('/').ok_or(InvalidRate)?;
        // `u32` would take a sign.
        let number = |text: &str| text.parse().ok().filter(|n| *n > 0 && !text.starts_with('+')).ok_or(InvalidRate);
        Ok(Self { burst: number(burst)?, per_second: number(per_second)? })
    }
}

impl Rate {
    /// The nanoseconds in which so much comes back.
    fn nanos(self, amount: u64) -> u64 {
        amount.saturating_mul(1_000_000_000) / u64::from(self.per_second.max(1))
    }
}

/// How long a debt can be, in milliseconds. What is beyond that is forgotten, so that an address is as others again a minute
/// after it was too busy.
const LONGEST_DEBT: u64 = 60_000;

/// How much of a rate is used up.
#[derive(Debug, Default)]
pub(super) struct Bucket {
    /// When nothing is, in nanoseconds.
    full_at: AtomicU64,
}

impl Bucket {
    /// Takes one, if there is one.
    pub(super) fn take(&self, rate: Rate, now: Time) -> bool {
        let now = nanos(now);
        let latest = now.saturating_add(rate.nanos(rate.burst.into()));
        self.update(|full_at| {
            let full_at = full_at.max(now).saturating_add(rate.nanos(1));
            (full_at <= latest).then_some(full_at)
        })
        .is_some()
    }

    /// Takes so much, whether or not it is there.
    pub(super) fn spend(&self, rate: Rate, amount: u64, now: Time) {
        let now = nanos(now);
        let latest = now.saturating_add(rate.nanos(rate.burst.into())).saturating_add(LONGEST_DEBT * 1_000_000);
        self.update(|full_at| Some(full_at.max(now).saturating_add(rate.nanos(amount)).min(latest)));
    }

    /// Nanoseconds until what was taken too much has come back.
    pub(super) fn debt(&self, rate: Rate, now: Time) -> u64 {
        let burst = rate.nanos(rate.burst.into());
        self.full_at.load(Ordering::Relaxed).saturating_sub(burst).saturating_sub(nanos(now))
    }

    /// Whether nothing is used up.
    pub(super) fn is_full(&self, now: Time) -> bool {
        self.full_at.load(Ordering::Relaxed) <= nanos(now)
    }

    /// Relaxed: no other memory depends on it.
    fn update(&self, change: impl Fn(u64) -> Option<u64>) -> Option<u64> {
        self.full_at.fetch_update(Ordering::Relaxed, Ordering::Relaxed, change).ok()
    }
}

/// Nanoseconds since 1970: enough for some 500 years.
fn nanos(time: Time) -> u64 {
    time.as_millis().saturating_mul(1_000_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: Rate = Rate { burst: 3, per_second: 2 };

    fn at(millis: u64) -> Time {
        Time::from_millis(1_700_000_000_000 + millis)
    }

    #[test]
    fn a_burst_and_then_so_many_a_second() {
        let bucket = Bucket::default();
        let taken = |now| (0..10).filter(|_| bucket.take(RATE, at(now))).count();
        assert!(bucket.is_full(at(0)));
        assert_eq!((taken(0), taken(499), taken(500), taken(999)), (3, 0, 1, 0));
        assert!(!bucket.is_full(at(1_999)) && bucket.is_full(at(2_000)));
        assert_eq!((taken(3_000), taken(3_001)), (3, 0));
    }

    #[test]
    fn what_is_spent_is_a_debt_until_it_has_come_back() {
        let bucket = Bucket::default();
        let spend = |amount, now| {
            bucket.spend(RATE, amount, at(now));
            bucket.debt(RATE, at(now)) / 1_000_000
        };
        assert_eq!([spend(3, 0), spend(1, 0), spend(10, 0)], [0, 500, 5_500]);
        assert_eq!([spend(0, 5_000), spend(0, 5_500), spend(0, 9_000)], [500, 0, 0]);
    }

    #[test]
    fn a_debt_is_over_after_a_minute_at_the_latest() {
        let bucket = Bucket::default();
        bucket.spend(RATE, u64::MAX, at(0));
        assert_eq!(bucket.debt(RATE, at(0)), 60_000_000_000);
        assert_eq!(bucket.debt(RATE, at(60_000)), 0);
        assert!(bucket.is_full(at(61_500)));
    }

    #[test]
    fn high_rates_are_rates() {
        let rate = Rate { burst: 10, per_second: 100_000_000 };
        let bucket = Bucket::default();
        assert_eq!((0..20).filter(|_| bucket.take(rate, at(0))).count(), 10);
        bucket.spend(rate, 100_000, at(0));
        assert_eq!(bucket.debt(rate, at(0)), 1_000_000);
        let slow = Rate { burst: 1, per_second: 0 };
        assert_eq!(
            [Bucket::default().take(slow, at(0)), Bucket::default().take(Rate { burst: 0, ..slow }, at(0))],
            [true, false]
        );
    }

    #[test]
    fn rates_are_read_or_refused() {
        assert_eq!("100/10".parse(), Ok(Rate { burst: 100, per_second: 10 }));
        assert_eq!(Rate { burst: 100, per_second: 10 }.to_string(), "100/10");
        for bad in ["", "100", "100/", "/10", "0/1", "1/0", "-1/1", "+1/1", "1/1/1", "1/1s", "99999999999/1"] {
            assert_eq!(bad.parse::<Rate>(), Err(InvalidRate), "{bad}");
        }
    }
}
