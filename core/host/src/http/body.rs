//! The body of the current request as it is read: how much of it came, what is waited for, and until when.
use super::config::HttpConfig;
use super::framing::{Framing, Step};
use super::received::Received;
use super::refusal::Refusal;
use http::StatusCode;
use sanket::Time;

/// What is said to a body that is longer than allowed.
pub(super) const BODY_TOO_LONG: Refusal = Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, "the body is too long");

/// What [`Connection::read_body`](super::Connection::read_body) found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Body {
    /// So many bytes were appended; there may be more.
    Data(usize),
    /// Nothing has come; an [`Event::Body`](super::Event::Body) follows when something has.
    More,
    /// The body is complete.
    End,
    /// The rest will never come, or must not be read: the ticket is stale, the client has gone, or the body was refused.
    Gone,
}

/// The state of one request's body.
#[derive(Debug)]
pub(super) struct RequestBody {
    framing: Framing,
    /// The client waits for `100 Continue`, and was not asked for the body: whether it will ever send it is open.
    unasked: bool,
    /// Content that was read, in bytes.
    read: u64,
    started: Time,
    /// The reader has found nothing and waits.
    waited_for: bool,
    /// Bytes have come since.
    came: bool,
}

impl RequestBody {
    /// The body of a request whose head ended at `now`. `some`: bytes of it are there.
    pub(super) fn new(framing: Framing, expects_continue: bool, some: bool, now: Time) -> Self {
        // A client that sent some of the body does not wait to be asked.
        let unasked = expects_continue && framing != Framing::End && !some;
        Self { framing, unasked, read: 0, started: now, waited_for: false, came: false }
    }

    pub(super) fn has_ended(&self) -> bool {
        self.framing == Framing::End
    }

    /// How the rest is framed.
    pub(super) fn framing(&self) -> Framing {
        self.framing
    }

    /// Whether the connection is better closed than kept if nobody reads the rest: that is long, or may never come.
    pub(super) fn is_not_worth_draining(&self, config: &HttpConfig) -> bool {
        self.unasked || matches!(self.framing, Framing::Length(left) if left > config.linger_bytes)
    }

    /// Bytes have come. Returns whether the reader waited for them.
    pub(super) fn received(&mut self) -> bool {
        self.unasked = false;
        self.came |= self.waited_for;
        self.waited_for
    }

    /// Whether the reader waits, and nothing has come since.
    pub(super) fn is_awaited(&self) -> bool {
        self.waited_for && !self.came
    }

    /// Once after each wait that is over: whether it is.
    pub(super) fn take_wake(&mut self) -> bool {
        let wake = self.waited_for && self.came;
        if wake {
            (self.waited_for, self.came) = (false, false);
        }
        wake
    }

    /// Whether the client is to be asked for the body, which is then taken to be done.
    pub(super) fn take_unasked(&mut self) -> bool {
        std::mem::take(&mut self.unasked)
    }

    /// Until when the reader waits: the shorter of the two deadlines.
    pub(super) fn deadline(&self, config: &HttpConfig, now: Time) -> Time {
        now.after(config.body_idle_timeout).min(self.started.after(config.body_timeout))
    }

    /// Appends at most `max` bytes of content.
    pub(super) fn read(
        &mut self,
        received: &mut Received,
        into: &mut Vec<u8>,
        max: usize,
        config: &HttpConfig,
    ) -> Result<Body, Refusal> {
        let start = into.len();
        while into.len() - start < max && self.read <= config.max_body {
            // One byte more than is allowed is one too many, and not handed over.
            let allowed = usize::try_from((config.max_body - self.read).saturating_add(1)).unwrap_or(usize::MAX);
            let room = allowed.min(max - (into.len() - start));
            match self.framing.step(received, room, &mut |data| into.extend_from_slice(data)) {
                Ok(Step::Data(n)) => {
                    self.read += n as u64;
                    if self.read > config.max_body {
                        into.pop();
                    }
                }
                // What has come before is handed over first; the next step tells the same.
                Ok(Step::End | Step::More) | Err(_) if into.len() > start => break,
                Ok(Step::End) => return Ok(Body::End),
                Ok(Step::More) => {
                    (self.waited_for, self.came) = (true, false);
                    return Ok(Body::More);
                }
                Err(refusal) => return Err(refusal),
            }
        }
        if self.read > config.max_body && into.len() == start {
            return Err(BODY_TOO_LONG);
        }
        Ok(Body::Data(into.len() - start))
    }
}
