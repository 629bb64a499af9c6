//! Bytes that came and were not used yet. Holds no memory while there are none, so that an idle connection costs little.
//! Refuses to know what the bytes mean.
use super::stream::Stream;
use futures_lite::AsyncRead;
use std::cell::RefCell;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

/// How much is read at once.
const READ: usize = 8 * 1024;

thread_local! {
    /// What was read, until it is clear how much it is. One for all connections of a thread: each of its own would have to be
    /// there while the connection waits, and one on the stack would be zeroed for each read.
    static CHUNK: RefCell<Box<[u8]>> = RefCell::new(vec![0; READ].into());
}

#[derive(Debug, Default)]
pub(super) struct Received {
    data: Vec<u8>,
    /// `data` before this was used; moved away only now and then, for many small pieces are taken out of few big ones.
    used: usize,
}

impl Received {
    pub(super) fn unread(&self) -> &[u8] {
        &self.data[self.used..]
    }

    pub(super) fn is_empty(&self) -> bool {
        self.used == self.data.len()
    }

    pub(super) fn consume(&mut self, n: usize) {
        self.used = (self.used + n).min(self.data.len());
        if self.is_empty() {
            *self = Self::default();
        }
    }

    pub(super) fn push(&mut self, bytes: &[u8]) {
        if self.used > self.data.len() / 2 {
            self.data.drain(..self.used);
            self.used = 0;
        }
        self.data.extend_from_slice(bytes);
    }

    /// Reads what the socket has, at most `limit` bytes; 0 is the end of the stream.
    pub(super) fn poll_fill(
        &mut self,
        mut stream: &Stream,
        cx: &mut Context<'_>,
        limit: usize,
    ) -> Poll<io::Result<usize>> {
        CHUNK.with_borrow_mut(|chunk| {
            let n = ready!(Pin::new(&mut stream).poll_read(cx, &mut chunk[..limit.min(READ)]))?;
            self.push(&chunk[..n]);
            Poll::Ready(Ok(n))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_used_is_gone_and_the_memory_with_it() {
        let mut received = Received::default();
        received.push(b"abcdef");
        received.consume(4);
        assert_eq!(received.unread(), b"ef");
        received.push(b"gh");
        assert_eq!(received.unread(), b"efgh");
        received.consume(1);
        assert_eq!(received.unread(), b"fgh");
        received.consume(3);
        assert!(received.is_empty());
        received.push(b"xyz");
        received.consume(usize::MAX / 2);
        assert!(received.is_empty() && received.data.capacity() == 0);
    }
}
