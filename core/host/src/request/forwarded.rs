//! What proxies say of the client: its address, and how it reached them. It counts only where the proxy is trusted, since anybody
//! can send these fields.

use super::head::{Peer, RequestHead};
use ipnet::{IpNet, Ipv4Net};
use std::borrow::Cow;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

/// The addresses of proxies that are trusted: an address, or a network in CIDR notation such as `10.0.0.0/8`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TrustedProxy(IpNet);

/// A text is neither an address nor a network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidNetwork;

impl fmt::Display for InvalidNetwork {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a trusted proxy is an address or a network, as in 127.0.0.1, 10.0.0.0/8 or 2001:db8::/32")
    }
}

impl std::error::Error for InvalidNetwork {}

impl FromStr for TrustedProxy {
    type Err = InvalidNetwork;

    fn from_str(text: &str) -> Result<Self, InvalidNetwork> {
        let address = || text.parse::<IpAddr>().map(IpNet::from);
        let network = text.parse().or_else(|_| address()).map_err(|_: std::net::AddrParseError| InvalidNetwork)?;
        Ok(Self(canonical(network)))
    }
}

impl TrustedProxy {
    fn contains(&self, address: IpAddr) -> bool {
        self.0.contains(&address.to_canonical())
    }
}

impl fmt::Display for TrustedProxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A network of IPv4 addresses that is written as one of mapped ones is what it stands for, since addresses are compared as what
/// they stand for.
fn canonical(network: IpNet) -> IpNet {
    const MAPPED: u8 = 96;
    let IpNet::V6(v6) = network else { return network };
    let length = v6.prefix_len().checked_sub(MAPPED);
    let v4 = v6.addr().to_ipv4_mapped().zip(length).and_then(|(address, length)| Ipv4Net::new(address, length).ok());
    v4.map_or(network, IpNet::from)
}

/// How the client reached the server, or the first trusted proxy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scheme {
    Http,
    Https,
}

/// What is known of the client of a request.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Client<'a> {
    pub(super) peer: Peer,
    /// The host that the client asked for, port included.
    pub(super) host: Option<Cow<'a, str>>,
    /// What a trusted proxy says. Nothing if none said it.
    pub(super) scheme: Option<Scheme>,
}

/// Whether this is the address of a trusted proxy.
pub(super) fn is_trusted(proxies: &[TrustedProxy], address: Option<IpAddr>) -> bool {
    address.is_some_and(|address| proxies.iter().any(|proxy| proxy.contains(address)))
}

impl<'a> Client<'a> {
    /// Who sent a request that came from `peer`.
    ///
    /// If `peer` is a trusted proxy, `X-Forwarded-For`, `-Host` and `-Proto` count; where there is no `X-Forwarded-For`, `Forwarded`
    /// (RFC 7239) counts instead. The client is the last address of the list that is not a trusted proxy's: what is in front of it,
    /// the client itself may have made up.
    pub(super) fn of(head: &'a impl RequestHead, peer: &Peer, proxies: &[TrustedProxy]) -> Self {
        let direct = |peer| Self { peer, host: head.host(), scheme: None };
        if !is_trusted(proxies, peer.address) {
            return direct(*peer);
        }
        let mut client = direct(*peer);
        if let Some(list) = head.list("x-forwarded-for") {
            client.walk(proxies, list.rsplit(',').map(node));
        } else if let Some(list) = head.list("forwarded") {
            let elements: Vec<Element> = elements(&list);
            let walked = client.walk(proxies, elements.iter().rev().map(|element| node(&element.node)));
            // The outermost trusted proxy has written it.
            if let Some(element) = elements.iter().rev().nth(walked.saturating_sub(1)) {
                client.is_told(Some(&element.host), Some(&element.proto));
            }
        }
        // Of several values, the trusted proxy has added the last: those in front of it, the client may have made up.
        let last = |name| head.list(name).map(|list| list.rsplit(',').next().unwrap_or_default().trim().to_owned());
        client.is_told(last("x-forwarded-host").as_deref(), last("x-forwarded-proto").as_deref());
        client
    }

    /// Goes from proxy to proxy, outwards, to the first that is not trusted. Returns how many steps that took.
    fn walk(&mut self, proxies: &[TrustedProxy], nodes: impl Iterator<Item = Option<IpAddr>>) -> usize {
        let mut steps = 0;
        for node in nodes {
            // One that hides its client, or says nonsense, is the last that is known.
            let Some(address) = node else { break };
            steps += 1;
            self.peer.address = Some(address);
            if !is_trusted(proxies, Some(address)) {
                break;
            }
        }
        steps
    }

    fn is_told(&mut self, host: Option<&str>, proto: Option<&str>) {
        if let Some(host) = host.filter(|host| !host.is_empty()) {
            self.host = Some(host.to_owned().into());
        }
        let scheme = proto.and_then(|proto| match &*proto.to_ascii_lowercase() {
            "https" | "wss" => Some(Scheme::Https),
            "http" | "ws" => Some(Scheme::Http),
            _ => None,
        });
        if let Some(scheme) = scheme {
            self.scheme = Some(scheme);
            self.peer.secure = scheme == Scheme::Https;
        }
    }
}

/// The address of a node: an address, perhaps with a port, one of version 6 then in brackets.
fn node(text: &str) -> Option<IpAddr> {
    let text = text.trim();
    let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
    let with_port = || text.parse().map(|address: SocketAddr| address.ip());
    bare.parse().or_else(|_| with_port()).ok().map(|address: IpAddr| address.to_canonical())
}

/// An element of `Forwarded`. What it does not say is empty.
#[derive(Debug, Default, PartialEq, Eq)]
struct Element {
    node: String,
    host: String,
    proto: String,
}

/// The elements of a `Forwarded` field (RFC 7239, 4). What follows an element that cannot be read belongs to it: commas in a
/// quoted text are part of the text.
fn elements(list: &str) -> Vec<Element> {
    let mut elements = vec![Element::default()];
    let mut rest = list;
    while !rest.is_empty() {
        let end = rest.find(['=', ',', ';']).unwrap_or(rest.len());
        let (name, behind) = rest.split_at(end);
        let name = name.trim().to_ascii_lowercase();
        rest = behind;
        if let Some(behind) = behind.strip_prefix('=') {
            let (value, behind) = value(behind);
            rest = behind;
            if let Some(element) = elements.last_mut() {
                match &*name {
                    "for" => element.node = value,
                    "host" => element.host = value,
                    "proto" => element.proto = value,
                    _ => {}
                }
            }
        }
        // What is between a value and the next delimiter makes no sense.
        let next = rest.find([',', ';']).unwrap_or(rest.len());
        if rest[next..].starts_with(',') {
            elements.push(Element::default());
        }
        rest = rest.get(next + 1..).unwrap_or_default();
    }
    elements
}

/// A token, or a quoted text (RFC 9110, 5.6.4), and what is behind it.
fn value(text: &str) -> (String, &str) {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find([',', ';']).unwrap_or(text.len());
        let (token, rest) = text.split_at(end);
        return (token.trim().into(), rest);
    };
    let mut value = String::new();
    let mut chars = quoted.chars();
    while let Some(c) = chars.next() {
        match c {
            '"' => break,
            '\\' => value.extend(chars.next()),
            c => value.push(c),
        }
    }
    (value, chars.as_str())
}

#[cfg(test)]
mod tests {
    use super::super::test_head::Head;
    use super::*;

    fn proxies(networks: &[&str]) -> Vec<TrustedProxy> {
        networks.iter().map(|network| network.parse().expect("a network")).collect()
    }

    fn client(head: Head, from: &str, networks: &[&str]) -> Client<'static> {
        let peer = Peer { address: Some(from.parse().expect("an address")), secure: false };
        let head = head.field("host", "inner:8081");
        let Client { peer, host, scheme } = Client::of(&head, &peer, &proxies(networks));
        Client { peer, host: host.map(|host| host.into_owned().into()), scheme }
    }

    fn address(client: &Client<'_>) -> String {
        client.peer.address.expect("an address").to_string()
    }

    #[test]
    fn networks_are_read_or_refused() {
        for (text, shown) in
            [("127.0.0.1", "127.0.0.1/32"), ("10.0.0.0/8", "10.0.0.0/8"), ("::1", "::1/128"), ("fd00::/8", "fd00::/8")]
        {
            assert_eq!(text.parse::<TrustedProxy>().map(|proxy| proxy.to_string()), Ok(shown.into()));
        }
        for bad in ["", "localhost", "10.0.0.0/33", "10.0.0/8", "*"] {
            assert_eq!(bad.parse::<TrustedProxy>(), Err(InvalidNetwork), "{bad}");
        }
        let mapped = Some("::ffff:127.0.0.1".parse().expect("an address"));
        for network in ["127.0.0.1", "127.0.0.0/8", "::ffff:127.0.0.1", "::ffff:127.0.0.0/104"] {
            assert!(is_trusted(&proxies(&[network]), mapped), "{network}");
        }
    }

    #[test]
    fn nobody_is_believed_who_is_not_trusted() {
        let head = || {
            let head = Head::get("/").field("X-Forwarded-For", "192.0.2.1").field("X-Forwarded-Host", "chat.example");
            head.field("X-Forwarded-Proto", "https").field("Forwarded", "for=192.0.2.2;host=a;proto=https")
        };
        for networks in [&[][..], &["10.0.0.0/8"]] {
            let client = client(head(), "127.0.0.1", networks);
            assert_eq!(address(&client), "127.0.0.1");
            assert_eq!((client.host.as_deref(), client.scheme, client.peer.secure), (Some("inner:8081"), None, false));
        }
        let client = client(head(), "127.0.0.1", &["127.0.0.0/8"]);
        assert_eq!(address(&client), "192.0.2.1");
        let https = Some(Scheme::Https);
        assert_eq!((client.host.as_deref(), client.scheme, client.peer.secure), (Some("chat.example"), https, true));
    }

    #[test]
    fn the_client_is_the_last_that_is_not_a_trusted_proxy() {
        for (list, expected) in [
            (&["192.0.2.1"][..], "192.0.2.1"),
            (&["6.6.6.6, 192.0.2.1"], "192.0.2.1"),
            (&["6.6.6.6", "192.0.2.1"], "192.0.2.1"),
            (&["192.0.2.1, 10.0.0.2, 10.0.0.1"], "192.0.2.1"),
            (&["10.0.0.2, 10.0.0.1"], "10.0.0.2"),
            (&["192.0.2.1:4711"], "192.0.2.1"),
            (&["[2001:db8::1]:4711"], "2001:db8::1"),
            (&["[2001:db8::1]"], "2001:db8::1"),
            (&["2001:db8::1"], "2001:db8::1"),
            (&["::ffff:192.0.2.1"], "192.0.2.1"),
            (&["6.6.6.6, nonsense"], "10.9.9.9"),
            (&["6.6.6.6, unknown, 10.0.0.1"], "10.0.0.1"),
            (&[""], "10.9.9.9"),
        ] {
            let head = list.iter().fold(Head::get("/"), |head, line| head.field("x-forwarded-for", line));
            assert_eq!(address(&client(head, "10.9.9.9", &["10.0.0.0/8"])), expected, "{list:?}");
        }
    }

    #[test]
    fn forwarded_counts_where_there_is_no_x_forwarded_for() {
        for (field, expected, host, scheme) in [
            ("for=192.0.2.1", "192.0.2.1", "inner:8081", None),
            (
                "For=\"[2001:db8::1]:4711\" ; Proto=HTTPS;host=\"a.example:8443\"",
                "2001:db8::1",
                "a.example:8443",
                Some(Scheme::Https),
            ),
            (
                "for=6.6.6.6;host=evil;proto=https, for=192.0.2.1;host=a;proto=http",
                "192.0.2.1",
                "a",
                Some(Scheme::Http),
            ),
            ("for=192.0.2.1;host=a;proto=https, for=10.0.0.1;host=b;proto=http", "192.0.2.1", "a", Some(Scheme::Https)),
            ("for=6.6.6.6, for=_hidden;host=a, for=10.0.0.1;host=b", "10.0.0.1", "b", None),
            ("for=\"a, b\\\", c\", for=192.0.2.1;by=x", "192.0.2.1", "inner:8081", None),
            ("for=\"unclosed, for=192.0.2.1", "10.9.9.9", "inner:8081", None),
            (";;=,=;,", "10.9.9.9", "inner:8081", None),
            ("for = 192.0.2.1", "192.0.2.1", "inner:8081", None),
        ] {
            let client = client(Head::get("/").field("forwarded", field), "10.9.9.9", &["10.0.0.0/8"]);
            assert_eq!(
                (&*address(&client), client.host.as_deref(), client.scheme),
                (expected, Some(host), scheme),
                "{field}"
            );
        }
        let both = Head::get("/").field("forwarded", "for=6.6.6.6").field("x-forwarded-for", "192.0.2.1");
        assert_eq!(address(&client(both, "10.9.9.9", &["10.0.0.0/8"])), "192.0.2.1");
    }

    #[test]
    fn of_several_hosts_the_one_counts_that_the_trusted_proxy_has_added() {
        let head = Head::get("/")
            .field("x-forwarded-host", "evil.example, chat.example")
            .field("x-forwarded-proto", "http,wss");
        let client = client(head, "10.9.9.9", &["10.0.0.0/8"]);
        assert_eq!((client.host.as_deref(), client.scheme), (Some("chat.example"), Some(Scheme::Https)));
    }
}
