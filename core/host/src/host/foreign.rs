//! What a shard has for a request that another HTTP server has read, or for a WebSocket that it carries: a slot that is filled,
//! and who is woken then.

use crate::request::{Denial, Welcome};
use crate::sync::lock;
use sanket::driver::Response;
use std::sync::Mutex;
use std::task::{Context, Poll, Waker};

/// What there is for a request or a WebSocket of another server.
#[derive(Debug, Default)]
pub(super) struct Foreign(Mutex<Slot>);

#[derive(Debug, Default)]
struct Slot {
    response: Option<Response>,
    /// The answer of whoever decides whether a client is let in.
    allowed: Option<Result<Welcome, Denial>>,
    is_ready: bool,
    is_closed: bool,
    /// How often it was paused and not resumed; less than 0 for a moment if the hub is faster than whoever pauses.
    pauses: i32,
    /// Who reads, and who writes.
    wakers: [Option<Waker>; 2],
}

const READER: usize = 0;
const WRITER: usize = 1;

impl Foreign {
    fn tell(&self, change: impl FnOnce(&mut Slot)) {
        let mut slot = lock(&self.0);
        change(&mut slot);
        let wakers = std::mem::take(&mut slot.wakers);
        drop(slot);
        wakers.into_iter().flatten().for_each(Waker::wake);
    }

    fn poll<R>(&self, cx: &Context<'_>, waker: usize, look: impl FnOnce(&mut Slot) -> Option<R>) -> Poll<R> {
        let mut slot = lock(&self.0);
        match look(&mut slot) {
            Some(result) => Poll::Ready(result),
            None => {
                slot.wakers[waker] = Some(cx.waker().clone());
                Poll::Pending
            }
        }
    }

    /// The response to the request.
    pub(super) fn respond(&self, response: Response) {
        self.tell(|slot| slot.response = Some(response));
    }

    /// Whether the client is let in.
    pub(super) fn decide(&self, answer: Result<Welcome, Denial>) {
        self.tell(|slot| slot.allowed = Some(answer));
    }

    /// There is something to be sent on the WebSocket.
    pub(super) fn ready(&self) {
        self.tell(|slot| slot.is_ready = true);
    }

    /// The WebSocket is to be closed after what was sent on it.
    pub(super) fn close(&self) {
        self.tell(|slot| slot.is_closed = true);
    }

    /// The hub is behind: nothing more is to be received before [`Foreign::resume`], which may have been called already.
    pub(super) fn pause(&self) {
        lock(&self.0).pauses += 1;
    }

    /// The hub has caught up. Called once for each time that it was found to be behind.
    pub(super) fn resume(&self) {
        self.tell(|slot| slot.pauses -= 1);
    }

    /// More is to be sent than was taken.
    pub(super) fn leave_more(&self) {
        lock(&self.0).is_ready = true;
    }

    pub(super) fn poll_response(&self, cx: &Context<'_>) -> Poll<Response> {
        self.poll(cx, READER, |slot| slot.response.take())
    }

    pub(super) fn poll_decision(&self, cx: &Context<'_>) -> Poll<Result<Welcome, Denial>> {
        self.poll(cx, READER, |slot| slot.allowed.take())
    }

    /// Ready when more may be received.
    pub(super) fn poll_receive(&self, cx: &Context<'_>) -> Poll<()> {
        self.poll(cx, READER, |slot| (slot.pauses <= 0).then_some(()))
    }

    /// Ready when there is something to be sent: whether the WebSocket is to be closed after that.
    pub(super) fn poll_send(&self, cx: &Context<'_>) -> Poll<bool> {
        self.poll(cx, WRITER, |slot| {
            (slot.is_ready || slot.is_closed).then(|| {
                slot.is_ready = false;
                slot.is_closed
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hub_that_catches_up_before_the_pause_is_noted_leaves_nobody_paused() {
        let (foreign, cx) = (Foreign::default(), Context::from_waker(Waker::noop()));
        foreign.pause();
        assert!(foreign.poll_receive(&cx).is_pending());
        foreign.resume();
        assert!(foreign.poll_receive(&cx).is_ready());
        foreign.resume();
        foreign.pause();
        assert!(foreign.poll_receive(&cx).is_ready(), "another thread has resumed it first");
        foreign.pause();
        assert!(foreign.poll_receive(&cx).is_pending());
    }
}
