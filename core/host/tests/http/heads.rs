//! Request heads: what is answered, and what is refused with which words.
use crate::bench::{Bench, bench};
use sanket_host::http::HttpConfig;

#[test]
fn head_and_body_leave_in_one_write() {
    let mut bench = bench();
    for n in 1..=5 {
        bench.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
        assert_eq!(bench.writes.len(), n);
        assert!(bench.writes[n - 1].ends_with(b"\r\n\r\nhello"));
    }
}

#[test]
fn requests_of_one_connection_and_all_values_of_a_header() {
    let mut bench = bench();
    assert_eq!(bench.get("/").text(), "hello");
    bench.send("GET /values?%61=%C3%A4 HTTP/1.1\r\nHost: b:81\r\nX: 1\r\nx:  2 \r\n\r\n");
    assert_eq!(bench.reply().text(), r#"b:81 /values %61=%C3%A4 ["1", "2"]"#);
    assert_eq!(bench.get("/none").status, 404);
    assert_eq!(bench.get("/").text(), "hello");
    bench.is_open();
    bench.is_left();
}

#[test]
fn header_values_are_opaque_bytes() {
    let mut bench = bench();
    bench.send(b"GET /values HTTP/1.1\r\nHost: a\r\nX: \xe4\r\nX: \xc3\xa4\r\n\r\n");
    assert_eq!(bench.reply().text(), r#"a /values  ["\\xe4", "\\xc3\\xa4"]"#);
}

#[test]
fn a_head_without_lf_is_refused_and_bounded() {
    bench().send(["GET /".as_bytes(), &[b'x'; 17 * 1024]].concat()).is_refused(431);
    let mut bench = bench();
    bench.send(vec![b'x'; 1 << 20]);
    assert!(bench.unread() > 900 << 10, "the server goes on reading");
    assert!(bench.connection.is_over());
}

#[test]
fn a_head_that_is_too_large_is_refused() {
    let head = |n: usize| format!("GET / HTTP/1.1\r\nHost: a\r\nX: {}\r\n\r\n", "x".repeat(n));
    let others = head(0).len();
    assert_eq!(bench().send(head(16 * 1024 - others)).reply().status, 200);
    bench().send(head(16 * 1024 - others + 1)).is_refused(431);
    bench().send(head(60 * 1024)).is_refused(431);
}

#[test]
fn too_many_headers_are_refused() {
    let head = |n: usize| format!("GET / HTTP/1.1\r\nHost: a\r\n{}\r\n", "X: y\r\n".repeat(n));
    assert_eq!(bench().send(head(199)).reply().status, 200);
    bench().send(head(200)).is_refused(431);
    let many = || Bench::new(HttpConfig { max_headers: 1_000, ..HttpConfig::default() });
    assert_eq!(many().send(head(999)).reply().status, 200);
    many().send(head(1_000)).is_refused(431);
}

#[test]
fn what_is_no_http_is_refused_at_once() {
    // A TLS greeting, and lines that do not end a head.
    bench().send(b"\x16\x03\x01\x02\x00\x01\x00").is_refused(400);
    bench().send("GET / HTTP/1.1\r\nHost: a\r\nA : b\r\n").is_refused(400);
    bench().send("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").is_refused(505);
    bench().send("BREW / HTTP/1.1\r\nHost: a\r\n\r\n").is_refused(501);
}

#[test]
fn what_two_servers_could_read_in_two_ways_is_refused() {
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
        let mut bench = bench();
        bench.post("/echo", lines, smuggled).is_refused(400);
        assert_eq!(bench.app.calls, 0);
    }
    bench().send("GET / HTTP/1.1\r\n\r\n").is_refused(400);
}

#[test]
fn targets_that_are_malformed_are_refused() {
    for target in ["x", "http://", "http://u@a/", "/#x", "http://a:99999/"] {
        bench().send(format!("GET {target} HTTP/1.1\r\nHost: a\r\n\r\n")).is_refused(400);
    }
    bench().send(b"GET /\xff HTTP/1.1\r\nHost: a\r\n\r\n").is_refused(400);
    let mut bench = bench();
    assert_eq!(bench.get("http://b/values").text(), "b /values  []");
    assert_eq!(bench.get("/%zz%").status, 404);
}

#[test]
fn a_refusal_knows_what_was_read_of_the_head() {
    let known = |bytes: &str| {
        let mut bench = bench();
        bench.send(bytes);
        bench.refused.pop().expect("a refusal")
    };
    let all = ["https://b", "a:80", "/x"].map(|text| Some(text.to_owned()));
    let lines = "Host: a:80\r\nOrigin: https://b\r\n";
    assert_eq!(known(&format!("BREW /x?y HTTP/1.1\r\n{lines}\r\n")), (501, all.clone()));
    assert_eq!(known(&format!("GET /x HTTP/1.1\r\n{lines}A : b\r\n")), (400, all.clone()));
    assert_eq!(known(&format!("POST /x HTTP/1.1\r\n{lines}Content-Length: 99999999999\r\n\r\n")), (413, all));
    assert_eq!(known("\x16\x03"), (400, [None, None, None]));
}

#[test]
fn a_head_may_come_byte_by_byte() {
    let mut bench = bench();
    for byte in "\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n".bytes() {
        bench.send([byte]);
    }
    assert_eq!(bench.reply().text(), "hello");
}

#[test]
fn pipelined_requests_are_answered_in_order() {
    let mut bench = bench();
    let requests = ["/", "/values", "/none", "/"].map(|target| format!("GET {target} HTTP/1.1\r\nHost: a\r\n\r\n"));
    bench.send(requests.concat());
    let statuses = [(); 4].map(|()| bench.reply()).map(|reply| (reply.status, reply.body.len()));
    assert_eq!(statuses, [(200, 5), (200, 13), (404, 0), (200, 5)]);
    bench.post("/echo", "Content-Length: 3", "abcGET / HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(bench.reply().text(), "abc");
    assert_eq!(bench.reply().text(), "hello");
}

#[test]
fn http_1_0_is_spoken() {
    let old = |bench: &mut Bench, target: &str, lines: &str| {
        bench.send(format!("GET {target} HTTP/1.0\r\n{lines}\r\n")).reply()
    };
    let mut one = bench();
    let reply = old(&mut one, "/", "Connection: keep-alive\r\n");
    assert_eq!((reply.text(), reply.header("connection")), ("hello", Some("keep-alive")));
    let reply = old(&mut one, "/", "");
    assert_eq!((reply.text(), reply.closes()), ("hello", true));
    one.is_closed();
    let reply = old(&mut bench(), "/chunks", "Connection: keep-alive\r\n");
    assert_eq!((reply.text(), reply.header("transfer-encoding"), reply.closes()), ("streamed", None, true));
}

#[test]
fn connection_close_is_obeyed_without_a_wait() {
    let mut bench = bench();
    bench.send("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\nGET / HTTP/1.1\r\n");
    assert!(bench.reply().closes());
    bench.is_closed();
    bench.is_left();
}
