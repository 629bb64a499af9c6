//! What recovery knows of a socket: its number in the log, and when it was in which room, in numbers of events.

use crate::id::Sid;
use crate::time::Time;
use alloc::boxed::Box;
use alloc::vec::Vec;

/// The history of a socket. A restored socket has the history of the previous one.
#[derive(Clone, Debug)]
pub(crate) struct History {
    /// The socket's number in the log.
    pub(crate) number: u64,
    /// The private id, the credential for recovery.
    pub(crate) pid: Sid,
    /// The first event that was sent after the socket connected.
    pub(crate) since: u64,
    /// The first event for which all the rooms are known that the socket was in.
    known_since: u64,
    /// Rooms that the socket has left.
    pub(crate) past: Vec<Membership>,
    /// The session is not restored again before.
    pub(crate) rests_until: Time,
}

/// A time in a room, in numbers of events.
#[derive(Clone, Debug)]
pub(crate) struct Membership {
    pub(crate) room: Box<str>,
    /// The first event that was sent after the socket joined.
    pub(crate) since: u64,
    /// The first event that was sent after the socket left; [`Membership::CURRENT`] if it has not.
    pub(crate) until: u64,
}

impl Membership {
    /// The end of a membership that has not ended.
    pub(crate) const CURRENT: u64 = u64::MAX;

    /// Whether the socket was in the room when this event was sent.
    pub(crate) fn includes(&self, event: u64) -> bool {
        (self.since..self.until).contains(&event)
    }

    /// Bytes that it counts for.
    pub(crate) fn cost(&self) -> usize {
        size_of::<Self>() + self.room.len()
    }
}

impl History {
    /// The history of a socket that connects before event `next` is sent.
    pub(crate) fn new(number: u64, pid: Sid, next: u64) -> Self {
        Self { number, pid, since: next, known_since: next, past: Vec::new(), rests_until: Time::default() }
    }

    /// The first event for which all the rooms are known that the socket was in.
    pub(crate) fn known_since(&self) -> u64 {
        self.known_since
    }

    /// Adds a membership that has ended. Memberships that ended before event `first`, the first in the log, are
    /// removed. If there are more than `max`, the oldest is removed, and the rooms before its end are not known any
    /// more.
    pub(crate) fn add(&mut self, membership: Membership, first: u64, max: usize) {
        self.past.retain(|membership| membership.until > first);
        if self.past.len() >= max {
            let oldest = self.past.remove(0);
            self.known_since = self.known_since.max(oldest.until);
        }
        self.past.push(membership);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_membership_is_kept_for_as_long_as_an_event_of_its_time_is() {
        let membership = |until| Membership { room: "r".into(), since: 0, until };
        let mut history = History::new(1, Sid::from_bytes([1; 16]), 1);
        for until in [4, 5, 6] {
            history.add(membership(until), 0, 9);
        }
        // A membership until 5 includes event 4 last.
        history.add(membership(7), 5, 9);
        assert_eq!(history.past.iter().map(|past| past.until).collect::<Vec<_>>(), [6, 7]);
        assert_eq!(history.known_since, 1, "nothing that can be asked for is forgotten");
        history.add(membership(8), 5, 2);
        assert_eq!(history.past.iter().map(|past| past.until).collect::<Vec<_>>(), [7, 8]);
        assert_eq!(history.known_since, 6, "the rooms before are not known any more");
    }
}
