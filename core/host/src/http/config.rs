//! Every limit and deadline of a connection, and of how many connections there may be.

/// Limits and deadlines of HTTP and WebSocket connections.
///
/// Sizes are in bytes, times in milliseconds. The defaults change nothing for a well-behaved client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpConfig {
    /// Longest request head, request line included. Default 16 KiB (Node `--max-http-header-size`). Beyond it: 431, close.
    pub max_head: usize,
    /// Most header lines in a request. Default 200 (Apache `LimitRequestFields` 100, Node `maxHeadersCount` 2,000). Beyond
    /// it: 431, close.
    pub max_headers: usize,
    /// Time from a connection's start, or from the first byte of a later request, to the end of the head. Default 30 s
    /// (Node `headersTimeout` 60 s, Apache `mod_reqtimeout` 20–40 s). Beyond it: 408, close; a plain close if not one byte
    /// came.
    pub head_timeout: u64,
    /// How long a connection may stay idle between two requests. Default 75 s (nginx `keepalive_timeout`). Beyond it: close.
    pub keep_alive_timeout: u64,
    /// Longest request body, whatever the application would allow: applications are expected to accept far less. Default
    /// 16 MiB. Beyond it: 413, close; the application is not asked if `Content-Length` tells.
    pub max_body: u64,
    /// Longest silence of a client whose request body is waited for. Default 30 s (nginx `client_body_timeout` 60 s). Beyond
    /// it: 408, close.
    pub body_idle_timeout: u64,
    /// Longest time from the head to the end of the body, checked only while the client is what is waited for. Default
    /// 300 s (Node `requestTimeout`). Beyond it: 408, close.
    pub body_timeout: u64,
    /// Most bytes that are received ahead while a request waits for its response. Default 16 KiB. Beyond it nothing more is
    /// read until the response is complete (TCP holds the client back), so a client that has gone is noticed only then.
    pub pipeline_bytes: usize,
    /// Longest time in which a client takes not one byte of a response. Default 30 s (nginx `send_timeout` 60 s). Beyond it:
    /// close. WebSockets have no such deadline: the session's heartbeat ends them.
    pub write_stall_timeout: u64,
    /// Most bytes of an unread request body that are thrown away so that the connection can be kept, or so that the client
    /// receives the response before it sees a reset. Default 64 KiB. Beyond it: close.
    pub linger_bytes: u64,
    /// Longest time spent on the same. Default 2 s (nginx `lingering_timeout` 5 s). Beyond it: close.
    pub linger_timeout: u64,
    /// Bytes of output that may wait to be written before a streaming writer has to pause and no further request is read.
    /// Default 64 KiB.
    pub max_buffered: usize,
    /// Longest WebSocket closing handshake. Default 1 s (Node engine.io `destroyUpgradeTimeout`). Beyond it: close.
    pub close_timeout: u64,
    /// Most connections, WebSockets included. Default 10,000 (what a process with 10,240 descriptors can hold). Beyond it:
    /// 503, close.
    pub max_connections: usize,
    /// Most connections that are being refused with a 503 or 429 at the same time. Default 64. Beyond it: close without a response.
    pub max_refusals: usize,
    /// How long requests under way may take after the server has begun to close. Default 10 s (the grace period of Docker;
    /// systemd 90 s). Beyond it their connections are closed.
    pub drain_deadline: u64,
}

impl Default for HttpConfig {
    fn default() -> Self {
        Self {
            max_head: 16 * 1024,
            max_headers: 200,
            head_timeout: 30_000,
            keep_alive_timeout: 75_000,
            max_body: 16 * 1024 * 1024,
            body_idle_timeout: 30_000,
            body_timeout: 300_000,
            pipeline_bytes: 16 * 1024,
            write_stall_timeout: 30_000,
            linger_bytes: 64 * 1024,
            linger_timeout: 2_000,
            max_buffered: 64 * 1024,
            close_timeout: 1_000,
            max_connections: 10_000,
            max_refusals: 64,
            drain_deadline: 10_000,
        }
    }
}
