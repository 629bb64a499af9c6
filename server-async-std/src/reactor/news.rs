//! What has happened to a socket that nobody has seen to, and which thread has the socket. Knows no socket: `tests` has it under
//! loom.

use crate::sync::{AtomicU8, Ordering, fence};

/// What has happened to a socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct News(u8);

impl News {
    pub(super) const NONE: Self = Self(0);
    /// There is something to be read, perhaps.
    pub(super) const READABLE: Self = Self(1);
    /// It takes bytes again.
    pub(super) const WRITABLE: Self = Self(2);
    /// The peer has ended its direction, or the connection has failed: what is to be read ends.
    pub(super) const ENDED: Self = Self(4);
    /// What to wait for has changed.
    pub(super) const LOOK: Self = Self(8);
    /// Not news: the socket waits for a thread, or a thread has it.
    const TAKEN: u8 = 16;

    pub(super) fn has(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    pub(super) fn and(self, other: Self, if_so: bool) -> Self {
        if if_so { Self(self.0 | other.0) } else { self }
    }
}

/// The news of a socket. One thread has the socket at a time; whatever happens meanwhile, that thread sees before it lets go.
#[derive(Debug)]
pub(super) struct Board {
    /// News, and whether the socket is taken.
    news: AtomicU8,
    /// What the threads know of what is to be waited for, as bits.
    known: AtomicU8,
}

impl Board {
    /// Of a new socket, which its maker has taken, with what it says has happened.
    pub(super) fn taken(news: News, known: u8) -> Self {
        Self { news: AtomicU8::new(news.0 | News::TAKEN), known: AtomicU8::new(known) }
    }

    /// Of a socket that no thread has.
    pub(super) fn free() -> Self {
        Self { news: AtomicU8::new(News::NONE.0), known: AtomicU8::new(0) }
    }

    /// Something has happened. Returns whether a thread is to take the socket: no other one will.
    pub(super) fn announce(&self, news: News) -> bool {
        self.news.fetch_or(news.0 | News::TAKEN, Ordering::AcqRel) & News::TAKEN == 0
    }

    /// What has happened. For the thread that has the socket.
    pub(super) fn take(&self) -> News {
        News(self.news.fetch_and(News::TAKEN, Ordering::AcqRel) & !News::TAKEN)
    }

    /// Lets go of the socket, with news that were not seen to, unless there is more to be done: then a thread is to take it on.
    /// Returns whether that is so. What is there to be read waits if it is not wanted now.
    pub(super) fn let_go(&self, unseen: News, reads: bool) -> bool {
        let mut before = News::TAKEN;
        loop {
            let news = News(before | unseen.0);
            let goes_on = news.has(News::WRITABLE) || news.has(News::LOOK) || news.has(News::READABLE) && reads;
            let after = if goes_on { news.0 } else { news.0 & !News::TAKEN };
            match self.news.compare_exchange(before, after, Ordering::AcqRel, Ordering::Acquire) {
                Ok(_) => return goes_on,
                Err(now) => before = now,
            }
        }
    }

    /// What is to be waited for, as `bits` says, is known from now on: [`Board::tell`] tells of changes. For the thread that has
    /// the socket.
    pub(super) fn know(&self, bits: impl Fn() -> u8) -> u8 {
        loop {
            let now = bits();
            if self.known.load(Ordering::SeqCst) == now {
                return now;
            }
            // Somebody may change it before that, and find nothing to tell of: so it is looked at once more. The fences, here and
            // in `tell`, make sure that one of the two sees what the other has done.
            self.known.store(now, Ordering::SeqCst);
            fence(Ordering::SeqCst);
        }
    }

    /// What is to be waited for has changed to `bits`. Returns whether a thread is to take the socket.
    pub(super) fn tell(&self, bits: u8) -> bool {
        fence(Ordering::SeqCst);
        self.known.swap(bits, Ordering::SeqCst) != bits && self.announce(News::LOOK)
    }
}
