//! A session is not restored again and again without a rest: its missed events are sent each time.

use crate::{BOTH, calls, config, say, world as without_rest};
use sanket::driver::{RawMessage, RequestId, WsEnd, WsMessage};
use sanket::{Config, Handshake, Reason, Recovery, Revision};
use sanket_tests::people::{Call, Over, Person, Place, Recorder};
use sanket_tests::world::{Session, World};
use std::iter;
use std::sync::Arc;

fn world() -> World<Recorder> {
    World::new(Recorder::default(), config(Recovery::default()))
}

/// Somebody who has heard of 1, and has been recovered once.
fn recovered(world: &mut World<Recorder>, over: Over) -> Person {
    let mut person = Person::here(world, over);
    say(world, 1);
    person.listen(world);
    person.cut(world);
    person.come(world, over);
    person.listen(world);
    assert!(person.root().connected && person.root().recovered, "the first time it does not wait");
    person
}

fn is_in(world: &mut World<Recorder>, person: &mut Person) -> bool {
    person.listen(world);
    person.root().connected
}

#[test]
fn a_second_replay_of_the_same_session_within_a_second_waits() {
    for over in BOTH {
        for hole in [false, true] {
            let mut world = world();
            let mut person = recovered(&mut world, over);
            world.advance(300);
            person.lose(&mut world, hole);
            say(&mut world, 2);
            person.come(&mut world, over);
            say(&mut world, 3);
            assert!(!is_in(&mut world, &mut person));
            world.advance(699);
            assert!(!is_in(&mut world, &mut person));
            assert_eq!(world.server.hub.poll_timeout(), Some(world.now.after(1)));
            calls(&mut world);
            world.advance(1);
            assert!(is_in(&mut world, &mut person) && person.root().recovered);
            assert_eq!(person.root().numbers(), [1, 2, 3], "it has missed nothing while it waited");
            assert!(matches!(calls(&mut world)[..], [Call::Recover(..)]));
            say(&mut world, 4);
            person.listen(&mut world);
            assert_eq!(person.root().numbers(), [1, 2, 3, 4]);
            assert_eq!(world.server.hub.len() + world.server.hub.kept().0, 1);
            // After a rest it does not wait.
            world.advance(1_000);
            person.lose(&mut world, hole);
            person.come(&mut world, over);
            assert!(is_in(&mut world, &mut person) && person.root().recovered);
            world.assert_silence_ends_everything();
        }
    }
}

#[test]
fn replaying_for_ever_costs_a_replay_each_second() {
    let mut world = world();
    let mut person = recovered(&mut world, Over::WebSocket);
    let offset = person.root().offset.clone();
    for number in 2..12 {
        say(&mut world, number);
    }
    let began = world.now;
    // The same credential and offset, 125 times a second, each on a connection of its own.
    let mut replays = 0;
    for _ in 0..1_250 {
        let mut again = person.clone();
        again.places.get_mut("/").expect("a place").offset.clone_from(&offset);
        again.line = None;
        again.come(&mut world, Over::WebSocket);
        world.advance(8);
        again.listen(&mut world);
        replays += usize::from(again.root().numbers().len() > 1);
    }
    person.cut(&mut world);
    let seconds = usize::try_from(world.now.since(began).as_secs()).expect("a few");
    assert!(replays <= seconds + 1, "{replays} replays in {seconds} s");
    assert!(replays + 1 >= seconds, "whoever waits is served in the end: {replays} replays in {seconds} s");
    assert_eq!(world.server.hub.len() + world.server.hub.kept().0, 1, "it is one session all the time");
    world.assert_silence_ends_everything();
}

#[test]
fn a_large_replay_is_followed_by_a_longer_rest() {
    for (replay_rate, connect_timeout, low, high) in [
        (1_000, 45_000, 4_000, 5_000),
        (1_000, 2_500, 2_500, 2_501),
        (1_000_000, 45_000, 1_000, 1_001),
        (0, 3_000, 3_000, 3_001),
    ] {
        let recovery = Some(Recovery { replay_rate, ..Recovery::default() });
        let mut world = World::new(Recorder::default(), Config { recovery, connect_timeout, ..Config::default() });
        let mut person = Person::here(&mut world, Over::WebSocket);
        say(&mut world, 1);
        person.listen(&mut world);
        person.cut(&mut world);
        crate::with(&mut world, |fx| {
            let text = "x".repeat(4_000);
            fx.send(sanket::Target::Namespace(crate::ROOT), &sanket::Emit::new("said").arg(&2).arg(&text));
        });
        person.come(&mut world, Over::WebSocket);
        assert!(is_in(&mut world, &mut person) && person.root().recovered);
        let began = world.now;
        person.cut(&mut world);
        person.come(&mut world, Over::WebSocket);
        let Some(at) = world.server.hub.poll_timeout() else { panic!("it waits") };
        let rest = at.since(began).as_millis();
        assert!((low..high).contains(&rest), "{rest} ms at {replay_rate} bytes a second");
    }
}

#[test]
fn of_two_that_wait_the_later_one_has_it() {
    for over in BOTH {
        let mut world = world();
        let mut person = recovered(&mut world, over);
        person.cut(&mut world);
        say(&mut world, 2);
        let mut earlier = person.clone();
        let mut later = person;
        earlier.come(&mut world, over);
        let session = earlier.line.expect("a line").session;
        world.advance(10);
        later.come(&mut world, over);
        assert_eq!(world.end_of(session), Some(Reason::ForcedServerClose), "as if it had been taken over");
        world.advance(990);
        assert!(is_in(&mut world, &mut later) && later.root().recovered);
        assert_eq!(later.root().numbers(), [1, 2]);
        assert!(!is_in(&mut world, &mut earlier));
        assert_eq!(world.server.hub.len() + world.server.hub.kept().0, 1);
        world.assert_silence_ends_everything();
    }
}

#[test]
fn who_waits_in_vain_and_is_in_another_namespace_is_told_so() {
    for over in BOTH {
        let mut world = world();
        let mut later = recovered(&mut world, over);
        later.cut(&mut world);
        let mut earlier = later.clone();
        earlier.places.insert("/other".into(), Place::default());
        earlier.come(&mut world, over);
        earlier.listen(&mut world);
        assert!(earlier.place("/other").connected && !earlier.root().connected);
        later.come(&mut world, over);
        earlier.listen(&mut world);
        assert!(earlier.place("/other").connected, "it stays where it is");
        assert!(earlier.root().refused.as_deref().is_some_and(|why| why.contains("another connection")), "{earlier:?}");
        world.advance(1_000);
        assert!(is_in(&mut world, &mut later) && later.root().recovered);
        world.assert_silence_ends_everything();
    }
}

#[test]
fn whoever_goes_while_it_waits_is_forgotten() {
    for over in BOTH {
        let mut world = world();
        let mut person = recovered(&mut world, over);
        person.cut(&mut world);
        person.come(&mut world, over);
        let waiting = world.server.hub.poll_timeout();
        assert_eq!(waiting, Some(world.now.after(1_000)));
        person.cut(&mut world);
        assert!(world.server.hub.poll_timeout() > waiting);
        calls(&mut world);
        world.advance(1_000);
        assert_eq!(calls(&mut world), [], "nobody is back");
        assert_eq!((world.server.hub.len(), world.server.hub.kept().0), (0, 1), "the session is kept");
        person.come(&mut world, over);
        assert!(is_in(&mut world, &mut person) && person.root().recovered);
    }
}

#[test]
fn nobody_else_waits() {
    let mut world = world();
    let mut one = recovered(&mut world, Over::WebSocket);
    let mut other = Person::here(&mut world, Over::WebSocket);
    one.cut(&mut world);
    one.come(&mut world, Over::WebSocket);
    other.cut(&mut world);
    other.come(&mut world, Over::WebSocket);
    assert!(!is_in(&mut world, &mut one));
    assert!(is_in(&mut world, &mut other) && other.root().recovered);
    let mut fresh = Person::here(&mut world, Over::WebSocket);
    assert!(is_in(&mut world, &mut fresh));
}

#[test]
fn whose_session_ends_while_it_waits_is_somebody_new() {
    let mut world = world();
    let mut person = recovered(&mut world, Over::WebSocket);
    let mut ghost = person.clone();
    person.lose_line();
    person.come(&mut world, Over::WebSocket);
    assert!(!is_in(&mut world, &mut person));
    // What the old connection brings still counts: it leaves, for good.
    ghost.say(&mut world, "41");
    world.advance(1_000);
    assert!(is_in(&mut world, &mut person) && !person.root().recovered);
    assert_eq!(world.server.hub.len(), 1);
}

#[test]
fn what_waits_has_a_limit_in_bytes() {
    let recovery = Recovery { max_persisted_bytes: 1_000, ..Recovery::default() };
    let mut world = World::new(Recorder::default(), config(recovery));
    let mut person = recovered(&mut world, Over::WebSocket);
    let pid = person.root().pid.clone().expect("a pid");
    person.lose_line();
    for (length, waits) in [(900, true), (1_000, false)] {
        let mut again = Person::new(Revision::V4, &["/"]);
        again.places.clear();
        again.come(&mut world, Over::WebSocket);
        again.places.insert("/".to_owned(), Place::default());
        let text = "x".repeat(length);
        again.say(&mut world, &format!(r#"40{{"pid":"{pid}","text":"{text}"}}"#));
        assert_eq!(is_in(&mut world, &mut again), !waits, "{length}");
    }
    let mut world = without_rest();
    let mut person = recovered(&mut world, Over::WebSocket);
    person.cut(&mut world);
    person.come(&mut world, Over::WebSocket);
    assert!(is_in(&mut world, &mut person), "without a rest nobody waits");
}

/// Somebody of an address connects, with `auth` in the CONNECT. Returns what it was told so far.
fn claim(world: &mut World<Recorder>, address: &str, auth: &str) -> (Session, RequestId, String) {
    let handshake = Some(Arc::new(Handshake::new("/", address, 0)));
    let (session, ws) = world.open_ws_with(Revision::V4, handshake).expect("there is room");
    world.send(session, ws, RawMessage::Text(&format!("40{auth}")));
    let told = hear(world, session, ws);
    (session, ws, told)
}

/// All that a WebSocket was told since it was asked last.
fn hear(world: &mut World<Recorder>, session: Session, ws: RequestId) -> String {
    let told = world.receive(session, ws, usize::MAX);
    let texts = told.into_iter().filter_map(|message| match message {
        WsMessage::Text(text) => Some(String::from_utf8_lossy(&text).into_owned()),
        WsMessage::Binary(_) => None,
    });
    texts.collect::<Vec<_>>().join("\n")
}

/// Many sessions of one address are no way around the rest of each.
#[test]
fn replays_cost_their_address_and_others_do_not_wait() {
    const BYTES: usize = 10_000;
    let recovery = Recovery { address_replay_burst: 5 * BYTES, address_replay_rate: BYTES, ..Recovery::default() };
    let mut world = World::new(Recorder::default(), config(recovery));
    let addresses: Vec<&str> = iter::repeat_n("192.0.2.1", 20).chain(["192.0.2.2", "2001:db8::1"]).collect();
    let mut auths = Vec::new();
    for address in &addresses {
        let (session, ws, told) = claim(&mut world, address, "");
        let pid = told.split("\"pid\":\"").nth(1).and_then(|rest| rest.split('"').next()).expect("a pid").to_owned();
        say(&mut world, 1);
        let heard = hear(&mut world, session, ws);
        let offset = heard.rsplit('"').nth(1).expect("an offset").to_owned();
        world.end_ws(session, ws, WsEnd::Closed);
        auths.push(format!(r#"{{"pid":"{pid}","offset":"{offset}"}}"#));
    }
    crate::with(&mut world, |fx| {
        let text = "x".repeat(BYTES);
        fx.send(sanket::Target::Namespace(crate::ROOT), &sanket::Emit::new("said").arg(&2).arg(&text));
    });
    let mut waiting = Vec::new();
    let mut served = 0;
    for (address, auth) in addresses.iter().zip(&auths) {
        let (session, ws, told) = claim(&mut world, address, auth);
        match (told.contains("xxx"), *address == "192.0.2.1") {
            (true, true) => served += 1,
            (true, false) => {}
            (false, true) => waiting.push((session, ws)),
            (false, false) => panic!("{address} waits"),
        }
    }
    assert!((5..=6).contains(&served), "{served} at once");
    for second in 1..=16 {
        world.advance(1_000);
        waiting.retain(|(session, ws)| {
            let is_served = hear(&mut world, *session, *ws).contains("xxx");
            served += usize::from(is_served);
            !is_served
        });
        assert!(served <= 6 + second, "{served} after {second} s");
    }
    assert!(waiting.is_empty(), "{} wait for ever", waiting.len());
}
