//! For whoever watches the server from outside: `/health`, `/ready` and `/metrics`, on the server's own listener for this
//! machine only, or on another for anybody.

use crate::metrics::{CONTENT_TYPE, Metrics};
use crate::page;
use async_std::sync::Mutex as AsyncMutex;
use async_std::task::spawn_blocking;
use sanket::chat::Chat;
use sanket::{App, Config, ConnectRequest, Effects, Reason, SocketId};
use sanket_async_std::{AddressLimits, Hosts, HttpConfig, Options, Server, Setup, setup};
use std::collections::BTreeSet;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use tide::{Request, Response, StatusCode};

/// Connections of the listener for whoever watches: a few collectors and a person.
const MAX_CONNECTIONS: usize = 64;
/// Connections beside them that are being told that there is no room.
const MAX_REFUSALS: usize = 8;
/// Milliseconds in which a request has to be there: collectors are near, and ask for little.
const HEAD_TIMEOUT: u64 = 5_000;
/// Descriptors that this listener may take: itself, its connections, those on their way to be counted, and its thread's three.
pub(crate) const DESCRIPTORS: usize = 1 + MAX_CONNECTIONS + MAX_REFUSALS + 16 + 3;

/// Who can be reached where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum For {
    /// Only those on this machine, who are not sent by a proxy. For others there is nothing here.
    ThisMachine,
    /// Whoever can reach the listener.
    Anybody,
}

/// What is to be known of the server.
#[derive(Debug)]
pub(crate) struct Watch {
    server: Server<Chat>,
    /// One at a time: whoever asks often waits, instead of keeping the server busy.
    metrics: AsyncMutex<Arc<Metrics>>,
    away: Mutex<BTreeSet<&'static str>>,
}

impl Watch {
    pub(crate) fn new(server: &Server<Chat>) -> Arc<Self> {
        let metrics = AsyncMutex::new(Arc::new(Metrics::new(server.clone())));
        Arc::new(Self { server: server.clone(), metrics, away: Mutex::default() })
    }

    /// Says that a part is away without which nobody should be sent here, or that it is there again.
    pub(crate) fn set_away(&self, part: &'static str, is_away: bool) {
        let mut away = self.away.lock().unwrap_or_else(PoisonError::into_inner);
        if is_away {
            away.insert(part);
        } else {
            away.remove(part);
        }
    }

    /// Why nobody should be sent here, if so.
    fn not_ready(&self) -> Option<String> {
        let away = self.away.lock().unwrap_or_else(PoisonError::into_inner);
        let host = self.server.host();
        let failed = host.has_failed().then_some("the application has failed");
        let reasons: Vec<&str> = failed.into_iter().chain(away.iter().copied()).collect();
        match reasons.is_empty() {
            true => (!host.is_ready()).then(|| "closing".into()),
            false => Some(reasons.join("\n")),
        }
    }

    fn ready(&self) -> Response {
        match self.not_ready() {
            None => text(StatusCode::Ok, "ready".into()),
            Some(reasons) => text(StatusCode::ServiceUnavailable, reasons),
        }
    }

    async fn metrics(&self) -> Response {
        let metrics = self.metrics.lock().await;
        let numbers = Arc::clone(&metrics);
        let body = spawn_blocking(move || numbers.text()).await;
        let mut response = text(StatusCode::Ok, body);
        response.insert_header("content-type", CONTENT_TYPE);
        response
    }

    /// Adds the three to `app`.
    pub(crate) fn mount(self: &Arc<Self>, app: &mut tide::Server<()>, who: For) {
        for path in ["/health", "/ready", "/metrics"] {
            let watch = self.clone();
            let endpoint = move |request: Request<()>| {
                let watch = watch.clone();
                async move {
                    Ok(match path {
                        _ if who == For::ThisMachine && !is_from_here(&request) => page::not_found(),
                        "/health" => text(StatusCode::Ok, "ok".into()),
                        "/ready" => watch.ready(),
                        _ => watch.metrics().await,
                    })
                }
            };
            // By name: tide would prefer the page's route for all methods and paths.
            app.at(path).get(endpoint.clone()).head(endpoint);
        }
    }

    /// Serves the three on a listener of their own, until the process ends. It has limits of its own, so that it can be reached
    /// when the server can not take any more connections, and while it closes.
    pub(crate) async fn listen(self: &Arc<Self>, address: SocketAddr) -> io::Result<Server<Nobody>> {
        let http = HttpConfig {
            max_connections: MAX_CONNECTIONS,
            max_refusals: MAX_REFUSALS,
            max_body: 0,
            head_timeout: HEAD_TIMEOUT,
            ..HttpConfig::default()
        };
        // Whoever takes all that it may leaves as much to others.
        let addresses = AddressLimits { connections: MAX_CONNECTIONS / 2, ..AddressLimits::default() };
        let config = Config { max_sessions: 0, ..Config::default() };
        // No page has one of the machine's own names; other addresses have names that nobody here knows.
        let hosts = if address.ip().to_canonical().is_loopback() { Hosts::loopback() } else { Hosts::any() };
        let options = Options::default().hosts(hosts);
        let server = Server::start(Nobody, Setup { config, http, addresses, options, shards: 1, ..setup() })?;
        let mut app = tide::new();
        self.mount(&mut app, For::Anybody);
        let mut listener = app.bind(server.listener([address])).await?;
        async_std::task::spawn(async move { tide::listener::Listener::<()>::accept(&mut listener).await });
        Ok(server)
    }
}

/// The application of a server that opens no sessions.
#[derive(Debug)]
pub(crate) struct Nobody;

impl App for Nobody {
    fn connect(&mut self, _: SocketId, _: &ConnectRequest, _: &mut Effects<'_>) {}

    fn disconnect(&mut self, _: SocketId, _: Reason, _: &mut Effects<'_>) {}
}

/// Whether a request is of a program on this machine. A proxy here is one, but speaks for others: it is told by the headers that
/// proxies add, or by the host that its clients have asked for, which also keeps out pages whose name leads here.
fn is_from_here(request: &Request<()>) -> bool {
    let peer = request.peer_addr().and_then(|address| address.parse::<SocketAddr>().ok());
    let is_loopback = |address: IpAddr| address.to_canonical().is_loopback();
    let is_forwarded = request.iter().any(|(name, _)| {
        let name = name.as_str();
        matches!(name, "forwarded" | "x-real-ip" | "via") || name.starts_with("x-forwarded-")
    });
    let host = request.url().host_str().unwrap_or_default();
    let host = host.trim_matches(['[', ']']);
    let is_local = host == "localhost" || host.parse().is_ok_and(is_loopback);
    peer.is_some_and(|peer| is_loopback(peer.ip())) && !is_forwarded && is_local
}

fn text(status: StatusCode, body: String) -> Response {
    let response = Response::builder(status).content_type("text/plain;charset=utf-8");
    let response = response.header("cache-control", "no-store").header("x-content-type-options", "nosniff");
    response.header("cross-origin-resource-policy", "same-origin").body(body).build()
}
