//! The hub: every socket's seat, the rooms, and the application that is asked what to do. Events go in, deliveries come
//! out. There is one for a whole server, whatever the number of shards, which is what gives every room one order of
//! events.

use super::app::{Admission, App, Earlier, Refusal};
use super::effects::{AskId, Effects};
use super::recipients::Recipients;
use super::recovery::{Absent, Stay, Whereabouts};
use super::state::{Deadline, Decision, Seat, State};
use crate::config::{Config, Protocol};
use crate::engine::Reason;
use crate::frame::{Frame, Revision};
use crate::id::{Sid, SocketId};
use crate::socket::{Connect, Delivery, Event, Nsp, Received, encode};
use crate::time::Time;
use alloc::borrow::Cow;
use alloc::sync::Arc;
use alloc::vec::Vec;
use serde::Deserialize;

/// The hub of a server and its application.
#[derive(Debug)]
pub struct Hub<A> {
    app: A,
    state: State,
    now: Time,
}

/// What a client says that wants to take up where it was: members of its `auth`.
#[derive(Deserialize)]
struct Claim<'a> {
    #[serde(borrow)]
    pid: Cow<'a, str>,
    #[serde(borrow)]
    offset: Option<Cow<'a, str>>,
}

impl<A: App> Hub<A> {
    /// A hub without sockets.
    pub fn new(app: A, config: Arc<Config>) -> Self {
        Self { app, state: State::new(config), now: Time::default() }
    }

    /// The application.
    pub fn app(&self) -> &A {
        &self.app
    }

    /// How many sockets are in namespaces.
    pub fn len(&self) -> usize {
        self.state.seats.len()
    }

    /// Whether no socket is in any namespace.
    pub fn is_empty(&self) -> bool {
        self.state.seats.is_empty()
    }

    /// The rooms of a namespace that somebody is in.
    pub fn rooms(&self, nsp: &Nsp) -> Vec<&str> {
        self.state.rooms.names(nsp)
    }

    /// How many sockets whose connection is gone may come back, and how many bytes of events are kept for them.
    pub fn kept(&self) -> (usize, usize) {
        self.state.recovery.as_ref().map_or((0, 0), |recovery| (recovery.absent(), recovery.bytes()))
    }

    /// Takes an event of a client. Events of one client must come in order.
    pub fn handle(&mut self, from: SocketId, event: Event, now: Time) {
        self.now = self.now.max(now);
        match event {
            Event::Connect(connect) => self.knock(from, connect),
            Event::Received(received) => self.received(from, received),
            Event::Said(said) => {
                if self.state.seats.contains(from) {
                    let (app, mut fx) = self.parts();
                    app.message(from, &said, &mut fx);
                }
            }
            Event::Acked { id, answer } => self.acked(from, id, &answer),
            Event::Disconnect(reason) => self.disconnect(from, reason),
        }
        self.carry_out();
    }

    /// Lets somebody outside have the application and its effects: a task that has looked something up, another server, an
    /// operator.
    pub fn apply<R>(&mut self, now: Time, work: impl FnOnce(&mut A, &mut Effects<'_>) -> R) -> R {
        self.now = self.now.max(now);
        let (app, mut fx) = self.parts();
        let result = work(app, &mut fx);
        self.carry_out();
        result
    }

    /// Sees to everything that is due, and wakes the application if it is time.
    pub fn handle_timeout(&mut self, now: Time) {
        self.now = self.now.max(now);
        // Whatever is asked meanwhile is due later.
        while let Some((at, deadline)) = self.state.deadlines.first().copied()
            && at <= self.now
        {
            self.state.deadlines.pop_first();
            match deadline {
                Deadline::Ask(number) => self.asked(number),
                Deadline::Admission(who) => self.admit(who, Admission::Refuse(Refusal::new("Timed out"))),
            }
        }
        if let Some(recovery) = &mut self.state.recovery {
            recovery.handle_timeout(self.now);
        }
        if self.state.wake <= self.now {
            self.state.wake = Time::NEVER;
            let (app, mut fx) = self.parts();
            app.wake(&mut fx);
        }
        self.carry_out();
    }

    /// When [`Hub::handle_timeout`] wants to be called next.
    pub fn poll_timeout(&self) -> Option<Time> {
        Some(self.state.poll_timeout()).filter(|at| *at != Time::NEVER)
    }

    /// What is to be delivered, and to whom, in order.
    pub fn poll_delivery(&mut self) -> Option<(Recipients, Delivery)> {
        let (to, delivery) = self.state.out.pop_front()?;
        self.state.out_bytes -= delivery.cost();
        Some((to, delivery))
    }

    /// How many deliveries wait to be polled.
    pub fn deliveries(&self) -> usize {
        self.state.out.len()
    }

    /// How many bytes they are, each counted once. A driver that polls when they are many does not let them pile up for
    /// those who get them.
    pub fn delivery_bytes(&self) -> usize {
        self.state.out_bytes
    }

    fn parts(&mut self) -> (&mut A, Effects<'_>) {
        (&mut self.app, Effects::new(&mut self.state, self.now))
    }

    /// Does what the application has decided, and what it decides because of that.
    fn carry_out(&mut self) {
        while let Some(decision) = self.state.decided.pop_front() {
            match decision {
                Decision::Admit(who, admission) => self.admit(who, admission),
                Decision::Leave(who, reason) => self.disconnect(who, reason),
                Decision::Asked(number) => self.asked(number),
            }
        }
    }

    fn knock(&mut self, who: SocketId, connect: Connect) {
        let Some(connect) = self.recover(who, connect) else { return };
        let (app, mut fx) = self.parts();
        match app.admit(who, &connect, &mut fx) {
            Admission::Later => {
                let until = self.now.after(self.state.config.connect_timeout);
                self.state.wait(who, connect, until);
            }
            admission => self.answer(who, &connect, admission),
        }
    }

    fn admit(&mut self, who: SocketId, admission: Admission) {
        if admission == Admission::Later {
            return;
        }
        if let Some(connect) = self.state.stop_waiting(who) {
            self.answer(who, &connect, admission);
        }
    }

    fn answer(&mut self, who: SocketId, connect: &Connect, admission: Admission) {
        let protocol = self.state.config.protocol;
        let payload = match admission {
            Admission::Accept => {
                let mut seat = seat(connect.nsp.clone(), connect.public, connect.revision);
                let mut pid = None;
                // EIO=3 clients do not come back.
                if let (Some(recovery), Revision::V4) = (&mut self.state.recovery, connect.revision) {
                    seat.extra().lineage = Some(recovery.enter(who, connect.private, connect.public));
                    pid = Some(connect.private);
                }
                let hello = self.hello(&seat, pid);
                self.state.sit(who, seat);
                self.state.put(who, Delivery::Accept(hello));
                let (app, mut fx) = self.parts();
                return app.connect(who, connect, &mut fx);
            }
            Admission::Refuse(refusal) => refusal.to_json(connect.revision),
            // An object for clients of either revision, other than what an application refuses with.
            Admission::NoSuchNamespace | Admission::Later => Refusal::new("Invalid namespace").to_json(Revision::V4),
        };
        let refusal = encode::connect_error(protocol, &connect.nsp, &payload);
        self.state.put(who, Delivery::Refuse(refusal));
    }

    /// The answer to a CONNECT.
    fn hello(&self, seat: &Seat, pid: Option<Sid>) -> Option<Frame> {
        let protocol = self.state.config.protocol;
        (protocol != Protocol::EngineIo).then(|| encode::connect(protocol, seat.revision, &seat.nsp, seat.public, pid))
    }

    /// Lets a client take up where it was, if it can say so and nothing that it missed is forgotten. Otherwise it is
    /// somebody new, and the CONNECT is given back; who it was is gone for good.
    fn recover(&mut self, who: SocketId, connect: Connect) -> Option<Connect> {
        let Some(recovery) = &mut self.state.recovery else { return Some(connect) };
        let Ok(claim) = serde_json::from_str::<Claim<'_>>(&connect.auth) else { return Some(connect) };
        let Some(pid) = Sid::parse(&claim.pid).filter(|_| connect.revision == Revision::V4) else {
            return Some(connect);
        };
        let offset = claim.offset.as_deref();
        let (earlier, mut seat, missed) = match recovery.find(pid) {
            Some(Whereabouts::Gone(absent)) if absent.nsp == connect.nsp => {
                let Some(absent) = recovery.come_back(pid, who) else { return Some(connect) };
                let (was, seat) = (absent.was, seat_of(*absent));
                let Some(missed) = self.state.missed(&seat, offset) else {
                    self.forget(pid);
                    return Some(connect);
                };
                (Earlier { was, connected: false }, seat, missed)
            }
            Some(Whereabouts::Here(was)) => {
                let was = *was;
                let here = self.state.seats.get(was).filter(|seat| seat.nsp == connect.nsp);
                let Some(missed) = here.map(|seat| self.state.missed(seat, offset)) else { return Some(connect) };
                self.state.put(was, Delivery::Detach);
                let Some(missed) = missed else {
                    self.end(was, Reason::TransportClose, false);
                    return Some(connect);
                };
                let Some(seat) = self.state.stand_up(was) else { return Some(connect) };
                (Earlier { was, connected: true }, seat, missed)
            }
            Some(Whereabouts::Gone(_)) | None => return Some(connect),
        };
        if let Some(recovery) = &mut self.state.recovery {
            recovery.come_back(pid, who);
        }
        seat.recovered = true;
        let hello = self.hello(&seat, Some(pid));
        self.state.sit(who, seat);
        self.state.put(who, Delivery::Accept(hello));
        for frame in missed {
            self.state.put(who, Delivery::Emit(frame));
        }
        let (app, mut fx) = self.parts();
        app.recover(who, earlier, &connect, &mut fx);
        None
    }

    fn received(&mut self, who: SocketId, mut received: Received) {
        if self.state.seats.contains(who) {
            let ack = received.take_ack(who);
            let (app, mut fx) = self.parts();
            app.event(who, &received, ack, &mut fx);
        }
    }

    /// An answer to an ask. One that nobody waits for is ignored, as in the reference.
    fn acked(&mut self, who: SocketId, number: u64, answer: &Received) {
        let Some(ask) = self.state.asks.get_mut(&number) else { return };
        if !ask.waiting.remove(&who) {
            return;
        }
        if ask.waiting.is_empty() {
            self.state.decided.push_back(Decision::Asked(number));
        }
        if let Some(seat) = self.state.seats.get_mut(who) {
            seat.extra().asks.retain(|ask| *ask != number);
        }
        let (app, mut fx) = self.parts();
        app.answer(AskId(number), who, answer, &mut fx);
    }

    /// No more answers to an ask are waited for.
    fn asked(&mut self, number: u64) {
        let Some(ask) = self.state.asks.remove(&number) else { return };
        self.state.deadlines.remove(&(ask.deadline, Deadline::Ask(number)));
        for who in &ask.waiting {
            if let Some(seat) = self.state.seats.get_mut(*who) {
                seat.extra().asks.retain(|ask| *ask != number);
            }
        }
        let mut silent = ask.silent;
        silent.extend(ask.waiting);
        let (app, mut fx) = self.parts();
        app.asked(AskId(number), &silent, &mut fx);
    }

    fn forget(&mut self, pid: Sid) {
        if let Some(recovery) = &mut self.state.recovery {
            recovery.forget(pid);
        }
    }

    fn disconnect(&mut self, who: SocketId, reason: Reason) {
        self.state.stop_waiting(who);
        self.end(who, reason, reason.is_recoverable());
    }

    /// A socket is out of its namespace; it may come back, or not.
    fn end(&mut self, who: SocketId, reason: Reason, may_come_back: bool) {
        if !self.state.seats.contains(who) {
            return;
        }
        let (app, mut fx) = self.parts();
        app.disconnecting(who, reason, &mut fx);
        if let Some(seat) = self.state.stand_up(who) {
            self.state.leaving = seat.lineage().map(|lineage| (who, lineage.number));
            self.state.remember(who, seat, may_come_back, self.now);
            let (app, mut fx) = self.parts();
            app.disconnect(who, reason, &mut fx);
            self.state.leaving = None;
        }
    }
}

fn seat(nsp: Nsp, public: Sid, revision: Revision) -> Seat {
    Seat { nsp, public, revision, recovered: false, rooms: Vec::<Stay>::new(), extra: None }
}

/// The seat of somebody who has come back.
fn seat_of(absent: Absent) -> Seat {
    let mut seat = seat(absent.nsp, absent.public, Revision::V4);
    seat.rooms = absent.rooms;
    let extra = seat.extra();
    extra.data = absent.data;
    extra.lineage = Some(absent.lineage);
    seat
}
