//! The hub and its application behind a lock. No thread owns it: whoever has told a shard something that the hub is to hear
//! turns it, unless somebody else is at it, who will see to that too. So nobody is woken for an event, and many events at once
//! are one turn. Touches no socket.

use super::agenda::{Agenda, Spawn, Work};
use super::combining::Combining;
use super::shards::Shards;
use super::stats::Stats;
use super::watch::Watch;
use crate::sync::lock;
use sanket::driver::{Delivery, Hub, Recipients, SocketEvent};
use sanket::{App, Effects, SocketId, Time};
use std::collections::VecDeque;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::Waker;

/// Events taken from a shard in one turn, so that no shard waits long for another.
const TURN: usize = 1_024;
/// Deliveries of one turn, and bytes of them, about: what is said is sent before more is, or it would pile up for everybody.
const BATCH: usize = 1_024;
const BATCH_BYTES: usize = 64 << 10;
/// Commands that may wait; the next is refused.
const MAX_COMMANDS: usize = 1_024;

/// What somebody outside wants of the application.
pub(super) type Command<A> = Box<dyn FnOnce(&mut A, &mut Effects<'_>) + Send>;

/// A hub, whatever its application.
pub(super) trait Pump: Send + Sync {
    /// There is something for the hub to do.
    fn want(&self);

    /// Turns it once, unless there is nothing to do, or somebody else is at it. Sets `agenda.events` if there is more to do.
    /// `false`: the application has panicked in this turn, and is gone.
    fn pump(&self, shards: &Shards, agenda: &mut Agenda) -> bool;

    /// When its next deadline is.
    fn alarm(&self) -> Time;

    /// Puts the hub's numbers into `stats`. What others want of the hub meanwhile is the caller's to do, by [`Pump::pump`].
    fn read(&self, stats: &mut Stats);

    /// Has the application woken in the next turn.
    fn wake(&self);

    /// Drops the application, and commands that wait for it.
    fn end(&self);
}

/// The hub, and who wants something of its application.
pub(super) struct Room<A> {
    /// Nothing once it has ended.
    inside: Combining<Option<Inside<A>>>,
    /// Nothing once it has ended.
    commands: Mutex<Option<VecDeque<Command<A>>>>,
    /// The application's waker was woken.
    woken: AtomicBool,
    alarm: AtomicU64,
}

struct Inside<A> {
    hub: Hub<A>,
    /// How often it was turned.
    turns: u64,
    /// What clients of each shard did, and the application has not been told of yet.
    events: Vec<VecDeque<(SocketId, SocketEvent)>>,
    /// What is being delivered; empty between turns. The last recipient's shard takes it.
    deliveries: Vec<(Recipients, Option<Delivery>)>,
}

/// Why a command is not carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ApplyError {
    /// The server has ended, or its application has panicked.
    Ended,
    /// 1,024 others wait. Try again a moment later.
    Full,
}

impl fmt::Display for ApplyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ended => "the server has ended",
            Self::Full => "too many commands wait for the application",
        })
    }
}

impl std::error::Error for ApplyError {}

impl<A> fmt::Debug for Room<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Room").finish_non_exhaustive()
    }
}

impl<A: App> Room<A> {
    pub(super) fn new(hub: Hub<A>) -> Self {
        let inside = Inside { hub, turns: 0, events: Vec::new(), deliveries: Vec::new() };
        Self {
            inside: Combining::new(Some(inside)),
            commands: Mutex::new(Some(VecDeque::new())),
            woken: AtomicBool::new(false),
            alarm: AtomicU64::new(u64::MAX),
        }
    }

    /// Tells the application that the server begins.
    pub(super) fn attach(&self, waker: Waker) {
        self.inside.with(|inside| {
            if let Some(Inside { hub, .. }) = inside {
                hub.attach(waker);
            }
        });
    }

    /// Has `command` carried out in the next turn.
    pub(super) fn command(&self, command: Command<A>) -> Result<(), ApplyError> {
        let mut commands = lock(&self.commands);
        let commands = commands.as_mut().ok_or(ApplyError::Ended)?;
        if commands.len() >= MAX_COMMANDS {
            return Err(ApplyError::Full);
        }
        commands.push_back(command);
        Ok(())
    }

    /// Takes what clients did, lets the application answer, delivers. The hub's deadlines are looked at in every turn.
    fn turn(&self, inside: &mut Inside<A>, shards: &Shards, agenda: &mut Agenda) {
        let Inside { hub, turns, events, deliveries } = inside;
        *turns += 1;
        events.resize_with(shards.cells().len(), VecDeque::new);
        if events.iter().all(VecDeque::is_empty) {
            for (cell, events) in shards.cells().iter().zip(&mut *events) {
                shards.take_events(cell, agenda, TURN, events);
            }
        }
        let now = agenda.now;
        hub.handle_timeout(now);
        let commands = lock(&self.commands).as_mut().map(std::mem::take);
        for command in commands.into_iter().flatten() {
            hub.apply(now, command);
        }
        if self.woken.swap(false, Ordering::AcqRel) {
            hub.wake(now);
        }
        for events in &mut *events {
            while hub.delivery_bytes() < BATCH_BYTES
                && hub.deliveries() < BATCH
                && let Some((from, event)) = events.pop_front()
            {
                let watch = Watch::begin(&event);
                hub.handle(from, event, now);
                watch.end();
            }
        }
        while let Some(task) = hub.poll_task() {
            agenda.push(Work::Spawn(Spawn(task)));
        }
        deliveries.extend(std::iter::from_fn(|| hub.poll_delivery()).map(|(to, delivery)| (to, Some(delivery))));
        deliver(shards, deliveries, agenda);
        deliveries.clear();
        // Shards that were not looked into, because there were events left, may have more.
        if events.iter().any(|events| !events.is_empty()) || shards.have_events() {
            self.inside.want();
        }
        let alarm = hub.poll_timeout().unwrap_or(Time::NEVER);
        if alarm.as_millis() < self.alarm.swap(alarm.as_millis(), Ordering::AcqRel) {
            agenda.due(alarm);
        }
    }
}

impl<A: App + Send> Pump for Room<A> {
    fn want(&self) {
        self.inside.want();
    }

    fn pump(&self, shards: &Shards, agenda: &mut Agenda) -> bool {
        let mut failed = false;
        let more = self.inside.work(1, |inside| {
            if let Some(there) = inside
                && catch_unwind(AssertUnwindSafe(|| self.turn(there, shards, agenda))).is_err()
            {
                // Whatever state it has left behind, nobody should go on with it.
                *inside = None;
                failed = true;
            }
        });
        agenda.events |= more;
        if failed {
            log::error!("the application panicked; all sessions are closed");
            self.end();
        }
        !failed
    }

    fn alarm(&self) -> Time {
        Time::from_millis(self.alarm.load(Ordering::Acquire))
    }

    fn read(&self, stats: &mut Stats) {
        self.inside.with(|inside| {
            if let Some(Inside { hub, turns, .. }) = inside {
                stats.hub = Some(hub.stats());
                stats.hub_turns = *turns;
            }
        });
    }

    fn wake(&self) {
        self.woken.store(true, Ordering::Release);
        self.inside.want();
    }

    fn end(&self) {
        // Dropped without a lock: what an application and its commands hold may do anything when it is dropped.
        drop(self.inside.with(Option::take));
        drop(lock(&self.commands).take());
        self.alarm.store(u64::MAX, Ordering::Release);
    }
}

/// Hands deliveries to the shards, each shard locked once.
fn deliver(shards: &Shards, deliveries: &mut [(Recipients, Option<Delivery>)], agenda: &mut Agenda) {
    for (index, cell) in (0..).zip(shards.cells()) {
        let mut mine = deliveries.iter_mut().filter(|(to, _)| !to.in_shard(index).is_empty()).peekable();
        if mine.peek().is_none() {
            continue;
        }
        shards.with(cell, agenda, |access| {
            let now = access.now;
            for (to, delivery) in mine {
                let is_last = to.last().is_some_and(|last| last.key.shard() == index);
                if let Some(delivery) = if is_last { delivery.take() } else { delivery.clone() } {
                    access.shard().deliver(to.in_shard(index), delivery, now);
                }
            }
        });
    }
}
