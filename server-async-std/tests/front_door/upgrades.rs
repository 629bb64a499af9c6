//! Connections that stop speaking HTTP.
use crate::house::house;

const UPGRADE: &str = "GET /upgrade HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, Upgrade\r\nUpgrade: echo\r\n\r\n";

#[test]
fn bytes_in_the_segment_of_the_upgrade_request_reach_the_upgraded_connection() {
    let house = house();
    let mut client = house.client();
    client.send(format!("{UPGRADE}early"));
    let reply = client.head();
    assert_eq!(reply.status, 101);
    assert_eq!(reply.header("upgrade"), Some("echo"));
    assert_eq!(reply.header("connection"), Some("Upgrade"));
    assert_eq!(reply.header("content-length"), None);
    assert_eq!(client.take(5), b"early");
    client.send("late");
    assert_eq!(client.take(4), b"late");
    assert_eq!((house.handle.connections(), house.handle.http_connections()), (1, 0));
    client.finish_sending();
    client.is_closed();
    house.is_left();
}

#[test]
fn an_upgrade_behind_another_request() {
    let house = house();
    let mut client = house.client();
    client.send(format!("GET / HTTP/1.1\r\nHost: a\r\n\r\n{UPGRADE}early"));
    assert_eq!(client.reply().text(), "hello");
    assert_eq!(client.head().status, 101);
    assert_eq!(client.take(5), b"early");
}

#[test]
fn a_switch_that_was_not_asked_for_is_refused() {
    let house = house();
    for lines in ["", "Connection: Upgrade\r\n", "Upgrade: echo\r\n"] {
        let request = format!("GET /upgrade HTTP/1.1\r\nHost: a\r\n{lines}\r\n");
        house.client().send(request).is_refused(400);
    }
    let lines = "Connection: Upgrade\r\nUpgrade: echo\r\nContent-Length: 5";
    house.client().post("/upgrade", lines, "").is_refused(400);
    house.client().send(UPGRADE.replace("/upgrade", "/not-taken")).is_refused(500);
    house.is_left();
}
