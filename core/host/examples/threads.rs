//! A Socket.IO server on plain threads: one that reads and one that writes for each connection, and one that sleeps until the
//! next deadline. Nothing but std.
//!
//! `cargo run --release -p sanket-host --example threads`, then point any socket.io-client at <http://127.0.0.1:8081>.

use sanket::{Chat, ChatConfig, Time};
use sanket_host::host::application::Request;
use sanket_host::host::{Driver, Host, Interest, Line, Setup, Socket};
use sanket_host::request::Peer;
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread::{self, Builder, Thread};
use std::time::{Duration, Instant, SystemTime};

/// Bytes that wait for the thread that writes, at most.
const OUTPUT: usize = 64 << 10;
/// How long the last bytes of a connection that is over may take to leave.
const PATIENCE: Duration = Duration::from_secs(1);

/// What the host needs of the system.
pub(crate) struct Threads {
    /// The thread that sleeps until the next deadline.
    sleeper: OnceLock<Thread>,
    started: Instant,
    epoch: Duration,
    application: Box<dyn Fn(Request) + Send + Sync>,
}

impl Threads {
    /// `application` has the requests that are not for Socket.IO; whatever it has to wait for, it does in a thread.
    pub(crate) fn new(application: impl Fn(Request) + Send + Sync + 'static) -> Arc<Self> {
        let (started, epoch) = (Instant::now(), SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default());
        Arc::new(Self { sleeper: OnceLock::new(), started, epoch, application: Box::new(application) })
    }
}

impl Driver for Threads {
    fn now(&self) -> Time {
        Time::from_elapsed(self.epoch + self.started.elapsed())
    }

    fn wake(&self) {
        self.sleeper.get().into_iter().for_each(Thread::unpark);
    }

    fn request(&self, request: Request) {
        (self.application)(request);
    }
}

/// A connection, as the host writes to it. The sockets of std block, so that a thread of their own writes.
struct Stream {
    socket: TcpStream,
    output: Mutex<Output>,
    /// There is output, or the connection's interest has changed.
    changed: Condvar,
}

#[derive(Default)]
struct Output {
    bytes: Vec<u8>,
    is_broken: bool,
    is_done: bool,
}

impl Stream {
    fn lock(&self) -> MutexGuard<'_, Output> {
        self.output.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Socket for Stream {
    fn try_write(&self, bytes: &[u8], _last: bool) -> io::Result<usize> {
        let mut output = self.lock();
        let n = bytes.len().min(OUTPUT - output.bytes.len());
        if output.is_broken {
            return Err(ErrorKind::BrokenPipe.into());
        }
        if n == 0 {
            return Err(ErrorKind::WouldBlock.into());
        }
        output.bytes.extend_from_slice(&bytes[..n]);
        self.changed.notify_all();
        Ok(n)
    }

    fn wake(&self, interest: Interest) {
        if interest.over {
            // Ends the wait of whoever reads.
            let _ = self.socket.shutdown(Shutdown::Read);
        }
        // Behind the lock: whoever has just asked for the interest waits by now, and hears this.
        drop(self.lock());
        self.changed.notify_all();
    }
}

/// Serves whoever [`accept`] lets in, until `stop` returns. Whatever is left soon after that ends with the process.
pub(crate) fn serve<A: Send + 'static>(host: Host<A>, driver: Arc<Threads>, stop: impl FnOnce()) {
    let timed = host.clone();
    thread::spawn(move || keep_time(&timed, &driver));
    stop();
    let deadline = Instant::now() + Duration::from_secs(3);
    while !host.wind_down() && Instant::now() < deadline {
        thread::sleep(Duration::from_millis(10));
    }
    host.end();
}

fn keep_time<A>(host: &Host<A>, driver: &Threads) {
    driver.sleeper.get_or_init(thread::current);
    loop {
        thread::park_timeout(host.poll_timeout().map_or(Duration::MAX, |due| due.since(driver.now())));
        host.handle_timeout();
    }
}

pub(crate) fn accept<A: Send + 'static>(host: &Host<A>, listener: &TcpListener) {
    loop {
        let Ok((socket, address)) = listener.accept() else {
            // Descriptors have run out, most likely. Connections wait in the system's backlog.
            thread::sleep(Duration::from_millis(100));
            continue;
        };
        // It fails if the peer has gone already, which is read then.
        let _ = socket.set_nodelay(true);
        let stream = Arc::new(Stream { socket, output: Mutex::default(), changed: Condvar::new() });
        if let Some(line) = host.accept(Peer { address: Some(address.ip()), secure: false }, stream.clone()) {
            let host = host.clone();
            // Without a thread the line is dropped: that is the end of the connection.
            let _ = Builder::new().spawn(move || connection(&host, &stream, &line));
        }
    }
}

fn connection<A: Send>(host: &Host<A>, stream: &Stream, line: &Line) {
    thread::scope(|scope| {
        if Builder::new().spawn_scoped(scope, || write(host, stream, line)).is_ok() {
            read(host, stream, line);
            drop(stream.changed.wait_timeout_while(stream.lock(), PATIENCE, |output| !output.is_done));
        }
        let _ = stream.socket.shutdown(Shutdown::Both);
    });
}

fn read<A>(host: &Host<A>, stream: &Stream, line: &Line) {
    let mut buffer = [0; 16 << 10];
    loop {
        let is_idle = |_: &mut Output| !line.interest().read && !line.interest().over;
        drop(stream.changed.wait_while(stream.lock(), is_idle));
        if line.interest().over {
            return;
        }
        match (&stream.socket).read(&mut buffer) {
            Ok(n @ 1..) => host.turn().receive(line, &buffer[..n]),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Ok(0) | Err(_) => host.turn().end_of_stream(line),
        }
        stream.wake(line.interest());
    }
}

fn write<A>(host: &Host<A>, stream: &Stream, line: &Line) {
    let (mut bytes, mut is_shut_down) = (Vec::new(), false);
    loop {
        let is_idle = |output: &mut Output| {
            let interest = line.interest();
            output.bytes.is_empty() && !interest.write && !interest.over && (!interest.shutdown || is_shut_down)
        };
        let mut output = stream.changed.wait_while(stream.lock(), is_idle).unwrap_or_else(PoisonError::into_inner);
        std::mem::swap(&mut bytes, &mut output.bytes);
        let interest = line.interest();
        output.is_done = bytes.is_empty() && interest.over;
        drop(output);
        if !bytes.is_empty() {
            if (&stream.socket).write_all(&bytes).is_err() {
                stream.lock().is_broken = true;
                // Ends the wait of whoever reads, too.
                let _ = stream.socket.shutdown(Shutdown::Both);
            }
            bytes.clear();
        } else if interest.over {
            return stream.changed.notify_all();
        } else if interest.write {
            host.turn().writable(line);
            stream.wake(line.interest());
        } else if interest.shutdown {
            is_shut_down = true;
            let _ = stream.socket.shutdown(Shutdown::Write);
        }
    }
}

fn main() -> io::Result<()> {
    let shards = thread::available_parallelism().map_or(1, usize::from);
    let setup = Setup { shards, ..Setup::new(|bytes| getrandom::fill(bytes).is_ok()) };
    let driver = Threads::new(Request::not_found);
    let host = Host::new(Chat::new(ChatConfig::default(), getrandom::u64()?), setup, driver.clone());
    let (listener, accepting) = (TcpListener::bind("127.0.0.1:8081")?, host.clone());
    thread::spawn(move || accept(&accepting, &listener));
    serve(host, driver, || {
        loop {
            thread::park();
        }
    });
    Ok(())
}
