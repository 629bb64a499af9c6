//! What the core wants done when no lock is held. Doing it may bring more of it: the hub answers what a client did, and what it
//! says is to be sent. So it is a list that is worked off, by whoever made it; nothing here is deep in a call of itself.

use crate::front::Stream;
use crate::outlet::Outbox;
use crate::shared::{Asker, Line, Shared};
use crate::workers;
use sanket::{Key, Reason, Response, Time, WsMessage};
use std::cell::Cell;
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{Ordering, fence};

/// Bytes taken from the core and sent at a time.
const WRITE_BATCH: usize = 64 << 10;
/// Turns of the hub that somebody takes who came by, before its own task goes on.
const TURNS: usize = 4;
/// Batches sent to one client before others get a turn.
const WRITE_TURN: usize = 16;
/// Things to do, and messages, and bytes, that a list may have had room for to be kept for the next one.
const KEPT: usize = 1_024;
const KEPT_BYTES: usize = 2 * WRITE_BATCH;

thread_local! {
    /// What the last list of this thread needed: every message makes one, and it is empty when that has been dealt with.
    static SPARE: Cell<Option<Room>> = const { Cell::new(None) };
    /// What is to be done when the worker's turn is over.
    static PENDING: Cell<Option<(Arc<Shared>, Chores)>> = const { Cell::new(None) };
}

/// A list of things to do.
#[derive(Debug)]
pub(crate) struct Chores {
    /// The moment it is all about.
    pub(crate) now: Time,
    /// There are events for the hub.
    pub(crate) events: bool,
    room: Room,
}

#[derive(Debug, Default)]
struct Room {
    list: VecDeque<Chore>,
    messages: Vec<WsMessage>,
    bytes: Vec<u8>,
}

impl Drop for Chores {
    fn drop(&mut self) {
        let mut room = std::mem::take(&mut self.room);
        room.list.clear();
        if room.list.capacity() <= KEPT && room.messages.capacity() <= KEPT && room.bytes.capacity() <= KEPT_BYTES {
            SPARE.set(Some(room));
        }
    }
}

#[derive(Debug)]
pub(crate) enum Chore {
    Answer(Asker, Response),
    /// There is something to be sent on a WebSocket.
    Send(Arc<Line>),
    /// A WebSocket's task is to look what it has been told.
    Ring(Arc<Line>),
    Closed(Key, Reason),
}

impl Chores {
    pub(crate) fn new(now: Time) -> Self {
        Self { now, events: false, room: SPARE.take().unwrap_or_default() }
    }

    pub(crate) fn push(&mut self, chore: Chore) {
        self.room.list.push_back(chore);
    }
}

impl Shared {
    /// Puts on a list what `collect` finds to be done, for the end of the worker's turn, with what all its clients want: the hub
    /// hears of everything at once, and code that runs once for each client stays in the processor's caches.
    pub(crate) fn perform_in_turn(self: &Arc<Self>, collect: impl FnOnce(&mut Chores)) {
        let now = self.clock.now();
        let pending = match PENDING.take() {
            Some(pending) if Arc::ptr_eq(&pending.0, self) => Some(pending),
            others => {
                others.into_iter().for_each(|(shared, chores)| shared.perform(chores));
                None
            }
        };
        let is_first = pending.is_none();
        let (shared, mut chores) = pending.unwrap_or_else(|| (self.clone(), Chores::new(now)));
        chores.now = now;
        collect(&mut chores);
        PENDING.set(Some((shared, chores)));
        if is_first {
            workers::at_end_of_turn(perform_pending);
        }
    }

    /// Works a list off. What clients did comes first, so that what is said because of it goes out with the rest; but then it
    /// goes out, before there is more.
    pub(crate) fn perform(&self, mut chores: Chores) {
        for _ in 0..TURNS {
            if std::mem::take(&mut chores.events) {
                self.hub.pump(self, &mut chores);
            }
            while let Some(chore) = chores.room.list.pop_front() {
                match chore {
                    Chore::Answer(asker, response) => asker.tell(response),
                    Chore::Send(line) => self.send(&line, &mut chores),
                    Chore::Ring(line) => line.signal.raise(),
                    Chore::Closed(key, reason) => self.count_closed(key, reason),
                }
            }
            if !chores.events {
                return;
            }
        }
        // There is more to do than somebody should who only came by.
        self.hub.signal().raise();
    }

    /// Sends what the core has for a WebSocket, as far as its socket takes it. Whoever else is sending there already will
    /// see to it.
    pub(crate) fn send_now(&self, line: &Line) {
        let mut chores = Chores::new(self.clock.now());
        self.send(line, &mut chores);
        self.perform(chores);
    }

    /// The same for one that is open from now on, behind what is to be said `first` on it.
    pub(crate) fn open_now(&self, line: &Line, socket: Option<Stream>, first: &[u8]) {
        let mut chores = Chores::new(self.clock.now());
        let mut outbox = line.outlet.lock();
        outbox.open(socket);
        self.transmit(line, &mut outbox, first, &mut chores);
        drop(outbox);
        self.send(line, &mut chores);
        self.perform(chores);
    }

    fn send(&self, line: &Line, chores: &mut Chores) {
        for _ in 0..WRITE_TURN {
            // Either this thread sees the lock given back, or whoever gives it back sees that there is more.
            fence(Ordering::SeqCst);
            let Some(mut outbox) = line.outlet.try_lock() else { return };
            if !outbox.is_clear() {
                // The task goes on when the socket does.
                return;
            }
            self.transmit(line, &mut outbox, &[], chores);
            if !outbox.is_clear() {
                return;
            }
            drop(outbox);
            fence(Ordering::SeqCst);
            if !line.ready.load(Ordering::Acquire) {
                return;
            }
        }
        // There is more, after the others' turn.
        line.signal.raise();
    }

    /// Sends a batch of what the core has for it, behind what is to be said `first`. What the socket does not take is its task's.
    fn transmit(&self, line: &Line, outbox: &mut Outbox, first: &[u8], chores: &mut Chores) {
        let mut messages = std::mem::take(&mut chores.room.messages);
        if line.ready.swap(false, Ordering::AcqRel) {
            let more = self.with_chores(self.cell(line.key), chores, |shard, now| {
                shard.transmit(line.key, line.id, WRITE_BATCH, &mut messages, now)
            });
            if more {
                line.ready.store(true, Ordering::Release);
            }
        }
        chores.room.bytes.clear();
        chores.room.bytes.extend_from_slice(first);
        crate::outlet::frame(messages.drain(..), &mut chores.room.bytes);
        chores.room.messages = messages;
        outbox.send(&chores.room.bytes);
        if !outbox.is_clear() {
            line.signal.raise();
        }
    }
}

fn perform_pending() {
    if let Some((shared, chores)) = PENDING.take() {
        shared.perform(chores);
    }
}
