//! The router's side of asynchronous handlers: they are begun here, and what they want and how they end comes here.

use super::access::Access;
use super::app::{Left, Router};
use super::context::Cx;
use super::error::{Error, ErrorKind};
use super::inside::{Data, Io};
use super::namespace::{Admittance, EventHandler, Namespace};
use super::reply::{Outcome, Reply};
use super::tasks::{AsyncAuthorize, AsyncHandler, Ended, Ending, OnEventLater, Work, boxed, busy};
use crate::id::SocketId;
use crate::room::{Admission, ConnectError, Effects, Task};
use crate::socket::{AckId, Event};
use alloc::string::String;
use serde::de::DeserializeOwned;

impl<S: Send + 'static, D: Data> Namespace<S, D> {
    /// As [`Namespace::on`], with a handler that may wait: for a database, another server, an answer of a client. The
    /// driver runs it as a task. `cx` is a way to the socket and to the application.
    ///
    /// While it runs, later events of the same socket wait, so that they keep their order; [`TaskLimits`](super::TaskLimits) says how
    /// many. It is dropped when the socket is disconnected.
    pub fn on_async<A, F>(&mut self, name: impl Into<String>, handler: impl AsyncHandler<S, D, A, F>) -> &mut Self
    where
        A: DeserializeOwned + 'static,
        F: Future<Output: Reply> + Send + 'static,
    {
        let handler = EventHandler::Later(OnEventLater::new(self.handle.clone(), true, handler));
        self.handlers.events.insert(name.into().into(), handler);
        self
    }

    /// As [`Namespace::on_async`], but no other event waits for it, and it waits for none.
    pub fn on_async_unordered<A, F>(
        &mut self,
        name: impl Into<String>,
        handler: impl AsyncHandler<S, D, A, F>,
    ) -> &mut Self
    where
        A: DeserializeOwned + 'static,
        F: Future<Output: Reply> + Send + 'static,
    {
        let handler = EventHandler::Later(OnEventLater::new(self.handle.clone(), false, handler));
        self.handlers.events.insert(name.into().into(), handler);
        self
    }

    /// As [`Namespace::authorize`], with a function that may wait: for a database, or for another server. The driver runs it as a
    /// task. It is dropped when the client does not wait any more: it has left, or
    /// [`Config::connect_timeout`](crate::Config::connect_timeout) is over.
    pub fn authorize_async<A, F>(&mut self, authorize: impl AsyncAuthorize<S, D, A, F>) -> &mut Self
    where
        A: DeserializeOwned + 'static,
        F: Future<Output = Result<D, ConnectError>> + Send + 'static,
    {
        self.handlers.admittance = Admittance::Later(boxed(authorize));
        self
    }
}

/// A router that carries out a command.
struct Commanded<'a, 'b, S, D> {
    router: &'a mut Router<S, D>,
    fx: &'a mut Effects<'b>,
}

impl<S: Send + 'static, D: Data> Access<S, D> for Commanded<'_, '_, S, D> {
    fn io(&mut self, work: &mut dyn FnMut(&mut Io<'_, S, D>)) {
        self.router.io("handle", self.fx, work);
    }

    fn socket(&mut self, socket: SocketId, work: &mut dyn FnMut(&mut Cx<'_, S, D>)) {
        if let Some(((), left)) = self.router.enter_member(socket, None, self.fx, |_, cx| work(cx)) {
            self.router.finish(Some(socket), "task", Outcome(Ok(None)), left, self.fx);
        }
    }

    fn spawn(&mut self, task: Task) {
        self.fx.spawn(task);
    }
}

impl<S: Send + 'static, D: Data> Router<S, D> {
    /// An event of a socket that has tasks.
    pub(crate) fn later(&mut self, socket: SocketId, event: &Event, ack: Option<AckId>, fx: &mut Effects<'_>) {
        let limits = self.tasks.limits;
        let is_unordered = matches!(
            self.handlers_of(socket).and_then(|handlers| handlers.handler(&event.name())),
            Some(EventHandler::Later(handler)) if !handler.ordered
        );
        match self.tasks.sockets.get_mut(&socket) {
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

    /// Begins the task that a handler has made.
    pub(super) fn begin(
        &mut self,
        (socket, event): (SocketId, &str),
        (work, ordered): (Work, bool),
        mut left: Left,
        fx: &mut Effects<'_>,
    ) -> (Outcome, Left) {
        let started = self.tasks.start((socket, event.into(), &mut left.ack), ordered, work, fx);
        (Outcome(started.map(|()| None)), left)
    }

    /// Does what tasks and others want, and sees to tasks that have ended.
    pub(crate) fn run_mail(&mut self, fx: &mut Effects<'_>) {
        let mailbox = self.tasks.mailbox.clone();
        if let Some(waker) = &self.tasks.waker {
            mailbox.listen(waker);
        }
        // As many as there are now: what comes meanwhile wakes the router again. Ends are counted first, and seen to last: what a task
        // has asked for before its end goes before the acknowledgement.
        let ended = mailbox.ended.len();
        for _ in 0..mailbox.commands.len() {
            if let Ok(command) = mailbox.commands.pop() {
                command(&mut Commanded { router: self, fx });
            }
        }
        for _ in 0..ended {
            if let Ok(ended) = mailbox.ended.pop() {
                self.ended(ended, fx);
            }
        }
        if (!mailbox.commands.is_empty() || !mailbox.ended.is_empty())
            && let Some(waker) = &self.tasks.waker
        {
            waker.wake_by_ref();
        }
    }

    fn ended(&mut self, ended: Ended<D>, fx: &mut Effects<'_>) {
        let Ended { socket, task, result } = ended;
        let tasks = &mut self.tasks;
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
        let Some(of) = self.tasks.sockets.get_mut(&socket) else { return };
        let running = match of.unordered.iter().position(|running| running.task == task) {
            Some(index) => Some(of.unordered.swap_remove(index)),
            None => of.ordered.take_if(|running| running.task == task),
        };
        let Some(mut running) = running else { return };
        let left = Left { failure: None, ack: running.ack.take() };
        let event = core::mem::take(&mut running.event);
        self.finish(Some(socket), &event, outcome, left, fx);
        while let Some(of) = self.tasks.sockets.get_mut(&socket)
            && of.ordered.is_none()
        {
            match of.waiting.pop_front() {
                Some((event, ack)) => {
                    of.waiting_bytes -= event.cost();
                    self.handle_event(socket, &event, ack, fx);
                }
                None => {
                    if of.unordered.is_empty() {
                        self.tasks.sockets.remove(&socket);
                    }
                    return;
                }
            }
        }
    }
}
