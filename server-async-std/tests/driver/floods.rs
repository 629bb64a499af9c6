//! As many clients as the machine has processors, and one more, send without a pause whatever costs them nothing. The others
//! are served all the same.

use crate::client::Client;
use crate::house::House;
use async_std::future::timeout;
use async_std::task::block_on;
use sanket::Config;
use sanket_async_std::Origins;
use std::io::{Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::mpsc;
use std::thread::{self, available_parallelism};
use std::time::Duration;

/// How long a healthy client may wait for an answer. A server that serves nobody else does not make it at all.
const PATIENCE: Duration = Duration::from_secs(5);

/// A WebSocket, or a plain connection, that is written to until the server or the test ends it.
fn flood(address: SocketAddr, upgrade: bool, first: &[u8], again: &[u8]) -> (TcpStream, thread::JoinHandle<()>) {
    let mut stream = TcpStream::connect(address).expect("a connection");
    if upgrade {
        let head = format!(
            "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: {address}\r\nConnection: Upgrade\r\n\
             Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).expect("the server takes it");
        let mut head = [0; 12];
        stream.read_exact(&mut head).expect("an answer");
        assert_eq!(&head, b"HTTP/1.1 101");
    }
    let handle = stream.try_clone().expect("a second handle");
    let (first, again) = (first.to_vec(), again.repeat(1_000));
    let thread = thread::spawn(move || {
        let mut result = stream.write_all(&first);
        while result.is_ok() {
            result = stream.write_all(&again);
        }
    });
    (handle, thread)
}

/// A server that serves nobody keeps this process's timers from firing, too: then only another thread can end the test.
fn watchdog() -> mpsc::Sender<()> {
    let (done, watched) = mpsc::channel();
    thread::spawn(move || {
        if watched.recv_timeout(Duration::from_secs(60)) == Err(mpsc::RecvTimeoutError::Timeout) {
            eprintln!("the server serves nobody while it is flooded");
            std::process::exit(101);
        }
    });
    done
}

fn others_are_served(upgrade: bool, first: &[u8], again: &[u8]) {
    let _done = watchdog();
    block_on(async {
        let house = House::open(Config::default(), Origins::same()).await;
        let mut witness = Client::join(house.address).await;
        let processors = available_parallelism().map_or(2, usize::from);
        let flooders: Vec<_> = (0..=processors).map(|_| flood(house.address, upgrade, first, again)).collect();
        for n in 0..10 {
            let served = async {
                witness.send(&format!(r#"42{n}["say",{n}]"#)).await;
                witness.next_like(&format!("43{n}[true]")).await;
                drop(Client::join(house.address).await);
            };
            timeout(PATIENCE, served).await.expect("a healthy client is served");
        }
        for (stream, thread) in flooders {
            // The server may have ended it before.
            let _ = stream.shutdown(Shutdown::Both);
            thread.join().expect("the flooder ends");
        }
        drop(witness);
        house.assert_empty().await;
    });
}

#[test]
fn pongs() {
    others_are_served(true, &[], &[0x8a, 0x80, 0, 0, 0, 0]);
}

#[test]
fn pings() {
    others_are_served(true, &[], &[0x89, 0x80, 0, 0, 0, 0]);
}

#[test]
fn empty_fragments() {
    others_are_served(true, &[0x01, 0x80, 0, 0, 0, 0], &[0x00, 0x80, 0, 0, 0, 0]);
}

#[test]
fn heartbeats() {
    others_are_served(true, &[], &[0x81, 0x81, 0, 0, 0, 0, b'3']);
}

#[test]
fn pipelined_requests() {
    others_are_served(false, &[], b"GET / HTTP/1.1\r\nHost: a\r\n\r\n");
}

#[test]
fn a_hub_that_is_always_behind_is_waited_for() {
    let _done = watchdog();
    block_on(async {
        let house = House::open(Config { max_backlog: 0, ..Config::default() }, Origins::same()).await;
        let (mut one, mut other) = (Client::join(house.address).await, Client::join(house.address).await);
        for n in 0..500 {
            one.send(&format!(r#"42{n}["say",{n}]"#)).await;
            other.send(&format!(r#"42{n}["say",{n}]"#)).await;
        }
        for n in 0..500 {
            one.next_like(&format!("43{n}[true]")).await;
            other.next_like(&format!("43{n}[true]")).await;
        }
        drop((one, other));
        house.assert_empty().await;
    });
}
