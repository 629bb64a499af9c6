//! What comes back with a session.

use sanket::router::Router;
use sanket::testing::Bench;
use sanket::{Config, Recovery};
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::time::Duration;

#[derive(Debug, Default, Serialize, Deserialize)]
struct Visits {
    count: u32,
    name: String,
}

fn app() -> Router<Vec<String>, Visits> {
    let mut io = Router::<Vec<String>, Visits>::default();
    io.of("/")
        .on_connect(|cx| {
            cx.state.push(format!("{} connected, {}", cx.data.name, if cx.recovered() { "again" } else { "new" }));
        })
        .on("name", |cx, name: String| {
            cx.data.name = name;
            cx.data.count += 1;
            cx.join("named")?;
            cx.to("named").emit("named", &cx.data.name);
            Ok(cx.data.count)
        })
        .on_disconnect(|cx, reason| cx.state.push(format!("{} left: {reason}", cx.data.name)));
    io
}

fn bench(app: Router<Vec<String>, Visits>) -> Bench<Router<Vec<String>, Visits>> {
    Bench::with_config(app, Config { recovery: Some(Recovery::default()), ..Config::default() })
}

#[test]
fn data_comes_back_after_a_cut_and_from_behind_a_black_hole() {
    let bench = bench(app());
    let (ann, bob) = (bench.connect("/", ()), bench.connect("/", ()));
    ann.emit("name", "Ann");
    ann.cut();
    bob.emit("name", "Bob");
    ann.reconnect();
    assert!(ann.recovered());
    assert_eq!(ann.heard("named"), [json!(["Bob"])], "what it missed in its room");
    assert_eq!(ann.emit_with_ack("name", "Anna").expect(), json!([2]));
    bench.advance(Duration::from_secs(2));
    ann.vanish();
    ann.reconnect();
    assert!(ann.recovered());
    assert_eq!(ann.emit_with_ack("name", "Annika").expect(), json!([3]));
    let log = bench.app(|app| std::mem::take(app.state_mut()));
    assert_eq!(
        log,
        [
            " connected, new",
            " connected, new",
            "Ann left: transport error",
            "Ann connected, again",
            "Anna left: transport close",
            "Anna connected, again"
        ]
    );
}

#[test]
fn an_application_that_asks_to_hear_of_it_hears_nothing_else() {
    let mut app = app();
    app.of("/").on_recover(|cx, previous| {
        cx.state.push(format!("{} is back, {}", cx.data.name, previous.connected));
    });
    let bench = bench(app);
    let ann = bench.connect("/", ());
    ann.emit("name", "Ann");
    ann.vanish();
    ann.reconnect();
    bench.advance(Duration::from_secs(2));
    ann.cut();
    ann.reconnect();
    let log = bench.app(|app| std::mem::take(app.state_mut()));
    assert_eq!(log, [" connected, new", "Ann is back, true", "Ann left: transport error", "Ann is back, false"]);
}

#[test]
fn tasks_go_with_the_connection_that_was_taken_over() {
    let mut app = app();
    app.of("/").on_recover(|_, _| {}).on_async("wait", |_, ()| std::future::pending::<()>());
    let bench = bench(app);
    let ann = bench.connect("/", ());
    ann.emit("wait", ());
    ann.emit("name", "Ann");
    assert_eq!(bench.tasks(), 1);
    ann.vanish();
    ann.reconnect();
    assert!(ann.recovered());
    assert_eq!(bench.tasks(), 0);
    assert_eq!(ann.emit_with_ack("name", "Anna").expect(), json!([1]), "the other event waited for the task");
}
