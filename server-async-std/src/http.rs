//! The endpoint: what a request wants, and the answer to it, whichever way it has come in. Leaves every decision to the core,
//! and the forms of HTTP to those who let the request in ([`mounted`](crate::mounted), [`direct`](crate::direct)).

use crate::compression;
use crate::front::{Answer, Stream};
use crate::options::{Denial, Options, Welcome};
use crate::question::{Accept, Errand, Head, Manner, Question, Way, Wish};
use crate::refusal::Refused;
use crate::server::Tasks;
use crate::shared::{Cell, Shared};
use crate::ws::Socket;
use futures_lite::{AsyncRead, AsyncReadExt as _, FutureExt as _};
use sanket::{
    BodyKind, Handshake, Input, Key, NewSession, Opening, RequestError, RequestId, Response, Revision, Sid,
    decode_body, jsonp,
};
use std::cell::RefCell;
use std::sync::Arc;
use tide::StatusCode;
use tide::http::content::Encoding;

/// Bytes of a body for which there is room at once.
const SHORT: usize = 1 << 10;

/// The endpoint of a Socket.IO server.
#[derive(Debug)]
pub(crate) struct Endpoint {
    pub(crate) shared: Arc<Shared>,
    pub(crate) options: Arc<Options>,
    /// Without them nothing would ever be answered.
    pub(crate) _tasks: Arc<Tasks>,
}

/// What an answer comes to.
pub(crate) enum Served {
    Answer(Answer),
    /// A 101, and what then lives on the connection.
    WebSocket(Answer, Socket),
}

/// The body of a request.
pub(crate) struct Body<R> {
    pub(crate) reader: R,
    /// How long it is, if its head says so.
    pub(crate) length: Option<usize>,
}

/// Whoever may open a session.
struct Guest {
    revision: Revision,
    handshake: Arc<Handshake>,
    welcome: Welcome,
}

impl Endpoint {
    pub(crate) fn read(&self, head: &impl Head) -> Question {
        Question::read(head, &self.options, &self.shared.config)
    }

    /// Serves a request with this `body`, if it has one, that came on `stream`, if that is known.
    pub(crate) async fn serve<R>(&self, question: Question, body: Option<Body<R>>, stream: Option<Stream>) -> Served
    where
        R: AsyncRead + Unpin,
    {
        let Question { wish, manner, url } = question;
        let served = match wish {
            Ok(wish) => self.fulfil(wish, &manner, body, stream).await,
            Err(refused) => Err(refused),
        };
        let mut served = served.unwrap_or_else(|refused| Served::Answer(self.refuse(refused, &manner, url.as_deref())));
        let (Served::Answer(answer) | Served::WebSocket(answer, _)) = &mut served;
        manner.apply(answer);
        served
    }

    pub(crate) fn refuse(&self, refused: Refused, manner: &Manner, url: Option<&str>) -> Answer {
        if let (Some(on_refused), Some(url)) = (&self.options.on_refused, url) {
            on_refused(refused.error(), url);
        }
        refused.answer(manner.upgrades)
    }

    async fn fulfil<R: AsyncRead + Unpin>(
        &self,
        wish: Wish,
        manner: &Manner,
        body: Option<Body<R>>,
        stream: Option<Stream>,
    ) -> Result<Served, Refused> {
        match wish {
            Wish::Preflight(headers) => Ok(Served::Answer(preflight(headers))),
            Wish::Open { revision, handshake, way } => {
                let welcome = self.admit(&handshake).await?;
                let revision = revision.ok_or(RequestError::UnsupportedRevision)?;
                let guest = Guest { revision, handshake, welcome };
                match way {
                    Way::Polling { base64 } => self.open_polling(manner, guest, base64).await,
                    Way::WebSocket(accept) => self.open_websocket(guest, accept, stream),
                }
            }
            Wish::Session { sid, revision, errand } => {
                let cell = self.shared.cell_of(sid);
                let key = self.shared.with(cell, |shard, now| shard.route(sid, revision, errand.ask(), now))?;
                // The route has been found, so the revision is the session's.
                let revision = revision.ok_or(RequestError::BadRequest)?;
                match errand {
                    Errand::Poll => {
                        let answer = self.poll(cell, key).await;
                        Ok(Served::Answer(self.render(manner, answer).await))
                    }
                    Errand::Post(kind) => {
                        let answer = self.post(manner, body, kind, key, revision).await;
                        Ok(Served::Answer(self.render(manner, answer).await))
                    }
                    Errand::Upgrade(accept) => self.upgrade(accept, key, revision, stream),
                    Errand::Nonsense => Err(RequestError::BadRequest.into()),
                }
            }
        }
    }

    async fn open_polling(&self, manner: &Manner, guest: Guest, base64: bool) -> Result<Served, Refused> {
        let Guest { revision, handshake, welcome } = guest;
        let new = new_session(revision, Opening::Polling { base64 }, handshake)?;
        let (id, sid) = (self.shared.next_request(), new.sid);
        let cell = self.shared.cell_of(sid);
        let (answer, key) = self.shared.ask(cell, id, |shard, now| {
            let key = self.shared.open(shard, new, now)?;
            shard.handle(key, Input::Poll(id), now);
            Ok(key)
        });
        let key = key.inspect_err(|_: &RequestError| self.shared.forget(cell, id, |_, _| ()))?;
        let answer = Waiting::new(&self.shared, key, id, answer).answer().await;
        let mut answer = self.render(manner, answer).await;
        self.greet(&mut answer, sid, welcome);
        Ok(Served::Answer(answer))
    }

    /// Asks whoever has a say in it whether a client is let in.
    async fn admit(&self, handshake: &Arc<Handshake>) -> Result<Welcome, Refused> {
        let Some(admit) = &self.options.admit else { return Ok(Welcome::default()) };
        let late = async {
            crate::workers::sleep(self.options.admit_timeout).await;
            Err(Denial::default())
        };
        admit(handshake.clone()).or(late).await.map_err(Refused::Denied)
    }

    /// The headers of an answer to a handshake.
    fn greet(&self, answer: &mut Answer, sid: Sid, welcome: Welcome) {
        if let Some(cookie) = &self.options.cookie {
            answer.add("set-cookie", cookie.set_to(sid));
        }
        for (name, value) in welcome.headers {
            answer.add(name, value);
        }
    }

    async fn poll(&self, cell: &Cell, key: Key) -> Response {
        let id = self.shared.next_request();
        let (answer, ()) = self.shared.ask(cell, id, |shard, now| shard.handle(key, Input::Poll(id), now));
        Waiting::new(&self.shared, key, id, answer).answer().await
    }

    async fn post<R: AsyncRead + Unpin>(
        &self,
        manner: &Manner,
        body: Option<Body<R>>,
        kind: BodyKind,
        key: Key,
        revision: Revision,
    ) -> Response {
        let (cell, id) = (self.shared.cell(key), self.shared.next_request());
        let (answer, ()) = self.shared.ask(cell, id, |shard, now| shard.handle(key, Input::PostBegins(id), now));
        let mut waiting = Waiting::new(&self.shared, key, id, answer);
        let body = async { Err(read_body(body, self.shared.config.max_payload).await) };
        // The answer comes first if nobody wants the body: the session has ended, or there are two POSTs.
        let body = match async { Ok(waiting.answer().await) }.or(body).await {
            Ok(answer) => return answer,
            Err(body) => body,
        };
        match body {
            Ok(Some(body)) => {
                // A form without a payload is an empty one, and malformed as such.
                let is_form = manner.script.is_some();
                let body = if is_form { jsonp::unwrap(&body).unwrap_or_default().into_bytes() } else { body };
                let packets = decode_body(revision, kind, &body, &self.shared.config);
                self.shared.admit(cell).await;
                self.shared.if_waiting(cell, id, |shard, now| shard.handle(key, Input::Post(id, packets), now));
            }
            Ok(None) => {
                self.shared.if_waiting(cell, id, |shard, now| shard.handle(key, Input::PostTooLarge(id), now));
            }
            // The front door tells the client what is wrong; the core hears that the request is gone.
            Err(_) => return Response::Malformed,
        }
        waiting.answer().await
    }

    fn open_websocket(&self, guest: Guest, accept: Accept, stream: Option<Stream>) -> Result<Served, Refused> {
        let accept = accept.map_err(Refused::NotWebSocket)?;
        let Guest { revision, handshake, welcome } = guest;
        let id = self.shared.next_request();
        let new = new_session(revision, Opening::WebSocket(id), handshake)?;
        let sid = new.sid;
        let line = self.shared.attach(self.shared.cell_of(sid), id, |shard, now| self.shared.open(shard, new, now))?;
        let mut answer = switching_protocols(accept);
        self.greet(&mut answer, sid, welcome);
        Ok(Served::WebSocket(answer, Socket::new(self.shared.clone(), revision, line, stream)))
    }

    fn upgrade(&self, accept: Accept, key: Key, revision: Revision, stream: Option<Stream>) -> Result<Served, Refused> {
        let accept = accept.map_err(Refused::NotWebSocket)?;
        let id = self.shared.next_request();
        let line = self.shared.attach(self.shared.cell(key), id, |shard, now| {
            shard.handle(key, Input::WsOpen(id), now);
            Ok::<_, RequestError>(key)
        })?;
        let socket = Socket::new(self.shared.clone(), revision, line, stream);
        Ok(Served::WebSocket(switching_protocols(accept), socket))
    }

    async fn render(&self, manner: &Manner, response: Response) -> Answer {
        match self.dress(manner, response) {
            (answer, None) => answer,
            (answer, Some(encoding)) => compress(answer, encoding).await,
        }
    }

    /// The core's answer as HTTP: as a script if the client asked for that, and how it is to be compressed if that is worth it.
    pub(crate) fn dress(&self, manner: &Manner, response: Response) -> (Answer, Option<Encoding>) {
        let (is_batch, worth_it) = match &response {
            Response::Batch(batch) => (true, batch.wants_compression()),
            _ => (false, false),
        };
        let (status, content_type, mut body) = response.into_parts();
        if let Some(digits) = manner.script.as_deref().filter(|_| is_batch) {
            body = jsonp::wrap(digits, &String::from_utf8_lossy(&body)).into();
        }
        let mut answer = Answer::new(StatusCode::try_from(status).unwrap_or(StatusCode::InternalServerError));
        let long = self.options.compression.is_some_and(|threshold| worth_it && body.len() >= threshold);
        let encoding = manner.accepts.as_deref().filter(|_| long).and_then(compression::wanted);
        answer.content_type = Some(content_type);
        answer.body = body;
        (answer, encoding)
    }
}

/// The same answer compressed.
pub(crate) async fn compress(mut answer: Answer, encoding: Encoding) -> Answer {
    answer.body = compression::compress(answer.body.into(), encoding).await.into();
    answer.add("content-encoding", encoding.to_string());
    answer
}

fn switching_protocols(accept: String) -> Answer {
    let mut answer = Answer::new(StatusCode::SwitchingProtocols);
    answer.add("upgrade", "websocket");
    answer.add("sec-websocket-accept", accept);
    answer
}

/// The answer to a browser that asks whether it may ask.
fn preflight(headers: Option<String>) -> Answer {
    let mut answer = Answer::new(StatusCode::NoContent);
    answer.add("access-control-allow-methods", "GET,POST");
    if let Some(headers) = headers {
        answer.add("access-control-allow-headers", headers);
    }
    answer.add("access-control-max-age", "600");
    answer
}

/// A request that waits for the core's answer. Dropped without it, because whoever asked has gone, it tells the core.
struct Waiting<'a> {
    shared: &'a Shared,
    key: Key,
    id: RequestId,
    answer: oneshot::Receiver<Response>,
    answered: bool,
}

impl<'a> Waiting<'a> {
    fn new(shared: &'a Shared, key: Key, id: RequestId, answer: oneshot::Receiver<Response>) -> Self {
        Self { shared, key, id, answer, answered: false }
    }

    async fn answer(&mut self) -> Response {
        let answer = (&mut self.answer).await;
        self.answered = true;
        // The sender is kept until there is an answer.
        answer.unwrap_or(Response::Refused(RequestError::UnknownSid))
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        if !self.answered {
            self.shared.request_gone(self.key, self.id);
        }
    }
}

/// A POST's body; `None` if it is larger than `max` bytes.
async fn read_body<R: AsyncRead + Unpin>(body: Option<Body<R>>, max: usize) -> std::io::Result<Option<Vec<u8>>> {
    let Some(Body { reader, length }) = body else { return Ok(Some(Vec::new())) };
    if length.is_some_and(|length| length > max) {
        return Ok(None);
    }
    // Not more than a short one takes, before any of it is there.
    let mut body = Vec::with_capacity(length.map_or(0, |length| length + 1).min(SHORT));
    let limit = u64::try_from(max).unwrap_or(u64::MAX).saturating_add(1);
    reader.take(limit).read_to_end(&mut body).await?;
    Ok(Some(body).filter(|body| body.len() <= max))
}

/// A session with ids from the operating system's generator.
fn new_session(revision: Revision, opening: Opening, handshake: Arc<Handshake>) -> Result<NewSession, RequestError> {
    let ids = random_ids().map_err(|error| {
        log::error!("no random numbers from the operating system: {error}");
        RequestError::Full
    })?;
    let [sid, public, private] = ids.map(Sid::from_bytes);
    Ok(NewSession { sid, public, private, revision, opening, handshake: Some(handshake) })
}

thread_local! {
    /// Random bytes of the operating system's generator that nobody has seen yet, asked for many at a time.
    static RANDOM: RefCell<Vec<[[u8; 16]; 3]>> = const { RefCell::new(Vec::new()) };
}

fn random_ids() -> Result<[[u8; 16]; 3], getrandom::Error> {
    /// Sessions that one question to the system is enough for.
    const MANY: usize = 32;
    RANDOM.with_borrow_mut(|random| {
        if random.is_empty() {
            let mut bytes = [[[0; 16]; 3]; MANY];
            getrandom::fill(bytes.as_flattened_mut().as_flattened_mut())?;
            random.extend_from_slice(&bytes);
        }
        // What has just been filled is not empty.
        random.pop().ok_or(getrandom::Error::UNEXPECTED)
    })
}
