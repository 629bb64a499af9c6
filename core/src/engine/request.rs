//! Parses the method and query of an HTTP request, and has the errors with their status and body as the reference words
//! them. Whether a session exists is for [`Shard::route`](crate::driver::Shard::route) to say.

use crate::config::Config;
use crate::frame::Revision;
use crate::id::Sid;
use alloc::borrow::Cow;
use core::fmt;

/// The HTTP methods that Engine.IO knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// GET.
    Get,
    /// POST.
    Post,
    /// Any other.
    Other,
}

/// The transport of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// HTTP long-polling.
    Polling,
    /// WebSocket.
    WebSocket,
}

/// A well-formed request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Request {
    /// There is no `sid`: opens a session.
    Handshake {
        /// From `EIO`; 3 without one, unless [`Config::require_eio`] is set. `None` if the server does not support it:
        /// then the response is [`RequestError::UnsupportedRevision`], but in the reference's order only after `allowRequest` has accepted
        /// the client.
        revision: Option<Revision>,
        /// From `transport`.
        transport: Transport,
        /// Whether the client cannot take binary responses to polls (`b64` or `j`; EIO=3 only).
        base64: bool,
    },
    /// There is a `sid`: for a session that [`Shard::route`](crate::driver::Shard::route) finds.
    Session {
        /// From `sid`.
        sid: Sid,
        /// From `EIO`; 3 without one, as in a handshake. `None` if no session can have it.
        revision: Option<Revision>,
        /// The kind of the request.
        ask: Ask,
    },
}

/// The kind of a request with a `sid`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ask {
    /// A poll: the client waits for packets.
    Poll,
    /// A POST: the client sends packets.
    Post,
    /// A WebSocket for a session that is polling.
    Upgrade,
    /// Any other combination of method and transport.
    Nonsense,
}

/// Why a request is refused. The values are the reference's error codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RequestError {
    /// `transport` is missing or unknown.
    UnknownTransport = 0,
    /// `sid` names no session.
    UnknownSid = 1,
    /// A handshake with a method other than GET.
    BadHandshakeMethod = 2,
    /// The wrong transport for this session, the wrong revision, or a handshake by WebSocket without an upgrade.
    BadRequest = 3,
    /// The server does not accept the client (because of its origin, for example), or is closing.
    Forbidden = 4,
    /// `EIO` is neither 3 nor 4, or not supported by the server.
    UnsupportedRevision = 5,
    /// There are too many sessions: [`Config::max_sessions`](crate::Config::max_sessions). Not in the reference.
    Full = 6,
}

impl RequestError {
    /// The HTTP status.
    #[must_use]
    pub const fn status(self) -> u16 {
        match self {
            Self::Forbidden => 403,
            Self::Full => 503,
            Self::UnknownTransport
            | Self::UnknownSid
            | Self::BadHandshakeMethod
            | Self::BadRequest
            | Self::UnsupportedRevision => 400,
        }
    }

    /// The reference's text.
    #[must_use]
    pub const fn message(self) -> &'static str {
        match self {
            Self::UnknownTransport => "Transport unknown",
            Self::UnknownSid => "Session ID unknown",
            Self::BadHandshakeMethod => "Bad handshake method",
            Self::BadRequest => "Bad request",
            Self::Forbidden => "Forbidden",
            Self::UnsupportedRevision => "Unsupported protocol version",
            Self::Full => "Too many sessions",
        }
    }

    /// The body of the response: a JSON object with the code as a number, and the message.
    #[must_use]
    pub fn body(self) -> alloc::string::String {
        alloc::format!(r#"{{"code":{},"message":"{}"}}"#, self as u8, self.message())
    }
}

impl fmt::Display for RequestError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.message())
    }
}

impl core::error::Error for RequestError {}

impl Request {
    /// Parses a request from its method, its query (without `?`), and whether it asks for an upgrade to WebSocket.
    ///
    /// If a parameter is given twice, the last counts, as in the reference. Other parameters are ignored.
    ///
    /// # Errors
    ///
    /// In the reference's order: the transport; with a `sid` its form; without one the method and the missing upgrade.
    /// `EIO` must be exactly `3` or `4`. (The reference takes any other value for 3, but the protocol's test suite
    /// requires an error.) A request without `EIO` counts as 3, unless [`Config::require_eio`] is set.
    pub fn parse(method: Method, query: &str, upgrade: bool, config: &Config) -> Result<Self, RequestError> {
        let missing = if config.require_eio { None } else { Some(Revision::V3) };
        let (mut transport, mut eio, mut sid, mut base64) = (None, missing, None, false);
        for (name, value) in parameters(query) {
            match &*name {
                "transport" => {
                    transport = match &*value {
                        "polling" if config.polling => Some(Transport::Polling),
                        "websocket" if config.websocket => Some(Transport::WebSocket),
                        _ => None,
                    };
                }
                "EIO" => {
                    eio = match &*value {
                        "3" => Some(Revision::V3),
                        "4" => Some(Revision::V4),
                        _ => None,
                    };
                }
                // An empty `sid` counts as none, as in the reference.
                "sid" => sid = (!value.is_empty()).then(|| Sid::parse(&value)),
                "b64" => base64 |= !value.is_empty(),
                // A JSONP response is a script, which is text.
                "j" => base64 = true,
                _ => {}
            }
        }
        let transport = transport.ok_or(RequestError::UnknownTransport)?;
        let revision = eio.filter(|revision| config.eio3 || *revision == Revision::V4);
        if let Some(sid) = sid {
            let sid = sid.ok_or(RequestError::UnknownSid)?;
            let ask = match (upgrade, transport, method) {
                (true, Transport::WebSocket, Method::Get) => Ask::Upgrade,
                (false, Transport::Polling, Method::Get) => Ask::Poll,
                (false, Transport::Polling, Method::Post) => Ask::Post,
                _ => Ask::Nonsense,
            };
            return Ok(Self::Session { sid, revision, ask });
        }
        if method != Method::Get {
            return Err(RequestError::BadHandshakeMethod);
        }
        if upgrade != (transport == Transport::WebSocket) {
            return Err(RequestError::BadRequest);
        }
        Ok(Self::Handshake { revision, transport, base64: base64 && revision == Some(Revision::V3) })
    }
}

/// The parameters of a query. Those without escapes are borrowed, nearly all of them.
fn parameters(query: &str) -> impl Iterator<Item = (Cow<'_, str>, Cow<'_, str>)> {
    query.split('&').filter_map(|parameter| {
        if parameter.bytes().any(|byte| matches!(byte, b'%' | b'+')) {
            return form_urlencoded::parse(parameter.as_bytes()).next();
        }
        let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
        Some((name.into(), value.into()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;

    const SID: &str = "AAAAAAAAAAAAAAAAAAAAAA";

    fn get(query: &str) -> Result<Request, RequestError> {
        Request::parse(Method::Get, query, false, &Config::default())
    }

    #[test]
    fn handshakes_of_both_revisions() {
        let want = |revision, base64| {
            Ok(Request::Handshake { revision: Some(revision), transport: Transport::Polling, base64 })
        };
        assert_eq!(get("EIO=4&transport=polling&t=abc"), want(Revision::V4, false));
        assert_eq!(get("transport=polling&EIO=3&b64=1"), want(Revision::V3, true));
        assert_eq!(get("EIO=4&transport=polling&b64=1"), want(Revision::V4, false));
        assert_eq!(get("EIO=4&transport=polling&sid="), want(Revision::V4, false));
    }

    #[test]
    fn refusals_come_in_the_references_order() {
        use RequestError as E;
        assert_eq!(get(""), Err(E::UnknownTransport));
        assert_eq!(get("EIO=9&transport=carrier-pigeon&sid=x"), Err(E::UnknownTransport));
        assert_eq!(get("EIO=9&transport=polling&sid=x"), Err(E::UnknownSid));
        let asks = |revision, ask| Ok(Request::Session { sid: Sid::from_bytes([0; 16]), revision, ask });
        assert_eq!(get(&format!("EIO=9&transport=polling&sid={SID}")), asks(None, Ask::Poll));
        assert_eq!(get(&format!("EIO=4&transport=websocket&sid={SID}")), asks(Some(Revision::V4), Ask::Nonsense));
        assert_eq!(
            Request::parse(Method::Post, "EIO=9&transport=polling", false, &Config::default()),
            Err(E::BadHandshakeMethod)
        );
        assert_eq!(get("EIO=4&transport=websocket"), Err(E::BadRequest));
        let unspoken = Ok(Request::Handshake { revision: None, transport: Transport::Polling, base64: false });
        for eio in ["EIO", "EIO=", "EIO=abc", "EIO=03", "EIO=4.0", "EIO=2", "EIO=3&EIO="] {
            assert_eq!(get(&format!("{eio}&transport=polling")), unspoken, "{eio}");
        }
        let none = Config { polling: false, websocket: false, eio3: false, ..Config::default() };
        assert_eq!(Request::parse(Method::Get, "EIO=4&transport=polling", false, &none), Err(E::UnknownTransport));
        assert_eq!(Request::parse(Method::Get, "EIO=4&transport=websocket", true, &none), Err(E::UnknownTransport));
        let only_new = Config { eio3: false, ..Config::default() };
        assert_eq!(Request::parse(Method::Get, "EIO=3&transport=polling", false, &only_new), unspoken);
        assert_eq!(E::UnsupportedRevision.body(), r#"{"code":5,"message":"Unsupported protocol version"}"#);
    }

    #[test]
    fn a_request_without_eio_is_of_the_third_revision() {
        let sid = format!("&sid={SID}");
        let asks = |query: &str, config: &Config| match Request::parse(Method::Get, query, false, config) {
            Ok(Request::Handshake { revision, .. } | Request::Session { revision, .. }) => revision,
            Err(error) => panic!("{error}"),
        };
        for more in ["", "&t=abc", &sid] {
            let query = format!("transport=polling{more}");
            assert_eq!(asks(&query, &Config::default()), Some(Revision::V3), "{query}");
            for config in [
                Config { require_eio: true, ..Config::default() },
                Config { eio3: false, ..Config::default() },
                Config { eio3: false, require_eio: true, ..Config::default() },
            ] {
                assert_eq!(asks(&query, &config), None, "{query}");
                let with = format!("EIO=4&{query}");
                assert_eq!(asks(&with, &config), Some(Revision::V4), "{with}");
            }
        }
        let base64 = |query| matches!(get(query), Ok(Request::Handshake { base64: true, .. }));
        assert!(base64("transport=polling&b64=1") && base64("transport=polling&j=0"), "as other clients of it");
    }

    #[test]
    fn parameters_are_what_the_library_says() {
        let letters = ["", "a", "b", "=", "&", "%4", "1", "+", "é"];
        let mut queries = alloc::vec![alloc::string::String::new()];
        for _ in 0..5 {
            queries =
                queries.iter().flat_map(|query| letters.map(|letter| alloc::format!("{query}{letter}"))).collect();
        }
        for query in queries {
            let ours = parameters(&query).filter(|(name, value)| !name.is_empty() || !value.is_empty());
            let theirs =
                form_urlencoded::parse(query.as_bytes()).filter(|(name, value)| !name.is_empty() || !value.is_empty());
            assert!(ours.eq(theirs), "{query}");
        }
    }
}
