//! A connection as its driver has it: what it tells a turn of the connection, what to wait for, and the end.

use super::exchange::Exchange;
use super::limiter::Permit;
use super::shared::Shared;
use super::socket::{Interest, Socket};
use super::state::Inner;
use super::trim::trim_slab;
use super::turn::{Handle, Turn};
use crate::http::Connection;
use crate::request::Peer;
use crate::sync::lock;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// A connection: what a driver has of it. Dropping it says that the connection is gone.
pub struct Line(Handle);

impl Line {
    pub(super) fn new(
        shared: Arc<Shared>,
        socket: Arc<dyn Socket>,
        peer: Peer,
        permit: Permit,
        connection: Connection,
    ) -> Self {
        let is_proxied = shared.options.is_trusted(peer.address);
        let mut lines = lock(&shared.lines);
        let entry = lines.vacant_entry();
        let inner = Arc::new(Inner::new(entry.key(), socket, peer, (permit, is_proxied), connection));
        entry.insert(Arc::downgrade(&inner));
        drop(lines);
        let line = Self(Handle::new(shared, inner));
        // From now on the host looks at it.
        line.0.enter(|held| {
            // Whoever has sent too much gets nothing through by coming again.
            let (shared, now) = (held.shared, held.agenda.now);
            let until = held.state.client.as_ref().and_then(|client| shared.addresses.debt(&client.address, now));
            held.state.throttle(until);
        });
        line
    }

    /// What the driver is to wait for. To be asked when the connection was accepted, when a turn is over that was told something
    /// of it, and when [`Socket::wake`] was called.
    #[must_use]
    pub fn interest(&self) -> Interest {
        self.0.inner.interest()
    }

    /// How many bytes were received and are not used yet, and how many wait to be written.
    #[must_use]
    pub fn buffered(&self) -> (usize, usize) {
        self.0.inner.state.with(|state| state.connection.buffered())
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        let Handle { shared, inner } = &self.0;
        let mut turn = Turn::new(shared);
        inner.is_gone.store(true, Ordering::Release);
        inner.enter(shared, &mut turn.agenda, false, |held| held.state.connection.end_of_stream(held.agenda.now));
        let mut lines = lock(&shared.lines);
        lines.try_remove(inner.place);
        trim_slab(&mut lines);
        drop(lines);
        inner.state.with(|state| {
            state.look.take().into_iter().for_each(|look| shared.deadlines.disarm(look));
            shared.limiter.release(&std::mem::replace(&mut state.permit, Permit::Foreign));
        });
    }
}

impl fmt::Debug for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Line").field("interest", &self.interest()).finish_non_exhaustive()
    }
}

impl Turn<'_> {
    /// Bytes were read from the connection. Any number of calls for one connection may be made in a turn, in the order in which
    /// things happened.
    pub fn receive(&mut self, line: &Line, bytes: &[u8]) {
        line.0.inner.enter(self.shared, &mut self.agenda, false, |held| {
            held.agenda.tally.bytes_received += bytes.len() as u64;
            let now = held.agenda.now;
            let is_of_one = !held.state.is_proxied || matches!(held.state.exchange, Exchange::WebSocket { .. });
            if is_of_one && let Some(client) = &held.state.client {
                let until = held.shared.addresses.received(&client.address, bytes.len(), now);
                held.state.throttle(until);
            }
            held.state.connection.receive(bytes, now);
        });
    }

    /// The peer has ended its direction, or reading failed with another error than that there is nothing now
    /// ([`WouldBlock`](std::io::ErrorKind::WouldBlock), [`Interrupted`](std::io::ErrorKind::Interrupted)).
    pub fn end_of_stream(&mut self, line: &Line) {
        line.0.inner.enter(self.shared, &mut self.agenda, false, |held| {
            held.state.connection.end_of_stream(held.agenda.now);
        });
    }

    /// The socket, which took less than there was, can be written to again.
    pub fn writable(&mut self, line: &Line) {
        line.0.inner.enter(self.shared, &mut self.agenda, false, |held| held.state.is_blocked = false);
    }
}
