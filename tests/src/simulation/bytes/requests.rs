//! What clients write: requests, payloads and frames.

use super::super::agenda::Words;
use crate::bytes::frames;
use sanket::Revision;

/// A request for packets, or for a session.
pub(super) fn get(revision: Revision, sid: &str) -> Vec<u8> {
    format!("GET {} HTTP/1.1\r\nHost: a\r\n\r\n", target(revision, "polling", sid)).into_bytes()
}

/// A request with packets.
pub(super) fn post(revision: Revision, sid: &str, body: &str) -> Vec<u8> {
    let (target, length) = (target(revision, "polling", sid), body.len());
    let head = "Content-Type: text/plain;charset=UTF-8\r\nContent-Length";
    format!("POST {target} HTTP/1.1\r\nHost: a\r\n{head}: {length}\r\n\r\n{body}").into_bytes()
}

/// A request to speak WebSocket.
pub(super) fn upgrade(revision: Revision, sid: &str) -> Vec<u8> {
    let target = target(revision, "websocket", sid);
    format!(
        "GET {target} HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
    .into_bytes()
}

fn target(revision: Revision, transport: &str, sid: &str) -> String {
    let eio = if revision == Revision::V3 { 3 } else { 4 };
    let sid = if sid.is_empty() { String::new() } else { format!("&sid={sid}") };
    format!("/socket.io/?EIO={eio}&transport={transport}{sid}")
}

/// A message as a frame.
pub(super) fn text(text: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len() + 8);
    frames::write(&mut out, frames::FIN | frames::TEXT, text.as_bytes());
    out
}

/// A close frame.
pub(super) fn close() -> Vec<u8> {
    let mut out = Vec::new();
    frames::write(&mut out, frames::FIN | frames::CLOSE, &1000_u16.to_be_bytes());
    out
}

/// The packet for what somebody says in a room.
pub(super) fn packet(words: &Words, room: u32) -> String {
    match words {
        Words::Ping => "2".to_owned(),
        Words::Pong => "3".to_owned(),
        Words::Probe => "2probe".to_owned(),
        Words::Switch => "5".to_owned(),
        Words::Connect(claim) => format!("40{}", claim.as_deref().unwrap_or_default()),
        Words::Join => format!(r#"42["join",{room}]"#),
        Words::Message => format!(r#"42["say",{room},"how are you all doing today?"]"#),
    }
}

/// The body of a POST.
pub(super) fn payload(revision: Revision, packets: &[String]) -> String {
    match revision {
        Revision::V4 => packets.join("\x1e"),
        Revision::V3 => packets.iter().map(|packet| format!("{}:{packet}", packet.len())).collect(),
    }
}

/// The packets of the response to a poll. Nothing here has letters beyond ASCII, so that bytes are UTF-16 units.
pub(super) fn packets(revision: Revision, text: &str) -> Vec<&str> {
    let mut packets = Vec::new();
    match revision {
        Revision::V4 => packets.extend(text.split('\x1e')),
        Revision::V3 => {
            let mut rest = text;
            while let Some((length, after)) = rest.split_once(':') {
                let (packet, more) = after.split_at(length.parse().unwrap_or(after.len()).min(after.len()));
                packets.push(packet);
                rest = more;
            }
        }
    }
    packets
}
