//! The memory of a client, counted by the allocator: a million clients must fit a gigabyte. A broadcast must not
//! allocate for each recipient. Persisted sessions have a limit in bytes. When a crowd has gone, what it took is free.

use bytes::Bytes;
use sanket::chat::{Chat, ChatConfig};
use sanket::driver::{
    Delivery, Hub, Input, NewSession, Opening, Output, RawMessage, RequestId, Shard, Sid, WsEnd, decode_message,
};
use sanket::{
    AckId, Admission, App, Config, ConnectRequest, Effects, Emit, Event, Nsp, Protocol, Reason, Recovery, Revision,
    SocketId, Target, Time,
};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use std::alloc::System;
use std::collections::VecDeque;
use std::sync::Arc;

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// A power of two, so that tables which double when they are full are full.
const CLIENTS: u64 = 1 << 14;

/// One test, so that nothing else allocates meanwhile.
#[test]
fn memory_is_what_it_is_said_to_be() {
    an_idle_client_is_small();
    the_log_is_as_large_as_it_says();
    a_broadcast_over_websocket_allocates_nothing_for_each_who_gets_it();
    memory_comes_back_when_a_crowd_has_gone();
}

/// From the application's word to the messages that are to be written.
fn a_broadcast_over_websocket_allocates_nothing_for_each_who_gets_it() {
    let data = [Bytes::from_static(&[0; 100])];
    let args = r#"{"_placeholder":true,"num":0}"#;
    for (revision, protocol) in [
        (Revision::V4, Protocol::SocketIo),
        (Revision::V3, Protocol::SocketIo),
        (Revision::V3, Protocol::SocketIoMsgPack),
    ] {
        for event in [Emit::new("said").arg("x"), Emit::new("said").args_json(args).attachments(&data)] {
            let [few, many] = [1_000, 2_000].map(|recipients| allocations(recipients, revision, protocol, &event));
            println!("{few} allocations for a broadcast to 1,000, {many} to 2,000");
            // What does not depend on how many there are is not asked for, nor what doubles a queue that all of them share.
            assert!(many < few + 20, "{few} for 1,000 recipients, {many} for 2,000");
        }
    }
}

/// How often one broadcast allocates, when others have gone before it.
fn allocations(recipients: u64, revision: Revision, protocol: Protocol, event: &Emit<'_>) -> usize {
    let config = Arc::new(Config { protocol, ..Config::default() });
    let (mut shard, mut hub) = (Shard::new(0, config.clone()), Hub::new(Silent, config.clone()));
    let now = Time::from_millis(1_700_000_000_000);
    let mut messages = Vec::new();
    for n in 0..recipients {
        let (id, ids) = (RequestId(n), [0, 1, 2].map(|k| Sid::from_bytes(u128::from(n * 3 + k).to_le_bytes())));
        let ([sid, public, private], opening) = (ids, Opening::WebSocket(id));
        let new = NewSession { sid, public, private, revision, opening, handshake: None };
        let key = shard.open(new, now).expect("there is room");
        if revision == Revision::V4 {
            let connect = decode_message(revision, RawMessage::Text("40"), &config);
            shard.handle(key, Input::WsMessage(id, connect), now);
        }
    }
    let mut round = |hub: &mut Hub<Silent>, shard: &mut Shard| {
        let region = Region::new(ALLOCATOR);
        while let Some((who, event)) = shard.poll_event() {
            hub.handle(who, event, now);
        }
        while let Some((who, delivery)) = hub.poll_delivery() {
            shard.deliver(&who, delivery, now);
        }
        while let Some((key, output)) = shard.poll_output() {
            if let Output::WsReady(id) = output {
                while shard.transmit(key, id, usize::MAX, &mut messages, now) {}
                messages.clear();
            }
        }
        let stats = region.change();
        stats.allocations + stats.reallocations
    };
    round(&mut hub, &mut shard);
    assert_eq!(hub.len() as u64, recipients);
    let mut counted = 0;
    for _ in 0..3 {
        let region = Region::new(ALLOCATOR);
        hub.apply(now, |_, fx| fx.send(Target::Namespace(&Nsp::ROOT), event));
        let said = region.change();
        assert_eq!(hub.deliveries(), 1);
        counted = round(&mut hub, &mut shard);
        counted += said.allocations + said.reallocations;
    }
    counted
}

/// Lets everybody in, and has nothing to say.
#[derive(Debug)]
struct Silent;

impl App for Silent {
    fn admit(&mut self, _: SocketId, _: &ConnectRequest, _: &mut Effects<'_>) -> Admission {
        Admission::Accept
    }

    fn connect(&mut self, _: SocketId, _: &ConnectRequest, _: &mut Effects<'_>) {}

    fn event(&mut self, _: SocketId, _: &Event, _: Option<AckId>, _: &mut Effects<'_>) {}

    fn disconnect(&mut self, _: SocketId, _: Reason, _: &mut Effects<'_>) {}
}

fn the_log_is_as_large_as_it_says() {
    let recovery = Some(Recovery { max_log: usize::MAX, ..Recovery::default() });
    for protocol in [Protocol::SocketIo, Protocol::SocketIoMsgPack] {
        let config = Config { protocol, recovery: recovery.clone(), ..Config::default() };
        for (length, attached) in [(0, 0), (100, 0), (10_000, 0), (0, 10_000)] {
            let mut hub = Hub::new(Chat::new(ChatConfig::default(), 7), Arc::new(config.clone()));
            let text = "x".repeat(length);
            let data = [Bytes::from(vec![0; attached])];
            let (args, data) = match attached {
                0 => ("1", &data[..0]),
                _ => (r#"{"_placeholder":true,"num":0}"#, &data[..]),
            };
            let event = Emit::new("said").arg(&text).args_json(args).attachments(data);
            let region = Region::new(ALLOCATOR);
            // A power of two again.
            for _ in 0..1 << 10 {
                hub.apply(Time::from_millis(1_700_000_000_000), |_, fx| {
                    fx.send(Target::Room(&Nsp::ROOT, "some room"), &event);
                });
            }
            let (held, said) = (held(&region), hub.kept().1 as u64);
            println!("{protocol:?}, {length} and {attached} bytes: {held} bytes held, {said} said");
            assert!(held <= said + said / 4, "{held} bytes are held where {said} are said to be");
            assert!(said <= held + held / 4, "{held} bytes are held where {said} are said to be");
        }
    }
}

fn an_idle_client_is_small() {
    let config = Arc::new(Config { max_sessions: usize::MAX, max_unjoined: usize::MAX, ..Config::default() });
    let mut shard = Shard::new(0, config.clone());
    let mut hub = Hub::new(Chat::new(ChatConfig::default(), 7), config.clone());
    let now = Time::from_millis(1_700_000_000_000);
    let (mut connects, mut messages) = (Vec::new(), Vec::new());
    connects.reserve_exact(usize::try_from(CLIENTS).expect("it fits"));

    let clients = Region::new(ALLOCATOR);
    for n in 0..CLIENTS {
        let (id, ids) = (RequestId(n), [0, 1, 2].map(|k| Sid::from_bytes(u128::from(n * 3 + k).to_le_bytes())));
        let ([sid, public, private], revision, opening) = (ids, Revision::V4, Opening::WebSocket(id));
        let new = NewSession { sid, public, private, revision, opening, handshake: None };
        let key = shard.open(new, now).expect("there is room");
        let connect = decode_message(Revision::V4, RawMessage::Text("40"), &config);
        shard.handle(key, Input::WsMessage(id, connect), now);
        let (socket, event) = shard.poll_event().expect("it wants in");
        shard.deliver(&[socket], Delivery::Accept(None), now);
        while shard.transmit(key, id, usize::MAX, &mut messages, now) {}
        messages.clear();
        while shard.poll_output().is_some() {}
        connects.push((socket, event));
    }
    let each = held(&clients) / CLIENTS;
    println!("{each} bytes in the shard");
    assert!(each <= 400, "{each} bytes in the shard");

    let seats = Region::new(ALLOCATOR);
    // What an event holds is not much, and goes.
    for (socket, event) in connects.drain(..) {
        hub.handle(socket, event, now);
        while hub.poll_delivery().is_some() {}
    }
    let each = held(&seats) / CLIENTS;
    println!("{each} bytes in the hub and the chat");
    assert!(each <= 600, "{each} bytes in the hub and the chat");
}

fn held(region: &Region<'_, System>) -> u64 {
    let stats = region.change();
    (stats.bytes_allocated - stats.bytes_deallocated) as u64
}

/// A crowd comes, each has much queued, and all but those who were there before go.
fn memory_comes_back_when_a_crowd_has_gone() {
    let config = Arc::new(Config { max_sessions: usize::MAX, max_unjoined: usize::MAX, ..Config::default() });
    let (mut shard, mut hub) = (Shard::new(0, config.clone()), Hub::new(Silent, config.clone()));
    let now = Time::from_millis(1_700_000_000_000);
    let mut next = 0;
    let mut come = |shard: &mut Shard| {
        next += 1;
        let (id, ids) = (RequestId(next), [0, 1, 2].map(|k| Sid::from_bytes(u128::from(next * 3 + k).to_le_bytes())));
        let ([sid, public, private], opening) = (ids, Opening::WebSocket(id));
        let new = NewSession { sid, public, private, revision: Revision::V4, opening, handshake: None };
        let key = shard.open(new, now).expect("there is room");
        shard.handle(key, Input::WsMessage(id, decode_message(Revision::V4, RawMessage::Text("40"), &config)), now);
        (key, id)
    };
    let witness = come(&mut shard);
    exchange(&mut hub, &mut shard, now);
    let region = Region::new(ALLOCATOR);
    for round in 0..3 {
        let crowd: Vec<_> = (0..4 * CLIENTS).map(|_| come(&mut shard)).collect();
        exchange(&mut hub, &mut shard, now);
        for n in 0..10 {
            hub.apply(now, |_, fx| fx.emit(Target::Namespace(&Nsp::ROOT), "said", &n));
            exchange(&mut hub, &mut shard, now);
        }
        let most = held(&region);
        for (key, id) in &crowd {
            shard.handle(*key, Input::WsEnd(*id, WsEnd::Closed), now);
            exchange(&mut hub, &mut shard, now);
        }
        assert_eq!((shard.len(), hub.len()), (1, 1));
        // Those who were there before are, and whoever has gone is nobody.
        assert!(crowd.iter().all(|(key, _)| shard.revision(*key).is_none()) && shard.revision(witness.0).is_some());
        drop(crowd);
        let left = held(&region);
        println!("round {round}: {most} bytes, of which {left} are left");
        assert!(left < 2 << 20 && most > 20 << 20, "{left} of {most} bytes are left");
    }
}

/// Lets the hub and the shard do what there is for them. Nobody reads.
fn exchange(hub: &mut Hub<Silent>, shard: &mut Shard, now: Time) {
    let mut events = VecDeque::new();
    while shard.has_events() {
        shard.take_events(usize::MAX, &mut events);
        while let Some((who, event)) = events.pop_front() {
            hub.handle(who, event, now);
        }
    }
    while let Some((who, delivery)) = hub.poll_delivery() {
        shard.deliver(&who, delivery, now);
    }
    while shard.poll_output().is_some() {}
}
