//! Disconnection by either side, from one namespace or from all.

use crate::{calls, hearers, people, with, world};
use sanket::{Nsp, Reason, Revision, Target};
use sanket_tests::people::{Call, Over, Person, Recorder};
use sanket_tests::world::World;

const ROOT: &Nsp = &Nsp::ROOT;

/// A way to leave.
type Way = fn(&mut World<Recorder>, &mut Person);

fn in_two(world: &mut World<Recorder>, over: Over) -> Person {
    let mut person = Person::new(Revision::V4, &["/", "/a"]);
    person.come(world, over);
    person.listen(world);
    person
}

#[test]
fn who_is_about_to_leave_is_in_its_rooms_and_who_has_left_is_not() {
    let ways: [(Way, Reason); 3] = [
        (|world, person| person.cut(world), Reason::TransportError),
        (|world, person| person.say(world, "41"), Reason::ClientNamespaceDisconnect),
        (
            |world, person| {
                let who = person.who(world);
                with(world, |fx| fx.disconnect(who, false));
            },
            Reason::ServerNamespaceDisconnect,
        ),
    ];
    for (leave, reason) in ways {
        let mut world = world();
        let [mut person, _other] = people(&mut world);
        let who = person.who(&mut world);
        with(&mut world, |fx| fx.join(who, "r")).expect("it may");
        calls(&mut world);
        leave(&mut world, &mut person);
        let wanted = [Call::Disconnecting(who, reason, vec!["r".into()]), Call::Disconnect(who, reason, Vec::new())];
        assert_eq!(calls(&mut world), wanted);
        assert_eq!(world.server.hub.rooms(ROOT), [""; 0]);
    }
}

#[test]
fn closing_takes_a_client_out_of_all_its_namespaces() {
    for over in [Over::WebSocket, Over::Polling] {
        let mut world = world();
        let mut person = in_two(&mut world, over);
        let session = person.line.expect("a line").session;
        let [root, a] = ["/", "/a"].map(|nsp| person.socket(&mut world, nsp).expect("it is there"));
        calls(&mut world);
        with(&mut world, |fx| fx.disconnect(a, true));
        let reason = Reason::ServerNamespaceDisconnect;
        let told = calls(&mut world);
        for who in [root, a] {
            assert_eq!(told.iter().filter(|call| **call == Call::Disconnect(who, reason, vec![])).count(), 1);
        }
        assert_eq!(told.len(), 4, "{told:?}");
        assert!(world.server.hub.is_empty());
        person.listen(&mut world);
        assert!(!person.root().connected && !person.place("/a").connected, "both namespaces have said goodbye");
        assert_eq!(world.end_of(session), Some(reason));
        world.assert_silence_ends_everything();
    }
}

/// As in the reference, where a socket that is not connected can not be disconnected.
#[test]
fn closing_after_the_socket_has_left_does_not_tear_its_other_namespaces_apart() {
    let mut world = world();
    let person = &mut in_two(&mut world, Over::WebSocket);
    world.apply(|app, _| {
        app.habit = Some(|call, fx| {
            if let Call::Disconnect(who, ..) = call {
                fx.disconnect(*who, true);
            }
        });
    });
    person.say(&mut world, "41");
    let session = person.line.expect("a line").session;
    let still_there = person.socket(&mut world, "/a").is_some();
    assert_eq!(still_there, world.end_of(session).is_none(), "hub and client are of one mind");
    assert!(still_there);
    world.apply(|_, fx| fx.emit(Target::Namespace(&Nsp::new("/a")), "said", &1));
    person.listen(&mut world);
    assert_eq!(person.place("/a").numbers(), [1]);
}

#[test]
fn closing_while_the_socket_is_about_to_leave_closes_the_connection() {
    let mut world = world();
    let mut person = in_two(&mut world, Over::WebSocket);
    world.apply(|app, _| {
        app.habit = Some(|call, fx| {
            if let Call::Disconnecting(who, Reason::ClientNamespaceDisconnect, _) = call {
                fx.disconnect(*who, true);
            }
        });
    });
    let session = person.line.expect("a line").session;
    person.say(&mut world, "41");
    person.listen(&mut world);
    assert!(world.server.hub.is_empty());
    assert_eq!(world.end_of(session), Some(Reason::ServerNamespaceDisconnect));
    assert!(!person.place("/a").connected);
    world.assert_silence_ends_everything();
}

#[test]
fn who_is_put_out_in_connect_has_been_connected_and_is_put_out() {
    let mut world = world();
    world.apply(|app, _| {
        app.habit = Some(|call, fx| {
            if let Call::Connect(who) = call {
                fx.disconnect(*who, false);
            }
        });
    });
    let mut person = Person::new(Revision::V4, &["/"]);
    person.come(&mut world, Over::WebSocket);
    let told = person.read(&mut world);
    assert!(told[1].starts_with("40{"), "{told:?}");
    assert_eq!(told[2], "41");
    assert!(world.server.hub.is_empty());
}

#[test]
fn what_is_said_while_somebody_leaves_reaches_the_others() {
    let mut world = world();
    let mut people: [_; 3] = people(&mut world);
    world.apply(|app, _| {
        app.habit = Some(|call, fx| match call {
            Call::Disconnecting(..) => fx.emit(Target::Room(ROOT, "r"), "leaving", &1),
            Call::Disconnect(..) => fx.emit(Target::Room(ROOT, "r"), "left", &2),
            _ => {}
        });
    });
    with(&mut world, |fx| fx.sockets_join(Target::Namespace(ROOT), "r"));
    people[0].say(&mut world, "41");
    for person in &mut people {
        person.listen(&mut world);
    }
    assert_eq!(people[0].root().numbers(), [0; 0], "the client has gone by itself");
    assert_eq!(people[1].root().numbers(), [1, 2]);
    assert_eq!(hearers(&mut world, &mut people, Target::Room(ROOT, "r")).len(), 2 + 4);
}
