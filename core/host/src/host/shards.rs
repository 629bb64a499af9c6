//! The shards behind their locks, and who waits for something from them. A lock is held for one call into the protocol; what
//! that wants done is put on the turn's list, and done when the lock has been given back.

use super::Shared;
use super::turn::{Turn, Waiter, Work};
use crate::sync::lock;
use rustc_hash::FxHashMap;
use sanket::{Key, Output, RequestId, Shard, Sid, SocketEvent, SocketId, Time};
use std::collections::VecDeque;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// One shard.
#[derive(Debug)]
pub(crate) struct Cell {
    inside: Mutex<Inside>,
    /// There are events for the hub.
    eventful: AtomicBool,
    /// When it is to be looked at next, in milliseconds.
    pub(super) alarm: AtomicU64,
}

#[derive(Debug)]
struct Inside {
    shard: Shard,
    /// Who waits for the response to a request, or speaks on its WebSocket.
    waiters: FxHashMap<RequestId, Waiter>,
    /// Connections that are not read from, because the hub is behind with what this shard's clients said.
    paused: Vec<Waiter>,
}

impl Cell {
    pub(crate) fn new(shard: Shard) -> Self {
        let inside = Inside { shard, waiters: FxHashMap::default(), paused: Vec::new() };
        Self { inside: Mutex::new(inside), eventful: AtomicBool::new(false), alarm: AtomicU64::new(u64::MAX) }
    }

    /// Whether there are events for the hub.
    pub(crate) fn has_events(&self) -> bool {
        self.eventful.load(Ordering::Acquire)
    }

    /// How many requests and WebSockets there are.
    pub(crate) fn waiters(&self) -> usize {
        lock(&self.inside).waiters.len()
    }
}

/// What a call into a shard has at hand.
pub(crate) struct Access<'a> {
    inside: &'a mut Inside,
    pub(crate) now: Time,
}

impl Access<'_> {
    pub(crate) fn shard(&mut self) -> &mut Shard {
        &mut self.inside.shard
    }

    /// From now on `waiter` is told what there is for the request.
    pub(crate) fn insert(&mut self, id: RequestId, waiter: Waiter) {
        self.inside.waiters.insert(id, waiter);
    }

    /// Whether somebody still waits for the response.
    pub(crate) fn is_waiting(&self, id: RequestId) -> bool {
        self.inside.waiters.contains_key(&id)
    }

    /// Nobody waits any more.
    pub(crate) fn remove(&mut self, id: RequestId) {
        self.inside.waiters.remove(&id);
    }

    /// Whether the hub is too far behind to hear more of this shard's clients; if so, `waiter` is told when it has caught up.
    pub(crate) fn pause(&mut self, waiter: impl FnOnce() -> Waiter) -> bool {
        let pauses = self.inside.shard.is_backlogged();
        if pauses {
            self.inside.paused.push(waiter());
        }
        pauses
    }
}

impl Shared {
    /// The shard that a session lives in. Ids are random, so one byte spreads them.
    pub(crate) fn cell_of(&self, sid: Sid) -> &Cell {
        let spread = usize::from(sid.as_bytes()[0]);
        &self.cells[spread % self.cells.len()]
    }

    /// The shard of a key, which was made by one of these.
    pub(crate) fn cell(&self, key: Key) -> &Cell {
        &self.cells[usize::from(key.shard()) % self.cells.len()]
    }

    /// Lets `work` have a shard. What the protocol wants done is put on the turn's list.
    pub(crate) fn with<R>(&self, cell: &Cell, turn: &mut Turn<'_>, work: impl FnOnce(&mut Access<'_>) -> R) -> R {
        let mut inside = lock(&cell.inside);
        let result = work(&mut Access { inside: &mut inside, now: turn.now });
        inside.take_outputs(turn);
        let has_events = inside.shard.has_events();
        if has_events {
            cell.eventful.store(true, Ordering::Release);
        }
        let next = inside.shard.poll_timeout().unwrap_or(Time::NEVER);
        let earlier = next.as_millis() < cell.alarm.swap(next.as_millis(), Ordering::AcqRel);
        drop(inside);
        if has_events {
            turn.events = true;
            self.hub.want();
        }
        if earlier {
            self.due(next);
        }
        result
    }

    /// Takes what clients of a shard did, at most `max` events. Connections that were paused go on.
    pub(crate) fn take_events(
        &self,
        cell: &Cell,
        turn: &mut Turn<'_>,
        max: usize,
        into: &mut VecDeque<(SocketId, SocketEvent)>,
    ) {
        if !cell.eventful.swap(false, Ordering::AcqRel) {
            return;
        }
        self.with(cell, turn, |access| access.shard().take_events(max, into));
        self.resume(cell, turn);
    }

    /// Lets paused connections go on, if the hub has caught up.
    pub(crate) fn resume(&self, cell: &Cell, turn: &mut Turn<'_>) {
        let mut inside = lock(&cell.inside);
        if !inside.paused.is_empty() && (!inside.shard.is_backlogged() || self.has_ended()) {
            let paused = std::mem::take(&mut inside.paused);
            drop(inside);
            paused.into_iter().for_each(|waiter| turn.push(Work::Resume(waiter)));
        }
    }
}

impl Inside {
    fn take_outputs(&mut self, turn: &mut Turn<'_>) {
        while let Some((key, output)) = self.shard.poll_output() {
            match output {
                Output::Respond(id, response) => {
                    if let Some(waiter) = self.waiters.remove(&id) {
                        turn.push(Work::Respond(waiter, id, response));
                    }
                }
                Output::WsReady(id) => {
                    if let Some(waiter) = self.waiters.get(&id) {
                        turn.push(Work::Send(waiter.clone()));
                    }
                }
                Output::WsClose(id) => {
                    if let Some(waiter) = self.waiters.remove(&id) {
                        turn.push(Work::Close(waiter));
                    }
                }
                Output::Closed(reason) => turn.push(Work::Closed(key, reason)),
            }
        }
    }
}
