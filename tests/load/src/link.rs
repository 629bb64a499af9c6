//! One TCP connection with what has come half and what has not gone out yet. Knows no protocol.

use crate::fault::Result;
use mio::net::TcpStream;
use mio::{Interest, Registry, Token};
use socket2::{Domain, Protocol, Socket, Type};
use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

/// Loopback addresses to connect from when the ports of one have run out.
const SOURCES: u8 = 64;

/// A connection.
#[derive(Debug)]
pub struct Link {
    stream: TcpStream,
    /// What has come and is not whole yet.
    pub inbox: Vec<u8>,
    /// What has not been written yet.
    pub outbox: Vec<u8>,
}

/// What a read found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    /// So many bytes.
    Bytes(usize),
    /// Nothing for now.
    Nothing,
    /// The other side's end.
    End,
}

impl Link {
    /// Begins to connect, from an address of its own if there is one.
    ///
    /// # Errors
    ///
    /// If the system has no descriptors, no ports, or nobody listens.
    pub fn open(to: SocketAddr, from: Option<IpAddr>, registry: &Registry, token: Token) -> Result<Self> {
        let mut stream = connect(to, from)?;
        stream.set_nodelay(true)?;
        registry.register(&mut stream, token, Interest::READABLE | Interest::WRITABLE)?;
        Ok(Self { stream, inbox: Vec::new(), outbox: Vec::new() })
    }

    /// Reads once.
    ///
    /// # Errors
    ///
    /// If the connection broke.
    pub fn read(&mut self, buffer: &mut [u8]) -> Result<Found> {
        loop {
            return match self.stream.read(buffer) {
                Ok(0) => Ok(Found::End),
                Ok(count) => Ok(Found::Bytes(count)),
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::NotConnected) => {
                    Ok(Found::Nothing)
                }
                Err(error) => Err(error.into()),
            };
        }
    }

    /// Writes as much as the system takes.
    ///
    /// # Errors
    ///
    /// If the connection broke.
    pub fn flush(&mut self) -> Result<()> {
        let mut written = 0;
        while written < self.outbox.len() {
            match self.stream.write(&self.outbox[written..]) {
                Ok(count) => written += count,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::NotConnected) => break,
                Err(error) => return Err(error.into()),
            }
        }
        if written == self.outbox.len() {
            self.outbox.clear();
        } else {
            self.outbox.drain(..written);
        }
        Ok(())
    }
}

fn connect(to: SocketAddr, from: Option<IpAddr>) -> Result<TcpStream> {
    if let Some(from) = from {
        return connect_from(from, to);
    }
    match TcpStream::connect(to) {
        Err(error) if error.kind() == ErrorKind::AddrNotAvailable && to.ip() == Ipv4Addr::LOCALHOST => {
            connect_from(IpAddr::from([127, 0, 0, fastrand::u8(2..SOURCES)]), to)
        }
        other => Ok(other?),
    }
}

fn connect_from(from: IpAddr, to: SocketAddr) -> Result<TcpStream> {
    let socket = Socket::new(Domain::for_address(to), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_nonblocking(true)?;
    socket.bind(&SocketAddr::new(from, 0).into())?;
    match socket.connect(&to.into()) {
        Ok(()) => {}
        // EINPROGRESS has no name of its own among the kinds that are stable.
        Err(error) if error.kind() == ErrorKind::WouldBlock || error.raw_os_error() == Some(115) => {}
        Err(error) => return Err(error.into()),
    }
    Ok(TcpStream::from_std(socket.into()))
}
