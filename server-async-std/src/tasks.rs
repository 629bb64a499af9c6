//! The two tasks that are always there: one a shard that watches its deadlines, and the one that runs the hub. Neither
//! touches a socket.

use crate::shared::Shared;
use async_std::channel::Receiver;
use async_std::task::{sleep, yield_now};
use futures_lite::FutureExt as _;
use sanket::{App, Effects, Hub, Shard, Time};
use std::future::pending;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// Events taken from a shard in one turn, so that no shard waits long for another.
const TURN: usize = 1_024;
/// Deliveries that may pile up before they are handed to the shards.
const BATCH: usize = 4_096;

/// What somebody outside wants of the application.
pub(crate) type Command<A> = Box<dyn FnOnce(&mut A, &mut Effects<'_>) + Send>;

/// Watches the deadlines of one shard. Never ends.
pub(crate) async fn watch_deadlines(shared: Arc<Shared>, index: usize) {
    let cell = &shared.cells[index];
    loop {
        let alarm = shared.alarm(cell);
        sleep_until(&shared, alarm).or(cell.timer.wait()).await;
        shared.with(cell, Shard::handle_timeout);
    }
}

/// Runs the hub until the server ends. A panic of the application ends the server: whatever state it left behind, nobody
/// should go on with it.
pub(crate) async fn run_hub<A: App>(shared: Arc<Shared>, hub: Hub<A>, commands: Receiver<Command<A>>) {
    if AssertUnwindSafe(serve(&shared, hub, &commands)).catch_unwind().await.is_err() {
        log::error!("the application panicked; all sessions are closed");
        shared.fail();
    }
    // Whoever waits for an answer to one that is left in there is told by its end.
    commands.close();
    while commands.try_recv().is_ok() {}
}

/// Fetches what clients did, lets the application answer, delivers. Its own deadlines are looked at in every
/// turn, so that a busy room does not put them off.
async fn serve<A: App>(shared: &Shared, mut hub: Hub<A>, commands: &Receiver<Command<A>>) {
    let mut events = Vec::new();
    while !shared.ended.load(Ordering::Acquire) {
        for cell in &shared.cells {
            shared.with(cell, |shard, _| {
                events.extend(std::iter::from_fn(|| shard.poll_event()).take(TURN));
            });
            cell.caught_up.notify(usize::MAX);
        }
        let mut idle = events.is_empty();
        let now = shared.clock.now();
        hub.handle_timeout(now);
        while let Ok(command) = commands.try_recv() {
            idle = false;
            hub.apply(now, command);
        }
        for (from, event) in events.drain(..) {
            hub.handle(from, event, now);
            if hub.deliveries() >= BATCH {
                deliver(shared, &mut hub);
            }
        }
        deliver(shared, &mut hub);
        if idle {
            let alarm = hub.poll_timeout().unwrap_or(Time::NEVER);
            sleep_until(shared, alarm).or(shared.hub.wait()).await;
        } else {
            yield_now().await;
        }
    }
}

/// Hands deliveries to the shards, each shard locked once.
fn deliver<A: App>(shared: &Shared, hub: &mut Hub<A>) {
    if hub.deliveries() == 0 {
        return;
    }
    let mut by_shard: Vec<Vec<_>> = shared.cells.iter().map(|_| Vec::new()).collect();
    while let Some((to, delivery)) = hub.poll_delivery() {
        by_shard[usize::from(to.key.shard())].push((to, delivery));
    }
    for (cell, deliveries) in shared.cells.iter().zip(by_shard).filter(|(_, deliveries)| !deliveries.is_empty()) {
        shared.with(cell, |shard, now| {
            for (to, delivery) in deliveries {
                shard.deliver(to, delivery, now);
            }
        });
    }
}

async fn sleep_until(shared: &Shared, at: Time) {
    if at == Time::NEVER {
        pending::<()>().await;
    }
    sleep(shared.clock.until(at)).await;
}
