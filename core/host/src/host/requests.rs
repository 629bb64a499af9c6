//! What a request to a connection comes to: whose it is, who is asked, what is waited for. Decides nothing about sessions: the
//! shard does.

use super::agenda::Work;
use super::exchange::{Allowing, Exchange, Opening, Pending, Posting, Waiting};
use super::head::Head;
use super::held::Held;
use super::limiter::Permit;
use super::sessions::Opened;
use super::shared::Shared;
use super::state::Client;
use super::wakers::Wakers;
use crate::http::{self, Ticket};
use crate::request::{
    Accept, Action, Denial, OpenTransport, Peer, Refused, Request, SessionRequest, Welcome, greet, preflight,
    switching_protocols,
};
use sanket::codec::BodyKind;
use sanket::driver::{RequestError, Sid, WsEnd};
use sanket::{Handshake, Revision, Time};
use std::sync::Arc;

/// Whose request it is.
pub(super) enum Begun {
    Server(Box<Request>, Ticket),
    Application(Box<Head>, Ticket),
    /// There is the response already.
    Response(Box<http::Response>, Ticket),
}

impl Begun {
    /// Reads a head.
    pub(super) fn read(shared: &Shared, peer: &Peer, now: Time, head: &http::Head<'_>, ticket: Ticket) -> Self {
        if let Some(response) = shared.options.misdirected(head, peer) {
            shared.counters.http_refused(response.status.as_u16());
            return Self::Response(Box::new(response), ticket);
        }
        #[cfg(feature = "client-files")]
        if shared.options.serve_client
            && let Some(below) = shared.options.path_below(head.path())
            && let Some(response) = crate::client_files::client_file(below, head)
        {
            return Self::Response(Box::new(response), ticket);
        }
        if shared.options.is_endpoint(head.path()) {
            let request = Request::read(head, peer, &shared.options, &shared.config, now);
            Self::Server(Box::new(request), ticket)
        } else {
            Self::Application(Box::new(Head::new(head)), ticket)
        }
    }
}

impl Held<'_> {
    /// A request has begun.
    pub(super) fn begin(&mut self, begun: Begun) {
        match begun {
            Begun::Response(response, ticket) => self.state.connection.respond(ticket, &response, self.agenda.now),
            Begun::Application(head, ticket) => {
                self.agenda.tally.other_requests += 1;
                self.state.exchange = Exchange::Application { ticket, wakers: Wakers::default() };
                self.agenda.push(Work::Request(self.line.clone(), ticket, head));
            }
            Begun::Server(request, ticket) => {
                self.agenda.tally.requests += 1;
                let Request { action, policy, client, url } = *request;
                if self.state.is_proxied {
                    self.state.client = self.client(&client);
                }
                let pending = Pending { ticket, policy, url };
                match action {
                    Ok(Action::Session { sid, revision, kind }) => match kind {
                        SessionRequest::Poll => self.poll(pending, sid, revision),
                        SessionRequest::Post(kind) => self.begin_post(pending, sid, revision, kind),
                        SessionRequest::Upgrade(accept) => self.upgrade(pending, sid, revision, accept),
                        SessionRequest::Nonsense => {
                            let error = self.shared.sessions.nonsense(self.agenda, sid);
                            self.refuse(pending, error);
                        }
                    },
                    Ok(Action::Open { revision, handshake, transport }) => {
                        let opening = Opening { revision, handshake, transport };
                        if self.shared.options.asks() {
                            self.ask(pending, opening);
                        } else {
                            self.open(pending, opening, Welcome::default());
                        }
                    }
                    Ok(Action::Preflight { allow_headers }) => {
                        self.respond_by(pending.ticket, &pending.policy, preflight(allow_headers));
                    }
                    Err(refused) => self.refuse(pending, refused),
                }
            }
        }
    }

    /// Who is counted for a request that came by a trusted proxy. That of the request before needs not be looked for.
    fn client(&mut self, client: &Peer) -> Option<Client> {
        let before = self.state.client.take().filter(|before| Some(before.ip) == client.address);
        let found = || {
            let (ip, address) = client.address.zip(self.shared.address(client, self.agenda.now))?;
            Some(Client { ip, address })
        };
        before.or_else(found)
    }

    /// A WebSocket of a trusted proxy's client takes a place among the connections of that client's address. Returns whether there is
    /// one. If the WebSocket is refused after all, the connection ends, and gives the place back.
    fn takes_place(&mut self) -> bool {
        let state = &mut *self.state;
        // Otherwise the connection has its own address's place already.
        let (Some(client), Permit::Admitted { address: place @ None, .. }) = (&state.client, &mut state.permit) else {
            return true;
        };
        let has_place = self.shared.addresses.occupy(&client.address);
        *place = has_place.then(|| client.address.clone());
        has_place
    }

    /// Has a poll wait for its packets.
    fn poll(&mut self, pending: Pending, sid: Sid, revision: Option<Revision>) {
        let waiter = self.waiter();
        match self.shared.sessions.poll(self.agenda, waiter, sid, revision) {
            Ok((key, id)) => {
                let Pending { ticket, policy, .. } = pending;
                self.state.exchange = Exchange::Waiting(Waiting { ticket, key, id, policy, greeting: None });
            }
            Err(Ok(response)) => self.render(pending.ticket, &pending.policy, None, response),
            Err(Err(error)) => self.refuse(pending, error),
        }
    }

    fn begin_post(&mut self, pending: Pending, sid: Sid, revision: Option<Revision>, kind: BodyKind) {
        let waiter = self.waiter();
        match self.shared.sessions.begin_post(self.agenda, waiter, sid, revision) {
            Ok((key, id, revision)) => {
                let Pending { ticket, policy, .. } = pending;
                let waiting = Waiting { ticket, key, id, policy, greeting: None };
                let posting = Posting { waiting, revision, kind, body: Vec::new(), is_whole: false, is_counted: false };
                self.state.exchange = Exchange::Posting(Box::new(posting));
                self.collect();
            }
            Err(error) => self.refuse(pending, error),
        }
    }

    /// Opens a WebSocket for a session that polls.
    fn upgrade(&mut self, pending: Pending, sid: Sid, revision: Option<Revision>, accept: Accept) {
        let (key, revision) = match self.shared.sessions.route_upgrade(self.agenda, sid, revision) {
            Ok(route) => route,
            Err(error) => return self.refuse(pending, error),
        };
        let accept = match accept {
            Ok(accept) => accept,
            Err(status) => return self.refuse(pending, Refused::NotWebSocket(status)),
        };
        if !self.takes_place() {
            return self.refuse(pending, Refused::TooManyFromAddress);
        }
        if self.switch(pending.ticket, &pending.policy, switching_protocols(accept)) {
            let waiter = self.waiter();
            let id = self.shared.sessions.upgrade(self.agenda, waiter, key);
            self.opened(key, id, revision);
        }
    }

    /// Asks whoever has a say in it whether a client is let in.
    fn ask(&mut self, pending: Pending, opening: Opening) {
        self.agenda.push(Work::Allow(self.line.clone(), pending.ticket, opening.handshake.clone()));
        let until = self.agenda.now.after(self.shared.options.allow_timeout);
        self.state.exchange = Exchange::Allowing(Box::new(Allowing { pending, opening, until }));
    }

    /// The answer to that.
    pub(super) fn allowed(&mut self, ticket: Ticket, answer: Result<Welcome, Denial>) {
        if !matches!(&self.state.exchange, Exchange::Allowing(allowing) if allowing.pending.ticket == ticket) {
            return;
        }
        let Exchange::Allowing(allowing) = std::mem::take(&mut self.state.exchange) else { return };
        let Allowing { pending, opening, .. } = *allowing;
        match answer {
            Ok(welcome) => self.open(pending, opening, welcome),
            Err(denial) => self.refuse(pending, Refused::Denied(denial)),
        }
    }

    /// What has become due of an exchange.
    pub(super) fn handle_exchange_timeout(&mut self) {
        if let Exchange::Allowing(allowing) = &self.state.exchange
            && allowing.until <= self.agenda.now
        {
            self.allowed(allowing.pending.ticket, Err(Denial::default()));
        }
    }

    fn open(&mut self, pending: Pending, opening: Opening, welcome: Welcome) {
        let Opening { revision, handshake, transport } = opening;
        let Some(revision) = revision else {
            return self.refuse(pending, RequestError::UnsupportedRevision);
        };
        match transport {
            OpenTransport::Polling { base64 } => {
                let (waiter, address) = (self.waiter(), self.state.client.as_ref().map(|client| &client.address));
                match self.shared.sessions.open_polling(self.agenda, waiter, revision, base64, handshake, address) {
                    Ok(Opened { sid, key, id }) => {
                        let Pending { ticket, policy, .. } = pending;
                        let greeting = Some(Box::new((sid, welcome)));
                        self.state.exchange = Exchange::Waiting(Waiting { ticket, key, id, policy, greeting });
                    }
                    Err(error) => self.refuse(pending, error),
                }
            }
            OpenTransport::WebSocket(accept) => self.open_websocket(pending, accept, revision, handshake, welcome),
        }
    }

    fn open_websocket(
        &mut self,
        pending: Pending,
        accept: Accept,
        revision: Revision,
        handshake: Arc<Handshake>,
        welcome: Welcome,
    ) {
        let sessions = &self.shared.sessions;
        let accept = match accept {
            Ok(accept) => accept,
            Err(status) => return self.refuse(pending, Refused::NotWebSocket(status)),
        };
        if !self.takes_place() {
            return self.refuse(pending, Refused::TooManyFromAddress);
        }
        let (waiter, address) = (self.waiter(), self.state.client.as_ref().map(|client| &client.address));
        match sessions.open_websocket(self.agenda, waiter, revision, handshake, address) {
            Ok(Opened { sid, key, id }) => {
                let mut response = switching_protocols(accept);
                greet(&mut response, &self.shared.options, sid, welcome);
                if self.switch(pending.ticket, &pending.policy, response) {
                    self.opened(key, id, revision);
                } else {
                    sessions.ws_end(self.agenda, key, id, WsEnd::Failed);
                }
            }
            Err(error) => self.refuse(pending, error),
        }
    }
}
