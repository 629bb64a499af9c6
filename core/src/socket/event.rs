//! What a client's machine and the hub say to each other: events go up, deliveries come down. Plain data, owned, so that
//! it can cross threads.

use super::nsp::Nsp;
use super::packet::unquote;
use crate::engine::Reason;
use crate::frame::{Frame, Revision};
use alloc::borrow::Cow;
use alloc::boxed::Box;
use alloc::vec::Vec;
use bytes::Bytes;
use serde::Deserialize;
use serde_json::value::RawValue;

/// Something a client did, told to the hub.
#[derive(Clone, Debug)]
pub enum Event {
    /// It wants into a namespace.
    Connect(Connect),
    /// It sent an event.
    Received(Received),
    /// It answered an event that asked for an ack.
    Acked {
        /// The event's id.
        id: u64,
        /// The answer.
        answer: Received,
    },
    /// It is out of the namespace, for whatever reason.
    Disconnect(Reason),
}

impl Event {
    /// About how many bytes it holds.
    #[must_use]
    pub fn cost(&self) -> usize {
        size_of::<Self>()
            + match self {
                Self::Connect(connect) => connect.auth.len() + connect.id.len(),
                Self::Received(received) | Self::Acked { answer: received, .. } => received.cost(),
                Self::Disconnect(_) => 0,
            }
    }
}

/// A client at a namespace's door.
#[derive(Clone, Debug)]
pub struct Connect {
    /// Which namespace.
    pub nsp: Nsp,
    /// The client's credentials, a JSON object. EIO=3 clients send them as a query after the namespace's name.
    pub auth: Box<str>,
    /// The socket's public id, which the client knows too.
    pub id: Box<str>,
    /// The client's revision.
    pub revision: Revision,
}

/// An event of a client, or its answer to one of ours. The arguments are the JSON text that the client sent, checked, not
/// rebuilt; attachments stand in it as `{"_placeholder":true,"num":n}`.
#[derive(Clone, Debug)]
pub struct Received {
    json: Box<str>,
    attachments: Vec<Bytes>,
    ack: Option<AckId>,
}

/// Names an event that wants an ack. It acks once: using it consumes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AckId(pub(crate) u64);

impl Received {
    pub(crate) fn new(json: Box<str>, attachments: Vec<Bytes>, ack: Option<u64>) -> Self {
        Self { json, attachments, ack: ack.map(AckId) }
    }

    /// The whole JSON array.
    #[must_use]
    pub fn json(&self) -> &str {
        &self.json
    }

    /// Each element of the array as JSON. Of an event, the first is the name.
    fn elements(&self) -> Vec<&RawValue> {
        // Checked when the packet was decoded.
        serde_json::from_str(&self.json).unwrap_or_default()
    }

    /// The name of an event.
    #[must_use]
    pub fn name(&self) -> Cow<'_, str> {
        self.elements().first().map_or(Cow::Borrowed(""), |first| unquote(first.get()))
    }

    /// The arguments of an event, each as JSON.
    #[must_use]
    pub fn args(&self) -> Vec<&str> {
        self.elements().into_iter().skip(1).map(RawValue::get).collect()
    }

    /// The event's first arguments as `T`, a tuple of them say.
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

    /// Takes the right to ack, if the client asked for an ack and nobody has taken it yet.
    pub fn take_ack(&mut self) -> Option<AckId> {
        self.ack.take()
    }

    fn cost(&self) -> usize {
        self.json.len() + self.attachments.iter().map(|a| a.len() + size_of::<Bytes>()).sum::<usize>()
    }
}

/// Something the hub wants of a client.
#[derive(Clone, Debug)]
pub enum Delivery {
    /// The socket is let in: answer its CONNECT.
    Accept,
    /// The socket is not let in: answer CONNECT_ERROR with this JSON.
    Refuse(Box<str>),
    /// A packet for the socket.
    Emit(Frame),
    /// Out of the namespace.
    Disconnect,
    /// Close the whole connection.
    Close(Reason),
}
