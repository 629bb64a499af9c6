//! One turn of a driver: everything that has happened to connections at one moment, and what is to be done about it. Doing it may
//! bring more to do: the hub answers what a client did, and what it says is to be sent. So it is a list that is worked off;
//! nothing here is deep in a call of itself, and no lock is held between two entries.

use super::agenda::{Agenda, Spawn, Waiter, Work};
use super::fanout::Fanout;
use super::held::Held;
use super::shared::Shared;
use super::state::Inner;
use crate::request::{AllowReply, Peer, compress};
use sanket::Reason;
use std::cell::RefCell;
use std::collections::VecDeque;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

/// Rounds of hub and sending that one turn does, before the driver gets to read again.
const ROUNDS: usize = 4;

thread_local! {
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
    pub(super) agenda: Agenda,
}

/// Whatever happens, the turn around this one is the next to be left something.
struct Restore(Option<Left>);

impl Drop for Restore {
    fn drop(&mut self) {
        LEFT.set(self.0.take());
    }
}

impl<'a> Turn<'a> {
    /// Begins a turn, at the driver's time.
    pub(super) fn new(shared: &'a Arc<Shared>) -> Self {
        Self { shared, agenda: Agenda::new(shared.runtime.now()) }
    }

    /// Has everything done that the turn has brought.
    pub fn finish(self) {}

    /// What clients did comes first, so that what is said because of it goes out with the rest; but then it goes out, before
    /// there is more.
    fn perform(&mut self) {
        // Before anybody can see what follows from it.
        self.shared.counters.add(&mut self.agenda.tally);
        self.tell_due();
        if self.agenda.is_empty() || self.leave() {
            return;
        }
        let mine = Left { shared: Arc::as_ptr(self.shared), events: false, list: VecDeque::new() };
        let _restores = Restore(LEFT.replace(Some(mine)));
        for _ in 0..ROUNDS {
            if std::mem::take(&mut self.agenda.events) {
                self.speak();
            }
            self.collect();
            self.work_off();
            self.tell_due();
            if !self.agenda.events {
                break;
            }
        }
        if self.agenda.events {
            self.shared.leave_over();
        }
    }

    /// Lets the hub hear what clients did, and sends what it says. If somebody else is at it, that one will see to it: what many
    /// threads have heard meanwhile goes out together.
    fn speak(&mut self) {
        let shared = self.shared;
        shared.desk.want();
        let more = shared.desk.work(1, |()| {
            shared.pump(&mut self.agenda);
            self.send();
        });
        self.agenda.events |= more;
    }

    /// Sends what is to be sent. The rest is left: nothing of the driver's or the application's is waited for at the desk.
    fn send(&mut self) {
        let shared = self.shared;
        let list = &mut self.agenda.memory.list;
        if Fanout::is_worth(list.len()) {
            let sends = shared.fanout.share(list);
            shared.runtime.offer(sends);
            let mut rest = std::mem::take(list);
            while let Some(left) = shared.fanout.take(&mut self.agenda.memory.list) {
                if left > 0 {
                    shared.runtime.offer(left);
                }
                while let Some(work) = self.agenda.memory.list.pop_front() {
                    if work.is_send() { self.work(work) } else { rest.push_back(work) }
                }
            }
            self.agenda.memory.list = rest;
            return;
        }
        for _ in 0..list.len() {
            let Some(work) = self.agenda.memory.list.pop_front() else { break };
            if work.is_send() { self.work(work) } else { self.agenda.push(work) }
        }
    }

    /// Does everything else.
    fn work_off(&mut self) {
        while let Some(work) = self.agenda.memory.list.pop_front() {
            self.work(work);
            self.collect();
        }
    }

    /// Takes what turns have left that ended meanwhile.
    fn collect(&mut self) {
        LEFT.with_borrow_mut(|left| {
            if let Some(left) = left {
                self.agenda.events |= std::mem::take(&mut left.events);
                self.agenda.memory.list.append(&mut left.list);
            }
        });
    }

    /// Whoever sleeps is woken if something has become due earlier than it knows of.
    fn tell_due(&mut self) {
        let due = self.agenda.take_due();
        if due != sanket::Time::NEVER {
            self.shared.due(due);
        }
    }

    /// Leaves everything to the turn that this thread is at the end of, if it is of the same host.
    fn leave(&mut self) -> bool {
        LEFT.with_borrow_mut(|left| match left {
            Some(left) if left.shared == Arc::as_ptr(self.shared) => {
                left.events |= std::mem::take(&mut self.agenda.events);
                left.list.append(&mut self.agenda.memory.list);
                true
            }
            _ => false,
        })
    }

    fn work(&mut self, work: Work) {
        let (shared, agenda) = (self.shared, &mut self.agenda);
        match work {
            Work::Respond(Waiter::Line(line), id, response) => line.respond(shared, agenda, id, response),
            Work::Respond(Waiter::Foreign(foreign), _, response) => foreign.respond(response),
            Work::Send(Waiter::Line(line)) => line.send(shared, agenda),
            Work::Send(Waiter::Foreign(foreign)) => foreign.ready(),
            Work::Close(Waiter::Line(line)) => line.close(shared, agenda),
            Work::Close(Waiter::Foreign(foreign)) => foreign.close(),
            Work::Resume(Waiter::Line(line)) => line.resume(shared, agenda),
            Work::Resume(Waiter::Foreign(foreign)) => foreign.resume(),
            Work::Closed(key, Reason::SlowConsumer) => {
                log::warn!("{key:?} does not read what it is sent; closed");
            }
            Work::Closed(key, reason) => log::debug!("{key:?} closed: {reason}"),
            Work::MakeWay(key) => shared.sessions.end_unjoined(agenda, key),
            Work::Failed => shared.runtime.failed(),
            Work::Request(line, ticket, head) => {
                self.outside(|shared| shared.runtime.request(shared, line, ticket, head));
            }
            Work::Allow(line, ticket, handshake) => self.outside(|shared| {
                let handle = Handle::new(shared.clone(), line);
                let answer = move |answer| handle.enter(|held| held.allowed(ticket, answer));
                shared.options.ask(handshake, AllowReply::new(Box::new(answer)));
            }),
            Work::AllowForeign(foreign, handshake) => self.outside(|shared| {
                let answer = move |answer| foreign.decide(answer);
                shared.options.ask(handshake, AllowReply::new(Box::new(answer)));
            }),
            Work::Spawn(Spawn(task)) => self.outside(|shared| shared.runtime.spawn(task)),
            Work::Refused(error, url) => self.outside(|shared| shared.options.report(error, Some(&url))),
            Work::Compress(line, ticket, response, encoding) => self.outside(|shared| {
                let handle = Handle::new(shared.clone(), line);
                shared.runtime.run(Box::new(move || {
                    let response = compress(*response, encoding);
                    handle.enter(|held| held.respond(ticket, &response));
                }));
            }),
        }
    }

    /// Calls the application around the server, or whoever decides or wants to know. Where that panics, it is gone as the hub's
    /// application is then: nobody can be served any more.
    fn outside(&mut self, call: impl FnOnce(&Arc<Shared>)) {
        let shared = self.shared;
        if catch_unwind(AssertUnwindSafe(|| call(shared))).is_err() {
            log::error!("the application panicked; all sessions are closed");
            shared.hub.end();
            shared.fail(&mut self.agenda);
        }
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.perform();
        self.shared.counters.add(&mut self.agenda.tally);
        self.agenda.recycle();
    }
}

impl fmt::Debug for Turn<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Turn").field(&self.agenda).finish()
    }
}

/// A connection in the hands of somebody outside, who takes a turn for each thing that is done with it. Dropping it means nothing.
#[derive(Clone)]
pub(super) struct Handle {
    pub(super) shared: Arc<Shared>,
    pub(super) inner: Arc<Inner>,
}

impl Handle {
    pub(super) fn new(shared: Arc<Shared>, inner: Arc<Inner>) -> Self {
        Self { shared, inner }
    }

    /// Where the connection came from.
    pub(super) fn peer(&self) -> Peer {
        self.inner.peer
    }

    /// Lets `access` have the connection, in a turn of its own, and does what follows.
    pub(super) fn enter<R>(&self, access: impl FnOnce(&mut Held<'_>) -> R) -> R {
        let mut turn = Turn::new(&self.shared);
        self.inner.enter(&self.shared, &mut turn.agenda, true, access)
    }
}

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Handle").field(&self.inner).finish()
    }
}
