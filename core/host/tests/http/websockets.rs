//! WebSockets: messages, pings, and every way in which one can end.
use crate::bench::{Bench, bench};
use crate::frames::{self, BINARY, CLOSE, CONTINUATION, FIN, PING, PONG, TEXT, frame};
use sanket::Time;
use sanket::driver::{WsEnd, WsMessage};
use sanket_host::http::{Connection, HttpConfig, Message};
use std::sync::Arc;

pub(crate) const UPGRADE: &str =
    "GET /upgrade HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n\r\n";

/// A WebSocket whose host sends nothing by itself.
fn open() -> Bench {
    let mut bench = bench();
    bench.app.echoes = false;
    bench.send(UPGRADE);
    assert_eq!(bench.head().status, 101);
    bench
}

fn binary(bytes: &'static [u8]) -> Message {
    Message::Binary(bytes.into())
}

fn text(text: &'static str) -> Message {
    Message::Text(text.into())
}

#[test]
fn messages_both_ways() {
    let mut bench = open();
    bench.send(frames::text("a")).send(frame(FIN | BINARY, b"\xff")).send(frames::text(""));
    assert_eq!(bench.messages, [text("a"), binary(b"\xff"), text("")]);
    let now = bench.time();
    let messages = [WsMessage::Text("b".into()), WsMessage::Binary(vec![7; 300].into())];
    bench.connection.send(messages, now);
    bench.turn();
    let sent = bench.rest();
    assert_eq!((&sent[..7], sent.len()), (&b"\x81\x01b\x82\x7e\x01\x2c"[..], 307));
    bench.connection.send([WsMessage::Binary(vec![7; 70_000].into())], now);
    bench.turn();
    assert_eq!(bench.rest()[..10], *b"\x82\x7f\0\0\0\0\0\x01\x11\x70");
    assert_eq!(bench.connection.poll_timeout(), None);
}

#[test]
fn messages_in_fragments_and_long_ones() {
    let mut bench = open();
    let fragments = [frame(TEXT, b"a"), frames::ping(b"!"), frame(CONTINUATION, b""), frame(FIN, "\u{e4}".as_bytes())];
    bench.send(fragments.concat());
    assert_eq!(bench.messages, [text("a\u{e4}")]);
    assert_eq!(bench.rest(), b"\x8a\x01!");
    let long = vec![b'x'; 100_000];
    bench.send(frame(FIN | TEXT, &long));
    assert!(matches!(&bench.messages[1], Message::Text(text) if text.as_bytes() == long));
}

#[test]
fn a_connection_that_another_server_has_upgraded() {
    let early = [frames::text("early"), frames::text("late")].concat();
    let now = 5;
    let config = Arc::new(HttpConfig::default());
    let mut bench =
        Bench::with(Connection::upgraded(config, 100, &early[..early.len() - 1], Time::from_millis(now)), now);
    assert!(bench.connection.is_upgraded());
    bench.turn();
    bench.send(&early[early.len() - 1..]);
    assert_eq!(bench.messages, [text("early"), text("late")]);
    assert_eq!(bench.rest(), b"\x81\x05early\x81\x04late");
    bench.send(frame(FIN | TEXT, &[b'x'; 101]));
    assert_eq!(bench.rest(), b"\x88\x02\x03\xf1");
}

#[test]
fn pings_are_answered_and_bounded() {
    let mut bench = open();
    bench.send(frames::ping(b"hello")).send(frame(FIN | PONG, b"unasked"));
    assert_eq!(bench.rest(), b"\x8a\x05hello");
    assert!(bench.messages.is_empty());

    bench.window = 0;
    bench.send(frames::ping(&[b'x'; 125]).repeat(10_000));
    let waiting = bench.connection.transmit().len();
    assert!((16 << 10..17 << 10).contains(&waiting), "{waiting} bytes of pongs wait");
    assert!(!bench.connection.wants_read() && bench.unread() > 1_280_000);
    // A client that takes what it is sent is heard again.
    bench.window = usize::MAX;
    bench.turn();
    assert_eq!(bench.rest().len(), 10_000 * 127);
    bench.send(frames::text("a"));
    assert_eq!(bench.messages, [text("a")]);
}

#[test]
fn the_end_of_the_stream_is_seen_behind_many_pings() {
    let mut bench = open();
    bench.window = 0;
    // So much is received at once, although it should not be.
    let now = bench.time();
    bench.connection.receive(&frames::ping(&[b'x'; 125]).repeat(1_000), now);
    bench.poll();
    bench.connection.end_of_stream(now);
    bench.poll();
    assert_eq!(bench.ends, [WsEnd::Closed]);
    assert!(bench.connection.is_over());
}

#[test]
fn the_peer_closes() {
    for (sent, answer) in [
        (frame(FIN | CLOSE, b""), &b"\x88\x00"[..]),
        (frames::close(1000), b"\x88\x02\x03\xe8"),
        (frame(FIN | CLOSE, b"\x03\xe9bye"), b"\x88\x05\x03\xe9bye"),
    ] {
        let mut bench = open();
        bench.window = 1;
        bench.send([frames::text("last"), sent, frames::text("too late")].concat());
        assert_eq!((bench.messages.as_slice(), bench.ends.as_slice()), (&[text("last")][..], &[WsEnd::Closed][..]));
        assert!(bench.connection.ends_after_transmit() && !bench.connection.is_over());
        let now = bench.time();
        bench.connection.send([WsMessage::Text("too late".into())], now);
        bench.connection.close(now);
        bench.window = usize::MAX;
        bench.turn();
        assert_eq!(bench.rest(), answer);
        assert!(bench.connection.is_over());
        bench.turn();
        assert_eq!(bench.ends.len(), 1);
    }
}

#[test]
fn a_peer_that_closes_and_does_not_read() {
    let mut bench = open();
    bench.window = 0;
    bench.send(frames::close(1000)).pass(999);
    assert!(!bench.connection.is_over());
    bench.pass(1);
    assert!(bench.connection.is_over());
    assert_eq!(bench.ends, [WsEnd::Closed]);
}

#[test]
fn the_connection_ends_without_a_close_frame() {
    let mut bench = open();
    bench.send([frames::text("last"), frames::text("half")[..5].to_vec()].concat()).finish_sending();
    assert_eq!((bench.messages.as_slice(), bench.ends.as_slice()), (&[text("last")][..], &[WsEnd::Closed][..]));
    assert!(bench.connection.is_over() && bench.rest().is_empty());
}

#[test]
fn the_server_closes() {
    let mut bench = open();
    let now = bench.time();
    bench.connection.send([WsMessage::Text("last".into())], now);
    bench.connection.close(now);
    bench.connection.close(now);
    bench.connection.send([WsMessage::Text("too late".into())], now);
    bench.turn();
    assert_eq!(bench.rest(), b"\x81\x04last\x88\x00");
    bench.is_open();
    // They crossed.
    bench.send([frames::text("crossed"), frames::ping(b"")].concat());
    assert!(bench.messages.is_empty() && bench.rest().is_empty() && bench.ends.is_empty());
    bench.send(frames::close(1000));
    assert!(bench.connection.is_over() && bench.rest().is_empty());
    assert_eq!(bench.ends, [WsEnd::Closed]);
}

#[test]
fn a_peer_does_not_answer_a_close() {
    let closing = || {
        let mut bench = open();
        bench.connection.close(bench.time());
        bench.turn();
        bench
    };
    let mut silent = closing();
    silent.pass(999);
    assert!(!silent.connection.is_over());
    silent.send(frames::text("still here")).pass(1);
    assert!(silent.connection.is_over());
    let mut gone = closing();
    gone.finish_sending();
    let mut wrong = closing();
    wrong.send("no frame");
    for bench in [silent, gone, wrong] {
        assert!(bench.connection.is_over());
        assert_eq!(bench.ends, [WsEnd::Closed]);
        assert_eq!(bench.outbox, b"\x88\x00");
    }
}

#[test]
fn violations_are_told_and_end_the_connection() {
    let long = frame(FIN | BINARY, &[0; 60_000]);
    let cases: [(u16, Vec<u8>); 14] = [
        (1002, b"\x81\x01a".to_vec()),
        (1002, frame(FIN | 3, b"")),
        (1002, frame(FIN | 11, b"")),
        (1002, frame(FIN | 0x40 | TEXT, b"a")),
        (1002, frame(PING, b"")),
        (1002, frame(FIN | PING, &[0; 126])),
        (1002, frame(FIN | CONTINUATION, b"")),
        (1002, [frame(TEXT, b""), frame(FIN | TEXT, b"")].concat()),
        (1002, frame(FIN | CLOSE, b"x")),
        (1007, frame(FIN | TEXT, b"\xff")),
        (1007, frame(FIN | CLOSE, b"\x03\xe8\xff")),
        (1009, frame(FIN | TEXT, &[b'x'; 100_001])),
        (1009, b"\x82\xff\xff\xff\xff\xff\xff\xff\xff\xff1234".to_vec()),
        (1009, [frame(TEXT, &[b'x'; 60_000]), frame(CONTINUATION, &long[8..60_008])].concat()),
    ];
    for (code, bytes) in cases {
        let mut bench = open();
        bench.send(frames::text("before"));
        bench.send(&bytes);
        let told = [&b"\x88\x02"[..], &code.to_be_bytes()].concat();
        assert_eq!(bench.rest(), told, "{:?}", bytes.escape_ascii().to_string().get(..40));
        assert_eq!((bench.messages.as_slice(), bench.ends.as_slice()), (&[text("before")][..], &[WsEnd::Failed][..]));
        bench.is_closed();
        bench.is_left();
        assert_eq!(bench.ends.len(), 1);
    }
}

#[test]
fn what_comes_after_a_violation_is_thrown_away_for_a_while() {
    let violated = || {
        let mut bench = open();
        bench.send(b"\x81\x01a");
        bench.send(frames::text("too late"));
        bench
    };
    let mut silent = violated();
    silent.pass(999);
    assert!(silent.connection.wants_shutdown() && !silent.connection.is_over());
    silent.pass(1);
    assert!(silent.connection.is_over() && silent.messages.is_empty());

    let mut loud = violated();
    loud.send(vec![0; 65_000]);
    assert!(!loud.connection.is_over());
    loud.send(vec![0; 1_000]);
    assert!(loud.connection.is_over());

    let mut unheard = open();
    unheard.window = 0;
    unheard.send(b"\x81\x01a").pass(999);
    assert!(!unheard.connection.wants_shutdown() && !unheard.connection.is_over());
    unheard.pass(1);
    assert!(unheard.connection.is_over());
}

#[test]
fn a_websocket_has_no_write_deadline() {
    let mut bench = open();
    bench.window = 0;
    let now = bench.time();
    bench.connection.send([WsMessage::Text("hello".into())], now);
    bench.pass(1_000_000);
    bench.send(frames::text("still here"));
    assert_eq!(bench.messages, [text("still here")]);
}
