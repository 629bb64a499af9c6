//! Applications on the router, on the bench: no network, virtual time.

mod asynchronous;
mod handlers;
mod listeners;
mod recovery;
