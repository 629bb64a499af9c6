//! Requests of polling clients, and the answers to them. Knows nothing of what is in a body.

use crate::fault::{Fault, Result};
use httparse::{EMPTY_HEADER, Response, Status};
use std::ops::Range;

/// Header lines that an answer may have.
const HEADERS: usize = 48;

/// A GET. Nothing is said of compression, so that no server compresses.
#[must_use]
pub fn get(host: &str, target: &str) -> Vec<u8> {
    format!("GET {target} HTTP/1.1\r\nHost: {host}\r\n\r\n").into_bytes()
}

/// A POST of text.
#[must_use]
pub fn post(host: &str, target: &str, body: &[u8]) -> Vec<u8> {
    let length = body.len();
    let head = format!(
        "POST {target} HTTP/1.1\r\nHost: {host}\r\nContent-Type: text/plain;charset=UTF-8\r\n\
         Content-Length: {length}\r\n\r\n"
    );
    let mut request = head.into_bytes();
    request.extend(body);
    request
}

/// A whole answer at the beginning of a buffer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// What `Sec-WebSocket-Accept` says.
    pub accept: Option<String>,
    /// How the body is encoded, if it is: `Content-Encoding`.
    pub encoding: Option<String>,
    /// Where the body is, unless it came in chunks.
    body: Range<usize>,
    /// The body that came in chunks.
    joined: Option<Vec<u8>>,
    /// How many bytes the answer is.
    pub length: usize,
}

impl Answer {
    /// The body, `data` being what it was read from.
    #[must_use]
    pub fn body<'a>(&'a self, data: &'a [u8]) -> &'a [u8] {
        self.joined.as_deref().unwrap_or_else(|| data.get(self.body.clone()).unwrap_or_default())
    }
}

/// Reads an answer, if `data` holds the whole of one.
///
/// # Errors
///
/// If it is no HTTP, or its end can not be told.
pub fn read(data: &[u8]) -> Result<Option<Answer>> {
    let mut headers = [EMPTY_HEADER; HEADERS];
    let mut response = Response::new(&mut headers);
    let parsed = response.parse(data).map_err(|error| Fault::new(format!("no answer of HTTP: {error}")))?;
    let Status::Complete(start) = parsed else { return Ok(None) };
    let status = response.code.unwrap_or_default();
    let (mut length, mut chunked, mut accept, mut encoding) = (None, false, None, None);
    for header in response.headers.iter() {
        let value = || String::from_utf8_lossy(header.value).trim().to_owned();
        if header.name.eq_ignore_ascii_case("content-length") {
            length = value().parse::<usize>().ok();
        } else if header.name.eq_ignore_ascii_case("transfer-encoding") {
            chunked = value().eq_ignore_ascii_case("chunked");
        } else if header.name.eq_ignore_ascii_case("sec-websocket-accept") {
            accept = Some(value());
        } else if header.name.eq_ignore_ascii_case("content-encoding") {
            encoding = Some(value());
        }
    }
    if chunked {
        let whole = unchunk(data, start)?;
        return Ok(whole.map(|(joined, length)| Answer {
            status,
            accept,
            encoding,
            body: 0..0,
            joined: Some(joined),
            length,
        }));
    }
    let length = match length {
        Some(length) => length,
        None if matches!(status, 101 | 204 | 304) => 0,
        None => return Err(Fault::new(format!("an answer ({status}) without a length"))),
    };
    let end = start.saturating_add(length);
    Ok((end <= data.len()).then_some(Answer { status, accept, encoding, body: start..end, joined: None, length: end }))
}

/// The body that begins at `at`, and where it ends; trailers there are none.
fn unchunk(data: &[u8], mut at: usize) -> Result<Option<(Vec<u8>, usize)>> {
    /// The line break behind a chunk.
    const BREAK: usize = 2;
    let mut joined = Vec::new();
    loop {
        let parsed = httparse::parse_chunk_size(&data[at..]).map_err(|_| Fault::new("a chunk without a size"))?;
        let Status::Complete((head, size)) = parsed else { return Ok(None) };
        let size = usize::try_from(size).map_err(|_| Fault::new("a chunk without end"))?;
        let start = at + head;
        let end = start.saturating_add(size);
        if data.len() < end.saturating_add(BREAK) {
            return Ok(None);
        }
        joined.extend(&data[start..end]);
        at = end + BREAK;
        if size == 0 {
            return Ok(Some((joined, at)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_read_when_it_is_whole() {
        let whole = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nokHTTP";
        for end in 0..whole.len() - 4 {
            assert_eq!(read(&whole[..end]), Ok(None), "{end}");
        }
        let answer = read(whole).unwrap().unwrap();
        assert_eq!((answer.status, answer.body(whole), answer.length), (200, &b"ok"[..], whole.len() - 4));
    }

    #[test]
    fn chunks_are_joined() {
        let whole = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\no\r\n1\r\nk\r\n0\r\n\r\n";
        for end in 0..whole.len() {
            assert_eq!(read(&whole[..end]), Ok(None), "{end}");
        }
        let answer = read(whole).unwrap().unwrap();
        assert_eq!((answer.body(whole), answer.length), (&b"ok"[..], whole.len()));
    }

    #[test]
    fn an_answer_whose_end_nobody_knows_is_refused() {
        assert!(read(b"HTTP/1.1 200 OK\r\n\r\n").is_err());
    }
}
