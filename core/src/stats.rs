//! For whoever watches a server: what shards and the hub count. Read [`ShardStats`] and [`HubStats`] first, then [`Census`].
//!
//! [`Shard::stats`](crate::driver::Shard::stats), [`Shard::census`](crate::driver::Shard::census) and
//! [`Hub::stats`](crate::driver::Hub::stats) return them. A counter is a plain number behind the lock that its owner is behind
//! anyway, and only grows. Knows neither shards nor the hub.

use crate::engine::{Reason, Transport};
use crate::frame::Revision;
use core::fmt;
use core::marker::PhantomData;
use core::ops::{AddAssign, Index};

/// The keys of [`Counts`]: a type with few values.
pub trait CountKey: Copy + fmt::Debug + 'static {
    /// All values, each at its index.
    const ALL: &[Self];

    /// The index of the value.
    fn index(self) -> usize;
}

/// A number for each of the `N` values of `K`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Counts<K, const N: usize>([u64; N], PhantomData<K>);

/// Numbers by the transport and the revision of a session.
pub type ByWay = Counts<(Transport, Revision), 4>;
/// Numbers by the reason of an end.
pub type ByReason = Counts<Reason, { Reason::ALL.len() }>;
/// Numbers by the limit that was hit.
pub type ByLimit = Counts<Limit, { Limit::ALL.len() }>;
/// Numbers by the outcome of a recovery.
pub type ByOutcome = Counts<RecoveryOutcome, { RecoveryOutcome::ALL.len() }>;

impl<K: CountKey, const N: usize> Counts<K, N> {
    /// Adds one.
    pub(crate) fn add(&mut self, key: K) {
        self.add_many(key, 1);
    }

    /// Adds `n`.
    pub(crate) fn add_many(&mut self, key: K, n: u64) {
        self.0[key.index()] += n;
    }

    /// The sum of all numbers.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.0.iter().sum()
    }

    /// The values of `K` in their order, each with its number.
    pub fn iter(&self) -> impl Iterator<Item = (K, u64)> + '_ {
        K::ALL.iter().copied().zip(self.0)
    }
}

impl<K, const N: usize> Default for Counts<K, N> {
    fn default() -> Self {
        Self([0; N], PhantomData)
    }
}

impl<K: CountKey, const N: usize> fmt::Debug for Counts<K, N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

impl<K: CountKey, const N: usize> Index<K> for Counts<K, N> {
    type Output = u64;

    fn index(&self, key: K) -> &u64 {
        &self.0[key.index()]
    }
}

impl<K, const N: usize> AddAssign for Counts<K, N> {
    fn add_assign(&mut self, other: Self) {
        for (mine, other) in self.0.iter_mut().zip(other.0) {
            *mine += other;
        }
    }
}

impl CountKey for Reason {
    const ALL: &[Self] = &Self::ALL;

    fn index(self) -> usize {
        self as usize
    }
}

impl CountKey for (Transport, Revision) {
    const ALL: &[Self] = &[
        (Transport::Polling, Revision::V3),
        (Transport::Polling, Revision::V4),
        (Transport::WebSocket, Revision::V3),
        (Transport::WebSocket, Revision::V4),
    ];

    fn index(self) -> usize {
        2 * self.0 as usize + self.1 as usize
    }
}

/// A limit of [`Config`](crate::Config) whose effect is counted. Those that end a session as malformed are not among
/// them: see [`Reason::ParseError`] and [`Reason::ForcedClose`]; nor are [`Config::max_queue`](crate::Config::max_queue)
/// and [`Config::ping_timeout`](crate::Config::ping_timeout), which are reasons of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Limit {
    /// [`Config::max_sessions`](crate::Config::max_sessions): a handshake was refused.
    MaxSessions,
    /// [`Config::max_unjoined`](crate::Config::max_unjoined): a handshake was refused.
    MaxUnjoined,
    /// [`Config::max_payload`](crate::Config::max_payload): a POST was refused.
    MaxPayload,
    /// [`Config::max_incomplete`](crate::Config::max_incomplete): a session was closed.
    MaxIncomplete,
    /// [`Config::max_namespaces`](crate::Config::max_namespaces): a CONNECT was refused.
    MaxNamespaces,
    /// [`Config::upgrade_timeout`](crate::Config::upgrade_timeout): an upgrade failed.
    UpgradeTimeout,
    /// [`Config::connect_timeout`](crate::Config::connect_timeout): a session was closed, or a CONNECT refused.
    ConnectTimeout,
    /// [`Config::attachment_timeout`](crate::Config::attachment_timeout): a session was closed.
    AttachmentTimeout,
    /// [`Config::close_timeout`](crate::Config::close_timeout): the last packets for a client were dropped.
    CloseTimeout,
    /// [`Config::max_rooms`](crate::Config::max_rooms): a socket could not join a room.
    MaxRooms,
    /// [`Config::max_room_name`](crate::Config::max_room_name): a socket could not join a room.
    MaxRoomName,
    /// [`Config::max_pending_acks`](crate::Config::max_pending_acks): a socket did not get an event.
    MaxPendingAcks,
    /// [`Recovery::max_persisted_sessions`](crate::Recovery::max_persisted_sessions): a session was dropped.
    MaxPersistedSessions,
    /// [`Recovery::max_persisted_bytes`](crate::Recovery::max_persisted_bytes): a session was dropped.
    MaxPersistedBytes,
    /// [`Recovery::max_log`](crate::Recovery::max_log): an event was dropped from the log before it was too old.
    MaxLog,
}

impl Limit {
    /// All limits, in the order in which they are declared.
    pub const ALL: [Self; 15] = [
        Self::MaxSessions,
        Self::MaxUnjoined,
        Self::MaxPayload,
        Self::MaxIncomplete,
        Self::MaxNamespaces,
        Self::UpgradeTimeout,
        Self::ConnectTimeout,
        Self::AttachmentTimeout,
        Self::CloseTimeout,
        Self::MaxRooms,
        Self::MaxRoomName,
        Self::MaxPendingAcks,
        Self::MaxPersistedSessions,
        Self::MaxPersistedBytes,
        Self::MaxLog,
    ];

    /// The name of the field of the configuration.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::MaxSessions => "max_sessions",
            Self::MaxUnjoined => "max_unjoined",
            Self::MaxPayload => "max_payload",
            Self::MaxIncomplete => "max_incomplete",
            Self::MaxNamespaces => "max_namespaces",
            Self::UpgradeTimeout => "upgrade_timeout",
            Self::ConnectTimeout => "connect_timeout",
            Self::AttachmentTimeout => "attachment_timeout",
            Self::CloseTimeout => "close_timeout",
            Self::MaxRooms => "max_rooms",
            Self::MaxRoomName => "max_room_name",
            Self::MaxPendingAcks => "max_pending_acks",
            Self::MaxPersistedSessions => "max_persisted_sessions",
            Self::MaxPersistedBytes => "max_persisted_bytes",
            Self::MaxLog => "max_log",
        }
    }
}

impl CountKey for Limit {
    const ALL: &[Self] = &Self::ALL;

    fn index(self) -> usize {
        self as usize
    }
}

/// What became of a CONNECT that asked for [recovery](crate::Config::recovery).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RecoveryOutcome {
    /// A persisted session was restored.
    Restored,
    /// The socket was taken over from a connection that was still there.
    TakenOver,
    /// There is no such session (any more): the client got a new socket.
    Unknown,
    /// The session is known, but what it missed is not, or is too much for one client: the client got a new socket.
    Missed,
    /// So many requests wait for their sessions that there is no room for one more: the client got a new socket.
    Refused,
}

impl RecoveryOutcome {
    /// All outcomes, in the order in which they are declared.
    pub const ALL: [Self; 5] = [Self::Restored, Self::TakenOver, Self::Unknown, Self::Missed, Self::Refused];

    /// The outcome as one word.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Restored => "restored",
            Self::TakenOver => "taken_over",
            Self::Unknown => "unknown",
            Self::Missed => "missed",
            Self::Refused => "refused",
        }
    }
}

impl CountKey for RecoveryOutcome {
    const ALL: &[Self] = &Self::ALL;

    fn index(self) -> usize {
        self as usize
    }
}

/// What a [`Shard`](crate::driver::Shard) has counted since it began. Every number only grows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ShardStats {
    /// Sessions that were opened, by the transport that they began on.
    pub opened: ByWay,
    /// Sessions that ended. With those that there are, they are those that were opened.
    pub closed: ByReason,
    /// WebSockets that were opened for a session that polls. With those that are still under way
    /// ([`Census::upgrading`]), they are those that are done and failed.
    pub upgrades_tried: u64,
    /// Of these, those whose session has used the WebSocket from then on.
    pub upgrades_done: u64,
    /// Of these, those that were refused, given up, or whose session ended meanwhile.
    pub upgrades_failed: u64,
    /// Engine.IO packets of clients: an attachment is one.
    pub packets_received: u64,
    /// Engine.IO packets that were handed to the driver for clients: an attachment is one.
    pub packets_sent: u64,
    /// How often limits were hit. Those of the hub are in [`HubStats::limits`].
    pub limits: ByLimit,
}

impl AddAssign for ShardStats {
    fn add_assign(&mut self, other: Self) {
        self.opened += other.opened;
        self.closed += other.closed;
        self.upgrades_tried += other.upgrades_tried;
        self.upgrades_done += other.upgrades_done;
        self.upgrades_failed += other.upgrades_failed;
        self.packets_received += other.packets_received;
        self.packets_sent += other.packets_sent;
        self.limits += other.limits;
    }
}

/// What there is of some clients of a [`Shard`](crate::driver::Shard), found by looking at each:
/// [`Shard::census`](crate::driver::Shard::census).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Census {
    /// Sessions, by the transport that they use.
    pub sessions: ByWay,
    /// Of these, those with an upgrade under way.
    pub upgrading: u64,
    /// Bytes that are queued for clients, as [`Config::max_queue`](crate::Config::max_queue) counts them.
    pub queued: u64,
    /// Of these, the bytes for the client that has most.
    pub longest_queue: u64,
}

impl AddAssign for Census {
    fn add_assign(&mut self, other: Self) {
        self.sessions += other.sessions;
        self.upgrading += other.upgrading;
        self.queued += other.queued;
        self.longest_queue = self.longest_queue.max(other.longest_queue);
    }
}

/// What a [`Hub`](crate::driver::Hub) has, and what it has counted since it began. What has a plural for a name and no verb is
/// there now; every other number only grows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct HubStats {
    /// Connected sockets: those that were connected and restored, without those that were disconnected.
    pub sockets: u64,
    /// Namespaces that have sockets.
    pub namespaces: u64,
    /// Rooms that have sockets, in all namespaces.
    pub rooms: u64,
    /// CONNECT requests that the application has not decided on.
    pub pending_connects: u64,
    /// Acknowledgements of clients that are waited for.
    pub pending_acks: u64,
    /// Sessions that are kept for recovery.
    pub persisted_sessions: u64,
    /// Bytes of these.
    pub persisted_bytes: u64,
    /// Bytes of events in the recovery log.
    pub log_bytes: u64,
    /// Sockets that were connected anew.
    pub connected: u64,
    /// CONNECT requests that asked for recovery, by what became of them.
    pub recoveries: ByOutcome,
    /// CONNECT requests that were refused: by the application, for want of the namespace, or because it took too long.
    pub refused: u64,
    /// Sockets that were disconnected. One that was [taken over](RecoveryOutcome::TakenOver) is not.
    pub disconnected: ByReason,
    /// Events of clients that the application got; with Engine.IO alone, messages.
    pub events_received: u64,
    /// Acknowledgements of clients that were waited for.
    pub acks_received: u64,
    /// Acknowledgements of clients that did not arrive in time.
    pub acks_timed_out: u64,
    /// Events and acknowledgements of the application, each counted once.
    pub events_sent: u64,
    /// The recipients of these, together.
    pub deliveries: u64,
    /// How often limits were hit. Those of the shards are in [`ShardStats::limits`].
    pub limits: ByLimit,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn each_is_at_its_index<K: CountKey + PartialEq>() {
        for (index, key) in K::ALL.iter().enumerate() {
            assert_eq!(key.index(), index, "{key:?}");
        }
    }

    #[test]
    fn every_value_has_a_number_of_its_own() {
        each_is_at_its_index::<Reason>();
        each_is_at_its_index::<Limit>();
        each_is_at_its_index::<RecoveryOutcome>();
        each_is_at_its_index::<(Transport, Revision)>();
        let mut counts = ByReason::default();
        counts.add(Reason::PingTimeout);
        counts.add_many(Reason::ParseError, 2);
        let mut sum = counts;
        sum += counts;
        assert_eq!((sum[Reason::PingTimeout], sum[Reason::ParseError], sum.total()), (2, 4, 6));
        assert_eq!(sum.iter().filter(|(_, n)| *n > 0).count(), 2);
    }
}
