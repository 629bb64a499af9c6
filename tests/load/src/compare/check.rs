//! Our server under a little of every load, over every transport and in both revisions, and the floor: is anything lost? Costs and times
//! are not looked at, so that it may run anywhere.

use super::processors::Processors;
use super::servers::{FLOOR, Server};
use super::setting;
use crate::client::Transport;
use crate::fault::{Fault, Result};
use crate::packet::Revision;
use crate::scenario::{Circles, Kind, Plan, plans, run};
use std::time::Duration;

/// How long each run takes.
const MOMENT: Duration = Duration::from_millis(150);
/// Clients are few.
const CLIENTS: usize = 20;

/// Runs everything that a server can do once: ours over every transport and in both revisions, the floor over WebSocket. How
/// many runs there were.
///
/// # Errors
///
/// If anything was missing, came twice or out of order, or did not come in time.
pub fn check(server: &Server) -> Result<usize> {
    let mut runs = 0;
    let processors = Processors::All.count()?;
    for revision in [Revision::V3, Revision::V4] {
        for transport in [Transport::Websocket, Transport::Polling, Transport::Upgrade] {
            if server.name == FLOOR && (revision, transport) != (Revision::V4, Transport::Websocket) {
                continue;
            }
            for mut plan in plans() {
                if is_covered(&plan) || !server.takes(&plan) {
                    continue;
                }
                plan.clients = fewer(&plan);
                let running = server.start(processors)?;
                let place = format!("{}, EIO={} {transport:?}", server.name, revision.number());
                let setting = setting(plan, &running, revision, transport, (MOMENT, MOMENT), true)?;
                let report = run(setting).map_err(|fault| fault.at(&place))?;
                // Whoever polls gets no frames.
                if report.frames_per_read.is_some() != (transport != Transport::Polling) {
                    return Err(Fault::new(format!("{:?} frames a read", report.frames_per_read)).at(&place));
                }
                println!("{}", report.lines());
                runs += 1;
            }
        }
    }
    Ok(runs)
}

/// Whether there is nothing to be lost, or another scenario says the same to fewer clients.
fn is_covered(plan: &Plan) -> bool {
    match plan.kind {
        Kind::Memory | Kind::Heartbeats => true,
        Kind::Broadcast(talk) => talk.circles == Circles::One && plan.clients > 500,
        _ => false,
    }
}

/// As many clients as in the scenario, but few, and two in each circle.
fn fewer(plan: &Plan) -> usize {
    let circles = if let Kind::Broadcast(talk) = plan.kind { talk.circles.count() } else { 1 };
    plan.clients.min(CLIENTS.max(2 * circles))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_run_is_run_with_fewer() {
        let plans = plans();
        let kind = |plan: &Plan| match plan.kind {
            Kind::Broadcast(talk) => format!("{:?} {}", talk.circles, talk.senders),
            kind => format!("{kind:?}"),
        };
        for plan in plans.iter().filter(|plan| is_covered(plan) && matches!(plan.kind, Kind::Broadcast(_))) {
            assert!(plans.iter().any(|other| !is_covered(other) && kind(other) == kind(plan)), "{}", plan.name);
        }
        assert!(plans.iter().all(|plan| fewer(plan) <= 40));
    }
}
