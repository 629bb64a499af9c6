//! The tasks that are always there: one a shard that watches its deadlines, and one that watches the hub's. Neither touches a
//! socket.

use crate::shared::Shared;
use crate::workers::sleep;
use async_std::task::yield_now;
use futures_lite::FutureExt as _;
use sanket::{Shard, Time};
use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// Watches the deadlines of one shard, until nobody has the server any more.
pub(crate) async fn watch_deadlines(shared: Arc<Shared>, index: usize) {
    let cell = &shared.cells[index];
    while !shared.abandoned.load(Ordering::Acquire) {
        let alarm = shared.alarm(cell);
        sleep_until(&shared, alarm).or(cell.timer.wait()).await;
        shared.with(cell, Shard::handle_timeout);
    }
}

/// Turns the hub when something is due there, and when there was more to do than whoever came by would do. Until the server
/// ends, and the application with it.
pub(crate) async fn watch_hub(shared: Arc<Shared>) {
    while !shared.ended.load(Ordering::Acquire) {
        let alarm = shared.hub.alarm();
        sleep_until(&shared, alarm).or(shared.hub.signal().wait()).await;
        shared.turn_hub();
        yield_now().await;
    }
    shared.hub.end();
}

async fn sleep_until(shared: &Shared, at: Time) {
    if at == Time::NEVER {
        pending::<()>().await;
    }
    sleep(shared.clock.until(at)).await;
}
