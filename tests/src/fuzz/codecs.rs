//! The codecs: input is accepted or refused, the output is never larger than it may be, and what was accepted is the
//! same after encoding and decoding.

use super::echo::{self, through};
use crate::script::Script;
use bytes::Bytes;
use sanket::codec::{
    BodyKind, Kind, Packet, PacketData, PacketError, PayloadError, SocketMessage, SocketPacket, SocketPacketError,
    decode_binary, decode_payload, decode_socket_packet, decode_text,
};
use sanket::driver::{
    Ask, Batch, Frame, Method, Outgoing, RawMessage, Request, WsMessage, decode_body, decode_message,
    jsonp as script_tag,
};
use sanket::{Config, Handshake, Protocol, Revision};
use serde_json::Value;
use serde_json::value::RawValue;

/// POST bodies of EIO=3. The first byte says of which kind, and how the answer is encoded.
pub fn payload_v3(data: &[u8]) {
    let Some((flags, body)) = data.split_first() else { return };
    let kind = if flags & 1 == 0 { BodyKind::Text } else { BodyKind::Binary };
    let accepted = payload(Revision::V3, kind, body, flags & 2 == 0);
    if kind == BodyKind::Text && !body.is_empty() {
        let split = std::str::from_utf8(body).ok().and_then(split_as_javascript);
        assert_eq!(accepted, split.is_some_and(|packets| packets.iter().all(|packet| is_packet(packet))), "{body:?}");
    }
}

/// POST bodies of EIO=4.
pub fn payload_v4(body: &[u8]) {
    payload(Revision::V4, BodyKind::Text, body, false);
    // CVE-2026-59725.
    let binary: Vec<_> = decode_payload(Revision::V4, BodyKind::Binary, body, 1_000).collect();
    assert!(matches!(binary[..], [Err(PayloadError::UnexpectedBinary | PayloadError::Empty)]), "{binary:?}");
}

/// Never more packets than there are bytes, nothing after an error, and what was accepted comes back. Whether it was.
fn payload(revision: Revision, kind: BodyKind, body: &[u8], base64: bool) -> bool {
    let packets: Vec<_> = decode_payload(revision, kind, body, usize::MAX).collect();
    assert!(packets.len() <= body.len() + 1);
    assert!(packets.iter().rev().skip(1).all(Result::is_ok), "something came after an error");
    let few: Vec<_> = decode_payload(revision, kind, body, 3).collect();
    assert_eq!(few.iter().take(3).collect::<Vec<_>>(), packets.iter().take(3).collect::<Vec<_>>());
    assert!(packets.len() <= 3 || few[3..] == [Err(PayloadError::TooManyPackets)], "{few:?}");
    for protocol in [Protocol::SocketIo, Protocol::SocketIoMsgPack, Protocol::EngineIo] {
        let config = Config { protocol, ..Config::default() };
        let decoded = decode_body(revision, kind, body, &config);
        assert_eq!(decoded.packets.len() + usize::from(decoded.error.is_some()), packets.len());
    }
    let accepted: Result<Vec<_>, PayloadError> = packets.into_iter().collect();
    if let Ok(accepted) = &accepted {
        round_trip(accepted, revision, base64);
    }
    accepted.is_ok()
}

/// Encodes messages as the server would send them, and decodes them as a client's body.
fn round_trip(packets: &[Packet<PacketData<'_>>], revision: Revision, base64: bool) {
    let mut outgoing = Vec::new();
    let mut wanted: Vec<Packet<PacketData<'_>>> = Vec::new();
    for packet in packets {
        outgoing.push(match packet {
            Packet::Message(PacketData::Text(text)) => Outgoing::Frame(Frame::new(format!("4{text}"), &[])),
            Packet::Message(PacketData::Binary(data)) => Outgoing::Frame(Frame::binary(Bytes::copy_from_slice(data))),
            Packet::Close => Outgoing::Close,
            Packet::Ping { probe: false } => Outgoing::Ping,
            Packet::Pong => Outgoing::Pong,
            Packet::Noop => Outgoing::Noop,
            // What no server says in a payload.
            Packet::Open | Packet::Upgrade | Packet::Ping { probe: true } => continue,
        });
        wanted.push(packet.clone());
    }
    if wanted.is_empty() {
        return;
    }
    let batch = Batch::new(outgoing, revision, base64);
    let (kind, body) = batch.encode();
    assert!(kind == BodyKind::Text || (revision == Revision::V3 && !base64));
    let decoded: Result<Vec<_>, _> = decode_payload(revision, kind, &body, usize::MAX).collect();
    assert_eq!(decoded, Ok(wanted));
}

/// What the `length`s of an EIO=3 payload say in JavaScript, where the length of a string is that of its UTF-16.
fn split_as_javascript(body: &str) -> Option<Vec<String>> {
    let mut units: &[u16] = &body.encode_utf16().collect::<Vec<_>>();
    let mut packets = Vec::new();
    while !units.is_empty() {
        let colon = units.iter().position(|unit| *unit == u16::from(b':'))?;
        let digits = String::from_utf16(&units[..colon]).ok()?;
        // Ten digits are enough for any body.
        let plain = (1..=10).contains(&digits.len()) && digits.bytes().all(|digit| digit.is_ascii_digit());
        let length = digits.parse().ok().filter(|_| plain)?;
        let (packet, rest) = units[colon + 1..].split_at_checked(length)?;
        packets.push(String::from_utf16(packet).ok()?);
        units = rest;
    }
    Some(packets)
}

/// Whether text is an EIO=3 packet.
fn is_packet(text: &str) -> bool {
    match text.strip_prefix('b') {
        Some(binary) => binary.strip_prefix('4').is_some_and(is_base64),
        None => text.starts_with(|c| ('0'..='6').contains(&c)),
    }
}

/// Whether text is base64, its last character without bits that mean nothing.
fn is_base64(text: &str) -> bool {
    const LETTERS: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let letters = text.trim_end_matches('=');
    let padding = text.len() - letters.len();
    let last = letters.chars().next_back().and_then(|last| LETTERS.find(last)).unwrap_or_default();
    text.len().is_multiple_of(4)
        && padding <= 2
        && last.is_multiple_of(1 << (2 * padding))
        && letters.chars().all(|letter| LETTERS.contains(letter))
}

/// One Engine.IO packet, as text and as bytes.
pub fn engine_packet(data: &[u8]) {
    for revision in [Revision::V3, Revision::V4] {
        match (decode_binary(revision, data), data.split_first()) {
            (Ok(Packet::Message(PacketData::Binary(got))), _) => {
                let frame = Frame::binary(Bytes::copy_from_slice(&got));
                let [WsMessage::Binary(sent)] = &frame.messages(revision).collect::<Vec<_>>()[..] else {
                    panic!("{frame:?} is one message")
                };
                assert_eq!(*sent, data);
            }
            (Err(PacketError::Empty), None) => assert_eq!(revision, Revision::V3),
            (Err(PacketError::BinaryType), Some((kind, _))) => assert!(revision == Revision::V3 && *kind != 4),
            (other, _) => panic!("{other:?}"),
        }
    }
    let Ok(text) = std::str::from_utf8(data) else { return };
    let engine = Config { protocol: Protocol::EngineIo, ..Config::default() };
    for revision in [Revision::V3, Revision::V4] {
        for (message, alone) in [
            (RawMessage::Text(text), decode_text(revision, text)),
            (RawMessage::Binary(data), decode_binary(revision, data)),
        ] {
            let decoded = decode_message(revision, message, &engine).ok();
            assert_eq!(decoded, alone.ok().map(|packet| packet.map(SocketMessage::Raw)));
        }
    }
    match (decode_text(Revision::V4, text), text.split_at_checked(1)) {
        (Ok(Packet::Message(PacketData::Text(got))), Some(("4", rest))) => {
            assert_eq!(got, rest);
            let frame = Frame::new(text.to_owned(), &[]);
            assert_eq!(frame.text(Revision::V3), frame.text(Revision::V4));
            let messages: Vec<_> = frame.messages(Revision::V4).collect();
            assert_eq!(messages, [WsMessage::Text(Bytes::copy_from_slice(data))]);
        }
        (Ok(Packet::Ping { probe }), Some(("2", rest))) => assert_eq!(probe, rest == "probe"),
        (Ok(Packet::Open), Some(("0", _)))
        | (Ok(Packet::Close), Some(("1", _)))
        | (Ok(Packet::Pong), Some(("3", _)))
        | (Ok(Packet::Upgrade), Some(("5", _)))
        | (Ok(Packet::Noop), Some(("6", _))) => {}
        (Ok(Packet::Message(PacketData::Binary(_))) | Err(PacketError::Base64), Some(("b", _))) => {}
        (Err(PacketError::Empty), _) => assert_eq!(text, ""),
        (Err(PacketError::UnknownType), _) => assert!(!text.starts_with(|c| ('0'..='6').contains(&c)), "{text}"),
        (other, _) => panic!("{other:?} of {text}"),
    }
}

/// Socket.IO packets as text: what is accepted is put together again from its parts, and goes through a server and out
/// again unchanged; as msgpack, it says the same.
pub fn packet(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    for revision in [Revision::V3, Revision::V4] {
        drop(decode_message(revision, RawMessage::Text(&format!("4{text}")), &Config::default()));
    }
    json(text);
    let Ok(packet) = decode_socket_packet(text, &Config::default()) else { return };
    let again = in_words(&packet);
    let decoded = decode_socket_packet(&again, &Config::default());
    assert_eq!(decoded.as_ref(), Ok(&packet), "{text} and {again}");
    let (said, owed) = match &packet.kind {
        Kind::Connect { auth } if auth.is_empty() => ("{}", 0),
        Kind::Connect { auth } => (&**auth, 0),
        Kind::Event { name, args, attachments, .. } => {
            assert!(serde_json::from_str::<&RawValue>(&args[name.clone()]).is_ok(), "{args}");
            (&**args, *attachments)
        }
        Kind::Ack { args, attachments, .. } => (&**args, *attachments),
        Kind::ConnectTooLong | Kind::Disconnect | Kind::ConnectError => return,
    };
    let attachments: Vec<Bytes> = (0..owed).map(|n| format!("{n}").into()).collect();
    // Those of an answer without arguments are dropped: nothing stands for them.
    let idle = matches!(&packet.kind, Kind::Ack { args, .. } if args == "[]");
    let kept = if idle { Vec::new() } else { attachments.clone() };
    assert_eq!(through(Protocol::SocketIo, &packet, &attachments), Some((said.to_owned(), kept)));
    // What looks like a placeholder is something else in msgpack.
    if owed == 0 && !said.contains("_placeholder") && !said.contains("\\u") {
        let packed = through(Protocol::SocketIoMsgPack, &packet, &[]).expect("data");
        assert!(mean_the_same(said, &packed.0), "{said} and {}", packed.0);
    }
}

/// What is JSON for us is for serde_json, and the other way round; and it is as deep.
fn json(text: &str) {
    // The data begins where nothing could be anything else.
    let data = text.trim_start_matches(|c| c != '[' && c != '{');
    let config = Config { max_depth: usize::MAX, ..Config::default() };
    // Not in a tree of its own, which could be too deep for serde_json.
    let array = serde_json::from_str::<&RawValue>(data).is_ok_and(|raw| raw.get().starts_with('['));
    let ack = format!("3{data}");
    // Without data it has no arguments.
    assert_eq!(decode_socket_packet(&ack, &config).is_ok(), array || data.is_empty(), "{data}");
    let object = serde_json::from_str::<&RawValue>(data).is_ok_and(|raw| raw.get().starts_with('{'));
    let connect = format!("0{data}");
    match decode_socket_packet(&connect, &config) {
        Ok(SocketPacket { kind: Kind::Connect { auth }, .. }) => assert_eq!(auth, data.trim_end()),
        other => assert!(other.is_err() && !object, "{data}"),
    }
    let event = format!("2{data}");
    if let Ok(SocketPacket { kind: Kind::Event { name, args, .. }, .. }) = decode_socket_packet(&event, &config) {
        let first = serde_json::from_str::<Vec<&RawValue>>(data).map(|elements| elements[0].get());
        assert_eq!(first.ok(), args.get(name), "{data}");
    }
    if array {
        let depth = depth(data);
        let within = |max_depth| decode_socket_packet(&ack, &Config { max_depth, ..Config::default() });
        assert!(within(depth).is_ok(), "{data}");
        assert_eq!(within(depth - 1), Err(SocketPacketError::Depth), "{data}");
    }
}

/// How deep JSON is.
fn depth(json: &str) -> usize {
    let (mut depth, mut deepest, mut in_string, mut escaped) = (0, 0, false, false);
    for c in json.chars() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => in_string = !in_string,
            '[' | '{' if !in_string => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            ']' | '}' if !in_string => depth -= 1,
            _ => {}
        }
    }
    deepest
}

fn in_words(packet: &SocketPacket<'_>) -> String {
    let SocketPacket { nsp, kind } = packet;
    let nsp = if nsp == "/" { String::new() } else { format!("{nsp},") };
    let id = |id: &Option<u64>| id.map(|id| id.to_string()).unwrap_or_default();
    let head = |plain: u8, n: usize| if n == 0 { format!("{plain}") } else { format!("{}{n}-", plain + 3) };
    match kind {
        Kind::Connect { auth } => format!("0{nsp}{auth}"),
        Kind::ConnectTooLong => format!("0{nsp}"),
        Kind::Disconnect => format!("1{nsp}"),
        Kind::Event { id: event, args, attachments, .. } => {
            format!("{}{nsp}{}{args}", head(2, *attachments), id(event))
        }
        Kind::Ack { id: event, args, attachments } => format!("{}{nsp}{}{args}", head(3, *attachments), id(event)),
        Kind::ConnectError => format!("4{nsp}"),
    }
}

/// Whether two JSON texts are the same value in JavaScript. What serde_json can not read without `arbitrary_precision`
/// or enough stack is taken to be.
fn mean_the_same(one: &str, other: &str) -> bool {
    fn same(one: &Value, other: &Value) -> bool {
        match (one, other) {
            (Value::Number(one), Value::Number(other)) => {
                let [one, other] = [one, other].map(|number| number.as_f64().unwrap_or(f64::NAN));
                // serde_json reads a little beside the number.
                (one - other).abs() <= one.abs() * 1e-12
            }
            (Value::Array(one), Value::Array(other)) => {
                one.len() == other.len() && one.iter().zip(other).all(|(one, other)| same(one, other))
            }
            (Value::Object(one), Value::Object(other)) => {
                one.len() == other.len()
                    && one.iter().all(|(key, one)| other.get(key).is_some_and(|other| same(one, other)))
            }
            _ => one == other,
        }
    }
    match (serde_json::from_str(one), serde_json::from_str(other)) {
        (Ok(one), Ok(other)) => same(&one, &other),
        (one, _) => one.is_err(),
    }
}

/// Socket.IO packets as msgpack: what is accepted is JSON, not much longer than it was, and goes through a server and out
/// again unchanged, be it as msgpack or as text.
pub fn msgpack(data: &[u8]) {
    let config = Config { max_depth: 64, ..echo::config(Protocol::SocketIoMsgPack) };
    let decode = |revision, bytes| match decode_message(revision, RawMessage::Binary(bytes), &config) {
        Ok(Packet::Message(SocketMessage::Whole(packet, attachments))) => Some((packet, attachments)),
        Ok(Packet::Message(SocketMessage::Malformed(_))) => None,
        other => panic!("{other:?}"),
    };
    let decoded = decode(Revision::V4, data);
    let with_type = [&[4], data].concat();
    let old = decode(Revision::V3, &with_type);
    assert_eq!(decoded.is_some(), old.is_some());
    let Some((packet, attachments)) = decoded else { return };
    assert!(packet.nsp.starts_with('/') && attachments.len() <= config.max_attachments);
    let said = match &packet.kind {
        Kind::Connect { auth } if auth.is_empty() => "{}",
        Kind::Connect { auth } => auth,
        Kind::Event { name, args, attachments: owed, .. } => {
            assert!(serde_json::from_str::<&RawValue>(&args[name.clone()]).is_ok(), "{args}");
            assert_eq!(*owed, attachments.len());
            args
        }
        Kind::Ack { args, .. } => args,
        Kind::ConnectTooLong | Kind::Disconnect | Kind::ConnectError => return,
    };
    assert!(serde_json::from_str::<&RawValue>(said).is_ok(), "{said} is no JSON");
    assert!(said.len() <= 6 * data.len() + 40 * attachments.len());
    let sent = Some((said.to_owned(), attachments.clone()));
    assert_eq!(through(Protocol::SocketIoMsgPack, &packet, &attachments), sent);
    // A map that a client has made to look like a placeholder is data in msgpack, and as text it would be one. Nor can text
    // name a namespace with a comma in it; no server speaks both.
    if !said.contains(r"\u005fplaceholder") && !packet.nsp.contains(',') {
        assert_eq!(through(Protocol::SocketIo, &packet, &attachments), sent);
    }
}

/// What pages of browsers without CORS send and get. The first byte is the length of `j`.
pub fn jsonp(data: &[u8]) {
    let mut script = Script::new(data);
    let n = script.below(32);
    let j = String::from_utf8_lossy(script.bytes(n));
    let digits = script_tag::digits(&j);
    assert!(digits.len() <= 20 && digits.bytes().all(|digit| digit.is_ascii_digit()), "{digits}");
    let rest = script.bytes(usize::MAX);
    let payload = String::from_utf8_lossy(rest);
    let wrapped = script_tag::wrap(&digits, &payload);
    assert!(!wrapped.contains(['\u{2028}', '\u{2029}', '\n', '\r']), "{wrapped} is more than a line");
    let call = wrapped.strip_prefix(&format!("___eio[{digits}](")).and_then(|rest| rest.strip_suffix(");"));
    let argument: String = serde_json::from_str(call.expect("a call")).expect("a string");
    assert_eq!(argument, payload);
    drop(script_tag::unwrap(rest));
    // A backslash before a line feed looks like what a page makes of `\n`.
    if !payload.contains("\\\n") {
        let escaped = payload.replace("\\n", "\\\\n").replace('\n', "\\n");
        let form: String = escaped.bytes().map(|byte| format!("%{byte:02x}")).collect();
        assert_eq!(script_tag::unwrap(format!("d={form}").as_bytes()).as_deref(), Some(&*payload), "{form}");
        assert_eq!(script_tag::unwrap(format!("d={form}&d=").as_bytes()), None);
    }
}

/// Methods and queries, and what is kept of them for applications.
pub fn request(data: &[u8]) {
    let mut script = Script::new(data);
    let method = [Method::Get, Method::Post, Method::Other][script.below(3)];
    let flags = script.byte();
    let upgrade = flags & 1 == 0;
    let config = Config {
        eio3: flags & 2 == 0,
        polling: flags & 4 == 0,
        websocket: flags & 8 == 0,
        require_eio: flags & 16 == 0,
        ..Config::default()
    };
    let query = String::from_utf8_lossy(script.bytes(usize::MAX));
    match Request::parse(method, &query, upgrade, &config) {
        Ok(Request::Handshake { revision, base64, .. }) => {
            assert_eq!(method, Method::Get);
            assert!(revision != Some(Revision::V3) || config.eio3);
            assert!(!base64 || revision == Some(Revision::V3));
        }
        Ok(Request::Session { sid, ask, .. }) => {
            assert_eq!(sid.to_string().len(), 22);
            assert!(ask != Ask::Post || method == Method::Post);
            assert!(!matches!(ask, Ask::Poll | Ask::Post) || config.polling);
            assert!(ask != Ask::Upgrade || config.websocket);
        }
        Err(error) => {
            // Nothing of what was sent.
            let body: Value = serde_json::from_str(&error.body()).expect("JSON");
            assert_eq!(body["message"], error.message());
        }
    }
    keep(&query);
}

/// Headers and query come back out as they came in.
fn keep(text: &str) {
    let headers: Vec<(&str, &str)> = text
        .split('&')
        .filter(|line| !line.contains(['\r', '\n']))
        .map(|line| line.split_once('=').unwrap_or((line, "")))
        .collect();
    let handshake = Handshake::new(&format!("/socket.io/?{text}"), "::1", 7).with_headers(headers.iter().copied());
    let kept: Vec<_> = handshake.headers().collect();
    let mut names: Vec<String> = headers.iter().map(|(name, _)| name.to_ascii_lowercase()).collect();
    for (name, value) in &kept {
        let lines = headers.iter().filter(|(other, _)| other.eq_ignore_ascii_case(name));
        let values: Vec<&str> = lines.map(|(_, value)| *value).collect();
        assert!(
            values.contains(value) || [", ", "; "].map(|between| values.join(between)).iter().any(|all| all == value),
            "{name}: {value}"
        );
    }
    names.sort_unstable();
    names.dedup();
    assert!(names.len() == kept.len() || names.iter().any(|name| name == "set-cookie"));
    assert_eq!(handshake.is_cross_origin(), kept.iter().any(|(name, _)| *name == "origin"));
    let json = serde_json::to_string(&handshake).expect("JSON");
    let tree: Value = serde_json::from_str(&json).expect("JSON");
    // Each takes a look at all.
    for (name, _) in handshake.query().take(20) {
        assert_eq!(tree["query"][&*name].as_str(), handshake.query_value(&name).as_deref(), "{name}");
    }
    for (name, _) in kept.into_iter().take(20) {
        let told = &tree["headers"][name];
        assert_eq!(told.as_str().or(told[0].as_str()), handshake.header(name), "{name}");
    }
    // Headers and query may be credentials.
    let debug = format!("{:?}", handshake.over_tls());
    assert!(!debug.contains("socket.io"), "{debug}");
}
