//! Responses of every shape, and applications that fail.
use crate::app::{BIG, text};
use crate::bench::bench;

#[test]
fn shapes_of_responses() {
    let mut bench = bench();
    let reply = bench.get("/");
    assert_eq!(reply.header("content-length"), Some("5"));
    assert_eq!(reply.header("date"), Some("Thu, 01 Jan 1970 00:16:40 GMT"));
    assert_eq!(reply.header("connection"), None);

    for (path, framing) in [("/", ("content-length", "5")), ("/chunks", ("transfer-encoding", "chunked"))] {
        bench.send(format!("HEAD {path} HTTP/1.1\r\nHost: a\r\n\r\n"));
        assert_eq!(bench.head().header(framing.0), Some(framing.1));
        assert_eq!(bench.rest(), b"");
    }
    let reply = bench.get("/nothing");
    assert_eq!((reply.status, reply.header("content-length")), (204, None));
    let reply = bench.get("/chunks");
    assert_eq!((reply.text(), reply.header("transfer-encoding")), ("streamed", Some("chunked")));
    assert_eq!(bench.get("/big").body.len(), BIG);
    assert_eq!(bench.get("/").text(), "hello");
}

#[test]
fn a_long_body_is_sent_whole_where_it_is_there() {
    let mut bench = bench();
    bench.send("GET /pieces HTTP/1.1\r\nHost: a\r\n\r\n");
    let (ticket, now) = (bench.app.take(), bench.time());
    bench.connection.respond(ticket, &text(vec![b'x'; BIG]), now);
    bench.turn();
    assert_eq!(bench.reply().body.len(), BIG);
    assert_eq!(bench.get("/").text(), "hello");
}

#[test]
fn a_body_that_is_shorter_than_announced_ends_the_connection() {
    let mut bench = bench();
    bench.send("GET /short HTTP/1.1\r\nHost: a\r\n\r\n");
    assert!(bench.rest().ends_with(b"content-length: 10\r\n\r\nshort"));
    assert!(bench.connection.is_over());
}

#[test]
fn a_body_that_is_longer_than_announced_is_cut() {
    let mut bench = bench();
    assert_eq!(bench.get("/long").text(), "longer tha");
    assert_eq!(bench.get("/").text(), "hello");
}

#[test]
fn a_response_that_breaks_off_ends_the_connection() {
    let mut bench = bench();
    bench.send(
        "GET / HTTP/1.1\r\nHost: a\r\n\r\nGET /abort HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
    );
    assert_eq!(bench.reply().text(), "hello");
    assert!(bench.rest().ends_with(b"\r\n\r\n4\r\nhalf\r\n"));
    assert!(bench.connection.is_over() && bench.gone.is_empty());
}

#[test]
fn a_status_that_answers_nothing_is_not_sent() {
    bench().send("GET /early HTTP/1.1\r\nHost: a\r\n\r\n").is_refused(500);
}

#[test]
fn no_request_is_read_while_responses_are_not_taken() {
    let mut bench = bench();
    bench.window = 0;
    bench.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n".repeat(10_000));
    let calls = bench.app.calls;
    assert!(bench.connection.transmit().len() < 66_000 && (100..1_000).contains(&calls), "{calls}");
    assert!(bench.unread() > 100_000);
    bench.window = usize::MAX;
    bench.turn();
    assert_eq!(bench.app.calls, 10_000);
    for _ in 0..10_000 {
        assert_eq!(bench.reply().text(), "hello");
    }
}

#[test]
fn an_idle_connection_holds_no_buffer() {
    let mut bench = bench();
    let mut spare = Vec::with_capacity(4_096);
    for _ in 0..3 {
        bench.connection.swap_buffer(&mut spare);
        assert_eq!(spare.capacity(), 0);
        assert_eq!(bench.get("/").text(), "hello");
        bench.connection.swap_buffer(&mut spare);
        assert_eq!(spare.capacity(), 4_096, "the connection has used what it was lent");
    }
}
