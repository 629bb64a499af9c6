//! Requests that are refused: why, and the response, in the reference's words.

use super::allow::Denial;
use crate::http::Response;
use ::http::StatusCode;
use sanket::driver::RequestError;

/// Why a request is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refused {
    /// By the protocol.
    Error(RequestError),
    /// By [`RequestOptions::allow_request`](super::RequestOptions::allow_request).
    Denied(Denial),
    /// It is from a page whose [origin](super::Origins) may not connect.
    Origin,
    /// The server is closing, and opens no more sessions.
    Closing,
    /// There are too many sessions from its address, or they are opened too fast.
    TooManyFromAddress,
    /// It says that it upgrades to WebSocket, but is no valid handshake; with the status of the response.
    NotWebSocket(StatusCode),
}

impl From<RequestError> for Refused {
    fn from(error: RequestError) -> Self {
        Self::Error(error)
    }
}

impl From<Denial> for Refused {
    fn from(denial: Denial) -> Self {
        Self::Denied(denial)
    }
}

impl Refused {
    /// The reference's code for this.
    #[must_use]
    pub fn error(&self) -> RequestError {
        match self {
            Self::Error(error) => *error,
            Self::Denied(_) | Self::Origin | Self::Closing => RequestError::Forbidden,
            Self::TooManyFromAddress => RequestError::Full,
            Self::NotWebSocket(_) => RequestError::BadRequest,
        }
    }

    /// The response. With `upgrade`, for a request that upgrades to WebSocket, it is plain text and the connection ends, and
    /// a denial is 400; without, it is JSON with code and message, and a denial is 403. Both as in the reference.
    #[must_use]
    pub fn response(self, upgrade: bool) -> Response {
        let error = self.error();
        let message = match &self {
            Self::Denied(denial) => &*denial.message,
            Self::TooManyFromAddress => "Too many sessions from this address",
            Self::Closing => "The server is closing",
            _ => error.message(),
        };
        let status = match &self {
            Self::NotWebSocket(status) => *status,
            Self::TooManyFromAddress => StatusCode::TOO_MANY_REQUESTS,
            // A proxy that knows of another server asks that one.
            Self::Closing => StatusCode::SERVICE_UNAVAILABLE,
            Self::Denied(_) if upgrade => StatusCode::BAD_REQUEST,
            _ => StatusCode::from_u16(error.status()).unwrap_or(StatusCode::BAD_REQUEST),
        };
        let mut response = Response::new(status);
        if upgrade {
            response.content_type = Some("text/html");
            response.closes = true;
            response.body = message.as_bytes().to_vec().into();
        } else {
            let message = serde_json::Value::from(message);
            response.content_type = Some("application/json");
            response.body = format!(r#"{{"code":{},"message":{message}}}"#, error as u8).into();
        }
        match self {
            Self::TooManyFromAddress => response.add("retry-after", "1"),
            Self::Closing => response.closes = true,
            _ => {}
        }
        if status == StatusCode::UPGRADE_REQUIRED {
            response.add("sec-websocket-version", "13");
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_refusal_has_the_references_response() {
        let denied = || Refused::from(Denial::new("say \"please\""));
        for (refused, upgrade, status, content_type, body) in [
            (
                RequestError::UnknownSid.into(),
                false,
                400,
                "application/json",
                r#"{"code":1,"message":"Session ID unknown"}"#,
            ),
            (RequestError::UnknownSid.into(), true, 400, "text/html", "Session ID unknown"),
            (RequestError::Full.into(), false, 503, "application/json", r#"{"code":6,"message":"Too many sessions"}"#),
            (Refused::Origin, false, 403, "application/json", r#"{"code":4,"message":"Forbidden"}"#),
            (Refused::Origin, true, 403, "text/html", "Forbidden"),
            (denied(), false, 403, "application/json", r#"{"code":4,"message":"say \"please\""}"#),
            (denied(), true, 400, "text/html", "say \"please\""),
            (Refused::Closing, false, 503, "application/json", r#"{"code":4,"message":"The server is closing"}"#),
            (
                Refused::TooManyFromAddress,
                false,
                429,
                "application/json",
                r#"{"code":6,"message":"Too many sessions from this address"}"#,
            ),
            (Refused::NotWebSocket(StatusCode::BAD_REQUEST), true, 400, "text/html", "Bad request"),
            (Refused::NotWebSocket(StatusCode::UPGRADE_REQUIRED), true, 426, "text/html", "Bad request"),
        ] {
            let response = refused.clone().response(upgrade);
            assert_eq!(response.status.as_u16(), status, "{refused:?}");
            assert_eq!(response.content_type, Some(content_type), "{refused:?}");
            assert_eq!(response.body, body, "{refused:?}");
            assert_eq!(response.closes, upgrade || refused == Refused::Closing, "{refused:?}");
            let version = response.headers().any(|header| header == ("sec-websocket-version", "13"));
            assert_eq!(version, status == 426, "{refused:?}");
        }
    }
}
