//! A "no" of the front door, before or instead of the application's answer. Knows statuses; refuses to know how it is sent.
use tide::http::mime;
use tide::http::{Response, StatusCode};

/// Why a request is not answered by the application.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) status: StatusCode,
    pub(super) message: &'static str,
}

impl Refusal {
    pub(super) const fn new(status: StatusCode, message: &'static str) -> Self {
        Self { status, message }
    }

    pub(super) const fn bad(message: &'static str) -> Self {
        Self::new(StatusCode::BadRequest, message)
    }

    /// The answer. Its body has the shape of an Engine.IO error, with the status for a code: the front door does not know
    /// Engine.IO's own numbers.
    pub(super) fn response(self) -> Response {
        let body = serde_json::json!({ "code": u16::from(self.status), "message": self.message });
        let mut response = Response::new(self.status);
        response.set_body(body.to_string());
        response.set_content_type(mime::JSON);
        response
    }
}
