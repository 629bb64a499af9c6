//! A rate, and how much of it is used up: a token bucket that is one number, so that it needs no lock.

use sanket::Time;
use std::fmt;
use std::str::FromStr;
use std::sync::atomic::{AtomicU64, Ordering};

/// So much at once after a pause, and so much a second from then on. Written as `BURST/PER_SECOND`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// At once.
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
    /// The microseconds in which so much comes back.
    fn micros(self, amount: u64) -> u64 {
        amount.saturating_mul(1_000_000) / u64::from(self.per_second.max(1))
    }
}

/// How much of a rate is used up.
#[derive(Debug, Default)]
pub(super) struct Bucket {
    /// When nothing is, in microseconds.
    full_at: AtomicU64,
}

impl Bucket {
    /// Takes one, if there is one.
    pub(super) fn take(&self, rate: Rate, now: Time) -> bool {
        let now = micros(now);
        let latest = now.saturating_add(rate.micros(rate.burst.into()));
        self.update(|full_at| {
            let full_at = full_at.max(now).saturating_add(rate.micros(1));
            (full_at <= latest).then_some(full_at)
        })
        .is_some()
    }

    /// Takes so much, whether or not it is there. Returns when the debt is paid off, if there is one.
    pub(super) fn spend(&self, rate: Rate, amount: u64, now: Time) -> Option<Time> {
        let now = micros(now);
        let spent = self.update(|full_at| Some(full_at.max(now).saturating_add(rate.micros(amount))))?;
        let paid_at = spent.saturating_sub(rate.micros(rate.burst.into()));
        (paid_at > now).then(|| Time::from_millis(paid_at.div_ceil(1_000)))
    }

    /// Whether nothing is used up.
    pub(super) fn is_full(&self, now: Time) -> bool {
        self.full_at.load(Ordering::Relaxed) <= micros(now)
    }

    /// Relaxed: no other memory depends on it.
    fn update(&self, change: impl Fn(u64) -> Option<u64>) -> Option<u64> {
        let changed = self.full_at.fetch_update(Ordering::Relaxed, Ordering::Relaxed, &change).ok()?;
        change(changed)
    }
}

fn micros(time: Time) -> u64 {
    time.as_millis().saturating_mul(1_000)
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
    fn what_is_spent_is_waited_for() {
        let bucket = Bucket::default();
        assert_eq!(bucket.spend(RATE, 3, at(0)), None);
        assert_eq!(bucket.spend(RATE, 1, at(0)), Some(at(500)));
        assert_eq!(bucket.spend(RATE, 10, at(0)), Some(at(5_500)));
        assert_eq!(bucket.spend(RATE, 0, at(5_500)), None);
        assert!(bucket.spend(Rate { burst: 1, per_second: 0 }, u64::MAX, at(0)).is_some());
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
