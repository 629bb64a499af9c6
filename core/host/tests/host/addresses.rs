//! The limits by address, over bytes.

use crate::bench::{Bench, Client, UPGRADE, frame, setup, sid};
use sanket_host::host::{AddressLimits, Rate};
use sanket_host::request::RequestOptions;

const POLLING: &str = "/socket.io/?EIO=4&transport=polling";

fn bench(addresses: AddressLimits) -> Bench {
    let mut setup = setup();
    setup.addresses = addresses;
    Bench::new(setup)
}

fn rate(burst: u32, per_second: u32) -> Option<Rate> {
    Some(Rate { burst, per_second })
}

/// A WebSocket, and what it was told at first is taken.
fn websocket<'a>(bench: &'a Bench, from: &str) -> Client<'a> {
    let mut client = bench.connect(from);
    client.send(UPGRADE);
    assert!(client.take().starts_with("HTTP/1.1 101 "));
    client
}

/// Attack: a client that comes again and again.
#[test]
fn connects_of_an_address_have_a_rate() {
    let bench = bench(AddressLimits { connects: rate(2, 1), ..AddressLimits::default() });
    let mut connect = |from: &str| bench.connect(from).get(POLLING, "").0;
    assert_eq!([connect("192.0.2.1"), connect("192.0.2.1"), connect("192.0.2.1")], [200, 200, 429]);
    assert_eq!(connect("192.0.2.2"), 200, "others are not concerned");
    // IPv6: one /64 is one host.
    let v6 = ["2001:db8::1", "2001:db8::2", "2001:db8::3", "2001:db8:0:1::1"].map(&mut connect);
    assert_eq!(v6, [200, 200, 429, 200]);
    bench.pass(1_000);
    assert_eq!([connect("192.0.2.1"), connect("192.0.2.1")], [200, 429]);
}

#[test]
fn handshakes_of_an_address_have_a_rate_on_one_connection_too() {
    let bench = bench(AddressLimits { handshakes: rate(2, 1), ..AddressLimits::default() });
    let mut client = bench.connect("192.0.2.1");
    let statuses = [(); 3].map(|()| client.get(POLLING, ""));
    assert_eq!(statuses.clone().map(|(status, _)| status), [200, 200, 429]);
    assert_eq!(statuses[2].1, r#"{"code":6,"message":"Too many sessions from this address"}"#);
    let mut upgrade = bench.connect("192.0.2.1");
    upgrade.send(UPGRADE);
    assert_eq!(upgrade.response().0, 429);
    assert_eq!(bench.handshake("192.0.2.2").0, 200);
    bench.pass(1_000);
    assert_eq!(client.get(POLLING, "").0, 200);
}

#[test]
fn sessions_of_an_address_are_so_many_until_some_have_ended() {
    let bench = bench(AddressLimits { sessions: 2, ..AddressLimits::default() });
    let bodies = [(); 2].map(|()| bench.handshake("192.0.2.1").1);
    assert_eq!(bench.handshake("192.0.2.1").0, 429);
    assert_eq!(bench.handshake("192.0.2.2").0, 200);
    let target = format!("{POLLING}&sid={}", sid(&bodies[0]));
    assert_eq!(bench.connect("192.0.2.1").post(&target, "1").0, 200);
    assert_eq!(bench.handshake("192.0.2.1").0, 200);
}

/// Attack: one connection opens 20,000 sessions in a second.
#[test]
fn a_flood_of_handshakes_keeps_nobody_out() {
    let mut setup = setup();
    setup.config.max_unjoined = 40;
    setup.addresses = AddressLimits { unjoined: 10, ..AddressLimits::default() };
    let bench = Bench::new(setup);
    let joined = {
        let body = bench.handshake("192.0.2.1").1;
        let target = format!("{POLLING}&sid={}", sid(&body));
        assert_eq!(bench.connect("192.0.2.1").post(&target, "40").0, 200);
        target
    };
    let mut attacker = bench.connect("192.0.2.1");
    for _ in 0..70 {
        assert_eq!(attacker.get(POLLING, "").0, 200);
    }
    assert_eq!(bench.host.sessions(), 11, "the last ten, and who has joined");
    assert_eq!(bench.host.stats().addresses.unjoined, 60, "who has joined does not make way");
    // The same address gets in, and so does another one.
    for from in ["192.0.2.1", "192.0.2.2"] {
        let (status, body) = bench.handshake(from);
        assert_eq!(status, 200);
        let target = format!("{POLLING}&sid={}", sid(&body));
        assert_eq!(bench.connect(from).post(&target, "40").0, 200);
    }
    let (status, body) = bench.connect("192.0.2.1").get(&joined, "");
    assert!(status == 200 && body.contains("initUser"), "{status} {body}");
}

#[test]
fn joins_of_an_address_have_a_rate() {
    let bench = bench(AddressLimits { joins: rate(2, 1), ..AddressLimits::default() });
    let mut one = websocket(&bench, "192.0.2.1");
    one.send(frame("40/a,"));
    one.send(frame("40/b,"));
    one.send(frame("40/c,"));
    one.send(frame("40/d,"));
    let refusals = |client: &Client<'_>| client.take().matches("Invalid namespace").count();
    assert_eq!(refusals(&one), 3, "one is a debt already");
    let mut two = websocket(&bench, "192.0.2.2");
    two.send(frame("40/a,"));
    assert_eq!(refusals(&two), 1);
    bench.pass(999);
    assert!(one.go_on());
    bench.pass(1);
    assert!(!one.go_on());
    assert_eq!(refusals(&one), 1);
}

/// Attack: the largest messages, as fast as they go.
#[test]
fn bytes_of_an_address_have_a_rate() {
    let bench = bench(AddressLimits { bytes: rate(20_000, 1_000), ..AddressLimits::default() });
    let (mut one, mut other) = (websocket(&bench, "192.0.2.1"), websocket(&bench, "192.0.2.2"));
    one.send(frame("40"));
    other.send(frame("40"));
    for _ in 0..30 {
        one.send(frame(&format!("42[\"x\",\"{}\"]", "x".repeat(1_000))));
    }
    other.send(frame("42[\"chat message\",{\"description\":\"hello\"}]"));
    assert!(one.go_on(), "some of it waits");
    assert!(!other.go_on(), "others are not concerned");
    bench.pass(5_000);
    assert!(one.go_on());
    bench.pass(10_000);
    let waits: Vec<_> = (0..10)
        .map(|_| {
            bench.pass(1_000);
            one.go_on()
        })
        .collect();
    assert_eq!(waits.last(), Some(&false), "all of it was read in the end: {waits:?}");
    assert_eq!(bench.host.sessions(), 2);
}

/// Whoever watches the server sees who meets which limit.
#[test]
fn each_limit_is_counted_when_it_is_hit() {
    let limits = AddressLimits { connections: 5, sessions: 2, ..AddressLimits::default() };
    let rates = AddressLimits { connects: rate(6, 1), handshakes: rate(4, 1), joins: rate(1, 1), ..limits };
    let bench = bench(AddressLimits { bytes: rate(2_000, 1_000), ..rates });
    let hits = || bench.host.stats().addresses;
    assert_eq!(hits(), Default::default());
    let mut clients: Vec<_> = (0..7).map(|_| bench.connect("192.0.2.1")).collect();
    assert_eq!((hits().connections, hits().connects), (1, 1));
    let mut open = || clients[0].get(POLLING, "").0;
    assert_eq!([open(), open(), open(), open(), open()], [200, 200, 429, 429, 429]);
    assert_eq!((hits().sessions, hits().handshakes), (2, 1));
    let mut other = websocket(&bench, "192.0.2.2");
    other.send(frame("40/a,"));
    other.send(frame("40/b,"));
    assert_eq!((hits().joins, hits().bytes), (1, 0));
    bench.pass(1_000);
    other.send(frame(&format!("42[\"{}\"]", "x".repeat(4_000))));
    assert!(hits().bytes > 0);
}

/// Whoever shares an address with flooders is heard in time, and they get no more through, however many they are.
#[test]
fn heartbeats_are_heard_beside_a_flood_from_the_same_address() {
    let bench = bench(AddressLimits { bytes: rate(20_000, 10_000), ..AddressLimits::default() });
    let mut neighbour = websocket(&bench, "192.0.2.1");
    neighbour.send(frame("40"));
    let mut flooders: Vec<_> = (0..20).map(|_| websocket(&bench, "192.0.2.1")).collect();
    flooders.iter_mut().for_each(|flooder| flooder.send(frame("40")));
    let before = bench.host.stats().bytes_received;
    for second in 0..120 {
        for flooder in &mut flooders {
            (0..3).for_each(|_| flooder.send(frame(&format!("42[\"x\",\"{}\"]", "x".repeat(1_000)))));
            // Those that were let go have fallen silent behind what they have said.
            flooder.take();
        }
        for _ in 0..10 {
            if neighbour.take().contains("\u{1}2") {
                neighbour.send(frame("3"));
            }
            flooders.iter_mut().for_each(|flooder| _ = flooder.go_on());
            neighbour.go_on();
            bench.pass(100);
        }
        assert!(!neighbour.is_over(), "after {second} s");
    }
    let received = bench.host.stats().bytes_received - before;
    assert!((600_000..1_350_000).contains(&received), "{received} bytes in 120 s, of 10,000 a second");
}

/// Attack: whoever is read from no more comes again.
#[test]
fn who_has_sent_too_much_gets_nothing_through_by_coming_again() {
    let bench = bench(AddressLimits { bytes: rate(2_000, 1_000), ..AddressLimits::default() });
    let before = bench.host.stats().bytes_received;
    for _ in 0..6_000 {
        let mut again = bench.connect("192.0.2.1");
        again.send("x".repeat(1_000));
        bench.pass(10);
    }
    let received = bench.host.stats().bytes_received - before;
    assert!((50_000..66_000).contains(&received), "{received} bytes in 60 s, of 1,000 a second");
    let mut other = bench.connect("192.0.2.2");
    assert_eq!(other.get(POLLING, "").0, 200);
}

#[test]
fn a_post_with_joins_beyond_the_rate_waits() {
    let bench = bench(AddressLimits { joins: rate(1, 1), ..AddressLimits::default() });
    let target = format!("{POLLING}&sid={}", sid(&bench.handshake("192.0.2.1").1));
    let mut client = bench.connect("192.0.2.1");
    assert_eq!(client.post(&target, "40/a,\u{1e}40/b,\u{1e}40/c,").0, 0, "it waits");
    bench.pass(1_999);
    assert_eq!(client.response().0, 0);
    bench.pass(1);
    assert_eq!(client.response().0, 200);
    assert_eq!(bench.connect("192.0.2.1").post(&target, "3").0, 200, "others do not");
}

#[test]
fn behind_a_trusted_proxy_whoever_sends_too_much_waits_and_nobody_else() {
    let mut setup = setup();
    setup.addresses = AddressLimits { bytes: rate(1_000, 1_000), ..AddressLimits::default() };
    setup.options = RequestOptions::default().trusted_proxies(vec!["10.0.0.0/8".parse().unwrap()]);
    let bench = Bench::new(setup);
    let of = |client| format!("X-Forwarded-For: {client}\r\n");
    let open = |client| sid(&bench.connect("10.0.0.1").get(POLLING, &of(client)).1);
    let (one, other) = (open("192.0.2.1"), open("192.0.2.2"));
    let mut connection = bench.connect("10.0.0.1");
    let post = |connection: &mut Client<'_>, sid: &str, client, body: &str| {
        let length = body.len();
        let head =
            format!("POST {POLLING}&sid={sid} HTTP/1.1\r\nHost: localhost\r\n{}Content-Length: {length}", of(client));
        connection.send(format!("{head}\r\n\r\n{body}"));
        connection.response().0
    };
    let large = format!("42[\"{}\"]", "x".repeat(17_000));
    assert_eq!(post(&mut connection, &other, "192.0.2.2", "40"), 200);
    assert_eq!(post(&mut connection, &one, "192.0.2.1", "40"), 200);
    assert_eq!(post(&mut connection, &one, "192.0.2.1", &large), 0, "it waits");
    // On whichever connection, nobody else does.
    assert_eq!(post(&mut bench.connect("10.0.0.1"), &other, "192.0.2.2", "3"), 200);
    bench.pass(17_000);
    assert_eq!(connection.response().0, 200);
    assert_eq!(post(&mut connection, &other, "192.0.2.2", "3"), 200);
}

#[test]
fn behind_a_trusted_proxy_websockets_are_connections_of_their_clients() {
    let mut setup = setup();
    setup.addresses = AddressLimits { connections: 1, ..AddressLimits::default() };
    setup.options = RequestOptions::default().trusted_proxies(vec!["10.0.0.0/8".parse().unwrap()]);
    let bench = Bench::new(setup);
    let upgrade = |client: &str| {
        let mut connection = bench.connect("10.0.0.1");
        connection.send(UPGRADE.replace("Host:", &format!("X-Forwarded-For: {client}\r\nHost:")));
        (connection.response().0, connection)
    };
    let (status, first) = upgrade("192.0.2.1");
    assert_eq!(status, 101);
    assert_eq!([upgrade("192.0.2.1").0, upgrade("192.0.2.2").0], [429, 101]);
    drop(first);
    assert_eq!(upgrade("192.0.2.1").0, 101);
}

#[test]
fn behind_a_trusted_proxy_clients_are_limited_and_the_proxy_is_not() {
    let mut setup = setup();
    setup.addresses = AddressLimits { connections: 1, sessions: 1, connects: rate(1, 1), ..AddressLimits::default() };
    setup.options = RequestOptions::default().trusted_proxies(vec!["10.0.0.0/8".parse().unwrap()]);
    let bench = Bench::new(setup);
    let mut proxies = [(); 5].map(|()| bench.connect("10.0.0.1"));
    let open = |proxy: &mut Client<'_>, client| proxy.get(POLLING, &format!("X-Forwarded-For: {client}\r\n")).0;
    assert_eq!(open(&mut proxies[0], "192.0.2.1"), 200);
    assert_eq!(open(&mut proxies[1], "192.0.2.1"), 429);
    // The same connection carries the requests of others, too.
    assert_eq!(open(&mut proxies[1], "192.0.2.2"), 200);
    assert_eq!(open(&mut proxies[2], "6.6.6.6, 192.0.2.2"), 429, "what the client says in front is its own");
    assert_eq!(proxies[3].get(POLLING, "").0, 200, "the proxy itself");
    assert_eq!(proxies[4].get(POLLING, "").0, 200, "has no limit");
}

#[test]
fn an_unnamed_address_is_nobodys() {
    let bench = bench(AddressLimits { max_addresses: 1, handshakes: rate(1, 1), ..AddressLimits::default() });
    assert_eq!(["192.0.2.1", "192.0.2.2", "192.0.2.3"].map(|from| bench.handshake(from).0), [200, 200, 429]);
}
