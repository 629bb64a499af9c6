//! Requests for recovery that wait, because their session was recovered only a moment ago.

use crate::id::{Sid, SocketId};
use crate::socket::ConnectRequest;
use crate::time::Time;
use alloc::boxed::Box;
use alloc::collections::{BTreeMap, BTreeSet};

/// The requests, and their times. There is one for each session at most.
#[derive(Debug, Default)]
pub(crate) struct PendingReplays {
    requests: BTreeMap<SocketId, Waiting>,
    /// The socket that waits for the session of this private id.
    sockets: BTreeMap<Sid, SocketId>,
    times: BTreeSet<(Time, SocketId)>,
    bytes: usize,
}

#[derive(Debug)]
struct Waiting {
    at: Time,
    pid: Sid,
    request: Box<ConnectRequest>,
    reserved: bool,
}

impl PendingReplays {
    /// Adds a request for the session of `pid`, to be handled at `at`. Returns the socket that has waited for the same
    /// session: it waits no more. `reserved`: what it will be sent is counted for its address already.
    pub(crate) fn insert(
        &mut self,
        socket: SocketId,
        pid: Sid,
        (request, reserved): (ConnectRequest, bool),
        at: Time,
    ) -> Option<SocketId> {
        let earlier = self.sockets.get(&pid).copied();
        if let Some(earlier) = earlier {
            self.remove(earlier);
        }
        self.bytes += request.cost();
        self.sockets.insert(pid, socket);
        self.times.insert((at, socket));
        self.requests.insert(socket, Waiting { at, pid, request: request.into(), reserved });
        earlier
    }

    /// Removes a request, because it is handled, or the client is gone. Whether it is counted for its address already.
    pub(crate) fn remove(&mut self, socket: SocketId) -> Option<(Box<ConnectRequest>, bool)> {
        let Waiting { at, pid, request, reserved } = self.requests.remove(&socket)?;
        self.bytes -= request.cost();
        self.sockets.remove(&pid);
        self.times.remove(&(at, socket));
        Some((request, reserved))
    }

    /// The earliest time, and its socket.
    pub(crate) fn next(&self) -> Option<(Time, SocketId)> {
        self.times.first().copied()
    }

    /// Bytes of all requests.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }
}
