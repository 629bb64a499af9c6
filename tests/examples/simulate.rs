//! Simulates a server with many clients in virtual time, and checks everything that the crate guarantees:
//!
//! `cargo run --release -p sanket-tests --example simulate -- --clients 1000000 --minutes 10 --seed 1`
//!
//! With `--bytes` clients write HTTP and WebSocket into simulated TCP streams, and the server is the whole host; without,
//! packets are handed to the protocol. With `--cuts` the network breaks connections now and then. Still, all clients must get
//! all messages. The program ends with figures and a number that depends on everything that happened: the same for the same
//! seed on every machine.

use clap::Parser;
use sanket_tests::simulation::{ByteSimulation, Cuts, Figures, Plan, Simulation};
use std::panic;
use std::process::ExitCode;
use std::time::Instant;

/// A server and its clients in virtual time
#[derive(Debug, Parser)]
struct Args {
    /// Clients write bytes into simulated TCP streams
    #[arg(long)]
    bytes: bool,

    /// How many people there are
    #[arg(long, default_value_t = 10_000)]
    clients: usize,

    /// Virtual minutes, at least two
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(2..))]
    minutes: u64,

    /// Decides everything that is left to chance
    #[arg(long, default_value_t = 1)]
    seed: u64,

    /// Messages a second, all people together [default: one for ten people every minute, at least ten]
    #[arg(long)]
    messages: Option<u64>,

    /// In the middle everybody's connection breaks, and they all come back within ten seconds
    #[arg(long)]
    storm: bool,

    /// The network breaks connections, and clients take up where they were
    #[arg(long)]
    cuts: bool,

    /// Mean seconds that a connection lives, with --cuts
    #[arg(long, default_value_t = 20)]
    life: u64,

    /// Seconds that somebody is away at most, with --cuts
    #[arg(long, default_value_t = 10)]
    away: u64,

    /// Of a hundred, how many connections fall silent instead of being closed, with --cuts
    #[arg(long, default_value_t = 50)]
    silent: u8,
}

fn main() -> ExitCode {
    let args = Args::parse();
    let cuts = args.cuts.then_some(Cuts { life: args.life, away: args.away, silent: args.silent });
    let messages = args.messages.unwrap_or((args.clients as u64 / 600).max(10));
    let Args { bytes, clients, minutes, seed, storm, .. } = args;
    let plan = Plan { clients, minutes, seed, messages, storm, cuts };
    let report = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        report(info);
        eprintln!("something that is promised does not hold; again: {plan}{}", if bytes { " --bytes" } else { "" });
    }));
    let started = Instant::now();
    let report = |elapsed: u64, present: usize, figures: &Figures| {
        let (minute, events, seconds) = (elapsed / 60_000, figures.events, started.elapsed().as_secs_f64());
        eprintln!("minute {minute}: {present} people, {events} events, {seconds:.1} s");
    };
    let (figures, memory) = if bytes {
        let mut simulation = ByteSimulation::new(plan);
        while simulation.advance(60_000) {
            report(simulation.elapsed(), simulation.present(), simulation.figures());
        }
        let memory = peak_memory();
        (simulation.finish(), memory)
    } else {
        let mut simulation = Simulation::new(plan);
        while simulation.advance(60_000) {
            report(simulation.elapsed(), simulation.present(), simulation.figures());
        }
        let memory = peak_memory();
        (simulation.finish(), memory)
    };
    println!("events          {}", figures.events);
    println!("connections     {}, of which {} were cut", figures.connections, figures.cuts);
    println!("upgrades        {}", figures.upgrades);
    println!("pings           {}", figures.pings);
    println!("messages        {} said, {} heard", figures.said, figures.heard);
    println!("recovered       {}, of which {} took over", figures.recovered, figures.taken_over);
    println!("lost, doubled   {}, {}", figures.lost, figures.doubled);
    println!("not recovered   {}", figures.not_recovered);
    println!("peak memory     {memory}");
    println!("wall time       {:.1} s", started.elapsed().as_secs_f64());
    println!("trace           {:016x}", figures.trace);
    if figures.lost + figures.doubled + figures.not_recovered > 0 {
        println!("something was lost or doubled; again: {plan}");
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

/// What Linux says; elsewhere nothing is known.
fn peak_memory() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.map_or_else(|| "unknown".into(), |value| value.trim().into())
}
