//! From the bytes of a request head to a `Request`, or to a refusal. A pure function, stricter than the parser it uses
//! wherever two readings are possible: a proxy in front may have chosen the other one. Refuses to know sockets and time.
use super::framing::Framing;
use super::refusal::Refusal;
use std::net::SocketAddr;
use std::str::FromStr;
use tide::http::headers::{HeaderName, HeaderValue};
use tide::http::{Method, Request, StatusCode, Url, Version};

/// A request without its body, and what the head says about the connection.
#[derive(Debug)]
pub(super) struct Head {
    pub(super) request: Request,
    /// How many bytes the head took.
    pub(super) len: usize,
    pub(super) body: Framing,
    pub(super) keep_alive: bool,
    pub(super) http10: bool,
    /// `Connection: upgrade` and an `Upgrade` header: the endpoint may switch protocols.
    pub(super) upgrade: bool,
    /// `Expect: 100-continue`: the client wants to be asked for the body.
    pub(super) expects_continue: bool,
}

const NO_HEADER: httparse::Header<'static> = httparse::EMPTY_HEADER;

/// Parses a head that starts at the first byte. `None`: more bytes are needed. `local` stands in for a missing host.
pub(super) fn parse(bytes: &[u8], max_headers: usize, local: SocketAddr) -> Result<Option<Head>, Refusal> {
    let mut headers = vec![NO_HEADER; max_headers];
    let mut parsed = httparse::Request::new(&mut headers);
    let len = match parsed.parse(bytes) {
        Ok(httparse::Status::Complete(len)) => len,
        Ok(httparse::Status::Partial) => return Ok(None),
        Err(error) => return Err(refuse(error)),
    };
    if bytes[..len].windows(2).any(|pair| pair[1] == b'\n' && pair[0] != b'\r') {
        return Err(Refusal::bad("a line of the head does not end in CRLF"));
    }
    let (Some(method), Some(target), Some(minor)) = (parsed.method, parsed.path, parsed.version) else {
        return Err(Refusal::bad("malformed request line"));
    };
    let headers = Fields(parsed.headers);
    let http10 = minor == 0;
    let host = host(&headers, http10)?;
    let body = framing(&headers, http10)?;
    let expects_continue = !http10 && expects_continue(&headers)?;
    let method = known_method(method)?;
    let (url, host_of_target) = url(method, target, host, local)?;

    let mut request = Request::new(method, url);
    request.set_version(Some(if http10 { Version::Http1_0 } else { Version::Http1_1 }));
    for field in headers.0 {
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
    Ok(Some(Head {
        len,
        body,
        keep_alive: if http10 { headers.has_token("connection", "keep-alive") } else { true }
            && !headers.has_token("connection", "close"),
        http10,
        upgrade: !http10 && headers.has_token("connection", "upgrade") && headers.all("upgrade").next().is_some(),
        expects_continue,
        request,
    }))
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

struct Fields<'h, 'b>(&'h [httparse::Header<'b>]);

impl<'b> Fields<'_, 'b> {
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

fn host<'b>(headers: &Fields<'_, 'b>, http10: bool) -> Result<&'b str, Refusal> {
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

fn framing(headers: &Fields<'_, '_>, http10: bool) -> Result<Framing, Refusal> {
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

fn expects_continue(headers: &Fields<'_, '_>) -> Result<bool, Refusal> {
    match headers.only("expect", "more than one Expect header")? {
        None => Ok(false),
        Some(value) if value.eq_ignore_ascii_case(b"100-continue") => Ok(true),
        Some(_) => Err(Refusal::new(StatusCode::ExpectationFailed, "an expectation other than 100-continue")),
    }
}

fn known_method(name: &str) -> Result<Method, Refusal> {
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
