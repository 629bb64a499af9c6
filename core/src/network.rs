//! The addresses that count as one client, where clients are limited by address.

use core::net::IpAddr;

/// An IPv4 address, or an IPv6 network of 64 bits: what one client usually has all of. An IPv4 address that is mapped into
/// IPv6 is an IPv4 address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Network {
    /// An IPv4 address.
    V4([u8; 4]),
    /// The first 64 bits of an IPv6 address.
    V6([u16; 4]),
}

impl Network {
    /// The network of an address that is given as text, as [`Handshake::address`](crate::Handshake::address) is; `None` if it is no
    /// IP address.
    #[must_use]
    pub fn parse(address: &str) -> Option<Self> {
        address.parse::<IpAddr>().ok().map(Self::from)
    }
}

impl From<IpAddr> for Network {
    fn from(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(address) => Self::V4(address.octets()),
            IpAddr::V6(address) => {
                let [a, b, c, d, ..] = address.segments();
                Self::V6([a, b, c, d])
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ipv6_network_is_one_client_and_a_mapped_address_is_the_ipv4_one() {
        let network = |address| Network::parse(address).expect("an address");
        assert_eq!(network("2001:db8:1:2::1"), network("2001:db8:1:2:ffff:ffff:ffff:ffff"));
        assert_ne!(network("2001:db8:1:2::1"), network("2001:db8:1:3::1"));
        assert_eq!(network("::ffff:192.0.2.1"), network("192.0.2.1"));
        assert_ne!(network("192.0.2.1"), network("192.0.2.2"));
        assert_ne!(network("::1"), network("127.0.0.1"));
        for nothing in ["", "unix", "192.0.2.1:80", "192.0.2", "[::1]"] {
            assert_eq!(Network::parse(nothing), None, "{nothing}");
        }
    }
}
