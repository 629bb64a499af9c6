//! Request bodies: by length, in chunks, too long, unwanted, asked for.
use crate::house::{House, eventually, house};
use sanket_async_std::HttpConfig;

fn small() -> House {
    House::open(HttpConfig { max_body: 100, linger_bytes: 1000, ..HttpConfig::default() })
}

#[test]
fn a_body_by_length_may_come_in_pieces() {
    let house = house();
    let mut client = house.client();
    for _ in 0..2 {
        client.post("/echo", "Content-Length: 10", "01234");
        for byte in *b"56789" {
            client.send([byte]);
        }
        assert_eq!(client.reply().text(), "0123456789");
    }
    let long: Vec<u8> = (0..1_000_000_u32).map(|n| n.to_le_bytes()[1]).collect();
    client.post("/echo", "Content-Length: 1000000", &long);
    assert!(client.reply().body == long);
}

#[test]
fn a_chunked_body_whose_end_comes_in_another_segment() {
    let house = house();
    let mut client = house.client();
    for end in ["0\r\n\r\n", "0\r\nX-Sum: 1\r\n\r\n"] {
        client.post("/echo", "Transfer-Encoding: chunked", "5\r\nhello\r\n6\r\n world\r\n");
        for byte in end.bytes() {
            client.send([byte]);
        }
        assert_eq!(client.reply().text(), "hello world");
        assert_eq!(client.get("/").text(), "hello", "the connection can go on");
    }
    drop(client);
    house.is_left();
}

#[test]
fn a_malformed_chunk_is_refused() {
    let house = house();
    for body in ["x\r\n", "5\r\nhello!\r\n0\r\n\r\n", "\r\n", "5\nhello\r\n0\r\n\r\n"] {
        house.client().post("/echo", "Transfer-Encoding: chunked", body).is_refused(400);
        // The endpoint waits for the body before it waits for ever.
        house.client().post("/park", "Transfer-Encoding: chunked", body).is_refused(400);
    }
    house.is_left();
}

#[test]
fn a_body_that_is_too_long_is_refused() {
    let house = small();
    let body = "x".repeat(100);
    let mut client = house.client();
    assert_eq!(client.post("/echo", "Content-Length: 100", &body).reply().text(), body);
    assert_eq!(house.calls(), 1);
    client.post("/echo", "Content-Length: 101", &body).is_refused(413);
    house.client().post("/echo", "Content-Length: 18446744073709551615", "").is_refused(413);
    assert_eq!(house.calls(), 1, "the endpoint is not asked");
    let chunked = format!("64\r\n{body}\r\n1\r\nx\r\n0\r\n\r\n");
    house.client().post("/echo", "Transfer-Encoding: chunked", chunked).is_refused(413);
}

#[test]
fn an_unread_body_is_thrown_away_if_it_is_small() {
    let house = small();
    let mut client = house.client();
    assert_eq!(client.post("/ignore", "Content-Length: 90", "x".repeat(90)).reply().text(), "ignored");
    let chunked = format!("5a\r\n{}\r\n0\r\n\r\n", "x".repeat(90));
    assert_eq!(client.post("/ignore", "Transfer-Encoding: chunked", chunked).reply().text(), "ignored");
    assert_eq!(client.get("/").text(), "hello");
}

#[test]
fn an_unread_body_ends_the_connection_if_it_is_long() {
    let house = House::open(HttpConfig { linger_bytes: 1000, ..HttpConfig::default() });
    let mut client = house.client();
    let reply = client.post("/ignore", "Content-Length: 1001", "x").reply();
    assert_eq!((reply.text(), reply.closes()), ("ignored", true));
    client.is_closed();
    let mut client = house.client();
    client.post("/ignore", "Transfer-Encoding: chunked", format!("7d0\r\n{}", "x".repeat(2000)));
    assert_eq!(client.reply().text(), "ignored");
    client.is_closed();
}

#[test]
fn a_body_is_asked_for_if_it_is_wanted() {
    let house = house();
    let mut client = house.client();
    client.post("/echo", "Content-Length: 2\r\nExpect: 100-continue", "");
    assert_eq!(client.head().status, 100);
    client.send("ok");
    assert_eq!(client.reply().text(), "ok");

    client.post("/echo", "Content-Length: 2\r\nExpect: 100-continue", "ok");
    assert_eq!(client.reply().text(), "ok", "a body that is there is not asked for");

    let reply = client.post("/ignore", "Content-Length: 2\r\nExpect: 100-continue", "").reply();
    assert_eq!((reply.text(), reply.closes()), ("ignored", true));
    client.is_closed();
    house.client().post("/echo", "Content-Length: 2\r\nExpect: the-unexpected", "").is_refused(417);
}

#[test]
fn a_body_can_be_answered_while_it_comes() {
    let house = house();
    let mut client = house.client();
    client.post("/stream", "Transfer-Encoding: chunked", "5\r\nfirst\r\n");
    assert_eq!(client.head().status, 200);
    assert_eq!(client.take(10), b"5\r\nfirst\r\n");
    client.send("6\r\nsecond\r\n0\r\n\r\n");
    assert_eq!(client.take(16), b"6\r\nsecond\r\n0\r\n\r\n");
    assert_eq!(client.get("/").text(), "hello");
}

#[test]
fn a_body_that_outlives_its_request_gets_nothing_of_the_next_one() {
    let house = house();
    let mut client = house.client();
    assert_eq!(client.post("/stash", "Content-Length: 100", "x".repeat(100)).reply().text(), "stashed");
    client.post("/echo", "Transfer-Encoding: chunked", "3\r\nhel\r\n");
    eventually("the endpoint reads", || house.calls() == 1);
    let stale = house.seen.stash.lock().unwrap().take().unwrap();
    assert!(async_std::task::block_on(stale.into_bytes()).is_err());
    assert_eq!(client.send("2\r\nlo\r\n0\r\n\r\n").reply().text(), "hello");
}
