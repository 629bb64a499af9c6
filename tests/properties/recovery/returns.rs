//! Recovery in time: after a connection that broke, and while the server has not noticed that.

use crate::{BOTH, ROOT, calls, come_back, say, say_to, with, world};
use sanket::{Emit, Nsp, PreviousSocket, Reason, Revision, Target};
use sanket_tests::people::{Call, Over, Person};

#[test]
fn who_comes_back_has_missed_nothing_and_hears_nothing_twice() {
    for before in BOTH {
        for after in BOTH {
            for hole in [false, true] {
                let mut world = world();
                let mut person = Person::here(&mut world, before);
                let mut other = Person::here(&mut world, Over::WebSocket);
                let (was, id, pid) = (person.who(&mut world), person.root().id.clone(), person.root().pid.clone());
                with(&mut world, |fx| {
                    fx.join(was, "r").expect("it may");
                    fx.set_data(was, &["kept"]);
                });
                say(&mut world, 1);
                person.listen(&mut world);
                // Sent, but lost on the way.
                say(&mut world, 2);
                person.listen_to_few(&mut world, 0);
                let session = person.line.expect("a line").session;
                calls(&mut world);
                if hole {
                    person.lose_line();
                } else {
                    person.cut(&mut world);
                    assert_eq!(world.server.hub.kept().0, 1);
                }
                say(&mut world, 3);
                say_to(&mut world, Target::Room(ROOT, "r"), 4);
                say_to(&mut world, Target::Room(ROOT, &id), 5);
                person.come(&mut world, after);
                assert_eq!(world.server.hub.len(), 2, "there are two people");
                assert_eq!(world.server.hub.kept().0, 0);
                say(&mut world, 6);
                person.listen(&mut world);
                other.listen(&mut world);
                assert_eq!(person.root().numbers(), [1, 2, 3, 4, 5, 6]);
                assert_eq!(other.root().numbers(), [1, 2, 3, 6]);
                assert!(person.root().recovered);
                assert_eq!((&person.root().id, &person.root().pid), (&id, &pid));
                let who = person.who(&mut world);
                assert!(who != was);
                with(&mut world, |fx| {
                    assert_eq!((fx.rooms(who), fx.data(who)), (vec!["r"], Some("[\"kept\"]")));
                    assert!(fx.was_recovered(who) && fx.can_recover());
                    assert_eq!(fx.data(was), None);
                });
                let told = calls(&mut world);
                let recover = Call::Recover(who, PreviousSocket { socket: was, connected: hole });
                if hole {
                    assert_eq!(told, [recover], "neither admitted again nor disconnected");
                    assert_eq!(world.end_of(session), Some(Reason::ForcedServerClose), "its connection is closed");
                } else {
                    let reason = world.end_of(session).expect("it is over");
                    let wanted =
                        [Call::Disconnecting(was, reason, vec!["r".into()]), Call::Disconnect(was, reason, vec![])];
                    assert_eq!(told, [&wanted[..], &[recover]].concat());
                }
                world.assert_silence_ends_everything();
            }
        }
    }
}

#[test]
fn who_comes_back_again_and_again_hears_everything_once() {
    let mut world = world();
    let mut person = Person::here(&mut world, Over::WebSocket);
    let id = person.root().id.clone();
    for round in 0..20 {
        say(&mut world, 3 * round);
        match round % 4 {
            0 => person.cut(&mut world),
            1 => person.lose_line(),
            2 => {
                person.listen(&mut world);
                person.lose_line();
            }
            // It came back, and was gone before it heard of it.
            _ => {
                person.cut(&mut world);
                person.come(&mut world, Over::Polling);
                person.lose_line();
            }
        }
        say(&mut world, 3 * round + 1);
        person.come(&mut world, BOTH[usize::from(round % 3 == 0)]);
        say(&mut world, 3 * round + 2);
        if round % 5 == 0 {
            person.listen_to_few(&mut world, 1);
            person.lose_line();
        } else {
            person.listen(&mut world);
        }
        assert!(person.root().recovered && person.root().id == id);
        assert_eq!(world.server.hub.len() + world.server.hub.kept().0, 1);
    }
    person.cut(&mut world);
    come_back(&mut world, &mut person, Over::WebSocket);
    assert_eq!(person.root().numbers(), (0..60).collect::<Vec<_>>());
    world.assert_silence_ends_everything();
}

#[test]
fn without_an_offset_everything_since_the_beginning_is_told() {
    for hole in [false, true] {
        let mut world = world();
        say(&mut world, 0);
        let mut person = Person::here(&mut world, Over::WebSocket);
        assert_eq!(person.root().offset, None);
        for number in 1..4 {
            say(&mut world, number);
        }
        person.lose(&mut world, hole);
        come_back(&mut world, &mut person, Over::WebSocket);
        assert!(person.root().recovered);
        assert_eq!(person.root().numbers(), [1, 2, 3]);
    }
}

/// Two tabs that share what they remember, say.
#[test]
fn of_two_with_the_same_credential_the_last_has_it() {
    let mut world = world();
    let mut one = Person::here(&mut world, Over::WebSocket);
    say(&mut world, 1);
    one.listen(&mut world);
    one.cut(&mut world);
    say(&mut world, 2);
    let mut two = one.clone();
    come_back(&mut world, &mut one, Over::WebSocket);
    let session = one.line.expect("a line").session;
    come_back(&mut world, &mut two, Over::Polling);
    assert_eq!(world.server.hub.len(), 1);
    assert!(world.end_of(session).is_some(), "the first is closed");
    assert_eq!((one.root().numbers(), two.root().numbers()), (vec![1, 2], vec![1, 2]));
    say(&mut world, 3);
    two.listen(&mut world);
    assert_eq!(two.root().numbers(), [1, 2, 3]);
    // And back again.
    come_back(&mut world, &mut one, Over::WebSocket);
    assert_eq!(one.root().numbers(), [1, 2, 3]);
    assert_eq!(world.server.hub.len(), 1);
    world.assert_silence_ends_everything();
}

#[test]
fn several_namespaces_come_back_each_by_itself() {
    for hole in [false, true] {
        for over in BOTH {
            let mut world = world();
            let mut person = Person::new(Revision::V4, &["/", "/a", "/b"]);
            person.come(&mut world, over);
            person.listen(&mut world);
            let pids: Vec<_> = person.places.values().map(|place| place.pid.clone().expect("a pid")).collect();
            assert!(pids[0] != pids[1] && pids[1] != pids[2] && pids[0] != pids[2], "{pids:?}");
            let spaces = ["/", "/a", "/b"].map(Nsp::new);
            for (number, nsp) in spaces.iter().enumerate() {
                say_to(&mut world, Target::Namespace(nsp), number as u64);
            }
            let session = person.line.expect("a line").session;
            person.lose(&mut world, hole);
            for (number, nsp) in spaces.iter().enumerate() {
                say_to(&mut world, Target::Namespace(nsp), number as u64 + 10);
            }
            // One is taken over; the old connection lives for the sake of the others.
            person.places.remove("/b");
            come_back(&mut world, &mut person, over);
            assert_eq!(world.end_of(session).is_some(), !hole);
            for (number, nsp) in ["/", "/a"].iter().enumerate() {
                let number = number as u64;
                assert!(person.place(nsp).recovered);
                assert_eq!(person.place(nsp).numbers(), [number, number + 10]);
            }
            assert_eq!(world.server.hub.len() + world.server.hub.kept().0, 3, "the third may still come back");
            world.assert_silence_ends_everything();
        }
    }
}

/// What the old connection still brings is said by a stranger.
#[test]
fn the_old_connection_has_nothing_to_say_any_more() {
    let mut world = world();
    let mut person = Person::here(&mut world, Over::WebSocket);
    let mut ghost = person.clone();
    person.lose_line();
    come_back(&mut world, &mut person, Over::WebSocket);
    calls(&mut world);
    ghost.say(&mut world, "42[\"boo\"]");
    ghost.say(&mut world, "41");
    assert_eq!(calls(&mut world), []);
    assert_eq!(world.server.hub.len(), 1);
    say(&mut world, 1);
    assert_eq!(ghost.read(&mut world), [""; 0]);
}

/// A takeover by a connection that has nothing in common with the old one but the person.
#[test]
fn what_is_said_in_recover_comes_after_what_was_missed() {
    let mut world = world();
    world.apply(|app, _| {
        app.habit = Some(|call, fx| {
            if let Call::Recover(who, _) = call {
                fx.send(Target::Socket(*who), &Emit::new("back").arg(&99));
            }
        });
    });
    let mut person = Person::here(&mut world, Over::WebSocket);
    person.cut(&mut world);
    say(&mut world, 1);
    say(&mut world, 2);
    come_back(&mut world, &mut person, Over::WebSocket);
    assert_eq!(person.root().numbers(), [1, 2, 99]);
}

#[test]
fn a_question_to_who_is_gone_or_has_been_taken_over_is_not_answered() {
    for hole in [false, true] {
        let mut world = world();
        let mut person = Person::here(&mut world, Over::WebSocket);
        let was = person.who(&mut world);
        say(&mut world, 1);
        person.listen(&mut world);
        let ask =
            with(&mut world, |fx| fx.emit_with_ack(Target::Socket(was), &Emit::new("q").arg(&7).arg("text"), 60_000));
        calls(&mut world);
        person.lose(&mut world, hole);
        say(&mut world, 2);
        come_back(&mut world, &mut person, Over::WebSocket);
        let asked = Call::AcksDone(ask, vec![was]);
        assert_eq!(calls(&mut world).iter().filter(|call| **call == asked).count(), 1);
        assert_eq!(person.root().numbers(), [1, 2], "it is not asked again");
        person.say(&mut world, "430[1]");
        assert_eq!(calls(&mut world), []);
        // Who was asked, and heard it, has not moved on in the log.
        let who = person.who(&mut world);
        with(&mut world, |fx| fx.emit_with_ack(Target::Socket(who), &Emit::new("q").arg(&8).arg("text"), 60_000));
        person.listen(&mut world);
        person.cut(&mut world);
        come_back(&mut world, &mut person, Over::WebSocket);
        assert!(person.root().recovered);
        assert_eq!(person.root().numbers(), [1, 2, 8]);
    }
}
