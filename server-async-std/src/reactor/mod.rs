//! The threads that accept, read and write, one for each processor by default, and one way to wait for the system. Who of them waits, who
//! works and who rests is [`Crew`](sanket_host::host::crew::Crew)'s to say. Whoever works tells the host of what has happened to
//! many sockets in one turn. Decides nothing.
//!
//! Why not a task of async-std for each connection: async-io announces a socket to the system anew for every wait, and wakes
//! one task for each message. With one turn for many sockets, and sockets that are announced once, a message costs a third of the
//! system's time (`docs/performance/where-time-goes.md`).
//!
//! ```text
//! news processors     know nothing of sockets
//! threads             the work that waits, and who is woken for it
//! listener stream     a socket
//! sockets             all of them
//! worker              what a thread does
//! ```

mod listener;
mod news;
mod processors;
mod sockets;
mod stream;
mod threads;
mod worker;

use crate::clock::Clock;
use mio::net::TcpListener;
use mio::{Poll, Waker};
use sanket_host::host::Host;
use sockets::Sockets;
use std::io;
use std::sync::{Arc, Mutex};
use std::thread;
use threads::Threads;
use worker::{BELL, Waiting, Worker};

/// All threads of a server, and its sockets. Clones are the same.
#[derive(Clone, Debug)]
pub(crate) struct Reactor {
    count: usize,
    threads: Arc<Threads>,
    sockets: Arc<Sockets>,
}

impl Reactor {
    /// So many threads, one at least. [`Reactor::start`] is to follow.
    pub(crate) fn new(threads: usize) -> io::Result<(Self, Poll)> {
        let (count, poll) = (threads.max(1), Poll::new()?);
        let threads = Arc::new(Threads::new(count, Waker::new(poll.registry(), BELL)?));
        let sockets = Arc::new(Sockets::new(poll.registry().try_clone()?));
        Ok((Self { count, threads, sockets }, poll))
    }

    pub(crate) fn start<A: 'static + Send>(&self, poll: Poll, host: &Host<A>, clock: Clock) -> io::Result<()> {
        let waiting = Arc::new(Mutex::new(Waiting::new(poll)));
        let (mut handles, mut outcome) = (Vec::new(), Ok(()));
        for number in 0..self.count {
            let shared = (self.threads.clone(), self.sockets.clone());
            let worker = Worker::new(number, shared, (host.clone(), clock), waiting.clone());
            match thread::Builder::new().name("sanket".into()).spawn(|| worker.run()) {
                Ok(thread) => handles.push(thread.thread().clone()),
                Err(error) => outcome = Err(error),
            }
        }
        self.threads.started(handles);
        if outcome.is_err() {
            self.end();
        }
        outcome
    }

    /// Begins to accept.
    pub(crate) fn listen(&self, listener: std::net::TcpListener) -> io::Result<()> {
        listener.set_nonblocking(true)?;
        self.sockets.listen(TcpListener::from_std(listener))
    }

    /// Closes all listeners.
    pub(crate) fn unlisten(&self) {
        self.sockets.unlisten();
    }

    /// The deadline that is slept until has moved.
    pub(crate) fn wake_timer(&self) {
        self.threads.wake_timer();
    }

    /// So many sends are worth a thread that rests.
    pub(crate) fn offer(&self, sends: usize) {
        self.threads.offer(sends);
    }

    pub(crate) fn end(&self) {
        self.threads.end();
    }
}
