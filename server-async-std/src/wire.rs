//! A WebSocket's connection as tungstenite sees it. It can be read from only so much in a turn: neither async-std nor
//! tungstenite ends a task's turn while there is something to read, so as many clients as there are threads could keep all the
//! others out by sending without a pause: empty fragments, pings, anything. What tungstenite writes goes out by the
//! [`Outlet`](crate::outlet::Outlet), in line with everybody else. Knows bytes, not frames.

use crate::shared::Line;
use futures_lite::{AsyncRead, AsyncWrite};
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

/// Bytes of one turn: a few milliseconds at worst, if they are frames of one byte.
const TURN: usize = 16 << 10;

#[derive(Debug)]
pub(crate) struct Wire<T> {
    io: T,
    line: Arc<Line>,
    left: usize,
}

impl<T> Wire<T> {
    pub(crate) fn new(io: T, line: Arc<Line>) -> Self {
        Self { io, line, left: TURN }
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

impl<T: AsyncRead + Unpin> AsyncRead for Wire<T> {
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

impl<T: AsyncWrite + Unpin> AsyncWrite for Wire<T> {
    /// Takes everything: what the socket does not take waits in the outlet, until it is flushed.
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.line.outlet.lock().send(buf);
        Poll::Ready(Ok(buf.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Self { io, line, .. } = self.get_mut();
        ready!(line.outlet.lock().poll_drain(Pin::new(io), cx))?;
        Pin::new(io).poll_flush(cx)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.as_mut().poll_flush(cx))?;
        Pin::new(&mut self.io).poll_close(cx)
    }
}
