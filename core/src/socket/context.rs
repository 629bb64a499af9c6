//! What a client needs while it works: the shard's queues, counts and limits.

use super::assembly::TooMuch;
use super::event::SocketEvent;
use crate::engine::output as engine;
use crate::id::SocketId;
use crate::population::Population;
use alloc::collections::VecDeque;
use alloc::sync::Arc;

/// The events of a shard's clients for the hub.
#[derive(Debug, Default)]
pub(crate) struct Events {
    pub(crate) queue: VecDeque<(SocketId, SocketEvent)>,
    pub(crate) bytes: usize,
}

/// What a client needs while it works.
#[derive(Debug)]
pub(crate) struct Context<'a> {
    pub(crate) engine: engine::Context<'a>,
    pub(crate) events: &'a mut Events,
    pub(crate) population: &'a Arc<Population>,
}

impl Context<'_> {
    /// Something that a socket of the client did.
    pub(crate) fn event(&mut self, serial: u32, event: SocketEvent) {
        self.events.bytes += event.cost();
        self.events.queue.push_back((SocketId { key: self.engine.key, serial }, event));
    }

    /// A packet has more bytes than it may have.
    pub(crate) fn too_much(&mut self, much: &TooMuch) -> NotAllowed {
        if let TooMuch::Together(limit) = much {
            self.engine.stats().limits.add(*limit);
        }
        NotAllowed
    }
}

/// A packet that the client may not send, or not at that point. The reference closes the whole connection.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NotAllowed;
