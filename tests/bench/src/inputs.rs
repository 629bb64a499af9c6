//! What both sides work on: a chat's messages, as a client of it sends them.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

/// The event's name.
pub const NAME: &str = "chat message";

/// What the event carries.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// What was said.
    pub description: String,
}

/// What an event with an attachment carries.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Picture {
    /// What is seen on it.
    pub description: String,
    /// What it is made of.
    pub data: Bytes,
}

/// Messages whose event is `size` bytes of text, as a WebSocket carries it: one message in 64 bytes, and several of about that
/// size in more.
pub fn messages(size: usize) -> Vec<Message> {
    const SAID: &str = "hello everybody, is anybody here from Pune? I have got a question";
    let (frame, around) = (r#"42["chat message",[]]"#.len(), r#"{"description":""},"#.len());
    let mut left = size - frame + 1;
    let mut messages = Vec::new();
    while left > 0 {
        // No rest that is too small for another one.
        let length = if left < 2 * (around + SAID.len()) { left - around } else { SAID.len() };
        messages.push(Message { description: SAID.chars().cycle().take(length).collect() });
        left -= around + length;
    }
    messages
}

/// The text of a WebSocket message with `value` in it.
pub fn text(value: &impl Serialize) -> String {
    let json = serde_json::to_string(&(NAME, value)).expect("a value that can be written");
    format!("42{json}")
}

/// A picture of `size` bytes.
pub fn picture(size: usize) -> Picture {
    Picture { description: "a cat".into(), data: vec![0xa5; size].into() }
}

/// The text of a picture's event.
pub const PICTURE: &str = r#"451-["chat message",{"description":"a cat","data":{"_placeholder":true,"num":0}}]"#;

/// Sixteen events of 64 bytes.
pub fn sixteen() -> Vec<String> {
    vec![text(&messages(64)); 16]
}

/// A body of EIO=4 with these packets.
pub fn body_v4(packets: &[String]) -> Bytes {
    packets.join("\x1e").into()
}

/// A body of EIO=3 with these packets, which are ASCII.
pub fn body_v3(packets: &[String]) -> Bytes {
    packets.iter().map(|packet| format!("{}:{packet}", packet.len())).collect::<String>().into()
}
