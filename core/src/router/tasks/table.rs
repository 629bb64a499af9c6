//! The tasks of a router: which sockets have some, and what waits for them.

use super::connecting::OnAuthorizeLater;
use super::handle::Handle;
use super::mailbox::{Ended, Ending, Mailbox};
use crate::id::SocketId;
use crate::room::{ConnectError, Effects};
use crate::router::error::{Error, ErrorKind};
use crate::router::inside::Data;
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
    pub(crate) waker: Option<Waker>,
    pub(crate) sockets: BTreeMap<SocketId, OfSocket>,
    /// Clients whose connect requests are being decided on.
    pub(crate) connecting: BTreeMap<SocketId, Running>,
    /// Tasks that have not ended. Those that were cancelled end soon.
    pub(crate) running: usize,
    last: u64,
}

/// The tasks of a socket.
#[derive(Default)]
pub(crate) struct OfSocket {
    pub(crate) ordered: Option<Running>,
    pub(crate) unordered: Vec<Running>,
    /// What was sent meanwhile, and keeps its order.
    pub(crate) waiting: VecDeque<(Event, Option<AckId>)>,
    pub(crate) waiting_bytes: usize,
}

/// A task. Dropping this cancels it.
pub(crate) struct Running {
    pub(crate) task: u64,
    /// The event's name.
    pub(crate) event: String,
    pub(crate) ack: Option<AckId>,
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

    /// Begins the task of an event.
    pub(crate) fn start(
        &mut self,
        (socket, event, ack): (SocketId, String, &mut Option<AckId>),
        ordered: bool,
        future: impl Future<Output = Outcome> + Send + 'static,
        fx: &mut Effects<'_>,
    ) -> Result<(), Error> {
        let unordered = self.sockets.get(&socket).map_or(0, |of| of.unordered.len());
        if self.running >= self.limits.max_tasks || (!ordered && unordered >= self.limits.max_unordered) {
            return Err(busy());
        }
        let running = self.spawn(socket, event, ack.take(), async { Ending::Event(future.await) }, fx);
        let of = self.sockets.entry(socket).or_default();
        if ordered {
            of.ordered = Some(running);
        } else {
            of.unordered.push(running);
        }
        Ok(())
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

pub(crate) fn busy() -> Error {
    Error::of(ErrorKind::Busy, "too many tasks, or events that wait for one")
}

/// Whoever holds a handle learns that there is no router any more.
impl<S, D> Drop for Tasks<S, D> {
    fn drop(&mut self) {
        self.mailbox.close();
    }
}
