//! Hosts and ports as URLs and the `Host` field write them (RFC 3986, 3.2). All of it is ASCII.

use std::net::Ipv6Addr;

/// Host and port of an authority without user information (RFC 3986, 3.2). The port may be empty.
pub(super) fn authority(text: &str) -> Option<(&str, Option<u16>)> {
    let end = if text.starts_with('[') { text.find(']')? + 1 } else { text.find(':').unwrap_or(text.len()) };
    let (host, rest) = text.split_at_checked(end)?;
    let valid = if host.starts_with('[') { address(host).is_some() } else { is_name(host) };
    if !valid {
        return None;
    }
    let port = match rest.strip_prefix(':') {
        None if rest.is_empty() => None,
        None => return None,
        Some("") => None,
        // `u16` would take a sign.
        Some(port) if port.bytes().all(|b| b.is_ascii_digit()) => Some(port.parse().ok()?),
        Some(_) => return None,
    };
    Some((host, port))
}

/// Whether this is a host's name or an IPv4 address: labels of letters, digits, `-`, `_` and `~`, with dots between them and
/// perhaps one at the end.
fn is_name(host: &str) -> bool {
    let in_label = |b: u8| b.is_ascii_alphanumeric() || b"-_~".contains(&b);
    let host = host.strip_suffix('.').unwrap_or(host);
    host.split('.').all(|label| !label.is_empty() && label.bytes().all(in_label))
}

/// An IPv6 address in brackets.
fn address(host: &str) -> Option<Ipv6Addr> {
    host.strip_prefix('[')?.strip_suffix(']')?.parse().ok()
}

/// Whether these are the same host.
pub(super) fn is_same_host(a: &str, b: &str) -> bool {
    // Of an IPv6 address there are several spellings.
    a.eq_ignore_ascii_case(b) || address(a).is_some_and(|a| Some(a) == address(b))
}

/// Whether `host` is a subdomain of `domain`, at any depth.
pub(super) fn is_subdomain(host: &str, domain: &str) -> bool {
    let Some(at) = host.len().checked_sub(domain.len()) else { return false };
    host.split_at_checked(at).is_some_and(|(labels, end)| labels.ends_with('.') && end.eq_ignore_ascii_case(domain))
}
