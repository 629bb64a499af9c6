//! One TCP connection: HTTP/1.1 requests one after the other, then perhaps a WebSocket.
mod reading;
mod responding;
mod switching;
mod tunnel;

use super::body::RequestBody;
use super::config::HttpConfig;
use super::event::Ticket;
use super::framing::Framing;
use super::output::Output;
use super::received::Received;
use super::refusal::Refusal;
use super::reply::Reply;
use super::response::Shape;
use super::scan::Known;
use super::websocket::WebSocket;
use http::StatusCode;
use sanket::Time;
use sanket::driver::WsEnd;
use std::sync::Arc;

/// One TCP connection without its socket.
///
/// The driver hands in what it reads ([`receive`](Self::receive), [`end_of_stream`](Self::end_of_stream)), writes what
/// [`transmit`](Self::transmit) holds and says so ([`transmitted`](Self::transmitted)), calls
/// [`handle_timeout`](Self::handle_timeout) at [`poll_timeout`](Self::poll_timeout), and obeys
/// [`wants_read`](Self::wants_read), [`wants_shutdown`](Self::wants_shutdown) and [`is_over`](Self::is_over). After each of
/// these calls, and after each response, [`poll`](Self::poll) is called until it returns `None`. `now` counts from the Unix
/// epoch, for the `date` of responses.
///
/// | State | Waits for | Deadline | Then |
/// |-------|-----------|----------|------|
/// | Head | a request's head | `head_timeout`, or idle: `keep_alive_timeout` | Exchange |
/// | Exchange | the response | while the host waits for the body: `body_idle_timeout`, `body_timeout` | Head, Discard, Linger, WebSocket |
/// | Discard | the rest of a body that nobody reads | `linger_timeout` | Head, Linger |
/// | WebSocket | messages | while closing: `close_timeout` | Ending, Linger, Over |
/// | Linger | the client's end of the stream, after the last response | `linger_timeout`; WebSocket: `close_timeout` | Over |
/// | Ending | the output to be written | WebSocket: `close_timeout` | Over |
///
/// Beside these, HTTP output that the client does not take has `write_stall_timeout` in every state. The deadlines of an idle
/// Head, of Discard and of Linger begin when the output is written. How long a response takes to be made is not limited here:
/// a long poll takes long, and whoever answers it knows its deadline.
#[derive(Debug)]
pub struct Connection {
    config: Arc<HttpConfig>,
    state: State,
    received: Received,
    output: Output,
    /// The state's deadline.
    deadline: Time,
    /// When a client that takes nothing of the output has done so for too long.
    stalled: Time,
    /// The peer has ended its direction.
    ended: bool,
    /// The server is closing.
    draining: bool,
    /// Speaks WebSocket, or did.
    upgraded: bool,
    tickets: u64,
    /// Events that are to be told before others.
    gone: Option<Ticket>,
    closed: Option<WsEnd>,
}

#[derive(Debug)]
enum State {
    /// Waits for a request's head. `started`: some of it has come, or it is the first.
    Head {
        started: bool,
        n_parsed: usize,
    },
    /// A request waits for its response.
    Exchange(Exchange),
    /// The response is complete; the rest of the request's body is thrown away, at most so many bytes.
    Discard {
        body: Framing,
        left: u64,
    },
    WebSocket(Box<WebSocket>),
    /// It is the application's, for a protocol of its own.
    Tunnel(Tunnel),
    /// Everything was said. Once it is written, the write direction is shut down, and what comes is thrown away, at most so
    /// many bytes.
    Linger {
        left: u64,
    },
    /// Over once everything is written.
    Ending,
    Over,
}

/// A request under way.
#[derive(Debug)]
struct Exchange {
    ticket: Ticket,
    shape: Shape,
    upgrade: bool,
    body: RequestBody,
    /// The response, if it comes in pieces and has begun.
    reply: Option<Reply>,
    /// What the host is to be told instead of a request.
    refusal: Option<Box<(Refusal, Known)>>,
}

/// Who uses a connection that is the application's, and what for they wait.
#[derive(Debug)]
struct Tunnel {
    ticket: Ticket,
    /// The reader has found nothing.
    awaits_bytes: bool,
    /// The writer has used up the room.
    awaits_room: bool,
}

impl Connection {
    /// A connection that was accepted at `now`.
    #[must_use]
    pub fn new(config: Arc<HttpConfig>, now: Time) -> Self {
        let deadline = now.after(config.head_timeout);
        Self {
            config,
            state: State::Head { started: true, n_parsed: 0 },
            received: Received::default(),
            output: Output::default(),
            deadline,
            stalled: Time::NEVER,
            ended: false,
            draining: false,
            upgraded: false,
            tickets: 0,
            gone: None,
            closed: None,
        }
    }

    /// A connection that is not served, because there are too many: the response to `refusal` is all that is sent on it, and it
    /// is over within the time that the client takes to read that.
    #[must_use]
    pub fn refused(config: Arc<HttpConfig>, refusal: Refusal, now: Time) -> Self {
        let mut connection = Self::new(config, now);
        let shape = Shape { close: true, ..Shape::default() };
        refusal.response().encode(shape, now, connection.output.buffer());
        connection.wrote(now);
        connection.linger(now);
        connection
    }

    /// A connection that another HTTP server has upgraded: it speaks WebSocket from here on. `max_message` is as in
    /// [`switch`](Self::switch), `early` are the bytes that were received behind the request.
    #[must_use]
    pub fn upgraded(config: Arc<HttpConfig>, max_message: usize, early: &[u8], now: Time) -> Self {
        let mut connection = Self::new(config, now);
        connection.received.push(early);
        connection.begin_websocket(max_message);
        connection
    }

    /// Bytes were read from the peer. They are kept even if [`wants_read`](Self::wants_read) says that none should be read.
    pub fn receive(&mut self, bytes: &[u8], now: Time) {
        if bytes.is_empty() || self.ended {
            return;
        }
        match &mut self.state {
            State::Head { started, .. } => {
                if !*started {
                    *started = true;
                    self.deadline = now.after(self.config.head_timeout);
                }
            }
            State::Exchange(exchange) => {
                if exchange.body.received() {
                    self.deadline = Time::NEVER;
                }
            }
            State::Discard { .. } | State::WebSocket(_) | State::Tunnel(_) => {}
            State::Linger { left } => {
                *left = left.saturating_sub(bytes.len() as u64);
                return self.settle(now);
            }
            State::Ending | State::Over => return,
        }
        self.received.push(bytes);
    }

    /// The peer has ended its direction, or the connection broke. While a request waits for its response, this counts as a
    /// client that has gone, though it might only have finished sending (`nc -N` does that): a vanished long poll must be
    /// noticed, the two cannot be told apart, and nginx and Node's engine.io decide the same way.
    pub fn end_of_stream(&mut self, now: Time) {
        self.ended = true;
        if matches!(self.state, State::Linger { .. }) {
            self.end(now);
        }
    }

    /// What is to be written now. Empty: nothing.
    #[must_use]
    pub fn transmit(&self) -> &[u8] {
        self.output.next()
    }

    /// `n` bytes of [`transmit`](Self::transmit) were written.
    pub fn transmitted(&mut self, n: usize, now: Time) {
        if n == 0 || self.output.is_empty() {
            return;
        }
        self.output.consume(n);
        if !self.upgraded {
            self.stalled = Time::NEVER;
        }
        self.wrote(now);
        if self.output.is_empty() {
            if let State::WebSocket(websocket) = &mut self.state {
                websocket.written();
            }
            self.settle(now);
        }
    }

    /// How many bytes were received and are not used yet, and how many wait to be written: what the connection holds, but for
    /// a message of a WebSocket of which a part has come.
    #[must_use]
    pub fn buffered(&self) -> (usize, usize) {
        (self.received.len(), self.output.len())
    }

    /// Whether nothing will follow [`transmit`](Self::transmit) but the end of the write direction, at once: a driver may use
    /// `MSG_MORE`.
    #[must_use]
    pub fn ends_after_transmit(&self) -> bool {
        matches!(self.state, State::Linger { .. } | State::Ending)
    }

    /// Exchanges the output's allocation with `spare`, which is emptied, unless output waits to be written. A driver lends a
    /// buffer this way while it works on a connection, so that idle connections hold no memory.
    pub fn swap_buffer(&mut self, spare: &mut Vec<u8>) {
        self.output.swap(spare);
    }

    /// Whether the driver should read. False: more would have to be kept than is allowed, or nothing can come any more.
    #[must_use]
    pub fn wants_read(&self) -> bool {
        let bounded = self.received.len() < self.config.pipeline_bytes;
        !self.ended
            && match &self.state {
                State::Head { .. } => !self.is_blocked() || bounded,
                State::Exchange(exchange) => exchange.body.is_awaited() || bounded,
                State::Discard { .. } => true,
                State::WebSocket(websocket) => websocket.wants_read(&self.received),
                State::Tunnel(_) => bounded,
                State::Linger { left } => *left > 0,
                State::Ending | State::Over => false,
            }
    }

    /// Whether the write direction is to be shut down, because everything is written; reading goes on until the connection is
    /// over. Stays true.
    #[must_use]
    pub fn wants_shutdown(&self) -> bool {
        self.output.is_empty() && matches!(self.state, State::Linger { .. } | State::Ending | State::Over)
    }

    /// Whether the socket is to be closed.
    #[must_use]
    pub fn is_over(&self) -> bool {
        matches!(self.state, State::Over)
    }

    /// Acts on the deadlines that are due at `now`.
    pub fn handle_timeout(&mut self, now: Time) {
        if self.stalled <= now {
            log::debug!("a client does not take its response");
            self.break_off();
        }
        if self.deadline > now {
            return;
        }
        self.deadline = Time::NEVER;
        match &self.state {
            State::Head { .. } if self.received.is_empty() => self.end(now),
            // It was not looked at, because the client has to take its responses first.
            State::Head { .. } if self.is_blocked() => self.deadline = now.after(self.config.head_timeout),
            State::Head { .. } => {
                self.refuse_head(Refusal::new(StatusCode::REQUEST_TIMEOUT, "the head came too slowly"));
            }
            State::Exchange(_) => {
                self.lose(Refusal::new(StatusCode::REQUEST_TIMEOUT, "the body came too slowly"), now);
            }
            State::Discard { .. } => self.linger(now),
            State::WebSocket(_) | State::Tunnel(_) | State::Linger { .. } | State::Ending => self.break_off(),
            State::Over => {}
        }
    }

    /// The earliest deadline.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Time> {
        Some(self.deadline.min(self.stalled)).filter(|at| *at != Time::NEVER)
    }

    /// The server is closing: an idle connection ends, and responses from now on end the connection. WebSockets are left alone.
    pub fn drain(&mut self, now: Time) {
        self.draining = true;
        self.settle(now);
    }

    /// The server ends: the connection is over now, unless it was switched to WebSocket.
    pub fn cut(&mut self, _now: Time) {
        if !self.upgraded {
            self.break_off();
        }
    }

    /// No request is read before the client has taken what it was sent.
    fn is_blocked(&self) -> bool {
        self.output.len() >= self.config.max_buffered
    }

    /// Output may have been added.
    fn wrote(&mut self, now: Time) {
        if self.stalled == Time::NEVER && !self.upgraded && !self.output.is_empty() {
            self.stalled = now.after(self.config.write_stall_timeout);
        }
    }

    /// Waits for the next request.
    fn await_head(&mut self, now: Time) {
        let started = !self.received.is_empty();
        self.state = State::Head { started, n_parsed: 0 };
        self.deadline = if started { now.after(self.config.head_timeout) } else { Time::NEVER };
        self.settle(now);
    }

    /// Shuts the connection down, but gives the client time to read: to close a socket with unread bytes in it makes the system
    /// send a reset, which may overtake the response.
    fn linger(&mut self, now: Time) {
        self.linger_for(self.config.linger_bytes, now);
    }

    fn linger_for(&mut self, bytes: u64, now: Time) {
        if self.ended {
            return self.end(now);
        }
        self.state = State::Linger { left: bytes.saturating_sub(self.received.len() as u64) };
        self.received.clear();
        self.deadline = Time::NEVER;
        self.settle(now);
    }

    /// Ends the connection once everything is written.
    fn end(&mut self, now: Time) {
        self.state = State::Ending;
        self.received.clear();
        // The other deadline runs for HTTP only.
        self.deadline = if self.upgraded { now.after(self.config.close_timeout) } else { Time::NEVER };
        self.settle(now);
    }

    /// Ends the connection at once.
    fn break_off(&mut self) {
        match std::mem::replace(&mut self.state, State::Over) {
            State::Exchange(exchange) if exchange.refusal.is_none() => self.gone = Some(exchange.ticket),
            State::WebSocket(_) => self.closed = Some(WsEnd::Closed),
            State::Exchange(_) | State::Head { .. } | State::Discard { .. } | State::Linger { .. } => {}
            State::Tunnel(tunnel) => self.gone = Some(tunnel.ticket),
            State::Ending | State::Over => {}
        }
        self.received.clear();
        self.output.clear();
        (self.deadline, self.stalled) = (Time::NEVER, Time::NEVER);
    }

    /// Does what has to wait until everything is written. The deadlines of idle connections begin here.
    fn settle(&mut self, now: Time) {
        if !self.output.is_empty() {
            return;
        }
        match &self.state {
            State::Head { .. } if self.draining && self.received.is_empty() => self.break_off(),
            State::Head { started: false, .. } => self.deadline = now.after(self.config.keep_alive_timeout),
            State::Discard { .. } if self.deadline == Time::NEVER => {
                self.deadline = now.after(self.config.linger_timeout);
            }
            State::Linger { left: 0 } | State::Ending => self.break_off(),
            State::Linger { .. } if self.deadline == Time::NEVER => {
                self.deadline = now.after(self.config.linger_timeout);
            }
            State::Head { .. } | State::Exchange(_) | State::WebSocket(_) | State::Tunnel(_) | State::Over => {}
            State::Discard { .. } | State::Linger { .. } => {}
        }
    }
}
