//! A small application behind the front door, and the means to wait for what it does.
use crate::client::Client;
use async_std::io::{ReadExt, WriteExt};
use async_std::task::{self, JoinHandle};
use sanket::{App, ConnectRequest, Effects, Reason, SocketId};
use sanket_async_std::{AddressLimits, HttpConfig, Listen, Server, Setup, setup};
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tide::http::{Body, StatusCode};
use tide::listener::Listener;
use tide::{Request, Response};

/// Longer than anything that works takes, shorter than the patience of who runs the tests.
pub(crate) const DEADLINE: Duration = Duration::from_secs(20);

/// What the endpoints count, and what they wait for.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    pub(crate) calls: AtomicUsize,
    /// Requests to `/park` and `/gate` that are pending now.
    pub(crate) parked: AtomicUsize,
    /// How many requests to `/gate` may pass.
    pub(crate) passes: AtomicUsize,
    /// The body of the last request to `/stash`, not read.
    pub(crate) stash: Mutex<Option<Body>>,
}

pub(crate) struct House {
    pub(crate) handle: Handle,
    pub(crate) seen: Arc<Seen>,
    pub(crate) listening: Option<JoinHandle<io::Result<()>>>,
}

type Req = Request<Arc<Seen>>;

struct Parked(Arc<Seen>);

impl Parked {
    fn new(seen: &Arc<Seen>) -> Self {
        seen.parked.fetch_add(1, Ordering::SeqCst);
        Self(seen.clone())
    }
}

impl Drop for Parked {
    fn drop(&mut self) {
        self.0.parked.fetch_sub(1, Ordering::SeqCst);
    }
}

fn app(seen: Arc<Seen>) -> tide::Server<Arc<Seen>> {
    let mut app = tide::with_state(seen);
    app.at("/").get(|req: Req| async move {
        req.state().calls.fetch_add(1, Ordering::SeqCst);
        Ok("hello")
    });
    app.at("/park").all(|mut req: Req| async move {
        req.body_bytes().await?;
        let _parked = Parked::new(req.state());
        std::future::pending::<()>().await;
        Ok("never")
    });
    app.at("/gate").get(|req: Req| async move {
        let _parked = Parked::new(req.state());
        let passes = &req.state().passes;
        let pass = || passes.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |n| n.checked_sub(1));
        while pass().is_err() {
            task::sleep(Duration::from_millis(2)).await;
        }
        Ok("passed")
    });
    app.at("/echo").post(|mut req: Req| async move {
        req.state().calls.fetch_add(1, Ordering::SeqCst);
        Ok(Body::from_bytes(req.body_bytes().await?))
    });
    app.at("/stream").post(|mut req: Req| async move { Ok(Body::from_reader(req.take_body(), None)) });
    app.at("/stash").post(|mut req: Req| async move {
        *req.state().stash.lock().unwrap() = Some(req.take_body());
        Ok("stashed")
    });
    app.at("/ignore").post(|_: Req| async { Ok("ignored") });
    app.at("/values").get(|req: Req| async move {
        let values = req.header("x").map(|values| values.iter().map(ToString::to_string).collect::<Vec<_>>());
        Ok(format!("{} {:?} {}", req.url(), values.unwrap_or_default(), req.peer_addr().is_some()))
    });
    app.at("/big").get(|_: Req| async { Ok(Body::from_bytes(vec![b'x'; 32 << 20])) });
    app.at("/chunks").get(|_: Req| async { Ok(Body::from_reader(&b"streamed"[..], None)) });
    app.at("/short").get(|_: Req| async { Ok(Body::from_reader(&b"short"[..], Some(10))) });
    app.at("/nothing").get(|_: Req| async { Ok(Response::new(StatusCode::NoContent)) });
    app.at("/split").get(|_: Req| async { Ok(Response::builder(200).header("x-split", "a\r\nx-injected: b").build()) });
    app.at("/panic").get(|_: Req| async { if true { panic!("on purpose") } else { Ok("") } });
    app.at("/not-taken").get(|_: Req| async { Ok(Response::new(StatusCode::SwitchingProtocols)) });
    app.at("/upgrade").all(|_: Req| async {
        let mut response = Response::new(StatusCode::SwitchingProtocols);
        response.insert_header("upgrade", "echo");
        response.insert_header("connection", "Upgrade");
        let http: &mut tide::http::Response = response.as_mut();
        let upgrade = http.recv_upgrade().await;
        task::spawn(async move {
            let Some(mut connection) = upgrade.await else { return };
            let mut bytes = [0; 1024];
            while let Ok(n @ 1..) = connection.read(&mut bytes).await {
                if connection.write_all(&bytes[..n]).await.is_err() {
                    break;
                }
            }
        });
        Ok(response)
    });
    app
}

/// The server's own application, which these tests have no use for.
#[derive(Debug)]
pub(crate) struct Nobody;

impl App for Nobody {
    fn connect(&mut self, _: SocketId, _: &ConnectRequest, _: &mut Effects<'_>) {}

    fn disconnect(&mut self, _: SocketId, _: Reason, _: &mut Effects<'_>) {}
}

/// A server, and its counters.
#[derive(Debug, Clone)]
pub(crate) struct Handle(Server<Nobody>);

impl Handle {
    pub(crate) fn start(http: HttpConfig, addresses: AddressLimits) -> Self {
        Self(Server::start(Nobody, Setup { http, addresses, ..setup() }).unwrap())
    }

    pub(crate) fn listener(&self, addrs: impl IntoIterator<Item = impl Into<SocketAddr>>) -> Listen {
        self.0.listener(addrs)
    }

    pub(crate) fn local_addrs(&self) -> Vec<SocketAddr> {
        self.0.addresses()
    }

    pub(crate) fn connections(&self) -> usize {
        self.0.host().connections()
    }

    pub(crate) fn http_connections(&self) -> usize {
        self.0.host().http_connections()
    }

    /// Begins to shut down.
    pub(crate) fn shutdown(&self) {
        let server = self.0.clone();
        task::spawn(async move { server.shut_down().await });
    }
}

impl House {
    pub(crate) fn open(config: HttpConfig) -> Self {
        Self::open_with(config, AddressLimits::default())
    }

    pub(crate) fn open_with(config: HttpConfig, addresses: AddressLimits) -> Self {
        let seen = Arc::new(Seen::default());
        let handle = Handle::start(config, addresses);
        let mut listener = task::block_on(app(seen.clone()).bind(handle.listener([([127, 0, 0, 1], 0)]))).unwrap();
        let listening = Some(task::spawn(async move { Listener::<Arc<Seen>>::accept(&mut listener).await }));
        Self { handle, seen, listening }
    }

    pub(crate) fn addr(&self) -> SocketAddr {
        self.handle.local_addrs()[0]
    }

    pub(crate) fn client(&self) -> Client {
        Client::connect(self.addr())
    }

    /// Waits until no connection is left.
    pub(crate) fn is_left(&self) {
        eventually("no connection is left", || self.handle.connections() == 0);
    }

    pub(crate) fn parked(&self, n: usize) {
        eventually("requests are parked", || self.seen.parked.load(Ordering::SeqCst) == n);
    }

    pub(crate) fn let_pass(&self, n: usize) {
        self.seen.passes.fetch_add(n, Ordering::SeqCst);
    }

    pub(crate) fn calls(&self) -> usize {
        self.seen.calls.load(Ordering::SeqCst)
    }
}

impl Drop for House {
    fn drop(&mut self) {
        self.handle.shutdown();
    }
}

pub(crate) fn house() -> House {
    House::open(HttpConfig::default())
}

pub(crate) fn eventually(what: &str, mut condition: impl FnMut() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < DEADLINE, "waited in vain: {what}");
        std::thread::sleep(Duration::from_millis(1));
    }
}
