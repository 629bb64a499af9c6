//! Which web pages may connect. Browsers say in `Origin` where a page came from; other programs usually send no `Origin`,
//! and this does not protect from them. Works on header values, not on requests.

use super::authority::{authority, is_same_host, is_subdomain};
use super::forwarded::Scheme;
use std::fmt;
use std::str::FromStr;

/// The origins that may connect, over polling and WebSocket alike.
///
/// The reference lets every page open a WebSocket unless it is configured otherwise, which allows cross-site WebSocket
/// hijacking. Here a page must come from the host that it connects to, or be listed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Origins {
    any: bool,
    listed: Vec<Origin>,
}

/// An origin that may connect, parsed from one of
///
/// - a scheme, a host and perhaps a port, as browsers write them: `https://example.org:8443`, `capacitor://localhost`,
///   `chrome-extension://abcdef`. Case does not matter, nor does a slash at the end, and a scheme's default port is the same
///   as none.
/// - `https://*.example.org`: all subdomains of `example.org`, at any depth, without `example.org` itself.
/// - `null`: what browsers send for pages without an origin, such as files and sandboxed frames. Every page can make itself
///   one of these, so this is hardly stricter than `*`.
/// - `*`: any origin. Credentials are not allowed then.
///
/// Hosts are ASCII; an international name is written in its `xn--` form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin(Pattern);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Pattern {
    Any,
    Null,
    One(Box<str>),
    /// What is behind `*.`, with the scheme and `://` in front.
    Subdomains(Box<str>),
}

/// A text is no [`Origin`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidOrigin;

impl fmt::Display for InvalidOrigin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "an origin is a scheme and a host without a path, as in https://example.org:8443 or https://*.example.org, \
             or it is `null` or `*`",
        )
    }
}

impl std::error::Error for InvalidOrigin {}

impl FromStr for Origin {
    type Err = InvalidOrigin;

    fn from_str(text: &str) -> Result<Self, InvalidOrigin> {
        Ok(Self(match text {
            "*" => Pattern::Any,
            "null" => Pattern::Null,
            _ => {
                let text = text.strip_suffix('/').filter(|rest| !rest.ends_with('/')).unwrap_or(text);
                if let Some((scheme, domain)) = text.split_once("://*.") {
                    let domain: Box<str> = format!("{scheme}://{domain}").into();
                    let parts = Parts::parse(&domain).ok_or(InvalidOrigin)?;
                    if parts.host.is_empty() || parts.host.starts_with('[') {
                        return Err(InvalidOrigin);
                    }
                    Pattern::Subdomains(domain)
                } else {
                    Parts::parse(text).ok_or(InvalidOrigin)?;
                    Pattern::One(text.into())
                }
            }
        }))
    }
}

impl Origin {
    /// Whether this is, or matches, the value of an `Origin` field. `parts` are those of the value.
    fn matches(&self, value: &str, parts: Option<&Parts<'_>>) -> bool {
        let known = |text| Parts::parse(text).zip(parts);
        match &self.0 {
            Pattern::Any => true,
            Pattern::Null => value == "null",
            Pattern::One(text) => known(text).is_some_and(|(known, parts)| {
                known.has_scheme_and_port_of(parts) && is_same_host(known.host, parts.host)
            }),
            Pattern::Subdomains(text) => known(text).is_some_and(|(known, parts)| {
                known.has_scheme_and_port_of(parts) && is_subdomain(parts.host, known.host)
            }),
        }
    }
}

/// How a request stands to the origins that may connect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Access<'a> {
    /// No page, or one of this host: the response needs no CORS headers.
    Same,
    /// A page of another host that is listed: it may send credentials.
    Listed(&'a str),
    /// A page of another host where any may connect: without credentials, since these would be for any page to use.
    Any,
    /// A page that may not connect.
    Forbidden,
}

impl Origins {
    /// Only pages of the server's own host, and programs that send no `Origin`. The default.
    #[must_use]
    pub fn same() -> Self {
        Self::default()
    }

    /// Any page.
    #[must_use]
    pub fn any() -> Self {
        Self { any: true, listed: Vec::new() }
    }

    /// Pages of these origins, besides those of the server's own host. `*` among them allows any.
    #[must_use]
    pub fn listed(origins: Vec<Origin>) -> Self {
        let (any, listed): (Vec<_>, Vec<_>) = origins.into_iter().partition(|origin| origin.0 == Pattern::Any);
        Self { any: !any.is_empty(), listed }
    }

    /// Checks the values of `Origin` and `Host`. `scheme` is how the client came, if a trusted proxy says so.
    pub(super) fn check<'a>(&self, origin: Option<&'a str>, host: Option<&str>, scheme: Option<Scheme>) -> Access<'a> {
        let Some(value) = origin else { return Access::Same };
        let parts = Parts::parse(value);
        if parts.as_ref().zip(host).is_some_and(|(parts, host)| parts.is_page_of(host, scheme)) {
            Access::Same
        } else if self.listed.iter().any(|listed| listed.matches(value, parts.as_ref())) {
            Access::Listed(value)
        } else if self.any {
            Access::Any
        } else {
            Access::Forbidden
        }
    }
}

/// The parts of an origin (RFC 6454, 6.2). All of them are ASCII, in the case in which they were written.
#[derive(Debug)]
struct Parts<'a> {
    scheme: &'a str,
    /// A name, or an address; of version 6 in brackets. Empty for files only.
    host: &'a str,
    /// `None` for the scheme's default too.
    port: Option<u16>,
}

impl<'a> Parts<'a> {
    fn parse(text: &'a str) -> Option<Self> {
        let (scheme, rest) = text.split_once("://")?;
        // RFC 3986, 3.1.
        let in_scheme = |b: u8| b.is_ascii_alphanumeric() || b"+-.".contains(&b);
        if !scheme.starts_with(|c: char| c.is_ascii_alphabetic()) || !scheme.bytes().all(in_scheme) {
            return None;
        }
        // Some embedded browsers write this for local pages, instead of `null`.
        if rest.is_empty() && scheme.eq_ignore_ascii_case("file") {
            return Some(Self { scheme, host: rest, port: None });
        }
        let (host, port) = authority(rest)?;
        Some(Self { scheme, host, port: port.filter(|port| Some(*port) != default_port(scheme)) })
    }

    fn has_scheme_and_port_of(&self, other: &Parts<'_>) -> bool {
        self.scheme.eq_ignore_ascii_case(other.scheme) && self.port == other.port
    }

    /// Whether a page of this origin was served by `host`, the value of `Host`. The scheme's default port is no port on
    /// either side: behind a proxy that decrypts, only the page knows that it came by `https`. Where a trusted proxy says that it
    /// did, a page that came by `http`, which others on its way could have written, is of another origin.
    fn is_page_of(&self, host: &str, scheme: Option<Scheme>) -> bool {
        let Some(default) = default_port(self.scheme) else { return false };
        if scheme == Some(Scheme::Https) && default != 443 {
            return false;
        }
        authority(host).is_some_and(|(host, port)| {
            is_same_host(self.host, host) && self.port == port.filter(|port| *port != default)
        })
    }
}

fn default_port(scheme: &str) -> Option<u16> {
    let ports = [("http", 80), ("https", 443), ("ws", 80), ("wss", 443)];
    ports.iter().find(|(known, _)| scheme.eq_ignore_ascii_case(known)).map(|(_, port)| *port)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listed(origins: &[&str]) -> Origins {
        Origins::listed(origins.iter().map(|origin| origin.parse().expect("an origin")).collect())
    }

    #[test]
    fn origins_are_read_or_refused() {
        for good in [
            "*",
            "null",
            "http://example.org",
            "HTTPS://Example.ORG",
            "https://example.org:8443",
            "https://xn--bcher-kva.example",
            "http://[::1]:3000",
            "http://127.0.0.1:80",
            "http://example.org/",
            "capacitor://localhost",
            "ionic://localhost",
            "tauri://localhost",
            "chrome-extension://abcdefghijklmnop",
            "moz-extension://0f8b7c4e-1d2a-4b1c-9d8e-000000000000",
            "file://",
            "https://*.example.com",
            "https://*.example.com:8443",
            "https://*.localhost",
        ] {
            assert!(good.parse::<Origin>().is_ok(), "{good}");
        }
        for bad in [
            "",
            "example.org",
            "example.org:80",
            "http://",
            "http:///",
            "http://a/b",
            "http://a//",
            "http://a?x",
            "http://a#x",
            "http://user@a",
            "http://a b",
            " http://a",
            "http://a..b",
            "http://.a",
            "http://bücher.example",
            "http://a:65536",
            "http://a:+80",
            "http://a:b",
            "http://[::1",
            "http://[::1]a",
            "http://[1]",
            "1http://a",
            "://a",
            "file:///x",
            "NULL",
            "**",
            "*.example.com",
            "https://*",
            "https://*.",
            "https://*a.example.com",
            "https://a.*.example.com",
            "https://*.*.example.com",
            "https://*.[::1]",
            "*://example.com",
            "https://example.com:*",
            "file://*.",
        ] {
            assert_eq!(bad.parse::<Origin>(), Err(InvalidOrigin), "{bad}");
        }
    }

    #[test]
    fn a_page_of_another_host_may_connect_only_if_listed() {
        let host = Some("chat.example:8081");
        let origins = listed(&["https://friend.example"]);
        assert_eq!(origins.check(None, host, None), Access::Same);
        assert_eq!(origins.check(Some("http://chat.example:8081"), host, None), Access::Same);
        for friend in ["https://friend.example", "https://Friend.Example", "https://friend.example:443"] {
            assert_eq!(origins.check(Some(friend), host, None), Access::Listed(friend));
        }
        for bad in [
            "https://evil.example",
            "http://chat.example",
            "null",
            "",
            "https://friend.example.evil",
            "http://friend.example",
            "https://friend.example:444",
            "https://friend.example/",
            "https://a.friend.example",
            "https://friend.example, https://friend.example",
        ] {
            assert_eq!(origins.check(Some(bad), host, None), Access::Forbidden, "{bad}");
            assert_eq!(Origins::any().check(Some(bad), host, None), Access::Any, "{bad}");
            assert_eq!(listed(&["https://friend.example", "*"]).check(Some(bad), host, None), Access::Any, "{bad}");
        }
        assert_eq!(listed(&["*", "https://a"]).check(Some("https://a"), host, None), Access::Listed("https://a"));
    }

    #[test]
    fn a_page_of_the_same_host_is_known_by_host_and_port() {
        for (origin, host) in [
            ("https://chat.example", "chat.example"),
            ("https://chat.example", "chat.example:443"),
            ("https://chat.example", "Chat.Example"),
            ("https://chat.example", "chat.example:"),
            ("https://chat.example:443", "chat.example"),
            ("http://chat.example", "chat.example:80"),
            ("http://CHAT.example:80", "chat.example"),
            ("ws://chat.example", "chat.example:80"),
            ("wss://chat.example:443", "chat.example"),
            ("http://chat.example:8081", "chat.example:8081"),
            ("http://[::1]:8081", "[::1]:8081"),
            ("http://[::1]", "[0:0::1]:80"),
        ] {
            assert_eq!(Origins::same().check(Some(origin), Some(host), None), Access::Same, "{origin} {host}");
        }
        for (origin, host) in [
            ("https://chat.example", "chat.example:80"),
            ("http://chat.example", "chat.example:443"),
            ("https://chat.example", "chat.example:8443"),
            ("https://chat.example:8443", "chat.example"),
            ("https://chat.example", "example"),
            ("https://chat.example", "chat.example.evil"),
            ("https://chat.example", "chat.example."),
            ("https://chat.example", "user@chat.example"),
            ("https://chat.example", ""),
            ("capacitor://localhost", "localhost"),
            ("file://", ""),
            ("null", "null"),
            ("chat.example", "chat.example"),
        ] {
            assert_eq!(Origins::same().check(Some(origin), Some(host), None), Access::Forbidden, "{origin} {host}");
        }
        assert_eq!(Origins::same().check(Some("https://chat.example"), None, None), Access::Forbidden);
    }

    #[test]
    fn any_scheme_can_be_listed() {
        for origin in
            ["capacitor://localhost", "ionic://localhost", "tauri://localhost", "chrome-extension://id", "file://"]
        {
            assert_eq!(listed(&[origin]).check(Some(origin), Some("a"), None), Access::Listed(origin));
            for other in ["http://localhost", "null", "chrome-extension://other", "capacitor://localhost:1"] {
                assert_eq!(
                    listed(&[origin]).check(Some(other), Some("a"), None),
                    Access::Forbidden,
                    "{origin} {other}"
                );
            }
        }
        assert_eq!(listed(&["null"]).check(Some("null"), Some("a"), None), Access::Listed("null"));
        assert_eq!(listed(&["null"]).check(Some("http://b"), Some("a"), None), Access::Forbidden);
        // The spelling of an address does not matter.
        assert_eq!(listed(&["http://[0::1]"]).check(Some("http://[::1]"), None, None), Access::Listed("http://[::1]"));
    }

    #[test]
    fn subdomains_can_be_listed() {
        let origins = listed(&["https://*.Example.com", "http://*.example.org:8080"]);
        for good in [
            "https://a.example.com",
            "https://a.B.EXAMPLE.com",
            "https://a.example.com:443",
            "http://a.example.org:8080",
        ] {
            assert_eq!(origins.check(Some(good), Some("x"), None), Access::Listed(good));
        }
        for bad in [
            "https://example.com",
            "https://.example.com",
            "https://aexample.com",
            "http://a.example.com",
            "https://a.example.com:8443",
            "https://a.example.com.evil",
            "https://example.com.evil",
            "http://a.example.org",
            "https://*.example.com",
            "null",
        ] {
            assert_eq!(origins.check(Some(bad), Some("x"), None), Access::Forbidden, "{bad}");
        }
    }

    #[test]
    fn where_a_trusted_proxy_says_https_a_page_that_came_by_http_is_another() {
        let (host, page) = (Some("chat.example"), |scheme: &str| format!("{scheme}://chat.example"));
        for (origin, scheme, own) in [
            ("https", Some(Scheme::Https), true),
            ("http", Some(Scheme::Https), false),
            ("http", Some(Scheme::Http), true),
            // A proxy in front of the one that is trusted decrypts.
            ("https", Some(Scheme::Http), true),
            ("http", None, true),
        ] {
            let expected = if own { Access::Same } else { Access::Forbidden };
            assert_eq!(Origins::same().check(Some(&page(origin)), host, scheme), expected, "{origin} {scheme:?}");
        }
    }
}
