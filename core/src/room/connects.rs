//! Connect requests that the application has not decided on yet: [`Admission::Later`](super::Admission::Later).

use crate::id::SocketId;
use crate::socket::ConnectRequest;
use crate::time::Time;
use alloc::boxed::Box;
use alloc::collections::{BTreeMap, BTreeSet};

/// The requests, and their deadlines.
#[derive(Debug, Default)]
pub(crate) struct PendingConnects {
    requests: BTreeMap<SocketId, (Time, Box<ConnectRequest>)>,
    deadlines: BTreeSet<(Time, SocketId)>,
}

impl PendingConnects {
    /// Adds a request that waits until `deadline`.
    pub(crate) fn insert(&mut self, socket: SocketId, request: ConnectRequest, deadline: Time) {
        self.deadlines.insert((deadline, socket));
        self.requests.insert(socket, (deadline, request.into()));
    }

    /// Removes a request, because it is decided on, or the client is gone.
    pub(crate) fn remove(&mut self, socket: SocketId) -> Option<Box<ConnectRequest>> {
        let (deadline, request) = self.requests.remove(&socket)?;
        self.deadlines.remove(&(deadline, socket));
        Some(request)
    }

    /// How many requests wait.
    pub(crate) fn len(&self) -> usize {
        self.requests.len()
    }

    /// Whether a request of this socket waits.
    pub(crate) fn contains(&self, socket: SocketId) -> bool {
        self.requests.contains_key(&socket)
    }

    /// The earliest deadline, and its socket.
    pub(crate) fn next_deadline(&self) -> Option<(Time, SocketId)> {
        self.deadlines.first().copied()
    }
}
