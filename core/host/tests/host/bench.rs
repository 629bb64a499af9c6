//! A host in virtual time, and clients that write bytes and see what comes back.

use sanket::Time;
use sanket::chat::{Chat, ChatConfig};
use sanket_host::host::{Driver, Host, Interest, Line, Setup, Socket};
use sanket_host::request::Peer;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

/// The time of a bench, which moves when the test says so.
#[derive(Clone, Debug)]
pub(crate) struct Clock(Arc<AtomicU64>);

impl Driver for Clock {
    fn now(&self) -> Time {
        Time::from_millis(self.0.load(Ordering::SeqCst))
    }

    fn wake(&self) {}

    fn failed(&self) {}
}

#[derive(Debug, Default)]
struct Memory(Mutex<Vec<u8>>);

impl Socket for Memory {
    fn try_write(&self, bytes: &[u8], _last: bool) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn wake(&self, _: Interest) {}
}

/// A chat in virtual time.
pub(crate) struct Bench {
    pub(crate) host: Host<Chat>,
    clock: Clock,
}

/// A connection.
pub(crate) struct Client<'a> {
    bench: &'a Bench,
    line: Line,
    socket: Arc<Memory>,
    /// What waits in the socket until the host reads it.
    unread: Vec<u8>,
}

/// Defaults. Session ids are numbers, as nobody is to guess them here.
pub(crate) fn setup() -> Setup {
    let next = AtomicU8::new(0);
    Setup::new(move |bytes| {
        for chunk in bytes.chunks_mut(16) {
            // Each step goes half-way round, and a little further.
            let n = next.fetch_add(131, Ordering::SeqCst);
            chunk.fill(n);
        }
        true
    })
}

impl Bench {
    pub(crate) fn new(setup: Setup) -> Self {
        let clock = Clock(Arc::new(AtomicU64::new(1_700_000_000_000)));
        Self { host: Host::new(Chat::new(ChatConfig::default(), 7), setup, clock.clone()), clock }
    }

    /// Time passes, from deadline to deadline.
    pub(crate) fn pass(&self, millis: u64) {
        let until = self.clock.now().after(millis);
        while let Some(due) = self.host.poll_timeout().filter(|due| *due <= until) {
            self.clock.0.fetch_max(due.as_millis(), Ordering::SeqCst);
            self.host.handle_timeout();
        }
        self.clock.0.store(until.as_millis(), Ordering::SeqCst);
    }

    pub(crate) fn connect(&self, from: &str) -> Client<'_> {
        self.try_connect(from).expect("there is room")
    }

    pub(crate) fn try_connect(&self, from: &str) -> Option<Client<'_>> {
        let address: IpAddr = from.parse().expect("an address");
        let socket = Arc::new(Memory::default());
        let line = self.host.accept(Peer { address: Some(address), secure: false }, socket.clone())?;
        Some(Client { bench: self, line, socket, unread: Vec::new() })
    }

    /// Opens a session by polling, on a connection of its own. Returns the status and the body.
    pub(crate) fn handshake(&self, from: &str) -> (u16, String) {
        self.connect(from).get("/socket.io/?EIO=4&transport=polling", "")
    }
}

impl Client<'_> {
    /// Sends bytes, which are read as far as the host wants to.
    pub(crate) fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.unread.extend_from_slice(bytes.as_ref());
        self.go_on();
    }

    /// Lets the host read what it wants to read now. Returns whether anything is left.
    pub(crate) fn go_on(&mut self) -> bool {
        while !self.unread.is_empty() && self.line.interest().read {
            let n = self.unread.len().min(1_024);
            let bytes: Vec<u8> = self.unread.drain(..n).collect();
            self.bench.host.turn().receive(&self.line, &bytes);
        }
        !self.unread.is_empty()
    }

    /// Whether the host has ended it.
    pub(crate) fn is_over(&self) -> bool {
        let interest = self.line.interest();
        interest.over || interest.shutdown
    }

    /// What has come since this was asked last.
    pub(crate) fn take(&self) -> String {
        String::from_utf8_lossy(&std::mem::take(&mut *self.socket.0.lock().unwrap())).into_owned()
    }

    /// Gets something. Returns the status and the body.
    pub(crate) fn get(&mut self, target: &str, fields: &str) -> (u16, String) {
        self.send(format!("GET {target} HTTP/1.1\r\nHost: localhost\r\n{fields}\r\n"));
        self.response()
    }

    pub(crate) fn post(&mut self, target: &str, body: &str) -> (u16, String) {
        let length = body.len();
        self.send(format!("POST {target} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {length}\r\n\r\n{body}"));
        self.response()
    }

    pub(crate) fn response(&self) -> (u16, String) {
        let response = self.take();
        let status = response.get(9..12).and_then(|status| status.parse().ok()).unwrap_or(0);
        (status, response.split_once("\r\n\r\n").map_or("", |(_, body)| body).into())
    }
}

/// The id of the session in the body of a handshake.
pub(crate) fn sid(body: &str) -> String {
    body.split("\"sid\":\"").nth(1).and_then(|rest| rest.split('"').next()).expect("an id").into()
}

/// A text message from a client, which has to be masked.
pub(crate) fn frame(text: &str) -> Vec<u8> {
    let length = u16::try_from(text.len()).expect("a short one");
    let mut frame = vec![0x81, 0x80 | 126];
    frame.extend(length.to_be_bytes());
    frame.extend([0; 4]);
    frame.extend(text.as_bytes());
    frame
}

/// The request for a WebSocket.
pub(crate) const UPGRADE: &str = "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: localhost\r\n\
     Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
     Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
