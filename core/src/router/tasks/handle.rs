//! A router in the hands of tasks, other threads, and the rest of a program.

use super::mailbox::{Command, Mailbox, NotTaken};
use crate::room::Task;
use crate::router::access::Access;
use crate::router::error::{Error, ErrorKind};
use crate::router::inside::{Data, Io};
use alloc::boxed::Box;
use alloc::sync::{Arc, Weak};
use core::fmt;
use futures_channel::oneshot;
use serde::Serialize;

/// A way into a router, from tasks, from other threads, and from before the server has begun. Cheap to clone. It does not keep the
/// router: when that has gone, there is nothing that can be asked of it.
///
/// What is asked is done in order, soon, between two events of clients. 4,096 requests may wait: then [`Handle::post`] is an error,
/// and [`Handle::with`] waits.
pub struct Handle<S, D = ()> {
    mailbox: Weak<Mailbox<S, D>>,
}

impl<S, D> Clone for Handle<S, D> {
    fn clone(&self) -> Self {
        Self { mailbox: self.mailbox.clone() }
    }
}

impl<S, D> fmt::Debug for Handle<S, D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handle").finish_non_exhaustive()
    }
}

pub(super) fn gone() -> Error {
    Error::of(ErrorKind::Gone, "the server has ended, or the socket is disconnected")
}

impl<S: Send + 'static, D: Data> Handle<S, D> {
    pub(super) fn new(mailbox: &Arc<Mailbox<S, D>>) -> Self {
        Self { mailbox: Arc::downgrade(mailbox) }
    }

    /// Has `work` done, without waiting for it.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Gone`] if there is no router any more, [`ErrorKind::Busy`] if too much waits.
    pub fn post(&self, work: impl FnOnce(&mut Io<'_, S, D>) + Send + 'static) -> Result<(), Error> {
        let mut work = Some(work);
        self.command(Box::new(move |router| {
            router.io(&mut |io| {
                if let Some(work) = work.take() {
                    work(io);
                }
            });
        }))
    }

    /// Has `work` done, and waits for its result.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Gone`] if there is no router any more.
    pub async fn with<R: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Io<'_, S, D>) -> R + Send + 'static,
    ) -> Result<R, Error> {
        let mut work = Some(work);
        self.ask(move |router| {
            let mut result = None;
            router.io(&mut |io| result = work.take().map(|work| work(io)));
            result
        })
        .await
    }

    /// Lets `work` have the application's state, and waits for its result.
    ///
    /// # Errors
    ///
    /// As [`Handle::with`].
    pub async fn state<R: Send + 'static>(&self, work: impl FnOnce(&mut S) -> R + Send + 'static) -> Result<R, Error> {
        self.with(|io| work(io.state)).await
    }

    /// Sends an event to all sockets in `/`, as [`Emitter::emit`](crate::router::Emitter::emit). The arguments are written when the
    /// router comes to it, so they are given as a whole.
    ///
    /// # Errors
    ///
    /// As [`Handle::post`].
    pub fn emit(
        &self,
        name: impl AsRef<str> + Send + 'static,
        arguments: impl Serialize + Send + 'static,
    ) -> Result<(), Error> {
        self.post(move |io| io.emit(name, arguments))
    }

    /// Has the driver run a future.
    ///
    /// # Errors
    ///
    /// As [`Handle::post`].
    pub fn spawn(&self, future: impl Future<Output = ()> + Send + 'static) -> Result<(), Error> {
        let task: Task = Box::pin(future);
        self.command(Box::new(|router| router.spawn(task)))
    }

    pub(super) fn command(&self, command: Command<S, D>) -> Result<(), Error> {
        let mailbox = self.mailbox.upgrade().ok_or_else(gone)?;
        mailbox.post(command).map_err(|not_taken| match not_taken {
            NotTaken::Gone => gone(),
            NotTaken::Full(_) => Error::of(ErrorKind::Busy, "too many requests wait for the router"),
        })
    }

    /// Has `work` done with the router, and waits for its result, if it has one.
    pub(super) async fn ask<R: Send + 'static>(
        &self,
        work: impl FnOnce(&mut dyn Access<S, D>) -> Option<R> + Send + 'static,
    ) -> Result<R, Error> {
        let (sender, receiver) = oneshot::channel();
        let mut command: Command<S, D> = Box::new(move |router| {
            if let Some(result) = work(router) {
                // Whoever asked may have gone.
                let _ = sender.send(result);
            }
        });
        loop {
            // Not held while waiting: it would keep the mailbox of a router that has gone.
            let posted = self.mailbox.upgrade().ok_or_else(gone)?.post(command);
            match posted {
                Ok(()) => return receiver.await.map_err(|_| gone()),
                Err(NotTaken::Gone) => return Err(gone()),
                Err(NotTaken::Full(again)) => command = again,
            }
            yield_now().await;
        }
    }
}

/// Lets others run.
async fn yield_now() {
    let mut yielded = false;
    core::future::poll_fn(|cx| {
        if core::mem::replace(&mut yielded, true) {
            return core::task::Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        core::task::Poll::Pending
    })
    .await;
}
