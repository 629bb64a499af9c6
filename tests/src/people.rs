//! People: clients that remember what `socket.io-client` 4 remembers, and reconnect with it; and an application that
//! records its calls. Checks nothing.

use crate::world::{Session, World};
use sanket::codec::BodyKind;
use sanket::driver::{RawMessage, RequestId, WsEnd, WsMessage};
use sanket::{
    AckId, Admission, App, BroadcastAckId, ConnectError, ConnectRequest, Effects, Event, Message, Nsp, PreviousSocket,
    Reason, Revision, SocketId,
};
use serde_json::Value;
use std::collections::BTreeMap;

/// Something that an application was told.
#[derive(Clone, Debug, PartialEq)]
pub enum Call {
    /// [`App::admit`]: the namespace.
    Admit(SocketId, String),
    /// [`App::connect`].
    Connect(SocketId),
    /// [`App::recover`].
    Recover(SocketId, PreviousSocket),
    /// [`App::event`]: the JSON array.
    Event(SocketId, String),
    /// [`App::message`].
    Message(SocketId, Message),
    /// [`App::ack`]: the JSON array.
    Ack(BroadcastAckId, SocketId, String),
    /// [`App::acks_done`].
    AcksDone(BroadcastAckId, Vec<SocketId>),
    /// [`App::disconnecting`]: the rooms that the socket is in.
    Disconnecting(SocketId, Reason, Vec<String>),
    /// [`App::disconnect`]: the rooms that the socket is in, which should be none.
    Disconnect(SocketId, Reason, Vec<String>),
}

/// What is done about a call.
pub type Habit = fn(&Call, &mut Effects<'_>);

/// An application that lets everybody in, but for `/no` (refused) and `/later` (told later), and writes down its calls.
#[derive(Debug, Default)]
pub struct Recorder {
    /// What it was told.
    pub calls: Vec<Call>,
    /// What it does then.
    pub habit: Option<Habit>,
}

impl Recorder {
    fn note(&mut self, call: Call, fx: &mut Effects<'_>) {
        if let Some(habit) = self.habit {
            habit(&call, fx);
        }
        self.calls.push(call);
    }
}

fn rooms(who: SocketId, fx: &Effects<'_>) -> Vec<String> {
    fx.rooms(who).into_iter().map(str::to_owned).collect()
}

impl App for Recorder {
    fn admit(&mut self, who: SocketId, connect: &ConnectRequest, fx: &mut Effects<'_>) -> Admission {
        self.note(Call::Admit(who, connect.nsp.as_str().into()), fx);
        match connect.nsp.as_str() {
            "/no" => Admission::Refuse(ConnectError::new("no")),
            "/later" => Admission::Later,
            _ => Admission::Accept,
        }
    }

    fn connect(&mut self, who: SocketId, _: &ConnectRequest, fx: &mut Effects<'_>) {
        self.note(Call::Connect(who), fx);
    }

    fn recover(&mut self, who: SocketId, earlier: PreviousSocket, _: &ConnectRequest, fx: &mut Effects<'_>) {
        self.note(Call::Recover(who, earlier), fx);
    }

    fn event(&mut self, who: SocketId, event: &Event, ack: Option<AckId>, fx: &mut Effects<'_>) {
        self.note(Call::Event(who, event.json().into()), fx);
        if let Some(ack) = ack {
            fx.ack(ack, "taken");
        }
    }

    fn message(&mut self, who: SocketId, message: &Message, fx: &mut Effects<'_>) {
        self.note(Call::Message(who, message.clone()), fx);
    }

    fn ack(&mut self, ask: BroadcastAckId, who: SocketId, answer: &Event, fx: &mut Effects<'_>) {
        self.note(Call::Ack(ask, who, answer.json().into()), fx);
    }

    fn acks_done(&mut self, ask: BroadcastAckId, silent: &[SocketId], fx: &mut Effects<'_>) {
        self.note(Call::AcksDone(ask, silent.to_vec()), fx);
    }

    fn disconnecting(&mut self, who: SocketId, reason: Reason, fx: &mut Effects<'_>) {
        self.note(Call::Disconnecting(who, reason, rooms(who, fx)), fx);
    }

    fn disconnect(&mut self, who: SocketId, reason: Reason, fx: &mut Effects<'_>) {
        self.note(Call::Disconnect(who, reason, rooms(who, fx)), fx);
    }
}

/// What a client's transport is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Over {
    /// WebSocket from the start.
    WebSocket,
    /// Long-polling for ever.
    Polling,
}

/// A client's end of a session.
#[derive(Clone, Copy, Debug)]
pub struct Line {
    /// The session.
    pub session: Session,
    /// Its WebSocket.
    ws: Option<RequestId>,
    /// The GET that waits for its answer.
    poll: Option<RequestId>,
}

/// A client's place in a namespace, and what it remembers from connection to connection.
#[derive(Clone, Debug, Default)]
pub struct Place {
    /// The socket's id.
    pub id: String,
    /// The credential for coming back.
    pub pid: Option<String>,
    /// The last argument of the last event, where that was a string; an event's name counts as its first argument.
    pub offset: Option<String>,
    /// CONNECT has been answered.
    pub connected: bool,
    /// The answer had the `pid` that was asked with.
    pub recovered: bool,
    /// Events, with their names and all arguments.
    pub heard: Vec<Vec<Value>>,
    /// Ids of events that want to be acked.
    pub owed_acks: Vec<u64>,
    /// The payload of the last CONNECT_ERROR.
    pub refused: Option<String>,
}

impl Place {
    /// The first arguments of what has been heard, where they are numbers.
    #[must_use]
    pub fn numbers(&self) -> Vec<u64> {
        self.heard.iter().filter_map(|event| event.get(1)?.as_u64()).collect()
    }
}

/// Somebody with a client.
#[derive(Clone, Debug)]
pub struct Person {
    /// The connection, as the client believes.
    pub line: Option<Line>,
    /// Its namespaces.
    pub places: BTreeMap<String, Place>,
    revision: Revision,
}

impl Person {
    /// Somebody who will join these namespaces.
    #[must_use]
    pub fn new(revision: Revision, namespaces: &[&str]) -> Self {
        let places = namespaces.iter().map(|name| ((*name).to_owned(), Place::default())).collect();
        Self { line: None, places, revision }
    }

    /// Somebody of EIO=4 who is in `/`, over this transport.
    pub fn here<A: App>(world: &mut World<A>, over: Over) -> Self {
        let mut person = Self::new(Revision::V4, &["/"]);
        person.come(world, over);
        person.listen(world);
        person
    }

    /// The place in a namespace.
    ///
    /// # Panics
    ///
    /// If there is none.
    #[must_use]
    pub fn place(&self, nsp: &str) -> &Place {
        &self.places[nsp]
    }

    /// The place in `/`.
    #[must_use]
    pub fn root(&self) -> &Place {
        self.place("/")
    }

    /// Opens a session and asks for all namespaces, with what is remembered of each.
    ///
    /// # Panics
    ///
    /// If the server is full.
    pub fn come<A: App>(&mut self, world: &mut World<A>, over: Over) {
        self.lose_line();
        let (session, ws, poll) = match over {
            Over::WebSocket => {
                let (session, ws) = world.open_ws(self.revision).expect("there is room");
                (session, Some(ws), None)
            }
            Over::Polling => {
                let (session, poll) = world.open_polling(self.revision, false).expect("there is room");
                (session, None, Some(poll))
            }
        };
        self.line = Some(Line { session, ws, poll });
        if self.revision == Revision::V3 {
            // Clients of that revision work their ids out by themselves.
            for (nsp, place) in &mut self.places {
                place.id = if nsp == "/" { session.sid.to_string() } else { format!("{nsp}#{}", session.sid) };
            }
        }
        for (nsp, place) in self.places.clone() {
            let name = if nsp == "/" { String::new() } else { format!("{nsp},") };
            let auth = match (&place.pid, &place.offset) {
                (Some(pid), Some(offset)) => serde_json::json!({ "pid": pid, "offset": offset }).to_string(),
                (Some(pid), None) => serde_json::json!({ "pid": pid }).to_string(),
                (None, _) => String::new(),
            };
            if self.revision == Revision::V4 {
                self.say(world, &format!("40{name}{auth}"));
            } else if nsp != "/" {
                self.say(world, &format!("40{name}"));
            }
        }
    }

    /// Sends an Engine.IO packet of text.
    pub fn say<A: App>(&mut self, world: &mut World<A>, packet: &str) {
        let Some(Line { session, ws, .. }) = self.line else { return };
        match ws {
            Some(ws) => world.send(session, ws, RawMessage::Text(packet)),
            None => {
                let body = match self.revision {
                    Revision::V4 => packet.to_owned(),
                    Revision::V3 => format!("{}:{packet}", packet.encode_utf16().count()),
                };
                let post = world.post(session, BodyKind::Text, body.as_bytes());
                drop(world.answer(post));
            }
        }
    }

    /// What has arrived, packet by packet; it has been taken off the wire, and nobody has looked at it yet.
    pub fn read<A: App>(&mut self, world: &mut World<A>) -> Vec<String> {
        let Some(line) = &mut self.line else { return Vec::new() };
        if let Some(ws) = line.ws {
            let messages = world.receive(line.session, ws, 64);
            return messages.iter().map(packet_of).collect();
        }
        let mut packets = Vec::new();
        // An end of the session is an answer too.
        for _ in 0..1_000 {
            let session = line.session;
            let poll = *line.poll.get_or_insert_with(|| world.get(session));
            let Some((status, _, body)) = world.answer(poll) else { break };
            line.poll = None;
            if status != 200 {
                break;
            }
            packets.extend(polled(self.revision, &body));
        }
        packets
    }

    /// Reads everything there is, and looks at it.
    pub fn listen<A: App>(&mut self, world: &mut World<A>) {
        let packets = self.read(world);
        for packet in packets {
            self.take(world, &packet);
        }
    }

    /// Reads everything there is, and looks at no more than CONNECT's answers and `n` packets more: the rest gets lost
    /// on the way, with the connection.
    pub fn listen_to_few<A: App>(&mut self, world: &mut World<A>, n: usize) {
        let packets = self.read(world);
        let (first, more): (Vec<_>, Vec<_>) =
            packets.into_iter().partition(|packet| packet.starts_with('0') || packet.starts_with("40"));
        for packet in first.iter().chain(more.iter().take(n)) {
            self.take(world, packet);
        }
    }

    /// Looks at a packet, as the client does.
    ///
    /// # Panics
    ///
    /// If it comes before CONNECT's answer, or is no packet.
    pub fn take<A: App>(&mut self, world: &mut World<A>, packet: &str) {
        let mut chars = packet.chars();
        match (chars.next(), chars.next()) {
            (Some('2'), None) => self.say(world, "3"),
            (Some('4'), Some(kind)) => {
                let mut rest = chars.as_str();
                if matches!(kind, '5' | '6') {
                    rest = rest.split_once('-').expect("a count of attachments").1;
                }
                let (nsp, rest) = match rest.strip_prefix('/') {
                    Some(_) => rest.split_once(',').unwrap_or((rest, "")),
                    None => ("/", rest),
                };
                let place = self.places.get_mut(nsp).unwrap_or_else(|| panic!("not in {nsp}: {packet}"));
                let start = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
                place.take(kind, rest[..start].parse().ok(), &rest[start..]);
            }
            _ => {}
        }
    }

    /// The connection breaks, and if it is a black hole, the server does not know.
    pub fn lose<A: App>(&mut self, world: &mut World<A>, hole: bool) {
        if hole {
            self.lose_line();
        } else {
            self.cut(world);
        }
    }

    /// The connection breaks, and the server knows.
    pub fn cut<A: App>(&mut self, world: &mut World<A>) {
        let Some(Line { session, ws, poll }) = self.line else { return };
        match ws {
            Some(ws) => world.end_ws(session, ws, WsEnd::Failed),
            None => {
                let mut poll = poll.unwrap_or_else(|| world.get(session));
                // What has been queued goes out with an answer, and is lost, until a GET waits; or nobody is there any more.
                while world.answer(poll).is_some_and(|(status, ..)| status == 200) {
                    poll = world.get(session);
                }
                world.lose_request(session, poll);
            }
        }
        self.lose_line();
    }

    /// The connection breaks, and the server does not know: nothing of it arrives there any more.
    pub fn lose_line(&mut self) {
        self.line = None;
        for place in self.places.values_mut() {
            place.connected = false;
            place.owed_acks.clear();
        }
    }

    /// The name of this socket, as long as the server believes in it.
    pub fn socket<A: App>(&self, world: &mut World<A>, nsp: &str) -> Option<SocketId> {
        let id = self.place(nsp).id.clone();
        world.apply(|_, fx| fx.find(&Nsp::new(nsp), &id))
    }

    /// The name of this socket in `/`.
    ///
    /// # Panics
    ///
    /// If the server does not believe in it.
    pub fn who<A: App>(&self, world: &mut World<A>) -> SocketId {
        self.socket(world, "/").expect("it is here")
    }
}

impl Place {
    fn take(&mut self, kind: char, id: Option<u64>, json: &str) {
        match kind {
            '0' => {
                assert!(!self.connected, "connected twice");
                let answer: Value = serde_json::from_str(json).unwrap_or_default();
                let pid = answer["pid"].as_str().map(str::to_owned);
                self.recovered = pid.is_some() && pid == self.pid;
                (self.connected, self.pid) = (true, pid);
                if let Some(sid) = answer["sid"].as_str() {
                    self.id = sid.into();
                }
            }
            '1' => self.connected = false,
            '2' | '5' => {
                assert!(self.connected, "{json} before CONNECT");
                let event: Vec<Value> = serde_json::from_str(json).expect("an array");
                match (id, event.last()) {
                    // The client appends a function.
                    (Some(id), _) => self.owed_acks.push(id),
                    (None, Some(Value::String(last))) if self.pid.is_some() => self.offset = Some(last.clone()),
                    (None, _) => {}
                }
                self.heard.push(event);
            }
            '4' => self.refused = Some(json.into()),
            _ => {}
        }
    }
}

fn packet_of(message: &WsMessage) -> String {
    match message {
        WsMessage::Text(text) => String::from_utf8(text.to_vec()).expect("text is UTF-8"),
        WsMessage::Binary(data) => format!("b{} bytes", data.len()),
    }
}

fn polled(revision: Revision, body: &[u8]) -> Vec<String> {
    let body = std::str::from_utf8(body).expect("a text payload");
    match revision {
        Revision::V4 => body.split('\x1e').map(str::to_owned).collect(),
        Revision::V3 => {
            let (mut rest, mut found) = (body, Vec::new());
            while let Some((length, after)) = rest.split_once(':') {
                let (packet, after) = after.split_at(length.parse().expect("a length of ASCII text"));
                found.push(packet.to_owned());
                rest = after;
            }
            found
        }
    }
}

/// Lets time pass, in which everybody answers pings.
pub fn pass<A: App>(world: &mut World<A>, people: &mut [&mut Person], millis: u64) {
    const STEP: u64 = 5_000;
    let end = world.now.after(millis);
    while world.now < end {
        let left = end.as_millis() - world.now.as_millis();
        world.advance(left.min(STEP));
        for person in &mut *people {
            person.listen(world);
        }
    }
}
