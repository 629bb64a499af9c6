//! One turn of a driver: everything that has happened to connections at one moment, and what is to be done about it. Doing it may
//! bring more to do: the hub answers what a client did, and what it says is to be sent. So it is a list that is worked off;
//! nothing here is deep in a call of itself, and no lock is held between two entries.

use super::Shared;
use super::application::Request;
use super::line::{Inner, Line};
use super::mount::Foreign;
use crate::http::{Response as HttpResponse, Ticket};
use crate::request::{AllowReply, Encoding, compress};
use sanket::{Handshake, Key, Reason, RequestError, RequestId, Response, Time, WsMessage};
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;

/// Rounds of hub and sending that one turn does, before the driver gets to read again.
const ROUNDS: usize = 4;
/// Entries, messages and bytes that a list may have had room for to be kept for the next turn of its thread.
const KEPT: usize = 1_024;
const KEPT_BYTES: usize = 128 << 10;

thread_local! {
    /// What the last turn of this thread needed: every turn needs it, and it is empty in between.
    static SPARE: Cell<Option<Room>> = const { Cell::new(None) };
    /// What turns have left that ended while this thread was at the end of another: of the application, which responds to a
    /// request that it has just been given, for example. The other one does it, or each would be deep in a call of the one
    /// before.
    static LEFT: RefCell<Option<Left>> = const { RefCell::new(None) };
}

/// What is left to a turn by others.
struct Left {
    /// Of which host.
    shared: *const Shared,
    events: bool,
    list: VecDeque<Work>,
}

/// One turn of a driver. What it is told of connections is collected; [`Turn::finish`], or dropping it, lets the application hear
/// of it, and sends what it says. A turn that is told of many connections does that once, in fewer and larger writes.
///
/// A turn must not be kept over something that waits.
pub struct Turn<'a> {
    pub(super) shared: &'a Arc<Shared>,
    /// The moment it is all about.
    pub(super) now: Time,
    /// There is something for the hub.
    pub(super) events: bool,
    pub(super) room: Room,
}

/// The memory of a turn.
#[derive(Default)]
pub(super) struct Room {
    list: VecDeque<Work>,
    pub(super) messages: Vec<WsMessage>,
    /// An output buffer for connections that have none.
    pub(super) bytes: Vec<u8>,
}

/// Who waits for something from a shard.
#[derive(Clone, Debug)]
pub(crate) enum Waiter {
    /// A connection of the host's own.
    Line(Arc<Inner>),
    /// A request that another HTTP server has read, or a WebSocket that it carries.
    Foreign(Arc<Foreign>),
}

/// Something to be done when no lock is held.
pub(crate) enum Work {
    Respond(Waiter, RequestId, Response),
    /// There is something to be sent on a WebSocket.
    Send(Waiter),
    /// A WebSocket is to be closed.
    Close(Waiter),
    /// The hub has caught up: a connection that was paused goes on.
    Resume(Waiter),
    /// A session has ended.
    Closed(Key, Reason),
    /// The application around the server is asked.
    Request(Box<Request>),
    /// Whoever decides whether a client is let in is asked.
    Allow(Arc<Handshake>, AllowReply),
    /// Whoever wants to know of refusals is told.
    Refused(RequestError, Box<str>),
    /// A long response is to be compressed, and sent then.
    Compress(Arc<Inner>, Ticket, Box<HttpResponse>, Encoding),
}

/// Whatever happens, the turn around this one is the next to be left something.
struct Restore(Option<Left>);

impl Drop for Restore {
    fn drop(&mut self) {
        LEFT.set(self.0.take());
    }
}

impl<'a> Turn<'a> {
    pub(super) fn new(shared: &'a Arc<Shared>, now: Time) -> Self {
        Self { shared, now, events: false, room: SPARE.take().unwrap_or_default() }
    }

    pub(crate) fn push(&mut self, work: Work) {
        self.room.list.push_back(work);
    }

    /// Has everything done that the turn has brought.
    pub fn finish(self) {}

    /// What clients did comes first, so that what is said because of it goes out with the rest; but then it goes out, before
    /// there is more.
    fn perform(&mut self) {
        let shared = self.shared;
        if self.room.list.is_empty() && !self.events || self.leave() {
            return;
        }
        let mine = Left { shared: Arc::as_ptr(shared), events: false, list: VecDeque::new() };
        let _restores = Restore(LEFT.replace(Some(mine)));
        for _ in 0..ROUNDS {
            if std::mem::take(&mut self.events) {
                shared.hub.pump(shared, self);
            }
            while let Some(work) = self.room.list.pop_front() {
                self.work(work);
                LEFT.with_borrow_mut(|left| {
                    if let Some(left) = left {
                        self.events |= std::mem::take(&mut left.events);
                        self.room.list.append(&mut left.list);
                    }
                });
            }
            if !self.events {
                break;
            }
        }
        if self.events {
            shared.leave_over();
        }
    }

    /// Leaves everything to the turn that this thread is at the end of, if it is of the same host.
    fn leave(&mut self) -> bool {
        LEFT.with_borrow_mut(|left| match left {
            Some(left) if left.shared == Arc::as_ptr(self.shared) => {
                left.events |= std::mem::take(&mut self.events);
                left.list.append(&mut self.room.list);
                true
            }
            _ => false,
        })
    }

    fn work(&mut self, work: Work) {
        match work {
            Work::Respond(Waiter::Line(line), id, response) => line.respond(self, id, response),
            Work::Respond(Waiter::Foreign(foreign), _, response) => foreign.respond(response),
            Work::Send(Waiter::Line(line)) => line.send(self),
            Work::Send(Waiter::Foreign(foreign)) => foreign.ready(),
            Work::Close(Waiter::Line(line)) => line.close(self),
            Work::Close(Waiter::Foreign(foreign)) => foreign.close(),
            Work::Resume(Waiter::Line(line)) => line.resume(self),
            Work::Resume(Waiter::Foreign(foreign)) => foreign.resume(),
            Work::Closed(key, Reason::SlowConsumer) => {
                log::warn!("{key:?} does not read what it is sent; closed");
            }
            Work::Closed(key, reason) => log::debug!("{key:?} closed: {reason}"),
            Work::Request(request) => self.shared.driver.request(*request),
            Work::Allow(handshake, reply) => self.shared.options.ask(handshake, reply),
            Work::Refused(error, url) => self.shared.options.report(error, Some(&url)),
            Work::Compress(line, ticket, response, encoding) => {
                let line = Line::borrowed(self.shared.clone(), line);
                self.shared.driver.run(Box::new(move || {
                    let response = compress(*response, encoding);
                    line.finish_response(ticket, &response);
                }));
            }
        }
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.perform();
        let mut room = std::mem::take(&mut self.room);
        room.bytes.clear();
        if room.list.capacity() <= KEPT && room.messages.capacity() <= KEPT && room.bytes.capacity() <= KEPT_BYTES {
            SPARE.set(Some(room));
        }
    }
}

impl fmt::Debug for Turn<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Turn").field("now", &self.now).field("work", &self.room.list.len()).finish_non_exhaustive()
    }
}
