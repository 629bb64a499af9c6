//! Conversations: what the protocol says must happen, move by move, in virtual time. Each test is named after the
//! behaviour; sections are those of the two protocol documents and of the reference's source.

use bytes::Bytes;
use sanket::{BodyKind, Config, RawMessage, Reason, RequestId, Revision, WsEnd, WsMessage};
use sanket_tests::world::{Everything, Session, World};

const BOTH: [Revision; 2] = [Revision::V3, Revision::V4];

fn world() -> World<Everything> {
    World::new(Everything, Config::default())
}

fn text(message: &WsMessage) -> &str {
    match message {
        WsMessage::Text(bytes) => std::str::from_utf8(bytes).expect("text is UTF-8"),
        WsMessage::Binary(bytes) => panic!("binary: {bytes:?}"),
    }
}

fn texts(messages: &[WsMessage]) -> Vec<&str> {
    messages.iter().map(text).collect()
}

/// The packets of a poll's answer.
fn packets(world: &mut World<Everything>, session: Session, id: RequestId) -> Vec<String> {
    let (status, _, body) = world.answer(id).expect("an answer");
    assert_eq!(status, 200, "{body:?}");
    let body = String::from_utf8(body.to_vec()).expect("a text payload");
    match session.revision {
        Revision::V4 => body.split('\x1e').map(str::to_owned).collect(),
        Revision::V3 => {
            let (mut rest, mut found) = (&*body, Vec::new());
            while let Some((length, after)) = rest.split_once(':') {
                let (packet, after) = after.split_at(length.parse().expect("a length of ASCII text"));
                found.push(packet.to_owned());
                rest = after;
            }
            found
        }
    }
}

fn post(world: &mut World<Everything>, session: Session, packet: &str) -> u16 {
    let body = match session.revision {
        Revision::V4 => packet.to_owned(),
        Revision::V3 => format!("{}:{packet}", packet.encode_utf16().count()),
    };
    let id = world.post(session, BodyKind::Text, body.as_bytes());
    world.answer(id).expect("an answer").0
}

/// A session that polls, is in `/`, and has nothing left to fetch.
fn poller(world: &mut World<Everything>, revision: Revision) -> Session {
    let (session, id) = world.open_polling(revision, false).expect("there is room");
    assert!(packets(world, session, id)[0].starts_with("0{\"sid\":\""));
    if revision == Revision::V4 {
        assert_eq!(post(world, session, "40"), 200);
    }
    let id = world.get(session);
    let got = packets(world, session, id);
    assert!(got[0].starts_with("40"), "{got:?}");
    if !got.iter().any(|packet| packet.contains("hello")) {
        let id = world.get(session);
        assert!(packets(world, session, id)[0].contains("hello"));
    }
    session
}

/// A session on a WebSocket, in `/`, that has read everything.
fn socket(world: &mut World<Everything>, revision: Revision) -> (Session, RequestId) {
    let (session, ws) = world.open_ws(revision).expect("there is room");
    if revision == Revision::V4 {
        say(world, session, ws, "40");
    }
    let got = world.receive(session, ws, usize::MAX);
    assert_eq!(got.len(), 3, "handshake, CONNECT, hello: {got:?}");
    (session, ws)
}

fn say(world: &mut World<Everything>, session: Session, ws: RequestId, packet: &str) {
    world.send(session, ws, RawMessage::Text(packet));
}

fn hear(world: &mut World<Everything>, session: Session, ws: RequestId) -> Vec<String> {
    texts(&world.receive(session, ws, usize::MAX)).into_iter().map(str::to_owned).collect()
}

/// Lets time pass until a ping has just come; how long that took, in milliseconds.
fn await_ping(world: &mut World<Everything>, session: Session, ws: RequestId) -> usize {
    (0..30_000)
        .find(|_| {
            world.advance(1);
            hear(world, session, ws) == ["2"]
        })
        .expect("a ping")
}

#[test]
fn v4_the_server_pings_and_the_client_must_answer_in_time() {
    let mut world = world();
    let (session, ws) = socket(&mut world, Revision::V4);
    // The first ping comes up to half an interval early, each later one an interval after the pong.
    await_ping(&mut world, session, ws);
    say(&mut world, session, ws, "3");
    world.advance(24_999);
    assert_eq!(hear(&mut world, session, ws), [""; 0]);
    world.advance(9);
    assert_eq!(hear(&mut world, session, ws), ["2"]);
    world.advance(19_980);
    assert_eq!(world.end_of(session), None);
    world.advance(28);
    assert_eq!(world.end_of(session), Some(Reason::PingTimeout));
    assert!(!world.is_open(ws));
}

#[test]
fn v4_pongs_without_a_ping_only_start_the_interval_anew() {
    let mut world = world();
    let (session, ws) = socket(&mut world, Revision::V4);
    for _ in 0..100 {
        say(&mut world, session, ws, "3");
    }
    world.advance(25_008);
    assert_eq!(hear(&mut world, session, ws), ["2"], "one heartbeat, however many pongs (CVE-2026-48802)");
}

#[test]
fn v4_a_message_buys_a_late_pong_one_more_timeout_and_no_more() {
    let mut world = world();
    let (session, ws) = socket(&mut world, Revision::V4);
    await_ping(&mut world, session, ws);
    world.advance(15_000);
    say(&mut world, session, ws, "42[\"x\"]");
    world.advance(15_000);
    say(&mut world, session, ws, "42[\"x\"]");
    assert_eq!(world.end_of(session), None);
    world.advance(5_008);
    assert_eq!(world.end_of(session), Some(Reason::PingTimeout));
}

#[test]
fn v3_the_client_pings_and_the_server_answers() {
    let mut world = world();
    let (session, ws) = socket(&mut world, Revision::V3);
    for _ in 0..3 {
        world.advance(44_990);
        say(&mut world, session, ws, "2");
        assert_eq!(hear(&mut world, session, ws), ["3"]);
    }
    world.advance(45_008);
    assert_eq!(world.end_of(session), Some(Reason::PingTimeout));
}

#[test]
fn a_heartbeat_in_the_wrong_direction_ends_the_session() {
    for (revision, beat) in [(Revision::V4, "2"), (Revision::V3, "3")] {
        let mut world = world();
        let (session, ws) = socket(&mut world, revision);
        say(&mut world, session, ws, beat);
        assert_eq!(world.end_of(session), Some(Reason::TransportError));
        let session = poller(&mut world, revision);
        post(&mut world, session, beat);
        assert_eq!(world.end_of(session), Some(Reason::TransportError));
    }
}

#[test]
fn an_upgrade_lets_the_poll_go_and_loses_nothing() {
    for revision in BOTH {
        let mut world = world();
        let session = poller(&mut world, revision);
        let poll = world.get(session);
        let ws = world.upgrade(session);
        assert!(world.is_waiting(poll), "the poll waits until the probe has come");
        say(&mut world, session, ws, "2probe");
        assert_eq!(packets(&mut world, session, poll), ["6"]);
        assert_eq!(hear(&mut world, session, ws), ["3probe"]);
        // The client is between its transports: what is said now waits for the new one.
        assert_eq!(post(&mut world, session, "42[\"echo\",1]"), 200);
        assert_eq!(hear(&mut world, session, ws), [""; 0]);
        say(&mut world, session, ws, "5");
        assert_eq!(hear(&mut world, session, ws), ["42[\"echo\",1]"]);
        say(&mut world, session, ws, "42[\"echo\",2]");
        assert_eq!(hear(&mut world, session, ws), ["42[\"echo\",2]"]);
    }
}

#[test]
fn a_poll_after_the_probe_is_answered_at_once() {
    let mut world = world();
    let session = poller(&mut world, Revision::V4);
    let ws = world.upgrade(session);
    say(&mut world, session, ws, "2probe");
    let poll = world.get(session);
    assert_eq!(packets(&mut world, session, poll), ["6"]);
}

#[test]
fn a_probe_that_is_never_finished_leaves_polling_as_it_was() {
    let mut world = world();
    let session = poller(&mut world, Revision::V4);
    let ws = world.upgrade(session);
    say(&mut world, session, ws, "2probe");
    world.advance(10_008);
    assert!(!world.is_open(ws));
    let poll = world.get(session);
    assert!(world.is_waiting(poll));
    assert_eq!(post(&mut world, session, "42[\"echo\",1]"), 200);
    assert_eq!(packets(&mut world, session, poll), ["42[\"echo\",1]"]);
    // And another may be tried.
    let second = world.upgrade(session);
    assert!(world.is_open(second));
}

#[test]
fn a_second_websocket_and_a_wrong_probe_close_only_themselves() {
    let mut world = world();
    let session = poller(&mut world, Revision::V4);
    let first = world.upgrade(session);
    let second = world.upgrade(session);
    assert!(world.is_open(first) && !world.is_open(second));
    say(&mut world, session, first, "42[\"echo\",1]");
    assert!(!world.is_open(first));
    assert_eq!(world.end_of(session), None);
    world.end_ws(session, first, WsEnd::Failed);
    assert_eq!(world.end_of(session), None);
}

#[test]
fn two_polls_at_once_end_the_session() {
    for revision in BOTH {
        let mut world = world();
        let session = poller(&mut world, revision);
        let (first, second) = (world.get(session), world.get(session));
        assert_eq!(packets(&mut world, session, first), ["1"]);
        assert_eq!(world.answer(second).expect("an answer").0, 400);
        assert_eq!(world.end_of(session), Some(Reason::TransportError));
    }
}

#[test]
fn a_poll_whose_connection_breaks_ends_the_session() {
    let mut world = world();
    let session = poller(&mut world, Revision::V4);
    let poll = world.get(session);
    world.lose_request(session, poll);
    assert_eq!(world.end_of(session), Some(Reason::TransportError));
    assert!(world.server.hub.is_empty(), "the others are told");
}

#[test]
fn a_client_that_says_goodbye_is_answered_noop() {
    let mut world = world();
    let session = poller(&mut world, Revision::V4);
    let poll = world.get(session);
    assert_eq!(post(&mut world, session, "1"), 200);
    assert_eq!(packets(&mut world, session, poll), ["6"]);
    assert_eq!(world.end_of(session), Some(Reason::TransportClose));
    assert_eq!(post(&mut world, session, "3"), 400);
}

#[test]
fn a_closing_server_sends_what_is_queued_first() {
    let mut world = world();
    let session = poller(&mut world, Revision::V4);
    let (other, ws) = socket(&mut world, Revision::V4);
    assert_eq!(post(&mut world, session, "42[\"echo\",1]"), 200);
    say(&mut world, other, ws, "42[\"echo\",2]");
    world.server.shard.shutdown(world.now);
    let poll = world.get(session);
    assert_eq!(packets(&mut world, session, poll), ["42[\"echo\",1]", "1"]);
    assert_eq!(world.end_of(session), Some(Reason::ServerShuttingDown));
    assert!(world.is_open(ws), "not before it has been read");
    assert_eq!(hear(&mut world, other, ws), ["42[\"echo\",2]"]);
    assert!(!world.is_open(ws));
    assert!(world.open_ws(Revision::V4).is_err(), "no more sessions");
}

#[test]
fn a_closed_session_that_is_never_polled_is_given_up() {
    let mut world = world();
    let session = poller(&mut world, Revision::V4);
    world.server.shard.shutdown(world.now);
    world.advance(29_990);
    assert_eq!(world.end_of(session), None);
    world.advance(26);
    assert!(world.end_of(session).is_some());
}

#[test]
fn v4_a_client_that_joins_no_namespace_is_closed() {
    let mut world = world();
    let (session, ws) = world.open_ws(Revision::V4).expect("there is room");
    world.advance(25_008);
    say(&mut world, session, ws, "3");
    world.advance(19_980);
    assert_eq!(world.end_of(session), None);
    world.advance(28);
    hear(&mut world, session, ws);
    assert_eq!(world.end_of(session), Some(Reason::ForcedServerClose));
}

#[test]
fn a_refused_namespace_leaves_the_connection_open() {
    for revision in BOTH {
        let mut world = world();
        let (session, ws) = socket(&mut world, revision);
        say(&mut world, session, ws, "40/long,");
        assert_eq!(hear(&mut world, session, ws), ["44/long,{\"message\":\"Invalid namespace\"}"]);
        say(&mut world, session, ws, "42[\"echo\",1]");
        assert_eq!(hear(&mut world, session, ws), ["42[\"echo\",1]"]);
    }
}

#[test]
fn what_is_not_allowed_in_a_namespace_closes_the_whole_connection() {
    for packet in ["42/a,[\"echo\"]", "41/a,", "43/a,1[]", "40", "44{}"] {
        let mut world = world();
        let (session, ws) = socket(&mut world, Revision::V4);
        say(&mut world, session, ws, packet);
        assert_eq!(world.end_of(session), Some(Reason::ForcedServerClose), "{packet}");
    }
}

#[test]
fn ids_are_the_clients_business_in_v3_and_unrelated_to_the_session_in_v4() {
    let mut world = world();
    let (session, ws) = world.open_ws(Revision::V4).expect("there is room");
    say(&mut world, session, ws, "40");
    say(&mut world, session, ws, "40/a,");
    let got = hear(&mut world, session, ws);
    let ids: Vec<&str> =
        got.iter().filter_map(|packet| packet.split_once("{\"sid\":\"")).map(|(_, id)| &id[..22]).collect();
    assert_eq!(ids.len(), 3, "{got:?}");
    assert!(ids[0] != ids[1] && ids[1] != ids[2] && ids[0] != ids[2], "{ids:?}");

    let (session, ws) = world.open_ws(Revision::V3).expect("there is room");
    say(&mut world, session, ws, "40/a?token=x%20y,");
    let got = hear(&mut world, session, ws);
    assert_eq!(got[1], "40");
    assert!(got.contains(&"40/a,".to_owned()), "{got:?}");
}

#[test]
fn attachments_come_back_whole_on_every_transport() {
    let data = [Bytes::from_static(b"\x00\xff4"), Bytes::new()];
    let args = r#"[{"_placeholder":true,"num":1},{"_placeholder":true,"num":0}]"#;
    for revision in BOTH {
        let mut world = world();
        let (session, ws) = socket(&mut world, revision);
        say(&mut world, session, ws, &format!("452-9[\"echo\",{args}]"));
        for bytes in &data {
            let framed = if revision == Revision::V3 { [&[4], &bytes[..]].concat() } else { bytes.to_vec() };
            world.send(session, ws, RawMessage::Binary(&framed));
        }
        let got = world.receive(session, ws, usize::MAX);
        assert_eq!([text(&got[0]), text(&got[3])], [format!("452-[\"echo\",{args}]"), format!("462-9[{args}]")]);
        for (message, bytes) in got[1..3].iter().chain(&got[4..]).zip(data.iter().chain(&data)) {
            let framed = if revision == Revision::V3 { [&[4], &bytes[..]].concat() } else { bytes.to_vec() };
            assert_eq!(*message, WsMessage::Binary(framed.into()));
        }
    }
}

#[test]
fn text_while_attachments_are_owed_and_attachments_that_nobody_owes_end_the_session() {
    let mut world = world();
    let (session, ws) = socket(&mut world, Revision::V4);
    say(&mut world, session, ws, "451-[\"echo\",{\"_placeholder\":true,\"num\":0}]");
    say(&mut world, session, ws, "42[\"echo\"]");
    assert_eq!(world.end_of(session), Some(Reason::ParseError));
    let (session, ws) = socket(&mut world, Revision::V4);
    world.send(session, ws, RawMessage::Binary(b"nobody asked"));
    assert_eq!(world.end_of(session), Some(Reason::ParseError));
}

#[test]
fn attachments_that_never_come_end_the_session() {
    let mut world = world();
    let (session, ws) = socket(&mut world, Revision::V3);
    say(&mut world, session, ws, "452-[\"echo\"]");
    world.advance(44_000);
    world.send(session, ws, RawMessage::Binary(b"\x04one"));
    world.advance(44_000);
    say(&mut world, session, ws, "2");
    assert_eq!(hear(&mut world, session, ws), ["3"], "a heartbeat does not count");
    world.advance(1_008);
    hear(&mut world, session, ws);
    assert_eq!(world.end_of(session), Some(Reason::ParseError));
}

#[test]
fn attachments_beyond_the_limit_end_the_session() {
    let mut world = World::new(Everything, Config { max_attached: 10, ..Config::default() });
    let (session, ws) = socket(&mut world, Revision::V4);
    say(&mut world, session, ws, "452-[\"echo\"]");
    world.send(session, ws, RawMessage::Binary(&[0; 10]));
    assert_eq!(world.end_of(session), None);
    world.send(session, ws, RawMessage::Binary(&[0; 1]));
    assert_eq!(world.end_of(session), Some(Reason::ParseError));
}

#[test]
fn a_volatile_event_goes_only_to_who_can_take_it_at_once() {
    let mut world = world();
    let (speaker, ws) = socket(&mut world, Revision::V4);
    let (idle, polling) = (poller(&mut world, Revision::V4), poller(&mut world, Revision::V3));
    let waiting = world.get(polling);
    say(&mut world, speaker, ws, "42[\"typing\"]");
    assert_eq!(packets(&mut world, polling, waiting), ["42[\"typing\",1]"]);
    assert_eq!(hear(&mut world, speaker, ws), ["42[\"typing\",1]"]);
    let poll = world.get(idle);
    assert!(world.is_waiting(poll), "it was not kept");
    // Nor does it go to a WebSocket that has not sent everything yet.
    say(&mut world, speaker, ws, "42[\"echo\",1]");
    say(&mut world, speaker, ws, "42[\"typing\"]");
    assert_eq!(hear(&mut world, speaker, ws), ["42[\"echo\",1]"]);
}

#[test]
fn who_does_not_fetch_what_is_queued_is_closed_and_nobody_else() {
    let mut world = World::new(Everything, Config { max_queue: 10_000, ..Config::default() });
    let slow = poller(&mut world, Revision::V4);
    let (speaker, ws) = socket(&mut world, Revision::V3);
    let message = format!("42[\"all\",\"{}\"]", "x".repeat(1_000));
    for round in 0..10 {
        assert_eq!(world.end_of(slow), None, "{round}");
        say(&mut world, speaker, ws, &message);
        assert_eq!(hear(&mut world, speaker, ws)[0], message);
    }
    assert_eq!(world.end_of(slow), Some(Reason::SlowConsumer));
    assert_eq!(world.end_of(speaker), None);
}

#[test]
fn a_poll_takes_as_much_as_fits_and_at_least_one_packet() {
    let mut world = World::new(Everything, Config { max_payload: 1_000, ..Config::default() });
    let session = poller(&mut world, Revision::V4);
    let (speaker, ws) = socket(&mut world, Revision::V4);
    for length in [400, 400, 400, 980] {
        say(&mut world, speaker, ws, &format!("42[\"all\",\"{}\"]", "x".repeat(length)));
    }
    let sizes: Vec<usize> = (0..3)
        .map(|_| {
            let poll = world.get(session);
            packets(&mut world, session, poll).len()
        })
        .collect();
    assert_eq!(sizes, [2, 1, 1]);
}

#[test]
fn limits_of_namespaces() {
    let mut world = World::new(Everything, Config { max_namespaces: 2, max_namespace_name: 3, ..Config::default() });
    let (session, ws) = socket(&mut world, Revision::V4);
    say(&mut world, session, ws, "40/a,");
    say(&mut world, session, ws, "40/b,");
    assert_eq!(
        hear(&mut world, session, ws).last().map(String::as_str),
        Some("44/b,{\"message\":\"Too many namespaces\"}")
    );
    say(&mut world, session, ws, "41/a,");
    say(&mut world, session, ws, "40/b,");
    assert!(hear(&mut world, session, ws).iter().any(|packet| packet.starts_with("40/b,")));
    say(&mut world, session, ws, "40/abc,");
    hear(&mut world, session, ws);
    assert_eq!(world.end_of(session), Some(Reason::ParseError));
}

#[test]
fn rooms_are_left_with_the_connection() {
    let mut world = World::new(Everything, Config { max_rooms: 1, ..Config::default() });
    let (session, ws) = socket(&mut world, Revision::V4);
    let (other, other_ws) = socket(&mut world, Revision::V4);
    say(&mut world, session, ws, "42[\"join\",1]");
    say(&mut world, session, ws, "42[\"join\",2]");
    assert_eq!(world.server.hub.rooms(&sanket::Nsp::ROOT), ["1"], "one room is the limit");
    say(&mut world, other, other_ws, "42[\"room\",1]");
    assert_eq!(hear(&mut world, session, ws), ["42[\"room\",1]"]);
    assert_eq!(hear(&mut world, other, other_ws), [""; 0]);
    world.end_ws(session, ws, WsEnd::Failed);
    assert_eq!(world.server.hub.rooms(&sanket::Nsp::ROOT), [""; 0]);
    // A room without a name is a room like any other, and not the namespace.
    say(&mut world, other, other_ws, "42[\"room\",\"\"]");
    assert_eq!(hear(&mut world, other, other_ws), ["42[\"gone\",1]"]);
}

#[test]
fn v4_sessions_that_came_together_do_not_beat_together() {
    let mut world = world();
    let sessions: Vec<_> = (0..50).map(|_| socket(&mut world, Revision::V4)).collect();
    let mut firsts = vec![0; sessions.len()];
    for now in 0..25_008 {
        world.advance(1);
        for (first, (session, ws)) in firsts.iter_mut().zip(&sessions).filter(|(first, _)| **first == 0) {
            if hear(&mut world, *session, *ws) == ["2"] {
                *first = now;
            }
        }
    }
    firsts.sort_unstable();
    assert!(firsts[0] >= 12_499, "not before half an interval: {firsts:?}");
    assert!(firsts[0] < 15_000 && firsts[25] > 15_000 && firsts[25] < 22_500 && firsts[49] > 22_500, "{firsts:?}");
}

#[test]
fn v3_pings_that_are_never_answered_pile_up_no_pongs() {
    let mut world = world();
    let session = poller(&mut world, Revision::V3);
    for _ in 0..1_000 {
        post(&mut world, session, "2");
    }
    assert!(world.server.shard.queued(session.key) < 100);
    let poll = world.get(session);
    assert_eq!(packets(&mut world, session, poll), ["3"]);
}

#[test]
fn a_packet_larger_than_the_queue_reaches_who_has_read_everything_else() {
    let mut world = World::new(Everything, Config { max_queue: 1_000, ..Config::default() });
    let (session, ws) = socket(&mut world, Revision::V4);
    let message = format!("42[\"echo\",\"{}\"]", "x".repeat(5_000));
    for _ in 0..3 {
        say(&mut world, session, ws, &message);
        assert_eq!(hear(&mut world, session, ws), [message.as_str()]);
    }
    say(&mut world, session, ws, &message);
    say(&mut world, session, ws, &message);
    assert_eq!(world.end_of(session), Some(Reason::SlowConsumer));
}

#[test]
fn a_second_post_beside_one_that_is_under_way_ends_the_session() {
    let mut world = world();
    let session = poller(&mut world, Revision::V4);
    let first = world.post_begins(session);
    assert!(world.is_waiting(first));
    let second = world.post_begins(session);
    assert_eq!(world.answer(second).expect("an answer").0, 400);
    assert_eq!(world.answer(first).expect("its body is of no interest any more").0, 400);
    assert_eq!(world.end_of(session), Some(Reason::TransportError));
}

#[test]
fn a_post_whose_connection_breaks_ends_the_session_and_one_that_is_too_large_does_not() {
    let mut world = world();
    let session = poller(&mut world, Revision::V4);
    let large = world.post_begins(session);
    world.post_body(session, large, None);
    assert_eq!(world.answer(large).expect("an answer").0, 413);
    let good = world.post_begins(session);
    world.post_body(session, good, Some((BodyKind::Text, b"42[\"echo\",1]")));
    assert_eq!(world.answer(good).expect("an answer").0, 200);
    let broken = world.post_begins(session);
    world.lose_request(session, broken);
    assert_eq!(world.end_of(session), Some(Reason::TransportError));
}

#[test]
fn a_client_that_polls_on_after_its_probe_is_not_answered_as_fast_as_it_can() {
    let mut world = world();
    let session = poller(&mut world, Revision::V4);
    let ws = world.upgrade(session);
    say(&mut world, session, ws, "2probe");
    let mut noops = 0;
    for _ in 0..1_000 {
        let poll = world.get(session);
        while world.is_waiting(poll) {
            world.advance(1);
        }
        noops += packets(&mut world, session, poll).iter().filter(|packet| *packet == "6").count();
        if !world.is_open(ws) || noops == 20 {
            break;
        }
    }
    // The pauses end between two ticks of the wheel.
    let now = world.now.as_millis() - 1_000_000;
    assert!((1_900..2_100).contains(&now), "20 noops in {now} ms");
}

#[test]
fn a_refusal_is_an_error_object_in_v4_and_its_data_or_message_in_v3() {
    for (revision, namespace, wanted) in [
        (Revision::V4, "/off,", r#"44/off,{"message":"closed today"}"#),
        (Revision::V3, "/off,", r#"44/off,"closed today""#),
        (Revision::V4, r#"/no,{"token":"x"}"#, r#"44/no,{"message":"not you","data":"{\"token\":\"x\"}"}"#),
        (Revision::V3, "/no?token=x%20y,", r#"44/no,"{\"token\":\"x y\"}""#),
    ] {
        let mut world = world();
        let (session, ws) = socket(&mut world, revision);
        say(&mut world, session, ws, &format!("40{namespace}"));
        assert_eq!(hear(&mut world, session, ws), [wanted]);
    }
}

#[test]
fn v3_a_query_behind_the_namespace_means_nothing_but_in_connect() {
    let mut world = world();
    let (session, ws) = socket(&mut world, Revision::V3);
    say(&mut world, session, ws, "40/a?x=1,");
    hear(&mut world, session, ws);
    say(&mut world, session, ws, "42/a?x=2,[\"echo\",1]");
    assert_eq!(hear(&mut world, session, ws), ["42/a,[\"echo\",1]"]);
}

#[test]
fn what_was_queued_goes_out_before_a_senseless_packet_ends_the_session() {
    let mut world = world();
    let session = poller(&mut world, Revision::V4);
    assert_eq!(post(&mut world, session, "42[\"echo\",1]"), 200);
    assert_eq!(post(&mut world, session, "42{}"), 200, "it is an Engine.IO message");
    let poll = world.get(session);
    assert_eq!(packets(&mut world, session, poll), ["42[\"echo\",1]", "1"]);
    assert_eq!(world.end_of(session), Some(Reason::ParseError));
}

#[test]
fn sessions_beyond_the_limit_are_refused() {
    let mut world = World::new(Everything, Config { max_sessions: 1, ..Config::default() });
    let (session, ws) = socket(&mut world, Revision::V4);
    let refused = world.open_polling(Revision::V4, false).expect_err("there is no room");
    assert_eq!((refused.status(), refused.body()), (503, r#"{"code":6,"message":"Too many sessions"}"#.to_owned()));
    world.end_ws(session, ws, WsEnd::Closed);
    assert!(world.open_polling(Revision::V4, false).is_ok());
}
