//! Request heads: from bytes to what they say, or to a refusal. Stricter than the parser they use wherever two readings are
//! possible, because a proxy in front may have chosen the other one (RFC 9112, 11.2).
use super::framing::Framing;
use super::refusal::Refusal;
use super::response::Shape;
use super::target::{Target, is_authority};
use http::{Method, StatusCode, Version};
use std::borrow::Cow;
use std::mem::MaybeUninit;

/// Room for parsed headers on the stack; more of them take memory.
pub(super) type Room<'b> = [MaybeUninit<httparse::Header<'b>>; ROOM];
const ROOM: usize = 200;

pub(super) const fn room<'b>() -> Room<'b> {
    [const { MaybeUninit::uninit() }; ROOM]
}

/// The head of a request, as it lies in the buffer. Nothing is decoded or normalised.
#[derive(Debug)]
pub struct Head<'b> {
    method: Method,
    target: Target<'b>,
    host: &'b str,
    fields: Fields<'b>,
    pub(super) terms: Terms,
}

/// What a head says about the connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Terms {
    /// Bytes of the head.
    pub(super) len: usize,
    pub(super) body: Framing,
    pub(super) shape: Shape,
    /// `Connection: upgrade` and an `Upgrade` header: the protocol may be switched.
    pub(super) upgrade: bool,
    /// `Expect: 100-continue`: the client wants to be asked for the body.
    pub(super) expects_continue: bool,
}

/// Parses a head that starts at the first byte. `None`: more bytes are needed.
pub(super) fn parse<'b>(
    bytes: &'b [u8],
    room: &'b mut Room<'b>,
    more: &'b mut Vec<MaybeUninit<httparse::Header<'b>>>,
    max_headers: usize,
) -> Result<Option<Head<'b>>, Refusal> {
    let room = match room.get_mut(..max_headers) {
        Some(room) => room,
        None => {
            more.resize_with(max_headers, MaybeUninit::uninit);
            more
        }
    };
    let mut parsed = httparse::Request::new(&mut []);
    let len = match parsed.parse_with_uninit_headers(bytes, room) {
        Ok(httparse::Status::Complete(len)) => len,
        Ok(httparse::Status::Partial) => return Ok(None),
        Err(error) => return Err(refuse(error)),
    };
    // `len` is how many of the bytes the parser took; a position found by memchr is within them.
    if memchr::memchr_iter(b'\n', &bytes[..len]).any(|at| at > 0 && bytes[at - 1] != b'\r') {
        return Err(Refusal::bad("a line of the head does not end in CRLF"));
    }
    let (Some(method), Some(target), Some(minor)) = (parsed.method, parsed.path, parsed.version) else {
        return Err(Refusal::bad("malformed request line"));
    };
    let fields = Fields(parsed.headers);
    let http10 = minor == 0;
    let host = host(&fields, http10)?;
    let body = framing(&fields, http10)?;
    let expects_continue = !http10 && expects_continue(&fields)?;
    let method = known_method(method)?;
    let target = Target::parse(target, method == Method::OPTIONS)?;
    let keep_alive = !http10 || fields.has_token("connection", "keep-alive");
    let terms = Terms {
        len,
        body,
        shape: Shape {
            head_only: method == Method::HEAD,
            http10,
            close: !keep_alive || fields.has_token("connection", "close"),
        },
        upgrade: !http10 && fields.has_token("connection", "upgrade") && fields.all("upgrade").next().is_some(),
        expects_continue,
    };
    Ok(Some(Head { method, target, host, fields, terms }))
}

impl<'b> Head<'b> {
    /// The method: one of those registered with IANA, but CONNECT, which is for proxies.
    #[must_use]
    pub fn method(&self) -> &Method {
        &self.method
    }

    /// The request target as it was sent: in origin-form, absolute-form, or `*`.
    #[must_use]
    pub fn target(&self) -> &'b str {
        self.target.raw
    }

    /// The path of the target as it was sent: neither decoded nor normalised. `/` where a target in absolute-form has none,
    /// `*` for the target `*`.
    #[must_use]
    pub fn path(&self) -> &'b str {
        self.target.path
    }

    /// What is behind the first question mark of the target; empty without one.
    #[must_use]
    pub fn query(&self) -> &'b str {
        self.target.query
    }

    /// HTTP/1.0 or HTTP/1.1.
    #[must_use]
    pub fn version(&self) -> Version {
        if self.terms.shape.http10 { Version::HTTP_10 } else { Version::HTTP_11 }
    }

    /// The host, with the port if there is one: of the target if that is in absolute-form (RFC 9112, 3.2.2), else of the
    /// `Host` header. Empty where that is empty, or missing (HTTP/1.0).
    #[must_use]
    pub fn host(&self) -> &'b str {
        self.target.authority.unwrap_or(self.host)
    }

    /// The values of all headers of this name, which may be in any case, in their order. They are opaque bytes (RFC 9110,
    /// 5.5): what is beyond ASCII is kept.
    pub fn values(&self, name: &str) -> impl Iterator<Item = &'b [u8]> {
        self.fields.all(name)
    }

    /// The first value of a header as text. What is no UTF-8 is replaced by U+FFFD.
    #[must_use]
    pub fn header_str(&self, name: &str) -> Option<Cow<'b, str>> {
        self.fields.all(name).next().map(String::from_utf8_lossy)
    }

    /// All headers, in their order: names as they were sent, and values.
    pub fn fields(&self) -> impl Iterator<Item = (&'b str, &'b [u8])> {
        self.fields.0.iter().map(|field| (field.name, field.value))
    }

    /// The length of the body in bytes; 0 without one, `None` if it comes in chunks.
    #[must_use]
    pub fn length(&self) -> Option<u64> {
        match self.terms.body {
            Framing::End => Some(0),
            Framing::Length(length) => Some(length),
            Framing::Chunked(_) => None,
        }
    }

    /// Whether there is a body. One in chunks may turn out to be empty.
    #[must_use]
    pub fn has_body(&self) -> bool {
        self.terms.body != Framing::End
    }

    /// Whether the request allows another protocol: it has `Connection: upgrade` and an `Upgrade` header.
    #[must_use]
    pub fn is_upgrade(&self) -> bool {
        self.terms.upgrade
    }
}

fn refuse(error: httparse::Error) -> Refusal {
    use httparse::Error;
    match error {
        Error::TooManyHeaders => Refusal::new(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, "too many headers"),
        Error::Version => {
            Refusal::new(StatusCode::HTTP_VERSION_NOT_SUPPORTED, "only HTTP/1.0 and HTTP/1.1 are supported")
        }
        Error::HeaderName => Refusal::bad("malformed header name"),
        Error::HeaderValue => Refusal::bad("malformed header value"),
        Error::NewLine | Error::Status | Error::Token => Refusal::bad("malformed request"),
    }
}

#[derive(Debug)]
struct Fields<'b>(&'b [httparse::Header<'b>]);

impl<'b> Fields<'b> {
    fn all(&self, name: &str) -> impl Iterator<Item = &'b [u8]> {
        self.0.iter().filter(move |field| field.name.eq_ignore_ascii_case(name)).map(|field| field.value)
    }

    /// The header's value; an error if there is more than one.
    fn only(&self, name: &str, refusal: &'static str) -> Result<Option<&'b [u8]>, Refusal> {
        let mut values = self.all(name);
        let value = values.next();
        if values.next().is_some() {
            return Err(Refusal::bad(refusal));
        }
        Ok(value)
    }

    /// Whether a comma-separated list has `token`.
    fn has_token(&self, name: &str, token: &str) -> bool {
        let mut tokens = self.all(name).flat_map(|value| value.split(|&b| b == b','));
        tokens.any(|candidate| candidate.trim_ascii().eq_ignore_ascii_case(token.as_bytes()))
    }
}

/// RFC 9112, 3.2: a request without a Host, or with an invalid one, is refused. More than one is refused unless they are equal.
fn host<'b>(fields: &Fields<'b>, http10: bool) -> Result<&'b str, Refusal> {
    let mut hosts = fields.all("host");
    let host = match hosts.next() {
        None if !http10 => return Err(Refusal::bad("no Host header")),
        host => host.unwrap_or_default(),
    };
    if hosts.any(|other| other != host) {
        return Err(Refusal::bad("more than one Host header"));
    }
    match std::str::from_utf8(host) {
        Ok(text) if is_authority(text) => Ok(text),
        _ => Err(Refusal::bad("malformed Host header")),
    }
}

fn framing(fields: &Fields<'_>, http10: bool) -> Result<Framing, Refusal> {
    let coding = fields.only("transfer-encoding", "more than one Transfer-Encoding header")?;
    let length = fields.only("content-length", "more than one Content-Length header")?;
    match (coding, length) {
        (None, None) => Ok(Framing::End),
        (None, Some(length)) => {
            // `u64::from_str` takes a plus sign.
            let digits = length.iter().all(u8::is_ascii_digit);
            let length = std::str::from_utf8(length).ok().filter(|_| digits).and_then(|text| text.parse().ok());
            length.map(Framing::length).ok_or(Refusal::bad("malformed Content-Length"))
        }
        (Some(_), Some(_)) => Err(Refusal::bad("both Content-Length and Transfer-Encoding")),
        (Some(_), None) if http10 => Err(Refusal::bad("Transfer-Encoding in an HTTP/1.0 request")),
        (Some(coding), None) if coding.eq_ignore_ascii_case(b"chunked") => Ok(Framing::chunked()),
        (Some(_), None) => Err(Refusal::bad("a Transfer-Encoding other than chunked")),
    }
}

fn expects_continue(fields: &Fields<'_>) -> Result<bool, Refusal> {
    match fields.only("expect", "more than one Expect header")? {
        None => Ok(false),
        Some(value) if value.eq_ignore_ascii_case(b"100-continue") => Ok(true),
        Some(_) => Err(Refusal::new(StatusCode::EXPECTATION_FAILED, "an expectation other than 100-continue")),
    }
}

/// The methods of IANA's HTTP Method Registry, sorted, but for CONNECT and what only HTTP/2 has.
const METHODS: [&str; 38] = [
    "ACL",
    "BASELINE-CONTROL",
    "BIND",
    "CHECKIN",
    "CHECKOUT",
    "COPY",
    "DELETE",
    "GET",
    "HEAD",
    "LABEL",
    "LINK",
    "LOCK",
    "MERGE",
    "MKACTIVITY",
    "MKCALENDAR",
    "MKCOL",
    "MKREDIRECTREF",
    "MKWORKSPACE",
    "MOVE",
    "OPTIONS",
    "ORDERPATCH",
    "PATCH",
    "POST",
    "PROPFIND",
    "PROPPATCH",
    "PUT",
    "QUERY",
    "REBIND",
    "REPORT",
    "SEARCH",
    "TRACE",
    "UNBIND",
    "UNCHECKOUT",
    "UNLINK",
    "UNLOCK",
    "UPDATE",
    "UPDATEREDIRECTREF",
    "VERSION-CONTROL",
];

/// Methods are case-sensitive (RFC 9110, 9.1).
fn known_method(name: &str) -> Result<Method, Refusal> {
    const UNKNOWN: Refusal = Refusal::new(StatusCode::NOT_IMPLEMENTED, "unknown method");
    match name {
        // Nearly all.
        "GET" => Ok(Method::GET),
        "POST" => Ok(Method::POST),
        _ if METHODS.binary_search(&name).is_ok() => Method::from_bytes(name.as_bytes()).map_err(|_| UNKNOWN),
        _ => Err(UNKNOWN),
    }
}

#[cfg(test)]
#[path = "head_tests.rs"]
mod tests;
