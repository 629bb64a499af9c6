//! Tests of how responses look.

use super::test_head::Head;
use super::*;
use crate::http::Response;
use ::http::StatusCode;
use bytes::Bytes;
use sanket::driver::{self, Batch, Frame, Outgoing, RequestError};
use sanket::{Config, Revision, Time};

fn policy(head: &Head, options: &RequestOptions) -> ResponsePolicy {
    Request::read(head, &Peer::default(), options, &Config::default(), Time::from_millis(0)).policy
}

fn applied(policy: &ResponsePolicy) -> Vec<(String, String)> {
    let mut response = Response::new(StatusCode::OK);
    policy.apply(&mut response);
    response.headers().map(|(name, value)| (name.into(), value.into())).collect()
}

fn pairs(headers: &[(&str, &str)]) -> Vec<(String, String)> {
    headers.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect()
}

fn get(query: &str) -> Head {
    Head::get(&format!("/socket.io/?{query}")).field("host", "chat.example")
}

#[test]
fn every_response_forbids_caching_and_allows_its_page() {
    let friend = "https://friend.example";
    let listed = RequestOptions::default().origins(Origins::listed(vec![friend.parse().expect("an origin")]));
    let any = RequestOptions::default().origins(Origins::any());
    let own = |more: &[(&'static str, &'static str)]| {
        let own = [("cache-control", "no-store"), ("x-content-type-options", "nosniff")];
        let scope = if more.is_empty() { "same-origin" } else { "cross-origin" };
        [&own[..], &[("cross-origin-resource-policy", scope)], more].concat()
    };
    const ORIGIN: &str = "access-control-allow-origin";
    let with_credentials = [(ORIGIN, friend), ("access-control-allow-credentials", "true"), ("vary", "Origin")];
    for (options, origin, expected) in [
        (&listed, None, &[][..]),
        (&listed, Some("https://chat.example"), &[]),
        (&listed, Some("https://evil.example"), &[]),
        (&listed, Some(friend), &with_credentials),
        (&any, Some("https://evil.example"), &[(ORIGIN, "*")]),
        (&any, Some("https://chat.example"), &[]),
    ] {
        let expected = own(expected);
        let head = origin.into_iter().fold(get(""), |head, origin| head.field("origin", origin));
        assert_eq!(applied(&policy(&head, options)), pairs(&expected), "{origin:?}");
        let refusal = ResponsePolicy::for_refusal(origin, Some("chat.example"), options);
        assert_eq!(applied(&refusal), pairs(&expected), "{origin:?}");
    }
}

#[test]
fn old_browsers_are_told_to_trust_the_response() {
    let options = RequestOptions::default();
    let filter = ("x-xss-protection".to_owned(), "0".to_owned());
    for (agent, filters) in [
        ("Mozilla/4.0 (compatible; MSIE 8.0; Windows NT 6.1)", true),
        ("Mozilla/4.0 (compatible;MSIE 8.0)", true),
        ("Mozilla/5.0 (Windows NT 10.0; Trident/7.0; rv:11.0) like Gecko", true),
        ("Mozilla/5.0 (X11; Linux x86_64) Firefox/140.0", false),
    ] {
        let head = get("").field("User-Agent", agent);
        assert_eq!(applied(&policy(&head, &options)).contains(&filter), filters, "{agent}");
    }
}

#[test]
fn what_upgrades_and_what_is_jsonp_is_known() {
    let options = RequestOptions::default();
    for (value, upgrade) in [("websocket", true), ("WebSocket", true), ("h2c", false), ("websocket, h2c", false)] {
        assert_eq!(policy(&get("").field("Upgrade", value), &options).is_upgrade(), upgrade, "{value}");
    }
    assert!(!policy(&get(""), &options).is_upgrade());
    for (query, jsonp) in [
        ("j=1", true),
        ("a=b&j=", true),
        ("a=b&%6A=1", true),
        ("j", true),
        ("aj=1", false),
        ("a=j", false),
        ("a=%6A&J=1", false),
        ("", false),
    ] {
        assert_eq!(policy(&get(query), &options).is_jsonp(), jsonp, "{query}");
    }
}

/// The response to a poll with one message.
fn batch(frame: Frame) -> driver::Response {
    driver::Response::Batch(Batch::new(vec![Outgoing::Frame(frame)], Revision::V4, false))
}

fn message(text: &str) -> Frame {
    Frame::new(format!("4{text}"), &[])
}

#[test]
fn the_protocols_response_is_put_into_http() {
    let options = RequestOptions::default();
    let policy = policy(&get(""), &options);
    for (response, status, content_type, body) in [
        (batch(message("2[\"a\"]")), 200, "text/plain; charset=UTF-8", "42[\"a\"]"),
        (driver::Response::Taken, 200, "text/html", "ok"),
        (driver::Response::Malformed, 400, "text/plain; charset=UTF-8", ""),
        (driver::Response::TooLarge, 413, "text/plain; charset=UTF-8", ""),
        (
            driver::Response::Refused(RequestError::UnknownSid),
            400,
            "application/json",
            r#"{"code":1,"message":"Session ID unknown"}"#,
        ),
    ] {
        let (response, encoding) = policy.render(response, &options);
        assert_eq!(response.status.as_u16(), status);
        assert_eq!(response.content_type, Some(content_type));
        assert_eq!((&*response.body, encoding), (body.as_bytes(), None));
    }
}

#[test]
fn packets_for_jsonp_are_a_script() {
    let options = RequestOptions::default();
    let policy = policy(&get("a=b&j=1%3Cscript%3E2"), &options);
    let (response, _) = policy.render(batch(message("2[\"\u{2028}\"]")), &options);
    assert_eq!(response.content_type, Some("text/javascript; charset=UTF-8"));
    assert_eq!(response.body, r#"___eio[12]("42[\"\u2028\"]");"#);
    let (response, _) = policy.render(driver::Response::Taken, &options);
    assert_eq!(response.body, "ok");
}

#[test]
fn long_packets_are_compressed_if_the_client_accepts_it() {
    let long = "a".repeat(1_023);
    let poll = |options: &RequestOptions, accepted: &[&str], frame: Frame| {
        let head = accepted.iter().fold(get(""), |head, value| head.field("Accept-Encoding", value));
        policy(&head, options).render(batch(frame), options).1
    };
    let default = RequestOptions::default();
    assert_eq!(poll(&default, &["gzip, deflate, br"], message(&long)), Some(Encoding::Gzip));
    assert_eq!(poll(&default, &["br", "deflate"], message(&long)), Some(Encoding::Deflate));
    assert_eq!(poll(&default, &["gzip;q=0", "deflate"], message(&long)), Some(Encoding::Deflate));
    for accepted in [&["br"][..], &["identity"], &["gzip;q=0"], &[]] {
        assert_eq!(poll(&default, accepted, message(&long)), None, "{accepted:?}");
    }
    // The packet has one byte more than the message.
    assert_eq!(poll(&default, &["gzip"], message(&long[1..])), None);
    assert_eq!(poll(&default, &["gzip"], Frame::binary(Bytes::from(long.clone()))), Some(Encoding::Gzip));
    let never = RequestOptions::default().compression(None);
    assert_eq!(poll(&never, &["gzip"], message(&long)), None);
    let always = RequestOptions::default().compression(Some(0));
    assert_eq!(poll(&always, &["gzip"], message("")), Some(Encoding::Gzip));
    // Without a message in it no packet is worth it.
    let noop = driver::Response::Batch(Batch::new(vec![Outgoing::Noop], Revision::V4, false));
    let policy = policy(&get("").field("accept-encoding", "gzip"), &always);
    assert_eq!(policy.render(noop, &always).1, None);
    assert_eq!(policy.render(driver::Response::Taken, &always).1, None);
}
