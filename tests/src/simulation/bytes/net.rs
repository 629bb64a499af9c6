//! The network between clients and the host: streams that delay, split and merge what is sent, end, break, and fall silent; and
//! the driver, which obeys the host.

use super::super::agenda::Agenda;
use super::super::run::LATENCY;
use super::super::talk::Talk;
use super::stream::{Dirty, Role, Stream, Up, Wire, lock};
use sanket::Time;
use sanket_host::host::{Driver, Host, Setup};
use sanket_host::request::Peer;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Something that is going to happen. What concerns a stream has its number in place of somebody's.
#[derive(Debug)]
pub(super) enum Event {
    /// Somebody opens a session.
    Arrive,
    /// An EIO=3 client's heart beats.
    Beat,
    /// Somebody's connections are cut.
    Cut,
    /// Something arrives at the server.
    Up,
    /// Something arrives at the client.
    Down,
    /// The end of the server's direction arrives at the client.
    End,
}

/// What a client's system tells the client.
#[derive(Debug)]
pub(super) enum News {
    Bytes(Vec<u8>),
    End,
}

/// How a connection is cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum How {
    /// The client closes its socket: the end arrives behind all that it has sent.
    Close,
    /// What is under way is lost, and the server hears of it.
    Reset,
    /// What is under way is lost, and the server hears of nothing.
    Silence,
}

#[derive(Debug)]
struct Clock(Arc<AtomicU64>);

impl Driver for Clock {
    fn now(&self) -> Time {
        Time::from_millis(self.0.load(Ordering::Relaxed))
    }

    fn wake(&self) {}
}

#[derive(Debug)]
pub(super) struct Net {
    pub(super) host: Host<Talk>,
    pub(super) agenda: Agenda<Event>,
    pub(super) rng: fastrand::Rng,
    pub(super) now: Time,
    clock: Arc<AtomicU64>,
    streams: Vec<Option<Stream>>,
    free: Vec<u32>,
    serial: u32,
    dirty: Dirty,
    /// Streams that the driver has to look at.
    touched: Vec<u32>,
    /// Bytes that came to clients.
    pub(super) bytes: u64,
    /// All bytes that came to clients, as one number.
    pub(super) trace: u64,
}

impl Net {
    pub(super) fn new(setup: Setup, seed: u64, now: Time) -> Self {
        let clock = Arc::new(AtomicU64::new(now.as_millis()));
        Self {
            host: Host::new(Talk::default(), setup, Clock(clock.clone())),
            agenda: Agenda::default(),
            rng: fastrand::Rng::with_seed(seed),
            now,
            clock,
            streams: Vec::new(),
            free: Vec::new(),
            serial: 0,
            dirty: Dirty::default(),
            touched: Vec::new(),
            bytes: 0,
            trace: 0,
        }
    }

    pub(super) fn set(&mut self, now: Time) {
        self.now = now;
        self.clock.store(now.as_millis(), Ordering::Relaxed);
    }

    /// When something happens next.
    pub(super) fn next(&self) -> Time {
        self.host.poll_timeout().unwrap_or(Time::NEVER).min(self.agenda.next().unwrap_or(Time::NEVER))
    }

    pub(super) fn stream(&mut self, number: u32) -> Option<&mut Stream> {
        self.streams.get_mut(number as usize)?.as_mut()
    }

    /// How many streams there are.
    pub(super) fn len(&self) -> usize {
        self.streams.len() - self.free.len()
    }

    /// Somebody connects.
    pub(super) fn connect(&mut self, who: u32, role: Role) -> u32 {
        let number = self.free.pop().unwrap_or_else(|| {
            self.streams.push(None);
            u32::try_from(self.streams.len() - 1).unwrap_or(u32::MAX)
        });
        self.serial = self.serial.wrapping_add(1);
        let wire = Arc::new(Wire::new(number, self.rng.u32(..), self.dirty.clone()));
        let line = self.host.accept(Peer::default(), wire.clone());
        assert!(line.is_some(), "there is room for everybody");
        self.streams[number as usize] = Some(Stream::new(line, wire, self.serial, who, role, self.now));
        number
    }

    fn latency(&mut self) -> Time {
        let late = if self.rng.u8(0..64) == 0 { 500 } else { 0 };
        self.now.after(late + self.rng.u64(LATENCY.0..LATENCY.1))
    }

    fn plan(&mut self, number: u32, at: Time, event: Event) {
        if let Some(stream) = self.stream(number) {
            let serial = stream.serial;
            self.agenda.plan(at, number, serial, event);
        }
    }

    /// Cuts bytes as networks do, mostly not at all.
    fn pieces(&mut self, mut bytes: Vec<u8>) -> Vec<Vec<u8>> {
        let mut pieces = Vec::new();
        while bytes.len() > 1 && self.rng.u8(0..8) == 0 {
            let rest = bytes.split_off(self.rng.usize(1..bytes.len()));
            pieces.push(std::mem::replace(&mut bytes, rest));
        }
        pieces.push(bytes);
        pieces
    }

    /// A client sends bytes.
    pub(super) fn send(&mut self, number: u32, bytes: Vec<u8>) {
        for piece in self.pieces(bytes) {
            self.up(number, Up::Bytes(piece));
        }
    }

    fn up(&mut self, number: u32, up: Up) {
        let at = self.latency();
        let Some(stream) = self.stream(number).filter(|stream| !stream.silent && !stream.left) else { return };
        let at = at.max(stream.up_last);
        stream.up_last = at;
        stream.up.push_back((at, up));
        self.plan(number, at, Event::Up);
    }

    /// A client ends its direction, and reads on.
    pub(super) fn half_close(&mut self, number: u32) {
        self.up(number, Up::End);
        if let Some(stream) = self.stream(number) {
            stream.is_half = true;
        }
    }

    /// A client has no more to do with a stream.
    pub(super) fn leave(&mut self, number: u32, how: How) {
        if how == How::Close {
            self.up(number, Up::End);
        }
        let Some(stream) = self.stream(number) else { return };
        stream.left = true;
        (stream.inbox, stream.request) = (Vec::new(), None);
        let flying: usize = stream.down.drain(..).map(|(_, bytes)| bytes.len()).sum();
        match how {
            How::Close => drop(stream.wire.arrived(flying)),
            How::Silence => {
                stream.silent = true;
                stream.up.clear();
            }
            How::Reset => {
                stream.wire.reset();
                stream.up.clear();
                let line = stream.line.take();
                if let Some(line) = &line {
                    self.host.turn().end_of_stream(line);
                }
                if let Some(stream) = self.stream(number) {
                    stream.line = line;
                }
            }
        }
        self.touched.push(number);
        self.settle();
    }

    /// Everything that arrives at the server at this moment, in one turn.
    pub(super) fn arrive(&mut self, numbers: &[(u32, u32)]) {
        let mut turn = self.host.turn();
        for &(number, serial) in numbers {
            let Some(stream) = self.streams[number as usize].as_mut().filter(|stream| stream.serial == serial) else {
                continue;
            };
            self.touched.push(number);
            if !stream.line.as_ref().is_some_and(|line| line.interest().read) {
                // It stays in the socket.
                continue;
            }
            let (bytes, ends) = stream.take_up(self.now);
            let Some(line) = &stream.line else { continue };
            if !bytes.is_empty() {
                turn.receive(line, &bytes);
            }
            if ends {
                turn.end_of_stream(line);
            }
        }
        turn.finish();
        self.settle();
    }

    /// What a client's system tells the client now.
    pub(super) fn take_down(&mut self, number: u32, event: &Event) -> Option<News> {
        let now = self.now;
        let stream = self.stream(number)?;
        if stream.left {
            return None;
        }
        if let Event::End = event {
            return (!std::mem::replace(&mut stream.has_ended, true)).then_some(News::End);
        }
        stream.down.front().filter(|(at, _)| *at <= now)?;
        let (_, bytes) = stream.down.pop_front()?;
        if stream.wire.arrived(bytes.len())
            && let Some(line) = &self.streams[number as usize].as_ref()?.line
        {
            self.host.turn().writable(line);
            self.touched.push(number);
        }
        self.bytes += bytes.len() as u64;
        let hash = bytes.iter().fold(self.trace ^ now.as_millis() ^ u64::from(number) << 40, |hash, byte| {
            (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
        });
        self.trace = hash.rotate_left(7);
        Some(News::Bytes(bytes))
    }

    /// The host does what is due, and what it has written gets under way.
    pub(super) fn settle(&mut self) {
        for _ in 0..10_000 {
            if self.host.poll_timeout().is_some_and(|at| at <= self.now) {
                self.host.handle_timeout();
            }
            let mut numbers = std::mem::take(&mut self.touched);
            numbers.append(&mut lock(&self.dirty));
            if numbers.is_empty() {
                return;
            }
            numbers.sort_unstable();
            numbers.dedup();
            for number in numbers {
                self.look(number);
            }
        }
        panic!("the host does not come to rest");
    }

    /// Looks at a stream on the server's side.
    fn look(&mut self, number: u32) {
        let now = self.now;
        let Some(stream) = self.stream(number) else { return };
        let written = stream.wire.take_written();
        if !written.is_empty() {
            if stream.silent {
                // Nobody takes it, and the socket fills up.
            } else if stream.left {
                if stream.wire.arrived(written.len())
                    && let Some(line) = &self.streams[number as usize].as_ref().and_then(|stream| stream.line.as_ref())
                {
                    self.host.turn().writable(line);
                    self.touched.push(number);
                }
            } else {
                for piece in self.pieces(written) {
                    let at = self.latency();
                    let Some(stream) = self.stream(number) else { return };
                    let at = at.max(stream.down_last);
                    stream.down_last = at;
                    stream.down.push_back((at, piece));
                    self.plan(number, at, Event::Down);
                }
            }
        }
        let Some(stream) = self.stream(number) else { return };
        let interest = stream.line.as_ref().map(sanket_host::host::Line::interest).unwrap_or_default();
        if interest.shutdown {
            stream.wire.shut();
        }
        if (interest.shutdown || stream.line.is_none()) && !stream.ends {
            stream.ends = true;
            let at = stream.down_last.max(now.after(1));
            self.plan(number, at, Event::End);
        }
        let Some(stream) = self.stream(number) else { return };
        if interest.over {
            stream.line = None;
            self.touched.push(number);
        } else if stream.line.is_none() {
            if stream.left || stream.has_ended {
                self.streams[number as usize] = None;
                self.free.push(number);
            }
        } else if interest.read && stream.has_up(now) {
            let serial = stream.serial;
            self.agenda.plan(now, number, serial, Event::Up);
        }
    }

    /// Has the driver look at a stream.
    pub(super) fn touch(&mut self, number: u32) {
        self.touched.push(number);
    }
}
