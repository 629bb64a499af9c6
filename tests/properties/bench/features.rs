//! Namespaces, events, acks, refusals, disconnects.

use super::app::{Echo, tell, told};
use bytes::Bytes;
use sanket::chat::{Chat, ChatConfig};
use sanket::driver::RequestError;
use sanket::router::Binary;
use sanket::testing::{Args, Bench, Refusal, args};
use sanket::{Config, Reason};
use serde_json::json;
use std::time::Duration;

fn bench() -> Bench<Echo> {
    Bench::new(Echo::default())
}

#[test]
fn events_are_heard_in_order_and_once() {
    let bench = bench();
    for client in [bench.client(), bench.client().polling(), bench.client().eio3(), bench.client().eio3().polling()] {
        let client = client.connect("/a", ());
        for n in 0..3 {
            tell(&bench, "/a", "even", 2 * n);
            tell(&bench, "/a", "odd", 2 * n + 1);
        }
        assert_eq!(client.heard("odd"), [json!([1]), json!([3]), json!([5])]);
        assert!(client.heard("odd").is_empty());
        assert_eq!(client.heard_all(), [json!(["even", 0]), json!(["even", 2]), json!(["even", 4])]);
        assert!(client.heard_all().is_empty());
    }
}

#[test]
fn namespaces_are_apart() {
    let bench = bench();
    for client in [bench.client(), bench.client().polling(), bench.client().eio3()] {
        let a = client.connect("/a", ());
        let b = a.join("/b", ());
        assert_ne!(a.id(), b.id());
        tell(&bench, "/b", "told", 1);
        assert!(a.heard_all().is_empty());
        assert_eq!(b.expect("told"), json!([1]));
        let answers = [a.emit_with_ack("echo", "a"), b.emit_with_ack("echo", "b")];
        assert_eq!(answers.map(|answer| answer.expect()), [json!(["a"]), json!(["b"])]);
        b.leave();
        assert!(a.is_connected() && !b.is_connected());
        let again = b.join("/b", ());
        assert!(b.is_connected(), "the two are the same");
        again.emit("echo", ());
        assert_eq!(b.heard("echo").len(), 2);
        a.close();
    }
}

#[test]
fn refusals_have_message_and_data() {
    let bench = bench();
    let refusal = |message: &str, data| Some(Refusal { message: message.into(), data });
    let ann = bench.connect("/", ());
    assert_eq!(ann.refusal(), None);
    assert_eq!(ann.join("/no", ()).refusal(), refusal("not you", Some(json!([1, 2]))));
    assert_eq!(ann.join("/closed", ()).refusal(), refusal("closed", None));
    assert_eq!(ann.join("/none", ()).refusal(), refusal("Invalid namespace", None));
    let old = bench.client().eio3().connect("/no", ());
    assert_eq!(old.refusal(), refusal("", Some(json!([1, 2]))));
    assert_eq!(old.join("/closed", ()).refusal(), refusal("closed", None));
    assert_eq!(old.join("/none", ()).refusal(), refusal("Invalid namespace", None));
    assert!(ann.is_connected() && !old.is_connected());
}

#[test]
fn connections_are_refused_by_the_limits() {
    let config = Config { max_sessions: 1, eio3: false, polling: false, ..Config::default() };
    let bench = Bench::with_config(Echo::default(), config);
    let refused = |client: sanket::testing::Connector| client.try_connect("/", ()).err();
    assert_eq!(refused(bench.client().eio3()), Some(RequestError::UnsupportedRevision));
    assert_eq!(refused(bench.client().polling()), Some(RequestError::UnknownTransport));
    assert_eq!(refused(bench.client()), None);
    assert_eq!(refused(bench.client()), Some(RequestError::Full));
}

#[test]
fn a_client_waits_for_the_application_to_decide() {
    let bench = bench();
    let ann = bench.connect("/", ());
    let later = ann.join("/later", ());
    assert!(!later.is_connected() && later.refusal().is_none());
    // It is sent when there is an answer.
    later.emit("echo", 1);
    bench.advance(Duration::from_secs(44));
    assert!(later.heard_all().is_empty());
    ann.emit("admit", ());
    assert!(later.is_connected());
    assert_eq!(later.expect("echo"), json!([1]));

    let late = bench.connect("/", ()).join("/later", ());
    bench.advance(Duration::from_secs(45));
    assert_eq!(late.refusal().map(|refusal| refusal.message), Some("Timed out".into()));
}

#[test]
fn acks_of_the_server_are_answered_or_not() {
    for polling in [false, true] {
        let bench = bench();
        let ann = if polling { bench.client().polling() } else { bench.client() }.connect("/", ());
        ann.emit("ask", ());
        ann.emit("ask", ());
        let mut questions = ann.asked("ask");
        assert_eq!(questions.len(), 2);
        let question = questions.remove(0);
        assert_eq!(question.args, args((1, Binary(Bytes::from_static(b"?")))));
        told(&bench);
        question.answer(("yes", Binary(Bytes::from_static(b"!"))));
        assert_eq!(told(&bench), [r#"ack ["yes",{"_placeholder":true,"num":0}] [b"!"]"#, "0 missing"]);
        drop(questions);
        bench.advance(Duration::from_millis(4_999));
        assert!(told(&bench).is_empty());
        bench.advance(Duration::from_millis(1));
        assert_eq!(told(&bench), ["1 missing"]);
        ann.emit("ask", ());
        assert_eq!(ann.heard("ask").len(), 1, "it is an event as others are");
        assert!(ann.asked("ask").is_empty());
    }
}

#[test]
fn acks_bring_binary_and_some_never_come() {
    let bench = bench();
    let ann = bench.connect("/", ());
    let given = Args::new(
        vec![json!({ "files": [{ "_placeholder": true, "num": 0 }] }), json!({ "_placeholder": true, "num": 1 })],
        vec![Bytes::from_static(b"\0"), Bytes::from_static(b"")],
    );
    let answer = ann.emit_with_ack("echo", given.clone());
    assert_eq!(answer.get(), Some(given.clone()));
    assert_eq!(answer.expect(), given);
    assert_ne!(answer.expect(), json!(given.values()), "placeholders alone are not the same");
    assert_eq!(ann.emit_with_ack("nothing", ()).get(), None);
}

#[test]
fn disconnects_tell_both_sides_why() {
    let bench = bench();
    let end = |act: &dyn Fn(&sanket::testing::Client)| {
        let ann = bench.connect("/", ());
        told(&bench);
        act(&ann);
        assert!(!ann.is_connected());
        (ann.disconnected().expect("it is disconnected"), told(&bench).pop().expect("the application is told"))
    };
    let client = |reason: &str| format!("disconnect: {reason}");
    assert_eq!(end(&|ann| ann.leave()), ("io client disconnect", client("client namespace disconnect")));
    assert_eq!(end(&|ann| ann.close()), ("transport close", client("transport close")));
    assert_eq!(end(&|ann| ann.cut()), ("transport error", client("transport error")));
    assert_eq!(end(&|ann| ann.emit("out", ())), ("io server disconnect", client("server namespace disconnect")));
    assert_eq!(end(&|ann| ann.emit("close", ())), ("io server disconnect", client("server namespace disconnect")));
    assert_eq!(end(&|ann| ann.write("4nonsense")), ("transport close", client("forced close")));
    assert_eq!(end(&|ann| ann.write("nonsense")), ("transport close", client("parse error")));
    assert_eq!(end(&|ann| ann.emit("big", "x".repeat(1_000_000))), ("transport close", client("transport error")));
    let shut = end(&|_| bench.shutdown());
    assert_eq!(shut, ("transport close", client("server shutting down")));
    assert_eq!(bench.client().try_connect("/", ()).err(), Some(RequestError::Forbidden));
}

#[test]
fn the_chat_room_is_used_on_the_bench() {
    let bench = Bench::new(Chat::new(ChatConfig { burst: 1, ..ChatConfig::default() }, 7));
    let ann = bench.connect("/", ());
    let bob = bench.client().eio3().polling().address("192.0.2.7").connect("/", ());
    let name = ann.expect("initUser")[0]["name"].clone();
    assert_eq!(bench.app(|chat| chat.count()), 2);
    let answer = ann.emit_with_ack("chat message", json!({ "description": "hi" }));
    assert_eq!(answer.expect()[0]["ok"], true);
    let message = bob.expect("message from server")[0].clone();
    assert_eq!((&message["nickName"], &message["description"]), (&name, &json!("hi")));
    assert_eq!(message["time"], bench.now().as_millis());
    let answer = ann.emit_with_ack("chat message", json!({ "description": "again" }));
    assert_eq!(answer.expect()[0]["code"], "too_fast");
    bench.advance(Duration::from_millis(200));
    assert_eq!(ann.emit_with_ack("chat message", json!({ "description": "again" })).expect()[0]["ok"], true);
    bob.heard_all();
    ann.cut();
    bench.advance(Duration::from_millis(100));
    assert_eq!(bob.expect("sys message")[0]["left"], json!([name]));
    assert_eq!(bench.app(|chat| chat.count()), 1);
    assert_eq!(ann.session_end(), Some(Reason::TransportError));
}

#[test]
#[should_panic(
    expected = r#"expected client 1 in /no to be connected when it emits "say", but it is Refused(Refusal { message: "not you""#
)]
fn whoever_is_refused_emits_nothing() {
    bench().connect("/no", ()).emit("say", ());
}

#[test]
#[should_panic(expected = r#"expected client 1 in / to hear "x" once, but it has heard ["\"echo\" [1]"]"#)]
fn what_was_not_heard_is_told_with_what_was() {
    let bench = bench();
    let ann = bench.connect("/", ());
    ann.emit("echo", 1);
    ann.expect("x");
}

#[test]
#[should_panic(
    expected = r#"expected an ack of "x" of client 1 in / by now, but none has come; the client is Connected"#
)]
fn an_ack_that_is_missed_is_told() {
    let bench = bench();
    let ann = bench.connect("/", ());
    let _ = ann.emit_with_ack("x", ()).expect();
}
