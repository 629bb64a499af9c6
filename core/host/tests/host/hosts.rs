//! Which hosts are answered for, whatever the request is for.

use crate::bench::{Bench, setup};
use sanket_host::request::{Hosts, RequestOptions};

/// A page whose name was made to point to this server is one of its own for the browser (DNS rebinding).
#[test]
fn a_host_that_is_not_answered_for_gets_a_421_whatever_it_asks_for() {
    let mut setup = setup();
    setup.options = RequestOptions::default().hosts(Hosts::loopback());
    let bench = Bench::new(setup);
    for target in ["/socket.io/?EIO=4&transport=polling", "/", "/socket.io/socket.io.js"] {
        let mut client = bench.connect("127.0.0.1");
        client.send(format!("GET {target} HTTP/1.1\r\nHost: rebound.example:8081\r\n\r\n"));
        let response = client.take();
        assert!(response.starts_with("HTTP/1.1 421 "), "{target}: {response}");
        assert!(response.contains("connection: close"), "{target}: {response}");
    }
    assert_eq!(bench.host.sessions(), 0);
    assert_eq!(bench.handshake("127.0.0.1").0, 200);
}
