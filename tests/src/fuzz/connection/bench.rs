//! The driver of one connection and the client at its other end: hands over bytes, takes output, lets time pass; and holds the
//! connection to what it promises at every step.

use super::app::{App, Heard};
use crate::bytes::requests;
use crate::bytes::responses::{self, Written};
use crate::bytes::tape::{Cut, Item, Tape, millis};
use crate::bytes::{frames, requests::Asked};
use bytes::Bytes;
use sanket::Time;
use sanket::driver::WsEnd;
use sanket_host::http::{Connection, Event, HttpConfig, Message};
use std::sync::Arc;

/// Longest messages; what is beyond is a violation.
const MAX_MESSAGE: usize = 2_000;
/// Bytes beyond the limits that a connection may hold: what is read at once, heads of responses, pongs.
const SLACK: usize = Cut::READ + (32 << 10);

/// What was seen of a connection, as far as it must not depend on how bytes were cut.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Seen {
    heard: Vec<(Heard, Vec<u8>, bool)>,
    refused: Vec<u16>,
    gone: usize,
    messages: Vec<(bool, Bytes)>,
    end: Option<WsEnd>,
    written: Written,
    at: Time,
}

#[derive(Debug)]
pub(super) struct Bench {
    connection: Connection,
    config: HttpConfig,
    app: App,
    now: Time,
    cut: Cut,
    /// All that the client has sent, and how much of it the connection has got.
    sent: Vec<u8>,
    received: usize,
    /// The client has ended its direction.
    ended: bool,
    told_of_end: bool,
    forces: bool,
    /// The client takes what is written at once.
    takes: bool,
    /// What the client has taken.
    taken: Vec<u8>,
    /// Output was dropped: the client has not got all.
    lost: bool,
    /// Bytes were held back, so that what is seen depends on when they were read.
    held: bool,
    upgraded: bool,
    draining: bool,
    /// Time has passed, or somebody has ended something.
    hurried: bool,
    shut: bool,
    messages: Vec<(bool, Bytes)>,
    refused: Vec<u16>,
    gone: usize,
    end: Option<WsEnd>,
}

fn small() -> HttpConfig {
    HttpConfig {
        max_head: 300,
        max_headers: 6,
        head_timeout: 500,
        keep_alive_timeout: 700,
        max_body: 300,
        body_idle_timeout: 100,
        body_timeout: 300,
        pipeline_bytes: 200,
        write_stall_timeout: 200,
        linger_bytes: 100,
        linger_timeout: 50,
        max_buffered: 400,
        close_timeout: 80,
        ..HttpConfig::default()
    }
}

impl Bench {
    /// Plays a tape to its end, and the connection to its own. Nothing, if what was seen depends on how the bytes were cut, and
    /// may.
    pub(super) fn play(flags: &[u8], mut tape: Tape<'_>, cut: Cut) -> Option<Seen> {
        let has = |flag| flags.contains(&flag);
        let config = if has(b't') { small() } else { HttpConfig::default() };
        let now = Time::from_millis(1_700_000_000_000);
        let mut app = App::default();
        let connection = if has(b'u') {
            app.is_switched = true;
            Connection::upgraded(Arc::new(config.clone()), MAX_MESSAGE, b"", now)
        } else {
            Connection::new(Arc::new(config.clone()), now)
        };
        let mut bench = Self {
            connection,
            config,
            app,
            now,
            cut,
            sent: Vec::new(),
            received: 0,
            ended: false,
            told_of_end: false,
            forces: has(b'f'),
            takes: !has(b's'),
            taken: Vec::new(),
            lost: false,
            held: false,
            upgraded: has(b'u'),
            draining: false,
            hurried: false,
            shut: false,
            messages: Vec::new(),
            refused: Vec::new(),
            gone: 0,
            end: None,
        };
        while let Some(item) = tape.next(&|_| None) {
            match item {
                Item::Bytes(bytes) if !bench.ended => bench.sent.extend(bytes),
                Item::Bytes(_) => {}
                Item::Do(name, argument) => bench.command(name, argument),
            }
            bench.turn();
        }
        bench.check_nothing_is_overlooked();
        bench.finish(has(b'v'))
    }

    fn command(&mut self, name: u8, argument: u8) {
        let now = self.now;
        self.hurried |= b"EdTRQX".contains(&name) || name == b'r' && argument % 14 == 8;
        match name {
            b'r' => self.app.command(&mut self.connection, argument, now),
            b'W' => drop(self.take(usize::MAX)),
            b'k' => drop(self.take(1 + usize::from(argument) * 16)),
            b'd' => self.pass(millis(argument)),
            b'T' => {
                let next =
                    self.connection.poll_timeout().map_or(0, |at| at.as_millis().saturating_sub(now.as_millis()));
                self.pass(next);
            }
            b'E' => self.ended = true,
            // A reset: what is on its way is lost.
            b'R' => {
                (self.ended, self.told_of_end, self.held, self.lost) = (true, true, true, true);
                self.connection.end_of_stream(now);
            }
            b'Q' => {
                self.draining = true;
                self.connection.drain(now);
            }
            b'X' => {
                self.lost |= self.connection.buffered().1 > 0;
                let websocket = self.connection.is_upgraded();
                self.connection.cut(now);
                assert!(websocket || self.connection.is_over(), "not cut");
            }
            b'C' => {
                self.app.is_closing |= self.app.is_switched;
                self.connection.close(now);
            }
            b'm' => {
                let length = usize::from(argument) * [1, 13, 14, 500][usize::from(argument) % 4];
                self.app.send(&mut self.connection, length, now);
            }
            b'w' => self.takes = argument % 2 == 1,
            _ => {}
        }
    }

    /// Does what can be done without waiting.
    fn turn(&mut self) {
        for _ in 0..1_000_000 {
            self.poll();
            let took = self.takes && self.take(usize::MAX);
            if !self.read() && !took {
                self.held |= self.received < self.sent.len() && !self.connection.wants_shutdown();
                self.check();
                return;
            }
        }
        panic!("it does not come to rest");
    }

    fn read(&mut self) -> bool {
        let rest = &self.sent[self.received..];
        if !self.told_of_end && !rest.is_empty() && (self.forces || self.connection.wants_read()) {
            let n = self.cut.next().min(rest.len());
            self.connection.receive(&rest[..n], self.now);
            self.received += n;
            return true;
        }
        if self.ended && !self.told_of_end && rest.is_empty() {
            self.told_of_end = true;
            self.connection.end_of_stream(self.now);
            return true;
        }
        false
    }

    /// The client takes at most `n` bytes.
    fn take(&mut self, n: usize) -> bool {
        let bytes = self.connection.transmit();
        let n = n.min(bytes.len());
        // A 101 leaves in a write of its own.
        let before = self.taken.len();
        self.taken.extend(&bytes[..n]);
        if let Some(at) = self.taken[before..].windows(12).position(|window| window == b"HTTP/1.1 101")
            && let Some(end) = self.taken[before + at..].windows(4).position(|window| window == b"\r\n\r\n")
            && self.app.is_switched
        {
            assert_eq!(before + at + end + 4, self.taken.len(), "something leaves with the 101");
        }
        self.connection.transmitted(n, self.now);
        n > 0
    }

    fn poll(&mut self) {
        let now = self.now;
        for _ in 0..1_000_000 {
            let pending = self.connection.buffered().1;
            let event = self.connection.poll(now, App::read);
            // Where the other end of a WebSocket has broken the protocol or gone, what waits is dropped.
            self.lost |= pending > 0 && self.connection.buffered().1 == 0;
            let Some(event) = event else { return };
            assert!(self.end.is_none(), "an event behind the last: {event:?}");
            match event {
                Event::Request(heard) => self.app.begin(&mut self.connection, heard, now),
                Event::Refused { ticket, refusal, .. } => {
                    self.refused.push(refusal.status.as_u16());
                    self.app.refuse(&mut self.connection, ticket, refusal, now);
                }
                Event::Body(ticket) => self.app.body(&mut self.connection, ticket, now),
                Event::Gone(ticket) => {
                    self.gone += 1;
                    self.app.gone(ticket);
                }
                Event::Writable(ticket) => self.app.writable(ticket),
                Event::Message(message) => {
                    assert!(self.app.is_switched && !self.app.is_closing, "a message where there is no WebSocket");
                    let (is_text, bytes) = match message {
                        Message::Text(text) => (true, Bytes::from(text)),
                        Message::Binary(bytes) => (false, bytes),
                    };
                    assert!(bytes.len() <= MAX_MESSAGE, "a message of {} bytes", bytes.len());
                    self.messages.push((is_text, bytes));
                }
                Event::Closed(end) => {
                    assert!(self.app.is_switched, "a WebSocket that never was");
                    self.end = Some(end);
                }
            }
        }
        panic!("events without end");
    }

    /// Time passes, and what is due is done when it is.
    fn pass(&mut self, millis: u64) {
        let end = self.now.after(millis);
        while let Some(at) = self.connection.poll_timeout().filter(|at| *at <= end) {
            self.now = self.now.max(at);
            self.handle_timeout();
        }
        self.now = end;
        self.handle_timeout();
    }

    fn handle_timeout(&mut self) {
        let pending = self.connection.buffered().1;
        self.connection.handle_timeout(self.now);
        self.lost |= pending > 0 && self.connection.buffered().1 == 0;
        self.turn();
        let next = self.connection.poll_timeout();
        assert!(next.is_none_or(|next| next > self.now), "a deadline that was handled is due again");
    }

    /// What holds between any two steps.
    fn check(&mut self) {
        let connection = &self.connection;
        let (received, output) = connection.buffered();
        let is_over = connection.is_over();
        let most = self.config.max_head.max(self.config.pipeline_bytes).max(64 << 10) + SLACK;
        assert!(self.forces || received <= most, "{received} bytes are held");
        assert!(output <= self.app.made + SLACK, "{output} bytes wait");
        assert!(!is_over || (received, output) == (0, 0), "something is held of a connection that is over");
        assert!(!is_over || connection.wants_shutdown() && connection.poll_timeout().is_none());
        assert!(!self.shut || connection.wants_shutdown(), "the write direction is open again");
        self.shut = connection.wants_shutdown();
        let is_open = self.app.is_switched && self.end.is_none() && !self.app.is_closing;
        // A client that is told that it sends too little is waited for, and one that does not take what was written.
        let waits_for_app =
            self.app.pending.as_ref().is_some_and(|pending| !pending.waits) && (output == 0 || self.app.is_switched);
        let has_deadline = connection.poll_timeout().is_some();
        assert!(is_over || is_open || waits_for_app || has_deadline, "the client is waited for without end");
        assert_eq!(connection.is_upgraded(), self.app.is_switched);
    }

    /// All requests that came were told of, unless the connection was ended before.
    fn check_nothing_is_overlooked(&mut self) {
        // The application answers, and the client takes, until nothing more happens.
        for _ in 0..2_000 {
            self.take(usize::MAX);
            self.poll();
            let Some(begun) = self.app.pending.as_ref().map(|pending| pending.waits) else {
                if self.take(usize::MAX) {
                    continue;
                }
                break;
            };
            if begun {
                break;
            }
            self.app.command(&mut self.connection, 7, self.now);
            self.app.command(&mut self.connection, 0, self.now);
            self.turn();
        }
        let ends = self.connection.wants_shutdown()
            || self.told_of_end
            || self.draining
            || self.app.is_switched
            || self.app.refused.is_some();
        let asked = requests::read_all(&self.sent[..self.received]);
        self.check_requests(&asked);
        self.check_it_is_kept(&asked);
        if !ends && self.app.pending.is_none() {
            let last = asked.last().is_some_and(|asked| asked.body.is_none());
            assert!(self.app.heard.len() >= asked.len() - usize::from(last), "a request was overlooked");
        }
    }

    /// A connection is not ended without a reason.
    fn check_it_is_kept(&self, asked: &[Asked]) {
        let is_small =
            |asked: &Asked| asked.has_plain_body && asked.body.as_ref().is_some_and(|(body, _)| body.len() <= 50);
        let is_calm = !self.hurried
            && !self.lost
            && !self.app.is_switched
            && self.app.refused.is_none()
            && asked.iter().all(is_small);
        if is_calm && self.app.are_all_whole() && self.connection.wants_shutdown() {
            let is_head = |index: usize| asked.get(index).is_some_and(|asked| asked.method == "HEAD");
            let written = responses::read(&self.taken, &is_head);
            let is_last = written.answers.last().is_some_and(|answer| answer.closes() || answer.status == 101);
            assert!(is_last, "ended without a reason");
        }
    }

    /// What was told of requests is what the client sent.
    fn check_requests(&self, asked: &[Asked]) {
        let mut closed = false;
        for (index, (heard, body, is_whole)) in self.app.heard.iter().enumerate() {
            let asked = asked.get(index).unwrap_or_else(|| panic!("nobody asked for {heard:?}"));
            assert!(!closed, "a request behind `connection: close`: {heard:?}");
            assert_eq!((&heard.method, &heard.target), (&asked.method, &asked.target), "another request");
            match &asked.body {
                Some((whole, _)) if *is_whole => assert_eq!(body, whole, "another body"),
                Some((whole, _)) => assert!(whole.starts_with(body), "another body"),
                None => assert!(!is_whole, "a body that is not complete, or malformed"),
            }
            closed = asked.closes;
        }
        if let Some((400, index, is_body)) = self.app.refused
            && let Some(asked) = asked.get(index)
        {
            let is_plain = if is_body { asked.has_plain_body && asked.body.is_some() } else { asked.has_plain_head };
            assert!(!is_plain, "refused without a reason: {asked:?}");
        }
    }

    /// The client ends or falls silent, and the connection is over after its deadlines.
    fn finish(mut self, is_silent: bool) -> Option<Seen> {
        let asked = requests::read_all(&self.sent[..self.received]);
        self.check_requests(&asked);
        if is_silent {
            // It neither sends nor takes.
            (self.received, self.takes, self.held) =
                (self.sent.len(), false, self.held || self.received < self.sent.len());
        } else {
            (self.ended, self.takes) = (true, true);
        }
        self.turn();
        for _ in 0..100 {
            // The application answers whoever waits for it.
            if self.app.pending.as_ref().is_some_and(|pending| !pending.waits) {
                self.app.command(&mut self.connection, 7, self.now);
                self.app.command(&mut self.connection, 0, self.now);
                self.turn();
            }
            if self.app.is_switched && !self.app.is_closing {
                self.command(b'C', 0);
                self.turn();
            }
            let Some(at) = self.connection.poll_timeout() else { break };
            self.now = self.now.max(at);
            self.handle_timeout();
        }
        // A client that sends more than may be held is not read from, nor is its end.
        if !self.told_of_end && !is_silent && !self.connection.is_over() {
            self.connection.end_of_stream(self.now);
            self.turn();
        }
        assert!(self.connection.is_over(), "a connection without end: {:?}", self.connection);
        assert!(self.app.pending.is_none(), "a request without end");
        assert_eq!(self.end.is_some(), self.app.is_switched, "the end of the WebSocket was not told");
        self.seen(&asked)
    }

    fn seen(self, asked: &[Asked]) -> Option<Seen> {
        let mut written = Written::default();
        if self.upgraded {
            responses::read_frames(&self.taken, &mut written);
        } else {
            let is_head = |index: usize| asked.get(index).is_some_and(|asked| asked.method == "HEAD");
            written = responses::read(&self.taken, &is_head);
        }
        let is_all = !self.lost;
        if !self.upgraded {
            self.app.check(&written, is_all);
        }
        let data = written.frames.iter().filter(|(opcode, _)| *opcode == frames::TEXT).map(|(_, payload)| payload);
        let data: Vec<&Vec<u8>> = data.collect();
        assert!(data.len() <= self.app.sent.len(), "a message that was not sent");
        assert!(data.iter().zip(&self.app.sent).all(|(got, sent)| *got == sent), "another message than was sent");
        // A connection that drains serves requests that have come, and not those that come a byte later.
        let depends =
            self.held || self.forces || self.draining || self.app.heard.iter().any(|(heard, ..)| heard.expects);
        (!depends).then_some(Seen {
            heard: self.app.heard,
            refused: self.refused,
            gone: self.gone,
            messages: self.messages,
            end: self.end,
            written,
            at: self.now,
        })
    }
}
