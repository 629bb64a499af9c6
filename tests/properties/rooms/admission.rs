//! Connect requests that are decided on at once, later, or never.

use crate::{calls, with, world};
use sanket::{Admission, Config, ConnectError, Nsp, Reason, Revision, SocketId};
use sanket_tests::people::{Call, Over, Person, Recorder};
use sanket_tests::world::World;

/// Somebody who is in `/`, and waits at the door of `/later`.
fn waiting(world: &mut World<Recorder>) -> (Person, SocketId) {
    let mut person = Person::new(Revision::V4, &["/", "/later"]);
    person.come(world, Over::WebSocket);
    person.listen(world);
    assert!(person.root().connected && !person.place("/later").connected);
    let who = calls(world)
        .into_iter()
        .find_map(|call| match call {
            Call::Admit(who, nsp) if nsp == "/later" => Some(who),
            _ => None,
        })
        .expect("it has knocked");
    (person, who)
}

#[test]
fn who_is_let_in_later_is_connected_then() {
    let mut world = world();
    let (mut person, who) = waiting(&mut world);
    assert_eq!(world.server.hub.len(), 1);
    world.advance(10_000);
    with(&mut world, |fx| fx.decide(who, Admission::Later));
    assert_eq!(calls(&mut world), [], "that says nothing");
    with(&mut world, |fx| fx.decide(who, Admission::Accept));
    person.listen(&mut world);
    assert!(person.place("/later").connected);
    assert_eq!(calls(&mut world), [Call::Connect(who)]);
    assert_eq!(world.server.hub.poll_timeout(), None, "nobody waits any more");
    // Twice, or differently, says nothing.
    with(&mut world, |fx| {
        fx.decide(who, Admission::Accept);
        fx.decide(who, Admission::Refuse(ConnectError::new("no")));
    });
    pass_by(&mut world, &mut person);
    assert_eq!(calls(&mut world), []);
    assert!(person.place("/later").connected && person.place("/later").refused.is_none());
}

fn pass_by(world: &mut World<Recorder>, person: &mut Person) {
    sanket_tests::people::pass(world, &mut [person], 60_000);
}

#[test]
fn who_is_refused_later_is_told_and_may_ask_again() {
    let mut world = world();
    let (mut person, who) = waiting(&mut world);
    with(&mut world, |fx| fx.decide(who, Admission::Refuse(ConnectError::new("full").with_data(&7))));
    person.listen(&mut world);
    assert_eq!(person.place("/later").refused.as_deref(), Some(r#"{"message":"full","data":7}"#));
    assert_eq!(calls(&mut world), []);
    assert_eq!(world.server.hub.poll_timeout(), None);
    person.say(&mut world, "40/later,");
    let [Call::Admit(again, _)] = calls(&mut world)[..] else { panic!("it has not knocked again") };
    assert!(again != who);
    with(&mut world, |fx| fx.decide(again, Admission::NoSuchNamespace));
    person.listen(&mut world);
    assert_eq!(person.place("/later").refused.as_deref(), Some(r#"{"message":"Invalid namespace"}"#));
}

#[test]
fn who_is_told_nothing_is_refused_in_time() {
    let mut world = World::new(Recorder::default(), Config { connect_timeout: 5_000, ..Config::default() });
    let (mut person, who) = waiting(&mut world);
    world.advance(4_900);
    person.listen(&mut world);
    assert_eq!(person.place("/later").refused, None);
    world.advance(200);
    person.listen(&mut world);
    assert_eq!(person.place("/later").refused.as_deref(), Some(r#"{"message":"Timed out"}"#));
    with(&mut world, |fx| fx.decide(who, Admission::Accept));
    person.listen(&mut world);
    assert!(!person.place("/later").connected, "too late");
    assert_eq!((world.server.hub.len(), calls(&mut world)), (1, vec![]));
    world.assert_silence_ends_everything();
}

#[test]
fn who_is_gone_meanwhile_is_not_let_in() {
    for goodbye in [false, true] {
        let mut world = world();
        let (mut person, who) = waiting(&mut world);
        if goodbye {
            person.say(&mut world, "1");
        } else {
            person.cut(&mut world);
        }
        assert_eq!(world.server.hub.poll_timeout(), None, "nobody waits any more");
        calls(&mut world);
        with(&mut world, |fx| fx.decide(who, Admission::Accept));
        assert_eq!((world.server.hub.len(), calls(&mut world)), (0, vec![]));
        world.assert_silence_ends_everything();
    }
}

#[test]
fn who_is_put_out_while_it_waits_is_not_let_in() {
    for close in [false, true] {
        let mut world = world();
        let (mut person, who) = waiting(&mut world);
        with(&mut world, |fx| fx.disconnect(who, close));
        with(&mut world, |fx| fx.decide(who, Admission::Accept));
        person.listen(&mut world);
        assert!(!person.place("/later").connected);
        assert_eq!(person.root().connected, !close, "closing closes everything");
        assert_eq!(world.server.hub.len(), usize::from(!close), "nobody sits where no client is");
        assert_eq!(with(&mut world, |fx| fx.count(&Nsp::new("/later"))), 0);
        world.assert_silence_ends_everything();
    }
}

#[test]
fn who_speaks_before_it_is_let_in_is_closed() {
    let mut world = world();
    let (person, who) = waiting(&mut world);
    let mut person = person;
    let session = person.line.expect("a line").session;
    person.say(&mut world, "42/later,[\"x\"]");
    person.listen(&mut world);
    assert_eq!(world.end_of(session), Some(Reason::ForcedClose));
    with(&mut world, |fx| fx.decide(who, Admission::Accept));
    assert!(world.server.hub.is_empty());
}

#[test]
fn a_session_that_is_let_in_nowhere_ends() {
    let mut world = World::new(Recorder::default(), Config { connect_timeout: 5_000, ..Config::default() });
    let mut person = Person::new(Revision::V4, &["/later"]);
    person.come(&mut world, Over::Polling);
    let session = person.line.expect("a line").session;
    world.advance(5_100);
    person.listen(&mut world);
    assert_eq!(world.end_of(session), Some(Reason::ForcedServerClose));
    world.assert_silence_ends_everything();
}

/// Deadlines that are over must not pile up while their time comes.
#[test]
fn coming_and_going_leaves_nothing_behind() {
    let mut world = world();
    for _ in 0..50 {
        let (mut person, who) = waiting(&mut world);
        with(&mut world, |fx| fx.decide(who, Admission::Accept));
        person.cut(&mut world);
    }
    assert!(world.server.hub.is_empty());
    assert_eq!(world.server.hub.poll_timeout(), None);
}
