//! Mounting on an application that has routes of its own, behind this crate's front door and behind tide's listener.

use crate::client::Client;
use async_std::io::{ReadExt as _, WriteExt as _};
use async_std::net::TcpStream;
use async_std::task::{block_on, spawn};
use sanket::{Chat, ChatConfig, Config};
use sanket_async_std::front::Front;
use sanket_async_std::{Options, Server};
use std::net::SocketAddr;
use std::time::Duration;
use tide::listener::{Listener, ToListener};

fn application() -> (Server<Chat>, tide::Server<()>) {
    let mut app = tide::new();
    app.at("/").get(|_| async { Ok("the application") });
    // As somebody has it who serves a directory.
    app.at("/*").get(|_| async { Ok("something else") });
    let server = Server::start(Chat::new(ChatConfig::default(), 7), Config::default(), Options::default());
    server.mount(&mut app, "/socket.io/");
    (server, app)
}

async fn serves_both(server: &Server<Chat>, address: SocketAddr) {
    let mut stream = TcpStream::connect(address).await.expect("a connection");
    let request = format!("GET / HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.expect("the server takes it");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.expect("an answer");
    assert!(answer.ends_with("the application"), "{answer}");

    let mut client = Client::open(address, None).await.expect("a WebSocket");
    assert!(client.next().await.starts_with(r#"0{"sid":""#));
    client.send("40").await;
    assert!(client.next().await.starts_with(r#"40{"sid":""#));
    assert!(client.next().await.starts_with(r#"42["initUser",{"name":"#));
    assert!(client.next().await.contains("进入聊天室"));
    assert_eq!(server.sessions(), 1);
    assert!(server.close(Duration::from_secs(5)).await, "all sessions end");
    assert!(Client::open(address, None).await.is_err(), "a closed server takes no more");
}

async fn run<L: ToListener<()>>(listener: L, address: impl FnOnce(&L::Listener) -> SocketAddr) {
    let (server, app) = application();
    let mut listener = app.bind(listener).await.expect("a free port");
    let address = address(&listener);
    spawn(async move { listener.accept().await });
    serves_both(&server, address).await;
}

#[test]
fn behind_the_front_door() {
    let front = Front::bind_to([([127, 0, 0, 1], 0)]);
    let handle = front.handle();
    block_on(run(front, |_| handle.local_addrs()[0]));
}

#[test]
fn behind_tides_own_listener() {
    let socket = std::net::TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
    let address = socket.local_addr().expect("an address");
    block_on(run(socket, |_| address));
}
