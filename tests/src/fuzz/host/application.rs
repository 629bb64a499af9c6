//! The application around the server: answers what is not for the Socket.IO endpoint, at once or when a command says so.

use http::StatusCode;
use sanket_host::host::application::{Body, Request, Responder, Writer};
use sanket_host::http::Response;
use std::task::{Context, Poll, Waker};

/// A request that waits for a command.
#[derive(Debug)]
enum Waiting {
    Parked(Responder, Body, Response),
    Writing(Writer),
}

#[derive(Debug, Default)]
pub(super) struct Application {
    waiting: Vec<Waiting>,
}

impl Application {
    /// Answers, unless the path says that this is to be done later.
    pub(super) fn begin(&mut self, request: Request) {
        let Request { head, mut body, responder, .. } = request;
        let mut response = Response::new(StatusCode::OK);
        // The response says which request it is for.
        response.add("x-target", head.target.to_string());
        response.body = "hello".into();
        match head.target.as_bytes().get(1) {
            Some(b'l') => self.waiting.push(Waiting::Parked(responder, body, response)),
            Some(b'e') => {
                let mut content = Vec::new();
                let mut cx = Context::from_waker(Waker::noop());
                // What has come at once.
                while let Poll::Ready(Ok(1..)) = body.poll_read(&mut cx, &mut content, 100) {}
                responder.respond(&response);
            }
            Some(b's') => {
                let mut writer = responder.start(&response, None);
                writer.write(b"one");
                writer.write(b"two");
                writer.end();
            }
            Some(b'd') => drop(responder),
            Some(b'a') => responder.start(&response, None).write(b"half"),
            _ => responder.respond(&response),
        }
    }

    /// Does something to the request that waits longest.
    pub(super) fn command(&mut self, what: u8) {
        if self.waiting.is_empty() {
            return;
        }
        let mut cx = Context::from_waker(Waker::noop());
        match self.waiting.remove(0) {
            Waiting::Parked(responder, mut body, response) => match what % 6 {
                0 => responder.respond(&response),
                1 => drop(responder),
                2 => self.waiting.push(Waiting::Writing(responder.start(&response, None))),
                3 => self.waiting.push(Waiting::Writing(responder.start(&response, Some(8)))),
                4 => {
                    let _ = body.poll_read(&mut cx, &mut Vec::new(), 100);
                    self.waiting.push(Waiting::Parked(responder, body, response));
                }
                _ => {
                    let mut response = response;
                    response.closes = true;
                    responder.respond(&response);
                }
            },
            Waiting::Writing(mut writer) => match what % 4 {
                0 => writer.end(),
                1 => drop(writer),
                2 => {
                    writer.write(b"more");
                    self.waiting.push(Waiting::Writing(writer));
                }
                _ => {
                    if let Poll::Ready(Ok(room)) = writer.poll_room(&mut cx) {
                        writer.write(&vec![b'x'; room]);
                    }
                    self.waiting.push(Waiting::Writing(writer));
                }
            },
        }
    }

    /// Nobody waits any more.
    pub(super) fn finish(&mut self) {
        while !self.waiting.is_empty() {
            self.command(0);
        }
    }
}
