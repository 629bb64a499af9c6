//! Tests of what is read off a request's head.

use super::test_head::Head;
use super::*;
use ::http::StatusCode;
use sanket::codec::BodyKind;
use sanket::driver::{Ask, RequestError, Sid};
use sanket::{Config, Handshake, Revision, Time};
use std::net::{IpAddr, Ipv4Addr};

const SID: &str = "AAAAAAAAAAAAAAAAAAAAAA";
const PEER: Peer = Peer { address: Some(IpAddr::V4(Ipv4Addr::LOCALHOST)), secure: false };
const NOW: Time = Time::from_millis(1_700_000_000_123);

fn read_with(head: &Head, peer: &Peer, options: &RequestOptions) -> Request {
    Request::read(head, peer, options, &Config::default(), NOW)
}

fn read(head: &Head) -> Request {
    read_with(head, &PEER, &RequestOptions::default())
}

fn error(head: &Head) -> RequestError {
    read(head).action.expect_err("it is refused").error()
}

fn handshake_of(request: Request) -> Handshake {
    match request.action {
        Ok(Action::Open { handshake, .. }) => Handshake::clone(&handshake),
        other => panic!("{other:?}"),
    }
}

fn upgrade(query: &str) -> Head {
    Head::get(&format!("/socket.io/?EIO=4&transport=websocket{query}"))
        .field("Host", "chat.example")
        .field("Upgrade", "WebSocket")
        .field("Connection", "Upgrade")
        .field("Sec-WebSocket-Version", "13")
        .field("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==")
}

#[test]
fn a_get_without_sid_opens_a_session() {
    for (query, expected, base64) in [
        ("EIO=4&transport=polling", Some(Revision::V4), false),
        ("EIO=3&transport=polling&b64=1", Some(Revision::V3), true),
        ("EIO=3&transport=polling&j=0", Some(Revision::V3), true),
        ("EIO=5&transport=polling", None, false),
    ] {
        let options = RequestOptions::default().jsonp(true);
        match read_with(&Head::get(&format!("/socket.io/?{query}")), &PEER, &options).action {
            Ok(Action::Open { revision, transport, .. }) => {
                assert_eq!((revision, transport), (expected, OpenTransport::Polling { base64 }), "{query}");
            }
            other => panic!("{query}: {other:?}"),
        }
    }
    match read(&upgrade("").field("sec-websocket-protocol", "a, b")).action {
        Ok(Action::Open { transport: OpenTransport::WebSocket(Ok(accept)), .. }) => {
            assert_eq!(accept.key, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
            assert_eq!(accept.protocol.as_deref(), Some("a"));
        }
        other => panic!("{other:?}"),
    }
    match read(&upgrade("").without("sec-websocket-version")).action {
        Ok(Action::Open { transport: OpenTransport::WebSocket(Err(status)), .. }) => {
            assert_eq!(status, StatusCode::UPGRADE_REQUIRED);
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_request_with_sid_is_for_that_session() {
    let target = format!("/socket.io/?EIO=4&transport=polling&sid={SID}");
    let post = || Head::new("POST", &target);
    for (head, expected) in [
        (Head::get(&target), SessionRequest::Poll),
        (post(), SessionRequest::Post(BodyKind::Text)),
        (post().field("content-type", "text/plain;charset=UTF-8"), SessionRequest::Post(BodyKind::Text)),
        (post().field("Content-Type", "application/octet-stream"), SessionRequest::Post(BodyKind::Binary)),
        (post().field("content-type", "Application/Octet-Stream; x=y"), SessionRequest::Post(BodyKind::Binary)),
        (post().field("content-type", "application/octet"), SessionRequest::Post(BodyKind::Text)),
        (Head::new("PUT", &target), SessionRequest::Nonsense),
        (Head::new("post", &target), SessionRequest::Nonsense),
        (Head::get(&target).field("upgrade", "websocket"), SessionRequest::Nonsense),
        (
            upgrade(&format!("&sid={SID}")).field("sec-websocket-key", "short"),
            SessionRequest::Upgrade(Err(StatusCode::BAD_REQUEST)),
        ),
    ] {
        match read(&head).action {
            Ok(Action::Session { sid, revision, kind }) => {
                assert_eq!((Some(sid), revision), (Sid::parse(SID), Some(Revision::V4)));
                assert_eq!(kind, expected, "{head:?}");
                let same = matches!(
                    (kind.ask(), &kind),
                    (Ask::Poll, SessionRequest::Poll)
                        | (Ask::Post, SessionRequest::Post(_))
                        | (Ask::Upgrade, SessionRequest::Upgrade(_))
                        | (Ask::Nonsense, SessionRequest::Nonsense)
                );
                assert!(same, "{kind:?}");
            }
            other => panic!("{head:?}: {other:?}"),
        }
    }
}

#[test]
fn what_the_protocol_refuses_is_refused() {
    for (head, expected) in [
        (Head::get("/socket.io/"), RequestError::UnknownTransport),
        (Head::get("/socket.io/?EIO=4&transport=polling&sid=x"), RequestError::UnknownSid),
        (Head::new("POST", "/socket.io/?EIO=4&transport=polling"), RequestError::BadHandshakeMethod),
        // No preflight without an origin.
        (Head::new("OPTIONS", "/socket.io/?EIO=4&transport=polling"), RequestError::BadHandshakeMethod),
        (Head::get("/socket.io/?EIO=4&transport=websocket"), RequestError::BadRequest),
        (upgrade("").without("upgrade").field("upgrade", "websocket, h2c"), RequestError::BadRequest),
    ] {
        assert_eq!(error(&head), expected, "{head:?}");
    }
    let only_polling = Config { websocket: false, ..Config::default() };
    let refused = Request::read(&upgrade(""), &PEER, &RequestOptions::default(), &only_polling, NOW).action;
    assert_eq!(refused.map(drop), Err(RequestError::UnknownTransport.into()));
}

#[test]
fn the_application_hears_what_the_client_sent() {
    let head = Head::get("/socket.io/?EIO=4&transport=polling&a=%C3%A9")
        .field("Host", "chat.example")
        .field("X-Name", b"Ren\xe9")
        .field("x-utf8", "é");
    let handshake = handshake_of(read(&head));
    assert_eq!(handshake.url(), "/socket.io/?EIO=4&transport=polling&a=%C3%A9");
    assert_eq!(handshake.address(), "127.0.0.1");
    assert_eq!(handshake.issued(), NOW.as_millis());
    assert!(!handshake.is_secure());
    assert_eq!(
        handshake.headers().collect::<Vec<_>>(),
        // As Node.js decodes them.
        [("host", "chat.example"), ("x-name", "Ren\u{e9}"), ("x-utf8", "\u{c3}\u{a9}")]
    );
    let peer = Peer { address: None, secure: true };
    let handshake = handshake_of(read_with(&head, &peer, &RequestOptions::default()));
    assert!(handshake.is_secure() && handshake.address().is_empty());
}

#[test]
fn a_page_of_another_host_is_checked_first() {
    let target = "/socket.io/?EIO=4&transport=polling";
    let page = |method, origin: &str| Head::new(method, target).field("host", "chat.example").field("origin", origin);
    let friend = "https://friend.example";
    let listed = RequestOptions::default().origins(Origins::listed(vec![friend.parse().expect("an origin")]));
    let any = RequestOptions::default().origins(Origins::any());
    for method in ["GET", "POST", "OPTIONS"] {
        let refused = read_with(&page(method, "https://evil.example"), &PEER, &listed).action;
        assert_eq!(refused.map(drop), Err(Refused::Origin), "{method}");
    }
    let evil = upgrade("").field("origin", "https://evil.example");
    assert_eq!(read(&evil).action.map(drop), Err(Refused::Origin));
    for (options, origin) in [(&listed, friend), (&any, "https://evil.example"), (&listed, "https://chat.example")] {
        assert!(matches!(read_with(&page("GET", origin), &PEER, options).action, Ok(Action::Open { .. })), "{origin}");
    }
    for (options, origin) in [(&listed, friend), (&any, "null")] {
        let head = page("OPTIONS", origin).field("access-control-request-headers", "x-a");
        match read_with(&head, &PEER, options).action {
            Ok(Action::Preflight { allow_headers }) => assert_eq!(allow_headers.as_deref(), Some("x-a")),
            other => panic!("{other:?}"),
        }
    }
    // A preflight within the same host is none.
    let own = read_with(&page("OPTIONS", "https://chat.example"), &PEER, &any).action;
    assert_eq!(own.map(drop), Err(RequestError::BadHandshakeMethod.into()));
}

#[test]
fn the_url_is_kept_for_whoever_wants_to_know_of_refusals() {
    let head = Head::get("/socket.io?transport=x");
    assert_eq!(read(&head).url, None);
    let options = RequestOptions::default().on_refused(|_, _| ());
    assert_eq!(read_with(&head, &PEER, &options).url.as_deref(), Some("/socket.io?transport=x"));
}

#[test]
fn the_last_value_counts_and_lists_are_joined() {
    let head = Head::get("/").field("X-A", "1").field("b", "2").field("x-a", "3");
    assert_eq!(head.header("x-a").as_deref(), Some("3"));
    assert_eq!(head.header("x-c"), None);
    assert_eq!(head.list("x-a").as_deref(), Some("1,3"));
    assert!(matches!(head.list("b"), Some(std::borrow::Cow::Borrowed("2"))));
    assert_eq!(head.list("x-c"), None);
}

#[test]
fn jsonp_is_off_unless_asked_for_and_held_to_the_origins() {
    let script = |fields: &[(&str, &str)]| {
        let head = Head::get("/socket.io/?EIO=3&transport=polling&j=0").field("host", "chat.example");
        fields.iter().fold(head, |head, (name, value)| head.field(name, value))
    };
    for fields in [&[][..], &[("sec-fetch-site", "same-origin")]] {
        assert_eq!(error(&script(fields)), RequestError::UnknownTransport);
    }
    let friend = "https://friend.example".parse().expect("an origin");
    let options = RequestOptions::default().jsonp(true).origins(Origins::listed(vec![friend]));
    for (fields, allowed) in [
        (&[][..], true),
        (&[("sec-fetch-site", "same-origin"), ("referer", "https://chat.example/room")], true),
        (&[("referer", "https://chat.example/")], true),
        (&[("referer", "https://friend.example/")], true),
        (&[("sec-fetch-site", "cross-site"), ("referer", "https://friend.example/")], true),
        (&[("sec-fetch-site", "cross-site")], false),
        (&[("sec-fetch-site", "same-site")], false),
        (&[("referer", "https://evil.example/")], false),
        (&[("sec-fetch-site", "cross-site"), ("referer", "https://evil.example/")], false),
        (&[("referer", "https://chat.example.evil.example/")], false),
    ] {
        let action = read_with(&script(fields), &PEER, &options).action;
        assert_eq!(action.is_ok(), allowed, "{fields:?}: {action:?}");
        assert!(allowed || action.is_err_and(|refused| refused == Refused::Origin), "{fields:?}");
    }
}

#[test]
fn a_trusted_proxy_says_who_and_where_the_client_is() {
    let open = |options: &RequestOptions| {
        let head = Head::get("/socket.io/?EIO=4&transport=polling").field("host", "127.0.0.1:8081");
        let head = head.field("x-forwarded-for", "192.0.2.1").field("x-forwarded-host", "Chat.example");
        let head = head.field("x-forwarded-proto", "https").field("origin", "https://chat.example:443");
        read_with(&head, &PEER, options)
    };
    assert_eq!(open(&RequestOptions::default()).action.expect_err("another origin"), Refused::Origin);
    let trusted = vec!["127.0.0.0/8".parse().expect("a network")];
    let request = open(&RequestOptions::default().trusted_proxies(trusted));
    assert_eq!(request.client.address, Some(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1))));
    let handshake = handshake_of(request);
    assert_eq!((handshake.address(), handshake.is_secure()), ("192.0.2.1", true));
}

#[test]
fn a_host_that_is_not_answered_for_is_misdirected() {
    let status = |options: &RequestOptions, host: &str, forwarded: &str| {
        let head = Head::get("/").field("host", host).field("x-forwarded-host", forwarded);
        options.misdirected(&head, &PEER).map(|response| response.status.as_u16())
    };
    let any = RequestOptions::default();
    assert_eq!(status(&any, "evil.example", ""), None);
    let loopback = || RequestOptions::default().hosts(Hosts::loopback());
    assert_eq!(status(&loopback(), "localhost:8081", ""), None);
    assert_eq!(status(&loopback(), "evil.example", "localhost"), Some(421));
    let trusted = vec!["127.0.0.1".parse().expect("an address")];
    let behind = loopback().hosts(Hosts::listed(["chat.example".parse().expect("a host")])).trusted_proxies(trusted);
    assert_eq!(status(&behind, "127.0.0.1:8081", "chat.example"), None);
    assert_eq!(status(&behind, "127.0.0.1:8081", "evil.example"), Some(421));
}
