//! Responses of every shape, and endpoints that fail.
use crate::house::house;

#[test]
fn shapes_of_responses() {
    let house = house();
    let mut client = house.client();
    let reply = client.get("/");
    assert_eq!(reply.header("content-length"), Some("5"));
    assert!(reply.header("date").is_some_and(|date| date.ends_with("GMT")));
    assert_eq!(reply.header("connection"), None);

    client.send("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(client.head().header("content-length"), Some("5"));
    let reply = client.get("/nothing");
    assert_eq!((reply.status, reply.header("content-length")), (204, None));
    let reply = client.get("/chunks");
    assert_eq!((reply.text(), reply.header("transfer-encoding")), ("streamed", Some("chunked")));
    let reply = client.get("/split");
    assert_eq!((reply.status, reply.header("x-injected"), reply.header("x-split")), (200, None, None));
    assert_eq!(client.get("/big").body.len(), 32 << 20);
    assert_eq!(client.get("/").text(), "hello");
}

#[test]
fn a_body_that_is_shorter_than_announced_ends_the_connection() {
    let house = house();
    let mut client = house.client();
    client.send("GET /short HTTP/1.1\r\nHost: a\r\n\r\n");
    assert!(!client.rest().ends_with(b"\r\n\r\nshort....."));
    house.is_left();
}

#[test]
fn a_panic_is_answered_and_ends_one_connection_only() {
    let house = house();
    let mut other = house.client();
    assert_eq!(other.get("/").status, 200);
    for _ in 0..3 {
        let mut client = house.client();
        client.send("GET /panic HTTP/1.1\r\nHost: a\r\n\r\n").is_refused(500);
    }
    assert_eq!(other.get("/").status, 200);
    assert_eq!(house.client().get("/").status, 200);
}
