//! The types that pass between clients and hub: events go up, deliveries go down. They own their data, so that they can
//! be sent to other threads.

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

/// What a client did, for the hub.
#[derive(Clone, Debug)]
pub enum SocketEvent {
    /// It asks to connect to a namespace.
    Connect(ConnectRequest),
    /// It sent an event.
    Event(Event),
    /// It sent a message without a packet: [`Protocol::EngineIo`](crate::Protocol::EngineIo).
    Message(Message),
    /// It acknowledged an event.
    Ack {
        /// The event's id.
        id: u64,
        /// The arguments of the acknowledgement.
        answer: Event,
    },
    /// The socket is disconnected from its namespace, for whatever reason.
    Disconnect(Reason),
}

impl SocketEvent {
    /// About how many bytes of memory it holds.
    #[must_use]
    pub fn cost(&self) -> usize {
        size_of::<Self>()
            + match self {
                Self::Connect(connect) => connect.cost(),
                Self::Event(received) | Self::Ack { answer: received, .. } => received.cost(),
                Self::Message(Message::Text(text)) => text.len(),
                Self::Message(Message::Binary(data)) => data.len(),
                Self::Disconnect(_) => 0,
            }
    }
}

/// A client's request to connect to a namespace.
#[derive(Clone, Debug)]
pub struct ConnectRequest {
    /// The namespace.
    pub nsp: Nsp,
    /// The client's credentials, a JSON object. EIO=3 clients send them as a query after the namespace's name, and none
    /// for `/`.
    pub auth: Box<str>,
    /// The attachments of the placeholders in `auth`. Only with MessagePack there can be any.
    pub attachments: Vec<Bytes>,
    /// The client's revision.
    pub revision: Revision,
    /// The request that opened the session, if the driver has kept it.
    pub handshake: Option<Arc<Handshake>>,
    /// The public id, see [`public_id`].
    pub(crate) public: Sid,
    /// The private id, the credential for recovery.
    pub(crate) private: Sid,
}

impl ConnectRequest {
    /// The socket's id, as its client knows it. In EIO=4 it is public. In EIO=3, and with Engine.IO alone, it is made
    /// of the session's id, as those clients do it. That is the client's credential, so it must not be shown to others.
    #[must_use]
    pub fn id(&self) -> String {
        public_id(self.revision, &self.nsp, self.public)
    }

    /// About how many bytes of memory it holds apart from its own size and the handshake, which all namespaces share.
    pub(crate) fn cost(&self) -> usize {
        self.auth.len() + attached(&self.attachments)
    }
}

/// A socket's id as its client knows it.
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

/// An event of a client, or its acknowledgement of an event of the server. The arguments are the JSON text that the
/// client sent, checked but not changed. Attachments stand in it as `{"_placeholder":true,"num":n}`.
#[derive(Clone, Debug)]
pub struct Event {
    /// A JSON array.
    json: Box<str>,
    /// The range of the event's name. Empty in an acknowledgement.
    name: Range<usize>,
    attachments: Vec<Bytes>,
    /// The id of the acknowledgement that the client asks for.
    ack: Option<u64>,
}

/// The right to acknowledge one event of one socket, once. [`Effects::ack`](crate::Effects::ack) consumes it. If it is
/// dropped, the event is not acknowledged.
///
/// It cannot be cloned:
///
/// ```compile_fail
/// fn twice(ack: &sanket::AckId) -> sanket::AckId {
///     ack.clone()
/// }
/// ```
#[derive(Debug)]
pub struct AckId {
    socket: SocketId,
    id: u64,
}

impl AckId {
    /// The socket that sent the event, and gets the acknowledgement.
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
    /// `name` is the range of the name in `json`.
    pub(crate) fn new(json: Box<str>, name: Range<usize>, ack: Option<u64>, attachments: Vec<Bytes>) -> Self {
        Self { json, name, attachments, ack }
    }

    pub(crate) fn acknowledgement(json: Box<str>, attachments: Vec<Bytes>) -> Self {
        Self { json, name: 0..0, attachments, ack: None }
    }

    pub(crate) fn attach(&mut self, data: &[u8]) {
        self.attachments.push(Bytes::copy_from_slice(data));
    }

    /// Without the attachments that came with an acknowledgement of no arguments, as in the reference. Nothing stands for
    /// them, and an application that sends on what it got would send them, too.
    pub(crate) fn without_idle_attachments(mut self) -> Self {
        if &*self.json == "[]" {
            self.attachments.clear();
        }
        self
    }

    /// The whole JSON array, with the name of an event.
    #[must_use]
    pub fn json(&self) -> &str {
        &self.json
    }

    /// The name of an event.
    #[must_use]
    pub fn name(&self) -> Cow<'_, str> {
        unquote(self.json.get(self.name.clone()).unwrap_or_default())
    }

    /// The arguments, JSON values with commas between them, as [`Emit::args_json`](crate::Emit::args_json) takes them.
    /// Does not parse.
    #[must_use]
    pub fn args_json(&self) -> &str {
        let after_name = self.json.get(self.name.end..).unwrap_or_default();
        // Most clients write no whitespace.
        if let Some(values) = after_name.strip_prefix(',').and_then(|values| values.strip_suffix(']')) {
            return values.trim_ascii();
        }
        // JSON allows only ASCII whitespace.
        let after_name = after_name.trim_ascii();
        let open = after_name.strip_prefix('[').unwrap_or(after_name).trim_ascii_start();
        let values = open.strip_prefix(',').unwrap_or(open);
        values.strip_suffix(']').unwrap_or(values).trim_ascii()
    }

    /// The first argument as JSON. Parses up to its end.
    #[must_use]
    pub fn first_arg(&self) -> Option<&str> {
        let mut values = serde_json::Deserializer::from_str(self.args_json()).into_iter::<&RawValue>();
        values.next()?.ok().map(RawValue::get)
    }

    /// All arguments as JSON. Parses the whole text.
    #[must_use]
    pub fn args(&self) -> Vec<&str> {
        // It was checked when the packet was decoded.
        let elements: Vec<&RawValue> = serde_json::from_str(&self.json).unwrap_or_default();
        let names = usize::from(!self.name.is_empty());
        elements.into_iter().skip(names).map(RawValue::get).collect()
    }

    /// The whole array as `T`: a tuple of the name and the arguments, for example.
    ///
    /// # Errors
    ///
    /// If the array is not a `T`.
    pub fn parse<'de, T: Deserialize<'de>>(&'de self) -> Result<T, serde_json::Error> {
        serde_json::from_str(&self.json)
    }

    /// The attachments, in the order of the numbers of their placeholders.
    #[must_use]
    pub fn attachments(&self) -> &[Bytes] {
        &self.attachments
    }

    /// Takes the right to acknowledge this event of `socket`, if the client asked for an acknowledgement.
    pub(crate) fn take_ack(&mut self, socket: SocketId) -> Option<AckId> {
        self.ack.take().map(|id| AckId { socket, id })
    }

    pub(crate) fn cost(&self) -> usize {
        self.json.len() + attached(&self.attachments)
    }
}

fn attached(attachments: &[Bytes]) -> usize {
    attachments.iter().map(|data| data.len() + size_of::<Bytes>()).sum()
}

/// What the hub wants a client to do.
#[derive(Clone, Debug)]
pub enum Delivery {
    /// Accept the socket in its namespace, and send this packet. There is none with Engine.IO alone.
    Accept(Option<Frame>),
    /// Refuse the socket, and send this packet. With Engine.IO alone the session ends.
    Refuse(Frame),
    /// Send a packet to the socket.
    Emit(Frame),
    /// Disconnect the socket from its namespace.
    Disconnect,
    /// Disconnect the socket without a packet: its client has been recovered over another connection. If the client has
    /// no other socket, the connection is closed.
    Detach,
    /// Close the whole connection.
    Close(Reason),
}

impl Delivery {
    /// The bytes that each recipient has to queue.
    #[must_use]
    pub fn cost(&self) -> usize {
        match self {
            Self::Accept(Some(frame)) | Self::Refuse(frame) | Self::Emit(frame) => frame.cost(),
            Self::Accept(None) | Self::Disconnect | Self::Detach | Self::Close(_) => 0,
        }
    }
}
