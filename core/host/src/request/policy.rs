//! How the response to a request has to look, whatever it says: CORS, caching, JSONP, compression.

use super::encoding::Encoding;
use super::head::{RequestHead, is_upgrade};
use super::jsonp::script;
use super::options::RequestOptions;
use super::origin::Access;
use crate::http::Response;
use ::http::StatusCode;
use sanket::driver::{self, jsonp};

/// What every response has for pages of the server's own host, and for pages of others.
const OWN: &[(&str, &str)] = &[NO_STORE, NOSNIFF, ("cross-origin-resource-policy", "same-origin")];
const SHARED: &[(&str, &str)] = &[NO_STORE, NOSNIFF, ("cross-origin-resource-policy", "cross-origin")];
const NO_STORE: (&str, &str) = ("cache-control", "no-store");
const NOSNIFF: (&str, &str) = ("x-content-type-options", "nosniff");
/// The reference says `text/plain`, but with `nosniff` browsers do not run that.
const SCRIPT: &str = "text/javascript; charset=UTF-8";

/// How the response to a request has to look. Small, since every poll that waits has one.
#[derive(Clone, Debug, Default)]
pub struct ResponsePolicy {
    upgrade: bool,
    /// An Internet Explorer asks, which takes some responses for an attack.
    filters_scripts: bool,
    cors: Cors,
    /// JSONP: the digits of the function that a script calls.
    script: Option<Box<str>>,
    /// What a response is compressed with, if it is worth it.
    encoding: Option<Encoding>,
}

/// What the page of a request is told about its origin.
#[derive(Clone, Debug, Default)]
enum Cors {
    #[default]
    Nothing,
    Any,
    Listed(Box<str>),
}

impl From<Access<'_>> for Cors {
    fn from(access: Access<'_>) -> Self {
        match access {
            Access::Same | Access::Forbidden => Self::Nothing,
            Access::Any => Self::Any,
            Access::Listed(origin) => Self::Listed(origin.into()),
        }
    }
}

impl ResponsePolicy {
    /// That of a request, whose origin has been checked.
    pub(super) fn read(head: &impl RequestHead, access: Access<'_>, options: &RequestOptions) -> Self {
        let agent = head.header("user-agent").unwrap_or_default();
        let accepted = options.compression.and_then(|_| head.list("accept-encoding"));
        Self {
            upgrade: is_upgrade(head),
            filters_scripts: agent.contains(";MSIE") || agent.contains("; MSIE") || agent.contains("Trident/"),
            cors: access.into(),
            script: script(head.query()),
            encoding: accepted.and_then(|accepted| Encoding::best(&accepted, [Encoding::Gzip, Encoding::Deflate])),
        }
    }

    /// That of a request of which only these fields are known, for refusals that come before or instead of a whole head (408,
    /// 413, 431): a page on another host can read them only with CORS headers.
    #[must_use]
    pub fn for_refusal(origin: Option<&str>, host: Option<&str>, options: &RequestOptions) -> Self {
        Self { cors: options.origins.check(origin, host, None).into(), ..Self::default() }
    }

    /// Whether the request upgrades to WebSocket.
    #[must_use]
    pub fn is_upgrade(&self) -> bool {
        self.upgrade
    }

    /// Whether the request is one of JSONP: the body of a POST is a form then, see [`driver::jsonp::unwrap`].
    #[must_use]
    pub fn is_jsonp(&self) -> bool {
        self.script.is_some()
    }

    /// Adds the headers that every response to the request has: CORS, `cache-control`, `x-content-type-options` (browsers
    /// do not guess another type), `cross-origin-resource-policy` (pages that may not connect cannot have it as a script or an
    /// image either), and for old browsers `x-xss-protection`.
    pub fn apply(&self, response: &mut Response) {
        response.usual = match self.cors {
            Cors::Nothing => OWN,
            Cors::Any | Cors::Listed(_) => SHARED,
        };
        if self.filters_scripts {
            response.add("x-xss-protection", "0");
        }
        match &self.cors {
            Cors::Nothing => {}
            Cors::Any => response.add("access-control-allow-origin", "*"),
            Cors::Listed(origin) => {
                response.add("access-control-allow-origin", String::from(&**origin));
                response.add("access-control-allow-credentials", "true");
                response.add("vary", "Origin");
            }
        }
    }

    /// The response with the headers of [`ResponsePolicy::apply`].
    #[must_use]
    pub fn applied(&self, mut response: Response) -> Response {
        self.apply(&mut response);
        response
    }

    /// The protocol's response as one of HTTP, for JSONP as a script; and what it is to be [compressed](super::compress)
    /// with, if that is worth it and the client accepts it. [`ResponsePolicy::apply`] is still to be called. Encodes
    /// packets, so not to be called under a lock.
    #[must_use]
    pub fn render(&self, response: driver::Response, options: &RequestOptions) -> (Response, Option<Encoding>) {
        let (is_batch, is_worth_it) = match &response {
            driver::Response::Batch(batch) => (true, batch.wants_compression()),
            _ => (false, false),
        };
        let (status, mut content_type, mut body) = response.into_parts();
        if let Some(digits) = self.script.as_deref().filter(|_| is_batch) {
            body = jsonp::wrap(digits, &String::from_utf8_lossy(&body)).into();
            content_type = SCRIPT;
        }
        let is_long = options.compression.is_some_and(|threshold| body.len() >= threshold);
        let mut response = Response::new(StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR));
        response.content_type = Some(content_type);
        response.body = body;
        (response, self.encoding.filter(|_| is_worth_it && is_long))
    }
}
