//! Requests that are not the server's, for the application around it: a head, a body that is read in pieces, a response that is
//! sent as a whole or in pieces. Nothing here waits: whoever has to is woken.

use super::line::Line;
use crate::http::{self, Response, Ticket};
use crate::request::Peer;
use ::http::StatusCode;
use std::fmt;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

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
    /// Responds 404.
    pub fn not_found(self) {
        let mut response = Response::new(StatusCode::NOT_FOUND);
        response.content_type = Some("text/plain");
        response.body = "Not found".into();
        self.responder.respond(&response);
    }
}

/// The head of a request, as it came: nothing is decoded or normalised.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// The method, in capitals.
    pub method: Box<str>,
    /// The target: a path and a query, an absolute URL, or `*`.
    pub target: Box<str>,
    /// Whether it is HTTP/1.0, and not HTTP/1.1.
    pub http10: bool,
    /// Names as they were written, and values: opaque bytes (RFC 9110, 5.5).
    pub fields: Vec<(Box<str>, Box<[u8]>)>,
    /// Whether there is a body.
    pub has_body: bool,
    /// How long the body is, if the head says so.
    pub length: Option<u64>,
}

impl Head {
    pub(super) fn new(head: &http::Head<'_>) -> Self {
        Self {
            method: head.method().as_str().into(),
            target: head.target().into(),
            http10: head.version() == ::http::Version::HTTP_10,
            fields: head.fields().map(|(name, value)| (name.into(), value.into())).collect(),
            has_body: head.has_body(),
            length: head.length(),
        }
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

/// Who is woken when something happens to a request.
#[derive(Debug, Default)]
pub(super) struct Wakers {
    body: Option<Waker>,
    writer: Option<Waker>,
    gone: Option<Waker>,
}

impl Wakers {
    pub(super) fn wake_body(&mut self) {
        self.body.take().into_iter().for_each(Waker::wake);
    }

    pub(super) fn wake_writer(&mut self) {
        self.writer.take().into_iter().for_each(Waker::wake);
    }

    pub(super) fn wake_all(&mut self) {
        self.wake_body();
        self.wake_writer();
        self.gone.take().into_iter().for_each(Waker::wake);
    }
}

fn register(waker: &mut Option<Waker>, cx: &Context<'_>) {
    if !waker.as_ref().is_some_and(|known| known.will_wake(cx.waker())) {
        *waker = Some(cx.waker().clone());
    }
}

/// The body of a request.
#[derive(Debug)]
pub struct Body {
    pub(super) line: Arc<Line>,
    pub(super) ticket: Ticket,
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
        self.line.enter(|state, now| match state.connection.read_body(ticket, into, max, now) {
            http::Body::Data(n) => Poll::Ready(Ok(n)),
            http::Body::End => Poll::Ready(Ok(0)),
            http::Body::Gone => Poll::Ready(Err(Gone)),
            http::Body::More => match state.wakers(ticket) {
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
    pub(super) line: Arc<Line>,
    pub(super) ticket: Ticket,
    pub(super) is_used: bool,
}

impl Responder {
    /// Responds. If the client has gone, nothing happens.
    pub fn respond(mut self, response: &Response) {
        self.send(response);
    }

    fn send(&mut self, response: &Response) {
        self.is_used = true;
        self.line.finish_response(self.ticket, response);
    }

    /// Responds with a head, behind which the body follows in pieces. `length`: of the body, if it is known.
    pub fn start(mut self, response: &Response, length: Option<u64>) -> Writer {
        self.is_used = true;
        let ticket = self.ticket;
        self.line.enter(|state, now| state.connection.respond_head(ticket, response, length, now));
        Writer { line: self.line.clone(), ticket, is_ended: false }
    }

    /// Responds 101, after which the connection is the application's: what is read from the [`Body`] is all that comes, and
    /// what is written to the [`Writer`] is sent as it is. Nothing, and a 400 for the client, if the request is no upgrade request or
    /// has a body that was not read.
    #[must_use]
    pub fn switch(mut self, response: &Response) -> Option<(Body, Writer)> {
        self.is_used = true;
        let ticket = self.ticket;
        let shared = self.line.shared.clone();
        let inner = self.line.inner.clone();
        let switched = self.line.enter(|state, now| {
            let switched = state.connection.tunnel(ticket, response, now);
            if switched {
                inner.leave_http(state, &shared);
            }
            switched
        });
        switched.then(|| {
            let body = Body { line: self.line.clone(), ticket };
            (body, Writer { line: self.line.clone(), ticket, is_ended: false })
        })
    }

    /// Ready when the client has gone, and nobody waits for a response any more.
    pub fn poll_gone(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        poll_gone(&self.line, self.ticket, cx)
    }
}

fn poll_gone(line: &Line, ticket: Ticket, cx: &mut Context<'_>) -> Poll<()> {
    line.enter(|state, _| match state.wakers(ticket) {
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
    line: Arc<Line>,
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
        self.line.enter(|state, _| {
            let room = state.connection.room();
            match state.wakers(ticket) {
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
        self.line.enter(|state, now| state.connection.respond_body(ticket, bytes, now));
    }

    /// Ready when the client has gone.
    pub fn poll_gone(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        poll_gone(&self.line, self.ticket, cx)
    }

    /// Ends the body.
    pub fn end(mut self) {
        self.is_ended = true;
        let ticket = self.ticket;
        self.line.enter(|state, now| {
            state.connection.respond_end(ticket, now);
            state.forget(ticket);
        });
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        if !self.is_ended {
            let ticket = self.ticket;
            self.line.enter(|state, now| {
                state.connection.abort(ticket, now);
                state.forget(ticket);
            });
        }
    }
}
