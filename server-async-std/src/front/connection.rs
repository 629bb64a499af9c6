//! One connection from its first byte to its last: read a head, have it answered, send the answer, again. Knows the order of
//! things; how each is done is in the files it uses.
//!
//! How long an answer takes to be made is not limited here: a long-poll is a request that takes long, and whoever answers it
//! knows its own deadline.
use super::answer::Answer;
use super::body::RequestBody;
use super::config::FrontConfig;
use super::deadline::Deadline;
use super::direct::{Asking, Course, Onward, Outcome, Owed, Routes};
use super::framing::Framing;
use super::gate::{Gate, Permit, Phase};
use super::head::{Head, Terms};
use super::inbound::{Loss, lock};
use super::link::Link;
use super::promise::{Left, Standing};
use super::reading::{Next, next_request};
use super::refusal::Refusal;
use super::reply::{self, Asked};
use super::stream::Stream;
use super::upgrade::{Peer, Upgraded};
use async_std::task::yield_now;
use futures_lite::FutureExt;
use std::future::{Future, poll_fn};
use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::task::{Poll, ready};
use std::time::Instant;
use tide::Server;
use tide::http::headers::CONTENT_TYPE;
use tide::http::upgrade::Connection as UpgradedConnection;
use tide::http::{Body, Request, Response, StatusCode};

/// Requests that are answered in a row before others get their turn, if the client has sent them all.
const TURN: u32 = 16;

/// What all connections of one door share.
pub(super) struct Door<State> {
    pub(super) app: Server<State>,
    pub(super) config: Arc<FrontConfig>,
    pub(super) gate: Arc<Gate>,
    pub(super) routes: Routes,
}

/// Serves one connection until it ends, or the house is closed for good. If it is upgraded by a [`Direct`](super::Direct)
/// handler, what it then speaks is spoken here, too, and not cut.
pub(super) fn serve<State>(
    door: Arc<Door<State>>,
    stream: Stream,
    peer: SocketAddr,
    permit: Permit,
) -> impl Future<Output = ()> + Send + 'static
where
    State: Clone + Send + Sync + 'static,
{
    let mut ear = door.gate.ear();
    let link = Link::new(stream, door.config.clone());
    // Boxed, so that what comes after HTTP does not hold its memory.
    let mut http = Box::pin(Connection { door, link, peer, permit: Some(permit) }.run());
    let run = async move {
        let onward =
            poll_fn(|cx| if ear.poll_reached(Phase::Cut, cx) { Poll::Ready(None) } else { http.as_mut().poll(cx) });
        let onward = onward.await;
        drop((http, ear));
        if let Some(onward) = onward {
            onward.await;
        }
    };
    let run = AssertUnwindSafe(run).catch_unwind();
    async {
        if run.await.is_err() {
            log::error!("what answers panicked; the connection is closed");
        }
    }
}

struct Connection<State> {
    door: Arc<Door<State>>,
    link: Link,
    peer: SocketAddr,
    /// `None` once it went with the upgraded connection.
    permit: Option<Permit>,
}

/// Who answers a request.
enum Begun {
    Application(Box<Request>),
    Direct(Course),
    /// Nobody.
    Refused(Refusal),
}

/// What follows a response.
enum Then {
    Next,
    /// The client is given time to read the answer.
    Close,
    End,
    /// Another protocol.
    Switch(Onward),
}

impl<State: Clone + Send + Sync + 'static> Connection<State> {
    async fn run(mut self) -> Option<Onward> {
        let mut deadline = Deadline::new(Instant::now());
        let (mut first, mut turn) = (true, 0);
        loop {
            let begin = |head: &Head<'_>, ticket| self.begin(head, ticket);
            let next = next_request(&self.link, &self.door.gate, &mut deadline, first, begin).await;
            // Boxed, so that an idle connection does not hold the memory of a busy one.
            let then = match next {
                Next::Request(Begun::Direct(Course::Wait(owed)), _) => self.wait(owed, &mut deadline).await,
                Next::Request(begun, terms) => Box::pin(self.exchange(begun, terms)).await,
                Next::Refuse(refusal) => Box::pin(self.refuse(refusal, Asked::default())).await,
                Next::End => Then::End,
            };
            match then {
                Then::Next => {
                    first = false;
                    turn += 1;
                    // A client that pipelines without end must not keep a thread to itself.
                    if turn % TURN == 0 {
                        yield_now().await;
                    }
                }
                Then::Close => {
                    Box::pin(self.link.linger()).await;
                    return None;
                }
                Then::End => return None,
                Then::Switch(onward) => return Some(onward),
            }
        }
    }

    /// Finds who answers a request, while its head is there to be read.
    fn begin(&self, head: &Head<'_>, ticket: u64) -> Begun {
        let terms = head.terms;
        let length = match terms.body {
            Framing::End => None,
            Framing::Length(length) if length > self.link.config.max_body => {
                return Begun::Refused(Refusal::new(StatusCode::PayloadTooLarge, "the body is too long"));
            }
            Framing::Length(length) => Some(usize::try_from(length).ok()),
            Framing::Chunked(_) => Some(None),
        };
        let body = length.map(|length| RequestBody::new(self.link.inbound.clone(), ticket, length));
        let Some(handler) = self.door.routes.find(head) else {
            return match self.link.stream.local_addr() {
                Ok(local) => match head.request(local) {
                    Ok(request) => self.furnish(request, body, local),
                    Err(refusal) => Begun::Refused(refusal),
                },
                Err(error) => {
                    log::debug!("{}: {error}", self.peer);
                    Begun::Refused(Refusal::new(StatusCode::InternalServerError, "internal error"))
                }
            };
        };
        let asking =
            Asking { peer: self.peer, stream: &self.link.stream, body, gate: &self.door.gate, asked: terms.asked() };
        match catch_unwind(AssertUnwindSafe(|| handler.begin(head, asking))) {
            Ok(course) => Begun::Direct(course),
            Err(_panic) => Begun::Refused(stumbled()),
        }
    }

    /// Puts into the request what its head does not say.
    fn furnish(&self, mut request: Request, body: Option<RequestBody>, local: SocketAddr) -> Begun {
        if let Some(body) = body {
            let typed = request.header(CONTENT_TYPE).is_some();
            let length = body.length();
            request.set_body(Body::from_reader(body, length));
            if !typed {
                // `set_body` puts one there that the client never sent.
                request.remove_header(CONTENT_TYPE);
            }
        }
        request.set_peer_addr(Some(self.peer));
        request.set_local_addr(Some(local));
        request.ext_mut().insert(Peer { addr: self.peer, stream: self.link.stream.clone() });
        Begun::Application(Box::new(request))
    }

    async fn exchange(&mut self, begun: Begun, terms: Terms) -> Then {
        let lost = match begun {
            Begun::Application(request) => match self.attend(self.door.app.respond(*request)).await {
                Ok(answer) => {
                    let response = answer.unwrap_or_else(|error| Response::new(error.status()));
                    match self.may_switch(response.status(), terms, response.has_upgrade()) {
                        Ok(true) => return self.switch(response).await,
                        Ok(false) => return self.send(response, terms.asked()).await,
                        Err(loss) => loss,
                    }
                }
                Err(loss) => loss,
            },
            Begun::Direct(Course::Run(answer)) => match self.attend(answer).await {
                Ok(Outcome::Answer(answer)) => return self.answer(&answer, terms.asked()).await,
                Ok(Outcome::Switch(answer, switched)) => match self.may_switch(answer.status, terms, true) {
                    Ok(_) => {
                        let onward = |connection| Then::Switch(switched(connection, answer.switching()));
                        return self.release().map_or(Then::End, onward);
                    }
                    Err(loss) => loss,
                },
                Err(loss) => loss,
            },
            Begun::Direct(Course::Wait(_)) => return Then::End,
            Begun::Refused(refusal) => Loss::Refused(refusal),
        };
        match lost {
            Loss::Refused(refusal) => self.refuse(refusal, terms.asked()).await,
            Loss::Gone => Then::End,
        }
    }

    /// Lets `answer` be made, or says why there is none.
    async fn attend<F: Future>(&self, answer: F) -> Result<F::Output, Loss> {
        let answer = pin!(AssertUnwindSafe(answer).catch_unwind());
        let answer = self.link.watched(answer).await?;
        // Whoever stumbled over the body does not know as well as we do what was wrong with it.
        if let Some(loss) = lock(&self.link.inbound).loss() {
            return Err(loss);
        }
        answer.map_err(|_panic| Loss::Refused(stumbled()))
    }

    /// Waits until somebody has kept a promise, and then for the client to go on. There is nothing else to be done, so both
    /// are one wait.
    async fn wait(&self, owed: Arc<dyn Owed>, deadline: &mut Deadline) -> Then {
        let (owing, gate) = (Owing(owed), &self.door.gate);
        let patience = self.link.config.keep_alive_timeout;
        // What it is set to does not matter, as long as it goes off in time for a look at how long the client has been silent.
        if !deadline.is_armed() {
            deadline.set(Instant::now() + patience);
        }
        let left = poll_fn(|cx| {
            let (watched, more) = {
                let mut inbound = lock(&self.link.inbound);
                (inbound.poll_watch(cx), !inbound.received.is_empty())
            };
            loop {
                match owing.0.promise().look(cx.waker(), more) {
                    Standing::Left(left) => return Poll::Ready(Ok(left)),
                    Standing::Sent(_) if more || gate.reached(Phase::Draining) => return Poll::Ready(Err(Then::Next)),
                    _ if watched.is_ready() => return Poll::Ready(Err(Then::End)),
                    Standing::Sent(at) => {
                        deadline.set(at + patience);
                        ready!(deadline.poll(cx));
                        return Poll::Ready(Err(Then::End));
                    }
                    Standing::Open => {
                        ready!(deadline.poll(cx));
                        // Whatever the answer is, and when: the client may then be silent for so long.
                        deadline.set(Instant::now() + patience);
                    }
                }
            }
        });
        match left.await {
            Ok(left) => Box::pin(self.settle(left)).await,
            Err(then) => then,
        }
    }

    /// Does what is left to be done for a promise.
    async fn settle(&self, left: Left) -> Then {
        match left {
            Left::Bytes { rest, kept } => match self.link.write(&rest).await {
                Ok(()) if kept => Then::Next,
                Ok(()) => Then::Close,
                Err(_) => Then::End,
            },
            Left::Making(answer, asked) => match self.attend(answer).await {
                Ok(answer) => self.answer(&answer, asked).await,
                Err(Loss::Refused(refusal)) => self.refuse(refusal, asked).await,
                Err(Loss::Gone) => Then::End,
            },
            Left::Broken => Then::End,
        }
    }

    /// A 101 is sent only if everyone agrees to it.
    fn may_switch(&self, status: StatusCode, terms: Terms, taken: bool) -> Result<bool, Loss> {
        if status != StatusCode::SwitchingProtocols {
            return Ok(false);
        }
        if !terms.upgrade || !lock(&self.link.inbound).body_ended() {
            return Err(Loss::Refused(Refusal::bad("not an upgrade request")));
        }
        if !taken {
            log::error!("an endpoint answered 101 without taking the connection");
            return Err(Loss::Refused(Refusal::new(StatusCode::InternalServerError, "internal error")));
        }
        Ok(true)
    }

    async fn switch(&mut self, mut response: Response) -> Then {
        let sender = response.send_upgrade();
        let sent = self.link.write(&reply::switching(&response)).await;
        if let (Ok(()), Some(connection)) = (sent, self.release()) {
            // The channel has room for the one connection; if nobody listens any more, it is dropped here and closed.
            sender.send(connection).await;
        }
        Then::End
    }

    /// Lets the connection go.
    fn release(&mut self) -> Option<UpgradedConnection> {
        let permit = self.permit.take()?;
        let early = std::mem::take(&mut lock(&self.link.inbound).received);
        self.link.released = true;
        Some(UpgradedConnection::new(Upgraded::new(self.link.stream.clone(), early, permit)))
    }

    async fn send(&self, response: Response, asked: Asked) -> Then {
        let sent = reply::send(&self.link, response, self.closing(asked)).await;
        self.after(sent).await
    }

    async fn answer(&self, answer: &Answer, asked: Asked) -> Then {
        let sent = self.link.answer(answer, self.closing(asked)).await;
        self.after(sent).await
    }

    async fn refuse(&self, refusal: Refusal, asked: Asked) -> Then {
        log::debug!("{}: {} {}", self.peer, refusal.status, refusal.message);
        self.answer(&refusal.answer(), Asked { close: true, ..asked }).await
    }

    /// The same, if the connection ends for other reasons than the client's.
    fn closing(&self, asked: Asked) -> Asked {
        let ours = self.door.gate.reached(Phase::Draining) || lock(&self.link.inbound).is_not_worth_draining();
        Asked { close: asked.close || ours, ..asked }
    }

    async fn after(&self, sent: std::io::Result<bool>) -> Then {
        match sent {
            Ok(true) if self.link.drain().await => Then::Next,
            Ok(_) => Then::Close,
            Err(error) => {
                log::debug!("{}: the response was not sent: {error}", self.peer);
                Then::End
            }
        }
    }
}

fn stumbled() -> Refusal {
    log::error!("an endpoint panicked");
    Refusal::new(StatusCode::InternalServerError, "internal error")
}

/// However the wait for a promise ends, whoever owes it gets to know.
struct Owing(Arc<dyn Owed>);

impl Drop for Owing {
    fn drop(&mut self) {
        if self.0.promise().cancel() {
            self.0.gone();
        }
    }
}
