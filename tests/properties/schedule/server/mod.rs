//! A server in virtual time. [`Crew`] is the real one; what it hands out is a model of `reactor`, of a host's turns and of its
//! desk, step by step, with what each step costs.

mod threads;
mod turn;

use crate::load::{Kind, Load, Pace};
use crate::machine::{Happening, Machine};
use fastrand::Rng;
use sanket_host::host::crew::Crew;
use std::collections::VecDeque;

/// From the moment a thread is woken until it is ready to run.
const WAKE: u64 = 5_000;
/// What going to sleep takes, and what getting up takes.
const SWITCH: u64 = 3_000;
/// The system's call that wakes another thread.
const CALL: u64 = 1_000;
/// Asking the system what has happened, and what each event adds.
const ASK: u64 = 1_000;
const EVENT: u64 = 100;
/// Reading and parsing a message, and each further one that the same read brings.
const READ: u64 = 1_500;
const MESSAGE: u64 = 300;
/// A turn of the hub: an event, and a recipient of what is said because of it.
const HEARS: u64 = 1_000;
const RECIPIENT: u64 = 50;
/// A write, and each frame that it carries.
const WRITE: u64 = 1_500;
const FRAME: u64 = 50;
/// A lock, and what is done under it.
const LOCK: u64 = 100;
/// How long a message is on its way.
const NET: u64 = 20_000;
/// How long the application blocks in one step, and in how small pieces it does that, for the machine's sake.
pub(crate) const BLOCKS: u64 = 200_000_000;
const PIECE: u64 = 500_000;
/// What else computes on the machine does so in such pieces.
const COMPETITOR: u64 = 1_000_000;
/// As in `reactor` and in `turn`.
const EVENTS: usize = 1_024;
const ROUNDS: u32 = 4;
const WINDOW: u64 = 100_000_000;
/// As in `hub`: what is delivered in one turn.
const DELIVERIES: usize = 1_024;

/// A world.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    pub(crate) load: Load,
    pub(crate) processors: usize,
    /// Tasks that are none of the server's, and always compute.
    pub(crate) competitors: usize,
    pub(crate) threads: usize,
    /// What is measured comes after this time.
    pub(crate) warm_up: u64,
    pub(crate) measured: u64,
    pub(crate) seed: u64,
}

/// What was seen.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Figures {
    /// A second.
    pub(crate) units: f64,
    /// Microseconds.
    pub(crate) cpu: f64,
    pub(crate) p50: f64,
    pub(crate) p99: f64,
    pub(crate) max: f64,
    pub(crate) frames: f64,
    pub(crate) awake: f64,
    /// Wakes a unit, those of the thread that waits for the system included.
    pub(crate) wakes: f64,
    pub(crate) trace: u64,
}

/// What is due at a moment of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Due {
    /// A message reaches its client's socket.
    Arrives(u32),
    /// A nap is over, if it is still that one.
    Nap(u32, u32),
    /// What is measured begins.
    Begins,
    /// What is measured ends.
    Ends,
}

#[derive(Clone, Copy, Debug)]
enum Job {
    Socket(usize),
    Time,
}

#[derive(Clone, Copy, Debug)]
struct Message {
    kind: Kind,
    from: u32,
    born: u64,
    /// Who has not got it yet.
    left: u32,
    /// It came while the thread that blocks had its socket.
    is_held: bool,
}

#[derive(Debug, Default)]
struct Socket {
    /// What has come and was not read.
    inbox: Vec<u32>,
    /// The system has an event for it.
    has_event: bool,
    /// A thread has it, or it waits for one.
    is_taken: bool,
    is_readable: bool,
    /// It is in these hands.
    hands: Option<usize>,
    /// Frames that wait to be written, by their messages.
    frames: Vec<u32>,
    /// There is word of them.
    is_noticed: bool,
    is_being_written: bool,
    is_wanted: bool,
}

/// What a thread is at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum At {
    #[default]
    Start,
    Ask {
        sleeps: bool,
    },
    Doze,
    Asleep,
    GetUp,
    Found,
    Retire(Option<u64>),
    Rest,
    Read,
    Hub,
    Write(usize),
    Block(u64),
}

/// What a list of sends is a part of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Sends {
    #[default]
    Desk,
    Shared,
    Assist,
}

#[derive(Debug, Default)]
struct Thread {
    at: At,
    /// What it has to compute before anything else.
    debt: u64,
    jobs: Vec<Job>,
    hands: Vec<usize>,
    next_hand: usize,
    leaves: Vec<Job>,
    list: VecDeque<usize>,
    sends: Sends,
    /// Frames of the write that it is at.
    frames: Vec<u32>,
    has_events: bool,
    has_more: bool,
    round: u32,
    is_due: bool,
    blocks: bool,
    /// What the hub hears in this turn.
    hears: Vec<u32>,
    /// It was woken while it did not rest.
    token: bool,
    naps: u32,
}

#[derive(Debug, Default)]
struct Measured {
    is_on: bool,
    units: u64,
    writes: u64,
    frames: u64,
    wakes: u64,
    cpu: u64,
    latencies: Vec<u64>,
}

pub(crate) struct World {
    plan: Plan,
    machine: Machine<Due>,
    crew: Crew<Job>,
    threads: Vec<Thread>,
    sockets: Vec<Socket>,
    messages: Vec<Message>,
    rng: Rng,
    /// What the system has to say.
    ready: VecDeque<usize>,
    bell: bool,
    /// What the thread that asks has found.
    found: Vec<usize>,
    found_due: bool,
    /// What the hub has not heard.
    events: VecDeque<u32>,
    desk_taken: bool,
    desk_wanted: bool,
    fanout: VecDeque<usize>,
    left_over: bool,
    alarm: bool,
    /// When processors were measured: idle and used since the start.
    sample: Option<(u64, u64, u64)>,
    used: u64,
    awake: (u64, u64),
    measured: Measured,
    has_ended: bool,
    trace: u64,
}

/// Plays a world to its end.
pub(crate) fn play(plan: Plan) -> Figures {
    let mut world = World::new(plan);
    world.begin();
    while !world.is_done()
        && let Some(happening) = world.machine.next()
    {
        world.happens(happening);
    }
    world.finish()
}

impl World {
    fn new(plan: Plan) -> Self {
        let mut sockets = Vec::new();
        sockets.resize_with(plan.load.clients, Socket::default);
        let mut threads = Vec::new();
        threads.resize_with(plan.threads, Thread::default);
        Self {
            plan,
            machine: Machine::new(plan.processors, plan.threads + plan.competitors),
            crew: Crew::new(plan.threads),
            threads,
            sockets,
            messages: Vec::new(),
            rng: Rng::with_seed(plan.seed),
            ready: VecDeque::new(),
            bell: false,
            found: Vec::new(),
            found_due: false,
            events: VecDeque::new(),
            desk_taken: false,
            desk_wanted: false,
            fanout: VecDeque::new(),
            left_over: false,
            alarm: false,
            sample: None,
            used: 0,
            awake: (0, 0),
            measured: Measured::default(),
            has_ended: false,
            trace: 0,
        }
    }

    fn begin(&mut self) {
        let Plan { load, threads, competitors, warm_up, measured, .. } = self.plan;
        (0..threads + competitors).for_each(|task| self.machine.ready(task, 0));
        self.machine.at(warm_up, Due::Begins);
        self.machine.at(warm_up + measured, Due::Ends);
        match load.pace {
            Pace::Closed { senders, outstanding } => {
                for room in (0..load.clients).step_by(load.room) {
                    for _ in 0..senders * outstanding {
                        let from = room + self.rng.usize(0..senders);
                        let at = self.rng.u64(0..1_000_000);
                        self.send(load.kind, from, at);
                    }
                }
            }
            Pace::Open { rate } => {
                let until = warm_up + measured;
                for _ in 0..u128::from(rate) * u128::from(until) / 1_000_000_000 {
                    let from = self.rng.usize(0..load.clients);
                    let at = self.rng.u64(0..until);
                    self.send(load.kind, from, at);
                }
            }
        }
        for (from, at) in load.blocks_at.into_iter().enumerate() {
            at.into_iter().for_each(|at| self.send(Kind::Blocks, from, at));
        }
    }

    /// A client sends something at `at`.
    fn send(&mut self, kind: Kind, from: usize, at: u64) {
        let left = if kind == Kind::Broadcast { self.plan.load.room } else { 1 };
        let number = small(self.messages.len());
        self.messages.push(Message { kind, from: small(from), born: at, left: small(left), is_held: false });
        self.machine.at(at + NET, Due::Arrives(number));
    }

    /// Nothing moves any more.
    fn is_done(&self) -> bool {
        self.has_ended
            && self.messages.iter().rev().all(|message| message.left == 0)
            && self.threads.iter().all(|thread| matches!(thread.at, At::Asleep | At::Rest))
    }

    fn finish(mut self) -> Figures {
        assert!(self.messages.iter().all(|message| message.left == 0), "a message was lost: {:?}", self.plan);
        assert!(self.threads.iter().all(|thread| thread.leaves.is_empty() && thread.list.is_empty()));
        assert!(self.fanout.is_empty() && self.events.is_empty() && !self.left_over && !self.desk_taken);
        assert!(self.sockets.iter().all(|socket| socket.frames.is_empty() && socket.hands.is_none()));
        let Measured { units, writes, frames, wakes, cpu, latencies, .. } = &mut self.measured;
        assert!(*units > 0, "nothing was done: {:?}", self.plan);
        latencies.sort_unstable();
        let at = |percent: usize| micros(latencies[(latencies.len() - 1) * percent / 100]);
        let seconds = float(self.plan.measured) / 1e9;
        let each = |count: u64| float(count) / float(*units);
        Figures {
            units: float(*units) / seconds,
            cpu: each(*cpu) / 1e3,
            p50: at(50),
            p99: at(99),
            max: at(100),
            frames: float(*frames) / float((*writes).max(1)),
            awake: float(self.awake.1) / float(self.plan.measured),
            wakes: each(*wakes),
            trace: self.trace,
        }
    }

    fn happens(&mut self, happening: Happening<Due>) {
        match happening {
            Happening::Runs(task) | Happening::Computed(task) if task >= self.threads.len() => {
                // Until there is nothing to compete for.
                if self.has_ended { self.machine.block() } else { self.machine.compute(task, COMPETITOR) }
            }
            Happening::Runs(number) => match self.threads[number].at {
                At::Start => self.step(number),
                _ => self.compute(number, At::GetUp, SWITCH),
            },
            Happening::Computed(number) => self.computed(number),
            Happening::Due(Due::Arrives(message)) => self.arrives(message),
            Happening::Due(Due::Nap(number, nap)) => {
                let thread = &self.threads[number as usize];
                if thread.at == At::Rest && thread.naps == nap {
                    self.rise(number as usize);
                }
            }
            Happening::Due(Due::Begins) => {
                self.awake = (self.machine.now, 0);
                self.measured = Measured { is_on: true, ..Measured::default() };
            }
            Happening::Due(Due::Ends) => {
                self.count_awake();
                self.measured.is_on = false;
                self.has_ended = true;
            }
            Happening::Ready(_) => {}
        }
    }

    /// The trace is reduced to one number.
    fn trace(&mut self, what: u64, who: u64) {
        let mixed = (self.trace ^ self.machine.now ^ who << 40 ^ what << 58).rotate_left(23);
        self.trace = mixed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }

    /// A client has got a message, or the server has read one that nobody gets.
    fn arrived(&mut self, number: u32, at: u64) {
        let message = &mut self.messages[number as usize];
        message.left = message.left.checked_sub(1).expect("a message is delivered twice");
        if self.measured.is_on {
            self.measured.units += 1;
            if !message.is_held {
                self.measured.latencies.push(at - message.born);
            }
        }
        let Message { kind, from, left, .. } = *message;
        if left == 0 && !self.has_ended && matches!(self.plan.load.pace, Pace::Closed { .. }) {
            // Clients are not quite alike.
            let pause = self.rng.u64(0..10_000);
            self.send(kind, from as usize, at + pause);
        }
    }
}

impl At {
    /// For the trace.
    fn number(self) -> u64 {
        match self {
            Self::Start => 0,
            Self::Ask { sleeps } => 1 + u64::from(sleeps),
            Self::Doze => 3,
            Self::Asleep => 4,
            Self::GetUp => 5,
            Self::Found => 6,
            Self::Retire(_) => 7,
            Self::Rest => 8,
            Self::Read => 9,
            Self::Hub => 10,
            Self::Write(_) => 11,
            Self::Block(_) => 12,
        }
    }
}

fn small(number: usize) -> u32 {
    u32::try_from(number).expect("a small number")
}

#[allow(clippy::cast_precision_loss, reason = "figures are printed")]
fn float(number: u64) -> f64 {
    number as f64
}

fn micros(nanos: u64) -> f64 {
    float(nanos) / 1e3
}
