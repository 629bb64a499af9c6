//! A connection that can be read from only so much in a turn. Neither async-std nor tungstenite ends a task's turn while
//! there is something to read, so as many clients as there are threads could keep all the others out by sending without a
//! pause: empty fragments, pings, anything. Knows bytes, not frames.

use futures_lite::{AsyncRead, AsyncWrite};
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

/// Bytes of one turn: a few milliseconds at worst, if they are frames of one byte.
const TURN: usize = 16 << 10;

#[derive(Debug)]
pub(crate) struct Turns<T> {
    io: T,
    left: usize,
}

impl<T> Turns<T> {
    pub(crate) fn new(io: T) -> Self {
        Self { io, left: TURN }
    }

    /// Whether the turn is over; then the task must let others run before it begins another.
    pub(crate) fn is_over(&self) -> bool {
        self.left == 0
    }

    /// A new turn. To be called when the others have had, or are about to have, theirs.
    pub(crate) fn begin(&mut self) {
        self.left = TURN;
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for Turns<T> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        if self.is_over() {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        let len = buf.len().min(self.left);
        let n = ready!(Pin::new(&mut self.io).poll_read(cx, &mut buf[..len]))?;
        self.left -= n;
        Poll::Ready(Ok(n))
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Turns<T> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_close(cx)
    }
}
