//! The most frequent operations of the core. Each is repeated so often that its beginning does not count.

use super::clients::{Client, Site};
use super::{Count, applications, measure};
use bytes::Bytes;
use sanket::codec::{BodyKind, decode_payload};
use sanket::driver::{
    Batch, Delivery, Frame, Input, Outgoing, Output, RawMessage, WsEnd, WsMessage, decode_body, decode_message,
};
use sanket::{Config, Emit, Protocol, Revision, SocketId, Target};
use std::hint::black_box;

pub(crate) const GROUP: &str = "hot";

const REVISIONS: [Revision; 2] = [Revision::V4, Revision::V3];
/// A message of 64 bytes, as a WebSocket carries it.
const EVENT: &str = r#"42["chat message",{"description":"hello, is anybody in here??"}]"#;
const ARGS: &str = r#"{"description":"hello, is anybody in here??"}"#;
const PICTURE: &str = r#"451-["picture",{"data":{"_placeholder":true,"num":0}}]"#;
const TIMES: usize = 100;

/// Does all of it.
pub(crate) fn work() {
    assert_eq!(EVENT.len(), 64);
    decoding();
    encoding();
    msgpack();
    talking();
    applications::work();
    coming_and_going();
    CROWDS.into_iter().for_each(heartbeats);
}

/// The same work `TIMES` times.
pub(super) fn again(name: &str, mut work: impl FnMut()) {
    // What is done for the first time only is not what is asked for.
    work();
    measure(GROUP, name, || {
        (0..TIMES).for_each(|_| work());
        TIMES
    });
}

fn decoding() {
    let config = Config::default();
    for revision in REVISIONS {
        again(&format!("decode an event, EIO={}", revision.number()), || {
            drop(black_box(decode_message(revision, RawMessage::Text(black_box(EVENT)), &config)));
        });
    }
    let texts = [EVENT; 16];
    let v3: String = texts.map(|text| format!("{}:{text}", text.len())).concat();
    let v3_binary: Vec<u8> = texts.map(|text| [b"\0\x06\x04\xff", text.as_bytes()].concat()).concat();
    let v4 = texts.join("\x1e");
    for (name, revision, kind, body) in [
        ("EIO=4", Revision::V4, BodyKind::Text, v4.as_bytes()),
        ("EIO=3", Revision::V3, BodyKind::Text, v3.as_bytes()),
        ("EIO=3 in binary", Revision::V3, BodyKind::Binary, &v3_binary),
    ] {
        again(&format!("split a payload of 16 packets, {name}"), || {
            let packets = decode_payload(revision, kind, black_box(body), config.max_packets);
            packets.for_each(|packet| drop(black_box(packet)));
        });
        again(&format!("decode a payload of 16 events, {name}"), || {
            let decoded = decode_body(revision, kind, black_box(body), &config);
            assert_eq!(decoded.packets.len(), 16);
        });
    }
}

/// A server with one client, and that client's socket.
fn one(config: Config) -> (Site, Client, SocketId) {
    let mut site = Site::new(config);
    let client = site.join();
    // The first that a client is in.
    let socket = SocketId { key: client.key, serial: 0 };
    (site, client, socket)
}

fn emitted(site: &mut Site, socket: SocketId, emit: &Emit<'_>) -> Frame {
    let now = site.now;
    site.server.hub.apply(now, |_, fx| fx.send(Target::Socket(socket), emit));
    match site.server.hub.poll_delivery() {
        Some((_, Delivery::Emit(frame))) => frame,
        other => panic!("nothing emitted: {other:?}"),
    }
}

fn encoding() {
    let (mut site, client, socket) = one(Config::default());
    let data = [Bytes::from_static(&[0xa5; 64])];
    for revision in REVISIONS {
        again(&format!("encode an event, EIO={}", revision.number()), || {
            let frame = emitted(&mut site, socket, &Emit::new("chat message").args_json(black_box(ARGS)));
            frame.messages(revision).for_each(|message| drop(black_box(message)));
        });
    }
    let frames = vec![Outgoing::Frame(Frame::new(EVENT.to_owned(), &[])); 16];
    let pictures = vec![Outgoing::Frame(Frame::new(PICTURE.to_owned(), &data)); 16];
    for revision in REVISIONS {
        let batch = Batch::new(frames.clone(), revision, false);
        again(&format!("encode a payload of 16 packets, EIO={}", revision.number()), || {
            drop(black_box(black_box(&batch).encode()));
        });
        let batch = Batch::new(pictures.clone(), revision, false);
        again(&format!("encode a payload of 16 binary events, EIO={}", revision.number()), || {
            drop(black_box(black_box(&batch).encode()));
        });
    }
    again("decode a binary event and join it", || {
        for message in [RawMessage::Text(PICTURE), RawMessage::Binary(&data[0])] {
            let decoded = decode_message(Revision::V4, message, &site.config);
            site.server.shard.handle(client.key, Input::WsMessage(client.ws, decoded), site.now);
        }
        assert!(site.server.shard.poll_event().is_some());
    });
    again("encode a binary event", || {
        let args = r#"{"data":{"_placeholder":true,"num":0}}"#;
        let frame = emitted(&mut site, socket, &Emit::new("picture").args_json(black_box(args)).attachments(&data));
        frame.messages(Revision::V4).for_each(|message| drop(black_box(message)));
    });
}

fn msgpack() {
    let config = Config { protocol: Protocol::SocketIoMsgPack, ..Config::default() };
    let mut site = Site::new(config.clone());
    let client = site.open_ws(Revision::V4);
    site.say(client, RawMessage::Binary(b"\x82\xa4type\x00\xa3nsp\xa1/"));
    let socket = SocketId { key: client.key, serial: 0 };
    let emit = Emit::new("chat message").args_json(ARGS);
    let bytes = match emitted(&mut site, socket, &emit).messages(Revision::V4).next() {
        Some(WsMessage::Binary(bytes)) => bytes,
        other => panic!("nothing binary: {other:?}"),
    };
    again("decode an event in MessagePack", || {
        drop(black_box(decode_message(Revision::V4, RawMessage::Binary(black_box(&bytes)), &config)));
    });
    again("encode an event in MessagePack", || {
        let frame = emitted(&mut site, socket, &Emit::new("chat message").args_json(black_box(ARGS)));
        frame.messages(Revision::V4).for_each(|message| drop(black_box(message)));
    });
}

fn talking() {
    let (mut site, client, _) = one(Config::default());
    let asked = EVENT.replacen("42", "4212", 1);
    again("an event that is acked, from message to message", || {
        site.say(client, RawMessage::Text(black_box(&asked)));
    });

    let (mut site, clients) = Site::with(1_000);
    let mut broadcast = || site.say(clients[0], RawMessage::Text(black_box(EVENT)));
    broadcast();
    measure(GROUP, "a broadcast to 1,000 WebSockets, for each", || {
        broadcast();
        clients.len()
    });

    let mut site = Site::new(Config::default());
    let client = site.join_by_polling();
    let socket = SocketId { key: client.key, serial: 0 };
    again("a poll that is parked and answered", || {
        let now = site.now;
        site.server.hub.apply(now, |_, fx| {
            fx.send(Target::Socket(socket), &Emit::new("chat message").args_json(black_box(ARGS)));
        });
        site.pump();
        let poll = site.request();
        site.handle(client.key, Input::Poll(poll));
    });
}

fn coming_and_going() {
    let (mut site, _) = Site::with(1_000);
    again("a client comes over WebSocket, joins and goes", || {
        let client = site.join();
        site.handle(client.key, Input::WsEnd(client.ws, WsEnd::Closed));
    });
    let clients: Vec<Client> = (0..TIMES).map(|_| site.join_by_polling()).collect();
    measure(GROUP, "an upgrade", || {
        for Client { key, .. } in &clients {
            let key = *key;
            let ws = site.request();
            site.handle(key, Input::WsOpen(ws));
            site.say(Client { key, ws }, RawMessage::Text("2probe"));
            site.say(Client { key, ws }, RawMessage::Text("5"));
        }
        clients.len()
    });
    // They have moved: what is said to them now goes over their WebSockets.
    assert_eq!(site.server.hub.len(), 1_000 + clients.len());
    for Client { key, .. } in clients {
        let frame = emitted(&mut site, SocketId { key, serial: 0 }, &Emit::new("moved"));
        site.server.shard.deliver(&[SocketId { key, serial: 0 }], Delivery::Emit(frame), site.now);
        assert!(matches!(site.server.shard.poll_output(), Some((_, Output::WsReady(_)))));
    }
}

/// Pings as they fall due, and their pongs. The first of each client comes at a moment of its own.
fn heartbeats(n: usize) {
    let (mut site, _) = Site::with(n);
    assert_eq!(site.server.hub.len(), n);
    let mut sent = Vec::new();
    let mut beat = |least: usize| {
        let mut beats = 0;
        while beats < least {
            site.now = site.server.poll_timeout().expect("somebody is to be pinged");
            site.server.handle_timeout(site.now);
            while let Some((key, output)) = site.server.shard.poll_output() {
                let Output::WsReady(ws) = output else { panic!("no ping: {output:?}") };
                site.server.shard.transmit(key, ws, usize::MAX, &mut sent, site.now);
                black_box(&mut sent).clear();
                let pong = decode_message(Revision::V4, RawMessage::Text("3"), &site.config);
                site.server.shard.handle(key, Input::WsMessage(ws, pong), site.now);
                beats += 1;
            }
        }
        beats
    };
    beat(100);
    measure(GROUP, &heartbeat(n), || beat(800));
}

/// A few, and many; of the few, each beats about once while it is counted.
const CROWDS: [usize; 2] = [1_000, 100_000];

fn heartbeat(clients: usize) -> String {
    format!("a heartbeat among {clients} clients")
}

/// Whether a heartbeat costs no more, but for a tenth, among many clients than among few. It may cost less: those that fall
/// due at the same moment share the look at the clock.
pub(crate) fn judge(counts: &[Count]) -> bool {
    let [few, many] = CROWDS.map(|n| {
        let name = heartbeat(n);
        counts.iter().find(|count| count.name == name).map_or(0, Count::each)
    });
    let level = few > 0 && many * 10 <= few * 11;
    if !level {
        println!("a heartbeat among {} clients is {few} instructions, and {many} among {}", CROWDS[0], CROWDS[1]);
    }
    level
}
