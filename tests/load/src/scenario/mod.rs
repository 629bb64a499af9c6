//! The scenarios by name, and what they have in common: clients are brought in, the server is warmed up, and what is counted
//! begins and ends with nothing under way.

mod broadcast;
mod circles;
mod connect;
mod crowd;
mod echo;
mod idle;
mod returning;
mod rollcall;
mod storm;

use crate::account::Process;
use crate::client::{Settings, Transport};
use crate::fault::{Fault, Result};
use crate::report::{Latency, Report};
use crate::world::{Seen, World};
pub use broadcast::Talk;
pub use circles::Circles;
use hdrhistogram::Histogram;
pub use returning::CAME_AGAIN;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// The padding that makes a message what people write: 64 bytes.
const PADDING: &str = "the quick brown fox jumps over the lazy dog, and then does it ag";
/// The padding that makes a frame about 130 bytes long, which have a longer header: 104 bytes.
const LONG: &str =
    "the quick brown fox jumps over the lazy dog, and then does it again, until the lazy dog has had enough o";
/// Clients that are let in at a time.
const AT_A_TIME: usize = 64;
/// The longest latency that is told from longer ones, in microseconds.
const LONGEST: u64 = 60_000_000;
/// Latencies are kept with three digits.
const DIGITS: u8 = 3;

/// What clients do in a scenario.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Kind {
    /// Somebody says something to everybody, or to everybody of a circle.
    Broadcast(Talk),
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
    Storm {
        /// Whether each join is told at once, by a notice of its own. Otherwise one notice may tell of several.
        each: bool,
    },
    /// Everybody connects as after a restart, and stays.
    Return {
        /// Milliseconds in which they begin to connect; 0 is all at once.
        within: u32,
    },
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
///
/// Where one client speaks, the server reads all that is in flight from one socket, and clients get it in one piece. Where
/// all speak in turn, as people do, it reads each message from another socket.
///
/// `in-turn-1600`, `rooms-16` and `namespaces-16` have as many clients and as many deliveries under way: 16 messages to
/// 1,600, or 256 to 100 each. So what they differ by is what a message costs apart from its deliveries, in one room, in 16
/// that have nothing to do with each other, and in 16 namespaces. If one thread of the server at a time may turn a message
/// into deliveries, more processors do not bring more of them a second in `rooms-16`, while it stays behind `in-turn-1600`
/// (`compare --cpus 1,all` shows both). The load tool takes about one processor: with two in all, only the costs of a delivery
/// tell the three apart.
#[must_use]
pub fn plans() -> Vec<Plan> {
    use Kind::{Broadcast, Connect, Echo, Heartbeats, Memory, Return, Storm};
    use Transport::{Polling, Upgrade, Websocket};
    let talk = |in_flight| Talk { in_flight, per_second: None, senders: 1, circles: Circles::One, padding: PADDING };
    let broadcast = |in_flight| Broadcast(talk(in_flight));
    let all = |in_flight, circles| Talk { senders: usize::MAX, circles, padding: LONG, ..talk(in_flight) };
    let in_turn = |in_flight| Broadcast(all(in_flight, Circles::One));
    let apart = |circles| Broadcast(all(16, circles));
    let paced = |talk| Broadcast(Talk { per_second: Some(150), ..talk });
    let paced_in_turn = paced(all(usize::MAX, Circles::One));
    let paced = paced(talk(usize::MAX));
    let (echo, connect) = (|outstanding| Echo { outstanding }, Connect { at_a_time: 16 });
    let (rooms, namespaces) = (apart(Circles::Rooms(16)), apart(Circles::Namespaces(16)));
    let (storm, told) = (Storm { each: false }, Storm { each: true });
    let plan = |name, title, kind, clients, transport, target| Plan { name, title, kind, clients, transport, target };
    let ratio = Target::Ratio;
    vec![
        plan("broadcast-1", "broadcast to 100, 1 in flight", broadcast(1), 100, Websocket, ratio(0.8)),
        plan("broadcast-16", "broadcast to 100, 16 in flight", broadcast(16), 100, Websocket, ratio(0.4)),
        plan("broadcast-paced", "broadcast to 100, 150 a second", paced, 100, Websocket, ratio(0.6)),
        plan("broadcast-1000", "broadcast to 1,000, 4 in flight", broadcast(4), 1_000, Websocket, ratio(0.6)),
        plan("broadcast-5000", "broadcast to 5,000, 4 in flight", broadcast(4), 5_000, Websocket, Target::None),
        plan("in-turn-16", "100 speak in turn, 16 in flight", in_turn(16), 100, Websocket, Target::None),
        plan("in-turn-paced", "100 speak in turn, 150 a second", paced_in_turn, 100, Websocket, Target::None),
        plan("in-turn-1000", "1,000 speak in turn, 4 in flight", in_turn(4), 1_000, Websocket, Target::None),
        plan("in-turn-1600", "1,600 speak in turn, 16 in flight", in_turn(16), 1_600, Websocket, Target::None),
        plan("rooms-16", "16 rooms of 100, 16 in flight in each", rooms, 1_600, Websocket, Target::None),
        plan("namespaces-16", "16 namespaces of 100, 16 in flight in each", namespaces, 1_600, Websocket, Target::None),
        plan("echo-1", "ack, 100 clients, 1 outstanding", echo(1), 100, Websocket, ratio(0.7)),
        plan("echo-16", "ack, 100 clients, 16 outstanding", echo(16), 100, Websocket, ratio(0.2)),
        plan("polling", "polling, broadcast to 100, 1 in flight", broadcast(1), 100, Polling, ratio(0.7)),
        plan("connect", "connect, join, close", connect, 16, Websocket, ratio(0.6)),
        plan("upgrade", "connect by polling, upgrade, close", connect, 16, Upgrade, ratio(0.8)),
        plan("storm", "500 join at once", storm, 500, Websocket, ratio(0.15)),
        plan("storm-told", "500 join, each told at once", told, 500, Websocket, Target::None),
        plan("return-600", "600 connect at once", Return { within: 0 }, 600, Websocket, Target::None),
        plan("return", "18,000 are back within a second", Return { within: 1_000 }, 18_000, Websocket, Target::None),
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
    /// How many clients of each circle take turns in speaking, if not as many as the scenario has.
    pub senders: Option<usize>,
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
    let Setting { mut plan, mut settings, server, measured, warm_up, senders, strict, patience, tells } = setting;
    if let Kind::Broadcast(talk) = &mut plan.kind {
        talk.senders = senders.unwrap_or(talk.senders);
        settings.namespaces = talk.circles.namespaces();
    }
    if matches!(plan.kind, Kind::Return { .. }) {
        plan.clients = plan.clients.min(returning::at_most());
        settings.sources = returning::SOURCES;
    }
    let (eio, transport) = (settings.revision.number(), format!("{:?}", settings.transport).to_lowercase());
    let world = World::new(settings, patience, tells)?;
    let mut stage = Stage { world, server, clients: plan.clients, measured, warm_up, strict };
    let found = match plan.kind {
        Kind::Broadcast(talk) => broadcast::run(&mut stage, talk)?,
        Kind::Echo { outstanding } => echo::run(&mut stage, outstanding)?,
        Kind::Connect { at_a_time } => connect::run(&mut stage, at_a_time)?,
        Kind::Storm { each } => storm::run(&mut stage, each)?,
        Kind::Return { within } => returning::run(&mut stage, Duration::from_millis(within.into()))?,
        Kind::Memory => idle::memory(&mut stage)?,
        Kind::Heartbeats => idle::heartbeats(&mut stage)?,
    };
    let units = found.units.max(1) as f64;
    let (seconds, Seen { frames, reads }) = (found.cost.wall.as_secs_f64(), found.cost.seen);
    Ok(Report {
        scenario: plan.name.to_owned(),
        eio,
        transport,
        clients: plan.clients,
        unit: found.unit.to_owned(),
        units: found.units,
        seconds,
        units_per_second: found.units as f64 / seconds.max(f64::MIN_POSITIVE),
        frames_per_read: (reads > 0).then(|| frames as f64 / reads as f64),
        server_cpu_us: found.cost.server.map(|micros| micros as f64 / units),
        server_cpu_total_us: found.cost.server,
        own_cpu_us: found.cost.own as f64 / units,
        latency_us: Latency::of(&found.latency),
        disordered: found.disordered,
        kib_per_client: found.kib_per_client,
        until_in_ms: found.until_in,
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
    /// Milliseconds until 99 of 100 clients were in, and until all were.
    until_in: Option<[f64; 2]>,
    more: BTreeMap<String, f64>,
}

impl Found {
    fn new(unit: &'static str, units: u64, cost: Cost) -> Result<Self> {
        let (latency, more) = (recorder()?, BTreeMap::new());
        Ok(Self { unit, units, cost, latency, disordered: 0, kib_per_client: None, until_in: None, more })
    }
}

/// What something cost, in microseconds of processor time.
#[derive(Clone, Copy, Debug)]
struct Cost {
    server: Option<u64>,
    own: u64,
    wall: Duration,
    /// What came over WebSockets meanwhile.
    seen: Seen,
}

impl Stage {
    /// What `work` costs. Nothing is to be under way when it begins, nor when it ends.
    fn cost_of(&mut self, work: impl FnOnce(&mut World) -> Result<()>) -> Result<Cost> {
        let own = Process::own();
        let before = self.server.map(Process::settled).transpose()?;
        let (own_before, seen, start) = (own.account().ok(), self.world.seen(), Instant::now());
        work(&mut self.world)?;
        let wall = start.elapsed();
        let after = self.world.seen();
        let seen = Seen { frames: after.frames - seen.frames, reads: after.reads - seen.reads };
        let own = own.account().ok().zip(own_before).map_or(0, |(after, before)| after.since(&before));
        let after = self.server.map(Process::settled).transpose()?;
        let server = after.zip(before).map(|(after, before)| after.since(&before));
        Ok(Cost { server, own, wall, seen })
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
        assert_eq!((PADDING.len(), LONG.len()), (64, 104));
    }
}
