//! Requests that are not the server's, for the application around it: a head, a body that is read in pieces, a response that is
//! sent as a whole or in pieces. Nothing here waits: whoever has to is woken.

pub use super::head::Head;

use super::turn::Handle;
use super::wakers::register;
use crate::http::{self, Response, Ticket};
use crate::request::Peer;
use ::http::StatusCode;
use std::fmt;
use std::task::{Context, Poll};

/// A request for the application.
#[derive(Debug)]
pub struct Request {
    /// What it asks for.
    pub head: Head,
    /// Where it came from.
    pub peer: Peer,
    /// What it brings.
    pub body: Body,
    /// Where the response goes.
    pub responder: Responder,
}

impl Request {
    pub(super) fn new(handle: Handle, ticket: Ticket, head: Head) -> Self {
        let peer = handle.peer();
        let body = Body { handle: handle.clone(), ticket };
        Self { head, peer, body, responder: Responder { handle, ticket, is_used: false } }
    }

    /// Responds 404.
    pub fn not_found(self) {
        let mut response = Response::new(StatusCode::NOT_FOUND);
        response.content_type = Some("text/plain");
        response.body = "Not found".into();
        self.responder.respond(&response);
    }
}

/// The client has gone, or sent a body that cannot be accepted; it has been told, if it could be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gone;

impl fmt::Display for Gone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the request is over")
    }
}

impl std::error::Error for Gone {}

/// The body of a request.
#[derive(Debug)]
pub struct Body {
    handle: Handle,
    ticket: Ticket,
}

impl Body {
    /// Reads what is there, at most `max` bytes, appended to `into`; 0 is the end.
    ///
    /// # Errors
    ///
    /// [`Gone`].
    pub fn poll_read(&mut self, cx: &mut Context<'_>, into: &mut Vec<u8>, max: usize) -> Poll<Result<usize, Gone>> {
        if max == 0 {
            return Poll::Ready(Ok(0));
        }
        let ticket = self.ticket;
        self.handle.enter(|held| match held.state.connection.read_body(ticket, into, max, held.agenda.now) {
            http::Body::Data(n) => Poll::Ready(Ok(n)),
            http::Body::End => Poll::Ready(Ok(0)),
            http::Body::Gone => Poll::Ready(Err(Gone)),
            http::Body::More => match held.state.wakers(ticket) {
                Some(wakers) => {
                    register(&mut wakers.body, cx);
                    Poll::Pending
                }
                None => Poll::Ready(Err(Gone)),
            },
        })
    }
}

/// Where the response to a request goes. Dropped without one, it responds 500.
#[derive(Debug)]
pub struct Responder {
    handle: Handle,
    ticket: Ticket,
    is_used: bool,
}

impl Responder {
    /// Responds. If the client has gone, nothing happens.
    pub fn respond(mut self, response: &Response) {
        self.send(response);
    }

    fn send(&mut self, response: &Response) {
        self.is_used = true;
        self.handle.enter(|held| held.respond(self.ticket, response));
    }

    /// Responds with a head, behind which the body follows in pieces. `length`: of the body, if it is known.
    pub fn start(mut self, response: &Response, length: Option<u64>) -> Writer {
        self.is_used = true;
        let ticket = self.ticket;
        self.handle.enter(|held| held.state.connection.respond_head(ticket, response, length, held.agenda.now));
        Writer { handle: self.handle.clone(), ticket, is_ended: false }
    }

    /// Responds 101, after which the connection is the application's: what is read from the [`Body`] is all that comes, and
    /// what is written to the [`Writer`] is sent as it is. Nothing, and a 400 for the client, if the request is no upgrade request or
    /// has a body that was not read.
    #[must_use]
    pub fn switch(mut self, response: &Response) -> Option<(Body, Writer)> {
        self.is_used = true;
        let ticket = self.ticket;
        let switched = self.handle.enter(|held| {
            let switched = held.state.connection.tunnel(ticket, response, held.agenda.now);
            if switched {
                held.leave_http();
            }
            switched
        });
        switched.then(|| {
            let body = Body { handle: self.handle.clone(), ticket };
            (body, Writer { handle: self.handle.clone(), ticket, is_ended: false })
        })
    }

    /// Ready when the client has gone, and nobody waits for a response any more.
    pub fn poll_gone(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        poll_gone(&self.handle, self.ticket, cx)
    }
}

fn poll_gone(handle: &Handle, ticket: Ticket, cx: &mut Context<'_>) -> Poll<()> {
    handle.enter(|held| match held.state.wakers(ticket) {
        Some(wakers) => {
            register(&mut wakers.gone, cx);
            Poll::Pending
        }
        None => Poll::Ready(()),
    })
}

impl Drop for Responder {
    fn drop(&mut self) {
        if !self.is_used {
            let refusal = http::Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, "internal error");
            self.send(&refusal.response());
        }
    }
}

/// Where the body of a response goes. Dropped before [`Writer::end`], it ends the connection, so that the client does not take
/// what it has for the whole.
#[derive(Debug)]
pub struct Writer {
    handle: Handle,
    ticket: Ticket,
    is_ended: bool,
}

impl Writer {
    /// Ready when more can be written: how many bytes.
    ///
    /// # Errors
    ///
    /// [`Gone`].
    pub fn poll_room(&mut self, cx: &mut Context<'_>) -> Poll<Result<usize, Gone>> {
        let ticket = self.ticket;
        self.handle.enter(|held| {
            let room = held.state.connection.room();
            match held.state.wakers(ticket) {
                None => Poll::Ready(Err(Gone)),
                Some(_) if room > 0 => Poll::Ready(Ok(room)),
                Some(wakers) => {
                    register(&mut wakers.writer, cx);
                    Poll::Pending
                }
            }
        })
    }

    /// Writes a piece of the body. Takes any number of bytes; [`Writer::poll_room`] says how many are sensible.
    pub fn write(&mut self, bytes: &[u8]) {
        let ticket = self.ticket;
        self.handle.enter(|held| held.state.connection.respond_body(ticket, bytes, held.agenda.now));
    }

    /// Ready when the client has gone.
    pub fn poll_gone(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        poll_gone(&self.handle, self.ticket, cx)
    }

    /// Ends the body.
    pub fn end(mut self) {
        self.is_ended = true;
        let ticket = self.ticket;
        self.handle.enter(|held| {
            held.state.connection.respond_end(ticket, held.agenda.now);
            held.state.forget(ticket);
        });
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        if !self.is_ended {
            let ticket = self.ticket;
            self.handle.enter(|held| {
                held.state.connection.abort(ticket, held.agenda.now);
                held.state.forget(ticket);
            });
        }
    }
}
