//! What becomes of a connection that stops speaking HTTP, and what an endpoint may know of one that still does. Refuses to
//! know the other protocol.
use super::gate::Permit;
use super::received::Received;
use super::stream::Stream;
use futures_lite::{AsyncRead, AsyncWrite};
use std::io;
use std::net::{Shutdown, SocketAddr};
use std::pin::Pin;
use std::task::{Context, Poll};

/// Who is at the other end; an extension of every request (`req.ext::<Peer>()`).
#[derive(Debug, Clone)]
pub struct Peer {
    /// The client's address, or that of the proxy in front.
    pub addr: SocketAddr,
    /// The request's socket, so that whoever upgraded the connection can write to it without going through the upgraded
    /// stream. Reading here, or writing before the 101 is out, garbles the conversation. Closed together with the connection,
    /// whoever holds a clone; the descriptor stays in use until the last clone is dropped.
    pub stream: Stream,
}

/// The socket of an upgraded connection, with the bytes that came too early in front. Keeps the connection's place under the
/// caps until it is dropped.
#[derive(Debug)]
pub(super) struct Upgraded {
    stream: Stream,
    early: Received,
    _permit: Permit,
}

impl Upgraded {
    pub(super) fn new(stream: Stream, early: Received, mut permit: Permit) -> Self {
        permit.upgraded();
        Self { stream, early, _permit: permit }
    }
}

impl Drop for Upgraded {
    fn drop(&mut self) {
        // Others may hold clones of the stream, which would keep it open.
        let _ = self.stream.shutdown(Shutdown::Both);
    }
}

impl AsyncRead for Upgraded {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, out: &mut [u8]) -> Poll<io::Result<usize>> {
        if !self.early.is_empty() {
            let n = out.len().min(self.early.unread().len());
            out[..n].copy_from_slice(&self.early.unread()[..n]);
            self.early.consume(n);
            return Poll::Ready(Ok(n));
        }
        Pin::new(&mut &self.stream).poll_read(cx, out)
    }
}

impl AsyncWrite for Upgraded {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut &self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut &self.stream).poll_flush(cx)
    }

    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut &self.stream).poll_close(cx)
    }
}
