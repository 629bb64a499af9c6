//! All limits and intervals, each with its unit, its precedent, and what happens when it is reached.

/// The protocol on top of Engine.IO. All clients of a server use the same.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Protocol {
    /// Socket.IO with packets as text and attachments. Clients use it by default.
    #[default]
    SocketIo,
    /// Socket.IO with each packet as one binary message of MessagePack, for clients with `socket.io-msgpack-parser`.
    SocketIoMsgPack,
    /// None: Engine.IO alone. Each session is one socket in `/`. The application gets its messages by
    /// [`App::message`](crate::App::message).
    EngineIo,
}

/// Connection state recovery: how much is kept of sockets whose connection was lost, and of the events that they
/// missed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recovery {
    /// Milliseconds that a socket can be recovered after its connection was lost, and that events are kept. Default
    /// 120,000, as the reference's `maxDisconnectionDuration`.
    pub max_disconnection_duration: u64,
    /// Bytes of events that are kept for all namespaces together. The oldest are dropped first. A client that missed a
    /// dropped event gets a new socket when it reconnects, and so does one that missed more than half of
    /// [`Config::max_queue`]. Default 64 MiB; the reference has no limit.
    pub max_log: usize,
    /// Sessions that are kept of sockets whose connection was lost. The oldest is dropped first. Default 100,000; the
    /// reference has no limit.
    pub max_persisted_sessions: usize,
    /// Bytes of those sessions: names of rooms, and data. The oldest is dropped first. Default 64 MiB; the reference
    /// has no limit.
    pub max_persisted_bytes: usize,
    /// Milliseconds between two recoveries of one session. A connect request that asks for it earlier waits for the rest
    /// of them, and is handled then; if two wait for one session, the connection of the earlier one is closed, as that of a
    /// socket that is taken over. Requests that wait have [`Recovery::max_persisted_bytes`] at most; more of them get
    /// new sockets. Default 1,000, which clients wait on average before they reconnect; the reference has no such
    /// limit, and sends all missed events each time.
    pub min_replay_interval: u64,
    /// Bytes of missed events for a second: after a recovery that sent more of them than fit
    /// [`Recovery::min_replay_interval`], the next one of that session waits longer, up to
    /// [`Config::connect_timeout`]. Default 2,000,000, which is 16 Mbit/s: a client with a slower connection could not have
    /// read them by then, and the most that is sent at once (half of [`Config::max_queue`]) takes three seconds.
    pub replay_rate: usize,
    /// Bytes of missed events that all clients of an address (IPv6: of one /64) may be sent at once, and then each second.
    /// Beyond it, connect requests for their sessions wait, one behind the other, up to [`Config::connect_timeout`]. Defaults
    /// 64 MiB, the size of the whole log, and 16,000,000, eight sessions at [`Recovery::replay_rate`]: a thousand people behind
    /// one address who missed 64 KiB each are back at once. The reference has no such limit.
    pub address_replay_burst: usize,
    /// See [`Recovery::address_replay_burst`].
    pub address_replay_rate: usize,
}

impl Recovery {
    /// Milliseconds in which an address may be sent so many bytes again.
    pub(crate) fn address_cost(&self, bytes: usize) -> u64 {
        let millis = bytes as u128 * 1_000 / self.address_replay_rate.max(1) as u128;
        u64::try_from(millis).unwrap_or(u64::MAX)
    }

    /// Milliseconds from a recovery that sent so many bytes to the next one.
    pub(crate) fn rest(&self, bytes: usize) -> u64 {
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        let rate = u64::try_from(self.replay_rate.max(1)).unwrap_or(u64::MAX);
        self.min_replay_interval.max(bytes.saturating_mul(1_000) / rate)
    }
}

impl Default for Recovery {
    fn default() -> Self {
        Self {
            max_disconnection_duration: 120_000,
            max_log: 64 << 20,
            max_persisted_sessions: 100_000,
            max_persisted_bytes: 64 << 20,
            min_replay_interval: 1_000,
            replay_rate: 2_000_000,
            address_replay_burst: 64 << 20,
            address_replay_rate: 16_000_000,
        }
    }
}

/// Limits and intervals of the state machines. Start from [`Config::default`].
///
/// "The reference" is the Node server, `socket.io` 4.8 on `engine.io` 6.6.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// The protocol on top of Engine.IO. Default [`Protocol::SocketIo`].
    pub protocol: Protocol,
    /// Whether EIO=3 clients are accepted. Otherwise they get a response 400 with code 5. Default `true`; in the
    /// reference it is `false`.
    #[doc(alias = "allowEIO3")]
    pub eio3: bool,
    /// Whether a request must name its revision. If not, one without `EIO` in its URL counts as EIO=3, as in the
    /// reference; hand-written clients (such as the Swift client up to 15.2) leave it out. If so, or if `eio3` is
    /// `false`, such a handshake gets a response 400 with code 5, which the protocol's test suite for EIO=4 wants. A
    /// value other than 3 and 4 always gets it. Default `false`.
    pub require_eio: bool,
    /// Whether the transport is HTTP long-polling. A request for a transport that is switched off gets a response 400
    /// with code 0. Default `true`, as the reference.
    pub polling: bool,
    /// Whether the transport is WebSocket. Default `true`, as the reference.
    pub websocket: bool,
    /// Whether polling sessions are offered an upgrade to WebSocket. If not, a WebSocket that is opened for one is
    /// closed at once. Default `true`, as the reference's `allowUpgrades`.
    #[doc(alias = "allowUpgrades")]
    pub upgrades: bool,
    /// Connection state recovery. Default `None`: a client that reconnects gets new sockets, as in the reference.
    ///
    /// [`App::admit`](crate::App::admit) is not called for a socket that is recovered, and its id is a new one. An application that
    /// keeps state by the id from admission has to move it in [`App::recover`](crate::App::recover). The
    /// [router](crate::router) brings the data of the socket back.
    #[doc(alias = "connectionStateRecovery")]
    pub recovery: Option<Recovery>,
    /// Milliseconds between two heartbeats; clients get it in the handshake. EIO=4: the server pings this long after
    /// the last pong. EIO=3: the client pings. Default 25,000, as the reference. The first ping of an EIO=4 session is
    /// up to half an interval early, at a time of its own, so that the pings of clients that connected together are
    /// spread. Pings of all sessions fall on 256 moments of an interval, so that the process wakes up seldom; a ping
    /// can be late by a 256th of the interval.
    #[doc(alias = "pingInterval")]
    pub ping_interval: u64,
    /// Milliseconds that a peer may be silent when a heartbeat is due (EIO=4: after the ping was queued; EIO=3: after
    /// `ping_interval`). Then the session ends with "ping timeout". Default 20,000, as the reference.
    #[doc(alias = "pingTimeout")]
    pub ping_timeout: u64,
    /// Milliseconds from the opening of a WebSocket for an upgrade to its `5` packet. Then the WebSocket is closed, and
    /// the session stays on polling. Default 10,000, as the reference.
    pub upgrade_timeout: u64,
    /// Milliseconds from the handshake until the client has joined a namespace (EIO=4; an EIO=3 client joins `/`
    /// without asking). Then the session ends. Also the time that the application has to decide on a connect request.
    /// Default 45,000, as the reference.
    #[doc(alias = "connectTimeout")]
    pub connect_timeout: u64,
    /// Milliseconds from a packet that announces attachments to the first of them, and from each attachment to the
    /// next. Then the session ends. Default 45,000, as long as a peer may be silent. Other servers have no such limit.
    pub attachment_timeout: u64,
    /// Milliseconds that a session which the server closed waits for the client to fetch its last packets. Then they
    /// are dropped. Default 30,000, as the reference's polling transport.
    pub close_timeout: u64,
    /// Bytes of a POST body, of a WebSocket message, and of the response to a poll unless it is a single packet or the
    /// last of a closed session. Clients get it in the handshake as `maxPayload`. A larger POST gets a response 413,
    /// and the session goes on. A larger WebSocket message closes the session with 1009. Default 1,000,000, as the
    /// reference's `maxHttpBufferSize`.
    #[doc(alias = "maxHttpBufferSize")]
    pub max_payload: usize,
    /// Packets in a POST body. More of them end the session as malformed. Default 65,536. The reference has no limit,
    /// and spent seconds on 330,000 (CVE-2020-36048); python-engineio accepts 16.
    pub max_packets: usize,
    /// Binary attachments of a packet, with MessagePack too. More of them end the session. Default 10, as the
    /// reference's parser since 4.2.6 (CVE-2026-33151).
    pub max_attachments: usize,
    /// Nesting of arrays and objects in a packet's data. Deeper nesting ends the session. Default 8,192, about as much
    /// as the reference can echo before its stack is full. Nothing in this crate is recursive, but applications and
    /// other clients may be.
    pub max_depth: usize,
    /// Bytes of all attachments of a packet. More of them end the session. Default 10,000,000: ten full payloads, as
    /// much as the reference allows.
    pub max_attached: usize,
    /// Bytes of packets that wait for attachments, with the attachments that have arrived: of all sessions of a server,
    /// counted as for [`Config::max_sessions`]. A session may have at most as many of them as are left for all others
    /// then; beyond it, it ends as one with more than `max_attached`. So sessions that send much leave room for those that
    /// send little, and those that keep everything waiting do not lock out the rest. Default 256 MiB: room for 24 sessions
    /// with the most that one may send, or a thousand with 200 KB each. The reference has no limit.
    pub max_incomplete: usize,
    /// Bytes that may be queued for a client. A single packet may always be queued, whatever its size. Beyond the limit
    /// volatile packets are dropped, then the session ends with "slow consumer". Default 12,000,000: the largest event
    /// that a client may send with its attachments, and some more. The reference has no limit; engineioxide allows 128
    /// packets.
    pub max_queue: usize,
    /// Sessions of a server: of all shards that share a [`Population`](crate::driver::Population). A handshake beyond the limit
    /// gets a response 503. Default 100,000. Other servers have no such limit.
    pub max_sessions: usize,
    /// Sessions that have joined no namespace yet, counted as for [`Config::max_sessions`]. A session that joins `/`
    /// without asking (EIO=3, and Engine.IO alone) counts until its client has sent something after the handshake, such
    /// as a second request. A handshake beyond the limit gets a response 503. Default 50,000: half of the sessions, so
    /// that a flood of handshakes leaves the other half to clients that go on. Other servers have no such limit.
    pub max_unjoined: usize,
    /// Namespaces that a client is in or asks to connect to. A CONNECT beyond the limit gets a CONNECT_ERROR. Default
    /// 64. Other servers have no such limit.
    pub max_namespaces: usize,
    /// Bytes of a namespace's name, with the query that EIO=3 clients append to it (a token, for example). A CONNECT
    /// with a longer name gets a CONNECT_ERROR "Invalid namespace"; any other packet with it ends the session, as one
    /// for a namespace that the client is not in. Default 4,096. Other servers have no such limit.
    pub max_namespace_name: usize,
    /// Rooms that a socket may be in. [`Effects::join`](crate::Effects::join) refuses more. Default 1,024.
    pub max_rooms: usize,
    /// Bytes of a room's name. [`Effects::join`](crate::Effects::join) refuses a longer one. Default 1,024. Other
    /// servers have no such limit.
    pub max_room_name: usize,
    /// Acknowledgements that the application waits for from a socket.
    /// [`Effects::emit_with_ack`](crate::Effects::emit_with_ack) leaves out a socket that owes as many. Default 1,024.
    /// Other servers have no such limit.
    pub max_pending_acks: usize,
    /// Bytes of events of clients that wait for the hub in one shard. Drivers do not read from clients while
    /// [`Shard::is_backlogged`](crate::driver::Shard::is_backlogged). Default 16 MiB.
    pub max_backlog: usize,
}

impl Config {
    /// Whether polling sessions can be upgraded to WebSocket.
    pub(crate) fn offers_upgrades(&self) -> bool {
        self.upgrades && self.websocket
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            protocol: Protocol::SocketIo,
            eio3: true,
            require_eio: false,
            polling: true,
            websocket: true,
            upgrades: true,
            recovery: None,
            ping_interval: 25_000,
            ping_timeout: 20_000,
            upgrade_timeout: 10_000,
            connect_timeout: 45_000,
            attachment_timeout: 45_000,
            close_timeout: 30_000,
            max_payload: 1_000_000,
            max_packets: 65_536,
            max_attachments: 10,
            max_depth: 8_192,
            max_attached: 10_000_000,
            max_incomplete: 256 << 20,
            max_queue: 12_000_000,
            max_sessions: 100_000,
            max_unjoined: 50_000,
            max_namespaces: 64,
            max_namespace_name: 4_096,
            max_rooms: 1_024,
            max_room_name: 1_024,
            max_pending_acks: 1_024,
            max_backlog: 16 << 20,
        }
    }
}
