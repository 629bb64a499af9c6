//! One client: its Engine.IO session and its sockets, one for each namespace it has joined. Takes inputs, never parses,
//! never fails: whatever a client sends becomes a state and outputs. Knows no rooms and no other client.

use super::assembly::{Assembly, Purpose};
use super::encode;
use super::event::{ConnectRequest, Delivery, Event, Message, SocketEvent};
use super::incoming::{DecodeError, Incoming, Packets};
use super::nsp::Nsp;
use super::packet::{Kind, Packet, SocketMessage};
use crate::config::Protocol;
use crate::engine::output as engine;
use crate::engine::session::Session;
use crate::engine::timer::Timer;
use crate::engine::{Handshake, NewSession, Opening, PacketData, Reason, Response, Transport, WsEnd};
use crate::frame::{Frame, Revision, WsMessage};
use crate::id::{RequestId, Sid, SocketId};
use crate::time::Time;
use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::sync::Arc;
use alloc::vec::Vec;
use bytes::Bytes;

/// What can happen to a client. Everything is decoded already, and a failure to decode is an input like any other.
#[derive(Debug)]
pub enum Input<'a> {
    /// A GET with the session's id, or the one that opened the session.
    Poll(RequestId),
    /// A POST with the session's id has begun, and its body is about to be read. If it is answered before the body is there,
    /// because the session ended or there are two of them, the body is of no interest, and must not be handed in. A driver
    /// whose requests come whole need not say this.
    PostBegins(RequestId),
    /// A POST's body.
    Post(RequestId, Packets<'a>),
    /// A POST's body is larger than [`Config::max_payload`](crate::Config::max_payload).
    PostTooLarge(RequestId),
    /// The connection of an unanswered request is gone; it needs no answer any more.
    RequestGone(RequestId),
    /// A WebSocket has been opened for a session that polls.
    WsOpen(RequestId),
    /// A message has come on a WebSocket.
    WsMessage(RequestId, Result<Incoming<'a>, DecodeError>),
    /// A WebSocket has ended.
    WsEnd(RequestId, WsEnd),
    /// The whole server closes.
    Shutdown,
}

/// What clients did, for the hub: shared by a whole shard.
#[derive(Debug, Default)]
pub(crate) struct Events {
    pub(crate) queue: VecDeque<(SocketId, SocketEvent)>,
    pub(crate) bytes: usize,
}

/// What a client is lent while it works.
#[derive(Debug)]
pub(crate) struct Context<'a> {
    pub(crate) engine: engine::Context<'a>,
    pub(crate) events: &'a mut Events,
}

impl Context<'_> {
    fn event(&mut self, serial: u32, event: SocketEvent) {
        self.events.bytes += event.cost();
        self.events.queue.push_back((SocketId { key: self.engine.key, serial }, event));
    }
}

#[derive(Debug)]
pub(crate) struct Client {
    session: Session,
    /// The first of the family of public ids.
    public: Sid,
    /// The first of the family of credentials for coming back.
    private: Sid,
    handshake: Option<Arc<Handshake>>,
    next_serial: u32,
    sockets: Vec<Socket>,
    /// The hub has let it into a namespace.
    joined: bool,
    /// Something has come from it after the request that opened the session.
    heard: bool,
    /// The next poll is the request that opened the session.
    opening: bool,
    assembly: Option<Box<Assembly>>,
}

/// What the client may not send, or not now. The reference closes the whole connection.
#[derive(Clone, Copy, Debug)]
struct Illegal;

/// A client's place in a namespace, from CONNECT on.
#[derive(Debug)]
struct Socket {
    nsp: Nsp,
    serial: u32,
    /// The hub has let it in.
    accepted: bool,
}

impl Client {
    pub(crate) fn open(new: NewSession, cx: &mut Context<'_>) -> Self {
        let session = Session::open(&new, &mut cx.engine);
        let opening = matches!(new.opening, Opening::Polling { .. });
        let NewSession { public, private, revision, handshake, .. } = new;
        let mut client = Self {
            session,
            public,
            private,
            handshake,
            next_serial: 0,
            sockets: Vec::new(),
            joined: false,
            heard: false,
            opening,
            assembly: None,
        };
        match (revision, cx.engine.config.protocol) {
            // A client of this revision is in `/` without asking; where Engine.IO is alone, everybody is.
            (Revision::V3, _) | (_, Protocol::EngineIo) => {
                client.request_connect(Nsp::ROOT, "{}".into(), Vec::new(), cx);
            }
            (Revision::V4, _) => {
                // Its CONNECT is heard of.
                client.heard = true;
                client.session.set_timer(Timer::Connect, cx.engine.now.after(cx.engine.config.connect_timeout));
            }
        }
        client
    }

    pub(crate) fn sid(&self) -> Sid {
        self.session.sid()
    }

    pub(crate) fn revision(&self) -> Revision {
        self.session.revision()
    }

    pub(crate) fn transport(&self) -> Transport {
        self.session.transport()
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.session.is_closed()
    }

    /// Whether it has been let into no namespace yet, or only without having asked: then it has to be heard of.
    pub(crate) fn is_unjoined(&self) -> bool {
        !self.joined || !self.heard
    }

    /// See [`Session::closed_unpolled`].
    pub(crate) fn closed_unpolled(&self) -> bool {
        self.session.closed_unpolled()
    }

    /// See [`Session::base64`].
    pub(crate) fn base64(&self) -> bool {
        self.session.base64()
    }

    pub(crate) fn queued(&self) -> usize {
        self.session.queued()
    }

    pub(crate) fn poll_timeout(&self) -> Option<(Time, Timer)> {
        self.session.poll_timeout()
    }

    pub(crate) fn handle(&mut self, input: Input<'_>, cx: &mut Context<'_>) {
        self.heard |= match input {
            Input::Poll(_) => !core::mem::take(&mut self.opening),
            Input::PostBegins(_) | Input::Post(..) | Input::PostTooLarge(_) | Input::WsOpen(_) => true,
            Input::WsMessage(..) => true,
            Input::RequestGone(_) | Input::WsEnd(..) | Input::Shutdown => false,
        };
        match input {
            Input::Poll(id) => self.session.handle_poll(id, &mut cx.engine),
            Input::PostBegins(id) => self.session.handle_post_begins(id, &mut cx.engine),
            Input::PostTooLarge(id) => self.session.handle_post_too_large(id, &mut cx.engine),
            Input::Post(id, packets) => self.handle_post(id, packets, cx),
            Input::RequestGone(id) => self.session.handle_request_gone(id, &mut cx.engine),
            Input::WsOpen(id) => self.session.handle_ws_open(id, &mut cx.engine),
            Input::WsMessage(id, packet) => self.handle_packet(Some(id), packet.ok(), cx),
            Input::WsEnd(id, end) => self.session.handle_ws_end(id, end, &mut cx.engine),
            Input::Shutdown => self.session.shut(Reason::ServerShuttingDown, &mut cx.engine),
        }
        self.tell_end(cx);
    }

    pub(crate) fn handle_timeout(&mut self, cx: &mut Context<'_>) {
        while let Some(timer) = self.session.handle_timeout(&mut cx.engine) {
            let reason = if timer == Timer::Attachment { Reason::ForcedClose } else { Reason::ForcedServerClose };
            self.session.shut(reason, &mut cx.engine);
        }
        self.tell_end(cx);
    }

    pub(crate) fn transmit(
        &mut self,
        id: RequestId,
        max: usize,
        into: &mut Vec<WsMessage>,
        cx: &mut Context<'_>,
    ) -> bool {
        let more = self.session.transmit(id, max, into, &mut cx.engine);
        self.tell_end(cx);
        more
    }

    /// Says something to a socket.
    pub(crate) fn emit(&mut self, serial: u32, frame: Frame, cx: &mut Context<'_>) {
        if self.sockets.iter().any(|socket| socket.serial == serial && socket.accepted) {
            self.session.send(frame, &mut cx.engine);
            self.tell_end(cx);
        }
    }

    pub(crate) fn deliver(&mut self, serial: u32, delivery: Delivery, cx: &mut Context<'_>) {
        let index = self.sockets.iter().position(|socket| socket.serial == serial);
        match (delivery, index) {
            // Whether or not the client has left this namespace meanwhile: the hub has taken it out of all of them.
            (Delivery::Close(reason), _) => self.close(reason, cx),
            (_, None) => {}
            (Delivery::Accept(frame), Some(index)) => {
                self.session.stop_timer(Timer::Connect);
                self.joined = true;
                self.sockets[index].accepted = true;
                if let Some(frame) = frame {
                    self.session.send(frame, &mut cx.engine);
                }
            }
            (Delivery::Refuse(frame), Some(index)) => {
                self.sockets.swap_remove(index);
                if cx.engine.config.protocol == Protocol::EngineIo {
                    self.session.shut(Reason::ForcedServerClose, &mut cx.engine);
                } else {
                    self.session.send(frame, &mut cx.engine);
                }
            }
            (Delivery::Emit(frame), Some(_)) => self.emit(serial, frame, cx),
            (Delivery::Disconnect, Some(index)) => {
                let socket = self.sockets.swap_remove(index);
                if cx.engine.config.protocol == Protocol::EngineIo {
                    self.session.shut(Reason::ForcedServerClose, &mut cx.engine);
                } else {
                    let goodbye = encode::disconnect(cx.engine.config.protocol, &socket.nsp);
                    self.session.send(goodbye, &mut cx.engine);
                }
            }
            (Delivery::Detach, Some(index)) => {
                self.sockets.swap_remove(index);
                if self.sockets.is_empty() {
                    self.session.abandon(&mut cx.engine);
                }
            }
        }
        self.tell_end(cx);
    }

    /// Every namespace says goodbye first, as in the reference: else clients would come again.
    fn close(&mut self, reason: Reason, cx: &mut Context<'_>) {
        for socket in self.sockets.iter().filter(|_| cx.engine.config.protocol != Protocol::EngineIo) {
            let goodbye = encode::disconnect(cx.engine.config.protocol, &socket.nsp);
            self.session.send(goodbye, &mut cx.engine);
        }
        self.session.shut(reason, &mut cx.engine);
    }

    fn handle_post(&mut self, id: RequestId, decoded: Packets<'_>, cx: &mut Context<'_>) {
        if !self.session.handle_post(id, &mut cx.engine) {
            return;
        }
        for packet in decoded.packets {
            self.handle_packet(None, Some(packet), cx);
        }
        let response = if decoded.error.is_some() {
            self.handle_packet(None, None, cx);
            Response::Malformed
        } else {
            Response::Taken
        };
        cx.engine.respond(id, response);
    }

    /// `None` stands for something that is no packet.
    fn handle_packet(&mut self, ws: Option<RequestId>, packet: Option<Incoming<'_>>, cx: &mut Context<'_>) {
        if !self.session.handle_packet(ws, packet.as_ref(), &mut cx.engine) {
            return;
        }
        let legal = match packet {
            Some(Incoming::Message(SocketMessage::Packet(packet))) => self.handle_socket_packet(packet, Vec::new(), cx),
            Some(Incoming::Message(SocketMessage::Whole(packet, attachments))) => {
                self.handle_socket_packet(packet, attachments, cx)
            }
            Some(Incoming::Message(SocketMessage::Raw(message))) => {
                self.handle_raw(message, cx);
                Ok(())
            }
            Some(Incoming::Message(SocketMessage::Attachment(data))) => self.handle_attachment(&data, cx),
            Some(Incoming::Message(SocketMessage::Malformed(_))) => Err(Illegal),
            _ => Ok(()),
        };
        if let Err(Illegal) = legal {
            self.session.shut(Reason::ForcedClose, &mut cx.engine);
        }
    }

    /// What came where Engine.IO is alone. Before the socket is let in nobody listens, as in the reference.
    fn handle_raw(&mut self, message: PacketData<'_>, cx: &mut Context<'_>) {
        let Some(socket) = self.sockets.first() else { return };
        let said = match message {
            PacketData::Text(text) => Message::Text(text.into()),
            PacketData::Binary(data) => Message::Binary(Bytes::copy_from_slice(&data)),
        };
        cx.event(socket.serial, SocketEvent::Message(said));
    }

    /// `attachments` are those that came with it.
    fn handle_socket_packet(
        &mut self,
        packet: Packet<'_>,
        attachments: Vec<Bytes>,
        cx: &mut Context<'_>,
    ) -> Result<(), Illegal> {
        if self.assembly.is_some() {
            // Text while attachments are owed (CVE-2026-48804).
            return Err(Illegal);
        }
        if let Kind::Connect { auth } = packet.kind {
            return self.handle_connect(&packet.nsp, &auth, attachments, cx);
        }
        // Who has not been let in yet has not been told so either, and has nothing to say.
        let index = self.position(&packet.nsp).filter(|index| self.sockets[*index].accepted);
        let index = index.ok_or(Illegal)?;
        let serial = self.sockets[index].serial;
        match packet.kind {
            Kind::Event { id, args, name, attachments: owed } => {
                let received = Event::new(args.into(), name, id, attachments);
                self.receive(serial, Purpose::Event, received, owed, cx);
            }
            Kind::Ack { id, args, attachments: owed } => {
                let answer = Event::acknowledgement(args.into(), attachments);
                self.receive(serial, Purpose::Answer(id), answer, owed, cx);
            }
            Kind::Disconnect => {
                self.sockets.swap_remove(index);
                cx.event(serial, SocketEvent::Disconnect(Reason::ClientNamespaceDisconnect));
            }
            Kind::Connect { .. } | Kind::ConnectError => return Err(Illegal),
        }
        Ok(())
    }

    fn handle_connect(
        &mut self,
        name: &str,
        auth: &str,
        attachments: Vec<Bytes>,
        cx: &mut Context<'_>,
    ) -> Result<(), Illegal> {
        let auth = if auth.is_empty() { "{}" } else { auth };
        match self.position(name) {
            Some(_) => return Err(Illegal),
            None if self.sockets.len() >= cx.engine.config.max_namespaces => {
                let (protocol, payload) = (cx.engine.config.protocol, r#"{"message":"Too many namespaces"}"#);
                let refusal = encode::connect_error(protocol, &Nsp::new(name), payload);
                self.session.send(refusal, &mut cx.engine);
            }
            None => self.request_connect(Nsp::new(name), auth.into(), attachments, cx),
        }
        Ok(())
    }

    fn handle_attachment(&mut self, data: &[u8], cx: &mut Context<'_>) -> Result<(), Illegal> {
        let mut assembly = self.assembly.take().ok_or(Illegal)?;
        assembly.add(data, cx.engine.config).map_err(|_| Illegal)?;
        if !self.sockets.iter().any(|socket| socket.serial == assembly.serial) {
            // Its socket has been put out of the namespace since, and what is said there now is said by a stranger.
            return Err(Illegal);
        }
        if !assembly.is_complete() {
            self.wait_for_attachment(assembly, cx);
            return Ok(());
        }
        self.session.stop_timer(Timer::Attachment);
        let Assembly { serial, purpose, received, .. } = *assembly;
        hand_up(serial, purpose, received, cx);
        Ok(())
    }

    /// Hands a packet up, or keeps it until all that it is `owed` is there.
    fn receive(&mut self, serial: u32, purpose: Purpose, received: Event, owed: usize, cx: &mut Context<'_>) {
        if received.attachments().len() < owed {
            self.wait_for_attachment(Box::new(Assembly::new(serial, purpose, received, owed)), cx);
        } else {
            hand_up(serial, purpose, received, cx);
        }
    }

    fn wait_for_attachment(&mut self, assembly: Box<Assembly>, cx: &Context<'_>) {
        self.assembly = Some(assembly);
        self.session.set_timer(Timer::Attachment, cx.engine.now.after(cx.engine.config.attachment_timeout));
    }

    /// Asks the hub to let the client into a namespace.
    fn request_connect(&mut self, nsp: Nsp, auth: Box<str>, attachments: Vec<Bytes>, cx: &mut Context<'_>) {
        let serial = self.next_serial;
        self.next_serial = self.next_serial.wrapping_add(1);
        let revision = self.session.revision();
        // EIO=4: unrelated to the session's id, which is a secret. EIO=3: what the client makes of the session's id itself.
        // Where Engine.IO is alone, there is no other id.
        let public = match (revision, cx.engine.config.protocol) {
            (Revision::V3, _) | (_, Protocol::EngineIo) => self.session.sid(),
            (Revision::V4, _) => self.public.sibling(serial),
        };
        let (private, handshake) = (self.private.sibling(serial), self.handshake.clone());
        // Most clients are in one namespace.
        self.sockets.reserve_exact(1);
        self.sockets.push(Socket { nsp: nsp.clone(), serial, accepted: false });
        cx.event(
            serial,
            SocketEvent::Connect(ConnectRequest { nsp, auth, attachments, revision, handshake, public, private }),
        );
    }

    fn position(&self, nsp: &str) -> Option<usize> {
        self.sockets.iter().position(|socket| socket.nsp.as_str() == nsp)
    }

    /// Once the session has begun to end, every socket is told, once: there are none after that.
    fn tell_end(&mut self, cx: &mut Context<'_>) {
        if let Some(reason) = self.session.end() {
            self.assembly = None;
            for socket in self.sockets.drain(..) {
                cx.event(socket.serial, SocketEvent::Disconnect(reason));
            }
        }
    }
}

fn hand_up(serial: u32, purpose: Purpose, received: Event, cx: &mut Context<'_>) {
    match purpose {
        Purpose::Event => cx.event(serial, SocketEvent::Event(received)),
        Purpose::Answer(Some(id)) => cx.event(serial, SocketEvent::Ack { id, answer: received }),
        Purpose::Answer(None) => {}
    }
}
