//! A connection that was switched to a protocol of the application's own: bytes in both directions, as they come.
use super::{Connection, State, Tunnel};
use crate::http::body::Body;
use crate::http::event::{Event, Ticket};
use crate::http::response::Response;
use sanket::Time;

impl Connection {
    /// Sends `response` with the status 101, after which the connection is the application's: what is received is read with
    /// [`read_body`](Self::read_body), up to the end of the stream, and what is handed to
    /// [`respond_body`](Self::respond_body) is sent as it is, until [`respond_end`](Self::respond_end). The response leaves in
    /// a write of its own.
    ///
    /// Returns false, and sends a 400 that ends the connection, if the request is no upgrade request or has a body left.
    pub fn tunnel(&mut self, ticket: Ticket, response: &Response, now: Time) -> bool {
        let switches = self.begin_switch(ticket, response, now);
        if switches {
            self.state = State::Tunnel(Tunnel { ticket, awaits_bytes: false, awaits_room: false });
            (self.deadline, self.stalled, self.upgraded) = (Time::NEVER, Time::NEVER, true);
        }
        switches
    }

    pub(super) fn poll_tunnel<R>(&mut self) -> Option<Event<R>> {
        let State::Tunnel(tunnel) = &mut self.state else { return None };
        if tunnel.awaits_bytes && (self.ended || !self.received.is_empty()) {
            tunnel.awaits_bytes = false;
            return Some(Event::Body(tunnel.ticket));
        }
        if tunnel.awaits_room && self.output.len() <= self.config.max_buffered / 2 {
            tunnel.awaits_room = false;
            return Some(Event::Writable(tunnel.ticket));
        }
        None
    }

    /// Reads from the tunnel. Nothing if this is none of the ticket's.
    pub(super) fn read_tunnel(&mut self, ticket: Ticket, into: &mut Vec<u8>, max: usize) -> Option<Body> {
        let State::Tunnel(tunnel) = &mut self.state else { return None };
        if tunnel.ticket != ticket {
            return None;
        }
        let n = self.received.len().min(max);
        if n > 0 {
            into.extend_from_slice(&self.received.unread()[..n]);
            self.received.consume(n);
            return Some(Body::Data(n));
        }
        tunnel.awaits_bytes = !self.ended;
        Some(if self.ended { Body::End } else { Body::More })
    }

    /// Writes to the tunnel. False if this is none of the ticket's.
    pub(super) fn write_tunnel(&mut self, ticket: Ticket, bytes: &[u8]) -> bool {
        let State::Tunnel(tunnel) = &mut self.state else { return false };
        if tunnel.ticket != ticket {
            return false;
        }
        self.output.buffer().extend_from_slice(bytes);
        tunnel.awaits_room |= self.output.len() >= self.config.max_buffered;
        true
    }

    /// Whether this is the ticket of a tunnel.
    pub(super) fn is_tunnel(&self, ticket: Ticket) -> bool {
        matches!(&self.state, State::Tunnel(tunnel) if tunnel.ticket == ticket)
    }
}
