//! What clients write and read, byte for byte: EIO=4 and EIO=3, polling and WebSocket.

use super::app::{Echo, told};
use bytes::Bytes;
use sanket::driver::Transport;
use sanket::router::Binary;
use sanket::testing::{Bench, Client, args};
use serde_json::json;

fn bench() -> Bench<Echo> {
    Bench::new(Echo::default())
}

fn data() -> Binary {
    Binary(Bytes::from_static(&[1, 2, 255]))
}

/// The lines, with `SID` in place of ids of 22 characters.
fn wire(client: &Client) -> Vec<String> {
    let hidden = |line: String| match line.split_once(r#""sid":""#) {
        Some((before, after)) => format!(r#"{before}"sid":"SID{}"#, &after[22..]),
        None => line,
    };
    client.wire().into_iter().map(hidden).collect()
}

const OPEN: &str = r#"0{"sid":"SID","upgrades":[],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}"#;
const OPEN_POLLING: &str =
    r#"0{"sid":"SID","upgrades":["websocket"],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}"#;

#[test]
fn eio4_by_websocket() {
    let bench = bench();
    let ann = bench.connect("/chat", json!({ "token": 1 }));
    let open = format!("< {OPEN}");
    assert_eq!(
        wire(&ann),
        [
            "> GET /socket.io/?EIO=4&transport=websocket",
            &open,
            r#"> 40/chat,{"token":1}"#,
            r#"< 40/chat,{"sid":"SID"}"#,
        ]
    );
    let root = ann.join("/", ());
    assert_eq!(wire(&ann), ["> 40", r#"< 40{"sid":"SID"}"#]);
    root.emit("say", ("a", 1, json!({ "b": [true] }), None::<bool>));
    assert_eq!(wire(&ann), [r#"> 42["say","a",1,{"b":[true]},null]"#]);
    let answers = [(); 2].map(|()| ann.emit_with_ack("echo", ()));
    assert_eq!(
        wire(&ann),
        [
            r#"> 42/chat,0["echo"]"#,
            r#"< 42/chat,["echo"]"#,
            "< 43/chat,0[]",
            r#"> 42/chat,1["echo"]"#,
            r#"< 42/chat,["echo"]"#,
            "< 43/chat,1[]"
        ]
    );
    assert_eq!(answers.map(|answer| answer.expect()), [json!([]), json!([])]);
    root.emit("echo", ("x", data()));
    let told = r#"["echo","x",{"_placeholder":true,"num":0}]"#;
    assert_eq!(
        wire(&ann),
        [&format!("> 451-{told}"), r#"> b"\x01\x02\xff""#, &format!("< 451-{told}"), r#"< b"\x01\x02\xff""#]
    );
    root.emit("ask", ());
    root.asked("ask").remove(0).answer(data());
    assert_eq!(
        wire(&ann)[3..],
        [r#"> 461-0[{"_placeholder":true,"num":0}]"#.to_owned(), r#"> b"\x01\x02\xff""#.to_owned()]
    );
    root.leave();
    assert_eq!(wire(&ann), ["> 41"]);
    ann.emit("out", ());
    assert_eq!(wire(&ann), [r#"> 42/chat,["out"]"#, "< 41/chat,"]);
    assert_eq!(ann.transport(), None, "without a namespace there is no connection");
}

#[test]
fn eio4_by_polling() {
    let bench = bench();
    let ann = bench.client().polling().query("a=b").connect("/chat", json!({ "token": 1 }));
    let (open, taken) = (format!("< 200 {OPEN_POLLING}"), "< 200 ok");
    assert_eq!(
        wire(&ann),
        [
            "> GET /socket.io/?EIO=4&transport=polling&a=b",
            &open,
            r#"> POST 40/chat,{"token":1}"#,
            taken,
            r#"< 200 40/chat,{"sid":"SID"}"#
        ]
    );
    ann.emit("echo", (data(), "é"));
    let told = "[\"echo\",{\"_placeholder\":true,\"num\":0},\"é\"]\x1ebAQL/";
    assert_eq!(wire(&ann), [&format!("> POST 451-/chat,{told}"), taken, &format!("< 200 451-/chat,{told}")]);
    assert_eq!(ann.expect("echo"), args((data(), "é")));
    ann.close();
    assert_eq!(wire(&ann), ["> POST 1"]);
    assert_eq!(told_last(&bench), "disconnect: transport close");
}

fn told_last(bench: &Bench<Echo>) -> String {
    told(bench).pop().expect("it was told something")
}

#[test]
fn eio3_by_websocket() {
    let bench = bench();
    let ann = bench.client().eio3().connect("/chat", json!({ "token": "a b", "n": 1 }));
    let open = format!("< {OPEN}");
    assert_eq!(
        wire(&ann),
        ["> GET /socket.io/?EIO=3&transport=websocket", &open, "< 40", "> 40/chat?n=1&token=a+b,", "< 40/chat,"]
    );
    assert_eq!(
        told(&bench),
        [
            "admit / {}",
            "connect / from 127.0.0.1 3",
            r#"admit /chat {"n":"1","token":"a b"}"#,
            "connect /chat from 127.0.0.1 3"
        ]
    );
    assert!(ann.id().starts_with("/chat#"));
    let found = bench.apply(|_, fx| fx.find(&sanket::Nsp::new("/chat"), &ann.id()));
    assert!(found.is_some(), "the client works its id out as the server does");
    let root = ann.join("/", ());
    assert!(root.is_connected(), "a client of this revision is in / without asking");
    root.emit("echo", data());
    let told = r#"["echo",{"_placeholder":true,"num":0}]"#;
    assert_eq!(
        wire(&ann),
        [&format!("> 451-{told}"), r#"> b"\x04\x01\x02\xff""#, &format!("< 451-{told}"), r#"< b"\x04\x01\x02\xff""#]
    );
    assert_eq!(root.expect("echo"), args(data()));
    ann.leave();
    assert_eq!(wire(&ann), ["> 41/chat,"]);
    assert!(root.is_connected());
}

#[test]
fn eio3_by_polling() {
    let bench = bench();
    let ann = bench.client().eio3().polling().connect("/", ());
    let length = OPEN_POLLING.len() - 3 + 22;
    let open = format!("< 200 {length}:{OPEN_POLLING}2:40");
    assert_eq!(wire(&ann), ["> GET /socket.io/?EIO=3&transport=polling", &open]);
    // Lengths are in UTF-16 units.
    ann.emit("echo", "é😀");
    assert_eq!(wire(&ann), [r#"> POST 16:42["echo","é😀"]"#, "< 200 ok", r#"< 200 16:42["echo","é😀"]"#]);
    ann.emit("echo", data());
    // Of UTF-8 bytes in the binary form, and one byte for each digit.
    let told = r#"451-[\"echo\",{\"_placeholder\":true,\"num\":0}]"#;
    let body = format!(r#"b"\0\x04\x02\xff{told}\x01\x04\xff\x04\x01\x02\xff""#);
    assert_eq!(wire(&ann), [&format!("> POST {body}"), "< 200 ok", &format!("< 200 {body}")]);
    ann.heard("echo");

    let old = bench.client().eio3().base64().connect("/", ());
    assert_eq!(wire(&old)[0], "> GET /socket.io/?EIO=3&transport=polling&b64=1");
    old.emit("echo", data());
    let body = r#"42:451-["echo",{"_placeholder":true,"num":0}]6:b4AQL/"#;
    assert_eq!(wire(&old), [&format!("> POST {body}"), "< 200 ok", &format!("< 200 {body}")]);
    assert_eq!(old.expect("echo"), args(data()));
}

#[test]
fn upgrades_go_through_a_probe() {
    for eio3 in [false, true] {
        let bench = bench();
        let connector = if eio3 { bench.client().eio3() } else { bench.client() };
        let ann = connector.polling().connect("/", ());
        assert_eq!(ann.transport(), Some(Transport::Polling));
        wire(&ann);
        ann.upgrade();
        let noop = if eio3 { "< 200 1:6" } else { "< 200 6" };
        let mut lines = wire(&ann);
        assert_eq!((lines.remove(0), lines.pop()), ("> 2probe".into(), Some("> 5".into())));
        // On two connections, in either order.
        lines.sort();
        assert_eq!(lines, [noop, "< 3probe"]);
        ann.emit("echo", 1);
        assert_eq!(wire(&ann), [r#"> 42["echo",1]"#, r#"< 42["echo",1]"#]);
        assert_eq!(ann.transport(), Some(Transport::WebSocket));
    }
}

#[test]
fn pings_go_the_way_of_the_revision() {
    let bench = bench();
    let new = bench.connect("/", ());
    let old = bench.client().eio3().connect("/", ());
    let polling = bench.client().polling().connect("/", ());
    for client in [&new, &old, &polling] {
        client.wire();
    }
    bench.advance(std::time::Duration::from_millis(25_000));
    assert_eq!(wire(&new), ["< 2", "> 3"]);
    assert_eq!(wire(&old), ["> 2", "< 3"]);
    assert_eq!(wire(&polling), ["< 200 2", "> POST 3", "< 200 ok"]);
    bench.advance(std::time::Duration::from_secs(3_600));
    assert!([new, old, polling].iter().all(Client::is_connected));
}

#[test]
fn the_same_calls_give_the_same_lines() {
    let run = || {
        let bench = bench();
        let clients = [bench.connect("/", ()), bench.client().polling().connect("/", ())];
        bench.advance(std::time::Duration::from_secs(100));
        clients[0].emit("all", "x");
        clients.map(|client| client.wire())
    };
    assert_eq!(run(), run());
}
