//! Handlers that wait.

use sanket::router::{Error, ErrorKind, Handle, Router};
use sanket::testing::{Bench, Clock};
use sanket::{Config, ConnectError};
use serde::Deserialize;
use serde_json::json;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

#[derive(Debug, Default)]
struct State {
    log: Vec<String>,
}

#[derive(Deserialize)]
struct Auth {
    name: String,
    #[serde(default)]
    pause: u64,
}

const fn seconds(n: u64) -> Duration {
    Duration::from_secs(n)
}

/// The clock is the bench's, which is made of the router.
fn app(clock: &Arc<OnceLock<Clock>>) -> Router<State, String> {
    let mut io = Router::new(State::default());
    let sleep = {
        let clock = clock.clone();
        move |seconds: u64| clock.get().expect("set").sleep(Duration::from_secs(seconds))
    };
    let [admits, searches, mixes] = [sleep.clone(), sleep.clone(), sleep];
    io.of("/")
        .authorize_async(move |cx, Auth { name, pause }: Auth| {
            let sleep = admits(pause);
            async move {
                sleep.await;
                if name == "Eve" {
                    return Err(ConnectError::new("not you"));
                }
                let who = name.clone();
                cx.state(move |state| state.log.push(format!("{who} may come"))).await.expect("there is a server");
                Ok(name)
            }
        })
        .on("log", |cx, text: String| {
            cx.state.log.push(text);
            cx.state.log.len()
        })
        .on_async("search", move |cx, (what, pause): (String, u64)| {
            let sleep = searches(pause);
            async move {
                sleep.await;
                let log = what.clone();
                cx.state(move |state| state.log.push(format!("found {log}"))).await?;
                cx.emit("found", what)?;
                Ok(pause)
            }
        })
        .on_async_unordered("mix", move |cx, pause: u64| {
            let sleep = mixes(pause);
            async move {
                sleep.await;
                cx.with(move |cx| cx.state.log.push(format!("{} mixed {pause}", cx.data))).await?;
                Ok(pause)
            }
        })
        .on_async("ask me", |cx, patience: u64| async move {
            let answer: Result<(String, u8), Error> = cx.ask("question", (1, "?"), Some(seconds(patience))).await;
            match answer {
                Ok(answer) => Ok(answer),
                Err(error) if error.kind() == ErrorKind::NoAnswer => Err(Error::new("silence")),
                Err(error) => Err(error),
            }
        })
        .on_disconnect(|cx, _| cx.state.log.push(format!("{} left", cx.data)));
    io
}

fn bench(config: Config) -> Bench<Router<State, String>> {
    let clock = Arc::default();
    let bench = Bench::with_config(app(&clock), config);
    assert!(clock.set(bench.clock()).is_ok());
    bench
}

fn log(bench: &Bench<Router<State, String>>) -> Vec<String> {
    bench.app(|app| std::mem::take(&mut app.state_mut().log))
}

#[test]
fn admission_may_take_its_time() {
    let bench = bench(Config::default());
    let ann = bench.connect("/", json!({ "name": "Ann", "pause": 3 }));
    let eve = bench.connect("/", json!({ "name": "Eve", "pause": 1 }));
    let bob = bench.connect("/", json!({ "name": "Bob" }));
    assert!(!ann.is_connected() && bob.is_connected());
    bench.advance(seconds(2));
    assert_eq!(eve.refusal().map(|refusal| refusal.message).as_deref(), Some("not you"));
    assert!(!ann.is_connected());
    bench.advance(seconds(1));
    assert!(ann.is_connected());
    assert_eq!(log(&bench), ["Bob may come", "Ann may come"]);
    assert_eq!(bench.tasks(), 0);
}

#[test]
fn nothing_is_left_of_those_who_do_not_wait() {
    let config = Config { connect_timeout: 45_000, ..Config::default() };
    let bench = bench(config);
    for _ in 0..200 {
        bench.connect("/", json!({ "name": "Ann", "pause": 30 })).close();
    }
    assert_eq!(bench.tasks(), 0, "their tasks are dropped");
    let late = bench.connect("/", json!({ "name": "Ann", "pause": 60 }));
    bench.advance(seconds(46));
    assert!(!late.is_connected());
    assert_eq!(bench.tasks(), 0);
    assert!(log(&bench).is_empty());
}

#[test]
fn events_of_one_client_keep_their_order() {
    let bench = bench(Config::default());
    let ann = bench.connect("/", json!({ "name": "Ann" }));
    let bob = bench.connect("/", json!({ "name": "Bob" }));
    log(&bench);
    let first = ann.emit_with_ack("search", ("a", 2));
    let second = ann.emit_with_ack("log", "b");
    let third = ann.emit_with_ack("search", ("c", 1));
    let mixed = ann.emit_with_ack("mix", 1);
    assert_eq!(bob.emit_with_ack("log", "other").expect(), json!([1]), "others do not wait");
    bench.advance(seconds(1));
    assert_eq!(mixed.expect(), json!([1]));
    assert!(first.get().is_none() && second.get().is_none());
    bench.advance(seconds(1));
    assert_eq!(first.expect(), json!([2]));
    assert_eq!(second.expect(), json!([4]));
    assert!(third.get().is_none());
    bench.advance(seconds(1));
    assert_eq!(third.expect(), json!([1]));
    assert_eq!(log(&bench), ["other", "Ann mixed 1", "found a", "b", "found c"]);
    assert_eq!(ann.heard("found"), [json!(["a"]), json!(["c"])]);
}

#[test]
fn tasks_of_a_socket_go_with_it() {
    let bench = bench(Config::default());
    let ann = bench.connect("/", json!({ "name": "Ann" }));
    log(&bench);
    ann.emit("search", ("a", 5));
    ann.emit("mix", 5);
    ann.emit("log", "b");
    assert_eq!(bench.tasks(), 2);
    ann.leave();
    assert_eq!(bench.tasks(), 0);
    bench.advance(seconds(10));
    assert_eq!(log(&bench), ["Ann left"]);
}

#[test]
fn questions_are_awaited() {
    let bench = bench(Config::default());
    let ann = bench.connect("/", json!({ "name": "Ann" }));
    let answer = ann.emit_with_ack("ask me", 5);
    let question = ann.asked("question").pop().expect("a question");
    assert_eq!(question.args, json!([1, "?"]));
    question.answer(("yes", 7));
    assert_eq!(answer.expect(), json!(["yes", 7]));
    let answer = ann.emit_with_ack("ask me", 5);
    bench.advance(seconds(6));
    assert_eq!(answer.expect(), json!([{ "error": "silence" }]));
    let answer = ann.emit_with_ack("ask me", 5);
    ann.asked("question").pop().expect("a question").answer(7);
    assert_eq!(answer.expect()[0]["error"], "invalid arguments");
}

#[test]
fn what_waits_is_bounded() {
    let bench = bench(Config::default());
    let ann = bench.connect("/", json!({ "name": "Ann" }));
    ann.emit("search", ("a", 1));
    let answers: Vec<_> = (0..65).map(|n| ann.emit_with_ack("log", n.to_string())).collect();
    assert_eq!(answers[64].expect(), json!([{ "error": "busy" }]));
    let mixed: Vec<_> = (0..17).map(|_| ann.emit_with_ack("mix", 1)).collect();
    assert_eq!(mixed[16].expect(), json!([{ "error": "busy" }]));
    bench.advance(seconds(1));
    assert!(answers[..64].iter().all(|answer| answer.get().is_some()));
    assert!(mixed[..16].iter().all(|answer| answer.get().is_some()));
    bench.app(|app| app.task_limits().max_tasks = 0);
    assert_eq!(ann.emit_with_ack("mix", 1).expect(), json!([{ "error": "busy" }]));
    let refusal = bench.connect("/", json!({ "name": "Bob" })).refusal();
    assert_eq!(refusal.map(|refusal| refusal.message).as_deref(), Some("busy"));
}

#[test]
fn a_handle_works_before_the_server_and_after_it() {
    let app = Router::<State, String>::new(State::default());
    let handle: Handle<State, String> = app.handle();
    handle.post(|io| io.state.log.push("before".into())).expect("there is a router");
    let bench = Bench::new(app);
    assert_eq!(log(&bench), ["before"]);
    let ann = bench.connect("/", ());
    std::thread::scope(|threads| threads.spawn(|| handle.emit("news", ("from", "a thread"))).join())
        .expect("no panic")
        .expect("there is a router");
    bench.settle();
    assert_eq!(ann.heard("news"), [json!(["from", "a thread"])]);
    let (sender, receiver) = std::sync::mpsc::channel();
    let asks = handle.clone();
    bench.spawn(async move {
        let length = asks.state(|state| state.log.len()).await;
        sender.send(length.expect("there is a router")).expect("somebody listens");
    });
    assert_eq!(receiver.recv(), Ok(0));
    drop((ann, bench));
    assert_eq!(handle.emit("news", ()).map_err(|error| error.kind()), Err(ErrorKind::Gone));
}
