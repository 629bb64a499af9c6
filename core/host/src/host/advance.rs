//! What a connection brings: requests and their bodies, messages of a WebSocket, and its end.

use super::agenda::Waiter;
use super::exchange::Exchange;
use super::held::Held;
use super::requests::Begun;
use crate::http::{Event, Message};
use crate::request::ResponsePolicy;
use sanket::codec::{Kind, SocketMessage};
use sanket::driver::{Incoming, RawMessage, decode_message};
use smallvec::SmallVec;

/// Messages, and bytes of them, that are handed to the shard in one call.
const MESSAGES: usize = 64;
const MESSAGE_BYTES: usize = 64 << 10;
/// Messages that are handed on without a list being allocated for them.
const FEW: usize = 16;

type Messages = SmallVec<[Message; FEW]>;

impl Held<'_> {
    /// Has the connection go on, and sees to what it brings, until there is no more, or it speaks WebSocket; whether it does from
    /// now on.
    pub(super) fn advance(&mut self) -> bool {
        let (shared, peer, now) = (self.shared, &self.line.peer, self.agenda.now);
        let (mut messages, mut bytes) = (Messages::new(), 0);
        while !self.state.is_paused {
            let event = self.state.connection.poll(now, |head, ticket| Begun::read(shared, peer, now, head, ticket));
            let Some(event) = event else { break };
            match event {
                Event::Message(message) => {
                    bytes += match &message {
                        Message::Text(text) => text.len(),
                        Message::Binary(bytes) => bytes.len(),
                    };
                    messages.push(message);
                    if messages.len() >= MESSAGES || bytes >= MESSAGE_BYTES {
                        self.hand_on(&mut messages);
                        bytes = 0;
                    }
                }
                Event::Closed(end) => {
                    self.hand_on(&mut messages);
                    if let Exchange::WebSocket { key, id, .. } = std::mem::take(&mut self.state.exchange) {
                        shared.sessions.ws_end(self.agenda, key, id, end);
                        shared.count_websocket(-1);
                    }
                }
                Event::Request(begun) => {
                    self.begin(begun);
                    if matches!(self.state.exchange, Exchange::WebSocket { .. }) {
                        return true;
                    }
                }
                Event::Refused { ticket, refusal, origin, host, .. } => {
                    let policy = ResponsePolicy::for_refusal(origin.as_deref(), host.as_deref(), &shared.options);
                    let mut response = refusal.response();
                    policy.apply(&mut response);
                    shared.counters.http_refused(refusal.status.as_u16());
                    log::debug!("{:?}: {} {}", peer.address, refusal.status, refusal.message);
                    self.state.connection.respond(ticket, &response, now);
                }
                Event::Body(ticket) => match &mut self.state.exchange {
                    Exchange::Posting(_) => self.collect(),
                    Exchange::Application { ticket: current, wakers } if *current == ticket => wakers.wake_body(),
                    _ => {}
                },
                Event::Writable(ticket) => {
                    if let Some(wakers) = self.state.wakers(ticket) {
                        wakers.wake_writer();
                    }
                }
                Event::Gone(_) => self.gone(),
            }
        }
        self.hand_on(&mut messages);
        false
    }

    /// Hands messages to the shard, decoded.
    fn hand_on(&mut self, messages: &mut Messages) {
        let Exchange::WebSocket { key, id, revision } = self.state.exchange else { return messages.clear() };
        if messages.is_empty() {
            return;
        }
        let shared = self.shared;
        let raw = messages.iter().map(|message| match message {
            Message::Binary(bytes) => RawMessage::Binary(bytes),
            Message::Text(text) => RawMessage::Text(text),
        });
        let mut decoded: SmallVec<[_; FEW]> =
            raw.map(|message| decode_message(revision, message, &shared.config)).collect();
        if let Some(client) = &self.state.client {
            let packets = || decoded.iter().filter(|packet| packet.as_ref().is_ok_and(is_join)).count();
            let until = shared.addresses.joins(&client.address, packets, self.agenda.now);
            self.state.throttle(until);
        }
        let waiter = || Waiter::Line(self.line.clone());
        self.state.is_paused = shared.sessions.receive(self.agenda, key, id, decoded.drain(..), waiter);
        drop(decoded);
        messages.clear();
    }
}

/// Whether a packet asks to join a namespace.
pub(super) fn is_join(packet: &Incoming<'_>) -> bool {
    let (Incoming::Message(SocketMessage::Packet(packet)) | Incoming::Message(SocketMessage::Whole(packet, _))) =
        packet
    else {
        return false;
    };
    matches!(packet.kind, Kind::Connect { .. } | Kind::ConnectTooLong)
}
