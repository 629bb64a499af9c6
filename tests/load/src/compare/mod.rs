//! Compares servers that do the same: each scenario in alternation over all of them, a new process for each run.

pub mod check;
pub mod outcome;
pub mod picture;
pub mod servers;
pub mod table;

use crate::account::Process;
use crate::client::{Settings, Transport};
use crate::fault::Result;
use crate::packet::Revision;
use crate::report::Report;
use crate::scenario::{Kind, Plan, Setting, run};
use outcome::{Outcome, Run};
use servers::{Running, Server};
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
    /// How long it is warmed up.
    pub warm_up: Duration,
}

impl Comparison {
    /// Runs everything; says each run as it is done.
    #[must_use]
    pub fn run(&self) -> Outcome {
        let mut runs = Vec::new();
        for plan in &self.plans {
            for round in 0..self.rounds {
                // Nobody is always the one that comes after somebody else.
                for place in 0..self.servers.len() {
                    let server = &self.servers[(round + place) % self.servers.len()];
                    let result = self.once(*plan, server);
                    match &result {
                        Ok(report) => println!("{:<13} {}", server.name, report.lines()),
                        Err(fault) => println!("{:<13} {:<17} FAILED: {fault}", server.name, plan.name),
                    }
                    let (report, fault) = match result {
                        Ok(report) => (Some(report), None),
                        Err(fault) => (None, Some(fault.to_string())),
                    };
                    runs.push(Run {
                        server: server.name.to_owned(),
                        scenario: plan.name.to_owned(),
                        round,
                        report,
                        fault,
                    });
                }
            }
        }
        Outcome { runs }
    }

    fn once(&self, plan: Plan, server: &Server) -> Result<Report> {
        let measured = if plan.kind == Kind::Heartbeats { HEARTBEATS } else { self.measured };
        let running = server.start()?;
        run(setting(plan, &running, Revision::V4, plan.transport, (measured, self.warm_up), server.keeps_order)?)
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
