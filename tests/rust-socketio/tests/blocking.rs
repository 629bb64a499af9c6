//! What applications see through rust_socketio's blocking client, which has transports of its own, on each of its four ways.

use bytes::Bytes;
use rust_socketio::client::Client;
use rust_socketio::{ClientBuilder, Event, Payload, TransportType};
use sanket_rust_socketio::{PATIENCE, Server};
use serde_json::{Value, json};
use std::sync::mpsc;

fn soon<T: Send + 'static>(what: &str, work: impl FnOnce() -> T + Send + 'static) -> T {
    let (say, heard) = mpsc::channel();
    std::thread::spawn(move || say.send(work()));
    heard.recv_timeout(PATIENCE).unwrap_or_else(|_| panic!("waited in vain for {what}"))
}

type Heard = mpsc::Receiver<(Event, Payload)>;

fn join(builder: ClientBuilder) -> (Client, Heard) {
    let (say, heard) = mpsc::channel();
    let on = |builder: ClientBuilder, event: Event| {
        let say = say.clone();
        builder.on(event.clone(), move |payload, _| drop(say.send((event.clone(), payload))))
    };
    let builder = [Event::Connect, Event::Close, Event::Error].into_iter().fold(builder, on);
    let any = say.clone();
    let builder = builder.on_any(move |event, payload, _| drop(any.send((event, payload))));
    let client = soon("the connection", move || builder.reconnect(false).connect().expect("a connection"));
    next(&heard, Event::Connect);
    (client, heard)
}

fn next(heard: &Heard, event: Event) -> Payload {
    let (name, payload) = heard.recv_timeout(PATIENCE).unwrap_or_else(|_| panic!("waited in vain for {event}"));
    assert_eq!(name, event, "{payload:?}");
    payload
}

fn text(args: &[Value]) -> Payload {
    Payload::Text(args.to_vec())
}

fn talk(way: TransportType) {
    let server = Server::start("sio");
    let auth = json!({ "token": ["ü"] });
    let (client, heard) = join(ClientBuilder::new(&*server.url).transport_type(way.clone()).auth(auth.clone()));
    assert_eq!(next(&heard, "auth".into()), text(&[auth]));
    let args = [json!(1), json!("zwei"), json!({ "drei": [null] })];
    client.emit("message", args.to_vec()).expect("it is sent");
    assert_eq!(next(&heard, "message-back".into()), text(&args));
    client.emit("message", vec![0_u8, 255]).expect("it is sent");
    assert_eq!(next(&heard, "message-back".into()), Payload::Binary(Bytes::from_static(&[0, 255])));
    let (say, acked) = mpsc::channel();
    let ack = move |payload, _| drop(say.send(payload));
    client.emit_with_ack("message-with-ack", args.to_vec(), PATIENCE, ack).expect("it is sent");
    assert_eq!(acked.recv_timeout(PATIENCE), Ok(text(&[json!(args)])));

    let builder = ClientBuilder::new(&*server.url).transport_type(way).namespace("/custom");
    let (custom, heard) = join(builder);
    assert_eq!(next(&heard, "auth".into()), text(&[json!({})]));
    custom.emit("message", json!("in custom")).expect("it is sent");
    assert_eq!(next(&heard, "message-back".into()), text(&[json!("in custom")]));
    // No client leaves: the thread of one that has left never rests again.
    server.stop();
}

fn put_out(way: TransportType) {
    let server = Server::start("rooms");
    let (client, heard) = join(ClientBuilder::new(&*server.url).transport_type(way).namespace("/dynamic-1"));
    client.emit("out", json!(false)).expect("it is sent");
    next(&heard, Event::Close);
    server.stop();
}

#[test]
fn polling() {
    talk(TransportType::Polling);
    put_out(TransportType::Polling);
}

#[test]
fn websocket() {
    talk(TransportType::Websocket);
    put_out(TransportType::Websocket);
}

#[test]
fn websocket_upgrade() {
    talk(TransportType::WebsocketUpgrade);
    put_out(TransportType::WebsocketUpgrade);
}

#[test]
fn any() {
    talk(TransportType::Any);
    put_out(TransportType::Any);
}
