//! The receiving half of one connection, shared by the task that owns it and by the request body that an endpoint reads.
//! At any time only one of them reads the socket: the endpoint while there is body left, the task otherwise. Refuses to know
//! heads and responses.
use super::config::FrontConfig;
use super::framing::{Framing, Step};
use super::received::Received;
use super::refusal::Refusal;
use super::stream::Stream;
use crate::workers::sleep;
use futures_lite::{AsyncRead, AsyncWrite};
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker, ready};
use std::time::Instant;
use tide::http::StatusCode;

const CONTINUE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";

/// Why a request cannot be brought to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Loss {
    /// The client went.
    Gone,
    /// The client sent what cannot be accepted, or nothing for too long.
    Refused(Refusal),
}

impl From<Loss> for io::Error {
    fn from(loss: Loss) -> Self {
        match loss {
            Loss::Gone => io::ErrorKind::ConnectionAborted.into(),
            Loss::Refused(refusal) => Self::new(io::ErrorKind::InvalidData, refusal.message),
        }
    }
}

pub(super) type Shared = Arc<Mutex<Inbound>>;

/// Nothing in here is left half-done by a panic, so a poisoned lock is as good as another.
pub(super) fn lock(shared: &Mutex<Inbound>) -> MutexGuard<'_, Inbound> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

pub(super) struct Inbound {
    stream: Stream,
    config: Arc<FrontConfig>,
    pub(super) received: Received,
    /// What is left of the current request's body.
    framing: Framing,
    /// Counts requests: a body that outlives its request must not read the next one's bytes.
    turn: u64,
    /// The endpoint dropped the body.
    abandoned: bool,
    loss: Option<Loss>,
    /// What of `100 Continue` is still to be sent before the client can be expected to send the body.
    to_continue: &'static [u8],
    /// The client waits to be asked and nobody asked yet: whether it will ever send the body is open.
    unasked: bool,
    body_bytes: u64,
    turn_started: Instant,
    /// Runs while the client is what the reader waits for.
    stall: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
    /// The task that owns the connection, waiting for the body to be read.
    owner: Option<Waker>,
}

impl Inbound {
    pub(super) fn new(stream: Stream, config: Arc<FrontConfig>) -> Self {
        Self {
            stream,
            config,
            received: Received::default(),
            framing: Framing::End,
            turn: 0,
            abandoned: false,
            loss: None,
            to_continue: &[],
            unasked: false,
            body_bytes: 0,
            turn_started: Instant::now(),
            stall: None,
            owner: None,
        }
    }

    /// Starts a request: what is received from here on is its body, and whether some has been already. Returns the body's ticket
    /// for [`poll_body`](Self::poll_body).
    pub(super) fn begin(&mut self, framing: Framing, expects_continue: bool, some: bool) -> u64 {
        self.framing = framing;
        self.abandoned = false;
        self.body_bytes = 0;
        self.turn_started = Instant::now();
        // A client that sent some of the body already does not wait to be asked.
        let ask = expects_continue && framing != Framing::End && !some;
        self.to_continue = if ask { CONTINUE } else { &[] };
        self.unasked = ask;
        self.new_turn()
    }

    fn new_turn(&mut self) -> u64 {
        self.turn += 1;
        self.stall = None;
        self.turn
    }

    /// Takes the body away from whoever holds it still. Returns a ticket for the rest of it, or `None` if there is no point
    /// in waiting for that.
    pub(super) fn end(&mut self) -> Option<u64> {
        let ticket = self.new_turn();
        self.abandoned = true;
        (self.loss.is_none() && !self.is_not_worth_draining()).then_some(ticket)
    }

    pub(super) fn body_ended(&self) -> bool {
        self.framing == Framing::End
    }

    pub(super) fn loss(&self) -> Option<Loss> {
        self.loss
    }

    /// Whether the connection is better closed than drained: nobody will read the rest of the body, and it is long or may
    /// never come.
    pub(super) fn is_not_worth_draining(&self) -> bool {
        let too_long = matches!(self.framing, Framing::Length(left) if left > self.config.linger_bytes);
        !self.body_ended() && self.abandoned && (too_long || self.unasked)
    }

    /// The final response is on its way: to ask for the body behind it would be an answer too many. Returns what must be
    /// sent first, the rest of a `100 Continue` that was cut in half.
    pub(super) fn response_starts(&mut self) -> &'static [u8] {
        let rest = std::mem::take(&mut self.to_continue);
        if self.unasked { &[] } else { rest }
    }

    pub(super) fn abandon(&mut self, ticket: u64) {
        if ticket == self.turn {
            self.abandoned = true;
            self.wake_owner();
        }
    }

    fn wake_owner(&mut self) {
        if let Some(owner) = self.owner.take() {
            owner.wake();
        }
    }

    fn lose(&mut self, loss: Loss) -> io::Error {
        self.loss = Some(loss);
        self.wake_owner();
        loss.into()
    }

    fn refuse(&mut self, status: StatusCode, message: &'static str) -> io::Error {
        self.lose(Loss::Refused(Refusal::new(status, message)))
    }

    /// Content of the body; 0 is its end.
    pub(super) fn poll_body(&mut self, ticket: u64, cx: &mut Context<'_>, out: &mut [u8]) -> Poll<io::Result<usize>> {
        if ticket != self.turn {
            return Poll::Ready(Err(io::Error::new(io::ErrorKind::BrokenPipe, "the request is over")));
        }
        if let Some(loss) = self.loss {
            return Poll::Ready(Err(loss.into()));
        }
        if out.is_empty() {
            return Poll::Ready(Ok(0));
        }
        loop {
            match self.framing.step(&mut self.received, out) {
                Ok(Step::Data(n)) => return Poll::Ready(self.count(n)),
                Ok(Step::End) => {
                    self.wake_owner();
                    return Poll::Ready(Ok(0));
                }
                Ok(Step::More) => {}
                Err(refusal) => return Poll::Ready(Err(self.lose(Loss::Refused(refusal)))),
            }
            // Long bodies go straight to the reader's memory.
            let received = match (self.poll_continue(cx), self.framing) {
                (Poll::Pending, _) => Poll::Pending,
                (Poll::Ready(Err(error)), _) => Poll::Ready(Err(error)),
                (_, Framing::Length(left)) => {
                    let room = out.len().min(usize::try_from(left).unwrap_or(usize::MAX));
                    Pin::new(&mut &self.stream).poll_read(cx, &mut out[..room])
                }
                _ => self.received.poll_fill(&self.stream, cx, usize::MAX),
            };
            match received {
                Poll::Ready(Ok(0) | Err(_)) => return Poll::Ready(Err(self.lose(Loss::Gone))),
                Poll::Ready(Ok(n)) => {
                    self.stall = None;
                    if matches!(self.framing, Framing::Length(_)) {
                        self.framing.advance(n);
                        return Poll::Ready(self.count(n));
                    }
                }
                Poll::Pending => {
                    ready!(self.poll_stall(cx));
                    return Poll::Ready(Err(self.refuse(StatusCode::RequestTimeout, "the body came too slowly")));
                }
            }
        }
    }

    fn count(&mut self, n: usize) -> io::Result<usize> {
        self.body_bytes += n as u64;
        if self.body_bytes > self.config.max_body {
            return Err(self.refuse(StatusCode::PayloadTooLarge, "the body is too long"));
        }
        if self.body_ended() {
            self.wake_owner();
        }
        Ok(n)
    }

    fn poll_continue(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.to_continue.is_empty() {
            let n = ready!(Pin::new(&mut &self.stream).poll_write(cx, self.to_continue))?;
            self.to_continue = &self.to_continue[n..];
            self.unasked = false;
        }
        Poll::Ready(Ok(()))
    }

    /// Ready when the client kept the reader waiting for too long.
    fn poll_stall(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let left = self.config.body_timeout.saturating_sub(self.turn_started.elapsed());
        let patience = self.config.body_idle_timeout.min(left);
        let stall = self.stall.get_or_insert_with(|| Box::pin(sleep(patience)));
        stall.as_mut().poll(cx)
    }

    /// More of the next head; 0 is the end of the stream.
    pub(super) fn poll_receive(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        self.received.poll_fill(&self.stream, cx, usize::MAX)
    }

    /// What the owner does while the application thinks: ready only if there is no point in waiting any longer.
    ///
    /// The end of the stream counts as a client that went, though it might only have finished sending (`nc -N` does that). A
    /// vanished long-poll must be noticed, the two cannot be told apart, and nginx and Node's engine.io decide the same way.
    pub(super) fn poll_watch(&mut self, cx: &mut Context<'_>) -> Poll<Loss> {
        if let Some(loss) = self.loss {
            return Poll::Ready(loss);
        }
        if !self.body_ended() && !self.abandoned {
            self.owner = Some(cx.waker().clone());
            return Poll::Pending;
        }
        loop {
            let room = self.config.pipeline_bytes.saturating_sub(self.received.unread().len());
            if room == 0 {
                return Poll::Pending;
            }
            match ready!(self.received.poll_fill(&self.stream, cx, room)) {
                Ok(0) | Err(_) => return Poll::Ready(Loss::Gone),
                Ok(_) => {}
            }
        }
    }
}
