//! Requests for recovery that are wrong in some way: the client gets a new socket, and no other client is affected.

use crate::{BOTH, calls, come_back, say, say_to, with, world};
use sanket::driver::{Delivery, RawMessage, WsEnd, WsMessage};
use sanket::{Config, Nsp, Protocol, Recovery, Revision, Target};
use sanket_tests::people::{Call, Over, Person, Recorder};
use sanket_tests::world::World;
use std::collections::BTreeSet;

/// Comes to `/` with this `auth`, and must be somebody new.
fn fresh(world: &mut World<Recorder>, auth: &str) -> Person {
    let before = world.server.hub.len();
    let mut person = Person::new(Revision::V4, &["/"]);
    let (session, ws) = world.open_ws(Revision::V4).expect("there is room");
    calls(world);
    world.send(session, ws, RawMessage::Text(&format!("40{auth}")));
    for message in world.receive(session, ws, 1_000) {
        let WsMessage::Text(text) = message else { panic!("{message:?}") };
        person.take(world, std::str::from_utf8(&text).expect("text"));
    }
    assert!(person.root().connected);
    assert_eq!(person.root().numbers(), [0; 0], "{auth} has missed nothing");
    assert_eq!(world.server.hub.len(), before + 1, "{auth}");
    assert!(matches!(calls(world)[..], [Call::Admit(..), Call::Connect(_)]), "{auth}");
    person
}

#[test]
fn nonsense_is_somebody_new() {
    let mut world = world();
    let mut here = Person::here(&mut world, Over::WebSocket);
    let mut gone = Person::here(&mut world, Over::WebSocket);
    say(&mut world, 1);
    here.listen(&mut world);
    gone.listen(&mut world);
    gone.cut(&mut world);
    let pid = gone.root().pid.clone().expect("a pid");
    let offset = gone.root().offset.clone().expect("an offset");
    for auth in [
        "".into(),
        "{}".into(),
        format!(r#"{{"offset":"{offset}"}}"#),
        r#"{"pid":"","offset":""}"#.into(),
        r#"{"pid":"AAAAAAAAAAAAAAAAAAAAAA"}"#.into(),
        format!(r#"{{"pid":["{pid}"],"offset":"{offset}"}}"#),
        format!(r#"{{"pid":"{pid}x","offset":"{offset}"}}"#),
        format!(r#"{{"pid":"{}","offset":"{offset}"}}"#, gone.root().id),
        format!(r#"{{"pid":"{}","offset":"{offset}"}}"#, here.root().id),
    ] {
        fresh(&mut world, &auth);
    }
    say(&mut world, 2);
    here.listen(&mut world);
    assert_eq!(here.root().numbers(), [1, 2], "nobody has taken its place");
    come_back(&mut world, &mut gone, Over::WebSocket);
    assert_eq!(gone.root().numbers(), [1, 2], "and nobody the other's");
    assert!(gone.root().recovered);
}

/// A client that says of itself what the server never said is somebody new, and who it was is gone for good.
#[test]
fn an_offset_that_means_nothing_costs_the_place() {
    for hole in [false, true] {
        for offset in ["typing", "@", "@1", "@1.", "@.1", "@zz.1", "@{}.ffffffff", "@{}.ffffffffffffffffff", "@{}.-1"] {
            let mut world = world();
            let mut person = Person::here(&mut world, Over::WebSocket);
            let was = person.who(&mut world);
            say(&mut world, 1);
            person.listen(&mut world);
            let told = person.root().offset.clone().expect("an offset");
            let (epoch, _) = told[1..].split_once('.').expect("two parts");
            let offset = offset.replace("{}", epoch);
            with(&mut world, |fx| fx.join(was, "r")).expect("it may");
            calls(&mut world);
            let session = person.line.expect("a line").session;
            person.lose(&mut world, hole);
            let (id, pid) = (person.root().id.clone(), person.root().pid.clone());
            person.places.get_mut("/").expect("a place").offset = Some(offset.clone());
            come_back(&mut world, &mut person, Over::WebSocket);
            assert!(!person.root().recovered, "{offset}");
            assert!(person.root().id != id && person.root().pid != pid);
            assert_eq!(world.server.hub.len() + world.server.hub.kept().0, 1, "{offset}");
            assert!(world.end_of(session).is_some(), "the old connection is over");
            // It was told of in full: that the one has gone, from its rooms, and that the other has come.
            let told = calls(&mut world);
            assert!(
                matches!(&told[..], [Call::Disconnecting(a, _, rooms), Call::Disconnect(b, _, none), Call::Admit(..), Call::Connect(c)]
                    if a == b && *a == was && *c != was && rooms == &["r"] && none.is_empty()),
                "{offset}: {told:?}"
            );
            world.assert_silence_ends_everything();
        }
    }
}

/// Nor does the credential of a place that was lost open the one that its owner has got instead.
#[test]
fn the_credential_of_a_place_that_was_lost_is_good_for_nothing() {
    for hole in [false, true] {
        let mut world = world();
        let mut person = Person::here(&mut world, Over::WebSocket);
        let pid = person.root().pid.clone().expect("a pid");
        person.lose(&mut world, hole);
        person.places.get_mut("/").expect("a place").offset = Some("typing".into());
        come_back(&mut world, &mut person, Over::WebSocket);
        assert!(!person.root().recovered);
        fresh(&mut world, &format!(r#"{{"pid":"{pid}"}}"#));
        say(&mut world, 1);
        person.listen(&mut world);
        assert_eq!(person.root().numbers(), [1]);
    }
}

/// The client keeps its offset when it has to begin anew. After the server has started again, it is another run's.
#[test]
fn an_offset_of_an_earlier_run_of_the_server_is_no_offset() {
    let mut earlier = world();
    // Worlds give out the same ids in the same order; the other one will not get this far.
    for _ in 0..9 {
        Person::here(&mut earlier, Over::WebSocket);
    }
    let mut person = Person::here(&mut earlier, Over::WebSocket);
    for number in 1..30 {
        say(&mut earlier, number);
    }
    person.listen(&mut earlier);
    let mut world = world();
    world.advance(12_345);
    // Its log begins.
    say(&mut world, 100);
    person.lose_line();
    come_back(&mut world, &mut person, Over::WebSocket);
    assert!(!person.root().recovered, "nobody knows it here");
    let heard = person.root().heard.len();
    // Cut before it hears anything new, so that its offset still is the old one.
    let stale = person.root().offset.clone();
    person.cut(&mut world);
    say(&mut world, 101);
    come_back(&mut world, &mut person, Over::WebSocket);
    assert!(person.root().recovered);
    assert!(person.root().offset != stale);
    assert_eq!(person.root().numbers()[heard..], [101]);
}

/// Servers may start in the same millisecond; the first client that comes tells them apart, as long as ids are random.
#[test]
fn no_two_runs_of_a_server_give_out_the_same_offsets() {
    let offset = |later, others| {
        let mut world = world();
        world.advance(later);
        for _ in 0..others {
            world.open_ws(Revision::V4).expect("there is room");
        }
        let mut person = Person::here(&mut world, Over::WebSocket);
        say(&mut world, 1);
        person.listen(&mut world);
        person.root().offset.clone().expect("an offset")
    };
    let offsets = [offset(0, 0), offset(0, 1), offset(0, 2), offset(1, 0), offset(2, 0), offset(86_400_000, 0)];
    assert_eq!(offsets.iter().collect::<BTreeSet<_>>().len(), offsets.len(), "{offsets:?}");
}

/// The same within one run: the place was lost, and the offset of the one before it is kept.
#[test]
fn an_offset_of_an_earlier_place_is_no_offset() {
    let mut world = world();
    let mut person = Person::here(&mut world, Over::WebSocket);
    say(&mut world, 1);
    person.listen(&mut world);
    person.say(&mut world, "41");
    person.lose_line();
    say(&mut world, 2);
    come_back(&mut world, &mut person, Over::WebSocket);
    assert!(!person.root().recovered);
    say(&mut world, 3);
    person.cut(&mut world);
    come_back(&mut world, &mut person, Over::WebSocket);
    assert!(person.root().recovered);
    assert_eq!(person.root().numbers(), [1, 3], "it was not there when 2 was said");
}

#[test]
fn a_credential_is_good_for_its_namespace_only() {
    for hole in [false, true] {
        let mut world = world();
        let mut person = Person::new(Revision::V4, &["/a"]);
        person.come(&mut world, Over::WebSocket);
        person.listen(&mut world);
        let mut thief = Person::new(Revision::V4, &["/"]);
        thief.places.insert("/".into(), person.place("/a").clone());
        person.lose(&mut world, hole);
        come_back(&mut world, &mut thief, Over::WebSocket);
        assert!(!thief.root().recovered);
        say_to(&mut world, Target::Namespace(&Nsp::new("/a")), 1);
        person.come(&mut world, Over::WebSocket);
        person.listen(&mut world);
        assert!(person.place("/a").recovered, "it is none the worse for it");
        assert_eq!(person.place("/a").numbers(), [1]);
    }
}

#[test]
fn goodbye_is_goodbye() {
    let ways: [fn(&mut World<Recorder>, &mut Person); 4] = [
        |world, person| person.say(world, "41"),
        |world, person| {
            let who = person.who(world);
            with(world, |fx| fx.disconnect(who, false));
        },
        |world, person| {
            let who = person.who(world);
            with(world, |fx| fx.disconnect(who, true));
        },
        // What is no Engine.IO packet is not recovered from, as in the reference.
        |world, person| person.say(world, "nonsense"),
    ];
    for (way, leave) in ways.iter().enumerate() {
        let mut world = world();
        let mut person = Person::here(&mut world, Over::WebSocket);
        say(&mut world, 1);
        person.listen(&mut world);
        leave(&mut world, &mut person);
        assert_eq!(world.server.hub.kept().0, 0, "{way}");
        person.lose_line();
        say(&mut world, 2);
        come_back(&mut world, &mut person, Over::WebSocket);
        assert!(!person.root().recovered, "{way}");
        assert_eq!(person.root().numbers(), [1], "{way}");
    }
}

#[test]
fn eio3_clients_are_told_no_offset_and_do_not_come_back() {
    for over in BOTH {
        let mut world = world();
        let mut person = Person::new(Revision::V3, &["/"]);
        person.come(&mut world, over);
        person.listen(&mut world);
        assert_eq!(person.root().pid, None);
        let mut witness = Person::here(&mut world, Over::WebSocket);
        say(&mut world, 1);
        person.listen(&mut world);
        witness.listen(&mut world);
        assert_eq!(person.root().heard[0].len(), 2);
        assert_eq!(witness.root().heard[0].len(), 3);
        person.cut(&mut world);
        assert_eq!(world.server.hub.kept().0, 0);
    }
    // Nor do they by saying so.
    let mut world = world();
    let mut person = Person::new(Revision::V4, &["/a"]);
    person.come(&mut world, Over::WebSocket);
    person.listen(&mut world);
    let pid = person.place("/a").pid.clone().expect("a pid");
    person.cut(&mut world);
    let (session, ws) = world.open_ws(Revision::V3).expect("there is room");
    world.send(session, ws, RawMessage::Text(&format!("40/a?pid={pid},")));
    assert_eq!(world.server.hub.kept().0, 1);
    assert_eq!(world.server.hub.len(), 2);
}

/// What the last of them would have been told is not made for nobody.
#[test]
fn without_eio3_clients_there_is_one_text_for_all() {
    let mut world = world();
    let texts = |world: &mut World<Recorder>| {
        let now = world.now;
        world.server.hub.apply(now, |_, fx| fx.emit(Target::Namespace(&Nsp::ROOT), "said", &1));
        let mut frames = std::iter::from_fn(|| world.server.hub.poll_delivery());
        let Some((_, Delivery::Emit(frame))) = frames.next() else { panic!("it is said to nobody") };
        assert!(frames.all(|(_, delivery)| matches!(delivery, Delivery::Emit(_))));
        [Revision::V3, Revision::V4].map(|revision| frame.text(revision).to_owned())
    };
    let _witness = Person::here(&mut world, Over::WebSocket);
    let [v3, v4] = texts(&mut world);
    assert_eq!(v3, v4);
    let mut old = [(); 2].map(|()| Person::new(Revision::V3, &["/"]));
    for person in &mut old {
        person.come(&mut world, Over::WebSocket);
    }
    for person in &mut old {
        let [v3, v4] = texts(&mut world);
        assert!(v3.len() < v4.len(), "{v3} and {v4}");
        person.cut(&mut world);
    }
    let [v3, v4] = texts(&mut world);
    assert_eq!(v3, v4);
}

#[test]
fn without_recovery_there_is_neither_pid_nor_offset() {
    let mut world = World::new(Recorder::default(), Config::default());
    let mut person = Person::here(&mut world, Over::WebSocket);
    say(&mut world, 1);
    person.listen(&mut world);
    assert_eq!((&person.root().pid, &person.root().offset), (&None, &None));
    assert_eq!(person.root().heard[0].len(), 2);
    person.cut(&mut world);
    assert_eq!(world.server.hub.kept(), (0, 0));
    person.places.get_mut("/").expect("a place").pid = Some("AAAAAAAAAAAAAAAAAAAAAA".into());
    come_back(&mut world, &mut person, Over::WebSocket);
    assert!(!person.root().recovered);
}

#[test]
fn engine_io_alone_keeps_nothing() {
    let protocol = Protocol::EngineIo;
    let config = Config { protocol, recovery: Some(Recovery::default()), ..Config::default() };
    let mut world = World::new(Recorder::default(), config);
    let (session, ws) = world.open_ws(Revision::V4).expect("there is room");
    with(&mut world, |fx| {
        assert!(!fx.can_recover(), "nobody could say that it has come back");
        fx.send_text(Target::Namespace(&Nsp::ROOT), "x");
    });
    world.end_ws(session, ws, WsEnd::Failed);
    assert_eq!(world.server.hub.kept(), (0, 0));
}
