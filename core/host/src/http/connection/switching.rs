//! A connection that speaks WebSocket.
use super::{Connection, State};
use crate::http::event::{Event, Ticket};
use crate::http::refusal::Refusal;
use crate::http::response::Response;
use crate::http::websocket::{Outcome, WebSocket};
use sanket::Time;
use sanket::driver::{WsEnd, WsMessage};

/// Bytes that are read and thrown away after a WebSocket was closed for a violation, so that the peer receives the close frame
/// before it sees a reset.
const LINGER: u64 = 64 << 10;

impl Connection {
    /// Sends `response` with the status 101, after which the connection speaks WebSocket. It leaves in a write of its own:
    /// [`transmit`](Self::transmit) does not return bytes behind it together with it. Messages of more than `max_message`
    /// bytes are violations.
    ///
    /// Returns false, and sends a 400 that ends the connection, if the request is no upgrade request or has a body left. The
    /// caller has checked the rest of the handshake, and added the headers that it asks for.
    pub fn switch(&mut self, ticket: Ticket, response: &Response, max_message: usize, now: Time) -> bool {
        let switches = self.begin_switch(ticket, response, now);
        if switches {
            self.begin_websocket(max_message);
        }
        switches
    }

    /// Sends the response to a request that switches the protocol, in a write of its own; or a 400 if the request cannot.
    pub(super) fn begin_switch(&mut self, ticket: Ticket, response: &Response, now: Time) -> bool {
        let State::Exchange(exchange) = &self.state else { return false };
        if exchange.ticket != ticket {
            return false;
        }
        if !exchange.upgrade || !exchange.body.has_ended() || exchange.reply.is_some() {
            let mut response = Refusal::bad("not an upgrade request").response();
            response.closes = true;
            self.respond(ticket, &response, now);
            return false;
        }
        response.encode_switching(now, self.output.buffer());
        self.output.set_boundary();
        true
    }

    pub(super) fn begin_websocket(&mut self, max_message: usize) {
        self.state = State::WebSocket(Box::new(WebSocket::new(max_message)));
        (self.deadline, self.stalled, self.upgraded) = (Time::NEVER, Time::NEVER, true);
    }

    /// Sends messages as unmasked frames. They are dropped if there is no WebSocket, or it is being closed. The output has no
    /// bound of its own: a host hands over more when [`transmit`](Self::transmit) is empty.
    pub fn send(&mut self, messages: impl IntoIterator<Item = WsMessage>, _now: Time) {
        if let State::WebSocket(websocket) = &mut self.state {
            websocket.send(messages, &mut self.output);
        }
    }

    /// Closes the WebSocket, after what was sent. Messages that are received from here on are dropped. The connection is over
    /// when the peer has closed, too, at the latest after [`HttpConfig::close_timeout`](crate::http::HttpConfig).
    pub fn close(&mut self, now: Time) {
        if let State::WebSocket(websocket) = &mut self.state
            && !websocket.is_closing()
        {
            websocket.close(&mut self.output);
            self.deadline = now.after(self.config.close_timeout);
        }
    }

    /// Whether the connection was switched from HTTP to something else. Stays true to its end.
    #[must_use]
    pub fn is_upgraded(&self) -> bool {
        self.upgraded
    }

    pub(super) fn poll_websocket<R>(&mut self, now: Time) -> Option<Event<R>> {
        let State::WebSocket(websocket) = &mut self.state else { return None };
        match websocket.read(&mut self.received, self.ended, &mut self.output) {
            Outcome::Message(message) => Some(Event::Message(message)),
            Outcome::More => None,
            Outcome::Closed => {
                self.end(now);
                Some(Event::Closed(WsEnd::Closed))
            }
            // The host that has closed a WebSocket need not know how the peer took it.
            Outcome::Failed if websocket.is_closing() => {
                self.break_off();
                self.closed.take().map(Event::Closed)
            }
            Outcome::Vanished => {
                self.break_off();
                self.closed.take().map(Event::Closed)
            }
            Outcome::Failed => {
                self.linger_for(LINGER, now);
                self.deadline = now.after(self.config.close_timeout);
                Some(Event::Closed(WsEnd::Failed))
            }
        }
    }
}
