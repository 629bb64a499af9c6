//! Handlers, and what they return.

use sanket::router::{Binary, Cx, Error, Router};
use sanket::testing::{Bench, args};
use sanket::{ConnectError, Reason};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::BTreeMap;

use std::time::Duration;

#[derive(Debug, Default)]
struct State {
    last: u64,
    gone: Vec<(String, String)>,
}

#[derive(Debug, Default, Serialize, Deserialize)]
struct User {
    name: String,
    said: u32,
}

#[derive(Deserialize)]
struct Auth {
    name: Option<String>,
}

#[derive(Serialize)]
struct Said {
    id: u64,
}

#[derive(Deserialize)]
struct Upload {
    name: String,
    parts: Vec<Binary>,
}

type App = Router<State, User>;

fn whisper(cx: &mut Cx<'_, State, User>, (to, text): (String, String)) -> Result<(), Error> {
    let to = cx.sockets().find(cx.nsp().as_str(), &to).ok_or_else(|| Error::new("nobody"))?;
    cx.io().to(to).emit("whispered", (&cx.data.name, text));
    Ok(())
}

fn app() -> App {
    let mut io = App::default();
    io.of("/chat")
        .authorize(|cx, auth: Auth| {
            cx.state.last += 1;
            let name = auth.name.ok_or_else(|| ConnectError::new("who are you?"))?;
            Ok(User { name, said: 0 })
        })
        .on_connect(|cx| {
            cx.broadcast().emit("joined", &cx.data.name);
            cx.join("lobby")
        })
        .on("say", |cx, (text, urgent): (String, Option<bool>)| {
            cx.data.said += 1;
            cx.to("lobby").emit("said", (&cx.data.name, text, urgent.unwrap_or_default()));
            cx.state.last += 1;
            Ok(Said { id: cx.state.last })
        })
        .on("how many", |cx, ()| cx.data.said)
        .on("nothing", |_, ()| {})
        .on("whisper", whisper)
        .on("upload", |cx, upload: Upload| {
            let parts = upload.parts.iter().rev().collect::<Vec<_>>();
            cx.io().emit("uploaded", (upload.name, &parts));
            Ok((upload.parts.len(), parts[0].clone()))
        })
        .on("later", |cx, millis: u64| {
            let ack = cx.take_ack();
            cx.after(Duration::from_millis(millis), |io| {
                if let Some(ack) = ack {
                    io.ack(ack, ("late", io.now().as_millis() > 0));
                }
            });
            7
        })
        .on("unwritable", |cx, ()| {
            cx.emit("never", BTreeMap::from([((1, 2), 3)]));
            Ok("fine")
        })
        .on("fails", |_, ()| Ok("1 apple".parse::<u8>()?))
        .on("poll", |cx, question: String| {
            let asker = cx.socket();
            cx.broadcast().timeout(Duration::from_secs(1)).emit_with_ack("vote", question, move |io, votes| {
                let missing = votes.missing.len();
                let yes = votes.ok().filter(|vote: &bool| *vote).count();
                io.of("/chat").to(asker).emit("result", (yes, missing));
            });
        })
        .on_disconnect(|cx, reason: Reason| {
            cx.broadcast().emit("left", &cx.data.name);
            cx.state.gone.push((cx.data.name.clone(), reason.to_string()));
        });
    io
}

#[test]
fn events_have_typed_arguments_and_acks() {
    let bench = Bench::new(app());
    let ann = bench.connect("/chat", json!({ "name": "Ann" }));
    let bob = bench.connect("/chat", json!({ "name": "Bob" }));
    assert_eq!(ann.heard("joined"), [json!(["Bob"])]);

    assert_eq!(ann.emit_with_ack("say", "hi").expect(), json!([{ "id": 3 }]));
    ann.emit("say", ("now", true, "and more"));
    assert_eq!(bob.heard("said"), [json!(["Ann", "hi", false]), json!(["Ann", "now", true])]);
    assert!(ann.heard("said").is_empty(), "`to` leaves out the sender");
    assert_eq!(ann.emit_with_ack("how many", ()).expect(), json!([2]));
    assert_eq!(ann.emit_with_ack("how many", (1, 2)).expect(), json!([2]));
    assert_eq!(ann.emit_with_ack("nothing", ()).expect(), json!([]));
    assert!(ann.emit_with_ack("unknown", ()).get().is_none());

    let wrong = ann.emit_with_ack("say", 5).expect();
    let message = "invalid type: integer `5`, expected a string at line 1 column 8";
    assert_eq!(wrong, json!([{ "error": "invalid arguments", "message": message }]));
    let missing = ann.emit_with_ack("say", ()).expect();
    assert_eq!(
        missing,
        json!([{ "error": "invalid arguments", "message": "argument 1 is missing at line 1 column 7" }])
    );

    ann.emit("whisper", (bob.id(), "psst"));
    assert_eq!(bob.heard("whispered"), [json!(["Ann", "psst"])]);
    assert_eq!(ann.emit_with_ack("whisper", ("x", "psst")).expect(), json!([{ "error": "nobody" }]));

    bob.leave();
    assert_eq!(ann.heard("left"), [json!(["Bob"])]);
    let gone = bench.app(|app| std::mem::take(&mut app.state_mut().gone));
    assert_eq!(gone, [("Bob".into(), "client namespace disconnect".into())]);
}

#[test]
fn who_is_not_authorized_is_refused() {
    let bench = Bench::new(app());
    let refusal = |auth: Value| bench.connect("/chat", auth).refusal().map(|refusal| (refusal.message, refusal.data));
    assert_eq!(refusal(json!({})), Some(("who are you?".into(), None)));
    let (message, data) = refusal(json!({ "name": 1 })).unwrap();
    assert_eq!(message, "invalid credentials");
    assert!(data.unwrap().as_str().unwrap().starts_with("invalid type: integer `1`"));
    assert_eq!(bench.connect("/other", ()).refusal().unwrap().message, "Invalid namespace");
    assert!(bench.connect("/", ()).is_connected());
}

#[derive(Serialize)]
struct File<'a> {
    name: &'a str,
    parts: &'a [Binary],
}

#[test]
fn bytes_go_both_ways() {
    let bench = Bench::new(app());
    let ann = bench.connect("/chat", json!({ "name": "Ann" }));
    let [one, two] = ["one", "two"].map(Binary::from);
    let ack = ann.emit_with_ack("upload", File { name: "a", parts: &[one.clone(), two.clone()] }).expect();
    assert_eq!(ack, args((2, &two)));
    assert_eq!(ann.expect("uploaded"), args(("a", [&two, &one])));
    // A text is no bytes.
    let wrong = ann.emit_with_ack("upload", json!({ "name": "a", "parts": ["one"] })).expect();
    assert_eq!(wrong[0]["error"], "invalid arguments");
}
