//! The HTTP request that opened a session, for applications. The driver fills it in. The state machines do not use it.

use alloc::borrow::Cow;
use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;
use serde::ser::{SerializeMap as _, SerializeStruct as _};
use serde::{Serialize, Serializer};

/// Bytes that are allocated for headers at first.
const HEADERS: usize = 512;

/// The request that opened a session: the reference's `socket.handshake`. Without `auth`, which each namespace has its
/// own of ([`ConnectRequest::auth`](crate::ConnectRequest::auth)), and `time`, which is [`Handshake::issued`] as text.
///
/// Serializes as an object with the reference's names: `headers`, `address`, `xdomain`, `secure`, `issued`, `url`, `query`.
#[derive(Clone, PartialEq, Eq)]
pub struct Handshake {
    /// Names and values in turn, each followed by a line feed, which neither can contain. One allocation, because every
    /// session has one of these.
    headers: Box<str>,
    url: Box<str>,
    address: Box<str>,
    issued: u64,
    secure: bool,
}

impl Handshake {
    /// A request for `url` (path and query) from `address` at `issued`, in milliseconds since 1970.
    #[must_use]
    pub fn new(url: &str, address: &str, issued: u64) -> Self {
        Self { headers: Box::default(), url: url.into(), address: address.into(), issued, secure: false }
    }

    /// Adds the headers. Names are changed to lower case. A header with a line feed is left out.
    #[must_use]
    pub fn with_headers<'a>(mut self, headers: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let mut lines = String::with_capacity(HEADERS);
        for (name, value) in headers {
            if !name.contains('\n') && !value.contains('\n') {
                let start = lines.len();
                lines.push_str(name);
                lines[start..].make_ascii_lowercase();
                lines.push('\n');
                lines.push_str(value);
                lines.push('\n');
            }
        }
        self.headers = lines.into();
        self
    }

    /// Marks the request as sent over TLS.
    #[must_use]
    pub fn over_tls(mut self) -> Self {
        self.secure = true;
        self
    }

    /// The headers in their order, names in lower case.
    pub fn headers(&self) -> impl Iterator<Item = (&str, &str)> {
        let mut lines = self.headers.lines();
        core::iter::from_fn(move || Some((lines.next()?, lines.next()?)))
    }

    /// The last header of this name, which must be in lower case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers().filter(|(header, _)| *header == name).last().map(|(_, value)| value)
    }

    /// Path and query.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The parameters of the query, including `EIO` and `transport`.
    pub fn query(&self) -> impl Iterator<Item = (Cow<'_, str>, Cow<'_, str>)> {
        let query = self.url.split_once('?').map_or("", |(_, query)| query);
        form_urlencoded::parse(query.as_bytes())
    }

    /// The last parameter of this name.
    #[must_use]
    pub fn query_value(&self, name: &str) -> Option<Cow<'_, str>> {
        self.query().filter(|(parameter, _)| parameter == name).last().map(|(_, value)| value)
    }

    /// The address of the client, usually an IP address.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.address
    }

    /// The time of the request, in milliseconds since 1970.
    #[must_use]
    pub fn issued(&self) -> u64 {
        self.issued
    }

    /// Whether the request was sent over TLS, as far as the driver knows.
    #[must_use]
    pub fn is_secure(&self) -> bool {
        self.secure
    }

    /// Whether there is an `Origin` header, so that a page of another origin may have sent the request.
    #[must_use]
    pub fn is_cross_origin(&self) -> bool {
        self.header("origin").is_some()
    }
}

impl Serialize for Handshake {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut object = serializer.serialize_struct("Handshake", 7)?;
        object.serialize_field("headers", &Pairs(self.headers().map(|(n, v)| (n.into(), v.into())).collect()))?;
        object.serialize_field("address", &self.address)?;
        object.serialize_field("xdomain", &self.is_cross_origin())?;
        object.serialize_field("secure", &self.secure)?;
        object.serialize_field("issued", &self.issued)?;
        object.serialize_field("url", &self.url)?;
        object.serialize_field("query", &Pairs(self.query().collect()))?;
        object.end()
    }
}

/// A JSON object. If a name is given twice, the last value counts.
struct Pairs<'a>(Vec<(Cow<'a, str>, Cow<'a, str>)>);

impl Serialize for Pairs<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut object = serializer.serialize_map(None)?;
        for (index, (name, value)) in self.0.iter().enumerate() {
            if !self.0[index + 1..].iter().any(|(later, _)| later == name) {
                object.serialize_entry(name, value)?;
            }
        }
        object.end()
    }
}

impl core::fmt::Debug for Handshake {
    /// Headers and query may contain credentials, and are left out.
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Handshake")
            .field("address", &self.address)
            .field("issued", &self.issued)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_came_is_what_is_told() {
        let headers = [("Host", "a:1"), ("X-Odd", ""), ("Origin", "http://b"), ("x-odd", "2")];
        let handshake = Handshake::new("/socket.io/?EIO=4&a=%20b&a=c&__proto__=x", "::1", 5).with_headers(headers);
        assert_eq!(handshake.headers().count(), 4);
        assert_eq!(handshake.header("x-odd"), Some("2"));
        assert_eq!(handshake.query_value("a").as_deref(), Some("c"));
        let json = serde_json::to_string(&handshake).expect("an object");
        let wanted = concat!(
            r#"{"headers":{"host":"a:1","origin":"http://b","x-odd":"2"},"address":"::1","xdomain":true,"secure":false,"#,
            r#""issued":5,"url":"/socket.io/?EIO=4&a=%20b&a=c&__proto__=x","query":{"EIO":"4","a":"c","__proto__":"x"}}"#
        );
        assert_eq!(json, wanted);
    }
}
