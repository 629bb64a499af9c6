//! A connection of the bare server, and what a packet that came on it does.

use super::rooms::Rooms;
use super::wire;
use mio::net::TcpStream;

/// The room that everybody of a namespace is in.
const EVERYBODY: &[u8] = b"everybody";

/// A connection.
#[derive(Debug)]
pub(super) struct Peer {
    pub(super) stream: TcpStream,
    /// What has come half.
    pub(super) inbox: Vec<u8>,
    /// What it alone is to get, and what the system has not taken yet.
    pub(super) outbox: Vec<u8>,
    /// The room whose frames are all that it is to get in this turn: they are written from where they lie.
    pub(super) from: Option<usize>,
    /// Whether it is in the list of those that are to be written to.
    pub(super) listed: bool,
    /// Whether the system takes nothing for now.
    pub(super) blocked: bool,
    /// Whether it ends as soon as everything is written.
    pub(super) ending: bool,
    /// Whether it is over.
    pub(super) gone: bool,
    pub(super) upgraded: bool,
    /// `/name,` as its packets have it, or nothing.
    nsp: Vec<u8>,
    home: usize,
    /// Its rooms, and its place in each.
    pub(super) rooms: Vec<(usize, usize)>,
}

/// What all connections have in common.
#[derive(Debug, Default)]
pub(super) struct Common {
    pub(super) rooms: Rooms,
    /// How many joins there have been.
    joins: u64,
    /// How many session ids there have been.
    sids: u64,
}

impl Common {
    /// A session id, or the socket's. Here it is no secret.
    pub(super) fn sid(&mut self) -> String {
        self.sids += 1;
        format!("{:020}", self.sids)
    }
}

impl Peer {
    pub(super) fn new(stream: TcpStream) -> Self {
        Self {
            stream,
            inbox: Vec::new(),
            outbox: Vec::new(),
            from: None,
            listed: false,
            blocked: false,
            ending: false,
            gone: false,
            upgraded: false,
            nsp: Vec::new(),
            home: 0,
            rooms: Vec::new(),
        }
    }

    /// An Engine.IO packet came.
    pub(super) fn packet(&mut self, who: usize, packet: &[u8], common: &mut Common) {
        match packet {
            [b'4', b'2', rest @ ..] => self.event(who, rest, common),
            [b'4', b'0', rest @ ..] => {
                self.nsp = nsp(rest).0.to_vec();
                self.home = self.enter(who, EVERYBODY, common);
                let sid = common.sid();
                wire::text(&mut self.outbox, &[b"40", &self.nsp, b"{\"sid\":\"", sid.as_bytes(), b"\"}"]);
            }
            _ => {}
        }
    }

    fn event(&mut self, who: usize, packet: &[u8], common: &mut Common) {
        let (_, rest) = nsp(packet);
        let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let (id, array) = rest.split_at(digits);
        if let Some(args) = array.strip_prefix(br#"["say","#) {
            common.rooms.say(self.home, &[b"42", &self.nsp, br#"["said","#, args]);
        } else if let Some(args) = array.strip_prefix(br#"["echo","#) {
            wire::text(&mut self.outbox, &[b"43", &self.nsp, id, b"[", args]);
        } else if let Some(args) = array.strip_prefix(br#"["tell",""#) {
            let Some((name, args)) = quoted(args) else { return };
            let room = common.rooms.of(&self.nsp, name);
            common.rooms.say(room, &[b"42", &self.nsp, br#"["said""#, args]);
        } else if array.starts_with(br#"["join""#) || array.starts_with(br#"["arrive""#) {
            common.joins += 1;
            let notice = format!(r#"["joined",{{"count":{}}}]"#, common.joins);
            common.rooms.say(self.home, &[b"42", &self.nsp, notice.as_bytes()]);
        } else if let Some((name, _)) = array.strip_prefix(br#"["enter",""#).and_then(quoted) {
            self.enter(who, name, common);
        }
    }

    fn enter(&mut self, who: usize, name: &[u8], common: &mut Common) -> usize {
        let room = common.rooms.of(&self.nsp, name);
        if self.rooms.iter().all(|(entered, _)| *entered != room) {
            self.rooms.push((room, common.rooms.enter(room, who)));
        }
        room
    }
}

/// `/name,`, and what comes after it.
fn nsp(packet: &[u8]) -> (&[u8], &[u8]) {
    if !packet.starts_with(b"/") {
        return (&[], packet);
    }
    let comma = packet.iter().position(|byte| *byte == b',');
    packet.split_at(comma.map_or(packet.len(), |comma| comma + 1))
}

/// What stands before the quote, and what comes after it.
fn quoted(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = text.iter().position(|byte| *byte == b'"')?;
    Some((&text[..end], &text[end + 1..]))
}
