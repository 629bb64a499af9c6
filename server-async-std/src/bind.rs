//! How an address is listened on.

use std::io;
use std::net::{SocketAddr, TcpListener};

/// Listens on an address. As many connections may wait to be accepted as the system allows (Linux: `net.core.somaxconn`, 4,096 by
/// default); std's own listeners have room for 128, and a client that finds none waits a second until it tries again.
///
/// # Errors
///
/// The system's.
pub fn bind(address: impl Into<SocketAddr>) -> io::Result<TcpListener> {
    let listener = TcpListener::bind(address.into())?;
    // Once more, for its length: the system takes the most that it allows.
    socket2::SockRef::from(&listener).listen(i32::MAX)?;
    Ok(listener)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpStream;
    use std::time::Duration;

    /// Many clients at once, and a server that is busy.
    const CROWD: usize = 600;
    /// Less than the second after which the system sends a SYN again.
    const SOON: Duration = Duration::from_millis(100);

    #[test]
    fn a_crowd_is_connected_at_once_though_nobody_accepts() {
        let allowed = std::fs::read_to_string("/proc/sys/net/core/somaxconn").ok().and_then(|n| n.trim().parse().ok());
        let crowd = CROWD.min(allowed.unwrap_or(128));
        let listener = bind(([127, 0, 0, 1], 0)).expect("a free port");
        let address = listener.local_addr().expect("an address");
        let clients: Vec<_> = (0..crowd)
            .map(|n| TcpStream::connect_timeout(&address, SOON).unwrap_or_else(|error| panic!("client {n}: {error}")))
            .collect();
        assert_eq!(clients.len(), crowd);
    }
}
