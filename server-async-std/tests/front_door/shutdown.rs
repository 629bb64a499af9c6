//! Closing the house without slamming the door.
use crate::house::{DEADLINE, House, eventually, house};
use async_std::future::timeout;
use async_std::task::block_on;
use sanket_async_std::HttpConfig;
use std::net::TcpStream;
use std::time::{Duration, Instant};

fn listening_ends(house: &mut House) {
    let listening = house.listening.take().unwrap();
    block_on(timeout(DEADLINE, listening)).expect("`accept` returns").unwrap();
}

#[test]
fn a_graceful_shutdown() {
    let mut house = house();
    let mut fresh = house.client();
    let mut idle = house.client();
    assert_eq!(idle.get("/").status, 200);
    let mut busy = house.client();
    busy.send("GET /gate HTTP/1.1\r\nHost: a\r\n\r\n");
    let mut upgraded = house.client();
    upgraded.send("GET /upgrade HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\n");
    assert_eq!(upgraded.head().status, 101);
    eventually("all are in", || house.handle.http_connections() == 3);
    house.parked(1);

    house.handle.shutdown();
    fresh.is_closed();
    idle.is_closed();
    let addr = house.addr();
    eventually("new connections are refused", || TcpStream::connect(addr).is_err());
    eventually("one is left", || house.handle.http_connections() == 1);

    house.let_pass(1);
    let reply = busy.reply();
    assert_eq!((reply.text(), reply.closes()), ("passed", true));
    busy.is_closed();
    drop(busy);
    listening_ends(&mut house);

    upgraded.send("still here");
    assert_eq!(upgraded.take(10), b"still here");
    drop(upgraded);
    house.is_left();
}

#[test]
fn what_takes_too_long_is_cut_at_shutdown() {
    let mut house = House::open(HttpConfig { drain_deadline: 150, ..HttpConfig::default() });
    let mut client = house.client();
    client.send("GET /park HTTP/1.1\r\nHost: a\r\n\r\n");
    house.parked(1);
    let start = Instant::now();
    house.handle.shutdown();
    listening_ends(&mut house);
    assert!(start.elapsed() >= Duration::from_millis(150));
    house.parked(0);
    client.is_closed();
    house.is_left();
}

#[test]
fn a_dropped_listener_closes_the_house() {
    let mut house = house();
    let mut client = house.client();
    client.send("GET /park HTTP/1.1\r\nHost: a\r\n\r\n");
    house.parked(1);
    let listening = house.listening.take().unwrap();
    block_on(listening.cancel());
    house.parked(0);
    client.is_closed();
    let addr = house.addr();
    eventually("new connections are refused", || TcpStream::connect(addr).is_err());
}
