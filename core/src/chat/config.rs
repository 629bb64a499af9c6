//! Limits of the chat room.

/// Limits of the chat room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChatConfig {
    /// UTF-16 code units of one message's text, as a browser counts them. A longer one is refused as `too_long`.
    /// Default 2,000.
    pub max_text: usize,
    /// Messages somebody may send at once after having been quiet. Default 10.
    pub burst: u32,
    /// Milliseconds until one more may be sent. One sent earlier is refused as `too_fast`. Default 200: five a second.
    pub interval: u64,
    /// Milliseconds of a tick. The first to come or go after a quiet tick is told at once; what happens within a tick
    /// after that is told at its end. Default 100.
    pub tick: u64,
}

impl Default for ChatConfig {
    fn default() -> Self {
        Self { max_text: 2_000, burst: 10, interval: 200, tick: 100 }
    }
}
