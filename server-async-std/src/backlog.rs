//! Listening with as long a queue as the system gives.

use std::io;
use std::net::{SocketAddr, TcpListener};

/// Listens. As many connections may wait to be accepted as the system allows (`net.core.somaxconn`, 4,096 on Linux): of those
/// beyond, each waits a second until its client asks again. std asks for 128.
#[cfg(target_os = "linux")]
pub(crate) fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let listener = TcpListener::bind(address)?;
    // A socket that listens already gets another length. The system cuts it to what it allows.
    rustix::net::listen(&listener, i32::MAX)?;
    Ok(listener)
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    TcpListener::bind(address)
}
