//! Connections that wait to be accepted.
use crate::client::Client;
use crate::house::{DEADLINE, Nobody};
use async_std::task::{block_on, spawn};
use sanket_async_std::{AddressLimits, Server, Setup, setup};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::{Duration, Instant};
use tide::listener::{Listener, ToListener};

/// After a second, a client asks again; these must not have to.
const AT_ONCE: Duration = Duration::from_millis(900);
/// More than std's backlog of 128 and what the system puts on top of it.
const CROWD: usize = 600;

#[cfg(target_os = "linux")]
#[test]
fn a_crowd_waits_to_be_accepted_and_nobody_has_to_ask_twice() {
    let addresses = AddressLimits { connections: CROWD, ..AddressLimits::default() };
    let server = Server::start(Nobody, Setup { addresses, ..setup() }).unwrap();
    let listen = server.listener([SocketAddr::from((Ipv4Addr::LOCALHOST, 0))]);
    let mut listener = ToListener::<()>::to_listener(listen).unwrap();
    let mut app = tide::new();
    app.at("/").get(|_| async { Ok("hello") });
    block_on(listener.bind(app)).unwrap();
    let address = server.addresses()[0];
    // Nobody accepts.
    let crowd: Vec<TcpStream> = (0..CROWD)
        .map(|n| TcpStream::connect_timeout(&address, AT_ONCE).unwrap_or_else(|e| panic!("{n}: {e}")))
        .collect();
    let accepting = spawn(async move { Listener::<()>::accept(&mut listener).await });
    let start = Instant::now();
    for stream in crowd {
        let mut client = Client::from(stream);
        assert_eq!(client.get("/").status, 200);
    }
    assert!(start.elapsed() < DEADLINE);
    block_on(server.shut_down());
    block_on(accepting).unwrap();
}
