//! All clients and the one loop that turns them. Knows connections and time; what clients say, and when it is enough, is the
//! [`Scenario`]'s.

use crate::client::{Client, Env, Event, Role, Settings};
use crate::fault::{Fault, Result};
use crate::link::Found;
use crate::packet::Revision;
use mio::{Events, Poll};
use slab::Slab;
use std::collections::VecDeque;
use std::fmt;
use std::io::Write as _;
use std::mem::take;
use std::ops::Range;
use std::time::{Duration, Instant};

/// Bytes that are read at once, for all clients the same.
const BUFFER: usize = 64 * 1024;
/// Connections that are looked after in one turn.
const EVENTS: usize = 1_024;
/// How often somebody who waits is told how far it is.
const TELL: Duration = Duration::from_secs(5);
/// The longest sleep, so that a stall is noticed.
const NAP: Duration = Duration::from_millis(500);

/// What clients do.
pub trait Scenario {
    /// A client that was to come has begun to connect.
    fn opened(&mut self, who: usize) {
        let _ = who;
    }

    /// A client is in.
    ///
    /// # Errors
    ///
    /// If it should not be.
    fn ready(&mut self, who: usize, at: Instant, orders: &mut Orders) -> Result<()> {
        let (_, _, _) = (who, at, orders);
        Ok(())
    }

    /// A client got an event or an ack.
    ///
    /// # Errors
    ///
    /// If it should not have got it.
    fn packet(&mut self, who: usize, packet: &[u8], at: Instant, orders: &mut Orders) -> Result<()>;

    /// A client that was told to close is gone.
    ///
    /// # Errors
    ///
    /// If that is too early.
    fn closed(&mut self, who: usize, at: Instant, orders: &mut Orders) -> Result<()> {
        let (_, _, _) = (who, at, orders);
        Ok(())
    }

    /// A client's connection was refused or broke, or the server did to it what it should not have done. If this is no
    /// fault, the client is gone.
    ///
    /// # Errors
    ///
    /// The fault, unless the scenario expects such things.
    fn lost(&mut self, who: usize, fault: Fault, at: Instant, orders: &mut Orders) -> Result<()> {
        let (_, _, _) = (who, at, orders);
        Err(fault)
    }

    /// Time has passed. When it wants to be called next, at the latest.
    fn tick(&mut self, now: Instant, orders: &mut Orders) -> Option<Instant> {
        let (_, _) = (now, orders);
        None
    }

    /// Whether that is all.
    fn is_done(&self) -> bool;

    /// A number that rises as long as something happens.
    fn progress(&self) -> u64;

    /// What it is still waiting for, in words.
    fn missing(&self) -> String;
}

/// What a scenario wants done: everything in order, when it has returned.
#[derive(Debug, Default)]
pub struct Orders {
    bytes: Vec<u8>,
    list: Vec<Order>,
}

#[derive(Clone, Debug)]
enum Order {
    Open,
    Close(usize),
    Send(usize, Range<usize>),
}

impl Orders {
    /// Somebody new is to come.
    pub fn open(&mut self) {
        self.list.push(Order::Open);
    }

    /// Somebody is to go.
    pub fn close(&mut self, who: usize) {
        self.list.push(Order::Close(who));
    }

    /// Somebody is to send a Socket.IO packet.
    pub fn send(&mut self, who: usize, packet: fmt::Arguments<'_>) {
        let start = self.bytes.len();
        // Writing into a vector does not fail.
        let _ = self.bytes.write_fmt(packet);
        self.list.push(Order::Send(who, start..self.bytes.len()));
    }
}

/// All clients.
#[derive(Debug)]
pub struct World {
    poll: Poll,
    clients: Slab<Client>,
    settings: Settings,
    buffer: Box<[u8]>,
    /// Who has something to write.
    dirty: Vec<usize>,
    /// When clients of EIO=3 have to send their heartbeats. All have the same interval.
    beats: VecDeque<(Instant, usize)>,
    patience: Duration,
    /// Whether to say how far it is.
    tells: bool,
    seen: Seen,
}

/// How what came over WebSockets came.
#[derive(Clone, Copy, Debug, Default)]
pub struct Seen {
    /// Frames.
    pub frames: u64,
    /// Reads that brought at least one whole frame.
    pub reads: u64,
}

impl World {
    /// A world without clients. A run in which nothing happens for as long as `patience` has failed.
    ///
    /// # Errors
    ///
    /// If the system has no means to watch connections.
    pub fn new(settings: Settings, patience: Duration, tells: bool) -> Result<Self> {
        Ok(Self {
            poll: Poll::new()?,
            clients: Slab::new(),
            settings,
            buffer: vec![0; BUFFER].into(),
            dirty: Vec::new(),
            beats: VecDeque::new(),
            patience,
            tells,
            seen: Seen::default(),
        })
    }

    /// How what came so far has come.
    #[must_use]
    pub fn seen(&self) -> Seen {
        self.seen
    }

    /// Turns the loop until the scenario says that that is all.
    ///
    /// # Errors
    ///
    /// If the server did what it should not have done, or nothing happened for too long.
    pub fn run(&mut self, scenario: &mut impl Scenario) -> Result<()> {
        let (mut events, mut orders) = (Events::with_capacity(EVENTS), Orders::default());
        let (start, mut told) = (Instant::now(), Instant::now());
        let (mut progress, mut progressed) = (scenario.progress(), Instant::now());
        loop {
            let now = Instant::now();
            let wake = scenario.tick(now, &mut orders);
            self.beat(now)?;
            self.carry_out(scenario, &mut orders)?;
            if scenario.is_done() {
                return Ok(());
            }
            if scenario.progress() != progress {
                (progress, progressed) = (scenario.progress(), now);
            } else if now - progressed > self.patience {
                let silence = now - progressed;
                return Err(Fault::new(format!("nothing for {silence:.0?}; {}", scenario.missing())));
            }
            if self.tells && now - told > TELL {
                told = now;
                eprintln!("  {:.0?}: {progress}, {} clients", now - start, self.clients.len());
            }
            let sleep = wake.map_or(NAP, |wake| wake.saturating_duration_since(now).min(NAP));
            match self.poll.poll(&mut events, Some(sleep)) {
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                other => other?,
            }
            for event in &events {
                let Some((who, role)) = Client::of(event.token()) else { continue };
                if event.is_writable() && self.clients.contains(who) {
                    self.dirty.push(who);
                }
                if event.is_readable() || event.is_read_closed() || event.is_error() {
                    let read = self.read(who, role, event.is_read_closed(), scenario, &mut orders);
                    read.or_else(|fault| self.lose(who, fault, scenario, &mut orders))?;
                }
                self.carry_out(scenario, &mut orders)?;
            }
        }
    }

    fn read(
        &mut self,
        who: usize,
        role: Role,
        to_the_end: bool,
        scenario: &mut impl Scenario,
        orders: &mut Orders,
    ) -> Result<()> {
        let env = Env { settings: &self.settings, registry: self.poll.registry() };
        loop {
            let Some(client) = self.clients.get_mut(who) else { return Ok(()) };
            let Some(link) = client.link(role) else { return Ok(()) };
            let found = match link.read(&mut self.buffer) {
                // Whoever is being closed may be cut off.
                Err(_) if client.is_closing() => Found::End,
                other => other?,
            };
            let at = Instant::now();
            match found {
                Found::Nothing => return Ok(()),
                Found::End => client.ended(role)?,
                Found::Bytes(count) => {
                    let beats = &mut self.beats;
                    let mut is_in = false;
                    let frames = client.received(role, &self.buffer[..count], env, &mut |event| match event {
                        Event::Packet(packet) => scenario.packet(who, packet, at, orders),
                        Event::Ready => {
                            is_in = true;
                            scenario.ready(who, at, orders)
                        }
                    })?;
                    self.seen.frames += frames;
                    self.seen.reads += u64::from(frames > 0);
                    if is_in && env.settings.revision == Revision::V3 {
                        beats.push_back((at + Duration::from_millis(client.ping_interval()), who));
                    }
                    self.dirty.push(who);
                }
            }
            if client.is_closed() {
                self.clients.remove(who);
                return scenario.closed(who, at, orders);
            }
            // What comes after a read that did not fill the buffer is another event.
            if matches!(found, Found::Bytes(count) if count < BUFFER) && !to_the_end {
                return Ok(());
            }
        }
    }

    fn lose(&mut self, who: usize, fault: Fault, scenario: &mut impl Scenario, orders: &mut Orders) -> Result<()> {
        self.clients.try_remove(who);
        scenario.lost(who, fault.at(format!("client {who}")), Instant::now(), orders)
    }

    fn beat(&mut self, now: Instant) -> Result<()> {
        let env = Env { settings: &self.settings, registry: self.poll.registry() };
        while let Some((at, who)) = self.beats.front().copied().filter(|(at, _)| *at <= now) {
            self.beats.pop_front();
            // Somebody else may have the place by now; one heartbeat more does no harm.
            if let Some(client) = self.clients.get_mut(who) {
                client.beat(env)?;
                self.beats.push_back((at + Duration::from_millis(client.ping_interval()), who));
                self.dirty.push(who);
            }
        }
        Ok(())
    }

    fn carry_out(&mut self, scenario: &mut impl Scenario, orders: &mut Orders) -> Result<()> {
        let env = Env { settings: &self.settings, registry: self.poll.registry() };
        for order in orders.list.drain(..) {
            let who = match order {
                Order::Open => {
                    let entry = self.clients.vacant_entry();
                    let who = entry.key();
                    entry.insert(Client::open(who, env)?);
                    scenario.opened(who);
                    who
                }
                Order::Close(who) => {
                    self.clients[who].close(env)?;
                    who
                }
                Order::Send(who, bytes) => {
                    self.clients[who].send(&orders.bytes[bytes], env)?;
                    who
                }
            };
            self.dirty.push(who);
        }
        orders.bytes.clear();
        let mut dirty = take(&mut self.dirty);
        for who in dirty.drain(..) {
            let Some(client) = self.clients.get_mut(who) else { continue };
            if let Err(fault) = client.flush() {
                self.lose(who, fault, scenario, orders)?;
            }
        }
        self.dirty = dirty;
        Ok(())
    }
}
