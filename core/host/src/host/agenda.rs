//! What is to be done when no lock is held: a list that whoever holds a lock adds to, and `turn` works off. And the memory for
//! one turn's work, which its thread uses again.

use super::foreign::Foreign;
use super::head::Head;
use super::state::Inner;
use super::stats::Tally;
use crate::http::{Response as HttpResponse, Ticket};
use crate::request::Encoding;
use sanket::driver::{Key, RequestError, RequestId, Response, WsMessage};
use sanket::{Handshake, Reason, Task, Time};
use std::cell::Cell;
use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;

/// Entries, messages and bytes that a list may have had room for to be kept for the next turn of its thread.
const KEPT: usize = 1_024;
const KEPT_BYTES: usize = 128 << 10;

thread_local! {
    /// What the last turn of this thread needed: every turn needs it, and it is empty in between.
    static SPARE: Cell<Option<Memory>> = const { Cell::new(None) };
}

/// Who waits for something from a shard.
#[derive(Clone, Debug)]
pub(super) enum Waiter {
    /// A connection of the host's own.
    Line(Arc<Inner>),
    /// A request that another HTTP server has read, or a WebSocket that it carries.
    Foreign(Arc<Foreign>),
}

/// Something to be done when no lock is held.
#[derive(Debug)]
pub(super) enum Work {
    Respond(Waiter, RequestId, Response),
    /// There is something to be sent on a WebSocket.
    Send(Waiter),
    /// A WebSocket is to be closed.
    Close(Waiter),
    /// The hub has caught up: a connection that was paused goes on.
    Resume(Waiter),
    /// A session has ended.
    Closed(Key, Reason),
    /// A session is to end if it is unjoined.
    MakeWay(Key),
    /// The application has panicked, and clients have been told.
    Failed,
    /// The application around the server is asked.
    Request(Arc<Inner>, Ticket, Box<Head>),
    /// Whoever decides whether a client is let in is asked, for a request of a connection.
    Allow(Arc<Inner>, Ticket, Arc<Handshake>),
    /// The same for a request that another HTTP server has read.
    AllowForeign(Arc<Foreign>, Arc<Handshake>),
    /// The driver is to run a task of the application's.
    Spawn(Spawn),
    /// Whoever wants to know of refusals is told.
    Refused(RequestError, Box<str>),
    /// A long response is to be compressed, and sent then.
    Compress(Arc<Inner>, Ticket, Box<HttpResponse>, Encoding),
}

/// A task to be run.
pub(super) struct Spawn(pub(super) Task);

impl fmt::Debug for Spawn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Spawn").finish_non_exhaustive()
    }
}

impl Work {
    /// Whether it sends something on a connection of the host's own, and nothing else.
    pub(super) fn is_send(&self) -> bool {
        matches!(self, Self::Send(Waiter::Line(_)) | Self::Respond(Waiter::Line(_), ..) | Self::Close(Waiter::Line(_)))
    }
}

/// What is to be done, and what doing it takes.
pub(super) struct Agenda {
    /// The moment it is all about.
    pub(super) now: Time,
    /// There is something for the hub.
    pub(super) events: bool,
    /// The earliest that something was found to be due at, since it was last taken.
    due: Time,
    /// What the turn has counted.
    pub(super) tally: Tally,
    pub(super) memory: Memory,
}

/// The memory of a turn.
#[derive(Default)]
pub(super) struct Memory {
    pub(super) list: VecDeque<Work>,
    pub(super) messages: Vec<WsMessage>,
    /// An output buffer for connections that have none.
    pub(super) bytes: Vec<u8>,
}

impl Agenda {
    pub(super) fn new(now: Time) -> Self {
        Self { now, events: false, due: Time::NEVER, tally: Tally::default(), memory: SPARE.take().unwrap_or_default() }
    }

    pub(super) fn push(&mut self, work: Work) {
        self.memory.list.push_back(work);
    }

    /// Something is due at `at`, which whoever sleeps has to know.
    pub(super) fn due(&mut self, at: Time) {
        self.due = self.due.min(at);
    }

    /// The earliest that has become due since this was asked last; [`Time::NEVER`] if nothing has.
    pub(super) fn take_due(&mut self) -> Time {
        std::mem::replace(&mut self.due, Time::NEVER)
    }

    /// Whether there is nothing to be done.
    pub(super) fn is_empty(&self) -> bool {
        self.memory.list.is_empty() && !self.events
    }

    /// Leaves the memory for the next turn of this thread.
    pub(super) fn recycle(&mut self) {
        let mut memory = std::mem::take(&mut self.memory);
        memory.bytes.clear();
        if memory.list.capacity() <= KEPT && memory.messages.capacity() <= KEPT && memory.bytes.capacity() <= KEPT_BYTES
        {
            SPARE.set(Some(memory));
        }
    }
}

impl fmt::Debug for Agenda {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Agenda").field("now", &self.now).field("work", &self.memory.list.len()).finish_non_exhaustive()
    }
}
