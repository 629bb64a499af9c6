//! The driver, the network and the clock. Checks the guarantees for drivers (one response to each request, nothing
//! after an end, no queue beyond its limit) and for people (every message of their room, once and in order).

mod clients;

use super::agenda::{Agenda, Event, Words};
use super::person::{Person, Way};
use super::talk::Talk;
use super::{Cuts, Plan};
use sanket::codec::BodyKind;
use sanket::driver::{
    Input, Key, NewSession, Opening, Output, RawMessage, RequestId, Response, Server, Sid, WsEnd, WsMessage,
    decode_body, decode_message,
};
use sanket::{Config, Reason, Recovery, Revision, Time};
use std::collections::BTreeMap;

/// People in a room.
pub(super) const ROOM: u32 = 100;
/// Milliseconds that the network takes, at least and at most.
pub(super) const LATENCY: (u64, u64) = (5, 80);
/// The first people come within so many milliseconds, and after a storm.
pub(super) const RUSH: u64 = 10_000;
/// Nobody says anything in the last so many milliseconds, so that what is on its way arrives.
pub(super) const QUIET: u64 = 60_000;
pub(super) const INTERVAL: u64 = 25_000;

/// What came of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// Things that happened.
    pub events: u64,
    /// Messages that were said.
    pub said: u64,
    /// Messages that were heard.
    pub heard: u64,
    /// Connections that were made.
    pub connections: u64,
    /// Upgrades that were made.
    pub upgrades: u64,
    /// Connections that were cut.
    pub cuts: u64,
    /// Pings that the server sent.
    pub pings: u64,
    /// Sockets that took up where an earlier connection broke.
    pub recovered: u64,
    /// Of those, how many did so while the server still believed in the earlier connection.
    pub taken_over: u64,
    /// Messages that never came to somebody who was a member.
    pub lost: u64,
    /// Messages that came twice, or late.
    pub doubled: u64,
    /// Sessions that should have been recovered, and were not.
    pub not_recovered: u64,
    /// Everything that happened, as one number.
    pub trace: u64,
}

/// A simulation on its way.
#[derive(Debug)]
pub struct Simulation {
    plan: Plan,
    config: Config,
    server: Server<Talk>,
    people: Vec<Person>,
    agenda: Agenda<Event>,
    now: Time,
    end: Time,
    rng: fastrand::Rng,
    next_request: u64,
    next_sid: u64,
    outputs: Vec<(Key, Output)>,
    ended: BTreeMap<Key, Reason>,
    next_message: Time,
    stormed: bool,
    figures: Figures,
    messages: Vec<WsMessage>,
}

impl Simulation {
    /// A simulation of `plan` in which nothing has happened yet.
    #[must_use]
    pub fn new(plan: Plan) -> Self {
        let config = Config {
            max_sessions: usize::MAX,
            max_unjoined: usize::MAX,
            recovery: plan.cuts.map(|_| Recovery::default()),
            ..Config::default()
        };
        let now = Time::from_millis(1_700_000_000_000);
        let mut simulation = Self {
            server: Server::new(Talk::default(), config.clone()),
            config,
            people: Vec::with_capacity(plan.clients),
            agenda: Agenda::default(),
            now,
            end: now.after(plan.minutes * 60_000),
            rng: fastrand::Rng::with_seed(plan.seed),
            next_request: 0,
            next_sid: 0,
            outputs: Vec::new(),
            ended: BTreeMap::new(),
            next_message: now.after(RUSH),
            stormed: !plan.storm,
            figures: Figures::default(),
            messages: Vec::new(),
            plan,
        };
        for who in 0..u32::try_from(plan.clients).unwrap_or(u32::MAX) {
            let person = simulation.somebody();
            simulation.people.push(person);
            let at = now.after(simulation.rng.u64(0..RUSH));
            simulation.agenda.plan(at, who, 0, Event::Arrive);
        }
        simulation
    }

    /// Mostly those whom servers mostly see.
    fn somebody(&mut self) -> Person {
        let revision = if self.rng.u8(0..10) == 0 { Revision::V3 } else { Revision::V4 };
        let way = match self.rng.u8(0..20) {
            0..2 => Way::Polling,
            2..5 => Way::Upgrade,
            _ => Way::WebSocket,
        };
        Person::new(revision, way)
    }

    /// How much virtual time has passed, in milliseconds.
    #[must_use]
    pub fn elapsed(&self) -> u64 {
        self.plan.minutes * 60_000 - u64::try_from(self.end.since(self.now).as_millis()).unwrap_or(u64::MAX)
    }

    /// How many people are in.
    #[must_use]
    pub fn present(&self) -> usize {
        self.server.hub.len()
    }

    /// What has come of it so far.
    #[must_use]
    pub fn figures(&self) -> &Figures {
        &self.figures
    }

    /// Goes on for some virtual milliseconds; whether there is more to come.
    pub fn advance(&mut self, millis: u64) -> bool {
        let until = self.now.after(millis).min(self.end);
        loop {
            let timeout = self.server.poll_timeout().unwrap_or(Time::NEVER);
            let planned = self.agenda.next().unwrap_or(Time::NEVER);
            let next = timeout.min(planned).min(self.next_message);
            if next > until {
                break;
            }
            self.now = self.now.max(next);
            if timeout <= self.now {
                self.server.handle_timeout(self.now);
                self.pump();
            } else if self.next_message <= self.now {
                self.speak();
            } else if let Some((_, who, life, event)) = self.agenda.take()
                && self.people[who as usize].life == life
            {
                self.figures.events += 1;
                self.happen(who, event);
            }
        }
        self.now = until;
        self.storm();
        self.now < self.end
    }

    /// Ends it: everybody has heard everything, and when the last has gone nothing is left of anybody.
    ///
    /// # Panics
    ///
    /// Where something is.
    pub fn finish(mut self) -> Figures {
        let said = self.server.hub.app().said.clone();
        for (who, person) in self.people.iter().enumerate() {
            let room = u32::try_from(who).unwrap_or(u32::MAX) / ROOM;
            let total = said.get(&room).copied().unwrap_or_default();
            if person.joined && person.key.is_some() {
                self.figures.lost += u64::from(total - person.heard.min(total));
            }
        }
        let talk = self.server.hub.app();
        (self.figures.recovered, self.figures.taken_over) = (talk.recovered, talk.taken_over);
        self.server.shard.shutdown(self.now);
        self.outputs.clear();
        while let Some(at) = self.server.poll_timeout() {
            self.now = self.now.max(at);
            self.server.handle_timeout(self.now);
            let outputs = &mut self.outputs;
            self.server.pump(self.now, |key, output| outputs.push((key, output)));
            outputs.clear();
        }
        assert!(self.server.shard.is_empty(), "{} sessions are left", self.server.shard.len());
        assert!(self.server.hub.is_empty(), "{} sockets are left", self.server.hub.len());
        assert_eq!(self.server.hub.kept(), (0, 0), "something is kept for nobody");
        assert_eq!(self.server.hub.app().people, 0, "the application has not heard of every end");
        self.figures
    }

    fn latency(&mut self) -> Time {
        self.now.after(self.rng.u64(LATENCY.0..LATENCY.1))
    }

    /// When what somebody sends now arrives: after all that it has sent before.
    fn arrival(&mut self, who: u32) -> Time {
        let at = self.latency();
        let person = self.person(who);
        person.arrived = person.arrived.max(at);
        person.arrived
    }

    fn request(&mut self, who: u32) -> RequestId {
        self.next_request += 1;
        RequestId(self.next_request << 32 | u64::from(who))
    }

    fn trace(&mut self, what: u64, who: u32) {
        // Multiplication by an odd number loses nothing.
        let mixed = (self.figures.trace ^ self.now.as_millis() ^ u64::from(who) << 20 ^ what << 52).rotate_left(23);
        self.figures.trace = mixed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }

    fn person(&mut self, who: u32) -> &mut Person {
        &mut self.people[who as usize]
    }

    fn plan(&mut self, at: Time, who: u32, event: Event) {
        let life = self.person(who).life;
        self.agenda.plan(at, who, life, event);
    }

    fn happen(&mut self, who: u32, event: Event) {
        match event {
            Event::Arrive => self.arrive(who),
            Event::Read(ws) => self.read(who, ws),
            Event::Answered(id, response) => self.answered(who, id, *response),
            Event::Say(id, words) => self.hear(who, id, &words),
            Event::Poll(id) => self.input(who, Input::Poll(id)),
            Event::Upgrade(ws) => self.input(who, Input::WsOpen(ws)),
            Event::Beat => {
                self.say(who, Words::Ping);
                let at = self.now.after(INTERVAL);
                self.plan(at, who, Event::Beat);
            }
            Event::Cut => self.cut(who),
            Event::Closed(ws) => {
                if self.person(who).ws == Some(ws) {
                    self.reconnect(who);
                }
            }
        }
    }

    fn arrive(&mut self, who: u32) {
        self.figures.connections += 1;
        self.trace(1, who);
        let id = self.request(who);
        self.next_sid += 1;
        let ids = [1, 2, 3].map(|kind| {
            // All bits differ, as if they were random; an odd factor keeps them apart.
            let number = u128::from(self.plan.seed) << 96 | u128::from(self.next_sid) << 8 | kind;
            Sid::from_bytes(number.wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835).to_be_bytes())
        });
        let person = self.person(who);
        let revision = person.revision;
        let opening = match person.way {
            Way::WebSocket => {
                person.ws = Some(id);
                Opening::WebSocket(id)
            }
            Way::Polling | Way::Upgrade => {
                person.poll = Some(id);
                Opening::Polling { base64: false }
            }
        };
        let [sid, public, private] = ids;
        let new = NewSession { sid, public, private, revision, opening, handshake: None };
        let key = self.server.shard.open(new, self.now).expect("there is room for everybody");
        self.person(who).key = Some(key);
        if self.person(who).way == Way::WebSocket {
            self.pump();
        } else {
            self.input(who, Input::Poll(id));
        }
        if revision == Revision::V3 {
            let at = self.now.after(self.rng.u64(0..INTERVAL));
            self.plan(at, who, Event::Beat);
        }
        if let Some(Cuts { life, .. }) = self.plan.cuts {
            // Each second it may happen, whatever has happened so far. Without a logarithm, which is not the same everywhere.
            let mut span = self.rng.u64(0..1_000);
            while self.rng.u64(0..life.max(1)) != 0 {
                span += 1_000;
            }
            let at = self.now.after(span);
            self.plan(at, who, Event::Cut);
        }
    }

    /// Tells the server something of somebody's client.
    fn input(&mut self, who: u32, input: Input<'_>) {
        let Some(key) = self.person(who).key else { return };
        self.server.shard.handle(key, input, self.now);
        self.pump();
    }

    fn pump(&mut self) {
        let mut outputs = std::mem::take(&mut self.outputs);
        self.server.pump(self.now, |key, output| outputs.push((key, output)));
        for (key, output) in outputs.drain(..) {
            self.take(key, output);
        }
        self.outputs = outputs;
    }

    fn take(&mut self, key: Key, output: Output) {
        let who_of = |id: RequestId| u32::try_from(id.0 & u64::from(u32::MAX)).unwrap_or(u32::MAX);
        match output {
            Output::Respond(id, response) => {
                let who = who_of(id);
                // Somebody who is gone does not get it.
                if self.person(who).key != Some(key) {
                    return;
                }
                let awaited = self.person(who).takes_answer(id);
                assert!(awaited, "seed {}: {id:?} has been answered already", self.plan.seed);
                let at = self.latency();
                self.plan(at, who, Event::Answered(id, Box::new(response)));
            }
            Output::WsReady(id) => {
                let who = who_of(id);
                if self.person(who).ws == Some(id) {
                    let at = self.latency();
                    self.plan(at, who, Event::Read(id));
                }
            }
            Output::WsClose(id) => {
                let who = who_of(id);
                if self.person(who).ws == Some(id) {
                    let at = self.latency();
                    self.plan(at, who, Event::Closed(id));
                }
            }
            Output::Closed(reason) => {
                self.trace(reason as u64 + 16, 0);
                // Keys may come again after very many sessions, so only those of now are kept.
                if self.plan.clients < 10_000 {
                    let twice = self.ended.insert(key, reason);
                    assert_eq!(twice, None, "seed {}: {key:?} ended twice", self.plan.seed);
                }
            }
        }
    }
}
