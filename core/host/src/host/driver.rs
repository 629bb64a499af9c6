//! What a driver brings beside sockets: a few things that only a runtime can do.

use super::application::{Head, Request};
use super::shared::{Runtime, Shared};
use super::state::Inner;
use super::turn::Handle;
use crate::http::Ticket;
use sanket::{Task, Time};
use std::sync::Arc;
use std::task::{Context, Wake};
use std::thread::{self, Thread};

/// Something that takes long, and that nothing else should wait for.
pub type Job = Box<dyn FnOnce() + Send>;

/// What the host needs of a runtime beside sockets. Called from any thread, with no locks held.
pub trait Driver: Send + Sync + 'static {
    /// The time: milliseconds since the Unix epoch, which never step back.
    fn now(&self) -> Time;

    /// Something is due earlier than [`Host::poll_timeout`](super::Host::poll_timeout) said: ask it again.
    fn wake(&self);

    /// A request that is not for the server, but for the application around it. It may be responded to here, or later on any
    /// thread, outside of turns. The default says 404. A driver that needs the host for that gets it after the host was made: the
    /// host owns the driver.
    fn request(&self, request: Request) {
        request.not_found();
    }

    /// The application has panicked: all sessions are closed, and clients are told as far as their sockets take it at once; there is
    /// nothing to be done but to end, as after a signal.
    /// [`Host::has_failed`](super::Host::has_failed) says so, too. The default ends the process with status 101, as a panic of the
    /// main thread does: a server that lets nobody in must not look alive.
    fn failed(&self) {
        std::process::exit(101);
    }

    /// So much is to be sent, each to another connection, that a thread that has nothing to do might be woken for it: whoever calls
    /// [`Host::assist`](super::Host::assist) takes a part of it. The thread that calls this does what nobody takes, and says
    /// this again as it goes on. The default wakes nobody.
    fn offer(&self, sends: usize) {
        let _ = sends;
    }

    /// Runs something that takes a few milliseconds, elsewhere if possible. The default runs it here.
    fn run(&self, job: Job) {
        job();
    }

    /// Runs a task of the application's: [`Effects::spawn`](sanket::Effects::spawn). The default has a thread for each, which is
    /// dear; a runtime has tasks of its own.
    fn spawn(&self, task: Task) {
        let spawned = thread::Builder::new().name("sanket task".into()).spawn(|| block_on(task));
        if let Err(error) = spawned {
            log::error!("a task of the application's cannot be run: {error}");
        }
    }
}

/// Runs a future to its end on this thread.
fn block_on(mut task: Task) {
    struct Unpark(Thread);

    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }

    let waker = Arc::new(Unpark(thread::current())).into();
    while task.as_mut().poll(&mut Context::from_waker(&waker)).is_pending() {
        thread::park();
    }
}

/// A driver that is shared: with the task that sleeps, for one.
impl<D: Driver> Driver for Arc<D> {
    fn now(&self) -> Time {
        (**self).now()
    }

    fn wake(&self) {
        (**self).wake();
    }

    fn request(&self, request: Request) {
        (**self).request(request);
    }

    fn failed(&self) {
        (**self).failed();
    }

    fn offer(&self, sends: usize) {
        (**self).offer(sends);
    }

    fn run(&self, job: Job) {
        (**self).run(job);
    }

    fn spawn(&self, task: Task) {
        (**self).spawn(task);
    }
}

/// Every driver is a runtime; it gets the application's requests with handles that take turns.
impl<D: Driver> Runtime for D {
    fn now(&self) -> Time {
        Driver::now(self)
    }

    fn wake(&self) {
        Driver::wake(self);
    }

    fn request(&self, shared: &Arc<Shared>, line: Arc<Inner>, ticket: Ticket, head: Box<Head>) {
        Driver::request(self, Request::new(Handle::new(shared.clone(), line), ticket, *head));
    }

    fn failed(&self) {
        Driver::failed(self);
    }

    fn offer(&self, sends: usize) {
        Driver::offer(self, sends);
    }

    fn run(&self, job: Job) {
        Driver::run(self, job);
    }

    fn spawn(&self, task: Task) {
        Driver::spawn(self, task);
    }
}
