//! A Socket.IO server as something that is started, listens, and is closed. What ties it to tide is in `listen` and `mount`.

use crate::bind::bind;
use crate::driver::Driver;
use crate::reactor::Reactor;
use async_std::channel::{Receiver, Sender, bounded};
use async_std::task::sleep;
use sanket::{App, Effects};
use sanket_host::host::{ApplyError, Host, Setup};
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::available_parallelism;
use std::time::{Duration, Instant};

/// How often a closing server looks whether its sessions are gone.
pub(crate) const LOOK: Duration = Duration::from_millis(10);

/// A running Socket.IO server with the application `A`. Clones are the same server. It ends with the last of them, and the last
/// application that it is mounted on.
pub struct Server<A> {
    pub(crate) host: Host<A>,
    pub(crate) driver: Driver,
    pub(crate) threads: Arc<Threads>,
}

impl<A> Clone for Server<A> {
    fn clone(&self) -> Self {
        Self { host: self.host.clone(), driver: self.driver.clone(), threads: self.threads.clone() }
    }
}

impl<A> fmt::Debug for Server<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server").field("host", &self.host).finish_non_exhaustive()
    }
}

/// The server has ended; nothing can be asked of its application any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ended;

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the server has ended")
    }
}

impl std::error::Error for Ended {}

/// The threads of a server, which end with it.
pub(crate) struct Threads {
    pub(crate) reactor: Reactor,
    /// Closed when the server has shut down.
    pub(crate) closed: Receiver<()>,
    _open: Sender<()>,
    /// Ends all connections that speak HTTP.
    pub(crate) cut: Box<dyn Fn() + Send + Sync>,
    /// How many sessions there are.
    pub(crate) sessions: Box<dyn Fn() -> usize + Send + Sync>,
    addresses: Mutex<Vec<SocketAddr>>,
    end: Box<dyn Fn() + Send + Sync>,
}

impl Threads {
    pub(crate) fn addresses(&self) -> Vec<SocketAddr> {
        self.lock().clone()
    }

    pub(crate) fn add_address(&self, address: SocketAddr) {
        self.lock().push(address);
    }

    fn lock(&self) -> MutexGuard<'_, Vec<SocketAddr>> {
        self.addresses.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Threads {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Threads").field("addresses", &self.addresses()).finish_non_exhaustive()
    }
}

impl Drop for Threads {
    fn drop(&mut self) {
        self.reactor.end();
        (self.end)();
    }
}

/// Defaults, with the operating system's random numbers and a shard for each processor.
#[must_use]
pub fn setup() -> Setup {
    let shards = available_parallelism().map_or(1, usize::from);
    Setup { shards, ..Setup::new(|bytes| getrandom::fill(bytes).is_ok()) }
}

impl<A: App + Send + 'static> Server<A> {
    /// Starts a server with `app` on it, and a thread for each of `setup.shards`. [`setup`] has the defaults.
    ///
    /// # Errors
    ///
    /// The system's, if it gives no threads or no descriptors for them.
    pub fn start(app: A, setup: Setup) -> io::Result<Self> {
        let (reactor, poll) = Reactor::new(setup.shards)?;
        let driver = Driver::new(reactor.clone());
        let host = Host::new(app, setup, driver.clone());
        reactor.start(poll, &host, driver.clock())?;
        let (open, closed) = bounded(1);
        let [ended, cut, counted] = [host.clone(), host.clone(), host.clone()];
        let threads = Threads {
            reactor,
            closed,
            _open: open,
            cut: Box::new(move || cut.cut()),
            sessions: Box::new(move || counted.sessions()),
            addresses: Mutex::default(),
            end: Box::new(move || ended.end()),
        };
        Ok(Self { host, driver, threads: Arc::new(threads) })
    }

    /// Lets `work` have the application and its effects, between two events of clients: whatever an application has to wait
    /// for, a database or another server, is waited for in a task, which then says so here.
    ///
    /// # Errors
    ///
    /// [`Ended`] if the application has panicked.
    pub async fn apply<R: Send + 'static>(
        &self,
        work: impl FnOnce(&mut A, &mut Effects<'_>) -> R + Send + 'static,
    ) -> Result<R, Ended> {
        let (sender, receiver) = bounded(1);
        let work = Arc::new(Mutex::new(Some(work)));
        loop {
            let (sender, work) = (sender.clone(), work.clone());
            let applied = self.host.apply(move |app, fx| {
                let work = work.lock().unwrap_or_else(PoisonError::into_inner).take();
                if let Some(work) = work {
                    // Whoever asked may have gone.
                    let _ = sender.try_send(work(app, fx));
                }
            });
            match applied {
                Ok(()) => break,
                Err(ApplyError::Full) => sleep(LOOK).await,
                Err(_) => return Err(Ended),
            }
        }
        drop(sender);
        receiver.recv().await.map_err(|_| Ended)
    }
}

impl<A> Server<A> {
    /// Listens without any application around the server. Returns the address, with the port that the system chose.
    ///
    /// # Errors
    ///
    /// The system's.
    pub fn listen(&self, address: impl Into<SocketAddr>) -> io::Result<SocketAddr> {
        let listener = bind(address.into())?;
        let address = listener.local_addr()?;
        self.threads.reactor.listen(listener)?;
        self.threads.add_address(address);
        Ok(address)
    }

    /// The addresses that are listened on, with the ports that the system chose.
    #[must_use]
    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.threads.addresses()
    }

    /// The host that this drives, with its counters.
    #[must_use]
    pub fn host(&self) -> &Host<A> {
        &self.host
    }

    /// Waits until the application panics, which closes all sessions. There is nothing to be done then but to end. The `accept` of a
    /// [`Server::listener`] ends with an error then. If nobody waits for either, the process ends with status 101.
    pub async fn failed(&self) {
        self.driver.until_failed().await;
    }

    /// Closes every session and takes no more. Clients are told, and what is queued for them goes out. Returns when all sessions
    /// are gone and all their WebSockets are closed, or after `patience`; whether they are.
    pub async fn close(&self, patience: Duration) -> bool {
        self.drain(Duration::ZERO, patience).await
    }

    /// Takes no more sessions, and closes those that there are, each at a moment of its own within `over`, so that their clients do
    /// not come back all at once. Returns as [`Server::close`] does, `patience` after the last was closed at the latest.
    pub async fn drain(&self, over: Duration, patience: Duration) -> bool {
        self.host.drain_sessions(u64::try_from(over.as_millis()).unwrap_or(u64::MAX));
        self.until(over.saturating_add(patience), || self.host.sessions() == 0 && self.host.websockets() == 0).await
    }

    /// Stops listening, and closes connections when their requests are answered, at the latest after
    /// [`HttpConfig::drain_deadline`](crate::HttpConfig::drain_deadline). WebSockets are left alone: they end with their
    /// sessions.
    pub async fn shut_down(&self) {
        self.threads.reactor.unlisten();
        self.host.drain();
        while self.host.http_connections() > 0 {
            sleep(LOOK).await;
        }
        self.threads.closed.close();
    }

    async fn until(&self, patience: Duration, is_done: impl Fn() -> bool) -> bool {
        let deadline = Instant::now().checked_add(patience);
        while !is_done() {
            if deadline.is_some_and(|deadline| Instant::now() >= deadline) {
                return false;
            }
            sleep(LOOK).await;
        }
        true
    }
}
