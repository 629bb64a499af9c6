//! A connection's socket, shared by whoever reads it, writes to it, or only waits for it. Knows when there is nothing to be
//! read without asking the system: it gave less than there was room for.
use crate::workers::{Watched, Worker};
use futures_lite::{AsyncRead, AsyncWrite};
use mio::Interest;
use mio::net::TcpStream;
use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

/// The socket of a connection. Clones are the same socket.
#[derive(Debug, Clone)]
pub struct Stream(Arc<Watched<TcpStream>>);

impl Stream {
    pub(super) fn new(socket: TcpStream, worker: &'static Worker) -> io::Result<Self> {
        Watched::new(socket, worker, Interest::READABLE | Interest::WRITABLE).map(|watched| Self(Arc::new(watched)))
    }

    /// Whose thread waits for it, and should run what reads it.
    pub(super) fn worker(&self) -> &'static Worker {
        self.0.worker()
    }

    fn socket(&self) -> &TcpStream {
        self.0.socket()
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

    /// The same of what the connection's end follows at once. Where the system can, both leave together: for the network
    /// stack that is half the work.
    #[cfg(target_os = "linux")]
    pub(crate) fn send_last(&self, bytes: &[u8]) -> io::Result<usize> {
        use rustix::net::{SendFlags, send};
        Ok(send(self.socket(), bytes, SendFlags::MORE | SendFlags::NOSIGNAL)?)
    }

    #[cfg(not(target_os = "linux"))]
    pub(crate) fn send_last(&self, bytes: &[u8]) -> io::Result<usize> {
        self.send(bytes)
    }
}

impl AsyncRead for &Stream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        let room = buf.len();
        // Nothing at all is the end, which is there to be read again.
        self.0.poll_read(cx, |mut socket| socket.read(buf), |n| (1..room).contains(n))
    }
}

impl AsyncWrite for &Stream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.0.poll_write(cx, |mut socket| socket.write(buf))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(self.shutdown(Shutdown::Write))
    }
}
