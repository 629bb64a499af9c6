//! The ways into a connection: each takes its lock, changes something, and has everything done that follows from it.

use super::agenda::{Agenda, Waiter, Work};
use super::exchange::Exchange;
use super::held::Held;
use super::shared::Shared;
use super::state::Inner;
use super::writing::WRITE_ROUNDS;
use sanket::driver::{RequestId, Response};
use std::sync::Arc;

impl Inner {
    /// Lets `access` have the connection; then it goes on, is written to, and if `wakes`, the driver is told if it is to wait for
    /// something else; if not, it will ask by itself. What has become due comes first.
    pub(super) fn enter<R>(
        self: &Arc<Self>,
        shared: &Shared,
        agenda: &mut Agenda,
        wakes: bool,
        access: impl FnOnce(&mut Held<'_>) -> R,
    ) -> R {
        let result = self.state.with(|state| {
            state.connection.swap_buffer(&mut agenda.memory.bytes);
            let mut held = Held { shared, line: self, state, agenda, wakes };
            let result = access(&mut held);
            held.go_on();
            result
        });
        self.send_if_wanted(shared, agenda, wakes);
        result
    }

    fn send_if_wanted(self: &Arc<Self>, shared: &Shared, agenda: &mut Agenda, wakes: bool) {
        let more = self.state.work(WRITE_ROUNDS, |state| {
            state.is_ready = true;
            if !state.is_blocked {
                state.connection.swap_buffer(&mut agenda.memory.bytes);
                let had_output = !state.connection.transmit().is_empty();
                let mut held = Held { shared, line: self, state, agenda, wakes };
                held.transmit();
                if had_output || held.state.is_blocked {
                    held.settle();
                } else {
                    // What most deliveries come to: no deadline has moved, and the driver waits for the same as before.
                    held.state.connection.swap_buffer(&mut held.agenda.memory.bytes);
                }
            }
        });
        if more {
            agenda.push(Work::Send(Waiter::Line(self.clone())));
        }
    }

    /// It is time to look at the connection.
    pub(super) fn handle_timeout(self: &Arc<Self>, shared: &Shared, agenda: &mut Agenda) {
        self.enter(shared, agenda, true, |held| {
            held.state.look = None;
            let now = held.agenda.now;
            if held.state.throttled_until.take_if(|until| *until <= now).is_some() {
                held.resume_post();
            }
            held.state.connection.handle_timeout(held.agenda.now);
            held.handle_exchange_timeout();
        });
    }

    /// The response to a request that waited for a shard.
    pub(super) fn respond(self: &Arc<Self>, shared: &Shared, agenda: &mut Agenda, id: RequestId, response: Response) {
        self.enter(shared, agenda, true, |held| held.respond_to(id, response));
    }

    /// There is something to be sent on the WebSocket. Whoever holds the lock sends it.
    pub(super) fn send(self: &Arc<Self>, shared: &Shared, agenda: &mut Agenda) {
        self.state.want();
        self.send_if_wanted(shared, agenda, true);
    }

    /// The session wants its WebSocket closed, after what was sent on it.
    pub(super) fn close(self: &Arc<Self>, shared: &Shared, agenda: &mut Agenda) {
        self.enter(shared, agenda, true, |held| {
            // What the shard has left for it is sent first.
            held.transmit();
            held.state.connection.close(held.agenda.now);
        });
    }

    /// The hub has caught up.
    pub(super) fn resume(self: &Arc<Self>, shared: &Shared, agenda: &mut Agenda) {
        self.enter(shared, agenda, true, |held| {
            held.state.is_paused = false;
            held.resume_post();
        });
    }

    /// The server is closing. `idle_too`: the connection ends even if it serves no request.
    pub(super) fn drain(self: &Arc<Self>, shared: &Shared, agenda: &mut Agenda, idle_too: bool) {
        self.enter(shared, agenda, true, |held| {
            if idle_too || !matches!(held.state.exchange, Exchange::Idle) {
                held.state.connection.drain(held.agenda.now);
            }
        });
    }

    /// The server ends.
    pub(super) fn cut(self: &Arc<Self>, shared: &Shared, agenda: &mut Agenda) {
        self.enter(shared, agenda, true, |held| held.state.connection.cut(held.agenda.now));
    }
}
