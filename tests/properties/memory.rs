//! What a client costs in memory, counted by the allocator. A million of them are to fit into a gigabyte.

use sanket::{
    Chat, ChatConfig, Config, Delivery, Hub, Input, NewSession, Opening, RawMessage, RequestId, Revision, Shard, Sid,
    Time, decode_message,
};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use std::alloc::System;
use std::sync::Arc;

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// A power of two, so that tables which double when they are full are full.
const CLIENTS: u64 = 1 << 14;

/// One test, so that nothing else allocates meanwhile.
#[test]
fn an_idle_client_is_small() {
    let config = Arc::new(Config { max_sessions: usize::MAX, max_newcomers: usize::MAX, ..Config::default() });
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
        shard.deliver(socket, Delivery::Accept(None), now);
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
