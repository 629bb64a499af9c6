//! A connection's socket: how the host writes to it, and the news of it.

use super::news::{Board, News};
use super::threads::Threads;
use mio::net::TcpStream;
use sanket_host::host::{Interest, Socket};
use std::io::{self, Write as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// A connection's socket.
#[derive(Debug)]
pub(super) struct Stream {
    pub(super) socket: TcpStream,
    pub(super) board: Board,
    threads: Arc<Threads>,
    place: usize,
    is_shut_down: AtomicBool,
}

impl Stream {
    /// A new one, which its maker has taken. Something is there to be read, most likely.
    pub(super) fn new(socket: TcpStream, threads: Arc<Threads>, place: usize) -> Self {
        let board = Board::taken(News::READABLE, bits(Interest { read: true, ..Interest::default() }));
        Self { socket, board, threads, place, is_shut_down: AtomicBool::new(false) }
    }

    /// What to wait for, of which the threads know from now on: [`Socket::wake`] tells of changes.
    pub(super) fn know(&self, interest: impl Fn() -> Interest) -> Interest {
        let bits = self.board.know(|| bits(interest()));
        Interest { read: bits & READ != 0, write: false, shutdown: bits & SHUTDOWN != 0, over: bits & OVER != 0 }
    }

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
        if self.board.tell(bits(interest)) {
            self.threads.push(self.place);
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

const READ: u8 = 1;
const SHUTDOWN: u8 = 2;
const OVER: u8 = 4;

/// What the threads have to be told of, if it changes. That a socket can be written to, the system says unasked.
fn bits(interest: Interest) -> u8 {
    let bit = |is_set: bool, bit: u8| if is_set { bit } else { 0 };
    bit(interest.read, READ) | bit(interest.shutdown, SHUTDOWN) | bit(interest.over, OVER)
}
