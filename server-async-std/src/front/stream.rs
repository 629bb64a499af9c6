//! A connection's socket, shared by whoever reads it, writes to it, or only waits for it. Knows when there is nothing to be
//! read without asking the system: it gave less than there was room for.
use async_io::Async;
use futures_lite::{AsyncRead, AsyncWrite};
use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};

/// The socket of a connection. Clones are the same socket.
#[derive(Debug, Clone)]
pub struct Stream(Arc<Inside>);

#[derive(Debug)]
struct Inside {
    socket: Async<TcpStream>,
    /// The last read took all that there was: the next one waits first.
    empty: AtomicBool,
}

impl Stream {
    pub(super) fn new(socket: Async<TcpStream>) -> Self {
        Self(Arc::new(Inside { socket, empty: AtomicBool::new(false) }))
    }

    fn socket(&self) -> &TcpStream {
        self.0.socket.get_ref()
    }

    pub(super) fn local_addr(&self) -> io::Result<SocketAddr> {
        self.socket().local_addr()
    }

    /// Whether what is sent leaves at once, however little it is.
    ///
    /// # Errors
    ///
    /// The system's.
    pub fn nodelay(&self) -> io::Result<bool> {
        self.socket().nodelay()
    }

    pub(super) fn set_nodelay(&self) -> io::Result<()> {
        self.socket().set_nodelay(true)
    }

    /// Ends one direction or both, for all clones.
    ///
    /// # Errors
    ///
    /// The system's, if the connection is gone already.
    pub fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        self.socket().shutdown(how)
    }

    /// Sends what the socket takes at once.
    ///
    /// # Errors
    ///
    /// [`io::ErrorKind::WouldBlock`] if it takes nothing now; otherwise the system's.
    pub fn send(&self, bytes: &[u8]) -> io::Result<usize> {
        loop {
            match self.socket().write(bytes) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                sent => return sent,
            }
        }
    }
}

impl AsyncRead for &Stream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        let Inside { socket, empty } = &*self.0;
        loop {
            if empty.load(Ordering::Acquire) {
                ready!(socket.poll_readable(cx))?;
                empty.store(false, Ordering::Release);
            }
            match socket.get_ref().read(buf) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => empty.store(true, Ordering::Release),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Ok(n) => {
                    // Nothing at all is the end, which is there to be read again.
                    empty.store((1..buf.len()).contains(&n), Ordering::Release);
                    return Poll::Ready(Ok(n));
                }
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
    }
}

impl AsyncWrite for &Stream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        loop {
            match self.send(buf) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => ready!(self.0.socket.poll_writable(cx))?,
                sent => return Poll::Ready(sent),
            }
        }
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(self.shutdown(Shutdown::Write))
    }
}
