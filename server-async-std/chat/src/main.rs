//! The chat room: the page, the Socket.IO server and the front door, put together and taken down in order.

mod args;
mod assets;
mod page;

use args::Args;
use async_signal::{Signal, Signals};
use async_std::task::{block_on, spawn};
use clap::Parser as _;
use futures_lite::{FutureExt as _, StreamExt as _};
use page::Source;
use sanket::{Chat, ChatConfig, Config, Recovery};
use sanket_async_std::{AddressLimits, HttpConfig, Options, Origins, Server, Setup, setup};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};
use std::process::ExitCode;
use std::time::Duration;

/// How long clients may take to fetch what is queued for them when the server ends, and then the requests that are still
/// under way.
const PATIENCE_MS: u64 = 2_000;

fn main() -> ExitCode {
    let args = Args::parse();
    env_logger::Builder::new().filter_level(args.log).format_target(false).init();
    match block_on(run(args)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            log::error!("{error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(args: Args) -> std::io::Result<()> {
    let mut signals = Signals::new([Signal::Term, Signal::Int])?;
    let config = Config {
        ping_interval: args.ping_interval,
        ping_timeout: args.ping_timeout,
        max_payload: args.max_payload,
        max_queue: args.max_queue,
        max_attached: args.max_payload.saturating_mul(Config::default().max_attachments),
        max_sessions: args.max_sessions,
        max_unjoined: args.max_sessions.div_ceil(2),
        recovery: args.recovery.then(Recovery::default),
        ..Config::default()
    };
    let max_connections = max_connections(args.max_sessions);
    let http = HttpConfig {
        max_connections,
        // What is beyond the payload is refused by the protocol, in its own words.
        max_body: HttpConfig::default().max_body.max(2 * args.max_payload as u64),
        drain_deadline: PATIENCE_MS,
        ..HttpConfig::default()
    };
    let options = Options::default().origins(Origins::listed(args.allow_origin)).serve_client(!args.no_client_files);
    let limits = AddressLimits {
        connections: args.max_connections_per_ip.unwrap_or(max_connections),
        ..AddressLimits::default()
    };
    let chat = Chat::new(ChatConfig::default(), fastrand::u64(..));
    let server = Server::start(chat, Setup { config, http, addresses: limits, options, ..setup() })?;
    let mut app = tide::new();
    page::mount(&mut app, args.web_dir.map_or(Source::Embedded, Source::Directory));
    let mut listener = app.bind(server.listener(addresses(&args.listen, args.port))).await?;
    for address in server.addresses() {
        log::info!("listening on http://{address}");
    }
    let accepting = spawn(async move { tide::listener::Listener::<()>::accept(&mut listener).await });
    let signal = async { Ok(signals.next().await) };
    let failed = async {
        server.failed().await;
        Err(())
    };
    let signalled = signal.or(failed).await;
    match signalled {
        Ok(Some(Ok(Signal::Int))) => log::info!("SIGINT: closing"),
        Ok(_) => log::info!("SIGTERM: closing"),
        Err(()) => log::error!("closing"),
    }
    close(&server).or(again(&mut signals)).await;
    drop(accepting);
    log::info!("closed");
    signalled.map(drop).map_err(|()| std::io::Error::other("the application panicked"))
}

/// Room for every session, for as many requests beside it and for those who fetch the page, as far as the system gives descriptors: beyond them a client
/// would wait in vain, below them it is told that there is no room.
fn max_connections(max_sessions: usize) -> usize {
    /// Listening sockets, the log, what the runtime needs.
    const SPARE: u64 = 64;
    /// A browser opens six at a time to fetch a page.
    const PAGES: usize = 1_024;
    let limit = rlimit::increase_nofile_limit(u64::MAX).unwrap_or(1_024).saturating_sub(SPARE).max(1);
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    if limit < max_sessions {
        log::info!("the system lets this process have {limit} connections, fewer than --max-sessions {max_sessions}");
    }
    max_sessions.saturating_mul(2).saturating_add(PAGES).min(limit)
}

/// First the sessions: none is opened any more, and clients are told. For that the door stays open: a client that is just
/// between two polls has to come in once more to hear of it. Then the door.
async fn close(server: &Server<Chat>) {
    if !server.close(Duration::from_millis(PATIENCE_MS)).await {
        log::warn!("{} sessions did not end in time", server.host().sessions());
    }
    server.shut_down().await;
}

/// A second signal: whoever sends it does not want to wait.
async fn again(signals: &mut Signals) {
    signals.next().await;
}

/// What was asked for, or both loopback addresses, as far as this machine has them.
fn addresses(listen: &[IpAddr], port: u16) -> Vec<SocketAddr> {
    if !listen.is_empty() {
        return listen.iter().map(|address| SocketAddr::new(*address, port)).collect();
    }
    let mut addresses = vec![SocketAddr::new(Ipv4Addr::LOCALHOST.into(), port)];
    // Machines without IPv6 exist; on the others a port in use is an error, not a reason to do without.
    let v6 = IpAddr::from(Ipv6Addr::LOCALHOST);
    if TcpListener::bind((v6, 0)).is_ok() {
        addresses.push(SocketAddr::new(v6, port));
    }
    addresses
}
