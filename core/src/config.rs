//! Every limit there is, in one place, each with its unit, its precedent, and what happens when it is hit.

/// What is spoken on top of Engine.IO. All clients of a server must speak it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Protocol {
    /// Socket.IO, packets as text and attachments: what clients speak unless told otherwise.
    #[default]
    SocketIo,
    /// Socket.IO with each packet one binary message of MessagePack, as the clients' `socket.io-msgpack-parser` writes it.
    SocketIoMsgPack,
    /// Nothing: Engine.IO alone. Each session is one socket in `/`, whose messages are the application's, as
    /// [`App::message`](crate::App::message) gets them.
    EngineIo,
}

/// Connection state recovery: what is kept of sockets whose connection is gone, and of events that they may have missed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recovery {
    /// Milliseconds that a socket whose connection is gone may come back in, and that events are kept. Default 120,000, as
    /// the reference's `maxDisconnectionDuration`.
    pub max_disconnection_duration: u64,
    /// Bytes of events that are kept, all namespaces together. Beyond it the oldest go, and whoever missed one of them
    /// comes back as somebody new, as does whoever missed more than half of [`Config::max_queue`]. Default 64 MiB; the
    /// reference has no limit.
    pub max_log: usize,
    /// Sockets whose connection is gone that are remembered. Beyond it the longest gone is forgotten. Default 100,000; the
    /// reference has no limit.
    pub max_persisted_sessions: usize,
    /// Bytes that those sockets take: their rooms' names and data. Beyond it the longest gone are forgotten. Default 64 MiB;
    /// the reference has no limit.
    pub max_persisted_bytes: usize,
}

impl Default for Recovery {
    fn default() -> Self {
        Self {
            max_disconnection_duration: 120_000,
            max_log: 64 << 20,
            max_persisted_sessions: 100_000,
            max_persisted_bytes: 64 << 20,
        }
    }
}

/// Limits and intervals of the protocol machines. All fields are public; start from [`Config::default`].
///
/// "The reference" is the Node server, `socket.io` 4.8 on `engine.io` 6.6.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// What is spoken on top of Engine.IO. Default [`Protocol::SocketIo`].
    pub protocol: Protocol,
    /// Whether EIO=3 clients are let in. Those that are not are answered 400, code 5. Default `true`; the reference wants to
    /// be asked for it.
    pub eio3: bool,
    /// Whether there is HTTP long-polling. A request for a transport that there is not is answered 400, code 0. Default
    /// `true`, as the reference.
    pub polling: bool,
    /// Whether there is WebSocket. Default `true`, as the reference.
    pub websocket: bool,
    /// Whether a session that polls is offered an upgrade to WebSocket. Where it is not, a WebSocket opened for it is closed
    /// at once. Default `true`, as the reference's `allowUpgrades`.
    pub upgrades: bool,
    /// Whether clients can take up where their connection broke. Default `None`: every connection is a new one, as in the
    /// reference.
    pub recovery: Option<Recovery>,
    /// Milliseconds between two heartbeats. Sent to clients in the handshake. EIO=4: the server pings this long after
    /// the last pong. EIO=3: the client pings. Default 25,000, as the reference. The first ping of an EIO=4 session
    /// comes up to half as early, each session at a moment of its own, so that ten thousand clients that came together
    /// do not beat together; but there are only so many moments, 256 in an interval, so that a ping may be late by a
    /// 256th of it.
    pub ping_interval: u64,
    /// Milliseconds a peer may be silent after a heartbeat was due (EIO=4: after the ping was queued; EIO=3: after
    /// `ping_interval`). Then the session closes with "ping timeout". Default 20,000, as the reference.
    pub ping_timeout: u64,
    /// Milliseconds from the opening of an upgrading WebSocket to its `5` packet. Then that WebSocket is closed and the
    /// session goes on polling. Default 10,000, as the reference.
    pub upgrade_timeout: u64,
    /// Milliseconds from the handshake to the first namespace joined (EIO=4; an EIO=3 client joins `/` by itself). Then
    /// the session closes. Default 45,000, as the reference.
    pub connect_timeout: u64,
    /// Milliseconds from a packet that announces attachments to the first of them, and from each to the next. Then the session
    /// closes. Default 45,000, as long as a peer may be silent. No peer has such a limit; it is what ends the wait of a
    /// packet that will never be whole.
    pub attachment_timeout: u64,
    /// Milliseconds that a session which the server closed waits for the client to fetch the rest of its packets.
    /// Then they are dropped. Default 30,000, as the reference's polling transport.
    pub close_timeout: u64,
    /// Bytes of one POST body or one WebSocket message, and of one poll answer unless a single packet is larger or it is a
    /// closed session's last. Told
    /// to clients in the handshake as `maxPayload`. A larger POST is answered 413 and the session lives; a larger
    /// WebSocket message closes it with 1009. Default 1,000,000, as the reference's `maxHttpBufferSize`.
    pub max_payload: usize,
    /// Packets in one POST body. More close the session as malformed. Default 65,536; the reference has no limit and
    /// spent seconds on 330,000 (CVE-2020-36048), python-engineio takes 16.
    pub max_packets: usize,
    /// Binary attachments of one packet, in MessagePack too. More close the session. Default 10, as the reference's parser since 4.2.6
    /// (CVE-2026-33151).
    pub max_attachments: usize,
    /// How deep arrays and objects may be nested in a packet's data. A packet with more closes the session. Default 8,192: the
    /// reference echoes about that many before its stack is full. Nothing here is recursive, but an application or another
    /// client may be.
    pub max_depth: usize,
    /// Bytes of one packet's attachments together. More close the session. Default 10,000,000: ten full payloads, which
    /// is what the reference comes to.
    pub max_attached: usize,
    /// Bytes that may wait to be sent to one client; a single packet may always wait, whatever its size. Beyond it volatile
    /// packets are dropped, then the session closes with "slow consumer". Default 12,000,000: the largest event that a
    /// client may send, attachments and all, and something beside it. The reference has no limit; engineioxide counts 128
    /// packets.
    pub max_queue: usize,
    /// Sessions of a server, all its shards together if they share a [`Population`](crate::Population). A handshake beyond it
    /// is answered 503. Default 100,000. No peer has such a limit.
    pub max_sessions: usize,
    /// Sessions that have joined no namespace yet, counted as those of [`Config::max_sessions`]. One that joins `/` by itself
    /// (EIO=3, and Engine.IO alone) counts among them until its client has sent something after the handshake, be it a second
    /// request. A handshake beyond it is answered 503. Default 50,000: half of the sessions, so that a flood of handshakes
    /// leaves the other half to clients who mean it. No peer has such a limit.
    pub max_unjoined: usize,
    /// Namespaces one client may have joined or be joining. A CONNECT beyond it is refused with CONNECT_ERROR. Default
    /// 64. No peer has such a limit.
    pub max_namespaces: usize,
    /// Bytes of a namespace's name, with the query that EIO=3 clients put behind it (a token, say). A packet with a longer
    /// one closes the session. Default 4,096. No peer has such a limit.
    pub max_namespace_name: usize,
    /// Rooms one socket may be in. [`Effects::join`](crate::Effects::join) refuses more. Default 1,024.
    pub max_rooms: usize,
    /// Bytes of a room's name. [`Effects::join`](crate::Effects::join) refuses a longer one. Default 1,024. No peer has such
    /// a limit.
    pub max_room_name: usize,
    /// Acks that the application waits for from one socket. [`Effects::emit_with_ack`](crate::Effects::emit_with_ack) leaves out who owes that
    /// many. Default 1,024. No peer has such a limit.
    pub max_pending_acks: usize,
    /// Bytes of client events that may wait for the hub in one shard. Drivers stop reading from clients while
    /// [`Shard::is_backlogged`](crate::Shard::is_backlogged). Default 16 MiB.
    pub max_backlog: usize,
}

impl Config {
    /// Whether a session that polls can become one on WebSocket.
    pub(crate) fn offers_upgrades(&self) -> bool {
        self.upgrades && self.websocket
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            protocol: Protocol::SocketIo,
            eio3: true,
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
