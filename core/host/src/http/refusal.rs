//! Why a request is not served, and the response that says so.
use super::response::Response;
use http::StatusCode;

/// What a refusal has besides: it is no script, image or style sheet for anybody.
const USUAL: &[(&str, &str)] = &[
    ("cache-control", "no-store"),
    ("x-content-type-options", "nosniff"),
    ("cross-origin-resource-policy", "same-origin"),
];

/// Why the connection does not serve a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refusal {
    /// The status that says so.
    pub status: StatusCode,
    /// The reason, for people.
    pub message: &'static str,
}

impl Refusal {
    /// A refusal with this status and reason.
    #[must_use]
    pub const fn new(status: StatusCode, message: &'static str) -> Self {
        Self { status, message }
    }

    /// A 400.
    #[must_use]
    pub const fn bad(message: &'static str) -> Self {
        Self::new(StatusCode::BAD_REQUEST, message)
    }

    /// The response: a JSON object of the form of an Engine.IO error, `{"code":…,"message":…}`. The code is the status,
    /// because Engine.IO has no numbers for what is wrong with HTTP.
    #[must_use]
    pub fn response(self) -> Response {
        let body = serde_json::json!({ "code": self.status.as_u16(), "message": self.message });
        let mut response = Response::new(self.status);
        response.content_type = Some("application/json");
        response.usual = USUAL;
        response.body = body.to_string().into();
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_says_why() {
        let response = Refusal::bad("a \"bad\" one").response();
        assert_eq!((response.status.as_u16(), response.content_type), (400, Some("application/json")));
        assert_eq!(response.body, r#"{"code":400,"message":"a \"bad\" one"}"#);
    }
}
