//! The chat room with people in it: whatever they send, its counts are right, and it acknowledges what it is asked to.

use crate::script::{Script, tight};
use crate::world::{Session, World};
use sanket::chat::{Chat, ChatConfig};
use sanket::driver::{RawMessage, RequestId, WsEnd, WsMessage};
use sanket::{Config, Revision};

/// What is said, and what is not.
const SAYINGS: [&str; 10] = [
    r#"{"description":"hello"}"#,
    r#"{"description":""}"#,
    r#"{"description":" \n\u00a0\ud800"}"#,
    r#"{"description":"\u00e9\ud83d\ude00 \\ \" \t"}"#,
    r#"{"description":"12345678901234567890"}"#,
    r#"{"description":7}"#,
    r#"{"_placeholder":true,"num":0}"#,
    "7",
    "[]",
    "",
];

/// Somebody, and how many answers it has asked for and got.
struct Person {
    session: Session,
    ws: RequestId,
    asked: u64,
    answered: u64,
    joined: bool,
}

/// People come, speak, are silent, and go.
pub fn chat(data: &[u8]) {
    let mut script = Script::new(data);
    let chat = ChatConfig { max_text: 16, burst: 2, interval: 100, tick: 40, ..ChatConfig::default() };
    let config = Config { max_payload: 1_000, max_queue: 20_000, max_sessions: 20, max_unjoined: 20, ..tight() };
    let mut world = World::new(Chat::new(chat, 7), config);
    let mut people: Vec<Person> = Vec::new();
    while !script.is_over() {
        let what = script.below(12);
        if what < 2 || people.is_empty() {
            let revision = if script.below(2) == 0 { Revision::V4 } else { Revision::V3 };
            if let Ok((session, ws)) = world.open_ws(revision) {
                let joined = revision == Revision::V3;
                people.push(Person { session, ws, asked: 0, answered: 0, joined });
            }
            continue;
        }
        let index = script.below(people.len());
        let person = &mut people[index];
        match what {
            2 => person.say(&mut world, "40"),
            3..=6 => {
                let saying = match script.below(SAYINGS.len() + 4) {
                    n if n < SAYINGS.len() => SAYINGS[n].into(),
                    _ => {
                        let n = script.below(24);
                        let text = String::from_utf8_lossy(script.bytes(n)).into_owned();
                        format!("{{\"description\":\"{text}\"}}")
                    }
                };
                let comma = if saying.is_empty() { "" } else { "," };
                person.speak(&mut world, &format!("[\"chat message\"{comma}{saying}]"), script.below(2) == 0);
            }
            7 => person.say(&mut world, "41"),
            8 => person.say(&mut world, if person.session.revision == Revision::V4 { "3" } else { "2" }),
            9 => {
                world.end_ws(person.session, person.ws, WsEnd::Closed);
                people.swap_remove(index);
            }
            _ => world.advance(u64::from(script.byte()) * 2),
        }
        for person in &mut people {
            person.listen(&mut world);
        }
        let count = world.server.hub.app().count();
        assert_eq!(count, world.server.hub.len());
    }
    for person in &mut people {
        person.listen(&mut world);
        assert!(person.asked == person.answered || !world.is_open(person.ws), "an answer is missing");
    }
    world.assert_silence_ends_everything();
    assert_eq!(world.server.hub.app().count(), 0);
}

impl Person {
    fn say(&mut self, world: &mut World<Chat>, packet: &str) {
        self.joined |= packet == "40";
        world.send(self.session, self.ws, RawMessage::Text(packet));
    }

    fn speak(&mut self, world: &mut World<Chat>, args: &str, wants_answer: bool) {
        let id = if wants_answer { self.asked.to_string() } else { String::new() };
        let text = format!("42{id}{args}");
        self.say(world, &text);
        // What was no packet has ended the connection; so has an event before CONNECT.
        self.asked += u64::from(wants_answer && world.is_open(self.ws) && self.joined);
    }

    /// Reads what has come: answers in order, and messages under a name.
    fn listen(&mut self, world: &mut World<Chat>) {
        for message in world.receive(self.session, self.ws, usize::MAX) {
            let WsMessage::Text(text) = message else { panic!("{message:?} in a chat") };
            let text = std::str::from_utf8(&text).expect("text is UTF-8");
            if let Some(answer) = text.strip_prefix("43") {
                assert!(
                    answer.starts_with(&format!("{}[{{\"ok\":", self.answered)),
                    "{answer} is not for {}",
                    self.answered
                );
                self.answered += 1;
            }
            assert!(
                !text.contains("\"refused\":") || text.starts_with("42[\"sys message\",{\"data\":\"系统消息: "),
                "{text}"
            );
            assert!(!text.starts_with("42[\"message") || text.contains("\"nickName\":\""), "{text}");
        }
    }
}
