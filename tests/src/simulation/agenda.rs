//! What is going to happen, in order of time. Of two things at the same moment, the one that was added first comes
//! first, so that runs are repeatable.

use sanket::Time;
use sanket::driver::{RequestId, Response};
use std::cmp::Ordering;
use std::collections::BinaryHeap;

/// Something that is going to happen.
#[derive(Debug)]
pub(crate) enum Event {
    /// Somebody opens a session.
    Arrive,
    /// What the server has written is there to be read.
    Read(RequestId),
    /// A request's answer is there.
    Answered(RequestId, Box<Response>),
    /// A message or a POST arrives at the server.
    Say(RequestId, Words),
    /// A poll arrives at the server.
    Poll(RequestId),
    /// A WebSocket for a session that polls arrives at the server.
    Upgrade(RequestId),
    /// An EIO=3 client's heart beats.
    Beat,
    /// The connection is cut.
    Cut,
    /// The server has closed the WebSocket.
    Closed(RequestId),
}

/// What clients say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Words {
    Ping,
    Pong,
    Probe,
    Switch,
    /// CONNECT, with what brings back who it was.
    Connect(Option<Box<str>>),
    /// To be let into the room.
    Join,
    /// A message to the room.
    Message,
}

#[derive(Debug)]
struct Entry<E> {
    at: Time,
    number: u64,
    who: u32,
    /// Which of somebody's lives it is for; what was planned for an earlier one does not happen.
    life: u32,
    event: E,
}

impl<E> PartialEq for Entry<E> {
    fn eq(&self, other: &Self) -> bool {
        self.number == other.number
    }
}

impl<E> Eq for Entry<E> {}

impl<E> PartialOrd for Entry<E> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<E> Ord for Entry<E> {
    /// The earliest is the greatest, which a heap gives out first.
    fn cmp(&self, other: &Self) -> Ordering {
        (other.at, other.number).cmp(&(self.at, self.number))
    }
}

#[derive(Debug)]
pub(crate) struct Agenda<E> {
    heap: BinaryHeap<Entry<E>>,
    number: u64,
}

impl<E> Default for Agenda<E> {
    fn default() -> Self {
        Self { heap: BinaryHeap::new(), number: 0 }
    }
}

impl<E> Agenda<E> {
    pub(crate) fn plan(&mut self, at: Time, who: u32, life: u32, event: E) {
        self.number += 1;
        self.heap.push(Entry { at, number: self.number, who, life, event });
    }

    /// When the next thing happens.
    pub(crate) fn next(&self) -> Option<Time> {
        self.heap.peek().map(|entry| entry.at)
    }

    /// The next thing, with the moment, whom it happens to, and in which life.
    pub(crate) fn take(&mut self) -> Option<(Time, u32, u32, E)> {
        self.heap.pop().map(|entry| (entry.at, entry.who, entry.life, entry.event))
    }
}
