//! What a connection is at: the request that it serves and what that waits for, or a session's WebSocket. Data only; what is
//! done about it is in `requests`, `posting` and `responses`.

use super::wakers::Wakers;
use crate::http::Ticket;
use crate::request::{OpenTransport, ResponsePolicy, Welcome};
use sanket::codec::BodyKind;
use sanket::driver::{Key, RequestId, Sid};
use sanket::{Handshake, Revision, Time};
use std::sync::Arc;

/// What a connection is at.
#[derive(Debug, Default)]
pub(super) enum Exchange {
    /// No request, or one whose response is complete.
    #[default]
    Idle,
    /// Somebody decides whether the client is let in.
    Allowing(Box<Allowing>),
    /// The shard has the response, sooner or later.
    Waiting(Waiting),
    /// The same, and the body of the POST is being received.
    Posting(Box<Posting>),
    /// The application around the server has the response.
    Application { ticket: Ticket, wakers: Wakers },
    /// It speaks WebSocket.
    WebSocket { key: Key, id: RequestId, revision: Revision },
}

/// A request that nothing waits for yet: which it is, how its response looks, and its URL for whoever wants to know of refusals.
#[derive(Debug)]
pub(super) struct Pending {
    pub(super) ticket: Ticket,
    pub(super) policy: ResponsePolicy,
    pub(super) url: Option<Box<str>>,
}

/// A session that is to be opened.
#[derive(Debug)]
pub(super) struct Opening {
    pub(super) revision: Option<Revision>,
    pub(super) handshake: Arc<Handshake>,
    pub(super) transport: OpenTransport,
}

/// A session that is opened if its client is let in, which has to be known by `until`.
#[derive(Debug)]
pub(super) struct Allowing {
    pub(super) pending: Pending,
    pub(super) opening: Opening,
    pub(super) until: Time,
}

/// A request whose response comes from a shard.
#[derive(Debug)]
pub(super) struct Waiting {
    pub(super) ticket: Ticket,
    pub(super) key: Key,
    pub(super) id: RequestId,
    pub(super) policy: ResponsePolicy,
    /// What the response to a handshake has beside the session's packets.
    pub(super) greeting: Option<Box<(Sid, Welcome)>>,
}

/// A POST whose body has not been handed to the shard.
#[derive(Debug)]
pub(super) struct Posting {
    pub(super) waiting: Waiting,
    pub(super) revision: Revision,
    pub(super) kind: BodyKind,
    pub(super) body: Vec<u8>,
    /// The body is complete.
    pub(super) is_whole: bool,
    /// Its bytes and its CONNECT packets are counted for its client's address.
    pub(super) is_counted: bool,
}

impl Exchange {
    /// When something is due of it.
    pub(super) fn poll_timeout(&self) -> Option<Time> {
        match self {
            Self::Allowing(allowing) => Some(allowing.until),
            _ => None,
        }
    }

    /// The response to this request is complete.
    pub(super) fn finish(&mut self, ticket: Ticket) {
        let current = match self {
            Self::Allowing(allowing) => allowing.pending.ticket,
            Self::Waiting(waiting) => waiting.ticket,
            Self::Posting(posting) => posting.waiting.ticket,
            Self::Application { ticket, .. } => *ticket,
            Self::Idle | Self::WebSocket { .. } => return,
        };
        if current == ticket {
            *self = Self::Idle;
        }
    }
}
