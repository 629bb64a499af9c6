//! A connection whose lock is held, with what its holder has at hand: the state, what all connections have in common, and the
//! agenda for everything that has to wait until the lock has been given back.

use super::agenda::{Agenda, Waiter, Work};
use super::exchange::{Exchange, Pending};
use super::shared::Shared;
use super::state::{Inner, State};
use super::stats::RefusalKind;
use crate::http::{Response as HttpResponse, Ticket};
use crate::request::{Refused, ResponsePolicy};
use sanket::Revision;
use sanket::driver::{Key, RequestId};
use std::sync::Arc;

/// A connection whose lock is held.
pub(super) struct Held<'a> {
    pub(super) shared: &'a Shared,
    pub(super) line: &'a Arc<Inner>,
    pub(super) state: &'a mut State,
    pub(super) agenda: &'a mut Agenda,
    /// Whether the driver is told if it is to wait for something else. If not, it will ask by itself.
    pub(super) wakes: bool,
}

impl Held<'_> {
    /// The connection, as whoever waits for a shard.
    pub(super) fn waiter(&self) -> Waiter {
        Waiter::Line(self.line.clone())
    }

    /// Responds to the current request as a whole.
    pub(super) fn respond(&mut self, ticket: Ticket, response: &HttpResponse) {
        self.state.connection.respond(ticket, response, self.agenda.now);
        self.state.exchange.finish(ticket);
    }

    /// The same, with the headers that the request's origin calls for.
    pub(super) fn respond_by(&mut self, ticket: Ticket, policy: &ResponsePolicy, mut response: HttpResponse) {
        policy.apply(&mut response);
        self.respond(ticket, &response);
    }

    /// Refuses a request. Whoever wants to know is told.
    pub(super) fn refuse(&mut self, pending: Pending, refused: impl Into<Refused>) {
        let Pending { ticket, policy, url } = pending;
        let refused = refused.into();
        self.shared.counters.refused(RefusalKind::of(&refused));
        if let Some(url) = url {
            self.agenda.push(Work::Refused(refused.error(), url));
        }
        let response = refused.response(policy.is_upgrade());
        self.respond_by(ticket, &policy, response);
    }

    /// Responds 101, unless the client has gone.
    pub(super) fn switch(&mut self, ticket: Ticket, policy: &ResponsePolicy, mut response: HttpResponse) -> bool {
        policy.apply(&mut response);
        let max_payload = self.shared.config.max_payload;
        self.state.connection.switch(ticket, &response, max_payload, self.agenda.now)
    }

    /// The connection is a session's WebSocket from now on.
    pub(super) fn opened(&mut self, key: Key, id: RequestId, revision: Revision) {
        self.state.exchange = Exchange::WebSocket { key, id, revision };
        self.state.is_ready = true;
        self.leave_http();
        self.shared.count_websocket(1);
    }

    /// The connection speaks another protocol from now on: nobody waits for it to finish its requests.
    pub(super) fn leave_http(&mut self) {
        self.shared.limiter.leave_http(&mut self.state.permit);
    }
}
