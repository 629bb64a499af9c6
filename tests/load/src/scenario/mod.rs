//! The scenarios by name, and what they have in common: clients are brought in, the server is warmed up, and what is counted
//! begins and ends with nothing under way.

mod broadcast;
mod connect;
mod crowd;
mod echo;
mod idle;
mod rollcall;
mod storm;

use crate::account::Process;
use crate::client::{Settings, Transport};
use crate::fault::{Fault, Result};
use crate::report::{Latency, Report};
use crate::world::World;
use crowd::Crowd;
use hdrhistogram::Histogram;
use rollcall::RollCall;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// The padding that makes a message what people write: 64 bytes.
const PADDING: &str = "the quick brown fox jumps over the lazy dog, and then does it ag";
/// Clients that are let in at a time.
const AT_A_TIME: usize = 64;
/// The longest latency that is told from longer ones, in microseconds.
const LONGEST: u64 = 60_000_000;
/// Latencies are kept with three digits.
const DIGITS: u8 = 3;

/// What clients do in a scenario.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Kind {
    /// One message is said to everybody; so many are under way, or so many a second are said.
    Broadcast {
        /// How many are under way, at most.
        in_flight: usize,
        /// How many a second, if they are paced.
        per_second: Option<u32>,
    },
    /// Each client has so many events under way that are to be acked.
    Echo {
        /// How many.
        outstanding: usize,
    },
    /// Clients come and go, so many at a time.
    Connect {
        /// How many.
        at_a_time: usize,
    },
    /// Everybody joins at once, and everybody is told.
    Storm,
    /// Clients do nothing; memory counts.
    Memory,
    /// Clients do nothing; their heartbeats count.
    Heartbeats,
}

/// A scenario.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// Its name.
    pub name: &'static str,
    /// What it is about, in a table.
    pub title: &'static str,
    /// What clients do.
    pub kind: Kind,
    /// How many there are.
    pub clients: usize,
    /// How they speak.
    pub transport: Transport,
    /// Which share of socketioxide's figure is aimed at, or how many KiB.
    pub target: Target,
}

/// What is aimed at.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Target {
    /// A share of socketioxide's figure in the same run.
    Ratio(f64),
    /// KiB a client.
    Kib(f64),
    /// Nothing.
    None,
}

/// All scenarios, in the order in which `all` runs them.
#[must_use]
pub fn plans() -> Vec<Plan> {
    use Kind::{Broadcast, Connect, Echo, Heartbeats, Memory, Storm};
    use Transport::{Polling, Upgrade, Websocket};
    let broadcast = |in_flight| Broadcast { in_flight, per_second: None };
    let paced = Broadcast { in_flight: usize::MAX, per_second: Some(150) };
    let plan = |name, title, kind, clients, transport, target| Plan { name, title, kind, clients, transport, target };
    vec![
        plan("broadcast-1", "broadcast to 100, 1 in flight", broadcast(1), 100, Websocket, Target::Ratio(0.8)),
        plan("broadcast-16", "broadcast to 100, 16 in flight", broadcast(16), 100, Websocket, Target::Ratio(0.4)),
        plan("broadcast-paced", "broadcast to 100, 150 a second", paced, 100, Websocket, Target::Ratio(0.6)),
        plan("broadcast-1000", "broadcast to 1,000, 4 in flight", broadcast(4), 1_000, Websocket, Target::Ratio(0.6)),
        plan("broadcast-5000", "broadcast to 5,000, 4 in flight", broadcast(4), 5_000, Websocket, Target::None),
        plan("echo-1", "ack, 100 clients, 1 outstanding", Echo { outstanding: 1 }, 100, Websocket, Target::Ratio(0.7)),
        plan(
            "echo-16",
            "ack, 100 clients, 16 outstanding",
            Echo { outstanding: 16 },
            100,
            Websocket,
            Target::Ratio(0.2),
        ),
        plan("polling", "polling, broadcast to 100, 1 in flight", broadcast(1), 100, Polling, Target::Ratio(0.7)),
        plan("connect", "connect, join, close", Connect { at_a_time: 16 }, 16, Websocket, Target::Ratio(0.6)),
        plan(
            "upgrade",
            "connect by polling, upgrade, close",
            Connect { at_a_time: 16 },
            16,
            Upgrade,
            Target::Ratio(0.8),
        ),
        plan("storm", "500 join at once", Storm, 500, Websocket, Target::Ratio(0.15)),
        plan("idle-websocket", "an idle client on WebSocket", Memory, 2_000, Websocket, Target::Kib(6.0)),
        plan("idle-polling", "an idle client whose poll waits", Memory, 2_000, Polling, Target::Kib(8.0)),
        plan("heartbeats", "heartbeats of 10,000 idle clients", Heartbeats, 10_000, Websocket, Target::None),
    ]
}

/// How a scenario is run.
#[derive(Debug)]
pub struct Setting {
    /// The scenario.
    pub plan: Plan,
    /// The server, and how to speak to it.
    pub settings: Settings,
    /// Whose costs to look at.
    pub server: Option<Process>,
    /// How long it is measured.
    pub measured: Duration,
    /// How long the server is warmed up before.
    pub warm_up: Duration,
    /// How many clients take turns in saying something.
    pub senders: usize,
    /// Whether it is a fault if something comes before its time.
    pub strict: bool,
    /// How long nothing may happen.
    pub patience: Duration,
    /// Whether to say how far it is.
    pub tells: bool,
}

/// Runs one scenario.
///
/// # Errors
///
/// If the server lost something, said something twice or out of order, or stopped.
pub fn run(setting: Setting) -> Result<Report> {
    let name = setting.plan.name;
    run_unnamed(setting).map_err(|fault| fault.at(name))
}

fn run_unnamed(setting: Setting) -> Result<Report> {
    let Setting { plan, settings, server, measured, warm_up, senders, strict, patience, tells } = setting;
    let (eio, transport) = (settings.revision.number(), format!("{:?}", settings.transport).to_lowercase());
    let world = World::new(settings, patience, tells)?;
    let mut stage = Stage { world, server, clients: plan.clients, measured, warm_up, senders, strict };
    let found = match plan.kind {
        Kind::Broadcast { in_flight, per_second } => broadcast::run(&mut stage, in_flight, per_second)?,
        Kind::Echo { outstanding } => echo::run(&mut stage, outstanding)?,
        Kind::Connect { at_a_time } => connect::run(&mut stage, at_a_time)?,
        Kind::Storm => storm::run(&mut stage)?,
        Kind::Memory => idle::memory(&mut stage)?,
        Kind::Heartbeats => idle::heartbeats(&mut stage)?,
    };
    let units = found.units.max(1) as f64;
    Ok(Report {
        scenario: plan.name.to_owned(),
        eio,
        transport,
        clients: plan.clients,
        unit: found.unit.to_owned(),
        units: found.units,
        seconds: found.cost.wall.as_secs_f64(),
        server_cpu_us: found.cost.server.map(|micros| micros as f64 / units),
        server_cpu_total_us: found.cost.server,
        own_cpu_us: found.cost.own as f64 / units,
        latency_us: Latency::of(&found.latency),
        disordered: found.disordered,
        kib_per_client: found.kib_per_client,
        more: found.more,
    })
}

/// What all scenarios need.
struct Stage {
    world: World,
    server: Option<Process>,
    clients: usize,
    measured: Duration,
    warm_up: Duration,
    senders: usize,
    strict: bool,
}

/// What a scenario found.
struct Found {
    unit: &'static str,
    units: u64,
    cost: Cost,
    latency: Histogram<u64>,
    disordered: u64,
    kib_per_client: Option<f64>,
    more: BTreeMap<String, f64>,
}

impl Found {
    fn new(unit: &'static str, units: u64, cost: Cost) -> Result<Self> {
        let (latency, more) = (recorder()?, BTreeMap::new());
        Ok(Self { unit, units, cost, latency, disordered: 0, kib_per_client: None, more })
    }
}

/// What something cost, in microseconds of processor time.
#[derive(Clone, Copy, Debug)]
struct Cost {
    server: Option<u64>,
    own: u64,
    wall: Duration,
}

impl Stage {
    /// Brings everybody in.
    fn gather(&mut self) -> Result<()> {
        self.world.run(&mut Crowd::of(self.clients, AT_A_TIME))?;
        self.world.run(&mut RollCall::of(self.clients))
    }

    /// What `work` costs. Nothing is to be under way when it begins, nor when it ends.
    fn cost_of(&mut self, work: impl FnOnce(&mut World) -> Result<()>) -> Result<Cost> {
        let own = Process::own();
        let before = self.server.map(Process::settled_cpu).transpose()?;
        let (own_before, start) = (own.cpu().unwrap_or(0), Instant::now());
        work(&mut self.world)?;
        let wall = start.elapsed();
        let own = own.cpu().unwrap_or(0) - own_before;
        let after = self.server.map(Process::settled_cpu).transpose()?;
        let server = after.zip(before).map(|(after, before)| after - before);
        Ok(Cost { server, own, wall })
    }
}

fn recorder() -> Result<Histogram<u64>> {
    Histogram::new_with_bounds(1, LONGEST, DIGITS).map_err(|error| Fault::new(error.to_string()))
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_what_they_are_said_to_be() {
        assert_eq!(PADDING.len(), 64);
    }
}
