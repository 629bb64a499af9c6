//! What a session sends: the queue, and the two ways to the client, a waiting poll and a WebSocket. `session` decides
//! when what is sent.

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
    /// Responses to polls must be text.
    base64: bool,
    /// The driver has been told that there is something to transmit on the WebSocket.
    signalled: bool,
    /// The GET that waits for a packet. The queue is empty while there is one.
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

    /// Whether responses to polls must be text.
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

    /// Queues a packet. If it does not fit, volatile packets are dropped. Returns `false` if it still does not fit. A
    /// packet that is alone always fits, or a large one could never be sent.
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

    /// Makes a poll wait, or answers it at once if there are queued packets.
    pub(crate) fn park(&mut self, id: RequestId, cx: &mut Context<'_>) {
        self.poll = Some(id);
        self.flush(cx);
    }

    /// The connection of a poll is gone. Returns whether it was the waiting one.
    pub(crate) fn poll_gone(&mut self, id: RequestId) -> bool {
        self.poll.take_if(|poll| *poll == id).is_some()
    }

    /// Answers the waiting poll with the queued packets, if there are both.
    pub(crate) fn flush(&mut self, cx: &mut Context<'_>) {
        if !self.queue.is_empty()
            && let Some(id) = self.poll.take()
        {
            let packets = self.queue.pop_up_to(cx.config.max_payload, polled_size);
            cx.stats().packets_sent += match &packets[..] {
                // Without a loop: most responses are one packet.
                [only] => only.packets(self.revision),
                several => several.iter().map(|packet| packet.packets(self.revision)).sum(),
            };
            cx.respond(id, Response::Batch(self.batch(packets)));
        }
    }

    /// Answers the waiting poll with this packet alone. Returns whether there was a poll.
    pub(crate) fn answer_poll(&mut self, packet: Outgoing, cx: &mut Context<'_>) -> bool {
        let poll = self.poll.take();
        if let Some(id) = poll {
            let response = self.batch_of(packet, cx);
            cx.respond(id, response);
        }
        poll.is_some()
    }

    /// The response to a poll with this packet alone, which counts as sent.
    pub(crate) fn batch_of(&self, packet: Outgoing, cx: &mut Context<'_>) -> Response {
        cx.stats().packets_sent += 1;
        Response::Batch(self.batch(alloc::vec![packet]))
    }

    fn batch(&self, packets: Vec<Outgoing>) -> Batch {
        Batch::new(packets, self.revision, self.base64)
    }

    /// Whether this is the session's WebSocket.
    pub(crate) fn is_ws(&self, id: RequestId) -> bool {
        self.ws == Some(id)
    }

    /// Sets the session's WebSocket. Until an upgrade is complete it is open beside polling.
    pub(crate) fn set_ws(&mut self, id: RequestId) {
        self.ws = Some(id);
    }

    /// Tells the driver that there is something to transmit, unless it has been told.
    pub(crate) fn signal(&mut self, cx: &mut Context<'_>) {
        if let (Some(id), false) = (self.ws, self.signalled) {
            self.signalled = true;
            cx.push(Output::WsReady(id));
        }
    }

    /// Tells the driver to close the WebSocket, if there is one.
    pub(crate) fn close_ws(&mut self, cx: &mut Context<'_>) {
        self.signalled = false;
        if let Some(id) = self.ws.take() {
            cx.push(Output::WsClose(id));
        }
    }

    /// Hands out `3probe`. It is not queued, because the queue belongs to polling until the upgrade is complete.
    pub(crate) fn transmit_probe(&mut self, into: &mut Vec<WsMessage>) {
        if core::mem::take(&mut self.signalled) {
            into.push(WsMessage::Text(Bytes::from_static(b"3probe")));
        }
    }

    /// Hands out queued packets for the WebSocket: about `max` bytes, and at least one packet if there is any.
    pub(crate) fn transmit(&mut self, max: usize, into: &mut Vec<WsMessage>) {
        self.queue.drain(max, |packet| packet.into_messages(self.revision, into));
        if self.queue.is_empty() {
            self.signalled = false;
        }
    }
}
