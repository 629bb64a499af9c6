//! Who hears of an event beside its handler, and who comes before it.

use sanket::router::{Error, Router};
use sanket::testing::Bench;
use serde_json::json;

fn app() -> Router<Vec<String>, bool> {
    let mut io = Router::<Vec<String>, bool>::default();
    io.on_error(|io, failure| {
        io.state.push(format!("error of {}: {}", failure.event, failure.error));
        if failure.event == "delete" {
            failure.reply(403);
        }
    });
    io.of("/")
        .on_any(|cx, event| cx.state.push(format!("any {}", event.name())))
        .middleware(|cx, event| {
            if event.name() == "delete" && !*cx.data {
                return Err(Error::new("not allowed"));
            }
            Ok(())
        })
        .on_any_outgoing(|io, outgoing| {
            io.state.push(format!("out {} {:?} {}", outgoing.name, outgoing.rooms, outgoing.args_json));
        })
        .on("become root", |cx, ()| *cx.data = true)
        .on("delete", |cx, ()| {
            cx.io().to("all").emit("deleted", (1, "x"));
        })
        .on_other(|cx, event| {
            cx.state.push(format!("other {}", event.name()));
            "what?"
        });
    io.of("/org-{org}").on("where", |cx, ()| cx.param("org").to_string());
    io.of_matching(|name| name.starts_with("/any")).on("where", |cx, ()| cx.nsp().to_string());
    io
}

#[test]
fn middleware_stops_an_event_and_acknowledges_it() {
    let bench = Bench::new(app());
    let ann = bench.connect("/", ());
    assert_eq!(ann.emit_with_ack("delete", ()).expect(), json!([403]));
    let log = bench.app(|app| std::mem::take(app.state_mut()));
    assert_eq!(log, ["any delete", "error of delete: not allowed"]);
    ann.emit("become root", ());
    assert_eq!(ann.emit_with_ack("delete", ()).expect(), json!([]));
}

#[test]
fn all_events_are_heard_those_without_a_handler_and_those_that_are_sent() {
    let bench = Bench::new(app());
    let ann = bench.connect("/", ());
    assert_eq!(ann.emit_with_ack("fly", ()).expect(), json!(["what?"]));
    ann.emit("become root", ());
    ann.emit("delete", ());
    let log = bench.app(|app| std::mem::take(app.state_mut()));
    let expected = ["any fly", "other fly", "any become root", "any delete", r#"out deleted ["all"] 1,"x""#];
    assert_eq!(log, expected);
}

#[test]
fn namespaces_have_forms_and_predicates() {
    let bench = Bench::new(app());
    let asked = |nsp: &str| bench.connect(nsp, ()).emit_with_ack("where", ()).expect();
    assert_eq!(asked("/org-tea"), json!(["tea"]));
    assert_eq!(asked("/anything"), json!(["/anything"]));
    assert_eq!(bench.connect("/org-", ()).refusal().unwrap().message, "Invalid namespace");
}
