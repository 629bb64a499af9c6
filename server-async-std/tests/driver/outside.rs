//! What comes into a server from outside of its clients' events: whoever calls [`Server::apply`], and whoever has a say in who
//! is let in.

use crate::client::{Client, request};
use async_std::future::timeout;
use async_std::task::{block_on, spawn};
use async_tungstenite::tungstenite::Error;
use sanket::driver::RequestError;
use sanket::{Admission, App, ConnectRequest, Effects, Nsp, Reason, SocketId, Target};
use sanket_async_std::{AllowAsync as _, Denial, Ended, Options, Server, Setup, Welcome, setup};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

const SOON: Duration = Duration::from_secs(10);

/// Lets somebody in when it is told to.
#[derive(Debug, Default)]
struct Door {
    at_the_door: Vec<SocketId>,
}

impl App for Door {
    fn admit(&mut self, who: SocketId, _: &ConnectRequest, _: &mut Effects<'_>) -> Admission {
        self.at_the_door.push(who);
        Admission::Later
    }

    fn connect(&mut self, who: SocketId, _: &ConnectRequest, fx: &mut Effects<'_>) {
        fx.emit(Target::Socket(who), "welcome", &1);
    }

    fn disconnect(&mut self, _: SocketId, _: Reason, _: &mut Effects<'_>) {}
}

async fn open(options: Options) -> (Server<Door>, SocketAddr) {
    let server = Server::start(Door::default(), Setup { options, ..setup() }).expect("threads");
    let address = server.listen(([127, 0, 0, 1], 0)).expect("a free port");
    (server, address)
}

#[test]
fn a_task_outside_lets_clients_in_and_speaks_to_them() {
    block_on(async {
        let (server, address) = open(Options::default()).await;
        let joining = spawn(Client::join(address));
        let waiting = async {
            loop {
                let known = server.apply(|door, _| door.at_the_door.first().copied()).await;
                if let Some(who) = known.expect("the server lives") {
                    return who;
                }
            }
        };
        let who = timeout(SOON, waiting).await.expect("somebody knocks");
        let count = |fx: &mut Effects<'_>| fx.count(&Nsp::ROOT);
        assert_eq!(server.apply(move |_, fx| count(fx)).await, Ok(0), "it is not in yet");
        assert_eq!(server.apply(move |_, fx| fx.decide(who, Admission::Accept)).await, Ok(()));
        let mut client = joining.await;
        assert_eq!(server.apply(move |_, fx| count(fx)).await, Ok(1));
        let news = server.apply(|_, fx| fx.emit(Target::Namespace(&Nsp::ROOT), "news", "from outside")).await;
        assert_eq!(news, Ok(()));
        assert_eq!(client.next().await, r#"42["news","from outside"]"#);
    });
}

#[test]
fn whoever_asks_when_the_application_has_panicked_is_told_so() {
    block_on(async {
        let (server, _) = open(Options::default()).await;
        assert_eq!(server.apply(|_, _| panic!("this is what the test is about")).await, Err::<(), _>(Ended));
        timeout(SOON, server.failed()).await.expect("the server says so");
        assert_eq!(timeout(SOON, server.apply(|_, _| 1)).await.expect("an answer, soon"), Err(Ended));
    });
}

#[test]
fn a_handshake_waits_for_a_word_from_outside_but_not_for_ever() {
    block_on(async {
        let refused = Arc::new(Mutex::new(Vec::new()));
        let told = refused.clone();
        let options = Options::default()
            .allow_async(|handshake| async move {
                match handshake.query_value("who").as_deref() {
                    Some("friend") => Ok(Welcome::default().header("X-Greeting", "hello")),
                    Some("foe") => Err(Denial::new("Not \"you\"")),
                    _ => std::future::pending().await,
                }
            })
            .allow_timeout(50)
            .on_refused(move |error, url| {
                let mut refused = told.lock().unwrap_or_else(PoisonError::into_inner);
                refused.push((error, url.contains("foe")));
            });
        let (_server, address) = open(options).await;
        let friend = request(address, "GET", "&who=friend", "").await.to_lowercase();
        assert!(friend.starts_with("http/1.1 200 ") && friend.contains("x-greeting: hello"), "{friend}");
        let foe = request(address, "GET", "&who=foe", "").await;
        assert!(foe.starts_with("HTTP/1.1 403 "), "{foe}");
        assert!(foe.ends_with(r#"{"code":4,"message":"Not \"you\""}"#), "{foe}");
        let nobody = request(address, "GET", "", "").await;
        assert!(nobody.ends_with(r#"{"code":4,"message":"Forbidden"}"#), "{nobody}");
        match Client::open(address, None).await.map(drop) {
            // As the reference has it, which can say no more to whoever wants an upgrade.
            Err(Error::Http(response)) => assert_eq!(response.status(), 400),
            other => panic!("{other:?}"),
        }
        let refused = refused.lock().unwrap_or_else(PoisonError::into_inner);
        let forbidden = RequestError::Forbidden;
        assert_eq!(*refused, [(forbidden, true), (forbidden, false), (forbidden, false)]);
    });
}
