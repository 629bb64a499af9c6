//! The sending half of a connection: responses, whole and in pieces.
use super::{Connection, Exchange, State};
use crate::http::event::Ticket;
use crate::http::framing::Framing;
use crate::http::refusal::Refusal;
use crate::http::reply::Reply;
use crate::http::response::{Response, Shape};
use http::StatusCode;
use sanket::Time;

const INTERNAL_ERROR: Refusal = Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, "internal error");

impl Connection {
    /// Sends a whole response. What is left of the request's body is thrown away, or ends the connection. A status of the class
    /// 1xx is answered with 500 instead; a second response to a request whose response has begun is an
    /// [`abort`](Self::abort).
    pub fn respond(&mut self, ticket: Ticket, response: &Response, now: Time) {
        if response.status.is_informational() {
            log::error!("a request cannot be answered with status {}", response.status);
            let mut response = INTERNAL_ERROR.response();
            response.closes = true;
            return self.respond(ticket, &response, now);
        }
        let State::Exchange(exchange) = &self.state else { return };
        if exchange.ticket != ticket {
            return;
        }
        if exchange.reply.is_some() {
            log::error!("a request has got a second response");
            return self.end(now);
        }
        let close = exchange.shape.close || self.draining || exchange.body.is_not_worth_draining(&self.config);
        let kept = response.encode(Shape { close, ..exchange.shape }, now, self.output.buffer());
        self.wrote(now);
        self.finish(kept, now);
    }

    /// Sends the head of a response whose body follows with [`respond_body`](Self::respond_body). `length` is that of the
    /// body in bytes; without one it is sent in chunks, or to an HTTP/1.0 client until the connection is closed. The response's
    /// own body is not sent. The request's body can be read on.
    pub fn respond_head(&mut self, ticket: Ticket, response: &Response, length: Option<u64>, now: Time) {
        if response.status.is_informational() {
            return self.respond(ticket, response, now);
        }
        let State::Exchange(exchange) = &mut self.state else { return };
        if exchange.ticket != ticket {
            return;
        }
        if exchange.reply.is_some() {
            log::error!("a request has got a second response");
            return self.end(now);
        }
        // A client that was not asked for the body by now never is, and may or may not send it.
        let close = exchange.shape.close || self.draining || exchange.body.take_unasked();
        let shape = Shape { close, ..exchange.shape };
        exchange.reply = Some(Reply::begin(response, length, shape, now, self.output.buffer()));
        self.wrote(now);
    }

    /// Sends a piece of the body, if [`respond_head`](Self::respond_head) came before. It should have at most
    /// [`room`](Self::room) bytes; more are taken. Bytes beyond the announced length are dropped.
    pub fn respond_body(&mut self, ticket: Ticket, bytes: &[u8], now: Time) {
        if self.write_tunnel(ticket, bytes) {
            return;
        }
        let State::Exchange(exchange) = &mut self.state else { return };
        let Some(reply) = exchange.reply.as_mut().filter(|_| exchange.ticket == ticket) else { return };
        reply.push(bytes, self.output.buffer());
        reply.blocked |= self.output.len() >= self.config.max_buffered;
        self.wrote(now);
    }

    /// Completes a response in pieces. If it has fewer bytes than announced, the connection ends.
    pub fn respond_end(&mut self, ticket: Ticket, now: Time) {
        if self.is_tunnel(ticket) {
            return self.end(now);
        }
        let State::Exchange(exchange) = &self.state else { return };
        let Some(reply) = exchange.reply.as_ref().filter(|_| exchange.ticket == ticket) else { return };
        if !reply.end(self.output.buffer()) {
            log::error!("a response body ended before its announced length");
            return self.end(now);
        }
        let kept = !reply.close && !exchange.body.is_not_worth_draining(&self.config);
        self.wrote(now);
        self.finish(kept, now);
    }

    /// How many bytes of a response's body should be handed over now. Where [`respond_body`](Self::respond_body) used it up,
    /// [`Event::Writable`](crate::http::Event::Writable) follows.
    #[must_use]
    pub fn room(&self) -> usize {
        self.config.max_buffered.saturating_sub(self.output.len())
    }

    /// Ends the connection without a response to this request, or in the middle of it. What was sent before is written.
    pub fn abort(&mut self, ticket: Ticket, now: Time) {
        if self.is_tunnel(ticket) || matches!(&self.state, State::Exchange(exchange) if exchange.ticket == ticket) {
            self.end(now);
        }
    }

    /// The response is complete.
    fn finish(&mut self, kept: bool, now: Time) {
        let State::Exchange(Exchange { body, .. }) = &self.state else { return };
        match body.framing() {
            _ if !kept => self.linger(now),
            Framing::End => self.await_head(now),
            body @ (Framing::Length(_) | Framing::Chunked(_)) => {
                self.state = State::Discard { body, left: self.config.linger_bytes };
                self.deadline = Time::NEVER;
                self.settle(now);
            }
        }
    }
}
