//! Clients that are slow, in every place where one can be.
use crate::app::BIG;
use crate::bench::{Bench, bench};
use sanket_host::http::HttpConfig;

const HEAD: u64 = 30_000;
const IDLE: u64 = 75_000;
const BODY_IDLE: u64 = 30_000;
const BODY: u64 = 300_000;
const STALL: u64 = 30_000;
const LINGER: u64 = 2_000;

#[test]
fn a_slow_head_is_refused() {
    let mut one = bench();
    one.send("GET / HTTP/1.1\r\n").pass(HEAD - 1);
    one.is_open();
    one.pass(1);
    one.is_refused(408);

    let mut later = bench();
    assert_eq!(later.get("/").status, 200);
    later.pass(IDLE - 1);
    later.send("GET").pass(HEAD - 1);
    later.is_open();
    later.pass(1);
    later.is_refused(408);

    // A byte now and then does not help.
    let mut dripping = [bench(), bench()];
    dripping[1].get("/");
    for mut bench in dripping {
        for _ in 0..HEAD / 1_000 {
            bench.is_open();
            bench.send("x").pass(1_000);
        }
        bench.is_refused(408);
    }
}

#[test]
fn the_rest_of_a_pipelined_request_has_its_time_too() {
    let mut bench = bench();
    bench.send("GET / HTTP/1.1\r\nHost: a\r\n\r\nGET").pass(HEAD);
    assert_eq!(bench.reply().text(), "hello");
    bench.is_refused(408);
}

#[test]
fn a_silent_client_gets_no_response() {
    let mut first = bench();
    first.pass(HEAD - 1);
    first.is_open();
    first.pass(1);
    first.is_closed();
    assert!(first.connection.is_over());

    let mut later = bench();
    assert_eq!(later.get("/").status, 200);
    later.pass(IDLE - 1);
    later.is_open();
    later.pass(1);
    later.is_closed();
    assert!(later.connection.is_over());
}

#[test]
fn a_slow_body_is_refused() {
    for (path, lines, body) in [
        ("/echo", "Content-Length: 5", "x"),
        ("/echo", "Transfer-Encoding: chunked", "1\r\nx\r\n0\r\n"),
        ("/park", "Content-Length: 5", ""),
    ] {
        let mut bench = bench();
        bench.post(path, lines, body).pass(BODY_IDLE - 1);
        bench.is_open();
        bench.pass(1);
        assert_eq!((bench.gone.len(), bench.app.waiting()), (1, None));
        bench.is_refused(408);
    }
}

#[test]
fn a_client_that_was_not_asked_for_its_body_does_not_owe_it() {
    let mut bench = bench();
    bench.post("/wait", "Content-Length: 5", "x").pass(BODY * 10);
    bench.let_pass(1);
    assert_eq!(bench.reply().text(), "passed");
}

#[test]
fn a_body_that_drips_is_refused() {
    let mut bench = bench();
    bench.post("/echo", "Content-Length: 1000000", "x");
    for _ in 0..BODY / 10_000 {
        bench.is_open();
        bench.pass(10_000);
        bench.send("x");
    }
    bench.is_refused(408);
}

#[test]
fn a_body_that_comes_steadily_may_take_longer_than_a_silence() {
    let mut bench = bench();
    bench.post("/echo", "Transfer-Encoding: chunked", "");
    for _ in 0..5 {
        bench.pass(BODY_IDLE - 1);
        bench.send("1\r\nx\r\n");
    }
    assert_eq!(bench.send("0\r\n\r\n").reply().text(), "xxxxx");
}

#[test]
fn a_client_that_does_not_read_is_dropped() {
    let mut stuck = bench();
    stuck.window = 100_000;
    stuck.send("GET /big HTTP/1.1\r\nHost: a\r\n\r\n").pass(STALL - 1);
    stuck.is_open();
    stuck.window = 1;
    stuck.turn();
    stuck.pass(STALL - 2);
    // A write of nothing is none.
    stuck.connection.transmitted(0, stuck.time());
    stuck.pass(1);
    stuck.is_open();
    stuck.pass(1);
    assert!(stuck.connection.is_over() && stuck.connection.transmit().is_empty());
    assert_eq!((stuck.gone.len(), stuck.app.waiting()), (1, None));

    let mut complete = bench();
    complete.window = 10;
    complete.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n").pass(STALL);
    assert!(complete.connection.is_over() && complete.gone.is_empty());

    // One that does read gets all of it.
    assert_eq!(bench().get("/big").body.len(), BIG);
}

#[test]
fn idleness_begins_when_the_response_has_been_taken() {
    let mut bench = bench();
    bench.window = 10;
    bench.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n").pass(STALL - 1);
    bench.window = usize::MAX;
    bench.turn();
    bench.pass(IDLE - 1);
    assert_eq!(bench.reply().text(), "hello");
    bench.is_open();
    bench.pass(1);
    bench.is_closed();
}

#[test]
fn a_request_may_wait_for_its_response_as_long_as_it_takes() {
    let mut bench = bench();
    bench.send("GET /gate HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(bench.connection.poll_timeout(), None);
    bench.pass(10 * IDLE);
    bench.let_pass(1);
    assert_eq!(bench.reply().text(), "passed");
    bench.pass(IDLE);
    bench.is_closed();
}

#[test]
fn an_unread_body_is_thrown_away_for_a_short_time_only() {
    let mut bench = bench();
    bench.window = 10;
    bench.post("/ignore", "Content-Length: 90", "x");
    // The time begins when the response has been taken.
    bench.pass(2 * LINGER);
    bench.window = usize::MAX;
    bench.turn();
    bench.send("x").pass(LINGER - 1);
    bench.is_open();
    bench.send("x").pass(1);
    assert_eq!(bench.reply().text(), "ignored");
    bench.is_closed();
    bench.pass(LINGER);
    assert!(bench.connection.is_over());
}

#[test]
fn a_client_that_does_not_close_is_left() {
    let mut silent = bench();
    assert_eq!(silent.get("/closes").text(), "closed");
    silent.is_closed();
    silent.pass(LINGER - 1);
    assert!(!silent.connection.is_over());
    silent.pass(1);
    assert!(silent.connection.is_over());

    let mut loud = bench();
    loud.get("/closes");
    loud.send(vec![b'x'; 65_535]);
    assert!(!loud.connection.is_over() && loud.connection.wants_read());
    loud.send("x");
    assert!(loud.connection.is_over());

    let mut deaf = bench();
    deaf.window = 10;
    deaf.send("GET /closes HTTP/1.1\r\nHost: a\r\n\r\n").send(vec![b'x'; 1 << 20]);
    assert!(!deaf.connection.wants_read() && deaf.unread() > 900_000, "the server goes on reading");
    assert!(!deaf.connection.wants_shutdown() && !deaf.connection.is_over());
    deaf.window = usize::MAX;
    deaf.turn();
    assert_eq!(deaf.reply().text(), "closed");
    assert!(deaf.connection.is_over());
}

#[test]
fn nothing_received_is_nothing() {
    let mut bench = bench();
    bench.get("/");
    bench.pass(IDLE - 1);
    bench.connection.receive(b"", bench.time());
    bench.pass(1);
    assert!(bench.connection.is_over());
}

#[test]
fn nothing_is_judged_before_its_time() {
    let mut bench = Bench::new(HttpConfig::default());
    let late = sanket::Time::from_millis(bench.now + 10 * HEAD);
    bench.connection.receive(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", late);
    bench.turn();
    assert_eq!(bench.reply().text(), "hello", "the driver was late, not the client");
    bench.connection.handle_timeout(bench.time());
    bench.is_open();
}
