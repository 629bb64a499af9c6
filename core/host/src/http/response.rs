//! A response and its form on the wire, which depends on three things of the request ([`Shape`]).
use super::lines;
use bytes::Bytes;
use http::StatusCode;
use sanket::Time;
use std::borrow::Cow;

/// A status, headers and a body.
#[derive(Debug, Clone)]
pub struct Response {
    /// The status. One of the class 1xx cannot answer a request; [`Connection::switch`](super::Connection::switch) takes 101.
    pub status: StatusCode,
    /// `content-type`, if there is one.
    pub content_type: Option<&'static str>,
    /// Headers that every response of its kind has. They are sent as they are: no names of headers that frame the message.
    pub usual: &'static [(&'static str, &'static str)],
    /// The connection ends after this response.
    pub closes: bool,
    /// The body. It is not sent in answer to HEAD, nor with 204 and 304; nor where it follows in pieces.
    pub body: Bytes,
    headers: Vec<(Cow<'static, str>, Cow<'static, str>)>,
}

/// How a response must look for the request it answers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Shape {
    /// The method was HEAD.
    pub(super) head_only: bool,
    pub(super) http10: bool,
    /// The connection ends after this response.
    pub(super) close: bool,
}

/// How the end of a response's body is known (RFC 9112, 6.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Content {
    /// There is none.
    None,
    /// So many bytes are left.
    Length(u64),
    Chunked,
    /// HTTP/1.0 has no chunks: the end of the connection is the end of the body.
    UntilClose,
}

impl Response {
    /// A response without headers and body.
    #[must_use]
    pub fn new(status: StatusCode) -> Self {
        Self { status, content_type: None, usual: &[], closes: false, body: Bytes::new(), headers: Vec::new() }
    }

    /// Adds a header; others of the same name stay. Dropped and logged are names and values that HTTP does not allow, values
    /// with bytes beyond ASCII, and the headers that frame the message (`connection`, `content-length`,
    /// `transfer-encoding`), which are the connection's to write.
    pub fn add(&mut self, name: impl Into<Cow<'static, str>>, value: impl Into<Cow<'static, str>>) {
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

    /// All headers but those that frame the message, and `date`, which is added when the response is sent unless it is here.
    pub fn headers(&self) -> impl Iterator<Item = (&str, &str)> {
        let content_type = self.content_type.map(|value| ("content-type", value));
        let own = self.headers.iter().map(|(name, value)| (&**name, &**value));
        content_type.into_iter().chain(self.usual.iter().copied()).chain(own)
    }

    /// How the end of a body of this length is told.
    pub(super) fn content(&self, length: Option<u64>, shape: Shape) -> Content {
        match length {
            _ if self.is_bodiless() => Content::None,
            Some(length) => Content::Length(length),
            None if shape.http10 => Content::UntilClose,
            None => Content::Chunked,
        }
    }

    /// Appends the whole response. Returns whether the connection can be kept.
    pub(super) fn encode(&self, shape: Shape, now: Time, out: &mut Vec<u8>) -> bool {
        let body: &[u8] = if shape.head_only || self.is_bodiless() { &[] } else { &self.body };
        out.reserve(lines::ROOM + body.len());
        let kept = self.encode_head(shape, self.content(Some(self.body.len() as u64), shape), now, out);
        out.extend_from_slice(body);
        kept
    }

    /// Appends the head. Returns whether the connection can be kept.
    pub(super) fn encode_head(&self, shape: Shape, content: Content, now: Time, out: &mut Vec<u8>) -> bool {
        let close = shape.close || self.closes || content == Content::UntilClose;
        self.begin(now, out);
        match content {
            Content::Length(length) => lines::content_length(out, length),
            Content::Chunked => out.extend_from_slice(b"transfer-encoding: chunked\r\n"),
            Content::None | Content::UntilClose => {}
        }
        if close {
            out.extend_from_slice(b"connection: close\r\n");
        } else if shape.http10 {
            out.extend_from_slice(b"connection: keep-alive\r\n");
        }
        out.extend_from_slice(b"\r\n");
        !close
    }

    /// Appends the head of a 101, behind which another protocol begins.
    pub(super) fn encode_switching(&self, now: Time, out: &mut Vec<u8>) {
        self.begin(now, out);
        out.extend_from_slice(b"connection: Upgrade\r\n\r\n");
    }

    fn is_bodiless(&self) -> bool {
        self.status == StatusCode::NO_CONTENT || self.status == StatusCode::NOT_MODIFIED
    }

    fn begin(&self, now: Time, out: &mut Vec<u8>) {
        lines::status(out, self.status);
        for (name, value) in self.headers() {
            lines::field(out, name, value);
        }
        if !self.headers.iter().any(|(name, _)| name == "date") {
            lines::date(out, now);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encoded(response: &Response, shape: Shape) -> (String, bool) {
        let mut out = Vec::new();
        let kept = response.encode(shape, Time::from_millis(0), &mut out);
        let text = String::from_utf8(out).unwrap();
        (text.replace("date: Thu, 01 Jan 1970 00:00:00 GMT\r\n", ""), kept)
    }

    const PLAIN: Shape = Shape { head_only: false, http10: false, close: false };

    #[test]
    fn a_response_in_all_its_shapes() {
        let mut response = Response::new(StatusCode::OK);
        response.content_type = Some("text/plain");
        response.usual = &[("cache-control", "no-store")];
        response.add("x-a", "1");
        response.add("X-A", "2");
        response.body = Bytes::from_static(b"hello");
        let head = "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncache-control: no-store\r\nx-a: 1\r\nx-a: 2\r\n\
                    content-length: 5\r\n";
        assert_eq!(encoded(&response, PLAIN), (format!("{head}\r\nhello"), true));
        let close = "connection: close\r\n";
        assert_eq!(encoded(&response, Shape { close: true, ..PLAIN }), (format!("{head}{close}\r\nhello"), false));
        let keep = "connection: keep-alive\r\n";
        assert_eq!(encoded(&response, Shape { http10: true, ..PLAIN }), (format!("{head}{keep}\r\nhello"), true));
        assert_eq!(encoded(&response, Shape { head_only: true, ..PLAIN }), (format!("{head}\r\n"), true));
        response.closes = true;
        assert_eq!(encoded(&response, PLAIN), (format!("{head}{close}\r\nhello"), false));
    }

    #[test]
    fn no_content_has_neither_length_nor_body() {
        let mut response = Response::new(StatusCode::NO_CONTENT);
        response.body = Bytes::from_static(b"hello");
        assert_eq!(encoded(&response, PLAIN), ("HTTP/1.1 204 No Content\r\n\r\n".into(), true));
        response.status = StatusCode::NOT_MODIFIED;
        assert_eq!(encoded(&response, PLAIN), ("HTTP/1.1 304 Not Modified\r\n\r\n".into(), true));
    }

    #[test]
    fn a_date_of_the_application_is_kept() {
        let mut response = Response::new(StatusCode::OK);
        response.add("Date", "today");
        assert_eq!(encoded(&response, PLAIN).0, "HTTP/1.1 200 OK\r\ndate: today\r\ncontent-length: 0\r\n\r\n");
    }

    #[test]
    fn what_is_no_header_is_dropped() {
        let mut response = Response::new(StatusCode::OK);
        for (name, value) in [("x", "a\r\nb: c"), ("x", "\u{e4}"), ("", "a"), ("a b", "c"), ("Content-Length", "1")] {
            response.add(name, value);
        }
        assert_eq!(response.headers().count(), 0);
    }
}
