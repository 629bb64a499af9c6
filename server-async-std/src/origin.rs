//! Which web pages may talk to the server. Browsers say where a page came from; programs usually say nothing, and are not
//! what this protects from. Knows header values, not requests.

use std::str::FromStr;

/// The origins that are let in, for polling and WebSocket alike.
///
/// The reference lets any page open a WebSocket unless told otherwise, which is how cross-site WebSocket hijacking works;
/// here a page must come from the host that it talks to, or be listed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Origins {
    any: bool,
    listed: Vec<Origin>,
}

/// An origin as browsers write it: `https://example.org:8443`, without a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin(String);

/// Why a text is no origin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidOrigin;

impl std::fmt::Display for InvalidOrigin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("an origin is `*`, or a scheme and a host as in https://example.org:8443, without a path")
    }
}

impl std::error::Error for InvalidOrigin {}

impl FromStr for Origin {
    type Err = InvalidOrigin;

    fn from_str(text: &str) -> Result<Self, InvalidOrigin> {
        if text == "*" {
            return Ok(Self(text.into()));
        }
        let url = tide::http::Url::parse(text).map_err(|_| InvalidOrigin)?;
        let bare = url.path() == "/" && url.query().is_none() && url.fragment().is_none() && url.has_host();
        let origin = url.origin();
        if bare && origin.is_tuple() { Ok(Self(origin.ascii_serialization())) } else { Err(InvalidOrigin) }
    }
}

/// What is to be said about an origin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict<'a> {
    /// No page, or one of this very host: nothing needs to be said.
    Same,
    /// A page from elsewhere that is listed: the browser wants to be told, and may send credentials.
    Listed(&'a str),
    /// A page from elsewhere where any is let in. Without credentials: those of a user are not for any page to use.
    Any,
    Refused,
}

impl Origins {
    /// Pages of the server's own host only, and programs. The default.
    #[must_use]
    pub fn same() -> Self {
        Self::default()
    }

    /// Any page at all.
    #[must_use]
    pub fn any() -> Self {
        Self { any: true, listed: Vec::new() }
    }

    /// These, besides the server's own host; `*` among them stands for any.
    #[must_use]
    pub fn listed(origins: Vec<Origin>) -> Self {
        Self { any: origins.iter().any(|origin| origin.0 == "*"), listed: origins }
    }

    pub(crate) fn judge<'a>(&self, origin: Option<&'a str>, host: Option<&str>) -> Verdict<'a> {
        let Some(origin) = origin else { return Verdict::Same };
        let authority = origin.split_once("://").map(|(_, authority)| authority);
        if authority.is_some() && authority == host {
            Verdict::Same
        } else if self.listed.iter().any(|listed| listed.0.eq_ignore_ascii_case(origin)) {
            Verdict::Listed(origin)
        } else if self.any {
            Verdict::Any
        } else {
            Verdict::Refused
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins_are_read_or_refused() {
        for good in ["*", "http://example.org", "https://example.org:8443", "http://[::1]:3000", "http://example.org/"]
        {
            assert!(good.parse::<Origin>().is_ok(), "{good}");
        }
        for bad in ["", "example.org", "http://", "http://a/b", "http://a?x", "file:///x", "null"] {
            assert_eq!(bad.parse::<Origin>(), Err(InvalidOrigin), "{bad}");
        }
    }

    #[test]
    fn a_page_from_elsewhere_is_let_in_only_if_listed() {
        let host = Some("chat.example:8081");
        let listed = Origins::listed(vec!["https://friend.example".parse().expect("an origin")]);
        assert_eq!(listed.judge(None, host), Verdict::Same);
        assert_eq!(listed.judge(Some("http://chat.example:8081"), host), Verdict::Same);
        assert_eq!(listed.judge(Some("https://friend.example"), host), Verdict::Listed("https://friend.example"));
        for bad in ["https://evil.example", "http://chat.example", "null", "", "https://friend.example.evil"] {
            assert_eq!(listed.judge(Some(bad), host), Verdict::Refused, "{bad}");
            assert_eq!(Origins::any().judge(Some(bad), host), Verdict::Any, "{bad}");
        }
    }
}
