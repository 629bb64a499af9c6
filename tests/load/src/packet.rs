//! Packets as the wire has them: payloads of polls in both revisions, and the few Socket.IO packets that the scenarios need.
//! Text only; it never sends anything binary, and no server answers text with bytes.

use crate::fault::{Fault, Result};
use std::str::from_utf8;

/// What separates packets in a payload of EIO=4.
const SEPARATOR: u8 = 0x1e;

/// A revision of Engine.IO, the `EIO` of its requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Revision {
    /// `EIO=3`, of socket.io-client 2.
    V3,
    /// `EIO=4`, of socket.io-client 3 and 4.
    V4,
}

impl Revision {
    /// The number in the query.
    #[must_use]
    pub fn number(self) -> u8 {
        match self {
            Self::V3 => 3,
            Self::V4 => 4,
        }
    }
}

/// The body of a POST with these packets.
#[must_use]
pub fn payload(revision: Revision, packets: &[Vec<u8>]) -> Vec<u8> {
    let mut body = Vec::new();
    for packet in packets {
        match revision {
            // Lengths count UTF-16's units; all that is sent here is ASCII.
            Revision::V3 => body.extend(format!("{}:", packet.len()).into_bytes()),
            Revision::V4 if body.is_empty() => {}
            Revision::V4 => body.push(SEPARATOR),
        }
        body.extend(packet);
    }
    body
}

/// The packets of a body, one after another.
///
/// # Errors
///
/// If it is no payload, or a callback fails.
pub fn each_packet(revision: Revision, body: &[u8], mut each: impl FnMut(&[u8]) -> Result<()>) -> Result<()> {
    if revision == Revision::V4 {
        return body.split(|byte| *byte == SEPARATOR).try_for_each(each);
    }
    let mut rest = body;
    while !rest.is_empty() {
        let (packet, after) = split_counted(rest)
            .ok_or_else(|| Fault::new(format!("no payload of EIO=3: {}", String::from_utf8_lossy(rest))))?;
        each(packet)?;
        rest = after;
    }
    Ok(())
}

/// `length:packet`, and what comes after it.
fn split_counted(body: &[u8]) -> Option<(&[u8], &[u8])> {
    let colon = body.iter().position(|byte| *byte == b':')?;
    let length: usize = from_utf8(&body[..colon]).ok()?.parse().ok()?;
    let rest = &body[colon + 1..];
    if rest.get(..length).is_some_and(<[u8]>::is_ascii) {
        return Some(rest.split_at(length));
    }
    let text = from_utf8(rest).ok()?;
    let mut units = 0;
    for (at, letter) in text.char_indices() {
        if units == length {
            return Some(rest.split_at(at));
        }
        units += letter.len_utf16();
    }
    (units == length).then_some((rest, &[]))
}

/// The fields of a handshake that a client needs.
#[derive(Clone, Debug, PartialEq, Eq, serde::Deserialize)]
pub struct Handshake {
    /// The session's id.
    pub sid: String,
    /// Milliseconds between two heartbeats.
    #[serde(rename = "pingInterval")]
    pub ping_interval: u64,
}

impl Handshake {
    /// Reads what stands behind the `0` of an open packet.
    ///
    /// # Errors
    ///
    /// If it is no handshake.
    pub fn read(json: &[u8]) -> Result<Self> {
        serde_json::from_slice(json).map_err(|error| Fault::new(format!("the handshake is no such thing: {error}")))
    }
}

/// The numbers of `["said",sender,number,…]`, if a Socket.IO packet is one.
#[must_use]
pub fn said(packet: &[u8]) -> Option<(usize, u64)> {
    said_compactly(packet).or_else(|| {
        let (name, sender, number, _): (String, usize, u64, String) =
            serde_json::from_slice(without_nsp(packet.strip_prefix(b"2")?)).ok()?;
        (name == "said").then_some((sender, number))
    })
}

/// What comes after `/name,`. Whose packets may have which name is not looked at here.
fn without_nsp(packet: &[u8]) -> &[u8] {
    let comma = packet.iter().position(|byte| *byte == b',').filter(|_| packet.starts_with(b"/"));
    comma.map_or(packet, |comma| &packet[comma + 1..])
}

/// The same, of a packet as every server known writes it: it is looked at for each delivery.
fn said_compactly(packet: &[u8]) -> Option<(usize, u64)> {
    let (sender, rest) = number(without_nsp(packet.strip_prefix(b"2")?).strip_prefix(br#"["said","#)?)?;
    let (number, _) = number(rest.strip_prefix(b",")?)?;
    Some((usize::try_from(sender).ok()?, number))
}

/// A `joined` notice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize)]
pub struct Joined {
    /// How many joins there have been.
    pub count: u64,
    /// Of how many of them this tells.
    #[serde(default = "one")]
    pub joined: u64,
}

fn one() -> u64 {
    1
}

/// Reads a `joined`, if a Socket.IO packet is one.
#[must_use]
pub fn joined(packet: &[u8]) -> Option<Joined> {
    if let Some(rest) = packet.strip_prefix(br#"2["joined",{"count":"#) {
        // As peers write it; they write many.
        let (count, rest) = number(rest)?;
        if rest == b"}]" {
            return Some(Joined { count, joined: 1 });
        }
    }
    let (name, joined): (String, Joined) = serde_json::from_slice(packet.strip_prefix(b"2")?).ok()?;
    (name == "joined").then_some(joined)
}

/// The id of an ack and the text behind it: `31["…"]`.
#[must_use]
pub fn ack(packet: &[u8]) -> Option<(u64, &[u8])> {
    number(packet.strip_prefix(b"3")?)
}

fn number(text: &[u8]) -> Option<(u64, &[u8])> {
    let digits = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    Some((from_utf8(&text[..digits]).ok()?.parse().ok()?, &text[digits..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packets(revision: Revision, body: &str) -> Vec<String> {
        let mut found = Vec::new();
        let each = |packet: &[u8]| {
            found.push(String::from_utf8(packet.to_vec()).unwrap());
            Ok(())
        };
        each_packet(revision, body.as_bytes(), each).unwrap();
        found
    }

    #[test]
    fn payloads_are_taken_apart() {
        assert_eq!(packets(Revision::V4, "2\u{1e}42[\"a\"]"), ["2", "42[\"a\"]"]);
        assert_eq!(packets(Revision::V3, "1:27:42[\"a\"]"), ["2", "42[\"a\"]"]);
        assert_eq!(packets(Revision::V3, "5:4聊😀x1:2"), ["4聊😀x", "2"]);
        assert!(each_packet(Revision::V3, b"9:2", |_| Ok(())).is_err());
    }

    #[test]
    fn payloads_are_put_together() {
        let two = [b"2".to_vec(), b"41".to_vec()];
        assert_eq!(payload(Revision::V4, &two), b"2\x1e41");
        assert_eq!(payload(Revision::V3, &two), b"1:22:41");
    }

    #[test]
    fn events_are_read_however_they_are_spaced() {
        assert_eq!(said(br#"2["said",3,14,"xxx"]"#), Some((3, 14)));
        assert_eq!(said(br#"2["said", 3, 14, "xxx"]"#), Some((3, 14)));
        assert_eq!(said(br#"2["unsaid",3,14,"xxx"]"#), None);
        assert_eq!(said(br#"2/n3,["said",3,14,"xxx"]"#), Some((3, 14)));
        assert_eq!(said(br#"2/n3,["said", 3, 14, "xxx"]"#), Some((3, 14)));
        assert_eq!(joined(br#"2["joined",{"count":7}]"#), Some(Joined { count: 7, joined: 1 }));
        assert_eq!(joined(br#"2["joined",{"count":7,"joined":5,"names":[]}]"#), Some(Joined { count: 7, joined: 5 }));
        assert_eq!(ack(br#"312["x"]"#), Some((12, &br#"["x"]"#[..])));
    }
}
