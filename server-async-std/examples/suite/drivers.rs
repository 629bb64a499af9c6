//! The suites' servers on other runtimes: the examples of `sanket-host`, as they are, with a route for tests.

#[allow(dead_code, reason = "its `main`")]
#[path = "../../../core/host/examples/axum/main.rs"]
mod on_axum;
#[allow(dead_code, reason = "its `main`")]
#[path = "../../../core/host/examples/smol.rs"]
mod on_smol;
#[allow(dead_code, reason = "its `main`")]
#[path = "../../../core/host/examples/threads.rs"]
mod on_threads;
#[allow(dead_code, reason = "its `main`")]
#[path = "../../../core/host/examples/tokio.rs"]
mod on_tokio;

use crate::{announce, signals};
use futures_lite::StreamExt as _;
use sanket::App;
use sanket_host::host::application::Request;
use sanket_host::host::{Host, Setup};
use sanket_host::http::Response;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, OnceLock};

/// The host, as soon as there is one: its driver, which answers `/sessions`, comes first.
type Known<A> = Arc<OnceLock<Host<A>>>;

/// Tells tests that want to know whether anything is left.
fn application<A: 'static>(known: Known<A>) -> impl Fn(Request) + Send + Sync + 'static
where
    Host<A>: Send + Sync,
{
    move |request| match known.get() {
        Some(host) if &*request.head.target == "/sessions" => {
            let mut response = Response::new(http::StatusCode::OK);
            response.content_type = Some("text/plain");
            response.body = host.sessions().to_string().into();
            request.responder.respond(&response);
        }
        _ => request.not_found(),
    }
}

fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let listener = sanket_async_std::bind(address)?;
    announce(listener.local_addr()?);
    Ok(listener)
}

pub(crate) fn tokio<A: App + Send + 'static>(app: A, setup: Setup, addresses: &[SocketAddr]) -> io::Result<()> {
    tokio::runtime::Runtime::new()?.block_on(async {
        let known = Known::default();
        let driver = on_tokio::Tokio::new(application(known.clone()));
        let host = Host::new(app, setup, driver.clone());
        let _ = known.set(host.clone());
        let mut signals = signals()?;
        for address in addresses {
            let listener = listen(*address)?;
            listener.set_nonblocking(true)?;
            let listener = tokio::net::TcpListener::from_std(listener)?;
            tokio::spawn(on_tokio::accept(host.clone(), listener));
        }
        on_tokio::serve(host, driver, signals.next()).await;
        Ok(())
    })
}

pub(crate) fn smol<A: App + Send + 'static>(app: A, setup: Setup, addresses: &[SocketAddr]) -> io::Result<()> {
    let known = Known::default();
    let driver = on_smol::Smol::new(application(known.clone()));
    let host = Host::new(app, setup, driver.clone());
    let _ = known.set(host.clone());
    let mut signals = signals()?;
    for address in addresses {
        let listener = smol::Async::new(listen(*address)?)?;
        smol::spawn(on_smol::accept(host.clone(), listener)).detach();
    }
    smol::block_on(on_smol::serve(host, driver, signals.next()));
    Ok(())
}

pub(crate) fn threads<A: App + Send + 'static>(app: A, setup: Setup, addresses: &[SocketAddr]) -> io::Result<()> {
    let known = Known::default();
    let driver = on_threads::Threads::new(application(known.clone()));
    let host = Host::new(app, setup, driver.clone());
    let _ = known.set(host.clone());
    let mut signals = signals()?;
    for address in addresses {
        let (host, listener) = (host.clone(), listen(*address)?);
        std::thread::spawn(move || on_threads::accept(&host, &listener));
    }
    on_threads::serve(host, driver, || _ = async_std::task::block_on(signals.next()));
    Ok(())
}

pub(crate) fn axum<A: App + Send + 'static>(app: A, setup: Setup, addresses: &[SocketAddr]) -> io::Result<()> {
    tokio::runtime::Runtime::new()?.block_on(async {
        let driver = on_axum::Tokio::new();
        let host = Host::new(app, setup, driver.clone());
        tokio::spawn(on_axum::keep_time(host.clone(), driver));
        let counted = host.clone();
        let sessions = axum::routing::get(async move || counted.sessions().to_string());
        let application = on_axum::mount(host.clone(), axum::Router::new().route("/sessions", sessions));
        let mut serving = tokio::task::JoinSet::new();
        for address in addresses {
            let mut signals = signals()?;
            let listener = listen(*address)?;
            listener.set_nonblocking(true)?;
            let listener = tokio::net::TcpListener::from_std(listener)?;
            let stop = async move { signals.next().await };
            serving.spawn(on_axum::serve(host.clone(), application.clone(), listener, stop));
        }
        serving.join_all().await;
        Ok(())
    })
}
