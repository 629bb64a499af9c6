//! What the host needs of async-std: the time, tasks for the application's requests, threads for long work.

use crate::clock::Clock;
use crate::reactor::Reactor;
use async_std::channel::{Receiver, Sender, bounded};
use async_std::task::{sleep, spawn, spawn_blocking};
use sanket::{Task, Time};
use sanket_host::host::application::Request;
use sanket_host::host::{self, Job};
use std::fmt;
use std::process::exit;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

/// How long clients may take to hear that their sessions are closed before the process ends.
const FAREWELL: Duration = Duration::from_secs(1);

/// The application around the server. Clones are the same.
#[derive(Clone, Debug)]
pub(crate) struct Driver(Arc<Inside>);

struct Inside {
    clock: Clock,
    reactor: Reactor,
    application: RwLock<Option<Arc<dyn Application>>>,
    /// Closed when the server's own application has panicked.
    failed: (Sender<()>, Receiver<()>),
    /// Somebody has heard of that, and sees to the end.
    is_known: AtomicBool,
}

/// Whoever responds to requests that are not the server's.
pub(crate) trait Application: Send + Sync {
    fn request(&self, request: Request);
}

impl Driver {
    pub(crate) fn new(reactor: Reactor) -> Self {
        let (application, is_known) = (RwLock::new(None), AtomicBool::new(false));
        Self(Arc::new(Inside { clock: Clock::new(), reactor, application, failed: bounded(1), is_known }))
    }

    pub(crate) fn set_application(&self, application: Arc<dyn Application>) {
        *self.0.application.write().unwrap_or_else(PoisonError::into_inner) = Some(application);
    }

    /// Waits until the server's own application panics.
    pub(crate) async fn until_failed(&self) {
        // Nothing is ever sent.
        let _ = self.0.failed.1.recv().await;
        self.0.is_known.store(true, Ordering::Release);
    }

    /// The clock that the host's times are read from.
    pub(crate) fn clock(&self) -> Clock {
        self.0.clock
    }
}

impl host::Driver for Driver {
    fn now(&self) -> Time {
        self.0.clock.now()
    }

    fn wake(&self) {
        self.0.reactor.wake_timer();
    }

    fn request(&self, request: Request) {
        let application = self.0.application.read().unwrap_or_else(PoisonError::into_inner).clone();
        match application {
            Some(application) => application.request(request),
            None => request.not_found(),
        }
    }

    /// Whoever waits for it sees to the end. If nobody does, the process ends: it would let nobody in, and look alive.
    fn failed(&self) {
        self.0.failed.0.close();
        let inside = self.0.clone();
        spawn(async move {
            sleep(FAREWELL).await;
            if !inside.is_known.load(Ordering::Acquire) {
                log::error!("nobody waits for `Server::failed`: the process ends");
                log::logger().flush();
                exit(101);
            }
        });
    }

    fn offer(&self, sends: usize) {
        self.0.reactor.offer(sends);
    }

    fn run(&self, job: Job) {
        drop(spawn_blocking(job));
    }

    fn spawn(&self, task: Task) {
        drop(spawn(task));
    }
}

impl fmt::Debug for Inside {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inside").finish_non_exhaustive()
    }
}
