//! A Socket.IO server as something that is started, mounted on tide applications, and closed.

use crate::http::Endpoint;
use crate::origin::Origins;
use crate::shared::Shared;
use crate::tasks::{run_hub, watch_deadlines};
use async_std::task::{JoinHandle, sleep, spawn};
use sanket::{App, Config, Hub, Shard};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::available_parallelism;
use std::time::{Duration, Instant};

/// How often a closing server looks whether its sessions are gone.
const LOOK: Duration = Duration::from_millis(10);

/// A running Socket.IO server. Clones are the same server.
#[derive(Clone, Debug)]
pub struct Server {
    shared: Arc<Shared>,
    origins: Arc<Origins>,
    tasks: Arc<Tasks>,
}

/// What ends with the last clone, and with the last application that it is mounted on.
#[derive(Debug)]
pub(crate) struct Tasks {
    shared: Arc<Shared>,
    deadlines: Vec<JoinHandle<()>>,
}

impl Drop for Tasks {
    fn drop(&mut self) {
        self.shared.ended.store(true, Ordering::Release);
        self.shared.hub.raise();
        for task in self.deadlines.drain(..) {
            // A task that is waiting is ended without being asked.
            spawn(task.cancel());
        }
    }
}

impl Server {
    /// Starts a server with `app` on it. It has a shard for each processor; `config.max_sessions` counts for all of them
    /// together. It goes on until the last clone is gone, and the last application that it has been mounted on.
    #[must_use]
    pub fn start(app: impl App + Send + 'static, config: Config, origins: Origins) -> Self {
        let shards = available_parallelism().map_or(1, |n| u8::try_from(n.get()).unwrap_or(u8::MAX));
        let shared = Arc::new(Shared::new(config, shards));
        let hub = Hub::new(app, shared.config.clone());
        spawn(run_hub(shared.clone(), hub));
        let deadlines = (0..shared.cells.len()).map(|index| spawn(watch_deadlines(shared.clone(), index))).collect();
        let tasks = Arc::new(Tasks { shared: shared.clone(), deadlines });
        Self { shared, origins: Arc::new(origins), tasks }
    }

    /// Serves it under `path` (`/socket.io`), with and without a slash at the end, as clients write both.
    pub fn mount<State: Clone + Send + Sync + 'static>(&self, app: &mut tide::Server<State>, path: &str) {
        let (shared, origins) = (self.shared.clone(), self.origins.clone());
        let endpoint = Endpoint { shared, origins, _tasks: self.tasks.clone() };
        let path = path.trim_end_matches('/');
        app.at(path).all(endpoint.clone());
        app.at(&format!("{path}/")).all(endpoint);
    }

    /// How many sessions there are.
    #[must_use]
    pub fn sessions(&self) -> usize {
        self.tasks.shared.sessions()
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
