//! The tasks of a router: which sockets have some, and what waits for them.

use super::connecting::OnAuthorizeLater;
use super::handle::Handle;
use super::mailbox::{Ended, Ending, Mailbox};
use crate::id::SocketId;
use crate::room::{Admission, ConnectError, Effects};
use crate::router::app::{Data, Left, Router};
use crate::router::error::{Error, ErrorKind};
use crate::router::inside::Reach;
use crate::router::namespace::EventHandler;
use crate::router::reply::Outcome;
use crate::socket::{AckId, ConnectRequest, Event};
use alloc::boxed::Box;
use alloc::collections::{BTreeMap, VecDeque};
use alloc::string::String;
use alloc::sync::{Arc, Weak};
use alloc::vec::Vec;
use core::task::Waker;
use futures_util::future::{AbortHandle, abortable};

/// How many tasks there may be. What is more is answered with [`ErrorKind::Busy`], or refused as a connect request with the message
/// `busy`.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct TaskLimits {
    /// Tasks of all sockets. Default 10,000. The reference has no limit.
    pub max_tasks: usize,
    /// Tasks of one socket whose order does not matter ([`Namespace::on_async_unordered`](crate::router::Namespace::on_async_unordered)).
    /// Default 16.
    pub max_unordered: usize,
    /// Events of one socket that wait for a task of it. Default 64.
    pub max_waiting: usize,
    /// Bytes of those events. Default 1,000,000.
    pub max_waiting_bytes: usize,
}

impl Default for TaskLimits {
    fn default() -> Self {
        Self { max_tasks: 10_000, max_unordered: 16, max_waiting: 64, max_waiting_bytes: 1_000_000 }
    }
}

/// The tasks of a router.
pub(crate) struct Tasks<S, D> {
    pub(crate) mailbox: Arc<Mailbox<S, D>>,
    pub(crate) limits: TaskLimits,
    waker: Option<Waker>,
    sockets: BTreeMap<SocketId, OfSocket>,
    /// Clients whose connect requests are being decided on.
    connecting: BTreeMap<SocketId, Running>,
    /// Tasks that have not ended. Those that were cancelled end soon.
    running: usize,
    last: u64,
}

/// The tasks of a socket.
#[derive(Default)]
struct OfSocket {
    ordered: Option<Running>,
    unordered: Vec<Running>,
    /// What was sent meanwhile, and keeps its order.
    waiting: VecDeque<(Event, Option<AckId>)>,
    waiting_bytes: usize,
}

/// A task. Dropping this cancels it.
struct Running {
    task: u64,
    /// The event's name.
    event: String,
    ack: Option<AckId>,
    abort: AbortHandle,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.abort.abort();
    }
}

/// Tells the end of a task, however it ends.
struct Guard<S, D> {
    mailbox: Weak<Mailbox<S, D>>,
    ended: Option<Ended<D>>,
}

impl<S, D> Drop for Guard<S, D> {
    fn drop(&mut self) {
        if let (Some(mailbox), Some(ended)) = (self.mailbox.upgrade(), self.ended.take()) {
            mailbox.end(ended);
        }
    }
}

impl<S: 'static, D: 'static> Tasks<S, D> {
    pub(crate) fn new() -> Self {
        Self {
            mailbox: Arc::new(Mailbox::new()),
            limits: TaskLimits::default(),
            waker: None,
            sockets: BTreeMap::new(),
            connecting: BTreeMap::new(),
            running: 0,
            last: 0,
        }
    }
}

impl<S: Send + 'static, D: Data> Tasks<S, D> {
    /// The server begins. Returns whether there is something for it.
    pub(crate) fn attach(&mut self, waker: &Waker) -> bool {
        self.waker = Some(waker.clone());
        self.mailbox.listen(waker);
        !self.mailbox.commands.is_empty()
    }

    pub(crate) fn handle(&self) -> Handle<S, D> {
        Handle::new(&self.mailbox)
    }

    /// Whether events of a socket have to wait, or could have to.
    pub(crate) fn is_busy(&self, socket: SocketId) -> bool {
        !self.sockets.is_empty() && self.sockets.contains_key(&socket)
    }

    /// A socket has gone: its tasks are dropped, and what waits for them.
    pub(crate) fn cancel(&mut self, socket: SocketId) {
        self.sockets.remove(&socket);
    }

    /// Nobody waits for a decision any more.
    pub(crate) fn gave_up(&mut self, socket: SocketId) {
        self.connecting.remove(&socket);
    }

    fn spawn(
        &mut self,
        socket: SocketId,
        event: String,
        ack: Option<AckId>,
        future: impl Future<Output = Ending<D>> + Send + 'static,
        fx: &mut Effects<'_>,
    ) -> Running {
        self.last += 1;
        self.running += 1;
        let task = self.last;
        let (future, abort) = abortable(future);
        let ended = Ended { socket, task, result: Ending::Dropped };
        let mut guard = Guard { mailbox: Arc::downgrade(&self.mailbox), ended: Some(ended) };
        fx.spawn(Box::pin(async move {
            if let (Ok(result), Some(ended)) = (future.await, &mut guard.ended) {
                ended.result = result;
            }
        }));
        Running { task, event, ack, abort }
    }

    /// Begins to decide on a connect request.
    pub(crate) fn authorize(
        &mut self,
        authorize: &mut OnAuthorizeLater<S, D>,
        socket: SocketId,
        request: &ConnectRequest,
        fx: &mut Effects<'_>,
    ) -> Result<(), ConnectError> {
        if self.running >= self.limits.max_tasks {
            return Err(ConnectError::new("busy"));
        }
        let future = authorize(self.handle(), socket, request)?;
        let running = self.spawn(socket, String::new(), None, async { Ending::Authorized(future.await) }, fx);
        self.connecting.insert(socket, running);
        Ok(())
    }
}

/// Begins the task of an event.
pub(crate) fn start<S: Send + 'static, D: Data>(
    reach: &mut Reach<'_, S, D>,
    (socket, event): (SocketId, &Event),
    ordered: bool,
    future: impl Future<Output = Outcome> + Send + 'static,
) -> Result<(), Error> {
    let Reach { fx, inside, ack, .. } = reach;
    let tasks = &mut inside.tasks;
    let unordered = tasks.sockets.get(&socket).map_or(0, |of| of.unordered.len());
    if tasks.running >= tasks.limits.max_tasks || (!ordered && unordered >= tasks.limits.max_unordered) {
        return Err(busy());
    }
    let name = event.name().into_owned();
    let running = tasks.spawn(socket, name, ack.take(), async { Ending::Event(future.await) }, fx);
    let of = tasks.sockets.entry(socket).or_default();
    if ordered {
        of.ordered = Some(running);
    } else {
        of.unordered.push(running);
    }
    Ok(())
}

fn busy() -> Error {
    Error::of(ErrorKind::Busy, "too many tasks, or events that wait for one")
}

impl<S: Send + 'static, D: Data> Router<S, D> {
    /// An event of a socket that has tasks.
    pub(crate) fn later(&mut self, socket: SocketId, event: &Event, ack: Option<AckId>, fx: &mut Effects<'_>) {
        let limits = self.inside.tasks.limits;
        let is_unordered = matches!(
            self.handlers_of(socket).and_then(|handlers| handlers.handler(&event.name())),
            Some(EventHandler::Later(handler)) if !handler.ordered
        );
        match self.inside.tasks.sockets.get_mut(&socket) {
            Some(of) if of.ordered.is_some() && !is_unordered => {
                let bytes = event.cost();
                if of.waiting.len() >= limits.max_waiting || of.waiting_bytes + bytes > limits.max_waiting_bytes {
                    let outcome = Outcome(Err(busy()));
                    return self.finish(Some(socket), &event.name(), outcome, Left { failure: None, ack }, fx);
                }
                of.waiting_bytes += bytes;
                of.waiting.push_back((event.clone(), ack));
            }
            _ => self.handle_event(socket, event, ack, fx),
        }
    }

    /// Does what tasks and others want, and sees to tasks that have ended.
    pub(crate) fn run_mail(&mut self, fx: &mut Effects<'_>) {
        let mailbox = self.inside.tasks.mailbox.clone();
        if let Some(waker) = &self.inside.tasks.waker {
            mailbox.listen(waker);
        }
        // As many as there are now: what comes meanwhile wakes the router again.
        for _ in 0..mailbox.commands.len() {
            if let Ok(command) = mailbox.commands.pop() {
                command(self, fx);
            }
        }
        for _ in 0..mailbox.ended.len() {
            if let Ok(ended) = mailbox.ended.pop() {
                self.ended(ended, fx);
            }
        }
        if (!mailbox.commands.is_empty() || !mailbox.ended.is_empty())
            && let Some(waker) = &self.inside.tasks.waker
        {
            waker.wake_by_ref();
        }
    }

    fn ended(&mut self, ended: Ended<D>, fx: &mut Effects<'_>) {
        let Ended { socket, task, result } = ended;
        let tasks = &mut self.inside.tasks;
        tasks.running -= 1;
        match result {
            Ending::Authorized(decision) => {
                if tasks.connecting.get(&socket).is_none_or(|running| running.task != task) {
                    return;
                }
                tasks.connecting.remove(&socket);
                let admission = match decision {
                    Ok(data) => {
                        self.inside.admitted.insert(socket, data);
                        Admission::Accept
                    }
                    Err(error) => Admission::Refuse(error),
                };
                fx.decide(socket, admission);
            }
            Ending::Event(outcome) => self.event_ended(socket, task, outcome, fx),
            Ending::Dropped => {
                if tasks.connecting.get(&socket).is_some_and(|running| running.task == task) {
                    tasks.connecting.remove(&socket);
                    fx.decide(socket, Admission::Refuse(ConnectError::new("internal error")));
                }
                let error = Error::of(ErrorKind::Dropped, "the task was dropped before its end");
                self.event_ended(socket, task, Outcome(Err(error)), fx);
            }
        }
    }

    /// The task of an event has ended: acknowledges the event, and handles what has waited.
    fn event_ended(&mut self, socket: SocketId, task: u64, outcome: Outcome, fx: &mut Effects<'_>) {
        let Some(of) = self.inside.tasks.sockets.get_mut(&socket) else { return };
        let running = match of.unordered.iter().position(|running| running.task == task) {
            Some(index) => Some(of.unordered.swap_remove(index)),
            None => of.ordered.take_if(|running| running.task == task),
        };
        let Some(mut running) = running else { return };
        let left = Left { failure: None, ack: running.ack.take() };
        let event = core::mem::take(&mut running.event);
        self.finish(Some(socket), &event, outcome, left, fx);
        while let Some(of) = self.inside.tasks.sockets.get_mut(&socket)
            && of.ordered.is_none()
        {
            match of.waiting.pop_front() {
                Some((event, ack)) => {
                    of.waiting_bytes -= event.cost();
                    self.handle_event(socket, &event, ack, fx);
                }
                None => {
                    if of.unordered.is_empty() {
                        self.inside.tasks.sockets.remove(&socket);
                    }
                    return;
                }
            }
        }
    }
}

/// Whoever holds a handle learns that there is no router any more.
impl<S, D> Drop for Tasks<S, D> {
    fn drop(&mut self) {
        self.mailbox.close();
    }
}
