//! An answer that is there as a whole, and its way into the socket: head and body are one piece of bytes and leave in one
//! write. Knows no request but for the three things that shape an answer ([`Asked`]), and nobody who answers.
use super::lines;
use super::reply::Asked;
use bytes::Bytes;
use std::borrow::Cow;
use tide::http::StatusCode;

/// Bytes of a body that costs more to copy than to send on its own.
const LONG: usize = 64 << 10;

/// A status, headers and a body.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    /// Headers that every answer of its kind has.
    pub(crate) usual: &'static [(&'static str, &'static str)],
    pub(crate) content_type: Option<&'static str>,
    /// The connection ends after this answer.
    pub(crate) closes: bool,
    headers: Vec<(Cow<'static, str>, Cow<'static, str>)>,
    pub(crate) body: Bytes,
}

impl Answer {
    pub(crate) fn new(status: StatusCode) -> Self {
        Self { status, usual: &[], content_type: None, closes: false, headers: Vec::new(), body: Bytes::new() }
    }

    /// Adds a header; one of the same name stays. What is no header is dropped, and what frames the message: it may be the
    /// application's word, which must not end the line, or the answer.
    pub(crate) fn add(&mut self, name: impl Into<Cow<'static, str>>, value: impl Into<Cow<'static, str>>) {
        let (mut name, value) = (name.into(), value.into());
        if name.bytes().any(|b| b.is_ascii_uppercase()) {
            name = name.to_ascii_lowercase().into();
        }
        let token = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
        let text = |b: u8| b == b'\t' || b == b' ' || b.is_ascii_graphic();
        let frames = ["connection", "content-length", "transfer-encoding"].iter().any(|f| *f == name);
        if frames || name.is_empty() || !name.bytes().all(token) || !value.bytes().all(text) {
            log::error!("dropped a header that a response cannot have: {name:?}");
            return;
        }
        self.headers.push((name, value));
    }

    /// All headers but those that frame the message.
    pub(crate) fn headers(&self) -> impl Iterator<Item = (&str, &str)> {
        let content_type = self.content_type.map(|value| ("content-type", value));
        let own = self.headers.iter().map(|(name, value)| (&**name, &**value));
        content_type.into_iter().chain(self.usual.iter().copied()).chain(own)
    }

    /// Appends the answer as it goes out, but for a [`long_body`](Self::long_body). Returns whether the connection can be kept.
    pub(super) fn encode(&self, asked: Asked, out: &mut Vec<u8>) -> bool {
        let body = if self.is_long() { &[] } else { self.sent_body(asked) };
        let close = asked.close || self.closes;
        out.reserve(lines::ROOM + body.len());
        self.begin(out);
        if !self.is_bodiless() {
            lines::content_length(out, self.body.len());
        }
        if close {
            out.extend_from_slice(b"connection: close\r\n");
        } else if asked.http10 {
            out.extend_from_slice(b"connection: keep-alive\r\n");
        }
        out.extend_from_slice(b"\r\n");
        out.extend_from_slice(body);
        !close
    }

    /// A body that is too long to be copied behind the head; empty if it is none.
    pub(super) fn long_body(&self, asked: Asked) -> &[u8] {
        if self.is_long() { self.sent_body(asked) } else { &[] }
    }

    pub(super) fn is_long(&self) -> bool {
        self.body.len() > LONG
    }

    fn is_bodiless(&self) -> bool {
        self.status == StatusCode::NoContent || self.status == StatusCode::NotModified
    }

    fn sent_body(&self, asked: Asked) -> &[u8] {
        if asked.head_only || self.is_bodiless() { &[] } else { &self.body }
    }

    /// The head of a 101, behind which another protocol begins.
    pub(super) fn switching(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(lines::ROOM);
        self.begin(&mut out);
        out.extend_from_slice(b"connection: Upgrade\r\n\r\n");
        out
    }

    fn begin(&self, out: &mut Vec<u8>) {
        lines::status(out, self.status);
        for (name, value) in self.headers() {
            lines::field(out, name, value);
        }
        if !self.headers.iter().any(|(name, _)| name == "date") {
            lines::date(out);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encoded(answer: &Answer, asked: Asked) -> (String, bool) {
        let mut out = Vec::new();
        let kept = answer.encode(asked, &mut out);
        let text = String::from_utf8(out).unwrap();
        (text.split_inclusive("\r\n").filter(|line| !line.starts_with("date: ")).collect(), kept)
    }

    const PLAIN: Asked = Asked { head_only: false, http10: false, close: false };

    #[test]
    fn an_answer_in_all_its_shapes() {
        let mut answer = Answer::new(StatusCode::Ok);
        answer.content_type = Some("text/plain");
        answer.usual = &[("cache-control", "no-store")];
        answer.add("x-a", "1");
        answer.add("X-A", "2");
        answer.body = Bytes::from_static(b"hello");
        let head = "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncache-control: no-store\r\nx-a: 1\r\nx-a: 2\r\n\
                    content-length: 5\r\n";
        assert_eq!(encoded(&answer, PLAIN), (format!("{head}\r\nhello"), true));
        let close = "connection: close\r\n";
        assert_eq!(encoded(&answer, Asked { close: true, ..PLAIN }), (format!("{head}{close}\r\nhello"), false));
        let keep = "connection: keep-alive\r\n";
        assert_eq!(encoded(&answer, Asked { http10: true, ..PLAIN }), (format!("{head}{keep}\r\nhello"), true));
        assert_eq!(encoded(&answer, Asked { head_only: true, ..PLAIN }), (format!("{head}\r\n"), true));
        answer.closes = true;
        assert_eq!(encoded(&answer, PLAIN), (format!("{head}{close}\r\nhello"), false));
    }

    #[test]
    fn no_content_has_no_length() {
        assert_eq!(
            encoded(&Answer::new(StatusCode::NoContent), PLAIN),
            ("HTTP/1.1 204 No Content\r\n\r\n".into(), true)
        );
    }

    #[test]
    fn what_is_no_header_is_dropped() {
        let mut answer = Answer::new(StatusCode::Ok);
        for (name, value) in [("x", "a\r\nb: c"), ("x", "\u{e4}"), ("", "a"), ("a b", "c"), ("Content-Length", "1")] {
            answer.add(name, value);
        }
        assert_eq!(answer.headers().count(), 0);
    }
}
