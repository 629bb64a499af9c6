//! The timers of a session: an enum and an array.

use crate::stats::Limit;
use crate::time::Time;

/// What is due when a timer expires.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Timer {
    /// A ping is to be sent (EIO=4).
    Ping,
    /// The peer has been silent for too long.
    Silence,
    /// An upgrade has taken too long.
    Upgrade,
    /// Another poll may be answered with a noop during an upgrade.
    Noop,
    /// The last packets of a closed session have not been fetched.
    Linger,
    /// No namespace has been joined.
    Connect,
    /// An attachment has not arrived in time.
    Attachment,
}

impl Timer {
    const ALL: [Self; 7] =
        [Self::Ping, Self::Silence, Self::Upgrade, Self::Noop, Self::Linger, Self::Connect, Self::Attachment];

    /// The limit that is hit when it expires, unless the reason of the session's end says it.
    pub(crate) fn limit(self) -> Option<Limit> {
        match self {
            Self::Upgrade => Some(Limit::UpgradeTimeout),
            Self::Linger => Some(Limit::CloseTimeout),
            Self::Connect => Some(Limit::ConnectTimeout),
            Self::Attachment => Some(Limit::AttachmentTimeout),
            Self::Ping | Self::Silence | Self::Noop => None,
        }
    }
}

/// The times at which the timers expire.
#[derive(Debug)]
pub(crate) struct TimerTable([Time; Timer::ALL.len()]);

impl TimerTable {
    pub(crate) fn new() -> Self {
        Self([Time::NEVER; Timer::ALL.len()])
    }

    pub(crate) fn set(&mut self, timer: Timer, at: Time) {
        self.0[timer as usize] = at;
    }

    pub(crate) fn stop(&mut self, timer: Timer) {
        self.set(timer, Time::NEVER);
    }

    pub(crate) fn is_set(&self, timer: Timer) -> bool {
        self.0[timer as usize] != Time::NEVER
    }

    pub(crate) fn stop_all(&mut self) {
        *self = Self::new();
    }

    /// The timer that expires first.
    pub(crate) fn next(&self) -> Option<(Time, Timer)> {
        Timer::ALL
            .into_iter()
            .map(|timer| (self.0[timer as usize], timer))
            .min_by_key(|(at, _)| *at)
            .filter(|(at, _)| *at != Time::NEVER)
    }

    /// Stops and returns a timer that has expired, the earliest first.
    pub(crate) fn expire(&mut self, now: Time) -> Option<Timer> {
        let (at, timer) = self.next()?;
        (at <= now).then(|| {
            self.stop(timer);
            timer
        })
    }
}
