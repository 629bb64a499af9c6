//! The limit of the chat room: whoever comes and goes sends no more than somebody who stays, and whoever is refused learns
//! why.

use proptest::prelude::*;
use sanket::chat::{Chat, ChatConfig};
use sanket::driver::{RawMessage, RequestId, WsEnd, WsMessage};
use sanket::{Config, Handshake, Revision};
use sanket_tests::world::{Session, World};
use serde_json::Value;
use std::sync::Arc;

/// Somebody in the room.
struct Person {
    session: Session,
    ws: RequestId,
}

impl Person {
    fn join(world: &mut World<Chat>, address: &str) -> Self {
        let handshake = Arc::new(Handshake::new("/socket.io/", address, 0));
        let (session, ws) = world.open_ws_with(Revision::V4, Some(handshake)).expect("there is room");
        world.send(session, ws, RawMessage::Text("40"));
        let person = Self { session, ws };
        person.hear(world);
        person
    }

    fn hear(&self, world: &mut World<Chat>) -> Vec<String> {
        let messages = world.receive(self.session, self.ws, usize::MAX);
        let text = |message| match message {
            WsMessage::Text(text) => String::from_utf8(text.to_vec()).expect("UTF-8"),
            WsMessage::Binary(data) => panic!("{data:?} in a chat"),
        };
        messages.into_iter().map(text).collect()
    }

    /// The `sys message`s that came.
    fn notices(&self, world: &mut World<Chat>) -> Vec<Value> {
        let heard = self.hear(world);
        let notices = heard.iter().filter_map(|packet| packet.strip_prefix(r#"42["sys message","#)?.strip_suffix(']'));
        notices.map(|notice| serde_json::from_str(notice).expect("JSON")).collect()
    }

    /// Says a text of so many bytes, and gives the answer.
    fn say(&self, world: &mut World<Chat>, bytes: usize) -> Value {
        let text = "x".repeat(bytes.saturating_sub(2).max(1));
        world.send(
            self.session,
            self.ws,
            RawMessage::Text(&format!(r#"421["chat message",{{"description":"{text}"}}]"#)),
        );
        let heard = self.hear(world);
        let answer = heard.iter().find_map(|packet| packet.strip_prefix("431[")?.strip_suffix(']')).expect("an answer");
        serde_json::from_str(answer).expect("JSON")
    }

    /// Says something without wanting an answer.
    fn shout(&self, world: &mut World<Chat>, argument: &str) {
        world.send(self.session, self.ws, RawMessage::Text(&format!(r#"42["chat message",{argument}]"#)));
    }

    fn leave(self, world: &mut World<Chat>) {
        world.end_ws(self.session, self.ws, WsEnd::Closed);
    }
}

fn room(config: ChatConfig) -> World<Chat> {
    // Heartbeats are another matter.
    World::new(Chat::new(config, 7), Config { ping_interval: 1 << 40, ..Config::default() })
}

fn accepted(answer: &Value) -> bool {
    answer["ok"] == true
}

#[derive(Clone, Debug)]
enum Step {
    Say(usize),
    ComeAgain,
    Stay,
    Wait(u64),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (3_usize..400).prop_map(Step::Say),
        3 => Just(Step::ComeAgain),
        1 => Just(Step::Stay),
        2 => (0_u64..300).prop_map(Step::Wait),
    ]
}

fn limits() -> ChatConfig {
    ChatConfig { burst: 5, interval: 100, bytes_per_token: 100, ..ChatConfig::default() }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn the_rate_limit_does_not_reset_with_each_connection(steps in prop::collection::vec(step(), 1..200)) {
        let mut world = room(limits());
        // All these are one client.
        let addresses = ["2001:db8::1", "2001:db8::2:3:4:5", "2001:db8:0:0:ffff::"];
        let mut client = Some(Person::join(&mut world, addresses[0]));
        // When, and for how many tokens.
        let mut sent: Vec<(u64, u64)> = Vec::new();
        for (n, step) in steps.into_iter().enumerate() {
            match (step, client.take()) {
                (Step::Say(bytes), Some(person)) => {
                    if accepted(&person.say(&mut world, bytes)) {
                        sent.push((world.now.as_millis(), bytes.div_ceil(100) as u64));
                    }
                    client = Some(person);
                }
                (Step::ComeAgain, there) => {
                    if let Some(person) = there {
                        person.leave(&mut world);
                    }
                    client = Some(Person::join(&mut world, addresses[n % 3]));
                }
                (Step::Stay, there) => there.into_iter().for_each(|person| person.leave(&mut world)),
                (Step::Wait(millis), there) => {
                    world.advance(millis);
                    client = there;
                }
                (Step::Say(_), None) => {}
            }
        }
        // What somebody may send who stays, in any time: the burst, and one token each interval.
        for first in 0..sent.len() {
            let mut tokens = 0;
            for (at, price) in &sent[first..] {
                tokens += price;
                let allowed = 5 * 100 + (at - sent[first].0);
                prop_assert!(tokens * 100 <= allowed, "{tokens} tokens in {} ms", at - sent[first].0);
            }
        }
    }

    #[test]
    fn whoever_comes_and_goes_is_refused_what_whoever_stays_is(waits in prop::collection::vec(0_u64..200, 1..100)) {
        let mut worlds = [room(limits()), room(limits())];
        let stays = Person::join(&mut worlds[0], "192.0.2.1");
        let mut goes = Person::join(&mut worlds[1], "192.0.2.1");
        for wait in waits {
            let answers = [stays.say(&mut worlds[0], 10), goes.say(&mut worlds[1], 10)];
            prop_assert_eq!(accepted(&answers[0]), accepted(&answers[1]));
            prop_assert_eq!(&answers[0]["retryAfter"], &answers[1]["retryAfter"]);
            goes.leave(&mut worlds[1]);
            worlds.iter_mut().for_each(|world| world.advance(wait));
            goes = Person::join(&mut worlds[1], "::ffff:192.0.2.1");
        }
    }
}

#[test]
fn people_behind_one_address_do_not_pay_for_each_other() {
    let mut world = room(limits());
    let spender = Person::join(&mut world, "192.0.2.1");
    let quiet = Person::join(&mut world, "192.0.2.1");
    while accepted(&spender.say(&mut world, 10)) {}
    assert!(accepted(&quiet.say(&mut world, 10)), "who is there has tokens of its own");
    spender.leave(&mut world);
    let [next, after] = [(); 2].map(|()| Person::join(&mut world, "192.0.2.1"));
    assert!(!accepted(&next.say(&mut world, 10)), "whoever comes next owes it");
    assert!(accepted(&after.say(&mut world, 10)), "whoever comes after that does not");
    let elsewhere = Person::join(&mut world, "192.0.2.2");
    assert!(accepted(&elsewhere.say(&mut world, 10)));
    // Without an address, nobody is held to anything.
    let unknown = Person::join(&mut world, "");
    while accepted(&unknown.say(&mut world, 10)) {}
    unknown.leave(&mut world);
    let unknown = Person::join(&mut world, "");
    assert!(accepted(&unknown.say(&mut world, 10)));
}

#[test]
fn a_texts_size_counts_as_bytes_on_the_wire() {
    let mut world = room(ChatConfig { burst: 5, interval: 100, bytes_per_token: 100, ..ChatConfig::default() });
    let person = Person::join(&mut world, "192.0.2.1");
    for (bytes, tokens) in [(3, 1), (100, 1), (101, 2), (500, 5), (501, 5), (2_000, 5)] {
        world.advance(500);
        assert!(accepted(&person.say(&mut world, bytes)), "{bytes}");
        let answers: Vec<Value> = (tokens..=5).map(|_| person.say(&mut world, 10)).collect();
        let [taken @ .., refused] = &answers[..] else { panic!("there is one") };
        assert!(taken.iter().all(accepted), "{bytes} bytes cost {tokens}, not more");
        assert_eq!(refused["retryAfter"], 100, "{bytes} bytes cost {tokens}, not less");
    }
    // Escapes count as they are written: it is what all get.
    world.advance(500);
    person.shout(&mut world, &format!(r#"{{"description":"{}"}}"#, r"\u0041".repeat(50)));
    assert!(accepted(&person.say(&mut world, 10)));
    assert_eq!(person.say(&mut world, 10)["retryAfter"], 100);
}

#[test]
fn thirty_messages_at_once_are_taken() {
    let mut world = room(ChatConfig::default());
    let person = Person::join(&mut world, "192.0.2.1");
    for n in 0..30 {
        assert!(accepted(&person.say(&mut world, 10)), "{n}");
    }
    let refused = person.say(&mut world, 10);
    assert_eq!((&refused["code"], &refused["retryAfter"]), (&"too_fast".into(), &200.into()));
}

#[test]
fn whoever_is_refused_without_having_asked_is_told_and_nobody_else() {
    let mut world = room(ChatConfig { max_text: 3, burst: 1, ..ChatConfig::default() });
    let person = Person::join(&mut world, "192.0.2.1");
    let witness = Person::join(&mut world, "192.0.2.2");
    world.advance(1_000);
    person.hear(&mut world);
    witness.hear(&mut world);
    for (argument, code, limit, retry_after, words) in [
        ("7", "not_an_object", Value::Null, Value::Null, "消息未发送：格式不正确"),
        ("{}", "no_text", Value::Null, Value::Null, "消息未发送：没有文字"),
        (r#"{"description":" "}"#, "empty", Value::Null, Value::Null, "消息未发送：消息是空的"),
        (r#"{"description":"1234"}"#, "too_long", 3.into(), Value::Null, "消息未发送：太长了，最多 3 个字符"),
        (r#"{"description":"123"}"#, "too_fast", Value::Null, 200.into(), "消息未发送：发得太快了，请 1 秒后再试"),
    ] {
        if code == "too_fast" {
            person.shout(&mut world, argument);
            assert_eq!(person.notices(&mut world), [Value::Null; 0], "it was taken");
        }
        person.shout(&mut world, argument);
        let notices = person.notices(&mut world);
        let [notice] = &notices[..] else { panic!("{notices:?}") };
        assert_eq!((&notice["refused"], &notice["code"]), (&code.into(), &code.into()));
        assert_eq!((&notice["limit"], &notice["retryAfter"]), (&limit, &retry_after));
        assert_eq!(notice["data"], format!("系统消息: {words}"));
        assert!(notice["message"].is_string());
        // As in any other `sys message`.
        assert_eq!((&notice["counts"], &notice["time"]), (&2.into(), &world.now.as_millis().into()));
        for (names, count) in [("joined", "joinedCount"), ("left", "leftCount")] {
            assert_eq!((&notice[names], &notice[count]), (&Value::Array(Vec::new()), &0.into()));
        }
        // It is no amplifier: the next one comes after a second.
        world.advance(999);
        person.shout(&mut world, "7");
        person.shout(&mut world, "7");
        assert_eq!(person.notices(&mut world), [Value::Null; 0]);
        world.advance(1);
    }
    // Whoever has asked is answered, and not told twice.
    assert!(accepted(&person.say(&mut world, 5)));
    assert!(!accepted(&person.say(&mut world, 5)));
    assert_eq!(person.notices(&mut world), [Value::Null; 0]);
    assert_eq!(witness.notices(&mut world), [Value::Null; 0]);
}
