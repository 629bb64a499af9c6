//! Clients that go while a request waits for its response.
use crate::bench::{Bench, bench};
use sanket_host::http::HttpConfig;

#[test]
fn a_parked_poll_is_over_when_its_client_goes() {
    let mut bench = bench();
    bench.send("GET /park HTTP/1.1\r\nHost: a\r\n\r\n");
    let ticket = bench.app.waiting().expect("a parked poll");
    bench.finish_sending();
    assert_eq!((bench.gone.as_slice(), bench.app.waiting()), ([ticket].as_slice(), None));
    bench.is_closed();
    assert!(bench.connection.is_over());
}

#[test]
fn a_parked_post_is_over_when_its_client_finishes_sending() {
    let mut bench = bench();
    bench.post("/park", "Content-Length: 3", "abc");
    assert!(bench.app.waiting().is_some());
    bench.finish_sending();
    assert_eq!((bench.gone.len(), bench.app.waiting()), (1, None));
    assert!(bench.connection.is_over());
}

#[test]
fn what_was_sent_before_is_written_still() {
    let mut bench = bench();
    bench.window = 0;
    bench.send("GET / HTTP/1.1\r\nHost: a\r\n\r\nGET /park HTTP/1.1\r\nHost: a\r\n\r\n").finish_sending();
    assert_eq!(bench.gone.len(), 1);
    assert!(!bench.connection.is_over() && bench.connection.ends_after_transmit());
    bench.window = usize::MAX;
    bench.turn();
    assert_eq!(bench.reply().text(), "hello");
    assert!(bench.connection.is_over());
}

#[test]
fn a_response_that_is_ready_reaches_a_client_that_finished_sending() {
    let mut bench = bench();
    bench.send("GET / HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\nGET /");
    bench.finish_sending();
    assert_eq!(bench.reply().text(), "hello");
    assert_eq!(bench.reply().text(), "hello");
    bench.is_closed();
    assert!(bench.connection.is_over() && bench.gone.is_empty());
}

#[test]
fn bytes_that_come_while_a_poll_is_parked_are_kept() {
    let mut bench = bench();
    bench.send("GET /gate HTTP/1.1\r\nHost: a\r\n\r\n");
    bench.send("GET /values HTTP/1.1\r\nHost: a\r\n\r\nGET / HT");
    bench.let_pass(1);
    assert_eq!(bench.reply().text(), "passed");
    assert_eq!(bench.reply().body.len(), 13);
    bench.send("TP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(bench.reply().text(), "hello");
}

#[test]
fn no_byte_is_lost_where_more_comes_than_is_kept() {
    let mut bench = Bench::new(HttpConfig { pipeline_bytes: 100, ..HttpConfig::default() });
    bench.send("GET /gate HTTP/1.1\r\nHost: a\r\n\r\n".repeat(500));
    bench.let_pass(500);
    for _ in 0..500 {
        assert_eq!(bench.reply().text(), "passed");
    }
}

#[test]
fn what_is_sent_to_a_parked_poll_is_bounded() {
    let mut bench = bench();
    bench.send("GET /park HTTP/1.1\r\nHost: a\r\n\r\n");
    bench.send(vec![b'x'; 1 << 20]);
    assert!(!bench.connection.wants_read());
    assert!(bench.unread() > (1 << 20) - 33_000, "the server goes on reading");
    assert!(bench.app.waiting().is_some());
}

#[test]
fn a_client_that_goes_in_the_middle_of_its_body() {
    for (lines, body) in [("Content-Length: 10", "abc"), ("Transfer-Encoding: chunked", "3\r\nabc\r\n")] {
        for path in ["/park", "/echo", "/stream", "/wait"] {
            let mut bench = bench();
            bench.post(path, lines, body).finish_sending();
            assert_eq!((bench.gone.len(), bench.app.waiting()), (1, None), "{path}");
            assert!(bench.connection.is_over());
        }
        let mut bench = bench();
        bench.post("/ignore", lines, body).finish_sending();
        assert_eq!(bench.reply().text(), "ignored");
        assert!(bench.connection.is_over() && bench.gone.is_empty());
    }
}

#[test]
fn a_client_that_goes_in_the_middle_of_its_head() {
    let mut bench = bench();
    bench.send("GET / HTTP/1.1\r\n").finish_sending();
    bench.is_closed();
    assert!(bench.connection.is_over());
}

#[test]
fn a_tiny_bound_stops_neither_a_head_nor_a_body() {
    let mut bench = Bench::new(HttpConfig { pipeline_bytes: 1, ..HttpConfig::default() });
    for byte in b"POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" {
        bench.send([*byte]);
    }
    for byte in b"5;extension=value\r\nhello\r\n0\r\nX-Sum: 1\r\n\r\n" {
        bench.send([*byte]);
    }
    assert_eq!(bench.reply().text(), "hello");
}
