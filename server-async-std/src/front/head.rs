//! From the bytes of a request head to what it says, or to a refusal; and from there to a `Request`, for whoever needs one. Pure
//! functions, stricter than the parser they use wherever two readings are possible: a proxy in front may have chosen the other
//! one. Refuses to know sockets and time.
use super::framing::Framing;
use super::refusal::Refusal;
use super::reply::Asked;
use std::mem::MaybeUninit;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::str::FromStr;
use tide::http::headers::{HeaderName, HeaderValue};
use tide::http::{Method, Request, StatusCode, Url, Version};

/// Headers that are parsed where the caller has room for them; more of them take memory.
pub(super) type Room<'b> = [MaybeUninit<httparse::Header<'b>>; ROOM];
const ROOM: usize = 128;

pub(super) const fn room<'b>() -> Room<'b> {
    [const { MaybeUninit::uninit() }; ROOM]
}

/// A request without its body, as it lies in the buffer.
#[derive(Debug)]
pub(crate) struct Head<'b> {
    pub(crate) method: Method,
    target: &'b str,
    /// Where its question mark is.
    mark: Option<usize>,
    host: &'b str,
    fields: Fields<'b>,
    pub(super) terms: Terms,
}

/// What a head says about the connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Terms {
    /// How many bytes the head took.
    pub(super) len: usize,
    pub(super) body: Framing,
    pub(super) keep_alive: bool,
    pub(super) http10: bool,
    pub(super) head_only: bool,
    /// `Connection: upgrade` and an `Upgrade` header: the endpoint may switch protocols.
    pub(super) upgrade: bool,
    /// `Expect: 100-continue`: the client wants to be asked for the body.
    pub(super) expects_continue: bool,
}

impl Terms {
    /// How the answer must look.
    pub(super) fn asked(self) -> Asked {
        Asked { head_only: self.head_only, http10: self.http10, close: !self.keep_alive }
    }
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
    if fields.0.iter().any(|field| !field.value.is_ascii()) {
        return Err(Refusal::bad("a header has bytes that are not ASCII"));
    }
    let terms = Terms {
        len,
        body,
        keep_alive: if http10 { fields.has_token("connection", "keep-alive") } else { true }
            && !fields.has_token("connection", "close"),
        http10,
        head_only: method == Method::Head,
        upgrade: !http10 && fields.has_token("connection", "upgrade") && fields.all("upgrade").next().is_some(),
        expects_continue,
    };
    let mark = memchr::memchr(b'?', target.as_bytes());
    Ok(Some(Head { method, target, mark, host, fields, terms }))
}

impl<'b> Head<'b> {
    /// The target up to its question mark.
    pub(crate) fn path(&self) -> &'b str {
        &self.target[..self.mark.unwrap_or(self.target.len())]
    }

    /// What is behind the question mark.
    pub(crate) fn query(&self) -> &'b str {
        self.mark.map_or("", |mark| &self.target[mark + 1..])
    }

    pub(crate) fn path_and_query(&self) -> &'b str {
        self.target
    }

    /// All values of a header, its name in lower case.
    pub(crate) fn values(&self, name: &str) -> impl Iterator<Item = &'b str> {
        self.fields.all(name).map(ascii)
    }

    /// Names and values.
    pub(crate) fn pairs(&self) -> impl Iterator<Item = (&'b str, &'b str)> {
        self.fields.0.iter().map(|field| (field.name, ascii(field.value)))
    }

    /// Whether the URL would say nothing else than host, path and query do, as far as that can be seen at a glance.
    pub(super) fn is_plain(&self) -> bool {
        // What a URL's query is not written with is written otherwise in it.
        let plain = |b: u8| b.is_ascii_graphic() && !matches!(b, b'"' | b'#' | b'\'' | b'<' | b'>');
        is_plain_host(self.host) && self.query().bytes().all(plain)
    }

    /// The request as an application sees it. `local` stands in for a missing host.
    pub(super) fn request(&self, local: SocketAddr) -> Result<Request, Refusal> {
        let (url, host_of_target) = url(self.method, self.target, self.host, local)?;
        let mut request = Request::new(self.method, url);
        request.set_version(Some(if self.terms.http10 { Version::Http1_0 } else { Version::Http1_1 }));
        for field in self.fields.0 {
            let value = match &host_of_target {
                Some(authority) if field.name.eq_ignore_ascii_case("host") => authority.as_bytes(),
                _ => field.value,
            };
            let name = HeaderName::from_bytes(field.name.into());
            let value = HeaderValue::from_bytes(value.into());
            match (name, value) {
                (Ok(name), Ok(value)) => request.append_header(name, value),
                _ => return Err(Refusal::bad("a header has bytes that are not ASCII")),
            }
        }
        Ok(request)
    }
}

/// A value that has been found to be ASCII.
fn ascii(value: &[u8]) -> &str {
    std::str::from_utf8(value).unwrap_or_default()
}

/// Whether this is an authority, and would be to any other reader: an IP address, or a name in plain letters, with a port or
/// without. Others may be, too, which takes a longer look.
fn is_plain_host(host: &str) -> bool {
    let (name, port) = match host.rsplit_once(':') {
        Some((name, port)) if !port.contains(']') => (name, Some(port)),
        _ => (host, None),
    };
    if port.is_some_and(|port| port.parse::<u16>().is_err()) {
        return false;
    }
    if let Some(v6) = name.strip_prefix('[').and_then(|name| name.strip_suffix(']')) {
        return v6.parse::<Ipv6Addr>().is_ok();
    }
    let last = name.rsplit('.').next().unwrap_or_default();
    if last.starts_with(|first: char| first.is_ascii_digit()) {
        return name.parse::<Ipv4Addr>().is_ok();
    }
    let label = |label: &str| {
        let letters = label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
        // The others mean something in other scripts.
        letters && !label.is_empty() && label.get(2..4) != Some("--")
    };
    name.len() <= 253 && name.split('.').all(label)
}

fn refuse(error: httparse::Error) -> Refusal {
    use httparse::Error;
    match error {
        Error::TooManyHeaders => Refusal::new(StatusCode::RequestHeaderFieldsTooLarge, "too many headers"),
        Error::Version => {
            Refusal::new(StatusCode::HttpVersionNotSupported, "only HTTP/1.0 and HTTP/1.1 are spoken here")
        }
        Error::HeaderName => Refusal::bad("malformed header name"),
        Error::HeaderValue => Refusal::bad("malformed header value"),
        _ => Refusal::bad("malformed request"),
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

fn host<'b>(headers: &Fields<'b>, http10: bool) -> Result<&'b str, Refusal> {
    let host = match headers.only("host", "more than one Host header")? {
        None if !http10 => return Err(Refusal::bad("no Host header")),
        host => host.unwrap_or_default(),
    };
    // Anything else could end the authority of the URL that is built with it, and make a path of its rest.
    let harmless = |b: &u8| b.is_ascii_alphanumeric() || b"-._~:[]".contains(b);
    match std::str::from_utf8(host) {
        Ok(text) if host.iter().all(harmless) => Ok(text),
        _ => Err(Refusal::bad("malformed Host header")),
    }
}

fn framing(headers: &Fields<'_>, http10: bool) -> Result<Framing, Refusal> {
    let coding = headers.only("transfer-encoding", "more than one Transfer-Encoding header")?;
    let length = headers.only("content-length", "more than one Content-Length header")?;
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

fn expects_continue(headers: &Fields<'_>) -> Result<bool, Refusal> {
    match headers.only("expect", "more than one Expect header")? {
        None => Ok(false),
        Some(value) if value.eq_ignore_ascii_case(b"100-continue") => Ok(true),
        Some(_) => Err(Refusal::new(StatusCode::ExpectationFailed, "an expectation other than 100-continue")),
    }
}

fn known_method(name: &str) -> Result<Method, Refusal> {
    match name {
        // Nearly all.
        "GET" => return Ok(Method::Get),
        "POST" => return Ok(Method::Post),
        _ => {}
    }
    match Method::from_str(name) {
        // http-types takes any case, HTTP does not. CONNECT is for proxies.
        Ok(method) if method != Method::Connect && method.as_ref() == name => Ok(method),
        _ => Err(Refusal::new(StatusCode::NotImplemented, "unknown method")),
    }
}

/// The request's URL, and the authority that replaces `Host` if the target names one (RFC 9112, 3.2.2).
fn url(method: Method, target: &str, host: &str, local: SocketAddr) -> Result<(Url, Option<String>), Refusal> {
    const MALFORMED: Refusal = Refusal::bad("malformed request target");
    if target.contains('#') {
        return Err(MALFORMED);
    }
    let absolute = |target: &str| Url::parse(target).map_err(|_| MALFORMED);
    let authority = || {
        if host.is_empty() { local.to_string() } else { host.to_owned() }
    };
    if target.starts_with('/') {
        return Ok((absolute(&format!("http://{}{target}", authority()))?, None));
    }
    if target == "*" && method == Method::Options {
        return Ok((absolute(&format!("http://{}/*", authority()))?, None));
    }
    let url = absolute(target)?;
    let named = matches!(url.scheme(), "http" | "https") && url.username().is_empty() && url.password().is_none();
    let Some(name) = url.host_str().filter(|_| named) else {
        return Err(MALFORMED);
    };
    let authority = url.port().map_or_else(|| name.to_owned(), |port| format!("{name}:{port}"));
    Ok((url, Some(authority)))
}

#[cfg(test)]
#[path = "head_tests.rs"]
mod tests;
