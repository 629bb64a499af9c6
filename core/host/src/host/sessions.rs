//! What requests ask of sessions, whichever way they came in: the calls into the shards, each under one lock.

use super::Shared;
use super::turn::{Turn, Waiter};
use sanket::{
    Ask, Handshake, Input, Key, NewSession, Opening, RequestError, RequestId, Response, Revision, Sid, WsEnd,
};
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// A session that was opened.
pub(crate) struct Opened {
    pub(crate) sid: Sid,
    pub(crate) key: Key,
    /// The request that opened it, and its WebSocket.
    pub(crate) id: RequestId,
}

impl Shared {
    fn next_request(&self) -> RequestId {
        RequestId(self.next_request.fetch_add(1, Ordering::Relaxed))
    }

    /// Opens a session that polls. The waiter gets the handshake.
    pub(crate) fn open_polling(
        &self,
        turn: &mut Turn<'_>,
        waiter: Waiter,
        revision: Revision,
        base64: bool,
        handshake: Arc<Handshake>,
    ) -> Result<Opened, RequestError> {
        let id = self.next_request();
        let new = self.entropy.session(revision, Opening::Polling { base64 }, handshake)?;
        self.open(turn, new, waiter, id, true)
    }

    /// Opens a session on a WebSocket, which the waiter speaks.
    pub(crate) fn open_websocket(
        &self,
        turn: &mut Turn<'_>,
        waiter: Waiter,
        revision: Revision,
        handshake: Arc<Handshake>,
    ) -> Result<Opened, RequestError> {
        let id = self.next_request();
        let new = self.entropy.session(revision, Opening::WebSocket(id), handshake)?;
        self.open(turn, new, waiter, id, false)
    }

    fn open(
        &self,
        turn: &mut Turn<'_>,
        new: NewSession,
        waiter: Waiter,
        id: RequestId,
        polls: bool,
    ) -> Result<Opened, RequestError> {
        let sid = new.sid;
        self.with(self.cell_of(sid), turn, |access| {
            let now = access.now;
            let key = access.shard().open(new, now)?;
            access.insert(id, waiter);
            if polls {
                access.shard().handle(key, Input::Poll(id), now);
            }
            Ok(Opened { sid, key, id })
        })
    }

    /// Has a poll wait for packets. A session that its client closed a moment ago has a last response to one more.
    pub(crate) fn poll(
        &self,
        turn: &mut Turn<'_>,
        waiter: Waiter,
        sid: Sid,
        revision: Option<Revision>,
    ) -> Result<(Key, RequestId), Result<Response, RequestError>> {
        let id = self.next_request();
        self.with(self.cell_of(sid), turn, |access| {
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
    pub(crate) fn begin_post(
        &self,
        turn: &mut Turn<'_>,
        waiter: Waiter,
        sid: Sid,
        revision: Option<Revision>,
    ) -> Result<(Key, RequestId, Revision), RequestError> {
        let id = self.next_request();
        self.with(self.cell_of(sid), turn, |access| {
            let now = access.now;
            let key = access.shard().route(sid, revision, Ask::Post, now)?;
            access.insert(id, waiter);
            access.shard().handle(key, Input::PostBegins(id), now);
            // The route was found, so the revision is the session's.
            Ok((key, id, revision.ok_or(RequestError::BadRequest)?))
        })
    }

    /// The body of a POST is larger than it may be.
    pub(crate) fn post_too_large(&self, turn: &mut Turn<'_>, key: Key, id: RequestId) {
        self.with(self.cell(key), turn, |access| {
            if access.is_waiting(id) {
                let now = access.now;
                access.shard().handle(key, Input::PostTooLarge(id), now);
            }
        });
    }

    /// The session that a WebSocket is to be opened for.
    pub(crate) fn route_upgrade(
        &self,
        turn: &mut Turn<'_>,
        sid: Sid,
        revision: Option<Revision>,
    ) -> Result<(Key, Revision), RequestError> {
        let key = self.with(self.cell_of(sid), turn, |access| {
            let now = access.now;
            access.shard().route(sid, revision, Ask::Upgrade, now)
        })?;
        Ok((key, revision.ok_or(RequestError::BadRequest)?))
    }

    /// Opens a WebSocket for a session that polls.
    pub(crate) fn upgrade(&self, turn: &mut Turn<'_>, waiter: Waiter, key: Key) -> RequestId {
        let id = self.next_request();
        self.with(self.cell(key), turn, |access| {
            let now = access.now;
            access.insert(id, waiter);
            access.shard().handle(key, Input::WsOpen(id), now);
        });
        id
    }

    /// Why a request makes no sense: its session, or itself.
    pub(crate) fn nonsense(&self, turn: &mut Turn<'_>, sid: Sid) -> RequestError {
        self.with(self.cell_of(sid), turn, |access| {
            let now = access.now;
            access.shard().route(sid, None, Ask::Nonsense, now).err().unwrap_or(RequestError::BadRequest)
        })
    }

    /// Whoever asked has gone without a response.
    pub(crate) fn request_gone(&self, turn: &mut Turn<'_>, key: Key, id: RequestId) {
        self.with(self.cell(key), turn, |access| {
            let now = access.now;
            access.remove(id);
            access.shard().handle(key, Input::RequestGone(id), now);
        });
    }

    /// A WebSocket has ended.
    pub(crate) fn ws_end(&self, turn: &mut Turn<'_>, key: Key, id: RequestId, end: WsEnd) {
        self.with(self.cell(key), turn, |access| {
            let now = access.now;
            access.remove(id);
            access.shard().handle(key, Input::WsEnd(id, end), now);
        });
    }

    /// Whether the hub is too far behind to hear more of a client; then `waiter` is told when it has caught up.
    pub(crate) fn pause(&self, turn: &mut Turn<'_>, key: Key, waiter: impl FnOnce() -> Waiter) -> bool {
        !self.has_ended() && self.with(self.cell(key), turn, |access| access.pause(waiter))
    }
}
