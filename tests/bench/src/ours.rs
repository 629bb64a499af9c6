//! The work done by `sanket`.
//!
//! What comes in is checked on the way: that it is JSON, not too deep, that the name is one that clients may use, that the
//! attachments and their placeholders fit. A decoded packet borrows from the message. Attachments are joined by the session,
//! behind a shard, and there is no shorter way; with it goes everything else that a session does: heartbeats, deadlines, its
//! namespaces, the copy of the event that goes to the hub. `emit_event` is what an application does: the hub looks up the socket
//! and queues a delivery. Attachments that are sent are shared, as theirs are, since there are no EIO=3 clients here.

use crate::inputs::{NAME, Picture};
use bytes::Bytes;
use sanket::codec::{BodyKind, Kind, Packet, PacketData, SocketMessage, SocketPacket, decode_payload};
use sanket::driver::{
    Batch, Delivery, Frame, Incoming, Input, NewSession, Opening, Outgoing, RawMessage, RequestId, Server, Sid,
    SocketEvent, decode_body, decode_message,
};
use sanket::{
    AckId, Admission, App, Config, ConnectRequest, Effects, Emit, Event, Nsp, Reason, Revision, SocketId, Target, Time,
};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fmt;

const NOW: Time = Time::from_millis(1_000_000);
const WS: RequestId = RequestId(1);

/// A server with one client, which is in `/`.
pub struct Side {
    config: Config,
    server: Server<Nobody>,
    who: SocketId,
}

impl fmt::Debug for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("sanket")
    }
}

/// The application: everybody may come in, and that is all.
#[derive(Debug)]
struct Nobody;

impl App for Nobody {
    fn admit(&mut self, _: SocketId, _: &ConnectRequest, _: &mut Effects<'_>) -> Admission {
        Admission::Accept
    }

    fn connect(&mut self, _: SocketId, _: &ConnectRequest, _: &mut Effects<'_>) {}

    fn event(&mut self, _: SocketId, _: &Event, _: Option<AckId>, _: &mut Effects<'_>) {}

    fn disconnect(&mut self, _: SocketId, _: Reason, _: &mut Effects<'_>) {}
}

impl Default for Side {
    fn default() -> Self {
        let config = Config::default();
        let mut server = Server::new(Nobody, config.clone());
        let [sid, public, private] = [1, 2, 3].map(|n| Sid::from_bytes([n; 16]));
        let (revision, opening) = (Revision::V4, Opening::WebSocket(WS));
        let new = NewSession { sid, public, private, revision, opening, handshake: None };
        let key = server.shard.open(new, NOW).expect("there is room");
        server.shard.handle(key, Input::WsMessage(WS, decode_message(revision, RawMessage::Text("40"), &config)), NOW);
        let (who, event) = server.shard.poll_event().expect("it wants in");
        server.hub.handle(who, event, NOW);
        let (_, accept) = server.hub.poll_delivery().expect("it is let in");
        server.shard.deliver(&[who], accept, NOW);
        while server.shard.transmit(key, WS, usize::MAX, &mut Vec::new(), NOW) {}
        while server.shard.poll_output().is_some() {}
        Self { config, server, who }
    }
}

fn name_and_args<'a>(message: &'a Incoming<'_>) -> Option<(&'a str, &'a str)> {
    match message {
        Packet::Message(SocketMessage::Packet(SocketPacket { kind: Kind::Event { args, name, .. }, .. })) => {
            Some((args.get(name.clone())?, args))
        }
        _ => None,
    }
}

impl Side {
    /// See the crate. The name is given to `with` as JSON, as the arguments are, which have the name before them.
    pub fn event<R>(&self, text: &str, with: impl FnOnce(&str, &str) -> R) -> R {
        let decoded = decode_message(Revision::V4, RawMessage::Text(text), &self.config).expect("a packet");
        let (name, args) = name_and_args(&decoded).expect("an event");
        with(name, args)
    }

    /// See the crate.
    pub fn typed<T: DeserializeOwned>(&self, text: &str) -> T {
        self.event(text, |_, args| {
            let (_, value): (&str, T) = serde_json::from_str(args).expect("what was asked for");
            value
        })
    }

    /// See the crate.
    pub fn binary_event(&mut self, text: &str, data: &[u8]) -> Event {
        let Self { config, server, who } = self;
        for message in [RawMessage::Text(text), RawMessage::Binary(data)] {
            let decoded = decode_message(Revision::V4, message, config);
            server.shard.handle(who.key, Input::WsMessage(WS, decoded), NOW);
        }
        match server.shard.poll_event() {
            Some((_, SocketEvent::Event(received))) => received,
            other => panic!("no event: {other:?}"),
        }
    }

    /// The codec's part of it alone, with the joining done as the session does it: the attachment is copied.
    pub fn binary_event_codec<R>(&self, text: &str, data: &[u8], with: impl FnOnce(&str, &str, &[Bytes]) -> R) -> R {
        let decoded = decode_message(Revision::V4, RawMessage::Text(text), &self.config).expect("a packet");
        let (name, args) = name_and_args(&decoded).expect("an event");
        let attachment = match decode_message(Revision::V4, RawMessage::Binary(data), &self.config) {
            Ok(Packet::Message(SocketMessage::Attachment(data))) => Bytes::copy_from_slice(&data),
            other => panic!("no attachment: {other:?}"),
        };
        with(name, args, &[attachment])
    }

    /// See the crate. Gives each packet's text to `with`.
    pub fn packets(&self, revision: Revision, body: &[u8], mut with: impl FnMut(&str)) {
        for packet in decode_payload(revision, BodyKind::Text, body, self.config.max_packets) {
            match packet {
                Ok(Packet::Message(PacketData::Text(text))) => with(text),
                other => panic!("no message: {other:?}"),
            }
        }
    }

    /// See the crate. Gives each event's name and arguments to `with`.
    pub fn events(&self, revision: Revision, body: &[u8], mut with: impl FnMut(&str, &str)) {
        let decoded = decode_body(revision, BodyKind::Text, body, &self.config);
        assert_eq!(decoded.error, None);
        for packet in &decoded.packets {
            let (name, args) = name_and_args(packet).expect("an event");
            with(name, args);
        }
    }

    fn emitted(&mut self, emit: &Emit<'_>) -> Frame {
        let target = Target::Socket(self.who);
        self.server.hub.apply(NOW, |_, fx| fx.send(target, emit));
        match self.server.hub.poll_delivery() {
            Some((_, Delivery::Emit(frame))) => frame,
            other => panic!("nothing emitted: {other:?}"),
        }
    }

    /// See the crate.
    pub fn encode_event(&self, value: &impl Serialize) -> Frame {
        Emit::new(NAME).arg(value).frame(self.config.protocol, &Nsp::ROOT)
    }

    /// The same by way of the hub.
    pub fn emit_event(&mut self, value: &impl Serialize) -> Frame {
        self.emitted(&Emit::new(NAME).arg(value))
    }

    /// See the crate. The application writes the placeholder itself.
    pub fn encode_binary_event(&self, picture: &Picture) -> Frame {
        #[derive(Serialize)]
        struct Seen<'a> {
            description: &'a str,
            data: Placeholder,
        }
        #[derive(Serialize)]
        struct Placeholder {
            _placeholder: bool,
            num: u8,
        }
        let data = Placeholder { _placeholder: true, num: 0 };
        let seen = Seen { description: &picture.description, data };
        let attachments = [picture.data.clone()];
        Emit::new(NAME).arg(&seen).attachments(&attachments).frame(self.config.protocol, &Nsp::ROOT)
    }

    /// See the crate.
    pub fn encode_packets(&self, revision: Revision, packets: &[Frame]) -> Bytes {
        let packets = packets.iter().map(|frame| Outgoing::Frame(frame.clone())).collect();
        Batch::new(packets, revision, false).encode().1
    }
}

/// Events that are encoded already, as queues hold them.
pub fn queued(texts: &[String]) -> Vec<Frame> {
    texts.iter().map(|text| Frame::new(text.clone(), &[])).collect()
}
