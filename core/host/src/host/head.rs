//! The head of a request for the application around the server.

use crate::http;

/// The head of a request, as it came: nothing is decoded or normalised.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// The method, in capitals.
    pub method: Box<str>,
    /// The target: a path and a query, an absolute URL, or `*`.
    pub target: Box<str>,
    /// Whether it is HTTP/1.0, and not HTTP/1.1.
    pub http10: bool,
    /// Names as they were written, and values: opaque bytes (RFC 9110, 5.5).
    pub fields: Vec<(Box<str>, Box<[u8]>)>,
    /// Whether there is a body.
    pub has_body: bool,
    /// How long the body is, if the head says so.
    pub length: Option<u64>,
}

impl Head {
    pub(super) fn new(head: &http::Head<'_>) -> Self {
        Self {
            method: head.method().as_str().into(),
            target: head.target().into(),
            http10: head.version() == ::http::Version::HTTP_10,
            fields: head.fields().map(|(name, value)| (name.into(), value.into())).collect(),
            has_body: head.has_body(),
            length: head.length(),
        }
    }
}
