//! The server's own listener, as tide wants one: what is not for the server goes to the tide application.

use crate::application::Tide;
use crate::bind::bind;
use crate::driver::Driver;
use crate::server::{LOOK, Server, Threads};
use async_std::channel::Receiver;
use async_std::task::sleep;
use async_trait::async_trait;
use futures_lite::FutureExt as _;
use std::fmt;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;
use tide::listener::{ListenInfo, Listener, ToListener};

/// How long clients may take to hear that the application has panicked.
const PATIENCE: Duration = Duration::from_secs(2);

/// A listener for a tide application. The server has its own requests before the application sees any; they do not pass its
/// routes or middleware. Dropping it, or the future of its `accept`, stops listening and ends the connections that speak HTTP.
///
/// What an endpoint can rely on:
/// - Its future is dropped as soon as the client goes, or its request's body turns out to be malformed, too long or too slow
///   (which the client is told). `Drop` is the place to notice.
/// - A panic is answered with 500 and ends that connection only.
/// - Request bodies are streamed: what an endpoint does not read is not received, but for a little.
/// - Request trailers are checked and thrown away; response trailers are not sent.
/// - Bytes beyond ASCII in header values, which http-types has no room for, are percent-encoded: `é` in UTF-8 is `%C3%A9`. No field
///   is left out, so that no client can hide one from an endpoint that looks whether it is there.
/// - The path is normalised, as URLs are; the server's own is not.
#[derive(Clone, Debug)]
pub struct Listen {
    driver: Driver,
    threads: Arc<Threads>,
    addresses: Vec<SocketAddr>,
}

impl<A> Server<A> {
    /// A listener for a tide application, whose requests it gets but for the server's own: see [`Listen`].
    #[must_use]
    pub fn listener(&self, addresses: impl IntoIterator<Item = impl Into<SocketAddr>>) -> Listen {
        let addresses = addresses.into_iter().map(Into::into).collect();
        Listen { driver: self.driver.clone(), threads: self.threads.clone(), addresses }
    }
}

impl<State: Clone + Send + Sync + 'static> ToListener<State> for Listen {
    type Listener = Listening;

    fn to_listener(self) -> io::Result<Self::Listener> {
        Ok(Listening { listen: self, bound: None })
    }
}

/// A [`Listen`] that has been bound, or is to be.
pub struct Listening {
    listen: Listen,
    bound: Option<Vec<TcpListener>>,
}

#[async_trait]
impl<State: Clone + Send + Sync + 'static> Listener<State> for Listening {
    async fn bind(&mut self, app: tide::Server<State>) -> io::Result<()> {
        let Listen { driver, threads, addresses } = &self.listen;
        let mut listeners = Vec::new();
        for address in addresses {
            let named = |error: io::Error| io::Error::new(error.kind(), format!("cannot listen on {address}: {error}"));
            listeners.push(bind(*address).map_err(named)?);
        }
        if listeners.is_empty() {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "no address to listen on"));
        }
        for listener in &listeners {
            threads.add_address(listener.local_addr()?);
        }
        driver.set_application(Arc::new(Tide(app)));
        self.bound = Some(listeners);
        Ok(())
    }

    /// Ends well after [`Server::shut_down`](crate::Server::shut_down), and with an error when the server's application has panicked
    /// and its clients have been told, which they get 2 s for.
    async fn accept(&mut self) -> io::Result<()> {
        let Some(listeners) = self.bound.take() else {
            return Err(io::Error::new(io::ErrorKind::NotConnected, "`accept` without `bind`"));
        };
        let threads = self.listen.threads.clone();
        for listener in listeners {
            threads.reactor.listen(listener)?;
        }
        let closed: Receiver<()> = threads.closed.clone();
        let _stops = StopOnDrop(threads);
        let ended = async {
            // Nothing is ever sent: it is closed when the server has shut down.
            let _ = closed.recv().await;
            false
        };
        let failed = async {
            self.listen.driver.until_failed().await;
            true
        };
        if !ended.or(failed).await {
            return Ok(());
        }
        let told = async {
            while (self.listen.threads.sessions)() > 0 {
                sleep(LOOK).await;
            }
        };
        told.or(sleep(PATIENCE)).await;
        Err(io::Error::other("the application panicked"))
    }

    fn info(&self) -> Vec<ListenInfo> {
        let addresses = self.listen.threads.addresses();
        addresses.iter().map(|address| ListenInfo::new(format!("http://{address}"), "tcp".into(), false)).collect()
    }
}

/// When nobody waits for connections any more, none are accepted, and those that were end.
struct StopOnDrop(Arc<Threads>);

impl Drop for StopOnDrop {
    fn drop(&mut self) {
        self.0.reactor.unlisten();
        (self.0.cut)();
    }
}

impl fmt::Debug for Listening {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Listening").field("listen", &self.listen).finish_non_exhaustive()
    }
}

impl fmt::Display for Listening {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, address) in self.listen.addresses.iter().enumerate() {
            write!(f, "{}http://{address}", if n == 0 { "" } else { ", " })?;
        }
        Ok(())
    }
}
