//! A Socket.IO server in front of an axum application, whose requests hyper reads. Here: deadlines, beginning and end.
//!
//! `cargo run --release -p sanket-host --example axum`, then point any socket.io-client at <http://127.0.0.1:8081>.

mod requests;
mod websocket;

use axum::extract::Request;
use axum::middleware::{Next, from_fn};
use axum::{Router, routing::get, serve::ListenerExt as _};
use requests::respond;
use sanket::chat::{Chat, ChatConfig};
use sanket::{Task, Time};
use sanket_host::host::{Driver, Host, Setup};
use std::time::{Duration, Instant, SystemTime};
use std::{future::pending, io, net::SocketAddr, sync::Arc};
use tokio::time::{sleep, timeout};
use tokio::{net::TcpListener, runtime::Handle, sync::Notify};

/// What the host needs of the runtime.
pub(crate) struct Tokio {
    runtime: Handle,
    /// Rings when the next deadline has changed.
    bell: Notify,
    started: Instant,
    epoch: Duration,
}

impl Tokio {
    pub(crate) fn new() -> Arc<Self> {
        let (started, epoch) = (Instant::now(), SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default());
        Arc::new(Self { runtime: Handle::current(), bell: Notify::new(), started, epoch })
    }
}

impl Driver for Tokio {
    fn now(&self) -> Time {
        Time::from_elapsed(self.epoch + self.started.elapsed())
    }

    fn wake(&self) {
        self.bell.notify_one();
    }

    fn spawn(&self, task: Task) {
        self.runtime.spawn(task);
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

#[tokio::main]
async fn main() -> io::Result<()> {
    let shards = std::thread::available_parallelism().map_or(1, usize::from);
    let setup = Setup { shards, ..Setup::new(|bytes| getrandom::fill(bytes).is_ok()) };
    let driver = Tokio::new();
    let host = Host::new(Chat::new(ChatConfig::default(), getrandom::u64()?), setup, driver.clone());
    tokio::spawn(keep_time(host.clone(), driver));
    let application = Router::new().route("/", get(async || "Hello from axum.\n"));
    let listener = TcpListener::bind("127.0.0.1:8081").await?;
    // As many may wait to be accepted as the system allows.
    socket2::SockRef::from(&listener).listen(i32::MAX)?;
    serve(host.clone(), mount(host, application), listener, pending::<()>()).await;
    Ok(())
}
