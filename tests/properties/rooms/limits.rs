//! Limits of rooms, and of sessions that have joined nothing yet.

use crate::{people, with};
use sanket::{Config, JoinError, Nsp, Revision, Target};
use sanket_tests::people::{Over, Person, Recorder};
use sanket_tests::world::World;

#[test]
fn rooms_are_limited_in_number_and_length() {
    let config = Config { max_rooms: 2, max_room_name: 4, ..Config::default() };
    let mut world = World::new(Recorder::default(), config);
    let people: [_; 2] = people(&mut world);
    let [one, two] = [0, 1].map(|n: usize| people[n].who(&mut world));
    with(&mut world, |fx| {
        assert_eq!(fx.join(one, "12345"), Err(JoinError::Name));
        assert_eq!(fx.join(one, "ééé"), Err(JoinError::Name), "in bytes");
        assert_eq!(fx.join(one, "1234"), Ok(true));
        assert_eq!(fx.join(one, ""), Ok(true));
        assert_eq!(fx.join(one, "c"), Err(JoinError::TooMany));
        assert_eq!(fx.join(one, "1234"), Ok(false), "it is there");
        assert_eq!(fx.join_all(Target::Namespace(&Nsp::ROOT), "c"), 1);
        assert_eq!(fx.rooms(two), ["c"]);
        assert!(fx.leave(one, ""));
        assert_eq!(fx.join(one, "c"), Ok(true));
        assert_eq!(fx.rooms(one), ["1234", "c"]);
    });
    assert_eq!(world.server.hub.rooms(&Nsp::ROOT), ["1234", "c"], "what could not be joined was not made");
}

#[test]
fn who_has_joined_nothing_leaves_room_for_those_who_do() {
    let config = Config { max_newcomers: 2, connect_timeout: 5_000, ..Config::default() };
    let mut world = World::new(Recorder::default(), config);
    let idle = |world: &mut World<Recorder>| world.open_ws(Revision::V4);
    idle(&mut world).expect("there is room");
    Person::here(&mut world, Over::WebSocket);
    // Refused, or told later: it has joined nothing.
    let mut waiting = Person::new(Revision::V4, &["/later", "/no"]);
    waiting.come(&mut world, Over::WebSocket);
    assert_eq!(idle(&mut world).expect_err("two have joined nothing").status(), 503);
    waiting.cut(&mut world);
    Person::here(&mut world, Over::Polling);
    idle(&mut world).expect("there is room");
    assert!(idle(&mut world).is_err());
    world.advance(5_100);
    // What the server closes waits for its goodbye to be read; it is not a newcomer for ever.
    world.advance(30_000);
    idle(&mut world).expect("they are gone");
    world.assert_silence_ends_everything();
}
