//! Limits on rooms, on sessions, and on unjoined sessions.

use crate::{people, with};
use sanket::driver::{
    Input, Key, NewSession, Opening, Population, RawMessage, RequestError, RequestId, Shard, Sid, WsEnd,
};
use sanket::{Config, JoinError, Nsp, Protocol, Revision, Target, Time};
use sanket_tests::people::{Over, Person, Recorder};
use sanket_tests::world::World;
use std::sync::Arc;

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
        assert_eq!(fx.sockets_join(Target::Namespace(&Nsp::ROOT), "c"), 1);
        assert_eq!(fx.rooms(two), ["c"]);
        assert!(fx.leave(one, ""));
        assert_eq!(fx.join(one, "c"), Ok(true));
        assert_eq!(fx.rooms(one), ["1234", "c"]);
    });
    assert_eq!(world.server.hub.rooms(&Nsp::ROOT), ["1234", "c"], "what could not be joined was not made");
}

#[test]
fn who_has_joined_nothing_leaves_room_for_those_who_do() {
    let config = Config { max_unjoined: 2, connect_timeout: 5_000, ..Config::default() };
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
    // What the server closes waits for its goodbye to be read; it is not unjoined for ever.
    world.advance(30_000);
    idle(&mut world).expect("they are gone");
    world.assert_silence_ends_everything();
}

/// A client of EIO=3, or of Engine.IO alone, joins `/` without asking: that says nothing of whether anybody is there.
#[test]
fn who_joins_by_itself_has_to_be_heard_of() {
    for (revision, protocol) in [(Revision::V3, Protocol::SocketIo), (Revision::V4, Protocol::EngineIo)] {
        let config = Config { max_unjoined: 1, protocol, ..Config::default() };
        let mut world = World::new(Recorder::default(), config);
        let is_full = |world: &mut World<Recorder>| match world.open_ws(Revision::V4) {
            Ok((session, ws)) => {
                world.end_ws(session, ws, WsEnd::Closed);
                false
            }
            Err(error) => error == RequestError::Full,
        };
        let (poller, id) = world.open_polling(revision, false).expect("there is room");
        assert!(world.answer(id).is_some() && is_full(&mut world), "a handshake is not enough");
        world.get(poller);
        assert!(!is_full(&mut world), "it has polled");
        let (poster, _) = world.open_polling(revision, false).expect("there is room");
        assert!(is_full(&mut world));
        world.post_begins(poster);
        assert!(!is_full(&mut world), "it has begun to post");
        let (talker, ws) = world.open_ws(revision).expect("there is room");
        assert!(is_full(&mut world));
        let heartbeat = if revision == Revision::V3 { "2" } else { "3" };
        world.send(talker, ws, RawMessage::Text(heartbeat));
        assert!(!is_full(&mut world), "it has said something");
        world.assert_silence_ends_everything();
    }
}

#[test]
fn limits_on_sessions_are_for_all_shards_together() {
    for (max_sessions, max_unjoined) in [(3, 9), (9, 3)] {
        let config = Arc::new(Config { max_sessions, max_unjoined, ..Config::default() });
        let population = Arc::new(Population::default());
        let mut shards = [0, 1].map(|index| Shard::with_population(index, config.clone(), population.clone()));
        let now = Time::from_millis(0);
        let mut number = 0;
        let mut open = |shard: &mut Shard| -> Result<Key, RequestError> {
            number += 1;
            let sid = Sid::from_bytes([number; 16]);
            let opening = Opening::WebSocket(RequestId(number.into()));
            let new = NewSession { sid, public: sid, private: sid, revision: Revision::V4, opening, handshake: None };
            shard.open(new, now)
        };
        let [zero, one] = &mut shards;
        let first = open(zero).expect("there is room");
        open(one).expect("there is room");
        open(one).expect("there is room");
        for shard in [&mut *zero, &mut *one] {
            assert_eq!(open(shard), Err(RequestError::Full));
        }
        assert_eq!((population.sessions(), population.unjoined()), (3, 3));
        zero.handle(first, Input::WsEnd(RequestId(1), WsEnd::Closed), now);
        assert_eq!((population.sessions(), population.unjoined()), (2, 2));
        assert!(open(one).is_ok() && open(zero).is_err());
        drop(shards);
        assert_eq!((population.sessions(), population.unjoined()), (0, 0));
    }
}
