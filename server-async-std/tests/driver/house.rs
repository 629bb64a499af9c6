//! A server with an application that floods whoever asks for it, and remembers who left and why.

use async_std::task::{JoinHandle, spawn, spawn_blocking};
use sanket::{AckId, App, Config, ConnectRequest, Effects, Emit, Event, Nsp, Reason, SocketId, Target};
use sanket_async_std::{Options, Origins, Server, Setup, setup};
use std::net::SocketAddr;
use std::sync::mpsc;
use std::time::Duration;

/// `flood` [count, bytes] sends everybody that many events of that size; `say` passes its argument on to everybody; `panic`
/// panics.
pub(crate) struct Floods {
    left: mpsc::Sender<Reason>,
}

impl Floods {
    /// One, and who hears who leaves.
    pub(crate) fn new() -> (Self, mpsc::Receiver<Reason>) {
        let (left, who_left) = mpsc::channel();
        (Self { left }, who_left)
    }
}

impl App for Floods {
    fn connect(&mut self, who: SocketId, _: &ConnectRequest, fx: &mut Effects<'_>) {
        fx.emit(Target::Socket(who), "welcome", &1);
    }

    fn event(&mut self, _: SocketId, event: &Event, ack: Option<AckId>, fx: &mut Effects<'_>) {
        match &*event.name() {
            "flood" => {
                let (_, count, bytes): (&str, usize, usize) = event.parse().expect("a count and a size");
                let text = "x".repeat(bytes);
                for _ in 0..count {
                    fx.emit(Target::Namespace(&Nsp::ROOT), "flood", &text);
                }
            }
            "panic" => panic!("this is what the test is about"),
            "say" => fx.send(Target::Namespace(&Nsp::ROOT), &Emit::new("said").args_json(event.args_json())),
            _ => {}
        }
        if let Some(ack) = ack {
            fx.ack(ack, &true);
        }
    }

    fn disconnect(&mut self, _: SocketId, reason: Reason, _: &mut Effects<'_>) {
        // The test may be over.
        let _ = self.left.send(reason);
    }
}

pub(crate) struct House {
    pub(crate) address: SocketAddr,
    pub(crate) server: Server<Floods>,
    left: Option<mpsc::Receiver<Reason>>,
    /// What the listener ends with.
    pub(crate) listening: JoinHandle<std::io::Result<()>>,
}

impl House {
    pub(crate) async fn open(config: Config, origins: Origins) -> Self {
        let (app, left) = Floods::new();
        let options = Options::default().origins(origins);
        let server = Server::start(app, Setup { config, options, ..setup() }).expect("threads");
        let mut app = tide::new();
        app.at("/").get(|_| async { Ok("hello") });
        let mut listener = app.bind(server.listener([([127, 0, 0, 1], 0)])).await.expect("a free port");
        let address = server.addresses()[0];
        let listening = spawn(async move { tide::listener::Listener::<()>::accept(&mut listener).await });
        Self { address, server, left: Some(left), listening }
    }

    /// Why the next socket leaves.
    pub(crate) async fn next_to_leave(&mut self) -> Reason {
        let left = self.left.take().expect("one at a time");
        let (left, reason) = spawn_blocking(move || {
            let reason = left.recv_timeout(Duration::from_secs(20));
            (left, reason)
        })
        .await;
        self.left = Some(left);
        reason.expect("somebody leaves")
    }

    /// Waits until nothing of any client is left in the server.
    pub(crate) async fn assert_empty(&self) {
        for _ in 0..2_000 {
            if self.server.host().sessions() == 0 && self.server.host().connections() == 0 {
                return;
            }
            async_std::task::sleep(Duration::from_millis(5)).await;
        }
        panic!(
            "{} sessions and {} connections are left",
            self.server.host().sessions(),
            self.server.host().connections()
        );
    }
}
