//! Responses of HTTP/1.1 as values.

use ::http::StatusCode;
use bytes::Bytes;
use std::borrow::Cow;

/// A response: status, headers and the whole body.
#[derive(Clone, Debug)]
pub struct Response {
    /// The status code.
    pub status: StatusCode,
    /// The value of `content-type`, if there is a body.
    pub content_type: Option<&'static str>,
    /// Headers that every response of its kind has.
    pub usual: &'static [(&'static str, &'static str)],
    /// Whether the connection ends after this response.
    pub closes: bool,
    /// The body.
    pub body: Bytes,
    headers: Vec<(Cow<'static, str>, Cow<'static, str>)>,
}

impl Response {
    /// A response without headers and without a body.
    #[must_use]
    pub const fn new(status: StatusCode) -> Self {
        Self { status, content_type: None, usual: &[], closes: false, body: Bytes::new(), headers: Vec::new() }
    }

    /// Adds a header; one of the same name stays. A header that is malformed, or that frames the message
    /// (`connection`, `content-length`, `transfer-encoding`), is dropped and logged.
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

    /// All headers but those that frame the message.
    pub fn headers(&self) -> impl Iterator<Item = (&str, &str)> {
        let content_type = self.content_type.map(|value| ("content-type", value));
        let own = self.headers.iter().map(|(name, value)| (&**name, &**value));
        content_type.into_iter().chain(self.usual.iter().copied()).chain(own)
    }
}
