//! One connection as data: the machine behind its lock, the socket, what it is at, and what the driver and the host know of it.
//! What is done with it is in `held` and above.

use super::addresses::Address;
use super::combining::Combining;
use super::deadlines::Look;
use super::exchange::Exchange;
use super::limiter::Permit;
use super::socket::{Interest, Socket};
use super::wakers::Wakers;
use crate::http::{Connection, Ticket};
use crate::request::Peer;
use sanket::Time;
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};

/// A connection, as whoever has something for it knows it.
pub(super) struct Inner {
    pub(super) socket: Arc<dyn Socket>,
    pub(super) peer: Peer,
    /// What the driver was told last to wait for: bits of an [`Interest`].
    pub(super) interest: AtomicU8,
    /// The driver has no more to do with it.
    pub(super) is_gone: AtomicBool,
    /// Where it is among all connections.
    pub(super) place: usize,
    pub(super) state: Combining<State>,
}

/// What the lock of a connection protects.
#[derive(Debug)]
pub(super) struct State {
    pub(super) connection: Connection,
    pub(super) exchange: Exchange,
    pub(super) permit: Permit,
    /// Whose the current request is, or the WebSocket: the connection's own address, or that of the client of a trusted proxy.
    pub(super) client: Option<Client>,
    /// It is a trusted proxy's: its requests are of many clients.
    pub(super) is_proxied: bool,
    /// When the host looks at it next.
    pub(super) look: Option<Look>,
    /// The shard has more to send than the socket took.
    pub(super) is_ready: bool,
    /// The hub is behind: what the client says next waits in the connection.
    pub(super) is_paused: bool,
    /// Its address has sent too much: it is not read from until then.
    pub(super) throttled_until: Option<Time>,
    /// The socket took less than there was.
    pub(super) is_blocked: bool,
    /// The socket takes nothing any more: what is to be written is dropped, until reading finds the end.
    pub(super) is_broken: bool,
}

/// Who is counted for what a connection brings.
#[derive(Clone, Debug)]
pub(super) struct Client {
    pub(super) ip: IpAddr,
    pub(super) address: Arc<Address>,
}

impl Inner {
    pub(super) fn new(
        place: usize,
        socket: Arc<dyn Socket>,
        peer: Peer,
        (permit, is_proxied): (Permit, bool),
        connection: Connection,
    ) -> Self {
        let client = match &permit {
            Permit::Admitted { address, .. } => {
                peer.address.zip(address.clone()).map(|(ip, address)| Client { ip, address })
            }
            Permit::Refused { .. } | Permit::Foreign => None,
        };
        let state = State {
            connection,
            exchange: Exchange::Idle,
            permit,
            client,
            is_proxied,
            look: None,
            is_ready: false,
            is_paused: false,
            throttled_until: None,
            is_blocked: false,
            is_broken: false,
        };
        Self {
            socket,
            peer,
            interest: AtomicU8::new(Interest { read: true, ..Interest::default() }.to_bits()),
            is_gone: AtomicBool::new(false),
            place,
            state: Combining::new(state),
        }
    }

    /// What the driver is to wait for.
    pub(super) fn interest(&self) -> Interest {
        Interest::from_bits(self.interest.load(Ordering::Acquire))
    }
}

impl State {
    /// Those who wait for something of the request, if it is still the current one and the application's.
    pub(super) fn wakers(&mut self, ticket: Ticket) -> Option<&mut Wakers> {
        match &mut self.exchange {
            Exchange::Application { ticket: current, wakers } if *current == ticket => Some(wakers),
            _ => None,
        }
    }

    /// The response to a request of the application's is complete.
    pub(super) fn forget(&mut self, ticket: Ticket) {
        if self.wakers(ticket).is_some() {
            self.exchange = Exchange::Idle;
        }
    }

    /// It is not read from until `until`, if that is later than is known already.
    pub(super) fn throttle(&mut self, until: Option<Time>) {
        self.throttled_until = self.throttled_until.max(until);
    }

    /// What the driver should wait for.
    pub(super) fn interest(&self) -> Interest {
        Interest {
            read: self.connection.wants_read() && !self.is_paused && self.throttled_until.is_none(),
            write: self.is_blocked,
            shutdown: self.connection.wants_shutdown(),
            over: self.connection.is_over(),
        }
    }
}

impl fmt::Debug for Inner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inner").field("peer", &self.peer).finish_non_exhaustive()
    }
}
