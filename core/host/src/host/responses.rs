//! The responses of shards to what connections have asked, and clients that go without them.

use super::agenda::Work;
use super::exchange::Exchange;
use super::held::Held;
use super::stats::RefusalKind;
use crate::http::Ticket;
use crate::request::{LONG, ResponsePolicy, Welcome, compress, greet};
use sanket::driver::{RequestId, Response, Sid};

impl Held<'_> {
    /// The shard's response.
    pub(super) fn respond_to(&mut self, id: RequestId, response: Response) {
        let waiting = match std::mem::take(&mut self.state.exchange) {
            Exchange::Waiting(waiting) if waiting.id == id => waiting,
            Exchange::Posting(posting) if posting.waiting.id == id => posting.waiting,
            other => {
                self.state.exchange = other;
                return;
            }
        };
        self.render(waiting.ticket, &waiting.policy, waiting.greeting, response);
    }

    /// Makes the HTTP response of a shard's. One that takes long to compress is sent later.
    pub(super) fn render(
        &mut self,
        ticket: Ticket,
        policy: &ResponsePolicy,
        greeting: Option<Box<(Sid, Welcome)>>,
        response: Response,
    ) {
        if let Some(kind) = RefusalKind::of_response(&response) {
            self.shared.counters.refused(kind);
        }
        let options = &self.shared.options;
        let (mut response, encoding) = policy.render(response, options);
        if let Some(greeting) = greeting {
            let (sid, welcome) = *greeting;
            greet(&mut response, options, sid, welcome);
        }
        policy.apply(&mut response);
        match encoding {
            None => self.state.connection.respond(ticket, &response, self.agenda.now),
            Some(encoding) if response.body.len() < LONG => {
                self.state.connection.respond(ticket, &compress(response, encoding), self.agenda.now);
            }
            Some(encoding) => {
                self.agenda.push(Work::Compress(self.line.clone(), ticket, Box::new(response), encoding));
            }
        }
    }

    /// The client has gone without its response.
    pub(super) fn gone(&mut self) {
        let (key, id) = match std::mem::take(&mut self.state.exchange) {
            Exchange::Waiting(waiting) => (waiting.key, waiting.id),
            Exchange::Posting(posting) => (posting.waiting.key, posting.waiting.id),
            Exchange::Application { mut wakers, .. } => return wakers.wake_all(),
            Exchange::Idle | Exchange::Allowing(_) => return,
            websocket @ Exchange::WebSocket { .. } => {
                self.state.exchange = websocket;
                return;
            }
        };
        self.shared.sessions.request_gone(self.agenda, key, id);
    }
}
