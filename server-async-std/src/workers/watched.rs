//! A socket that a worker waits for, and what the system has said of it. It is announced to the system once; from then on the
//! system tells of changes only, so nothing of what it tells may be lost.

use super::{Worker, lock};
use atomic_waker::AtomicWaker;
use mio::event::{Event, Source};
use mio::{Interest, Token};
use std::fmt;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::{Context, Poll};

const READABLE: u8 = 1;
const WRITABLE: u8 = 2;
/// The peer has ended its direction: that is there to be read, however often, and will not be announced again.
const ENDED: u8 = 4;

/// What the system has said of a socket, and nobody has found otherwise since.
#[derive(Debug, Default)]
pub(super) struct Readiness {
    bits: AtomicU8,
    reader: AtomicWaker,
    writer: AtomicWaker,
}

impl Readiness {
    pub(super) fn announce(&self, event: &Event) {
        let ended = event.is_read_closed() || event.is_error();
        let readable = event.is_readable() || ended;
        let writable = event.is_writable() || event.is_write_closed() || event.is_error();
        let bit = |is, bit| if is { bit } else { 0 };
        self.bits.fetch_or(bit(ended, ENDED) | bit(readable, READABLE) | bit(writable, WRITABLE), Ordering::AcqRel);
        if readable {
            self.reader.wake();
        }
        if writable {
            self.writer.wake();
        }
    }

    fn take(&self, bit: u8) -> bool {
        self.bits.fetch_and(!bit, Ordering::AcqRel) & (bit | ENDED) != 0
    }
}

/// A socket that a worker waits for.
pub(crate) struct Watched<S> {
    socket: S,
    worker: &'static Worker,
    place: usize,
    readiness: Arc<Readiness>,
}

impl<S> fmt::Debug for Watched<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watched").field("readiness", &self.readiness).finish_non_exhaustive()
    }
}

impl<S: Source> Watched<S> {
    /// A socket that does not block, and belongs to `worker` from now on.
    ///
    /// # Errors
    ///
    /// The system's, if it has no place for one more.
    pub(crate) fn new(mut socket: S, worker: &'static Worker, interest: Interest) -> io::Result<Self> {
        let readiness = Arc::new(Readiness::default());
        let place = lock(&worker.sources).insert(readiness.clone());
        if let Err(error) = worker.registry.register(&mut socket, Token(place), interest) {
            lock(&worker.sources).remove(place);
            return Err(error);
        }
        Ok(Self { socket, worker, place, readiness })
    }
}

impl<S> Watched<S> {
    pub(crate) fn socket(&self) -> &S {
        &self.socket
    }

    pub(crate) fn worker(&self) -> &'static Worker {
        self.worker
    }

    /// Reads with `read`, when there is something. `all` tells of what was read whether it may have been all there was: then
    /// the system is not asked again before it has said that there is more.
    pub(crate) fn poll_read<R>(
        &self,
        cx: &mut Context<'_>,
        read: impl FnMut(&S) -> io::Result<R>,
        all: impl Fn(&R) -> bool,
    ) -> Poll<io::Result<R>> {
        self.poll(cx, READABLE, &self.readiness.reader, read, all)
    }

    /// Waits until the socket takes more than it did.
    pub(crate) fn poll_write<R>(
        &self,
        cx: &mut Context<'_>,
        write: impl FnMut(&S) -> io::Result<R>,
    ) -> Poll<io::Result<R>> {
        // That there is room is assumed until the system denies it.
        self.readiness.bits.fetch_or(WRITABLE, Ordering::AcqRel);
        self.poll(cx, WRITABLE, &self.readiness.writer, write, |_| false)
    }

    fn poll<R>(
        &self,
        cx: &mut Context<'_>,
        bit: u8,
        waker: &AtomicWaker,
        mut work: impl FnMut(&S) -> io::Result<R>,
        all: impl Fn(&R) -> bool,
    ) -> Poll<io::Result<R>> {
        loop {
            // Lowered before the socket is touched: what is announced meanwhile is not lost.
            if !self.readiness.take(bit) {
                waker.register(cx.waker());
                if !self.readiness.take(bit) {
                    return Poll::Pending;
                }
            }
            match work(&self.socket) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    // Then nothing has ended either.
                    self.readiness.bits.fetch_and(!ENDED, Ordering::AcqRel);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {
                    self.readiness.bits.fetch_or(bit, Ordering::AcqRel);
                }
                Ok(done) if all(&done) => return Poll::Ready(Ok(done)),
                done => {
                    self.readiness.bits.fetch_or(bit, Ordering::AcqRel);
                    return Poll::Ready(done);
                }
            }
        }
    }
}

impl<S> Drop for Watched<S> {
    /// The system forgets a socket when it is closed.
    fn drop(&mut self) {
        lock(&self.worker.sources).remove(self.place);
    }
}
