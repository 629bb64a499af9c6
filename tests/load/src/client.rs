//! One client: a session over polling, WebSocket, or the one upgraded to the other, in one namespace. Turns what came over its
//! connections into [`Event`]s, and what the scenario wants said into bytes. Whatever a server has no business to do is a
//! fault; the scenario, not the client, knows what should have come.

use crate::fault::{Fault, Result};
use crate::http;
use crate::link::Link;
use crate::packet::{Handshake, Revision, each_packet, payload};
use crate::ws::{self, Frame};
use mio::{Registry, Token};
use std::mem::take;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

/// How a client speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Transport {
    /// WebSocket from the beginning.
    Websocket,
    /// Polling to the end.
    Polling,
    /// Polling, then WebSocket, as clients do by default.
    Upgrade,
}

/// What all clients have in common.
#[derive(Debug)]
pub struct Settings {
    /// Where the server listens.
    pub address: SocketAddr,
    /// The same, as requests say it.
    pub host: String,
    /// The path, with its slashes.
    pub path: String,
    /// What clients speak.
    pub revision: Revision,
    /// How they speak it.
    pub transport: Transport,
    /// The address they connect from, one of loopback's, if it matters.
    pub from: Option<IpAddr>,
    /// Over how many of loopback's addresses clients are spread by their index, from 127.0.0.2, if the server is on loopback.
    /// The system takes ever longer to find a port of an address that has few left. If 0, they connect from `from`.
    pub sources: u8,
    /// Over how many namespaces clients are spread by their index, `/n0` and so on. If 0, all are in `/`.
    pub namespaces: usize,
}

impl Settings {
    /// The address that a client connects from.
    fn source(&self, index: usize) -> Option<IpAddr> {
        let sources = usize::from(self.sources);
        let last = index.checked_rem(sources).and_then(|place| u8::try_from(place + 2).ok());
        let spread = last.filter(|_| self.address.ip() == Ipv4Addr::LOCALHOST);
        spread.map(|last| IpAddr::from([127, 0, 0, last])).or(self.from)
    }
}

/// Which of its connections it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Handshake and polls.
    Get,
    /// What is sent while a poll waits.
    Post,
    /// The WebSocket.
    Ws,
}

impl Role {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Get, Self::Post, Self::Ws];
}

/// What a client has to tell.
#[derive(Clone, Copy, Debug)]
pub enum Event<'a> {
    /// It is in its namespace, over the transport that it is to be on.
    Ready,
    /// It got an event or an ack.
    Packet(&'a [u8]),
}

/// What is asked on the connection for polls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Asked {
    Nothing,
    Handshake,
    /// Sent the CONNECT, before the first poll.
    Greeting,
    Poll,
}

/// How far a client is with its upgrade.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Upgrade {
    No,
    Probing,
    /// The probe was answered; the poll that waits is to be the last.
    Pausing,
    Done,
}

/// A client.
#[derive(Debug)]
pub struct Client {
    index: usize,
    /// `/name,` as packets of its namespace have it; nothing of those of `/`.
    nsp: Arc<[u8]>,
    links: [Option<Link>; 3],
    asked: Asked,
    posting: bool,
    /// What the answer to the WebSocket's handshake has to say, until it has.
    accept: Option<String>,
    upgrade: Upgrade,
    handshake: Option<Handshake>,
    /// Engine.IO packets for the next POST.
    unsent: Vec<Vec<u8>>,
    closing: bool,
    closed: bool,
}

/// What a client needs of the world to open connections.
#[derive(Clone, Copy, Debug)]
pub struct Env<'a> {
    /// What all have in common.
    pub settings: &'a Settings,
    /// Where connections are watched.
    pub registry: &'a Registry,
}

impl Client {
    /// A client that begins to connect.
    ///
    /// # Errors
    ///
    /// If it can not.
    pub fn open(index: usize, env: Env<'_>) -> Result<Self> {
        let nsp = match env.settings.namespaces {
            0 => String::new(),
            count => format!("/n{},", index % count),
        };
        let mut client = Self {
            index,
            nsp: nsp.into_bytes().into(),
            links: [None, None, None],
            asked: Asked::Nothing,
            posting: false,
            accept: None,
            upgrade: Upgrade::No,
            handshake: None,
            unsent: Vec::new(),
            closing: false,
            closed: false,
        };
        if env.settings.transport == Transport::Websocket {
            client.open_websocket(env)?;
        } else {
            client.ask(Asked::Handshake, env)?;
        }
        Ok(client)
    }

    /// The token of one of its connections.
    #[must_use]
    pub fn token(index: usize, role: Role) -> Token {
        Token(index * 4 + role as usize)
    }

    /// Whose token it is.
    #[must_use]
    pub fn of(token: Token) -> Option<(usize, Role)> {
        Some((token.0 / 4, *Role::ALL.get(token.0 % 4)?))
    }

    /// One of its connections, while it has it.
    pub fn link(&mut self, role: Role) -> Option<&mut Link> {
        self.links[role as usize].as_mut()
    }

    /// Whether it was closed and is gone.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.closed
    }

    /// Whether it was told to close.
    #[must_use]
    pub fn is_closing(&self) -> bool {
        self.closing
    }

    /// Milliseconds between two of its heartbeats.
    #[must_use]
    pub fn ping_interval(&self) -> u64 {
        self.handshake.as_ref().map_or(u64::MAX, |handshake| handshake.ping_interval)
    }

    /// Sends an event.
    ///
    /// # Errors
    ///
    /// If a connection that this needs can not be opened.
    pub fn send(&mut self, packet: &[u8], env: Env<'_>) -> Result<()> {
        let nsp = self.nsp.clone();
        let (kind, rest) = packet.split_at(packet.len().min(1));
        self.say(&[b"4", kind, &nsp, rest], env)
    }

    /// Sends a heartbeat of its own, as clients of EIO=3 do.
    ///
    /// # Errors
    ///
    /// As [`Client::send`].
    pub fn beat(&mut self, env: Env<'_>) -> Result<()> {
        if self.closing { Ok(()) } else { self.say(&[b"2"], env) }
    }

    /// Begins to close.
    ///
    /// # Errors
    ///
    /// As [`Client::send`].
    pub fn close(&mut self, env: Env<'_>) -> Result<()> {
        self.closing = true;
        if self.on_websocket() {
            if let Some(link) = &mut self.links[Role::Ws as usize] {
                ws::close(&mut link.outbox);
            }
            return Ok(());
        }
        self.say(&[b"1"], env)
    }

    /// Writes what there is to write.
    ///
    /// # Errors
    ///
    /// If a connection broke that was not expected to.
    pub fn flush(&mut self) -> Result<()> {
        let closing = self.closing;
        let flushed = self.links.iter_mut().flatten().filter(|link| !link.outbox.is_empty()).try_for_each(Link::flush);
        if closing { Ok(()) } else { flushed }
    }

    /// Takes what came over one connection. How many whole WebSocket frames it was.
    ///
    /// # Errors
    ///
    /// If the server should not have said that, or the scenario says so.
    pub fn received(
        &mut self,
        role: Role,
        data: &[u8],
        env: Env<'_>,
        sink: &mut impl FnMut(Event<'_>) -> Result<()>,
    ) -> Result<u64> {
        let Some(link) = self.link(role) else { return Ok(0) };
        if link.inbox.is_empty() {
            let (used, frames) = self.parse(role, data, env, sink)?;
            if let Some(link) = self.link(role) {
                link.inbox.extend(&data[used..]);
            }
            return Ok(frames);
        }
        let mut inbox = take(&mut link.inbox);
        inbox.extend(data);
        let (used, frames) = self.parse(role, &inbox, env, sink)?;
        inbox.drain(..used);
        if let Some(link) = self.link(role) {
            link.inbox = inbox;
        }
        Ok(frames)
    }

    /// The server ended one of its connections.
    ///
    /// # Errors
    ///
    /// If it had no reason to.
    pub fn ended(&mut self, role: Role) -> Result<()> {
        let waits = match role {
            Role::Get => self.asked != Asked::Nothing,
            Role::Post => self.posting,
            Role::Ws => true,
        };
        self.links[role as usize] = None;
        match role {
            Role::Ws if self.closing => self.closed = true,
            Role::Post if self.closing => self.closed = true,
            Role::Get if self.closing => {}
            // A connection that is not used may be closed.
            _ if waits => return Err(Fault::new(format!("the server ended a connection ({role:?}) that was in use"))),
            _ => {}
        }
        Ok(())
    }

    /// How many bytes were whole, and how many WebSocket frames.
    fn parse(
        &mut self,
        role: Role,
        data: &[u8],
        env: Env<'_>,
        sink: &mut impl FnMut(Event<'_>) -> Result<()>,
    ) -> Result<(usize, u64)> {
        if role != Role::Ws {
            let Some(answer) = http::read(data)? else { return Ok((0, 0)) };
            if answer.encoding.is_some() {
                return Err(Fault::new("an answer is encoded, which nobody asked for"));
            }
            let body = answer.body(data);
            // The last poll and the word that closes the session may overtake each other.
            if answer.status != 200 && !self.closing {
                let body = String::from_utf8_lossy(body);
                return Err(Fault::new(format!("an answer of {} ({role:?}): {body}", answer.status)));
            }
            if role == Role::Post {
                self.posted(env, sink)?;
            } else {
                self.polled(body, env, sink)?;
            }
            return Ok((answer.length, 0));
        }
        let (mut start, mut frames) = (0, 0);
        if let Some(accept) = &self.accept {
            let Some(answer) = http::read(data)? else { return Ok((0, 0)) };
            if answer.status != 101 || answer.accept.as_ref() != Some(accept) {
                return Err(Fault::new(format!("a WebSocket was refused with {}", answer.status)));
            }
            start = answer.length;
            self.accept = None;
            if self.upgrade == Upgrade::Probing {
                self.frame(&[b"2probe"]);
            }
        }
        let used = ws::each_frame(&data[start..], |frame| {
            frames += 1;
            match frame {
                Frame::Text(packet) => self.packet(packet, env, sink),
                Frame::Ping(payload) => {
                    if let Some(link) = self.link(Role::Ws) {
                        ws::pong(&mut link.outbox, payload);
                    }
                    Ok(())
                }
                Frame::Close if self.closing => Ok(()),
                Frame::Close => Err(Fault::new("the server closed a WebSocket")),
            }
        })?;
        Ok((start + used, frames))
    }

    /// An Engine.IO packet.
    fn packet(&mut self, packet: &[u8], env: Env<'_>, sink: &mut impl FnMut(Event<'_>) -> Result<()>) -> Result<()> {
        let unexpected = || Fault::new(format!("an unexpected packet: {}", String::from_utf8_lossy(packet)));
        match (packet, env.settings.revision) {
            ([b'4', b'0', rest @ ..], _) => self.connected(rest, env, sink),
            ([b'4', b'2' | b'3', after @ ..], _) if self.is_ours(after) => sink(Event::Packet(&packet[1..])),
            (b"2", Revision::V4) => self.say(&[b"3"], env),
            (b"3", Revision::V3) | (b"6", _) => Ok(()),
            (b"3probe", _) if self.upgrade == Upgrade::Probing => {
                self.upgrade = Upgrade::Pausing;
                self.pause(sink)
            }
            ([b'0', json @ ..], revision) if self.handshake.is_none() => {
                self.handshake = Some(Handshake::read(json)?);
                // A client of EIO=3 is in `/` without asking. A polling one asks when it has read the whole answer.
                if revision == Revision::V4 && self.on_websocket() { self.ask_in(env) } else { Ok(()) }
            }
            _ if self.closing => Ok(()),
            _ => Err(unexpected()),
        }
    }

    /// Whether a packet is of this client's namespace, by what stands behind its type.
    fn is_ours(&self, after_type: &[u8]) -> bool {
        if self.nsp.is_empty() { !after_type.starts_with(b"/") } else { after_type.starts_with(&self.nsp) }
    }

    fn ask_in(&mut self, env: Env<'_>) -> Result<()> {
        let nsp = self.nsp.clone();
        self.say(&[b"40", &nsp], env)
    }

    fn connected(&mut self, nsp: &[u8], env: Env<'_>, sink: &mut impl FnMut(Event<'_>) -> Result<()>) -> Result<()> {
        if !self.is_ours(nsp) {
            // EIO=3 lets a client into `/` first; nobody else gets what was not asked for.
            let first = nsp.is_empty() && env.settings.revision == Revision::V3;
            let other = || Fault::new(format!("let into another namespace: {}", String::from_utf8_lossy(nsp)));
            return if first { self.ask_in(env) } else { Err(other()) };
        }
        if env.settings.transport == Transport::Upgrade {
            self.upgrade = Upgrade::Probing;
            return self.open_websocket(env);
        }
        sink(Event::Ready)
    }

    /// Ends the upgrade when neither a poll nor a POST is under way: what they carry must not come after the `5`.
    fn pause(&mut self, sink: &mut impl FnMut(Event<'_>) -> Result<()>) -> Result<()> {
        if self.asked == Asked::Nothing && !self.posting { self.upgraded(sink) } else { Ok(()) }
    }

    fn upgraded(&mut self, sink: &mut impl FnMut(Event<'_>) -> Result<()>) -> Result<()> {
        self.upgrade = Upgrade::Done;
        self.frame(&[b"5"]);
        self.links[Role::Get as usize] = None;
        self.links[Role::Post as usize] = None;
        sink(Event::Ready)
    }

    /// The answer to what was asked on the connection for polls.
    fn polled(&mut self, body: &[u8], env: Env<'_>, sink: &mut impl FnMut(Event<'_>) -> Result<()>) -> Result<()> {
        let asked = std::mem::replace(&mut self.asked, Asked::Nothing);
        if asked != Asked::Greeting && !self.closing {
            each_packet(env.settings.revision, body, |packet| self.packet(packet, env, sink))?;
        }
        match (asked, env.settings.revision) {
            (Asked::Handshake, Revision::V4) => self.ask(Asked::Greeting, env),
            _ if self.upgrade == Upgrade::Pausing => self.pause(sink),
            _ if self.upgrade == Upgrade::Done || self.closing => Ok(()),
            _ => self.ask(Asked::Poll, env),
        }
    }

    fn posted(&mut self, env: Env<'_>, sink: &mut impl FnMut(Event<'_>) -> Result<()>) -> Result<()> {
        self.posting = false;
        if self.closing && self.unsent.is_empty() {
            self.links = [None, None, None];
            self.closed = true;
            return Ok(());
        }
        self.post(env)?;
        if self.upgrade == Upgrade::Pausing { self.pause(sink) } else { Ok(()) }
    }

    fn on_websocket(&self) -> bool {
        self.links[Role::Ws as usize].is_some() && matches!(self.upgrade, Upgrade::No | Upgrade::Done)
    }

    /// Sends an Engine.IO packet over whatever transport it is on.
    fn say(&mut self, parts: &[&[u8]], env: Env<'_>) -> Result<()> {
        if self.on_websocket() {
            self.frame(parts);
            return Ok(());
        }
        self.unsent.push(parts.concat());
        self.post(env)
    }

    fn frame(&mut self, parts: &[&[u8]]) {
        if let Some(link) = self.link(Role::Ws) {
            ws::text(&mut link.outbox, parts);
        }
    }

    fn target(&self, transport: &str, settings: &Settings) -> String {
        let (path, eio) = (&settings.path, settings.revision.number());
        let sid = self.handshake.as_ref().map(|handshake| format!("&sid={}", handshake.sid)).unwrap_or_default();
        format!("{path}?EIO={eio}&transport={transport}{sid}")
    }

    fn connection(&mut self, role: Role, env: Env<'_>) -> Result<&mut Link> {
        let place = &mut self.links[role as usize];
        if place.is_none() {
            let (token, from) = (Self::token(self.index, role), env.settings.source(self.index));
            *place = Some(Link::open(env.settings.address, from, env.registry, token)?);
        }
        place.as_mut().ok_or_else(|| Fault::new("no connection"))
    }

    fn open_websocket(&mut self, env: Env<'_>) -> Result<()> {
        let (request, accept) = ws::request(&env.settings.host, &self.target("websocket", env.settings));
        self.accept = Some(accept);
        self.connection(Role::Ws, env)?.outbox.extend(request);
        Ok(())
    }

    fn ask(&mut self, what: Asked, env: Env<'_>) -> Result<()> {
        self.asked = what;
        let target = self.target("polling", env.settings);
        let request = match what {
            Asked::Greeting => {
                let packet = [b"40", &*self.nsp].concat();
                http::post(&env.settings.host, &target, &payload(env.settings.revision, &[packet]))
            }
            _ => http::get(&env.settings.host, &target),
        };
        self.connection(Role::Get, env)?.outbox.extend(request);
        Ok(())
    }

    fn post(&mut self, env: Env<'_>) -> Result<()> {
        if self.posting || self.unsent.is_empty() {
            return Ok(());
        }
        self.posting = true;
        let body = payload(env.settings.revision, &take(&mut self.unsent));
        let request = http::post(&env.settings.host, &self.target("polling", env.settings), &body);
        self.connection(Role::Post, env)?.outbox.extend(request);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;

    #[test]
    fn what_is_said_in_another_namespace_is_a_fault() {
        let (poll, listener) = (mio::Poll::new().unwrap(), TcpListener::bind(("127.0.0.1", 0)).unwrap());
        let mut settings = Settings {
            address: listener.local_addr().unwrap(),
            host: "a".to_owned(),
            path: "/".to_owned(),
            revision: Revision::V4,
            transport: Transport::Websocket,
            from: None,
            sources: 0,
            namespaces: 2,
        };
        let env = Env { settings: &settings, registry: poll.registry() };
        let mut client = Client::open(3, env).unwrap();
        let mut heard = |packet: &[u8]| client.packet(packet, env, &mut |_| Ok(()));
        heard(b"40/n1,{}").unwrap();
        heard(br#"42/n1,["said"]"#).unwrap();
        for packet in ["40{}", "40/n0,{}", r#"42["said"]"#, r#"42/n0,["said"]"#, r#"43/n11,["said"]"#] {
            assert!(heard(packet.as_bytes()).is_err(), "{packet}");
        }
        settings.namespaces = 0;
        let env = Env { settings: &settings, registry: poll.registry() };
        let mut client = Client::open(3, env).unwrap();
        let mut heard = |packet: &[u8]| client.packet(packet, env, &mut |_| Ok(()));
        heard(b"40{}").unwrap();
        heard(br#"42["said"]"#).unwrap();
        assert!(heard(br#"42/n0,["said"]"#).is_err());
    }
}
