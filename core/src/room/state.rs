//! The hub's tables together, and the operations on several of them.

use super::acks::{BroadcastAckId, PendingAcks};
use super::admission::Admission;
use super::connects::PendingConnects;
use super::entry::{Extra, SocketEntry};
use super::log::{Member, Scope};
use super::recipients::Recipients;
use super::recovery::{PersistedSession, Recoverable, Recovery};
use super::replays::PendingReplays;
use super::rooms::Rooms;
use super::sockets::Sockets;
use super::target::Target;
use crate::config::{Config, Protocol};
use crate::engine::Reason;
use crate::frame::Frame;
use crate::grace::Grace;
use crate::id::{Sid, SocketId};
use crate::socket::{Delivery, Nsp};
use crate::stats::HubStats;
use crate::time::Time;
use crate::trim::Trim as _;
use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;
use core::pin::Pin;

/// Work that an application gives to its driver: [`Effects::spawn`](crate::Effects::spawn).
pub type Task = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Tasks that the driver has not taken yet.
#[derive(Default)]
pub(crate) struct Tasks(VecDeque<Task>);

impl fmt::Debug for Tasks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Tasks").field(&self.0.len()).finish()
    }
}

impl Tasks {
    pub(crate) fn push_back(&mut self, task: Task) {
        self.0.push_back(task);
    }

    pub(crate) fn pop_front(&mut self) -> Option<Task> {
        self.0.pop_front()
    }
}

/// The tables.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) config: Arc<Config>,
    pub(crate) sockets: Sockets,
    pub(crate) rooms: Rooms,
    pub(crate) connects: PendingConnects,
    pub(crate) replays: PendingReplays,
    pub(crate) acks: PendingAcks,
    pub(crate) recovery: Option<Recovery>,
    /// A socket that has just been removed, and its number in the log. While
    /// [`App::disconnect`](crate::App::disconnect) is called for it, an event may be sent to all sockets except it.
    pub(crate) leaving: Option<(SocketId, u64)>,
    /// When the application is to be woken; [`Time::NEVER`] if it is not.
    pub(crate) wake: Time,
    /// Whether the deadlines of acknowledgements and connect requests are judged.
    pub(crate) grace: Grace,
    /// The application's decisions that are carried out when its call has returned.
    pub(crate) decisions: VecDeque<Decision>,
    /// For the driver to run.
    pub(crate) tasks: Tasks,
    deliveries: VecDeque<(Recipients, Delivery)>,
    /// The bytes of all deliveries.
    delivery_bytes: usize,
    /// What was counted. What the tables know is added by [`State::stats`].
    pub(crate) stats: HubStats,
}

/// A decision that leads to another call of the application.
#[derive(Debug)]
pub(crate) enum Decision {
    /// A decision on a connect request.
    Connect(SocketId, Admission),
    /// A socket is to be disconnected.
    Disconnect(SocketId, Reason),
    /// There will be no more acknowledgements of an event.
    AcksDone(BroadcastAckId),
}

impl State {
    pub(crate) fn new(config: Arc<Config>) -> Self {
        Self {
            // Recovery needs Socket.IO's CONNECT packet.
            recovery: config.recovery.clone().filter(|_| config.protocol != Protocol::EngineIo).map(Recovery::new),
            config,
            sockets: Sockets::default(),
            rooms: Rooms::default(),
            connects: PendingConnects::default(),
            replays: PendingReplays::default(),
            acks: PendingAcks::default(),
            leaving: None,
            wake: Time::NEVER,
            grace: Grace::default(),
            decisions: VecDeque::new(),
            tasks: Tasks::default(),
            deliveries: VecDeque::new(),
            delivery_bytes: 0,
            stats: HubStats::default(),
        }
    }

    /// The earliest deadline; [`Time::NEVER`] if there is none.
    pub(crate) fn poll_timeout(&self) -> Time {
        let acks = self.acks.next_deadline().map_or(Time::NEVER, |(at, _)| self.grace.judged(at));
        let connects = self.connects.next_deadline().map_or(Time::NEVER, |(at, _)| self.grace.judged(at));
        let recovery = self.recovery.as_ref().map_or(Time::NEVER, Recovery::poll_timeout);
        let replays = self.replays.next().map_or(Time::NEVER, |(at, _)| at);
        self.wake.min(acks).min(connects).min(recovery).min(replays)
    }

    /// Adds a delivery.
    pub(crate) fn put(&mut self, to: impl Into<Recipients>, delivery: Delivery) {
        let to = to.into();
        self.delivery_bytes += delivery.cost();
        if let Delivery::Emit(_) = delivery {
            self.stats.events_sent += 1;
            self.stats.deliveries += to.len() as u64;
        }
        self.deliveries.push_back((to, delivery));
    }

    /// What was counted, and what there is.
    pub(crate) fn stats(&self) -> HubStats {
        let mut stats = HubStats {
            sockets: self.sockets.len() as u64,
            namespaces: self.rooms.namespaces().count() as u64,
            rooms: self.rooms.len() as u64,
            pending_connects: self.connects.len() as u64,
            pending_acks: self.acks.pending(),
            acks_timed_out: self.acks.timed_out(),
            ..self.stats
        };
        if let Some(recovery) = &self.recovery {
            recovery.count(&mut stats);
        }
        stats
    }

    /// Takes the next delivery.
    pub(crate) fn poll_delivery(&mut self) -> Option<(Recipients, Delivery)> {
        let (to, delivery) = self.deliveries.pop_front()?;
        self.delivery_bytes -= delivery.cost();
        Some((to, delivery))
    }

    /// The number of deliveries, and their bytes.
    pub(crate) fn deliveries(&self) -> (usize, usize) {
        (self.deliveries.len(), self.delivery_bytes)
    }

    /// Adds a socket to its namespace and its rooms.
    pub(crate) fn insert(&mut self, socket: SocketId, entry: SocketEntry) {
        self.rooms.enter(&entry.nsp, entry.public, socket);
        for membership in &entry.rooms {
            self.rooms.join(&entry.nsp, &membership.room, socket);
        }
        self.sockets.insert(socket, entry);
    }

    /// Removes a socket from its namespace and its rooms. Its acknowledgements are not waited for any more.
    pub(crate) fn remove(&mut self, socket: SocketId) -> Option<SocketEntry> {
        let entry = self.sockets.remove(socket)?;
        for membership in &entry.rooms {
            self.rooms.leave(&entry.nsp, &membership.room, socket);
        }
        self.rooms.exit(&entry.nsp, entry.public, socket);
        self.decisions.extend(self.acks.remove_socket(socket).into_iter().map(Decision::AcksDone));
        // After every crowd there is an end.
        self.decisions.trim();
        self.deliveries.trim();
        Some(entry)
    }

    /// Persists the session of a removed socket if it is `recoverable`; otherwise it cannot be restored any more.
    pub(crate) fn persist(&mut self, socket: SocketId, mut entry: SocketEntry, recoverable: bool, now: Time) {
        let Some(recovery) = &mut self.recovery else { return };
        let Extra { data, history: Some(history) } = entry.take_extra() else { return };
        if recoverable {
            let mut session = PersistedSession::new(socket, entry.nsp, entry.public, entry.rooms, history);
            session.data = data;
            recovery.persist(session.into(), now);
        } else {
            recovery.remove(history.pid);
        }
    }

    /// The events that a socket has missed since `offset`. `None` if they are not all known, or have more than half the
    /// bytes of a client's queue. With more, the queue could overflow before the client has read them, and the client
    /// would be closed and would reconnect again and again.
    pub(crate) fn missed(&self, entry: &SocketEntry, offset: Option<&str>) -> Option<Vec<Frame>> {
        let (recovery, history) = (self.recovery.as_ref()?, entry.history()?);
        let member = Member { nsp: &entry.nsp, id: &entry.id(), rooms: &entry.rooms, history };
        recovery.log.missed(member, offset, self.config.max_queue / 2)
    }

    /// When the session of a private id can be restored in a namespace, after it was restored last. `None` if there is no
    /// such session.
    pub(crate) fn rests_until(&self, pid: Sid, nsp: &Nsp) -> Option<Time> {
        let (of, history) = match self.recovery.as_ref()?.find(pid)? {
            Recoverable::Persisted(session) => (&session.nsp, &session.history),
            Recoverable::Connected(socket) => {
                let entry = self.sockets.get(*socket)?;
                (&entry.nsp, entry.history()?)
            }
        };
        (of == nsp).then_some(history.rests_until)
    }

    /// The socket's number in the recovery log.
    fn number_of(&self, socket: SocketId) -> Option<u64> {
        let connected = self.sockets.get(socket).and_then(SocketEntry::history).map(|history| history.number);
        connected.or_else(|| self.leaving.filter(|(leaving, _)| *leaving == socket).map(|(_, number)| number))
    }

    /// A target in the terms of the recovery log. `None` if it is a socket that cannot be restored.
    pub(crate) fn scope_of(&self, target: Target<'_>) -> Option<Scope> {
        let boxed = |names: &[&str]| names.iter().map(|name| Box::from(*name)).collect();
        Some(match target {
            Target::Socket(socket) => Scope::Socket(self.number_of(socket)?),
            Target::Namespace(nsp) => Scope::Namespace(nsp.clone()),
            Target::Room(nsp, room) => Scope::Rooms {
                nsp: nsp.clone(),
                rooms: boxed(&[room]),
                except_rooms: Box::default(),
                except: Box::default(),
            },
            Target::Broadcast(among) => Scope::Rooms {
                nsp: among.nsp.clone(),
                rooms: boxed(among.rooms),
                except_rooms: boxed(among.except_rooms),
                except: among.except.iter().filter_map(|socket| self.number_of(*socket)).collect(),
            },
        })
    }
}
