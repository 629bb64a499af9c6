//! The server as an endpoint of a tide application, behind whatever listener. async-tungstenite carries its WebSockets.

use crate::server::{Server, Threads};
use async_std::task::{sleep, spawn};
use async_tungstenite::WebSocketStream;
use async_tungstenite::tungstenite::error::ProtocolError;
use async_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use async_tungstenite::tungstenite::protocol::{CloseFrame, Role, WebSocketConfig};
use async_tungstenite::tungstenite::{Error, Message, Utf8Bytes};
use futures_lite::{AsyncReadExt as _, FutureExt as _, StreamExt as _};
use futures_util::SinkExt;
use sanket::App;
use sanket::driver::{RawMessage, WsMessage};
use sanket_host::host::Host;
use sanket_host::host::mount::{Messages, Post, Reply, Upgrade, Wait, Waited};
use sanket_host::request::{Peer, RequestHead};
use std::future::poll_fn;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use tide::http::upgrade::Connection;
use tide::http::{Method, headers};
use tide::{Request, Response, StatusCode};

/// How long the connection of an answered upgrade may take to be handed over.
const HANDOVER: Duration = Duration::from_secs(10);
/// How long a peer may take to see a WebSocket's end through: as Node's `destroyUpgradeTimeout`.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);
/// Bytes of a WebSocket's read buffer, which every one has.
const READ_BUFFER: usize = 1 << 10;

/// A server as tide asks it.
struct Mounted<A> {
    host: Host<A>,
    /// Without them nothing would ever be answered.
    threads: Arc<Threads>,
}

impl<A> Clone for Mounted<A> {
    fn clone(&self) -> Self {
        Self { host: self.host.clone(), threads: self.threads.clone() }
    }
}

impl<A: App + Send + 'static> Server<A> {
    /// Serves it on tide's own listener, or any other that tide has. What is known only to [`Server::listener`] is lost: limits
    /// and deadlines of connections, and clients that vanish while their polls wait are noticed by their heartbeat only.
    pub fn mount<State: Clone + Send + Sync + 'static>(&self, app: &mut tide::Server<State>, path: &str) {
        let endpoint = Mounted { host: self.host.clone(), threads: self.threads.clone() };
        let path = path.trim_end_matches('/');
        for path in [path, &format!("{path}/")] {
            // For GET by name: tide would prefer somebody's wildcard for GET to a route for all methods.
            app.at(path).get(endpoint.clone()).all(endpoint.clone());
        }
    }
}

/// The head of a request, in tide's words.
struct Head<'a, State>(&'a Request<State>);

impl<State> RequestHead for Head<'_, State> {
    fn method(&self) -> &str {
        match self.0.method() {
            Method::Get => "GET",
            Method::Post => "POST",
            Method::Options => "OPTIONS",
            // The server tells no others apart.
            _ => "HEAD",
        }
    }

    fn path(&self) -> &str {
        self.0.url().path()
    }

    fn query(&self) -> &str {
        self.0.url().query().unwrap_or_default()
    }

    fn fields(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.0.iter().flat_map(|(name, values)| values.iter().map(|value| (name.as_str(), value.as_str().as_bytes())))
    }
}

#[async_trait::async_trait]
impl<A: Send + 'static, State: Clone + Send + Sync + 'static> tide::Endpoint<State> for Mounted<A> {
    async fn call(&self, mut request: Request<State>) -> tide::Result {
        // `peer_addr` may have the port behind it.
        let address = request.peer_addr().and_then(|address| {
            address.parse::<SocketAddr>().map(|address| address.ip()).or_else(|_| address.parse::<IpAddr>()).ok()
        });
        let peer = Peer { address, secure: request.url().scheme() == "https" };
        Ok(match self.host.request(&Head(&request), &peer) {
            Reply::Response(answer) => response(answer),
            Reply::Wait(wait) => wait_for(wait).await,
            Reply::Post(post) => match read(&mut request, post).await {
                Ok(wait) => wait_for(wait).await,
                Err(answer) => answer,
            },
            Reply::Upgrade(upgrade) => hand_over(upgrade).await,
        })
    }
}

async fn wait_for(mut wait: Wait) -> Response {
    let waited = match wait.limit() {
        None => wait.await,
        Some(limit) => {
            let in_time = async { Some((&mut wait).await) };
            let late = async {
                sleep(Duration::from_millis(limit)).await;
                None
            };
            match in_time.or(late).await {
                Some(waited) => waited,
                None => {
                    wait.give_up();
                    wait.await
                }
            }
        }
    };
    match waited {
        Waited::Response(answer) => response(answer),
        Waited::Upgrade(upgrade) => hand_over(upgrade).await,
    }
}

/// Reads the body of a POST, unless nobody wants it any more.
async fn read<State>(request: &mut Request<State>, mut post: Post) -> Result<Wait, Response> {
    let mut body = Vec::new();
    let reader = request.take_body().into_reader();
    let mut reader = reader.take(post.limit() as u64 + 1);
    let read = async { Ok(reader.read_to_end(&mut body).await) };
    let refused = async { Err(poll_fn(|cx| post.poll_refused(cx)).await) };
    match refused.or(read).await {
        Ok(Ok(_)) => Ok(post.finish(&body)),
        Ok(Err(_)) => Err(Response::new(StatusCode::BadRequest)),
        Err(answer) => Err(response(answer)),
    }
}

fn response(answer: sanket_host::http::Response) -> Response {
    let mut response = Response::new(answer.status.as_u16());
    for (name, value) in answer.headers() {
        response.append_header(name, value);
    }
    if answer.closes {
        response.insert_header(headers::CONNECTION, "close");
    }
    if answer.content_type.is_some() {
        response.set_body(Vec::from(answer.body));
    }
    response
}

/// Once the connection is handed over, the WebSocket lives in a task of its own.
async fn hand_over(upgrade: Upgrade) -> Response {
    let mut response = response(upgrade.response.clone());
    response.insert_header(headers::CONNECTION, "Upgrade");
    let inner: &mut tide::http::Response = response.as_mut();
    let connection = inner.recv_upgrade().await;
    spawn(async move {
        let late = async {
            sleep(HANDOVER).await;
            None
        };
        // Dropping the upgrade tells the session that there will be no WebSocket.
        if let Some(connection) = connection.or(late).await {
            carry(connection, upgrade.open()).await;
        }
    });
    response
}

type WebSocket = WebSocketStream<Connection>;

/// Why a WebSocket's exchange ended.
enum End {
    /// The session wants it closed.
    Told,
    /// The peer closed it, or is gone.
    Closed,
    /// The peer broke the protocol.
    Failed(CloseCode),
}

async fn carry(connection: Connection, mut messages: Messages) {
    let limit = Some(messages.limit());
    let mut config = WebSocketConfig::default().read_buffer_size(READ_BUFFER).write_buffer_size(0);
    (config.max_message_size, config.max_frame_size) = (limit, limit);
    let mut websocket = WebSocketStream::from_raw_socket(connection, Role::Server, Some(config)).await;
    let end = exchange(&mut websocket, &mut messages).await;
    let frame = match end {
        End::Failed(code) => {
            drop(messages);
            Some(CloseFrame { code, reason: "".into() })
        }
        End::Told => {
            messages.closed();
            None
        }
        End::Closed => {
            messages.closed();
            // The answer to the peer's close frame.
            let flush = async { drop(SinkExt::<Message>::flush(&mut websocket).await) };
            return flush.or(sleep(CLOSE_TIMEOUT)).await;
        }
    };
    let farewell = async {
        // It fails if the client has closed it. Reading on sends the answer then.
        let _ = websocket.close(frame).await;
        while let Some(Ok(_)) = websocket.next().await {}
    };
    farewell.or(sleep(CLOSE_TIMEOUT)).await;
}

async fn exchange(websocket: &mut WebSocket, messages: &mut Messages) -> End {
    enum Next {
        Received(Option<Result<Message, Error>>),
        Send(bool),
    }
    let mut sending = Vec::new();
    loop {
        let send = async { Next::Send(poll_fn(|cx| messages.poll_send(cx, &mut sending)).await) };
        let receive = async { Next::Received(websocket.next().await) };
        match send.or(receive).await {
            Next::Send(goes_on) => {
                for message in sending.drain(..) {
                    let message = match message {
                        // What the protocol encodes is text.
                        WsMessage::Text(bytes) => Message::Text(Utf8Bytes::try_from(bytes).unwrap_or_default()),
                        WsMessage::Binary(bytes) => Message::Binary(bytes),
                    };
                    if websocket.send(message).await.is_err() {
                        return End::Closed;
                    }
                }
                if !goes_on {
                    return End::Told;
                }
            }
            Next::Received(Some(Ok(Message::Text(text)))) => messages.receive(RawMessage::Text(&text)),
            Next::Received(Some(Ok(Message::Binary(bytes)))) => messages.receive(RawMessage::Binary(&bytes)),
            Next::Received(Some(Ok(Message::Close(_))) | None) => return End::Closed,
            Next::Received(Some(Ok(_))) => continue,
            Next::Received(Some(Err(error))) => return ended(&error),
        }
        poll_fn(|cx| messages.poll_receive(cx)).await;
    }
}

fn ended(error: &Error) -> End {
    match error {
        Error::Capacity(_) => End::Failed(CloseCode::Size),
        Error::Utf8(_) => End::Failed(CloseCode::Invalid),
        Error::Protocol(ProtocolError::ResetWithoutClosingHandshake) => End::Closed,
        Error::Protocol(_) | Error::AttackAttempt => End::Failed(CloseCode::Protocol),
        // A connection that breaks off has closed, with less ceremony.
        _ => End::Closed,
    }
}
