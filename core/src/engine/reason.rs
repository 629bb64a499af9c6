//! Why a session, or a socket of it, ended.

use core::fmt;

/// Why a session, or a socket of it, ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reason {
    /// The connection broke, or the client violated the protocol of the transport.
    TransportError,
    /// The client closed the connection.
    TransportClose,
    /// The client was silent for too long.
    PingTimeout,
    /// The client sent something that is not a packet.
    ParseError,
    /// The client did not read what was sent to it. The reference has no such reason; its queue grows.
    SlowConsumer,
    /// The server closed the connection because of a packet: it is malformed, or not allowed at that point.
    ForcedClose,
    /// The server closed the connection for another reason: the client joined no namespace in time, or was recovered
    /// over another connection.
    ForcedServerClose,
    /// The whole server is closing.
    ServerShuttingDown,
    /// The client left the namespace.
    ClientNamespaceDisconnect,
    /// The server disconnected the socket from the namespace.
    ServerNamespaceDisconnect,
}

impl Reason {
    /// All reasons, in the order in which they are declared.
    pub const ALL: [Self; 10] = [
        Self::TransportError,
        Self::TransportClose,
        Self::PingTimeout,
        Self::ParseError,
        Self::SlowConsumer,
        Self::ForcedClose,
        Self::ForcedServerClose,
        Self::ServerShuttingDown,
        Self::ClientNamespaceDisconnect,
        Self::ServerNamespaceDisconnect,
    ];

    /// Whether the connection was lost, so that the socket can be recovered: the reference's list, and
    /// [`Reason::SlowConsumer`].
    #[must_use]
    pub const fn is_recoverable(self) -> bool {
        match self {
            Self::TransportError
            | Self::TransportClose
            | Self::PingTimeout
            | Self::SlowConsumer
            | Self::ForcedClose
            | Self::ForcedServerClose
            | Self::ServerShuttingDown => true,
            Self::ParseError | Self::ClientNamespaceDisconnect | Self::ServerNamespaceDisconnect => false,
        }
    }
}

impl fmt::Display for Reason {
    /// The reference's text of a server-side disconnect reason.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TransportError => "transport error",
            Self::TransportClose => "transport close",
            Self::PingTimeout => "ping timeout",
            Self::ParseError => "parse error",
            Self::SlowConsumer => "slow consumer",
            Self::ForcedClose => "forced close",
            Self::ForcedServerClose => "forced server close",
            Self::ServerShuttingDown => "server shutting down",
            Self::ClientNamespaceDisconnect => "client namespace disconnect",
            Self::ServerNamespaceDisconnect => "server namespace disconnect",
        })
    }
}
