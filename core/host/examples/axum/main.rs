//! A Socket.IO server in front of an axum application, whose requests hyper reads: what a request comes to, and the deadlines.
//!
//! `cargo run --release -p sanket-host --example axum`, then point any socket.io-client at <http://127.0.0.1:8081>.

mod websocket;

use axum::extract::{ConnectInfo, Request};
use axum::http::{StatusCode, request::Parts};
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse as _, Response};
use axum::{Router, body::Body, routing::get, serve::ListenerExt as _};
use futures_util::StreamExt as _;
use sanket::{Chat, ChatConfig, Time};
use sanket_host::host::mount::{Post, Reply, Wait, Waited};
use sanket_host::host::{Driver, Host, Setup};
use sanket_host::request::{Peer, RequestHead};
use std::future::{pending, poll_fn};
use std::time::{Duration, Instant, SystemTime};
use std::{io, net::SocketAddr, sync::Arc};
use tokio::time::{sleep, timeout};
use tokio::{net::TcpListener, sync::Notify};

/// What the host needs of the runtime.
pub(crate) struct Tokio {
    /// Rings when the next deadline has changed.
    bell: Notify,
    started: Instant,
    epoch: Duration,
}

impl Tokio {
    pub(crate) fn new() -> Arc<Self> {
        let (started, epoch) = (Instant::now(), SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default());
        Arc::new(Self { bell: Notify::new(), started, epoch })
    }
}

impl Driver for Tokio {
    fn now(&self) -> Time {
        Time::from_elapsed(self.epoch + self.started.elapsed())
    }

    fn wake(&self) {
        self.bell.notify_one();
    }
}

pub(crate) async fn keep_time<A>(host: Host<A>, driver: Arc<Tokio>) {
    loop {
        match host.poll_timeout().map(|due| due.since(driver.now())) {
            None => driver.bell.notified().await,
            Some(Duration::ZERO) => {
                // Tasks that have something to read go first: a stall of this process is nobody else's silence.
                tokio::task::yield_now().await;
                host.handle_timeout();
            }
            Some(pause) => _ = timeout(pause, driver.bell.notified()).await,
        }
    }
}

/// Serves until `stop`, and a few seconds more if clients need them.
pub(crate) async fn serve<A>(host: Host<A>, app: Router, listener: TcpListener, stop: impl Future + Send + 'static)
where
    A: Send + 'static,
{
    let stopped = Arc::new(Notify::new());
    let late = stopped.clone();
    let closing = async move {
        stop.await;
        stopped.notify_one();
        while !host.wind_down() {
            sleep(Duration::from_millis(10)).await;
        }
    };
    // It fails if the peer has gone already.
    let listener = listener.tap_io(|socket| _ = socket.set_nodelay(true));
    let serving = axum::serve(listener, app.into_make_service_with_connect_info::<SocketAddr>());
    tokio::select! {
        _ = serving.with_graceful_shutdown(closing) => {}
        () = async { late.notified().await; sleep(Duration::from_secs(3)).await } => {}
    }
}

/// Puts the server in front of an application.
pub(crate) fn mount<A: Send + 'static>(host: Host<A>, application: Router) -> Router {
    application.layer(from_fn(move |request: Request, next: Next| {
        let host = host.clone();
        async move {
            if host.is_path(request.uri().path()) { respond(&host, request).await } else { next.run(request).await }
        }
    }))
}

async fn respond<A>(host: &Host<A>, mut request: Request) -> Response {
    let connection = hyper::upgrade::on(&mut request);
    let address = request.extensions().get().map(|ConnectInfo::<SocketAddr>(address)| address.ip());
    let (head, body) = request.into_parts();
    let waited = match host.request(&Head(&head), &Peer { address, secure: false }) {
        Reply::Response(answer) => Waited::Response(answer),
        Reply::Upgrade(upgrade) => Waited::Upgrade(upgrade),
        Reply::Wait(wait) => wait_for(wait).await,
        Reply::Post(post) => match read(body, post).await {
            Ok(wait) => wait_for(wait).await,
            Err(response) => return response,
        },
    };
    match waited {
        Waited::Response(answer) => response(answer),
        Waited::Upgrade(upgrade) => websocket::hand_over(upgrade, connection),
    }
}

/// Waits no longer than is allowed. If the client goes, hyper drops the future, which tells the host.
async fn wait_for(mut wait: Wait) -> Waited {
    if let Some(limit) = wait.limit() {
        match timeout(Duration::from_millis(limit), &mut wait).await {
            Ok(waited) => return waited,
            Err(_) => wait.give_up(),
        }
    }
    wait.await
}

/// Reads the body of a POST, unless nobody wants it any more.
async fn read(body: Body, mut post: Post) -> Result<Wait, Response> {
    let (mut pieces, mut bytes) = (body.into_data_stream(), Vec::new());
    while bytes.len() <= post.limit() {
        tokio::select! {
            answer = poll_fn(|cx| post.poll_refused(cx)) => return Err(response(answer)),
            piece = pieces.next() => match piece {
                Some(Ok(piece)) => bytes.extend_from_slice(&piece),
                Some(Err(_)) => return Err(StatusCode::BAD_REQUEST.into_response()),
                None => break,
            }
        }
    }
    Ok(post.finish(&bytes))
}

fn response(answer: sanket_host::http::Response) -> Response {
    let mut response = Response::builder().status(answer.status);
    for (name, value) in answer.headers() {
        response = response.header(name, value);
    }
    if answer.closes {
        response = response.header("connection", "close");
    }
    // Names and values are those of HTTP.
    response.body(Body::from(answer.body)).unwrap_or_default()
}

/// The head of a request in the host's words.
struct Head<'a>(&'a Parts);

impl RequestHead for Head<'_> {
    fn method(&self) -> &str {
        self.0.method.as_str()
    }

    fn path(&self) -> &str {
        self.0.uri.path()
    }

    fn query(&self) -> &str {
        self.0.uri.query().unwrap_or_default()
    }

    fn fields(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.0.headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes()))
    }
}

#[tokio::main]
async fn main() -> io::Result<()> {
    let shards = std::thread::available_parallelism().map_or(1, usize::from);
    let setup = Setup { shards, ..Setup::new(|bytes| getrandom::fill(bytes).is_ok()) };
    let driver = Tokio::new();
    let host = Host::new(Chat::new(ChatConfig::default(), getrandom::u64()?), setup, driver.clone());
    tokio::spawn(keep_time(host.clone(), driver));
    let application = Router::new().route("/", get(async || "Hello from axum.\n"));
    let listener = TcpListener::bind("127.0.0.1:8081").await?;
    serve(host.clone(), mount(host, application), listener, pending::<()>()).await;
    Ok(())
}
