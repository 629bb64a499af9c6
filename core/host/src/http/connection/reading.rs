//! The receiving half of a connection: heads, bodies, and what is thrown away.
use super::{Connection, Exchange, State};
use crate::http::body::{BODY_TOO_LONG, Body, RequestBody};
use crate::http::event::{Event, Ticket};
use crate::http::framing::{Framing, Step};
use crate::http::head::{self, Head};
use crate::http::refusal::Refusal;
use crate::http::response::Shape;
use crate::http::scan::{Known, scan};
use http::StatusCode;
use sanket::Time;

const CONTINUE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";
const HEAD_TOO_LONG: Refusal = Refusal::new(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, "the head is too long");

impl Connection {
    /// Advances, by an amount of work that is bounded by what was received. To be called until it returns `None`.
    ///
    /// `read` is called with the head of a request while that lies in the buffer, at most once a call; what it returns comes
    /// back in [`Event::Request`].
    pub fn poll<R>(&mut self, now: Time, read: impl FnOnce(&Head<'_>, Ticket) -> R) -> Option<Event<R>> {
        if let Some(ticket) = self.gone.take() {
            return Some(Event::Gone(ticket));
        }
        if let Some(end) = self.closed.take() {
            return Some(Event::Closed(end));
        }
        if matches!(self.state, State::Discard { .. }) {
            self.discard(now);
        }
        if matches!(self.state, State::Head { .. })
            && let Some(read) = self.read_head(now, read)
        {
            return Some(Event::Request(read));
        }
        match &self.state {
            State::Exchange(_) => self.poll_exchange(now),
            State::WebSocket(_) => self.poll_websocket(now),
            State::Tunnel(_) => self.poll_tunnel(),
            State::Head { .. } | State::Discard { .. } | State::Linger { .. } | State::Ending | State::Over => None,
        }
    }

    /// Looks for a head in what was received.
    fn read_head<R>(&mut self, now: Time, read: impl FnOnce(&Head<'_>, Ticket) -> R) -> Option<R> {
        let State::Head { n_parsed, .. } = &mut self.state else { return None };
        if self.output.len() >= self.config.max_buffered {
            // The client has to take its responses first.
            return None;
        }
        let bytes = self.received.unread();
        let window = &bytes[..bytes.len().min(self.config.max_head)];
        // Only whole lines are looked at, so that what is found does not depend on how the bytes were cut, and so that they are
        // not parsed again for every byte. The first byte tells what is no HTTP at all.
        let end = memchr::memrchr(b'\n', window).map_or(window.len().min(1), |at| at + 1);
        if end > *n_parsed {
            let (mut room, mut more) = (head::room(), Vec::new());
            match head::parse(&window[..end], &mut room, &mut more, self.config.max_headers) {
                Ok(None) => *n_parsed = end,
                Ok(Some(head)) => {
                    let terms = head.terms;
                    if matches!(terms.body, Framing::Length(length) if length > self.config.max_body) {
                        let known = known(&head);
                        self.refuse(BODY_TOO_LONG, terms.shape, known);
                        return None;
                    }
                    self.tickets += 1;
                    let ticket = Ticket(self.tickets);
                    let read = read(&head, ticket);
                    let some = terms.len < bytes.len();
                    let body = RequestBody::new(terms.body, terms.expects_continue, some, now);
                    let (shape, upgrade) = (terms.shape, terms.upgrade);
                    self.received.consume(terms.len);
                    self.state = State::Exchange(Exchange { ticket, shape, upgrade, body, reply: None, refusal: None });
                    self.deadline = Time::NEVER;
                    return Some(read);
                }
                Err(refusal) => {
                    self.refuse_head(refusal);
                    return None;
                }
            }
        }
        if self.received.len() >= self.config.max_head {
            self.refuse_head(HEAD_TOO_LONG);
        } else if self.ended || self.draining && self.received.is_empty() {
            // Nobody waits for a response.
            self.end(now);
        }
        None
    }

    fn poll_exchange<R>(&mut self, now: Time) -> Option<Event<R>> {
        let State::Exchange(exchange) = &mut self.state else { return None };
        let ticket = exchange.ticket;
        if let Some(refused) = exchange.refusal.take() {
            let (refusal, Known { origin, host, path }) = *refused;
            return Some(Event::Refused { ticket, refusal, origin, host, path });
        }
        if self.ended {
            self.end(now);
            return Some(Event::Gone(ticket));
        }
        if exchange.body.take_wake() {
            return Some(Event::Body(ticket));
        }
        let reply = exchange.reply.as_mut().filter(|reply| reply.blocked)?;
        if self.output.len() > self.config.max_buffered / 2 {
            return None;
        }
        reply.blocked = false;
        Some(Event::Writable(ticket))
    }

    /// Appends at most `max` bytes of the request's body to `into`. If nothing has come and the client waits to be asked, it is
    /// asked with `100 Continue` (RFC 9110, 10.1.1). `max` must not be 0.
    pub fn read_body(&mut self, ticket: Ticket, into: &mut Vec<u8>, max: usize, now: Time) -> Body {
        if let Some(body) = self.read_tunnel(ticket, into, max) {
            return body;
        }
        let State::Exchange(exchange) = &mut self.state else { return Body::Gone };
        if exchange.ticket != ticket {
            return Body::Gone;
        }
        match exchange.body.read(&mut self.received, into, max, &self.config) {
            // The event follows.
            Ok(Body::More) if self.ended => return Body::Gone,
            Ok(Body::More) => {}
            Ok(body) => return body,
            Err(refusal) => {
                self.lose(refusal, now);
                return Body::Gone;
            }
        }
        if exchange.body.take_unasked() {
            self.output.buffer().extend_from_slice(CONTINUE);
        }
        if self.deadline == Time::NEVER {
            self.deadline = exchange.body.deadline(&self.config, now);
        }
        self.wrote(now);
        Body::More
    }

    /// Throws away the rest of a body whose request has been answered.
    fn discard(&mut self, now: Time) {
        let State::Discard { body, left } = &mut self.state else { return };
        loop {
            // One byte more than is allowed is one too many.
            let max = usize::try_from(left.saturating_add(1)).unwrap_or(usize::MAX);
            match body.step(&mut self.received, max, &mut |_| ()) {
                Ok(Step::Data(n)) if n as u64 > *left => return self.linger(now),
                Ok(Step::Data(n)) => *left -= n as u64,
                Ok(Step::More) if self.ended => return self.end(now),
                Ok(Step::More) => return,
                Ok(Step::End) => return self.await_head(now),
                Err(_) => return self.linger(now),
            }
        }
    }

    /// The client sent what cannot be accepted, or nothing for too long. Whoever answers its request is told.
    pub(super) fn lose(&mut self, refusal: Refusal, now: Time) {
        let State::Exchange(exchange) = &self.state else { return };
        self.gone = Some(exchange.ticket);
        if exchange.reply.is_some() {
            self.end(now);
        } else {
            self.refuse(refusal, exchange.shape, Known::default());
        }
    }

    /// Refuses the head that lies in the buffer.
    pub(super) fn refuse_head(&mut self, refusal: Refusal) {
        let known = scan(self.received.unread());
        self.refuse(refusal, Shape::default(), known);
    }

    fn refuse(&mut self, refusal: Refusal, shape: Shape, known: Known) {
        log::debug!("refused: {} {}", refusal.status, refusal.message);
        self.tickets += 1;
        self.state = State::Exchange(Exchange {
            ticket: Ticket(self.tickets),
            shape: Shape { close: true, ..shape },
            upgrade: false,
            body: RequestBody::new(Framing::End, false, false, Time::NEVER),
            reply: None,
            refusal: Some(Box::new((refusal, known))),
        });
        self.deadline = Time::NEVER;
    }
}

fn known(head: &Head<'_>) -> Known {
    let origin = head.header_str("origin").map(|origin| origin.as_ref().into());
    Known { origin, host: Some(head.host().into()), path: Some(head.path().into()) }
}
