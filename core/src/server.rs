//! One shard and the hub in one thread, for simulations and small drivers. A driver with several shards combines the
//! same two types, with locks.

use crate::config::Config;
use crate::engine::Output;
use crate::id::Key;
use crate::room::{App, Hub};
use crate::shard::Shard;
use crate::time::Time;
use alloc::sync::Arc;

/// A server without I/O.
#[derive(Debug)]
pub struct Server<A> {
    /// The clients.
    pub shard: Shard,
    /// The rooms and the application.
    pub hub: Hub<A>,
}

impl<A: App> Server<A> {
    /// A server without clients.
    pub fn new(app: A, config: Config) -> Self {
        let config = Arc::new(config);
        Self { shard: Shard::new(0, config.clone()), hub: Hub::new(app, config) }
    }

    /// Hands events to the hub and deliveries to the shard until there are none left. Outputs for the driver go to
    /// `output`.
    pub fn pump(&mut self, now: Time, mut output: impl FnMut(Key, Output)) {
        loop {
            while let Some((key, for_driver)) = self.shard.poll_output() {
                output(key, for_driver);
            }
            if let Some((from, event)) = self.shard.poll_event() {
                self.hub.handle(from, event, now);
            } else if self.hub.deliveries() == 0 {
                return;
            }
            while let Some((to, delivery)) = self.hub.poll_delivery() {
                self.shard.deliver(&to, delivery, now);
            }
        }
    }

    /// Handles all deadlines that are due at `now`.
    pub fn handle_timeout(&mut self, now: Time) {
        self.shard.handle_timeout(now);
        self.hub.handle_timeout(now);
    }

    /// When [`Server::handle_timeout`] is to be called next; `None` while there is no deadline.
    pub fn poll_timeout(&self) -> Option<Time> {
        [self.shard.poll_timeout(), self.hub.poll_timeout()].into_iter().flatten().min()
    }
}
