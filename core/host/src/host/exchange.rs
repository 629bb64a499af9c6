//! What the current request of a connection comes to: who is asked, what is waited for, and how the response looks. And what a
//! WebSocket brings. Decides nothing about sessions: the shard does.

use super::application::{self, Body, Responder, Wakers};
use super::line::{Inner, Line, State};
use super::sessions::Opened;
use super::turn::{Turn, Waiter, Work};
use crate::http::{self, Event, Message, Ticket};
use crate::request::{
    Accept, Action, AllowReply, Denial, LONG, OpenTransport, Refused, Request, ResponsePolicy, SessionRequest, Welcome,
    greet, preflight, switching_protocols,
};
use sanket::{
    BodyKind, Handshake, Input, Key, RawMessage, RequestError, RequestId, Response, Revision, Sid, Time, WsEnd,
    decode_body, decode_message, jsonp,
};
use smallvec::SmallVec;
use std::sync::Arc;

/// Messages, and bytes of them, that are handed to the shard in one call.
const MESSAGES: usize = 64;
const MESSAGE_BYTES: usize = 64 << 10;
/// Messages that are handed on without a list being allocated for them.
const FEW: usize = 16;

type Messages = SmallVec<[Message; FEW]>;

/// What a connection is at.
#[derive(Debug, Default)]
pub(super) enum Exchange {
    /// No request, or one whose response is complete.
    #[default]
    Idle,
    /// Somebody decides whether the client is let in.
    Allowing(Box<Allowing>),
    /// The shard has the response, sooner or later.
    Waiting(Waiting),
    /// The same, and the body of the POST is being received.
    Posting(Box<Posting>),
    /// The application around the server has the response.
    Application { ticket: Ticket, wakers: Wakers },
    /// It speaks WebSocket.
    WebSocket { key: Key, id: RequestId, revision: Revision },
}

#[derive(Debug)]
pub(super) struct Allowing {
    ticket: Ticket,
    opening: Opening,
    until: Time,
}

/// A session that is to be opened.
#[derive(Debug)]
struct Opening {
    revision: Option<Revision>,
    handshake: Arc<Handshake>,
    transport: OpenTransport,
    policy: ResponsePolicy,
    url: Option<Box<str>>,
}

#[derive(Debug)]
pub(super) struct Waiting {
    ticket: Ticket,
    key: Key,
    id: RequestId,
    policy: ResponsePolicy,
    /// What the response to a handshake has beside the session's packets.
    greeting: Option<Box<(Sid, Welcome)>>,
}

#[derive(Debug)]
pub(super) struct Posting {
    waiting: Waiting,
    revision: Revision,
    kind: BodyKind,
    body: Vec<u8>,
    /// The body is complete, and has not been handed to the shard.
    is_whole: bool,
}

/// Whose request it is.
pub(super) enum Begun {
    Server(Box<Request>, Ticket),
    Application(Box<application::Head>, Ticket),
    #[cfg(feature = "client-files")]
    File(Box<http::Response>, Ticket),
}

impl Exchange {
    pub(super) fn poll_timeout(&self) -> Option<Time> {
        match self {
            Self::Allowing(allowing) => Some(allowing.until),
            _ => None,
        }
    }

    /// The response to this request is complete.
    pub(super) fn finish(&mut self, ticket: Ticket) {
        let current = match self {
            Self::Allowing(allowing) => allowing.ticket,
            Self::Waiting(waiting) => waiting.ticket,
            Self::Posting(posting) => posting.waiting.ticket,
            Self::Application { ticket, .. } => *ticket,
            Self::Idle | Self::WebSocket { .. } => return,
        };
        if current == ticket {
            *self = Self::Idle;
        }
    }
}

impl Inner {
    /// Has the connection go on, and sees to what it brings, until there is no more, or it speaks WebSocket; whether it does from
    /// now on.
    pub(super) fn advance(self: &Arc<Self>, state: &mut State, turn: &mut Turn<'_>) -> bool {
        let (mut messages, mut bytes) = (Messages::new(), 0);
        while !state.is_paused {
            let event = state.connection.poll(turn.now, |head, ticket| self.read(turn, head, ticket));
            let Some(event) = event else { break };
            match event {
                Event::Message(message) => {
                    bytes += match &message {
                        Message::Text(text) => text.len(),
                        Message::Binary(bytes) => bytes.len(),
                    };
                    messages.push(message);
                    if messages.len() >= MESSAGES || bytes >= MESSAGE_BYTES {
                        self.hand_on(state, turn, &mut messages);
                        bytes = 0;
                    }
                }
                Event::Closed(end) => {
                    self.hand_on(state, turn, &mut messages);
                    if let Exchange::WebSocket { key, id, .. } = std::mem::take(&mut state.exchange) {
                        turn.shared.ws_end(turn, key, id, end);
                        turn.shared.count_websocket(-1);
                    }
                }
                Event::Request(begun) => {
                    self.begin(state, turn, begun);
                    if matches!(state.exchange, Exchange::WebSocket { .. }) {
                        return true;
                    }
                }
                Event::Refused { ticket, refusal, origin, host, .. } => {
                    let policy = ResponsePolicy::for_refusal(origin.as_deref(), host.as_deref(), &turn.shared.options);
                    let mut response = refusal.response();
                    policy.apply(&mut response);
                    log::debug!("{:?}: {} {}", self.peer.address, refusal.status, refusal.message);
                    state.connection.respond(ticket, &response, turn.now);
                }
                Event::Body(ticket) => match &mut state.exchange {
                    Exchange::Posting(_) => self.collect(state, turn),
                    Exchange::Application { ticket: current, wakers } if *current == ticket => wakers.wake_body(),
                    _ => {}
                },
                Event::Writable(ticket) => {
                    if let Some(wakers) = state.wakers(ticket) {
                        wakers.wake_writer();
                    }
                }
                Event::Gone(_) => self.gone(state, turn),
            }
        }
        self.hand_on(state, turn, &mut messages);
        false
    }

    fn read(&self, turn: &Turn<'_>, head: &http::Head<'_>, ticket: Ticket) -> Begun {
        let shared = turn.shared;
        #[cfg(feature = "client-files")]
        if shared.options.serve_client
            && let Some(below) = shared.options.path_below(head.path())
            && let Some(response) = crate::client_files::client_file(below, head)
        {
            return Begun::File(Box::new(response), ticket);
        }
        if shared.options.is_endpoint(head.path()) {
            let request = Request::read(head, &self.peer, &shared.options, &shared.config, turn.now);
            Begun::Server(Box::new(request), ticket)
        } else {
            Begun::Application(Box::new(application::Head::new(head)), ticket)
        }
    }

    fn begin(self: &Arc<Self>, state: &mut State, turn: &mut Turn<'_>, begun: Begun) {
        match begun {
            #[cfg(feature = "client-files")]
            Begun::File(response, ticket) => state.connection.respond(ticket, &response, turn.now),
            Begun::Application(head, ticket) => {
                state.exchange = Exchange::Application { ticket, wakers: Wakers::default() };
                let line = Arc::new(Line::borrowed(turn.shared.clone(), self.clone()));
                turn.push(Work::Request(Box::new(application::Request {
                    head: *head,
                    peer: self.peer,
                    body: Body { line: line.clone(), ticket },
                    responder: Responder { line, ticket, is_used: false },
                })));
            }
            Begun::Server(request, ticket) => {
                let Request { action, policy, url } = *request;
                match action {
                    Ok(Action::Session { sid, revision, kind: SessionRequest::Poll }) => {
                        self.poll(state, turn, ticket, (sid, revision), policy, url);
                    }
                    Ok(Action::Session { sid, revision, kind }) => {
                        self.begin_session(state, turn, ticket, (sid, revision), kind, policy, url);
                    }
                    Ok(Action::Open { revision, handshake, transport }) => {
                        let opening = Opening { revision, handshake, transport, policy, url };
                        if turn.shared.options.asks() {
                            self.ask(state, turn, ticket, opening);
                        } else {
                            self.open(state, turn, ticket, opening, Welcome::default());
                        }
                    }
                    Ok(Action::Preflight { allow_headers }) => {
                        self.send_response(state, turn, ticket, &policy, preflight(allow_headers));
                    }
                    Err(refused) => self.refuse(state, turn, ticket, refused, &policy, url),
                }
            }
        }
    }

    fn send_response(
        &self,
        state: &mut State,
        turn: &Turn<'_>,
        ticket: Ticket,
        policy: &ResponsePolicy,
        mut response: http::Response,
    ) {
        policy.apply(&mut response);
        state.connection.respond(ticket, &response, turn.now);
        state.exchange.finish(ticket);
    }

    fn refuse(
        &self,
        state: &mut State,
        turn: &mut Turn<'_>,
        ticket: Ticket,
        refused: impl Into<Refused>,
        policy: &ResponsePolicy,
        url: Option<Box<str>>,
    ) {
        let refused = refused.into();
        if let Some(url) = url {
            turn.push(Work::Refused(refused.error(), url));
        }
        let response = refused.response(policy.is_upgrade());
        self.send_response(state, turn, ticket, policy, response);
    }

    /// Has a poll wait for its packets.
    fn poll(
        self: &Arc<Self>,
        state: &mut State,
        turn: &mut Turn<'_>,
        ticket: Ticket,
        (sid, revision): (Sid, Option<Revision>),
        policy: ResponsePolicy,
        url: Option<Box<str>>,
    ) {
        let shared = turn.shared;
        match shared.poll(turn, Waiter::Line(self.clone()), sid, revision) {
            Ok((key, id)) => {
                state.exchange = Exchange::Waiting(Waiting { ticket, key, id, policy, greeting: None });
            }
            Err(Ok(response)) => self.render(state, turn, ticket, &policy, None, response),
            Err(Err(error)) => self.refuse(state, turn, ticket, error, &policy, url),
        }
    }

    #[expect(clippy::too_many_arguments, reason = "the parts of a request")]
    fn begin_session(
        self: &Arc<Self>,
        state: &mut State,
        turn: &mut Turn<'_>,
        ticket: Ticket,
        (sid, revision): (Sid, Option<Revision>),
        kind: SessionRequest,
        policy: ResponsePolicy,
        url: Option<Box<str>>,
    ) {
        let shared = turn.shared;
        let waiter = || Waiter::Line(self.clone());
        match kind {
            SessionRequest::Post(kind) => match shared.begin_post(turn, waiter(), sid, revision) {
                Ok((key, id, revision)) => {
                    let waiting = Waiting { ticket, key, id, policy, greeting: None };
                    let posting = Posting { waiting, revision, kind, body: Vec::new(), is_whole: false };
                    state.exchange = Exchange::Posting(Box::new(posting));
                    self.collect(state, turn);
                }
                Err(error) => self.refuse(state, turn, ticket, error, &policy, url),
            },
            SessionRequest::Upgrade(accept) => match shared.route_upgrade(turn, sid, revision) {
                Ok((key, revision)) => match accept {
                    Ok(accept) => {
                        let accept = switching_protocols(accept);
                        if self.switch(state, turn, ticket, &policy, accept) {
                            let id = shared.upgrade(turn, waiter(), key);
                            self.opened(state, turn, key, id, revision);
                        }
                    }
                    Err(status) => self.refuse(state, turn, ticket, Refused::NotWebSocket(status), &policy, url),
                },
                Err(error) => self.refuse(state, turn, ticket, error, &policy, url),
            },
            SessionRequest::Poll | SessionRequest::Nonsense => {
                let error = shared.nonsense(turn, sid);
                self.refuse(state, turn, ticket, error, &policy, url);
            }
        }
    }

    /// Asks whoever has a say in it whether a client is let in.
    fn ask(self: &Arc<Self>, state: &mut State, turn: &mut Turn<'_>, ticket: Ticket, opening: Opening) {
        let line = Line::borrowed(turn.shared.clone(), self.clone());
        let reply = AllowReply::new(Box::new(move |answer| {
            let mut turn = line.shared.turn();
            line.inner.enter(&mut turn, true, |state, turn| line.inner.allowed(state, turn, ticket, answer));
        }));
        turn.push(Work::Allow(opening.handshake.clone(), reply));
        let until = turn.now.after(turn.shared.options.allow_timeout);
        state.exchange = Exchange::Allowing(Box::new(Allowing { ticket, opening, until }));
    }

    fn allowed(
        self: &Arc<Self>,
        state: &mut State,
        turn: &mut Turn<'_>,
        ticket: Ticket,
        answer: Result<Welcome, Denial>,
    ) {
        if !matches!(&state.exchange, Exchange::Allowing(allowing) if allowing.ticket == ticket) {
            return;
        }
        let Exchange::Allowing(allowing) = std::mem::take(&mut state.exchange) else { return };
        let opening = allowing.opening;
        match answer {
            Ok(welcome) => self.open(state, turn, ticket, opening, welcome),
            Err(denial) => self.refuse(state, turn, ticket, Refused::Denied(denial), &opening.policy, opening.url),
        }
    }

    /// What has become due of an exchange.
    pub(super) fn handle_exchange_timeout(self: &Arc<Self>, state: &mut State, turn: &mut Turn<'_>) {
        if let Exchange::Allowing(allowing) = &state.exchange
            && allowing.until <= turn.now
        {
            self.allowed(state, turn, allowing.ticket, Err(Denial::default()));
        }
    }

    fn open(
        self: &Arc<Self>,
        state: &mut State,
        turn: &mut Turn<'_>,
        ticket: Ticket,
        opening: Opening,
        welcome: Welcome,
    ) {
        let Opening { revision, handshake, transport, policy, url } = opening;
        let Some(revision) = revision else {
            return self.refuse(state, turn, ticket, RequestError::UnsupportedRevision, &policy, url);
        };
        let shared = turn.shared;
        let waiter = Waiter::Line(self.clone());
        match transport {
            OpenTransport::Polling { base64 } => match shared.open_polling(turn, waiter, revision, base64, handshake) {
                Ok(Opened { sid, key, id }) => {
                    let greeting = Some(Box::new((sid, welcome)));
                    state.exchange = Exchange::Waiting(Waiting { ticket, key, id, policy, greeting });
                }
                Err(error) => self.refuse(state, turn, ticket, error, &policy, url),
            },
            OpenTransport::WebSocket(accept) => {
                self.open_websocket(state, turn, ticket, accept, (revision, handshake), welcome, policy, url);
            }
        }
    }

    #[expect(clippy::too_many_arguments, reason = "the parts of a request")]
    fn open_websocket(
        self: &Arc<Self>,
        state: &mut State,
        turn: &mut Turn<'_>,
        ticket: Ticket,
        accept: Accept,
        (revision, handshake): (Revision, Arc<Handshake>),
        welcome: Welcome,
        policy: ResponsePolicy,
        url: Option<Box<str>>,
    ) {
        let shared = turn.shared;
        let accept = match accept {
            Ok(accept) => accept,
            Err(status) => return self.refuse(state, turn, ticket, Refused::NotWebSocket(status), &policy, url),
        };
        match shared.open_websocket(turn, Waiter::Line(self.clone()), revision, handshake) {
            Ok(Opened { sid, key, id }) => {
                let mut response = switching_protocols(accept);
                greet(&mut response, &shared.options, sid, welcome);
                if self.switch(state, turn, ticket, &policy, response) {
                    self.opened(state, turn, key, id, revision);
                } else {
                    shared.ws_end(turn, key, id, WsEnd::Failed);
                }
            }
            Err(error) => self.refuse(state, turn, ticket, error, &policy, url),
        }
    }

    fn switch(
        &self,
        state: &mut State,
        turn: &Turn<'_>,
        ticket: Ticket,
        policy: &ResponsePolicy,
        mut response: http::Response,
    ) -> bool {
        policy.apply(&mut response);
        state.connection.switch(ticket, &response, turn.shared.config.max_payload, turn.now)
    }

    /// The connection is a session's WebSocket from now on.
    fn opened(&self, state: &mut State, turn: &Turn<'_>, key: Key, id: RequestId, revision: Revision) {
        state.exchange = Exchange::WebSocket { key, id, revision };
        state.is_ready = true;
        self.leave_http(state, turn.shared);
        turn.shared.count_websocket(1);
    }

    /// Takes what has come of the body of a POST, and hands it on when it is complete.
    fn collect(self: &Arc<Self>, state: &mut State, turn: &mut Turn<'_>) {
        let shared = turn.shared;
        let max = shared.config.max_payload;
        let Exchange::Posting(posting) = &mut state.exchange else { return };
        let (ticket, key, id) = (posting.waiting.ticket, posting.waiting.key, posting.waiting.id);
        loop {
            let room = (max + 1).saturating_sub(posting.body.len());
            match state.connection.read_body(ticket, &mut posting.body, room, turn.now) {
                http::Body::Data(_) if posting.body.len() > max => {
                    posting.body = Vec::new();
                    return shared.post_too_large(turn, key, id);
                }
                http::Body::Data(_) => {}
                http::Body::End => break,
                http::Body::More | http::Body::Gone => return,
            }
        }
        if shared.pause(turn, key, || Waiter::Line(self.clone())) {
            posting.is_whole = true;
            state.is_paused = true;
        } else {
            self.post(state, turn);
        }
    }

    /// The hub has caught up, for which a POST may have waited.
    pub(super) fn resume_post(self: &Arc<Self>, state: &mut State, turn: &mut Turn<'_>) {
        if matches!(&state.exchange, Exchange::Posting(posting) if posting.is_whole) {
            self.post(state, turn);
        }
    }

    fn post(&self, state: &mut State, turn: &mut Turn<'_>) {
        let shared = turn.shared;
        let Exchange::Posting(posting) = std::mem::take(&mut state.exchange) else { return };
        let Posting { waiting, revision, kind, body, .. } = *posting;
        // A form without a payload is an empty one, and malformed as such.
        let form = waiting.policy.is_jsonp().then(|| jsonp::unwrap(&body).unwrap_or_default());
        let body = form.as_deref().map_or(&*body, str::as_bytes);
        let packets = decode_body(revision, kind, body, &shared.config);
        let (key, id) = (waiting.key, waiting.id);
        state.exchange = Exchange::Waiting(waiting);
        shared.with(shared.cell(key), turn, |access| {
            if access.is_waiting(id) {
                let now = access.now;
                access.shard().handle(key, Input::Post(id, packets), now);
            }
        });
    }

    /// The shard's response.
    pub(super) fn respond_to(
        self: &Arc<Self>,
        state: &mut State,
        turn: &mut Turn<'_>,
        id: RequestId,
        response: Response,
    ) {
        let waiting = match std::mem::take(&mut state.exchange) {
            Exchange::Waiting(waiting) if waiting.id == id => waiting,
            Exchange::Posting(posting) if posting.waiting.id == id => posting.waiting,
            other => {
                state.exchange = other;
                return;
            }
        };
        self.render(state, turn, waiting.ticket, &waiting.policy, waiting.greeting, response);
    }

    fn render(
        self: &Arc<Self>,
        state: &mut State,
        turn: &mut Turn<'_>,
        ticket: Ticket,
        policy: &ResponsePolicy,
        greeting: Option<Box<(Sid, Welcome)>>,
        response: Response,
    ) {
        let options = &turn.shared.options;
        let (mut response, encoding) = policy.render(response, options);
        if let Some(greeting) = greeting {
            let (sid, welcome) = *greeting;
            greet(&mut response, options, sid, welcome);
        }
        policy.apply(&mut response);
        match encoding {
            None => state.connection.respond(ticket, &response, turn.now),
            Some(encoding) if response.body.len() < LONG => {
                let response = crate::request::compress(response, encoding);
                state.connection.respond(ticket, &response, turn.now);
            }
            Some(encoding) => turn.push(Work::Compress(self.clone(), ticket, Box::new(response), encoding)),
        }
    }

    /// The client has gone without its response.
    fn gone(&self, state: &mut State, turn: &mut Turn<'_>) {
        let (key, id) = match std::mem::take(&mut state.exchange) {
            Exchange::Waiting(waiting) => (waiting.key, waiting.id),
            Exchange::Posting(posting) => (posting.waiting.key, posting.waiting.id),
            Exchange::Application { mut wakers, .. } => return wakers.wake_all(),
            Exchange::Idle | Exchange::Allowing(_) => return,
            websocket @ Exchange::WebSocket { .. } => {
                state.exchange = websocket;
                return;
            }
        };
        turn.shared.request_gone(turn, key, id);
    }

    /// Hands messages to the shard, decoded.
    fn hand_on(self: &Arc<Self>, state: &mut State, turn: &mut Turn<'_>, messages: &mut Messages) {
        let Exchange::WebSocket { key, id, revision } = state.exchange else { return messages.clear() };
        if messages.is_empty() {
            return;
        }
        let shared = turn.shared;
        let raw = messages.iter().map(|message| match message {
            Message::Binary(bytes) => RawMessage::Binary(bytes),
            Message::Text(text) => RawMessage::Text(text),
        });
        let mut decoded: SmallVec<[_; FEW]> =
            raw.map(|message| decode_message(revision, message, &shared.config)).collect();
        let ended = shared.has_ended();
        state.is_paused = shared.with(shared.cell(key), turn, |access| {
            let now = access.now;
            for packet in decoded.drain(..) {
                access.shard().handle(key, Input::WsMessage(id, packet), now);
            }
            !ended && access.pause(|| Waiter::Line(self.clone()))
        });
        drop(decoded);
        messages.clear();
    }
}
