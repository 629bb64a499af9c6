//! The tide endpoint: one request in, one answer out. Reads what the core wants to know off the request and leaves every
//! decision to it, but for the origin of a page and the form of a WebSocket handshake, which are HTTP's business.

use crate::compression;
use crate::front::{Peer, Stream};
use crate::options::{Denial, Options, Welcome};
use crate::origin::Verdict;
use crate::refusal::Refused;
use crate::server::Tasks;
use crate::shared::Shared;
use crate::workers;
use crate::ws::Socket;
use async_tungstenite::tungstenite::handshake::derive_accept_key;
use base64::Engine as _;
use futures_lite::{AsyncReadExt as _, FutureExt as _};
use sanket::{
    Ask, BodyKind, Handshake, Input, Key, Method, NewSession, Opening, Request as Asked, RequestError, RequestId,
    Response as Answer, Revision, Sid, Transport, decode_body, jsonp,
};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tide::http::headers;
use tide::{Request, Response, StatusCode};

/// How long the connection of an answered upgrade may take to be handed over.
const HANDOVER: Duration = Duration::from_secs(10);

/// The endpoint of a Socket.IO server.
#[derive(Clone, Debug)]
pub(crate) struct Endpoint {
    pub(crate) shared: Arc<Shared>,
    pub(crate) options: Arc<Options>,
    /// Without them nothing would ever be answered.
    pub(crate) _tasks: Arc<Tasks>,
}

#[async_trait::async_trait]
impl<State: Clone + Send + Sync + 'static> tide::Endpoint<State> for Endpoint {
    async fn call(&self, mut request: Request<State>) -> tide::Result {
        let origin = header(&request, "origin").map(str::to_owned);
        let verdict = self.options.origins.judge(origin.as_deref(), header(&request, "host"));
        let (browser, url) = (Browser::of(&request), path_and_query(&request));
        let answered = match verdict {
            Verdict::Refused => Err(Refused::Origin),
            Verdict::Listed(_) | Verdict::Any if request.method() == tide::http::Method::Options => {
                Ok(preflight(&request))
            }
            Verdict::Same | Verdict::Listed(_) | Verdict::Any => self.answer(&mut request).await,
        };
        let mut response = answered.unwrap_or_else(|refused| {
            if let Some(on_refused) = &self.options.on_refused {
                on_refused(refused.error(), &url);
            }
            refused.respond(browser.upgrades)
        });
        if browser.filters_scripts {
            response.insert_header("X-XSS-Protection", "0");
        }
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

/// Whoever may open a session.
struct Guest {
    revision: Revision,
    handshake: Arc<Handshake>,
    welcome: Welcome,
}

/// What matters of whoever asks.
struct Browser {
    /// It wants a WebSocket.
    upgrades: bool,
    /// It is an Internet Explorer, which takes some answers for an attack.
    filters_scripts: bool,
}

impl Browser {
    fn of<State>(request: &Request<State>) -> Self {
        let agent = header(request, "user-agent").unwrap_or_default();
        Self {
            upgrades: header(request, "upgrade").is_some_and(|value| value.eq_ignore_ascii_case("websocket")),
            filters_scripts: agent.contains(";MSIE") || agent.contains("; MSIE") || agent.contains("Trident/"),
        }
    }
}

impl Endpoint {
    async fn answer<State: Clone + Send + Sync + 'static>(
        &self,
        request: &mut Request<State>,
    ) -> Result<Response, Refused> {
        let method = match request.method() {
            tide::http::Method::Get => Method::Get,
            tide::http::Method::Post => Method::Post,
            _ => Method::Other,
        };
        let upgrade = Browser::of(request).upgrades;
        let query = request.url().query().unwrap_or_default();
        match Asked::parse(method, query, upgrade, &self.shared.config)? {
            Asked::Handshake { revision, transport, base64 } => {
                let handshake = handshake_of(request);
                let welcome = self.admit(&handshake).await?;
                let revision = revision.ok_or(RequestError::UnsupportedRevision)?;
                let guest = Guest { revision, handshake, welcome };
                match transport {
                    Transport::Polling => self.open_polling(request, guest, base64).await,
                    Transport::WebSocket => self.open_websocket(request, guest).await,
                }
            }
            Asked::Session { sid, revision, ask } => self.session(request, sid, revision, ask).await,
        }
    }

    async fn open_polling<State>(
        &self,
        request: &Request<State>,
        guest: Guest,
        base64: bool,
    ) -> Result<Response, Refused> {
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
        let mut response = self.respond(request, answer).await;
        self.greet(&mut response, sid, welcome);
        Ok(response)
    }

    /// Asks whoever has a say in it whether a client is let in.
    async fn admit(&self, handshake: &Arc<Handshake>) -> Result<Welcome, Refused> {
        let Some(admit) = &self.options.admit else { return Ok(Welcome::default()) };
        let late = async {
            async_std::task::sleep(self.options.admit_timeout).await;
            Err(Denial::default())
        };
        admit(handshake.clone()).or(late).await.map_err(Refused::Denied)
    }

    /// The headers of an answer to a handshake.
    fn greet(&self, response: &mut Response, sid: Sid, welcome: Welcome) {
        if let Some(cookie) = &self.options.cookie {
            response.append_header(headers::SET_COOKIE, cookie.set_to(sid));
        }
        for (name, value) in welcome.headers {
            response.append_header(name.as_str(), value);
        }
    }

    /// The core's answer as HTTP: as a script if the client asked for that, compressed if it is worth it.
    async fn respond<State>(&self, request: &Request<State>, answer: Answer) -> Response {
        let script =
            Some(&answer).filter(|answer| matches!(answer, Answer::Batch(_))).and_then(|_| jsonp_digits(request));
        let worth_it = matches!(&answer, Answer::Batch(batch) if batch.wants_compression());
        let (status, content_type, body) = answer.into_parts();
        let mut body = Vec::from(body);
        if let Some(digits) = script {
            body = jsonp::wrap(&digits, &String::from_utf8_lossy(&body)).into_bytes();
        }
        let mut response = Response::builder(status).header(headers::CONTENT_TYPE, content_type).build();
        let long = self.options.compression.is_some_and(|threshold| worth_it && body.len() >= threshold);
        if let Some(encoding) = Some(request.as_ref()).filter(|_| long).and_then(compression::wanted) {
            body = compression::compress(body, encoding).await;
            response.insert_header(headers::CONTENT_ENCODING, encoding.to_string());
        }
        response.set_body(body);
        response
    }

    async fn session<State: Clone + Send + Sync + 'static>(
        &self,
        request: &mut Request<State>,
        sid: Sid,
        revision: Option<Revision>,
        ask: Ask,
    ) -> Result<Response, Refused> {
        let cell = self.shared.cell_of(sid);
        let key = self.shared.with(cell, |shard, _| shard.route(sid, revision, ask))?;
        // The route has been found, so the revision is the session's.
        let revision = revision.ok_or(RequestError::BadRequest)?;
        match ask {
            Ask::Poll => {
                let id = self.shared.next_request();
                let (answer, ()) = self.shared.ask(cell, id, |shard, now| shard.handle(key, Input::Poll(id), now));
                let answer = Waiting::new(&self.shared, key, id, answer).answer().await;
                Ok(self.respond(request, answer).await)
            }
            Ask::Post => {
                let answer = self.post(request, key, revision).await;
                Ok(self.respond(request, answer).await)
            }
            Ask::Upgrade => self.upgrade(request, key, revision).await,
            Ask::Nonsense => Err(RequestError::BadRequest.into()),
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
                // A form without a payload is an empty one, and malformed as such.
                let body = if is_jsonp(request) { jsonp::unwrap(&body).unwrap_or_default().into_bytes() } else { body };
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
        guest: Guest,
    ) -> Result<Response, Refused> {
        let accept = accept_key(request).map_err(Refused::NotWebSocket)?;
        let Guest { revision, handshake, welcome } = guest;
        let id = self.shared.next_request();
        let new = new_session(revision, Opening::WebSocket(id), handshake)?;
        let sid = new.sid;
        let line = self.shared.attach(self.shared.cell_of(sid), id, |shard, now| self.shared.open(shard, new, now))?;
        let mut response = switching_protocols(accept);
        self.greet(&mut response, sid, welcome);
        let socket = Socket::new(self.shared.clone(), revision, line, stream_of(request));
        Ok(hand_over(response, socket).await)
    }

    async fn upgrade<State: Clone + Send + Sync + 'static>(
        &self,
        request: &Request<State>,
        key: Key,
        revision: Revision,
    ) -> Result<Response, Refused> {
        let accept = accept_key(request).map_err(Refused::NotWebSocket)?;
        let id = self.shared.next_request();
        let line = self.shared.attach(self.shared.cell(key), id, |shard, now| {
            shard.handle(key, Input::WsOpen(id), now);
            Ok::<_, RequestError>(key)
        })?;
        let socket = Socket::new(self.shared.clone(), revision, line, stream_of(request));
        Ok(hand_over(switching_protocols(accept), socket).await)
    }
}

/// The socket that a request came on, if the listener says so: ours does.
fn stream_of<State>(request: &Request<State>) -> Option<Stream> {
    request.ext::<Peer>().map(|peer| peer.stream.clone())
}

fn switching_protocols(accept: String) -> Response {
    let mut response = Response::new(StatusCode::SwitchingProtocols);
    response.insert_header(headers::UPGRADE, "websocket");
    response.insert_header(headers::CONNECTION, "Upgrade");
    response.insert_header("Sec-WebSocket-Accept", accept);
    response
}

/// Once the connection is handed over, the WebSocket lives in a task of its own.
async fn hand_over(mut response: Response, socket: Socket) -> Response {
    let inner: &mut tide::http::Response = response.as_mut();
    let connection = inner.recv_upgrade().await;
    workers::spawn(async move {
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

/// A session with ids from the operating system's generator.
fn new_session(revision: Revision, opening: Opening, handshake: Arc<Handshake>) -> Result<NewSession, RequestError> {
    let mut bytes = [[0; 16]; 3];
    if let Err(error) = getrandom::fill(bytes.as_flattened_mut()) {
        log::error!("no random numbers from the operating system: {error}");
        return Err(RequestError::Full);
    }
    let [sid, public, private] = bytes.map(Sid::from_bytes);
    Ok(NewSession { sid, public, private, revision, opening, handshake: Some(handshake) })
}

/// What applications may want to know of the request that opens a session.
fn handshake_of<State>(request: &Request<State>) -> Arc<Handshake> {
    let address = request.peer_addr().unwrap_or_default();
    // `peer_addr` has the port behind it.
    let address = address.parse().map_or_else(|_| address.into(), |at: std::net::SocketAddr| at.ip().to_string());
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let issued = u64::try_from(since_1970.as_millis()).unwrap_or(u64::MAX);
    let pairs = request.iter().flat_map(|(name, values)| values.iter().map(|value| (name.as_str(), value.as_str())));
    let handshake = Handshake::new(&path_and_query(request), &address, issued).with_headers(pairs);
    Arc::new(if request.url().scheme() == "https" { handshake.over_tls() } else { handshake })
}

fn path_and_query<State>(request: &Request<State>) -> String {
    let url = request.url();
    url.query().map_or_else(|| url.path().into(), |query| format!("{}?{query}", url.path()))
}

fn is_jsonp<State>(request: &Request<State>) -> bool {
    request.url().query_pairs().any(|(name, _)| name == "j")
}

/// What a script is to call the page back with, if the answer is to be one.
fn jsonp_digits<State>(request: &Request<State>) -> Option<String> {
    request.url().query_pairs().find(|(name, _)| name == "j").map(|(_, value)| jsonp::digits(&value))
}

/// What `Sec-WebSocket-Accept` must say (RFC 6455, 4.2), or the status of the refusal.
fn accept_key<State>(request: &Request<State>) -> Result<String, StatusCode> {
    let mut tokens = request.header("connection").into_iter().flatten().flat_map(|value| value.as_str().split(','));
    if !tokens.any(|token| token.trim().eq_ignore_ascii_case("upgrade")) {
        return Err(StatusCode::BadRequest);
    }
    if header(request, "sec-websocket-version") != Some("13") {
        return Err(StatusCode::UpgradeRequired);
    }
    let key = header(request, "sec-websocket-key").unwrap_or_default();
    let decoded = base64::engine::general_purpose::STANDARD.decode(key);
    let valid = decoded.is_ok_and(|bytes| bytes.len() == 16);
    if valid { Ok(derive_accept_key(key.as_bytes())) } else { Err(StatusCode::BadRequest) }
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
