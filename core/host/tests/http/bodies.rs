//! Request bodies: by length, in chunks, too long, unwanted, asked for.
use crate::app::text;
use crate::bench::{Bench, bench};
use sanket_host::http::{Body, Event, HttpConfig};

fn small() -> Bench {
    Bench::new(HttpConfig { max_body: 100, linger_bytes: 1000, ..HttpConfig::default() })
}

#[test]
fn a_body_by_length_may_come_in_pieces() {
    let mut bench = bench();
    for _ in 0..2 {
        bench.post("/echo", "Content-Length: 10", "01234");
        for byte in *b"56789" {
            bench.send([byte]);
        }
        assert_eq!(bench.reply().text(), "0123456789");
    }
    let long: Vec<u8> = (0..1_000_000_u32).map(|n| n.to_le_bytes()[1]).collect();
    bench.post("/echo", "Content-Length: 1000000", &long);
    assert!(bench.reply().body == long);
}

#[test]
fn a_chunked_body_whose_end_comes_in_another_segment() {
    let mut bench = bench();
    for end in ["0\r\n\r\n", "0\r\nX-Sum: 1\r\n\r\n"] {
        bench.post("/echo", "Transfer-Encoding: chunked", "5\r\nhello\r\n6\r\n world\r\n");
        for byte in end.bytes() {
            bench.send([byte]);
        }
        assert_eq!(bench.reply().text(), "hello world");
        assert_eq!(bench.get("/").text(), "hello", "the connection can go on");
    }
    bench.is_left();
}

#[test]
fn a_malformed_chunk_is_refused() {
    for body in ["x\r\n", "5\r\nhello!\r\n0\r\n\r\n", "\r\n", "5\nhello\r\n0\r\n\r\n"] {
        for path in ["/echo", "/park"] {
            let mut bench = bench();
            bench.post(path, "Transfer-Encoding: chunked", body).is_refused(400);
            assert_eq!((bench.gone.len(), bench.app.waiting()), (1, None), "whoever waits is told first");
            assert_eq!(bench.refused, [(400, [None, None, None])]);
        }
    }
}

#[test]
fn a_malformed_body_ends_a_response_that_has_begun() {
    let mut bench = bench();
    bench.post("/stream", "Transfer-Encoding: chunked", "2\r\nab\r\nx\r\n");
    assert_eq!(bench.head().status, 200);
    assert_eq!(bench.rest(), b"2\r\nab\r\n", "there is no end, and no second response");
    assert!(bench.connection.is_over());
    assert_eq!((bench.gone.len(), bench.refused.len()), (1, 0));
}

#[test]
fn a_body_that_is_too_long_is_refused() {
    let body = "x".repeat(100);
    let mut bench = small();
    assert_eq!(bench.post("/echo", "Content-Length: 100", &body).reply().text(), body);
    assert_eq!(bench.app.calls, 1);
    bench.post("/echo", "Content-Length: 101", &body).is_refused(413);
    assert_eq!(bench.app.calls, 1, "the application is not asked");
    small().post("/echo", "Content-Length: 18446744073709551615", "").is_refused(413);
    let chunked = format!("64\r\n{body}\r\n1\r\nx\r\n0\r\n\r\n");
    small().post("/echo", "Transfer-Encoding: chunked", chunked).is_refused(413);
    let exact = format!("64\r\n{body}\r\n0\r\n\r\n");
    assert_eq!(small().post("/echo", "Transfer-Encoding: chunked", exact).reply().text(), body);
}

#[test]
fn an_unread_body_is_thrown_away_if_it_is_small() {
    let mut bench = small();
    assert_eq!(bench.post("/ignore", "Content-Length: 90", "x".repeat(90)).reply().text(), "ignored");
    let chunked = format!("5a\r\n{}\r\n0\r\n\r\n", "x".repeat(90));
    assert_eq!(bench.post("/ignore", "Transfer-Encoding: chunked", chunked).reply().text(), "ignored");
    assert_eq!(bench.post("/ignore", "Content-Length: 5", "").reply().text(), "ignored");
    bench.send("later");
    assert_eq!(bench.get("/").text(), "hello");
    let mut exact = Bench::new(HttpConfig { linger_bytes: 1000, ..HttpConfig::default() });
    exact.post("/ignore", "Transfer-Encoding: chunked", format!("3e8\r\n{}\r\n0\r\n\r\n", "x".repeat(1000)));
    assert_eq!(exact.reply().text(), "ignored");
    assert_eq!(exact.get("/").text(), "hello");
    let reply = exact.post("/ignore", "Content-Length: 1000", "x".repeat(1000)).reply();
    assert_eq!((reply.text(), reply.closes()), ("ignored", false));
    assert_eq!(exact.get("/").text(), "hello");
}

#[test]
fn no_more_is_handed_over_than_is_allowed() {
    let mut bench = small();
    bench.post("/wait", "Transfer-Encoding: chunked", format!("3c\r\n{0}\r\n3c\r\n{0}\r\n", "x".repeat(60)));
    let (ticket, now) = (bench.app.waiting().unwrap(), bench.time());
    let mut into = Vec::new();
    let read = [(); 2].map(|()| bench.connection.read_body(ticket, &mut into, 1_000, now));
    assert_eq!((read, into.len()), ([Body::Data(100), Body::Gone], 100));
    bench.turn();
    assert_eq!(bench.gone, [ticket]);
    bench.is_refused(413);
}

#[test]
fn an_unread_body_ends_the_connection_if_it_is_long() {
    let open = || Bench::new(HttpConfig { linger_bytes: 1000, ..HttpConfig::default() });
    let mut bench = open();
    let reply = bench.post("/ignore", "Content-Length: 1001", "").reply();
    assert_eq!((reply.text(), reply.closes()), ("ignored", true));
    bench.is_closed();
    let mut bench = open();
    bench.post("/ignore", "Transfer-Encoding: chunked", format!("3e9\r\n{}", "x".repeat(1001)));
    assert_eq!(bench.reply().text(), "ignored");
    bench.is_closed();
    let mut bench = open();
    bench.post("/ignore", "Transfer-Encoding: chunked", format!("258\r\n{}\r\n", "x".repeat(600)));
    assert_eq!(bench.reply().text(), "ignored");
    bench.is_open();
    bench.send(format!("191\r\n{}\r\n", "x".repeat(401)));
    bench.is_closed();
    let mut bench = open();
    bench.post("/ignore", "Transfer-Encoding: chunked", "no chunk\r\n");
    assert_eq!(bench.reply().text(), "ignored");
    bench.is_closed();
}

#[test]
fn an_unread_body_does_not_make_a_connection_hang() {
    let mut bench = bench();
    bench.post("/wait", "Content-Length: 60000", "x".repeat(60_000));
    assert!(bench.unread() > 30_000, "what nobody reads is not received");
    assert_eq!(bench.connection.poll_timeout(), None);
    bench.let_pass(1);
    assert_eq!(bench.reply().text(), "passed");
    assert_eq!(bench.get("/").text(), "hello");
}

#[test]
fn a_body_is_asked_for_if_it_is_wanted() {
    let mut one = bench();
    one.post("/echo", "Content-Length: 2\r\nExpect: 100-continue", "");
    assert_eq!(one.head().status, 100);
    one.send("o");
    one.send("k");
    assert_eq!(one.reply().text(), "ok");

    one.post("/echo", "Content-Length: 2\r\nExpect: 100-continue", "ok");
    assert_eq!(one.reply().text(), "ok", "a body that is there is not asked for");
    one.post("/echo", "Content-Length: 0\r\nExpect: 100-continue", "");
    assert_eq!(one.reply().status, 200, "nor is one that is empty");

    one.post("/wait", "Content-Length: 2\r\nExpect: 100-continue", "");
    one.send("ok");
    one.let_pass(1);
    let reply = one.reply();
    assert_eq!((reply.text(), reply.closes()), ("passed", false), "nor is one that came by itself");

    let reply = one.post("/ignore", "Content-Length: 2\r\nExpect: 100-continue", "").reply();
    assert_eq!((reply.text(), reply.closes()), ("ignored", true));
    one.is_closed();
    bench().post("/echo", "Content-Length: 2\r\nExpect: the-unexpected", "").is_refused(417);
    let old = "POST /echo HTTP/1.0\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n";
    assert_eq!(bench().send(old).rest(), b"", "HTTP/1.0 has no such response");
}

#[test]
fn a_body_is_not_asked_for_once_the_response_has_begun() {
    let mut bench = bench();
    bench.post("/stream", "Content-Length: 2\r\nExpect: 100-continue", "");
    let head = bench.head();
    assert_eq!((head.status, head.closes()), (200, true));
    assert_eq!(bench.rest(), b"");
}

#[test]
fn a_body_can_be_answered_while_it_comes() {
    let mut bench = bench();
    bench.post("/stream", "Transfer-Encoding: chunked", "5\r\nfirst\r\n");
    assert_eq!(bench.head().status, 200);
    assert_eq!(bench.take(10), b"5\r\nfirst\r\n");
    bench.send("6\r\nsecond\r\n0\r\n\r\n");
    assert_eq!(bench.take(16), b"6\r\nsecond\r\n0\r\n\r\n");
    assert_eq!(bench.get("/").text(), "hello");
}

#[test]
fn a_stale_ticket_gets_nothing_and_does_nothing() {
    let mut bench = bench();
    bench.post("/pieces", "Content-Length: 100", "x".repeat(100));
    let (stale, now) = (bench.app.take(), bench.time());
    bench.connection.respond(stale, &text("answered"), now);
    bench.turn();
    assert_eq!(bench.reply().text(), "answered");
    bench.post("/echo", "Transfer-Encoding: chunked", "3\r\nhel\r\n");
    assert_eq!(bench.connection.read_body(stale, &mut Vec::new(), 100, now), Body::Gone);
    bench.connection.respond(stale, &text("stale"), now);
    bench.connection.respond_head(stale, &text("stale"), None, now);
    bench.connection.respond_body(stale, b"stale", now);
    bench.connection.respond_end(stale, now);
    assert!(!bench.connection.switch(stale, &text("stale"), 100, now));
    bench.connection.abort(stale, now);
    assert_eq!(bench.send("2\r\nlo\r\n0\r\n\r\n").reply().text(), "hello");
}

#[test]
fn a_refusal_has_a_ticket_of_its_own_and_all_the_time_it_takes() {
    let mut bench = bench();
    bench.post("/park", "Content-Length: 5", "x");
    let ticket = bench.app.waiting().unwrap();
    bench.now = bench.connection.poll_timeout().unwrap().as_millis();
    let now = bench.time();
    bench.connection.handle_timeout(now);
    assert_eq!(bench.connection.poll(now, |_, _| ()), Some(Event::Gone(ticket)));
    bench.connection.respond(ticket, &text("too late"), now);
    assert!(bench.connection.transmit().is_empty());
    let Some(Event::Refused { ticket: other, refusal, .. }) = bench.connection.poll(now, |_, _| ()) else { panic!() };
    assert!(other != ticket && refusal.status == 408);
    assert_eq!((bench.connection.poll(now, |_, _| ()), bench.connection.poll_timeout()), (None, None));

    let mut bench = crate::bench::bench();
    bench.connection.receive(b"GET", bench.time());
    bench.now = bench.connection.poll_timeout().unwrap().as_millis();
    bench.connection.handle_timeout(bench.time());
    assert_eq!(bench.connection.poll_timeout(), None);
    assert!(matches!(bench.connection.poll(bench.time(), |_, _| ()), Some(Event::Refused { .. })));
}

#[test]
fn content_is_handed_over_in_the_pieces_that_are_asked_for() {
    let mut bench = bench();
    bench.post("/pieces", "Transfer-Encoding: chunked", "3\r\nabc\r\n3\r\ndef\r\n0\r\n\r\n");
    bench.post("/wait", "Transfer-Encoding: chunked", "3\r\nabc\r\n3\r\ndef\r\n0\r\n\r\n");
    // The first has been read to its end by the application; the second waits behind it.
    bench.let_pass(1);
    let (ticket, now) = (bench.app.waiting().unwrap(), bench.time());
    let mut into = b"> ".to_vec();
    let mut read = |max| bench.connection.read_body(ticket, &mut into, max, now);
    assert_eq!([read(2), read(3), read(100), read(1)], [Body::Data(2), Body::Data(3), Body::Data(1), Body::End]);
    assert_eq!(into, b"> abcdef");
}
