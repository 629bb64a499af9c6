//! The tide endpoint: one request in, one answer out. Reads what the core wants to know off the request and leaves every
//! decision to it, but for the origin of a page and the form of a WebSocket handshake, which are HTTP's business.

use crate::origin::{Origins, Verdict};
use crate::server::Tasks;
use crate::shared::{Line, Shared};
use crate::ws::Socket;
use async_tungstenite::tungstenite::handshake::derive_accept_key;
use base64::Engine as _;
use futures_lite::{AsyncReadExt as _, FutureExt as _};
use sanket::{
    Ask, BodyKind, Input, Key, Method, Opening, Request as Asked, RequestError, RequestId, Response as Answer,
    Revision, Sid, Transport, decode_body,
};
use std::sync::Arc;
use std::time::Duration;
use tide::http::headers;
use tide::{Request, Response, StatusCode};

/// How long the connection of an answered upgrade may take to be handed over.
const HANDOVER: Duration = Duration::from_secs(10);

/// The endpoint of a Socket.IO server.
#[derive(Clone, Debug)]
pub(crate) struct Endpoint {
    pub(crate) shared: Arc<Shared>,
    pub(crate) origins: Arc<Origins>,
    /// Without them nothing would ever be answered.
    pub(crate) _tasks: Arc<Tasks>,
}

#[async_trait::async_trait]
impl<State: Clone + Send + Sync + 'static> tide::Endpoint<State> for Endpoint {
    async fn call(&self, mut request: Request<State>) -> tide::Result {
        let origin = header(&request, "origin").map(str::to_owned);
        let verdict = self.origins.judge(origin.as_deref(), header(&request, "host"));
        let mut response = match verdict {
            Verdict::Refused => respond(Answer::Refused(RequestError::Forbidden)),
            Verdict::Listed(_) | Verdict::Any if request.method() == tide::http::Method::Options => preflight(&request),
            Verdict::Same | Verdict::Listed(_) | Verdict::Any => self.answer(&mut request).await,
        };
        response.insert_header(headers::CACHE_CONTROL, "no-store");
        match verdict {
            Verdict::Same | Verdict::Refused => {}
            Verdict::Any => response.insert_header(headers::ACCESS_CONTROL_ALLOW_ORIGIN, "*"),
            Verdict::Listed(origin) => {
                response.insert_header(headers::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
                response.insert_header(headers::ACCESS_CONTROL_ALLOW_CREDENTIALS, "true");
                response.insert_header(headers::VARY, "Origin");
            }
        }
        Ok(response)
    }
}

impl Endpoint {
    async fn answer<State: Clone + Send + Sync + 'static>(&self, request: &mut Request<State>) -> Response {
        let method = match request.method() {
            tide::http::Method::Get => Method::Get,
            tide::http::Method::Post => Method::Post,
            _ => Method::Other,
        };
        let upgrade = header(request, "upgrade").is_some_and(|value| value.eq_ignore_ascii_case("websocket"));
        let asked = Asked::parse(method, request.url().query().unwrap_or_default(), upgrade);
        let answered = match asked {
            Ok(Asked::Handshake { revision, transport: Transport::Polling, base64 }) => {
                self.handshake(revision, base64).await
            }
            Ok(Asked::Handshake { revision, transport: Transport::WebSocket, .. }) => {
                self.open_websocket(request, revision).await
            }
            Ok(Asked::Session { sid, revision, ask }) => self.session(request, sid, revision, ask).await,
            Err(error) => Err(error),
        };
        answered.unwrap_or_else(|error| respond(Answer::Refused(error)))
    }

    async fn handshake(&self, revision: Revision, base64: bool) -> Result<Response, RequestError> {
        let ids = ids()?;
        let id = self.shared.next_request();
        let cell = self.shared.cell_of(ids.0);
        let (answer, key) = self.shared.ask(cell, id, |shard, now| {
            let key = self.shared.open(shard, ids, revision, Opening::Polling { base64 }, now)?;
            shard.handle(key, Input::Poll(id), now);
            Ok(key)
        });
        let key = key.inspect_err(|_| self.shared.forget(cell, id, |_, _| ()))?;
        Ok(respond(Waiting::new(&self.shared, key, id, answer).answer().await))
    }

    async fn session<State: Clone + Send + Sync + 'static>(
        &self,
        request: &mut Request<State>,
        sid: Sid,
        revision: Option<Revision>,
        ask: Ask,
    ) -> Result<Response, RequestError> {
        let cell = self.shared.cell_of(sid);
        let key = self.shared.with(cell, |shard, _| shard.route(sid, revision, ask))?;
        // The route has been found, so the revision is the session's.
        let revision = revision.ok_or(RequestError::BadRequest)?;
        match ask {
            Ask::Poll => {
                let id = self.shared.next_request();
                let (answer, ()) = self.shared.ask(cell, id, |shard, now| shard.handle(key, Input::Poll(id), now));
                Ok(respond(Waiting::new(&self.shared, key, id, answer).answer().await))
            }
            Ask::Post => Ok(respond(self.post(request, key, revision).await)),
            Ask::Upgrade => self.upgrade(request, key, revision).await,
            Ask::Nonsense => Err(RequestError::BadRequest),
        }
    }

    async fn post<State>(&self, request: &mut Request<State>, key: Key, revision: Revision) -> Answer {
        let kind = match header(request, "content-type") {
            Some(kind) if kind.starts_with("application/octet-stream") => BodyKind::Binary,
            _ => BodyKind::Text,
        };
        let (cell, id) = (self.shared.cell(key), self.shared.next_request());
        let (answer, ()) = self.shared.ask(cell, id, |shard, now| shard.handle(key, Input::PostBegins(id), now));
        let mut waiting = Waiting::new(&self.shared, key, id, answer);
        let body = async { Err(read_body(request, self.shared.config.max_payload).await) };
        // The answer comes first if nobody wants the body: the session has ended, or there are two POSTs.
        let body = match async { Ok(waiting.answer().await) }.or(body).await {
            Ok(answer) => return answer,
            Err(body) => body,
        };
        match body {
            Ok(Some(body)) => {
                let packets = decode_body(revision, kind, &body, &self.shared.config);
                self.shared.admit(cell).await;
                self.shared.if_waiting(cell, id, |shard, now| shard.handle(key, Input::Post(id, packets), now));
            }
            Ok(None) => {
                self.shared.if_waiting(cell, id, |shard, now| shard.handle(key, Input::PostTooLarge(id), now));
            }
            // The front door tells the client what is wrong; the core hears that the request is gone.
            Err(_) => return Answer::Malformed,
        }
        waiting.answer().await
    }

    async fn open_websocket<State: Clone + Send + Sync + 'static>(
        &self,
        request: &Request<State>,
        revision: Revision,
    ) -> Result<Response, RequestError> {
        let accept = match accept_key(request) {
            Ok(accept) => accept,
            Err(refusal) => return Ok(*refusal),
        };
        let ids = ids()?;
        let cell = self.shared.cell_of(ids.0);
        let (id, line) = (self.shared.next_request(), Arc::new(Line::default()));
        let opened = self
            .shared
            .attach(cell, id, &line, |shard, now| self.shared.open(shard, ids, revision, Opening::WebSocket(id), now));
        let key = opened.inspect_err(|_| self.shared.forget(cell, id, |_, _| ()))?;
        let socket = Socket::new(self.shared.clone(), key, id, revision, line);
        Ok(self.switch_protocols(accept, socket).await)
    }

    async fn upgrade<State: Clone + Send + Sync + 'static>(
        &self,
        request: &Request<State>,
        key: Key,
        revision: Revision,
    ) -> Result<Response, RequestError> {
        let accept = match accept_key(request) {
            Ok(accept) => accept,
            Err(refusal) => return Ok(*refusal),
        };
        let (id, line) = (self.shared.next_request(), Arc::new(Line::default()));
        self.shared.attach(self.shared.cell(key), id, &line, |shard, now| shard.handle(key, Input::WsOpen(id), now));
        Ok(self.switch_protocols(accept, Socket::new(self.shared.clone(), key, id, revision, line)).await)
    }

    /// Answers 101; once the connection is handed over, the WebSocket lives in a task of its own.
    async fn switch_protocols(&self, accept: String, socket: Socket) -> Response {
        let mut response = Response::new(StatusCode::SwitchingProtocols);
        response.insert_header(headers::UPGRADE, "websocket");
        response.insert_header(headers::CONNECTION, "Upgrade");
        response.insert_header("Sec-WebSocket-Accept", accept);
        let inner: &mut tide::http::Response = response.as_mut();
        let connection = inner.recv_upgrade().await;
        async_std::task::spawn(async move {
            let late = async {
                async_std::task::sleep(HANDOVER).await;
                None
            };
            // Dropping the socket tells the core that there will be no WebSocket.
            if let Some(connection) = connection.or(late).await {
                socket.run(connection).await;
            }
        });
        response
    }
}

/// A request that waits for the core's answer. Dropped without it, because whoever asked has gone, it tells the core.
struct Waiting<'a> {
    shared: &'a Shared,
    key: Key,
    id: RequestId,
    answer: oneshot::Receiver<Answer>,
    answered: bool,
}

impl<'a> Waiting<'a> {
    fn new(shared: &'a Shared, key: Key, id: RequestId, answer: oneshot::Receiver<Answer>) -> Self {
        Self { shared, key, id, answer, answered: false }
    }

    async fn answer(&mut self) -> Answer {
        let answer = (&mut self.answer).await;
        self.answered = true;
        // The sender is kept until there is an answer.
        answer.unwrap_or(Answer::Refused(RequestError::UnknownSid))
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        if !self.answered {
            let (key, id) = (self.key, self.id);
            self.shared.forget(self.shared.cell(key), id, |shard, now| shard.handle(key, Input::RequestGone(id), now));
        }
    }
}

/// A POST's body; `None` if it is larger than `max` bytes.
async fn read_body<State>(request: &mut Request<State>, max: usize) -> std::io::Result<Option<Vec<u8>>> {
    if request.len().is_some_and(|len| len > max) {
        return Ok(None);
    }
    let mut body = Vec::new();
    let limit = u64::try_from(max).unwrap_or(u64::MAX).saturating_add(1);
    request.take_body().into_reader().take(limit).read_to_end(&mut body).await?;
    Ok(Some(body).filter(|body| body.len() <= max))
}

/// A session's id and the first of its sockets' public ones.
fn ids() -> Result<(Sid, Sid), RequestError> {
    let (mut sid, mut public) = ([0; 16], [0; 16]);
    let drawn = getrandom::fill(&mut sid).and_then(|()| getrandom::fill(&mut public));
    if let Err(error) = drawn {
        log::error!("no random numbers from the operating system: {error}");
        return Err(RequestError::Full);
    }
    Ok((Sid::from_bytes(sid), Sid::from_bytes(public)))
}

/// What `Sec-WebSocket-Accept` must say (RFC 6455, 4.2), or the refusal.
fn accept_key<State>(request: &Request<State>) -> Result<String, Box<Response>> {
    let refuse = |status: StatusCode| {
        let mut response = respond(Answer::Refused(RequestError::BadRequest));
        response.set_status(status);
        Box::new(response)
    };
    let mut tokens = request.header("connection").into_iter().flatten().flat_map(|value| value.as_str().split(','));
    if !tokens.any(|token| token.trim().eq_ignore_ascii_case("upgrade")) {
        return Err(refuse(StatusCode::BadRequest));
    }
    if header(request, "sec-websocket-version") != Some("13") {
        let mut response = refuse(StatusCode::UpgradeRequired);
        response.insert_header("Sec-WebSocket-Version", "13");
        return Err(response);
    }
    let key = header(request, "sec-websocket-key").unwrap_or_default();
    let decoded = base64::engine::general_purpose::STANDARD.decode(key);
    if decoded.is_ok_and(|bytes| bytes.len() == 16) {
        Ok(derive_accept_key(key.as_bytes()))
    } else {
        Err(refuse(StatusCode::BadRequest))
    }
}

/// The answer to a browser that asks whether it may ask.
fn preflight<State>(request: &Request<State>) -> Response {
    let mut response = Response::new(StatusCode::NoContent);
    response.insert_header(headers::ACCESS_CONTROL_ALLOW_METHODS, "GET,POST");
    if let Some(wanted) = header(request, "access-control-request-headers") {
        response.insert_header(headers::ACCESS_CONTROL_ALLOW_HEADERS, wanted);
    }
    response.insert_header(headers::ACCESS_CONTROL_MAX_AGE, "600");
    response
}

fn header<'a, State>(request: &'a Request<State>, name: &str) -> Option<&'a str> {
    request.header(name).map(|values| values.last().as_str())
}

fn respond(answer: Answer) -> Response {
    let (status, content_type, body) = answer.into_parts();
    Response::builder(status).header(headers::CONTENT_TYPE, content_type).body(Vec::from(body)).build()
}
