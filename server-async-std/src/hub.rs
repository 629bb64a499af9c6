//! The hub and its application behind a lock. There is no task that it belongs to: whoever has told a shard something that the
//! hub is to hear turns it, there and then, unless somebody is at it already; who will then see to that, too. So nobody is
//! woken for an event, and many events at once are one turn. Touches no socket.

use crate::chores::Chores;
use crate::shared::Shared;
use crate::signal::Signal;
use async_std::channel::Receiver;
use sanket::{App, Delivery, Effects, Hub, Recipients, SocketEvent, SocketId, Time};
use std::collections::VecDeque;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering, fence};
use std::sync::{Mutex, MutexGuard, PoisonError, TryLockError};

/// Events taken from a shard in one turn, so that no shard waits long for another.
const TURN: usize = 1_024;
/// Deliveries of one turn, and bytes of them, about: what is said is to be sent before more is, or it would pile up for
/// everybody.
const BATCH: usize = 1_024;
const BATCH_BYTES: usize = 64 << 10;

/// What somebody outside wants of the application.
pub(crate) type Command<A> = Box<dyn FnOnce(&mut A, &mut Effects<'_>) + Send>;

/// A hub, whatever its application.
pub(crate) trait Pump: Send + Sync {
    /// Somebody has to turn it.
    fn want(&self);

    /// Turns it once, unless there is nothing to do, or somebody else is at it. There may be more to do then.
    fn pump(&self, shared: &Shared, chores: &mut Chores);

    /// When its next deadline is.
    fn alarm(&self) -> Time;

    /// Its task is wanted: the deadline is earlier than it was, or there is more to do.
    fn signal(&self) -> &Signal;

    /// Drops the application. Whoever waits for an answer of it is told by that.
    fn end(&self);
}

/// The hub and whoever wants something of its application.
pub(crate) struct Cell<A> {
    /// Nothing once it has ended.
    inside: Mutex<Option<Inside<A>>>,
    commands: Receiver<Command<A>>,
    wanted: AtomicBool,
    alarm: AtomicU64,
    signal: Signal,
}

struct Inside<A> {
    hub: Hub<A>,
    /// What clients did, and nobody has been told of yet.
    /// For each shard.
    events: Vec<VecDeque<(SocketId, SocketEvent)>>,
    /// What is being delivered; empty between turns, and kept for its room. Whoever is last takes it.
    deliveries: Vec<(Recipients, Option<Delivery>)>,
}

impl<A> fmt::Debug for Cell<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cell").finish_non_exhaustive()
    }
}

impl<A: App> Cell<A> {
    pub(crate) fn new(hub: Hub<A>, commands: Receiver<Command<A>>) -> Self {
        Self {
            inside: Mutex::new(Some(Inside { hub, events: Vec::new(), deliveries: Vec::new() })),
            commands,
            wanted: AtomicBool::new(false),
            alarm: AtomicU64::new(u64::MAX),
            signal: Signal::default(),
        }
    }

    fn try_lock(&self) -> Option<MutexGuard<'_, Option<Inside<A>>>> {
        match self.inside.try_lock() {
            Ok(inside) => Some(inside),
            // A panic of the application is caught while it is locked, and ends it.
            Err(TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        }
    }

    /// Fetches what clients did, lets the application answer, delivers. The hub's own deadlines are looked at in every turn,
    /// so that a busy room does not put them off.
    fn turn(&self, inside: &mut Inside<A>, shared: &Shared, chores: &mut Chores) {
        let Inside { hub, events, deliveries } = inside;
        events.resize_with(shared.cells.len(), VecDeque::new);
        if events.iter().all(VecDeque::is_empty) {
            for (cell, events) in shared.cells.iter().zip(&mut *events) {
                if cell.eventful.swap(false, Ordering::AcqRel) {
                    shared.with_chores(cell, chores, |shard, _| shard.take_events(TURN, events));
                    cell.caught_up.notify(usize::MAX);
                }
            }
        }
        let now = chores.now;
        hub.handle_timeout(now);
        while let Ok(command) = self.commands.try_recv() {
            hub.apply(now, command);
        }
        for events in &mut *events {
            while hub.delivery_bytes() < BATCH_BYTES
                && hub.deliveries() < BATCH
                && let Some((from, event)) = events.pop_front()
            {
                hub.handle(from, event, now);
            }
        }
        deliveries.extend(std::iter::from_fn(|| hub.poll_delivery()).map(|(to, delivery)| (to, Some(delivery))));
        deliver(shared, deliveries, chores);
        deliveries.clear();
        if events.iter().any(|events| !events.is_empty()) {
            self.wanted.store(true, Ordering::Release);
            chores.events = true;
        }
        let alarm = hub.poll_timeout().unwrap_or(Time::NEVER).as_millis();
        if alarm < self.alarm.swap(alarm, Ordering::AcqRel) {
            self.signal.raise();
        }
    }
}

impl<A: App + Send> Pump for Cell<A> {
    fn want(&self) {
        self.wanted.store(true, Ordering::Release);
    }

    fn pump(&self, shared: &Shared, chores: &mut Chores) {
        // Either this thread sees the lock given back, or whoever gives it back sees that there is more to do.
        fence(Ordering::SeqCst);
        let Some(mut inside) = self.try_lock() else { return };
        if let (true, Some(there)) = (self.wanted.swap(false, Ordering::AcqRel), inside.as_mut())
            && catch_unwind(AssertUnwindSafe(|| self.turn(there, shared, chores))).is_err()
        {
            // Whatever state it has left behind, nobody should go on with it.
            log::error!("the application panicked; all sessions are closed");
            *inside = None;
            drop(inside);
            self.end();
            shared.fail();
            return;
        }
        drop(inside);
        fence(Ordering::SeqCst);
        chores.events |= self.wanted.load(Ordering::Acquire);
    }

    fn alarm(&self) -> Time {
        Time::from_millis(self.alarm.load(Ordering::Acquire))
    }

    fn signal(&self) -> &Signal {
        &self.signal
    }

    fn end(&self) {
        *self.inside.lock().unwrap_or_else(PoisonError::into_inner) = None;
        self.commands.close();
        while self.commands.try_recv().is_ok() {}
    }
}

/// Hands deliveries to the shards, each shard locked once.
fn deliver(shared: &Shared, deliveries: &mut [(Recipients, Option<Delivery>)], chores: &mut Chores) {
    for (index, cell) in (0..).zip(&shared.cells) {
        let mut mine = deliveries.iter_mut().filter(|(to, _)| !to.in_shard(index).is_empty()).peekable();
        if mine.peek().is_none() {
            continue;
        }
        shared.with_chores(cell, chores, |shard, now| {
            for (to, delivery) in mine {
                let is_last = to.last().is_some_and(|last| last.key.shard() == index);
                if let Some(delivery) = if is_last { delivery.take() } else { delivery.clone() } {
                    shard.deliver(to.in_shard(index), delivery, now);
                }
            }
        });
    }
}
