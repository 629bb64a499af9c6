//! What a host counts, and the sum of it for whoever watches the server. A turn counts for itself, and adds it to the host's
//! numbers twice: nothing that all threads share is touched for a message.

use super::addresses::AddressHits;
use crate::request::Refused;
use crate::sync::lock;
use sanket::driver::{RequestError, Response};
use sanket::stats::{Census, HubStats, ShardStats};
use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

/// What a host has, and what it has counted since it began: see [`Host::stats`](super::Host::stats). What is said to be there is
/// there now; every other number only grows.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Stats {
    /// What the shards have counted, together.
    pub shards: ShardStats,
    /// The sessions that are there, and what is queued for them.
    pub census: Census,
    /// What the hub has and has counted. Nothing when the application has panicked, or the host has ended.
    pub hub: Option<HubStats>,
    /// How often the hub was turned: whatever clients did until then is one turn.
    pub hub_turns: u64,
    /// Bytes of what clients did that are there and wait for the hub, as [`Config::max_backlog`](sanket::Config::max_backlog)
    /// counts them.
    pub backlog: u64,
    /// Bytes of packets that are there and wait for attachments, as
    /// [`Config::max_incomplete`](sanket::Config::max_incomplete) counts them.
    pub incomplete: u64,
    /// How often a connection was not read from until the hub had caught up: `max_backlog` was hit.
    pub pauses: u64,
    /// Connections that are there.
    pub connections: u64,
    /// Of these, those that speak HTTP.
    pub http_connections: u64,
    /// WebSockets that are there.
    pub websockets: u64,
    /// Requests and WebSockets that wait for something from a shard.
    pub waiting: u64,
    /// Connections that came, those that were refused included.
    pub accepted: u64,
    /// Connections that were refused because of [`HttpConfig::max_connections`](crate::http::HttpConfig::max_connections).
    pub refused_in_total: u64,
    /// How often limits by address were hit.
    pub addresses: AddressHits,
    /// Of the refused connections, those that were closed without a word because of
    /// [`HttpConfig::max_refusals`](crate::http::HttpConfig::max_refusals).
    pub dropped: u64,
    /// Requests for the server. Those that another HTTP server has read count, too.
    pub requests: u64,
    /// Requests for the application around the server.
    pub other_requests: u64,
    /// Requests for the server that were refused, by the kind of refusal.
    pub refusals: BTreeMap<RefusalKind, u64>,
    /// Requests that are no HTTP, or not as it is taken here, by the status of the response.
    pub http_refusals: BTreeMap<u16, u64>,
    /// Bytes that were read from connections.
    pub bytes_received: u64,
    /// Bytes that sockets took.
    pub bytes_sent: u64,
}

/// Why a request for the server was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum RefusalKind {
    /// [`RequestError::UnknownTransport`].
    UnknownTransport,
    /// [`RequestError::UnknownSid`].
    UnknownSid,
    /// [`RequestError::BadHandshakeMethod`].
    BadHandshakeMethod,
    /// [`RequestError::BadRequest`].
    BadRequest,
    /// [`RequestError::Forbidden`]: the server is closing.
    Forbidden,
    /// [`RequestError::UnsupportedRevision`].
    UnsupportedRevision,
    /// [`RequestError::Full`].
    Full,
    /// [`Refused::Origin`].
    Origin,
    /// [`Refused::Denied`].
    Denied,
    /// [`Refused::Closing`].
    Closing,
    /// [`Refused::TooManyFromAddress`].
    TooMany,
    /// [`Refused::NotWebSocket`].
    NotWebSocket,
    /// [`Response::Malformed`]: a POST.
    Malformed,
    /// [`Response::Overlap`]: a second request of a kind at a time.
    Overlap,
    /// [`Response::TooLarge`]: a POST.
    TooLarge,
    /// Another.
    Other,
}

impl RefusalKind {
    /// All kinds.
    pub const ALL: [Self; 16] = [
        Self::UnknownTransport,
        Self::UnknownSid,
        Self::BadHandshakeMethod,
        Self::BadRequest,
        Self::Forbidden,
        Self::UnsupportedRevision,
        Self::Full,
        Self::Origin,
        Self::Denied,
        Self::Closing,
        Self::TooMany,
        Self::NotWebSocket,
        Self::Malformed,
        Self::Overlap,
        Self::TooLarge,
        Self::Other,
    ];

    /// The kind as one word.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::UnknownTransport => "unknown_transport",
            Self::UnknownSid => "unknown_sid",
            Self::BadHandshakeMethod => "bad_handshake_method",
            Self::BadRequest => "bad_request",
            Self::Forbidden => "forbidden",
            Self::UnsupportedRevision => "unsupported_revision",
            Self::Full => "full",
            Self::Origin => "origin",
            Self::Denied => "denied",
            Self::Closing => "closing",
            Self::TooMany => "too_many",
            Self::NotWebSocket => "not_websocket",
            Self::Malformed => "malformed",
            Self::Overlap => "overlap",
            Self::TooLarge => "too_large",
            Self::Other => "other",
        }
    }

    /// The kind of a refusal.
    pub(super) fn of(refused: &Refused) -> Self {
        match refused {
            Refused::Error(error) => Self::of_error(*error),
            Refused::Denied(_) => Self::Denied,
            Refused::Origin => Self::Origin,
            Refused::Closing => Self::Closing,
            Refused::TooManyFromAddress => Self::TooMany,
            Refused::NotWebSocket(_) => Self::NotWebSocket,
        }
    }

    /// The kind of a response of a shard, if it is a refusal.
    pub(super) fn of_response(response: &Response) -> Option<Self> {
        match response {
            Response::Malformed => Some(Self::Malformed),
            Response::Overlap => Some(Self::Overlap),
            Response::TooLarge => Some(Self::TooLarge),
            Response::Refused(error) => Some(Self::of_error(*error)),
            _ => None,
        }
    }

    fn of_error(error: RequestError) -> Self {
        match error {
            RequestError::UnknownTransport => Self::UnknownTransport,
            RequestError::UnknownSid => Self::UnknownSid,
            RequestError::BadHandshakeMethod => Self::BadHandshakeMethod,
            RequestError::BadRequest => Self::BadRequest,
            RequestError::Forbidden => Self::Forbidden,
            RequestError::UnsupportedRevision => Self::UnsupportedRevision,
            RequestError::Full => Self::Full,
            _ => Self::Other,
        }
    }
}

/// What one turn has counted.
#[derive(Debug, Default)]
pub(super) struct Tally {
    pub(super) requests: u64,
    pub(super) other_requests: u64,
    pub(super) bytes_received: u64,
    pub(super) bytes_sent: u64,
}

/// What all turns have counted.
#[derive(Debug, Default)]
pub(super) struct Counters {
    requests: AtomicU64,
    other_requests: AtomicU64,
    bytes_received: AtomicU64,
    bytes_sent: AtomicU64,
    /// Behind a lock of its own, which is held for nothing else: refusals are few, or an attack.
    refusals: Mutex<(BTreeMap<RefusalKind, u64>, BTreeMap<u16, u64>)>,
}

impl Counters {
    /// Adds what a turn has counted, which begins anew.
    pub(super) fn add(&self, tally: &mut Tally) {
        let tally = std::mem::take(tally);
        for (counter, n) in [
            (&self.requests, tally.requests),
            (&self.other_requests, tally.other_requests),
            (&self.bytes_received, tally.bytes_received),
            (&self.bytes_sent, tally.bytes_sent),
        ] {
            if n > 0 {
                counter.fetch_add(n, Ordering::Relaxed);
            }
        }
    }

    /// A request for the server was refused.
    pub(super) fn refused(&self, kind: RefusalKind) {
        *lock(&self.refusals).0.entry(kind).or_default() += 1;
    }

    /// A request was refused before it was known whose it is.
    pub(super) fn http_refused(&self, status: u16) {
        *lock(&self.refusals).1.entry(status).or_default() += 1;
    }

    /// Puts the numbers into `stats`.
    pub(super) fn read(&self, stats: &mut Stats) {
        let [requests, other_requests, bytes_received, bytes_sent] =
            [&self.requests, &self.other_requests, &self.bytes_received, &self.bytes_sent]
                .map(|counter| counter.load(Ordering::Relaxed));
        let (refusals, http_refusals) = lock(&self.refusals).clone();
        (stats.requests, stats.other_requests) = (requests, other_requests);
        (stats.bytes_received, stats.bytes_sent) = (bytes_received, bytes_sent);
        (stats.refusals, stats.http_refusals) = (refusals, http_refusals);
    }
}
