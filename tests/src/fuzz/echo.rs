//! A packet through a server and back to the same client: the only way to the encoders of Socket.IO packets in the
//! public API.

use bytes::Bytes;
use sanket::codec::{Kind, Packet, SocketMessage, SocketPacket};
use sanket::driver::{
    Input, NewSession, Opening, Output, RawMessage, RequestId, Server, Sid, WsMessage, decode_message,
};
use sanket::{
    AckId, Admission, App, BroadcastAckId, Config, ConnectRequest, Effects, Emit, Event, Protocol, Reason, Revision,
    SocketId, Target, Time,
};
use std::borrow::Cow;

/// JSON with its attachments.
pub(super) type Data = (String, Vec<Bytes>);

/// Limits of a protocol that are not hit by what is said with an array around it.
pub(super) fn config(protocol: Protocol) -> Config {
    Config { protocol, max_depth: usize::MAX, ..Config::default() }
}

/// What an application gets of a packet, sent on and decoded again. Nothing where an application gets nothing.
pub(super) fn through(protocol: Protocol, packet: &SocketPacket<'_>, attachments: &[Bytes]) -> Option<Data> {
    let SocketPacket { nsp, kind } = packet.clone();
    let now = Time::from_millis(0);
    let ws = RequestId(1);
    let mut server = Server::new(Echo, config(protocol));
    let [sid, public, private] = [1, 2, 3].map(|n| Sid::from_bytes([n; 16]));
    let opening = Opening::WebSocket(ws);
    let new = NewSession { sid, public, private, revision: Revision::V4, opening, handshake: None };
    let key = server.shard.open(new, now).expect("there is room");
    let mut say = |kind, attachments: &[Bytes]| {
        let packet = SocketPacket { nsp: nsp.clone(), kind };
        for message in messages(protocol, packet, attachments) {
            server.shard.handle(key, Input::WsMessage(ws, Ok(Packet::Message(message))), now);
            server.pump(now, |_, output| assert!(!matches!(output, Output::Closed(_)), "{output:?}"));
        }
    };
    match kind {
        Kind::Connect { .. } => say(kind, attachments),
        Kind::Event { .. } | Kind::Ack { .. } => {
            say(Kind::Connect { auth: "".into() }, &[]);
            // The application has asked once.
            say(
                if let Kind::Ack { args, attachments, .. } = kind {
                    Kind::Ack { id: Some(0), args, attachments }
                } else {
                    kind
                },
                attachments,
            );
        }
        Kind::ConnectTooLong | Kind::Disconnect | Kind::ConnectError => return None,
    }
    let mut sent = Vec::new();
    assert!(!server.shard.transmit(key, ws, usize::MAX, &mut sent, now), "there is more");
    let received = received(&sent, &config(protocol));
    let (packet, attachments) = received.into_iter().next_back().expect("something was said");
    let Kind::Event { args, .. } = packet.kind else { panic!("{packet:?} is no event") };
    let json = args.strip_prefix("[\"echo\",").and_then(|rest| rest.strip_suffix(']')).expect("an echo");
    Some((json.to_owned(), attachments))
}

/// The messages that a packet is in. A CONNECT has no attachments as text, but a machine does not mind.
fn messages<'a>(protocol: Protocol, packet: SocketPacket<'a>, attachments: &[Bytes]) -> Vec<SocketMessage<'a>> {
    if protocol == Protocol::SocketIoMsgPack || matches!(packet.kind, Kind::Connect { .. }) {
        return vec![SocketMessage::Whole(packet, attachments.to_vec())];
    }
    let mut messages = vec![SocketMessage::Packet(packet)];
    messages.extend(attachments.iter().map(|data| SocketMessage::Attachment(Cow::Owned(data.to_vec()))));
    messages
}

/// The packets in WebSocket messages, each with its attachments.
fn received<'a>(sent: &'a [WsMessage], config: &Config) -> Vec<(SocketPacket<'a>, Vec<Bytes>)> {
    let mut received: Vec<(SocketPacket<'a>, Vec<Bytes>)> = Vec::new();
    for message in sent {
        let raw = match message {
            WsMessage::Text(text) => RawMessage::Text(std::str::from_utf8(text).expect("text is UTF-8")),
            WsMessage::Binary(data) => RawMessage::Binary(data),
        };
        match decode_message(Revision::V4, raw, config).expect("what was encoded can be decoded") {
            Packet::Message(SocketMessage::Packet(packet)) => received.push((packet, Vec::new())),
            Packet::Message(SocketMessage::Whole(packet, attachments)) => received.push((packet, attachments)),
            Packet::Message(SocketMessage::Attachment(data)) => {
                let (_, attachments) = received.last_mut().expect("attachments follow their packet");
                attachments.push(Bytes::copy_from_slice(&data));
            }
            Packet::Open => {}
            other => panic!("{other:?}"),
        }
    }
    received
}

/// Says everything that it is told.
struct Echo;

impl Echo {
    fn echo(who: SocketId, json: &str, attachments: &[Bytes], fx: &mut Effects<'_>) {
        fx.send(Target::Socket(who), &Emit::new("echo").args_json(json).attachments(attachments));
    }
}

impl App for Echo {
    fn admit(&mut self, _: SocketId, _: &ConnectRequest, _: &mut Effects<'_>) -> Admission {
        Admission::Accept
    }

    fn connect(&mut self, who: SocketId, connect: &ConnectRequest, fx: &mut Effects<'_>) {
        fx.emit_with_ack(Target::Socket(who), &Emit::new("ask"), 1_000);
        Self::echo(who, &connect.auth, &connect.attachments, fx);
    }

    fn event(&mut self, who: SocketId, event: &Event, _: Option<AckId>, fx: &mut Effects<'_>) {
        Self::echo(who, event.json(), event.attachments(), fx);
    }

    fn ack(&mut self, _: BroadcastAckId, who: SocketId, answer: &Event, fx: &mut Effects<'_>) {
        Self::echo(who, answer.json(), answer.attachments(), fx);
    }

    fn disconnect(&mut self, _: SocketId, _: Reason, _: &mut Effects<'_>) {}
}
