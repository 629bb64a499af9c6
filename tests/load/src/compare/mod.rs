//! Compares servers that do the same: each scenario in alternation over all of them, a new process for each run. Ours runs with
//! several numbers of processors, the others with the greatest of them.

pub mod check;
pub mod outcome;
pub mod picture;
pub mod processors;
pub mod servers;
pub mod table;

use crate::account::Process;
use crate::client::{Settings, Transport};
use crate::fault::Result;
use crate::packet::Revision;
use crate::report::Report;
use crate::scenario::{Kind, Plan, Setting, run};
use outcome::{Outcome, Run};
use servers::{OURS, Running, Server};
use std::time::Duration;

/// How long nothing may happen.
const PATIENCE: Duration = Duration::from_secs(20);
/// Heartbeats come every 25 seconds: less than two of them would be chance.
const HEARTBEATS: Duration = Duration::from_secs(60);

/// How a comparison is made.
#[derive(Debug)]
pub struct Comparison {
    /// The scenarios.
    pub plans: Vec<Plan>,
    /// The servers.
    pub servers: Vec<Server>,
    /// How often each meets each.
    pub rounds: usize,
    /// How long each run is measured.
    pub measured: Duration,
    /// How long a server is warmed up that gets faster.
    pub warm_up: Duration,
    /// With how many processors ours runs, without repetitions; the others have the greatest number of them.
    pub processors: Vec<usize>,
}

/// How long a server is warmed up that does not get faster.
const WARM_UP: Duration = Duration::from_millis(500);

impl Comparison {
    /// Runs everything; says each run as it is done.
    #[must_use]
    pub fn run(&self) -> Outcome {
        let mut runs = Vec::new();
        for plan in &self.plans {
            for round in 0..self.rounds {
                let mut starters = self.starters(plan);
                // Nobody is always the one that comes after somebody else.
                let first = round % starters.len().max(1);
                starters.rotate_left(first);
                for (server, processors) in starters {
                    let result = self.once(*plan, server, processors);
                    match &result {
                        Ok(report) => println!("{:<13} {processors} {}", server.name, report.lines()),
                        Err(fault) => println!("{:<13} {processors} {:<17} FAILED: {fault}", server.name, plan.name),
                    }
                    let (report, fault) = match result {
                        Ok(report) => (Some(report), None),
                        Err(fault) => (None, Some(fault.to_string())),
                    };
                    runs.push(Run {
                        server: server.name.to_owned(),
                        scenario: plan.name.to_owned(),
                        processors,
                        round,
                        report,
                        fault,
                    });
                }
            }
        }
        Outcome { runs }
    }

    /// Who runs a scenario, and with how many processors.
    fn starters(&self, plan: &Plan) -> Vec<(&Server, usize)> {
        let all = self.processors.iter().copied().max();
        let mut starters = Vec::new();
        for server in self.servers.iter().filter(|server| server.takes(plan)) {
            let counts = self.processors.iter().copied();
            starters.extend(counts.filter(|n| server.name == OURS || Some(*n) == all).map(|n| (server, n)));
        }
        starters
    }

    fn once(&self, plan: Plan, server: &Server, processors: usize) -> Result<Report> {
        let measured = if plan.kind == Kind::Heartbeats { HEARTBEATS } else { self.measured };
        let warm_up = if server.warms_up { self.warm_up } else { self.warm_up.min(WARM_UP) };
        let running = server.start(processors)?;
        run(setting(plan, &running, Revision::V4, plan.transport, (measured, warm_up), server.keeps_order)?)
    }
}

fn setting(
    plan: Plan,
    running: &Running,
    revision: Revision,
    transport: Transport,
    (measured, warm_up): (Duration, Duration),
    strict: bool,
) -> Result<Setting> {
    let address = running.address;
    let (host, path) = (address.to_string(), "/socket.io/".to_owned());
    Ok(Setting {
        plan,
        settings: Settings { address, host, path, revision, transport, from: None, sources: 0, namespaces: 0 },
        server: Some(Process(running.pid())),
        measured,
        warm_up,
        senders: None,
        strict,
        patience: PATIENCE,
        tells: false,
    })
}
