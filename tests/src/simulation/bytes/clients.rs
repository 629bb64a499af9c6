//! Plays the clients, over streams. Holds the host to the same promises as the decoded simulation: every message of somebody's
//! room, once and in order; and when everybody has gone, nothing is left of anybody.

use super::super::agenda::Words;
use super::super::person::Way;
use super::super::run::{Figures, INTERVAL, ROOM, RUSH};
use super::super::talk::Talk;
use super::super::{Cuts, Plan};
use super::guest::Guest;
use super::net::{Event, How, Net, News};
use super::requests;
use super::stream::{Role, lock, take_answer};
use crate::bytes::frames;
use sanket::{Config, Recovery, Revision, Time};
use sanket_host::host::Setup;
use sanket_host::http::HttpConfig;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

/// A simulation in bytes, on its way.
#[derive(Debug)]
pub struct ByteSimulation {
    pub(super) plan: Plan,
    pub(super) net: Net,
    pub(super) guests: Vec<Guest>,
    pub(super) end: Time,
    pub(super) next_message: Time,
    pub(super) stormed: bool,
    /// Nobody comes back.
    pub(super) closing: bool,
    pub(super) figures: Figures,
    /// What arrives at the server at this moment.
    pub(super) arriving: Vec<(u32, u32)>,
}

/// What the application knows.
#[derive(Debug, Default)]
struct Known {
    said: BTreeMap<u32, u32>,
    people: usize,
    recovered: u64,
    taken_over: u64,
}

impl ByteSimulation {
    /// A simulation of `plan` in which nothing has happened yet.
    #[must_use]
    pub fn new(plan: Plan) -> Self {
        let mut ids = fastrand::Rng::with_seed(!plan.seed);
        let ids = Mutex::new(move |bytes: &mut [u8]| ids.fill(bytes));
        let mut setup = Setup::new(move |bytes| {
            lock(&ids)(bytes);
            true
        });
        setup.config = Config {
            max_sessions: usize::MAX,
            max_unjoined: usize::MAX,
            recovery: plan.cuts.map(|_| Recovery::default()),
            ..Config::default()
        };
        setup.http = HttpConfig { max_connections: usize::MAX, ..HttpConfig::default() };
        let now = Time::from_millis(1_700_000_000_000);
        let mut simulation = Self {
            net: Net::new(setup, plan.seed, now),
            guests: Vec::with_capacity(plan.clients),
            end: now.after(plan.minutes * 60_000),
            next_message: now.after(RUSH),
            stormed: !plan.storm,
            closing: false,
            figures: Figures::default(),
            arriving: Vec::new(),
            plan,
        };
        for who in 0..u32::try_from(plan.clients).unwrap_or(u32::MAX) {
            let rng = &mut simulation.net.rng;
            // Mostly those whom servers mostly see.
            let revision = if rng.u8(0..10) == 0 { Revision::V3 } else { Revision::V4 };
            let way = match rng.u8(0..20) {
                0..2 => Way::Polling,
                2..5 => Way::Upgrade,
                _ => Way::WebSocket,
            };
            let at = now.after(rng.u64(0..RUSH));
            simulation.guests.push(Guest::new(revision, way));
            simulation.net.agenda.plan(at, who, 0, Event::Arrive);
        }
        simulation
    }

    /// How much virtual time has passed, in milliseconds.
    #[must_use]
    pub fn elapsed(&self) -> u64 {
        self.plan.minutes * 60_000 - u64::try_from(self.end.since(self.net.now).as_millis()).unwrap_or(u64::MAX)
    }

    /// How many sessions there are.
    #[must_use]
    pub fn present(&self) -> usize {
        self.net.host.sessions()
    }

    /// What has come of it so far.
    #[must_use]
    pub fn figures(&self) -> &Figures {
        &self.figures
    }

    /// Goes on for some virtual milliseconds; whether there is more to come.
    pub fn advance(&mut self, millis: u64) -> bool {
        let until = self.net.now.after(millis).min(self.end);
        self.play(until);
        self.net.set(until);
        self.storm();
        self.net.now < self.end
    }

    /// Plays until a moment, or until nothing is going to happen.
    fn play(&mut self, until: Time) {
        loop {
            let next = self.net.next().min(self.next_message);
            if next > until || next == Time::NEVER {
                return;
            }
            self.net.set(self.net.now.max(next));
            self.net.settle();
            if self.next_message <= self.net.now {
                self.speak();
            }
            while self.net.agenda.next().is_some_and(|at| at <= self.net.now) {
                let Some((_, who, life, event)) = self.net.agenda.take() else { break };
                self.figures.events += 1;
                self.happen(who, life, event);
            }
            let arriving = std::mem::take(&mut self.arriving);
            self.net.arrive(&arriving);
            self.arriving = arriving;
            self.arriving.clear();
        }
    }

    /// Ends it: everybody has heard everything, and when the last has gone nothing is left of anybody.
    ///
    /// # Panics
    ///
    /// Where something is.
    pub fn finish(mut self) -> Figures {
        let known = self.known();
        for (who, guest) in self.guests.iter().enumerate() {
            let room = u32::try_from(who).unwrap_or(u32::MAX) / ROOM;
            let total = known.said.get(&room).copied().unwrap_or_default();
            if guest.person.joined && guest.person.inside {
                self.figures.lost += u64::from(total - guest.person.heard.min(total));
            }
        }
        (self.figures.recovered, self.figures.taken_over) = (known.recovered, known.taken_over);
        self.figures.trace = self.net.trace;
        (self.closing, self.next_message) = (true, Time::NEVER);
        self.net.host.close_sessions();
        self.net.host.drain();
        self.play(self.net.now.after(600_000));
        let host = &self.net.host;
        let left = (host.sessions(), host.waiting(), host.connections(), host.websockets(), self.net.len());
        assert_eq!(left, (0, 0, 0, 0, 0), "sessions, waiting, connections, WebSockets, streams are left");
        assert_eq!(self.known().people, 0, "the application has not heard of every end");
        self.figures
    }

    fn known(&mut self) -> Known {
        let known = Arc::new(Mutex::new(Known::default()));
        let place = known.clone();
        let work = move |talk: &mut Talk, _: &mut sanket::Effects<'_>| {
            let Talk { said, people, recovered, taken_over } = talk;
            *lock(&place) =
                Known { said: said.clone(), people: *people, recovered: *recovered, taken_over: *taken_over };
        };
        self.net.host.apply(work).expect("the application has not ended");
        self.net.settle();
        std::mem::take(&mut lock(&known))
    }

    pub(super) fn guest(&mut self, who: u32) -> &mut Guest {
        &mut self.guests[who as usize]
    }

    pub(super) fn plan(&mut self, at: Time, who: u32, event: Event) {
        let life = self.guest(who).person.life;
        self.net.agenda.plan(at, who, life, event);
    }

    fn happen(&mut self, who: u32, life: u32, event: Event) {
        match event {
            Event::Arrive | Event::Beat | Event::Cut if self.guest(who).person.life != life || self.closing => {}
            Event::Arrive => self.arrive(who),
            Event::Beat => {
                self.say(who, Words::Ping);
                self.plan(self.net.now.after(INTERVAL), who, Event::Beat);
            }
            Event::Cut => self.cut(who),
            Event::Up | Event::Down | Event::End => {
                let number = who;
                let Some(stream) = self.net.stream(number).filter(|stream| stream.serial == life) else { return };
                let (who, role) = (stream.who, stream.role);
                if let Event::Up = event {
                    return self.arriving.push((number, life));
                }
                match self.net.take_down(number, &event) {
                    Some(News::Bytes(bytes)) => self.hear(who, role, number, life, bytes),
                    Some(News::End) => self.ended(who, role, number),
                    None => {}
                }
            }
        }
    }

    fn arrive(&mut self, who: u32) {
        self.figures.connections += 1;
        let guest = self.guest(who);
        guest.is_here = true;
        let revision = guest.person.revision;
        if guest.person.way == Way::WebSocket {
            let ws = self.net.connect(who, Role::WebSocket);
            self.guest(who).ws = Some(ws);
            self.net.send(ws, requests::upgrade(revision, ""));
        } else {
            self.poll(who);
        }
        if revision == Revision::V3 {
            let at = self.net.now.after(self.net.rng.u64(0..INTERVAL));
            self.plan(at, who, Event::Beat);
        }
        if let Some(Cuts { life, .. }) = self.plan.cuts {
            // Each second it may happen, whatever has happened so far. Without a logarithm, which is not the same everywhere.
            let mut span = self.net.rng.u64(0..1_000);
            while self.net.rng.u64(0..life.max(1)) != 0 {
                span += 1_000;
            }
            self.plan(self.net.now.after(span), who, Event::Cut);
        }
    }

    /// Sends a request on a stream of somebody's that is kept, or on a new one.
    fn request(&mut self, who: u32, role: Role, request: Vec<u8>) {
        let guest = self.guest(who);
        let known = if role == Role::Get { guest.get } else { guest.post };
        let number = known.unwrap_or_else(|| self.net.connect(who, role));
        let guest = self.guest(who);
        *(if role == Role::Get { &mut guest.get } else { &mut guest.post }) = Some(number);
        if let Some(stream) = self.net.stream(number) {
            stream.request = Some(request.clone().into());
        }
        self.net.send(number, request);
    }

    /// Asks for packets; for a session, if there is none.
    fn poll(&mut self, who: u32) {
        let guest = self.guest(who);
        guest.polls = true;
        let request = requests::get(guest.person.revision, &guest.sid);
        self.request(who, Role::Get, request);
    }

    /// A client got bytes.
    fn hear(&mut self, who: u32, role: Role, number: u32, serial: u32, bytes: Vec<u8>) {
        let Some(stream) = self.net.stream(number) else { return };
        if stream.inbox.is_empty() {
            stream.inbox = bytes;
        } else {
            stream.inbox.extend(bytes);
        }
        loop {
            // What came before may have been the last that it wanted to hear.
            let Some(stream) = self.net.stream(number).filter(|stream| stream.serial == serial && !stream.left) else {
                return;
            };
            if role == Role::WebSocket && stream.switched {
                return self.read_frames(who, number, serial);
            }
            let Some(answer) = take_answer(&mut stream.inbox) else { return };
            stream.request = None;
            match role {
                Role::WebSocket if answer.status == 101 => {
                    stream.switched = true;
                    if self.guest(who).person.way == Way::Upgrade {
                        self.net.send(number, requests::text("2probe"));
                    }
                }
                Role::WebSocket => self.come_back(who),
                Role::Get => {
                    if answer.closes() {
                        self.forget(who, number);
                    }
                    self.polled(who, answer.status, &answer.body);
                }
                Role::Post => {
                    if answer.closes() {
                        self.forget(who, number);
                    }
                    self.posted(who, answer.status);
                }
            }
        }
    }

    fn read_frames(&mut self, who: u32, number: u32, serial: u32) {
        let Some(stream) = self.net.stream(number) else { return };
        let inbox = std::mem::take(&mut stream.inbox);
        let mut used = 0;
        while let Some((opcode, payload, length)) = frames::read(&inbox[used..]) {
            used += length;
            if self.net.stream(number).is_none_or(|stream| stream.serial != serial || stream.left) {
                return;
            }
            match opcode {
                frames::TEXT => self.packet(who, std::str::from_utf8(payload).expect("text is UTF-8")),
                frames::CLOSE => {
                    self.net.send(number, requests::close());
                    self.come_back(who);
                }
                _ => {}
            }
        }
        if let Some(stream) = self.net.stream(number)
            && stream.serial == serial
            && used < inbox.len()
        {
            stream.inbox = inbox[used..].to_vec();
        }
    }

    /// A stream is not used any more.
    fn forget(&mut self, who: u32, number: u32) {
        let guest = self.guest(who);
        for place in [&mut guest.get, &mut guest.post, &mut guest.ws] {
            place.take_if(|place| *place == number);
        }
        self.net.leave(number, How::Close);
    }

    /// The server has ended its direction of a stream.
    fn ended(&mut self, who: u32, role: Role, number: u32) {
        let Some(stream) = self.net.stream(number) else { return };
        let (request, is_half, is_part) = (stream.request.take(), stream.is_half, !stream.inbox.is_empty());
        self.forget(who, number);
        self.net.touch(number);
        if role == Role::WebSocket || is_half || is_part {
            self.come_back(who);
        } else if let Some(request) = request {
            // It was closed because it was idle, when the request was under way: browsers send it again.
            self.request(who, role, request.into());
        }
    }

    fn polled(&mut self, who: u32, status: u16, body: &[u8]) {
        let guest = self.guest(who);
        guest.polls = false;
        if status != 200 {
            // Refused because it has a WebSocket by now, or because the session is over.
            if guest.ws.is_none() || guest.person.way == Way::Polling {
                self.come_back(who);
            }
            return;
        }
        let (revision, life) = (guest.person.revision, guest.person.life);
        let text = std::str::from_utf8(body).expect("text is UTF-8");
        if guest.sid.is_empty() {
            let sid = text.split_once(r#""sid":""#).and_then(|(_, rest)| rest.split_once('"'));
            guest.sid = sid.expect("a handshake").0.into();
        }
        for packet in requests::packets(revision, text) {
            self.packet(who, packet);
            if self.guest(who).person.life != life {
                return;
            }
        }
        let guest = self.guest(who);
        if guest.ws.is_some() && guest.person.probed {
            return self.switch(who);
        }
        self.poll(who);
        let guest = self.guest(who);
        if guest.person.way == Way::Upgrade && guest.ws.is_none() && text.contains("40") {
            let request = requests::upgrade(revision, &guest.sid);
            let ws = self.net.connect(who, Role::WebSocket);
            self.guest(who).ws = Some(ws);
            self.net.send(ws, request);
        }
    }

    fn posted(&mut self, who: u32, status: u16) {
        self.guest(who).posts = false;
        if status != 200 {
            return self.come_back(who);
        }
        self.post(who);
        self.switch(who);
    }

    /// Sends what waits, if no other POST is under way.
    fn post(&mut self, who: u32) {
        let guest = self.guest(who);
        if guest.posts || guest.unsent.is_empty() || guest.sid.is_empty() {
            return;
        }
        guest.posts = true;
        let (revision, room) = (guest.person.revision, who / ROOM);
        let packets: Vec<String> =
            std::mem::take(&mut guest.unsent).iter().map(|words| requests::packet(words, room)).collect();
        let request = requests::post(revision, &guest.sid, &requests::payload(revision, &packets));
        self.request(who, Role::Post, request);
    }

    /// Once nothing is on its way by polling any more: on to the WebSocket.
    fn switch(&mut self, who: u32) {
        let guest = self.guest(who);
        if let (Some(ws), true, false, false) = (guest.ws, guest.person.probed, guest.polls, guest.posts) {
            (guest.person.probed, guest.person.switched) = (false, true);
            let streams = [guest.get, guest.post];
            self.figures.upgrades += 1;
            self.net.send(ws, requests::text("5"));
            streams.into_iter().flatten().for_each(|number| self.forget(who, number));
        }
    }

    fn packet(&mut self, who: u32, packet: &str) {
        self.figures.pings += u64::from(packet == "2");
        let reaction = self.guest(who).person.read(packet);
        self.figures.heard += u64::from(packet.starts_with(r#"42["said""#) && !reaction.doubled);
        self.figures.lost += u64::from(reaction.missing);
        self.figures.doubled += u64::from(reaction.doubled);
        self.figures.not_recovered += u64::from(reaction.fresh);
        if reaction.over {
            self.come_back(who);
        } else if let Some(words) = reaction.say {
            self.say(who, words);
        }
        if packet == "3probe" {
            self.switch(who);
        }
    }

    /// Somebody's client says something, over whichever transport it is on.
    pub(super) fn say(&mut self, who: u32, words: Words) {
        let guest = self.guest(who);
        if guest.is_polling() {
            guest.unsent.push(words);
            self.post(who);
        } else if let Some(ws) = guest.ws {
            let frame = requests::text(&requests::packet(&words, who / ROOM));
            if self.net.stream(ws).is_some_and(|stream| stream.switched && !stream.is_half) {
                self.net.send(ws, frame);
            }
        }
    }
}
