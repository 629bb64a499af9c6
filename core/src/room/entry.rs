//! What the hub knows of a connected socket.

use super::history::{History, Membership};
use crate::frame::Revision;
use crate::id::Sid;
use crate::socket::Nsp;
use crate::socket::event::public_id;
use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;

/// A connected socket.
#[derive(Debug)]
pub(crate) struct SocketEntry {
    pub(crate) nsp: Nsp,
    pub(crate) public: Sid,
    pub(crate) revision: Revision,
    /// Its session was restored.
    pub(crate) recovered: bool,
    /// The rooms that it is in.
    pub(crate) rooms: Vec<Membership>,
    /// What most sockets do not have. Boxed, because there may be a million sockets.
    extra: Option<Box<Extra>>,
}

/// What most sockets do not have.
#[derive(Debug, Default)]
pub(crate) struct Extra {
    /// The application's data, as JSON.
    pub(crate) data: Option<Box<str>>,
    /// Set if the session can be restored.
    pub(crate) history: Option<History>,
}

impl SocketEntry {
    /// A socket in no room.
    pub(crate) fn new(nsp: Nsp, public: Sid, revision: Revision) -> Self {
        Self { nsp, public, revision, recovered: false, rooms: Vec::new(), extra: None }
    }

    /// The public id, as clients know it.
    pub(crate) fn id(&self) -> String {
        public_id(self.revision, &self.nsp, self.public)
    }

    pub(crate) fn extra(&mut self) -> &mut Extra {
        self.extra.get_or_insert_default()
    }

    pub(crate) fn history(&self) -> Option<&History> {
        self.extra.as_ref()?.history.as_ref()
    }

    /// The history, to be added to.
    pub(crate) fn history_mut(&mut self) -> Option<&mut History> {
        self.extra.as_mut()?.history.as_mut()
    }

    pub(crate) fn data(&self) -> Option<&str> {
        self.extra.as_ref()?.data.as_deref()
    }

    /// Takes what most sockets do not have.
    pub(crate) fn take_extra(&mut self) -> Extra {
        self.extra.take().map_or_else(Extra::default, |extra| *extra)
    }
}
