//! Deadlines: they come before the input of the same moment, and a stall of the process ends no session.

use crate::{hear, packets, post, say, socket, world};
use sanket::driver::{Ask, Delivery, Input, Output, RawMessage, RequestError, SocketEvent, WsEnd, decode_message};
use sanket::{Config, Emit, Nsp, Reason, Revision, SocketId, Target, Time};
use sanket_tests::world::{Everything, Session, World};

/// A session of EIO=3 on polling that is silent up to the millisecond before its deadline; the driver's timer for that has
/// not fired.
fn at_its_deadline(config: Config) -> (World<Everything>, Session) {
    let mut world = World::new(Everything::default(), config);
    world.now = world.now.after(3);
    let (session, id) = world.open_polling(Revision::V3, false).expect("there is room");
    packets(&mut world, session, id);
    world.advance(44_999);
    assert_eq!(world.end_of(session), None);
    world.now = world.now.after(1);
    (world, session)
}

#[test]
fn a_post_at_the_very_deadline_finds_no_session() {
    let (mut world, session) = at_its_deadline(Config::default());
    assert_eq!(post(&mut world, session, "2"), 400);
    assert_eq!(world.end_of(session), Some(Reason::PingTimeout));
}

#[test]
fn a_request_at_the_very_deadline_has_nowhere_to_go() {
    for ask in [Ask::Poll, Ask::Post, Ask::Upgrade] {
        let (mut world, session) = at_its_deadline(Config::default());
        let found = world.server.shard.route(session.sid, Some(Revision::V3), ask, world.now);
        assert_eq!(found, Err(RequestError::UnknownSid), "{ask:?}");
        assert!(world.server.shard.is_empty());
    }
}

#[test]
fn a_handshake_at_the_very_deadline_of_another_session_finds_its_place() {
    let (mut world, _) = at_its_deadline(Config { max_sessions: 1, ..Config::default() });
    assert!(world.open_ws(Revision::V4).is_ok());
}

#[test]
fn nothing_is_sent_at_the_very_deadline() {
    let mut world = world();
    let (session, ws) = socket(&mut world, Revision::V3);
    world.apply(|_, fx| fx.emit(Target::Namespace(&Nsp::ROOT), "a", &1));
    world.advance(44_999);
    let mut messages = Vec::new();
    assert!(!world.server.shard.transmit(session.key, ws, 1_000, &mut messages, world.now.after(1)));
    assert!(messages.is_empty() && world.server.shard.is_empty(), "{messages:?}");
}

#[test]
fn nothing_is_delivered_at_the_very_deadline() {
    let mut world = world();
    let (session, ws) = socket(&mut world, Revision::V3);
    world.advance(44_999);
    let frame = Emit::new("a").frame(world.config.protocol, &Nsp::ROOT);
    let to = SocketId { key: session.key, serial: 0 };
    let shard = &mut world.server.shard;
    while shard.poll_output().is_some() {}
    shard.deliver(&[to], Delivery::Emit(frame), world.now.after(1));
    let outputs: Vec<_> = std::iter::from_fn(|| shard.poll_output()).map(|(_, output)| output).collect();
    let [Output::WsClose(closed), Output::Closed(Reason::PingTimeout)] = outputs[..] else { panic!("{outputs:?}") };
    assert_eq!(closed, ws);
}

/// The hub hears of what happens in one shard in the order in which it happens.
#[test]
fn an_end_comes_before_what_others_do_at_the_same_moment() {
    let mut world = world();
    let (silent, _) = socket(&mut world, Revision::V3);
    let (other, ws) = socket(&mut world, Revision::V3);
    world.advance(20_000);
    say(&mut world, other, ws, "2");
    world.advance(24_999);
    let now = world.now.after(1);
    let message = decode_message(Revision::V3, RawMessage::Text("42[\"a\"]"), &world.config);
    let shard = &mut world.server.shard;
    shard.handle(other.key, Input::WsMessage(ws, message), now);
    let events: Vec<_> = std::iter::from_fn(|| shard.poll_event()).collect();
    let [(first, SocketEvent::Disconnect(Reason::PingTimeout)), (second, _)] = &events[..] else {
        panic!("{events:?}")
    };
    assert_eq!((first.key, second.key), (silent.key, other.key));
}

/// The driver is called for the first time after it stood still, and sees to its timers first.
fn stall(world: &mut World<Everything>, millis: u64) {
    world.now = world.now.after(millis);
    world.server.handle_timeout(world.now);
}

#[test]
fn who_was_heard_while_the_process_stood_still_is_not_closed_for_it() {
    let mut world = world();
    let [(v3, v3_ws), (v3_silent, _)] = [(); 2].map(|()| socket(&mut world, Revision::V3));
    // Two have been pinged, and the pong of one waits in its socket's buffer; a third is yet to be pinged.
    let [(v4, v4_ws), (v4_silent, silent_ws)] = [(); 2].map(|()| socket(&mut world, Revision::V4));
    world.advance(25_100);
    assert_eq!(hear(&mut world, v4, v4_ws), ["2"]);
    assert_eq!(hear(&mut world, v4_silent, silent_ws), ["2"]);
    let (unpinged, unpinged_ws) = socket(&mut world, Revision::V4);

    stall(&mut world, 60_000);
    let end = world.now.after(1_000);
    assert_eq!(world.server.shard.poll_timeout(), Some(end), "the end of the grace");
    say(&mut world, v3, v3_ws, "2");
    assert_eq!(hear(&mut world, v3, v3_ws), ["3"]);
    say(&mut world, v4, v4_ws, "3");
    world.advance(999);
    for session in [v3, v3_silent, v4, v4_silent, unpinged] {
        assert_eq!(world.end_of(session), None);
    }

    world.advance(1);
    for session in [v3_silent, v4_silent] {
        assert_eq!(world.end_of(session), Some(Reason::PingTimeout), "silent after the grace, too");
    }
    assert_eq!(hear(&mut world, unpinged, unpinged_ws)[0], "2", "late, but not too late");
    world.advance(19_999);
    assert_eq!(world.end_of(unpinged), None);
    world.advance(1);
    assert_eq!(world.end_of(unpinged), Some(Reason::PingTimeout));
    for session in [v3, v4] {
        assert_eq!(world.end_of(session), None);
    }
    world.assert_silence_ends_everything();
}

#[test]
fn every_stall_has_its_grace() {
    let mut world = world();
    let (session, ws) = socket(&mut world, Revision::V3);
    for _ in 0..3 {
        stall(&mut world, 60_000);
        assert_eq!(world.end_of(session), None);
    }
    say(&mut world, session, ws, "2");
    world.advance(44_999);
    assert_eq!(world.end_of(session), None);
    world.advance(1);
    assert_eq!(world.end_of(session), Some(Reason::PingTimeout));
}

/// A driver that is busy is no stall, nor is one that nobody has called for long because there was nothing to do.
#[test]
fn who_is_a_little_late_has_not_stood_still() {
    for (late, wanted) in [(1_000, Some(Reason::PingTimeout)), (1_001, None)] {
        let mut world = world();
        let (session, ws) = socket(&mut world, Revision::V3);
        world.end_ws(session, ws, WsEnd::Closed);
        world.now = world.now.after(600_003);
        let (session, _) = socket(&mut world, Revision::V3);
        let deadline = world.now.after(45_000);
        world.advance(44_999);
        let asked = world.server.shard.poll_timeout();
        assert_eq!(asked, Some(deadline));
        stall(&mut world, 1 + late);
        world.advance(0);
        let _ = world.get(session);
        assert_eq!(world.end_of(session), wanted, "{late} ms late");
    }
}

#[test]
fn a_clock_that_steps_back_is_no_stall() {
    let mut world = world();
    let (session, _) = socket(&mut world, Revision::V3);
    let start = world.now;
    world.advance(40_000);
    world.server.handle_timeout(Time::from_millis(1));
    world.advance(5_000);
    assert_eq!((world.now, world.end_of(session)), (start.after(45_000), Some(Reason::PingTimeout)));
}
