//! The HTTP request that opened a session, for applications. The driver fills it in. The state machines do not use it.

use alloc::borrow::Cow;
use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;
use serde::ser::{SerializeMap as _, SerializeStruct as _};
use serde::{Serialize, Serializer};

/// Bytes that are allocated for headers at first.
const HEADERS: usize = 512;

/// The header whose lines are not joined.
const SET_COOKIE: &str = "set-cookie";

/// Headers of which the first line counts: `message.headers` of Node's `http`.
const FIRST_COUNTS: [&str; 18] = [
    "age",
    "authorization",
    "content-length",
    "content-type",
    "etag",
    "expires",
    "from",
    "host",
    "if-modified-since",
    "if-unmodified-since",
    "last-modified",
    "location",
    "max-forwards",
    "proxy-authorization",
    "referer",
    "retry-after",
    "server",
    "user-agent",
];

/// The request that opened a session: the reference's `socket.handshake`. Without `auth`, which each namespace has its
/// own of ([`ConnectRequest::auth`](crate::ConnectRequest::auth)), and `time`, which is [`Handshake::issued`] as text.
///
/// Serializes as an object with the reference's names: `headers`, `address`, `xdomain`, `secure`, `issued`, `url`, `query`.
#[derive(Clone, PartialEq, Eq)]
#[doc(alias = "handshake")]
pub struct Handshake {
    /// Names and values in turn, each followed by a line feed, which neither can contain. Names are in lower case, and
    /// different, except for `set-cookie`. One allocation, because every session has one of these.
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

    /// Sets the headers. Names are changed to lower case. A header with a line feed is left out.
    ///
    /// The lines of a header that came on several are joined as Node does it for the reference's `handshake.headers`:
    /// `cookie` by `; `, the others by `, `. Of those that make no list (such as `host`, `authorization` and
    /// `user-agent`) the first line counts. Only `set-cookie`, which no request has, stays on several lines.
    #[must_use]
    pub fn with_headers<'a>(mut self, headers: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let mut lines = String::with_capacity(HEADERS);
        let (mut seen, mut repeated) = (Seen::default(), false);
        for (name, value) in headers {
            if !name.contains('\n') && !value.contains('\n') {
                let start = lines.len();
                lines.push_str(name);
                lines[start..].make_ascii_lowercase();
                repeated |= seen.again(&lines[start..]);
                lines.push('\n');
                lines.push_str(value);
                lines.push('\n');
            }
        }
        self.headers = if repeated { joined(pairs(&lines)).into() } else { lines.into() };
        self
    }

    /// Marks the request as sent over TLS.
    #[must_use]
    pub fn over_tls(mut self) -> Self {
        self.secure = true;
        self
    }

    /// The headers in the order in which they first came, each once ([`Handshake::with_headers`]), names in lower case.
    pub fn headers(&self) -> impl Iterator<Item = (&str, &str)> {
        pairs(&self.headers)
    }

    /// The header of this name, which must be in lower case; the first `set-cookie`.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers().find(|(header, _)| *header == name).map(|(_, value)| value)
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
        object.serialize_field("headers", &Headers(&self.headers))?;
        object.serialize_field("address", &self.address)?;
        object.serialize_field("xdomain", &self.is_cross_origin())?;
        object.serialize_field("secure", &self.secure)?;
        object.serialize_field("issued", &self.issued)?;
        object.serialize_field("url", &self.url)?;
        object.serialize_field("query", &Pairs(self.query().collect()))?;
        object.end()
    }
}

/// The names and values of [`Handshake::headers`]. Split at line feeds only: a value may end in a carriage return.
fn pairs(lines: &str) -> impl Iterator<Item = (&str, &str)> {
    let mut lines = lines.split_terminator('\n');
    core::iter::from_fn(move || Some((lines.next()?, lines.next()?)))
}

/// Names that may have come before. A name that has not can be taken for another one, seldom; the other way round never.
#[derive(Default)]
struct Seen([u64; Self::WORDS]);

impl Seen {
    const WORDS: usize = 16;

    /// Whether the name may have come before. From now on it has.
    fn again(&mut self, name: &str) -> bool {
        let hash = name.bytes().fold(0_usize, |hash, byte| hash.wrapping_mul(31).wrapping_add(byte.into()));
        let (word, bit) = (hash / 64 % Self::WORDS, 1 << (hash % 64));
        let before = self.0[word] & bit != 0;
        self.0[word] |= bit;
        before
    }
}

/// The lines of one name.
struct Repeated<'a> {
    name: &'a str,
    value: Cow<'a, str>,
}

/// The headers, each name once.
fn joined<'a>(headers: impl Iterator<Item = (&'a str, &'a str)>) -> String {
    let mut all: Vec<Repeated<'a>> = Vec::new();
    let mut first = BTreeMap::new();
    for (name, value) in headers {
        let index = if name == SET_COOKIE { all.len() } else { *first.entry(name).or_insert(all.len()) };
        match all.get_mut(index) {
            None => all.push(Repeated { name, value: value.into() }),
            Some(_) if FIRST_COUNTS.contains(&name) => {}
            Some(earlier) => {
                let value_so_far = earlier.value.to_mut();
                value_so_far.push_str(if name == "cookie" { "; " } else { ", " });
                value_so_far.push_str(value);
            }
        }
    }
    let mut lines = String::with_capacity(HEADERS);
    for Repeated { name, value } in all {
        for text in [name, "\n", &value, "\n"] {
            lines.push_str(text);
        }
    }
    lines
}

/// The headers as a JSON object. `set-cookie` is an array, as in Node.
struct Headers<'a>(&'a str);

impl Serialize for Headers<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut object = serializer.serialize_map(None)?;
        for (name, value) in pairs(self.0).filter(|(name, _)| *name != SET_COOKIE) {
            object.serialize_entry(name, value)?;
        }
        let cookies: Vec<&str> =
            pairs(self.0).filter(|(name, _)| *name == SET_COOKIE).map(|(_, value)| value).collect();
        if !cookies.is_empty() {
            object.serialize_entry(SET_COOKIE, &cookies)?;
        }
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
        assert_eq!(handshake.headers().count(), 3);
        assert_eq!(handshake.header("x-odd"), Some(", 2"));
        assert_eq!(handshake.query_value("a").as_deref(), Some("c"));
        let json = serde_json::to_string(&handshake).expect("an object");
        let wanted = concat!(
            r#"{"headers":{"host":"a:1","x-odd":", 2","origin":"http://b"},"address":"::1","xdomain":true,"secure":false,"#,
            r#""issued":5,"url":"/socket.io/?EIO=4&a=%20b&a=c&__proto__=x","query":{"EIO":"4","a":"c","__proto__":"x"}}"#
        );
        assert_eq!(json, wanted);
    }

    #[test]
    fn a_header_on_two_lines_is_joined_as_in_node() {
        let of = |headers: &[(&str, &str)]| Handshake::new("/", "::1", 0).with_headers(headers.iter().copied());
        for (name, joined) in [("x-a", "1, 2, 3"), ("accept", "1, 2, 3"), ("origin", "1, 2, 3"), ("cookie", "1; 2; 3")]
        {
            let handshake = of(&[(name, "1"), ("other", "x"), (name, "2"), (&name.to_ascii_uppercase(), "3")]);
            assert_eq!(handshake.headers().collect::<Vec<_>>(), [(name, joined), ("other", "x")]);
            assert_eq!(handshake.header(name), Some(joined));
            let json = serde_json::to_string(&handshake).expect("an object");
            assert!(json.contains(&alloc::format!(r#""headers":{{"{name}":"{joined}","other":"x"}}"#)), "{json}");
        }
        for name in FIRST_COUNTS {
            let handshake = of(&[(name, ""), (name, "2"), (name, "3")]);
            assert_eq!(handshake.headers().collect::<Vec<_>>(), [(name, "")]);
        }
        let cookies = of(&[("Set-Cookie", "a"), ("b", "c"), ("set-cookie", "d")]);
        assert_eq!(cookies.headers().collect::<Vec<_>>(), [("set-cookie", "a"), ("b", "c"), ("set-cookie", "d")]);
        assert_eq!(cookies.header("set-cookie"), Some("a"));
        let json = serde_json::to_string(&cookies).expect("an object");
        assert!(json.contains(r#"{"b":"c","set-cookie":["a","d"]}"#), "{json}");
    }

    #[test]
    fn many_names_that_may_be_the_same_are_kept_apart() {
        let names: Vec<String> = (0..5_000).map(|n| alloc::format!("x{n}")).collect();
        let headers = names.iter().map(|name| (&**name, &**name));
        let handshake = Handshake::new("/", "::1", 0).with_headers(headers.clone());
        assert!(handshake.headers().eq(headers));
    }
}
