//! Requests that are not served: why, and what whoever asked is told, as the reference words it. Decides nothing.

use crate::front::Answer;
use crate::options::Denial;
use sanket::RequestError;
use tide::StatusCode;

/// Why a request is not served.
pub(crate) enum Refused {
    Error(RequestError),
    /// By [`crate::Options::admit`].
    Denied(Denial),
    /// A page from somewhere that is not listed.
    Origin,
    /// No WebSocket handshake, though it says so.
    NotWebSocket(StatusCode),
}

impl From<RequestError> for Refused {
    fn from(error: RequestError) -> Self {
        Self::Error(error)
    }
}

impl Refused {
    pub(crate) fn error(&self) -> RequestError {
        match self {
            Self::Error(error) => *error,
            Self::Denied(_) | Self::Origin => RequestError::Forbidden,
            Self::NotWebSocket(_) => RequestError::BadRequest,
        }
    }

    /// An upgrade is refused in plain words, and as the reference has it nearly always with 400.
    pub(crate) fn answer(self, upgrade: bool) -> Answer {
        let error = self.error();
        let message = match &self {
            Self::Denied(denial) => &*denial.message,
            _ => error.message(),
        };
        let status = match &self {
            Self::NotWebSocket(status) => *status,
            Self::Denied(_) if upgrade => StatusCode::BadRequest,
            _ => StatusCode::try_from(error.status()).unwrap_or(StatusCode::BadRequest),
        };
        let mut answer = Answer::new(status);
        if upgrade {
            answer.content_type = Some("text/html");
            answer.closes = true;
            answer.body = message.as_bytes().to_vec().into();
        } else {
            let message = serde_json::Value::from(message);
            answer.content_type = Some("application/json");
            answer.body = format!(r#"{{"code":{},"message":{message}}}"#, error as u8).into();
        }
        if status == StatusCode::UpgradeRequired {
            answer.add("sec-websocket-version", "13");
        }
        answer
    }
}
