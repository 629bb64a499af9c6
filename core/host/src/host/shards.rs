//! The shards behind their locks, and who waits for something from them. A lock is held for one call into the protocol; what
//! that wants done is put on the agenda, and done when the lock has been given back.

use super::addresses::Place;
use super::agenda::{Agenda, Waiter, Work};
use super::stats::Stats;
use super::trim::trim_map;
use crate::sync::lock;
use rustc_hash::FxHashMap;
use sanket::driver::{Key, Output, RequestId, Shard, Sid, SocketEvent};
use sanket::{SocketId, Time};
use std::collections::VecDeque;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// Clients that are looked at while a shard's lock is held once, for its numbers.
const CENSUS: usize = 4_096;

/// All shards of a host.
#[derive(Debug)]
pub(super) struct Shards {
    cells: Box<[Cell]>,
    /// The hub is gone, so that nothing waits for it.
    has_ended: AtomicBool,
    /// No more sessions are opened.
    is_closing: AtomicBool,
}

/// One shard.
#[derive(Debug)]
pub(super) struct Cell {
    inside: Mutex<Inside>,
    /// There are events for the hub.
    eventful: AtomicBool,
    /// When it is to be looked at next, in milliseconds.
    alarm: AtomicU64,
}

#[derive(Debug)]
struct Inside {
    shard: Shard,
    /// Who waits for the response to a request, or speaks on its WebSocket.
    waiters: FxHashMap<RequestId, Waiter>,
    /// The places of sessions among those of their addresses.
    places: FxHashMap<Key, Place>,
    /// Connections that are not read from, because the hub is behind with what this shard's clients said.
    paused: Vec<Waiter>,
    /// How often one was.
    pauses: u64,
}

impl Cell {
    fn new(shard: Shard) -> Self {
        let (waiters, places) = (FxHashMap::default(), FxHashMap::default());
        let inside = Inside { shard, waiters, places, paused: Vec::new(), pauses: 0 };
        Self { inside: Mutex::new(inside), eventful: AtomicBool::new(false), alarm: AtomicU64::new(u64::MAX) }
    }

    /// Whether there are events for the hub.
    pub(super) fn has_events(&self) -> bool {
        self.eventful.load(Ordering::Acquire)
    }
}

/// What a call into a shard has at hand.
pub(super) struct Access<'a> {
    inside: &'a mut Inside,
    pub(super) now: Time,
}

impl Access<'_> {
    pub(super) fn shard(&mut self) -> &mut Shard {
        &mut self.inside.shard
    }

    /// From now on `waiter` is told what there is for the request.
    pub(super) fn insert(&mut self, id: RequestId, waiter: Waiter) {
        self.inside.waiters.insert(id, waiter);
    }

    /// A session has a place among those of its address, until it ends.
    pub(super) fn occupy(&mut self, key: Key, place: Place) {
        self.inside.places.insert(key, place);
    }

    /// Whether somebody still waits for the response.
    pub(super) fn is_waiting(&self, id: RequestId) -> bool {
        self.inside.waiters.contains_key(&id)
    }

    /// Nobody waits any more.
    pub(super) fn remove(&mut self, id: RequestId) {
        self.inside.waiters.remove(&id);
        trim_map(&mut self.inside.waiters);
    }

    /// Whether the hub is too far behind to hear more of this shard's clients; if so, `waiter` is told when it has caught up.
    pub(super) fn pause(&mut self, waiter: impl FnOnce() -> Waiter) -> bool {
        let pauses = self.inside.shard.is_backlogged();
        if pauses {
            self.inside.pauses += 1;
            self.inside.paused.push(waiter());
        }
        pauses
    }
}

impl Shards {
    pub(super) fn new(shards: impl Iterator<Item = Shard>) -> Self {
        Self {
            cells: shards.map(Cell::new).collect(),
            has_ended: AtomicBool::new(false),
            is_closing: AtomicBool::new(false),
        }
    }

    /// The shards, in the order of their numbers.
    pub(super) fn cells(&self) -> &[Cell] {
        &self.cells
    }

    /// The shard that a session lives in. Ids are random, so one byte spreads them.
    pub(super) fn cell_of(&self, sid: Sid) -> &Cell {
        let spread = usize::from(sid.as_bytes()[0]);
        &self.cells[spread % self.cells.len()]
    }

    /// The shard of a key, which was made by one of these.
    pub(super) fn cell(&self, key: Key) -> &Cell {
        &self.cells[usize::from(key.shard()) % self.cells.len()]
    }

    /// Whether the hub is gone, so that nothing waits for it.
    pub(super) fn has_ended(&self) -> bool {
        self.has_ended.load(Ordering::Acquire)
    }

    /// The hub is gone.
    pub(super) fn end(&self) {
        self.has_ended.store(true, Ordering::Release);
    }

    /// Whether there are events for the hub.
    pub(super) fn have_events(&self) -> bool {
        self.cells.iter().any(Cell::has_events)
    }

    /// Adds the shards' numbers to `stats`. Each lock is held for a part of a millisecond at a time, however many clients there are.
    pub(super) fn read(&self, stats: &mut Stats) {
        for cell in &self.cells {
            let mut next = Some(0);
            while let Some(place) = next {
                let inside = lock(&cell.inside);
                if place == 0 {
                    stats.shards += inside.shard.stats();
                    stats.backlog += inside.shard.backlog() as u64;
                    stats.pauses += inside.pauses;
                    stats.waiting += inside.waiters.len() as u64;
                }
                let (census, rest) = inside.shard.census(place, CENSUS);
                drop(inside);
                stats.census += census;
                next = rest;
            }
        }
    }

    /// How many requests and WebSockets there are.
    pub(super) fn waiters(&self) -> usize {
        self.cells.iter().map(|cell| lock(&cell.inside).waiters.len()).sum()
    }

    /// When one of them is to be looked at next.
    pub(super) fn alarm(&self) -> Time {
        let alarms = self.cells.iter().map(|cell| Time::from_millis(cell.alarm.load(Ordering::SeqCst)));
        alarms.min().unwrap_or(Time::NEVER)
    }

    /// Sees to what is due.
    pub(super) fn handle_timeout(&self, agenda: &mut Agenda) {
        for cell in &self.cells {
            if cell.alarm.load(Ordering::Acquire) <= agenda.now.as_millis() {
                self.with(cell, agenda, |access| {
                    let now = access.now;
                    access.shard().handle_timeout(now);
                });
            }
        }
    }

    /// Closes all sessions, and opens no more.
    pub(super) fn close_sessions(&self, agenda: &mut Agenda) {
        self.close_share(1 << 16, agenda);
    }

    /// Closes so many 65,536ths of the sessions, and opens no more.
    pub(super) fn close_share(&self, share: u32, agenda: &mut Agenda) {
        self.is_closing.store(true, Ordering::Release);
        for cell in &self.cells {
            self.with(cell, agenda, |access| {
                let now = access.now;
                access.shard().shutdown_share(share, now);
            });
        }
    }

    /// Whether no more sessions are opened.
    pub(super) fn is_closing(&self) -> bool {
        self.is_closing.load(Ordering::Acquire)
    }

    /// Lets `work` have a shard. What the protocol wants done is put on the agenda.
    pub(super) fn with<R>(&self, cell: &Cell, agenda: &mut Agenda, work: impl FnOnce(&mut Access<'_>) -> R) -> R {
        let mut inside = lock(&cell.inside);
        let result = work(&mut Access { inside: &mut inside, now: agenda.now });
        inside.take_outputs(agenda);
        if inside.shard.has_events() {
            cell.eventful.store(true, Ordering::Release);
            agenda.events = true;
        }
        let next = inside.shard.poll_timeout().unwrap_or(Time::NEVER);
        let known = cell.alarm.load(Ordering::Acquire);
        if next.as_millis() != known {
            cell.alarm.store(next.as_millis(), Ordering::Release);
            if next.as_millis() < known {
                agenda.due(next);
            }
        }
        result
    }

    /// Takes what clients of a shard did, at most `max` events. Connections that were paused go on.
    pub(super) fn take_events(
        &self,
        cell: &Cell,
        agenda: &mut Agenda,
        max: usize,
        into: &mut VecDeque<(SocketId, SocketEvent)>,
    ) {
        if !cell.eventful.swap(false, Ordering::AcqRel) {
            return;
        }
        self.with(cell, agenda, |access| access.shard().take_events(max, into));
        self.resume(cell, agenda);
    }

    /// Lets all paused connections go on, if the hub has caught up or is gone.
    pub(super) fn resume_all(&self, agenda: &mut Agenda) {
        self.cells.iter().for_each(|cell| self.resume(cell, agenda));
    }

    fn resume(&self, cell: &Cell, agenda: &mut Agenda) {
        let mut inside = lock(&cell.inside);
        if !inside.paused.is_empty() && (!inside.shard.is_backlogged() || self.has_ended()) {
            let paused = std::mem::take(&mut inside.paused);
            drop(inside);
            paused.into_iter().for_each(|waiter| agenda.push(Work::Resume(waiter)));
        }
    }
}

impl Inside {
    fn take_outputs(&mut self, agenda: &mut Agenda) {
        while let Some((key, output)) = self.shard.poll_output() {
            match output {
                Output::Respond(id, response) => {
                    if let Some(waiter) = self.waiters.remove(&id) {
                        agenda.push(Work::Respond(waiter, id, response));
                    }
                }
                Output::WsReady(id) => {
                    if let Some(waiter) = self.waiters.get(&id) {
                        agenda.push(Work::Send(waiter.clone()));
                    }
                }
                Output::WsClose(id) => {
                    if let Some(waiter) = self.waiters.remove(&id) {
                        agenda.push(Work::Close(waiter));
                    }
                }
                Output::Closed(reason) => {
                    self.places.remove(&key).into_iter().for_each(Place::leave);
                    trim_map(&mut self.places);
                    trim_map(&mut self.waiters);
                    agenda.push(Work::Closed(key, reason));
                }
            }
        }
    }
}
