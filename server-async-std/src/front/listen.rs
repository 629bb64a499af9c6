//! Sockets that listen: tide's `Listener`, made of our own accept loops. Knows addresses and caps; what is said on an
//! accepted connection is `connection`'s affair.
use super::config::FrontConfig;
use super::connection::{Door, serve};
use super::direct::{Direct, Routes};
use super::gate::{FrontHandle, Gate, Phase, Refused};
use super::link::Link;
use super::refusal::Refusal;
use super::reply::Asked;
use super::stream::Stream;
use crate::workers::{Watched, Worker, within};
use async_std::task::yield_now;
use async_trait::async_trait;
use futures_lite::FutureExt;
use mio::Interest;
use mio::net::TcpListener;
use std::fmt;
use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use tide::Server;
use tide::http::StatusCode;
use tide::listener::{ListenInfo, Listener, ToListener};

/// Connections that are accepted before those that are there get their turn.
const ACCEPTS: usize = 16;

/// An HTTP/1.1 listener for any tide application; see the [module documentation](super).
#[derive(Debug, Clone)]
pub struct Front {
    addrs: Vec<SocketAddr>,
    config: FrontConfig,
    handle: FrontHandle,
    routes: Routes,
}

impl Front {
    /// A door that will listen on all of `addrs`; a port of 0 lets the system choose.
    #[must_use]
    pub fn bind_to(addrs: impl IntoIterator<Item = impl Into<SocketAddr>>) -> Self {
        let config = FrontConfig::default();
        let gate = Arc::new(Gate::new(&config));
        let addrs = addrs.into_iter().map(Into::into).collect();
        Self { addrs, config, handle: FrontHandle { gate }, routes: Routes::default() }
    }

    /// With other limits than the default ones. Call it before [`handle`](Self::handle): a handle belongs to the limits it
    /// was made with.
    #[must_use]
    pub fn config(self, config: FrontConfig) -> Self {
        let gate = Arc::new(Gate::new(&config));
        Self { config, handle: FrontHandle { gate }, ..self }
    }

    /// Has requests for `path`, with or without a slash at its end, answered by `handler`, before the application is asked.
    pub(crate) fn answer_directly(&mut self, path: &str, handler: Arc<dyn Direct>) {
        self.routes.add(path, handler);
    }

    /// The handle to look at the door, and to close it.
    #[must_use]
    pub fn handle(&self) -> FrontHandle {
        self.handle.clone()
    }
}

impl<State: Clone + Send + Sync + 'static> ToListener<State> for Front {
    type Listener = FrontListener<State>;

    fn to_listener(self) -> io::Result<Self::Listener> {
        Ok(FrontListener { front: self, bound: None })
    }
}

/// A [`Front`] and the application behind it. Dropping it, or the future of its `accept`, closes the door.
pub struct FrontListener<State> {
    front: Front,
    bound: Option<(Server<State>, Vec<Watched<TcpListener>>)>,
}

#[async_trait]
impl<State: Clone + Send + Sync + 'static> Listener<State> for FrontListener<State> {
    async fn bind(&mut self, app: Server<State>) -> io::Result<()> {
        let (mut listeners, mut addrs) = (Vec::new(), Vec::new());
        for addr in &self.front.addrs {
            let named = |error: io::Error| io::Error::new(error.kind(), format!("cannot listen on {addr}: {error}"));
            let listener = listen(*addr).map_err(named)?;
            addrs.push(listener.socket().local_addr().map_err(named)?);
            listeners.push(listener);
        }
        if listeners.is_empty() {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "no address to listen on"));
        }
        self.front.handle.gate.set_addrs(addrs);
        self.bound = Some((app, listeners));
        Ok(())
    }

    /// Ends well after [`FrontHandle::shutdown`], when all requests under way are answered or their time is over.
    async fn accept(&mut self) -> io::Result<()> {
        let Some((app, listeners)) = self.bound.take() else {
            return Err(io::Error::new(io::ErrorKind::NotConnected, "`accept` without `bind`"));
        };
        let gate = &self.front.handle.gate;
        let _closes = CloseOnDrop(gate.clone());
        let config = Arc::new(self.front.config.clone());
        let door = Arc::new(Door { app, config, gate: gate.clone(), routes: self.front.routes.clone() });
        let loops: Vec<_> = listeners
            .into_iter()
            .map(|listener| listener.worker().spawn(accept_loop(listener, door.clone())))
            .collect();
        for accepting in loops {
            accepting.await;
        }
        if within(door.config.drain_deadline, self.front.handle.finished()).await.is_none() {
            log::warn!("{} connections are cut at shutdown", self.front.handle.http_connections());
        }
        Ok(())
    }

    fn info(&self) -> Vec<ListenInfo> {
        let addrs = self.front.handle.local_addrs().into_iter();
        addrs.map(|addr| ListenInfo::new(format!("http://{addr}"), "tcp".into(), false)).collect()
    }
}

/// When nobody waits for the accept loops any more, they and what they accepted end.
struct CloseOnDrop(Arc<Gate>);

impl Drop for CloseOnDrop {
    fn drop(&mut self) {
        self.0.advance(Phase::Cut);
    }
}

fn listen(addr: SocketAddr) -> io::Result<Watched<TcpListener>> {
    let listener = std::net::TcpListener::bind(addr)?;
    listener.set_nonblocking(true)?;
    Watched::new(TcpListener::from_std(listener), Worker::next()?, Interest::READABLE)
}

async fn accept_loop<State: Clone + Send + Sync + 'static>(listener: Watched<TcpListener>, door: Arc<Door<State>>) {
    let (mut ear, mut turn) = (None, 0_usize);
    loop {
        let accepted = async {
            let accepted = poll_fn(|cx| listener.poll_read(cx, TcpListener::accept, |_| false)).await;
            Some(accepted.and_then(|(socket, peer)| Ok((Stream::new(socket, Worker::next()?)?, peer))))
        };
        let drained = async {
            door.gate.wait_for(Phase::Draining, &mut ear).await;
            None
        };
        // First the question whether the house is closed: a flood of connections must not keep it open.
        match drained.or(accepted).await {
            None => return,
            Some(Ok((stream, peer))) => {
                admit(&door, stream, peer);
                turn += 1;
                if turn % ACCEPTS == 0 {
                    yield_now().await;
                }
            }
            Some(Err(error)) if is_about_one_connection(&error) => {}
            Some(Err(error)) => {
                log::warn!("cannot accept connections, pausing: {error}");
                let drained = door.gate.wait_for(Phase::Draining, &mut ear);
                within(door.config.accept_pause, drained).await;
            }
        }
    }
}

fn is_about_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}

fn admit<State: Clone + Send + Sync + 'static>(door: &Arc<Door<State>>, stream: Stream, peer: SocketAddr) {
    // A response that waits for the acknowledgement of the one before costs 40 ms. Fails only if the peer is gone already.
    let _ = stream.set_nodelay();
    if let Some(permit) = door.gate.admit(peer.ip()) {
        stream.worker().spawn(serve(door.clone(), stream, peer, permit)).detach();
    } else if let Some(refused) = door.gate.refuse() {
        log::debug!("{peer}: no room");
        stream.worker().spawn(turn_away(stream, door.config.clone(), refused)).detach();
    }
}

/// Tells a client that there is no room for it.
async fn turn_away(stream: Stream, config: Arc<FrontConfig>, _refused: Refused) {
    let link = Link::new(stream, config);
    let refusal = Refusal::new(StatusCode::ServiceUnavailable, "too many connections");
    if link.answer(&refusal.answer(), Asked { close: true, ..Asked::default() }).await.is_ok() {
        link.linger().await;
    }
}

impl<State> fmt::Debug for FrontListener<State> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FrontListener").field("front", &self.front).finish_non_exhaustive()
    }
}

impl<State> fmt::Display for FrontListener<State> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, addr) in self.front.addrs.iter().enumerate() {
            write!(f, "{}http://{addr}", if n == 0 { "" } else { ", " })?;
        }
        Ok(())
    }
}
