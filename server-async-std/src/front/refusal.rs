//! A "no" of the front door, before or instead of the application's answer. Knows statuses; refuses to know how it is sent.
use super::answer::Answer;
use tide::http::StatusCode;

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
    pub(super) fn answer(self) -> Answer {
        let body = serde_json::json!({ "code": u16::from(self.status), "message": self.message });
        let mut answer = Answer::new(self.status);
        answer.content_type = Some("application/json");
        answer.body = body.to_string().into();
        answer
    }
}
