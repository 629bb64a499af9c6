//! What applications see through rust_socketio's asynchronous client, on each of its four ways of transport.
//!
//! Where it is too simple for the protocol, so are these tests: it gives applications the first attachment only; takes an event
//! without arguments for a `message`; sends attachments with an ack asked for as if they were an ack themselves; never acks; and
//! takes every piece of a poll's answer for a whole one, and every 0x1e in a binary message for a separator.

use bytes::Bytes;
use rust_socketio::asynchronous::{Client, ClientBuilder, ReconnectSettings};
use rust_socketio::{Event, Payload, TransportType};
use sanket_rust_socketio::{PATIENCE, Server};
use serde_json::{Value, json};
use std::future::Future;
use tokio::sync::mpsc;
use tokio::time::timeout;

/// A client that keeps what it hears.
struct Peer {
    client: Client,
    heard: mpsc::UnboundedReceiver<(Event, Payload)>,
}

async fn soon<T>(what: &str, work: impl Future<Output = T>) -> T {
    timeout(PATIENCE, work).await.unwrap_or_else(|_| panic!("waited in vain for {what}"))
}

fn builder(url: &str, way: TransportType) -> ClientBuilder {
    ClientBuilder::new(url).transport_type(way).reconnect(false).reconnect_delay(10, 50)
}

impl Peer {
    /// A client that is connecting.
    async fn new(builder: ClientBuilder) -> Self {
        let (say, heard) = mpsc::unbounded_channel();
        let on = |builder: ClientBuilder, event: Event| {
            let say = say.clone();
            builder.on(event.clone(), move |payload, _| {
                let _ = say.send((event.clone(), payload));
                Box::pin(async {})
            })
        };
        let builder = [Event::Connect, Event::Close, Event::Error].into_iter().fold(builder, on);
        let builder = builder.on_any(move |event, payload, _| {
            let _ = say.send((event, payload));
            Box::pin(async {})
        });
        let client = soon("the connection", builder.connect()).await.expect("a connection");
        Self { client, heard }
    }

    async fn join(url: &str, way: TransportType, namespace: &str) -> Self {
        let mut peer = Self::new(builder(url, way).namespace(namespace)).await;
        peer.next(Event::Connect).await;
        peer
    }

    /// The next thing heard, which must be that event.
    async fn next(&mut self, event: Event) -> Payload {
        let (name, payload) = soon(event.as_str(), self.heard.recv()).await.expect("the client is there");
        assert_eq!(name, event, "{payload:?}");
        payload
    }

    /// The arguments of the next thing heard, which must be that event.
    async fn args(&mut self, event: &str) -> Vec<Value> {
        match self.next(event.into()).await {
            Payload::Text(args) => args,
            other => panic!("{other:?} is not text"),
        }
    }

    async fn emit(&self, event: &str, payload: impl Into<Payload>) {
        soon("all to be sent", self.client.emit(event, payload)).await.expect("it is sent");
    }

    /// The arguments of the ack.
    async fn call(&self, event: &str, args: Vec<Value>) -> Value {
        let (say, mut heard) = mpsc::unbounded_channel();
        let ack = self.client.emit_with_ack(event, args, PATIENCE, move |payload, _| {
            let _ = say.send(payload);
            Box::pin(async {})
        });
        soon("all to be sent", ack).await.expect("it is sent");
        match soon("the ack", heard.recv()).await {
            Some(Payload::Text(mut args)) if args.len() == 1 => args.remove(0),
            other => panic!("{other:?} is no ack"),
        }
    }
}

/// The same tests for each way.
macro_rules! on_each_way {
    ($($test:ident)*) => {
        $(mod $test {
            use rust_socketio::TransportType;

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn polling() {
                super::talk::$test(TransportType::Polling).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn websocket() {
                super::talk::$test(TransportType::Websocket).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn websocket_upgrade() {
                super::talk::$test(TransportType::WebsocketUpgrade).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn any() {
                super::talk::$test(TransportType::Any).await;
            }
        })*
    };
}

on_each_way! {
    connects_with_auth
    events_come_back
    binary_comes_back
    acks
    namespaces
    a_namespace_that_does_not_exist
    refused_with_data
    put_out_of_the_namespace
    put_out_with_the_connection
    comes_back_after_having_been_put_out
    leaves
    the_server_ends
}

mod talk {
    use super::*;

    pub(crate) async fn connects_with_auth(way: TransportType) {
        let server = Server::start("sio");
        let auth = json!({ "token": "123", "deep": { "list": [1, null, "ü"] } });
        let mut peer = Peer::new(builder(&server.url, way.clone()).auth(auth.clone())).await;
        peer.next(Event::Connect).await;
        assert_eq!(peer.args("auth").await, [auth]);
        let mut peer = Peer::join(&server.url, way, "/").await;
        assert_eq!(peer.args("auth").await, [json!({})]);
        server.stop();
    }

    pub(crate) async fn events_come_back(way: TransportType) {
        let server = Server::start("sio");
        let mut peer = Peer::join(&server.url, way, "/").await;
        peer.args("auth").await;
        let shapes = [
            json!(null),
            json!(true),
            json!(-1.5),
            json!(9_007_199_254_740_991_u64),
            json!(""),
            json!("\"\\/\u{8}\u{c}\n\r\t\u{0}\u{1e}\u{2028} Ä 二 😀"),
            json!([]),
            json!({}),
            json!([[], {}, null, [1, [2, [3]]]]),
            json!({ "": { "a": [{ "b": null }] } }),
            json!({ "_placeholder": true, "num": 0 }),
        ];
        for shape in shapes.clone() {
            peer.emit("message", shape.clone()).await;
            assert_eq!(peer.args("message-back").await, [shape]);
        }
        peer.emit("message", shapes.to_vec()).await;
        assert_eq!(peer.args("message-back").await, shapes);
        // In the order in which they were said.
        for number in 0..50 {
            peer.emit("message", json!(number)).await;
        }
        for number in 0..50 {
            assert_eq!(peer.args("message-back").await, [json!(number)]);
        }
        server.stop();
    }

    pub(crate) async fn binary_comes_back(way: TransportType) {
        let server = Server::start("sio");
        let mut peer = Peer::join(&server.url, way.clone(), "/").await;
        peer.args("auth").await;
        let whole = (0..=u8::MAX).filter(|byte| *byte != 0x1e).collect();
        let large = if matches!(way, TransportType::Polling) { 1_000 } else { 200_000 };
        for data in [vec![0], whole, vec![b'b'; large]] {
            peer.emit("message", data.clone()).await;
            assert_eq!(peer.next("message-back".into()).await, Payload::Binary(Bytes::from(data)));
        }
        // What this client takes for an event with an ack asked for is an ack that nobody asked for, and no harm.
        let nothing = peer.client.emit_with_ack("message-with-ack", vec![1_u8, 2], PATIENCE, |_, _| Box::pin(async {}));
        soon("all to be sent", nothing).await.expect("it is sent");
        assert_eq!(peer.call("message-with-ack", vec![json!("as before")]).await, json!(["as before"]));
        server.stop();
    }

    pub(crate) async fn acks(way: TransportType) {
        let server = Server::start("sio");
        let mut peer = Peer::join(&server.url, way, "/").await;
        peer.args("auth").await;
        for args in [vec![], vec![json!({ "a": [null] })], vec![json!(1), json!("zwei"), json!([3])]] {
            assert_eq!(peer.call("message-with-ack", args.clone()).await, json!(args));
        }
        // This client never acks, but it hears what was to be acked.
        peer.emit("emit-with-ack", json!("to be acked")).await;
        assert_eq!(peer.args("emit-with-ack").await, [json!("to be acked")]);
        server.stop();
    }

    pub(crate) async fn namespaces(way: TransportType) {
        let server = Server::start("sio");
        let auth = json!({ "for": "custom" });
        let mut peer = Peer::new(builder(&server.url, way.clone()).namespace("/custom").auth(auth.clone())).await;
        peer.next(Event::Connect).await;
        assert_eq!(peer.args("auth").await, [auth]);
        peer.emit("message", json!("in custom")).await;
        assert_eq!(peer.args("message-back").await, [json!("in custom")]);
        peer.emit("message", vec![1_u8, 2]).await;
        assert_eq!(peer.next("message-back".into()).await, Payload::Binary(Bytes::from_static(&[1, 2])));
        let peer = Peer::join(&server.url, way, "/echo").await;
        assert_eq!(peer.call("echo", vec![json!("e")]).await, json!(["e"]));
        server.stop();
    }

    pub(crate) async fn a_namespace_that_does_not_exist(way: TransportType) {
        let server = Server::start("sio");
        let mut peer = Peer::new(builder(&server.url, way).namespace("/nowhere")).await;
        assert_eq!(refusal(&mut peer).await, json!({ "message": "Invalid namespace" }));
        server.stop();
    }

    pub(crate) async fn refused_with_data(way: TransportType) {
        let server = Server::start("rooms");
        let data = json!({ "why": ["not", null] });
        let auth = json!({ "refuse": true, "data": data });
        let mut peer = Peer::new(builder(&server.url, way).namespace("/dynamic-1").auth(auth)).await;
        assert_eq!(refusal(&mut peer).await, json!({ "message": "refused", "data": data }));
        server.stop();
    }

    /// The refusal that comes next, out of what this client makes of it.
    async fn refusal(peer: &mut Peer) -> Value {
        let args = peer.args("error").await;
        let text = args[0].as_str().and_then(|text| text.strip_prefix("Received an ConnectError frame: "));
        serde_json::from_str(text.unwrap_or_else(|| panic!("{args:?} is no refusal"))).expect("a refusal is JSON")
    }

    pub(crate) async fn put_out_of_the_namespace(way: TransportType) {
        let server = Server::start("rooms");
        let mut peer = Peer::join(&server.url, way, "/dynamic-1").await;
        assert_eq!(peer.call("count", vec![]).await, json!([1]));
        peer.emit("out", json!(false)).await;
        peer.next(Event::Close).await;
        server.stop();
    }

    pub(crate) async fn put_out_with_the_connection(way: TransportType) {
        let server = Server::start("rooms");
        let mut peer = Peer::join(&server.url, way, "/dynamic-1").await;
        peer.emit("out", json!(true)).await;
        peer.next(Event::Close).await;
        server.stop();
    }

    pub(crate) async fn comes_back_after_having_been_put_out(way: TransportType) {
        let server = Server::start("rooms");
        let mut peer = Peer::new(builder(&server.url, way).reconnect_on_disconnect(true)).await;
        let mut ids = Vec::new();
        for _ in 0..3 {
            // What happens to a transport on the way is of no interest.
            while soon("the connection", peer.heard.recv()).await.expect("the client is there").0 != Event::Connect {}
            let id = peer.call("id", vec![]).await;
            assert!(!ids.contains(&id), "a new socket");
            ids.push(id);
            peer.emit("out", json!(true)).await;
        }
        server.stop();
    }

    pub(crate) async fn leaves(way: TransportType) {
        let server = Server::start("rooms");
        let observer = Peer::join(&server.url, way.clone(), "/").await;
        let peer = Peer::join(&server.url, way, "/").await;
        let id = peer.call("id", vec![]).await[0].clone();
        soon("the end of the connection", peer.client.disconnect()).await.expect("it can leave");
        let reason = soon("the server to know of it", async {
            loop {
                let reasons = observer.call("reasons", vec![]).await;
                let known = reasons[0].as_array().into_iter().flatten().find(|pair| pair[0] == id).cloned();
                if let Some(pair) = known {
                    return pair[1].clone();
                }
            }
        });
        // Both were said, and the reference first hears the end.
        assert!(["client namespace disconnect", "transport close"].map(Value::from).contains(&reason.await));
        server.stop();
    }

    pub(crate) async fn the_server_ends(way: TransportType) {
        let server = Server::start("rooms");
        let (say, mut tries) = mpsc::unbounded_channel();
        // Of an end without a DISCONNECT this client tells nothing but that it tries to come back.
        let builder = builder(&server.url, way).reconnect(true).on_reconnect(move || {
            let _ = say.send(());
            Box::pin(async { ReconnectSettings::new() })
        });
        let mut peer = Peer::new(builder).await;
        peer.next(Event::Connect).await;
        server.end();
        soon("the end of the connection", tries.recv()).await.expect("the client is there");
    }
}
