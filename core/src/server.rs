//! One shard and the hub in one thread, for simulations and small drivers. A driver with several shards combines the
//! same two types, with locks.

use crate::config::Config;
use crate::engine::Output;
use crate::id::Key;
use crate::room::{App, Hub};
use crate::shard::Shard;
use crate::time::Time;
use alloc::sync::Arc;
use alloc::task::Wake;
use core::sync::atomic::{AtomicBool, Ordering};

/// A server without I/O. Tasks of the application ([`Hub::poll_task`]) are the driver's to run.
#[derive(Debug)]
pub struct Server<A> {
    /// The clients.
    pub shard: Shard,
    /// The rooms and the application.
    pub hub: Hub<A>,
    woken: Arc<Woken>,
}

/// Whether the application's waker was woken.
#[derive(Debug, Default)]
struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Release);
    }
}

impl<A: App> Server<A> {
    /// A server without clients.
    pub fn new(app: A, config: Config) -> Self {
        let (config, woken) = (Arc::new(config), Arc::<Woken>::default());
        let mut hub = Hub::new(app, config.clone());
        hub.attach(woken.clone().into());
        Self { shard: Shard::new(0, config), hub, woken }
    }

    /// Hands events to the hub and deliveries to the shard until there are none left. Wakes the application first, if its
    /// waker was woken. Outputs for the driver go to `output`.
    pub fn pump(&mut self, now: Time, mut output: impl FnMut(Key, Output)) {
        self.wake(now);
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
        self.wake(now);
        self.shard.handle_timeout(now);
        self.hub.handle_timeout(now);
    }

    /// When [`Server::handle_timeout`] is to be called next; `None` while there is no deadline. At once if the application's
    /// waker was woken.
    pub fn poll_timeout(&self) -> Option<Time> {
        if self.woken.0.load(Ordering::Acquire) {
            return Some(Time::default());
        }
        [self.shard.poll_timeout(), self.hub.poll_timeout()].into_iter().flatten().min()
    }

    fn wake(&mut self, now: Time) {
        if self.woken.0.swap(false, Ordering::AcqRel) {
            self.hub.wake(now);
        }
    }
}
