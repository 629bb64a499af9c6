//! The hub: takes events of sockets, calls the application, and returns deliveries. A server has one, whatever the
//! number of its shards, so that every room has one order of events.

use super::acks::BroadcastAckId;
use super::admission::{Admission, ConnectError};
use super::app::{App, PreviousSocket};
use super::effects::Effects;
use super::entry::SocketEntry;
use super::recipients::Recipients;
use super::recovery::{PersistedSession, Recoverable, Recovery};
use super::state::{Decision, State, Task};
use crate::config::{Config, Protocol};
use crate::engine::Reason;
use crate::frame::{Frame, Revision};
use crate::id::{Sid, SocketId};
use crate::network::Network;
use crate::socket::{ConnectRequest, Delivery, Event, Nsp, SocketEvent, encode};
use crate::stats::{HubStats, Limit, RecoveryOutcome};
use crate::time::Time;
use alloc::borrow::Cow;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::task::Waker;
use serde::Deserialize;

/// The namespaces and rooms of a server, and its application.
#[derive(Debug)]
pub struct Hub<A> {
    app: A,
    state: State,
    now: Time,
}

/// The members of `auth` with which a client asks for recovery.
#[derive(Deserialize)]
struct RecoveryRequest<'a> {
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

    /// The number of connected sockets.
    pub fn len(&self) -> usize {
        self.state.sockets.len()
    }

    /// Whether there are no connected sockets.
    pub fn is_empty(&self) -> bool {
        self.state.sockets.is_empty()
    }

    /// The rooms of a namespace that have sockets.
    pub fn rooms(&self, nsp: &Nsp) -> Vec<&str> {
        self.state.rooms.names(nsp)
    }

    /// The number of persisted sessions, and the bytes of events in the recovery log.
    pub fn kept(&self) -> (usize, usize) {
        self.state.recovery.as_ref().map_or((0, 0), |recovery| (recovery.persisted(), recovery.log.bytes()))
    }

    /// What was counted, and what there is. Takes a few hundred nanoseconds, and some for each namespace.
    pub fn stats(&self) -> HubStats {
        self.state.stats()
    }

    /// Handles an event of a client. Events of one client must be handed in in order.
    pub fn handle(&mut self, from: SocketId, event: SocketEvent, now: Time) {
        self.now = self.now.max(now);
        match event {
            SocketEvent::Connect(request) => self.connect(from, request, false),
            SocketEvent::Event(received) => self.received(from, received),
            SocketEvent::Message(said) => {
                if self.state.sockets.contains(from) {
                    self.state.stats.events_received += 1;
                    let (app, mut fx) = self.parts();
                    app.message(from, &said, &mut fx);
                }
            }
            SocketEvent::Ack { id, answer } => self.acknowledge(from, BroadcastAckId(id), &answer),
            SocketEvent::Disconnect(reason) => self.disconnect(from, reason),
        }
        self.carry_out();
    }

    /// Gives access to the application and its effects from outside of the application's methods: for the results of
    /// tasks, for other servers, for operators.
    pub fn apply<R>(&mut self, now: Time, work: impl FnOnce(&mut A, &mut Effects<'_>) -> R) -> R {
        self.now = self.now.max(now);
        let (app, mut fx) = self.parts();
        let result = work(app, &mut fx);
        self.carry_out();
        result
    }

    /// Handles all deadlines that are due at `now`, and wakes the application if it is time.
    pub fn handle_timeout(&mut self, now: Time) {
        self.now = self.now.max(now);
        self.state.grace.notice(self.poll_timeout(), self.now);
        // In the order of their times. What the application adds meanwhile is due later.
        while !self.state.grace.holds(self.now) {
            let acks = self.state.acks.next_deadline().filter(|(at, _)| *at <= self.now);
            let connect = self.state.connects.next_deadline().filter(|(at, _)| *at <= self.now);
            match (acks, connect) {
                (Some((at, id)), connect) if connect.is_none_or(|(other, _)| at <= other) => self.finish_acks(id),
                (_, Some((_, socket))) => {
                    self.state.stats.limits.add(Limit::ConnectTimeout);
                    self.decide(socket, Admission::Refuse(ConnectError::new("Timed out")));
                    self.gave_up(socket);
                }
                (_, None) => break,
            }
        }
        while let Some((_, socket)) = self.state.replays.next().filter(|(at, _)| *at <= self.now) {
            if let Some((request, reserved)) = self.state.replays.remove(socket) {
                self.connect(socket, *request, reserved);
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

    /// Tells the application that the server begins. When `waker` is woken, the driver calls [`Hub::wake`] soon.
    pub fn attach(&mut self, waker: Waker) {
        self.app.attach(waker);
    }

    /// Calls [`App::wake`], because the waker of [`Hub::attach`] was woken.
    pub fn wake(&mut self, now: Time) {
        self.apply(now, A::wake);
    }

    /// The next task that the driver is to run: [`Effects::spawn`]. To be called until it returns `None` after each
    /// turn.
    pub fn poll_task(&mut self) -> Option<Task> {
        self.state.tasks.pop_front()
    }

    /// When [`Hub::handle_timeout`] is to be called next; `None` while there is no deadline.
    pub fn poll_timeout(&self) -> Option<Time> {
        Some(self.state.poll_timeout()).filter(|at| *at != Time::NEVER)
    }

    /// The next delivery and its recipients.
    pub fn poll_delivery(&mut self) -> Option<(Recipients, Delivery)> {
        self.state.poll_delivery()
    }

    /// The number of deliveries that have not been polled.
    pub fn deliveries(&self) -> usize {
        self.state.deliveries().0
    }

    /// The bytes of these deliveries, each counted once. A driver that polls when there are many bytes keeps the queues
    /// of slow clients short.
    pub fn delivery_bytes(&self) -> usize {
        self.state.deliveries().1
    }

    fn parts(&mut self) -> (&mut A, Effects<'_>) {
        (&mut self.app, Effects::new(&mut self.state, self.now))
    }

    /// Carries out the application's decisions, and those that follow from them.
    fn carry_out(&mut self) {
        while let Some(decision) = self.state.decisions.pop_front() {
            match decision {
                Decision::Connect(socket, admission) => self.decide(socket, admission),
                Decision::Disconnect(socket, reason) => self.disconnect(socket, reason),
                Decision::AcksDone(id) => self.finish_acks(id),
            }
        }
    }

    /// A client asks to connect to a namespace. `reserved`: it has waited for a replay.
    fn connect(&mut self, socket: SocketId, request: ConnectRequest, reserved: bool) {
        let Some(request) = self.recover(socket, request, reserved) else { return };
        let (app, mut fx) = self.parts();
        match app.admit(socket, &request, &mut fx) {
            Admission::Later => {
                let deadline = self.now.after(self.state.config.connect_timeout);
                self.state.connects.insert(socket, request, deadline);
            }
            admission => self.reply(socket, &request, admission),
        }
    }

    /// The application has decided on a request that waits.
    fn decide(&mut self, socket: SocketId, admission: Admission) {
        if admission == Admission::Later {
            return;
        }
        if let Some(request) = self.state.connects.remove(socket) {
            self.reply(socket, &request, admission);
        }
    }

    /// Replies to a connect request.
    fn reply(&mut self, socket: SocketId, request: &ConnectRequest, admission: Admission) {
        let payload = match admission {
            Admission::Accept => {
                let mut entry = SocketEntry::new(request.nsp.clone(), request.public, request.revision);
                let mut pid = None;
                // EIO=3 has no recovery.
                if let (Some(recovery), Revision::V4) = (&mut self.state.recovery, request.revision) {
                    entry.extra().history = Some(recovery.register(socket, request.private, request.public));
                    pid = Some(request.private);
                }
                self.accept(socket, entry, pid);
                self.state.stats.connected += 1;
                let (app, mut fx) = self.parts();
                return app.connect(socket, request, &mut fx);
            }
            Admission::Refuse(refusal) => refusal.to_json(request.revision),
            // An object for clients of either revision, unlike an application's error.
            Admission::NoSuchNamespace | Admission::Later => {
                ConnectError::new("Invalid namespace").to_json(Revision::V4)
            }
        };
        self.state.stats.refused += 1;
        let refusal = encode::connect_error(self.state.config.protocol, &request.nsp, &payload);
        self.state.put(socket, Delivery::Refuse(refusal));
    }

    /// Connects a socket, and sends the connect reply. `pid` is the private id, if the session can be restored.
    fn accept(&mut self, socket: SocketId, entry: SocketEntry, pid: Option<Sid>) {
        let protocol = self.state.config.protocol;
        let reply = (protocol != Protocol::EngineIo)
            .then(|| encode::connect(protocol, entry.revision, &entry.nsp, entry.public, pid));
        self.state.insert(socket, entry);
        self.state.put(socket, Delivery::Accept(reply));
    }

    /// Restores the session that a request asks for, if it is known and all missed events are in the log. Otherwise the
    /// session is removed, and the request is returned: it is for a new socket. If the session was restored a moment
    /// ago, or much was sent to its address, the request waits.
    fn recover(&mut self, socket: SocketId, request: ConnectRequest, mut reserved: bool) -> Option<ConnectRequest> {
        if self.state.recovery.is_none() || request.revision != Revision::V4 {
            return Some(request);
        }
        let Ok(wanted) = serde_json::from_str::<RecoveryRequest<'_>>(&request.auth) else { return Some(request) };
        let pid = Sid::parse(&wanted.pid);
        let network = request.handshake.as_ref().and_then(|handshake| Network::parse(handshake.address()));
        if let Some(pid) = pid
            && let Some(rests_until) = self.state.rests_until(pid, &request.nsp)
            && let Some(recovery) = &mut self.state.recovery
            && let busy_until = if reserved { None } else { recovery.wait(network, self.now) }
            && let Some(at) = busy_until.max(Some(rests_until)).filter(|at| *at > self.now)
        {
            reserved |= busy_until.is_some();
            let at = at.min(self.now.after(self.state.config.connect_timeout));
            let max_waiting = self.state.recovery.as_ref().map_or(0, Recovery::max_waiting);
            if self.state.replays.bytes() + request.cost() > max_waiting {
                self.state.stats.recoveries.add(RecoveryOutcome::Refused);
                return Some(request);
            }
            if let Some(earlier) = self.state.replays.insert(socket, pid, (request, reserved), at) {
                // As if it had been restored, and were taken over now.
                self.state.put(earlier, Delivery::Detach);
            }
            return None;
        }
        match self.restore(socket, &request, pid, wanted.offset.as_deref(), (network, reserved)) {
            Ok(earlier) => {
                let connected = earlier.connected;
                let outcome = if connected { RecoveryOutcome::TakenOver } else { RecoveryOutcome::Restored };
                self.state.stats.recoveries.add(outcome);
                let (app, mut fx) = self.parts();
                app.recover(socket, earlier, &request, &mut fx);
                None
            }
            Err(outcome) => {
                self.state.stats.recoveries.add(outcome);
                Some(request)
            }
        }
    }

    fn restore(
        &mut self,
        socket: SocketId,
        request: &ConnectRequest,
        pid: Option<Sid>,
        offset: Option<&str>,
        (network, reserved): (Option<Network>, bool),
    ) -> Result<PreviousSocket, RecoveryOutcome> {
        const UNKNOWN: RecoveryOutcome = RecoveryOutcome::Unknown;
        let recovery = self.state.recovery.as_mut().ok_or(UNKNOWN)?;
        let pid = pid.ok_or(UNKNOWN)?;
        let (earlier, mut entry, missed) = match recovery.find(pid) {
            Some(Recoverable::Persisted(session)) if session.nsp == request.nsp => {
                let session = recovery.restore(pid, socket).ok_or(UNKNOWN)?;
                let (was, entry) = (session.socket, restored(*session));
                let Some(missed) = self.state.missed(&entry, offset) else {
                    self.remove_session(pid);
                    return Err(RecoveryOutcome::Missed);
                };
                (PreviousSocket { socket: was, connected: false }, entry, missed)
            }
            Some(Recoverable::Connected(was)) => {
                let was = *was;
                let entry = self.state.sockets.get(was).filter(|entry| entry.nsp == request.nsp);
                let missed = entry.map(|entry| self.state.missed(entry, offset)).ok_or(UNKNOWN)?;
                self.state.put(was, Delivery::Detach);
                let Some(missed) = missed else {
                    self.remove(was, Reason::TransportClose, false);
                    return Err(RecoveryOutcome::Missed);
                };
                let entry = self.state.remove(was).ok_or(UNKNOWN)?;
                (PreviousSocket { socket: was, connected: true }, entry, missed)
            }
            Some(Recoverable::Persisted(_)) | None => return Err(UNKNOWN),
        };
        if let Some(recovery) = &mut self.state.recovery {
            recovery.restore(pid, socket);
            let bytes = missed.iter().map(Frame::cost).sum();
            recovery.spend(network, bytes, reserved, self.now);
            let rest = recovery.rest(bytes).min(self.state.config.connect_timeout);
            if let Some(history) = entry.history_mut() {
                history.rests_until = self.now.after(rest);
            }
        }
        entry.recovered = true;
        self.accept(socket, entry, Some(pid));
        for frame in missed {
            self.state.put(socket, Delivery::Emit(frame));
        }
        Ok(earlier)
    }

    fn received(&mut self, who: SocketId, mut received: Event) {
        if self.state.sockets.contains(who) {
            self.state.stats.events_received += 1;
            let ack = received.take_ack(who);
            let (app, mut fx) = self.parts();
            app.event(who, &received, ack, &mut fx);
        }
    }

    /// A socket has acknowledged an event. An acknowledgement that is not waited for is ignored, as in the reference.
    fn acknowledge(&mut self, socket: SocketId, id: BroadcastAckId, answer: &Event) {
        let Some(is_last) = self.state.acks.acknowledge(id, socket) else { return };
        self.state.stats.acks_received += 1;
        if is_last {
            self.state.decisions.push_back(Decision::AcksDone(id));
        }
        let (app, mut fx) = self.parts();
        app.ack(id, socket, answer, &mut fx);
    }

    /// There will be no more acknowledgements of an event.
    fn finish_acks(&mut self, id: BroadcastAckId) {
        let Some(missing) = self.state.acks.remove(id) else { return };
        let (app, mut fx) = self.parts();
        app.acks_done(id, &missing, &mut fx);
    }

    fn remove_session(&mut self, pid: Sid) {
        if let Some(recovery) = &mut self.state.recovery {
            recovery.remove(pid);
        }
    }

    fn disconnect(&mut self, socket: SocketId, reason: Reason) {
        if self.state.connects.remove(socket).is_some() {
            self.gave_up(socket);
        }
        self.state.replays.remove(socket);
        self.remove(socket, reason, reason.is_recoverable());
    }

    fn gave_up(&mut self, socket: SocketId) {
        let (app, mut fx) = self.parts();
        app.gave_up(socket, &mut fx);
    }

    /// Disconnects a socket, and calls the application.
    fn remove(&mut self, socket: SocketId, reason: Reason, recoverable: bool) {
        if !self.state.sockets.contains(socket) {
            return;
        }
        let (app, mut fx) = self.parts();
        app.disconnecting(socket, reason, &mut fx);
        if let Some(entry) = self.state.remove(socket) {
            self.state.stats.disconnected.add(reason);
            self.state.leaving = entry.history().map(|history| (socket, history.number));
            self.state.persist(socket, entry, recoverable, self.now);
            let (app, mut fx) = self.parts();
            app.disconnect(socket, reason, &mut fx);
            self.state.leaving = None;
        }
    }
}

/// The entry of a restored socket.
fn restored(session: PersistedSession) -> SocketEntry {
    let mut entry = SocketEntry::new(session.nsp, session.public, Revision::V4);
    entry.rooms = session.rooms;
    let extra = entry.extra();
    extra.data = session.data;
    extra.history = Some(session.history);
    entry
}
