//! Limits of recovery: on the age and number of persisted sessions, and on the age and bytes of events.

use crate::{ROOT, at_once, calls, come_back, config, say, say_to, with, world};
use sanket::driver::{RawMessage, WsMessage};
use sanket::{Config, Emit, Nsp, Protocol, Reason, Recovery, Revision, Target};
use sanket_tests::people::{Call, Over, Person, Recorder, pass};
use sanket_tests::world::World;

#[test]
fn after_the_window_everybody_is_new() {
    let mut world = world();
    let mut person = Person::here(&mut world, Over::WebSocket);
    say(&mut world, 1);
    person.listen(&mut world);
    person.cut(&mut world);
    say(&mut world, 2);
    world.advance(119_000);
    assert_eq!(world.server.hub.kept().0, 1);
    let mut early = person.clone();
    world.advance(2_000);
    assert_eq!(world.server.hub.kept(), (0, 0));
    assert_eq!(world.server.hub.poll_timeout(), None);
    come_back(&mut world, &mut person, Over::WebSocket);
    assert!(!person.root().recovered);
    assert_eq!(person.root().numbers(), [1]);
    come_back(&mut world, &mut early, Over::WebSocket);
    assert!(!early.root().recovered);
    world.assert_silence_ends_everything();
}

#[test]
fn within_the_window_it_is_not_forgotten() {
    let mut world = world();
    let mut person = Person::here(&mut world, Over::WebSocket);
    say(&mut world, 1);
    person.listen(&mut world);
    let mut other = Person::here(&mut world, Over::WebSocket);
    person.cut(&mut world);
    pass(&mut world, &mut [&mut other], 119_900);
    come_back(&mut world, &mut person, Over::WebSocket);
    assert!(person.root().recovered);
    // What was too old went meanwhile; what came later did not.
    for number in 2..6 {
        say(&mut world, number);
        pass(&mut world, &mut [&mut person, &mut other], 50_000);
    }
    assert_eq!(person.root().numbers(), [1, 2, 3, 4, 5]);
    person.cut(&mut world);
    come_back(&mut world, &mut person, Over::WebSocket);
    assert!(person.root().recovered);
    assert_eq!(person.root().numbers(), [1, 2, 3, 4, 5]);
}

/// The server learns that somebody has fallen silent only when it should have answered a ping.
#[test]
fn a_black_hole_counts_from_when_it_is_noticed() {
    let mut world = world();
    let mut person = Person::here(&mut world, Over::WebSocket);
    let session = person.line.expect("a line").session;
    person.lose_line();
    world.advance(50_000);
    assert_eq!(world.end_of(session), Some(Reason::PingTimeout));
    assert_eq!(world.server.hub.kept().0, 1);
    say(&mut world, 1);
    world.advance(100_000);
    come_back(&mut world, &mut person, Over::WebSocket);
    assert!(person.root().recovered);
    assert_eq!(person.root().numbers(), [1]);
}

#[test]
fn who_missed_what_the_log_has_lost_is_new() {
    let mut world = World::new(Recorder::default(), config(Recovery { max_log: 2_000, ..Recovery::default() }));
    let mut people: [Person; 2] = std::array::from_fn(|_| Person::here(&mut world, Over::WebSocket));
    say(&mut world, 0);
    for person in &mut people {
        person.listen(&mut world);
    }
    people[0].cut(&mut world);
    for number in 1..100 {
        if number == 98 {
            people[1].listen(&mut world);
            people[1].lose_line();
        }
        say(&mut world, number);
        assert!(world.server.hub.kept().1 <= 2_000);
    }
    calls(&mut world);
    for person in &mut people {
        come_back(&mut world, person, Over::Polling);
    }
    assert!(!people[0].root().recovered && people[1].root().recovered);
    assert_eq!(people[0].root().numbers(), [0]);
    assert_eq!(people[1].root().numbers(), (0..100).collect::<Vec<_>>());
    assert_eq!((world.server.hub.len(), world.server.hub.kept().0), (2, 0));
}

#[test]
fn an_event_larger_than_the_log_is_kept_alone() {
    let mut world = World::new(Recorder::default(), config(Recovery { max_log: 1_000, ..Recovery::default() }));
    let mut person = Person::here(&mut world, Over::WebSocket);
    say(&mut world, 1);
    person.listen(&mut world);
    person.cut(&mut world);
    let large = "x".repeat(10_000);
    with(&mut world, |fx| fx.send(Target::Namespace(&Nsp::ROOT), &Emit::new("said").arg(&2).arg(&large)));
    come_back(&mut world, &mut person, Over::WebSocket);
    assert!(person.root().recovered);
    assert_eq!(person.root().numbers(), [1, 2]);
}

#[test]
fn of_too_many_the_longest_gone_is_forgotten() {
    let mut world = World::new(Recorder::default(), config(Recovery { max_persisted_sessions: 2, ..at_once() }));
    let mut people: [Person; 4] = std::array::from_fn(|_| Person::here(&mut world, Over::WebSocket));
    say(&mut world, 1);
    for person in &mut people {
        person.listen(&mut world);
    }
    // The first comes back in between, so that it is not the longest gone any more.
    for n in [0, 1] {
        people[n].cut(&mut world);
        world.advance(10);
    }
    come_back(&mut world, &mut people[0], Over::WebSocket);
    for n in [2, 0, 3] {
        people[n].cut(&mut world);
        assert!(world.server.hub.kept().0 <= 2);
        world.advance(10);
    }
    let recovered = people.each_mut().map(|person| {
        come_back(&mut world, person, Over::WebSocket);
        person.root().recovered
    });
    assert_eq!(recovered, [true, false, false, true]);
    assert_eq!(world.server.hub.kept().0, 0);
    world.assert_silence_ends_everything();
}

#[test]
fn whoever_takes_too_much_room_while_away_is_forgotten() {
    let recovery = Recovery { max_persisted_bytes: 4_000, ..Recovery::default() };
    let mut world = World::new(Recorder::default(), config(recovery));
    let mut people: [Person; 3] = std::array::from_fn(|_| Person::here(&mut world, Over::WebSocket));
    let who = people.each_mut().map(|person| person.who(&mut world));
    with(&mut world, |fx| fx.set_data(who[1], &"x".repeat(3_900)));
    for person in &mut people {
        person.listen(&mut world);
        person.cut(&mut world);
        world.advance(10);
    }
    // The second took the room of the first, and then the third of the second.
    let recovered = people.each_mut().map(|person| {
        come_back(&mut world, person, Over::WebSocket);
        person.root().recovered
    });
    assert_eq!(recovered, [false, false, true]);
    world.assert_silence_ends_everything();
}

#[test]
fn if_nobody_may_be_absent_nobody_comes_back_but_over_a_living_connection() {
    let mut world =
        World::new(Recorder::default(), config(Recovery { max_persisted_sessions: 0, ..Recovery::default() }));
    let mut person = Person::here(&mut world, Over::WebSocket);
    say(&mut world, 1);
    person.lose_line();
    come_back(&mut world, &mut person, Over::WebSocket);
    assert!(person.root().recovered);
    person.cut(&mut world);
    assert_eq!(world.server.hub.kept().0, 0);
    come_back(&mut world, &mut person, Over::WebSocket);
    assert!(!person.root().recovered);
}

#[test]
fn who_missed_more_than_can_wait_for_it_is_new() {
    let mut world = World::new(
        Recorder::default(),
        Config { max_queue: 2_000, recovery: Some(Recovery::default()), ..Config::default() },
    );
    let mut person = Person::here(&mut world, Over::WebSocket);
    say(&mut world, 0);
    person.listen(&mut world);
    person.cut(&mut world);
    for number in 1..100 {
        say(&mut world, number);
    }
    come_back(&mut world, &mut person, Over::WebSocket);
    assert!(!person.root().recovered);
    say(&mut world, 100);
    person.listen(&mut world);
    assert_eq!(person.root().numbers(), [0, 100]);
}

#[test]
fn what_was_missed_may_fill_half_of_the_queue_and_no_more() {
    let missed = |max_queue| {
        let config = Config { max_queue, recovery: Some(Recovery::default()), ..Config::default() };
        let mut world = World::new(Recorder::default(), config);
        let mut person = Person::here(&mut world, Over::WebSocket);
        person.cut(&mut world);
        for _ in 0..5 {
            with(&mut world, |fx| fx.emit(Target::Namespace(ROOT), "said", &"x".repeat(1_000)));
        }
        person.come(&mut world, Over::WebSocket);
        let told = person.read(&mut world);
        told.iter().filter(|packet| packet.starts_with("42")).map(String::len).sum::<usize>()
    };
    let bytes = missed(1_000_000);
    assert!(bytes > 5_000);
    assert_eq!(missed(2 * bytes), bytes);
    assert_eq!(missed(2 * bytes - 1), 0);
}

/// The figure is there for operators to watch.
#[test]
fn the_bytes_of_the_log_are_those_of_the_events_that_are_kept() {
    let mut world =
        World::new(Recorder::default(), config(Recovery { max_disconnection_duration: 10_000, ..Recovery::default() }));
    let mut bytes = Vec::new();
    let said = |world: &mut World<Recorder>, text: &str| {
        with(world, |fx| fx.emit(Target::Namespace(ROOT), "said", text));
        world.server.hub.kept().1
    };
    let mut person = Person::here(&mut world, Over::WebSocket);
    person.listen(&mut world);
    for length in [10, 20, 1_000] {
        bytes.push(said(&mut world, &"x".repeat(length)));
        world.advance(4_000);
    }
    let each = [bytes[0], bytes[1] - bytes[0], bytes[2] - bytes[1]];
    assert!(each[0] > 10);
    assert_eq!([each[1] - each[0], each[2] - each[1]], [10, 980]);
    // The first has been kept for twelve seconds.
    assert_eq!(world.server.hub.kept().1, each[1] + each[2]);
    world.advance(4_000);
    assert_eq!(world.server.hub.kept().1, each[2]);
    world.advance(4_000);
    assert_eq!(world.server.hub.kept().1, 0);
}

/// Whoever is closed because of what it is told comes back for it, again and again.
#[test]
fn nobody_is_drowned_by_what_it_missed() {
    for n in 1..60 {
        for over in [Over::WebSocket, Over::Polling] {
            let mut world = World::new(
                Recorder::default(),
                Config { max_queue: 2_000, recovery: Some(Recovery::default()), ..Config::default() },
            );
            let mut person = Person::here(&mut world, over);
            say(&mut world, 0);
            person.listen(&mut world);
            person.cut(&mut world);
            for number in 1..n {
                say(&mut world, number);
            }
            person.come(&mut world, over);
            // Something else happens before the client has read.
            say(&mut world, n);
            let session = person.line.expect("a line").session;
            assert_eq!(world.end_of(session), None, "{n} events over {over:?}");
            person.listen(&mut world);
            assert!(person.root().connected);
            let numbers = person.root().numbers();
            if person.root().recovered {
                assert_eq!(numbers, (0..=n).collect::<Vec<_>>());
            } else {
                assert_eq!(numbers, [0, n]);
            }
        }
    }
}

/// A whole night of people who come and go, some for ever.
#[test]
fn memory_comes_back() {
    let mut world =
        World::new(Recorder::default(), config(Recovery { max_disconnection_duration: 10_000, ..Recovery::default() }));
    let nsp = Nsp::new("/a");
    for round in 0..200 {
        let mut person = Person::new(Revision::V4, &["/", "/a"]);
        person.come(&mut world, if round % 2 == 0 { Over::WebSocket } else { Over::Polling });
        person.listen(&mut world);
        say(&mut world, round);
        say_to(&mut world, Target::Namespace(&nsp), round);
        match round % 5 {
            0 => person.cut(&mut world),
            1 => person.lose_line(),
            2 => {
                person.cut(&mut world);
                come_back(&mut world, &mut person, Over::WebSocket);
                person.cut(&mut world);
            }
            3 => {
                person.lose_line();
                come_back(&mut world, &mut person, Over::Polling);
                person.say(&mut world, "41");
                person.cut(&mut world);
            }
            _ => {
                person.say(&mut world, "1");
                person.lose_line();
            }
        }
        world.advance(500);
        let (absent, _) = world.server.hub.kept();
        assert!(absent <= 2 * 40, "{absent}");
        calls(&mut world);
    }
    world.assert_silence_ends_everything();
}

/// In MessagePack, too, EIO=3 clients are told no offset.
#[test]
fn msgpack_tells_eio4_clients_where_they_are_and_nobody_else() {
    let protocol = Protocol::SocketIoMsgPack;
    let config = Config { protocol, recovery: Some(Recovery::default()), ..Config::default() };
    let mut world = World::new(Recorder::default(), config);
    let mut lines = Vec::new();
    for revision in [Revision::V3, Revision::V4] {
        let (session, ws) = world.open_ws(revision).expect("there is room");
        if revision == Revision::V4 {
            let connect = b"\x82\xa4type\x00\xa3nsp\xa1/";
            world.send(session, ws, RawMessage::Binary(connect));
        }
        world.receive(session, ws, 1_000);
        lines.push((session, ws));
    }
    assert!(matches!(calls(&mut world)[..], [.., Call::Connect(_)]));
    say(&mut world, 1);
    let heard: Vec<usize> = lines
        .into_iter()
        .map(|(session, ws)| match &world.receive(session, ws, 1_000)[..] {
            [WsMessage::Binary(data)] => data.iter().filter(|byte| **byte == b'@').count(),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(heard, [0, 1]);
}
