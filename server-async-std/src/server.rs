//! A Socket.IO server as something that is started, mounted on tide applications, and closed.

use crate::direct::Handler;
use crate::front::Front;
use crate::http::Endpoint;
use crate::hub::{self, Command};
use crate::mounted::Mounted;
use crate::options::Options;
use crate::shared::{Cell, Shared};
use crate::tasks::{watch_deadlines, watch_hub};
use crate::workers::spawn_on;
use async_std::channel::{Sender, bounded};
use async_std::task::sleep;
use sanket::{App, Config, Effects, Hub, Shard};
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::available_parallelism;
use std::time::{Duration, Instant};

/// How often a closing server looks whether its sessions are gone.
const LOOK: Duration = Duration::from_millis(10);
/// Commands that may wait for the hub; whoever has one more waits too.
const COMMANDS: usize = 1_024;

/// A running Socket.IO server with the application `A` on it. Clones are the same server.
pub struct Server<A> {
    shared: Arc<Shared>,
    options: Arc<Options>,
    tasks: Arc<Tasks>,
    commands: Sender<Command<A>>,
}

impl<A> Clone for Server<A> {
    fn clone(&self) -> Self {
        let (shared, options) = (self.shared.clone(), self.options.clone());
        Self { shared, options, tasks: self.tasks.clone(), commands: self.commands.clone() }
    }
}

impl<A> fmt::Debug for Server<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server").field("shared", &self.shared).field("options", &self.options).finish_non_exhaustive()
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

/// What ends with the last clone, and with the last application that it is mounted on.
#[derive(Debug)]
pub(crate) struct Tasks {
    shared: Arc<Shared>,
}

impl Drop for Tasks {
    fn drop(&mut self) {
        self.shared.ended.store(true, Ordering::Release);
        self.shared.hub.signal().raise();
        self.shared.abandoned.store(true, Ordering::Release);
        for cell in &self.shared.cells {
            cell.timer.raise();
        }
    }
}

impl<A: App + Send + 'static> Server<A> {
    /// Starts a server with `app` on it. It has a shard for each processor; `config.max_sessions` counts for all of them
    /// together. It goes on until the last clone is gone, and the last application that it has been mounted on.
    #[must_use]
    pub fn start(app: A, config: Config, options: Options) -> Self {
        let shards = available_parallelism().map_or(1, |n| u8::try_from(n.get()).unwrap_or(u8::MAX));
        let config = Arc::new(config);
        let (commands, receiver) = bounded(COMMANDS);
        let hub = hub::Cell::new(Hub::new(app, config.clone()), receiver);
        let shared = Arc::new(Shared::new(config, shards, Box::new(hub)));
        spawn_on(0, watch_hub(shared.clone()));
        for index in 0..shared.cells.len() {
            spawn_on(index, watch_deadlines(shared.clone(), index));
        }
        let tasks = Arc::new(Tasks { shared: shared.clone() });
        Self { shared, options: Arc::new(options), tasks, commands }
    }

    /// Serves it under `path` (`/socket.io`), with and without a slash at the end, as clients write both.
    pub fn mount<State: Clone + Send + Sync + 'static>(&self, app: &mut tide::Server<State>, path: &str) {
        let endpoint = Mounted(self.endpoint());
        let path = path.trim_end_matches('/');
        for path in [path, &format!("{path}/")] {
            // For GET by name: tide would prefer somebody's wildcard for GET to a route for all methods.
            app.at(path).get(endpoint.clone()).all(endpoint.clone());
        }
    }

    /// The same, and has `front` ask it before the application. What clients see is the same, and costs about half: http-types
    /// and tide do not get to see their requests, nor does the application's middleware. Such requests as only they can read,
    /// with a host that is no plain name for example, still go through the application.
    pub fn mount_directly<State>(&self, app: &mut tide::Server<State>, front: &mut Front, path: &str)
    where
        State: Clone + Send + Sync + 'static,
    {
        self.mount(app, path);
        front.answer_directly(path, Arc::new(Handler(self.endpoint())));
    }

    fn endpoint(&self) -> Arc<Endpoint> {
        let (shared, options) = (self.shared.clone(), self.options.clone());
        Arc::new(Endpoint { shared, options, _tasks: self.tasks.clone() })
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
        let (sender, receiver) = oneshot::channel();
        let command: Command<A> = Box::new(move |app, fx| {
            // Whoever asked may have gone.
            let _ = sender.send(work(app, fx));
        });
        self.commands.send(command).await.map_err(|_| Ended)?;
        self.shared.turn_hub();
        receiver.await.map_err(|_| Ended)
    }

    /// How many sessions there are.
    #[must_use]
    pub fn sessions(&self) -> usize {
        self.tasks.shared.sessions()
    }

    /// How many requests wait for an answer: polls for something to be said, and POSTs for their bodies.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.shared.cells.iter().map(Cell::waiting).sum()
    }

    /// Waits until the application panics, which closes all sessions. There is nothing to be done then but to end.
    pub async fn failed(&self) {
        while !self.shared.failed.load(Ordering::Acquire) {
            let failing = self.shared.failing.listen();
            if !self.shared.failed.load(Ordering::Acquire) {
                failing.await;
            }
        }
    }

    /// Closes every session and takes no more. Clients are told, and what is queued for them goes out. Returns when all
    /// sessions are gone and all their WebSockets are closed, or after `patience`; whether they are.
    pub async fn close(&self, patience: Duration) -> bool {
        for cell in &self.shared.cells {
            self.shared.with(cell, Shard::shutdown);
        }
        let deadline = Instant::now() + patience;
        while self.sessions() > 0 || self.shared.living_sockets.load(Ordering::Acquire) > 0 {
            if Instant::now() >= deadline {
                return false;
            }
            sleep(LOOK).await;
        }
        true
    }
}
