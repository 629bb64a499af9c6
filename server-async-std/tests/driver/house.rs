//! A server with an application that floods whoever asks for it, and remembers who left and why.

use async_std::task::{spawn, spawn_blocking};
use sanket::{AckId, App, Config, ConnectRequest, Effects, Emit, Event, Nsp, Reason, SocketId, Target};
use sanket_async_std::front::{Front, FrontHandle};
use sanket_async_std::{Options, Origins, Server};
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
    pub(crate) front: FrontHandle,
    left: Option<mpsc::Receiver<Reason>>,
}

impl House {
    pub(crate) async fn open(config: Config, origins: Origins) -> Self {
        let (app, left) = Floods::new();
        let server = Server::start(app, config, Options::default().origins(origins));
        let mut app = tide::new();
        app.at("/").get(|_| async { Ok("hello") });
        let mut front = Front::bind_to([([127, 0, 0, 1], 0)]);
        server.mount_directly(&mut app, &mut front, "/socket.io");
        let handle = front.handle();
        let mut listener = app.bind(front).await.expect("a free port");
        let address = handle.local_addrs()[0];
        spawn(async move { tide::listener::Listener::<()>::accept(&mut listener).await });
        Self { address, server, front: handle, left: Some(left) }
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
            if self.server.sessions() == 0 && self.front.connections() == 0 {
                return;
            }
            async_std::task::sleep(Duration::from_millis(5)).await;
        }
        panic!("{} sessions and {} connections are left", self.server.sessions(), self.front.connections());
    }
}
