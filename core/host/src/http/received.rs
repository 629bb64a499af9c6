//! Bytes that were received and are not used yet. Holds no memory while there are none.

/// A queue of bytes: pushed at the end, consumed at the front.
#[derive(Default)]
pub(super) struct Received {
    data: Vec<u8>,
    /// Bytes at the start of `data` that are used. They are removed only now and then, because many small pieces are taken
    /// out of few big ones.
    used: usize,
}

/// Says how much there is, not what: sessions' credentials are in it.
impl std::fmt::Debug for Received {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} bytes", self.len())
    }
}

impl Received {
    pub(super) fn unread(&self) -> &[u8] {
        &self.data[self.used..]
    }

    pub(super) fn len(&self) -> usize {
        self.data.len() - self.used
    }

    pub(super) fn is_empty(&self) -> bool {
        self.used == self.data.len()
    }

    pub(super) fn consume(&mut self, n: usize) {
        self.used = (self.used + n).min(self.data.len());
        if self.is_empty() {
            self.clear();
        }
    }

    pub(super) fn push(&mut self, bytes: &[u8]) {
        if self.used > self.data.len() / 2 {
            self.data.drain(..self.used);
            self.used = 0;
        }
        self.data.extend_from_slice(bytes);
    }

    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn used_bytes_are_gone_and_their_memory_is_freed() {
        let mut received = Received::default();
        received.push(b"abcdef");
        received.consume(4);
        assert_eq!(received.unread(), b"ef");
        received.push(b"gh");
        assert_eq!((received.unread(), received.len()), (&b"efgh"[..], 4));
        received.consume(1);
        assert_eq!(received.unread(), b"fgh");
        received.consume(3);
        assert!(received.is_empty());
        received.push(b"xyz");
        received.consume(usize::MAX / 2);
        assert!(received.is_empty() && received.data.capacity() == 0);
    }
}
