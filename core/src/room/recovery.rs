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
    /// The first event for which all the rooms are known that it was in.
    known: u64,
    /// Rooms that it was in.
    pub(crate) past: Vec<Stay>,
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
    /// How many had gone by then, it among them.
    departure: u64,
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
    /// When the log began, and what the first that came brought along: part of every offset, so that two runs of a server do
    /// not take each other's.
    epoch: u64,
    salt: u64,
    log: VecDeque<Entry>,
    /// The number of the first event in the log.
    first: u64,
    bytes: usize,
    next_lineage: u64,
    people: BTreeMap<Sid, Whereabouts>,
    /// Who is gone and when it went, in that order, by the number of the departure.
    gone: BTreeMap<u64, (Time, Sid)>,
    departures: u64,
    /// Bytes that those who are gone take.
    absent_bytes: usize,
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
            salt: 0,
            log: VecDeque::new(),
            first: 1,
            bytes: 0,
            next_lineage: 0,
            people: BTreeMap::new(),
            gone: BTreeMap::new(),
            departures: 0,
            absent_bytes: 0,
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
            self.epoch = (now.as_millis() ^ self.salt << 32).max(1);
        }
        let mut offset = String::new();
        // Writing to a `String` does not fail.
        let _ = write!(offset, "{MARK}{:x}.{number:x}", self.epoch);
        offset
    }

    /// Somebody new, who has missed nothing.
    pub(crate) fn enter(&mut self, who: SocketId, pid: Sid, public: Sid) -> Lineage {
        if self.salt == 0 {
            self.salt = u64::from(public.spread());
        }
        // A driver that draws the same credential twice has itself to blame, but what is counted stays right.
        self.come_back(pid, who);
        self.next_lineage += 1;
        let next = self.next();
        Lineage { number: self.next_lineage, pid, since: next, known: next, past: Vec::new() }
    }

    /// Somebody's connection is gone.
    pub(crate) fn lose(&mut self, mut absent: Box<Absent>, now: Time) {
        let pid = absent.lineage.pid;
        self.departures += 1;
        absent.departure = self.departures;
        self.absent_bytes += absent.cost();
        self.gone.insert(absent.departure, (now, pid));
        self.people.insert(pid, Whereabouts::Gone(absent));
        while self.gone.len() > self.limits.max_absent || self.absent_bytes > self.limits.max_absent_bytes {
            let Some((_, (_, pid))) = self.gone.pop_first() else { return };
            self.forget(pid);
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
                self.uncount(&absent);
                Some(absent)
            }
            Some(Whereabouts::Here(_)) | None => None,
        }
    }

    fn uncount(&mut self, absent: &Absent) {
        self.gone.remove(&absent.departure);
        self.absent_bytes -= absent.cost();
    }

    /// Whoever `pid` is the credential of will not come back.
    pub(crate) fn forget(&mut self, pid: Sid) {
        if let Some(Whereabouts::Gone(absent)) = self.people.remove(&pid) {
            self.uncount(&absent);
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
        if from < lineage.known {
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
        let absent = self.gone.first_key_value().map(|(_, (at, _))| *at);
        let logged = self.log.front().map(|entry| entry.at);
        let oldest = [absent, logged].into_iter().flatten().min();
        // Many at a time.
        const PAUSE: u64 = 1_000;
        oldest.map_or(Time::NEVER, |at| at.after(self.limits.window.saturating_add(PAUSE)))
    }

    /// Forgets what is too old.
    pub(crate) fn handle_timeout(&mut self, now: Time) {
        let window = self.limits.window;
        while let Some(first) = self.gone.first_entry()
            && first.get().0.after(window) <= now
        {
            let (_, pid) = first.remove();
            self.forget(pid);
        }
        while self.log.front().is_some_and(|entry| entry.at.after(window) <= now) {
            self.drop_first();
        }
    }

    /// How many are gone and may come back.
    pub(crate) fn absent(&self) -> usize {
        self.gone.len()
    }

    /// Bytes of the log.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
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
        Self { was, nsp, public, rooms, data: None, lineage, departure: 0 }
    }

    /// Bytes that it counts for. Nothing in it changes while it is gone.
    fn cost(&self) -> usize {
        let stays = self.rooms.iter().chain(&self.lineage.past);
        let names: usize = stays.map(|stay| size_of::<Stay>() + stay.room.len()).sum();
        size_of::<Self>() + names + self.data.as_ref().map_or(0, |data| data.len())
    }
}

impl Lineage {
    /// Remembers a stay that has ended, as long as somebody may ask for it. If there are more than `max`, what came before
    /// the oldest can not be told any more.
    pub(crate) fn remember(&mut self, stay: Stay, first: u64, max: usize) {
        self.past.retain(|stay| stay.until > first);
        if self.past.len() >= max {
            let oldest = self.past.remove(0);
            self.known = self.known.max(oldest.until);
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

#[cfg(test)]
mod tests {
    use super::*;

    fn sid(n: u8) -> Sid {
        Sid::from_bytes([n; 16])
    }

    fn who(n: u32) -> SocketId {
        SocketId { key: crate::Key::new(0, n, 0), serial: 0 }
    }

    fn stay(room: &str, until: u64) -> Stay {
        Stay { room: room.into(), since: 0, until }
    }

    fn absent(recovery: &mut Recovery, n: u8, rooms: Vec<Stay>) -> Box<Absent> {
        let lineage = recovery.enter(who(n.into()), sid(n), sid(n));
        Absent::new(who(n.into()), Nsp::ROOT, sid(n), rooms, lineage).into()
    }

    #[test]
    fn who_is_gone_takes_a_byte_for_each_byte_of_its_rooms_names_and_data() {
        let mut recovery = Recovery::new(Limits::default());
        let bare = absent(&mut recovery, 1, Vec::new()).cost();
        assert!(bare > 0);
        let mut held = absent(&mut recovery, 2, alloc::vec![stay("abc", 9), stay("de", 9)]);
        let stays = held.cost() - bare;
        assert_eq!(stays, 2 * size_of::<Stay>() + 5);
        held.lineage.past.push(stay("fghi", 3));
        assert_eq!(held.cost() - bare - stays, size_of::<Stay>() + 4, "what it has left counts, too");
        held.data = Some("0123456789".into());
        assert_eq!(held.cost() - bare - stays, size_of::<Stay>() + 4 + 10);
    }

    #[test]
    fn as_many_bytes_as_may_be_are_kept_of_who_is_gone_and_no_more() {
        for (short, kept) in [(0, 2), (1, 1)] {
            let mut recovery = Recovery::new(Limits::default());
            let gone = [1, 2].map(|n| absent(&mut recovery, n, alloc::vec![stay("room", 9)]));
            recovery.limits.max_absent_bytes = gone.iter().map(|absent| absent.cost()).sum::<usize>() - short;
            for absent in gone {
                recovery.lose(absent, Time::default());
            }
            assert_eq!(recovery.absent(), kept);
        }
    }

    #[test]
    fn an_event_takes_a_byte_for_each_byte_of_its_text_and_of_the_names_that_it_is_for() {
        let cost = |text: &str, scope| Entry { at: Time::default(), frame: Frame::new(text.into(), &[]), scope }.cost();
        let rooms = |rooms: &[&str], except_rooms: &[&str], except: &[u64]| {
            let boxed = |names: &[&str]| names.iter().map(|name| Box::from(*name)).collect();
            Scope::Rooms {
                nsp: Nsp::ROOT,
                rooms: boxed(rooms),
                except_rooms: boxed(except_rooms),
                except: except.into(),
            }
        };
        let bare = cost("42", Scope::Namespace(Nsp::ROOT));
        assert!(bare > size_of::<Entry>());
        assert_eq!(cost("42", Scope::Lineage(7)), bare);
        assert_eq!(cost("42[\"abc\"]", Scope::Lineage(7)), bare + 7);
        assert_eq!(cost("42", rooms(&[], &[], &[])), bare);
        let name = size_of::<Box<str>>();
        assert_eq!(cost("42", rooms(&["abc", "de"], &["f"], &[])), bare + 3 * name + 6);
        assert_eq!(cost("42", rooms(&[], &[], &[1, 2])), bare + 2 * size_of::<u64>());
    }

    #[test]
    fn as_many_bytes_as_may_be_are_logged_and_no_more() {
        for (short, first) in [(0, 1), (1, 2)] {
            let mut recovery = Recovery::new(Limits::default());
            let frame = Frame::new("42[\"a\"]".into(), &[]);
            for n in 1..=3 {
                recovery.limits.max_log = if n == 3 { recovery.bytes() / 2 * 3 - short } else { usize::MAX };
                recovery.log(frame.clone(), Scope::Namespace(Nsp::ROOT), Time::default());
            }
            assert_eq!((recovery.first(), recovery.next()), (first, 4));
        }
    }

    #[test]
    fn a_stay_is_remembered_for_as_long_as_an_event_of_its_time_is() {
        let mut lineage = Recovery::new(Limits::default()).enter(who(1), sid(1), sid(1));
        for until in [4, 5, 6] {
            lineage.remember(stay("r", until), 0, 9);
        }
        // A stay until 5 has seen event 4 last.
        lineage.remember(stay("r", 7), 5, 9);
        assert_eq!(lineage.past.iter().map(|stay| stay.until).collect::<Vec<_>>(), [6, 7]);
        assert_eq!(lineage.known, 1, "nothing that can be asked for is forgotten");
        lineage.remember(stay("r", 8), 5, 2);
        assert_eq!(lineage.past.iter().map(|stay| stay.until).collect::<Vec<_>>(), [7, 8]);
        assert_eq!(lineage.known, 6, "what was said before can not be told apart any more");
    }
}
