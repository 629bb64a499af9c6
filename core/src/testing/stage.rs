//! The network between the clients of a bench and the server, and the time of both. It is the server's driver: it
//! decodes what clients write, and carries out what the server puts out.

use super::peer::{Link, Peer, Plan};
use super::tasks::Tasks;
use super::wire::{self, Packet};
use crate::config::Config;
use crate::engine::{
    Batch, BodyKind, Handshake, Method, NewSession, Opening, Outgoing, Output, Request, RequestError, Transport, WsEnd,
};
use crate::frame::{Frame, WsMessage};
use crate::id::{Key, RequestId, Sid};
use crate::room::{App, Task};
use crate::server::Server;
use crate::socket::{Input, Nsp, RawMessage, decode_body, decode_message};
use crate::time::Time;
use alloc::collections::BTreeMap;
use alloc::format;
use alloc::rc::Rc;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::cell::RefCell;

/// The server, whatever its application is.
pub(super) trait Machine {
    fn open(&mut self, new: NewSession, now: Time) -> Result<Key, RequestError>;
    fn handle(&mut self, key: Key, input: Input<'_>, now: Time);
    fn transmit(&mut self, key: Key, ws: RequestId, into: &mut Vec<WsMessage>, now: Time) -> bool;
    fn pump(&mut self, now: Time) -> Vec<(Key, Output)>;
    fn poll_task(&mut self) -> Option<Task>;
    fn handle_timeout(&mut self, now: Time);
    fn poll_timeout(&self) -> Option<Time>;
}

impl<A: App> Machine for Server<A> {
    fn open(&mut self, new: NewSession, now: Time) -> Result<Key, RequestError> {
        self.shard.open(new, now)
    }

    fn handle(&mut self, key: Key, input: Input<'_>, now: Time) {
        self.shard.handle(key, input, now);
    }

    fn transmit(&mut self, key: Key, ws: RequestId, into: &mut Vec<WsMessage>, now: Time) -> bool {
        self.shard.transmit(key, ws, usize::MAX, into, now)
    }

    fn pump(&mut self, now: Time) -> Vec<(Key, Output)> {
        let mut outputs = Vec::new();
        Self::pump(self, now, |key, output| outputs.push((key, output)));
        outputs
    }

    fn poll_task(&mut self) -> Option<Task> {
        self.hub.poll_task()
    }

    fn handle_timeout(&mut self, now: Time) {
        Self::handle_timeout(self, now);
    }

    fn poll_timeout(&self) -> Option<Time> {
        Self::poll_timeout(self)
    }
}

/// How often everything is looked at until nothing happens any more. A server that never comes to rest goes round for
/// ever.
const MAX_ROUNDS: usize = 100_000;

/// Everything but the type of the application.
pub(super) struct Stage {
    server: Rc<RefCell<dyn Machine>>,
    pub(super) config: Config,
    start: Time,
    pub(super) now: Time,
    pub(super) peers: Vec<Peer>,
    /// Whose requests and WebSockets these are.
    owners: BTreeMap<RequestId, usize>,
    pub(super) tasks: Tasks,
    next: u64,
}

impl Stage {
    pub(super) fn new(server: Rc<RefCell<dyn Machine>>, config: Config, start: Time) -> Self {
        let (owners, peers, tasks) = (BTreeMap::new(), Vec::new(), Tasks::new());
        Self { server, config, start, now: start, peers, owners, tasks, next: 0 }
    }

    /// A new client, in this namespace when it is connected.
    pub(super) fn add(&mut self, plan: Plan, nsp: &Nsp, auth: String) -> usize {
        let mut peer = Peer::new(plan, &self.config);
        peer.join(nsp, auth);
        self.peers.push(peer);
        self.peers.len() - 1
    }

    fn number(&mut self) -> u64 {
        self.next += 1;
        self.next
    }

    fn request(&mut self, who: usize) -> RequestId {
        let id = RequestId(self.number());
        self.owners.insert(id, who);
        id
    }

    /// Opens a connection, in place of the one that there may be.
    pub(super) fn open(&mut self, who: usize) -> Result<(), RequestError> {
        self.forget(who);
        let peer = &mut self.peers[who];
        peer.reopen();
        let Plan { revision, transport, base64, .. } = peer.plan;
        let (transport_name, upgrade) = match transport {
            Transport::Polling => ("polling", false),
            Transport::WebSocket => ("websocket", true),
        };
        let mut query = format!("EIO={}&transport={transport_name}", revision.number());
        if base64 {
            query.push_str("&b64=1");
        }
        if !peer.plan.query.is_empty() {
            query.push('&');
            query.push_str(&peer.plan.query);
        }
        let headers = peer.plan.headers.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let handshake = Handshake::new(&format!("/socket.io/?{query}"), &peer.plan.address, self.now.as_millis())
            .with_headers(headers);
        peer.note(format!("> GET /socket.io/?{query}"));
        let (revision, base64) = match Request::parse(Method::Get, &query, upgrade, &self.config)? {
            Request::Handshake { revision, base64, .. } => (revision, base64),
            Request::Session { .. } => return Err(RequestError::BadRequest),
        };
        let revision = revision.ok_or(RequestError::UnsupportedRevision)?;
        let ws = upgrade.then(|| self.request(who));
        let opening = ws.map_or(Opening::Polling { base64 }, Opening::WebSocket);
        let number = self.number();
        let [sid, public, private] = [1, 2, 3].map(|kind| sid(number, kind));
        let new = NewSession { sid, public, private, revision, opening, handshake: Some(Arc::new(handshake)) };
        let key = self.server.borrow_mut().open(new, self.now)?;
        let peer = &mut self.peers[who];
        peer.link = Some(Link::new(key, sid, ws));
        peer.session = Some((key, None));
        self.settle();
        Ok(())
    }

    /// What the server still sends to a client's connection goes nowhere.
    fn forget(&mut self, who: usize) {
        self.owners.retain(|_, owner| *owner != who);
    }

    fn input(&mut self, who: usize, input: Input<'_>) {
        if let Some(link) = self.peers[who].link.as_ref().filter(|link| !link.hole) {
            self.server.borrow_mut().handle(link.key, input, self.now);
        }
    }

    /// Does all there is to do at this time: by the server, the clients, and the tasks.
    pub(super) fn settle(&mut self) {
        for _ in 0..MAX_ROUNDS {
            let outputs = self.server.borrow_mut().pump(self.now);
            for (key, output) in outputs {
                self.take(key, output);
            }
            let mut busy = false;
            for who in 0..self.peers.len() {
                busy |= self.work(who);
            }
            while let Some(task) = self.server.borrow_mut().poll_task() {
                self.tasks.add(task);
            }
            busy |= self.tasks.poll();
            if !busy {
                return;
            }
        }
        panic!("expected server, clients and tasks to come to rest, but after {MAX_ROUNDS} rounds they have not");
    }

    fn take(&mut self, key: Key, output: Output) {
        let id = match &output {
            Output::Respond(id, _) | Output::WsReady(id) | Output::WsClose(id) => Some(*id),
            Output::Closed(_) => None,
        };
        if let Output::Closed(reason) = output {
            for peer in &mut self.peers {
                if let Some((_, end)) = peer.session.as_mut().filter(|(session, _)| *session == key) {
                    *end = Some(reason);
                }
            }
            return;
        }
        let owner = id.and_then(|id| self.owners.get(&id)).copied();
        let Some(link) = owner.and_then(|who| self.peers[who].link.as_mut()).filter(|link| !link.hole) else { return };
        match output {
            Output::Respond(id, response) => link.responses.push_back((id, response)),
            Output::WsReady(_) => link.ready = true,
            Output::WsClose(_) => link.ws_closed = true,
            Output::Closed(_) => {}
        }
    }

    /// A client reads, writes, and polls. Returns whether it did something.
    fn work(&mut self, who: usize) -> bool {
        if self.peers[who].link.as_ref().is_none_or(|link| link.hole) {
            return false;
        }
        let read = self.read_responses(who) | self.read_messages(who);
        let wrote = self.write(who);
        let closed = core::mem::take(&mut self.peers[who].closing) && self.peers[who].link.is_some();
        if closed {
            self.close(who, "forced close");
        }
        read | wrote | closed | self.upgraded(who) | self.poll(who)
    }

    fn read_responses(&mut self, who: usize) -> bool {
        let mut any = false;
        while let Some(link) = self.peers[who].reading() {
            let Some((id, response)) = link.responses.pop_front() else { break };
            any = true;
            self.owners.remove(&id);
            let (status, content_type, body) = response.into_parts();
            let is_poll = link.poll == Some(id);
            link.poll.take_if(|poll| *poll == id);
            let kind = if content_type == "application/octet-stream" { BodyKind::Binary } else { BodyKind::Text };
            let peer = &mut self.peers[who];
            peer.note(match kind {
                BodyKind::Text => format!("< {status} {}", String::from_utf8_lossy(&body)),
                BodyKind::Binary => format!("< {status} {body:?}"),
            });
            if status != 200 {
                self.lose(who, "transport error");
            } else if is_poll {
                let packets = wire::payload(peer.plan.revision, kind, &body);
                let packets = packets.unwrap_or_else(|| panic!("expected a payload, but there came {body:?}"));
                self.read_packets(who, packets);
            }
        }
        any
    }

    fn read_messages(&mut self, who: usize) -> bool {
        let mut any = false;
        while let Some(link) = self.peers[who].reading() {
            let Some(ws) = link.probe.map(|(ws, _)| ws).or(link.ws) else { break };
            if !link.ready {
                if link.ws_closed {
                    any = true;
                    self.owners.remove(&ws);
                    link.ws_closed = false;
                    // An upgrade that fails leaves the session where it was.
                    if link.probe.take().is_none() {
                        self.lose(who, "transport close");
                    }
                }
                break;
            }
            any = true;
            let mut messages = Vec::new();
            link.ready = self.server.borrow_mut().transmit(link.key, ws, &mut messages, self.now);
            let peer = &mut self.peers[who];
            let mut packets = Vec::new();
            for message in messages {
                peer.note(format!("< {}", shown(&message)));
                let packet = wire::message(peer.plan.revision, message.clone());
                packets.push(packet.unwrap_or_else(|| panic!("expected a packet, but there came {message:?}")));
            }
            self.read_packets(who, packets);
        }
        any
    }

    fn read_packets(&mut self, who: usize, packets: Vec<Packet>) {
        for packet in packets {
            let peer = &mut self.peers[who];
            if peer.link.is_some() {
                peer.read(packet, self.now);
            }
        }
        if self.peers[who].link.is_none() {
            self.forget(who);
        }
    }

    fn write(&mut self, who: usize) -> bool {
        let peer = &mut self.peers[who];
        // What is to be written during an upgrade waits for it.
        let Some(link) = peer.link.as_ref().filter(|link| link.probe.is_none()) else { return false };
        let ws = link.ws;
        let frames = core::mem::take(&mut peer.out);
        if frames.is_empty() {
            return false;
        }
        let revision = peer.plan.revision;
        match ws {
            Some(ws) => {
                for message in frames.iter().flat_map(|frame| frame.messages(revision)) {
                    self.send(who, ws, &message);
                }
            }
            None => self.post(who, frames),
        }
        true
    }

    /// Sends a message on a WebSocket.
    fn send(&mut self, who: usize, ws: RequestId, message: &WsMessage) {
        let peer = &mut self.peers[who];
        peer.note(format!("> {}", shown(message)));
        let (WsMessage::Text(bytes) | WsMessage::Binary(bytes)) = message;
        if bytes.len() > self.config.max_payload {
            self.input(who, Input::WsEnd(ws, WsEnd::Failed));
            self.lose(who, "transport close");
            return;
        }
        let revision = peer.plan.revision;
        let message = match message {
            WsMessage::Text(text) => RawMessage::Text(core::str::from_utf8(text).unwrap_or_default()),
            WsMessage::Binary(data) => RawMessage::Binary(data),
        };
        let packet = decode_message(revision, message, &self.config);
        if let Some(link) = peer.link.as_ref().filter(|link| !link.hole) {
            self.server.borrow_mut().handle(link.key, Input::WsMessage(ws, packet), self.now);
        }
    }

    /// Sends packets in the body of a POST.
    fn post(&mut self, who: usize, frames: Vec<Frame>) {
        let Plan { revision, base64, .. } = self.peers[who].plan;
        let (kind, body) = Batch::new(frames.into_iter().map(Outgoing::Frame).collect(), revision, base64).encode();
        self.peers[who].note(match kind {
            BodyKind::Text => format!("> POST {}", String::from_utf8_lossy(&body)),
            BodyKind::Binary => format!("> POST {body:?}"),
        });
        let id = self.request(who);
        self.input(who, Input::PostBegins(id));
        if body.len() > self.config.max_payload {
            self.input(who, Input::PostTooLarge(id));
        } else if let Some(link) = self.peers[who].link.as_ref().filter(|link| !link.hole) {
            let packets = decode_body(revision, kind, &body, &self.config);
            self.server.borrow_mut().handle(link.key, Input::Post(id, packets), self.now);
        }
    }

    /// Sends the next GET, if the client polls and none waits. There is none during an upgrade.
    fn poll(&mut self, who: usize) -> bool {
        let peer = &self.peers[who];
        let polls = peer.link.as_ref().is_some_and(|link| {
            peer.reads && link.ws.is_none() && link.poll.is_none() && link.probe.is_none() && link.responses.is_empty()
        });
        if polls {
            self.get(who);
        }
        polls
    }

    fn get(&mut self, who: usize) -> RequestId {
        let id = self.request(who);
        if let Some(link) = &mut self.peers[who].link {
            link.poll = Some(id);
        }
        self.input(who, Input::Poll(id));
        id
    }

    /// Opens a WebSocket beside polling, and tries it.
    pub(super) fn upgrade(&mut self, who: usize) {
        let ws = self.request(who);
        if let Some(link) = &mut self.peers[who].link {
            link.probe = Some((ws, false));
        }
        self.input(who, Input::WsOpen(ws));
        self.send(who, ws, &WsMessage::Text("2probe".into()));
        self.settle();
    }

    /// Goes on over the WebSocket, when it has been tried and no poll waits.
    fn upgraded(&mut self, who: usize) -> bool {
        let Some(link) = &mut self.peers[who].link else { return false };
        let Some((ws, _)) = link.probe.take_if(|(_, tried)| *tried && link.poll.is_none()) else { return false };
        link.ws = Some(ws);
        self.send(who, ws, &WsMessage::Text("5".into()));
        true
    }

    /// The connection breaks, and the server notices.
    pub(super) fn cut(&mut self, who: usize) {
        let Some(link) = &self.peers[who].link else { return };
        let (ws, probe, poll) = (link.ws, link.probe, link.poll);
        match (ws, poll) {
            (Some(ws), _) => self.input(who, Input::WsEnd(ws, WsEnd::Failed)),
            (None, poll) => {
                if let Some((probe, _)) = probe {
                    self.input(who, Input::WsEnd(probe, WsEnd::Failed));
                }
                // What a GET that is answered at once brings is lost with the connection.
                let mut id = poll.unwrap_or_else(|| self.get(who));
                loop {
                    let outputs = self.server.borrow_mut().pump(self.now);
                    let mut answered = false;
                    for (key, output) in outputs {
                        answered |= matches!(output, Output::Respond(answered, _) if answered == id);
                        self.take(key, output);
                    }
                    let ended = self.peers[who].session.is_some_and(|(_, end)| end.is_some());
                    if !answered || ended {
                        break;
                    }
                    id = self.get(who);
                }
                self.input(who, Input::RequestGone(id));
            }
        }
        self.lose(who, "transport error");
        self.settle();
    }

    /// The client closes the connection properly.
    pub(super) fn close(&mut self, who: usize, reason: &'static str) {
        let Some(link) = &self.peers[who].link else { return };
        match link.ws {
            Some(ws) => self.input(who, Input::WsEnd(ws, WsEnd::Closed)),
            None => self.post(who, [Frame::new("1".into(), &[])].into()),
        }
        self.lose(who, reason);
    }

    /// The client knows that its connection is no more.
    fn lose(&mut self, who: usize, reason: &'static str) {
        self.peers[who].lost(reason);
        self.forget(who);
    }

    /// Lets time pass, stopping at every deadline on the way.
    pub(super) fn advance(&mut self, millis: u64) {
        let end = self.now.after(millis);
        self.settle();
        while let Some(at) = self.due().filter(|at| *at <= end) {
            self.set_time(at);
            self.server.borrow_mut().handle_timeout(self.now);
            for who in 0..self.peers.len() {
                if self.peers[who].handle_timeout(self.now) {
                    self.close(who, "ping timeout");
                }
            }
            self.settle();
        }
        self.set_time(end);
    }

    fn set_time(&mut self, at: Time) {
        self.now = self.now.max(at);
        let elapsed = self.now.as_millis() - self.start.as_millis();
        self.tasks.set_time(elapsed);
    }

    /// The next deadline of anybody.
    fn due(&self) -> Option<Time> {
        let server = self.server.borrow().poll_timeout();
        let tasks = self.tasks.due().map(|at| self.start.after(at));
        let peers = self.peers.iter().filter_map(Peer::poll_timeout);
        peers.chain(server).chain(tasks).filter(|at| *at != Time::NEVER).min()
    }
}

/// All bits differ, as if they were random; an odd factor keeps them apart.
fn sid(number: u64, kind: u64) -> Sid {
    let number = u128::from(number) << 64 | u128::from(kind);
    Sid::from_bytes(number.wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835).to_be_bytes())
}

fn shown(message: &WsMessage) -> String {
    match message {
        WsMessage::Text(text) => String::from_utf8_lossy(text).into_owned(),
        WsMessage::Binary(data) => format!("{data:?}"),
    }
}
