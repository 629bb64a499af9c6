//! Ends: of the server, of the application, of a POST.

use crate::client::{Client, handshake, head, post, read_all};
use crate::house::{Floods, House};
use async_std::future::timeout;
use async_std::net::TcpStream;
use async_std::task::{block_on, spawn};
use async_tungstenite::tungstenite::Error;
use futures_lite::AsyncWriteExt as _;
use sanket::chat::{Chat, ChatConfig};
use sanket::{Config, Reason};
use sanket_async_std::{Origins, Server, setup};
use std::time::Duration;
use tide::listener::Listener as _;

const SOON: Duration = Duration::from_secs(10);

#[test]
fn a_closing_server_tells_everybody_and_leaves_nothing_unsaid() {
    block_on(async {
        let house = House::open(Config::default(), Origins::same()).await;
        let mut clients = Vec::new();
        for _ in 0..200 {
            clients.push(Client::join(house.address).await);
        }
        clients[0].send(r#"421["flood",3,1000]"#).await;
        clients[0].next_like("431[true]").await;
        let server = house.server.clone();
        let closing = spawn(async move { server.close(SOON).await });
        for client in &mut clients {
            let last = client.last_words().await;
            // The first one has read them before its ack.
            assert!(last.starts_with(r#"42["flood","xxx"#) || last.is_empty(), "{last}");
        }
        drop(clients);
        assert!(closing.await, "everything is said in time");
        house.assert_empty().await;
    });
}

#[test]
fn an_application_that_panics_ends_the_server_and_keeps_nobody_waiting() {
    block_on(async {
        let mut house = House::open(Config::default(), Origins::same()).await;
        let (mut witness, mut culprit) = (Client::join(house.address).await, Client::join(house.address).await);
        culprit.send(r#"42["panic"]"#).await;
        timeout(SOON, house.server.failed()).await.expect("the server says so");
        witness.last_words().await;
        culprit.last_words().await;
        // Whoever mounts the server hears of it by what it waits for anyway.
        let ended = timeout(SOON, &mut house.listening).await.expect("it ends");
        assert_eq!(ended.expect_err("an error").to_string(), "the application panicked");
        drop((witness, culprit));
        house.assert_empty().await;
    });
}

/// Names the test that a process of its own runs, as the one whose application panics.
const CHILD: &str = "SANKET_TEST_CHILD";

/// It lets nobody in, and would look alive.
#[test]
fn a_process_ends_if_its_application_panics_and_nobody_asks() {
    const NAME: &str = "ends::a_process_ends_if_its_application_panics_and_nobody_asks";
    if std::env::var(CHILD).is_ok_and(|name| name == NAME) {
        let (app, _left) = Floods::new();
        let server = Server::start(app, setup()).expect("threads");
        let mut app = tide::new();
        server.mount(&mut app, "/socket.io");
        return block_on(async {
            // Whoever says this does not ask whether the application lives.
            server.host().apply(|_, _| panic!("this is what the test is about")).expect("it is asked");
            std::future::pending::<()>().await;
        });
    }
    let mut child = std::process::Command::new(std::env::current_exe().expect("this program"));
    let output = child.args(["--exact", NAME]).env(CHILD, NAME).output().expect("it runs");
    assert_eq!(output.status.code(), Some(101), "{output:?}");
}

#[test]
fn a_server_lives_as_long_as_it_is_mounted() {
    block_on(async {
        let mut app = tide::new();
        let server = Server::start(Chat::new(ChatConfig::default(), 7), setup()).expect("threads");
        server.mount(&mut app, "/socket.io");
        drop(server);
        let socket = std::net::TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
        let address = socket.local_addr().expect("an address");
        let mut listener = app.bind(socket).await.expect("it is bound");
        spawn(async move { listener.accept().await });
        let mut client = Client::open(address, None).await.expect("a WebSocket");
        client.send("40").await;
        client.next_like(r#"42["initUser""#).await;
    });
}

#[test]
fn sessions_are_counted_over_all_shards() {
    block_on(async {
        let house = House::open(Config { max_sessions: 3, ..Config::default() }, Origins::same()).await;
        let mut clients = Vec::new();
        for _ in 0..3 {
            clients.push(Client::join(house.address).await);
        }
        match Client::open(house.address, None).await.map(drop) {
            Err(Error::Http(response)) => assert_eq!(response.status(), 503),
            other => panic!("{other:?}"),
        }
        drop(clients);
        house.assert_empty().await;
        drop(Client::join(house.address).await);
    });
}

/// Begins a POST and sends half of its body.
async fn half_a_post(house: &House, sid: &str) -> TcpStream {
    let mut stream = TcpStream::connect(house.address).await.expect("a connection");
    let head = head(house.address, "POST", &format!("&sid={sid}"), 6);
    stream.write_all(format!("{head}42[").as_bytes()).await.expect("the server takes it");
    stream
}

#[test]
fn two_posts_at_once_end_the_session() {
    block_on(async {
        let mut house = House::open(Config::default(), Origins::same()).await;
        let sid = handshake(house.address).await;
        assert!(post(house.address, &sid, "40").await.ends_with("ok"));
        let mut first = half_a_post(&house, &sid).await;
        // The first may not have been looked at yet; but one of the following comes while it is.
        let mut answer = post(house.address, &sid, "3").await;
        while answer.ends_with("ok") {
            answer = post(house.address, &sid, "3").await;
        }
        assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
        assert_eq!(house.next_to_leave().await, Reason::TransportError);
        let answer = read_all(&mut first).await;
        assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
        drop(first);
        house.assert_empty().await;
    });
}

#[test]
fn a_post_that_breaks_off_ends_the_session() {
    block_on(async {
        let mut house = House::open(Config::default(), Origins::same()).await;
        let sid = handshake(house.address).await;
        assert!(post(house.address, &sid, "40").await.ends_with("ok"));
        drop(half_a_post(&house, &sid).await);
        assert_eq!(house.next_to_leave().await, Reason::TransportError);
        house.assert_empty().await;
    });
}
