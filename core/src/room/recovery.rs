//! Connection state recovery: the sessions that can be restored, by their private ids, and the log of the events that
//! they missed.
//!
//! A *persisted session* is what is kept of a socket whose connection was lost: public id, rooms, data and history. The
//! number of persisted sessions, their bytes and their age are limited.

use super::claimants::Claimants;
use super::history::{History, Membership};
use super::log::EventLog;
use crate::config::Recovery as Limits;
use crate::id::{Sid, SocketId};
use crate::network::Network;
use crate::socket::Nsp;
use crate::stats::{HubStats, Limit};
use crate::time::Time;
use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::vec::Vec;

/// The session of a socket whose connection was lost.
#[derive(Debug)]
pub(crate) struct PersistedSession {
    /// The id of the socket.
    pub(crate) socket: SocketId,
    pub(crate) nsp: Nsp,
    pub(crate) public: Sid,
    pub(crate) rooms: Vec<Membership>,
    pub(crate) data: Option<Box<str>>,
    pub(crate) history: History,
    /// Its key in `Recovery::order`.
    order: u64,
}

/// A session that can be restored.
#[derive(Debug)]
pub(crate) enum Recoverable {
    /// The socket is connected, as far as the server knows.
    Connected(SocketId),
    /// Its connection was lost.
    Persisted(Box<PersistedSession>),
}

/// The sessions that can be restored, and the log.
#[derive(Debug)]
pub(crate) struct Recovery {
    limits: Limits,
    pub(crate) log: EventLog,
    claimants: Claimants,
    /// The number of the last registered socket.
    last_number: u64,
    /// All sessions, by their private ids.
    sessions: BTreeMap<Sid, Recoverable>,
    /// The time of each persisted session and its private id, in the order in which they were persisted.
    order: BTreeMap<u64, (Time, Sid)>,
    last_order: u64,
    /// Bytes of all persisted sessions.
    persisted_bytes: usize,
    /// Persisted sessions that were dropped because there were too many, or too many bytes of them.
    dropped: (u64, u64),
}

impl Recovery {
    pub(crate) fn new(limits: Limits) -> Self {
        Self {
            log: EventLog::new(limits.max_log),
            claimants: Claimants::default(),
            limits,
            last_number: 0,
            sessions: BTreeMap::new(),
            order: BTreeMap::new(),
            last_order: 0,
            persisted_bytes: 0,
            dropped: (0, 0),
        }
    }

    /// Registers a socket that has just connected. Returns its history.
    pub(crate) fn register(&mut self, socket: SocketId, pid: Sid, public: Sid) -> History {
        self.log.seed(public.spread());
        // If a driver draws a private id twice, the first session with it is lost, but the counts stay right.
        self.restore(pid, socket);
        self.last_number += 1;
        History::new(self.last_number, pid, self.log.next())
    }

    /// Keeps the session of a socket whose connection was lost.
    pub(crate) fn persist(&mut self, mut session: Box<PersistedSession>, now: Time) {
        let pid = session.history.pid;
        self.last_order += 1;
        session.order = self.last_order;
        self.persisted_bytes += session.cost();
        self.order.insert(session.order, (now, pid));
        self.sessions.insert(pid, Recoverable::Persisted(session));
        loop {
            match () {
                () if self.order.len() > self.limits.max_persisted_sessions => self.dropped.0 += 1,
                () if self.persisted_bytes > self.limits.max_persisted_bytes => self.dropped.1 += 1,
                () => return,
            }
            let Some((_, (_, pid))) = self.order.pop_first() else { return };
            self.remove(pid);
        }
    }

    /// The session of this private id.
    pub(crate) fn find(&self, pid: Sid) -> Option<&Recoverable> {
        self.sessions.get(&pid)
    }

    /// Sets the connected socket of this private id. Returns the persisted session, if there was one.
    pub(crate) fn restore(&mut self, pid: Sid, socket: SocketId) -> Option<Box<PersistedSession>> {
        match self.sessions.insert(pid, Recoverable::Connected(socket)) {
            Some(Recoverable::Persisted(session)) => {
                self.uncount(&session);
                Some(session)
            }
            Some(Recoverable::Connected(_)) | None => None,
        }
    }

    /// Removes the session with this private id. It cannot be restored any more.
    pub(crate) fn remove(&mut self, pid: Sid) {
        if let Some(Recoverable::Persisted(session)) = self.sessions.remove(&pid) {
            self.uncount(&session);
        }
    }

    fn uncount(&mut self, session: &PersistedSession) {
        self.order.remove(&session.order);
        self.persisted_bytes -= session.cost();
    }

    /// When [`Recovery::handle_timeout`] is to be called. A second late, so that it removes many at once.
    pub(crate) fn poll_timeout(&self) -> Time {
        const PAUSE: u64 = 1_000;
        let session = self.order.first_key_value().map(|(_, (at, _))| *at);
        let oldest = [session, self.log.oldest()].into_iter().flatten().min();
        oldest.map_or(Time::NEVER, |at| at.after(self.limits.max_disconnection_duration.saturating_add(PAUSE)))
    }

    /// Removes the sessions and events that are too old.
    pub(crate) fn handle_timeout(&mut self, now: Time) {
        let max_age = self.limits.max_disconnection_duration;
        while let Some(first) = self.order.first_entry()
            && first.get().0.after(max_age) <= now
        {
            let (_, pid) = first.remove();
            self.remove(pid);
        }
        self.log.expire(max_age, now);
    }

    /// Milliseconds from a recovery that sent so many bytes to the next one of that session.
    pub(crate) fn rest(&self, bytes: usize) -> u64 {
        self.limits.rest(bytes)
    }

    /// When there may be a replay for a client of this address, if it has to wait. The time is then reserved for it.
    pub(crate) fn wait(&mut self, network: Option<Network>, now: Time) -> Option<Time> {
        let burst = self.limits.address_cost(self.limits.address_replay_burst);
        self.claimants.wait(network?, burst, now)
    }

    /// A client of this address was sent so many bytes. `reserved`: it has waited for that.
    pub(crate) fn spend(&mut self, network: Option<Network>, bytes: usize, reserved: bool, now: Time) {
        if let Some(network) = network {
            self.claimants.spend(network, self.limits.address_cost(bytes), reserved, now);
        }
    }

    /// Bytes of the requests that may wait for a session.
    pub(crate) fn max_waiting(&self) -> usize {
        self.limits.max_persisted_bytes
    }

    /// Adds what there is, and the limits that were hit.
    pub(crate) fn count(&self, stats: &mut HubStats) {
        stats.persisted_sessions = self.persisted() as u64;
        stats.persisted_bytes = self.persisted_bytes as u64;
        stats.log_bytes = self.log.bytes() as u64;
        stats.limits.add_many(Limit::MaxPersistedSessions, self.dropped.0);
        stats.limits.add_many(Limit::MaxPersistedBytes, self.dropped.1);
        stats.limits.add_many(Limit::MaxLog, self.log.dropped());
    }

    /// The number of persisted sessions.
    pub(crate) fn persisted(&self) -> usize {
        self.order.len()
    }
}

impl PersistedSession {
    pub(crate) fn new(socket: SocketId, nsp: Nsp, public: Sid, rooms: Vec<Membership>, history: History) -> Self {
        Self { socket, nsp, public, rooms, data: None, history, order: 0 }
    }

    /// The bytes that it counts for. They do not change while it is persisted.
    fn cost(&self) -> usize {
        let memberships = self.rooms.iter().chain(&self.history.past);
        let rooms: usize = memberships.map(Membership::cost).sum();
        size_of::<Self>() + rooms + self.data.as_ref().map_or(0, |data| data.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn session(recovery: &mut Recovery, n: u8, rooms: Vec<Membership>) -> Box<PersistedSession> {
        let sid = Sid::from_bytes([n; 16]);
        let socket = SocketId { key: crate::id::Key::new(0, n.into(), 0), serial: 0 };
        let history = recovery.register(socket, sid, sid);
        PersistedSession::new(socket, Nsp::ROOT, sid, rooms, history).into()
    }

    fn membership(room: &str, until: u64) -> Membership {
        Membership { room: room.into(), since: 0, until }
    }

    #[test]
    fn a_persisted_session_counts_for_the_names_of_its_rooms_and_its_data() {
        let mut recovery = Recovery::new(Limits::default());
        let bare = session(&mut recovery, 1, Vec::new()).cost();
        assert!(bare > 0);
        let mut held = session(&mut recovery, 2, alloc::vec![membership("abc", 9), membership("de", 9)]);
        let rooms = held.cost() - bare;
        assert_eq!(rooms, 2 * size_of::<Membership>() + 5);
        held.history.past.push(membership("fghi", 3));
        assert_eq!(held.cost() - bare - rooms, size_of::<Membership>() + 4, "rooms that it has left count, too");
        held.data = Some("0123456789".into());
        assert_eq!(held.cost() - bare - rooms, size_of::<Membership>() + 4 + 10);
    }

    #[test]
    fn persisted_sessions_have_as_many_bytes_as_they_may_and_no_more() {
        for (short, kept) in [(0, 2), (1, 1)] {
            let mut recovery = Recovery::new(Limits::default());
            let sessions = [1, 2].map(|n| session(&mut recovery, n, alloc::vec![membership("room", 9)]));
            recovery.limits.max_persisted_bytes = sessions.iter().map(|session| session.cost()).sum::<usize>() - short;
            for session in sessions {
                recovery.persist(session, Time::default());
            }
            assert_eq!(recovery.persisted(), kept);
        }
    }
}
