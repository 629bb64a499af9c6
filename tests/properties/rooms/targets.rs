//! Targets: the sockets of a room, of several rooms, of a namespace, of an id, each once.

use crate::{calls, hearers, people, with, world};
use sanket::{BroadcastOptions, Nsp, Revision, Target};
use sanket_tests::people::{Call, Over, Person};

const ROOT: &Nsp = &Nsp::ROOT;

#[test]
fn a_union_of_rooms_is_everybody_once() {
    let mut world = world();
    let mut people: [_; 4] = people(&mut world);
    let who: Vec<_> = people.iter().map(|person| person.who(&mut world)).collect();
    with(&mut world, |fx| {
        for (n, room) in [(0, "a"), (1, "a"), (1, "b"), (2, "b"), (2, "c")] {
            assert_eq!(fx.join(who[n], room), Ok(true));
            assert_eq!(fx.join(who[n], room), Ok(false), "it is there already");
        }
    });
    let ids: Vec<String> = people.iter().map(|person| person.root().id.clone()).collect();
    for (rooms, except_rooms, except, wanted) in [
        (&["a", "b"][..], &[][..], &[][..], &[0, 1, 2][..]),
        (&["a", "a"], &[], &[], &[0, 1]),
        (&["a", "b"], &["c"], &[], &[0, 1]),
        (&["a", "b"], &[], &[who[1]], &[0, 2]),
        (&["a", "b"], &[&ids[2], "nobody"], &[who[0]], &[1]),
        (&[], &[], &[], &[0, 1, 2, 3]),
        (&[], &["a"], &[], &[2, 3]),
        (&[&ids[3], "a"], &[], &[], &[0, 1, 3]),
        (&[&ids[0], "a"], &[], &[], &[0, 1]),
        (&["nobody"], &[], &[], &[]),
        (&["a"], &["a"], &[], &[]),
    ] {
        let among = BroadcastOptions { nsp: ROOT, rooms, except_rooms, except };
        assert_eq!(hearers(&mut world, &mut people, Target::Broadcast(among)), wanted, "{among:?}");
        let mut recipients: Vec<_> = wanted.iter().map(|n| who[*n]).collect();
        recipients.sort_unstable();
        assert_eq!(with(&mut world, |fx| fx.fetch_sockets(Target::Broadcast(among))), recipients, "{among:?}");
    }
    assert_eq!(hearers(&mut world, &mut people, Target::Room(ROOT, "b")), [1, 2]);
    assert_eq!(hearers(&mut world, &mut people, Target::Namespace(ROOT)), [0, 1, 2, 3]);
    assert_eq!(hearers(&mut world, &mut people, Target::Namespace(&Nsp::new("/a"))), [0; 0]);
    assert_eq!(hearers(&mut world, &mut people, Target::Socket(who[3])), [3]);
}

#[test]
fn a_sockets_id_is_a_room_of_its_own() {
    let mut world = world();
    let mut people: [_; 2] = people(&mut world);
    let id = people[1].root().id.clone();
    assert_eq!(hearers(&mut world, &mut people, Target::Room(ROOT, &id)), [1]);
    let who = people[1].who(&mut world);
    assert_eq!(with(&mut world, |fx| fx.find(ROOT, &id)), Some(who));
    assert_eq!(with(&mut world, |fx| fx.find(&Nsp::new("/a"), &id)), None);
    assert_eq!(with(&mut world, |fx| fx.id(who)), Some(id.clone()));
    assert_eq!(with(&mut world, |fx| fx.rooms(who).len()), 0, "it is not listed");
    people[1].cut(&mut world);
    assert_eq!(hearers(&mut world, &mut people, Target::Room(ROOT, &id)), [0; 0]);
    assert_eq!(with(&mut world, |fx| fx.find(ROOT, &id)), None);
}

#[test]
fn who_joins_the_room_of_somebody_elses_id_hears_with_it_and_not_instead_of_it() {
    let mut world = world();
    let mut people: [_; 3] = people(&mut world);
    let id = people[0].root().id.clone();
    let eavesdropper = people[1].who(&mut world);
    with(&mut world, |fx| fx.join(eavesdropper, &id)).expect("it may");
    assert_eq!(hearers(&mut world, &mut people, Target::Room(ROOT, &id)), [0, 1]);
    let among = BroadcastOptions { rooms: &[&id], ..BroadcastOptions::of(ROOT) };
    assert_eq!(hearers(&mut world, &mut people, Target::Broadcast(among)), [0, 1]);
    let others = BroadcastOptions { except_rooms: &[&id], ..BroadcastOptions::of(ROOT) };
    assert_eq!(hearers(&mut world, &mut people, Target::Broadcast(others)), [2]);
}

#[test]
fn eio3_ids_name_their_sockets_with_and_without_the_namespace() {
    let mut world = world();
    let mut person = Person::new(Revision::V3, &["/", "/a"]);
    person.come(&mut world, Over::WebSocket);
    person.listen(&mut world);
    let (root, a) = (person.root().id.clone(), person.place("/a").id.clone());
    assert_eq!(a, format!("/a#{root}"));
    let a_nsp = Nsp::new("/a");
    let mut people = [person];
    assert_eq!(hearers(&mut world, &mut people, Target::Room(ROOT, &root)), [0]);
    assert_eq!(hearers(&mut world, &mut people, Target::Room(&a_nsp, &a)), [0]);
    let who = with(&mut world, |fx| fx.find(&a_nsp, &a)).expect("it is there");
    assert_eq!(with(&mut world, |fx| fx.id(who)), Some(a));
    assert_eq!(with(&mut world, |fx| fx.nsp(who).cloned()), Some(a_nsp));
}

#[test]
fn rooms_of_the_same_name_in_two_namespaces_are_two() {
    let mut world = world();
    let mut person = Person::new(Revision::V4, &["/", "/a"]);
    person.come(&mut world, Over::WebSocket);
    person.listen(&mut world);
    let a_nsp = Nsp::new("/a");
    let who = person.socket(&mut world, "/a").expect("it is there");
    with(&mut world, |fx| fx.join(who, "r")).expect("it may");
    assert_eq!(
        with(&mut world, |fx| fx.namespaces().into_iter().cloned().collect::<Vec<_>>()),
        [Nsp::ROOT, a_nsp.clone()]
    );
    assert_eq!((world.server.hub.rooms(&a_nsp), world.server.hub.rooms(ROOT)), (vec!["r"], vec![]));
    let mut people = [person];
    assert_eq!(hearers(&mut world, &mut people, Target::Room(ROOT, "r")), [0; 0]);
    assert_eq!(hearers(&mut world, &mut people, Target::Room(&a_nsp, "r")), [0]);
    // An id of one namespace says nothing in the other.
    let root_id = people[0].root().id.clone();
    assert_eq!(hearers(&mut world, &mut people, Target::Room(&a_nsp, &root_id)), [0; 0]);
}

#[test]
fn joining_leaving_and_putting_out_work_on_targets() {
    let mut world = world();
    let mut people: [_; 4] = people(&mut world);
    let who: Vec<_> = people.iter().map(|person| person.who(&mut world)).collect();
    with(&mut world, |fx| {
        assert_eq!(
            fx.sockets_join(
                Target::Broadcast(BroadcastOptions { except: &[who[0]], ..BroadcastOptions::of(ROOT) }),
                "a"
            ),
            0
        );
        fx.sockets_leave(Target::Socket(who[3]), "a");
        assert_eq!(fx.count(ROOT), 4);
        assert!(fx.leave(who[2], "a") && !fx.leave(who[2], "a"));
        assert_eq!(fx.join(who[2], "a"), Ok(true));
    });
    assert_eq!(hearers(&mut world, &mut people, Target::Room(ROOT, "a")), [1, 2]);
    calls(&mut world);
    with(&mut world, |fx| {
        fx.disconnect_sockets(Target::Room(ROOT, "a"), false);
        assert_eq!(fx.count(ROOT), 4, "it happens when the call returns");
    });
    let gone: Vec<_> = calls(&mut world)
        .into_iter()
        .filter_map(|call| if let Call::Disconnect(who, ..) = call { Some(who) } else { None })
        .collect();
    assert_eq!(gone, [who[1], who[2]]);
    assert_eq!(hearers(&mut world, &mut people, Target::Namespace(ROOT)), [0, 3]);
    assert!(people[1].line.is_some() && !people[1].root().connected, "it has been told, and is still connected");
    assert_eq!(world.server.hub.rooms(ROOT), [""; 0]);
}

#[test]
fn what_is_done_to_a_socket_that_is_gone_is_done_to_nobody() {
    let mut world = world();
    let mut people: [_; 2] = people(&mut world);
    let who = people[0].who(&mut world);
    people[0].cut(&mut world);
    with(&mut world, |fx| {
        assert_eq!(fx.join(who, "a"), Ok(false));
        assert!(!fx.leave(who, "a"));
        fx.set_data(who, &1);
        fx.disconnect(who, true);
        fx.emit(Target::Socket(who), "x", &1);
        assert_eq!((fx.data(who), fx.id(who), fx.nsp(who), fx.rooms(who).len()), (None, None, None, 0));
        assert!(!fx.was_recovered(who) && !fx.can_recover());
    });
    assert_eq!(world.server.hub.rooms(ROOT), [""; 0]);
    assert_eq!(hearers(&mut world, &mut people, Target::Namespace(ROOT)), [1]);
}

#[test]
fn data_stays_with_its_socket() {
    let mut world = world();
    let people: [_; 2] = people(&mut world);
    let [one, two] = [0, 1].map(|n: usize| people[n].who(&mut world));
    with(&mut world, |fx| {
        fx.set_data(one, &["x"]);
        fx.set_data(one, &("y", 2));
    });
    with(&mut world, |fx| assert_eq!((fx.data(one), fx.data(two)), (Some("[\"y\",2]"), None)));
}
