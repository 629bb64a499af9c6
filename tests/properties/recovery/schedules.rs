//! Any schedule: people send, move between rooms, lose their connection with and without the server's knowledge, lose
//! what was on its way, and reconnect over either transport. What each has got is compared with a model: all events for
//! it, once and in order, if it was recovered; otherwise none from the time of its absence.

use crate::{ROOT, at_once, config, with};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::subsequence;
use sanket::{BroadcastOptions, Config, Emit, Recovery, SocketId, Target, Time};
use sanket_tests::people::{Over, Person, Recorder};
use sanket_tests::world::World;
use std::collections::BTreeSet;

const PEOPLE: usize = 4;
const ROOMS: [&str; 3] = ["r", "s", "t"];

/// How much an event matters.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    Kept,
    /// With a string at its end, or without.
    Passing(bool),
    Volatile,
}

/// Whom something is said to.
#[derive(Clone, Debug)]
enum To {
    Everybody,
    Person(usize),
    Id(usize),
    Rooms { rooms: Vec<usize>, except_rooms: Vec<usize>, except: Vec<usize>, except_ids: Vec<usize> },
}

#[derive(Clone, Debug)]
enum Op {
    Say(To, Kind),
    Join(usize, usize),
    Leave(usize, usize),
    /// Reads everything.
    Listen(usize),
    /// The connection breaks, and all but the first few packets that were on their way get lost.
    Cut {
        who: usize,
        few: usize,
        hole: bool,
    },
    Return(usize, bool),
    /// Comes back, and is cut off before it has heard of it.
    Flicker {
        who: usize,
        hole: bool,
    },
    Wait(u64),
}

fn everybody() -> impl Strategy<Value = Vec<usize>> {
    subsequence((0..PEOPLE).collect::<Vec<_>>(), 0..=2)
}

fn rooms() -> impl Strategy<Value = Vec<usize>> {
    subsequence((0..ROOMS.len()).collect::<Vec<_>>(), 0..=2)
}

fn targets() -> impl Strategy<Value = To> {
    prop_oneof![
        3 => Just(To::Everybody),
        1 => (0..PEOPLE).prop_map(To::Person),
        1 => (0..PEOPLE).prop_map(To::Id),
        4 => (rooms(), rooms(), everybody(), everybody()).prop_map(|(rooms, except_rooms, except, except_ids)| To::Rooms {
            rooms,
            except_rooms,
            except,
            except_ids
        }),
    ]
}

fn kinds() -> impl Strategy<Value = Kind> {
    prop_oneof![
        6 => Just(Kind::Kept),
        2 => any::<bool>().prop_map(Kind::Passing),
        1 => Just(Kind::Volatile),
    ]
}

fn ops(waits: std::ops::Range<u64>) -> impl Strategy<Value = Op> {
    prop_oneof![
        12 => (targets(), kinds()).prop_map(|(to, kind)| Op::Say(to, kind)),
        4 => (0..PEOPLE, 0..ROOMS.len()).prop_map(|(who, room)| Op::Join(who, room)),
        2 => (0..PEOPLE, 0..ROOMS.len()).prop_map(|(who, room)| Op::Leave(who, room)),
        4 => (0..PEOPLE).prop_map(Op::Listen),
        4 => (0..PEOPLE, 0..4usize, any::<bool>()).prop_map(|(who, few, hole)| Op::Cut { who, few, hole }),
        6 => (0..PEOPLE, any::<bool>()).prop_map(|(who, polling)| Op::Return(who, polling)),
        1 => (0..PEOPLE, any::<bool>()).prop_map(|(who, hole)| Op::Flicker { who, hole }),
        2 => waits.prop_map(Op::Wait),
    ]
}

/// Something that was said and is kept.
#[derive(Debug)]
struct Said {
    number: u64,
    at: Time,
}

/// What the model knows of a person.
#[derive(Debug, Default)]
struct Fate {
    rooms: BTreeSet<usize>,
    /// What it must have heard, or hear when it comes back, since it began anew.
    owed: Vec<u64>,
    /// What it may have heard besides: said while it was connected.
    may: BTreeSet<u64>,
    /// What it must hear now, if it is not cut off before.
    now: Vec<u64>,
    /// How much the client had heard when it began anew.
    before: usize,
    /// How much of the log there was when it began anew.
    since: usize,
    /// When the connection broke.
    cut: Option<Time>,
}

struct Play {
    world: World<Recorder>,
    people: Vec<Person>,
    fates: Vec<Fate>,
    log: Vec<Said>,
    number: u64,
    window: u64,
    /// How long somebody has to wait at most who was here a moment ago.
    rest: u64,
    /// Nothing is lost for other reasons than time.
    ample: bool,
}

impl Play {
    fn new(config: Config, ample: bool) -> Self {
        let window = config.recovery.as_ref().map_or(0, |recovery| recovery.max_disconnection_duration);
        let rest = config.recovery.as_ref().map_or(0, |recovery| recovery.min_replay_interval);
        let mut world = World::new(Recorder::default(), config);
        let people: Vec<_> = (0..PEOPLE)
            .map(|n| Person::here(&mut world, if n % 2 == 0 { Over::WebSocket } else { Over::Polling }))
            .collect();
        let fates = (0..PEOPLE).map(|_| Fate::default()).collect();
        Self { world, people, fates, log: Vec::new(), number: 0, window, rest, ample }
    }

    fn step(&mut self, op: &Op) {
        match op {
            Op::Say(to, kind) => self.say(to, *kind),
            Op::Join(who, room) => {
                if let Some(socket) = self.people[*who].socket(&mut self.world, "/")
                    && with(&mut self.world, |fx| fx.join(socket, ROOMS[*room])).is_ok()
                {
                    self.fates[*who].rooms.insert(*room);
                }
            }
            Op::Leave(who, room) => {
                if let Some(socket) = self.people[*who].socket(&mut self.world, "/") {
                    let was_in = with(&mut self.world, |fx| fx.leave(socket, ROOMS[*room]));
                    assert_eq!(was_in, self.fates[*who].rooms.remove(room));
                }
            }
            Op::Listen(who) => self.listen(*who),
            Op::Cut { who, few, hole } => {
                if self.people[*who].line.is_some() {
                    self.people[*who].listen_to_few(&mut self.world, *few);
                    self.lose(*who, *hole);
                }
            }
            Op::Return(who, polling) => self.come_back(*who, if *polling { Over::Polling } else { Over::WebSocket }),
            Op::Flicker { who, hole } => {
                // If it were somebody new without knowing, it would be two people to the server for a while.
                if self.people[*who].line.is_none() && self.must_come_back(*who) {
                    self.people[*who].come(&mut self.world, Over::WebSocket);
                    self.lose(*who, *hole);
                }
            }
            Op::Wait(millis) => {
                let end = self.world.now.after(*millis);
                while self.world.now < end {
                    let left = end.as_millis() - self.world.now.as_millis();
                    self.world.advance(left.min(5_000));
                    for who in 0..PEOPLE {
                        self.listen(who);
                    }
                }
            }
        }
        let (here, absent) = (self.world.server.hub.len(), self.world.server.hub.kept().0);
        assert!(here + absent <= PEOPLE, "{here} here and {absent} gone are more than there are people");
    }

    /// A connection breaks.
    fn lose(&mut self, who: usize, hole: bool) {
        self.people[who].lose(&mut self.world, hole);
        let fate = &mut self.fates[who];
        fate.cut = Some(self.world.now);
        fate.now.clear();
    }

    fn say(&mut self, to: &To, kind: Kind) {
        self.number += 1;
        let number = self.number;
        let sockets: Vec<Option<SocketId>> =
            (0..PEOPLE).map(|who| self.people[who].socket(&mut self.world, "/")).collect();
        let ids: Vec<String> = self.people.iter().map(|person| person.root().id.clone()).collect();
        let event = Emit::new("said").arg(&number);
        let event = match kind {
            Kind::Kept => event,
            Kind::Passing(true) => event.arg("text").not_recoverable(),
            Kind::Passing(false) => event.not_recoverable(),
            Kind::Volatile => event.volatile(),
        };
        match to {
            To::Everybody => with(&mut self.world, |fx| fx.send(Target::Namespace(ROOT), &event)),
            To::Id(who) => with(&mut self.world, |fx| fx.send(Target::Room(ROOT, &ids[*who]), &event)),
            To::Person(who) => {
                // Who is gone has no name.
                let Some(socket) = sockets[*who] else { return };
                with(&mut self.world, |fx| fx.send(Target::Socket(socket), &event));
            }
            To::Rooms { rooms, except_rooms, except, except_ids } => {
                let rooms: Vec<&str> = rooms.iter().map(|room| ROOMS[*room]).collect();
                let except_rooms = except_rooms.iter().map(|room| ROOMS[*room]);
                let except_rooms: Vec<&str> =
                    except_rooms.chain(except_ids.iter().map(|who| ids[*who].as_str())).collect();
                let except: Vec<SocketId> = except.iter().filter_map(|who| sockets[*who]).collect();
                let among = BroadcastOptions { nsp: ROOT, rooms: &rooms, except_rooms: &except_rooms, except: &except };
                with(&mut self.world, |fx| fx.send(Target::Broadcast(among), &event));
            }
        }
        let meant: BTreeSet<usize> = (0..PEOPLE)
            .filter(|who| {
                let is_in = |rooms: &[usize]| rooms.iter().any(|room| self.fates[*who].rooms.contains(room));
                match to {
                    To::Everybody => true,
                    To::Person(only) | To::Id(only) => who == only,
                    To::Rooms { rooms, except_rooms, except, except_ids } => {
                        (rooms.is_empty() || is_in(rooms))
                            && !is_in(except_rooms)
                            && !except_ids.contains(who)
                            && !(except.contains(who) && sockets[*who].is_some())
                    }
                }
            })
            .collect();
        for who in &meant {
            let fate = &mut self.fates[*who];
            match kind {
                Kind::Kept => fate.owed.push(number),
                Kind::Passing(_) if fate.cut.is_none() => {
                    fate.now.push(number);
                    fate.may.insert(number);
                }
                Kind::Volatile if fate.cut.is_none() => drop(fate.may.insert(number)),
                Kind::Passing(_) | Kind::Volatile => {}
            }
        }
        if kind == Kind::Kept {
            self.log.push(Said { number, at: self.world.now });
        }
    }

    /// Reads everything: then the client has heard all that it is owed.
    fn listen(&mut self, who: usize) {
        let Some(line) = self.people[who].line else { return };
        if self.world.end_of(line.session).is_some() {
            // It has been closed for being slow.
            assert!(!self.ample);
            return self.lose(who, true);
        }
        self.people[who].listen(&mut self.world);
        self.check(who);
    }

    fn check(&mut self, who: usize) {
        let fate = &mut self.fates[who];
        let heard = self.people[who].root().numbers().split_off(fate.before);
        assert!(heard.is_sorted_by(|a, b| a < b), "{who} heard {heard:?}: twice, or out of order");
        for now in fate.now.drain(..) {
            assert!(heard.contains(&now), "{who} is here and did not hear {now}");
        }
        let kept: Vec<u64> = heard.iter().copied().filter(|number| fate.owed.contains(number)).collect();
        assert_eq!(kept, fate.owed, "{who}");
        for number in heard {
            assert!(fate.owed.contains(&number) || fate.may.contains(&number), "{number} is nothing to {who}");
        }
    }

    /// Whether somebody who comes back now must be taken for who it was: it is in time, and so is all that has been kept
    /// since it heard something last.
    fn must_come_back(&self, who: usize) -> bool {
        let fate = &self.fates[who];
        let young = |at: Time| self.world.now < at.after(self.window);
        let heard = self.people[who].root().numbers().split_off(fate.before);
        let last = heard.iter().rev().find(|number| fate.owed.contains(number));
        let mut missed = self.log[fate.since..].iter().filter(|said| last.is_none_or(|last| said.number > *last));
        self.ample && fate.cut.is_none_or(young) && missed.all(|said| young(said.at))
    }

    fn come_back(&mut self, who: usize, over: Over) {
        if self.people[who].line.is_some() {
            return;
        }
        let must = self.must_come_back(who);
        let id = self.people[who].root().id.clone();
        self.people[who].come(&mut self.world, over);
        self.people[who].listen(&mut self.world);
        if !self.people[who].root().connected {
            self.world.advance(self.rest);
            self.people[who].listen(&mut self.world);
        }
        let place = self.people[who].root();
        assert!(place.connected, "CONNECT has been answered");
        assert!(place.recovered || !must, "{who} is in time and was not taken for who it was");
        assert_eq!(place.recovered, place.id == id);
        let fate = &mut self.fates[who];
        fate.cut = None;
        if !place.recovered {
            *fate = Fate { before: place.numbers().len(), since: self.log.len(), ..Fate::default() };
        }
        self.check(who);
        let socket = self.people[who].who(&mut self.world);
        let mut rooms = with(&mut self.world, |fx| fx.rooms(socket).into_iter().map(str::to_owned).collect::<Vec<_>>());
        rooms.sort_unstable();
        let wanted: Vec<&str> = self.fates[who].rooms.iter().map(|room| ROOMS[*room]).collect();
        assert_eq!(rooms, wanted);
    }

    fn end(mut self) {
        for who in 0..PEOPLE {
            self.come_back(who, Over::WebSocket);
            self.listen(who);
        }
        for person in &mut self.people {
            person.lose_line();
        }
        self.world.assert_silence_ends_everything();
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// Everything happens within the window.
    #[test]
    fn who_comes_back_in_time_has_missed_nothing(ops in vec(ops(0..2_000), 0..150)) {
        let window = 1_000_000;
        let mut play = Play::new(config(Recovery { max_disconnection_duration: window, ..at_once() }), true);
        for op in &ops {
            play.step(op);
        }
        play.end();
    }

    /// Whoever was here a moment ago has to wait, and has missed nothing all the same.
    #[test]
    fn who_comes_back_too_soon_has_missed_nothing(ops in vec(ops(0..2_000), 0..150)) {
        let window = 1_000_000;
        let mut play = Play::new(config(Recovery { max_disconnection_duration: window, ..Recovery::default() }), true);
        for op in &ops {
            play.step(op);
        }
        play.end();
    }

    /// Some are too late.
    #[test]
    fn who_comes_back_too_late_begins_anew(ops in vec(ops(0..40_000), 0..150)) {
        let mut play = Play::new(config(Recovery { max_disconnection_duration: 60_000, ..at_once() }), true);
        for op in &ops {
            play.step(op);
        }
        play.end();
    }

    /// There is too little room for everything: whoever comes back has missed nothing all the same.
    #[test]
    fn who_can_not_be_told_everything_is_told_nothing(
        ops in vec(ops(0..10_000), 0..200),
        max_log in 500..20_000usize,
        max_persisted_sessions in 0..4usize,
        max_rooms in 1..4usize,
        max_queue in 800..5_000usize,
    ) {
        let recovery = Some(Recovery { max_disconnection_duration: 60_000, max_log, max_persisted_sessions, ..at_once() });
        let config = Config { recovery, max_rooms, max_queue, ..Config::default() };
        let mut play = Play::new(config, false);
        for op in &ops {
            play.step(op);
        }
        play.end();
    }
}
