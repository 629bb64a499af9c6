//! A connection's socket as the host sees it, and what a driver is to wait for on it.

use std::io;

/// The write half of one connection, as the host sees it.
///
/// It is called from any thread, with locks held: it must neither block nor call back into the host.
pub trait Socket: Send + Sync + 'static {
    /// Writes what the socket takes now. `last`: the end of this direction follows at once, so that the system may wait with a
    /// segment that is not full (`MSG_MORE`); may be ignored.
    ///
    /// # Errors
    ///
    /// [`io::ErrorKind::WouldBlock`] if it takes nothing now: call [`Turn::writable`](super::Turn::writable) when it does.
    /// `Ok(0)` means the same. [`io::ErrorKind::Interrupted`] is tried again. Any other error says that nothing can be written any
    /// more; reading finds the end.
    fn try_write(&self, bytes: &[u8], last: bool) -> io::Result<usize>;

    /// What the driver is to wait for has changed, and it was not by a call of a [`Turn`](super::Turn) for this connection, after
    /// which the driver asks by itself. On any thread, the one that reads the connection included.
    fn wake(&self, interest: Interest);
}

/// What a driver is to wait for on one connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Interest {
    /// Read, and tell [`Turn::receive`](super::Turn::receive). If not, the client is ahead of the server, or has ended its
    /// direction: leave its bytes in the socket, so that TCP holds it back. A level-triggered loop takes the socket out of what it
    /// waits for; a hang-up that the system reports meanwhile is read later.
    pub read: bool,
    /// Wait until the socket can be written to, and tell [`Turn::writable`](super::Turn::writable).
    pub write: bool,
    /// Everything is written: shut the write direction down, and go on reading. Stays set; to do it again does no harm.
    pub shutdown: bool,
    /// The connection is over: shut both directions down, and drop the [`Line`](super::Line) and the socket. Whoever still
    /// responds to a request may hold the [`Socket`], so that dropping it would not close it.
    pub over: bool,
}

impl Interest {
    pub(crate) fn to_bits(self) -> u8 {
        u8::from(self.read) | u8::from(self.write) << 1 | u8::from(self.shutdown) << 2 | u8::from(self.over) << 3
    }

    pub(crate) fn from_bits(bits: u8) -> Self {
        Self { read: bits & 1 != 0, write: bits & 2 != 0, shutdown: bits & 4 != 0, over: bits & 8 != 0 }
    }
}
