//! [`Crew`] alone: whatever threads, sockets and processors do, in any order.

use proptest::prelude::*;
use sanket_host::host::crew::{BATCH, Crew, NAP, NAPS, SHARE, Step};
use std::collections::BTreeSet;

/// What happens.
#[derive(Clone, Copy, Debug)]
enum Op {
    /// A thread is done with what it is at, leaves a part of that in quarters, and asks for more. If it waited for the system,
    /// so many pieces have come. If it rests, its nap is over.
    Goes {
        thread: usize,
        leaves: usize,
        comes: usize,
    },
    /// Somebody outside has a piece of work.
    Push,
    Offer(usize),
    Limit(usize),
}

/// What a thread is at.
#[derive(Clone, Debug, PartialEq, Eq)]
enum At {
    Begin,
    Work(Vec<u32>),
    Wait {
        sleeps: bool,
    },
    Rest {
        naps: bool,
    },
    /// It rested, and was woken.
    Woken,
}

/// Threads that do what a crew says.
struct Players {
    crew: Crew<u32>,
    at: Vec<At>,
    /// Those at work because their nap was over: others were stuck.
    relieving: BTreeSet<usize>,
    waiting: BTreeSet<u32>,
    next_job: u32,
    is_rung: bool,
    limit: usize,
    /// Who has not asked since the limit was changed.
    behind: BTreeSet<usize>,
}

impl Players {
    fn new(threads: usize) -> Self {
        Self {
            crew: Crew::new(threads),
            at: vec![At::Begin; threads],
            relieving: BTreeSet::new(),
            waiting: BTreeSet::new(),
            next_job: 0,
            is_rung: false,
            limit: threads,
            behind: BTreeSet::new(),
        }
    }

    fn jobs(&mut self, count: usize) -> Vec<u32> {
        let first = self.next_job;
        self.next_job += u32::try_from(count).expect("few");
        let jobs: Vec<u32> = (first..self.next_job).collect();
        self.waiting.extend(&jobs);
        jobs
    }

    fn happens(&mut self, op: Op) {
        match op {
            Op::Goes { thread, leaves, comes } => self.goes(thread % self.at.len(), leaves, comes),
            Op::Push => {
                let job = self.jobs(1)[0];
                self.crew.push(job);
                self.is_rung |= self.crew.ring();
            }
            Op::Offer(pieces) => {
                let mut wake = Vec::new();
                if self.crew.offer(pieces, &mut wake) {
                    assert!(self.at.iter().any(|at| matches!(at, At::Wait { .. })), "nobody hears the bell");
                    self.is_rung = true;
                }
                self.wake(&wake);
            }
            Op::Limit(threads) => {
                self.crew.limit(threads);
                self.limit = threads.max(1);
                self.behind = (0..self.at.len()).collect();
            }
        }
        self.holds();
    }

    fn goes(&mut self, thread: usize, leaves: usize, comes: usize) {
        let before = std::mem::replace(&mut self.at[thread], At::Begin);
        let mut left = Vec::new();
        match &before {
            At::Work(jobs) => {
                left = jobs[..jobs.len() * leaves / 4].to_vec();
                self.waiting.extend(&left);
            }
            At::Wait { .. } => {
                self.is_rung = false;
                let (jobs, mut wake) = (self.jobs(comes), Vec::new());
                self.crew.found(jobs, &mut wake);
                self.wake(&wake);
            }
            At::Begin | At::Rest { .. } | At::Woken => {}
        }
        let mut batch = Vec::new();
        let step = self.crew.next(thread, left, &mut batch);
        self.behind.remove(&thread);
        assert!(batch.is_empty() || step == Step::Work);
        self.at[thread] = match step {
            Step::Work => {
                assert!(!batch.is_empty() && batch.len() <= BATCH);
                for job in &batch {
                    assert!(self.waiting.remove(job), "a piece of work is handed out twice, or was never there");
                }
                At::Work(batch)
            }
            Step::Wait { sleeps } => {
                assert!(!sleeps || self.waiting.is_empty(), "it sleeps, and there is work");
                At::Wait { sleeps }
            }
            Step::Rest(nap) => {
                assert!(nap.is_none_or(|nap| nap == NAP));
                At::Rest { naps: nap.is_some() }
            }
        };
        match (&before, &self.at[thread]) {
            (_, At::Rest { .. }) => _ = self.relieving.remove(&thread),
            (At::Rest { .. }, _) => _ = self.relieving.insert(thread),
            _ => {}
        }
    }

    fn wake(&mut self, threads: &[usize]) {
        for thread in threads {
            let at = &mut self.at[*thread];
            assert!(matches!(at, At::Rest { .. } | At::Woken), "{thread} is woken, and does not rest: {at:?}");
            *at = At::Woken;
        }
    }

    fn count(&self, is: impl Fn(&At) -> bool) -> usize {
        self.at.iter().filter(|at| is(at)).count()
    }

    /// Always.
    fn holds(&self) {
        let (waits, rests) =
            (self.count(|at| matches!(at, At::Wait { .. })), self.count(|at| matches!(at, At::Rest { .. })));
        assert!(waits <= 1, "two wait for the system");
        assert!(rests < self.at.len(), "everybody rests");
        let is_seen_to = self.is_rung
            || self.at.iter().any(|at| matches!(at, At::Begin | At::Work(_) | At::Wait { sleeps: false } | At::Woken));
        assert!(self.waiting.is_empty() || is_seen_to, "there is work, and nobody looks at it");
        let is_watched = self.at.iter().any(|at| matches!(at, At::Rest { naps: true } | At::Woken));
        assert!(waits == 1 || rests == 0 || is_watched, "nobody looks whether the others are stuck");
        // Those who were awake when the limit was lowered rest when they ask next. One more is at work if nobody has asked since it
        // did so last: the others may be stuck.
        let relieving = self.relieving.iter().filter(|thread| matches!(self.at[**thread], At::Work(_))).count();
        let busy = self.crew.awake() - waits - relieving;
        assert!(!self.behind.is_empty() || busy <= self.limit + 1, "{busy} are busy, {} may be", self.limit);
    }

    /// Nothing comes any more: what there is gets done.
    fn end(&mut self) {
        for _ in 0..100 + self.waiting.len() {
            for thread in 0..self.at.len() {
                let goes = match &self.at[thread] {
                    At::Begin | At::Work(_) | At::Woken => true,
                    At::Wait { sleeps } => !sleeps || self.is_rung,
                    At::Rest { .. } => false,
                };
                if goes {
                    self.happens(Op::Goes { thread, leaves: 0, comes: 0 });
                }
            }
        }
        assert!(self.waiting.is_empty(), "work was left undone: {:?}", self.at);
        let (asleep, rest) = (At::Wait { sleeps: true }, self.at.len() - 1);
        assert_eq!((self.count(|at| *at == asleep), self.count(|at| matches!(at, At::Rest { .. }))), (1, rest));
    }
}

fn op() -> impl Strategy<Value = Op> {
    let comes = prop_oneof![Just(0), 1..40_usize, 0..4 * SHARE];
    let goes = (0..8_usize, 0..5_usize, comes).prop_map(|(thread, leaves, comes)| Op::Goes { thread, leaves, comes });
    prop_oneof![
        12 => goes,
        2 => Just(Op::Push),
        1 => (0..4 * SHARE).prop_map(Op::Offer),
        1 => (0..6_usize).prop_map(Op::Limit),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn a_crew_loses_nothing_and_nobody(threads in 1..6_usize, ops in prop::collection::vec(op(), 1..200)) {
        let mut players = Players::new(threads);
        ops.into_iter().for_each(|op| players.happens(op));
        players.end();
    }
}

/// The resting ones are woken for what one thread does not do soon, and only for that.
#[test]
fn so_many_are_woken_as_there_is_work_for() {
    for (pieces, limit, awake) in
        [(SHARE - 1, 9, 1), (SHARE, 9, 2), (3 * SHARE, 9, 4), (3 * SHARE, 2, 2), (99 * SHARE, 9, 6)]
    {
        let mut players = Players::new(6);
        players.end();
        players.happens(Op::Limit(limit));
        let waiter = players.at.iter().position(|at| matches!(at, At::Wait { .. })).expect("one waits");
        players.happens(Op::Goes { thread: waiter, leaves: 0, comes: pieces });
        assert_eq!(players.crew.awake(), awake, "{pieces} pieces, at most {limit}");
    }
}

/// A server that has nothing to do does nothing, and looks again when it has.
#[test]
fn where_nothing_happens_nobody_naps() {
    let mut players = Players::new(3);
    players.end();
    // What it has seen last is not what was last.
    let deputy = players.at.iter().position(|at| *at == At::Rest { naps: true }).expect("a deputy");
    players.happens(Op::Goes { thread: deputy, leaves: 0, comes: 0 });
    let napping = |players: &Players| players.at.iter().position(|at| *at == At::Rest { naps: true });
    for _ in 0..NAPS {
        assert_eq!(napping(&players), Some(deputy));
        players.happens(Op::Goes { thread: deputy, leaves: 0, comes: 0 });
    }
    assert_eq!((napping(&players), players.crew.awake()), (None, 1));
    let waiter = players.at.iter().position(|at| matches!(at, At::Wait { .. })).expect("one waits");
    players.happens(Op::Goes { thread: waiter, leaves: 0, comes: 1 });
    let woken = players.at.iter().position(|at| *at == At::Woken).expect("one is woken");
    players.happens(Op::Goes { thread: woken, leaves: 0, comes: 0 });
    assert_eq!(napping(&players), Some(woken));
}
