//! A simulated TCP stream: what is under way in both directions, and the server's socket.

use crate::bytes::responses::Answer;
use sanket::Time;
use sanket_host::host::{Interest, Line, Socket};
use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Bytes that may be on their way to a client, in its system or the server's: so few that servers have to wait for it.
const WINDOW: usize = 512;

/// Connections that something has happened to on the server's side.
pub(super) type Dirty = Arc<Mutex<Vec<u32>>>;

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The server's socket.
#[derive(Debug)]
pub(super) struct Wire {
    /// The number of the stream.
    number: u32,
    dirty: Dirty,
    inside: Mutex<Inside>,
}

#[derive(Debug, Default)]
struct Inside {
    /// What was written and is not under way.
    written: Vec<u8>,
    /// Bytes that were written and that the client has not got.
    flying: usize,
    /// A write would have blocked.
    full: bool,
    broken: bool,
    shut: bool,
    is_dirty: bool,
    /// Decides how much is taken of a write.
    chance: u32,
}

impl Wire {
    pub(super) fn new(number: u32, chance: u32, dirty: Dirty) -> Self {
        Self { number, dirty, inside: Mutex::new(Inside { chance, ..Inside::default() }) }
    }

    /// What was written.
    pub(super) fn take_written(&self) -> Vec<u8> {
        let mut inside = lock(&self.inside);
        inside.is_dirty = false;
        std::mem::take(&mut inside.written)
    }

    /// The client has got so many bytes. Returns whether the socket, which was full, can be written to again.
    pub(super) fn arrived(&self, n: usize) -> bool {
        let mut inside = lock(&self.inside);
        inside.flying -= n;
        inside.flying < WINDOW / 2 && std::mem::take(&mut inside.full)
    }

    /// The connection was reset: writing fails.
    pub(super) fn reset(&self) {
        lock(&self.inside).broken = true;
    }

    /// The write direction is shut down.
    pub(super) fn shut(&self) {
        lock(&self.inside).shut = true;
    }

    fn touch(&self, inside: &mut Inside) {
        if !std::mem::replace(&mut inside.is_dirty, true) {
            lock(&self.dirty).push(self.number);
        }
    }
}

impl Socket for Wire {
    fn try_write(&self, bytes: &[u8], _: bool) -> io::Result<usize> {
        let mut inside = lock(&self.inside);
        assert!(!inside.shut, "written behind the end");
        if inside.broken {
            return Err(io::ErrorKind::ConnectionReset.into());
        }
        let room = WINDOW.saturating_sub(inside.flying).min(bytes.len());
        if room == 0 {
            inside.full = true;
            return Err(io::ErrorKind::WouldBlock.into());
        }
        inside.chance = inside.chance.wrapping_mul(0x9e37_79b1).wrapping_add(1).rotate_left(15);
        // Now and then a part is taken.
        let n = if inside.chance.is_multiple_of(16) { room.div_ceil(2) } else { room };
        inside.written.extend(&bytes[..n]);
        inside.flying += n;
        self.touch(&mut inside);
        Ok(n)
    }

    fn wake(&self, _: Interest) {
        self.touch(&mut lock(&self.inside));
    }
}

/// What a stream is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// Handshakes and polls.
    Get,
    Post,
    WebSocket,
}

/// What is under way to the server.
#[derive(Debug)]
pub(super) enum Up {
    Bytes(Vec<u8>),
    End,
}

#[derive(Debug)]
pub(super) struct Stream {
    /// Nothing once the server has closed it.
    pub(super) line: Option<Line>,
    pub(super) wire: Arc<Wire>,
    /// Tells it from others that have had its number.
    pub(super) serial: u32,
    pub(super) who: u32,
    pub(super) role: Role,
    /// Under way to the server, with the times of arrival, which do not step back.
    pub(super) up: VecDeque<(Time, Up)>,
    pub(super) up_last: Time,
    /// Under way to the client.
    pub(super) down: VecDeque<(Time, Vec<u8>)>,
    pub(super) down_last: Time,
    /// The end of the server's direction is under way.
    pub(super) ends: bool,
    /// The client has got the end.
    pub(super) has_ended: bool,
    /// The client has no more to do with it.
    pub(super) left: bool,
    /// Nothing comes through in either direction any more.
    pub(super) silent: bool,
    /// The client has ended its direction, and reads on.
    pub(super) is_half: bool,
    /// What the client has got, and could not use yet.
    pub(super) inbox: Vec<u8>,
    /// The request that is waited for.
    pub(super) request: Option<Box<[u8]>>,
    /// The 101 has come.
    pub(super) switched: bool,
}

impl Stream {
    pub(super) fn new(line: Option<Line>, wire: Arc<Wire>, serial: u32, who: u32, role: Role, now: Time) -> Self {
        Self {
            line,
            wire,
            serial,
            who,
            role,
            up: VecDeque::new(),
            up_last: now,
            down: VecDeque::new(),
            down_last: now,
            ends: false,
            has_ended: false,
            left: false,
            silent: false,
            is_half: false,
            inbox: Vec::new(),
            request: None,
            switched: false,
        }
    }

    /// What has arrived at the server by `now`, in one piece: what comes close together is read at once.
    pub(super) fn take_up(&mut self, now: Time) -> (Vec<u8>, bool) {
        let mut bytes = Vec::new();
        while self.has_up(now) {
            let Some((_, up)) = self.up.pop_front() else { break };
            match up {
                Up::Bytes(more) if bytes.is_empty() => bytes = more,
                Up::Bytes(more) => bytes.extend(more),
                Up::End => return (bytes, true),
            }
        }
        (bytes, false)
    }

    /// Whether something has arrived that the server has not read.
    pub(super) fn has_up(&self, now: Time) -> bool {
        self.up.front().is_some_and(|(at, _)| *at <= now)
    }
}

/// A whole answer at the start of what a client has got, which is removed.
pub(super) fn take_answer(inbox: &mut Vec<u8>) -> Option<Answer> {
    let (answer, length) = crate::bytes::responses::read_answer(inbox, false).filter(|(answer, _)| answer.is_whole)?;
    inbox.drain(..length);
    if inbox.is_empty() {
        *inbox = Vec::new();
    }
    Some(answer)
}
