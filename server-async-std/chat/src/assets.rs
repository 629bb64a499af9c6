//! A file that is built into the program, and the response to a request for it, which is a 304 if the client has the file.
//! Knows neither under which path it is served nor how long it may be kept.

use tide::http::headers::{self, Headers};
use tide::{Body, Response, StatusCode};

/// A file. `build.rs` writes the table of them.
#[derive(Debug)]
pub(crate) struct Asset {
    /// With a slash in front.
    pub(crate) path: &'static str,
    /// With its quotation marks.
    pub(crate) etag: &'static str,
    pub(crate) bytes: &'static [u8],
}

impl Asset {
    /// The response to a request with these headers.
    pub(crate) fn respond(&self, request: &Headers, content_type: &str) -> Response {
        let mut response = Response::new(StatusCode::NotModified);
        response.insert_header(headers::ETAG, self.etag);
        if self.is_known(request) {
            return response;
        }
        response.set_status(StatusCode::Ok);
        // Read from where they are: a copy for every slow client would add up.
        response.set_body(Body::from_reader(futures_lite::io::Cursor::new(self.bytes), Some(self.bytes.len())));
        response.insert_header(headers::CONTENT_TYPE, content_type);
        response
    }

    /// Whether the client has the file. The comparison is weak (RFC 9110, 13.1.2).
    fn is_known(&self, request: &Headers) -> bool {
        request.get(headers::IF_NONE_MATCH).is_some_and(|values| {
            let mut tags = values.iter().flat_map(|value| value.as_str().split(',')).map(str::trim);
            tags.any(|tag| tag == "*" || tag.strip_prefix("W/").unwrap_or(tag) == self.etag)
        })
    }
}
