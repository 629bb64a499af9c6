//! A client's place in a namespace.

use super::args::Args;
use crate::frame::Frame;
use crate::socket::Nsp;
use alloc::collections::BTreeMap;
use alloc::string::{String, ToString as _};
use alloc::vec::Vec;
use serde_json::Value;

/// Why a namespace refused a client.
#[derive(Clone, Debug, PartialEq)]
pub struct Refusal {
    /// The client's `error.message`. In EIO=3 only an error without data has one; otherwise it is empty.
    pub message: String,
    /// The client's `error.data`.
    pub data: Option<Value>,
}

/// How a client's place in a namespace is.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum State {
    /// CONNECT is not answered.
    Connecting,
    Connected,
    Refused(Refusal),
    /// With the client's name for the reason.
    Ended(&'static str),
}

/// The server disconnected the socket, or the client did: it is not reconnected.
pub(super) const BY_SERVER: &str = "io server disconnect";
pub(super) const BY_CLIENT: &str = "io client disconnect";

/// A client's place in a namespace, and what it remembers from connection to connection.
#[derive(Debug)]
pub(super) struct Place {
    pub(super) nsp: Nsp,
    pub(super) auth: String,
    pub(super) state: State,
    pub(super) id: String,
    pub(super) pid: Option<String>,
    pub(super) offset: Option<String>,
    pub(super) recovered: bool,
    /// What has been heard and not been taken.
    pub(super) heard: Vec<Heard>,
    pub(super) next_ack: u64,
    /// The acks that have come.
    pub(super) acks: BTreeMap<u64, Args>,
    /// Sent when CONNECT is answered.
    pub(super) waiting: Vec<Frame>,
}

/// An event of the server.
#[derive(Clone, Debug)]
pub(super) struct Heard {
    pub(super) name: String,
    pub(super) args: Args,
    /// The ack that it asks for.
    pub(super) ack: Option<u64>,
}

impl Place {
    pub(super) fn connected(&mut self, answer: Value) {
        assert!(self.state != State::Connected, "expected one answer to CONNECT, but there came another: {answer}");
        let pid = answer["pid"].as_str().map(String::from);
        self.recovered = pid.is_some() && pid == self.pid;
        (self.state, self.pid) = (State::Connected, pid);
        if let Some(sid) = answer["sid"].as_str() {
            self.id = sid.into();
        }
    }

    pub(super) fn hear(&mut self, mut args: Args, ack: Option<u64>) {
        if self.pid.is_some()
            && ack.is_none()
            && let Some(Value::String(last)) = args.last()
        {
            let last = last.clone();
            let is_offset = looks_like_an_offset(&last);
            self.offset = Some(last);
            if is_offset {
                args.drop_last();
            }
        }
        let name = match args.first() {
            Some(Value::String(name)) => name,
            Some(other) => other.to_string(),
            None => panic!("expected an event with a name, but there came an empty array"),
        };
        self.heard.push(Heard { name, args, ack });
    }
}

/// A client takes any string for an offset, if it is last. The server's own look like `@5f.1a`.
pub(super) fn looks_like_an_offset(text: &str) -> bool {
    let is_hex = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    let parts = text.strip_prefix('@').and_then(|numbers| numbers.split_once('.'));
    parts.is_some_and(|(epoch, number)| is_hex(epoch) && is_hex(number))
}

/// An object with message and data; in EIO=3 also the data alone, or the message alone.
pub(super) fn refusal(mut data: Value) -> Refusal {
    if let (Some(message), Some(object)) = (data["message"].as_str().map(String::from), data.as_object_mut()) {
        return Refusal { message, data: object.remove("data") };
    }
    match data {
        Value::String(message) => Refusal { message, data: None },
        data => Refusal { message: String::new(), data: Some(data) },
    }
}
