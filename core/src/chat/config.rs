//! Limits of the chat room.

/// Limits of the chat room.
///
/// Messages are limited by tokens. A person has [`ChatConfig::burst`] of them, and gets one more each
/// [`ChatConfig::interval`]. A message that costs more than there are is refused as `too_fast`, and costs nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChatConfig {
    /// UTF-16 code units of a message's text, as a browser counts them. A longer text is refused as `too_long`. Default
    /// 2,000.
    pub max_text: usize,
    /// Tokens that a person has after a pause: short messages that it may send at once. Default 30, as many lines as
    /// somebody pastes.
    pub burst: u32,
    /// Milliseconds until a person has one token more. Default 200: five short messages a second.
    pub interval: u64,
    /// Bytes of text for a token: a message costs one for each begun so many bytes of its text, as JSON as it was sent,
    /// because that is what all get. A message never costs more than [`ChatConfig::burst`]. Default 1,000: the longest
    /// text in Chinese costs 7, and one that is all escapes 13.
    pub bytes_per_token: usize,
    /// People who left whose missing tokens are kept, so that nobody gets new ones by coming again: whoever joins from
    /// the same address (IPv6: the same 64 bits) misses as many as the one of them who missed most. When there are more
    /// people, those who miss least are forgotten. Default 10,000, about 1 MB. Other servers have no such limit.
    pub max_debts: usize,
    /// Milliseconds between two notices that tell a person why its messages are refused: those for which it has not
    /// asked for an acknowledgement. Other refusals in that time are not told. Default 1,000.
    pub refusal_interval: u64,
    /// Milliseconds of a tick. When somebody joins or leaves after a quiet tick, all are told at once. What happens
    /// during the next tick is told at its end. Default 100.
    pub tick: u64,
}

impl Default for ChatConfig {
    fn default() -> Self {
        Self {
            max_text: 2_000,
            burst: 30,
            interval: 200,
            bytes_per_token: 1_000,
            max_debts: 10_000,
            refusal_interval: 1_000,
            tick: 100,
        }
    }
}
