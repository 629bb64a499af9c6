//! The load tool's command line; see the library for what it does.

use clap::Parser;
use sanket_load::account::Process;
use sanket_load::client::{Settings, Transport};
use sanket_load::fault::{Fault, Result};
use sanket_load::packet::Revision;
use sanket_load::report::Report;
use sanket_load::scenario::{Kind, Plan, Setting, Talk, plans, run};
use std::net::ToSocketAddrs as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

/// Puts load on a Socket.IO server, counts what comes back, and says what it cost the server.
#[derive(Debug, Parser)]
struct Args {
    /// A scenario, or `all`: broadcast-1, broadcast-16, broadcast-paced, broadcast-1000, broadcast-5000 (one client speaks),
    /// in-turn-16, in-turn-paced, in-turn-1000, in-turn-1600 (all speak in turn), rooms-16, namespaces-16 (all speak, in 16
    /// circles), echo-1, echo-16, polling, connect, upgrade, storm, storm-told, return-600, return (all connect at once, or
    /// within a second), idle-websocket, idle-polling, heartbeats (not part of `all`).
    scenario: String,
    /// Where the server listens; a path in it is the server's, `/socket.io/` if there is none.
    #[arg(long)]
    url: String,
    /// The server's process, for its processor time and memory.
    #[arg(long)]
    pid: Option<u32>,
    /// The clients' revision of Engine.IO, 3 or 4.
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u8).range(3..=4))]
    eio: u8,
    /// How clients speak, if not as the scenario has it.
    #[arg(long)]
    transport: Option<Transport>,
    /// How many clients, if not as many as the scenario has. Of those that come and go: how many at a time.
    #[arg(long)]
    clients: Option<usize>,
    /// How many messages are under way in each room or namespace, or acks outstanding.
    #[arg(long)]
    in_flight: Option<usize>,
    /// How many clients of each room or namespace take turns in speaking, if not as many as the scenario has.
    #[arg(long)]
    senders: Option<usize>,
    /// Seconds that are measured.
    #[arg(long, default_value_t = 5.0)]
    seconds: f64,
    /// Seconds before, for servers that get faster.
    #[arg(long, default_value_t = 1.0)]
    warm_up: f64,
    /// Count what comes before its time, instead of failing. What is missing or comes twice fails all the same.
    #[arg(long)]
    any_order: bool,
    /// Seconds in which nothing happens before the run has failed.
    #[arg(long, default_value_t = 15.0)]
    patience: f64,
    /// Where to write what was found, as a JSON array.
    #[arg(long)]
    json: Option<PathBuf>,
    /// Say nothing of how far it is.
    #[arg(long)]
    quiet: bool,
}

fn main() -> ExitCode {
    match load(&Args::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(fault) => {
            eprintln!("{fault}");
            ExitCode::FAILURE
        }
    }
}

fn load(args: &Args) -> Result<()> {
    // Fewer connections than wanted are noticed when they are opened.
    let _ = rlimit::increase_nofile_limit(u64::MAX);
    let chosen: Vec<Plan> = plans()
        .into_iter()
        .filter(|plan| plan.name == args.scenario || (args.scenario == "all" && plan.kind != Kind::Heartbeats))
        .collect();
    if chosen.is_empty() {
        return Err(Fault::new(format!("there is no scenario {:?}", args.scenario)));
    }
    let mut reports: Vec<Report> = Vec::new();
    for plan in chosen {
        let report = run(setting(args, plan)?)?;
        println!("{}", report.lines());
        reports.push(report);
        if let Some(path) = &args.json {
            let text = serde_json::to_string_pretty(&reports).map_err(|error| Fault::new(error.to_string()))?;
            std::fs::write(path, text)?;
        }
    }
    Ok(())
}

fn setting(args: &Args, mut plan: Plan) -> Result<Setting> {
    if let Some(clients) = args.clients {
        plan.clients = clients;
    }
    match &mut plan.kind {
        Kind::Broadcast(Talk { in_flight: places, .. }) | Kind::Echo { outstanding: places } => {
            *places = args.in_flight.unwrap_or(*places);
        }
        Kind::Connect { at_a_time } => *at_a_time = plan.clients,
        Kind::Storm { .. } | Kind::Return { .. } | Kind::Memory | Kind::Heartbeats => {}
    }
    let (host, path) = place(&args.url)?;
    let address = host.to_socket_addrs()?.next().ok_or_else(|| Fault::new(format!("{host} is nowhere")))?;
    let revision = if args.eio == 3 { Revision::V3 } else { Revision::V4 };
    let transport = args.transport.unwrap_or(plan.transport);
    Ok(Setting {
        plan,
        settings: Settings { address, host, path, revision, transport, from: None, sources: 0, namespaces: 0 },
        server: args.pid.map(Process),
        measured: seconds(args.seconds)?,
        warm_up: seconds(args.warm_up)?,
        senders: args.senders,
        strict: !args.any_order,
        patience: seconds(args.patience)?,
        tells: !args.quiet,
    })
}

fn seconds(count: f64) -> Result<Duration> {
    Duration::try_from_secs_f64(count).map_err(|error| Fault::new(error.to_string()))
}

/// Host with port, and path, of a URL without TLS.
fn place(url: &str) -> Result<(String, String)> {
    let rest = url.strip_prefix("http://").ok_or_else(|| Fault::new("the URL has to begin with http://"))?;
    let (host, path) = rest.find('/').map_or((rest, ""), |slash| rest.split_at(slash));
    let host = if host.contains(':') { host.to_owned() } else { format!("{host}:80") };
    let path = if matches!(path, "" | "/") { "/socket.io/".to_owned() } else { path.to_owned() };
    Ok((host, path))
}
