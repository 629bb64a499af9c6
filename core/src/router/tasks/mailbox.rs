//! The way into a router from tasks and other threads.

use crate::id::SocketId;
use crate::room::ConnectError;
use crate::router::access::Access;
use crate::router::reply::Outcome;
use alloc::boxed::Box;
use concurrent_queue::ConcurrentQueue;
use core::task::Waker;
use futures_util::task::AtomicWaker;

/// Commands that may wait.
const MAX_COMMANDS: usize = 4_096;

/// Something to be done with the router.
pub(crate) type Command<S, D> = Box<dyn FnOnce(&mut dyn Access<S, D>) + Send>;

/// The end of a task.
pub(crate) struct Ended<D> {
    pub(crate) socket: SocketId,
    /// The number of the task.
    pub(crate) task: u64,
    pub(crate) result: Ending<D>,
}

/// How a task has ended.
pub(crate) enum Ending<D> {
    Event(Outcome),
    Authorized(Result<D, ConnectError>),
    /// It was dropped before its end.
    Dropped,
}

/// What waits for a router.
pub(crate) struct Mailbox<S, D> {
    pub(crate) commands: ConcurrentQueue<Command<S, D>>,
    /// No more than there are tasks.
    pub(crate) ended: ConcurrentQueue<Ended<D>>,
    waker: AtomicWaker,
}

/// Why a command is not taken. It is given back.
pub(crate) enum NotTaken<S, D> {
    Full(Command<S, D>),
    Gone,
}

impl<S, D> Mailbox<S, D> {
    pub(crate) fn new() -> Self {
        Self {
            commands: ConcurrentQueue::bounded(MAX_COMMANDS),
            ended: ConcurrentQueue::unbounded(),
            waker: AtomicWaker::new(),
        }
    }

    /// Has `waker` woken, once, for what is put in from now on. What was put in before is to be looked at after this.
    pub(crate) fn listen(&self, waker: &Waker) {
        self.waker.register(waker);
    }

    pub(crate) fn post(&self, command: Command<S, D>) -> Result<(), NotTaken<S, D>> {
        match self.commands.push(command) {
            Ok(()) => {
                self.wake();
                Ok(())
            }
            Err(concurrent_queue::PushError::Full(command)) => {
                self.wake();
                Err(NotTaken::Full(command))
            }
            Err(concurrent_queue::PushError::Closed(_)) => Err(NotTaken::Gone),
        }
    }

    pub(crate) fn end(&self, ended: Ended<D>) {
        // Nobody asks any more if it is closed.
        let _ = self.ended.push(ended);
        self.wake();
    }

    /// The router has gone.
    pub(crate) fn close(&self) {
        self.commands.close();
        self.ended.close();
        while self.commands.pop().is_ok() {}
        while self.ended.pop().is_ok() {}
    }

    fn wake(&self) {
        self.waker.wake();
    }
}
