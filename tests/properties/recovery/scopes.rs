//! Which events were missed: those for rooms, ids, and all but some sockets, by the rooms at the time of sending.

use crate::{ROOT, come_back, say, say_to, with, world};
use sanket::{BroadcastOptions, Config, Emit, Nsp, Recovery, Target};
use sanket_tests::people::{Call, Over, Person, Recorder};
use sanket_tests::world::World;

#[test]
fn what_was_missed_is_what_was_said_while_it_was_a_member() {
    for hole in [false, true] {
        let mut world = world();
        let mut person = Person::here(&mut world, Over::WebSocket);
        let who = person.who(&mut world);
        say(&mut world, 0);
        person.listen(&mut world);
        let room = Target::Room(ROOT, "r");
        say_to(&mut world, room, 1);
        with(&mut world, |fx| fx.join(who, "r")).expect("it may");
        say_to(&mut world, room, 2);
        with(&mut world, |fx| fx.leave(who, "r"));
        say_to(&mut world, room, 3);
        with(&mut world, |fx| {
            fx.join(who, "r").expect("it may");
            fx.join(who, "s")
        })
        .expect("it may");
        say_to(&mut world, room, 4);
        let both = BroadcastOptions { rooms: &["r", "s"], ..BroadcastOptions::of(ROOT) };
        say_to(&mut world, Target::Broadcast(both), 5);
        say_to(&mut world, Target::Broadcast(BroadcastOptions { except_rooms: &["s"], ..both }), 6);
        with(&mut world, |fx| fx.leave(who, "s"));
        say_to(&mut world, Target::Broadcast(BroadcastOptions { except_rooms: &["s"], ..both }), 7);
        person.lose(&mut world, hole);
        say_to(&mut world, room, 8);
        say_to(&mut world, Target::Room(ROOT, "s"), 9);
        say_to(&mut world, Target::Room(&Nsp::new("/a"), "r"), 10);
        come_back(&mut world, &mut person, Over::WebSocket);
        assert_eq!(person.root().numbers(), [0, 2, 4, 5, 7, 8], "black hole: {hole}");
    }
}

/// The very first event, and a stay that ended right after it.
#[test]
fn a_stay_is_remembered_as_long_as_its_events() {
    let mut world = world();
    let mut person = Person::here(&mut world, Over::WebSocket);
    let who = person.who(&mut world);
    for (number, room) in [(1, "r"), (2, "s"), (3, "t")] {
        with(&mut world, |fx| fx.join(who, room)).expect("it may");
        say_to(&mut world, Target::Room(ROOT, room), number);
        with(&mut world, |fx| fx.leave(who, room));
    }
    person.lose_line();
    come_back(&mut world, &mut person, Over::WebSocket);
    assert_eq!(person.root().numbers(), [1, 2, 3]);
}

#[test]
fn who_was_excepted_is_excepted() {
    let mut world = world();
    let mut people = [Person::here(&mut world, Over::WebSocket), Person::here(&mut world, Over::WebSocket)];
    let [one, two] = [0, 1].map(|n: usize| people[n].who(&mut world));
    let ids = [0, 1].map(|n: usize| people[n].root().id.clone());
    let all = BroadcastOptions::of(ROOT);
    say(&mut world, 0);
    for person in &mut people {
        person.listen(&mut world);
    }
    people[0].lose_line();
    say_to(&mut world, Target::Broadcast(BroadcastOptions { except: &[one], ..all }), 1);
    say_to(&mut world, Target::Broadcast(BroadcastOptions { except: &[two], ..all }), 2);
    say_to(&mut world, Target::Broadcast(BroadcastOptions { except_rooms: &[&ids[0]], ..all }), 3);
    say_to(&mut world, Target::Broadcast(BroadcastOptions { rooms: &[&ids[0], &ids[1]], except: &[two], ..all }), 4);
    say_to(&mut world, Target::Socket(two), 5);
    say_to(&mut world, Target::Socket(one), 6);
    people[1].cut(&mut world);
    // Gone, and known by its id only.
    say_to(&mut world, Target::Broadcast(BroadcastOptions { except_rooms: &[&ids[1]], ..all }), 7);
    say_to(&mut world, Target::Room(ROOT, &ids[1]), 8);
    for person in &mut people {
        come_back(&mut world, person, Over::WebSocket);
    }
    assert_eq!(people[0].root().numbers(), [0, 2, 4, 6, 7]);
    assert_eq!(people[1].root().numbers(), [0, 1, 3, 5, 8]);
}

/// The usual "somebody has left", to everybody else, said when it happens.
#[test]
fn who_leaves_is_not_told_later_that_it_has_left() {
    let mut world = world();
    world.apply(|app, _| {
        app.habit = Some(|call, fx| {
            let (Call::Disconnecting(who, ..) | Call::Disconnect(who, ..)) = call else { return };
            let others = BroadcastOptions { except: &[*who], ..BroadcastOptions::of(ROOT) };
            fx.send(Target::Broadcast(others), &Emit::new("left").arg(&1));
        });
    });
    let mut person = Person::here(&mut world, Over::WebSocket);
    let mut other = Person::here(&mut world, Over::WebSocket);
    person.cut(&mut world);
    other.listen(&mut world);
    assert_eq!(other.root().numbers(), [1, 1]);
    come_back(&mut world, &mut person, Over::WebSocket);
    assert!(person.root().recovered);
    assert_eq!(person.root().numbers(), [0; 0]);
}

/// A passing event says how far the client has got, where its client would take what it says for that.
#[test]
fn what_passes_is_not_told_again_and_what_comes_with_it_is() {
    for (name, argument) in [("p", Some("text")), ("p", None), ("@1.1", None), ("p", Some("7")), ("", None)] {
        let mut world = world();
        let passing = |world: &mut World<Recorder>, number: u64| {
            with(world, |fx| {
                let event = Emit::new(name).not_recoverable();
                let event = match argument {
                    Some("7") => event.arg(&number).arg(&7),
                    Some(text) => event.arg(&number).arg(text),
                    None => event,
                };
                fx.send(Target::Namespace(ROOT), &event);
            });
        };
        let mut person = Person::here(&mut world, Over::WebSocket);
        passing(&mut world, 10);
        person.listen(&mut world);
        say(&mut world, 1);
        passing(&mut world, 11);
        person.listen(&mut world);
        let heard = person.root().heard.len();
        assert_eq!(heard, 3);
        person.cut(&mut world);
        passing(&mut world, 12);
        say(&mut world, 2);
        passing(&mut world, 13);
        come_back(&mut world, &mut person, Over::WebSocket);
        assert!(person.root().recovered, "{name:?} {argument:?} spoilt the offset");
        let missed = &person.root().heard[heard..];
        assert_eq!(missed.len(), 1);
        assert_eq!(missed[0][1], 2);
    }
}

#[test]
fn what_is_volatile_is_not_told_again() {
    let mut world = world();
    let mut person = Person::here(&mut world, Over::WebSocket);
    let volatile = |world: &mut World<Recorder>, number: u64| {
        with(world, |fx| fx.send(Target::Namespace(ROOT), &Emit::new("v").arg(&number).volatile()));
    };
    say(&mut world, 1);
    person.listen(&mut world);
    volatile(&mut world, 2);
    person.listen(&mut world);
    assert_eq!(person.root().heard[1].len(), 2, "it says nothing of where the client is");
    let words = Emit::new("v").arg("words").volatile();
    with(&mut world, |fx| fx.send(Target::Namespace(ROOT), &words));
    let mut heard = person.clone();
    heard.listen(&mut world);
    assert_eq!(heard.root().heard[2][..], ["v", "words"], "not even where its last argument looks like that");
    person.cut(&mut world);
    volatile(&mut world, 3);
    say(&mut world, 4);
    come_back(&mut world, &mut person, Over::WebSocket);
    assert!(person.root().recovered);
    assert_eq!(person.root().numbers(), [1, 2, 4]);
}

/// Stays in rooms that are over are remembered up to a limit. Beyond it nothing may be left out in silence.
#[test]
fn who_was_in_too_many_rooms_meanwhile_is_told_everything_or_begins_anew() {
    for max_rooms in [1, 2, 5, 1_000] {
        let config = Config { max_rooms, recovery: Some(Recovery::default()), ..Config::default() };
        let mut world = World::new(Recorder::default(), config);
        let mut person = Person::here(&mut world, Over::WebSocket);
        let who = person.who(&mut world);
        say(&mut world, 0);
        person.listen(&mut world);
        person.lose_line();
        let mut said = vec![0];
        for round in 0..6 {
            let room = format!("{round}");
            with(&mut world, |fx| fx.join(who, &room)).expect("it may");
            say_to(&mut world, Target::Room(ROOT, &room), 2 * round + 1);
            say(&mut world, 2 * round + 2);
            with(&mut world, |fx| fx.leave(who, &room));
            said.extend([2 * round + 1, 2 * round + 2]);
        }
        come_back(&mut world, &mut person, Over::WebSocket);
        assert_eq!(person.root().recovered, max_rooms == 1_000, "{max_rooms} rooms");
        if person.root().recovered {
            assert_eq!(person.root().numbers(), said);
        } else {
            assert_eq!(person.root().numbers(), [0], "{max_rooms} rooms: neither all nor nothing");
        }
    }
}
