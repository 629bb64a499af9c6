//! A machine in virtual nanoseconds: processors, and tasks that compute on them in turn. Knows nothing of what they compute.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

/// How long a task keeps a processor that another one waits for.
const SLICE: u64 = 3_000_000;

/// What happens next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Happening<E> {
    /// A task that was made ready has got a processor: it is to compute, or to block.
    Runs(usize),
    /// It has computed for as long as it wanted to: it is to compute more, or to block.
    Computed(usize),
    /// What was to happen at this moment.
    Due(E),
    /// For the machine itself.
    Ready(usize),
}

/// Processors and tasks, which are numbered from 0.
#[derive(Debug)]
pub(crate) struct Machine<E> {
    pub(crate) now: u64,
    agenda: BinaryHeap<Reverse<(u64, u64, Happening<E>)>>,
    entries: u64,
    /// Processors that nobody has.
    free: usize,
    /// Who waits for a processor, and what it is told when it has one.
    queue: VecDeque<Happening<E>>,
    /// Since when a task has had its processor.
    since: Vec<u64>,
    /// How long all processors together were idle, until `counted`.
    idle: u64,
    counted: u64,
}

impl<E: Copy + Ord> Machine<E> {
    pub(crate) fn new(processors: usize, tasks: usize) -> Self {
        Self {
            now: 0,
            agenda: BinaryHeap::new(),
            entries: 0,
            free: processors,
            queue: VecDeque::new(),
            since: vec![0; tasks],
            idle: 0,
            counted: 0,
        }
    }

    fn enter(&mut self, at: u64, happening: Happening<E>) {
        self.entries += 1;
        self.agenda.push(Reverse((at, self.entries, happening)));
    }

    /// Something is to happen at `at`.
    pub(crate) fn at(&mut self, at: u64, what: E) {
        self.enter(at.max(self.now), Happening::Due(what));
    }

    /// A task that has no processor wants one, in `after`.
    pub(crate) fn ready(&mut self, task: usize, after: u64) {
        self.enter(self.now + after, Happening::Ready(task));
    }

    /// A task that has a processor computes.
    pub(crate) fn compute(&mut self, task: usize, time: u64) {
        self.enter(self.now + time, Happening::Computed(task));
    }

    /// A task gives its processor back. It is ready no more.
    pub(crate) fn block(&mut self) {
        self.count();
        self.free += 1;
    }

    /// How long all processors together were idle.
    pub(crate) fn idle(&mut self) -> u64 {
        self.count();
        self.idle
    }

    fn count(&mut self) {
        self.idle += self.free as u64 * (self.now - self.counted);
        self.counted = self.now;
    }

    /// What happens next, if anything ever does.
    pub(crate) fn next(&mut self) -> Option<Happening<E>> {
        loop {
            if self.free > 0
                && let Some(told) = self.queue.pop_front()
            {
                self.count();
                self.free -= 1;
                if let Happening::Runs(task) | Happening::Computed(task) = told {
                    self.since[task] = self.now;
                }
                return Some(told);
            }
            let Reverse((at, _, happening)) = self.agenda.pop()?;
            self.now = at;
            match happening {
                Happening::Ready(task) => self.queue.push_back(Happening::Runs(task)),
                Happening::Computed(task) if !self.queue.is_empty() && at - self.since[task] >= SLICE => {
                    self.block();
                    self.queue.push_back(happening);
                }
                _ => return Some(happening),
            }
        }
    }
}
