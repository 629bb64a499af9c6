//! Tasks of the application, and its waker.

use crate::bench::{UPGRADE, frame, setup};
use sanket::{App, ConnectRequest, Effects, Reason, SocketId, Time};
use sanket_host::host::{Driver, Host, Interest, Socket};
use sanket_host::request::Peer;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::task::Waker;
use std::thread::{self, ThreadId};
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(30);

/// A driver that tells when it is to be awake.
struct Bell(Sender<()>);

impl Driver for Bell {
    fn now(&self) -> Time {
        Time::from_millis(1_700_000_000_000)
    }

    fn wake(&self) {
        let _ = self.0.send(());
    }
}

/// Nobody reads what is written.
struct Sink;

impl Socket for Sink {
    fn try_write(&self, bytes: &[u8], _last: bool) -> std::io::Result<usize> {
        Ok(bytes.len())
    }

    fn wake(&self, _: Interest) {}
}

/// Has a task for each socket, and tells where and when it was woken.
struct Busy {
    waker: Option<Waker>,
    /// What tasks have found.
    found: Arc<Mutex<Vec<ThreadId>>>,
    woken: Sender<Vec<ThreadId>>,
}

impl App for Busy {
    fn attach(&mut self, waker: Waker) {
        self.waker = Some(waker);
    }

    fn connect(&mut self, _: SocketId, _: &ConnectRequest, fx: &mut Effects<'_>) {
        let (waker, found) = (self.waker.clone().expect("it was attached"), self.found.clone());
        fx.spawn(Box::pin(async move {
            found.lock().unwrap().push(thread::current().id());
            waker.wake();
        }));
    }

    fn disconnect(&mut self, _: SocketId, _: Reason, _: &mut Effects<'_>) {}

    fn wake(&mut self, _: &mut Effects<'_>) {
        let _ = self.woken.send(std::mem::take(&mut *self.found.lock().unwrap()));
    }
}

fn host() -> (Host<Busy>, Receiver<()>, Receiver<Vec<ThreadId>>) {
    let ((bell, rings), (woken, wakes)) = (channel(), channel());
    let app = Busy { waker: None, found: Arc::default(), woken };
    (Host::new(app, setup(), Bell(bell)), rings, wakes)
}

#[test]
fn a_task_runs_elsewhere_and_its_outcome_comes_back_by_the_drivers_sleeper() {
    let (host, rings, wakes) = host();
    let line = host.accept(Peer::default(), Arc::new(Sink)).expect("there is room");
    host.turn().receive(&line, UPGRADE.as_bytes());
    while rings.try_recv().is_ok() {}
    host.turn().receive(&line, &frame("40"));
    // The sleeper is told; whoever woke the application does not let it speak.
    loop {
        rings.recv_timeout(PATIENCE).expect("the sleeper is woken");
        assert!(wakes.try_recv().is_err(), "the application was called by a task");
        if host.poll_timeout() == Some(Time::default()) {
            break;
        }
    }
    host.handle_timeout();
    let found = wakes.try_recv().expect("the application was woken");
    assert_eq!(found.len(), 1);
    assert_ne!(found[0], thread::current().id(), "a driver without tasks has threads");
    host.handle_timeout();
    assert!(wakes.try_recv().is_err(), "once");
}

#[test]
fn a_waker_that_outlives_the_server_does_nothing() {
    let (host, _, wakes) = host();
    let (sender, receiver) = channel();
    host.apply(move |app, _| drop(sender.send(app.waker.clone()))).expect("it is asked");
    let waker = receiver.recv_timeout(PATIENCE).expect("at once").expect("it was attached");
    host.end();
    drop(host);
    waker.wake();
    assert!(wakes.recv().is_err(), "the application has gone");
}
