//! Limits of the chat room.

/// Limits of the chat room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChatConfig {
    /// UTF-16 code units of a message's text, as a browser counts them. A longer text is refused as `too_long`. Default
    /// 2,000.
    pub max_text: usize,
    /// Messages that a person may send at once after a pause. Default 10.
    pub burst: u32,
    /// Milliseconds until a person may send one more. A message before that is refused as `too_fast`. Default 200: five
    /// a second.
    pub interval: u64,
    /// Milliseconds of a tick. When somebody joins or leaves after a quiet tick, all are told at once. What happens
    /// during the next tick is told at its end. Default 100.
    pub tick: u64,
}

impl Default for ChatConfig {
    fn default() -> Self {
        Self { max_text: 2_000, burst: 10, interval: 200, tick: 100 }
    }
}
