//! A connection's socket: how the host writes to it, and what has happened to it that nobody has seen to.

use super::Reactor;
use mio::net::TcpStream;
use sanket_host::host::{Interest, Socket};
use std::io::{self, Write as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};

/// What has happened to a socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct News(u8);

impl News {
    /// There is something to be read, perhaps.
    pub(super) const READABLE: Self = Self(1);
    /// It takes bytes again.
    pub(super) const WRITABLE: Self = Self(2);
    /// The peer has ended its direction, or the connection has failed: what is to be read ends.
    pub(super) const ENDED: Self = Self(4);
    /// What to wait for has changed.
    pub(super) const LOOK: Self = Self(8);
    pub(super) const NONE: Self = Self(0);
    /// Not news: the socket waits for a thread, or a thread has it.
    const TAKEN: u8 = 16;

    pub(super) fn has(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    pub(super) fn and(self, other: Self, if_so: bool) -> Self {
        if if_so { Self(self.0 | other.0) } else { self }
    }
}

/// A connection's socket.
#[derive(Debug)]
pub(super) struct Stream {
    pub(super) socket: TcpStream,
    reactor: Arc<Reactor>,
    place: usize,
    /// News, and whether the socket is taken. One thread has it at a time; whatever happens meanwhile, that thread sees before it
    /// lets go.
    news: AtomicU8,
    /// What the threads know of what is to be waited for. That it can be written to, the system says unasked.
    known: AtomicU8,
    is_shut_down: AtomicBool,
}

impl Stream {
    /// A new one, which its maker has taken. Something is there to be read, most likely.
    pub(super) fn new(socket: TcpStream, reactor: Arc<Reactor>, place: usize) -> Self {
        let news = News::READABLE.0 | News::TAKEN;
        let (news, known, is_shut_down) = (AtomicU8::new(news), AtomicU8::new(1), AtomicBool::new(false));
        Self { socket, reactor, place, news, known, is_shut_down }
    }

    /// Something has happened. Returns whether a thread is to take the socket: no other one will.
    pub(super) fn announce(&self, news: News) -> bool {
        self.news.fetch_or(news.0 | News::TAKEN, Ordering::AcqRel) & News::TAKEN == 0
    }

    /// What has happened. For the thread that has it.
    pub(super) fn take(&self) -> News {
        News(self.news.fetch_and(News::TAKEN, Ordering::AcqRel) & !News::TAKEN)
    }

    /// Lets go of the socket, with news that were not seen to, unless there is more to be done: then a thread is to take it on.
    /// Returns whether that is so.
    pub(super) fn let_go(&self, unseen: News, reads: bool) -> bool {
        let mut before = News::TAKEN;
        loop {
            let news = News(before | unseen.0);
            let goes_on = news.has(News::WRITABLE) || news.has(News::LOOK) || news.has(News::READABLE) && reads;
            let after = if goes_on { news.0 } else { news.0 & !News::TAKEN };
            match self.news.compare_exchange_weak(before, after, Ordering::AcqRel, Ordering::Acquire) {
                Ok(_) => return goes_on,
                Err(now) => before = now,
            }
        }
    }

    /// What to wait for, of which the threads know from now on: [`Socket::wake`] tells of changes.
    pub(super) fn know(&self, interest: impl Fn() -> Interest) -> Interest {
        loop {
            let now = interest();
            if self.known.load(Ordering::SeqCst) == bits(now) {
                return now;
            }
            // Somebody may change it before that, and find nothing to tell of: so it is looked at once more.
            self.known.store(bits(now), Ordering::SeqCst);
        }
    }
}

impl Stream {
    /// The write direction is to be shut down. Returns whether it was not yet.
    pub(super) fn shuts_down(&self) -> bool {
        !self.is_shut_down.swap(true, Ordering::AcqRel)
    }
}

impl Socket for Stream {
    fn try_write(&self, bytes: &[u8], last: bool) -> io::Result<usize> {
        if last { self.write_last(bytes) } else { (&self.socket).write(bytes) }
    }

    fn wake(&self, interest: Interest) {
        let bits = bits(interest);
        if self.known.swap(bits, Ordering::SeqCst) != bits && self.announce(News::LOOK) {
            self.reactor.push(self.place);
        }
    }
}

impl Stream {
    /// The end follows at once. Where the system can, both leave together: for the network stack that is half the work.
    #[cfg(target_os = "linux")]
    fn write_last(&self, bytes: &[u8]) -> io::Result<usize> {
        use rustix::net::{SendFlags, send};
        Ok(send(&self.socket, bytes, SendFlags::MORE | SendFlags::NOSIGNAL)?)
    }

    #[cfg(not(target_os = "linux"))]
    fn write_last(&self, bytes: &[u8]) -> io::Result<usize> {
        (&self.socket).write(bytes)
    }
}

/// What the threads have to be told of, if it changes.
fn bits(interest: Interest) -> u8 {
    u8::from(interest.read) | u8::from(interest.shutdown) << 1 | u8::from(interest.over) << 2
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn news_are_told_from_each_other() {
        let news = News::NONE.and(News::ENDED, true).and(News::LOOK, false);
        assert!(news.has(News::ENDED) && !news.has(News::LOOK) && !news.has(News::READABLE));
    }
}
