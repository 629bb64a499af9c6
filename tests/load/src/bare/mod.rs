//! The floor: what a loop around the system's calls costs that does what the scenarios ask for and nothing else. One thread,
//! WebSocket and EIO=4 only; no checks, no heartbeats, no limits. It is no server, and trusts its clients.
//!
//! In each turn it reads once from each socket that has something, and then writes once to each that gets something. What a
//! room gets is encoded once, and written to all from where it lies.

mod peer;
mod rooms;
mod wire;

use crate::fault::Result;
use mio::net::TcpListener;
use mio::{Events, Interest, Poll, Token};
use peer::{Common, Peer};
use slab::Slab;
use socket2::{Domain, Protocol, Socket, Type};
use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr};
use wire::Frame;

/// Bytes that are read at once.
const BUFFER: usize = 64 * 1024;
/// Sockets that are looked after in one turn.
const EVENTS: usize = 1_024;
/// Connections that may wait to be accepted: as many as the system allows.
const BACKLOG: i32 = 65_535;
/// The listener's token; connections have those from 0.
const LISTENER: Token = Token(usize::MAX);

/// The server.
#[derive(Debug)]
pub struct Bare {
    poll: Poll,
    listener: TcpListener,
    peers: Slab<Peer>,
    common: Common,
    buffer: Box<[u8]>,
    /// Who is to be written to at the end of the turn.
    dirty: Vec<usize>,
}

impl Bare {
    /// A server that listens at a port of its own of 127.0.0.1.
    ///
    /// # Errors
    ///
    /// If it can not.
    pub fn listen() -> Result<Self> {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, Some(Protocol::TCP))?;
        socket.set_nonblocking(true)?;
        // What is accepted has it, too.
        socket.set_tcp_nodelay(true)?;
        socket.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into())?;
        socket.listen(BACKLOG)?;
        let mut listener = TcpListener::from_std(socket.into());
        let poll = Poll::new()?;
        poll.registry().register(&mut listener, LISTENER, Interest::READABLE)?;
        let (peers, common, buffer, dirty) = (Slab::new(), Common::default(), vec![0; BUFFER].into(), Vec::new());
        Ok(Self { poll, listener, peers, common, buffer, dirty })
    }

    /// Where it listens.
    ///
    /// # Errors
    ///
    /// If the system does not say.
    pub fn address(&self) -> Result<SocketAddr> {
        Ok(self.listener.local_addr()?)
    }

    /// Serves until the process ends.
    ///
    /// # Errors
    ///
    /// If the system has no descriptors, or refuses to say what is ready.
    pub fn run(&mut self) -> Result<()> {
        let mut events = Events::with_capacity(EVENTS);
        loop {
            match self.poll.poll(&mut events, None) {
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                other => other?,
            }
            for event in &events {
                if event.token() == LISTENER {
                    self.accept()?;
                    continue;
                }
                let who = event.token().0;
                if event.is_writable() && self.peers[who].blocked {
                    self.peers[who].blocked = false;
                    self.list(who);
                }
                if event.is_readable() || event.is_read_closed() || event.is_error() {
                    self.read(who, event.is_read_closed() || event.is_error());
                }
            }
            self.hand_over();
            self.write();
        }
    }

    fn accept(&mut self) -> Result<()> {
        loop {
            let mut stream = match self.listener.accept() {
                Ok((stream, _)) => stream,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) if matches!(error.kind(), ErrorKind::Interrupted | ErrorKind::ConnectionAborted) => continue,
                Err(error) => return Err(error.into()),
            };
            let entry = self.peers.vacant_entry();
            let interest = Interest::READABLE | Interest::WRITABLE;
            self.poll.registry().register(&mut stream, Token(entry.key()), interest)?;
            entry.insert(Peer::new(stream));
        }
    }

    /// Reads what there is: once, unless that fills the buffer or the end has come.
    fn read(&mut self, who: usize, to_the_end: bool) {
        let peer = &mut self.peers[who];
        loop {
            let count = match peer.stream.read(&mut self.buffer) {
                Ok(0) => break peer.gone = true,
                Ok(count) => count,
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(_) => break peer.gone = true,
            };
            if peer.inbox.is_empty() {
                let used = receive(who, peer, &mut self.buffer[..count], &mut self.common);
                peer.inbox.extend_from_slice(&self.buffer[used..count]);
            } else {
                let mut inbox = std::mem::take(&mut peer.inbox);
                inbox.extend_from_slice(&self.buffer[..count]);
                let used = receive(who, peer, &mut inbox, &mut self.common);
                inbox.drain(..used);
                peer.inbox = inbox;
            }
            if count < BUFFER && !to_the_end {
                break;
            }
        }
        if peer.gone || !peer.outbox.is_empty() {
            self.list(who);
        }
    }

    fn list(&mut self, who: usize) {
        let peer = &mut self.peers[who];
        if !peer.listed {
            peer.listed = true;
            self.dirty.push(who);
        }
    }

    /// Tells the members of rooms what there is for them.
    fn hand_over(&mut self) {
        let rooms = &self.common.rooms;
        for number in &rooms.dirty {
            let room = rooms.get(*number);
            for who in &room.members {
                let peer = &mut self.peers[*who];
                if peer.outbox.is_empty() && peer.from.is_none() {
                    peer.from = Some(*number);
                } else {
                    if let Some(other) = peer.from.take() {
                        peer.outbox.extend_from_slice(&rooms.get(other).said);
                    }
                    peer.outbox.extend_from_slice(&room.said);
                }
                if !peer.listed {
                    peer.listed = true;
                    self.dirty.push(*who);
                }
            }
        }
    }

    fn write(&mut self) {
        for who in self.dirty.drain(..) {
            let peer = &mut self.peers[who];
            peer.listed = false;
            let from = peer.from.take().map(|room| &*self.common.rooms.get(room).said);
            let bytes = from.unwrap_or(&peer.outbox);
            let mut written = 0;
            while written < bytes.len() && !peer.blocked && !peer.gone {
                match peer.stream.write(&bytes[written..]) {
                    Ok(count) => written += count,
                    Err(error) if error.kind() == ErrorKind::WouldBlock => peer.blocked = true,
                    Err(error) if error.kind() == ErrorKind::Interrupted => {}
                    Err(_) => peer.gone = true,
                }
            }
            match from {
                Some(said) => peer.outbox.extend_from_slice(&said[written..]),
                None if written == peer.outbox.len() => peer.outbox.clear(),
                None => drop(peer.outbox.drain(..written)),
            }
            if peer.gone || (peer.ending && peer.outbox.is_empty()) {
                // Its descriptor is closed, and so not watched any more.
                for (room, place) in self.peers.remove(who).rooms {
                    if let Some(moved) = self.common.rooms.leave(room, place) {
                        let places = self.peers[moved].rooms.iter_mut();
                        places.filter(|(of, _)| *of == room).for_each(|(_, now)| *now = place);
                    }
                }
            }
        }
        self.common.rooms.hush();
    }
}

/// What came on a connection; how much of it was whole.
fn receive(who: usize, peer: &mut Peer, data: &mut [u8], common: &mut Common) -> usize {
    let mut start = 0;
    if !peer.upgraded {
        let Some((answer, length)) = wire::upgrade(data) else { return 0 };
        start = length;
        peer.upgraded = true;
        peer.outbox.extend_from_slice(answer.as_bytes());
        let sid = common.sid();
        let open = format!(
            r#"0{{"sid":"{sid}","upgrades":[],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}}"#
        );
        wire::text(&mut peer.outbox, &[open.as_bytes()]);
    }
    let used = wire::each_frame(&mut data[start..], |frame| match frame {
        Frame::Text(packet) => peer.packet(who, packet, common),
        Frame::Close => {
            wire::close(&mut peer.outbox);
            peer.ending = true;
        }
    });
    start + used
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::{Settings, Transport};
    use crate::packet::Revision;
    use crate::scenario::{Kind, Setting, plans, run};
    use std::time::Duration;

    #[test]
    fn it_does_what_the_scenarios_ask_for() {
        let mut bare = Bare::listen().unwrap();
        let address = bare.address().unwrap();
        std::thread::spawn(move || bare.run());
        for mut plan in plans().into_iter().filter(|plan| plan.transport == Transport::Websocket) {
            // Those need a process to look at, or time. It counts the joins of its whole life, and so it can have one storm.
            if matches!(plan.kind, Kind::Memory | Kind::Heartbeats | Kind::Storm { each: false }) {
                continue;
            }
            plan.clients = plan.clients.min(32);
            once(plan, address);
        }
    }

    #[test]
    fn whoever_is_in_several_rooms_gets_what_is_said_in_each() {
        let mut bare = Bare::listen().unwrap();
        let mut stream = std::net::TcpStream::connect(bare.address().unwrap()).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        std::thread::spawn(move || bare.run());
        stream.write_all(&crate::ws::request("a", "/").0).unwrap();
        let [a, b] = ["a", "b"].map(|room| format!(r#"42["enter","{room}"]"#));
        converse(&mut stream, &["40", &a, &b], r#"40{"sid":"#);
        // Both come in one piece, and are nothing that is for it alone.
        let said = converse(&mut stream, &[r#"42["tell","a",1,1,""]"#, r#"42["tell","b",2,2,""]"#], "2,2");
        assert!(said.contains(r#"42["said",1,1,""]"#) && said.contains(r#"42["said",2,2,""]"#), "{said}");
        // What is for all, and what is for it alone.
        let packets = [r#"42["say",4,4,""]"#, r#"42["tell","elsewhere",3,3,""]"#, r#"427["echo","x"]"#];
        let said = converse(&mut stream, &packets, "4,4");
        assert!(said.contains(r#"42["said",4,4,""]"#) && said.contains(r#"437["x"]"#), "{said}");
        assert!(!said.contains("3,3"), "{said}");
    }

    /// Says all at once, and listens until something is said.
    fn converse(stream: &mut std::net::TcpStream, packets: &[&str], until: &str) -> String {
        let mut sent = Vec::new();
        packets.iter().for_each(|packet| crate::ws::text(&mut sent, &[packet.as_bytes()]));
        stream.write_all(&sent).unwrap();
        let (mut said, mut buffer) = (String::new(), [0; 4096]);
        while !said.contains(until) {
            let count = stream.read(&mut buffer).unwrap();
            assert!(count > 0, "it ended after {said}");
            said += &String::from_utf8_lossy(&buffer[..count]);
        }
        said
    }

    fn once(plan: crate::scenario::Plan, address: SocketAddr) {
        let (host, path, transport) = (address.to_string(), "/socket.io/".to_owned(), Transport::Websocket);
        let moment = Duration::from_millis(10);
        let report = run(Setting {
            plan,
            settings: Settings {
                address,
                host,
                path,
                revision: Revision::V4,
                transport,
                from: None,
                sources: 0,
                namespaces: 0,
            },
            server: None,
            measured: moment,
            warm_up: moment,
            senders: None,
            strict: true,
            patience: Duration::from_secs(20),
            tells: false,
        });
        assert!(report.unwrap().units > 0, "{}", plan.name);
    }
}
