//! Every limit and deadline of the front door, in one place. Knows numbers and why they were chosen, not how they are
//! enforced.
use std::time::Duration;

/// The limits of a [`Front`](super::Front).
///
/// All of them are on by default; none changes what a well-behaved client sees. Sizes are in bytes.
#[derive(Debug, Clone)]
pub struct FrontConfig {
    /// Longest request head, request line included. Default 16 KiB (Node `--max-http-header-size`). Beyond it: 431, close.
    pub max_head: usize,
    /// Most header lines in a request. Default 100 (Apache `LimitRequestFields`). Beyond it: 431, close.
    pub max_headers: usize,
    /// Time from a connection's start, or from the first byte of a later request, to the end of the head. Default 30 s
    /// (Node `headersTimeout` 60 s, Apache `mod_reqtimeout` 20–40 s). Beyond it: 408, close; a plain close if not one byte
    /// came.
    pub head_timeout: Duration,
    /// How long a connection may stay idle between two requests. Default 75 s (nginx `keepalive_timeout`). Beyond it: close.
    pub keep_alive_timeout: Duration,
    /// Longest request body, whatever the endpoint would allow: endpoints are expected to cap what they read far below.
    /// Default 16 MiB. Beyond it: 413, close; the endpoint is not called if `Content-Length` tells.
    pub max_body: u64,
    /// Longest silence of a client whose request body is being read. Default 30 s (nginx `client_body_timeout` 60 s).
    /// Beyond it: 408, close, and the endpoint's future is dropped.
    pub body_idle_timeout: Duration,
    /// Longest time from the head to the end of the body, checked only while the client is what is waited for. Default
    /// 300 s (Node `requestTimeout`). Beyond it: as [`body_idle_timeout`](Self::body_idle_timeout).
    pub body_timeout: Duration,
    /// Most bytes that a client may send ahead while its previous request is being answered. Default 16 KiB. Beyond it
    /// nothing more is read until the answer is out (TCP holds the client back), so a client that went is noticed only then.
    pub pipeline_bytes: usize,
    /// Most bytes of a response that are held in memory for one write. Default 64 KiB. Longer responses are streamed.
    pub write_chunk: usize,
    /// Longest time in which a client takes not one byte of its response. Default 30 s (nginx `send_timeout` 60 s).
    /// Beyond it: close.
    pub write_stall_timeout: Duration,
    /// Most bytes of an unread request body that are thrown away so that the connection can be kept, or so that the client
    /// gets to see the answer before it sees a reset. Default 64 KiB. Beyond it: close.
    pub linger_bytes: u64,
    /// Longest time spent on the same. Default 2 s (nginx `lingering_timeout` 5 s). Beyond it: close.
    pub linger_timeout: Duration,
    /// Most connections, upgraded ones included. Default 10,000 (what a process with 10,240 descriptors can hold). Beyond
    /// it: 503, close.
    pub max_connections: usize,
    /// Most connections from one address (for IPv6: from one /64, which is what one host gets), upgraded ones included.
    /// Default 1,024: several hundred tabs behind one NAT pass. Raise it to `max_connections` behind a reverse proxy, where
    /// all come from one address. Beyond it: 503, close.
    pub max_connections_per_ip: usize,
    /// Most refused connections that are being told so at the same time. Default 64. Beyond it: closed without a word.
    pub max_refusals: usize,
    /// Pause of an accept loop after an error such as "too many open files". Default 100 ms. Connections wait in the
    /// kernel's backlog meanwhile.
    pub accept_pause: Duration,
    /// After [`shutdown`](super::FrontHandle::shutdown): how long requests under way may take. Default 10 s (Docker's and
    /// systemd's grace before a kill is 10 s and more). Beyond it their connections are cut.
    pub drain_deadline: Duration,
}

impl Default for FrontConfig {
    fn default() -> Self {
        Self {
            max_head: 16 * 1024,
            max_headers: 100,
            head_timeout: Duration::from_secs(30),
            keep_alive_timeout: Duration::from_secs(75),
            max_body: 16 * 1024 * 1024,
            body_idle_timeout: Duration::from_secs(30),
            body_timeout: Duration::from_secs(300),
            pipeline_bytes: 16 * 1024,
            write_chunk: 64 * 1024,
            write_stall_timeout: Duration::from_secs(30),
            linger_bytes: 64 * 1024,
            linger_timeout: Duration::from_secs(2),
            max_connections: 10_000,
            max_connections_per_ip: 1_024,
            max_refusals: 64,
            accept_pause: Duration::from_millis(100),
            drain_deadline: Duration::from_secs(10),
        }
    }
}
