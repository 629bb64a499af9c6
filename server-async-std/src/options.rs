//! Asking a future whether a client is let in.

use async_std::task::spawn;
use sanket::Handshake;
use sanket_host::request::{Denial, RequestOptions, Welcome};
use std::future::Future;
use std::sync::Arc;

/// [`RequestOptions::allow_request`] for functions that return futures.
pub trait AllowAsync {
    /// Asks `allow` about each handshake before a session is opened for it: the reference's `allowRequest`. The future runs as a
    /// task; one that panics denies.
    #[must_use]
    fn allow_async<F>(self, allow: impl Fn(Arc<Handshake>) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Result<Welcome, Denial>> + Send + 'static;
}

impl AllowAsync for RequestOptions {
    fn allow_async<F>(self, allow: impl Fn(Arc<Handshake>) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Result<Welcome, Denial>> + Send + 'static,
    {
        self.allow_request(move |handshake, reply| {
            let allowed = allow(handshake);
            drop(spawn(async move {
                match allowed.await {
                    Ok(welcome) => reply.allow(welcome),
                    Err(denial) => reply.deny(denial),
                }
            }));
        })
    }
}
