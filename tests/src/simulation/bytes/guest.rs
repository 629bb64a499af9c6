//! One person's client in bytes: which streams it has, what it waits for, and what it says next.

use super::super::agenda::Words;
use super::super::person::{Person, Way};
use sanket::Revision;

/// As small as can be: there may be a hundred thousand of them.
#[derive(Debug)]
pub(super) struct Guest {
    /// What it knows of packets.
    pub(super) person: Person,
    /// It is on its way into a session, or in one.
    pub(super) is_here: bool,
    pub(super) sid: Box<str>,
    pub(super) get: Option<u32>,
    pub(super) post: Option<u32>,
    pub(super) ws: Option<u32>,
    /// A poll, or the handshake, is not answered.
    pub(super) polls: bool,
    /// A POST is not answered.
    pub(super) posts: bool,
    /// What goes into the next POST.
    pub(super) unsent: Vec<Words>,
}

impl Guest {
    pub(super) fn new(revision: Revision, way: Way) -> Self {
        Self {
            person: Person::new(revision, way),
            is_here: false,
            sid: Box::default(),
            get: None,
            post: None,
            ws: None,
            polls: false,
            posts: false,
            unsent: Vec::new(),
        }
    }

    /// Forgets the connection. Returns its streams.
    pub(super) fn lose(&mut self) -> impl Iterator<Item = u32> + use<> {
        let streams = [self.get.take(), self.post.take(), self.ws.take()];
        self.person.lose();
        (self.is_here, self.polls, self.posts) = (false, false, false);
        self.sid = Box::default();
        self.unsent = Vec::new();
        streams.into_iter().flatten()
    }

    /// Whether what it says goes by POST.
    pub(super) fn is_polling(&self) -> bool {
        match self.person.way {
            Way::WebSocket => false,
            Way::Polling => true,
            Way::Upgrade => !self.person.switched,
        }
    }
}
