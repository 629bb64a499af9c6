//! Acknowledgements of the application's events that have not arrived yet.

use crate::id::SocketId;
use crate::time::Time;
use alloc::collections::btree_map::Entry;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;

/// The id of an event that the application sent by [`Effects::emit_with_ack`](crate::Effects::emit_with_ack), to one
/// socket or many.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BroadcastAckId(pub(crate) u64);

/// The least time to wait for acknowledgements, in milliseconds, also if there is no socket to wait for. Without it, an
/// application that sends the next such event whenever one is done would never return.
const SOON: u64 = 1;

/// The events that are not completely acknowledged.
#[derive(Debug, Default)]
pub(crate) struct PendingAcks {
    broadcasts: BTreeMap<BroadcastAckId, Broadcast>,
    /// The events that each socket still has to acknowledge. Sockets without any have no entry.
    by_socket: BTreeMap<SocketId, Vec<BroadcastAckId>>,
    deadlines: BTreeSet<(Time, BroadcastAckId)>,
    next: u64,
    /// The acknowledgements that are waited for: the sum of all `waiting`.
    pending: u64,
    /// The acknowledgements that did not arrive in time, ever.
    timed_out: u64,
}

#[derive(Debug)]
struct Broadcast {
    /// The sockets that have not acknowledged yet.
    waiting: BTreeSet<SocketId>,
    /// The sockets that will not acknowledge.
    missing: Vec<SocketId>,
    deadline: Time,
}

impl PendingAcks {
    /// Adds an event for `sockets`, to be acknowledged within `timeout` milliseconds. Returns its id, and the sockets
    /// that it is to be sent to: those that have fewer than `max` events to acknowledge.
    pub(crate) fn insert(
        &mut self,
        sockets: impl Iterator<Item = SocketId>,
        max: usize,
        timeout: u64,
        now: Time,
    ) -> (BroadcastAckId, Vec<SocketId>) {
        let id = BroadcastAckId(self.next);
        self.next += 1;
        let (mut asked, mut missing) = (Vec::new(), Vec::new());
        for socket in sockets {
            if self.by_socket.get(&socket).map_or(0, Vec::len) < max {
                self.by_socket.entry(socket).or_default().push(id);
                asked.push(socket);
            } else {
                missing.push(socket);
            }
        }
        self.pending += asked.len() as u64;
        let deadline = now.after(if asked.is_empty() { SOON } else { timeout.max(SOON) });
        self.deadlines.insert((deadline, id));
        self.broadcasts.insert(id, Broadcast { waiting: asked.iter().copied().collect(), missing, deadline });
        (id, asked)
    }

    /// A socket has acknowledged an event. Returns whether it was the last that was waited for; `None` if it was not
    /// waited for.
    pub(crate) fn acknowledge(&mut self, id: BroadcastAckId, socket: SocketId) -> Option<bool> {
        let broadcast = self.broadcasts.get_mut(&id)?;
        if !broadcast.waiting.remove(&socket) {
            return None;
        }
        self.pending -= 1;
        let is_last = broadcast.waiting.is_empty();
        self.settle(id, socket);
        Some(is_last)
    }

    /// A socket is disconnected. Returns the events for which no other socket was waited for.
    pub(crate) fn remove_socket(&mut self, socket: SocketId) -> Vec<BroadcastAckId> {
        let mut pending = self.by_socket.remove(&socket).unwrap_or_default();
        pending.retain(|id| {
            let Some(broadcast) = self.broadcasts.get_mut(id) else { return false };
            if !broadcast.waiting.remove(&socket) {
                return false;
            }
            self.pending -= 1;
            broadcast.missing.push(socket);
            broadcast.waiting.is_empty()
        });
        pending
    }

    /// Removes an event. Returns the sockets that have not acknowledged it: those that are still waited for are too
    /// late.
    pub(crate) fn remove(&mut self, id: BroadcastAckId) -> Option<Vec<SocketId>> {
        let Broadcast { waiting, mut missing, deadline } = self.broadcasts.remove(&id)?;
        self.deadlines.remove(&(deadline, id));
        self.pending -= waiting.len() as u64;
        self.timed_out += waiting.len() as u64;
        for socket in &waiting {
            self.settle(id, *socket);
        }
        missing.extend(waiting);
        Some(missing)
    }

    /// How many acknowledgements are waited for.
    pub(crate) fn pending(&self) -> u64 {
        self.pending
    }

    /// How many acknowledgements did not arrive in time, ever.
    pub(crate) fn timed_out(&self) -> u64 {
        self.timed_out
    }

    /// The earliest deadline, and its event.
    pub(crate) fn next_deadline(&self) -> Option<(Time, BroadcastAckId)> {
        self.deadlines.first().copied()
    }

    /// Removes an event from those that a socket has to acknowledge.
    fn settle(&mut self, id: BroadcastAckId, socket: SocketId) {
        if let Entry::Occupied(mut pending) = self.by_socket.entry(socket) {
            pending.get_mut().retain(|pending| *pending != id);
            if pending.get().is_empty() {
                pending.remove();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_left_of_an_event_however_it_ends() {
        let [one, two, three] = [1, 2, 3].map(|n| SocketId { key: crate::id::Key::new(0, n, 0), serial: 0 });
        let mut acks = PendingAcks::default();
        let now = Time::default();
        let (first, asked) = acks.insert([one, two].into_iter(), 1, 100, now);
        assert_eq!((asked, acks.pending()), (alloc::vec![one, two], 2));
        let (second, asked) = acks.insert([two, three].into_iter(), 1, 50, now);
        assert_eq!(asked, [three], "one event for each is the limit");
        let (third, asked) = acks.insert([one].into_iter(), 0, 50, now);
        assert!(asked.is_empty());
        assert_eq!(acks.next_deadline(), Some((now.after(SOON), third)));
        assert_eq!(acks.remove(third), Some(alloc::vec![one]));
        assert_eq!(acks.next_deadline(), Some((now.after(50), second)));

        assert_eq!(acks.acknowledge(first, three), None);
        assert_eq!(acks.acknowledge(first, one), Some(false));
        assert_eq!(acks.acknowledge(first, one), None, "once");
        assert_eq!(acks.remove_socket(two), [first]);
        assert_eq!(acks.remove(first), Some(alloc::vec![two]));
        assert_eq!(acks.remove(second), Some(alloc::vec![two, three]));
        assert_eq!(acks.remove(second), None);
        assert_eq!((acks.pending(), acks.timed_out()), (0, 1), "of three, one is too late and two are gone or there");
        assert!(acks.by_socket.is_empty() && acks.broadcasts.is_empty() && acks.next_deadline().is_none());
    }
}
