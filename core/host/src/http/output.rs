//! Bytes that wait to be written to the peer.

/// An allocation beyond this is freed once its bytes are written.
const MAX_KEPT: usize = 256 << 10;

/// A queue of bytes that may have one boundary no write may cross.
#[derive(Default)]
pub(super) struct Output {
    bytes: Vec<u8>,
    /// Bytes at the start of `bytes` that are written.
    sent: usize,
    /// Where in `bytes` the next write has to end. At or below `sent`: at the end.
    boundary: usize,
}

/// Says how much there is, not what: sessions' credentials are in it.
impl std::fmt::Debug for Output {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} bytes", self.len())
    }
}

impl Output {
    /// What the next write may hold.
    pub(super) fn next(&self) -> &[u8] {
        let end = if self.boundary > self.sent { self.boundary } else { self.bytes.len() };
        &self.bytes[self.sent..end]
    }

    /// Bytes that are not written.
    pub(super) fn len(&self) -> usize {
        self.bytes.len() - self.sent
    }

    pub(super) fn is_empty(&self) -> bool {
        self.sent == self.bytes.len()
    }

    /// What bytes are appended to.
    pub(super) fn buffer(&mut self) -> &mut Vec<u8> {
        if self.sent > self.bytes.len() / 2 {
            self.bytes.drain(..self.sent);
            self.boundary = self.boundary.saturating_sub(self.sent);
            self.sent = 0;
        }
        &mut self.bytes
    }

    /// What is there now is written without what is appended later.
    pub(super) fn set_boundary(&mut self) {
        self.boundary = self.bytes.len();
    }

    pub(super) fn consume(&mut self, n: usize) {
        self.sent = (self.sent + n).min(self.bytes.len());
        if self.is_empty() {
            (self.sent, self.boundary) = (0, 0);
            if self.bytes.capacity() > MAX_KEPT {
                self.bytes = Vec::new();
            } else {
                self.bytes.clear();
            }
        }
    }

    /// Exchanges the allocation with `spare`, unless bytes wait in it.
    pub(super) fn swap(&mut self, spare: &mut Vec<u8>) {
        if self.is_empty() {
            spare.clear();
            std::mem::swap(&mut self.bytes, spare);
        }
    }

    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_write_ends_at_the_boundary() {
        let mut output = Output::default();
        output.buffer().extend_from_slice(b"abcd");
        output.set_boundary();
        output.buffer().extend_from_slice(b"e");
        assert_eq!((output.next(), output.len()), (&b"abcd"[..], 5));
        output.consume(3);
        // Moves what is left to the front.
        output.buffer().extend_from_slice(b"gh");
        assert_eq!((output.next(), output.len(), output.sent), (&b"d"[..], 4, 0));
        output.consume(1);
        assert_eq!(output.next(), b"egh");
        output.consume(3);
        assert!(output.is_empty() && output.next().is_empty());
        output.buffer().extend_from_slice(b"ij");
        assert_eq!(output.next(), b"ij");
    }

    #[test]
    fn allocations_are_lent_and_given_back() {
        let (mut output, mut spare) = (Output::default(), Vec::with_capacity(100));
        spare.push(b'x');
        output.swap(&mut spare);
        assert!(spare.capacity() == 0 && output.is_empty());
        output.buffer().extend_from_slice(b"abc");
        output.consume(2);
        output.swap(&mut spare);
        assert_eq!((output.next(), spare.capacity()), (&b"c"[..], 0));
        output.consume(1);
        output.swap(&mut spare);
        assert!(spare.is_empty() && spare.capacity() >= 100 && output.bytes.capacity() == 0);
        output.buffer().resize(MAX_KEPT + 1, 0);
        output.consume(usize::MAX / 2);
        assert_eq!(output.bytes.capacity(), 0);
    }
}
