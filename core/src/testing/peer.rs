//! A client as a state machine: what `socket.io-client` knows, remembers and answers. Knows no server: packets go in,
//! packets to be written come out.

use super::args::{Args, written_auth};
use super::place::{BY_CLIENT, BY_SERVER, Place, State, refusal};
use super::wire::{self, Packet, SocketPacket};
use crate::config::{Config, Protocol};
use crate::engine::{Reason, Transport};
use crate::frame::{Frame, Revision};
use crate::id::{Key, RequestId, Sid};
use crate::socket::Nsp;
use crate::socket::encode::{self, EncodeOptions, EventParts};
use crate::time::Time;
use alloc::collections::{BTreeMap, VecDeque};
use alloc::format;
use alloc::string::{String, ToString as _};
use alloc::vec::Vec;
use bytes::Bytes;
use serde_json::{Map, Value};

/// Lines of a client's record of the wire. The oldest go first.
const MAX_LINES: usize = 1_000;

/// The connection, as the client believes.
#[derive(Debug)]
pub(super) struct Link {
    pub(super) key: Key,
    pub(super) sid: Sid,
    pub(super) ws: Option<RequestId>,
    /// The GET that waits.
    pub(super) poll: Option<RequestId>,
    /// A WebSocket for an upgrade, and whether it has been tried.
    pub(super) probe: Option<(RequestId, bool)>,
    /// There is something to read from the WebSocket.
    pub(super) ready: bool,
    /// The server has closed the WebSocket.
    pub(super) ws_closed: bool,
    /// Responses that have not been read.
    pub(super) responses: VecDeque<(RequestId, crate::engine::Response)>,
    /// Nothing arrives any more, in either direction.
    pub(super) hole: bool,
    /// EIO=4: when the server has been silent for too long. EIO=3: when the next ping is due, or its pong is overdue.
    heartbeat: Option<Time>,
    /// EIO=3: a ping waits for its pong. EIO=4: a ping was not answered.
    pinged: bool,
    /// EIO=3: the server has said that the client is in `/`.
    in_root: bool,
}

impl Link {
    pub(super) fn new(key: Key, sid: Sid, ws: Option<RequestId>) -> Self {
        Self {
            key,
            sid,
            ws,
            poll: None,
            probe: None,
            ready: false,
            ws_closed: false,
            responses: VecDeque::new(),
            hole: false,
            heartbeat: None,
            pinged: false,
            in_root: false,
        }
    }
}

/// How a client connects.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    pub(super) revision: Revision,
    pub(super) transport: Transport,
    pub(super) base64: bool,
    pub(super) address: String,
    pub(super) query: String,
    pub(super) headers: Vec<(String, String)>,
}

/// A client.
#[derive(Debug)]
pub(super) struct Peer {
    pub(super) plan: Plan,
    pub(super) link: Option<Link>,
    pub(super) places: Vec<Place>,
    /// Whether it reads what comes.
    pub(super) reads: bool,
    /// Whether it answers pings, or sends them.
    pub(super) beats: bool,
    /// What is to be written.
    pub(super) out: Vec<Frame>,
    /// It has no place any more, and closes the connection.
    pub(super) closing: bool,
    /// Attachments of this packet are still to come.
    incoming: Option<(String, usize, Vec<Bytes>)>,
    /// The last session's key, and why the server ended it.
    pub(super) session: Option<(Key, Option<Reason>)>,
    pub(super) lines: VecDeque<String>,
    interval: u64,
    timeout: u64,
}

impl Peer {
    pub(super) fn new(plan: Plan, config: &Config) -> Self {
        Self {
            plan,
            link: None,
            places: Vec::new(),
            reads: true,
            beats: true,
            out: Vec::new(),
            closing: false,
            incoming: None,
            session: None,
            lines: VecDeque::new(),
            interval: config.ping_interval,
            timeout: config.ping_timeout,
        }
    }

    /// Writes something down for people.
    pub(super) fn note(&mut self, line: String) {
        if self.lines.len() == MAX_LINES {
            self.lines.pop_front();
        }
        self.lines.push_back(line);
    }

    pub(super) fn place(&mut self, nsp: &Nsp) -> Option<&mut Place> {
        self.places.iter_mut().find(|place| place.nsp == *nsp)
    }

    /// Adds a namespace. If there is a connection, it is asked for at once.
    pub(super) fn join(&mut self, nsp: &Nsp, auth: String) {
        match self.place(nsp) {
            Some(place) => (place.auth, place.state) = (auth, State::Connecting),
            None => self.places.push(Place {
                nsp: nsp.clone(),
                auth,
                state: State::Connecting,
                id: String::new(),
                pid: None,
                offset: None,
                recovered: false,
                heard: Vec::new(),
                next_ack: 0,
                acks: BTreeMap::new(),
                waiting: Vec::new(),
            }),
        }
        if self.is_open() {
            self.ask(nsp);
        }
    }

    /// The connection, if the client reads from it.
    pub(super) fn reading(&mut self) -> Option<&mut Link> {
        self.link.as_mut().filter(|_| self.reads)
    }

    /// Whether the handshake has been read.
    fn is_open(&self) -> bool {
        self.link.as_ref().is_some_and(|link| link.heartbeat.is_some())
    }

    /// Sends CONNECT. A client of EIO=3 is in `/` without it, and works its ids out by itself.
    fn ask(&mut self, nsp: &Nsp) {
        let revision = self.plan.revision;
        let Some((sid, in_root)) = self.link.as_ref().map(|link| (link.sid, link.in_root)) else { return };
        let Some(place) = self.place(nsp) else { return };
        if revision == Revision::V3 {
            place.id = if nsp.is_root() { sid.to_string() } else { format!("{nsp}#{sid}") };
            if nsp.is_root() && in_root {
                place.state = State::Connected;
            }
        }
        let mut remembered = Map::new();
        if let Some(pid) = &place.pid {
            remembered.insert("pid".into(), pid.as_str().into());
            if let Some(offset) = &place.offset {
                remembered.insert("offset".into(), offset.as_str().into());
            }
        }
        let auth = written_auth(revision, &place.auth, remembered);
        let text = match (revision, nsp.is_root()) {
            (Revision::V4, true) => format!("40{auth}"),
            (Revision::V4, false) => format!("40{nsp},{auth}"),
            (Revision::V3, true) => return,
            (Revision::V3, false) if auth.is_empty() => format!("40{nsp},"),
            (Revision::V3, false) => format!("40{nsp}?{auth},"),
        };
        self.write(text);
    }

    fn write(&mut self, packet: String) {
        self.out.push(Frame::new(packet, &[]));
    }

    /// Sends an event when the namespace is connected. Returns the number of its ack.
    pub(super) fn emit(&mut self, nsp: &Nsp, name: &str, args: &Args, ack: bool) -> Option<u64> {
        let open = self.is_open();
        let place = self.place(nsp)?;
        let id = ack.then_some(place.next_ack);
        place.next_ack += u64::from(ack);
        let parts = EventParts { name, args: &args.json(), attachments: args.attachments() };
        let frame = encode::event(Protocol::SocketIo, nsp, parts, EncodeOptions { id, ..EncodeOptions::default() });
        if open && place.state == State::Connected {
            self.out.push(frame);
        } else {
            place.waiting.push(frame);
        }
        id
    }

    /// Answers an event that asks for it.
    pub(super) fn ack(&mut self, nsp: &Nsp, id: u64, args: &Args) {
        self.out.push(encode::ack(Protocol::SocketIo, nsp, id, &args.json(), args.attachments()));
    }

    /// Sends pings (EIO=4: answers them), or stops it.
    pub(super) fn set_heartbeat(&mut self, on: bool) {
        self.beats = on;
        let Some(link) = self.link.as_mut().filter(|_| on) else { return };
        // What was not sent meanwhile is overdue.
        match self.plan.revision {
            Revision::V3 => {
                link.heartbeat.take_if(|at| *at == Time::NEVER);
                link.heartbeat.get_or_insert_default();
            }
            Revision::V4 => {
                if core::mem::take(&mut link.pinged) {
                    self.write("3".into());
                }
            }
        }
    }

    /// Leaves a namespace, and if it was the last one, closes the connection.
    pub(super) fn leave(&mut self, nsp: &Nsp) {
        let open = self.is_open();
        let Some(place) = self.place(nsp) else { return };
        if open && place.state == State::Connected {
            self.out.push(encode::disconnect(Protocol::SocketIo, nsp));
        }
        if let Some(place) = self.place(nsp) {
            place.state = State::Ended(BY_CLIENT);
        }
        if let Some(link) = self.link.as_mut().filter(|_| nsp.is_root()) {
            link.in_root = false;
        }
        self.destroy();
    }

    /// A connection without namespaces is closed, as `socket.io-client` does it.
    fn destroy(&mut self) {
        self.closing |= !self.places.iter().any(|place| matches!(place.state, State::Connecting | State::Connected));
    }

    /// A new connection is about to be opened: all namespaces that were not left are asked for again.
    pub(super) fn reopen(&mut self) {
        self.lost("transport close");
        self.closing = false;
        for place in &mut self.places {
            if !matches!(place.state, State::Ended(BY_SERVER | BY_CLIENT) | State::Refused(_)) {
                place.state = State::Connecting;
            }
        }
    }

    /// The connection is no more.
    pub(super) fn lost(&mut self, reason: &'static str) {
        if self.link.take().is_none() {
            return;
        }
        self.out.clear();
        self.incoming = None;
        for place in &mut self.places {
            if matches!(place.state, State::Connecting | State::Connected) {
                place.state = State::Ended(reason);
            }
        }
    }

    /// When [`Peer::handle_timeout`] is to be called next.
    pub(super) fn poll_timeout(&self) -> Option<Time> {
        self.link.as_ref()?.heartbeat.filter(|_| self.reads)
    }

    /// Returns whether the client gives the connection up.
    pub(super) fn handle_timeout(&mut self, now: Time) -> bool {
        if self.poll_timeout().is_none_or(|at| at > now) {
            return false;
        }
        let (timeout, beats) = (self.timeout, self.beats);
        let Some(link) = &mut self.link else { return false };
        if self.plan.revision == Revision::V4 || link.pinged {
            return true;
        }
        // A client that sends no pings waits for no pongs.
        link.heartbeat = Some(if beats { now.after(timeout) } else { Time::NEVER });
        link.pinged = beats;
        if beats {
            self.write("2".into());
        }
        false
    }

    /// Reads a packet.
    pub(super) fn read(&mut self, packet: Packet, now: Time) {
        match packet {
            Packet::Binary(data) => {
                let Some((head, owed, mut attachments)) = self.incoming.take() else {
                    panic!("expected a packet that announces attachments, but there came {data:?} alone");
                };
                attachments.push(data);
                if attachments.len() < owed {
                    self.incoming = Some((head, owed, attachments));
                } else {
                    self.socket_packet(&head, attachments);
                }
            }
            Packet::Text(text) => {
                assert!(
                    self.incoming.is_none() || !text.starts_with('4'),
                    "expected the attachments that were announced, but there came {text}"
                );
                self.read_text(&text, now);
            }
        }
    }

    fn read_text(&mut self, text: &str, now: Time) {
        let (interval, timeout) = (self.interval, self.timeout);
        let silence = interval.saturating_add(timeout);
        match (text.bytes().next(), self.plan.revision) {
            (Some(b'0'), revision) => {
                let open: Value = serde_json::from_str(&text[1..]).unwrap_or_default();
                let Some(link) = &mut self.link else { return };
                let sid = link.sid.to_string();
                assert_eq!(open["sid"], sid, "expected a handshake, but there came {text}");
                link.heartbeat = Some(now.after(if revision == Revision::V4 { silence } else { interval }));
                let names: Vec<Nsp> = self.places.iter().map(|place| place.nsp.clone()).collect();
                for nsp in names {
                    if self.place(&nsp).is_some_and(|place| place.state == State::Connecting) {
                        self.ask(&nsp);
                    }
                }
            }
            (Some(b'1'), _) => self.lost("transport close"),
            (Some(b'2'), Revision::V4) => {
                if let Some(link) = &mut self.link {
                    link.heartbeat = Some(now.after(silence));
                    link.pinged = !self.beats;
                }
                if self.beats {
                    self.write("3".into());
                }
            }
            (Some(b'3'), _) if text == "3probe" => {
                if let Some((_, tried)) = self.link.as_mut().and_then(|link| link.probe.as_mut()) {
                    *tried = true;
                }
            }
            (Some(b'3'), Revision::V3) => {
                if let Some(link) = &mut self.link {
                    (link.heartbeat, link.pinged) = (Some(now.after(interval)), false);
                }
            }
            (Some(b'4'), _) => match wire::socket_packet(&text[1..]) {
                Some(packet) if packet.attachments > 0 => {
                    self.incoming = Some((text[1..].into(), packet.attachments, Vec::new()));
                }
                _ => self.socket_packet(&text[1..], Vec::new()),
            },
            (Some(b'6'), _) => {}
            _ => panic!("expected a packet of Engine.IO, but there came {text:?}"),
        }
    }

    fn socket_packet(&mut self, text: &str, attachments: Vec<Bytes>) {
        let Some(SocketPacket { kind, nsp: name, id, json, .. }) = wire::socket_packet(text) else {
            panic!("expected a packet of Socket.IO, but there came {text:?}");
        };
        let data = || -> Value {
            serde_json::from_str(json)
                .unwrap_or_else(|error| panic!("expected JSON that serde_json reads, but there came {text:?}: {error}"))
        };
        let array = || match data() {
            Value::Array(values) => values,
            _ => panic!("expected an array of arguments, but there came {text:?}"),
        };
        let nsp = Nsp::new(name);
        let revision = self.plan.revision;
        if let Some(link) = self.link.as_mut().filter(|_| nsp.is_root()) {
            link.in_root = kind != 1;
        }
        let Some(place) = self.place(&nsp) else {
            // Clients of EIO=3 are in `/` whether they want to or not.
            assert!(
                revision == Revision::V3 && nsp.is_root(),
                "expected packets of namespaces that the client has asked for, but there came {text:?}"
            );
            return;
        };
        match kind {
            0 => {
                place.connected(if json.is_empty() { Value::Null } else { data() });
                let waiting = core::mem::take(&mut place.waiting);
                self.out.extend(waiting);
            }
            1 => {
                if place.state == State::Connected {
                    place.state = State::Ended(BY_SERVER);
                }
                self.destroy();
            }
            2 | 5 => {
                assert!(
                    place.state != State::Connecting,
                    "expected the answer to CONNECT first, but there came {text:?}"
                );
                // The client has left.
                if place.state == State::Connected {
                    place.hear(Args::new(array(), attachments), id);
                }
            }
            3 | 6 => {
                let id = id.unwrap_or_else(|| panic!("expected the id of an event, but there came {text:?}"));
                assert!(id < place.next_ack, "expected an ack of an event that asked for one, but there came {text:?}");
                let before = place.acks.insert(id, Args::new(array(), attachments));
                assert!(before.is_none(), "expected one ack of each event, but there came another: {text:?}");
            }
            _ => {
                place.state = State::Refused(refusal(data()));
                place.waiting.clear();
                if revision == Revision::V4 {
                    self.destroy();
                }
            }
        }
    }
}
