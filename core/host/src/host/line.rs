//! One connection as a driver and the rest of the host know it: the machine behind its lock, the socket, and what is to be
//! done after every change: advance, write, say what to wait for. What a request comes to is `exchange`'s.

use super::Shared;
use super::application::Wakers;
use super::combining::Combining;
use super::deadlines::Look;
use super::driver::{Interest, Socket};
use super::exchange::Exchange;
use super::limiter::Permit;
use super::turn::{Turn, Waiter, Work};
use crate::http::{Connection, Response as HttpResponse, Ticket};
use crate::request::Peer;
use sanket::{RequestId, Response, Time};
use std::fmt;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicUsize, Ordering};

/// Bytes taken from a shard and sent at a time.
const WRITE_BATCH: usize = 64 << 10;
/// Batches sent to one client before others get their turn.
const WRITE_ROUNDS: usize = 16;
/// How often a connection is advanced and written to in one go: once for each request that a client has sent ahead.
const ADVANCES: usize = 512;

/// A connection: what a driver has of it. Dropping it says that the connection is gone.
pub struct Line {
    pub(super) shared: Arc<Shared>,
    pub(super) inner: Arc<Inner>,
    /// It is the driver's, whose drop is the end of the connection.
    owns: bool,
}

/// A connection, as whoever has something for it knows it.
pub(crate) struct Inner {
    socket: Arc<dyn Socket>,
    pub(super) peer: Peer,
    /// What the driver was told last to wait for.
    interest: AtomicU8,
    /// The driver has no more to do with it.
    is_gone: AtomicBool,
    /// Where it is among all connections.
    place: AtomicUsize,
    pub(super) state: Combining<State>,
}

/// What the lock of a connection protects.
#[derive(Debug)]
pub(super) struct State {
    pub(super) connection: Connection,
    pub(super) exchange: Exchange,
    /// The shard has more to send than the socket took.
    pub(super) is_ready: bool,
    /// The hub is behind: what the client says next waits in the connection.
    pub(super) is_paused: bool,
    permit: Permit,
    /// When the host looks at it next.
    look: Option<Look>,
    /// The socket took less than there was.
    is_blocked: bool,
    /// The socket takes nothing any more: what is to be written is dropped, until reading finds the end.
    is_broken: bool,
}

impl State {
    /// Those who wait for something of the request, if it is still the current one and the application's.
    pub(super) fn wakers(&mut self, ticket: Ticket) -> Option<&mut Wakers> {
        match &mut self.exchange {
            Exchange::Application { ticket: current, wakers } if *current == ticket => Some(wakers),
            _ => None,
        }
    }

    /// The response to a request is complete.
    pub(super) fn forget(&mut self, ticket: Ticket) {
        if self.wakers(ticket).is_some() {
            self.exchange = Exchange::Idle;
        }
    }

    fn interest(&self) -> Interest {
        Interest {
            read: self.connection.wants_read() && !self.is_paused,
            write: self.is_blocked,
            shutdown: self.connection.wants_shutdown(),
            over: self.connection.is_over(),
        }
    }
}

impl Line {
    pub(super) fn new(
        shared: Arc<Shared>,
        socket: Arc<dyn Socket>,
        peer: Peer,
        permit: Permit,
        connection: Connection,
    ) -> Self {
        let state = State {
            connection,
            exchange: Exchange::Idle,
            is_ready: false,
            is_paused: false,
            permit,
            look: None,
            is_blocked: false,
            is_broken: false,
        };
        let inner = Inner {
            socket,
            peer,
            interest: AtomicU8::new(Interest { read: true, ..Interest::default() }.to_bits()),
            is_gone: AtomicBool::new(false),
            place: AtomicUsize::new(usize::MAX),
            state: Combining::new(state),
        };
        Self { shared, inner: Arc::new(inner), owns: true }
    }

    /// The same connection, in the hands of somebody whose drop means nothing.
    pub(super) fn borrowed(shared: Arc<Shared>, inner: Arc<Inner>) -> Self {
        Self { shared, inner, owns: false }
    }

    /// What the driver is to wait for. To be asked after each call of a [`Turn`] for this connection, when the turn is over, and
    /// when [`Socket::wake`] was called.
    #[must_use]
    pub fn interest(&self) -> Interest {
        Interest::from_bits(self.inner.interest.load(Ordering::Acquire))
    }

    /// How many bytes were received and are not used yet, and how many wait to be written.
    #[must_use]
    pub fn buffered(&self) -> (usize, usize) {
        self.inner.state.with(|state| state.connection.buffered())
    }

    /// Lets `access` have the connection, in a turn of its own, and does what follows.
    pub(super) fn enter<R>(&self, access: impl FnOnce(&mut State, Time) -> R) -> R {
        let mut turn = self.shared.turn();
        let now = turn.now;
        self.inner.enter(&mut turn, true, |state, _| access(state, now))
    }

    /// Responds to the current request as a whole.
    pub(super) fn finish_response(&self, ticket: Ticket, response: &HttpResponse) {
        self.enter(|state, now| {
            state.connection.respond(ticket, response, now);
            state.exchange.finish(ticket);
        });
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        if !self.owns {
            return;
        }
        let mut turn = self.shared.turn();
        self.inner.is_gone.store(true, Ordering::Release);
        self.inner.enter(&mut turn, false, |state, turn| state.connection.end_of_stream(turn.now));
        self.shared.forget_line(&self.inner);
        self.inner.state.with(|state| {
            state.look.take().into_iter().for_each(|look| self.shared.deadlines.disarm(look));
            self.shared.limiter.release(&std::mem::replace(&mut state.permit, Permit::Foreign));
        });
    }
}

impl fmt::Debug for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Line").field("interest", &self.interest()).finish_non_exhaustive()
    }
}

impl fmt::Debug for Inner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inner").field("peer", &self.peer).finish_non_exhaustive()
    }
}

impl Turn<'_> {
    /// Bytes were read from the connection.
    pub fn receive(&mut self, line: &Line, bytes: &[u8]) {
        line.inner.enter(self, false, |state, turn| state.connection.receive(bytes, turn.now));
    }

    /// The peer has ended its direction, or reading failed.
    pub fn end_of_stream(&mut self, line: &Line) {
        line.inner.enter(self, false, |state, turn| state.connection.end_of_stream(turn.now));
    }

    /// The socket, which took less than there was, can be written to again.
    pub fn writable(&mut self, line: &Line) {
        line.inner.enter(self, false, |state, _| state.is_blocked = false);
    }
}

impl Inner {
    pub(super) fn set_place(&self, place: usize) {
        self.place.store(place, Ordering::Release);
    }

    pub(super) fn place(&self) -> usize {
        self.place.load(Ordering::Acquire)
    }

    /// Lets `access` have the connection; then it goes on, is written to, and the driver is told if it is to wait for something
    /// else, unless it will ask by itself. What has become due comes first.
    pub(super) fn enter<R>(
        self: &Arc<Self>,
        turn: &mut Turn<'_>,
        wakes: bool,
        access: impl FnOnce(&mut State, &mut Turn<'_>) -> R,
    ) -> R {
        let result = self.state.with(|state| {
            state.connection.swap_buffer(&mut turn.room.bytes);
            let result = access(state, turn);
            self.go_on(state, turn, wakes);
            result
        });
        self.send_if_wanted(turn, wakes);
        result
    }

    /// Advances the connection and writes, again and again while that makes a difference.
    fn go_on(self: &Arc<Self>, state: &mut State, turn: &mut Turn<'_>, wakes: bool) {
        for _ in 0..ADVANCES {
            // A session's first packet goes before whatever its client has sent behind the handshake.
            if state.is_ready && !state.is_blocked {
                self.transmit(state, turn);
            }
            let has_opened = self.advance(state, turn);
            if !self.write(state, turn) && !has_opened {
                break;
            }
        }
        self.settle(state, turn, wakes);
    }

    /// Writes what there is, as far as the socket takes it. Returns whether it took something.
    fn write(&self, state: &mut State, turn: &mut Turn<'_>) -> bool {
        let (mut wrote, mut has_told) = (false, false);
        while !state.is_blocked {
            let bytes = state.connection.transmit();
            if bytes.is_empty() {
                break;
            }
            let written = match state.is_broken {
                true => Ok(bytes.len()),
                false => self.socket.try_write(bytes, state.connection.ends_after_transmit()),
            };
            match written {
                Ok(n) => {
                    state.is_blocked = n < bytes.len() && n == 0;
                    state.connection.transmitted(n, turn.now);
                    wrote = true;
                }
                // It may take more before the driver knows that this is waited for: so it is asked once more when it does.
                Err(error) if error.kind() == io::ErrorKind::WouldBlock && !has_told => {
                    has_told = true;
                    self.interest.fetch_or(Interest { write: true, ..Interest::default() }.to_bits(), Ordering::SeqCst);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => state.is_blocked = true,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => state.is_broken = true,
            }
        }
        wrote
    }

    /// After every change: the host knows the next deadline, and the driver what to wait for.
    fn settle(self: &Arc<Self>, state: &mut State, turn: &mut Turn<'_>, wakes: bool) {
        state.connection.swap_buffer(&mut turn.room.bytes);
        let due = [state.connection.poll_timeout(), state.exchange.poll_timeout()].into_iter().flatten().min();
        if let Some(due) = due
            && state.look.is_none_or(|look| due < look.at())
        {
            let earlier = state.look.replace(turn.shared.arm_line(due, self));
            earlier.into_iter().for_each(|look| turn.shared.deadlines.disarm(look));
        }
        let interest = state.interest();
        let bits = interest.to_bits();
        if self.interest.load(Ordering::Relaxed) != bits {
            self.interest.store(bits, Ordering::Release);
            if wakes && !self.is_gone.load(Ordering::Acquire) {
                self.socket.wake(interest);
            }
        }
    }

    /// It is time to look at the connection.
    pub(super) fn handle_timeout(self: &Arc<Self>, turn: &mut Turn<'_>) {
        self.enter(turn, true, |state, turn| {
            state.look = None;
            state.connection.handle_timeout(turn.now);
            self.handle_exchange_timeout(state, turn);
        });
    }

    /// The response to a request that waited for a shard.
    pub(super) fn respond(self: &Arc<Self>, turn: &mut Turn<'_>, id: RequestId, response: Response) {
        self.enter(turn, true, |state, turn| self.respond_to(state, turn, id, response));
    }

    /// There is something to be sent on the WebSocket. Whoever holds the lock sends it.
    pub(super) fn send(self: &Arc<Self>, turn: &mut Turn<'_>) {
        self.state.want();
        self.send_if_wanted(turn, true);
    }

    fn send_if_wanted(self: &Arc<Self>, turn: &mut Turn<'_>, wakes: bool) {
        let more = self.state.work(WRITE_ROUNDS, |state| {
            state.is_ready = true;
            if !state.is_blocked {
                state.connection.swap_buffer(&mut turn.room.bytes);
                self.transmit(state, turn);
                self.settle(state, turn, wakes);
            }
        });
        if more {
            turn.push(Work::Send(Waiter::Line(self.clone())));
        }
    }

    /// Sends what the shard has for the WebSocket, until it has no more or the socket takes no more.
    fn transmit(self: &Arc<Self>, state: &mut State, turn: &mut Turn<'_>) {
        let Exchange::WebSocket { key, id, .. } = state.exchange else {
            state.is_ready = false;
            return;
        };
        let shared = turn.shared;
        for _ in 0..WRITE_ROUNDS {
            if !state.connection.transmit().is_empty() && !self.write(state, turn) || state.is_blocked {
                return;
            }
            let mut messages = std::mem::take(&mut turn.room.messages);
            state.is_ready = shared.with(shared.cell(key), turn, |access| {
                let now = access.now;
                access.shard().transmit(key, id, WRITE_BATCH, &mut messages, now)
            });
            state.connection.send(messages.drain(..), turn.now);
            turn.room.messages = messages;
            self.write(state, turn);
            if !state.is_ready {
                return;
            }
        }
        // There is more, after the others' turn.
        turn.push(Work::Send(Waiter::Line(self.clone())));
    }

    /// The session wants its WebSocket closed, after what was sent on it.
    pub(super) fn close(self: &Arc<Self>, turn: &mut Turn<'_>) {
        self.enter(turn, true, |state, turn| {
            // What the shard has left for it is sent first.
            self.transmit(state, turn);
            state.connection.close(turn.now);
        });
    }

    /// The hub has caught up.
    pub(super) fn resume(self: &Arc<Self>, turn: &mut Turn<'_>) {
        self.enter(turn, true, |state, turn| {
            state.is_paused = false;
            self.resume_post(state, turn);
        });
    }

    /// The server is closing.
    pub(super) fn drain(self: &Arc<Self>, turn: &mut Turn<'_>) {
        self.enter(turn, true, |state, turn| state.connection.drain(turn.now));
    }

    /// The server ends.
    pub(super) fn cut(self: &Arc<Self>, turn: &mut Turn<'_>) {
        self.enter(turn, true, |state, turn| state.connection.cut(turn.now));
    }

    /// The connection speaks WebSocket from now on: nobody waits for it to finish its requests.
    pub(super) fn leave_http(&self, state: &mut State, shared: &Shared) {
        shared.limiter.leave_http(&mut state.permit);
    }
}
