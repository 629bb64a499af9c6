//! The state machine of one client: its Engine.IO session, and a socket for each namespace that it connects to. It does
//! not parse, and cannot fail: any input leads to a state and outputs. Knows nothing of rooms and other clients.

use super::assembly::{Assembly, Purpose};
use super::context::{Context, NotAllowed};
use super::encode;
use super::event::{ConnectRequest, Delivery, Event, Message, SocketEvent};
use super::incoming::{DecodeError, Incoming, Packets};
use super::nsp::Nsp;
use super::packet::{Kind, Packet, SocketMessage};
use crate::config::Protocol;
use crate::engine::session::Session;
use crate::engine::timer::Timer;
use crate::engine::{Handshake, NewSession, Opening, PacketData, Reason, Response, Transport, WsEnd};
use crate::frame::{Frame, Revision, WsMessage};
use crate::id::{RequestId, Sid};
use crate::stats::{Census, Limit};
use crate::time::Time;
use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use bytes::Bytes;

/// An input of a client. It is decoded; an error in decoding is an input, too.
#[derive(Debug)]
pub enum Input<'a> {
    /// A GET with the session's id, or the one that opened the session.
    Poll(RequestId),
    /// A POST with the session's id has begun, and its body is about to be read. If it gets a response before the body
    /// has arrived (the session has ended, or there is a second POST), the body must not be handed in. A driver that
    /// reads whole requests may leave this input out.
    PostBegins(RequestId),
    /// The body of a POST.
    Post(RequestId, Packets<'a>),
    /// The body of a POST is larger than [`Config::max_payload`](crate::Config::max_payload).
    PostTooLarge(RequestId),
    /// The connection of a request that waits for its response is gone. It gets no response.
    RequestGone(RequestId),
    /// A WebSocket has been opened for a polling session.
    WsOpen(RequestId),
    /// A message has arrived on a WebSocket.
    WsMessage(RequestId, Result<Incoming<'a>, DecodeError>),
    /// A WebSocket has ended.
    WsEnd(RequestId, WsEnd),
    /// The server closes all sessions.
    Shutdown,
}

/// Refusals of a CONNECT for which the hub is not asked.
const TOO_MANY_NAMESPACES: &str = r#"{"message":"Too many namespaces"}"#;
const TAKEN_OVER: &str = r#"{"message":"Recovered by another connection"}"#;
const INVALID_NAMESPACE: &str = r#"{"message":"Invalid namespace"}"#;

#[derive(Debug)]
pub(crate) struct Client {
    session: Session,
    /// The first of its public ids.
    public: Sid,
    /// The first of its private ids, the credentials for recovery.
    private: Sid,
    handshake: Option<Arc<Handshake>>,
    next_serial: u32,
    sockets: Vec<Socket>,
    /// The hub has accepted it in a namespace.
    joined: bool,
    /// Something has arrived from it after the request that opened the session.
    heard: bool,
    /// The next poll is the request that opened the session.
    opening: bool,
    assembly: Option<Box<Assembly>>,
}

/// A client's connection to a namespace, from CONNECT on.
#[derive(Debug)]
struct Socket {
    nsp: Nsp,
    serial: u32,
    /// The hub has accepted it.
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
            // Clients of EIO=3 join `/` without asking; with Engine.IO alone, all clients do.
            (Revision::V3, _) | (_, Protocol::EngineIo) => {
                client.request_connect(Nsp::ROOT, "{}".into(), Vec::new(), cx);
            }
            (Revision::V4, _) => {
                // It has to send a CONNECT to join a namespace.
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

    /// Whether it has joined no namespace, or only without asking and has not sent anything since.
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

    /// Adds it to a census.
    pub(crate) fn count(&self, census: &mut Census) {
        let queued = self.queued() as u64;
        census.sessions.add((self.transport(), self.revision()));
        census.upgrading += u64::from(self.session.is_upgrading());
        census.queued += queued;
        census.longest_queue = census.longest_queue.max(queued);
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
        self.disconnect_if_ended(cx);
    }

    pub(crate) fn handle_timeout(&mut self, cx: &mut Context<'_>) {
        while let Some(timer) = self.session.handle_timeout(&mut cx.engine) {
            let reason = if timer == Timer::Attachment { Reason::ForcedClose } else { Reason::ForcedServerClose };
            self.session.shut(reason, &mut cx.engine);
        }
        self.disconnect_if_ended(cx);
    }

    pub(crate) fn transmit(
        &mut self,
        id: RequestId,
        max: usize,
        into: &mut Vec<WsMessage>,
        cx: &mut Context<'_>,
    ) -> bool {
        let more = self.session.transmit(id, max, into, &mut cx.engine);
        self.disconnect_if_ended(cx);
        more
    }

    /// Ends the session at once. What is queued is dropped.
    pub(crate) fn abandon(&mut self, cx: &mut Context<'_>) {
        self.session.abandon(&mut cx.engine);
        self.disconnect_if_ended(cx);
    }

    /// Sends a packet to a socket. An unknown socket is ignored.
    pub(crate) fn emit(&mut self, serial: u32, frame: Frame, cx: &mut Context<'_>) {
        if self.sockets.iter().any(|socket| socket.serial == serial && socket.accepted) {
            self.session.send(frame, &mut cx.engine);
            self.disconnect_if_ended(cx);
        }
    }

    pub(crate) fn deliver(&mut self, serial: u32, delivery: Delivery, cx: &mut Context<'_>) {
        let index = self.sockets.iter().position(|socket| socket.serial == serial);
        match (delivery, index) {
            // Also if the client has left this namespace meanwhile: the hub has disconnected it from all of them.
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
                let socket = self.remove(index);
                if cx.engine.config.protocol == Protocol::EngineIo {
                    self.session.shut(Reason::ForcedServerClose, &mut cx.engine);
                } else {
                    let packet = encode::disconnect(cx.engine.config.protocol, &socket.nsp);
                    self.session.send(packet, &mut cx.engine);
                }
            }
            (Delivery::Detach, Some(index)) => {
                let socket = self.remove(index);
                if self.sockets.is_empty() {
                    self.session.abandon(&mut cx.engine);
                } else if !socket.accepted {
                    // It waits for an answer to its CONNECT.
                    self.refuse(socket.nsp.as_str(), TAKEN_OVER, cx);
                }
            }
        }
        self.disconnect_if_ended(cx);
    }

    /// Removes a socket that the hub has disconnected, and what has arrived of a packet for it.
    fn remove(&mut self, index: usize) -> Socket {
        let socket = self.sockets.swap_remove(index);
        if let Some(assembly) = self.assembly.as_mut().filter(|assembly| assembly.serial == socket.serial) {
            assembly.forget();
        }
        socket
    }

    /// Sends a DISCONNECT in every namespace first, as in the reference: otherwise clients would reconnect.
    fn close(&mut self, reason: Reason, cx: &mut Context<'_>) {
        for socket in self.sockets.iter().filter(|_| cx.engine.config.protocol != Protocol::EngineIo) {
            let packet = encode::disconnect(cx.engine.config.protocol, &socket.nsp);
            self.session.send(packet, &mut cx.engine);
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

    /// `None` stands for a malformed packet.
    fn handle_packet(&mut self, ws: Option<RequestId>, packet: Option<Incoming<'_>>, cx: &mut Context<'_>) {
        if !self.session.handle_packet(ws, packet.as_ref(), &mut cx.engine) {
            return;
        }
        let allowed = match packet {
            Some(Incoming::Message(SocketMessage::Packet(packet))) => self.handle_socket_packet(packet, Vec::new(), cx),
            Some(Incoming::Message(SocketMessage::Whole(packet, attachments))) => {
                self.handle_socket_packet(packet, attachments, cx)
            }
            Some(Incoming::Message(SocketMessage::Raw(message))) => {
                self.handle_raw(message, cx);
                Ok(())
            }
            Some(Incoming::Message(SocketMessage::Attachment(data))) => self.handle_attachment(&data, cx),
            Some(Incoming::Message(SocketMessage::Malformed(_))) => Err(NotAllowed),
            _ => Ok(()),
        };
        if let Err(NotAllowed) = allowed {
            self.session.shut(Reason::ForcedClose, &mut cx.engine);
        }
    }

    /// A message of Engine.IO alone. It is ignored before the socket has been accepted, as in the reference.
    fn handle_raw(&mut self, message: PacketData<'_>, cx: &mut Context<'_>) {
        let Some(socket) = self.sockets.first() else { return };
        let message = match message {
            PacketData::Text(text) => Message::Text(text.into()),
            PacketData::Binary(data) => Message::Binary(Bytes::copy_from_slice(&data)),
        };
        cx.event(socket.serial, SocketEvent::Message(message));
    }

    /// `attachments` are those that arrived with the packet.
    fn handle_socket_packet(
        &mut self,
        packet: Packet<'_>,
        attachments: Vec<Bytes>,
        cx: &mut Context<'_>,
    ) -> Result<(), NotAllowed> {
        if self.assembly.is_some() {
            // A text message before all attachments have arrived (CVE-2026-48804).
            return Err(NotAllowed);
        }
        match packet.kind {
            Kind::Connect { auth } => return self.handle_connect(&packet.nsp, &auth, attachments, cx),
            Kind::ConnectTooLong => {
                self.refuse(&packet.nsp, INVALID_NAMESPACE, cx);
                return Ok(());
            }
            _ => {}
        }
        // A client may send nothing to a namespace before its connect reply.
        let index = self.position(&packet.nsp).filter(|index| self.sockets[*index].accepted);
        let index = index.ok_or(NotAllowed)?;
        let serial = self.sockets[index].serial;
        match packet.kind {
            Kind::Event { id, args, name, attachments: owed } => {
                let event = Event::new(args.into(), name, id, attachments);
                return self.receive(serial, Purpose::Event, event, owed, cx);
            }
            Kind::Ack { id, args, attachments: owed } => {
                let answer = Event::acknowledgement(args.into(), attachments);
                return self.receive(serial, Purpose::Answer(id), answer, owed, cx);
            }
            Kind::Disconnect => {
                self.sockets.swap_remove(index);
                cx.event(serial, SocketEvent::Disconnect(Reason::ClientNamespaceDisconnect));
            }
            Kind::Connect { .. } | Kind::ConnectTooLong | Kind::ConnectError => return Err(NotAllowed),
        }
        Ok(())
    }

    fn handle_connect(
        &mut self,
        name: &str,
        auth: &str,
        attachments: Vec<Bytes>,
        cx: &mut Context<'_>,
    ) -> Result<(), NotAllowed> {
        let auth = if auth.is_empty() { "{}" } else { auth };
        match self.position(name) {
            Some(_) => return Err(NotAllowed),
            None if self.sockets.len() >= cx.engine.config.max_namespaces => {
                cx.engine.stats().limits.add(Limit::MaxNamespaces);
                self.refuse(name, TOO_MANY_NAMESPACES, cx);
            }
            None => self.request_connect(Nsp::new(name), auth.into(), attachments, cx),
        }
        Ok(())
    }

    /// Refuses a CONNECT without asking the hub. `payload` is an object for clients of either revision.
    fn refuse(&mut self, name: &str, payload: &str, cx: &mut Context<'_>) {
        let refusal = encode::connect_error(cx.engine.config.protocol, &Nsp::new(name), payload);
        self.session.send(refusal, &mut cx.engine);
    }

    fn handle_attachment(&mut self, data: &[u8], cx: &mut Context<'_>) -> Result<(), NotAllowed> {
        let mut assembly = self.assembly.take().ok_or(NotAllowed)?;
        if !self.sockets.iter().any(|socket| socket.serial == assembly.serial) {
            // The socket has been disconnected meanwhile. The client may not send anything to its namespace.
            return Err(NotAllowed);
        }
        assembly.add(data, cx.engine.config).map_err(|much| cx.too_much(&much))?;
        if !assembly.is_complete() {
            self.wait_for_attachment(assembly, cx);
            return Ok(());
        }
        self.session.stop_timer(Timer::Attachment);
        let Assembly { serial, purpose, event, .. } = *assembly;
        deliver_up(serial, purpose, event, cx);
        Ok(())
    }

    /// Delivers a packet, or keeps it until `owed` attachments have arrived.
    fn receive(
        &mut self,
        serial: u32,
        purpose: Purpose,
        event: Event,
        owed: usize,
        cx: &mut Context<'_>,
    ) -> Result<(), NotAllowed> {
        if event.attachments().len() < owed {
            let assembly = Assembly::new(serial, purpose, event, owed, (cx.population, cx.engine.config));
            let assembly = assembly.map_err(|much| cx.too_much(&much))?;
            self.wait_for_attachment(Box::new(assembly), cx);
        } else {
            deliver_up(serial, purpose, event, cx);
        }
        Ok(())
    }

    fn wait_for_attachment(&mut self, assembly: Box<Assembly>, cx: &Context<'_>) {
        self.assembly = Some(assembly);
        self.session.set_timer(Timer::Attachment, cx.engine.now.after(cx.engine.config.attachment_timeout));
    }

    /// Sends a connect request to the hub.
    fn request_connect(&mut self, nsp: Nsp, auth: Box<str>, attachments: Vec<Bytes>, cx: &mut Context<'_>) {
        let serial = self.next_serial;
        self.next_serial = self.next_serial.wrapping_add(1);
        let revision = self.session.revision();
        // EIO=4: unrelated to the session's id, which is a secret. EIO=3: the session's id, of which the client
        // makes its public id without being told. Engine.IO alone has no other id.
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

    /// When the session has begun to end, tells the hub that all sockets are disconnected. After that there are none.
    fn disconnect_if_ended(&mut self, cx: &mut Context<'_>) {
        if let Some(reason) = self.session.end() {
            self.assembly = None;
            for socket in self.sockets.drain(..) {
                cx.event(socket.serial, SocketEvent::Disconnect(reason));
            }
        }
    }
}

fn deliver_up(serial: u32, purpose: Purpose, event: Event, cx: &mut Context<'_>) {
    match purpose {
        Purpose::Event => cx.event(serial, SocketEvent::Event(event)),
        Purpose::Answer(Some(id)) => {
            let answer = event.without_idle_attachments();
            cx.event(serial, SocketEvent::Ack { id, answer });
        }
        Purpose::Answer(None) => {}
    }
}
