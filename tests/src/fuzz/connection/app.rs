//! The application around the connection: answers at once, later, in pieces, reads the body or not, as the path or a command
//! says. Remembers which responses the client must get.

use crate::bytes::responses::Written;
use bytes::Bytes;
use http::StatusCode;
use sanket::Time;
use sanket::driver::WsMessage;
use sanket_host::http::{Body, Connection, Head, Refusal, Response, Ticket};

/// A request that has no complete response yet.
#[derive(Debug)]
pub(super) struct Pending {
    pub(super) ticket: Ticket,
    /// Which request of the connection, counted from 0.
    index: usize,
    plan: Plan,
    /// The body as far as it was read, and whether that is all.
    body: Vec<u8>,
    is_whole: bool,
    /// The reader has found nothing, and waits.
    pub(super) waits: bool,
    /// The response has begun, in pieces: its announced length.
    begun: Option<Option<u64>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Plan {
    Echo,
    Stream,
    Park,
}

/// What is known of a request's head.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Heard {
    pub(super) ticket: Ticket,
    pub(super) method: String,
    pub(super) target: String,
    path: String,
    pub(super) expects: bool,
}

/// A response that the client must get: its status and body, as far as it was made.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Owed {
    status: u16,
    body: Vec<u8>,
    /// The response is complete.
    is_whole: bool,
}

#[derive(Debug, Default)]
pub(super) struct App {
    pub(super) pending: Option<Pending>,
    /// Tickets whose requests are over.
    stale: Vec<Ticket>,
    owed: Vec<Owed>,
    /// All requests, and of each the body as far as it was read, and whether that was all.
    pub(super) heard: Vec<(Heard, Vec<u8>, bool)>,
    /// Messages that were sent while a WebSocket was open.
    pub(super) sent: Vec<Vec<u8>>,
    /// The connection was switched.
    pub(super) is_switched: bool,
    /// The application has closed the WebSocket.
    pub(super) is_closing: bool,
    /// Bytes of responses.
    pub(super) made: usize,
    /// Status of the refusal, of which request, and whether its body is what is refused.
    pub(super) refused: Option<(u16, usize, bool)>,
    /// The last request was said to be gone.
    is_gone: bool,
}

impl App {
    pub(super) fn read(head: &Head<'_>, ticket: Ticket) -> Heard {
        Heard {
            ticket,
            method: head.method().to_string(),
            target: head.target().to_owned(),
            path: head.path().to_owned(),
            expects: head.values("expect").next().is_some(),
        }
    }

    pub(super) fn begin(&mut self, connection: &mut Connection, heard: Heard, now: Time) {
        assert!(self.pending.is_none(), "one request at a time");
        assert!(!self.is_switched && self.refused.is_none(), "a request behind the last");
        assert!(!self.stale.contains(&heard.ticket), "a ticket for two requests");
        let (ticket, path) = (heard.ticket, heard.path.clone());
        let plan = match path.as_bytes().get(1) {
            Some(b'e') => Plan::Echo,
            Some(b's') => Plan::Stream,
            _ => Plan::Park,
        };
        let index = self.heard.len();
        self.heard.push((heard, Vec::new(), false));
        let pending = Pending { ticket, index, plan, body: Vec::new(), is_whole: false, waits: false, begun: None };
        self.pending = Some(pending);
        match path.as_bytes().get(1) {
            Some(b'n') => self.respond(connection, &text("hello"), now),
            Some(b'c') => {
                let mut response = text("the last");
                response.closes = true;
                self.respond(connection, &response, now);
            }
            Some(b'u') => self.switch(connection, now),
            Some(b's') => {
                self.begin_pieces(connection, None, now);
                self.read_body(connection, now);
            }
            Some(b'e') => self.read_body(connection, now),
            _ => {}
        }
    }

    /// Does what a command says to the request that waits, or to one that is over.
    pub(super) fn command(&mut self, connection: &mut Connection, what: u8, now: Time) {
        if what >= b'h' {
            return self.disturb(connection, what, now);
        }
        if self.pending.is_none() {
            return;
        }
        let what = if what >= b'a' { what - b'a' + 10 } else { what };
        match what % 14 {
            0 => self.respond(connection, &text("hello"), now),
            1 => {
                let mut response = text("the last");
                response.closes = true;
                self.respond(connection, &response, now);
            }
            2 => self.respond(connection, &Response::new(StatusCode::NO_CONTENT), now),
            3 => self.respond(connection, &Response::new(StatusCode::EARLY_HINTS), now),
            4 => self.begin_pieces(connection, None, now),
            5 => self.begin_pieces(connection, Some(10), now),
            6 => self.piece(connection, b"piece", now),
            7 => self.end_pieces(connection, now),
            8 => {
                let ticket = self.over();
                connection.abort(ticket, now);
            }
            9 => self.switch(connection, now),
            10 => self.read_body(connection, now),
            11 => self.respond(connection, &text(vec![b'x'; 70_000]), now),
            12 => {
                let room = connection.room();
                self.piece(connection, &vec![b'y'; room], now);
            }
            _ => self.piece(connection, b"", now),
        }
    }

    /// Uses the ticket of a request that is over: nothing may come of it.
    fn disturb(&self, connection: &mut Connection, what: u8, now: Time) {
        let Some(ticket) = self.stale.iter().rev().nth(usize::from(what) / 8 % 4).copied() else { return };
        let before = (connection.buffered(), connection.is_over());
        match what % 8 {
            0 => connection.respond(ticket, &text("too late"), now),
            1 => connection.respond_head(ticket, &text("too late"), None, now),
            2 => connection.respond_body(ticket, b"too late", now),
            3 => connection.respond_end(ticket, now),
            4 => connection.abort(ticket, now),
            5 => assert!(!connection.switch(ticket, &text("too late"), 100, now)),
            6 => connection.respond_head(ticket, &Response::new(StatusCode::EARLY_HINTS), None, now),
            _ => assert_eq!(connection.read_body(ticket, &mut Vec::new(), 10, now), Body::Gone),
        }
        assert_eq!((connection.buffered(), connection.is_over()), before, "a stale ticket did something");
    }

    /// The request is over.
    fn over(&mut self) -> Ticket {
        let pending = self.pending.take().expect("a request is waited for");
        self.stale.push(pending.ticket);
        pending.ticket
    }

    pub(super) fn gone(&mut self, ticket: Ticket) {
        assert_eq!(self.pending.as_ref().map(|pending| pending.ticket), Some(ticket), "nobody waits for it");
        self.is_gone = true;
        self.over();
    }

    /// Whether the client must get no more than it got.
    pub(super) fn refuse(&mut self, connection: &mut Connection, ticket: Ticket, refusal: Refusal, now: Time) {
        assert!(self.pending.is_none() && self.refused.is_none(), "a refusal in the middle of a request");
        assert!(!self.stale.contains(&ticket), "a ticket for two requests");
        let index = self.heard.len() - usize::from(self.is_gone);
        self.refused = Some((refusal.status.as_u16(), index, self.is_gone));
        let response = refusal.response();
        self.owe(refusal.status.as_u16(), response.body.to_vec(), true);
        connection.respond(ticket, &response, now);
        self.stale.push(ticket);
    }

    /// Whether all responses are complete.
    pub(super) fn are_all_whole(&self) -> bool {
        self.owed.len() == self.heard.len() && self.owed.iter().all(|owed| owed.is_whole)
    }

    fn owe(&mut self, status: u16, body: Vec<u8>, is_whole: bool) {
        self.made += 1_000 + body.len();
        self.owed.push(Owed { status, body, is_whole });
    }

    fn respond(&mut self, connection: &mut Connection, response: &Response, now: Time) {
        let is_second = self.pending.as_ref().is_some_and(|pending| pending.begun.is_some());
        let ticket = self.over();
        connection.respond(ticket, response, now);
        if is_second {
            // The response that has begun stays half of one.
        } else if response.status.is_informational() {
            self.owe(500, Vec::new(), false);
        } else {
            self.owe(response.status.as_u16(), response.body.to_vec(), true);
        }
    }

    fn begin_pieces(&mut self, connection: &mut Connection, length: Option<u64>, now: Time) {
        let Some(pending) = &mut self.pending else { return };
        if pending.begun.is_some() {
            let ticket = self.over();
            return connection.respond_head(ticket, &text(""), length, now);
        }
        pending.begun = Some(length);
        connection.respond_head(pending.ticket, &text("not sent"), length, now);
        self.owe(200, Vec::new(), false);
    }

    fn piece(&mut self, connection: &mut Connection, bytes: &[u8], now: Time) {
        let Some(pending) = &mut self.pending else { return };
        connection.respond_body(pending.ticket, bytes, now);
        let Some(length) = &mut pending.begun else { return };
        let room = length.map_or(usize::MAX, |left| usize::try_from(left).unwrap_or(usize::MAX));
        let bytes = &bytes[..bytes.len().min(room)];
        if let Some(left) = length {
            *left -= bytes.len() as u64;
        }
        self.made += bytes.len() + 20;
        if let Some(owed) = self.owed.last_mut() {
            owed.body.extend(bytes);
        }
    }

    fn end_pieces(&mut self, connection: &mut Connection, now: Time) {
        let Some(pending) = &self.pending else { return };
        connection.respond_end(pending.ticket, now);
        if pending.begun.is_some() {
            let is_short = pending.begun.flatten().is_some_and(|left| left > 0)
                && self.heard.last().is_some_and(|(heard, ..)| heard.method != "HEAD");
            self.over();
            if let Some(owed) = self.owed.last_mut() {
                owed.is_whole = !is_short;
            }
        }
    }

    fn switch(&mut self, connection: &mut Connection, now: Time) {
        let begun = self.pending.as_ref().is_some_and(|pending| pending.begun.is_some());
        let ticket = self.over();
        if connection.switch(ticket, &Response::new(StatusCode::SWITCHING_PROTOCOLS), 2_000, now) {
            assert!(!begun, "switched in the middle of a response");
            self.is_switched = true;
            self.owe(101, Vec::new(), true);
        } else if !begun {
            self.owe(400, Vec::new(), false);
        }
    }

    /// Reads what there is of the body.
    pub(super) fn read_body(&mut self, connection: &mut Connection, now: Time) {
        loop {
            let Some(pending) = &mut self.pending else { return };
            let mut piece = Vec::new();
            let read = connection.read_body(pending.ticket, &mut piece, 1_000, now);
            assert_eq!(piece.len(), if let Body::Data(n) = read { n } else { 0 });
            pending.body.extend(&piece);
            let (plan, index) = (pending.plan, pending.index);
            let (_, body, is_whole) = &mut self.heard[index];
            body.extend(&piece);
            match read {
                Body::Data(n) => {
                    assert!(n > 0 && n <= 1_000);
                    if plan == Plan::Stream {
                        self.piece(connection, &piece, now);
                    }
                }
                Body::End => {
                    pending.is_whole = true;
                    *is_whole = true;
                    let body = pending.body.clone();
                    return match plan {
                        Plan::Echo if pending.begun.is_none() => self.respond(connection, &text(body), now),
                        Plan::Stream => self.end_pieces(connection, now),
                        Plan::Echo | Plan::Park => {}
                    };
                }
                Body::More => {
                    pending.waits = true;
                    return;
                }
                // The event follows.
                Body::Gone => return,
            }
        }
    }

    /// Something of the body has come.
    pub(super) fn body(&mut self, connection: &mut Connection, ticket: Ticket, now: Time) {
        let Some(pending) = self.pending.as_mut().filter(|pending| pending.ticket == ticket) else {
            panic!("a body of no request");
        };
        assert!(pending.waits, "nobody waits for the body");
        pending.waits = false;
        if pending.plan != Plan::Park {
            self.read_body(connection, now);
        }
    }

    pub(super) fn writable(&self, ticket: Ticket) {
        let pending = self.pending.as_ref().filter(|pending| pending.ticket == ticket);
        assert!(pending.is_some_and(|pending| pending.begun.is_some()), "there is nothing to be written");
    }

    /// Sends a message of `length` bytes.
    pub(super) fn send(&mut self, connection: &mut Connection, length: usize, now: Time) {
        let message = vec![b'm'; length];
        connection.send([WsMessage::Text(message.clone().into())], now);
        self.made += length + 20;
        if self.is_switched && !self.is_closing {
            self.sent.push(message);
        }
    }

    /// What the client got is what was made for it, in order; a part of it if the connection broke. `is_all`: nothing can have
    /// been lost.
    pub(super) fn check(&self, written: &Written, is_all: bool) {
        for (answer, owed) in written.answers.iter().zip(&self.owed) {
            assert_eq!(answer.status, owed.status);
            let is_bodiless = answer.body.is_empty();
            let is_known = answer.status < 400;
            if is_known && owed.is_whole && answer.is_whole && !is_bodiless {
                assert!(answer.body == owed.body, "another body than was sent");
            } else if is_known {
                assert!(owed.body.starts_with(&answer.body), "another body than was sent");
            }
        }
        assert!(written.answers.len() <= self.owed.len(), "a response to no request");
        if is_all {
            assert_eq!(written.answers.len(), self.owed.len(), "a response is missing");
            for (index, (answer, owed)) in written.answers.iter().zip(&self.owed).enumerate() {
                assert!(answer.is_whole || !owed.is_whole, "a part of a response is missing");
                let is_head = self.heard.get(index).is_some_and(|(heard, ..)| heard.method == "HEAD");
                let has_body = !is_head && owed.is_whole && owed.status < 400 && owed.status != 204;
                assert!(!has_body || answer.body == owed.body, "a part of a response is missing");
            }
        }
    }
}

fn text(body: impl Into<Bytes>) -> Response {
    let mut response = Response::new(StatusCode::OK);
    response.body = body.into();
    response
}
