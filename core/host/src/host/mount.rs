//! Requests that another HTTP server has read (hyper, axum, actix, tide), and WebSockets that it carries, message by message.
//! Nothing here waits: whoever has to is woken.

use super::agenda::{Agenda, Waiter, Work};
use super::exchange::Opening;
use super::foreign::Foreign;
use super::sessions::Opened;
use super::shared::Shared;
use super::stats::RefusalKind;
use super::turn::Turn;
use crate::http::Response;
use crate::request::{
    Accept, Action, Denial, OpenTransport, Peer, Refused, Request, RequestHead, ResponsePolicy, SessionRequest,
    Welcome, compress, greet, preflight, switching_protocols,
};
use sanket::Revision;
use sanket::codec::BodyKind;
use sanket::driver::{
    Key, RawMessage, RequestError, RequestId, Sid, WsEnd, WsMessage, decode_body, decode_message, jsonp,
};
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

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

/// A response that comes later: a future. Dropped before it is ready, it says that the client has gone.
pub struct Wait {
    shared: Arc<Shared>,
    foreign: Arc<Foreign>,
    policy: ResponsePolicy,
    stage: Stage,
}

/// What a [`Wait`] waits for.
enum Stage {
    /// Somebody decides whether the client is let in. The URL is for whoever wants to know of refusals.
    Allowing(Box<(Opening, Peer, Option<Box<str>>)>),
    /// The shard.
    Shard { key: Key, id: RequestId, greeting: Option<Box<(Sid, Welcome)>> },
    /// Nothing any more.
    Done,
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

/// Reads the head of a request. That the path is the server's has been seen to.
pub(super) fn request(shared: &Arc<Shared>, head: &impl RequestHead, peer: &Peer) -> Reply {
    if let Some(response) = shared.options.misdirected(head, peer) {
        shared.counters.http_refused(response.status.as_u16());
        return Reply::Response(response);
    }
    let mut turn = Turn::new(shared);
    let agenda = &mut turn.agenda;
    agenda.tally.requests += 1;
    let Request { action, policy, client, url } =
        Request::read(head, peer, &shared.options, &shared.config, agenda.now);
    let refused = match action {
        Ok(Action::Preflight { allow_headers }) => return Reply::Response(policy.applied(preflight(allow_headers))),
        Ok(Action::Open { revision, handshake, transport }) => {
            let opening = Opening { revision, handshake, transport };
            return open(shared, agenda, policy, (opening, client, url));
        }
        Ok(Action::Session { sid, revision, kind }) => match session(shared, agenda, (sid, revision), kind, &policy) {
            Ok(reply) => return reply,
            Err(refused) => refused,
        },
        Err(refused) => refused,
    };
    Reply::Response(refuse(shared, agenda, refused, &policy, url))
}

fn open(
    shared: &Arc<Shared>,
    agenda: &mut Agenda,
    policy: ResponsePolicy,
    (opening, client, url): (Opening, Peer, Option<Box<str>>),
) -> Reply {
    let (foreign, handshake) = (Arc::new(Foreign::default()), opening.handshake.clone());
    let stage = Stage::Allowing(Box::new((opening, client, url)));
    let mut wait = Wait { shared: shared.clone(), foreign, policy, stage };
    if shared.options.asks() {
        agenda.push(Work::AllowForeign(wait.foreign.clone(), handshake));
        return Reply::Wait(wait);
    }
    match wait.open(agenda, Ok(Welcome::default())) {
        Some(Waited::Response(response)) => Reply::Response(response),
        Some(Waited::Upgrade(upgrade)) => Reply::Upgrade(upgrade),
        None => Reply::Wait(wait),
    }
}

/// What is asked of a session.
fn session(
    shared: &Arc<Shared>,
    agenda: &mut Agenda,
    (sid, revision): (Sid, Option<Revision>),
    kind: SessionRequest,
    policy: &ResponsePolicy,
) -> Result<Reply, Refused> {
    let sessions = &shared.sessions;
    let foreign = Arc::new(Foreign::default());
    let waiter = Waiter::Foreign(foreign.clone());
    let wait = |stage| Wait { shared: shared.clone(), foreign, policy: policy.clone(), stage };
    match kind {
        SessionRequest::Poll => match sessions.poll(agenda, waiter, sid, revision) {
            Ok((key, id)) => Ok(Reply::Wait(wait(Stage::Shard { key, id, greeting: None }))),
            Err(Ok(response)) => Ok(Reply::Response(render(shared, policy, response, None))),
            Err(Err(error)) => Err(error.into()),
        },
        SessionRequest::Post(kind) => {
            let (key, id, revision) = sessions.begin_post(agenda, waiter, sid, revision)?;
            Ok(Reply::Post(Post { wait: wait(Stage::Shard { key, id, greeting: None }), revision, kind }))
        }
        SessionRequest::Upgrade(accept) => {
            let (key, revision) = sessions.route_upgrade(agenda, sid, revision)?;
            let accept = Accept::map_err(accept, Refused::NotWebSocket)?;
            let id = sessions.upgrade(agenda, waiter, key);
            let messages = wait(Stage::Done).messages(key, id, revision);
            Ok(Reply::Upgrade(Upgrade { response: policy.applied(switching_protocols(accept)), messages }))
        }
        SessionRequest::Nonsense => Err(sessions.nonsense(agenda, sid).into()),
    }
}

/// Makes the HTTP response of a shard's.
fn render(
    shared: &Shared,
    policy: &ResponsePolicy,
    response: sanket::driver::Response,
    greeting: Option<Box<(Sid, Welcome)>>,
) -> Response {
    if let Some(kind) = RefusalKind::of_response(&response) {
        shared.counters.refused(kind);
    }
    let (mut response, encoding) = policy.render(response, &shared.options);
    if let Some(greeting) = greeting {
        let (sid, welcome) = *greeting;
        greet(&mut response, &shared.options, sid, welcome);
    }
    policy.apply(&mut response);
    match encoding {
        Some(encoding) => compress(response, encoding),
        None => response,
    }
}

fn refuse(
    shared: &Shared,
    agenda: &mut Agenda,
    refused: Refused,
    policy: &ResponsePolicy,
    url: Option<Box<str>>,
) -> Response {
    shared.counters.refused(RefusalKind::of(&refused));
    if let Some(url) = url {
        agenda.push(Work::Refused(refused.error(), url));
    }
    policy.applied(refused.response(policy.is_upgrade()))
}

impl Wait {
    /// How long it may be waited for, in milliseconds, before the client is told that it is not let in: call
    /// [`Wait::give_up`] then. Nothing if there is no such limit: the session sees to it.
    #[must_use]
    pub fn limit(&self) -> Option<u64> {
        matches!(self.stage, Stage::Allowing(_)).then(|| self.shared.options.allow_timeout)
    }

    /// Takes no longer for an answer.
    pub fn give_up(&self) {
        self.foreign.decide(Err(Denial::default()));
    }

    /// Opens the session, if its client is let in. Nothing if the response comes later.
    fn open(&mut self, agenda: &mut Agenda, answer: Result<Welcome, Denial>) -> Option<Waited> {
        let Stage::Allowing(allowing) = std::mem::replace(&mut self.stage, Stage::Done) else { return None };
        let (opening, client, url) = *allowing;
        match self.try_open(agenda, answer, opening, &client) {
            Ok(waited) => waited,
            Err(refused) => Some(Waited::Response(refuse(&self.shared, agenda, refused, &self.policy, url))),
        }
    }

    fn try_open(
        &mut self,
        agenda: &mut Agenda,
        answer: Result<Welcome, Denial>,
        opening: Opening,
        client: &Peer,
    ) -> Result<Option<Waited>, Refused> {
        let Opening { revision, handshake, transport } = opening;
        let welcome = answer.map_err(Refused::Denied)?;
        let revision = revision.ok_or(RequestError::UnsupportedRevision)?;
        let shared = self.shared.clone();
        let waiter = Waiter::Foreign(self.foreign.clone());
        let address = shared.address(client, agenda.now);
        let address = address.as_ref();
        match transport {
            OpenTransport::Polling { base64 } => {
                let Opened { sid, key, id } =
                    shared.sessions.open_polling(agenda, waiter, revision, base64, handshake, address)?;
                self.stage = Stage::Shard { key, id, greeting: Some(Box::new((sid, welcome))) };
                Ok(None)
            }
            OpenTransport::WebSocket(accept) => {
                let accept = Accept::map_err(accept, Refused::NotWebSocket)?;
                let Opened { sid, key, id } =
                    shared.sessions.open_websocket(agenda, waiter, revision, handshake, address)?;
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
                    let Poll::Ready(answer) = self.foreign.poll_decision(cx) else { return Poll::Pending };
                    let shared = self.shared.clone();
                    if let Some(waited) = self.open(&mut Turn::new(&shared).agenda, answer) {
                        return Poll::Ready(waited);
                    }
                }
                Stage::Shard { .. } => {
                    let Poll::Ready(response) = self.foreign.poll_response(cx) else { return Poll::Pending };
                    let stage = std::mem::replace(&mut self.stage, Stage::Done);
                    let Stage::Shard { greeting, .. } = stage else { continue };
                    let response = render(&self.shared, &self.policy, response, greeting);
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
            self.shared.sessions.request_gone(&mut Turn::new(&self.shared).agenda, key, id);
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
            let mut turn = Turn::new(shared);
            if body.len() > shared.config.max_payload {
                shared.sessions.post_too_large(&mut turn.agenda, key, id);
            } else {
                // A form without a payload is an empty one, and malformed as such.
                let form = wait.policy.is_jsonp().then(|| jsonp::unwrap(body).unwrap_or_default());
                let packets = decode_body(revision, kind, form.as_deref().map_or(body, str::as_bytes), &shared.config);
                shared.sessions.post(&mut turn.agenda, key, id, packets);
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
        let mut turn = Turn::new(shared);
        let waiter = || Waiter::Foreign(self.foreign.clone());
        if shared.sessions.receive(&mut turn.agenda, key, id, [packets], waiter) {
            self.foreign.pause();
        }
    }

    /// Ready when more may be received: the application has caught up.
    pub fn poll_receive(&self, cx: &mut Context<'_>) -> Poll<()> {
        self.foreign.poll_receive(cx)
    }

    /// What is to be sent, appended to `into`. Ready with `false`: the WebSocket is to be closed when that is sent.
    pub fn poll_send(&mut self, cx: &mut Context<'_>, into: &mut Vec<WsMessage>) -> Poll<bool> {
        let Poll::Ready(closed) = self.foreign.poll_send(cx) else { return Poll::Pending };
        let max = if closed { usize::MAX } else { WRITE_BATCH };
        if self.shared.sessions.transmit(&mut Turn::new(&self.shared).agenda, self.key, self.id, max, into) {
            self.foreign.leave_more();
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
        self.shared.sessions.ws_end(&mut Turn::new(&self.shared).agenda, self.key, self.id, self.end);
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
