//! A tape: a client's bytes, with commands between them to whoever plays it. Readable, and any bytes are one, so that a fuzzer can
//! change what is said and keep it valid.
//!
//! A byte stands for itself, and the end of a line for CRLF. Behind a backslash:
//!
//! | | |
//! |---|---|
//! | `\\`, `\l` | a backslash, a bare LF |
//! | `\fX…\;` | a masked WebSocket frame; `X`: `t` text, `b` binary, `p` ping, `q` pong, `c` close, `T` and `B` without FIN, `+` a fragment, `-` the last one, others are the first byte |
//! | `\b…\;` | a chunk of a body, with its size |
//! | `\z` | the last chunk |
//! | `\L…\;` | `Content-Length`, the end of the head, and the body |
//! | `\xN` | the last byte once more, 8·N times |
//! | `\sN` | the id of the N-th session |
//! | `\|` | what is before is handed over |
//! | `\k` and other letters | a command; those in lower case have an argument, one byte: a digit is its value |

use super::frames;

/// Something on a tape.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Item {
    /// Bytes that the client sends.
    Bytes(Vec<u8>),
    /// A command and its argument; 0 if it has none.
    Do(u8, u8),
}

/// Bytes on one tape, so that a tape cannot ask for more memory than a test may have.
const MAX: usize = 64 << 10;

#[derive(Clone, Debug)]
pub(crate) struct Tape<'a> {
    rest: &'a [u8],
    made: usize,
    /// A command that comes behind bytes which were handed out.
    next: Option<Item>,
}

impl<'a> Tape<'a> {
    /// The flags in the first line, and the tape behind it.
    pub(crate) fn new(data: &'a [u8]) -> (&'a [u8], Self) {
        let (flags, rest) = match data.iter().position(|byte| *byte == b'\n') {
            Some(end) => (&data[..end], &data[end + 1..]),
            None => (data, &[][..]),
        };
        (flags, Self { rest, made: 0, next: None })
    }

    fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(*first)
    }

    /// What comes next. `sid` knows the ids of sessions.
    pub(crate) fn next(&mut self, sid: &dyn Fn(usize) -> Option<String>) -> Option<Item> {
        if let Some(item) = self.next.take() {
            return Some(item);
        }
        let mut out = Vec::new();
        // Where blocks begin, and of which kind they are.
        let mut blocks: Vec<(u8, usize)> = Vec::new();
        let mut command = None;
        while let Some(byte) = self.byte() {
            match byte {
                b'\n' => out.extend(b"\r\n"),
                b'\\' => match self.byte() {
                    None | Some(b'\\') => out.push(b'\\'),
                    Some(b'l') => out.push(b'\n'),
                    Some(kind @ (b'f' | b'b' | b'L')) => blocks.push((kind, out.len())),
                    Some(b';') => drop(blocks.pop().map(|(kind, start)| close(&mut out, kind, start))),
                    Some(b'z') => out.extend(b"0\r\n\r\n"),
                    Some(b'x') => {
                        let n = 8 * usize::from(self.byte().map_or(0, value));
                        let byte = out.last().copied().unwrap_or(b'x');
                        out.extend(std::iter::repeat_n(byte, n.min(MAX.saturating_sub(self.made + out.len()))));
                    }
                    Some(b's') => {
                        let n = self.byte().map_or(0, value);
                        out.extend(sid(usize::from(n)).unwrap_or_default().bytes());
                    }
                    Some(b'|') => {
                        if blocks.is_empty() && !out.is_empty() {
                            break;
                        }
                    }
                    Some(name) => {
                        let argument = if name.is_ascii_lowercase() { self.byte().map_or(0, value) } else { 0 };
                        command = Some(Item::Do(name, argument));
                        break;
                    }
                },
                byte => out.push(byte),
            }
        }
        while let Some((kind, start)) = blocks.pop() {
            close(&mut out, kind, start);
        }
        self.made += out.len();
        if out.is_empty() {
            return command;
        }
        self.next = command;
        Some(Item::Bytes(out))
    }
}

/// A digit is its value; other bytes are theirs.
fn value(byte: u8) -> u8 {
    if byte.is_ascii_digit() { byte - b'0' } else { byte }
}

fn close(out: &mut Vec<u8>, kind: u8, start: usize) {
    let content = out.split_off(start);
    match kind {
        b'f' => {
            let (letter, payload) = content.split_first().unwrap_or((&b't', &[]));
            let first = match letter {
                b't' => frames::FIN | frames::TEXT,
                b'b' => frames::FIN | frames::BINARY,
                b'p' => frames::FIN | frames::PING,
                b'q' => frames::FIN | frames::PONG,
                b'c' => frames::FIN | frames::CLOSE,
                b'T' => frames::TEXT,
                b'B' => frames::BINARY,
                b'+' => 0,
                b'-' => frames::FIN,
                other => *other,
            };
            frames::write(out, first, payload);
        }
        b'b' => {
            out.extend(format!("{:x}\r\n", content.len()).bytes());
            out.extend(content);
            out.extend(b"\r\n");
        }
        _ => {
            out.extend(format!("Content-Length: {}\r\n\r\n", content.len()).bytes());
            out.extend(content);
        }
    }
}

/// Millis that the argument of a command stands for: from nothing to longer than any deadline.
pub(crate) fn millis(argument: u8) -> u64 {
    const STEPS: [u64; 10] = [0, 1, 30, 120, 250, 600, 2_000, 10_000, 40_000, 400_000];
    STEPS[usize::from(argument) % STEPS.len()]
}

/// The sizes in which bytes are handed over.
#[derive(Clone, Debug)]
pub(crate) enum Cut {
    /// As much as is read at once.
    Whole,
    One,
    /// Sizes from a generator.
    Anywhere(fastrand::Rng),
}

impl Cut {
    /// What a socket is read for at once.
    pub(crate) const READ: usize = 8 << 10;

    pub(crate) fn next(&mut self) -> usize {
        match self {
            Self::Whole => Self::READ,
            Self::One => 1,
            Self::Anywhere(rng) => {
                let most = [2, 20, 300][rng.usize(0..3)];
                rng.usize(1..=most)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tape_is_bytes_and_commands() {
        let data = b"st\nGET /\\s1\n\\fthi\\;\\r2\\bab\\;\\z\\W\\La\\x1\\;x\\|y";
        let (flags, mut tape) = Tape::new(data);
        assert_eq!(flags, b"st");
        let items: Vec<Item> = std::iter::from_fn(|| tape.next(&|n| Some(n.to_string()))).collect();
        let bytes = |bytes: &[u8]| Item::Bytes(bytes.to_vec());
        assert_eq!(
            items,
            [
                bytes(b"GET /1\r\n\x81\x82\x12\x34\x56\x78\x7a\x5d"),
                Item::Do(b'r', 2),
                bytes(b"2\r\nab\r\n0\r\n\r\n"),
                Item::Do(b'W', 0),
                bytes(b"Content-Length: 9\r\n\r\naaaaaaaaax"),
                bytes(b"y"),
            ]
        );
    }
}
