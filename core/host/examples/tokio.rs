//! A Socket.IO server on tokio: a task for each connection, and one that sleeps until the next deadline.
//!
//! `cargo run --release -p sanket-host --example tokio`, then point any socket.io-client at <http://127.0.0.1:8081>.

use sanket::chat::{Chat, ChatConfig};
use sanket::{Task, Time};
use sanket_host::host::application::Request;
use sanket_host::host::{Driver, Host, Interest, Job, Line, Setup, Socket};
use sanket_host::request::Peer;
use socket2::SockRef;
use std::time::{Duration, Instant, SystemTime};
use std::{io, net::Shutdown, sync::Arc};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{sleep, timeout};
use tokio::{runtime::Handle, sync::Notify};

/// What the host needs of the runtime.
pub(crate) struct Tokio {
    runtime: Handle,
    /// Rings when the next deadline has changed.
    bell: Notify,
    started: Instant,
    epoch: Duration,
    application: Box<dyn Fn(Request) + Send + Sync>,
}

impl Tokio {
    /// `application` has the requests that are not for Socket.IO; whatever it has to wait for, it does in a task.
    pub(crate) fn new(application: impl Fn(Request) + Send + Sync + 'static) -> Arc<Self> {
        let (runtime, bell, application) = (Handle::current(), Notify::new(), Box::new(application));
        let (started, epoch) = (Instant::now(), SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default());
        Arc::new(Self { runtime, bell, started, epoch, application })
    }
}

impl Driver for Tokio {
    fn now(&self) -> Time {
        Time::from_elapsed(self.epoch + self.started.elapsed())
    }

    fn wake(&self) {
        self.bell.notify_one();
    }

    fn request(&self, request: Request) {
        (self.application)(request);
    }

    fn run(&self, job: Job) {
        self.runtime.spawn_blocking(job);
    }

    fn spawn(&self, task: Task) {
        self.runtime.spawn(task);
    }
}

/// A connection, as the host writes to it.
struct Stream {
    socket: TcpStream,
    bell: Notify,
}

impl Socket for Stream {
    fn try_write(&self, bytes: &[u8], _last: bool) -> io::Result<usize> {
        self.socket.try_write(bytes)
    }

    fn wake(&self, _: Interest) {
        self.bell.notify_one();
    }
}

/// Serves whoever [`accept`] lets in, until `stop`. Whatever is left soon after that ends with the runtime.
pub(crate) async fn serve<A: Send + 'static>(host: Host<A>, driver: Arc<Tokio>, stop: impl Future) {
    tokio::spawn(keep_time(host.clone(), driver));
    stop.await;
    let deadline = Instant::now() + Duration::from_secs(3);
    while !host.wind_down() && Instant::now() < deadline {
        sleep(Duration::from_millis(10)).await;
    }
    host.end();
}

async fn keep_time<A>(host: Host<A>, driver: Arc<Tokio>) {
    loop {
        match host.poll_timeout().map(|due| due.since(driver.now())) {
            None => driver.bell.notified().await,
            Some(Duration::ZERO) => {
                // Tasks that have something to read go first: a stall of this process is nobody else's silence.
                tokio::task::yield_now().await;
                host.handle_timeout();
            }
            Some(pause) => _ = timeout(pause, driver.bell.notified()).await,
        }
    }
}

pub(crate) async fn accept<A: Send + 'static>(host: Host<A>, listener: TcpListener) {
    loop {
        let Ok((socket, address)) = listener.accept().await else {
            // Descriptors have run out, most likely. Connections wait in the system's backlog.
            sleep(Duration::from_millis(100)).await;
            continue;
        };
        // It fails if the peer has gone already, which is read then.
        let _ = socket.set_nodelay(true);
        let stream = Arc::new(Stream { socket, bell: Notify::new() });
        let peer = Peer { address: Some(address.ip()), secure: false };
        if let Some(line) = host.accept(peer, stream.clone()) {
            tokio::spawn(connection(host.clone(), stream, line));
        }
    }
}

async fn connection<A>(host: Host<A>, stream: Arc<Stream>, line: Line) {
    let socket = &stream.socket;
    loop {
        let interest = line.interest();
        if interest.over {
            // By hand, because whoever still responds to a request keeps the socket from being dropped.
            let _ = SockRef::from(socket).shutdown(Shutdown::Both);
            return;
        }
        if interest.shutdown {
            let _ = SockRef::from(socket).shutdown(Shutdown::Write);
        }
        tokio::select! {
            _ = socket.readable(), if interest.read => read(&host, socket, &line),
            _ = socket.writable(), if interest.write => host.turn().writable(&line),
            () = stream.bell.notified() => {}
        }
    }
}

/// Reads once, into a buffer that no connection keeps while it waits.
fn read<A>(host: &Host<A>, socket: &TcpStream, line: &Line) {
    let mut buffer = [0; 16 << 10];
    match socket.try_read(&mut buffer) {
        Ok(n @ 1..) => host.turn().receive(line, &buffer[..n]),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
        Ok(0) | Err(_) => host.turn().end_of_stream(line),
    }
}

#[tokio::main]
async fn main() -> io::Result<()> {
    let shards = std::thread::available_parallelism().map_or(1, usize::from);
    let setup = Setup { shards, ..Setup::new(|bytes| getrandom::fill(bytes).is_ok()) };
    let driver = Tokio::new(Request::not_found);
    let host = Host::new(Chat::new(ChatConfig::default(), getrandom::u64()?), setup, driver.clone());
    let listener = TcpListener::bind("127.0.0.1:8081").await?;
    // As many may wait to be accepted as the system allows.
    SockRef::from(&listener).listen(i32::MAX)?;
    tokio::spawn(accept(host.clone(), listener));
    serve(host, driver, std::future::pending::<()>()).await;
    Ok(())
}
