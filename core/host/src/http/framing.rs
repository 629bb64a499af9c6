//! Where a request body ends: by length or in chunks (RFC 9112, 6 and 7). Chunk extensions and trailers are checked and
//! thrown away.
use super::received::Received;
use super::refusal::Refusal;

/// Longest line of chunk framing: a size with its extensions, or a trailer.
const MAX_LINE: usize = 4 * 1024;
/// Most bytes of extensions and trailers in one body: framing that carries no content is a way to keep a server busy (Go's
/// CVE-2023-39326, Node's CVE-2024-22019).
const MAX_OVERHEAD: usize = 16 * 1024;

/// What is left of a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Framing {
    /// Nothing.
    End,
    /// So many bytes; never 0.
    Length(u64),
    Chunked(Chunked),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Chunked {
    state: ChunkState,
    overhead: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ChunkState {
    Size,
    Data(u64),
    /// The CRLF behind a chunk.
    DataEnd,
    Trailer,
}

/// What one step through the received bytes gave.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// So many bytes of content were handed over.
    Data(usize),
    /// More must be received.
    More,
    /// The body is complete; what is left in the input belongs to the next request.
    End,
}

impl Framing {
    pub(super) fn length(n: u64) -> Self {
        if n == 0 { Self::End } else { Self::Length(n) }
    }

    pub(super) fn chunked() -> Self {
        Self::Chunked(Chunked { state: ChunkState::Size, overhead: 0 })
    }

    /// Hands content that is in `input` to `sink`, one piece of at most `max` bytes. `max` must not be 0.
    pub(super) fn step(
        &mut self,
        input: &mut Received,
        max: usize,
        sink: &mut impl FnMut(&[u8]),
    ) -> Result<Step, Refusal> {
        match self {
            Self::End => Ok(Step::End),
            Self::Length(left) => {
                let (n, rest) = take(input, max, *left, sink);
                *self = Self::length(rest);
                Ok(if n == 0 { Step::More } else { Step::Data(n) })
            }
            Self::Chunked(chunked) => {
                let step = chunked.step(input, max, sink)?;
                if step == Step::End {
                    *self = Self::End;
                }
                Ok(step)
            }
        }
    }
}

/// Takes as many bytes as there are, are wanted, and belong to a piece of which `left` bytes are left. Returns how many that
/// were and how many are left.
fn take(input: &mut Received, max: usize, left: u64, sink: &mut impl FnMut(&[u8])) -> (usize, u64) {
    let n = input.len().min(max).min(usize::try_from(left).unwrap_or(usize::MAX));
    sink(&input.unread()[..n]);
    input.consume(n);
    // `n` is at most `left`.
    (n, left.saturating_sub(n as u64))
}

impl Chunked {
    fn step(&mut self, input: &mut Received, max: usize, sink: &mut impl FnMut(&[u8])) -> Result<Step, Refusal> {
        loop {
            match self.state {
                ChunkState::Data(left) => {
                    let (n, left) = take(input, max, left, sink);
                    if n == 0 {
                        return Ok(Step::More);
                    }
                    self.state = if left == 0 { ChunkState::DataEnd } else { ChunkState::Data(left) };
                    return Ok(Step::Data(n));
                }
                ChunkState::DataEnd => {
                    match input.unread() {
                        [b'\r', b'\n', ..] => input.consume(2),
                        [] | [b'\r'] => return Ok(Step::More),
                        _ => return Err(Refusal::bad("a chunk is longer than its size")),
                    }
                    self.state = ChunkState::Size;
                }
                ChunkState::Size => {
                    let Some(line) = line(input)? else {
                        return Ok(Step::More);
                    };
                    let (size, extension) = chunk_size(line)?;
                    let used = line.len();
                    self.charge(extension)?;
                    input.consume(used);
                    self.state = if size == 0 { ChunkState::Trailer } else { ChunkState::Data(size) };
                }
                ChunkState::Trailer => {
                    let Some(line) = line(input)? else {
                        return Ok(Step::More);
                    };
                    let used = line.len();
                    let last = line == b"\r\n";
                    if !last && !looks_like_a_field(line) {
                        return Err(Refusal::bad("malformed trailer"));
                    }
                    self.charge(used)?;
                    input.consume(used);
                    if last {
                        return Ok(Step::End);
                    }
                }
            }
        }
    }

    fn charge(&mut self, bytes: usize) -> Result<(), Refusal> {
        self.overhead += bytes;
        if self.overhead > MAX_OVERHEAD {
            return Err(Refusal::bad("too many bytes of chunk extensions or trailers"));
        }
        Ok(())
    }
}

/// The next line with its CRLF, if it is there. A line that ends in a bare LF is refused: where two
/// servers disagree on the end of a line, requests are smuggled.
fn line(input: &Received) -> Result<Option<&[u8]>, Refusal> {
    let bytes = input.unread();
    match bytes.iter().position(|&b| b == b'\n') {
        Some(end) if end <= MAX_LINE => match bytes[..end].strip_suffix(b"\r") {
            Some(line) if !line.contains(&b'\r') => Ok(Some(&bytes[..=end])),
            _ => Err(Refusal::bad("a line of the chunked body does not end in CRLF")),
        },
        None if bytes.len() <= MAX_LINE => Ok(None),
        _ => Err(Refusal::bad("a line of the chunked body is too long")),
    }
}

/// The size that a line gives, and the length of what follows it.
fn chunk_size(line: &[u8]) -> Result<(u64, usize), Refusal> {
    const MALFORMED: Refusal = Refusal::bad("malformed chunk size");
    let digits = line.iter().take_while(|b| b.is_ascii_hexdigit()).count();
    // httparse takes a line without a digit for 0.
    if digits == 0 || digits > 16 {
        return Err(MALFORMED);
    }
    match httparse::parse_chunk_size(line) {
        Ok(httparse::Status::Complete((used, size))) if used == line.len() => Ok((size, line.len() - digits - 2)),
        _ => Err(MALFORMED),
    }
}

fn looks_like_a_field(line: &[u8]) -> bool {
    let name = line.iter().take_while(|&&b| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b)).count();
    name > 0 && line.get(name) == Some(&b':')
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The content and the rest, however the bytes are cut.
    fn decode(bytes: &[u8], pieces: usize, room: usize) -> Result<(Vec<u8>, Vec<u8>), Refusal> {
        let (mut framing, mut input, mut content) = (Framing::chunked(), Received::default(), Vec::new());
        for piece in bytes.chunks(pieces) {
            input.push(piece);
            while let Step::Data(_) = framing.step(&mut input, room, &mut |data| content.extend_from_slice(data))? {}
        }
        if framing != Framing::End {
            content.extend_from_slice(b"...");
        }
        Ok((content, input.unread().to_vec()))
    }

    #[test]
    fn chunks_are_the_same_in_one_piece_and_byte_by_byte() {
        let bytes = b"5\r\nhello\r\n00001;a=b\r\n \r\n5 ; q=\"x\"\r\nworld\r\n0\r\nX-Sum: 1\r\nY:\r\n\r\nGET /";
        for pieces in [1, 2, 3, 7, bytes.len()] {
            for room in [1, 4, 100] {
                let (content, rest) = decode(bytes, pieces, room).unwrap();
                assert_eq!(content, b"hello world");
                assert_eq!(rest, b"GET /");
            }
        }
    }

    #[test]
    fn malformed_chunks_are_refused() {
        let cases: [&[u8]; 14] = [
            b"\r\n",
            b"x\r\n",
            b"+5\r\nhello\r\n",
            b"-1\r\n",
            b"0x5\r\nhello\r\n",
            b"5\nhello\r\n0\r\n\r\n",
            b"5;a\nb\r\nhello\r\n0\r\n\r\n",
            b"5;a\rb\r\nhello\r\n0\r\n\r\n",
            b"5\r\nhello!\r\n",
            b"5\r\nhello\n",
            b"11111111111111111\r\n",
            b";x\r\n",
            b"0\r\nGET / HTTP/1.1\r\n\r\n",
            b"0\r\n folded: x\r\n\r\n",
        ];
        for case in cases {
            for pieces in [1, case.len()] {
                assert!(decode(case, pieces, 8).is_err(), "{:?}", String::from_utf8_lossy(case));
            }
        }
    }

    #[test]
    fn framing_without_content_is_bounded() {
        let long_line = [b"1;".as_slice(), &[b'x'; MAX_LINE]].concat();
        assert!(decode(&long_line, 100, 8).is_err());
        let extensions = [b"1;".as_slice(), &[b'x'; 1000], b"\r\nx\r\n"].concat().repeat(20);
        assert!(decode(&extensions, 100, 8).is_err());
        let trailers = [b"0\r\n".to_vec(), b"a: b\r\n".repeat(5000)].concat();
        assert!(decode(&trailers, 100, 8).is_err());
        assert!(decode(&b"1\r\nx\r\n".repeat(10_000), 1000, 8).is_ok(), "small chunks are legal");
    }

    proptest::proptest! {
        #[test]
        fn bodies_are_the_same_however_they_are_cut(
            parts in proptest::collection::vec(proptest::sample::select(PARTS.to_vec()), 0..12),
            pieces in 1_usize..40,
            room in 1_usize..20,
        ) {
            let bytes = parts.concat();
            let whole = decode(&bytes, bytes.len().max(1), 1_000);
            proptest::prop_assert_eq!(decode(&bytes, 1, room), whole.clone());
            proptest::prop_assert_eq!(decode(&bytes, pieces, room), whole);
        }
    }

    /// What chunked bodies are made of, and what they should not be.
    const PARTS: [&[u8]; 14] = [
        b"5\r\nhello\r\n",
        b"1\r\n\n\r\n",
        b"2;a=b\r\n\r\n\r\n",
        b"000a ; q=\"x\"\r\n0123456789\r\n",
        b"0\r\n\r\n",
        b"0\r\nX-Sum: 1\r\n\r\n",
        b"0\r\n",
        b"A: b\r\n",
        b"\r\n",
        b"\n",
        b"\r",
        b"x",
        b"5",
        b"GET / HTTP/1.1\r\n",
    ];
}
