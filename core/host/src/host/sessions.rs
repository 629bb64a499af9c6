//! What requests ask of sessions, whichever way they came in: the calls into the shards, each under one lock.

use super::addresses::{Address, Addresses, TooMany};
use super::agenda::{Agenda, Waiter, Work};
use super::entropy::{Entropy, Fill};
use super::shards::Shards;
use crate::request::Refused;
use sanket::codec::DecodeError;
use sanket::driver::{
    Ask, Incoming, Input, Key, NewSession, Opening, Packets, RequestError, RequestId, Response, Sid, WsEnd, WsMessage,
};
use sanket::{Handshake, Revision};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// The shards, and what it takes to open sessions in them.
#[derive(Debug)]
pub(super) struct Sessions {
    pub(super) shards: Shards,
    addresses: Arc<Addresses>,
    entropy: Entropy,
    next_request: AtomicU64,
}

/// A session that was opened.
pub(super) struct Opened {
    pub(super) sid: Sid,
    pub(super) key: Key,
    /// The request that opened it, and its WebSocket.
    pub(super) id: RequestId,
}

impl Sessions {
    pub(super) fn new(shards: Shards, addresses: Arc<Addresses>, fill: Fill) -> Self {
        Self { shards, addresses, entropy: Entropy::new(fill), next_request: AtomicU64::new(1) }
    }

    fn next_request(&self) -> RequestId {
        RequestId(self.next_request.fetch_add(1, Ordering::Relaxed))
    }

    /// Opens a session that polls. The waiter gets the handshake.
    pub(super) fn open_polling(
        &self,
        agenda: &mut Agenda,
        waiter: Waiter,
        revision: Revision,
        base64: bool,
        handshake: Arc<Handshake>,
        address: Option<&Arc<Address>>,
    ) -> Result<Opened, Refused> {
        let id = self.next_request();
        let new = self.entropy.session(revision, Opening::Polling { base64 }, handshake)?;
        self.open(agenda, new, waiter, id, address)
    }

    /// Opens a session on a WebSocket, which the waiter speaks.
    pub(super) fn open_websocket(
        &self,
        agenda: &mut Agenda,
        waiter: Waiter,
        revision: Revision,
        handshake: Arc<Handshake>,
        address: Option<&Arc<Address>>,
    ) -> Result<Opened, Refused> {
        let id = self.next_request();
        let new = self.entropy.session(revision, Opening::WebSocket(id), handshake)?;
        self.open(agenda, new, waiter, id, address)
    }

    fn open(
        &self,
        agenda: &mut Agenda,
        new: NewSession,
        waiter: Waiter,
        id: RequestId,
        address: Option<&Arc<Address>>,
    ) -> Result<Opened, Refused> {
        if self.shards.is_closing() {
            return Err(Refused::Closing);
        }
        let (sid, polls) = (new.sid, matches!(new.opening, Opening::Polling { .. }));
        if let Some(address) = address {
            self.addresses.open(address, agenda.now).map_err(|TooMany| Refused::TooManyFromAddress)?;
        }
        let mut unjoined = None;
        let opened = self.shards.with(self.shards.cell_of(sid), agenda, |access| {
            let now = access.now;
            let key = access.shard().open(new, now)?;
            access.insert(id, waiter);
            if let Some(address) = address {
                let (place, oldest) = self.addresses.opened(address, key);
                access.occupy(key, place);
                unjoined = oldest;
            }
            if polls {
                access.shard().handle(key, Input::Poll(id), now);
            }
            Ok(Opened { sid, key, id })
        });
        if let (Err(_), Some(address)) = (&opened, address) {
            address.session_over();
        }
        if let Some(key) = unjoined {
            agenda.push(Work::MakeWay(key));
        }
        opened.map_err(|error: RequestError| error.into())
    }

    /// Ends a session if it is unjoined: it makes way for a new one of its address.
    pub(super) fn end_unjoined(&self, agenda: &mut Agenda, key: Key) {
        let made_way = self.shards.with(self.shards.cell(key), agenda, |access| {
            let now = access.now;
            access.shard().end_unjoined(key, now)
        });
        if made_way {
            self.addresses.made_way();
        }
    }

    /// Has a poll wait for packets. A session that its client closed a moment ago has a last response to one more.
    pub(super) fn poll(
        &self,
        agenda: &mut Agenda,
        waiter: Waiter,
        sid: Sid,
        revision: Option<Revision>,
    ) -> Result<(Key, RequestId), Result<Response, RequestError>> {
        let id = self.next_request();
        self.shards.with(self.shards.cell_of(sid), agenda, |access| {
            let now = access.now;
            match access.shard().route(sid, revision, Ask::Poll, now) {
                Ok(key) => {
                    access.insert(id, waiter);
                    access.shard().handle(key, Input::Poll(id), now);
                    Ok((key, id))
                }
                Err(RequestError::UnknownSid) => {
                    Err(access.shard().farewell(sid, revision, now).ok_or(RequestError::UnknownSid))
                }
                Err(error) => Err(Err(error)),
            }
        })
    }

    /// A POST begins, whose body has yet to come.
    pub(super) fn begin_post(
        &self,
        agenda: &mut Agenda,
        waiter: Waiter,
        sid: Sid,
        revision: Option<Revision>,
    ) -> Result<(Key, RequestId, Revision), RequestError> {
        let id = self.next_request();
        self.shards.with(self.shards.cell_of(sid), agenda, |access| {
            let now = access.now;
            let key = access.shard().route(sid, revision, Ask::Post, now)?;
            access.insert(id, waiter);
            access.shard().handle(key, Input::PostBegins(id), now);
            // The route was found, so the revision is the session's.
            Ok((key, id, revision.ok_or(RequestError::BadRequest)?))
        })
    }

    /// The body of a POST is larger than it may be.
    pub(super) fn post_too_large(&self, agenda: &mut Agenda, key: Key, id: RequestId) {
        self.shards.with(self.shards.cell(key), agenda, |access| {
            if access.is_waiting(id) {
                let now = access.now;
                access.shard().handle(key, Input::PostTooLarge(id), now);
            }
        });
    }

    /// The session that a WebSocket is to be opened for.
    pub(super) fn route_upgrade(
        &self,
        agenda: &mut Agenda,
        sid: Sid,
        revision: Option<Revision>,
    ) -> Result<(Key, Revision), RequestError> {
        let key = self.shards.with(self.shards.cell_of(sid), agenda, |access| {
            let now = access.now;
            access.shard().route(sid, revision, Ask::Upgrade, now)
        })?;
        Ok((key, revision.ok_or(RequestError::BadRequest)?))
    }

    /// Opens a WebSocket for a session that polls.
    pub(super) fn upgrade(&self, agenda: &mut Agenda, waiter: Waiter, key: Key) -> RequestId {
        let id = self.next_request();
        self.shards.with(self.shards.cell(key), agenda, |access| {
            let now = access.now;
            access.insert(id, waiter);
            access.shard().handle(key, Input::WsOpen(id), now);
        });
        id
    }

    /// Why a request makes no sense: its session, or itself.
    pub(super) fn nonsense(&self, agenda: &mut Agenda, sid: Sid) -> RequestError {
        self.shards.with(self.shards.cell_of(sid), agenda, |access| {
            let now = access.now;
            access.shard().route(sid, None, Ask::Nonsense, now).err().unwrap_or(RequestError::BadRequest)
        })
    }

    /// Whoever asked has gone without a response.
    pub(super) fn request_gone(&self, agenda: &mut Agenda, key: Key, id: RequestId) {
        self.shards.with(self.shards.cell(key), agenda, |access| {
            let now = access.now;
            access.remove(id);
            access.shard().handle(key, Input::RequestGone(id), now);
        });
    }

    /// A WebSocket has ended.
    pub(super) fn ws_end(&self, agenda: &mut Agenda, key: Key, id: RequestId, end: WsEnd) {
        self.shards.with(self.shards.cell(key), agenda, |access| {
            let now = access.now;
            access.remove(id);
            access.shard().handle(key, Input::WsEnd(id, end), now);
        });
    }

    /// Hands the packets of a POST on, unless it has its response already.
    pub(super) fn post(&self, agenda: &mut Agenda, key: Key, id: RequestId, packets: Packets<'_>) {
        self.shards.with(self.shards.cell(key), agenda, |access| {
            if access.is_waiting(id) {
                let now = access.now;
                access.shard().handle(key, Input::Post(id, packets), now);
            }
        });
    }

    /// Hands messages of a WebSocket on. Returns whether the hub is too far behind to hear more of the client; then `waiter` is
    /// told when it has caught up.
    pub(super) fn receive<'a>(
        &self,
        agenda: &mut Agenda,
        key: Key,
        id: RequestId,
        messages: impl IntoIterator<Item = Result<Incoming<'a>, DecodeError>>,
        waiter: impl FnOnce() -> Waiter,
    ) -> bool {
        let ended = self.shards.has_ended();
        self.shards.with(self.shards.cell(key), agenda, |access| {
            let now = access.now;
            for packet in messages {
                access.shard().handle(key, Input::WsMessage(id, packet), now);
            }
            !ended && access.pause(waiter)
        })
    }

    /// Takes what is to be sent on a WebSocket, about `max` bytes of it. Returns whether there is more.
    pub(super) fn transmit(
        &self,
        agenda: &mut Agenda,
        key: Key,
        id: RequestId,
        max: usize,
        into: &mut Vec<WsMessage>,
    ) -> bool {
        self.shards.with(self.shards.cell(key), agenda, |access| {
            let now = access.now;
            access.shard().transmit(key, id, max, into, now)
        })
    }

    /// Whether the hub is too far behind to hear more of a client; then `waiter` is told when it has caught up.
    pub(super) fn pause(&self, agenda: &mut Agenda, key: Key, waiter: impl FnOnce() -> Waiter) -> bool {
        let shards = &self.shards;
        !shards.has_ended() && shards.with(shards.cell(key), agenda, |access| access.pause(waiter))
    }
}
