//! Request heads: what is answered, and what is refused with which words.
use crate::client::Client;
use crate::house::{DEADLINE, house};
use std::io::Write;
use std::time::{Duration, Instant};

#[test]
fn head_and_body_leave_in_one_write() {
    let house = house();
    let mut client = house.client();
    let start = Instant::now();
    let mut buffer = [0; 4096];
    for _ in 0..50 {
        client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
        let n = std::io::Read::read(&mut client.stream, &mut buffer).unwrap();
        assert!(buffer[..n].ends_with(b"\r\n\r\nhello"), "{:?}", String::from_utf8_lossy(&buffer[..n]));
    }
    // A delayed acknowledgement would cost 40 ms in each round.
    assert!(start.elapsed() < Duration::from_secs(1));
}

#[test]
fn requests_of_one_connection_and_all_values_of_a_header() {
    let house = house();
    let mut client = house.client();
    assert_eq!(client.get("/").text(), "hello");
    client.send("GET /values?%61=%C3%A4 HTTP/1.1\r\nHost: b:81\r\nX: 1\r\nx: 2\r\n\r\n");
    assert_eq!(client.reply().text(), r#"http://b:81/values?%61=%C3%A4 ["1", "2"] true"#);
    assert_eq!(client.get("/none").status, 404);
    assert_eq!(client.get("/").text(), "hello");
    drop(client);
    house.is_left();
}

#[test]
fn a_header_value_with_a_non_ascii_byte_is_no_reason_to_refuse() {
    let house = house();
    assert_eq!(house.client().send(b"GET / HTTP/1.1\r\nHost: a\r\nX: \xe4\r\n\r\n").reply().status, 200);
    assert_eq!(house.client().send("GET / HTTP/1.1\r\nHost: a\r\nX: \u{e4}\r\n\r\n").reply().status, 200);
    assert_eq!(house.client().get("/").status, 200);
}

#[test]
fn an_endpoint_sees_every_field_whatever_bytes_it_has() {
    let house = house();
    let mut client = house.client();
    client.send(b"GET /values HTTP/1.1\r\nHost: a\r\nX: \xe4, 1%\r\nX: \xc3\xa4\r\n\r\n");
    assert_eq!(client.reply().text(), r#"http://a/values ["%E4, 1%", "%C3%A4"] true"#);
}

#[test]
fn a_head_without_lf_is_refused_and_bounded() {
    let house = house();
    house.client().send(["GET /".as_bytes(), &[b'x'; 17 * 1024]].concat()).is_refused(431);
    let mut client = house.client();
    let mut n_sent = 0_usize;
    while client.stream.write_all(&[b'x'; 64 * 1024]).is_ok() {
        n_sent += 64 * 1024;
        assert!(n_sent < 64 << 20, "the server goes on reading");
    }
    house.is_left();
}

#[test]
fn a_head_that_is_too_large_is_refused() {
    let house = house();
    let head = |n: usize| format!("GET / HTTP/1.1\r\nHost: a\r\nX: {}\r\n\r\n", "x".repeat(n));
    assert_eq!(house.client().send(head(15 * 1024)).reply().status, 200);
    house.client().send(head(16 * 1024)).is_refused(431);
    house.client().send(head(100 * 1024)).is_refused(431);
}

#[test]
fn too_many_headers_are_refused() {
    let house = house();
    let head = |n: usize| format!("GET / HTTP/1.1\r\nHost: a\r\n{}\r\n", "X: y\r\n".repeat(n));
    assert_eq!(house.client().send(head(199)).reply().status, 200);
    house.client().send(head(200)).is_refused(431);
}

#[test]
fn what_is_no_http_is_refused_at_once() {
    let house = house();
    // A TLS greeting, and lines that do not end a head.
    house.client().send(b"\x16\x03\x01\x02\x00\x01\x00").is_refused(400);
    house.client().send("GET / HTTP/1.1\r\nHost: a\r\nA : b\r\n").is_refused(400);
    house.client().send("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").is_refused(505);
    house.client().send("BREW / HTTP/1.1\r\nHost: a\r\n\r\n").is_refused(501);
}

#[test]
fn what_two_servers_could_read_in_two_ways_is_refused() {
    let house = house();
    let smuggled = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
    for lines in [
        "Content-Length: 5\r\nContent-Length: 6",
        "Content-Length: +5",
        "Content-Length: 5\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: xchunked",
        "X: a\r\n folded",
        "Content-Length : 5",
        "Host: b",
    ] {
        house.client().post("/echo", lines, smuggled).is_refused(400);
    }
    house.client().send("GET / HTTP/1.1\r\n\r\n").is_refused(400);
    assert_eq!(house.calls(), 0);
}

#[test]
fn targets_that_are_no_urls_are_refused() {
    let house = house();
    for target in ["x", "http://", "http://u@a/", "/#x", "http://a:99999/"] {
        house.client().send(format!("GET {target} HTTP/1.1\r\nHost: a\r\n\r\n")).is_refused(400);
    }
    house.client().send(b"GET /\xff HTTP/1.1\r\nHost: a\r\n\r\n").is_refused(400);
    let mut client = house.client();
    assert_eq!(client.get("http://b/values").text(), "http://b/values [] true");
    assert_eq!(client.get("/%zz%").status, 404);
}

#[test]
fn a_head_may_come_byte_by_byte() {
    let house = house();
    let mut client = house.client();
    for byte in "\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n".bytes() {
        client.send([byte]);
    }
    assert_eq!(client.reply().text(), "hello");
}

#[test]
fn pipelined_requests_are_answered_in_order() {
    let house = house();
    let mut client = house.client();
    let requests = ["/", "/values", "/none", "/"].map(|target| format!("GET {target} HTTP/1.1\r\nHost: a\r\n\r\n"));
    client.send(requests.concat());
    let statuses: Vec<_> = (0..4).map(|_| client.reply()).map(|reply| (reply.status, reply.body.len())).collect();
    assert_eq!(statuses, [(200, 5), (200, 23), (404, 0), (200, 5)]);
    client.post("/echo", "Content-Length: 3", "abcGET / HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(client.reply().text(), "abc");
    assert_eq!(client.reply().text(), "hello");
}

#[test]
fn http_1_0_is_spoken() {
    let house = house();
    let old = |client: &mut Client, target: &str, lines: &str| {
        client.send(format!("GET {target} HTTP/1.0\r\n{lines}\r\n")).reply()
    };
    let mut client = house.client();
    let reply = old(&mut client, "/", "Connection: keep-alive\r\n");
    assert_eq!((reply.text(), reply.header("connection")), ("hello", Some("keep-alive")));
    let reply = old(&mut client, "/", "");
    assert_eq!((reply.text(), reply.closes()), ("hello", true));
    client.is_closed();
    let reply = old(&mut house.client(), "/chunks", "Connection: keep-alive\r\n");
    assert_eq!((reply.text(), reply.header("transfer-encoding"), reply.closes()), ("streamed", None, true));
}

#[test]
fn connection_close_is_obeyed_without_a_wait() {
    let house = house();
    let mut client = house.client();
    let start = Instant::now();
    let reply = client.send("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").reply();
    assert!(reply.closes());
    client.is_closed();
    drop(client);
    house.is_left();
    assert!(start.elapsed() < DEADLINE / 2);
}
