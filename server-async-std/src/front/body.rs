//! A request body as an endpoint sees it: something to read. Refuses to know where the bytes come from and who limits them.
use super::inbound::{Shared, lock};
use futures_lite::{AsyncBufRead, AsyncRead};
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

/// What `AsyncBufRead` looks ahead; allocated when it is used, which few endpoints do.
const BUFFER: usize = 8 * 1024;

pub(crate) struct RequestBody {
    inbound: Shared,
    ticket: u64,
    length: Option<usize>,
    buffer: Vec<u8>,
    used: usize,
}

impl RequestBody {
    pub(super) fn new(inbound: Shared, ticket: u64, length: Option<usize>) -> Self {
        Self { inbound, ticket, length, buffer: Vec::new(), used: 0 }
    }

    /// How long it is, if the head says so.
    pub(crate) fn length(&self) -> Option<usize> {
        self.length
    }
}

impl AsyncRead for RequestBody {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, out: &mut [u8]) -> Poll<io::Result<usize>> {
        if self.used < self.buffer.len() {
            let n = out.len().min(self.buffer.len() - self.used);
            out[..n].copy_from_slice(&self.buffer[self.used..self.used + n]);
            self.consume(n);
            return Poll::Ready(Ok(n));
        }
        let Self { inbound, ticket, .. } = &*self;
        lock(inbound).poll_body(*ticket, cx, out)
    }
}

impl AsyncBufRead for RequestBody {
    fn poll_fill_buf(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<&[u8]>> {
        let Self { inbound, ticket, buffer, used, .. } = self.get_mut();
        if *used == buffer.len() {
            *used = 0;
            buffer.resize(BUFFER, 0);
            let read = lock(inbound).poll_body(*ticket, cx, buffer);
            buffer.truncate(if let Poll::Ready(Ok(n)) = read { n } else { 0 });
            ready!(read)?;
        }
        Poll::Ready(Ok(&buffer[*used..]))
    }

    fn consume(mut self: Pin<&mut Self>, n: usize) {
        self.used = (self.used + n).min(self.buffer.len());
    }
}

impl Drop for RequestBody {
    fn drop(&mut self) {
        lock(&self.inbound).abandon(self.ticket);
    }
}
