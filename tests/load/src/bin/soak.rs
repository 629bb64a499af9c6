//! The soak's command line; see the library for what it does.

use clap::Parser;
use sanket_load::fault::{Fault, Result};
use sanket_load::soak::Soak;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

/// Runs the chat program under clients that come and go in all ways, and says whether it stays as it was: `cargo build
/// --release
/// -p sanket-chat` first.
#[derive(Debug, Parser)]
struct Args {
    /// How long, in minutes. Below eight, only what is left at the end counts, not whether it was flat meanwhile.
    #[arg(long, default_value_t = 60.0)]
    minutes: f64,
    /// How many clients there are at any time.
    #[arg(long, default_value_t = 300)]
    clients: usize,
    /// What tells the clients' lives, to have the same ones again [default: any]
    #[arg(long)]
    seed: Option<u64>,
    /// Seconds that a well-behaved client may wait for an ack or a message.
    #[arg(long, default_value_t = 5.0)]
    bound: f64,
    /// The program.
    #[arg(long, env = "SANKET_BIN", default_value = "target/release/sanket")]
    program: PathBuf,
    /// Where the program's log is kept.
    #[arg(long, default_value = "target/soak/server.log")]
    log: PathBuf,
}

fn main() -> ExitCode {
    match soak(Args::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(fault) => {
            eprintln!("{fault}");
            ExitCode::FAILURE
        }
    }
}

fn soak(args: Args) -> Result<()> {
    // Fewer connections than wanted are noticed when they are opened.
    let _ = rlimit::increase_nofile_limit(u64::MAX);
    let time = |seconds| Duration::try_from_secs_f64(seconds).map_err(|error| Fault::new(error.to_string()));
    let soak = Soak {
        program: args.program,
        log: args.log,
        time: time(args.minutes * 60.0)?,
        clients: args.clients,
        seed: args.seed.unwrap_or_else(|| fastrand::u64(..)),
        bound: time(args.bound)?,
    };
    soak.run()
}
