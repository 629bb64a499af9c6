//! Which hosts the server answers for. A page that has its own name point to this server (DNS rebinding) is of the server's own
//! origin for its browser: only the name that the browser asks for gives it away.

use super::authority::{authority, is_same_host, is_subdomain};
use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

/// The hosts that are answered for. Default: all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hosts(Option<Vec<HostName>>);

/// A host that is answered for, without a port: a name, an address (one of version 6 in brackets or not), or `*.example.org`, which
/// is all subdomains of `example.org`, without itself. Case does not matter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostName(Pattern);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Pattern {
    One(Box<str>),
    /// What is behind `*.`.
    Subdomains(Box<str>),
    /// All addresses of the machine itself.
    Loopback,
}

/// A text is no [`HostName`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidHostName;

impl fmt::Display for InvalidHostName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a host is a name or an address without a port, as in chat.example.org, *.example.org or 192.0.2.1")
    }
}

impl std::error::Error for InvalidHostName {}

impl FromStr for HostName {
    type Err = InvalidHostName;

    fn from_str(text: &str) -> Result<Self, InvalidHostName> {
        // A name with a dot at the end is the same, spelled out.
        let text = text.strip_suffix('.').unwrap_or(text);
        let is_name =
            |name: &str| authority(name).is_some_and(|(host, port)| port.is_none() && host.len() == name.len());
        if let Ok(IpAddr::V6(v6)) = text.parse() {
            return Ok(Self(Pattern::One(format!("[{v6}]").into())));
        }
        match text.strip_prefix("*.") {
            Some(domain) if is_name(domain) && !domain.starts_with('[') => Ok(Self(Pattern::Subdomains(domain.into()))),
            None if is_name(text) => Ok(Self(Pattern::One(text.into()))),
            _ => Err(InvalidHostName),
        }
    }
}

impl HostName {
    /// `localhost`, its subdomains, and the loopback addresses.
    fn loopback() -> [Self; 3] {
        [Pattern::Loopback, Pattern::One("localhost".into()), Pattern::Subdomains("localhost".into())].map(Self)
    }

    fn matches(&self, host: &str) -> bool {
        match &self.0 {
            Pattern::One(known) => is_same_host(known, host),
            Pattern::Subdomains(domain) => is_subdomain(host, domain),
            Pattern::Loopback => {
                let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
                bare.parse().is_ok_and(|address: IpAddr| address.to_canonical().is_loopback())
            }
        }
    }
}

impl Hosts {
    /// Any host. The default.
    #[must_use]
    pub fn any() -> Self {
        Self::default()
    }

    /// `localhost`, its subdomains and the loopback addresses: what a server on loopback is asked for, unless a proxy is in front
    /// of it.
    #[must_use]
    pub fn loopback() -> Self {
        Self::listed(HostName::loopback())
    }

    /// These hosts, with whatever port.
    #[must_use]
    pub fn listed(names: impl IntoIterator<Item = HostName>) -> Self {
        Self(Some(names.into_iter().collect()))
    }

    /// These hosts and those: any, if either is any.
    #[must_use]
    pub fn and(self, others: Self) -> Self {
        let (Some(mut names), Some(more)) = (self.0, others.0) else { return Self::any() };
        names.extend(more);
        Self(Some(names))
    }

    /// Whether a request for this host, port included, is answered. One without a host is: it is not from a browser.
    pub(super) fn allow(&self, host: Option<&str>) -> bool {
        let (Some(names), Some(host)) = (&self.0, host) else { return true };
        authority(host).is_some_and(|(host, _)| {
            let host = host.strip_suffix('.').unwrap_or(host);
            names.iter().any(|name| name.matches(host))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listed(names: &[&str]) -> Hosts {
        Hosts::listed(names.iter().map(|name| name.parse().expect("a host")))
    }

    #[test]
    fn names_are_read_or_refused() {
        for good in
            ["chat.example", "LOCALHOST", "192.0.2.1", "::1", "[::1]", "*.example.org", "a_b.example", "xn--a.example"]
        {
            assert!(good.parse::<HostName>().is_ok(), "{good}");
        }
        for bad in
            ["", "chat.example:80", "http://chat.example", "*", "*.", "a.*.b", "*.[::1]", "a/b", "[::1", "a b", "é"]
        {
            assert_eq!(bad.parse::<HostName>(), Err(InvalidHostName), "{bad}");
        }
    }

    #[test]
    fn only_listed_hosts_are_answered_with_whatever_port() {
        let hosts = listed(&["chat.example", "*.example.org", "192.0.2.1", "2001:db8::1"]);
        for good in [
            "chat.example",
            "CHAT.example:443",
            "chat.example.",
            "a.example.org",
            "a.b.example.org:1",
            "192.0.2.1:80",
            "[2001:db8::1]:80",
        ] {
            assert!(hosts.allow(Some(good)), "{good}");
        }
        for bad in [
            "",
            "evil.example",
            "example.org",
            "chat.example.evil",
            "notexample.org",
            "192.0.2.2",
            "[::1]",
            "a b",
            "localhost",
        ] {
            assert!(!hosts.allow(Some(bad)), "{bad}");
        }
        assert!(hosts.allow(None));
        let spelled_out = listed(&["chat.example.", "*.example.org."]);
        assert!(["chat.example", "chat.example.", "a.example.org"].iter().all(|host| spelled_out.allow(Some(host))));
        assert!(Hosts::any().allow(Some("evil.example")) && Hosts::any().allow(Some("")));
    }

    #[test]
    fn hosts_and_others_are_answered_for_together() {
        let both = listed(&["chat.example"]).and(Hosts::loopback());
        for good in ["chat.example", "localhost", "127.0.0.1:80"] {
            assert!(both.allow(Some(good)), "{good}");
        }
        assert!(!both.allow(Some("evil.example")));
        assert_eq!(Hosts::any().and(Hosts::loopback()), Hosts::any());
        assert_eq!(Hosts::loopback().and(Hosts::any()), Hosts::any());
    }

    #[test]
    fn loopback_has_many_names() {
        for good in [
            "localhost",
            "localhost:8081",
            "LOCALHOST",
            "localhost.",
            "chat.localhost",
            "127.0.0.1",
            "127.1.2.3:80",
            "[::1]:8081",
            "[::ffff:127.0.0.1]",
        ] {
            assert!(Hosts::loopback().allow(Some(good)), "{good}");
        }
        for bad in ["evil.example", "localhost.evil.example", "127.0.0.1.evil.example", "0.0.0.0", "192.0.2.1", "[::2]"]
        {
            assert!(!Hosts::loopback().allow(Some(bad)), "{bad}");
        }
    }
}
