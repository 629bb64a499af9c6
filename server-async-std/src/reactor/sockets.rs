//! All sockets of a server, by the numbers that the system knows them by.

use super::listener::{self, Listening, Paused};
use super::news::News;
use super::stream::Stream;
use mio::net::TcpListener;
use mio::{Interest, Registry, Token};
use sanket_host::host::Line;
use slab::Slab;
use std::io;
use std::mem::take;
use std::sync::{Arc, OnceLock, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

/// All sockets.
#[derive(Debug)]
pub(super) struct Sockets {
    pub(super) registry: Registry,
    entries: RwLock<Slab<Arc<Entry>>>,
    /// Listeners that pause.
    pub(super) paused: Paused,
}

/// A socket.
#[derive(Debug)]
pub(super) enum Entry {
    Listener(Listening),
    /// A listener that is closed. Its place is not used again: work for it may wait.
    Closed,
    /// The line comes after the stream, which the host makes it of.
    Connection(Arc<Stream>, OnceLock<Line>),
}

impl Sockets {
    pub(super) fn new(registry: Registry) -> Self {
        Self { registry, entries: RwLock::default(), paused: Paused::default() }
    }

    pub(super) fn read(&self) -> RwLockReadGuard<'_, Slab<Arc<Entry>>> {
        self.entries.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// For a few instructions: nothing of the host's is called meanwhile.
    pub(super) fn write(&self) -> RwLockWriteGuard<'_, Slab<Arc<Entry>>> {
        self.entries.write().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn remove(&self, place: usize) {
        let removed = self.write().try_remove(place);
        drop(removed);
    }

    /// Begins to accept.
    pub(super) fn listen(&self, mut listener: TcpListener) -> io::Result<()> {
        listener::prepare(&listener)?;
        let mut entries = self.write();
        let entry = entries.vacant_entry();
        self.registry.register(&mut listener, Token(entry.key()), Interest::READABLE)?;
        entry.insert(Arc::new(Entry::Listener(Listening::new(listener))));
        Ok(())
    }

    /// Closes all listeners.
    pub(super) fn unlisten(&self) {
        for (_, entry) in &mut *self.write() {
            if matches!(**entry, Entry::Listener(_)) {
                *entry = Arc::new(Entry::Closed);
            }
        }
    }

    /// Ends everything.
    pub(super) fn clear(&self) {
        let all = take(&mut *self.write());
        drop(all);
    }
}

impl Entry {
    /// Something has happened. Returns whether a thread is to take it.
    pub(super) fn announce(&self, news: News) -> bool {
        match self {
            Self::Closed => false,
            Self::Listener(listening) => listening.board.announce(news),
            Self::Connection(stream, _) => stream.board.announce(news),
        }
    }
}
