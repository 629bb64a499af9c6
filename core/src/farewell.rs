//! Sessions that their client closed while no poll was waiting. Each answers one more poll, for a short time.
//!
//! A client that closes sends a GET and then the close packet, on two connections. If several threads read them, the
//! close packet can arrive first. The reference has one thread: its GET is already waiting, and is answered with a
//! noop.

use crate::engine::{Batch, Outgoing, Response};
use crate::frame::Revision;
use crate::id::Sid;
use crate::time::Time;
use alloc::collections::VecDeque;

/// Milliseconds that such a session is kept: longer than the delay between two requests that were sent together.
const KEPT: u64 = 1_000;
/// How many of them a shard keeps. Beyond it the oldest is dropped.
const MAX: usize = 1_024;

/// The sessions, the oldest first.
#[derive(Debug, Default)]
pub(crate) struct Farewells(VecDeque<Farewell>);

#[derive(Debug)]
struct Farewell {
    until: Time,
    sid: Sid,
    revision: Revision,
    base64: bool,
}

impl Farewells {
    /// Keeps a session that has just ended. `base64`: responses to its polls must be text.
    pub(crate) fn keep(&mut self, sid: Sid, revision: Revision, base64: bool, now: Time) {
        self.drop_old(now);
        if self.0.len() >= MAX {
            self.0.pop_front();
        }
        self.0.push_back(Farewell { until: now.after(KEPT), sid, revision, base64 });
    }

    /// The response to the last poll of a session, which is not kept any longer.
    pub(crate) fn take(&mut self, sid: Sid, revision: Revision, now: Time) -> Option<Response> {
        self.drop_old(now);
        let index = self.0.iter().position(|farewell| farewell.sid == sid && farewell.revision == revision)?;
        let Farewell { revision, base64, .. } = self.0.remove(index)?;
        if self.0.is_empty() {
            self.0 = VecDeque::new();
        }
        Some(Response::Batch(Batch::new(alloc::vec![Outgoing::Noop], revision, base64)))
    }

    fn drop_old(&mut self, now: Time) {
        while self.0.front().is_some_and(|farewell| farewell.until <= now) {
            self.0.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_many_as_may_be_are_kept_and_the_oldest_is_dropped() {
        let mut farewells = Farewells::default();
        let now = Time::default();
        let sid = |n: usize| Sid::from_bytes((n as u128).to_be_bytes());
        for n in 0..=MAX {
            farewells.keep(sid(n), Revision::V4, false, now);
        }
        assert_eq!(farewells.0.len(), MAX);
        assert!(farewells.take(sid(0), Revision::V4, now).is_none());
        for n in 1..=MAX {
            assert!(farewells.take(sid(n), Revision::V4, now).is_some(), "{n}");
        }
        assert_eq!(farewells.0.capacity(), 0);
    }
}
