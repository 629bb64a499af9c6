//! Connection state recovery: what has been said, for those who missed it, and who may come back for it.
//!
//! Whoever comes back is told what was said while it was a member, after what it has got last. That can not be known from
//! what was written to its connection, only from what it says itself: with every event goes an offset, and the client brings
//! back the last one. An offset is the event's number in this log, so that the place is found without a search, and the
//! moment the log began, since a server that has started again counts from the beginning.
//!
//! Knows members by their lineage, a number that a socket keeps however often it comes back.

use crate::config::Recovery as Limits;
use crate::frame::Frame;
use crate::id::{Sid, SocketId};
use crate::socket::Nsp;
use crate::time::Time;
use alloc::boxed::Box;
use alloc::collections::{BTreeMap, VecDeque};
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt::Write as _;

/// What an offset begins with.
const MARK: &str = "@";

/// Who is to get an event, in words that outlast a connection.
#[derive(Clone, Debug)]
pub(crate) enum Scope {
    Lineage(u64),
    Namespace(Nsp),
    Rooms { nsp: Nsp, rooms: Box<[Box<str>]>, except_rooms: Box<[Box<str>]>, except: Box<[u64]> },
}

/// A member's history: when it was in which room, counted in events.
#[derive(Clone, Debug)]
pub(crate) struct Lineage {
    pub(crate) number: u64,
    /// The socket's credential for coming back.
    pub(crate) pid: Sid,
    /// The first event that it may want.
    pub(crate) since: u64,
    /// Rooms that it was in.
    pub(crate) past: Vec<Stay>,
    /// Which of the events before this one were for it nobody knows any more.
    forgotten: u64,
}

/// A stay in a room, from one event to the one before another; a stay that goes on has no end.
#[derive(Clone, Debug)]
pub(crate) struct Stay {
    pub(crate) room: Box<str>,
    pub(crate) since: u64,
    pub(crate) until: u64,
}

/// A socket whose connection is gone.
#[derive(Debug)]
pub(crate) struct Absent {
    pub(crate) was: SocketId,
    pub(crate) nsp: Nsp,
    pub(crate) public: Sid,
    pub(crate) rooms: Vec<Stay>,
    pub(crate) data: Option<Box<str>>,
    pub(crate) lineage: Lineage,
    since: Time,
}

/// Where somebody is who may want to come back.
#[derive(Debug)]
pub(crate) enum Whereabouts {
    /// The server still believes in its connection.
    Here(SocketId),
    /// Its connection is gone.
    Gone(Box<Absent>),
}

#[derive(Debug)]
struct Entry {
    at: Time,
    frame: Frame,
    scope: Scope,
}

/// Who may come back, and the log.
#[derive(Debug)]
pub(crate) struct Recovery {
    limits: Limits,
    /// When the log began: part of every offset.
    epoch: u64,
    log: VecDeque<Entry>,
    /// The number of the first event in the log.
    first: u64,
    bytes: usize,
    next_lineage: u64,
    people: BTreeMap<Sid, Whereabouts>,
    /// Who has gone, in that order; some of them have come back since.
    gone: VecDeque<(Time, Sid)>,
    absent: usize,
}

/// A member, as the log knows it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Member<'a> {
    pub(crate) nsp: &'a Nsp,
    /// Its public id, which is a room of its own.
    pub(crate) id: &'a str,
    pub(crate) rooms: &'a [Stay],
    pub(crate) lineage: &'a Lineage,
}

impl Recovery {
    pub(crate) fn new(limits: Limits) -> Self {
        Self {
            limits,
            epoch: 0,
            log: VecDeque::new(),
            first: 1,
            bytes: 0,
            next_lineage: 0,
            people: BTreeMap::new(),
            gone: VecDeque::new(),
            absent: 0,
        }
    }

    /// The number of the first event that somebody may still ask for.
    pub(crate) fn first(&self) -> u64 {
        self.first
    }

    /// The number of the next event.
    pub(crate) fn next(&self) -> u64 {
        self.first + self.log.len() as u64
    }

    /// The offset of an event.
    pub(crate) fn offset(&mut self, number: u64, now: Time) -> String {
        if self.epoch == 0 {
            self.epoch = now.as_millis().max(1);
        }
        let mut offset = String::new();
        // Writing to a `String` does not fail.
        let _ = write!(offset, "{MARK}{:x}.{number:x}", self.epoch);
        offset
    }

    /// Somebody new, who has missed nothing.
    pub(crate) fn enter(&mut self, who: SocketId, pid: Sid) -> Lineage {
        self.people.insert(pid, Whereabouts::Here(who));
        self.next_lineage += 1;
        Lineage { number: self.next_lineage, pid, since: self.next(), past: Vec::new(), forgotten: 0 }
    }

    /// Somebody's connection is gone.
    pub(crate) fn lose(&mut self, mut absent: Box<Absent>, now: Time) {
        let pid = absent.lineage.pid;
        absent.since = now;
        self.people.insert(pid, Whereabouts::Gone(absent));
        self.gone.push_back((now, pid));
        self.absent += 1;
        while self.absent > self.limits.max_absent {
            let Some((at, pid)) = self.gone.pop_front() else { return };
            self.give_up(at, pid);
        }
    }

    /// Whoever `pid` is the credential of.
    pub(crate) fn find(&self, pid: Sid) -> Option<&Whereabouts> {
        self.people.get(&pid)
    }

    /// Whoever `pid` is the credential of is `who` from now on; what is left of it, if its connection was gone.
    pub(crate) fn come_back(&mut self, pid: Sid, who: SocketId) -> Option<Box<Absent>> {
        match self.people.insert(pid, Whereabouts::Here(who)) {
            Some(Whereabouts::Gone(absent)) => {
                self.absent -= 1;
                Some(absent)
            }
            Some(Whereabouts::Here(_)) | None => None,
        }
    }

    /// Whoever `pid` is the credential of will not come back.
    pub(crate) fn forget(&mut self, pid: Sid) {
        if let Some(Whereabouts::Gone(_)) = self.people.remove(&pid) {
            self.absent -= 1;
        }
    }

    /// Puts an event into the log.
    pub(crate) fn log(&mut self, frame: Frame, scope: Scope, now: Time) {
        let entry = Entry { at: now, frame, scope };
        self.bytes += entry.cost();
        self.log.push_back(entry);
        while self.bytes > self.limits.max_log && self.log.len() > 1 {
            self.drop_first();
        }
    }

    /// What `member` has missed since `offset`, if that is still known and comes to no more than `max` bytes.
    pub(crate) fn missed(&self, member: Member<'_>, offset: Option<&str>, max: usize) -> Option<Vec<Frame>> {
        let lineage = member.lineage;
        let from = match offset {
            None => lineage.since,
            Some(offset) => match self.number_of(offset)? {
                // From before the server started again.
                None => lineage.since,
                // What came before its time it has not missed.
                Some(last) if last < self.next() => (last + 1).max(lineage.since),
                Some(_) => return None,
            },
        };
        if from < lineage.forgotten {
            return None;
        }
        let skip = usize::try_from(from.checked_sub(self.first)?).ok()?;
        let mut bytes = 0;
        let mut missed = Vec::new();
        for (number, entry) in (from..).zip(self.log.iter().skip(skip)) {
            if entry.scope.includes(member, number) {
                bytes += entry.frame.cost();
                if bytes > max {
                    return None;
                }
                missed.push(entry.frame.clone());
            }
        }
        Some(missed)
    }

    /// The number in an offset; the inner `None` for one that another run of the server gave out.
    fn number_of(&self, offset: &str) -> Option<Option<u64>> {
        // A volatile event's last argument, which clients take for an offset, does not look like one.
        let (epoch, number) = offset.strip_prefix(MARK)?.split_once('.')?;
        let epoch = u64::from_str_radix(epoch, 16).ok()?;
        let number = u64::from_str_radix(number, 16).ok()?;
        Some((epoch == self.epoch).then_some(number))
    }

    /// When something is to be forgotten next.
    pub(crate) fn poll_timeout(&self) -> Time {
        let absent = self.gone.front().map(|(at, _)| *at);
        let logged = self.log.front().map(|entry| entry.at);
        let oldest = [absent, logged].into_iter().flatten().min();
        // Many at a time.
        const PAUSE: u64 = 1_000;
        oldest.map_or(Time::NEVER, |at| at.after(self.limits.window.saturating_add(PAUSE)))
    }

    /// Forgets what is too old.
    pub(crate) fn handle_timeout(&mut self, now: Time) {
        let window = self.limits.window;
        while let Some((at, pid)) = self.gone.front().copied()
            && at.after(window) <= now
        {
            self.gone.pop_front();
            self.give_up(at, pid);
        }
        while self.log.front().is_some_and(|entry| entry.at.after(window) <= now) {
            self.drop_first();
        }
    }

    /// How many are gone and may come back.
    pub(crate) fn absent(&self) -> usize {
        self.absent
    }

    /// Bytes of the log.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    fn give_up(&mut self, at: Time, pid: Sid) {
        if matches!(self.people.get(&pid), Some(Whereabouts::Gone(absent)) if absent.since == at) {
            self.people.remove(&pid);
            self.absent -= 1;
        }
    }

    fn drop_first(&mut self) {
        if let Some(entry) = self.log.pop_front() {
            self.bytes -= entry.cost();
            self.first += 1;
        }
    }
}

impl Absent {
    pub(crate) fn new(was: SocketId, nsp: Nsp, public: Sid, rooms: Vec<Stay>, lineage: Lineage) -> Self {
        Self { was, nsp, public, rooms, data: None, lineage, since: Time::default() }
    }
}

impl Lineage {
    /// Remembers a stay that has ended, as long as somebody may ask for it. If there are more than `max`, what came before
    /// the oldest can not be told any more.
    pub(crate) fn remember(&mut self, stay: Stay, first: u64, max: usize) {
        self.past.retain(|stay| stay.until > first);
        if self.past.len() >= max {
            let oldest = self.past.remove(0);
            self.forgotten = self.forgotten.max(oldest.until);
        }
        self.past.push(stay);
    }
}

impl Entry {
    /// Bytes that it counts for.
    fn cost(&self) -> usize {
        size_of::<Self>()
            + self.frame.held()
            + match &self.scope {
                Scope::Lineage(_) | Scope::Namespace(_) => 0,
                Scope::Rooms { rooms, except_rooms, except, .. } => {
                    let names = rooms.iter().chain(except_rooms);
                    names.map(|name| name.len() + size_of::<Box<str>>()).sum::<usize>() + size_of_val(&**except)
                }
            }
    }
}

impl Scope {
    /// Whether event `number` was for somebody of this history.
    fn includes(&self, member: Member<'_>, number: u64) -> bool {
        let Member { nsp, id, rooms, lineage } = member;
        let was_in = |name: &str| {
            let mut stays = rooms.iter().chain(&lineage.past);
            name == id || stays.any(|stay| *stay.room == *name && (stay.since..stay.until).contains(&number))
        };
        match self {
            Self::Lineage(only) => *only == lineage.number,
            Self::Namespace(namespace) => namespace == nsp,
            Self::Rooms { nsp: namespace, rooms, except_rooms, except } => {
                namespace == nsp
                    && (rooms.is_empty() || rooms.iter().any(|room| was_in(room)))
                    && !except_rooms.iter().any(|room| was_in(room))
                    && !except.contains(&lineage.number)
            }
        }
    }
}
