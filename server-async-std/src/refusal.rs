//! Requests that are not served: why, and what whoever asked is told, as the reference words it. Decides nothing.

use crate::options::Denial;
use sanket::RequestError;
use tide::http::headers;
use tide::{Response, StatusCode};

/// Why a request is not served.
pub(crate) enum Refused {
    Error(RequestError),
    /// By [`Options::admit`].
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
    pub(crate) fn respond(self, upgrade: bool) -> Response {
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
        let mut response = Response::new(status);
        if upgrade {
            response.insert_header(headers::CONTENT_TYPE, "text/html");
            response.insert_header(headers::CONNECTION, "close");
            response.set_body(message.as_bytes().to_vec());
        } else {
            let message = serde_json::Value::from(message);
            response.insert_header(headers::CONTENT_TYPE, "application/json");
            response.set_body(format!(r#"{{"code":{},"message":{message}}}"#, error as u8).into_bytes());
        }
        if status == StatusCode::UpgradeRequired {
            response.insert_header("Sec-WebSocket-Version", "13");
        }
        response
    }
}
