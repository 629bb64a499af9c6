//! The hub compared with a simple and slow model: a list of sockets, each with a list of rooms, which is searched from
//! the beginning for everything.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::subsequence;
use sanket::{BroadcastOptions, Config, Nsp, Revision, SocketId, Target};
use sanket_tests::people::{Call, Over, Person, Recorder};
use sanket_tests::world::World;

const PEOPLE: usize = 5;
const SPACES: [&str; 2] = ["/", "/a"];
const ROOMS: [&str; 4] = ["r", "s", "t", ""];

/// A socket: a person in a namespace.
type Place = (usize, usize);

/// A room, or somebody's id.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Name {
    Room(usize),
    Id(usize),
}

/// Whom something is done to.
#[derive(Clone, Debug)]
enum To {
    Socket(Place),
    Namespace(usize),
    Room(usize, Name),
    BroadcastOptions { space: usize, rooms: Vec<Name>, except_rooms: Vec<Name>, except: Vec<usize> },
}

#[derive(Clone, Debug)]
enum Op {
    Say(To),
    Join(To, Name),
    Leave(To, Name),
    PutOut(To, bool),
    Connect(Place),
    Go(Place),
    Cut(usize),
    Come(usize, bool),
}

fn places() -> impl Strategy<Value = Place> {
    (0..PEOPLE, 0..SPACES.len())
}

fn names() -> impl Strategy<Value = Name> {
    prop_oneof![4 => (0..ROOMS.len()).prop_map(Name::Room), 1 => (0..PEOPLE).prop_map(Name::Id)]
}

fn targets() -> impl Strategy<Value = To> {
    let everybody: Vec<usize> = (0..PEOPLE).collect();
    prop_oneof![
        places().prop_map(To::Socket),
        (0..SPACES.len()).prop_map(To::Namespace),
        (0..SPACES.len(), names()).prop_map(|(space, name)| To::Room(space, name)),
        (0..SPACES.len(), vec(names(), 0..4), vec(names(), 0..3), subsequence(everybody, 0..3)).prop_map(
            |(space, rooms, except_rooms, except)| To::BroadcastOptions { space, rooms, except_rooms, except }
        ),
    ]
}

fn ops() -> impl Strategy<Value = Op> {
    prop_oneof![
        8 => targets().prop_map(Op::Say),
        6 => (targets(), names()).prop_map(|(to, name)| Op::Join(to, name)),
        3 => (targets(), names()).prop_map(|(to, name)| Op::Leave(to, name)),
        1 => (targets(), any::<bool>()).prop_map(|(to, close)| Op::PutOut(to, close)),
        1 => places().prop_map(Op::Connect),
        1 => places().prop_map(Op::Go),
        1 => (0..PEOPLE).prop_map(Op::Cut),
        3 => (0..PEOPLE, any::<bool>()).prop_map(|(who, polling)| Op::Come(who, polling)),
    ]
}

/// A socket in its namespace.
#[derive(Debug)]
struct Member {
    place: Place,
    id: String,
    rooms: Vec<String>,
}

/// The slow way.
#[derive(Debug, Default)]
struct Model(Vec<Member>);

impl Model {
    fn meant(&self, to: &To, ids: &Ids) -> Vec<Place> {
        let is_in = |member: &Member, name: &Name| {
            let name = ids.name(member.place.1, *name);
            member.id == name || member.rooms.contains(&name)
        };
        let mut meant = Vec::new();
        for member in &self.0 {
            let space = member.place.1;
            let meets = match to {
                To::Socket(place) => member.place == *place,
                To::Namespace(only) => space == *only,
                To::Room(only, name) => space == *only && is_in(member, name),
                To::BroadcastOptions { space: only, rooms, except_rooms, except } => {
                    space == *only
                        && (rooms.is_empty() || rooms.iter().any(|room| is_in(member, room)))
                        && !except_rooms.iter().any(|room| is_in(member, room))
                        && !except.contains(&member.place.0)
                }
            };
            if meets {
                meant.push(member.place);
            }
        }
        meant.sort_unstable();
        meant
    }

    fn member(&mut self, place: Place) -> &mut Member {
        self.0.iter_mut().find(|member| member.place == place).expect("it is here")
    }
}

/// The ids that people had when they were last seen.
#[derive(Debug, Default)]
struct Ids(Vec<[String; 2]>);

impl Ids {
    fn name(&self, space: usize, name: Name) -> String {
        match name {
            Name::Room(n) => ROOMS[n].into(),
            Name::Id(who) => self.0[who][space].clone(),
        }
    }
}

struct Play {
    world: World<Recorder>,
    people: Vec<Person>,
    /// The names of sockets that are or were here.
    sockets: Vec<[Option<SocketId>; 2]>,
    ids: Ids,
    model: Model,
}

impl Play {
    fn new() -> Self {
        Self {
            world: World::new(Recorder::default(), Config { max_rooms: 3, ..Config::default() }),
            people: (0..PEOPLE).map(|n| Person::new(revision(n), &SPACES)).collect(),
            sockets: vec![[None; 2]; PEOPLE],
            ids: Ids(vec![Default::default(); PEOPLE]),
            model: Model::default(),
        }
    }

    /// Does something to a target, and returns what that does.
    fn with<R>(&mut self, to: &To, work: impl FnOnce(&mut sanket::Effects<'_>, Target<'_>) -> R) -> R {
        let spaces = SPACES.map(Nsp::new);
        let ids = &self.ids;
        let names = |space: usize, names: &[Name]| names.iter().map(|name| ids.name(space, *name)).collect::<Vec<_>>();
        let Self { world, sockets, .. } = self;
        match to {
            // Somebody who was never here is named by somebody else's name for nobody.
            To::Socket((who, space)) => match sockets[*who][*space] {
                Some(who) => world.apply(|_, fx| work(fx, Target::Socket(who))),
                None => world.apply(|_, fx| work(fx, Target::Namespace(&Nsp::new("/nobody")))),
            },
            To::Namespace(space) => world.apply(|_, fx| work(fx, Target::Namespace(&spaces[*space]))),
            To::Room(space, name) => {
                let name = ids.name(*space, *name);
                world.apply(|_, fx| work(fx, Target::Room(&spaces[*space], &name)))
            }
            To::BroadcastOptions { space, rooms, except_rooms, except } => {
                let (rooms, except_rooms) = (names(*space, rooms), names(*space, except_rooms));
                let rooms: Vec<&str> = rooms.iter().map(String::as_str).collect();
                let except_rooms: Vec<&str> = except_rooms.iter().map(String::as_str).collect();
                let except: Vec<SocketId> = except.iter().filter_map(|who| sockets[*who][*space]).collect();
                let among = BroadcastOptions {
                    nsp: &spaces[*space],
                    rooms: &rooms,
                    except_rooms: &except_rooms,
                    except: &except,
                };
                world.apply(|_, fx| work(fx, Target::Broadcast(among)))
            }
        }
    }

    fn step(&mut self, number: u64, op: &Op) {
        match op {
            Op::Say(to) => {
                let meant = self.model.meant(to, &self.ids);
                self.with(to, |fx, target| fx.emit(target, "said", &number));
                for (who, person) in self.people.iter_mut().enumerate() {
                    person.listen(&mut self.world);
                    for (space, name) in SPACES.iter().enumerate() {
                        let heard = person.places.get_mut(*name).expect("a place").heard.split_off(0);
                        let wanted = usize::from(meant.contains(&(who, space)));
                        assert_eq!(heard.len(), wanted, "{who} in {name}: {heard:?}");
                        assert!(heard.iter().all(|event| event[1].as_u64() == Some(number)));
                    }
                }
            }
            Op::Join(to, room) => {
                let space = space_of(to);
                let room = self.ids.name(space, *room);
                let mut refused = 0;
                for place in self.model.meant(to, &self.ids) {
                    let member = self.model.member(place);
                    match member.rooms.contains(&room) {
                        false if member.rooms.len() == 3 => refused += 1,
                        false => member.rooms.push(room.clone()),
                        true => {}
                    }
                }
                assert_eq!(self.with(to, |fx, target| fx.sockets_join(target, &room)), refused);
            }
            Op::Leave(to, room) => {
                let room = self.ids.name(space_of(to), *room);
                for place in self.model.meant(to, &self.ids) {
                    self.model.member(place).rooms.retain(|name| *name != room);
                }
                self.with(to, |fx, target| fx.sockets_leave(target, &room));
            }
            Op::PutOut(to, close) => {
                let meant = self.model.meant(to, &self.ids);
                self.model.0.retain(|member| {
                    !meant.iter().any(|place| *place == member.place || *close && place.0 == member.place.0)
                });
                self.with(to, |fx, target| fx.disconnect_sockets(target, *close));
                for person in &mut self.people {
                    person.listen(&mut self.world);
                }
                if *close {
                    for (who, _) in meant {
                        self.people[who].lose_line();
                    }
                }
            }
            Op::Connect((who, space)) => {
                if self.people[*who].line.is_some() && !self.people[*who].place(SPACES[*space]).connected {
                    self.people[*who].say(&mut self.world, &format!("40{}", prefix(*space)));
                    self.settle(*who);
                }
            }
            Op::Go((who, space)) => {
                if self.people[*who].place(SPACES[*space]).connected {
                    self.people[*who].say(&mut self.world, &format!("41{}", prefix(*space)));
                    self.people[*who].places.get_mut(SPACES[*space]).expect("a place").connected = false;
                    self.model.0.retain(|member| member.place != (*who, *space));
                }
            }
            Op::Cut(who) => {
                self.people[*who].cut(&mut self.world);
                self.model.0.retain(|member| member.place.0 != *who);
            }
            Op::Come(who, polling) => {
                if self.people[*who].line.is_none() {
                    let over = if *polling { Over::Polling } else { Over::WebSocket };
                    self.people[*who].come(&mut self.world, over);
                    self.settle(*who);
                }
            }
        }
        self.compare();
    }

    /// Somebody has asked to be let in: everybody is.
    fn settle(&mut self, who: usize) {
        self.people[who].listen(&mut self.world);
        let told = self.world.apply(|app, _| std::mem::take(&mut app.calls));
        for call in told {
            let Call::Connect(socket) = call else { continue };
            let (nsp, id) = self
                .world
                .apply(|_, fx| Some((fx.nsp(socket)?.as_str().to_owned(), fx.id(socket)?)))
                .expect("it has just connected");
            let space = SPACES.iter().position(|name| *name == nsp).expect("there are two");
            assert_eq!(id, self.people[who].place(&nsp).id, "the client knows its id");
            self.sockets[who][space] = Some(socket);
            self.ids.0[who][space].clone_from(&id);
            self.model.0.push(Member { place: (who, space), id, rooms: Vec::new() });
        }
    }

    fn compare(&mut self) {
        self.world.apply(|app, _| app.calls.clear());
        for (space, name) in SPACES.iter().enumerate() {
            let nsp = Nsp::new(name);
            let here: Vec<&Member> = self.model.0.iter().filter(|member| member.place.1 == space).collect();
            let mut rooms: Vec<&str> = here.iter().flat_map(|member| &member.rooms).map(String::as_str).collect();
            rooms.sort_unstable();
            rooms.dedup();
            assert_eq!(self.world.server.hub.rooms(&nsp), rooms);
            for member in &here {
                let socket = self.sockets[member.place.0][space].expect("it has a name");
                let mut rooms: Vec<String> =
                    self.world.apply(|_, fx| fx.rooms(socket).into_iter().map(str::to_owned).collect());
                let mut wanted = member.rooms.clone();
                rooms.sort_unstable();
                wanted.sort_unstable();
                assert_eq!(rooms, wanted);
                assert!(self.people[member.place.0].place(name).connected, "hub and client are of one mind");
            }
            let n = here.len();
            assert_eq!(self.world.apply(|_, fx| fx.count(&nsp)), n);
        }
        assert_eq!(self.world.server.hub.len(), self.model.0.len());
        assert_eq!(self.world.server.hub.is_empty(), self.model.0.is_empty());
    }
}

fn space_of(to: &To) -> usize {
    match to {
        To::Socket((_, space)) | To::Namespace(space) | To::Room(space, _) | To::BroadcastOptions { space, .. } => {
            *space
        }
    }
}

fn prefix(space: usize) -> &'static str {
    ["", "/a,"][space]
}

fn revision(n: usize) -> Revision {
    if n == 0 { Revision::V3 } else { Revision::V4 }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn the_hub_does_what_the_slow_way_does(ops in vec(ops(), 0..120)) {
        let mut play = Play::new();
        for who in 0..PEOPLE {
            play.step(0, &Op::Come(who, who % 2 == 0));
        }
        for (number, op) in ops.iter().enumerate() {
            play.step(number as u64, op);
        }
        play.world.assert_silence_ends_everything();
    }
}
