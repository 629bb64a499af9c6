//! The tables of the hub, which effects work on: who sits where, in which rooms, and what is awaited from whom. Knows nothing
//! of the application.

use super::app::Admission;
use super::recipients::Recipients;
use super::recovery::{Absent, Lineage, Member, Recovery, Scope, Stay};
use super::rooms::Rooms;
use super::seats::Seats;
use crate::config::{Config, Protocol};
use crate::engine::Reason;
use crate::frame::Revision;
use crate::id::{Sid, SocketId};
use crate::socket::event::public_id;
use crate::socket::{Connect, Delivery, Nsp};
use crate::time::Time;
use alloc::boxed::Box;
use alloc::collections::{BTreeMap, BTreeSet, VecDeque};
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;

/// What effects work on.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) config: Arc<Config>,
    pub(crate) seats: Seats,
    /// How many of them are EIO=3 clients'.
    pub(crate) v3: usize,
    pub(crate) rooms: Rooms,
    pub(crate) out: VecDeque<(Recipients, Delivery)>,
    /// Bytes of what is in it.
    pub(crate) out_bytes: usize,
    pub(crate) wake: Time,
    /// Who knocked, and has been told neither yes nor no; and until when it waits.
    pub(crate) waiting: BTreeMap<SocketId, (Time, Box<Connect>)>,
    pub(crate) asks: BTreeMap<u64, Ask>,
    pub(crate) next_ask: u64,
    pub(crate) deadlines: BTreeSet<(Time, Deadline)>,
    pub(crate) recovery: Option<Recovery>,
    /// Who has just left, and whom it is in the log: the application hears of it by this name.
    pub(crate) leaving: Option<(SocketId, u64)>,
    /// What the application has decided, to be done when its call returns.
    pub(crate) decided: VecDeque<Decision>,
}

/// Something that ends in another call of the application.
#[derive(Debug)]
pub(crate) enum Decision {
    Admit(SocketId, Admission),
    Leave(SocketId, Reason),
    /// Nobody is left who could answer.
    Asked(u64),
}

/// What a wait ends with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Deadline {
    Ask(u64),
    Admission(SocketId),
}

/// Answers that are awaited.
#[derive(Debug)]
pub(crate) struct Ask {
    pub(crate) waiting: BTreeSet<SocketId>,
    pub(crate) silent: Vec<SocketId>,
    pub(crate) deadline: Time,
}

/// A socket in its namespace.
#[derive(Debug)]
pub(crate) struct Seat {
    pub(crate) nsp: Nsp,
    pub(crate) public: Sid,
    pub(crate) revision: Revision,
    pub(crate) recovered: bool,
    pub(crate) rooms: Vec<Stay>,
    /// What most sockets do without.
    pub(crate) extra: Option<Box<Extra>>,
}

#[derive(Debug, Default)]
pub(crate) struct Extra {
    pub(crate) asks: Vec<u64>,
    pub(crate) data: Option<Box<str>>,
    pub(crate) lineage: Option<Lineage>,
}

impl Seat {
    pub(crate) fn id(&self) -> String {
        public_id(self.revision, &self.nsp, self.public)
    }

    pub(crate) fn extra(&mut self) -> &mut Extra {
        self.extra.get_or_insert_default()
    }

    pub(crate) fn lineage(&self) -> Option<&Lineage> {
        self.extra.as_ref()?.lineage.as_ref()
    }

    pub(crate) fn data(&self) -> Option<&str> {
        self.extra.as_ref()?.data.as_deref()
    }
}

impl State {
    pub(crate) fn new(config: Arc<Config>) -> Self {
        Self {
            // Where Engine.IO is alone, nobody can say that it has come back.
            recovery: config.recovery.clone().filter(|_| config.protocol != Protocol::EngineIo).map(Recovery::new),
            config,
            seats: Seats::default(),
            v3: 0,
            rooms: Rooms::default(),
            out: VecDeque::new(),
            out_bytes: 0,
            wake: Time::NEVER,
            waiting: BTreeMap::new(),
            leaving: None,
            asks: BTreeMap::new(),
            next_ask: 0,
            deadlines: BTreeSet::new(),
            decided: VecDeque::new(),
        }
    }

    pub(crate) fn poll_timeout(&self) -> Time {
        let deadline = self.deadlines.first().map_or(Time::NEVER, |(at, _)| *at);
        let recovery = self.recovery.as_ref().map_or(Time::NEVER, Recovery::poll_timeout);
        self.wake.min(deadline).min(recovery)
    }

    /// Puts out a delivery.
    pub(crate) fn put(&mut self, to: impl Into<Recipients>, delivery: Delivery) {
        self.out_bytes += delivery.cost();
        self.out.push_back((to.into(), delivery));
    }

    /// Lets somebody wait at the door.
    pub(crate) fn wait(&mut self, who: SocketId, connect: Connect, until: Time) {
        self.deadlines.insert((until, Deadline::Admission(who)));
        self.waiting.insert(who, (until, connect.into()));
    }

    /// Somebody waits at the door no more, for whatever reason.
    pub(crate) fn stop_waiting(&mut self, who: SocketId) -> Option<Box<Connect>> {
        let (until, connect) = self.waiting.remove(&who)?;
        self.deadlines.remove(&(until, Deadline::Admission(who)));
        Some(connect)
    }

    /// Gives a socket a seat.
    pub(crate) fn sit(&mut self, who: SocketId, seat: Seat) {
        self.rooms.enter(&seat.nsp, seat.public, who);
        for stay in &seat.rooms {
            self.rooms.join(&seat.nsp, &stay.room, who);
        }
        self.v3 += usize::from(seat.revision == Revision::V3);
        self.seats.insert(who, seat);
    }

    /// Takes a socket's seat away. Asks that waited for it wait no more.
    pub(crate) fn stand_up(&mut self, who: SocketId) -> Option<Seat> {
        let mut seat = self.seats.remove(who)?;
        self.v3 -= usize::from(seat.revision == Revision::V3);
        for stay in &seat.rooms {
            self.rooms.leave(&seat.nsp, &stay.room, who);
        }
        self.rooms.exit(&seat.nsp, seat.public, who);
        let asks = seat.extra.as_mut().map(|extra| core::mem::take(&mut extra.asks));
        for number in asks.into_iter().flatten() {
            if let Some(ask) = self.asks.get_mut(&number)
                && ask.waiting.remove(&who)
            {
                ask.silent.push(who);
                if ask.waiting.is_empty() {
                    self.decided.push_back(Decision::Asked(number));
                }
            }
        }
        Some(seat)
    }

    /// Remembers a socket whose connection is gone, if it may come back.
    pub(crate) fn remember(&mut self, was: SocketId, seat: Seat, may_come_back: bool, now: Time) {
        let Some(recovery) = &mut self.recovery else { return };
        let Some(Extra { data, lineage: Some(lineage), .. }) = seat.extra.map(|extra| *extra) else { return };
        if may_come_back {
            let mut absent = Absent::new(was, seat.nsp, seat.public, seat.rooms, lineage);
            absent.data = data;
            recovery.lose(absent.into(), now);
        } else {
            recovery.forget(lineage.pid);
        }
    }

    /// What somebody who is here would have missed, had it gone after `offset`. No more than fits its queue beside whatever
    /// else is said before it has read: else it would be closed for being slow, and come back for the same.
    pub(crate) fn missed(&self, seat: &Seat, offset: Option<&str>) -> Option<Vec<crate::Frame>> {
        let (recovery, lineage) = (self.recovery.as_ref()?, seat.lineage()?);
        let member = Member { nsp: &seat.nsp, id: &seat.id(), rooms: &seat.rooms, lineage };
        recovery.missed(member, offset, self.config.max_queue / 2)
    }

    /// Whom a socket is in the log.
    pub(crate) fn number_of(&self, who: SocketId) -> Option<u64> {
        let here = self.seats.get(who).and_then(Seat::lineage).map(|lineage| lineage.number);
        here.or_else(|| self.leaving.filter(|(leaving, _)| *leaving == who).map(|(_, number)| number))
    }

    /// What somebody who comes back has missed; in words that outlast this connection.
    pub(crate) fn scope_of(&self, target: super::Target<'_>) -> Option<Scope> {
        use super::Target;
        let boxed = |names: &[&str]| names.iter().map(|name| Box::from(*name)).collect();
        Some(match target {
            Target::Socket(who) => Scope::Lineage(self.number_of(who)?),
            Target::Namespace(nsp) => Scope::Namespace(nsp.clone()),
            Target::Room(nsp, room) => Scope::Rooms {
                nsp: nsp.clone(),
                rooms: boxed(&[room]),
                except_rooms: Box::default(),
                except: Box::default(),
            },
            Target::Among(among) => Scope::Rooms {
                nsp: among.nsp.clone(),
                rooms: boxed(among.rooms),
                except_rooms: boxed(among.except_rooms),
                except: among.except.iter().filter_map(|who| self.number_of(*who)).collect(),
            },
        })
    }
}
