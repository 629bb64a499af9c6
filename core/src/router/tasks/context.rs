//! Asynchronous handlers of events, and what they are called with.

use super::handle::{Handle, gone};
use crate::id::SocketId;
use crate::router::arguments::{read, write};
use crate::router::context::Cx;
use crate::router::emitter::Emitter;
use crate::router::error::{Error, ErrorKind};
use crate::router::inside::{Data, Io, Question};
use crate::router::reply::{Outcome, Reply};
use crate::socket::{Event, Nsp};
use alloc::boxed::Box;
use core::fmt;
use core::pin::Pin;
use core::time::Duration;
use futures_channel::oneshot;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// An asynchronous handler: a function or a closure of a context and arguments that returns a future. Implemented for all functions
/// of this form.
#[diagnostic::on_unimplemented(
    message = "this is not an asynchronous handler: it is a closure `|cx, arguments| async move {{ … }}`, or a function `async fn(cx: AsyncCx<State, Data>, arguments: Arguments) -> Reply`",
    label = "not a closure `|cx, arguments| async move {{ … }}`"
)]
pub trait AsyncHandler<S, D, A, F>: FnMut(AsyncCx<S, D>, A) -> F + Send + 'static {}

impl<S, D, A, F, H: FnMut(AsyncCx<S, D>, A) -> F + Send + 'static> AsyncHandler<S, D, A, F> for H {}

/// The future of an event.
pub(crate) type Work = Pin<Box<dyn Future<Output = Outcome> + Send>>;
type Begin<S, D> = Box<dyn FnMut(AsyncCx<S, D>, &Event, bool) -> Result<Work, Error> + Send>;

/// An asynchronous handler whose types are forgotten.
pub(crate) struct OnEventLater<S, D> {
    begin: Begin<S, D>,
    handle: Handle<S, D>,
    pub(crate) ordered: bool,
}

impl<S: Send + 'static, D: Data> OnEventLater<S, D> {
    pub(crate) fn new<A, F>(handle: Handle<S, D>, ordered: bool, mut handler: impl AsyncHandler<S, D, A, F>) -> Self
    where
        A: DeserializeOwned + 'static,
        F: Future<Output: Reply> + Send + 'static,
    {
        let begin: Begin<S, D> = Box::new(move |cx, event, wanted| {
            let arguments = read(event).map_err(|error| Error::arguments(&error))?;
            let future = handler(cx, arguments);
            Ok(Box::pin(async move { future.await.into_outcome(wanted) }))
        });
        Self { begin, handle, ordered }
    }

    /// Makes the future of an event. `wanted`: the client asked for an acknowledgement.
    pub(crate) fn begin(&mut self, (socket, nsp): (SocketId, Nsp), event: &Event, wanted: bool) -> Result<Work, Error> {
        (self.begin)(AsyncCx { handle: self.handle.clone(), socket, nsp }, event, wanted)
    }
}

/// A socket, in an asynchronous handler. What is done by it is done soon, in order. A clone may outlive the handler, and the
/// socket: then there is an error.
pub struct AsyncCx<S, D = ()> {
    handle: Handle<S, D>,
    socket: SocketId,
    nsp: Nsp,
}

impl<S, D> Clone for AsyncCx<S, D> {
    fn clone(&self) -> Self {
        Self { handle: self.handle.clone(), socket: self.socket, nsp: self.nsp.clone() }
    }
}

impl<S, D> fmt::Debug for AsyncCx<S, D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AsyncCx").field("socket", &self.socket).field("nsp", &self.nsp).finish_non_exhaustive()
    }
}

impl<S: Send + 'static, D: Data> AsyncCx<S, D> {
    /// The socket, as the server knows it.
    #[must_use]
    pub fn socket(&self) -> SocketId {
        self.socket
    }

    /// The namespace.
    #[must_use]
    pub fn nsp(&self) -> &Nsp {
        &self.nsp
    }

    /// A way into the router that knows of no socket.
    #[must_use]
    pub fn handle(&self) -> &Handle<S, D> {
        &self.handle
    }

    /// Lets `work` have the socket and the application's state, and waits for its result.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Gone`] if the socket is disconnected.
    pub async fn with<R: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Cx<'_, S, D>) -> R + Send + 'static,
    ) -> Result<R, Error> {
        let socket = self.socket;
        let mut work = Some(work);
        self.handle
            .ask(move |router| {
                let mut result = None;
                router.socket(socket, &mut |cx| result = work.take().map(|work| work(cx)));
                result
            })
            .await
    }

    /// The same without waiting for it. Nothing is done if the socket is disconnected by then.
    ///
    /// # Errors
    ///
    /// As [`Handle::post`].
    pub fn post(&self, work: impl FnOnce(&mut Cx<'_, S, D>) + Send + 'static) -> Result<(), Error> {
        let socket = self.socket;
        let mut work = Some(work);
        self.handle.command(Box::new(move |router| {
            router.socket(socket, &mut |cx| {
                if let Some(work) = work.take() {
                    work(cx);
                }
            });
        }))
    }

    /// Lets `work` have the application's state, and waits for its result.
    ///
    /// # Errors
    ///
    /// As [`Handle::with`].
    pub async fn state<R: Send + 'static>(&self, work: impl FnOnce(&mut S) -> R + Send + 'static) -> Result<R, Error> {
        self.handle.state(work).await
    }

    /// Sends an event to the socket, as [`Emitter::emit`].
    ///
    /// # Errors
    ///
    /// As [`Handle::post`].
    pub fn emit(
        &self,
        name: impl AsRef<str> + Send + 'static,
        arguments: impl Serialize + Send + 'static,
    ) -> Result<(), Error> {
        self.post(move |cx| cx.emit(name, arguments))
    }

    /// Adds the socket to a room. Returns whether it was not in it before.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Join`], and as [`AsyncCx::with`].
    pub async fn join(&self, room: impl AsRef<str> + Send + 'static) -> Result<bool, Error> {
        self.with(move |cx| cx.join(room)).await?
    }

    /// Removes the socket from a room. Returns whether it was in it.
    ///
    /// # Errors
    ///
    /// As [`AsyncCx::with`].
    pub async fn leave(&self, room: impl AsRef<str> + Send + 'static) -> Result<bool, Error> {
        self.with(move |cx| cx.leave(room)).await
    }

    /// Sends an event to the socket, and waits for its acknowledgement, for as long as
    /// [`Router::answer_timeout`](crate::router::Router::answer_timeout) says. [`AsyncCx::ask`] has options.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::NoAnswer`] if there is none in time or the client has gone; [`ErrorKind::Arguments`] if it is not a `T`;
    /// [`ErrorKind::Value`] if the arguments cannot be JSON.
    #[doc(alias = "emitWithAck")]
    pub async fn emit_with_ack<T: DeserializeOwned + Send + 'static>(
        &self,
        name: impl AsRef<str> + Send + 'static,
        arguments: impl Serialize,
    ) -> Result<T, Error> {
        self.ask(name, arguments, None).await
    }

    /// The same, for a time of its own.
    ///
    /// # Errors
    ///
    /// As [`AsyncCx::emit_with_ack`].
    pub async fn ask<T: DeserializeOwned + Send + 'static>(
        &self,
        name: impl AsRef<str> + Send + 'static,
        arguments: impl Serialize,
        timeout: Option<Duration>,
    ) -> Result<T, Error> {
        let written = write(&arguments).map_err(|error| Error::value(&error));
        let (sender, receiver) = oneshot::channel();
        let written = written?;
        self.with(move |cx| {
            let this: Emitter<'_, '_, S, D> = cx.this();
            let this = timeout.into_iter().fold(this, Emitter::timeout);
            this.ask(name.as_ref(), &written.json, &written.attachments, Box::new(Awaited { sender: Some(sender) }));
        })
        .await?;
        receiver.await.map_err(|_| gone())?
    }

    /// Disconnects the socket from its namespace, or closes its client's connection if `close` is set.
    ///
    /// # Errors
    ///
    /// As [`Handle::post`].
    pub fn disconnect(&self, close: bool) -> Result<(), Error> {
        self.post(move |cx| cx.disconnect(close))
    }

    /// Has the driver run a future, which is not dropped with the socket.
    ///
    /// # Errors
    ///
    /// As [`Handle::post`].
    pub fn spawn(&self, future: impl Future<Output = ()> + Send + 'static) -> Result<(), Error> {
        self.handle.spawn(future)
    }
}

/// A question to one socket, whose answer somebody waits for.
struct Awaited<T> {
    sender: Option<oneshot::Sender<Result<T, Error>>>,
}

impl<S, D, T: DeserializeOwned + Send> Question<S, D> for Awaited<T> {
    fn answer(&mut self, _: SocketId, answer: &Event) {
        if let Some(sender) = self.sender.take() {
            let _ = sender.send(read(answer).map_err(|error| Error::arguments(&error)));
        }
    }

    fn done(self: Box<Self>, _: &mut Io<'_, S, D>, _: &[SocketId]) {
        if let Some(sender) = self.sender {
            let _ = sender.send(Err(Error::of(ErrorKind::NoAnswer, "no answer")));
        }
    }
}
