//! How many may come in.
use crate::house::{Handle, House, eventually, house};
use sanket_async_std::{AddressLimits, HttpConfig};

fn is_full(config: HttpConfig, addresses: AddressLimits, status: u16) {
    let house = House::open_with(config, addresses);
    let mut inside = [house.client(), house.client()];
    for client in &mut inside {
        assert_eq!(client.get("/").status, 200);
    }
    house.client().is_refused(status);
    house.client().send("GET / HTTP/1.1\r\nHost: a\r\n\r\n").is_refused(status);
    assert_eq!(house.handle.connections(), 2);
    let [one, mut other] = inside;
    drop(one);
    eventually("there is room again", || house.handle.connections() == 1);
    assert_eq!(house.client().get("/").status, 200);
    assert_eq!(other.get("/").status, 200);
}

#[test]
fn connections_over_the_cap_are_told_so() {
    is_full(HttpConfig { max_connections: 2, ..HttpConfig::default() }, AddressLimits::default(), 503);
}

#[test]
fn connections_over_the_cap_of_an_address_are_told_so() {
    is_full(HttpConfig::default(), AddressLimits { connections: 2, ..AddressLimits::default() }, 429);
}

#[test]
fn an_upgraded_connection_keeps_its_place() {
    let house = House::open(HttpConfig { max_connections: 1, ..HttpConfig::default() });
    let mut client = house.client();
    client.send("GET /upgrade HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\n");
    assert_eq!(client.head().status, 101);
    house.client().is_refused(503);
    drop(client);
    house.is_left();
    assert_eq!(house.client().get("/").status, 200);
}

#[test]
fn refusals_are_bounded() {
    let config = HttpConfig { max_connections: 0, max_refusals: 1, ..HttpConfig::default() };
    let house = House::open(config);
    let mut first = house.client();
    assert_eq!(first.reply().status, 503);
    // While the first one lingers, there is no word for a second one.
    house.client().is_closed();
    drop(first);
    eventually("refusals are given again", || !house.client().rest().is_empty());
}

#[test]
fn an_address_that_cannot_be_bound_is_named() {
    let house = house();
    let addrs = [std::net::SocketAddr::from(([127, 0, 0, 1], 0)), house.addr()];
    let error = async_std::task::block_on(tide::new().listen(house.handle.listener(addrs))).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::AddrInUse);
    assert!(error.to_string().contains(&house.addr().to_string()), "{error}");
    let none: [std::net::SocketAddr; 0] = [];
    assert!(async_std::task::block_on(tide::new().listen(house.handle.listener(none))).is_err());
}

#[test]
fn all_addresses_are_listened_on() {
    let mut app = tide::new();
    app.at("/").get(|_| async { Ok("hello") });
    let handle = Handle::start(HttpConfig::default(), AddressLimits::default());
    assert!(handle.local_addrs().is_empty());
    let listening = async_std::task::spawn(app.listen(handle.listener([([127, 0, 0, 1], 0), ([127, 0, 0, 1], 0)])));
    eventually("it listens", || handle.local_addrs().len() == 2);
    for addr in handle.local_addrs() {
        assert_eq!(crate::client::Client::connect(addr).get("/").text(), "hello");
    }
    handle.shutdown();
    async_std::task::block_on(listening).unwrap();
}
