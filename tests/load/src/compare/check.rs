//! Our server under a little of every load, over every transport and in both revisions: is anything lost? Costs and times
//! are not looked at, so that it may run anywhere.

use super::servers::Server;
use super::setting;
use crate::client::Transport;
use crate::fault::Result;
use crate::packet::Revision;
use crate::scenario::{Kind, plans, run};
use std::time::Duration;

/// How long each run takes.
const MOMENT: Duration = Duration::from_millis(150);
/// Clients are few.
const CLIENTS: usize = 20;

/// Runs everything once. How many runs there were.
///
/// # Errors
///
/// If anything was missing, came twice or out of order, or did not come in time.
pub fn check(server: &Server) -> Result<usize> {
    let mut runs = 0;
    for revision in [Revision::V3, Revision::V4] {
        for transport in [Transport::Websocket, Transport::Polling, Transport::Upgrade] {
            for mut plan in plans() {
                // Memory and heartbeats are costs and nothing else; larger crowds say what smaller ones say.
                if matches!(plan.kind, Kind::Memory | Kind::Heartbeats) || plan.clients > 500 {
                    continue;
                }
                plan.clients = plan.clients.min(CLIENTS);
                let running = server.start()?;
                let place = format!("EIO={} {transport:?}", revision.number());
                let setting = setting(plan, &running, revision, transport, (MOMENT, MOMENT), true)?;
                let report = run(setting).map_err(|fault| fault.at(&place))?;
                println!("{}", report.lines());
                runs += 1;
            }
        }
    }
    Ok(runs)
}
