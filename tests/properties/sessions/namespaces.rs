//! Namespaces, ids, connect errors and rooms.

use crate::{BOTH, hear, say, socket, world};
use sanket::driver::{RawMessage, WsEnd};
use sanket::{Config, Reason, Revision};
use sanket_tests::world::{Everything, World};

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
        assert_eq!(world.end_of(session), Some(Reason::ForcedClose), "{packet}");
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
fn limits_of_namespaces() {
    let mut world =
        World::new(Everything::default(), Config { max_namespaces: 2, max_namespace_name: 3, ..Config::default() });
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
    say(&mut world, session, ws, "42/abc,[\"a\"]");
    hear(&mut world, session, ws);
    assert_eq!(world.end_of(session), Some(Reason::ForcedClose));
}

#[test]
fn a_namespace_whose_name_is_longer_than_the_limit_is_an_invalid_one() {
    for (revision, connect, wanted) in [
        (Revision::V4, "40/abc,", r#"44/abc,{"message":"Invalid namespace"}"#),
        (Revision::V4, "40/abc", r#"44/abc,{"message":"Invalid namespace"}"#),
        (Revision::V3, "40/abc,", r#"44/abc,{"message":"Invalid namespace"}"#),
        // With its query it is too long.
        (Revision::V3, "40/a?b=c,", r#"44/a,{"message":"Invalid namespace"}"#),
    ] {
        let mut world = World::new(Everything::default(), Config { max_namespace_name: 3, ..Config::default() });
        let (session, ws) = socket(&mut world, revision);
        say(&mut world, session, ws, connect);
        say(&mut world, session, ws, connect);
        assert_eq!(hear(&mut world, session, ws), [wanted, wanted], "{connect}");
        say(&mut world, session, ws, "40/ab,");
        assert!(hear(&mut world, session, ws)[0].starts_with("40/ab"), "the connection goes on");
        // It is not joined.
        say(&mut world, session, ws, "41/abc,");
        hear(&mut world, session, ws);
        assert_eq!(world.end_of(session), Some(Reason::ForcedClose), "{connect}");
    }
}

#[test]
fn rooms_are_left_with_the_connection() {
    let mut world = World::new(Everything::default(), Config { max_rooms: 1, ..Config::default() });
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
fn an_answer_without_data_is_one_without_arguments() {
    for revision in BOTH {
        for (answer, attachments) in [("43", 0), ("461-", 1), ("462-", 2)] {
            let mut world = world();
            let (session, ws) = socket(&mut world, revision);
            say(&mut world, session, ws, "42[\"ask\"]");
            let question = hear(&mut world, session, ws).remove(0);
            let id = question.strip_prefix("42").and_then(|rest| rest.strip_suffix("[\"ask\",\"?\"]")).expect("it");
            say(&mut world, session, ws, &format!("{answer}{id}"));
            for _ in 0..attachments {
                let data: &[u8] = if revision == Revision::V3 { &[4, 1] } else { &[1] };
                world.send(session, ws, RawMessage::Binary(data));
            }
            assert_eq!(hear(&mut world, session, ws), ["42[\"answered\"]", "42[\"asked\",0]"], "{answer}");
            // Nobody has asked for these.
            for idle in ["43", "437"] {
                say(&mut world, session, ws, idle);
                assert_eq!(world.end_of(session), None, "{idle}");
            }
        }
    }
}
