//! A session of a client that comes and goes: what a whole client does, in blocking steps, and open to be broken at
//! each of them.

use super::wire::{Answer, Cut, Place, Step, Wire, fault};
use crate::client::Transport;
use crate::http;
use crate::packet::{Handshake, Revision, each_packet, payload};
use crate::ws;
use serde_json::Value;
use std::collections::VecDeque;
use std::net::IpAddr;
use std::time::{Duration, Instant};

/// How a client speaks.
#[derive(Clone, Copy, Debug)]
pub struct Manner {
    /// The revision of Engine.IO.
    pub revision: Revision,
    /// The transport.
    pub transport: Transport,
    /// Polls may be compressed.
    pub compressed: bool,
    /// Polls are scripts.
    pub jsonp: bool,
    /// The address of loopback that it connects from.
    pub from: IpAddr,
    /// Bytes of its receive buffers, if they are to be few.
    pub buffer: Option<usize>,
}

/// What makes a session known when it comes back.
#[derive(Clone, Debug)]
pub struct Claim {
    /// The private id.
    pub pid: String,
    /// The offset of the last event that was received.
    pub offset: String,
}

/// A session.
#[derive(Debug)]
pub struct Session<'a> {
    place: &'a Place,
    /// How it speaks.
    pub manner: Manner,
    sid: String,
    interval: Duration,
    polls: Option<Wire<'a>>,
    posts: Option<Wire<'a>>,
    /// The WebSocket, once the session is on it.
    pub websocket: Option<Wire<'a>>,
    /// A poll waits.
    polling: bool,
    heard: VecDeque<Vec<u8>>,
    /// When a client of EIO=3 has to send its heartbeat.
    beat_at: Instant,
    /// What the server gave to come back with, if it was asked for.
    pub claim: Option<Claim>,
}

impl<'a> Session<'a> {
    /// Opens a session and joins `/`, with what the CONNECT packet carries; over the transport that it is to be on.
    ///
    /// # Errors
    ///
    /// If the server does not let it in.
    pub fn join(place: &'a Place, manner: Manner, auth: &str) -> Step<Self> {
        let mut session = Self::open(place, manner)?;
        session.enter(auth)?;
        if manner.transport == Transport::Upgrade {
            session.upgrade()?;
        }
        Ok(session)
    }

    /// Opens a session, over WebSocket or polling.
    ///
    /// # Errors
    ///
    /// If the server does not let it in.
    pub fn open(place: &'a Place, manner: Manner) -> Step<Self> {
        let mut session = Self {
            place,
            manner,
            sid: String::new(),
            interval: Duration::MAX,
            polls: None,
            posts: None,
            websocket: None,
            polling: false,
            heard: VecDeque::new(),
            beat_at: Instant::now(),
            claim: None,
        };
        if manner.transport == Transport::Websocket {
            session.websocket = Some(session.open_websocket()?);
        }
        let until = Instant::now() + super::wire::PATIENCE;
        let Some(packet) = session.receive(until)? else { return fault("no handshake in time") };
        let Some(json) = packet.strip_prefix(b"0") else {
            return fault(format!("no handshake: {}", String::from_utf8_lossy(&packet)));
        };
        let handshake = Handshake::read(json)?;
        session.sid = handshake.sid;
        session.interval = Duration::from_millis(handshake.ping_interval);
        session.beat_at = Instant::now() + session.interval;
        Ok(session)
    }

    /// Joins `/`.
    ///
    /// # Errors
    ///
    /// If the server does not let it in.
    pub fn enter(&mut self, auth: &str) -> Step<()> {
        if self.manner.revision == Revision::V4 {
            self.say(format!("40{auth}").as_bytes())?;
        }
        let until = Instant::now() + super::wire::PATIENCE;
        let Some(packet) = self.next(until)? else { return fault("no CONNECT in time") };
        let Some(json) = packet.strip_prefix(b"0") else {
            return fault(format!("no CONNECT: {}", String::from_utf8_lossy(&packet)));
        };
        let answer: Value = serde_json::from_slice(json).unwrap_or_default();
        self.claim = answer["pid"].as_str().map(|pid| Claim { pid: pid.to_owned(), offset: String::new() });
        Ok(())
    }

    /// A WebSocket: a session of its own, or one for the upgrade of this one.
    ///
    /// # Errors
    ///
    /// If the server refuses it.
    pub fn open_websocket(&self) -> Step<Wire<'a>> {
        let mut wire = self.wire()?;
        wire.send(&ws::request(&self.place.host, &self.target("websocket")).0)?;
        match wire.answer_soon()?.status {
            101 => Ok(wire),
            status => fault(format!("a WebSocket was refused with {status}")),
        }
    }

    fn upgrade(&mut self) -> Step<()> {
        let wire = self.probed()?;
        self.settle(wire)
    }

    /// A WebSocket for the upgrade, whose probe was answered.
    ///
    /// # Errors
    ///
    /// If it was not.
    pub fn probed(&mut self) -> Step<Wire<'a>> {
        let mut wire = self.open_websocket()?;
        frame(&mut wire, b"2probe")?;
        match wire.hear(Instant::now() + super::wire::PATIENCE)?.as_deref() {
            Some(b"3probe") => Ok(wire),
            other => fault(format!("a probe was answered with {:?}", other.map(String::from_utf8_lossy))),
        }
    }

    /// Ends the upgrade, and the poll that waits before.
    fn settle(&mut self, mut wire: Wire<'a>) -> Step<()> {
        if self.polling {
            let until = Instant::now() + super::wire::PATIENCE;
            let Some(answer) = self.polled(until)? else { return fault("a poll was not ended by an upgrade") };
            self.unpack(&answer)?;
        }
        frame(&mut wire, b"5")?;
        (self.websocket, self.polls, self.posts) = (Some(wire), None, None);
        Ok(())
    }

    /// Sends an Engine.IO packet.
    ///
    /// # Errors
    ///
    /// If the session has ended.
    pub fn say(&mut self, packet: &[u8]) -> Step<()> {
        if let Some(wire) = &mut self.websocket {
            return frame(wire, packet);
        }
        let body = payload(self.manner.revision, &[packet.to_vec()]);
        match self.post(&body)?.status {
            200 => Ok(()),
            400 => Err(Cut::Closed),
            status => fault(format!("a POST was answered with {status}")),
        }
    }

    /// Sends a POST of any body.
    ///
    /// # Errors
    ///
    /// If it is not answered.
    pub fn post(&mut self, body: &[u8]) -> Step<Answer> {
        let request = self.post_request(body);
        let wire = opened(&mut self.posts, self.place, self.manner)?;
        wire.send(&request)?;
        wire.answer_soon()
    }

    /// A POST, as bytes.
    #[must_use]
    pub fn post_request(&self, body: &[u8]) -> Vec<u8> {
        let target = self.target("polling");
        if !self.manner.jsonp {
            return http::post(&self.place.host, &target, body);
        }
        let form: String = body.iter().map(|byte| format!("%{byte:02X}")).collect();
        let plain = http::post(&self.place.host, &target, format!("d={form}").as_bytes());
        let text = String::from_utf8_lossy(&plain);
        text.replacen("text/plain;charset=UTF-8", "application/x-www-form-urlencoded", 1).into_bytes()
    }

    /// A poll, as bytes.
    #[must_use]
    pub fn poll_request(&self) -> Vec<u8> {
        let request = http::get(&self.place.host, &self.target("polling"));
        let Some(head) = request.strip_suffix(b"\r\n").filter(|_| self.manner.compressed) else { return request };
        [head, b"Accept-Encoding: gzip, deflate\r\n\r\n"].concat()
    }

    /// Begins a poll, unless one waits.
    ///
    /// # Errors
    ///
    /// If nobody accepts.
    pub fn poll(&mut self) -> Step<()> {
        if !self.polling {
            let request = self.poll_request();
            opened(&mut self.polls, self.place, self.manner)?.send(&request)?;
            self.polling = true;
        }
        Ok(())
    }

    /// The connection of the poll that waits, to be mistreated.
    pub fn take_poll(&mut self) -> Option<Wire<'a>> {
        self.polling = false;
        self.polls.take()
    }

    /// A connection of its own.
    ///
    /// # Errors
    ///
    /// If nobody accepts.
    pub fn wire(&self) -> Step<Wire<'a>> {
        Wire::open(self.place, self.manner.from, self.manner.buffer)
    }

    /// The next Socket.IO packet, or nothing if none has come by then. Heartbeats go on meanwhile.
    ///
    /// # Errors
    ///
    /// If the session ends.
    pub fn next(&mut self, until: Instant) -> Step<Option<Vec<u8>>> {
        loop {
            let beats = self.manner.revision == Revision::V3;
            if beats && Instant::now() >= self.beat_at {
                self.beat_at = Instant::now() + self.interval;
                self.say(b"2")?;
            }
            let packet = match self.receive(if beats { until.min(self.beat_at) } else { until })? {
                Some(packet) => packet,
                None if Instant::now() >= until => return Ok(None),
                None => continue,
            };
            match packet.as_slice() {
                b"2" => self.say(b"3")?,
                b"3" | b"6" => {}
                b"1" => return Err(Cut::Closed),
                [b'4', packet @ ..] => {
                    self.note(packet);
                    return Ok(Some(packet.to_vec()));
                }
                other => return fault(format!("an unexpected packet: {}", String::from_utf8_lossy(other))),
            }
        }
    }

    /// Listens for a while.
    ///
    /// # Errors
    ///
    /// If the session ends.
    pub fn listen(&mut self, time: Duration) -> Step<()> {
        let until = Instant::now() + time;
        while self.next(until)?.is_some() {}
        Ok(())
    }

    /// Waits until the server has ended the session.
    ///
    /// # Errors
    ///
    /// If it has not by then.
    pub fn ended_within(&mut self, time: Duration) -> Step<()> {
        if let Some(wire) = &mut self.websocket {
            return wire.closed_within(time);
        }
        let until = Instant::now() + time;
        loop {
            // What is still queued comes first.
            match self.receive(until) {
                Err(Cut::Closed) => return Ok(()),
                Ok(Some(_)) => self.place.sleep(Duration::from_millis(50))?,
                Ok(None) => return fault(format!("the session has not ended after {time:.0?}")),
                Err(other) => return Err(other),
            }
        }
    }

    /// Takes over what the other session was told to come back with.
    fn note(&mut self, packet: &[u8]) {
        let Some(claim) = &mut self.claim else { return };
        let Some(json) = packet.strip_prefix(b"2[\"message from server\"") else { return };
        let last: Option<String> = json
            .rsplit(|byte| *byte == b',')
            .next()
            .and_then(|last| serde_json::from_slice(last.strip_suffix(b"]")?).ok());
        claim.offset = last.unwrap_or_default();
    }

    fn receive(&mut self, until: Instant) -> Step<Option<Vec<u8>>> {
        if let Some(packet) = self.heard.pop_front() {
            return Ok(Some(packet));
        }
        if let Some(wire) = &mut self.websocket {
            return wire.hear(until);
        }
        self.poll()?;
        let Some(answer) = self.polled(until)? else { return Ok(None) };
        self.unpack(&answer)?;
        Ok(self.heard.pop_front())
    }

    /// The answer to the poll that waits.
    fn polled(&mut self, until: Instant) -> Step<Option<Answer>> {
        let answer = opened(&mut self.polls, self.place, self.manner)?.answer(until)?;
        self.polling &= answer.is_none();
        Ok(answer)
    }

    fn unpack(&mut self, answer: &Answer) -> Step<()> {
        match answer.status {
            200 => {}
            400 => return Err(Cut::Closed),
            status => return fault(format!("a poll was answered with {status}")),
        }
        let script;
        let body = if self.manner.jsonp {
            script = unwrapped(&answer.body)?;
            script.as_bytes()
        } else {
            &answer.body
        };
        let heard = &mut self.heard;
        each_packet(self.manner.revision, body, |packet| {
            heard.push_back(packet.to_vec());
            Ok(())
        })?;
        Ok(())
    }

    /// What a request asks for.
    fn target(&self, transport: &str) -> String {
        let eio = self.manner.revision.number();
        let sid = if self.sid.is_empty() { String::new() } else { format!("&sid={}", self.sid) };
        let script = if self.manner.jsonp && transport == "polling" { "&j=7" } else { "" };
        format!("/socket.io/?EIO={eio}&transport={transport}{sid}{script}")
    }
}

fn opened<'a, 'w>(wire: &'w mut Option<Wire<'a>>, place: &'a Place, manner: Manner) -> Step<&'w mut Wire<'a>> {
    if wire.is_none() {
        *wire = Some(Wire::open(place, manner.from, manner.buffer)?);
    }
    wire.as_mut().ok_or(Cut::Closed)
}

/// Sends one message of text.
pub(super) fn frame(wire: &mut Wire<'_>, text: &[u8]) -> Step<()> {
    let mut bytes = Vec::new();
    ws::text(&mut bytes, &[text]);
    wire.send(&bytes)
}

/// The payload of a script: `___eio[7]("…");`.
fn unwrapped(script: &[u8]) -> Step<String> {
    let script = String::from_utf8_lossy(script);
    let string = script.split_once('(').and_then(|(_, rest)| rest.trim_end().strip_suffix(");"));
    match string.and_then(|string| serde_json::from_str(string).ok()) {
        Some(payload) => Ok(payload),
        None => fault(format!("no script of a poll: {script}")),
    }
}
