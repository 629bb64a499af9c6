//! Clients that are slow, in every place where one can be.
use crate::house::{House, eventually};
use sanket_async_std::HttpConfig;
use std::time::{Duration, Instant};

const SHORT: Duration = Duration::from_millis(SHORT_MS);
const SHORT_MS: u64 = 150;

#[test]
fn a_slow_head_is_refused() {
    let house = House::open(HttpConfig { head_timeout: SHORT_MS, ..HttpConfig::default() });
    house.client().send("GET / HTTP/1.1\r\n").is_refused(408);
    let mut client = house.client();
    assert_eq!(client.get("/").status, 200);
    client.send("GET").is_refused(408);
    drop(client);
    house.is_left();
    // A byte now and then does not help.
    let mut client = house.client();
    let start = Instant::now();
    eventually("it came in", || house.handle.connections() == 1);
    eventually("the dripping client is dropped", || {
        use std::io::Write;
        client.stream.write_all(b"x").is_err() || house.handle.connections() == 0
    });
    assert!(start.elapsed() >= SHORT);
    house.is_left();
}

#[test]
fn a_silent_client_is_left_without_a_word() {
    let house = House::open(HttpConfig { head_timeout: SHORT_MS, ..HttpConfig::default() });
    house.client().is_closed();
    let house = House::open(HttpConfig { keep_alive_timeout: SHORT_MS, ..HttpConfig::default() });
    let mut client = house.client();
    assert_eq!(client.get("/").status, 200);
    client.is_closed();
    house.is_left();
}

#[test]
fn a_slow_body_is_refused() {
    let house = House::open(HttpConfig { body_idle_timeout: SHORT_MS, ..HttpConfig::default() });
    house.client().post("/echo", "Content-Length: 5", "x").is_refused(408);
    house.client().post("/echo", "Transfer-Encoding: chunked", "1\r\nx\r\n0\r\n").is_refused(408);
    house.client().post("/park", "Content-Length: 5", "").is_refused(408);
    house.is_left();
}

#[test]
fn a_body_that_drips_is_refused() {
    let house = House::open(HttpConfig { body_timeout: SHORT_MS, ..HttpConfig::default() });
    let mut client = house.client();
    client.post("/echo", "Content-Length: 1000000", "x");
    eventually("it came in", || house.handle.connections() == 1);
    eventually("the dripping client is dropped", || {
        use std::io::Write;
        client.stream.write_all(b"x").is_err() || house.handle.connections() == 0
    });
    drop(client);
    house.is_left();
}

#[test]
fn a_body_that_comes_steadily_may_take_longer_than_a_silence() {
    let silence = Duration::from_secs(1);
    let house = House::open(HttpConfig { body_idle_timeout: 1_000, ..HttpConfig::default() });
    let mut client = house.client();
    client.post("/echo", "Transfer-Encoding: chunked", "");
    let start = Instant::now();
    eventually("it took longer", || {
        client.send("1\r\nx\r\n");
        start.elapsed() > silence + SHORT
    });
    assert_eq!(client.send("0\r\n\r\n").reply().status, 200);
}

#[test]
fn a_client_that_does_not_read_is_dropped() {
    let house = House::open(HttpConfig { write_stall_timeout: SHORT_MS, ..HttpConfig::default() });
    let mut client = house.client();
    client.send("GET /big HTTP/1.1\r\nHost: a\r\n\r\n");
    eventually("it came in", || house.handle.connections() == 1);
    house.is_left();
    // One that does read gets all of it.
    assert_eq!(house.client().get("/big").body.len(), 32 << 20);
}
