//! Reads the argument of a `chat message`, and has the errors for its sender. The text stays JSON as it was sent,
//! because strings in browsers may contain lone surrogates.

use super::config::ChatConfig;
use crate::time::Time;
use alloc::format;
use alloc::string::String;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// A message that is to be sent to all.
#[derive(Debug)]
pub(crate) struct ValidMessage<'a> {
    /// A JSON string.
    pub(crate) text: &'a RawValue,
}

/// Why a message is not sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MessageError {
    NotAnObject,
    NoText,
    Empty,
    TooLong,
    TooFast { retry_after: u64 },
    NotHere,
}

/// The error, as the acknowledgement of a message.
#[derive(Debug, Serialize)]
pub(crate) struct ErrorReply {
    ok: bool,
    #[serde(flatten)]
    details: Details,
}

/// The error, as a `sys message` for a sender that has not asked for an acknowledgement: a notice in which nobody joined
/// or left, with the members of an [`ErrorReply`], and its code as `refused`, too, which no other notice has.
#[derive(Debug, Serialize)]
pub(crate) struct Refusal {
    /// A sentence in the tutorial's style.
    data: String,
    /// The number of people in the room.
    counts: usize,
    joined: [(); 0],
    left: [(); 0],
    #[serde(rename = "joinedCount")]
    joined_count: usize,
    #[serde(rename = "leftCount")]
    left_count: usize,
    time: u64,
    refused: &'static str,
    #[serde(flatten)]
    details: Details,
}

/// What programs want to know.
#[derive(Debug, Serialize)]
struct Details {
    code: &'static str,
    message: &'static str,
    /// For `too_long`: the limit in UTF-16 code units.
    #[serde(skip_serializing_if = "Option::is_none")]
    limit: Option<usize>,
    /// For `too_fast`: milliseconds.
    #[serde(rename = "retryAfter", skip_serializing_if = "Option::is_none")]
    retry_after: Option<u64>,
}

impl MessageError {
    pub(crate) fn to_json(self, config: &ChatConfig) -> ErrorReply {
        ErrorReply { ok: false, details: self.details(config) }
    }

    fn details(self, config: &ChatConfig) -> Details {
        let (code, message) = match self {
            Self::NotAnObject => ("not_an_object", "a message is an object"),
            Self::NoText => ("no_text", "a message has a text, called description"),
            Self::Empty => ("empty", "the text is empty"),
            Self::TooLong => ("too_long", "the text is too long"),
            Self::TooFast { .. } => ("too_fast", "too many messages in too short a time"),
            Self::NotHere => ("not_here", "you are not in the room"),
        };
        let limit = (self == Self::TooLong).then_some(config.max_text);
        let retry_after = if let Self::TooFast { retry_after } = self { Some(retry_after) } else { None };
        Details { code, message, limit, retry_after }
    }

    /// The sentence for people, in the tutorial's language.
    fn sentence(self, config: &ChatConfig) -> String {
        let reason = match self {
            Self::NotAnObject => "格式不正确",
            Self::NoText => "没有文字",
            Self::Empty => "消息是空的",
            Self::TooLong => return format!("系统消息: 消息未发送：太长了，最多 {} 个字符", config.max_text),
            Self::TooFast { retry_after } => {
                return format!("系统消息: 消息未发送：发得太快了，请 {} 秒后再试", retry_after.div_ceil(1_000));
            }
            Self::NotHere => "你不在聊天室",
        };
        format!("系统消息: 消息未发送：{reason}")
    }
}

impl Refusal {
    /// `counts` people are in the room.
    pub(crate) fn new(error: MessageError, counts: usize, now: Time, config: &ChatConfig) -> Self {
        let details = error.details(config);
        Self {
            data: error.sentence(config),
            counts,
            joined: [],
            left: [],
            joined_count: 0,
            left_count: 0,
            time: now.as_millis(),
            refused: details.code,
            details,
        }
    }
}

#[derive(Deserialize)]
struct Claimed<'a> {
    #[serde(borrow)]
    description: Option<&'a RawValue>,
    /// Binary data is an object with this member.
    #[serde(rename = "_placeholder")]
    placeholder: Option<&'a RawValue>,
}

/// Reads the argument of a `chat message`. It may be missing.
pub(crate) fn read(argument: Option<&str>, max_text: usize) -> Result<ValidMessage<'_>, MessageError> {
    let argument = argument.filter(|json| json.starts_with('{')).ok_or(MessageError::NotAnObject)?;
    // A JSON object fails here only if it has a key twice.
    let claimed: Claimed<'_> = serde_json::from_str(argument).map_err(|_| MessageError::NotAnObject)?;
    if claimed.placeholder.is_some() {
        return Err(MessageError::NotAnObject);
    }
    let text = claimed.description.filter(|text| text.get().starts_with('"')).ok_or(MessageError::NoText)?;
    let (units, blank) = measure(text.get());
    if blank {
        Err(MessageError::Empty)
    } else if units > max_text {
        Err(MessageError::TooLong)
    } else {
        Ok(ValidMessage { text })
    }
}

/// The length of a JSON string in UTF-16 code units, and whether it is only white space.
fn measure(json: &str) -> (usize, bool) {
    let inner = json.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(json);
    let (mut units, mut blank) = (0, true);
    let mut chars = inner.chars();
    while let Some(c) = chars.next() {
        let c = match c {
            '\\' => match chars.next() {
                Some('u') => {
                    let digits = chars.as_str().get(..4).unwrap_or_default();
                    chars = chars.as_str().get(4..).unwrap_or_default().chars();
                    // A surrogate is one unit, and not white space.
                    u32::from_str_radix(digits, 16).ok().and_then(char::from_u32).unwrap_or('\u{fffd}')
                }
                Some('n' | 'r' | 't' | 'f') => ' ',
                Some(escaped) => escaped,
                None => break,
            },
            plain => plain,
        };
        units += c.len_utf16();
        blank &= c.is_whitespace() || c == '\u{feff}';
    }
    (units, blank)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn length_is_what_javascript_says() {
        for (json, units, blank) in [
            (r#""""#, 0, true),
            (r#""abc""#, 3, false),
            (r#""你好""#, 2, false),
            (r#""😀""#, 2, false),
            (r#""\ud83d\ude00""#, 2, false),
            (r#""\ud800""#, 1, false),
            (r#"" \t\n\u00a0\u3000\ufeff""#, 6, true),
            (r#""\"\\""#, 2, false),
        ] {
            assert_eq!(measure(json), (units, blank), "{json}");
        }
    }

    #[test]
    fn what_is_no_message_is_named() {
        let refusal = |argument| read(argument, 3).err();
        assert_eq!(refusal(None), Some(MessageError::NotAnObject));
        for json in [
            "null",
            "[]",
            "\"hi\"",
            "7",
            r#"{"description":"a","description":"b"}"#,
            r#"{"_placeholder":true,"num":0}"#,
        ] {
            assert_eq!(refusal(Some(json)), Some(MessageError::NotAnObject), "{json}");
        }
        for json in ["{}", r#"{"description":null}"#, r#"{"description":{"_placeholder":true,"num":0}}"#] {
            assert_eq!(refusal(Some(json)), Some(MessageError::NoText), "{json}");
        }
        assert_eq!(refusal(Some(r#"{"description":" \n"}"#)), Some(MessageError::Empty));
        assert_eq!(refusal(Some(r#"{"description":"abcd"}"#)), Some(MessageError::TooLong));
        assert_eq!(refusal(Some(r#"{"x":1,"description":"abc"}"#)), None);
    }
}
