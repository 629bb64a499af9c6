use super::{CURRENT, Watched, sleep, spawn, spawn_on};
use mio::Interest;
use std::future::Future;
use std::io::{Read as _, Write as _};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

fn outcome<R: Send + 'static>(future: impl Future<Output = R> + Send + 'static) -> R {
    let (sender, receiver) = mpsc::channel();
    spawn_on(0, async move {
        _ = sender.send(future.await);
    });
    receiver.recv().expect("the task ends")
}

#[test]
fn a_task_stays_on_its_thread_and_so_do_those_that_it_spawns() {
    let threads = outcome(async {
        let (sender, receiver) = mpsc::channel();
        for _ in 0..3 {
            let sender = sender.clone();
            spawn(async move {
                _ = sender.send(thread::current().id());
            });
            async_std::task::yield_now().await;
        }
        (thread::current().id(), receiver.try_iter().collect::<Vec<_>>())
    });
    assert_eq!(threads.1, [threads.0; 3]);
}

#[test]
fn a_task_that_panics_takes_nobody_with_it() {
    spawn_on(0, async { panic!("on purpose") });
    assert_eq!(outcome(async { 1 }), 1);
}

#[test]
fn alarms_sound_in_their_order_and_not_early() {
    let started = Instant::now();
    let order = outcome(async {
        let (sender, receiver) = mpsc::channel();
        for millis in [30, 10, 20] {
            let sender = sender.clone();
            spawn(async move {
                sleep(Duration::from_millis(millis)).await;
                _ = sender.send((millis, Instant::now()));
            });
        }
        drop(sender);
        let mut order = Vec::new();
        while order.len() < 3 {
            sleep(Duration::from_millis(1)).await;
            order.extend(receiver.try_iter());
        }
        order
    });
    assert_eq!(order.iter().map(|(millis, _)| *millis).collect::<Vec<_>>(), [10, 20, 30]);
    for (millis, at) in order {
        assert!(at - started >= Duration::from_millis(millis));
    }
}

#[test]
fn whoever_is_woken_from_elsewhere_goes_on() {
    let (sender, receiver) = oneshot::channel();
    let (done, outcome) = mpsc::channel();
    spawn_on(1, async move {
        _ = done.send(receiver.await);
    });
    thread::spawn(move || sender.send(7));
    assert_eq!(outcome.recv().expect("the task ends"), Ok(7));
}

/// What a peer sent before it ended is read, and so is the end, though the system announces both only once.
#[test]
fn the_end_is_read_after_what_came_with_it() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let mut peer = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (socket, _) = listener.accept().unwrap();
    socket.set_nonblocking(true).unwrap();
    peer.write_all(b"goodbye").unwrap();
    drop(peer);
    let read = outcome(async move {
        let worker = CURRENT.get().expect("a worker");
        let socket = mio::net::TcpStream::from_std(socket);
        let watched = Watched::new(socket, worker, Interest::READABLE | Interest::WRITABLE).unwrap();
        let (mut read, mut buffer) = (Vec::new(), [0; 64]);
        loop {
            let took = std::future::poll_fn(|cx| {
                watched.poll_read(cx, |mut socket| socket.read(&mut buffer), |n| (1..64).contains(n))
            });
            match took.await.unwrap() {
                0 => return read,
                n => read.extend_from_slice(&buffer[..n]),
            }
        }
    });
    assert_eq!(read, b"goodbye");
}
