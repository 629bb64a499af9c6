//! The servers that the protocol's official suites, and the test folders of the official clients, talk to:
//!
//! `cargo run --release -p sanket-async-std --example suite -- KIND [--port N] …`
//!
//! Written with nothing but the public interface, so that it shows what can be said with it. `rooms` is a kind of our own, for
//! what the others have no use for. `--driver` chooses another runtime: the examples of `sanket-host`.

mod drivers;
mod engine;
mod rooms;
mod sio;
mod sio_client;

use async_signal::{Signal, Signals};
use async_std::task::{block_on, sleep};
use clap::{Parser, ValueEnum};
use futures_lite::StreamExt as _;
use sanket::{App, Config, Handshake, Protocol, Recovery};
use sanket_async_std::{
    AllowAsync as _, Cookie, Denial, HttpConfig, Options, Origin, Origins, Server, Setup, TrustedProxy, Welcome, setup,
};
use std::net::SocketAddr;
use std::time::Duration;

/// Gives memory back to the system when a flood is over.
#[cfg(not(target_env = "msvc"))]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// How long clients may take to hear of the server's end, and then their requests to end.
const PATIENCE: Duration = Duration::from_secs(2);

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Kind {
    /// The official Socket.IO suite: `/`, `/custom` and `/echo`
    Sio,
    /// The official Engine.IO suites: everything comes back
    Eio,
    /// The test folder of socket.io-client 4
    SioClient,
    /// The test folder of engine.io-client 6
    EioClient,
    /// Rooms, acks, data and recovery
    Rooms,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Way {
    Polling,
    Websocket,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Driver {
    AsyncStd,
    Tokio,
    Smol,
    Threads,
    Axum,
}

/// The servers that outside suites talk to
#[derive(Debug, Parser)]
struct Args {
    kind: Kind,

    /// What accepts, reads, writes and sleeps
    #[arg(long, value_enum, default_value_t = Driver::AsyncStd)]
    driver: Driver,

    /// TCP port, on 127.0.0.1 and ::1; 0 lets the system choose one [default: 3000, or 3210 for sio-client]
    #[arg(long, env)]
    port: Option<u16>,

    #[arg(long, value_name = "MS")]
    ping_interval: Option<u64>,

    #[arg(long, value_name = "MS")]
    ping_timeout: Option<u64>,

    #[arg(long, value_name = "MS")]
    connect_timeout: Option<u64>,

    #[arg(long, value_name = "MS")]
    upgrade_timeout: Option<u64>,

    /// How long a closed session waits to be told so
    #[arg(long, value_name = "MS")]
    close_timeout: Option<u64>,

    #[arg(long, value_name = "BYTES")]
    max_payload: Option<usize>,

    /// Connection state recovery
    #[arg(long)]
    recovery: bool,

    /// Packets in MessagePack
    #[arg(long)]
    msgpack: bool,

    /// A cookie with the session's id
    #[arg(long, value_name = "NAME")]
    cookie: Option<String>,

    /// A page's origin that may connect from elsewhere; may be repeated; * lets in any
    #[arg(long, value_name = "ORIGIN")]
    allow_origin: Vec<Origin>,

    /// A proxy whose word on its clients counts: an address or a network; may be repeated
    #[arg(long, value_name = "CIDR")]
    trusted_proxy: Vec<TrustedProxy>,

    /// Answers to polls of so many bytes are compressed
    #[arg(long, value_name = "BYTES", default_value_t = 1_024)]
    compression_threshold: usize,

    /// Offer no upgrades
    #[arg(long)]
    no_upgrades: bool,

    /// Let in no EIO=3 clients
    #[arg(long)]
    no_eio3: bool,

    #[arg(long, value_delimiter = ',', default_value = "polling,websocket")]
    transports: Vec<Way>,
}

fn main() -> std::io::Result<()> {
    env_logger::Builder::new().filter_level(log::LevelFilter::Warn).format_target(false).init();
    let args = Args::parse();
    match args.kind {
        Kind::Sio => serve(&args, sio::Sio, Options::default()),
        Kind::SioClient => serve(&args, sio_client::SioClient::default(), Options::default().allow_async(late)),
        Kind::Rooms => serve(&args, rooms::Rooms::default(), Options::default()),
        Kind::Eio => serve(&args, engine::Echo, Options::default()),
        Kind::EioClient => {
            let talk = engine::Talk::default();
            let options = Options::default().allow_async(|handshake| async move { greet(&handshake) });
            let options = options.on_request(talk.on_request());
            serve(&args, talk, options)
        }
    }
}

/// Everybody is let in, but not at once.
async fn late(_: std::sync::Arc<Handshake>) -> Result<Welcome, Denial> {
    sleep(Duration::from_millis(10)).await;
    Ok(Welcome::default())
}

/// What the engine.io-client suite wants to see of cookies, and of a refusal.
fn greet(handshake: &Handshake) -> Result<Welcome, Denial> {
    if handshake.query_value("deny").is_some() {
        return Err(Denial::default());
    }
    let now = jiff::Timestamp::now().strftime("%a, %d %b %Y %H:%M:%S GMT");
    Ok(Welcome::default()
        .header("Set-Cookie", "1=1; Max-Age=86400")
        .header("Set-Cookie", "2=2; Path=/; HttpOnly; Secure; SameSite=Strict")
        .header("Set-Cookie", "3=3; Max-Age=0")
        .header("Set-Cookie", &format!("4=4; Expires={now}")))
}

fn serve(args: &Args, app: impl App + Send + 'static, options: Options) -> std::io::Result<()> {
    let is_engine = matches!(args.kind, Kind::Eio | Kind::EioClient);
    let config = config(args, is_engine);
    let origins = if args.kind == Kind::Sio && args.allow_origin.is_empty() {
        Origins::any()
    } else {
        Origins::listed(args.allow_origin.clone())
    };
    let mut options = options
        .origins(origins)
        .trusted_proxies(args.trusted_proxy.clone())
        .compression(Some(args.compression_threshold))
        .jsonp(true);
    if let Some(name) = &args.cookie {
        options = options.cookie(Cookie::new(name));
    }
    let options = options.path(if is_engine { "/engine.io" } else { "/socket.io" });
    // How long requests under way may take when it ends.
    let http = HttpConfig { drain_deadline: 2_000, ..HttpConfig::default() };
    let setup = Setup { config, http, options, ..setup() };
    let port = args.port.unwrap_or(if args.kind == Kind::SioClient { 3_210 } else { 3_000 });
    match args.driver {
        Driver::AsyncStd => block_on(on_async_std(app, setup, addresses(port))),
        Driver::Tokio => drivers::tokio(app, setup, &addresses(port)),
        Driver::Smol => drivers::smol(app, setup, &addresses(port)),
        Driver::Threads => drivers::threads(app, setup, &addresses(port)),
        Driver::Axum => drivers::axum(app, setup, &addresses(port)),
    }
}

fn config(args: &Args, is_engine: bool) -> Config {
    let usual = Config::default();
    let (interval, payload) = match args.kind {
        Kind::SioClient => (2_000, usual.max_payload),
        Kind::EioClient => (500, 100),
        Kind::Sio | Kind::Eio | Kind::Rooms => (usual.ping_interval, usual.max_payload),
    };
    Config {
        protocol: match (is_engine, args.msgpack) {
            (true, _) => Protocol::EngineIo,
            (false, true) => Protocol::SocketIoMsgPack,
            (false, false) => Protocol::SocketIo,
        },
        ping_interval: args.ping_interval.unwrap_or(interval),
        ping_timeout: args.ping_timeout.unwrap_or(usual.ping_timeout),
        connect_timeout: args.connect_timeout.unwrap_or(usual.connect_timeout),
        close_timeout: args.close_timeout.unwrap_or(usual.close_timeout),
        upgrade_timeout: args.upgrade_timeout.unwrap_or(usual.upgrade_timeout),
        max_payload: args.max_payload.unwrap_or(payload),
        recovery: (args.recovery || args.kind == Kind::SioClient).then(Recovery::default),
        eio3: !args.no_eio3,
        // The suites for servers want a refusal; clients that leave it out want to be let in.
        require_eio: matches!(args.kind, Kind::Sio | Kind::Eio),
        upgrades: !args.no_upgrades,
        polling: args.transports.contains(&Way::Polling),
        websocket: args.transports.contains(&Way::Websocket),
        ..usual
    }
}

/// Where it listens.
fn addresses(port: u16) -> Vec<SocketAddr> {
    let mut addresses = vec![SocketAddr::from(([127, 0, 0, 1], port))];
    // Machines without IPv6 exist.
    if std::net::TcpListener::bind(("::1", 0)).is_ok() {
        addresses.push(SocketAddr::from(([0, 0, 0, 0, 0, 0, 0, 1], port)));
    }
    addresses
}

/// Says where it listens: in one piece, for whoever waits for it.
fn announce(address: SocketAddr) {
    let line = format!("listening on http://{address}\n");
    eprint!("{line}");
}

/// What ends the server.
fn signals() -> std::io::Result<Signals> {
    Signals::new([Signal::Term, Signal::Int])
}

/// Serves, beside a tide application, until it is told to end.
async fn on_async_std<A>(app: A, setup: Setup, addresses: Vec<SocketAddr>) -> std::io::Result<()>
where
    A: App + Send + 'static,
{
    let mut tide = tide::new();
    let server = Server::start(app, setup)?;
    // For tests that want to know whether anything is left.
    let counted = server.clone();
    tide.at("/sessions").get(move |_| {
        let sessions = counted.host().sessions();
        async move { Ok(sessions.to_string()) }
    });
    let mut signals = signals()?;
    let mut listener = tide.bind(server.listener(addresses)).await?;
    server.addresses().into_iter().for_each(announce);
    let accepting = async_std::task::spawn(async move { tide::listener::Listener::<()>::accept(&mut listener).await });
    signals.next().await;
    // Sessions first: whoever is between two polls has to come in once more to hear of it.
    server.close(PATIENCE).await;
    server.shut_down().await;
    drop(accepting);
    Ok(())
}
