//! Clients that go while the application thinks: the endpoint's future is dropped, which is how it gets to know.
use crate::house::{House, house};
use sanket_async_std::HttpConfig;
use std::io::Write;

#[test]
fn a_parked_poll_is_dropped_when_its_client_closes() {
    let house = house();
    let mut client = house.client();
    client.send("GET /park HTTP/1.1\r\nHost: a\r\n\r\n");
    house.parked(1);
    drop(client);
    house.parked(0);
    house.is_left();
}

#[test]
fn a_parked_poll_is_dropped_when_its_client_finishes_sending() {
    let house = house();
    let mut client = house.client();
    client.post("/park", "Content-Length: 3", "abc");
    house.parked(1);
    client.finish_sending();
    house.parked(0);
    client.is_closed();
}

#[test]
fn a_parked_poll_is_dropped_when_its_client_resets() {
    let house = house();
    let mut poller = house.client();
    // To close a socket that has unread bytes sends a reset.
    poller.send("GET / HTTP/1.1\r\nHost: a\r\n\r\nGET /park HTTP/1.1\r\nHost: a\r\n\r\n");
    house.parked(1);
    drop(poller);
    house.parked(0);
    house.is_left();
}

#[test]
fn an_answer_that_is_ready_reaches_a_client_that_finished_sending() {
    let house = house();
    let mut client = house.client();
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    client.finish_sending();
    assert_eq!(client.reply().text(), "hello");
    client.is_closed();
}

#[test]
fn bytes_that_come_while_a_poll_is_parked_are_kept() {
    let house = house();
    let mut client = house.client();
    client.send("GET /gate HTTP/1.1\r\nHost: a\r\n\r\n");
    client.send("GET /values HTTP/1.1\r\nHost: a\r\n\r\nGET / HT");
    house.let_pass(1);
    assert_eq!(client.reply().text(), "passed");
    assert_eq!(client.reply().body.len(), 23);
    client.send("TP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(client.reply().text(), "hello");
}

#[test]
fn no_byte_is_lost_where_more_comes_than_is_kept() {
    let house = House::open(HttpConfig { pipeline_bytes: 100, ..HttpConfig::default() });
    let mut client = house.client();
    client.send("GET /gate HTTP/1.1\r\nHost: a\r\n\r\n".repeat(500));
    house.let_pass(500);
    for _ in 0..500 {
        assert_eq!(client.reply().text(), "passed");
    }
}

#[test]
fn what_is_sent_to_a_parked_poll_is_bounded() {
    let house = house();
    let mut client = house.client();
    client.send("GET /park HTTP/1.1\r\nHost: a\r\n\r\n");
    house.parked(1);
    client.stream.set_write_timeout(Some(std::time::Duration::from_millis(300))).unwrap();
    let mut n_sent = 0_usize;
    while client.stream.write(&[b'x'; 64 * 1024]).is_ok() {
        n_sent += 64 * 1024;
        // What the system's own buffers take is some megabytes.
        assert!(n_sent < 64 << 20, "the server goes on reading");
    }
    assert_eq!(house.handle.connections(), 1);
}

#[test]
fn a_client_that_goes_in_the_middle_of_its_body() {
    let house = house();
    let mut client = house.client();
    client.post("/park", "Content-Length: 10", "abc");
    client.finish_sending();
    client.is_closed();
    house.is_left();
}

/// The socket is closed for its client, whoever still holds what belongs to a request.
#[test]
fn a_body_that_is_kept_keeps_no_connection_open() {
    let house = house();
    let mut client = house.client();
    client.post("/stash", "Content-Length: 3\r\nConnection: close", "abc");
    assert_eq!(client.reply().text(), "stashed");
    client.finish_sending();
    client.is_closed();
    house.is_left();
    assert!(house.seen.stash.lock().unwrap().is_some());
}
