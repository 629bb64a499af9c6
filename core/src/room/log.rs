//! The log of events for recovery: one for all sockets, with limits on bytes and age.
//!
//! Events are numbered. Each is sent with its offset, a string that the client sends back when it reconnects: the epoch
//! of the log, which is another one after each start of the server, and the number. A socket missed the events after
//! that number which were for the rooms that it was in at the time.

use super::history::{History, Membership};
use crate::frame::Frame;
use crate::socket::Nsp;
use crate::time::Time;
use crate::trim::Trim as _;
use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt::Write as _;

/// The first character of an offset.
const MARK: &str = "@";

/// The recipients of an event, in terms that outlast a connection.
#[derive(Clone, Debug)]
pub(crate) enum Scope {
    /// The socket with this number.
    Socket(u64),
    Namespace(Nsp),
    /// `except` are numbers of sockets.
    Rooms {
        nsp: Nsp,
        rooms: Box<[Box<str>]>,
        except_rooms: Box<[Box<str>]>,
        except: Box<[u64]>,
    },
}

/// A socket, as the log knows it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Member<'a> {
    pub(crate) nsp: &'a Nsp,
    /// Its public id, which is also the name of its own room.
    pub(crate) id: &'a str,
    /// The rooms that it is in.
    pub(crate) rooms: &'a [Membership],
    pub(crate) history: &'a History,
}

#[derive(Debug)]
struct Entry {
    at: Time,
    frame: Frame,
    scope: Scope,
}

/// The log.
#[derive(Debug)]
pub(crate) struct EventLog {
    max_bytes: usize,
    /// The epoch: made of the time of the first event and of `salt`. 0 before that.
    epoch: u64,
    salt: u64,
    entries: VecDeque<Entry>,
    /// The number of the first event in the log.
    first: u64,
    bytes: usize,
    /// Events that were dropped because there were too many bytes.
    dropped: u64,
}

impl EventLog {
    pub(crate) fn new(max_bytes: usize) -> Self {
        Self { max_bytes, epoch: 0, salt: 0, entries: VecDeque::new(), first: 1, bytes: 0, dropped: 0 }
    }

    /// The number of the first event in the log.
    pub(crate) fn first(&self) -> u64 {
        self.first
    }

    /// The number of the next event.
    pub(crate) fn next(&self) -> u64 {
        self.first + self.entries.len() as u64
    }

    /// The bytes of all events.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// How many events were dropped because there were too many bytes.
    pub(crate) fn dropped(&self) -> u64 {
        self.dropped
    }

    /// Sets random bits for the epoch. Only the first call has an effect.
    pub(crate) fn seed(&mut self, salt: u32) {
        if self.salt == 0 {
            self.salt = salt.into();
        }
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

    /// Adds an event.
    pub(crate) fn push(&mut self, frame: Frame, scope: Scope, now: Time) {
        let entry = Entry { at: now, frame, scope };
        self.bytes += entry.cost();
        self.entries.push_back(entry);
        while self.bytes > self.max_bytes && self.entries.len() > 1 {
            self.dropped += 1;
            self.drop_first();
        }
    }

    /// The events for `member` after `offset`, or after it connected if there is no offset. `None` if they are not all
    /// known, or have more than `max` bytes.
    pub(crate) fn missed(&self, member: Member<'_>, offset: Option<&str>, max: usize) -> Option<Vec<Frame>> {
        let history = member.history;
        let from = match offset {
            None => history.since,
            Some(offset) => match self.parse(offset)? {
                // Of an earlier epoch.
                None => history.since,
                Some(last) if last < self.next() => (last + 1).max(history.since),
                Some(_) => return None,
            },
        };
        if from < history.known_since() {
            return None;
        }
        let skip = usize::try_from(from.checked_sub(self.first)?).ok()?;
        let mut bytes = 0;
        let mut missed = Vec::new();
        for (number, entry) in (from..).zip(self.entries.iter().skip(skip)) {
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

    /// Parses an offset. The inner `None` stands for the number of another epoch.
    fn parse(&self, offset: &str) -> Option<Option<u64>> {
        // A client takes the last argument of any event for an offset if it is a string. Few look like one.
        let (epoch, number) = offset.strip_prefix(MARK)?.split_once('.')?;
        let epoch = u64::from_str_radix(epoch, 16).ok()?;
        let number = u64::from_str_radix(number, 16).ok()?;
        Some((epoch == self.epoch).then_some(number))
    }

    /// The time of the first event.
    pub(crate) fn oldest(&self) -> Option<Time> {
        self.entries.front().map(|entry| entry.at)
    }

    /// Removes the events that are `max_age` milliseconds old.
    pub(crate) fn expire(&mut self, max_age: u64, now: Time) {
        while self.oldest().is_some_and(|at| at.after(max_age) <= now) {
            self.drop_first();
        }
    }

    fn drop_first(&mut self) {
        if let Some(entry) = self.entries.pop_front() {
            self.bytes -= entry.cost();
            self.first += 1;
            self.entries.trim();
        }
    }
}

impl Entry {
    /// The bytes that it counts for.
    fn cost(&self) -> usize {
        size_of::<Self>()
            + self.frame.held()
            + match &self.scope {
                Scope::Socket(_) | Scope::Namespace(_) => 0,
                Scope::Rooms { rooms, except_rooms, except, .. } => {
                    let names = rooms.iter().chain(except_rooms);
                    names.map(|name| name.len() + size_of::<Box<str>>()).sum::<usize>() + size_of_val(&**except)
                }
            }
    }
}

impl Scope {
    /// Whether event `number` was for this socket.
    fn includes(&self, member: Member<'_>, number: u64) -> bool {
        let Member { nsp, id, rooms, history } = member;
        let was_in = |name: &str| {
            let mut memberships = rooms.iter().chain(&history.past);
            name == id || memberships.any(|membership| *membership.room == *name && membership.includes(number))
        };
        match self {
            Self::Socket(only) => *only == history.number,
            Self::Namespace(namespace) => namespace == nsp,
            Self::Rooms { nsp: namespace, rooms, except_rooms, except } => {
                namespace == nsp
                    && (rooms.is_empty() || rooms.iter().any(|room| was_in(room)))
                    && !except_rooms.iter().any(|room| was_in(room))
                    && !except.contains(&history.number)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_counts_for_its_text_and_the_names_that_it_is_for() {
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
        assert_eq!(cost("42", Scope::Socket(7)), bare);
        assert_eq!(cost("42[\"abc\"]", Scope::Socket(7)), bare + 7);
        assert_eq!(cost("42", rooms(&[], &[], &[])), bare);
        let name = size_of::<Box<str>>();
        assert_eq!(cost("42", rooms(&["abc", "de"], &["f"], &[])), bare + 3 * name + 6);
        assert_eq!(cost("42", rooms(&[], &[], &[1, 2])), bare + 2 * size_of::<u64>());
    }

    #[test]
    fn the_log_has_as_many_bytes_as_it_may_and_no_more() {
        for (short, first) in [(0, 1), (1, 2)] {
            let mut log = EventLog::new(usize::MAX);
            let frame = Frame::new("42[\"a\"]".into(), &[]);
            for n in 1..=3 {
                log.max_bytes = if n == 3 { log.bytes() / 2 * 3 - short } else { usize::MAX };
                log.push(frame.clone(), Scope::Namespace(Nsp::ROOT), Time::default());
            }
            assert_eq!((log.first(), log.next()), (first, 4));
        }
    }
}
