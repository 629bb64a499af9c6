//! One connection's socket with the patience it is treated with: every wait for the client has its deadline here. Refuses to
//! know requests and responses.
use super::answer::Answer;
use super::config::FrontConfig;
use super::inbound::{Inbound, Loss, Shared, lock};
use super::reply::Asked;
use super::stream::Stream;
use crate::workers::within;
use futures_lite::{AsyncRead, AsyncWriteExt};
use std::future::{Future, poll_fn};
use std::io;
use std::net::Shutdown;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Poll, ready};

pub(super) struct Link {
    pub(super) stream: Stream,
    pub(super) inbound: Shared,
    pub(super) config: Arc<FrontConfig>,
    /// Whether the socket was handed on, and is not this link's to close.
    pub(super) released: bool,
}

impl Link {
    pub(super) fn new(stream: Stream, config: Arc<FrontConfig>) -> Self {
        let inbound = Arc::new(Mutex::new(Inbound::new(stream.clone(), config.clone())));
        Self { stream, inbound, config, released: false }
    }

    /// Waits for the application, and stops if the client goes or its body turns out to be unacceptable. Dropping what was
    /// waited for is how the application gets to know.
    ///
    /// Borrows the future it polls: taken by value it would lie twice in the memory of every parked connection.
    pub(super) fn watched<F: Future>(
        &self,
        mut application: Pin<&mut F>,
    ) -> impl Future<Output = Result<F::Output, Loss>> {
        poll_fn(move |cx| match application.as_mut().poll(cx) {
            Poll::Ready(output) => Poll::Ready(Ok(output)),
            Poll::Pending => lock(&self.inbound).poll_watch(cx).map(Err),
        })
    }

    /// Sends an answer. Returns whether the connection can be kept.
    pub(super) async fn answer(&self, answer: &Answer, asked: Asked) -> io::Result<bool> {
        let mut out = lock(&self.inbound).response_starts().to_vec();
        let kept = answer.encode(asked, &mut out);
        self.write(&out).await?;
        self.write(answer.long_body(asked)).await?;
        Ok(kept)
    }

    /// Sends all of it. What the socket takes at once, as it nearly always does, costs no deadline.
    pub(super) async fn write(&self, bytes: &[u8]) -> io::Result<()> {
        if bytes.is_empty() {
            return Ok(());
        }
        let sent = match self.stream.send(bytes) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => 0,
            sent => sent?,
        };
        if sent < bytes.len() { Box::pin(self.write_slowly(&bytes[sent..])).await } else { Ok(()) }
    }

    async fn write_slowly(&self, mut bytes: &[u8]) -> io::Result<()> {
        let mut stream = &self.stream;
        while !bytes.is_empty() {
            let write = within(self.config.write_stall_timeout, stream.write(bytes));
            match write.await.unwrap_or_else(|| Err(io::ErrorKind::TimedOut.into()))? {
                0 => return Err(io::ErrorKind::WriteZero.into()),
                n => bytes = &bytes[n..],
            }
        }
        Ok(())
    }

    /// After a response: throws the unread rest of the request's body away. False if the connection cannot be kept.
    pub(super) async fn drain(&self) -> bool {
        let Some(ticket) = lock(&self.inbound).end() else {
            return false;
        };
        if lock(&self.inbound).body_ended() {
            return true;
        }
        let mut left = self.config.linger_bytes;
        let drained = poll_fn(|cx| {
            let mut bin = [0; 4096];
            while left > 0 {
                match ready!(lock(&self.inbound).poll_body(ticket, cx, &mut bin)) {
                    Ok(0) => return Poll::Ready(true),
                    Ok(n) => left = left.saturating_sub(n as u64),
                    Err(_) => break,
                }
            }
            Poll::Ready(lock(&self.inbound).body_ended())
        });
        within(self.config.linger_timeout, drained).await.unwrap_or(false)
    }

    /// Says goodbye so that the client gets to read it: to close a socket with unread bytes in it makes the system send a
    /// reset, which may overtake the response. So the client is given a while to close first.
    pub(super) async fn linger(&self) {
        if self.stream.shutdown(Shutdown::Write).is_err() {
            return;
        }
        let mut left = self.config.linger_bytes;
        let end = poll_fn(|cx| {
            let mut bin = [0; 4096];
            while left > 0 {
                match ready!(Pin::new(&mut &self.stream).poll_read(cx, &mut bin)) {
                    Ok(0) | Err(_) => break,
                    Ok(n) => left = left.saturating_sub(n as u64),
                }
            }
            Poll::Ready(())
        });
        within(self.config.linger_timeout, end).await;
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        if !self.released {
            // Others may hold clones of the stream, which would keep it open.
            let _ = self.stream.shutdown(Shutdown::Both);
        }
    }
}
