//! A soak: the chat program for a long time under clients of all kinds that come and go in all ways, while its memory,
//! descriptors and threads are to stay flat, and well-behaved clients are to notice nothing. Linux only: elsewhere
//! there is no `/proc`.
//!
//! It has four phases: a client that comes and goes, so that what the server has once is there; the churn; a quiet
//! time, in which everything that was kept for somebody must be given back, by what the server counts itself, too; and
//! one client more, that must find the room empty.

pub mod churn;
pub mod life;
pub mod series;
pub mod server;
pub mod session;
pub mod wire;
pub mod witness;

use crate::client::Transport;
use crate::fault::{Fault, Result};
use crate::http;
use crate::packet::Revision;
use churn::Churn;
use series::{Sample, judge};
use server::Chat;
use session::{Manner, Session};
use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant};
use wire::{Cut, Place, Step, Wire};
use witness::Witnesses;

/// Seconds between two samples.
const SAMPLE: f64 = 1.0;
/// Seconds between two lines that tell how far it is.
const TELL: f64 = 10.0;
/// Seconds of warm-up, at least: memory rises until the server begins to forget lost sessions and what they missed, as
/// fast as new ones come, and the pages that the allocator keeps take as long again to become as many as they will be.
const LEVEL: f64 = 2.0 * 120.0;
/// Seconds that the server keeps lost sessions and what they missed, at most, and some more.
const KEPT: f64 = 120.0 + 30.0;
/// Seconds after which no session is left whose client has gone without a word: twice as long as the heartbeats take.
const SILENT: f64 = 2.0 * (server::PING_INTERVAL + server::PING_TIMEOUT) as f64 / 1_000.0;
/// Seconds that the server may take to give back all connections: all are closed at the other end, so this is much.
const GIVEN_BACK: f64 = 45.0;
/// What memory may be when all have gone: so many times what it was before anybody came, and KiB. A loose bound that
/// holds today: the allocator keeps pages of the time when there was most to keep.
const LEFT: (f64, f64) = (2.0, 32.0 * 1_024.0);
/// What is aimed at instead.
const AIMED_AT: (f64, f64) = (1.5, 10.0 * 1_024.0);

/// What `/metrics` has to say 0 of when all have gone.
const COUNTED: [&str; 8] = [
    "sanket_sessions",
    "sanket_websockets",
    "sanket_waiting",
    "sanket_sockets",
    "sanket_rooms",
    "sanket_upgrades_under_way",
    "sanket_queue_bytes",
    "sanket_acks_pending",
];
/// How long is looked for what the server has when nobody is there.
const SETTLING: Duration = Duration::from_secs(2);
/// How often is looked for what is waited for.
const LOOK: Duration = Duration::from_millis(100);

/// What was measured, and what did not hold.
#[derive(Debug, Default)]
struct Report {
    samples: Vec<Sample>,
    findings: Vec<String>,
}

/// How to soak.
#[derive(Debug)]
pub struct Soak {
    /// The chat program.
    pub program: PathBuf,
    /// Where its log is kept.
    pub log: PathBuf,
    /// How long.
    pub time: Duration,
    /// How many clients there are at any time, beside the witnesses.
    pub clients: usize,
    /// What tells their lives.
    pub seed: u64,
    /// How long witnesses may wait for an ack or a message.
    pub bound: Duration,
}

impl Soak {
    /// Runs it.
    ///
    /// # Errors
    ///
    /// If the server did not hold.
    pub fn run(&self) -> Result<()> {
        println!("seed {}, {} clients, {:.0?}, log {}", self.seed, self.clients, self.time, self.log.display());
        let mut chat = Chat::start(&self.program, &self.log)?;
        let mut report = Report::default();
        if let Err(fault) = self.run_on(&mut chat, &mut report) {
            report.findings.push(fault.to_string());
        }
        if chat.ended()? {
            report.findings.push("the server has ended by itself".to_owned());
        } else if let Err(fault) = chat.stop() {
            report.findings.push(fault.to_string());
        }
        report.findings.extend(chat.complaints()?.into_iter().map(|line| format!("the server's log: {line}")));
        if report.findings.is_empty() {
            println!("everything held");
            return Ok(());
        }
        // Whoever looks for the reason wants to see all of it.
        report.samples.iter().for_each(|sample| println!("{sample}"));
        let story = report.findings.join("\n  ");
        Err(Fault::new(format!("did not hold, seed {}, log {}:\n  {story}", self.seed, self.log.display())))
    }

    fn run_on(&self, chat: &mut Chat, report: &mut Report) -> Result<()> {
        let place = place(chat);
        alone(&place)?;
        let start = settled(chat)?;
        println!("{start}: before anybody came");
        let held = self.churned(chat, &place, report)?;
        if !held {
            return Ok(());
        }
        self.judged(report)?;
        self.given_back(chat, &start, report)?;
        report.findings.extend(counted(&self::place(chat)).map_err(told)?);
        // Whoever comes now is told how many people the server takes for present.
        match alone(&self::place(chat))? {
            1 => {}
            count => report.findings.push(format!("{count} people are in an empty room")),
        }
        Ok(())
    }

    /// The churn, with witnesses. Whether it lasted as long as it was to.
    fn churned(&self, chat: &mut Chat, place: &Arc<Place>, report: &mut Report) -> Result<bool> {
        let began = Instant::now();
        let seconds = || began.elapsed().as_secs_f64();
        let mut witnesses = Witnesses::begin(chat.address, self.bound);
        while !witnesses.are_in() && !witnesses.have_failed() {
            sleep(LOOK);
        }
        let mut churn = Churn::begin(place, self.clients, self.seed)?;
        let until = seconds() + self.time.as_secs_f64();
        let (mut sample_at, mut tell_at) = (seconds(), seconds());
        while seconds() < until && !witnesses.have_failed() && !chat.ended()? {
            sample_at += SAMPLE;
            sleep(Duration::from_secs_f64((sample_at - seconds()).max(0.0)));
            // A process that has just ended has no figures.
            let Ok(sample) = Sample::of(chat.process(), seconds()) else { continue };
            report.samples.push(sample);
            if seconds() > tell_at {
                tell_at += TELL;
                println!("{sample}  {:7} lives  {}", churn.births(), witnesses.seen());
            }
        }
        let (births, churned) = (churn.births(), seconds());
        let held = churned >= until;
        place.over.store(true, Ordering::Relaxed);
        churn.end();
        report.findings.extend(witnesses.end());
        report.findings.extend(churn.tally.findings(held && self.is_long()));
        println!("{}{births} lives, {:.0} a second", churn.tally.table(), births as f64 / churned);
        println!("{}", witnesses.seen());
        Ok(held)
    }

    /// Seconds after which memory has to be level.
    fn warm_up(&self) -> f64 {
        LEVEL.max(self.time.as_secs_f64() / 6.0)
    }

    /// Whether there is time enough to see whether anything is flat, and for clients of every kind.
    fn is_long(&self) -> bool {
        self.time.as_secs_f64() >= 2.0 * self.warm_up()
    }

    /// What is not flat. A short soak has no time to be flat: then only its end counts.
    fn judged(&self, report: &mut Report) -> Result<()> {
        if !self.is_long() {
            println!("too short to say whether it is flat: only the end counts");
            return Ok(());
        }
        let verdict = judge(&report.samples, self.warm_up())?;
        verdict.lines.iter().for_each(|line| println!("{line}"));
        report.findings.extend(verdict.findings);
        Ok(())
    }

    /// What has not been given back when all have gone.
    fn given_back(&self, chat: &Chat, start: &Sample, report: &mut Report) -> Result<()> {
        // As long as lost sessions are kept. A short soak does not wait for memory, but until heartbeats have ended all
        // sessions.
        let quiet = (self.time.as_secs_f64() / 4.0).clamp(SILENT, KEPT);
        let began = Instant::now();
        let end = loop {
            let seconds = began.elapsed().as_secs_f64();
            let sample = Sample::of(chat.process(), seconds)?;
            if seconds > quiet && (sample.descriptors <= start.descriptors || seconds > GIVEN_BACK) {
                break sample;
            }
            sleep(LOOK);
        };
        println!("{end}: after all have gone");
        if end.descriptors > start.descriptors {
            report.findings.push(format!("{} descriptors are left of {}", end.descriptors, start.descriptors));
        }
        let bound = |(times, constant): (f64, f64)| start.resident as f64 * times + constant;
        let (left, aim, may) = (end.resident as f64, bound(AIMED_AT), bound(LEFT));
        println!("memory that is left: {left:.0} KiB; aimed at {aim:.0}, allowed {may:.0}");
        if left > may {
            report.findings.push(format!("{left:.0} KiB of memory are left, more than {may:.0}"));
        }
        Ok(())
    }
}

/// What the server has when nobody is there. The connections of whoever was there before are given back soon, but not
/// at once: the fewest descriptors of a while count.
fn settled(chat: &Chat) -> Result<Sample> {
    let until = Instant::now() + SETTLING;
    let mut fewest = Sample::of(chat.process(), 0.0)?;
    while Instant::now() < until {
        sleep(LOOK);
        let now = Sample::of(chat.process(), 0.0)?;
        fewest = if now.descriptors <= fewest.descriptors { now } else { fewest };
    }
    Ok(fewest)
}

fn place(chat: &Chat) -> Arc<Place> {
    let (address, jsonp) = (chat.address, chat.jsonp);
    Arc::new(Place { address, host: address.to_string(), jsonp, over: AtomicBool::new(false) })
}

/// A client that comes, looks around, and goes. How many people it is told that there are.
fn alone(place: &Place) -> Result<u64> {
    let from = IpAddr::V4(Ipv4Addr::LOCALHOST);
    let (revision, transport) = (Revision::V4, Transport::Upgrade);
    let manner = Manner { revision, transport, compressed: false, jsonp: false, from, buffer: None };
    let counted = || {
        let mut session = Session::join(place, manner, "{}")?;
        let until = Instant::now() + wire::PATIENCE;
        while let Some(packet) = session.next(until)? {
            let count = packet.strip_prefix(b"2").and_then(|json| {
                let (name, notice): (String, serde_json::Value) = serde_json::from_slice(json).ok()?;
                (name == "sys message").then(|| notice["counts"].as_u64())?
            });
            if let Some(count) = count {
                session.say(b"1")?;
                return Ok(count);
            }
        }
        wire::fault("nobody said how many there are")
    };
    counted().map_err(told)
}

/// What the server itself counts when all have gone, and should not.
fn counted(place: &Place) -> Step<Vec<String>> {
    let mut wire = Wire::open(place, IpAddr::V4(Ipv4Addr::LOCALHOST), None)?;
    wire.send(&http::get(&place.host, "/metrics"))?;
    let answer = wire.answer_soon()?;
    let metrics = String::from_utf8_lossy(&answer.body);
    let mut findings = Vec::new();
    for name in COUNTED {
        // Behind the name come labels or the value. What is counted by label is 0 in each.
        let of_it = |line: &&str| line.strip_prefix(name).is_some_and(|rest| rest.starts_with(['{', ' ']));
        let values = metrics.lines().filter(of_it).filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok());
        let values: Vec<f64> = values.collect();
        println!("{name}: {}", values.iter().sum::<f64>());
        match values.as_slice() {
            [] => findings.push(format!("/metrics says nothing of {name}")),
            values if values.iter().any(|value| *value > 0.0) => findings.push(format!("{name}: {values:?} are left")),
            _ => {}
        }
    }
    Ok(findings)
}

fn told(cut: Cut) -> Fault {
    match cut {
        Cut::Fault(fault) => fault,
        other => Fault::new(format!("{other:?}")),
    }
}
