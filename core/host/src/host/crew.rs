//! For drivers with threads of their own: which of several threads does what. Read [`Crew`] first.
//!
//! One waits for the system; another is awake only while there is more to do than one does soon. A value: it knows no thread, no
//! socket and no clock, so that a simulation drives what a driver drives.

use std::collections::VecDeque;
use std::time::Duration;

/// Who of several threads waits, works and rests, and the work that waits for them.
///
/// A thread asks for its [`Step`] with [`Crew::next`], takes it, and asks again. So at most one thread is in the system's
/// call that waits, and what comes is worked off by that thread alone, batch by batch. Only when more pieces wait
/// than [`SHARE`] for each thread that is awake is another one woken. It rests again when there is nothing left for it.
///
/// # Why
///
/// What a message costs is what is written because of it, and one write that carries ten messages costs little more than one
/// that carries one. Two threads that hear five messages each write twice. So a second thread is of use only where the first
/// does not keep up, or where one message has more recipients than one thread serves soon. Where the processors are busy with
/// something else, a second thread takes them from it. `docs/performance/where-time-goes.md` has the figures of this and of
/// the designs that were not taken, and of up to 64 threads, which `tests/properties/schedule` simulates.
///
/// # A thread that is stuck
///
/// An application may compute for a while. One of the resting threads, the deputy, looks every [`NAP`] whether any thread has
/// asked for a step meanwhile, or offered work. If none has, and none waits for the system, it takes a step itself. When nothing
/// happens for [`NAPS`] naps, it rests like the others, until something does. So nobody waits longer than two naps for a thread
/// that is stuck, but for those whose pieces of work it was given last: these wait for it.
#[derive(Debug)]
pub struct Crew<J> {
    threads: usize,
    share: usize,
    queue: VecDeque<J>,
    /// How much of the queue was there when the system was asked last: the rest may wait until it has been asked again.
    fresh: usize,
    /// Somebody waits for the system.
    waits: bool,
    /// It was told to stop waiting.
    is_rung: bool,
    /// Who rests; the last was awake most recently.
    resting: Vec<usize>,
    deputy: Option<Deputy>,
    /// How many may be awake.
    limit: usize,
    /// There was more to do than those who were awake do soon.
    is_short: bool,
    /// Steps that were taken, and by whom the last was.
    steps: u64,
    last: usize,
}

/// Who looks whether the others are stuck.
#[derive(Clone, Copy, Debug)]
struct Deputy {
    thread: usize,
    /// Steps that had been taken when it looked.
    seen: u64,
    /// How often it found that nothing had happened.
    naps: u32,
}

/// What a thread is to do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// The work that it was given.
    Work,
    /// Ask the system what has happened, and say so with [`Crew::found`]. Wait for it only if `sleeps`.
    Wait {
        /// Whether there is nothing to be done until something happens.
        sleeps: bool,
    },
    /// Sleep until woken, or for so long.
    Rest(Option<Duration>),
}

/// Pieces of work that a thread is given at a time: few enough for what clients say to be in the processor's caches when it is
/// answered, and enough for much to be sent in one write.
pub const BATCH: usize = 32;
/// Pieces of work, each a read or a write, that wait for one thread before another is woken. A piece takes 1 to 8 µs, so
/// nothing waits much longer than a millisecond for a thread that could be awake.
pub const SHARE: usize = 256;
/// How long the deputy sleeps.
pub const NAP: Duration = Duration::from_millis(20);
/// Naps in which nothing happens, after which there is no deputy.
pub const NAPS: u32 = 50;

impl<J> Crew<J> {
    /// A crew of `threads`, which are numbered from 0 and are all awake.
    #[must_use]
    pub fn new(threads: usize) -> Self {
        Self {
            threads,
            share: SHARE,
            queue: VecDeque::new(),
            fresh: 0,
            waits: false,
            is_rung: false,
            resting: Vec::with_capacity(threads),
            deputy: None,
            limit: threads,
            is_short: false,
            steps: 0,
            last: 0,
        }
    }

    /// The same, with another number of pieces than [`SHARE`].
    #[must_use]
    pub fn with_share(self, share: usize) -> Self {
        Self { share: share.max(1), ..self }
    }

    /// What `thread` is to do next. It leaves what its last step has brought, and gets up to [`BATCH`] pieces if it is to work.
    /// A thread that rests may ask at any time.
    pub fn next(&mut self, thread: usize, leaves: impl IntoIterator<Item = J>, batch: &mut Vec<J>) -> Step {
        self.queue.extend(leaves);
        let mut relieves = false;
        // What was left while the others looked elsewhere is seen to by whoever comes by.
        let is_left = !self.queue.is_empty() && self.busy() == 0;
        if let Some(deputy) = self.deputy.as_mut().filter(|deputy| deputy.thread == thread) {
            let has_happened = self.steps != deputy.seen;
            if (has_happened || self.waits) && !is_left {
                deputy.naps = if has_happened { 0 } else { deputy.naps + 1 };
                deputy.seen = self.steps;
                if deputy.naps < NAPS {
                    return Step::Rest(Some(NAP));
                }
                self.deputy = None;
                return Step::Rest(None);
            }
            (self.deputy, relieves) = (None, true);
        }
        self.rise(thread);
        // Unless the others are stuck. Another one is at work then, and asks for what is left.
        if self.busy() > self.limit && self.last != thread && !relieves {
            return self.rest(thread);
        }
        self.steps += 1;
        self.last = thread;
        // Whoever relieves others asks the system first: then there is a deputy again.
        if !self.waits && (self.fresh == 0 || relieves) {
            self.waits = true;
            return Step::Wait { sleeps: self.queue.is_empty() };
        }
        if !self.queue.is_empty() {
            let taken = self.queue.len().min(BATCH);
            self.fresh = self.fresh.saturating_sub(taken);
            batch.extend(self.queue.drain(..taken));
            return Step::Work;
        }
        self.rest(thread)
    }

    fn rest(&mut self, thread: usize) -> Step {
        self.resting.push(thread);
        if self.deputy.is_some() {
            return Step::Rest(None);
        }
        self.deputy = Some(Deputy { thread, seen: self.steps, naps: 0 });
        Step::Rest(Some(NAP))
    }

    /// What the system said. Pushes the numbers of those who are to be woken.
    pub fn found(&mut self, jobs: impl IntoIterator<Item = J>, wake: &mut Vec<usize>) {
        (self.waits, self.is_rung) = (false, false);
        self.queue.extend(jobs);
        self.fresh = self.queue.len();
        self.call(self.fresh, wake);
        self.appoint(wake);
    }

    /// Somebody who rests is the deputy.
    fn appoint(&mut self, wake: &mut Vec<usize>) {
        if self.deputy.is_none()
            && let Some(thread) = self.resting.first().copied()
        {
            // What it will see is not what was: somebody is about to take a step.
            self.deputy = Some(Deputy { thread, seen: self.steps.wrapping_sub(1), naps: 0 });
            wake.push(thread);
        }
    }

    /// There are so many pieces of work that the threads share by other means, and whoever is at them is not stuck. Pushes the
    /// numbers of those who are to be woken. Returns whether whoever waits for the system has to be told, too, as by
    /// [`Crew::ring`].
    pub fn offer(&mut self, pieces: usize, wake: &mut Vec<usize>) -> bool {
        self.steps += 1;
        let is_short = self.call(self.queue.len() + pieces, wake);
        self.appoint(wake);
        is_short && self.ring()
    }

    /// There is something to be done. Unless a thread of the crew says so, which asks for its next step by itself,
    /// [`Crew::ring`] is to follow.
    pub fn push(&mut self, job: J) {
        self.queue.push_back(job);
    }

    /// Whoever waits for the system is to look again. Returns whether it has to be told.
    pub fn ring(&mut self) -> bool {
        self.waits && !std::mem::replace(&mut self.is_rung, true)
    }

    /// How many threads do not rest.
    #[must_use]
    pub fn awake(&self) -> usize {
        self.threads - self.resting.len()
    }

    /// Whether there has been more to do than those who are awake do soon, or more than one is awake: then it is worth finding
    /// out for how many there are processors, and saying so with [`Crew::limit`].
    #[must_use]
    pub fn is_short(&mut self) -> bool {
        std::mem::take(&mut self.is_short) || self.awake() > 1
    }

    /// There are processors for so many threads beside the one that waits for the system: no more than these are woken, and
    /// others rest. One thread may always be awake, and another one whenever that one is stuck.
    pub fn limit(&mut self, threads: usize) {
        self.limit = threads.max(1);
    }

    /// Wakes as many as `waiting` pieces are worth. Returns whether there should be more, and nobody rests.
    fn call(&mut self, waiting: usize, wake: &mut Vec<usize>) -> bool {
        let wanted = 1 + waiting / self.share;
        self.is_short |= self.busy() < wanted;
        while self.busy() < wanted.min(self.limit) {
            let Some(thread) = self.resting.last().copied() else { return true };
            self.rise(thread);
            wake.push(thread);
        }
        false
    }

    /// How many threads work, or are about to: those who are awake, but for the one that waits for the system.
    fn busy(&self) -> usize {
        self.awake() - usize::from(self.waits)
    }

    /// A thread rests no more.
    fn rise(&mut self, thread: usize) {
        if let Some(place) = self.resting.iter().position(|resting| *resting == thread) {
            self.resting.remove(place);
            self.deputy.take_if(|deputy| deputy.thread == thread);
        }
    }
}
