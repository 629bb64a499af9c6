//! One connection from its first byte to its last: read a head, let the application answer, send the answer, again. Knows
//! the order of things; how each is done is in the files it uses.
//!
//! How long the application takes to answer is not limited here: a long-poll is a request that takes long, and its endpoint
//! knows its own deadline.
use super::body::RequestBody;
use super::config::FrontConfig;
use super::framing::Framing;
use super::gate::{Gate, Permit, Phase};
use super::head::Head;
use super::inbound::{Loss, lock};
use super::link::Link;
use super::reading::{Next, next_head};
use super::refusal::Refusal;
use super::reply::{self, Asked};
use super::stream::Stream;
use super::upgrade::{Peer, Upgraded};
use async_std::task::yield_now;
use event_listener::EventListener;
use futures_lite::FutureExt;
use std::net::SocketAddr;
use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::sync::Arc;
use tide::Server;
use tide::http::headers::CONTENT_TYPE;
use tide::http::upgrade::Connection as UpgradedConnection;
use tide::http::{Body, Method, Request, Response, StatusCode};

/// What all connections of one door share.
pub(super) struct Door<State> {
    pub(super) app: Server<State>,
    pub(super) config: Arc<FrontConfig>,
    pub(super) gate: Arc<Gate>,
}

/// Serves one connection until it ends, is upgraded, or the house is closed for good.
pub(super) async fn serve<State>(door: Arc<Door<State>>, stream: Stream, peer: SocketAddr, permit: Permit)
where
    State: Clone + Send + Sync + 'static,
{
    let Ok(local) = stream.local_addr() else {
        return;
    };
    let link = Link::new(stream, door.config.clone());
    let connection = Connection { door: &door, link, peer, local, permit: Some(permit), ear: None };
    let (gate, mut ear) = (&door.gate, None);
    let run = connection.run().or(gate.wait_for(Phase::Cut, &mut ear));
    if AssertUnwindSafe(run).catch_unwind().await.is_err() {
        log::error!("a response body panicked; the connection is closed");
    }
}

struct Connection<'d, State> {
    door: &'d Door<State>,
    link: Link,
    peer: SocketAddr,
    local: SocketAddr,
    /// `None` once it went with the upgraded connection.
    permit: Option<Permit>,
    ear: Option<EventListener>,
}

/// What follows a response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Then {
    Next,
    /// The client is given time to read the answer.
    Close,
    End,
}

impl<State: Clone + Send + Sync + 'static> Connection<'_, State> {
    async fn run(mut self) {
        let mut first = true;
        loop {
            let then = match next_head(&self.link, &self.door.gate, &mut self.ear, self.local, first).await {
                // Boxed, so that an idle connection does not hold the memory of a busy one.
                Next::Request(head) => Box::pin(self.exchange(*head)).await,
                Next::Refuse(refusal) => {
                    let asked = Asked { head_only: false, http10: false, close: true };
                    Box::pin(self.send(self.told(refusal), asked)).await
                }
                Next::End => Then::End,
            };
            match then {
                Then::Next => {
                    first = false;
                    // A client that pipelines without end must not keep a thread to itself.
                    yield_now().await;
                }
                Then::Close => return self.link.linger().await,
                Then::End => return,
            }
        }
    }

    async fn exchange(&mut self, head: Head) -> Then {
        let Head { request, body, keep_alive, http10, upgrade, expects_continue, .. } = head;
        let head_only = request.method() == Method::Head;
        let answer = match body {
            Framing::Length(length) if length > self.link.config.max_body => {
                Err(Loss::Refused(Refusal::new(StatusCode::PayloadTooLarge, "the body is too long")))
            }
            _ => self.answer(self.furnish(request, body, expects_continue)).await,
        };
        let answer = match answer {
            Ok(response) if response.status() == StatusCode::SwitchingProtocols => self.may_switch(response, upgrade),
            answer => answer,
        };
        let (response, keep) = match answer {
            Ok(response) if response.status() == StatusCode::SwitchingProtocols => return self.switch(response).await,
            Ok(response) => (response, keep_alive && !self.door.gate.reached(Phase::Draining)),
            Err(Loss::Refused(refusal)) => (self.told(refusal), false),
            Err(Loss::Gone) => return Then::End,
        };
        let close = !keep || lock(&self.link.inbound).is_not_worth_draining();
        self.send(response, Asked { head_only, http10, close }).await
    }

    async fn send(&self, response: Response, asked: Asked) -> Then {
        match reply::send(&self.link, response, asked).await {
            Ok(true) if self.link.drain().await => Then::Next,
            Ok(_) => Then::Close,
            Err(error) => {
                log::debug!("{}: the response was not sent: {error}", self.peer);
                Then::End
            }
        }
    }

    /// Puts into the request what its head does not say.
    fn furnish(&self, mut request: Request, body: Framing, expects_continue: bool) -> Request {
        let ticket = lock(&self.link.inbound).begin(body, expects_continue);
        let length = match body {
            Framing::End => None,
            Framing::Length(length) => Some(usize::try_from(length).ok()),
            Framing::Chunked(_) => Some(None),
        };
        if let Some(length) = length {
            let typed = request.header(CONTENT_TYPE).is_some();
            request.set_body(Body::from_reader(RequestBody::new(self.link.inbound.clone(), ticket), length));
            if !typed {
                // `set_body` puts one there that the client never sent.
                request.remove_header(CONTENT_TYPE);
            }
        }
        request.set_peer_addr(Some(self.peer));
        request.set_local_addr(Some(self.local));
        request.ext_mut().insert(Peer { addr: self.peer, stream: self.link.stream.clone() });
        request
    }

    /// The application's answer, or why there is none.
    async fn answer(&self, request: Request) -> Result<Response, Loss> {
        let answer = pin!(AssertUnwindSafe(self.door.app.respond(request)).catch_unwind());
        let answer = self.link.watched(answer).await?;
        // An endpoint that stumbled over the body does not know as well as we do what was wrong with it.
        if let Some(loss) = lock(&self.link.inbound).loss() {
            return Err(loss);
        }
        match answer {
            Ok(Ok(response)) => Ok(response),
            Ok(Err(error)) => Ok(Response::new(error.status())),
            Err(_panic) => {
                log::error!("an endpoint panicked");
                Err(Loss::Refused(Refusal::new(StatusCode::InternalServerError, "internal error")))
            }
        }
    }

    /// A 101 is sent only if everyone agrees to it.
    fn may_switch(&self, response: Response, asked: bool) -> Result<Response, Loss> {
        if !asked || !lock(&self.link.inbound).body_ended() {
            return Err(Loss::Refused(Refusal::bad("not an upgrade request")));
        }
        if !response.has_upgrade() {
            log::error!("an endpoint answered 101 without taking the connection");
            return Err(Loss::Refused(Refusal::new(StatusCode::InternalServerError, "internal error")));
        }
        Ok(response)
    }

    async fn switch(&mut self, mut response: Response) -> Then {
        let sender = response.send_upgrade();
        let sent = match reply::switching(&response) {
            Ok(head) => self.link.write(&head).await,
            Err(error) => Err(error),
        };
        let (Ok(()), Some(permit)) = (sent, self.permit.take()) else {
            return Then::End;
        };
        let early = std::mem::take(&mut lock(&self.link.inbound).received);
        self.link.released = true;
        let upgraded = Upgraded::new(self.link.stream.clone(), early, permit);
        // The channel has room for the one connection; if nobody listens any more, it is dropped here and closed.
        sender.send(UpgradedConnection::new(upgraded)).await;
        Then::End
    }

    fn told(&self, refusal: Refusal) -> Response {
        log::debug!("{}: {} {}", self.peer, refusal.status, refusal.message);
        refusal.response()
    }
}
