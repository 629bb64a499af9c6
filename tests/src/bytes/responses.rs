//! What a server has written on one connection, read as a client reads it: responses, then perhaps frames. Panics at what no
//! server may write.

use super::frames;

/// One response, `100 Continue` left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// Names in lower case, without `date`.
    pub(crate) fields: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
    /// It is there as a whole.
    pub(crate) is_whole: bool,
}

impl Answer {
    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(field, _)| field == name).map(|(_, value)| &**value)
    }

    pub(crate) fn closes(&self) -> bool {
        self.field("connection") == Some("close")
    }
}

/// All that was written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Written {
    pub(crate) answers: Vec<Answer>,
    /// Opcodes and payloads behind a 101.
    pub(crate) frames: Vec<(u8, Vec<u8>)>,
    /// What is behind the last whole thing, in bytes.
    pub(crate) rest: usize,
}

/// Reads `bytes`. `is_head` says which request, counted from 0, has the method HEAD.
///
/// # Panics
///
/// If that is neither HTTP nor WebSocket, or something follows a response that ends the connection.
pub(crate) fn read(bytes: &[u8], is_head: &dyn Fn(usize) -> bool) -> Written {
    let (mut written, mut at) = (Written::default(), 0);
    loop {
        let rest = &bytes[at..];
        if rest.is_empty() {
            break;
        }
        assert!(!written.answers.last().is_some_and(Answer::closes), "a response behind the last");
        let Some((answer, length)) = read_answer(rest, is_head(written.answers.len())) else { break };
        let (switches, is_whole) = (answer.status == 101, answer.is_whole);
        if answer.status != 100 {
            written.answers.push(answer);
        }
        at += length;
        if switches {
            read_frames(&bytes[at..], &mut written);
            return written;
        }
        if !is_whole {
            break;
        }
    }
    written.rest = bytes.len() - at;
    written
}

/// Reads frames into `written`.
pub(crate) fn read_frames(bytes: &[u8], written: &mut Written) {
    let mut at = 0;
    while let Some((opcode, payload, length)) = frames::read(&bytes[at..]) {
        assert!(written.frames.last().is_none_or(|(opcode, _)| *opcode != frames::CLOSE), "a frame behind Close");
        written.frames.push((opcode, payload.to_vec()));
        at += length;
    }
    written.rest = bytes.len() - at;
}

/// The response at the start, and how long it is. `None`: not even its head is complete.
pub(crate) fn read_answer(bytes: &[u8], is_head: bool) -> Option<(Answer, usize)> {
    let prefix = bytes.len().min(9);
    assert_eq!(&bytes[..prefix], &b"HTTP/1.1 "[..prefix], "no response");
    let end = bytes.windows(4).position(|window| window == b"\r\n\r\n")?;
    let head = std::str::from_utf8(&bytes[..end]).expect("heads are ASCII");
    let mut lines = head.split("\r\n");
    let status = lines.next().and_then(|line| line.get(9..12)).and_then(|status| status.parse().ok());
    let status: u16 = status.expect("a status");
    let mut fields: Vec<(String, String)> = lines
        .map(|line| line.split_once(": ").unwrap_or_else(|| panic!("no field: {line}")))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
        .collect();
    if status != 100 {
        let dates = fields.iter().filter(|(name, _)| name == "date").count();
        assert_eq!(dates, 1, "{head}");
    }
    fields.retain(|(name, _)| name != "date");
    let mut answer = Answer { status, fields, body: Vec::new(), is_whole: true };
    let start = end + 4;
    let rest = &bytes[start..];
    let length = answer.field("content-length").map(|value| value.parse::<usize>().expect("a length"));
    let is_chunked = answer.field("transfer-encoding").map(|value| assert_eq!(value, "chunked")).is_some();
    assert!(length.is_none() || !is_chunked, "two framings: {head}");
    // A refusal of a request whose head could not be read has a body, whatever its method was.
    let is_head = is_head && !(status >= 400 && rest.starts_with(b"{"));
    if is_head || matches!(status, 100..=199 | 204 | 304) {
        assert!(is_head || length.is_none() && !is_chunked, "a body where none may be: {head}");
        return Some((answer, start));
    }
    let used = if is_chunked {
        unchunk(rest, &mut answer)
    } else if let Some(length) = length {
        answer.is_whole = rest.len() >= length;
        answer.body.extend(&rest[..length.min(rest.len())]);
        length.min(rest.len())
    } else {
        assert!(answer.closes(), "a response without end: {head}");
        answer.body.extend(rest);
        rest.len()
    };
    Some((answer, start + used))
}

/// Reads chunks; returns how long they are.
fn unchunk(bytes: &[u8], answer: &mut Answer) -> usize {
    let mut at = 0;
    loop {
        let rest = &bytes[at..];
        let Some(end) = rest.windows(2).position(|window| window == b"\r\n") else { break };
        let digits = std::str::from_utf8(&rest[..end]).expect("a chunk's size");
        let size = usize::from_str_radix(digits, 16).unwrap_or_else(|_| panic!("a chunk's size: {digits}"));
        let data = &rest[end + 2..];
        if data.len() < size + 2 {
            answer.body.extend(&data[..size.min(data.len())]);
            break;
        }
        assert_eq!(&data[size..size + 2], b"\r\n", "a chunk longer than its size");
        answer.body.extend(&data[..size]);
        at += end + 2 + size + 2;
        if size == 0 {
            return at;
        }
    }
    answer.is_whole = false;
    bytes.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn responses_and_frames() {
        let bytes = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\ndate: x\r\ncontent-length: 2\r\n\r\nhi\
            HTTP/1.1 200 OK\r\ndate: x\r\ntransfer-encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n\
            HTTP/1.1 101 Switching Protocols\r\ndate: x\r\n\r\n\x81\x02ab\x88";
        let written = read(bytes, &|_| false);
        let statuses: Vec<u16> = written.answers.iter().map(|answer| answer.status).collect();
        assert_eq!(statuses, [200, 200, 101]);
        assert_eq!((&*written.answers[0].body, &*written.answers[1].body), (&b"hi"[..], &b"a"[..]));
        assert_eq!((written.frames, written.rest), (vec![(frames::TEXT, b"ab".to_vec())], 1));
        for end in 0..bytes.len() {
            read(&bytes[..end], &|_| false);
        }
    }
}
