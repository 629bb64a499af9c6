//! Mounting on an application that has routes of its own, behind this crate's front door and behind tide's listener.

use crate::client::Client;
use async_std::io::{ReadExt as _, WriteExt as _};
use async_std::net::TcpStream;
use async_std::task::{block_on, spawn};
use sanket::chat::{Chat, ChatConfig};
use sanket_async_std::{Server, setup};
use std::net::SocketAddr;
use std::time::Duration;
use tide::listener::{Listener, ToListener};

fn application() -> (Server<Chat>, tide::Server<()>) {
    let mut app = tide::new();
    app.at("/").get(|_| async { Ok("the application") });
    // As somebody has it who serves a directory.
    app.at("/*").get(|_| async { Ok("something else") });
    let server = Server::start(Chat::new(ChatConfig::default(), 7), setup()).expect("threads");
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
    assert_eq!(server.host().sessions(), 1);
    let stats = server.host().stats();
    assert_eq!((stats.requests, stats.websockets, stats.census.sessions.total()), (1, 1, 1));
    assert!(server.close(Duration::from_secs(5)).await, "all sessions end");
    assert!(Client::open(address, None).await.is_err(), "a closed server takes no more");
}

async fn run(server: Server<Chat>, app: tide::Server<()>, listener: impl ToListener<()>, address: Option<SocketAddr>) {
    let mut listener = app.bind(listener).await.expect("a free port");
    let address = address.unwrap_or_else(|| server.addresses()[0]);
    spawn(async move { listener.accept().await });
    serves_both(&server, address).await;
}

#[test]
fn before_the_application() {
    let (server, app) = application();
    let listener = server.listener([([127, 0, 0, 1], 0)]);
    block_on(run(server, app, listener, None));
}

#[test]
fn behind_tides_own_listener() {
    let (server, mut app) = application();
    server.mount(&mut app, "/socket.io/");
    let socket = std::net::TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
    let address = socket.local_addr().expect("an address");
    block_on(run(server, app, socket, Some(address)));
}
