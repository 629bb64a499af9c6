//! The chat room: the page, the Socket.IO server and the front door, put together and taken down in order.

mod args;
mod assets;
mod configuration;
mod descriptors;
mod file;
mod logging;
mod metrics;
mod page;
mod process;
mod signals;
mod watch;

use args::Args;
use async_std::task::{JoinHandle, block_on, spawn};
use configuration::Configuration;
use descriptors::Room;
use futures_lite::FutureExt as _;
use page::Source;
use sanket::chat::{Chat, ChatConfig};
use sanket::{Config, Recovery};
use sanket_async_std::{AddressLimits, Hosts, HttpConfig, Options, Origins, Server, Setup, setup};
use signals::Requests;
use std::io::{self, Write as _};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};
use std::process::ExitCode;
use std::time::Duration;
use watch::{For, Watch};

/// Gives memory back to the system when a flood is over.
#[cfg(not(target_env = "msvc"))]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// How long clients may take to fetch what is queued for them when the server ends, and then the requests that are still
/// under way.
const PATIENCE_MS: u64 = 2_000;
/// The longest time over which clients are let go unless `--drain` says otherwise: together with the patience it is within the
/// 10 s that Docker waits.
const LONGEST_DRAIN: Duration = Duration::from_secs(5);

fn main() -> ExitCode {
    let Configuration { args, effective, warnings } = match configuration::read() {
        Ok(configuration) => configuration,
        Err(error) => error.exit(),
    };
    // The last to go: it writes what is queued.
    let _flush = match logging::start(args.log, args.log_rate) {
        Ok(flush) => flush,
        Err(error) => {
            let _ = writeln!(io::stderr(), "cannot log: {error}");
            return ExitCode::FAILURE;
        }
    };
    for warning in warnings {
        log::warn!("{warning}");
    }
    let result = if args.check { io::stdout().write_all(effective.as_bytes()) } else { block_on(run(args)) };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            log::error!("{error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(args: Args) -> io::Result<()> {
    let requests = Requests::new()?;
    let addresses = addresses(&args.listen, args.port);
    let http = http(&args, addresses.len());
    let limits = limits(&args, &http);
    let options = options(&args, &addresses);
    let drain = args.drain.map(Duration::from_secs);
    let chat = Chat::new(chat(&args), fastrand::u64(..));
    let server = Server::start(chat, Setup { config: config(&args), http, addresses: limits, options, ..setup() })?;
    let mut app = tide::new();
    let watch = Watch::new(&server);
    let admin = match args.admin_listen {
        Some(address) => Some(watch.listen(address).await?),
        None => {
            watch.mount(&mut app, For::ThisMachine);
            None
        }
    };
    page::mount(&mut app, args.web_dir.map_or(Source::Embedded, Source::Directory));
    let mut listener = app.bind(server.listener(addresses)).await?;
    for address in server.addresses() {
        log::info!("listening on http://{address}");
    }
    for address in admin.iter().flat_map(Server::addresses) {
        log::info!("/health, /ready and /metrics on http://{address}");
    }
    let accepting = spawn(async move { tide::listener::Listener::<()>::accept(&mut listener).await });
    until_the_end(server, &watch, accepting, requests, drain).await
}

/// Waits until there is a reason to end, and takes all down. An error is why the program ends without having been asked.
async fn until_the_end(
    server: Server<Chat>,
    watch: &Watch,
    mut accepting: JoinHandle<io::Result<()>>,
    mut requests: Requests,
    drain: Option<Duration>,
) -> io::Result<()> {
    let asked = async { Ok(requests.next().await) };
    let failed = async {
        server.failed().await;
        Err(io::Error::other("the application panicked"))
    };
    // Before it is told to, it ends with an error only.
    let no_more = async {
        let ended = (&mut accepting).await;
        Err(ended.err().unwrap_or_else(|| io::Error::other("nothing is accepted any more")))
    };
    let end = asked.or(failed).or(no_more).await;
    match &end {
        Ok(signal) => log::info!("{signal}: closing"),
        Err(error) => log::error!("{error}: closing"),
    }
    watch.set_away("closing", true);
    // A second request: whoever sends it does not want to wait.
    close(&server, drain).or(async { _ = requests.next().await }).await;
    drop(accepting);
    log::info!("closed");
    end.map(drop)
}

fn config(args: &Args) -> Config {
    let usual = Config::default();
    let max_attached = args.max_payload.saturating_mul(usual.max_attachments);
    Config {
        ping_interval: args.ping_interval,
        ping_timeout: args.ping_timeout,
        max_payload: args.max_payload,
        max_queue: args.max_queue,
        max_attached,
        // Two sessions with the most that one may send, whatever that is.
        max_incomplete: usual.max_incomplete.max(max_attached.saturating_add(args.max_payload).saturating_mul(3)),
        max_sessions: args.max_sessions,
        max_unjoined: args.max_sessions.div_ceil(2),
        recovery: args.recovery.then(Recovery::default),
        ..usual
    }
}

fn chat(args: &Args) -> ChatConfig {
    ChatConfig {
        max_text: args.max_text,
        burst: args.message_burst,
        interval: args.message_interval,
        bytes_per_token: args.message_bytes,
        max_debts: args.max_debts,
        refusal_interval: args.refusal_interval,
        tick: args.tick,
    }
}

/// Room for every session, for as many requests beside it and for those who fetch the page, as far as the system gives
/// descriptors: beyond them a client would wait in vain, below them it is told that there is no room.
fn http(args: &Args, listeners: usize) -> HttpConfig {
    /// A browser opens six at a time to fetch a page.
    const PAGES: usize = 1_024;
    let default = HttpConfig::default();
    let aside = args.admin_listen.map_or(0, |_| watch::DESCRIPTORS);
    let room = Room::new(listeners, aside, default.max_refusals, args.web_dir.is_some());
    let Room { connections, refusals, limit } = room;
    if connections < args.max_sessions {
        log::info!(
            "{limit} descriptors leave room for {connections} connections, fewer than --max-sessions {}",
            args.max_sessions
        );
    }
    let max_connections = args.max_sessions.saturating_mul(2).saturating_add(PAGES).min(connections);
    HttpConfig {
        max_connections,
        max_refusals: refusals,
        // What is beyond the payload is refused by the protocol, in its own words.
        max_body: default.max_body.max(2 * args.max_payload as u64),
        drain_deadline: PATIENCE_MS,
        ..default
    }
}

fn limits(args: &Args, http: &HttpConfig) -> AddressLimits {
    AddressLimits {
        connections: args.max_connections_per_ip.unwrap_or(http.max_connections),
        connects: args.connect_rate.0,
        sessions: args.max_sessions_per_ip.unwrap_or(args.max_sessions.div_ceil(2)),
        unjoined: args.max_unjoined_per_ip.unwrap_or(args.max_sessions.div_ceil(4)),
        handshakes: args.handshake_rate.0,
        joins: args.join_rate.0,
        bytes: args.byte_rate.0,
        ..AddressLimits::default()
    }
}

fn options(args: &Args, addresses: &[SocketAddr]) -> Options {
    let is_local = addresses.iter().all(|address| address.ip().is_loopback());
    let hosts = match &*args.host {
        [] if is_local => {
            log::info!("answering for localhost and loopback addresses only; --host NAME is for others");
            Hosts::loopback()
        }
        [] => Hosts::any(),
        // A page cannot have one of the machine's own names: whoever watches from here gets in, DNS rebinding stays shut out.
        names if is_local => Hosts::listed(names.iter().cloned()).and(Hosts::loopback()),
        names => Hosts::listed(names.iter().cloned()),
    };
    Options::default()
        .origins(Origins::listed(args.allow_origin.clone()))
        .serve_client(!args.no_client_files)
        .hosts(hosts)
        .trusted_proxies(args.trusted_proxy.clone())
        .jsonp(args.jsonp)
}

/// First the sessions: none is opened any more, and clients are told. For that the door stays open: a client that is just
/// between two polls has to come in once more to hear of it. Then the door.
async fn close(server: &Server<Chat>, drain: Option<Duration>) {
    let usual = Duration::from_millis(server.host().sessions() as u64).min(LONGEST_DRAIN);
    if !server.drain(drain.unwrap_or(usual), Duration::from_millis(PATIENCE_MS)).await {
        log::warn!("{} sessions did not end in time", server.host().sessions());
    }
    server.shut_down().await;
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

#[cfg(test)]
mod tests {
    use super::*;
    use async_std::future::timeout;

    /// What the program ends with when `end` happens to it, with what its listener ends with if it does.
    fn ends_with<F: Future<Output = Option<io::Error>> + Send + 'static>(
        end: impl FnOnce(Server<Chat>) -> F,
    ) -> io::Result<()> {
        block_on(async {
            let server = Server::start(Chat::new(ChatConfig::default(), 7), setup()).unwrap();
            let watch = Watch::new(&server);
            let mut listener = tide::new().bind(server.listener([([127, 0, 0, 1], 0)])).await.unwrap();
            let end = end(server.clone());
            let accepting = spawn(async move {
                match end.await {
                    Some(error) => Err(error),
                    None => tide::listener::Listener::<()>::accept(&mut listener).await,
                }
            });
            let end = until_the_end(server, &watch, accepting, Requests::new().unwrap(), None);
            timeout(Duration::from_secs(20), end).await.expect("it ends")
        })
    }

    #[test]
    fn an_application_that_panics_ends_the_program_with_an_error() {
        let end = ends_with(|server| async move {
            assert!(server.apply(|_, _| panic!("as it should")).await.is_err());
            None
        });
        assert_eq!(end.unwrap_err().to_string(), "the application panicked");
    }

    #[test]
    fn a_listener_that_fails_ends_the_program_with_an_error() {
        let end = ends_with(|_| async { Some(io::Error::other("no more sockets")) });
        assert_eq!(end.unwrap_err().to_string(), "no more sockets");
    }
}
