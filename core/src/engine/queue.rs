//! The packets that are queued for a client, counted in bytes. The limit is `session`'s.

use crate::frame::{Frame, Revision, WsMessage};
use alloc::collections::VecDeque;
use alloc::vec::Vec;
use bytes::Bytes;

/// A packet for a client.
#[derive(Clone, Debug)]
pub enum Outgoing {
    /// A message or the handshake, with its attachments.
    Frame(Frame),
    /// `1`.
    Close,
    /// `2`.
    Ping,
    /// `3`.
    Pong,
    /// `6`.
    Noop,
}

impl Outgoing {
    /// The packet with its type digit. Empty if there is only a binary message.
    #[must_use]
    pub fn text(&self, revision: Revision) -> &str {
        match self {
            Self::Frame(frame) => frame.text(revision),
            Self::Close => "1",
            Self::Ping => "2",
            Self::Pong => "3",
            Self::Noop => "6",
        }
    }

    /// The bytes that it counts for: text and attachments, and some for the transport's overhead.
    #[must_use]
    pub fn cost(&self) -> usize {
        const OVERHEAD: usize = 16;
        OVERHEAD
            + match self {
                Self::Frame(frame) => frame.cost(),
                Self::Close | Self::Ping | Self::Pong | Self::Noop => 1,
            }
    }

    /// How many Engine.IO packets it is: its attachments are packets, too. Most have none.
    pub(crate) fn packets(&self, revision: Revision) -> u64 {
        match self {
            Self::Frame(frame) if frame.has_more() => frame.packets(revision) as u64,
            Self::Frame(_) | Self::Close | Self::Ping | Self::Pong | Self::Noop => 1,
        }
    }

    /// Appends its WebSocket messages.
    pub fn messages(&self, revision: Revision, into: &mut Vec<WsMessage>) {
        match self {
            Self::Frame(frame) => into.extend(frame.messages(revision)),
            Self::Close => into.push(WsMessage::Text(Bytes::from_static(b"1"))),
            Self::Ping => into.push(WsMessage::Text(Bytes::from_static(b"2"))),
            Self::Pong => into.push(WsMessage::Text(Bytes::from_static(b"3"))),
            Self::Noop => into.push(WsMessage::Text(Bytes::from_static(b"6"))),
        }
    }

    /// Appends its WebSocket messages without cloning them.
    pub(crate) fn into_messages(self, revision: Revision, into: &mut Vec<WsMessage>) {
        match self {
            Self::Frame(frame) => frame.into_messages(revision, into),
            other => other.messages(revision, into),
        }
    }

    /// The bytes of [`Outgoing::text`].
    pub(crate) fn text_bytes(&self, revision: Revision) -> &[u8] {
        match self {
            Self::Frame(frame) => frame.text_bytes(revision),
            Self::Close | Self::Ping | Self::Pong | Self::Noop => self.text(revision).as_bytes(),
        }
    }

    fn is_volatile(&self) -> bool {
        matches!(self, Self::Frame(frame) if frame.is_volatile())
    }
}

/// Packets in the order in which they were queued. Usually there are none or one. These take no allocation, because a
/// broadcast may queue one for each of a million clients.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    first: Option<Outgoing>,
    /// The packets after the first. Empty if there is no first.
    rest: VecDeque<Outgoing>,
    bytes: usize,
}

impl Queue {
    pub(crate) fn is_empty(&self) -> bool {
        self.first.is_none()
    }

    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Whether the last packet is a pong, so that another ping needs no other.
    pub(crate) fn ends_in_pong(&self) -> bool {
        matches!(self.rest.back().or(self.first.as_ref()), Some(Outgoing::Pong))
    }

    pub(crate) fn push(&mut self, item: Outgoing) {
        self.bytes += item.cost();
        if self.first.is_none() {
            self.first = Some(item);
        } else {
            self.rest.push_back(item);
        }
    }

    pub(crate) fn drop_volatile(&mut self) {
        self.rest.retain(|item| !item.is_volatile());
        if self.first.as_ref().is_some_and(Outgoing::is_volatile) {
            self.first = self.rest.pop_front();
        }
        self.bytes = self.first.iter().chain(&self.rest).map(Outgoing::cost).sum();
    }

    /// Takes packets from the front: at least one, until they cost `max` or more.
    pub(crate) fn drain(&mut self, max: usize, mut each: impl FnMut(Outgoing)) {
        let Some(first) = self.first.take() else { return };
        let mut taken = first.cost();
        each(first);
        while taken < max
            && let Some(item) = self.rest.pop_front()
        {
            taken += item.cost();
            each(item);
        }
        self.bytes -= taken;
        self.move_up();
    }

    /// Takes packets from the front: at least one, and no more than `max` bytes as `size` counts them.
    pub(crate) fn pop_up_to(&mut self, max: usize, size: impl Fn(&Outgoing) -> usize) -> Vec<Outgoing> {
        let Some(first) = self.first.take() else { return Vec::new() };
        let mut total = size(&first);
        let fitting = self.rest.iter().take_while(|item| {
            total += size(item);
            total <= max
        });
        let n = fitting.count();
        let mut taken = Vec::with_capacity(1 + n);
        taken.push(first);
        taken.extend(self.rest.drain(..n));
        self.bytes -= taken.iter().map(Outgoing::cost).sum::<usize>();
        self.move_up();
        taken
    }

    /// The first packet has been taken: makes the next one the first.
    fn move_up(&mut self) {
        if self.rest.capacity() > 0 {
            self.first = self.rest.pop_front();
            if self.rest.is_empty() {
                // Most queues are empty most of the time.
                self.rest = VecDeque::new();
            }
        }
    }

    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }
}
