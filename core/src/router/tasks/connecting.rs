//! Connect requests that are decided on by tasks.

use super::handle::Handle;
use crate::id::SocketId;
use crate::room::ConnectError;
use crate::router::context::credentials;
use crate::router::error::Error;
use crate::router::inside::Data;
use crate::socket::ConnectRequest;
use alloc::boxed::Box;
use core::fmt;
use core::pin::Pin;
use serde::de::DeserializeOwned;

/// Who decides on a client that asks to connect, and may wait for something. Implemented for all functions of this form.
#[diagnostic::on_unimplemented(
    message = "this cannot authorize: it is a closure `|cx, auth| async move {{ … }}`, or a function `async fn(cx: AsyncConnecting<State, Data>, auth: Auth) -> Result<Data, ConnectError>`",
    label = "not a closure `|cx, auth| async move {{ … }}`"
)]
pub trait AsyncAuthorize<S, D, A, F>: FnMut(AsyncConnecting<S, D>, A) -> F + Send + 'static {}

impl<S, D, A, F, H: FnMut(AsyncConnecting<S, D>, A) -> F + Send + 'static> AsyncAuthorize<S, D, A, F> for H {}

type Decision<D> = Pin<Box<dyn Future<Output = Result<D, ConnectError>> + Send>>;

/// The same with its types forgotten.
pub(crate) type OnAuthorizeLater<S, D> =
    Box<dyn FnMut(Handle<S, D>, SocketId, &ConnectRequest) -> Result<Decision<D>, ConnectError> + Send>;

/// A function that knows no types, from one that does.
pub(crate) fn boxed<S: Send + 'static, D: Data, A: DeserializeOwned + 'static, F>(
    mut authorize: impl AsyncAuthorize<S, D, A, F>,
) -> OnAuthorizeLater<S, D>
where
    F: Future<Output = Result<D, ConnectError>> + Send + 'static,
{
    Box::new(move |handle, socket, request| {
        let auth = credentials(request)?;
        let cx = AsyncConnecting { handle, socket, request: request.clone() };
        Ok(Box::pin(authorize(cx, auth)))
    })
}

/// A client that asks to connect: what [`Namespace::authorize_async`](crate::router::Namespace::authorize_async) is called with.
pub struct AsyncConnecting<S, D = ()> {
    handle: Handle<S, D>,
    socket: SocketId,
    request: ConnectRequest,
}

impl<S: Send + 'static, D: Data> AsyncConnecting<S, D> {
    /// The request: the namespace, and the HTTP request that opened the connection.
    #[must_use]
    pub fn request(&self) -> &ConnectRequest {
        &self.request
    }

    /// The socket that there will be.
    #[must_use]
    pub fn socket(&self) -> SocketId {
        self.socket
    }

    /// A way into the router.
    #[must_use]
    pub fn handle(&self) -> &Handle<S, D> {
        &self.handle
    }

    /// Lets `work` have the application's state, and waits for its result.
    ///
    /// # Errors
    ///
    /// As [`Handle::with`].
    pub async fn state<R: Send + 'static>(&self, work: impl FnOnce(&mut S) -> R + Send + 'static) -> Result<R, Error> {
        self.handle.state(work).await
    }
}

impl<S, D> fmt::Debug for AsyncConnecting<S, D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AsyncConnecting").field("request", &self.request).finish_non_exhaustive()
    }
}
