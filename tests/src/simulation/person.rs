//! What the client of one person knows, and how it reacts to what it reads. Small, because there may be a million of
//! them.

use super::agenda::Words;
use sanket::driver::{Key, RequestId};
use sanket::{Revision, Time};

/// How somebody comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    WebSocket,
    Polling,
    Upgrade,
}

#[derive(Debug)]
pub(crate) struct Person {
    pub(crate) revision: Revision,
    pub(crate) way: Way,
    /// Counts connections; what was planned for an earlier one does not happen.
    pub(crate) life: u32,
    pub(crate) key: Option<Key>,
    pub(crate) ws: Option<RequestId>,
    pub(crate) poll: Option<RequestId>,
    pub(crate) post: Option<RequestId>,
    /// The last poll and the last POST that the server has answered.
    answered: [RequestId; 2],
    /// When what it sent last is at the server.
    pub(crate) arrived: Time,
    /// CONNECT has been answered: what it said before would be against the protocol.
    pub(crate) inside: bool,
    /// It has been told that it is in its room, and how many messages there had been.
    pub(crate) joined: bool,
    /// The WebSocket beside polling has been answered `3probe`.
    pub(crate) probed: bool,
    /// It is on its WebSocket.
    pub(crate) switched: bool,
    /// The number of the last message that it has heard in its room.
    pub(crate) heard: u32,
    /// What brings it back.
    pub(crate) ticket: Option<Box<Ticket>>,
}

/// What `socket.io-client` 4 keeps of a server with recovery.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ticket {
    pub(crate) pid: Box<str>,
    pub(crate) offset: Box<str>,
}

/// What reading a packet leads to.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Reaction {
    /// What is said in answer.
    pub(crate) say: Option<Words>,
    /// It is in a session without the room that it was in, though it could have come back.
    pub(crate) fresh: bool,
    /// The server said goodbye.
    pub(crate) over: bool,
    /// Messages that are missing before this one.
    pub(crate) missing: u32,
    /// The message has been heard before.
    pub(crate) doubled: bool,
}

impl Person {
    pub(crate) fn new(revision: Revision, way: Way) -> Self {
        Self {
            revision,
            way,
            life: 0,
            key: None,
            ws: None,
            poll: None,
            post: None,
            answered: [RequestId(0); 2],
            arrived: Time::from_millis(0),
            inside: false,
            joined: false,
            probed: false,
            switched: false,
            heard: 0,
            ticket: None,
        }
    }

    /// Forgets the connection.
    pub(crate) fn lose(&mut self) {
        (self.ws, self.poll, self.post) = (None, None, None);
        self.life += 1;
        self.key = None;
        self.inside = false;
        (self.probed, self.switched) = (false, false);
    }

    /// Whether an answer to this request is the first.
    pub(crate) fn takes_answer(&mut self, id: RequestId) -> bool {
        let which = usize::from(self.post == Some(id));
        let awaited = self.poll == Some(id) || self.post == Some(id);
        awaited && core::mem::replace(&mut self.answered[which], id) != id
    }

    /// Reads a packet. It remembers the last argument of every event, if that is a string, as its place.
    pub(crate) fn read(&mut self, packet: &str) -> Reaction {
        let mut reaction = Reaction::default();
        match packet.as_bytes() {
            [b'0', ..] if self.revision == Revision::V4 => {
                reaction.say = Some(Words::Connect(self.claim()));
            }
            [b'1'] => reaction.over = true,
            [b'2'] => reaction.say = Some(Words::Pong),
            [b'3', b'p', ..] => self.probed = true,
            [b'4', b'0', rest @ ..] => self.enter(std::str::from_utf8(rest).unwrap_or_default(), &mut reaction),
            [b'4', b'2', ..] => self.hear(packet, &mut reaction),
            _ => {}
        }
        reaction
    }

    fn claim(&self) -> Option<Box<str>> {
        let Ticket { pid, offset } = self.ticket.as_deref()?;
        Some(
            match &**offset {
                "" => format!(r#"{{"pid":"{pid}"}}"#),
                offset => format!(r#"{{"pid":"{pid}","offset":"{offset}"}}"#),
            }
            .into(),
        )
    }

    /// CONNECT has been answered; the same pid means that nothing was missed.
    fn enter(&mut self, answer: &str, reaction: &mut Reaction) {
        self.inside = true;
        let pid = answer.split_once(r#""pid":""#).and_then(|(_, rest)| rest.split_once('"')).map(|(pid, _)| pid);
        let same = pid.is_some_and(|pid| self.ticket.as_ref().is_some_and(|ticket| *ticket.pid == *pid));
        if !same {
            reaction.fresh = self.ticket.is_some();
            self.ticket = pid.map(|pid| Box::new(Ticket { pid: pid.into(), offset: Box::default() }));
            self.joined = false;
        }
        if !self.joined {
            reaction.say = Some(Words::Join);
        }
    }

    fn hear(&mut self, packet: &str, reaction: &mut Reaction) {
        // `42["said",12,"@offset"]`
        let mut parts = packet.trim_start_matches("42[").trim_end_matches(']').split(',');
        let (name, number) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
        let number: u32 = number.parse().unwrap_or_default();
        if let (Some(ticket), Some(offset)) = (&mut self.ticket, parts.next()) {
            ticket.offset = offset.trim_matches('"').into();
        }
        if name == r#""in""# {
            self.joined = true;
        } else if number <= self.heard {
            reaction.doubled = true;
            return;
        } else if self.joined {
            reaction.missing = number - self.heard - 1;
        }
        self.heard = number;
    }
}
