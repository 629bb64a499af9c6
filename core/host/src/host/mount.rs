//! Requests that another HTTP server has read (hyper, axum, actix, tide), and WebSockets that it carries, message by message.
//! Nothing here waits: whoever has to is woken.

use super::Shared;
use super::sessions::Opened;
use super::turn::{Turn, Waiter, Work};
use crate::http::Response;
use crate::request::{
    Accept, Action, AllowReply, Denial, OpenTransport, Peer, Refused, Request, RequestHead, ResponsePolicy,
    SessionRequest, Welcome, compress, greet, preflight, switching_protocols,
};
use crate::sync::lock;
use sanket::{
    BodyKind, Handshake, Input, Key, RawMessage, RequestError, RequestId, Revision, Sid, WsEnd, WsMessage, decode_body,
    decode_message, jsonp,
};
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

/// Bytes taken from a shard at a time.
const WRITE_BATCH: usize = 64 << 10;

/// What a request comes to that another HTTP server has read.
#[derive(Debug)]
pub enum Reply {
    /// This is the response.
    Response(Response),
    /// Read its body, at most [`Post::limit`] bytes and one more, and hand that on.
    Post(Post),
    /// The response comes later.
    Wait(Wait),
    /// Send [`Upgrade::response`], and hand the connection on.
    Upgrade(Upgrade),
}

/// What a shard has for a request or a WebSocket of another server.
#[derive(Debug, Default)]
pub(crate) struct Foreign(Mutex<Slot>);

#[derive(Debug, Default)]
struct Slot {
    response: Option<sanket::Response>,
    /// The answer of whoever decides whether a client is let in.
    allowed: Option<Result<Welcome, Denial>>,
    is_ready: bool,
    is_closed: bool,
    is_paused: bool,
    /// Who reads, and who writes.
    wakers: [Option<Waker>; 2],
}

const READER: usize = 0;
const WRITER: usize = 1;

impl Foreign {
    fn tell(&self, change: impl FnOnce(&mut Slot)) {
        let mut slot = lock(&self.0);
        change(&mut slot);
        let wakers = std::mem::take(&mut slot.wakers);
        drop(slot);
        wakers.into_iter().flatten().for_each(Waker::wake);
    }

    fn poll<R>(&self, cx: &Context<'_>, waker: usize, look: impl FnOnce(&mut Slot) -> Option<R>) -> Poll<R> {
        let mut slot = lock(&self.0);
        match look(&mut slot) {
            Some(result) => Poll::Ready(result),
            None => {
                slot.wakers[waker] = Some(cx.waker().clone());
                Poll::Pending
            }
        }
    }

    pub(super) fn respond(&self, response: sanket::Response) {
        self.tell(|slot| slot.response = Some(response));
    }

    pub(super) fn ready(&self) {
        self.tell(|slot| slot.is_ready = true);
    }

    pub(super) fn close(&self) {
        self.tell(|slot| slot.is_closed = true);
    }

    pub(super) fn resume(&self) {
        self.tell(|slot| slot.is_paused = false);
    }
}

/// A response that comes later: a future. Dropped before it is ready, it says that the client has gone.
pub struct Wait {
    shared: Arc<Shared>,
    foreign: Arc<Foreign>,
    policy: ResponsePolicy,
    stage: Stage,
}

/// What a [`Wait`] waits for.
enum Stage {
    /// Somebody decides whether the client is let in.
    Allowing(Box<Opening>),
    /// The shard.
    Shard { key: Key, id: RequestId, greeting: Option<Box<(Sid, Welcome)>> },
    /// Nothing any more.
    Done,
}

/// A session that is to be opened.
struct Opening {
    revision: Option<Revision>,
    handshake: Arc<Handshake>,
    transport: OpenTransport,
    url: Option<Box<str>>,
}

/// What a [`Wait`] ends with.
#[derive(Debug)]
pub enum Waited {
    /// The response.
    Response(Response),
    /// The client was let in, and wants a WebSocket.
    Upgrade(Upgrade),
}

/// A POST whose body has yet to be read. Dropped, it says that the client has gone.
#[derive(Debug)]
pub struct Post {
    wait: Wait,
    revision: Revision,
    kind: BodyKind,
}

/// A WebSocket for which the connection has yet to be handed over. Dropped, it says that there will be none.
pub struct Upgrade {
    /// 101 and its headers, but for `connection: upgrade`.
    pub response: Response,
    messages: Messages,
}

/// A WebSocket that another library carries. Dropped, it says that it has ended.
pub struct Messages {
    shared: Arc<Shared>,
    foreign: Arc<Foreign>,
    key: Key,
    id: RequestId,
    revision: Revision,
    end: WsEnd,
}

impl Shared {
    /// Reads the head of a request. `poll` says whether the path is the server's; that has been seen to.
    pub(super) fn request(self: &Arc<Self>, head: &impl RequestHead, peer: &Peer) -> Reply {
        let mut turn = self.turn();
        let Request { action, policy, url } = Request::read(head, peer, &self.options, &self.config, turn.now);
        let foreign = Arc::new(Foreign::default());
        let waiter = Waiter::Foreign(foreign.clone());
        let wait = |policy, stage| Wait { shared: self.clone(), foreign, policy, stage };
        match action {
            Ok(Action::Preflight { allow_headers }) => Reply::Response(policy.applied(preflight(allow_headers))),
            Ok(Action::Open { revision, handshake, transport }) => {
                let asks = self.options.asks();
                let opening = Opening { revision, handshake: handshake.clone(), transport, url };
                let mut wait = wait(policy, Stage::Allowing(Box::new(opening)));
                if asks {
                    let foreign = wait.foreign.clone();
                    let answer = move |answer| foreign.tell(|slot| slot.allowed = Some(answer));
                    turn.push(Work::Allow(handshake, AllowReply::new(Box::new(answer))));
                    return Reply::Wait(wait);
                }
                match wait.open(&mut turn, Ok(Welcome::default())) {
                    Some(Waited::Response(response)) => Reply::Response(response),
                    Some(Waited::Upgrade(upgrade)) => Reply::Upgrade(upgrade),
                    None => Reply::Wait(wait),
                }
            }
            Ok(Action::Session { sid, revision, kind }) => {
                let refused: Refused = match kind {
                    SessionRequest::Poll => match self.poll(&mut turn, waiter, sid, revision) {
                        Ok((key, id)) => return Reply::Wait(wait(policy, Stage::Shard { key, id, greeting: None })),
                        Err(Ok(response)) => return Reply::Response(self.render(&policy, response, None)),
                        Err(Err(error)) => error.into(),
                    },
                    SessionRequest::Post(kind) => match self.begin_post(&mut turn, waiter, sid, revision) {
                        Ok((key, id, revision)) => {
                            let wait = wait(policy, Stage::Shard { key, id, greeting: None });
                            return Reply::Post(Post { wait, revision, kind });
                        }
                        Err(error) => error.into(),
                    },
                    SessionRequest::Upgrade(accept) => match self.route_upgrade(&mut turn, sid, revision) {
                        Ok((key, revision)) => match accept {
                            Ok(accept) => {
                                let id = self.upgrade(&mut turn, waiter, key);
                                let messages = wait(policy.clone(), Stage::Done).messages(key, id, revision);
                                let response = policy.applied(switching_protocols(accept));
                                return Reply::Upgrade(Upgrade { response, messages });
                            }
                            Err(status) => Refused::NotWebSocket(status),
                        },
                        Err(error) => error.into(),
                    },
                    SessionRequest::Nonsense => self.nonsense(&mut turn, sid).into(),
                };
                Reply::Response(refuse(&mut turn, refused, &policy, url))
            }
            Err(refused) => Reply::Response(refuse(&mut turn, refused, &policy, url)),
        }
    }

    fn render(
        &self,
        policy: &ResponsePolicy,
        response: sanket::Response,
        greeting: Option<Box<(Sid, Welcome)>>,
    ) -> Response {
        let (mut response, encoding) = policy.render(response, &self.options);
        if let Some(greeting) = greeting {
            let (sid, welcome) = *greeting;
            greet(&mut response, &self.options, sid, welcome);
        }
        policy.apply(&mut response);
        encoding.map_or_else(|| response.clone(), |encoding| compress(response.clone(), encoding))
    }
}

fn refuse(turn: &mut Turn<'_>, refused: Refused, policy: &ResponsePolicy, url: Option<Box<str>>) -> Response {
    if let Some(url) = url {
        turn.push(Work::Refused(refused.error(), url));
    }
    policy.applied(refused.response(policy.upgrades()))
}

impl Wait {
    /// How long it may be waited for, in milliseconds, before the client is told that it is not let in: call
    /// [`Wait::give_up`] then. Nothing if there is no such limit: the session sees to it.
    #[must_use]
    pub fn limit(&self) -> Option<u64> {
        matches!(self.stage, Stage::Allowing(_)).then(|| self.shared.options.allow_timeout())
    }

    /// Takes no longer for an answer.
    pub fn give_up(&self) {
        self.foreign.tell(|slot| slot.allowed = Some(Err(Denial::default())));
    }

    /// Opens the session, if its client is let in. Nothing if the response comes later.
    fn open(&mut self, turn: &mut Turn<'_>, answer: Result<Welcome, Denial>) -> Option<Waited> {
        let Stage::Allowing(opening) = std::mem::replace(&mut self.stage, Stage::Done) else { return None };
        let Opening { revision, handshake, transport, url } = *opening;
        match self.try_open(turn, answer, revision, handshake, transport) {
            Ok(waited) => waited,
            Err(refused) => Some(Waited::Response(refuse(turn, refused, &self.policy, url))),
        }
    }

    fn try_open(
        &mut self,
        turn: &mut Turn<'_>,
        answer: Result<Welcome, Denial>,
        revision: Option<Revision>,
        handshake: Arc<Handshake>,
        transport: OpenTransport,
    ) -> Result<Option<Waited>, Refused> {
        let welcome = answer.map_err(Refused::Denied)?;
        let revision = revision.ok_or(RequestError::UnsupportedRevision)?;
        let shared = self.shared.clone();
        let waiter = Waiter::Foreign(self.foreign.clone());
        match transport {
            OpenTransport::Polling { base64 } => {
                let Opened { sid, key, id } = shared.open_polling(turn, waiter, revision, base64, handshake)?;
                self.stage = Stage::Shard { key, id, greeting: Some(Box::new((sid, welcome))) };
                Ok(None)
            }
            OpenTransport::WebSocket(accept) => {
                let accept = Accept::map_err(accept, Refused::NotWebSocket)?;
                let Opened { sid, key, id } = shared.open_websocket(turn, waiter, revision, handshake)?;
                let mut response = switching_protocols(accept);
                greet(&mut response, &shared.options, sid, welcome);
                let response = self.policy.applied(response);
                Ok(Some(Waited::Upgrade(Upgrade { response, messages: self.messages(key, id, revision) })))
            }
        }
    }

    fn messages(&self, key: Key, id: RequestId, revision: Revision) -> Messages {
        self.shared.count_websocket(1);
        let (shared, foreign) = (self.shared.clone(), self.foreign.clone());
        Messages { shared, foreign, key, id, revision, end: WsEnd::Failed }
    }
}

impl Future for Wait {
    type Output = Waited;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Waited> {
        loop {
            match &self.stage {
                Stage::Allowing(_) => {
                    let answer = match self.foreign.poll(cx, READER, |slot| slot.allowed.take()) {
                        Poll::Ready(answer) => answer,
                        Poll::Pending => return Poll::Pending,
                    };
                    let shared = self.shared.clone();
                    if let Some(waited) = self.open(&mut shared.turn(), answer) {
                        return Poll::Ready(waited);
                    }
                }
                Stage::Shard { .. } => {
                    let response = match self.foreign.poll(cx, READER, |slot| slot.response.take()) {
                        Poll::Ready(response) => response,
                        Poll::Pending => return Poll::Pending,
                    };
                    let stage = std::mem::replace(&mut self.stage, Stage::Done);
                    let Stage::Shard { greeting, .. } = stage else { continue };
                    let response = self.shared.render(&self.policy, response, greeting);
                    return Poll::Ready(Waited::Response(response));
                }
                Stage::Done => return Poll::Pending,
            }
        }
    }
}

impl Drop for Wait {
    fn drop(&mut self) {
        if let Stage::Shard { key, id, .. } = self.stage {
            self.shared.request_gone(&mut self.shared.turn(), key, id);
        }
    }
}

impl Post {
    /// Bytes that the body may have.
    #[must_use]
    pub fn limit(&self) -> usize {
        self.wait.shared.config.max_payload
    }

    /// Hands the body on.
    #[must_use]
    pub fn finish(self, body: &[u8]) -> Wait {
        let Self { wait, revision, kind } = self;
        if let Stage::Shard { key, id, .. } = wait.stage {
            let shared = &wait.shared;
            let mut turn = shared.turn();
            if body.len() > shared.config.max_payload {
                shared.post_too_large(&mut turn, key, id);
            } else {
                // A form without a payload is an empty one, and malformed as such.
                let form = wait.policy.is_script().then(|| jsonp::unwrap(body).unwrap_or_default());
                let packets = decode_body(revision, kind, form.as_deref().map_or(body, str::as_bytes), &shared.config);
                shared.with(shared.cell(key), &mut turn, |access| {
                    if access.is_waiting(id) {
                        let now = access.now;
                        access.shard().handle(key, Input::Post(id, packets), now);
                    }
                });
            }
        }
        wait
    }

    /// Ready when the response is there although the body is not: nobody wants it.
    pub fn poll_refused(&mut self, cx: &mut Context<'_>) -> Poll<Response> {
        match Pin::new(&mut self.wait).poll(cx) {
            Poll::Ready(Waited::Response(response)) => Poll::Ready(response),
            Poll::Ready(Waited::Upgrade(_)) | Poll::Pending => Poll::Pending,
        }
    }
}

impl Upgrade {
    /// The WebSocket, when the connection has been handed over.
    #[must_use]
    pub fn open(self) -> Messages {
        self.messages
    }
}

impl Messages {
    /// Bytes that a message may have.
    #[must_use]
    pub fn limit(&self) -> usize {
        self.shared.config.max_payload
    }

    /// Hands a message of the client on.
    pub fn receive(&mut self, message: RawMessage<'_>) {
        let (key, id, shared) = (self.key, self.id, &self.shared);
        let packets = decode_message(self.revision, message, &shared.config);
        let mut turn = shared.turn();
        let pauses = shared.with(shared.cell(key), &mut turn, |access| {
            let now = access.now;
            access.shard().handle(key, Input::WsMessage(id, packets), now);
            access.pause(|| Waiter::Foreign(self.foreign.clone()))
        });
        if pauses && !shared.has_ended() {
            lock(&self.foreign.0).is_paused = true;
        }
    }

    /// Ready when more may be received: the application has caught up.
    pub fn poll_receive(&self, cx: &mut Context<'_>) -> Poll<()> {
        self.foreign.poll(cx, READER, |slot| (!slot.is_paused).then_some(()))
    }

    /// What is to be sent, appended to `into`. Ready with `false`: the WebSocket is to be closed when that is sent.
    pub fn poll_send(&mut self, cx: &mut Context<'_>, into: &mut Vec<WsMessage>) -> Poll<bool> {
        let closed = match self.foreign.poll(cx, WRITER, |slot| {
            (slot.is_ready || slot.is_closed).then(|| {
                slot.is_ready = false;
                slot.is_closed
            })
        }) {
            Poll::Ready(closed) => closed,
            Poll::Pending => return Poll::Pending,
        };
        let (key, id, shared) = (self.key, self.id, &self.shared);
        let more = shared.with(shared.cell(key), &mut shared.turn(), |access| {
            let now = access.now;
            access.shard().transmit(key, id, if closed { usize::MAX } else { WRITE_BATCH }, into, now)
        });
        if more {
            lock(&self.foreign.0).is_ready = true;
        }
        Poll::Ready(!closed)
    }

    /// The client has closed it, or its connection is gone; it did not break the protocol.
    pub fn closed(mut self) {
        self.end = WsEnd::Closed;
    }
}

impl Drop for Messages {
    fn drop(&mut self) {
        self.shared.ws_end(&mut self.shared.turn(), self.key, self.id, self.end);
        self.shared.count_websocket(-1);
    }
}

impl fmt::Debug for Wait {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Wait").finish_non_exhaustive()
    }
}

impl fmt::Debug for Upgrade {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Upgrade").field("response", &self.response).finish_non_exhaustive()
    }
}

impl fmt::Debug for Messages {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Messages").field("key", &self.key).finish_non_exhaustive()
    }
}
