//! The state machines with generated schedules: clients of both revisions send anything in any order, and the
//! guarantees of the core hold. `world.rs` and `script.rs` check them.

use proptest::collection::vec;
use proptest::prelude::*;
use sanket::driver::{
    Delivery, Input, Key, NewSession, Opening, RawMessage, RequestId, Shard, Sid, SocketEvent, WsEnd, decode_message,
};
use sanket::{Config, Revision, Time};
use sanket_tests::fuzz;
use sanket_tests::script::{self, Script};
use std::sync::Arc;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn any_schedule(bytes in vec(any::<u8>(), 0..600)) {
        script::play(&bytes);
    }

    #[test]
    fn any_session(bytes in vec(any::<u8>(), 0..600)) {
        fuzz::session(&bytes);
    }

    #[test]
    fn any_client(bytes in vec(any::<u8>(), 0..600)) {
        fuzz::client(&bytes);
    }

    #[test]
    fn any_hub(bytes in vec(any::<u8>(), 0..600)) {
        fuzz::hub(&bytes);
    }

    #[test]
    fn any_chat(bytes in vec(any::<u8>(), 0..300)) {
        fuzz::chat(&bytes);
    }

    /// Rule 5: any number of inputs may come between two drains.
    #[test]
    fn outputs_are_the_same_for_every_drain_schedule(bytes in vec(any::<u8>(), 0..300), drains in vec(any::<bool>(), 300)) {
        let mut drains = drains.into_iter();
        let always = trace(&bytes, || true);
        prop_assert_eq!(&always, &trace(&bytes, || false));
        prop_assert_eq!(&always, &trace(&bytes, || drains.next().unwrap_or_default()));
    }
}

/// What a shard puts out for a script of inputs, as text.
fn trace(bytes: &[u8], mut drain: impl FnMut() -> bool) -> (Vec<String>, Vec<String>) {
    let config = Arc::new(script::tight());
    let mut shard = Shard::new(0, config.clone());
    let mut script = Script::new(bytes);
    let (mut outputs, mut events) = (Vec::new(), Vec::new());
    let mut now = Time::from_millis(0);
    let mut keys: Vec<Key> = Vec::new();
    let mut number = 0;
    while !script.is_over() {
        number += 1;
        let id = RequestId(number);
        let which = script.below(8);
        let key = keys.get(script.below(4)).copied();
        match (which, key) {
            (0, _) | (_, None) => keys.extend(open(&mut shard, number, script.below(4), now)),
            (1, Some(key)) => shard.handle(key, Input::Poll(id), now),
            (2, Some(key)) => shard.handle(key, Input::WsOpen(id), now),
            (3, Some(key)) => {
                let text = ["40", "42[\"a\"]", "2probe", "5", "3", "1"][script.below(6)];
                let ws = RequestId(number - 1 - script.below(3) as u64 % number);
                let packet = decode_message(Revision::V4, RawMessage::Text(text), &config);
                shard.handle(key, Input::WsMessage(ws, packet), now);
            }
            (4, Some(key)) => {
                let ended = RequestId(number.saturating_sub(script.below(5) as u64));
                shard.handle(key, Input::WsEnd(ended, WsEnd::Closed), now);
            }
            (5, Some(key)) => shard.handle(key, Input::RequestGone(RequestId(number - 1)), now),
            (6, Some(key)) => shard.handle(key, Input::Shutdown, now),
            _ => {
                now = now.after(u64::from(script.byte()));
                shard.handle_timeout(now);
            }
        }
        if drain() {
            collect(&mut shard, &mut outputs, &mut events);
        }
    }
    collect(&mut shard, &mut outputs, &mut events);
    (outputs, events)
}

fn open(shard: &mut Shard, number: u64, how: usize, now: Time) -> Option<Key> {
    let sid = Sid::from_bytes(u128::from(number).to_le_bytes());
    let revision = if how & 1 == 0 { Revision::V3 } else { Revision::V4 };
    let opening = if how & 2 == 0 { Opening::Polling { base64: false } } else { Opening::WebSocket(RequestId(number)) };
    let new = NewSession { sid, public: sid, private: sid, revision, opening, handshake: None };
    shard.open(new, now).ok()
}

fn collect(shard: &mut Shard, outputs: &mut Vec<String>, events: &mut Vec<String>) {
    outputs.extend(std::iter::from_fn(|| shard.poll_output()).map(|output| format!("{output:?}")));
    events.extend(std::iter::from_fn(|| shard.poll_event()).map(|event| format!("{event:?}")));
}

/// The hub would not mind an answer that came twice; whoever has events without a hub would.
#[test]
fn what_a_client_says_once_is_handed_up_once() {
    let config = Arc::new(Config::default());
    let mut shard = Shard::new(0, config.clone());
    let (now, ws) = (Time::from_millis(0), RequestId(3));
    let key = open(&mut shard, ws.0, 3, now).expect("there is room");
    let say = |shard: &mut Shard, message| {
        shard.handle(key, Input::WsMessage(ws, decode_message(Revision::V4, message, &config)), now);
        std::iter::from_fn(|| shard.poll_event()).collect::<Vec<_>>()
    };
    let knock = say(&mut shard, RawMessage::Text("40"));
    let [(socket, SocketEvent::Connect(_))] = knock[..] else { panic!("{knock:?}") };
    shard.deliver(&[socket], Delivery::Accept(None), now);
    for (event, data) in [("42[\"a\"]", None), ("430[1]", None), ("451-[\"a\"]", Some("x")), ("461-0[1]", Some("x"))] {
        let mut events = say(&mut shard, RawMessage::Text(event));
        if let Some(data) = data {
            assert!(events.is_empty(), "{event} is not whole yet: {events:?}");
            events = say(&mut shard, RawMessage::Binary(data.as_bytes()));
        }
        let answers = event.starts_with("43") || event.starts_with("46");
        match &events[..] {
            [(_, SocketEvent::Event(_))] if !answers => {}
            [(_, SocketEvent::Ack { id: 0, .. })] if answers => {}
            other => panic!("{event}: {other:?}"),
        }
    }
    assert!(say(&mut shard, RawMessage::Text("43[1]")).is_empty(), "an answer to nothing");
}

#[test]
fn clients_are_not_to_be_read_from_while_the_hub_is_behind() {
    let config = Arc::new(Config { max_backlog: 10_000, ..Config::default() });
    let mut shard = Shard::new(0, config.clone());
    let (now, ws) = (Time::from_millis(0), RequestId(3));
    let key = open(&mut shard, ws.0, 2, now).expect("there is room");
    let (socket, _) = shard.poll_event().expect("it knocks");
    shard.deliver(&[socket], Delivery::Accept(None), now);
    let event = format!("42[\"{}\"]", "x".repeat(1_000));
    for _ in 0..3 {
        let mut said = 0;
        while !shard.is_backlogged() {
            let message = decode_message(Revision::V3, RawMessage::Text(&event), &config);
            shard.handle(key, Input::WsMessage(ws, message), now);
            said += 1;
        }
        assert!((5..=10).contains(&said), "{said} events are behind");
        assert!(shard.poll_event().is_some() && !shard.is_backlogged(), "one less is not too much");
        while shard.poll_event().is_some() {}
        assert!(!shard.has_events());
    }
}

/// The default limits leave room for the default everything else.
#[test]
fn the_default_config_is_coherent() {
    let config = Config::default();
    assert!(config.max_queue >= config.max_attached + config.max_payload);
    assert!(config.max_attached >= config.max_payload);
    assert!(config.max_incomplete >= 2 * (config.max_attached + config.max_payload), "one session may have half");
    assert!(config.connect_timeout > config.upgrade_timeout);
}
