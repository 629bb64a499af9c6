//! Request targets and authorities (RFC 9112, 3.2; RFC 3986, 3.2).
use super::refusal::Refusal;
use std::net::Ipv6Addr;

/// What a request line asks for. Nothing is decoded or normalised.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Target<'b> {
    pub(super) raw: &'b str,
    pub(super) path: &'b str,
    /// Behind the question mark; empty without one.
    pub(super) query: &'b str,
    /// The authority of a target in absolute-form.
    pub(super) authority: Option<&'b str>,
}

impl<'b> Target<'b> {
    /// Takes origin-form, absolute-form with `http` or `https`, and, where `asterisk` allows it, `*`.
    pub(super) fn parse(raw: &'b str, asterisk: bool) -> Result<Self, Refusal> {
        const MALFORMED: Refusal = Refusal::bad("malformed request target");
        if memchr::memchr(b'#', raw.as_bytes()).is_some() {
            return Err(MALFORMED);
        }
        if raw.starts_with('/') {
            let (path, query) = split_query(raw);
            return Ok(Self { raw, path, query, authority: None });
        }
        if asterisk && raw == "*" {
            return Ok(Self { raw, path: raw, query: "", authority: None });
        }
        let Some((scheme, rest)) = raw.split_once("://") else {
            return Err(MALFORMED);
        };
        let (authority, rest) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
        let known = ["http", "https"].iter().any(|known| scheme.eq_ignore_ascii_case(known));
        if !known || authority.is_empty() || !is_authority(authority) {
            return Err(MALFORMED);
        }
        let (path, query) = split_query(rest);
        // RFC 9110, 4.2.3: an empty path is the same as `/`.
        Ok(Self { raw, path: if path.is_empty() { "/" } else { path }, query, authority: Some(authority) })
    }
}

fn split_query(text: &str) -> (&str, &str) {
    match memchr::memchr(b'?', text.as_bytes()) {
        // The byte found is a character of its own.
        Some(mark) => (&text[..mark], &text[mark + 1..]),
        None => (text, ""),
    }
}

/// Whether `text` is a host with or without a port, and nothing that could end an authority. Empty is allowed (RFC 9110, 7.2).
/// Hosts with percent-encoded or other special characters, which RFC 3986 allows and no resolver knows, are not.
pub(super) fn is_authority(text: &str) -> bool {
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => (host, port),
        _ => (text, ""),
    };
    if host.is_empty() {
        return text.is_empty();
    }
    let is_port = port.bytes().all(|b| b.is_ascii_digit()) && (port.is_empty() || port.parse::<u16>().is_ok());
    let is_host = match host.strip_prefix('[') {
        Some(v6) => v6.strip_suffix(']').is_some_and(|v6| v6.parse::<Ipv6Addr>().is_ok()),
        None => host.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._~".contains(&b)),
    };
    is_port && is_host
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn authorities() {
        for text in
            ["", "a", "a:80", "a:", "[::1]:3000", "[::1]", "under_score.example", "127.0.0.1", "A-b.example:65535"]
        {
            assert!(is_authority(text), "{text:?}");
        }
        for text in ["a/b", "a?b", "u@a", "a b", "%41", "a\\b", "a:b", "a:+1", "a:65536", "[::g]", "[::1", "::1", ":80"]
        {
            assert!(!is_authority(text), "{text:?}");
        }
    }

    #[test]
    fn targets_are_split_and_left_as_they_are() {
        let parts = |raw| {
            let target = Target::parse(raw, true).map_err(|refusal| refusal.status.as_u16())?;
            assert_eq!(target.raw, raw);
            Ok::<_, u16>((target.path, target.query, target.authority))
        };
        assert_eq!(parts("/socket.io/?EIO=4&x=%20"), Ok(("/socket.io/", "EIO=4&x=%20", None)));
        assert_eq!(parts("//x/../y?a?b"), Ok(("//x/../y", "a?b", None)));
        assert_eq!(parts("/%zz?%"), Ok(("/%zz", "%", None)));
        assert_eq!(parts("http://b:81/x?y"), Ok(("/x", "y", Some("b:81"))));
        assert_eq!(parts("HTTPS://B"), Ok(("/", "", Some("B"))));
        assert_eq!(parts("http://b?x/y"), Ok(("/", "x/y", Some("b"))));
        assert_eq!(parts("*"), Ok(("*", "", None)));
        for raw in [
            "",
            "x",
            "x/y",
            "a:80",
            "ftp://b/",
            "http://",
            "http:///x",
            "http://u:p@b/",
            "http://b:99999/",
            "/x#y",
            "?",
            "data:x",
            "**",
            "http:/b",
        ] {
            assert_eq!(parts(raw), Err(400), "{raw:?}");
        }
        assert_eq!(Target::parse("*", false).map_err(|refusal| refusal.status.as_u16()), Err(400));
    }
}
