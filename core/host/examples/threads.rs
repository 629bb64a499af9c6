//! A Socket.IO server on threads, with nothing but std, whose sockets block: two threads for each connection, one for deadlines.
//!
//! `cargo run --release -p sanket-host --example threads`, then point any socket.io-client at <http://127.0.0.1:8081>.

use sanket::Time;
use sanket::chat::{Chat, ChatConfig};
use sanket_host::host::application::Request;
use sanket_host::host::{Driver, Host, Interest, Line, Setup, Socket};
use sanket_host::request::Peer;
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, OnceLock, mpsc};
use std::thread::{self, Builder, Thread};
use std::time::{Duration, Instant, SystemTime};

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

/// A connection, as the host writes to it.
struct Stream {
    socket: TcpStream,
    /// Pieces for the thread that writes. An empty one has it look at the interest.
    output: mpsc::SyncSender<Vec<u8>>,
    reader: OnceLock<Thread>,
}

impl Socket for Stream {
    fn try_write(&self, bytes: &[u8], _last: bool) -> io::Result<usize> {
        let piece = &bytes[..bytes.len().min(16 << 10)];
        self.output.try_send(piece.into()).map_err(|error| match error {
            mpsc::TrySendError::Full(_) => ErrorKind::WouldBlock,
            mpsc::TrySendError::Disconnected(_) => ErrorKind::BrokenPipe,
        })?;
        Ok(piece.len())
    }

    fn wake(&self, _: Interest) {
        // Without room for it, the thread that writes will look anyway.
        let _ = self.output.try_send(Vec::new());
        self.reader.get().into_iter().for_each(Thread::unpark);
    }
}

/// Serves whoever [`accept`] lets in, until `stop` returns. Whatever is left soon after that ends with the process.
pub(crate) fn serve<A: Send + 'static>(host: Host<A>, driver: Arc<Threads>, stop: impl FnOnce()) {
    let timed = host.clone();
    thread::spawn(move || {
        driver.sleeper.get_or_init(thread::current);
        loop {
            thread::park_timeout(timed.poll_timeout().map_or(Duration::MAX, |due| due.since(driver.now())));
            // Threads that have something to read go first: a stall of this process is nobody else's silence.
            thread::yield_now();
            timed.handle_timeout();
        }
    });
    stop();
    let deadline = Instant::now() + Duration::from_secs(3);
    while !host.wind_down() && Instant::now() < deadline {
        thread::sleep(Duration::from_millis(10));
    }
    host.end();
}

pub(crate) fn accept<A: Send + 'static>(host: &Host<A>, listener: &TcpListener) {
    loop {
        let Ok((socket, address)) = listener.accept() else {
            // Descriptors have run out, most likely. Connections wait in the system's backlog.
            thread::sleep(Duration::from_millis(100));
            continue;
        };
        // They fail if the peer has gone already, which is read then.
        let _ = socket.set_nodelay(true).and(socket.set_write_timeout(Some(Duration::from_secs(30))));
        let (output, pieces) = mpsc::sync_channel(4);
        let stream = Arc::new(Stream { socket, output, reader: OnceLock::new() });
        if let Some(line) = host.accept(Peer { address: Some(address.ip()), secure: false }, stream.clone()) {
            let host = host.clone();
            // Without a thread, the line is dropped: the connection ends.
            let _ = Builder::new().spawn(move || connection(&host, &stream, &line, pieces));
        }
    }
}

fn connection<A: Send>(host: &Host<A>, stream: &Stream, line: &Line, pieces: mpsc::Receiver<Vec<u8>>) {
    stream.reader.get_or_init(thread::current);
    thread::scope(|scope| {
        // When it has ended, whoever waits in `read` hears of it.
        let writing = || write(host, stream, line, pieces).and(stream.socket.shutdown(Shutdown::Both));
        if Builder::new().spawn_scoped(scope, writing).is_ok() {
            read(host, stream, line);
        }
    });
}

fn read<A>(host: &Host<A>, stream: &Stream, line: &Line) {
    let mut buffer = [0; 16 << 10];
    while !line.interest().over {
        if !line.interest().read {
            thread::park();
            continue;
        }
        match (&stream.socket).read(&mut buffer) {
            Ok(n @ 1..) => host.turn().receive(line, &buffer[..n]),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Ok(0) | Err(_) => host.turn().end_of_stream(line),
        }
        stream.wake(line.interest());
    }
}

/// Fails if the socket does, and drops `pieces` at the end, so that the host's next write fails too.
fn write<A>(host: &Host<A>, stream: &Stream, line: &Line, pieces: mpsc::Receiver<Vec<u8>>) -> io::Result<()> {
    loop {
        // Before it is looked whether all is written: what is said of the end follows the last piece.
        let interest = line.interest();
        if let Ok(piece) = pieces.try_recv() {
            (&stream.socket).write_all(&piece)?;
            continue;
        }
        if interest.over {
            return Ok(());
        }
        if interest.shutdown {
            stream.socket.shutdown(Shutdown::Write)?;
        }
        if interest.write {
            host.turn().writable(line);
            stream.reader.get().into_iter().for_each(Thread::unpark);
        } else if let Ok(piece) = pieces.recv() {
            (&stream.socket).write_all(&piece)?;
        }
    }
}

fn main() -> io::Result<()> {
    let shards = thread::available_parallelism().map_or(1, usize::from);
    let setup = Setup { shards, ..Setup::new(|bytes| getrandom::fill(bytes).is_ok()) };
    let driver = Threads::new(Request::not_found);
    let host = Host::new(Chat::new(ChatConfig::default(), getrandom::u64()?), setup, driver.clone());
    let (listener, accepting) = (TcpListener::bind("127.0.0.1:8081")?, host.clone());
    // As many may wait to be accepted as the system allows.
    socket2::SockRef::from(&listener).listen(i32::MAX)?;
    thread::spawn(move || accept(&accepting, &listener));
    serve(host, driver, thread::park);
    Ok(())
}
