//! The head of a request as this module needs it, whoever has parsed it. Knows names and bytes, and what no header means.

use std::borrow::Cow;
use std::net::IpAddr;

/// The head of a request. Implemented for whatever an HTTP server has parsed.
///
/// The values of fields are opaque bytes (RFC 9110, 5.5).
pub trait RequestHead {
    /// The method as it was sent; methods are case-sensitive (RFC 9110, 9.1).
    fn method(&self) -> &str;

    /// The path as it was sent: neither decoded nor normalised.
    fn path(&self) -> &str;

    /// What follows the first question mark of the target; empty if there is none.
    fn query(&self) -> &str;

    /// All fields in the order in which they were sent. Names may be in any case.
    fn fields(&self) -> impl Iterator<Item = (&str, &[u8])>;

    /// Path and query as they were sent.
    fn path_and_query(&self) -> Cow<'_, str> {
        match self.query() {
            "" => self.path().into(),
            query => [self.path(), "?", query].concat().into(),
        }
    }

    /// All values of the fields of this name, which is given in lower case.
    fn values<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a [u8]> {
        self.fields().filter(move |(field, _)| field.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    /// The last value of the fields of this name, which is given in lower case; decoded as ISO-8859-1, as Node.js does.
    fn header<'a>(&'a self, name: &'a str) -> Option<Cow<'a, str>> {
        self.values(name).last().map(latin1)
    }

    /// The value of a field that is a list, its name given in lower case: the values of all its lines, separated by commas
    /// (RFC 9110, 5.3), decoded as [`RequestHead::header`] does.
    fn list<'a>(&'a self, name: &'a str) -> Option<Cow<'a, str>> {
        let mut values = self.values(name);
        let mut all = latin1(values.next()?);
        for value in values {
            let all = all.to_mut();
            all.push(',');
            all.push_str(&latin1(value));
        }
        Some(all)
    }

    /// The authority that the request is for, port included. Whoever parses targets in absolute form returns theirs, which
    /// replaces the `Host` field (RFC 9112, 3.2.2).
    fn host(&self) -> Option<Cow<'_, str>> {
        self.header("host")
    }
}

/// Where a request came from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Peer {
    /// The address of the client, if it is known.
    pub address: Option<IpAddr>,
    /// Whether the connection is encrypted. The scheme in a request's target says nothing about that.
    pub secure: bool,
}

/// Bytes as ISO-8859-1. ASCII, which nearly all values are, is borrowed.
pub(super) fn latin1(bytes: &[u8]) -> Cow<'_, str> {
    match std::str::from_utf8(bytes) {
        Ok(text) if text.is_ascii() => text.into(),
        _ => bytes.iter().copied().map(char::from).collect::<String>().into(),
    }
}

/// Whether a request upgrades to WebSocket.
pub(super) fn is_upgrade(head: &impl RequestHead) -> bool {
    head.values("upgrade").last().is_some_and(|value| value.eq_ignore_ascii_case(b"websocket"))
}

/// As much of a header as is worth logging.
pub(super) fn shown(value: Option<&str>) -> &str {
    const MAX: usize = 200;
    let value = value.unwrap_or_default();
    value.char_indices().nth(MAX).and_then(|(end, _)| value.get(..end)).unwrap_or(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_latin1() {
        assert!(matches!(latin1(b"plain"), Cow::Borrowed("plain")));
        assert_eq!(latin1(b"caf\xe9"), "caf\u{e9}");
        // As Node.js shows UTF-8: each byte is a character.
        assert_eq!(latin1("é".as_bytes()), "\u{c3}\u{a9}");
        assert_eq!(latin1(b"\x85\xff"), "\u{85}\u{ff}");
    }

    #[test]
    fn path_and_query_are_put_together() {
        struct Bare(&'static str);
        impl RequestHead for Bare {
            fn method(&self) -> &str {
                "GET"
            }
            fn path(&self) -> &str {
                "/a"
            }
            fn query(&self) -> &str {
                self.0
            }
            fn fields(&self) -> impl Iterator<Item = (&str, &[u8])> {
                std::iter::empty()
            }
        }
        assert_eq!(Bare("b=c").path_and_query(), "/a?b=c");
        assert_eq!(Bare("").path_and_query(), "/a");
        assert_eq!(Bare("").host(), None);
    }
}
