//! A Socket.IO server on smol: a task for each connection, and one that sleeps until the next deadline.
//!
//! `SMOL_THREADS=4 cargo run --release -p sanket-host --example smol`, then point any socket.io-client at <http://127.0.0.1:8081>.

use sanket::chat::{Chat, ChatConfig};
use sanket::{Task, Time};
use sanket_host::host::application::Request;
use sanket_host::host::{Driver, Host, Interest, Job, Line, Setup, Socket};
use sanket_host::request::Peer;
use smol::channel::{Receiver, Sender, bounded};
use smol::future::{FutureExt as _, pending, poll_fn};
use smol::{Async, Timer};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::time::{Duration, Instant, SystemTime};
use std::{io, io::Read as _, io::Write as _};
use std::{sync::Arc, sync::Mutex, task::Poll, task::Waker};

/// What the host needs of the runtime.
pub(crate) struct Smol {
    /// Rings when the next deadline has changed.
    bell: (Sender<()>, Receiver<()>),
    started: Instant,
    epoch: Duration,
    application: Box<dyn Fn(Request) + Send + Sync>,
}

impl Smol {
    /// `application` has the requests that are not for Socket.IO; whatever it has to wait for, it does in a task.
    pub(crate) fn new(application: impl Fn(Request) + Send + Sync + 'static) -> Arc<Self> {
        let (started, epoch) = (Instant::now(), SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default());
        Arc::new(Self { bell: bounded(1), started, epoch, application: Box::new(application) })
    }
}

impl Driver for Smol {
    fn now(&self) -> Time {
        Time::from_elapsed(self.epoch + self.started.elapsed())
    }

    fn wake(&self) {
        let _ = self.bell.0.try_send(());
    }

    fn request(&self, request: Request) {
        (self.application)(request);
    }

    fn run(&self, job: Job) {
        smol::unblock(job).detach();
    }

    fn spawn(&self, task: Task) {
        smol::spawn(task).detach();
    }
}

/// A connection, as the host writes to it.
struct Stream {
    socket: Async<TcpStream>,
    waker: Mutex<Option<Waker>>,
}

impl Socket for Stream {
    fn try_write(&self, bytes: &[u8], _last: bool) -> io::Result<usize> {
        self.socket.get_ref().write(bytes)
    }

    fn wake(&self, _: Interest) {
        self.waker.lock().ok().and_then(|mut waker| waker.take()).into_iter().for_each(Waker::wake);
    }
}

/// Serves whoever [`accept`] lets in, until `stop`. Whatever is left soon after that ends with the process.
pub(crate) async fn serve<A: Send + 'static>(host: Host<A>, driver: Arc<Smol>, stop: impl Future) {
    smol::spawn(keep_time(host.clone(), driver)).detach();
    stop.await;
    let deadline = Instant::now() + Duration::from_secs(3);
    while !host.wind_down() && Instant::now() < deadline {
        Timer::after(Duration::from_millis(10)).await;
    }
    host.end();
}

async fn keep_time<A>(host: Host<A>, driver: Arc<Smol>) {
    loop {
        let pause = host.poll_timeout().map_or(Duration::MAX, |due| due.since(driver.now()));
        if pause.is_zero() {
            // Tasks that have something to read go first: a stall of this process is nobody else's silence.
            smol::future::yield_now().await;
            host.handle_timeout();
        } else {
            async { _ = Timer::after(pause).await }.or(async { _ = driver.bell.1.recv().await }).await;
        }
    }
}

pub(crate) async fn accept<A: Send + 'static>(host: Host<A>, listener: Async<TcpListener>) {
    loop {
        let Ok((socket, address)) = listener.accept().await else {
            // Descriptors have run out, most likely. Connections wait in the system's backlog.
            Timer::after(Duration::from_millis(100)).await;
            continue;
        };
        // It fails if the peer has gone already, which is read then.
        let _ = socket.get_ref().set_nodelay(true);
        let stream = Arc::new(Stream { socket, waker: Mutex::default() });
        let line = host.accept(Peer { address: Some(address.ip()), secure: false }, stream.clone());
        _ = line.map(|line| smol::spawn(connection(host.clone(), stream, line)).detach());
    }
}

async fn connection<A>(host: Host<A>, stream: Arc<Stream>, line: Line) {
    let socket = stream.socket.get_ref();
    poll_fn(|cx| {
        _ = stream.waker.lock().map(|mut waker| *waker = Some(cx.waker().clone()));
        loop {
            let interest = line.interest();
            if interest.over {
                // By hand, because whoever still responds to a request keeps the socket from being dropped.
                return Poll::Ready(_ = socket.shutdown(Shutdown::Both));
            }
            if interest.shutdown {
                let _ = socket.shutdown(Shutdown::Write);
            }
            if interest.read && stream.socket.poll_readable(cx).is_ready() {
                read(&host, socket, &line);
            } else if interest.write && stream.socket.poll_writable(cx).is_ready() {
                host.turn().writable(&line);
            } else {
                return Poll::Pending;
            }
        }
    })
    .await;
}

/// Reads once, into a buffer that no connection keeps while it waits.
fn read<A>(host: &Host<A>, mut socket: &TcpStream, line: &Line) {
    let mut buffer = [0; 16 << 10];
    match socket.read(&mut buffer) {
        Ok(n @ 1..) => host.turn().receive(line, &buffer[..n]),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
        Ok(0) | Err(_) => host.turn().end_of_stream(line),
    }
}

fn main() -> io::Result<()> {
    let shards = std::thread::available_parallelism().map_or(1, usize::from);
    let setup = Setup { shards, ..Setup::new(|bytes| getrandom::fill(bytes).is_ok()) };
    let driver = Smol::new(Request::not_found);
    let host = Host::new(Chat::new(ChatConfig::default(), getrandom::u64()?), setup, driver.clone());
    let listener = Async::<TcpListener>::bind(([127, 0, 0, 1], 8081))?;
    // As many may wait to be accepted as the system allows.
    socket2::SockRef::from(&listener).listen(i32::MAX)?;
    smol::spawn(accept(host.clone(), listener)).detach();
    smol::block_on(serve(host, driver, pending::<()>()));
    Ok(())
}
