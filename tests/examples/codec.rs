//! The core's codecs as a program, for tests in other languages that compare codecs: a line of JSON in, a line of JSON
//! out. Bytes are base64 in both directions.
//!
//! | `op` | wants | gives |
//! |---|---|---|
//! | `engine-packet` | `revision`, `kind` (`text`, `binary`), `data` | `packets`, or `error` |
//! | `payload` | the same | `packets`, and `error` if one came after them |
//! | `socket-packet` | `revision`, `data` | a packet, or `error` |
//! | `msgpack` | `revision`, `data` | a packet with its attachments, or `error` |
//! | `encode-payload` | `revision`, `base64`, `packets` | `kind`, `data` |
//! | `exchange` | `revision`, `msgpack`, `messages` | `messages` and `end`, the server's side of a session by WebSocket |
//!
//! An Engine.IO packet is `{type, text}`, `{type, binary}` or, for a ping, `{type, probe}`. A packet to be encoded is
//! `{text, attachments}`, or the name of a packet of the server's own. The server of `exchange` accepts all connect
//! requests. It acknowledges an event with the event's arguments; if the client asks for no acknowledgement, it emits
//! `back` with the event's name and arguments.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use sanket::codec::{
    BodyKind, Kind, Packet, PacketData, SocketMessage, SocketPacket, SocketPacketError, decode_binary, decode_payload,
    decode_text,
};
use sanket::driver::{Batch, Frame, Incoming, Outgoing, RawMessage, WsMessage, decode_message};
use sanket::{
    AckId, Admission, App, Config, ConnectRequest, Effects, Emit, Event, Protocol, Reason, Revision, SocketId, Target,
};
use sanket_tests::world::World;
use serde_json::{Value, json};
use std::error::Error;
use std::io::{BufRead, Write, stdin, stdout};

type Answer = Result<Value, Box<dyn Error>>;

fn main() -> Result<(), Box<dyn Error>> {
    let mut out = stdout().lock();
    for line in stdin().lock().lines() {
        let question: Value = serde_json::from_str(&line?)?;
        writeln!(out, "{}", answer(&question).unwrap_or_else(|error| json!({ "error": error.to_string() })))?;
    }
    Ok(())
}

fn answer(question: &Value) -> Answer {
    let revision = if question["revision"] == 3 { Revision::V3 } else { Revision::V4 };
    let kind = if question["kind"] == "binary" { BodyKind::Binary } else { BodyKind::Text };
    match question["op"].as_str().unwrap_or_default() {
        "engine-packet" => engine_packet(revision, kind, &bytes(&question["data"])?),
        "payload" => payload(revision, kind, &bytes(&question["data"])?),
        "socket-packet" => socket_packet(revision, std::str::from_utf8(&bytes(&question["data"])?)?),
        "msgpack" => msgpack(revision, &bytes(&question["data"])?),
        "encode-payload" => encode_payload(revision, question),
        "exchange" => exchange(revision, question),
        op => Err(format!("no such op: {op}").into()),
    }
}

fn bytes(value: &Value) -> Result<Vec<u8>, Box<dyn Error>> {
    Ok(STANDARD.decode(value.as_str().unwrap_or_default())?)
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn engine_packet(revision: Revision, kind: BodyKind, data: &[u8]) -> Answer {
    let packet = match kind {
        BodyKind::Text => decode_text(revision, std::str::from_utf8(data)?)?,
        BodyKind::Binary => decode_binary(revision, data)?,
    };
    Ok(json!({ "packets": [plain(&packet)] }))
}

fn payload(revision: Revision, kind: BodyKind, body: &[u8]) -> Answer {
    let (mut packets, mut error) = (Vec::new(), None);
    for packet in decode_payload(revision, kind, body, Config::default().max_packets) {
        match packet {
            Ok(packet) => packets.push(plain(&packet)),
            Err(reason) => error = Some(reason.to_string()),
        }
    }
    Ok(match error {
        Some(error) => json!({ "packets": packets, "error": error }),
        None => json!({ "packets": packets }),
    })
}

fn plain(packet: &Packet<PacketData<'_>>) -> Value {
    match packet {
        Packet::Open => json!({ "type": "open" }),
        Packet::Close => json!({ "type": "close" }),
        Packet::Ping { probe } => json!({ "type": "ping", "probe": probe }),
        Packet::Pong => json!({ "type": "pong" }),
        Packet::Message(PacketData::Text(text)) => json!({ "type": "message", "text": text }),
        Packet::Message(PacketData::Binary(data)) => json!({ "type": "message", "binary": STANDARD.encode(data) }),
        Packet::Upgrade => json!({ "type": "upgrade" }),
        Packet::Noop => json!({ "type": "noop" }),
    }
}

fn socket_packet(revision: Revision, text: &str) -> Answer {
    let message = format!("4{text}");
    message_of(decode_message(revision, RawMessage::Text(&message), &Config::default())?)
}

fn msgpack(revision: Revision, data: &[u8]) -> Answer {
    let config = Config { protocol: Protocol::SocketIoMsgPack, ..Config::default() };
    // EIO=3's frames have their type before what they carry.
    let framed = [if revision == Revision::V3 { &[4][..] } else { &[] }, data].concat();
    message_of(decode_message(revision, RawMessage::Binary(&framed), &config)?)
}

fn message_of(packet: Incoming<'_>) -> Answer {
    match packet {
        Packet::Message(SocketMessage::Packet(packet)) => Ok(socket(&packet)),
        Packet::Message(SocketMessage::Whole(packet, attachments)) => {
            let mut whole = socket(&packet);
            whole["attachments"] = attachments.iter().map(|data| STANDARD.encode(data)).collect();
            Ok(whole)
        }
        Packet::Message(SocketMessage::Malformed(error)) => Err(error.into()),
        other => Err(format!("no Socket.IO packet: {other:?}").into()),
    }
}

fn socket(SocketPacket { nsp, kind }: &SocketPacket<'_>) -> Value {
    match kind {
        Kind::Connect { auth } => json!({ "type": 0, "nsp": nsp, "data": auth }),
        Kind::ConnectTooLong => json!({ "error": SocketPacketError::Namespace.to_string() }),
        Kind::Disconnect => json!({ "type": 1, "nsp": nsp }),
        Kind::Event { id, args, name, attachments } => {
            let name = args.get(name.clone());
            json!({ "type": 2, "nsp": nsp, "id": id, "data": args, "name": name, "attachments": attachments })
        }
        Kind::Ack { id, args, attachments } => {
            json!({ "type": 3, "nsp": nsp, "id": id, "data": args, "attachments": attachments })
        }
        Kind::ConnectError => json!({ "type": 4, "nsp": nsp }),
    }
}

fn encode_payload(revision: Revision, question: &Value) -> Answer {
    let mut packets = Vec::new();
    for packet in list(&question["packets"]) {
        packets.push(match packet.as_str() {
            Some("close") => Outgoing::Close,
            Some("ping") => Outgoing::Ping,
            Some("pong") => Outgoing::Pong,
            Some(_) => Outgoing::Noop,
            None => {
                let attachments: Result<Vec<_>, _> = list(&packet["attachments"]).iter().map(bytes).collect();
                let attachments: Vec<Bytes> = attachments?.into_iter().map(Bytes::from).collect();
                Outgoing::Frame(Frame::new(packet["text"].as_str().unwrap_or_default().into(), &attachments))
            }
        });
    }
    let (kind, body) = Batch::new(packets, revision, question["base64"] == true).encode();
    let kind = if kind == BodyKind::Text { "text" } else { "binary" };
    Ok(json!({ "kind": kind, "data": STANDARD.encode(body) }))
}

fn exchange(revision: Revision, question: &Value) -> Answer {
    let protocol = if question["msgpack"] == true { Protocol::SocketIoMsgPack } else { Protocol::SocketIo };
    let mut world = World::new(Mirror, Config { protocol, ..Config::default() });
    let (session, ws) = world.open_ws(revision)?;
    for message in list(&question["messages"]) {
        match message["text"].as_str() {
            Some(text) => world.send(session, ws, RawMessage::Text(text)),
            None => world.send(session, ws, RawMessage::Binary(&bytes(&message["binary"])?)),
        }
    }
    let mut messages = Vec::new();
    for message in world.receive(session, ws, usize::MAX) {
        messages.push(match message {
            WsMessage::Text(text) => json!({ "text": std::str::from_utf8(&text)? }),
            WsMessage::Binary(data) => json!({ "binary": STANDARD.encode(data) }),
        });
    }
    Ok(json!({ "messages": messages, "end": world.end_of(session).map(|reason| reason.to_string()) }))
}

#[derive(Debug)]
struct Mirror;

impl App for Mirror {
    fn admit(&mut self, _: SocketId, _: &ConnectRequest, _: &mut Effects<'_>) -> Admission {
        Admission::Accept
    }

    fn connect(&mut self, _: SocketId, _: &ConnectRequest, _: &mut Effects<'_>) {}

    fn event(&mut self, who: SocketId, event: &Event, ack: Option<AckId>, fx: &mut Effects<'_>) {
        match ack {
            Some(ack) => fx.ack_json(ack, event.args_json(), event.attachments()),
            None => {
                // The array without its brackets.
                let all = event.json().trim().strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
                let back = Emit::new("back").args_json(all.unwrap_or_default()).attachments(event.attachments());
                fx.send(Target::Socket(who), &back);
            }
        }
    }

    fn disconnect(&mut self, _: SocketId, _: Reason, _: &mut Effects<'_>) {}
}
