//! What a session sends: the queue, and the two ways out of it, the poll that waits and the WebSocket. Knows no state: `session`
//! says when what is sent.

use super::output::{Context, Output, Response};
use super::payload::{Batch, polled_size};
use super::queue::{Outgoing, Queue};
use crate::frame::{Revision, WsMessage};
use crate::id::RequestId;
use alloc::vec::Vec;
use bytes::Bytes;

#[derive(Debug)]
pub(crate) struct Outbox {
    revision: Revision,
    /// Answers to polls must be text.
    base64: bool,
    /// The driver knows that there is something to transmit on the WebSocket.
    signalled: bool,
    /// The GET that waits for something to be sent. The queue is empty while there is one.
    poll: Option<RequestId>,
    ws: Option<RequestId>,
    queue: Queue,
}

impl Outbox {
    pub(crate) fn new(revision: Revision, base64: bool, ws: Option<RequestId>) -> Self {
        Self { revision, base64, signalled: false, poll: None, ws, queue: Queue::default() }
    }

    pub(crate) fn revision(&self) -> Revision {
        self.revision
    }

    /// Whether answers to polls must be text.
    pub(crate) fn base64(&self) -> bool {
        self.base64
    }

    /// Whether nothing is queued.
    pub(crate) fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    /// How many bytes are queued.
    pub(crate) fn bytes(&self) -> usize {
        self.queue.bytes()
    }

    /// Whether the last packet in the queue is a pong.
    pub(crate) fn ends_in_pong(&self) -> bool {
        self.queue.ends_in_pong()
    }

    /// Queues a packet. If there is no room for it, volatile ones are dropped; `false` if there is still none. A packet that is
    /// alone has room whatever its size: a large one could never be sent otherwise.
    pub(crate) fn push(&mut self, packet: Outgoing, max: usize) -> bool {
        let fits = |queue: &Queue| queue.is_empty() || queue.bytes() + packet.cost() <= max;
        if !fits(&self.queue) {
            self.queue.drop_volatile();
            if !fits(&self.queue) {
                return false;
            }
        }
        self.queue.push(packet);
        true
    }

    pub(crate) fn clear(&mut self) {
        self.queue.clear();
    }

    /// Whether a poll waits.
    pub(crate) fn has_poll(&self) -> bool {
        self.poll.is_some()
    }

    /// Whether there is a WebSocket, or one that the session may be upgraded to.
    pub(crate) fn has_websocket(&self) -> bool {
        self.ws.is_some()
    }

    /// Lets a poll wait, and answers it at once if something is queued.
    pub(crate) fn park(&mut self, id: RequestId, cx: &mut Context<'_>) {
        self.poll = Some(id);
        self.flush(cx);
    }

    /// The poll that waits has gone. Whether it was this one.
    pub(crate) fn poll_gone(&mut self, id: RequestId) -> bool {
        self.poll.take_if(|poll| *poll == id).is_some()
    }

    /// Answers the poll that waits with what is queued, if there are both.
    pub(crate) fn flush(&mut self, cx: &mut Context<'_>) {
        if !self.queue.is_empty()
            && let Some(id) = self.poll.take()
        {
            let packets = self.queue.pop_up_to(cx.config.max_payload, polled_size);
            cx.respond(id, Response::Batch(self.batch(packets)));
        }
    }

    /// Answers the poll that waits with this packet alone. Whether there was one.
    pub(crate) fn answer_poll(&mut self, packet: Outgoing, cx: &mut Context<'_>) -> bool {
        let poll = self.poll.take();
        if let Some(id) = poll {
            cx.respond(id, Response::Batch(self.batch(alloc::vec![packet])));
        }
        poll.is_some()
    }

    /// The answer to a poll.
    pub(crate) fn batch(&self, packets: Vec<Outgoing>) -> Batch {
        Batch::new(packets, self.revision, self.base64)
    }

    /// Whether this is the session's WebSocket.
    pub(crate) fn is_ws(&self, id: RequestId) -> bool {
        self.ws == Some(id)
    }

    /// Takes a WebSocket, beside polling at first.
    pub(crate) fn set_ws(&mut self, id: RequestId) {
        self.ws = Some(id);
    }

    /// Tells the driver that there is something to transmit, if it does not know yet.
    pub(crate) fn signal(&mut self, cx: &mut Context<'_>) {
        if let (Some(id), false) = (self.ws, self.signalled) {
            self.signalled = true;
            cx.push(Output::WsReady(id));
        }
    }

    /// Has the driver close the WebSocket, if there is one.
    pub(crate) fn close_ws(&mut self, cx: &mut Context<'_>) {
        self.signalled = false;
        if let Some(id) = self.ws.take() {
            cx.push(Output::WsClose(id));
        }
    }

    /// Hands out `3probe`, which has a signal of its own: the queue is polling's until the upgrade.
    pub(crate) fn transmit_probe(&mut self, into: &mut Vec<WsMessage>) {
        if core::mem::take(&mut self.signalled) {
            into.push(WsMessage::Text(Bytes::from_static(b"3probe")));
        }
    }

    /// Hands out queued packets for the WebSocket, at least one if there is any, and up to about `max` bytes.
    pub(crate) fn transmit(&mut self, max: usize, into: &mut Vec<WsMessage>) {
        self.queue.drain(max, |packet| packet.into_messages(self.revision, into));
        if self.queue.is_empty() {
            self.signalled = false;
        }
    }
}
