//! A file that is built into the program, as the answer to a request for it: compressed if the client takes that, and not
//! sent at all if the client has it. Knows neither under which path it is served nor how long it may be kept.

use crate::compression;
use futures_lite::io::Cursor;
use tide::http::content::Encoding;
use tide::http::headers::{self, Headers};
use tide::{Body, Response, StatusCode};

/// A file; `build.rs` writes the tables of them.
#[derive(Debug)]
pub(crate) struct Asset {
    /// With a slash in front, below wherever the table is served.
    pub(crate) path: &'static str,
    /// In its quotation marks.
    pub(crate) etag: &'static str,
    pub(crate) bytes: &'static [u8],
    /// The same compressed, the smallest first.
    pub(crate) encoded: &'static [(Encoding, &'static [u8])],
}

impl Asset {
    /// The answer to a request with these headers.
    pub(crate) fn respond(&self, asked: &Headers, content_type: &str) -> Response {
        let mut response = Response::new(StatusCode::NotModified);
        response.insert_header(headers::ETAG, self.etag);
        if !self.encoded.is_empty() {
            response.insert_header(headers::VARY, "accept-encoding");
        }
        if self.is_known(asked) {
            return response;
        }
        let encoding = compression::best(asked, self.encoded.iter().map(|(encoding, _)| *encoding));
        let encoded = self.encoded.iter().find(|(other, _)| Some(*other) == encoding);
        let bytes = encoded.map_or(self.bytes, |(_, bytes)| *bytes);
        response.set_status(StatusCode::Ok);
        // Read from where they are: a copy for every slow client would add up.
        response.set_body(Body::from_reader(Cursor::new(bytes), Some(bytes.len())));
        response.insert_header(headers::CONTENT_TYPE, content_type);
        if let Some(encoding) = encoding {
            response.insert_header(headers::CONTENT_ENCODING, encoding.to_string());
        }
        response
    }

    /// Whether the client has it. Weak tags are as good as strong ones here (RFC 9110, 13.1.2).
    fn is_known(&self, asked: &Headers) -> bool {
        asked.get(headers::IF_NONE_MATCH).is_some_and(|values| {
            let mut tags = values.iter().flat_map(|value| value.as_str().split(',')).map(str::trim);
            tags.any(|tag| tag == "*" || tag.trim_start_matches("W/") == self.etag)
        })
    }
}
