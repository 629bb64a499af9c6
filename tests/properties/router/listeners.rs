//! Whoever listens to more than one event, and what happens without a client.

use sanket::router::{Emitter, Error, ErrorKind, Router};
use sanket::testing::{Bench, Client};
use serde_json::{Value, json};
use std::time::Duration;

type App = Router<Vec<String>>;

fn log(bench: &Bench<App>) -> Vec<String> {
    bench.app(|app| std::mem::take(app.state_mut()))
}

fn connect(bench: &Bench<App>, nsp: &str) -> Client {
    bench.connect(nsp, ())
}

#[test]
fn middleware_stands_before_handlers_and_listeners_before_both() {
    let mut io = App::default();
    io.of("/")
        .on_any(|cx, event| cx.state.push(format!("any {}", event.name())))
        .middleware(|cx, event| {
            cx.state.push(format!("first {}", event.name()));
            if event.name() == "forbidden" { Err(Error::reply(("no", 403))) } else { Ok(()) }
        })
        .middleware(|cx, event| {
            cx.state.push(format!("second {}", event.name()));
            Ok(())
        })
        .on("hello", |cx, ()| cx.state.push("handler".into()))
        .on_other(|cx, event| {
            cx.state.push(format!("other {}", event.args_json()));
            "other"
        });
    let bench = Bench::new(io);
    let ann = connect(&bench, "/");
    ann.emit("hello", ());
    assert_eq!(log(&bench), ["any hello", "first hello", "second hello", "handler"]);
    assert_eq!(ann.emit_with_ack("forbidden", ()).expect(), json!(["no", 403]));
    assert_eq!(log(&bench), ["any forbidden", "first forbidden"]);
    assert_eq!(ann.emit_with_ack("more", (1, "a")).expect(), json!(["other"]));
    assert_eq!(log(&bench), ["any more", "first more", "second more", "other 1,\"a\""]);
}

#[test]
fn what_is_sent_is_told_once_and_after_the_handler() {
    let mut io = App::default();
    io.of("/")
        .on_any_outgoing(|io, out| {
            io.state.push(format!("{} {} {:?} {}", out.name, out.args_json, out.rooms, out.socket.is_some()));
            // What a listener sends itself is not told, or it would never end.
            io.emit("echo", ());
        })
        .on("go", |cx, ()| {
            cx.emit("one", 1);
            cx.io().to("a").to("b").emit("two", (2, "x"));
            cx.state.push("handled".into());
        });
    let bench = Bench::new(io);
    let ann = connect(&bench, "/");
    ann.emit("go", ());
    assert_eq!(log(&bench), ["handled", "one 1 [] true", "two 2,\"x\" [\"a\", \"b\"] false"]);
    assert_eq!(ann.heard("echo").len(), 2);
}

#[test]
fn namespaces_have_names_forms_and_predicates() {
    let mut io = App::default();
    io.of("/room-{number}").on_connect(|cx| cx.state.push(format!("form {}", cx.param("number"))));
    io.of_matching(|name| name.len() > 9).on_connect(|cx| cx.state.push(format!("predicate {}", cx.nsp())));
    io.of("room-7").on_connect(|cx| cx.state.push(format!("name {:?}", cx.param("number"))));
    // The same again.
    io.of("/room-{number}").on("where", |cx, ()| cx.param("number").to_owned());
    let bench = Bench::new(io);
    let eight = connect(&bench, "/room-8");
    for nsp in ["/room-7", "/room-123456", "/roomy-room"] {
        connect(&bench, nsp);
    }
    assert_eq!(log(&bench), ["form 8", "name \"\"", "form 123456", "predicate /roomy-room"]);
    assert_eq!(eight.emit_with_ack("where", ()).expect(), json!(["8"]));
    assert!(connect(&bench, "/x").refusal().is_some());
}

#[test]
fn every_error_ends_in_one_place() {
    let mut io = App::default();
    io.on_error(|io, failure| {
        let kind = failure.error.kind();
        io.state.push(format!("{} {kind:?}", failure.event));
        if kind == ErrorKind::Arguments {
            failure.reply(json!({ "error": "invalid payload" }));
        }
    });
    io.every(Duration::from_secs(60), |io| io.fail(Error::new("tick")));
    io.of("/")
        .on_connect(|_| Err::<(), _>(Error::new("no lobby")))
        .on("number", |_, n: u8| n)
        .on("wrong", |_, ()| Ok("x".parse::<u8>()?))
        .on("join", |cx, room: String| cx.join(room))
        .on_disconnect(|_, _| Err::<(), _>(Error::new("late")));
    let bench = Bench::new(io);
    let ann = connect(&bench, "/");
    assert_eq!(log(&bench), ["connect Handler"]);
    let answer = |name: &str, arguments: Value| ann.emit_with_ack(name, arguments).expect();
    assert_eq!(answer("number", json!("x")), json!([{ "error": "invalid payload" }]));
    assert_eq!(answer("wrong", json!(1)), json!([{ "error": "internal error" }]));
    assert_eq!(answer("join", json!("x".repeat(2_000))), json!([{ "error": "the room's name is too long" }]));
    assert_eq!(answer("join", json!("x")), json!([true]));
    ann.emit("number", "no ack");
    assert_eq!(log(&bench), ["number Arguments", "wrong Internal", "join Join", "number Arguments"]);
    bench.advance(Duration::from_secs(60));
    ann.leave();
    assert_eq!(log(&bench), ["timer Handler", "disconnect Handler"]);
}

#[test]
fn timers_begin_with_the_server() {
    let mut io = App::default();
    io.every(Duration::from_secs(10), |io| {
        io.emit("tick", io.state.len());
        io.state.push("ticked".into());
    });
    io.of("/").on("remind", |cx, seconds: u64| {
        let socket = cx.socket();
        cx.after(Duration::from_secs(seconds), move |io| io.to(socket).emit("reminder", ()));
    });
    let bench = Bench::new(io);
    let ann = connect(&bench, "/");
    ann.emit("remind", 25);
    bench.advance(Duration::from_millis(9_999));
    assert!(ann.heard("tick").is_empty());
    bench.advance(Duration::from_millis(20_001));
    let heard: Vec<Value> = ann.heard_all().iter().map(|event| event[0].clone()).collect();
    assert_eq!(heard, ["tick", "tick", "reminder", "tick"]);
}

#[test]
fn what_is_for_a_socket_that_has_gone_is_for_nobody() {
    let mut io = App::default();
    io.of("/").on("join", |cx, room: String| cx.join(room)).on("later", |cx, ()| {
        let me = cx.socket();
        cx.after(Duration::from_secs(1), move |io| {
            io.to(me).emit("secret", 1);
            io.to(me).to("b").emit("open", 1);
        });
    });
    let bench = Bench::new(io);
    let [ann, bob, eve] = ["a", "b", ""].map(|room| {
        let client = connect(&bench, "/");
        client.emit("join", room);
        client
    });
    ann.emit("later", ());
    ann.leave();
    bench.advance(Duration::from_secs(2));
    assert_eq!(bob.heard_all(), [json!(["open", 1])]);
    assert!(eve.heard_all().is_empty(), "a room without a name is not everybody");
}

#[test]
fn emits_have_options() {
    let mut io = App::default();
    io.of("/")
        .on("join", |cx, room: String| cx.join(room))
        .on("send", |cx, (rooms, except): (Vec<String>, Vec<String>)| {
            let all = rooms.iter().fold(cx.io(), Emitter::to);
            except.iter().fold(all, Emitter::except).compress(false).emit("sent", ());
        })
        .on("others", |cx, room: String| cx.except(&room).emit("sent", ()))
        .on("move", |cx, (from, to): (String, String)| {
            let failed = cx.io().to(&from).sockets_join(&to);
            cx.io().to(&from).sockets_leave(&from);
            (failed == 0, cx.io().to(&to).fetch_sockets().len()).0
        })
        .on("end", |cx, room: String| cx.io().to(room).disconnect_sockets(false));
    let bench = Bench::new(io);
    let all: Vec<Client> = (0..4).map(|_| connect(&bench, "/")).collect();
    for (client, room) in [(0, "a"), (1, "a"), (1, "b"), (2, "b")] {
        all[client].emit("join", room);
    }
    let heard = || all.iter().map(|client| client.heard("sent").len()).collect::<Vec<_>>();
    all[3].emit("send", (json!(["a", "b"]), json!([])));
    assert_eq!(heard(), [1, 1, 1, 0], "a union");
    all[3].emit("send", (json!(["a"]), json!(["b"])));
    assert_eq!(heard(), [1, 0, 0, 0]);
    all[3].emit("send", (json!([]), json!(["b", all[3].id()])));
    assert_eq!(heard(), [1, 0, 0, 0]);
    all[0].emit("others", "b");
    assert_eq!(heard(), [0, 0, 0, 1]);
    assert_eq!(all[3].emit_with_ack("move", ("a", "c")).expect(), json!([true]));
    all[3].emit("send", (json!(["c"]), json!([])));
    assert_eq!(heard(), [1, 1, 0, 0]);
    all[3].emit("end", "c");
    let ended: Vec<bool> = all.iter().map(|client| client.disconnected().is_some()).collect();
    assert_eq!(ended, [true, true, false, false]);
}
