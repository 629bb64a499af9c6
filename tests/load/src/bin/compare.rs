//! The comparison's command line; `tests/load/compare` builds what it needs and calls it.

use clap::Parser;
use sanket_load::compare::check::check;
use sanket_load::compare::processors::Processors;
use sanket_load::compare::servers::{FLOOR, OURS, all, versions};
use sanket_load::compare::{Comparison, picture, table};
use sanket_load::fault::{Fault, Result};
use sanket_load::scenario::{Kind, plans};
use std::fs::{create_dir_all, write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

/// Compares Socket.IO servers: every scenario in alternation over all of them.
#[derive(Debug, Parser)]
struct Args {
    /// Only these scenarios, with commas between them. `heartbeats` is run only if it is asked for.
    #[arg(long, value_delimiter = ',')]
    only: Vec<String>,
    /// Only these servers: sanket, bare (the floor), bun, socketioxide, socket.io.
    #[arg(long, value_delimiter = ',')]
    servers: Vec<String>,
    /// With how many processors our server runs, 1, 2, all: each scenario with each. The others run with the greatest number
    /// of them. The load tool has all.
    #[arg(long, value_delimiter = ',', default_value = "1,all")]
    cpus: Vec<Processors>,
    /// How often each server meets each scenario.
    #[arg(long)]
    rounds: Option<usize>,
    /// Seconds that each run is measured.
    #[arg(long)]
    seconds: Option<f64>,
    /// One round of short runs.
    #[arg(long)]
    quick: bool,
    /// Where to write table, picture and runs. Of a comparison that is not the whole one, nowhere unless it is said.
    #[arg(long)]
    out: Option<PathBuf>,
    /// Our server.
    #[arg(long, default_value = "target/release/examples/load_peer")]
    ours: PathBuf,
    /// Only looks whether our server loses anything, in all transports and both revisions, and the floor over WebSocket.
    #[arg(long)]
    check: bool,
}

fn main() -> ExitCode {
    match compare(&Args::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(fault) => {
            eprintln!("{fault}");
            ExitCode::FAILURE
        }
    }
}

fn compare(args: &Args) -> Result<()> {
    // Fewer connections than wanted are noticed when they are opened.
    let _ = rlimit::increase_nofile_limit(u64::MAX);
    let mut servers = all(args.ours.clone());
    if args.check {
        let mut runs = 0;
        for server in servers.iter().filter(|server| matches!(server.name, OURS | FLOOR)) {
            runs += check(server)?;
        }
        println!("{runs} runs, nothing lost");
        return Ok(());
    }
    let mut chosen = plans();
    known(&args.only, chosen.iter().map(|plan| plan.name))?;
    known(&args.servers, servers.iter().map(|server| server.name))?;
    chosen.retain(|plan| match args.only.as_slice() {
        [] => plan.kind != Kind::Heartbeats,
        only => only.iter().any(|name| name == plan.name),
    });
    servers.retain(|server| args.servers.is_empty() || args.servers.iter().any(|name| name == server.name));
    let rounds = args.rounds.unwrap_or(if args.quick { 1 } else { 2 });
    let seconds = args.seconds.unwrap_or(if args.quick { 2.0 } else { 3.0 });
    let measured = Duration::try_from_secs_f64(seconds).map_err(|error| Fault::new(error.to_string()))?;
    // Node compiles what it sees often: what it takes in its first second is twice what it takes later.
    let warm_up = Duration::from_secs(if args.quick { 1 } else { 2 });
    let mut processors = args.cpus.iter().map(|cpus| cpus.count()).collect::<Result<Vec<usize>>>()?;
    processors.sort_unstable();
    processors.dedup();
    let whole = args.only.is_empty() && args.servers.is_empty() && !args.quick;
    let comparison = Comparison { plans: chosen, servers, rounds, measured, warm_up, processors };
    let outcome = comparison.run();
    let plans = &comparison.plans;
    let (costs, scaled) = (table::costs(&outcome, plans), table::scaled(&outcome, plans));
    println!("\n{costs}{scaled}{}", table::remarks(&outcome, plans));
    if let Some(out) = args.out.clone().or_else(|| whole.then(|| "docs/performance".into())) {
        create_dir_all(&out)?;
        let page = table::page(&outcome, plans, &versions(), rounds, seconds);
        write(out.join("README.md"), page)?;
        write(out.join("bars.svg"), picture::bars(&outcome, plans))?;
        let runs = serde_json::to_string(&outcome).map_err(|error| Fault::new(error.to_string()))?;
        write(out.join("runs.json"), runs.replace("},{\"server\"", "},\n{\"server\"") + "\n")?;
        println!("written to {}", out.display());
    }
    if outcome.faults().any(|(run, _)| run.server == OURS) {
        return Err(Fault::new("our server failed"));
    }
    Ok(())
}

fn known<'a>(asked: &[String], names: impl Iterator<Item = &'a str>) -> Result<()> {
    let names: Vec<&str> = names.collect();
    match asked.iter().find(|name| !names.contains(&name.as_str())) {
        Some(unknown) => Err(Fault::new(format!("there is no {unknown:?}, but {}", names.join(", ")))),
        None => Ok(()),
    }
}
