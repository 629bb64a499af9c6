//! Time as the core sees it: a number that the driver hands in. There is no clock here and no way to make one.

use core::fmt;
use core::time::Duration;

/// A moment, in milliseconds since a zero of the driver's choosing.
///
/// A driver may choose its own start or the Unix epoch; the chat room prints it as a time of day, so the server that
/// comes with this project counts from the epoch (and never steps back). [`Shard`](crate::Shard) clamps a `now` that
/// is earlier than the one before.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Time(u64);

impl Time {
    /// Later than every deadline: "no deadline".
    pub const NEVER: Self = Self(u64::MAX);

    /// The moment `millis` milliseconds after the driver's zero.
    #[must_use]
    pub const fn from_millis(millis: u64) -> Self {
        Self(millis)
    }

    /// The moment `elapsed` after the driver's zero: of a millisecond that has begun, nothing counts.
    #[must_use]
    pub fn from_elapsed(elapsed: Duration) -> Self {
        Self(u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX))
    }

    /// Milliseconds since the driver's zero.
    #[must_use]
    pub const fn as_millis(self) -> u64 {
        self.0
    }

    /// The moment `millis` milliseconds later; stays at [`Time::NEVER`] when it would overflow.
    #[must_use]
    pub const fn after(self, millis: u64) -> Self {
        Self(self.0.saturating_add(millis))
    }

    /// How long it is from `earlier` to `self`; zero when `earlier` is later.
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
