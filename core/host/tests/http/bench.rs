//! One connection on a bench: a client that sends what it is told, time that passes when it is told to, and a small application
//! that answers at once.
use crate::app::App;
use sanket::Time;
use sanket::driver::WsEnd;
use sanket_host::http::{Connection, Event, HttpConfig, Message, Ticket};
use std::sync::Arc;

/// What is read from a socket at once.
const READ: usize = 8 * 1024;

pub(crate) struct Bench {
    pub(crate) connection: Connection,
    pub(crate) app: App,
    pub(crate) now: u64,
    /// What the client has sent and the server has not read.
    inbox: Vec<u8>,
    finished: bool,
    told_of_end: bool,
    /// How many bytes the client takes; it does not read if this is 0.
    pub(crate) window: usize,
    /// What the client has received and not looked at.
    pub(crate) outbox: Vec<u8>,
    /// Each write of the server.
    pub(crate) writes: Vec<Vec<u8>>,
    pub(crate) messages: Vec<Message>,
    pub(crate) ends: Vec<WsEnd>,
    pub(crate) gone: Vec<Ticket>,
    /// Status, origin, host and path of each refusal.
    pub(crate) refused: Vec<(u16, [Option<String>; 3])>,
}

#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl Reply {
    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut fields = self.head.lines().filter_map(|line| line.split_once(": "));
        fields.find(|(field, _)| *field == name).map(|(_, value)| value)
    }

    pub(crate) fn closes(&self) -> bool {
        self.header("connection") == Some("close")
    }
}

pub(crate) fn bench() -> Bench {
    Bench::new(HttpConfig::default())
}

impl Bench {
    pub(crate) fn new(config: HttpConfig) -> Self {
        let now = 1_000_000;
        Self::with(Connection::new(Arc::new(config), Time::from_millis(now)), now)
    }

    pub(crate) fn with(connection: Connection, now: u64) -> Self {
        Self {
            connection,
            app: App::default(),
            now,
            inbox: Vec::new(),
            finished: false,
            told_of_end: false,
            window: usize::MAX,
            outbox: Vec::new(),
            writes: Vec::new(),
            messages: Vec::new(),
            ends: Vec::new(),
            gone: Vec::new(),
            refused: Vec::new(),
        }
    }

    pub(crate) fn time(&self) -> Time {
        Time::from_millis(self.now)
    }

    /// All that can be done without new bytes and without waiting, as a driver does it.
    pub(crate) fn turn(&mut self) {
        loop {
            self.poll();
            let (written, read) = (self.write(), self.read());
            if !written && !read {
                return;
            }
        }
    }

    pub(crate) fn poll(&mut self) {
        let now = self.time();
        while let Some(event) = self.connection.poll(now, App::read) {
            match event {
                Event::Request(request) => self.app.begin(&mut self.connection, request, now),
                Event::Refused { ticket, refusal, origin, host, path } => {
                    let known = [origin, host, path].map(|part| part.map(String::from));
                    self.refused.push((refusal.status.as_u16(), known));
                    self.connection.respond(ticket, &refusal.response(), now);
                }
                Event::Body(ticket) => self.app.body(&mut self.connection, ticket, now),
                Event::Gone(ticket) => {
                    self.app.gone(ticket);
                    self.gone.push(ticket);
                }
                Event::Writable(ticket) => {
                    self.app.told += 1;
                    self.app.writable(&mut self.connection, ticket, now);
                }
                Event::Message(message) => {
                    if self.app.echoes {
                        self.connection.send([App::echo(&message)], now);
                    }
                    self.messages.push(message);
                }
                Event::Closed(end) => self.ends.push(end),
            }
        }
    }

    fn write(&mut self) -> bool {
        let bytes = self.connection.transmit();
        let bytes = bytes[..bytes.len().min(self.window)].to_vec();
        self.window -= bytes.len();
        self.outbox.extend_from_slice(&bytes);
        self.connection.transmitted(bytes.len(), self.time());
        let written = !bytes.is_empty();
        if written {
            self.writes.push(bytes);
        }
        written
    }

    fn read(&mut self) -> bool {
        if !self.connection.wants_read() {
            return false;
        }
        let n = self.inbox.len().min(READ);
        if n > 0 {
            let bytes: Vec<u8> = self.inbox.drain(..n).collect();
            self.connection.receive(&bytes, self.time());
        } else if self.finished && !self.told_of_end {
            self.told_of_end = true;
            self.connection.end_of_stream(self.time());
        } else {
            return false;
        }
        true
    }

    pub(crate) fn send(&mut self, bytes: impl AsRef<[u8]>) -> &mut Self {
        self.inbox.extend_from_slice(bytes.as_ref());
        self.turn();
        self
    }

    /// How many of the bytes sent were not read.
    pub(crate) fn unread(&self) -> usize {
        self.inbox.len()
    }

    /// A GET, as a browser would send it.
    pub(crate) fn get(&mut self, target: &str) -> Reply {
        self.send(format!("GET {target} HTTP/1.1\r\nHost: a\r\n\r\n")).reply()
    }

    /// A POST with these header lines, then the body.
    pub(crate) fn post(&mut self, target: &str, lines: &str, body: impl AsRef<[u8]>) -> &mut Self {
        let head = format!("POST {target} HTTP/1.1\r\nHost: a\r\n{lines}\r\n\r\n");
        self.send([head.as_bytes(), body.as_ref()].concat())
    }

    pub(crate) fn finish_sending(&mut self) {
        self.finished = true;
        self.turn();
    }

    pub(crate) fn let_pass(&mut self, n: usize) {
        for _ in 0..n {
            let now = self.time();
            assert!(self.app.pass(&mut self.connection, now), "nothing waits at the gate");
            self.turn();
        }
    }

    /// Time passes, and what is due is done when it is.
    pub(crate) fn pass(&mut self, millis: u64) {
        let end = self.now + millis;
        while let Some(at) = self.connection.poll_timeout().map(Time::as_millis).filter(|at| *at <= end) {
            self.now = self.now.max(at);
            self.connection.handle_timeout(self.time());
            self.turn();
            let next = self.connection.poll_timeout().map(Time::as_millis);
            assert!(next.is_none_or(|next| next > self.now), "a deadline that was handled is due again");
        }
        self.now = end;
    }

    pub(crate) fn take(&mut self, n: usize) -> Vec<u8> {
        assert!(self.outbox.len() >= n, "too little came: {:?}", String::from_utf8_lossy(&self.outbox));
        self.outbox.drain(..n).collect()
    }

    fn take_through(&mut self, end: &[u8]) -> Vec<u8> {
        let at = self.outbox.windows(end.len()).position(|window| window == end);
        let at = at.unwrap_or_else(|| panic!("too little came: {:?}", String::from_utf8_lossy(&self.outbox)));
        self.take(at + end.len())
    }

    pub(crate) fn head(&mut self) -> Reply {
        let head = String::from_utf8(self.take_through(b"\r\n\r\n")).unwrap();
        let status = head.strip_prefix("HTTP/1.1 ").and_then(|rest| rest[..3].parse().ok()).expect(&head);
        Reply { status, head, body: Vec::new() }
    }

    pub(crate) fn reply(&mut self) -> Reply {
        let mut reply = self.head();
        if let Some(length) = reply.header("content-length") {
            let length = length.parse().unwrap();
            reply.body = self.take(length);
        } else if reply.header("transfer-encoding") == Some("chunked") {
            loop {
                let line = String::from_utf8(self.take_through(b"\r\n")).unwrap();
                let size = usize::from_str_radix(line.trim_end(), 16).unwrap();
                reply.body.extend(self.take(size));
                assert_eq!(self.take(2), b"\r\n");
                if size == 0 {
                    break;
                }
            }
        } else if reply.closes() {
            reply.body = self.rest();
        }
        reply
    }

    pub(crate) fn rest(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.outbox)
    }

    /// Nothing more was said, and the client sees the end of the stream.
    pub(crate) fn is_closed(&mut self) {
        let rest = self.rest();
        assert!(rest.is_empty(), "{:?}", String::from_utf8_lossy(&rest));
        assert!(self.connection.wants_shutdown() && self.connection.transmit().is_empty());
    }

    /// The response is a refusal, and the last one. When the client closes, too, the connection is over.
    pub(crate) fn is_refused(&mut self, status: u16) {
        let reply = self.reply();
        assert_eq!(reply.status, status, "{reply:?}");
        assert!(reply.closes(), "{reply:?}");
        assert_eq!(reply.header("content-type"), Some("application/json"));
        // No script, image or style sheet for any page.
        assert_eq!(reply.header("x-content-type-options"), Some("nosniff"));
        assert_eq!(reply.header("cross-origin-resource-policy"), Some("same-origin"));
        let body: serde_json::Value = serde_json::from_slice(&reply.body).unwrap();
        assert_eq!(body["code"], status);
        assert!(body["message"].is_string());
        self.is_closed();
        self.is_left();
    }

    /// Once the client has closed, nothing is left.
    pub(crate) fn is_left(&mut self) {
        self.finish_sending();
        assert!(self.connection.is_over(), "{:?}", self.connection);
        assert_eq!(self.connection.poll_timeout(), None);
        assert!(!self.connection.wants_read());
    }

    /// Nothing happens, and nothing is waited for but the client.
    pub(crate) fn is_open(&self) {
        assert!(!self.connection.is_over() && !self.connection.wants_shutdown(), "{:?}", self.connection);
    }
}
