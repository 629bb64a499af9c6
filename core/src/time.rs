//! Time as the core sees it: a number that the driver hands in. There is no clock in this crate.

use core::fmt;
use core::time::Duration;

/// A moment, in milliseconds since an origin that the driver chooses.
///
/// The chat room prints it as the time of day, so the server of this project counts from the Unix epoch. It must not go
/// backwards: [`Shard`](crate::driver::Shard) treats a `now` that is earlier than the one before as the one before.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Time(u64);

impl Time {
    /// Later than every deadline; stands for "no deadline".
    pub const NEVER: Self = Self(u64::MAX);

    /// The moment `millis` milliseconds after the origin.
    #[must_use]
    pub const fn from_millis(millis: u64) -> Self {
        Self(millis)
    }

    /// The moment `elapsed` after the origin, rounded down to milliseconds.
    #[must_use]
    pub fn from_elapsed(elapsed: Duration) -> Self {
        Self(u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX))
    }

    /// Milliseconds since the origin.
    #[must_use]
    pub const fn as_millis(self) -> u64 {
        self.0
    }

    /// The moment `millis` milliseconds later. At most [`Time::NEVER`].
    #[must_use]
    pub const fn after(self, millis: u64) -> Self {
        Self(self.0.saturating_add(millis))
    }

    /// The time from `earlier` to `self`. Zero if `earlier` is later.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if *self == Self::NEVER { f.write_str("never") } else { write!(f, "{}ms", self.0) }
    }
}
