//! Responses in pieces, and the writers of them.
use crate::app::{BIG, text};
use crate::bench::{Bench, bench};
use http::StatusCode;
use sanket_host::http::{Body, HttpConfig, Response, Ticket};

/// A request that the test answers, with these header lines.
fn asked(bench: &mut Bench, lines: &str, body: &str) -> Ticket {
    bench.post("/pieces", lines, body);
    bench.app.waiting().expect("a request that waits")
}

fn head(bench: &mut Bench, ticket: Ticket, length: Option<u64>) {
    bench.connection.respond_head(ticket, &Response::new(StatusCode::OK), length, bench.time());
    bench.turn();
}

#[test]
fn a_writer_in_pieces_waits_for_the_client() {
    let mut bench = bench();
    bench.window = 100_000;
    bench.send("GET /big HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(bench.connection.room(), 0);
    assert!(bench.connection.transmit().len() < 66_000, "so much is held at most");
    bench.window = 1_000;
    bench.turn();
    assert!(
        (1..32_768).contains(&bench.connection.room()) && bench.app.waiting().is_some(),
        "it is not told for a little"
    );
    bench.window = usize::MAX;
    bench.turn();
    assert!(bench.app.rooms.iter().all(|room| *room >= 32_768), "{:?}", bench.app.rooms);
    assert_eq!(bench.reply().body.len(), BIG);
}

#[test]
fn a_writer_is_told_once_that_there_is_room() {
    let mut bench = bench();
    bench.window = 0;
    let ticket = asked(&mut bench, "Content-Length: 0", "");
    head(&mut bench, ticket, None);
    let now = bench.time();
    bench.connection.respond_body(ticket, &[b'x'; 65_536], now);
    bench.window = 1_000;
    bench.turn();
    // It was not told yet, and is not forgotten because it went on all the same.
    bench.connection.respond_body(ticket, b"more", now);
    bench.turn();
    assert_eq!(bench.app.told, 0);
    bench.window = 60_000;
    bench.turn();
    bench.turn();
    assert_eq!(bench.app.told, 1);
    bench.window = usize::MAX;
    bench.connection.respond_body(ticket, b"more", now);
    bench.turn();
    assert_eq!(bench.app.told, 1);
}

#[test]
fn a_client_that_takes_nothing_is_dropped_at_any_stage() {
    let stall = HttpConfig::default().write_stall_timeout;
    for stage in 0..4 {
        let mut bench = Bench::new(HttpConfig { body_idle_timeout: 10 * stall, ..HttpConfig::default() });
        let ticket = asked(&mut bench, "Content-Length: 0", "");
        let now = bench.time();
        if stage == 1 {
            bench.window = 0;
        }
        if stage > 0 {
            head(&mut bench, ticket, None);
        }
        bench.window = 0;
        match stage {
            0 => bench.connection.respond(ticket, &text("all"), now),
            1 => {}
            2 => bench.connection.respond_body(ticket, b"piece", now),
            _ => bench.connection.respond_end(ticket, now),
        }
        bench.pass(stall - 1);
        bench.is_open();
        bench.pass(1);
        assert!(bench.connection.is_over(), "{stage}");
    }
    let mut asked = Bench::new(HttpConfig { body_idle_timeout: 10 * stall, ..HttpConfig::default() });
    asked.window = 0;
    asked.post("/echo", "Content-Length: 1\r\nExpect: 100-continue", "").pass(stall);
    assert!(asked.connection.is_over());
}

#[test]
fn a_connection_is_idle_when_the_last_piece_is_out() {
    let mut bench = bench();
    let ticket = asked(&mut bench, "Content-Length: 0", "");
    head(&mut bench, ticket, Some(4));
    let now = bench.time();
    bench.connection.respond_body(ticket, b"done", now);
    bench.turn();
    bench.pass(1_000_000);
    bench.is_open();
    bench.connection.respond_end(ticket, bench.time());
    bench.turn();
    bench.pass(HttpConfig::default().keep_alive_timeout - 1);
    bench.is_open();
    bench.pass(1);
    assert!(bench.connection.is_over());
}

#[test]
fn a_body_that_was_waited_for_in_vain_is_not_waited_for_any_longer() {
    for in_pieces in [false, true] {
        let mut bench = bench();
        let ticket = asked(&mut bench, "Content-Length: 5", "");
        let now = bench.time();
        if in_pieces {
            head(&mut bench, ticket, Some(0));
            bench.connection.respond_end(ticket, now);
        } else {
            bench.connection.respond(ticket, &text("early"), now);
        }
        bench.turn();
        bench.pass(HttpConfig::default().linger_timeout - 1);
        bench.is_open();
        bench.pass(1);
        bench.reply();
        bench.is_closed();
    }
}

#[test]
fn the_rest_of_a_body_is_read_or_thrown_away_after_the_response() {
    let mut bench = Bench::new(HttpConfig { linger_bytes: 100, ..HttpConfig::default() });
    let ticket = asked(&mut bench, "Content-Length: 300", "");
    head(&mut bench, ticket, Some(2));
    let now = bench.time();
    bench.connection.receive(&[b'x'; 150], now);
    let mut body = Vec::new();
    assert_eq!(bench.connection.read_body(ticket, &mut body, 120, now), Body::Data(120));
    bench.connection.respond_body(ticket, b"ok", now);
    bench.connection.respond_end(ticket, now);
    bench.turn();
    let reply = bench.reply();
    assert_eq!((reply.text(), reply.closes()), ("ok", false));
    bench.is_closed();
}

#[test]
fn a_status_without_a_body_has_no_pieces() {
    let mut bench = bench();
    let ticket = asked(&mut bench, "Content-Length: 0", "");
    let now = bench.time();
    bench.connection.respond_head(ticket, &Response::new(StatusCode::NO_CONTENT), None, now);
    bench.connection.respond_body(ticket, b"nothing", now);
    bench.connection.respond_end(ticket, now);
    bench.app.take();
    bench.turn();
    assert_eq!(bench.reply().header("transfer-encoding"), None);
    assert_eq!(bench.get("/").text(), "hello");
}

#[test]
fn the_client_ends_the_connection() {
    for target in ["/chunks", "/nothing", "/big"] {
        let mut bench = bench();
        bench.send(format!("GET {target} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"));
        assert!(bench.reply().closes(), "{target}");
        bench.is_closed();
        bench.is_left();
    }
}

#[test]
fn a_second_response_ends_the_connection() {
    for second in [0, 1] {
        let mut bench = bench();
        bench.send("GET /pieces HTTP/1.1\r\nHost: a\r\n\r\n");
        let (ticket, now) = (bench.app.take(), bench.time());
        bench.connection.respond_head(ticket, &Response::new(StatusCode::OK), Some(2), now);
        if second == 0 {
            bench.connection.respond(ticket, &text("again"), now);
        } else {
            bench.connection.respond_head(ticket, &text("again"), None, now);
        }
        bench.turn();
        assert!(bench.rest().ends_with(b"content-length: 2\r\n\r\n"));
        assert!(bench.connection.is_over());
    }
}
