//! What a client's machine and the hub say to each other: events go up, deliveries come down. Plain data, owned, so that
//! it can cross threads.

use super::nsp::Nsp;
use super::packet::unquote;
use crate::engine::{Handshake, Reason};
use crate::frame::{Frame, Revision};
use crate::id::{Sid, SocketId};
use alloc::borrow::Cow;
use alloc::boxed::Box;
use alloc::format;
use alloc::string::{String, ToString as _};
use alloc::sync::Arc;
use alloc::vec::Vec;
use bytes::Bytes;
use core::ops::Range;
use serde::Deserialize;
use serde_json::value::RawValue;

/// Something a client did, told to the hub.
#[derive(Clone, Debug)]
pub enum SocketEvent {
    /// It wants into a namespace.
    Connect(ConnectRequest),
    /// It sent an event.
    Event(Event),
    /// It sent a message that is no packet: [`Protocol::EngineIo`](crate::Protocol::EngineIo).
    Message(Message),
    /// It answered an event that asked for an ack.
    Ack {
        /// The event's id.
        id: u64,
        /// The answer.
        answer: Event,
    },
    /// It is out of the namespace, for whatever reason.
    Disconnect(Reason),
}

impl SocketEvent {
    /// About how many bytes it holds.
    #[must_use]
    pub fn cost(&self) -> usize {
        size_of::<Self>()
            + match self {
                Self::Connect(connect) => connect.auth.len() + attached(&connect.attachments),
                Self::Event(received) | Self::Ack { answer: received, .. } => received.cost(),
                Self::Message(Message::Text(text)) => text.len(),
                Self::Message(Message::Binary(data)) => data.len(),
                Self::Disconnect(_) => 0,
            }
    }
}

/// A client at a namespace's door.
#[derive(Clone, Debug)]
pub struct ConnectRequest {
    /// Which namespace.
    pub nsp: Nsp,
    /// The client's credentials, a JSON object. EIO=3 clients send them as a query after the namespace's name, and none for
    /// `/`.
    pub auth: Box<str>,
    /// What stands in `auth` as a placeholder. Only in MessagePack a CONNECT can have any.
    pub attachments: Vec<Bytes>,
    /// The client's revision.
    pub revision: Revision,
    /// What is known of the request that opened the session, if the driver has kept it.
    pub handshake: Option<Arc<Handshake>>,
    /// What the socket's public id is made of, see [`public_id`].
    pub(crate) public: Sid,
    /// The socket's credential for coming back.
    pub(crate) private: Sid,
}

impl ConnectRequest {
    /// The socket's id, which the client knows too. EIO=4: public. EIO=3, and Engine.IO alone: made of the session's id, as
    /// those clients do, and whoever knows that can speak for the client; it is not to be shown to others.
    #[must_use]
    pub fn id(&self) -> String {
        public_id(self.revision, &self.nsp, self.public)
    }
}

/// A socket's id as clients know it.
pub(crate) fn public_id(revision: Revision, nsp: &Nsp, public: Sid) -> String {
    match revision {
        Revision::V3 if !nsp.is_root() => format!("{nsp}#{public}"),
        _ => public.to_string(),
    }
}

/// A message of Engine.IO alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    /// Text.
    Text(Box<str>),
    /// Bytes.
    Binary(Bytes),
}

/// An event of a client, or its answer to one of ours. The arguments are the JSON text that the client sent, checked, not
/// rebuilt; attachments stand in it as `{"_placeholder":true,"num":n}`.
#[derive(Clone, Debug)]
pub struct Event {
    /// The JSON array.
    json: Box<str>,
    /// Where the event's name is in it; nowhere in an answer.
    name: Range<usize>,
    attachments: Vec<Bytes>,
    /// The id of the ack that the client asks for.
    ack: Option<u64>,
}

/// The right to acknowledge one event of one socket, once: [`Effects::ack`](crate::Effects::ack) uses it up. Dropping it
/// acknowledges nothing.
#[derive(Debug)]
pub struct AckId {
    socket: SocketId,
    id: u64,
}

impl AckId {
    /// The socket that asked for the ack, and gets it.
    #[must_use]
    pub fn socket(&self) -> SocketId {
        self.socket
    }

    /// The id that the client gave.
    pub(crate) fn id(&self) -> u64 {
        self.id
    }
}

impl Event {
    /// `name` is the part of `json` that decoding has found to be the name.
    pub(crate) fn new(json: Box<str>, name: Range<usize>, ack: Option<u64>, attachments: Vec<Bytes>) -> Self {
        Self { json, name, attachments, ack }
    }

    pub(crate) fn acknowledgement(json: Box<str>, attachments: Vec<Bytes>) -> Self {
        Self { json, name: 0..0, attachments, ack: None }
    }

    pub(crate) fn attach(&mut self, data: &[u8]) {
        self.attachments.push(Bytes::copy_from_slice(data));
    }

    /// The whole JSON array, of an event with its name.
    #[must_use]
    pub fn json(&self) -> &str {
        &self.json
    }

    /// The name of an event. Costs nothing.
    #[must_use]
    pub fn name(&self) -> Cow<'_, str> {
        unquote(self.json.get(self.name.clone()).unwrap_or_default())
    }

    /// The arguments, JSON values with commas between them, as [`Emit::args_json`](crate::Emit::args_json) takes
    /// them. Costs nothing.
    #[must_use]
    pub fn args_json(&self) -> &str {
        let after_name = self.json.get(self.name.end..).unwrap_or_default();
        // As most clients write it.
        if let Some(values) = after_name.strip_prefix(',').and_then(|values| values.strip_suffix(']')) {
            return values.trim_ascii();
        }
        // JSON knows no space but what ASCII has.
        let after_name = after_name.trim_ascii();
        let open = after_name.strip_prefix('[').unwrap_or(after_name).trim_ascii_start();
        let values = open.strip_prefix(',').unwrap_or(open);
        values.strip_suffix(']').unwrap_or(values).trim_ascii()
    }

    /// The first argument as JSON. Costs what it takes to find its end.
    #[must_use]
    pub fn first_arg(&self) -> Option<&str> {
        let mut values = serde_json::Deserializer::from_str(self.args_json()).into_iter::<&RawValue>();
        values.next()?.ok().map(RawValue::get)
    }

    /// Each argument as JSON. Goes through the whole text.
    #[must_use]
    pub fn args(&self) -> Vec<&str> {
        // Checked when the packet was decoded.
        let elements: Vec<&RawValue> = serde_json::from_str(&self.json).unwrap_or_default();
        let names = usize::from(!self.name.is_empty());
        elements.into_iter().skip(names).map(RawValue::get).collect()
    }

    /// The whole array as `T`, a tuple of the name and the arguments say.
    ///
    /// # Errors
    ///
    /// Where they are not what `T` wants.
    pub fn parse<'de, T: Deserialize<'de>>(&'de self) -> Result<T, serde_json::Error> {
        serde_json::from_str(&self.json)
    }

    /// The attachments, in the order of their placeholders' numbers.
    #[must_use]
    pub fn attachments(&self) -> &[Bytes] {
        &self.attachments
    }

    /// Takes the right to acknowledge this event of `socket`, if the client asked for that.
    pub(crate) fn take_ack(&mut self, socket: SocketId) -> Option<AckId> {
        self.ack.take().map(|id| AckId { socket, id })
    }

    fn cost(&self) -> usize {
        self.json.len() + attached(&self.attachments)
    }
}

fn attached(attachments: &[Bytes]) -> usize {
    attachments.iter().map(|data| data.len() + size_of::<Bytes>()).sum()
}

/// Something the hub wants of a client.
#[derive(Clone, Debug)]
pub enum Delivery {
    /// The socket is let in, and gets this packet; none where Engine.IO is alone.
    Accept(Option<Frame>),
    /// The socket is not let in, and gets this packet. Where Engine.IO is alone the session ends.
    Refuse(Frame),
    /// A packet for the socket.
    Emit(Frame),
    /// Out of the namespace.
    Disconnect,
    /// Out of the namespace without a word: its client has come back over another connection. If it is in no other
    /// namespace, the connection is closed.
    Detach,
    /// Close the whole connection.
    Close(Reason),
}

impl Delivery {
    /// How many bytes each who gets it has to take.
    #[must_use]
    pub fn cost(&self) -> usize {
        match self {
            Self::Accept(Some(frame)) | Self::Refuse(frame) | Self::Emit(frame) => frame.cost(),
            Self::Accept(None) | Self::Disconnect | Self::Detach | Self::Close(_) => 0,
        }
    }
}
