//! A server that closes, or has too many connections: what becomes of them.
use crate::bench::{Bench, bench};
use http::StatusCode;
use sanket::Time;
use sanket_host::http::{Connection, HttpConfig, Refusal};
use std::sync::Arc;

#[test]
fn a_connection_too_many_is_told_so() {
    let open = || {
        let refusal = Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "too many connections");
        let mut bench = Bench::with(Connection::refused(Arc::default(), refusal, Time::from_millis(5)), 5);
        bench.window = 10;
        bench.turn();
        bench
    };
    let mut polite = open();
    assert!(polite.connection.ends_after_transmit());
    polite.window = usize::MAX;
    polite.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n").is_refused(503);
    assert_eq!(polite.app.calls, 0);
    let mut deaf = open();
    deaf.pass(HttpConfig::default().write_stall_timeout);
    assert!(deaf.connection.is_over());
}

#[test]
fn idle_connections_end() {
    let mut fresh = bench();
    fresh.connection.drain(fresh.time());
    fresh.is_closed();
    assert!(fresh.connection.is_over());

    let mut idle = bench();
    assert_eq!(idle.get("/").status, 200);
    idle.connection.drain(idle.time());
    idle.is_closed();
    assert!(idle.connection.is_over());
}

#[test]
fn a_request_under_way_is_answered_and_is_the_last() {
    let mut bench = bench();
    bench.send("GET /gate HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n");
    bench.connection.drain(bench.time());
    bench.turn();
    bench.is_open();
    bench.let_pass(1);
    let reply = bench.reply();
    assert_eq!((reply.text(), reply.closes()), ("passed", true));
    bench.is_closed();
    bench.is_left();
}

#[test]
fn a_head_that_has_begun_may_be_ended() {
    let mut bench = bench();
    bench.send("GET / HTT");
    bench.connection.drain(bench.time());
    bench.turn();
    let reply = bench.send("P/1.1\r\nHost: a\r\n\r\n").reply();
    assert_eq!((reply.text(), reply.closes()), ("hello", true));
    bench.is_closed();
}

#[test]
fn a_response_in_pieces_goes_on_and_is_the_last() {
    let mut bench = bench();
    bench.window = 100;
    bench.send("GET /big HTTP/1.1\r\nHost: a\r\n\r\n");
    bench.connection.drain(bench.time());
    bench.window = usize::MAX;
    bench.turn();
    let reply = bench.reply();
    assert_eq!((reply.body.len(), reply.closes()), (crate::app::BIG, false), "the head was out before");
    bench.is_closed();
    assert!(bench.connection.is_over());
}

#[test]
fn an_idle_client_gets_its_response_first() {
    let mut bench = bench();
    bench.window = 10;
    bench.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    bench.connection.drain(bench.time());
    bench.turn();
    bench.is_open();
    bench.window = usize::MAX;
    bench.turn();
    assert_eq!(bench.reply().text(), "hello");
    bench.is_closed();
}

#[test]
fn what_takes_too_long_is_cut() {
    let mut bench = bench();
    bench.send("GET /park HTTP/1.1\r\nHost: a\r\n\r\n");
    bench.connection.drain(bench.time());
    bench.connection.cut(bench.time());
    bench.turn();
    bench.is_closed();
    assert!(bench.connection.is_over());
    assert_eq!((bench.gone.len(), bench.app.waiting()), (1, None));
}

#[test]
fn websockets_are_left_alone() {
    let mut bench = bench();
    bench.send(crate::websockets::UPGRADE);
    bench.connection.drain(bench.time());
    bench.connection.cut(bench.time());
    assert_eq!(bench.head().status, 101);
    bench.send(crate::frames::text("still here"));
    assert_eq!(bench.rest(), b"\x81\x0astill here");
}
