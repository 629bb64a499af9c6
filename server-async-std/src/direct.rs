//! The endpoint past tide: requests as the front door has parsed them, and answers as it sends them. A poll waits in nobody's
//! task: whoever has its answer sends it.

use crate::front::{Asking, Course, Direct, Head as Parsed, Outcome, Owed, Promise};
use crate::http::{Body, Endpoint, Served, compress};
use crate::question::{Errand, Head, Manner, Question, Wish};
use crate::shared::Respond;
use sanket::{Ask, Input, Key, RequestId, Response, Revision, Sid};
use std::borrow::Cow;
use std::future::ready;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use tide::http::Method;

/// A request's head, and where it comes from.
struct Came<'a>(&'a Parsed<'a>, SocketAddr);

impl Head for Came<'_> {
    fn method(&self) -> Method {
        self.0.method
    }

    fn query(&self) -> &str {
        self.0.query()
    }

    fn path_and_query(&self) -> Cow<'_, str> {
        self.0.path_and_query().into()
    }

    fn values<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.values(name)
    }

    fn pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.pairs()
    }

    fn address(&self) -> Option<IpAddr> {
        Some(self.1.ip())
    }

    fn is_secure(&self) -> bool {
        false
    }
}

/// An endpoint as the front door asks it.
pub(crate) struct Handler(pub(crate) Arc<Endpoint>);

impl Direct for Handler {
    fn begin(&self, head: &Parsed<'_>, asking: Asking<'_>) -> Course {
        let question = self.0.read(&Came(head, asking.peer));
        match (&question.wish, &asking.body) {
            (&Ok(Wish::Session { sid, revision, errand: Errand::Poll }), None) => {
                self.park(question, sid, revision, asking.promise())
            }
            _ => self.run(question, asking),
        }
    }
}

impl Handler {
    /// Has a poll wait for its answer.
    fn park(&self, question: Question, sid: Sid, revision: Option<Revision>, promise: Promise) -> Course {
        let Self(endpoint) = self;
        let Question { manner, url, .. } = question;
        let (shared, id) = (&endpoint.shared, endpoint.shared.next_request());
        let asked = shared.ask_for(
            (shared.cell_of(sid), id, Input::Poll(id)),
            (promise, manner),
            |shard, now| shard.route(sid, revision, Ask::Poll, now),
            |(promise, manner), key| Poll { promise, manner, key, id, endpoint: endpoint.clone() },
        );
        match asked {
            Ok(poll) => Course::Wait(poll),
            Err((error, (_, manner))) => {
                let mut answer = endpoint.refuse(error.into(), &manner, url.as_deref());
                manner.apply(&mut answer);
                Course::Run(Box::pin(ready(Outcome::Answer(answer))))
            }
        }
    }

    fn run(&self, question: Question, asking: Asking<'_>) -> Course {
        let (endpoint, stream) = (self.0.clone(), asking.stream.clone());
        let body = asking.body.map(|reader| Body { length: reader.length(), reader });
        Course::Run(Box::pin(async move {
            match endpoint.serve(question, body, Some(stream)).await {
                Served::Answer(answer) => Outcome::Answer(answer),
                Served::WebSocket(answer, socket) => {
                    Outcome::Switch(answer, Box::new(|connection, head| Box::pin(socket.run(connection, head))))
                }
            }
        }))
    }
}

/// A poll that waits, as whoever has its answer knows it, and its connection.
struct Poll {
    promise: Promise,
    manner: Manner,
    key: Key,
    id: RequestId,
    endpoint: Arc<Endpoint>,
}

impl Respond for Poll {
    fn respond(&self, response: Response) {
        let (mut answer, encoding) = self.endpoint.dress(&self.manner, response);
        self.manner.apply(&mut answer);
        match encoding {
            None => self.promise.keep(answer),
            // That takes time which whoever has the answer may not have.
            Some(encoding) => self.promise.keep_with(Box::pin(compress(answer, encoding))),
        }
    }
}

impl Owed for Poll {
    fn promise(&self) -> &Promise {
        &self.promise
    }

    fn gone(&self) {
        self.endpoint.shared.request_gone(self.key, self.id);
    }
}
