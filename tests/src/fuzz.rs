//! The bodies of the fuzz targets. Each takes any bytes and panics if something does not hold; the targets in `fuzz/` are
//! one line each, and the seeds replay as tests.

use crate::script::Script;
use sanket::{
    Ask, Batch, BodyKind, Config, Frame, Kind, Message, Method, Outgoing, Packet, PayloadError, RawMessage, Request,
    Revision, SocketPacket, decode_body, decode_message, decode_payload, decode_socket_packet,
};

/// POST bodies of both revisions: decoding never panics, never makes more packets than there are bytes, and what was
/// accepted comes back the same when it is encoded and decoded again.
pub fn payload(data: &[u8]) {
    let Some((first, body)) = data.split_first() else { return };
    let revision = if first & 1 == 0 { Revision::V3 } else { Revision::V4 };
    let kind = if first & 2 == 0 { BodyKind::Text } else { BodyKind::Binary };
    let packets: Vec<_> = decode_payload(revision, kind, body, 1_000).collect();
    assert!(packets.len() <= body.len() + 1);
    assert!(packets.iter().rev().skip(1).all(Result::is_ok), "something came after an error");
    let accepted: Result<Vec<_>, PayloadError> = packets.into_iter().collect();
    if let Ok(accepted) = accepted {
        come_back(&accepted, revision, first & 4 == 0);
    }
    drop(decode_body(revision, kind, body, &Config::default()));
}

/// Encodes messages as the server would send them, and decodes them as a client's body.
fn come_back(packets: &[Packet<Message<'_>>], revision: Revision, base64: bool) {
    // The server's side has no binary message without a text before it.
    let mut outgoing: Vec<(String, Vec<bytes::Bytes>)> = Vec::new();
    for packet in packets {
        match packet {
            // Between the packets of a v4 payload, and nowhere in JSON.
            Packet::Message(Message::Text(text)) => {
                outgoing.push((format!("4{}", text.replace('\x1e', "")), Vec::new()));
            }
            Packet::Message(Message::Binary(data)) => {
                if let Some((_, attachments)) = outgoing.last_mut() {
                    attachments.push(bytes::Bytes::copy_from_slice(data));
                }
            }
            Packet::Open | Packet::Close | Packet::Ping { .. } | Packet::Pong | Packet::Upgrade | Packet::Noop => {}
        }
    }
    if outgoing.is_empty() {
        return;
    }
    let frames = outgoing.iter().map(|(text, data)| Outgoing::Frame(Frame::new(text.clone(), data))).collect();
    let (kind, body) = Batch::new(frames, revision, base64).encode();
    let decoded: Vec<_> = decode_payload(revision, kind, &body, usize::MAX)
        .map(|packet| packet.expect("what was encoded can be decoded"))
        .collect();
    let mut wanted = Vec::new();
    for (text, attachments) in &outgoing {
        wanted.push(Packet::Message(Message::Text(&text[1..])));
        wanted.extend(attachments.iter().map(|data| Packet::Message(Message::Binary(data.as_ref().into()))));
    }
    assert_eq!(decoded, wanted);
}

/// Socket.IO packets: what is accepted is put together again from its parts.
pub fn packet(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    for revision in [Revision::V3, Revision::V4] {
        drop(decode_message(revision, RawMessage::Text(text), &Config::default()));
        drop(decode_message(revision, RawMessage::Binary(data), &Config::default()));
    }
    let Ok(packet) = decode_socket_packet(text, &Config::default()) else { return };
    let SocketPacket { nsp, kind } = packet;
    let nsp = if nsp == "/" { String::new() } else { format!("{nsp},") };
    let id = |id: Option<u64>| id.map(|id| id.to_string()).unwrap_or_default();
    let count = |n: usize| if n == 0 { String::new() } else { format!("{n}-") };
    let type_of = |plain: &str, binary: &str, n: usize| if n == 0 { plain.to_owned() } else { binary.to_owned() };
    let again = match &kind {
        Kind::Connect { auth } => format!("0{nsp}{auth}"),
        Kind::Disconnect => format!("1{nsp}"),
        Kind::Event { id: event, args, attachments, .. } => {
            format!("{}{}{nsp}{}{args}", type_of("2", "5", *attachments), count(*attachments), id(*event))
        }
        Kind::Ack { id: event, args, attachments } => {
            format!("{}{}{nsp}{}{args}", type_of("3", "6", *attachments), count(*attachments), id(*event))
        }
        Kind::ConnectError => return,
    };
    let decoded = decode_socket_packet(&again, &Config::default());
    assert_eq!(decoded.map(|packet| packet.kind), Ok(kind), "{text} and {again}");
}

/// Methods and queries.
pub fn request(data: &[u8]) {
    let mut script = Script::new(data);
    let method = [Method::Get, Method::Post, Method::Other][script.below(3)];
    let upgrade = script.below(2) == 0;
    let query = String::from_utf8_lossy(script.bytes(usize::MAX));
    match Request::parse(method, &query, upgrade, &Config::default()) {
        Ok(Request::Handshake { .. }) => assert_eq!(method, Method::Get),
        Ok(Request::Session { sid, ask, .. }) => {
            assert_eq!(sid.to_string().len(), 22);
            assert!(ask != Ask::Post || method == Method::Post);
        }
        Err(error) => assert!(error.body().starts_with("{\"code\":")),
    }
}

/// A whole server and its clients: see [`crate::script`].
pub fn server(data: &[u8]) {
    crate::script::play(data);
}
