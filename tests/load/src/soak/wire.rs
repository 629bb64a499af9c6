//! One blocking connection of a client that comes and goes, with all the ways in which it can be mistreated. Knows HTTP
//! and WebSocket, but not what is said over them.

use crate::fault::Fault;
use crate::http;
use crate::ws::{self, Frame};
use flate2::read::{GzDecoder, ZlibDecoder};
use socket2::{Domain, Protocol, SockRef, Socket, Type};
use std::collections::VecDeque;
use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// How long a wait lasts before it is looked whether the soak is over.
const SLICE: Duration = Duration::from_millis(200);
/// Bytes of the segments of a connection that reads slowly.
const SEGMENT: u32 = 536;
/// How long the server may take for what it is expected to do at once.
pub const PATIENCE: Duration = Duration::from_secs(10);

/// Why a client can not go on.
#[derive(Debug)]
pub enum Cut {
    /// The soak is over.
    Stopped,
    /// The server ended the session or the connection.
    Closed,
    /// The server did what it should not have done.
    Fault(Fault),
}

/// What all steps of such a client return.
pub type Step<T> = Result<T, Cut>;

impl From<Fault> for Cut {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

impl From<std::io::Error> for Cut {
    fn from(error: std::io::Error) -> Self {
        Self::Fault(error.into())
    }
}

/// A cut with a story.
pub(super) fn fault<T>(story: impl Into<String>) -> Step<T> {
    Err(Cut::Fault(Fault::new(story)))
}

/// Where the server is, and whether the soak is over.
#[derive(Debug)]
pub struct Place {
    /// Where it listens.
    pub address: SocketAddr,
    /// The same, as requests say it.
    pub host: String,
    /// Whether it serves polls by script.
    pub jsonp: bool,
    /// Whether everybody is to go.
    pub over: AtomicBool,
}

impl Place {
    /// Waits, unless the soak is over.
    ///
    /// # Errors
    ///
    /// If it is.
    pub fn sleep(&self, time: Duration) -> Step<()> {
        let until = Instant::now() + time;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            if self.over.load(Ordering::Relaxed) {
                return Err(Cut::Stopped);
            }
            if left.is_zero() {
                return Ok(());
            }
            std::thread::sleep(left.min(SLICE));
        }
    }
}

/// A connection.
#[derive(Debug)]
pub struct Wire<'a> {
    stream: TcpStream,
    place: &'a Place,
    inbox: Vec<u8>,
    heard: VecDeque<Vec<u8>>,
    /// The server sent a Close frame.
    closing: bool,
}

/// What an HTTP request was answered with.
#[derive(Debug)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The body, decompressed.
    pub body: Vec<u8>,
}

impl<'a> Wire<'a> {
    /// Connects. A receive buffer of few bytes makes the server notice soon that nobody reads.
    ///
    /// # Errors
    ///
    /// If nobody accepts.
    pub fn open(place: &'a Place, from: IpAddr, buffer: Option<usize>) -> Step<Self> {
        let socket = Socket::new(Domain::for_address(place.address), Type::STREAM, Some(Protocol::TCP))?;
        if let Some(bytes) = buffer {
            socket.set_recv_buffer_size(bytes)?;
            // What the system takes of the server for one connection is a multiple of the segments' size, of megabytes
            // on loopback: it would be minutes until the server has anything in its own queue.
            socket.set_tcp_mss(SEGMENT)?;
        }
        socket.bind(&SocketAddr::new(from, 0).into())?;
        socket.connect_timeout(&place.address.into(), PATIENCE)?;
        let stream = TcpStream::from(socket);
        stream.set_nodelay(true)?;
        stream.set_write_timeout(Some(PATIENCE))?;
        Ok(Self { stream, place, inbox: Vec::new(), heard: VecDeque::new(), closing: false })
    }

    /// Sends bytes, all of them.
    ///
    /// # Errors
    ///
    /// If the server has closed the connection.
    pub fn send(&mut self, bytes: &[u8]) -> Step<()> {
        self.stream.write_all(bytes).map_err(|_| Cut::Closed)
    }

    /// The answer to a request, or nothing if it has not come by then.
    ///
    /// # Errors
    ///
    /// If the connection is closed instead, or what comes is no HTTP.
    pub fn answer(&mut self, until: Instant) -> Step<Option<Answer>> {
        loop {
            if let Some(answer) = http::read(&self.inbox)? {
                let body = decoded(answer.encoding.as_deref(), answer.body(&self.inbox))?;
                self.inbox.drain(..answer.length);
                return Ok(Some(Answer { status: answer.status, body }));
            }
            if !self.fill(until)? {
                return Ok(None);
            }
        }
    }

    /// The answer to a request, which is to come at once.
    ///
    /// # Errors
    ///
    /// If it does not.
    pub fn answer_soon(&mut self) -> Step<Answer> {
        match self.answer(Instant::now() + PATIENCE)? {
            Some(answer) => Ok(answer),
            None => fault("no answer in time"),
        }
    }

    /// The next message of a WebSocket, or nothing if none has come by then.
    ///
    /// # Errors
    ///
    /// If the server closes it.
    pub fn hear(&mut self, until: Instant) -> Step<Option<Vec<u8>>> {
        loop {
            if let Some(message) = self.heard.pop_front() {
                return Ok(Some(message));
            }
            if self.closing {
                return Err(Cut::Closed);
            }
            let (heard, closing) = (&mut self.heard, &mut self.closing);
            let mut pongs = Vec::new();
            let used = ws::each_frame(&self.inbox, |frame| {
                match frame {
                    Frame::Text(text) => heard.push_back(text.to_vec()),
                    Frame::Ping(payload) => ws::pong(&mut pongs, payload),
                    Frame::Close => *closing = true,
                }
                Ok(())
            })?;
            self.inbox.drain(..used);
            if !pongs.is_empty() {
                self.send(&pongs)?;
            }
            if used == 0 && !self.fill(until)? {
                return Ok(None);
            }
        }
    }

    /// Reads one byte, if there is one, and forgets it.
    ///
    /// # Errors
    ///
    /// If the server has closed the connection.
    pub fn nibble(&mut self) -> Step<()> {
        self.stream.set_read_timeout(Some(SLICE))?;
        match self.stream.read(&mut [0]) {
            Ok(0) => Err(Cut::Closed),
            Ok(_) => Ok(()),
            Err(error) if is_patient(error.kind()) => Ok(()),
            Err(_) => Err(Cut::Closed),
        }
    }

    /// Reads and forgets until the server closes the connection.
    ///
    /// # Errors
    ///
    /// If it does not within a time.
    pub fn closed_within(&mut self, time: Duration) -> Step<()> {
        let until = Instant::now() + time;
        loop {
            self.inbox.clear();
            match self.fill(until) {
                Ok(true) => {}
                Ok(false) => return fault(format!("the connection is still open after {time:.0?}")),
                Err(Cut::Closed) => return Ok(()),
                Err(other) => return Err(other),
            }
        }
    }

    /// Reads and forgets for a while, or until the server closes the connection.
    ///
    /// # Errors
    ///
    /// If the soak is over.
    pub fn drain(&mut self, time: Duration) -> Step<()> {
        match self.closed_within(time) {
            Err(Cut::Stopped) => Err(Cut::Stopped),
            _ => Ok(()),
        }
    }

    /// Closes with a reset instead of an end.
    ///
    /// # Errors
    ///
    /// If the system does not know how.
    pub fn reset(self) -> Step<()> {
        Ok(SockRef::from(&self.stream).set_linger(Some(Duration::ZERO))?)
    }

    /// Waits for bytes; whether some have come.
    fn fill(&mut self, until: Instant) -> Step<bool> {
        let mut buffer = [0; 8 * 1_024];
        loop {
            if self.place.over.load(Ordering::Relaxed) {
                return Err(Cut::Stopped);
            }
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(false);
            }
            self.stream.set_read_timeout(Some(left.min(SLICE).max(Duration::from_millis(1))))?;
            match self.stream.read(&mut buffer) {
                Ok(0) => return Err(Cut::Closed),
                Ok(count) => {
                    self.inbox.extend(&buffer[..count]);
                    return Ok(true);
                }
                Err(error) if is_patient(error.kind()) => {}
                Err(_) => return Err(Cut::Closed),
            }
        }
    }
}

fn is_patient(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted)
}

fn decoded(encoding: Option<&str>, body: &[u8]) -> Step<Vec<u8>> {
    let mut plain = Vec::new();
    match encoding {
        None => plain.extend(body),
        Some("gzip") => drop(GzDecoder::new(body).read_to_end(&mut plain)?),
        Some("deflate") => drop(ZlibDecoder::new(body).read_to_end(&mut plain)?),
        Some(other) => return fault(format!("an answer is encoded as {other}, which nobody asked for")),
    }
    Ok(plain)
}
