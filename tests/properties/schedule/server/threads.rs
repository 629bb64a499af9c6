//! What a thread does, as in `reactor`: it takes its step, waits for the system, rests, and is woken.

use super::{ASK, At, CALL, Due, EVENT, EVENTS, Job, LOCK, PIECE, SWITCH, Sends, Thread, WAKE, WINDOW, World, small};
use sanket_host::host::crew::Step;
use std::mem::take;

impl World {
    /// A thread computes, and `at` says what.
    pub(super) fn compute(&mut self, number: usize, at: At, time: u64) {
        let thread = &mut self.threads[number];
        thread.at = at;
        let time = time + take(&mut thread.debt);
        self.used += time;
        if self.measured.is_on {
            self.measured.cpu += time;
        }
        self.machine.compute(number, time);
    }

    pub(super) fn computed(&mut self, number: usize) {
        self.trace(self.threads[number].at.number(), number as u64);
        match self.threads[number].at {
            At::Ask { sleeps } => {
                if !sleeps || self.has_news() {
                    self.harvest(number);
                } else {
                    self.compute(number, At::Doze, SWITCH);
                }
            }
            At::Doze if self.has_news() => self.harvest(number),
            At::Doze => {
                self.threads[number].at = At::Asleep;
                self.machine.block();
            }
            At::GetUp if self.threads[number].naps == u32::MAX => self.harvest(number),
            At::Start | At::GetUp => self.step(number),
            At::Found => self.announce(number),
            At::Retire(nap) => self.retired(number, nap),
            At::Read => self.read(number),
            At::Hub => self.heard(number),
            At::Write(socket) => self.written(number, socket),
            At::Block(0) => self.look(number),
            At::Block(left) => self.compute(number, At::Block(left.saturating_sub(PIECE)), left.min(PIECE)),
            At::Asleep | At::Rest => unreachable!("it does not compute"),
        }
    }

    // The system.

    pub(super) fn has_news(&self) -> bool {
        !self.ready.is_empty() || self.bell
    }

    pub(super) fn arrives(&mut self, number: u32) {
        let message = &mut self.messages[number as usize];
        let place = message.from as usize;
        let socket = &mut self.sockets[place];
        message.is_held = socket.hands.is_some_and(|hands| matches!(self.threads[hands].at, At::Block(_)));
        socket.inbox.push(number);
        if !std::mem::replace(&mut socket.has_event, true) {
            self.ready.push_back(place);
            self.wake_sleeper();
        }
    }

    pub(super) fn ring(&mut self) {
        self.bell = true;
        self.wake_sleeper();
    }

    pub(super) fn wake_sleeper(&mut self) {
        let sleeper = self.threads.iter().position(|thread| thread.at == At::Asleep);
        if let Some(number) = sleeper {
            self.threads[number].at = At::GetUp;
            // It goes on in the system's call.
            self.threads[number].naps = u32::MAX;
            self.count_wake();
            self.machine.ready(number, WAKE);
        }
    }

    pub(super) fn unpark(&mut self, number: usize) {
        if self.threads[number].at == At::Rest { self.rise(number) } else { self.threads[number].token = true }
    }

    pub(super) fn rise(&mut self, number: usize) {
        let thread = &mut self.threads[number];
        thread.at = At::GetUp;
        thread.naps += 1;
        self.count_wake();
        self.machine.ready(number, WAKE);
    }

    pub(super) fn count_wake(&mut self) {
        self.measured.wakes += u64::from(self.measured.is_on);
    }

    pub(super) fn retired(&mut self, number: usize, nap: Option<u64>) {
        let thread = &mut self.threads[number];
        if take(&mut thread.token) {
            return self.compute(number, At::GetUp, SWITCH);
        }
        thread.at = At::Rest;
        if let Some(nap) = nap {
            let this = thread.naps;
            self.machine.at(self.machine.now + nap, Due::Nap(small(number), this));
        }
        self.machine.block();
    }

    // `Worker::run`, `Worker::wait`.

    /// The thread has nothing in its hands.
    pub(super) fn step(&mut self, number: usize) {
        if !self.fanout.is_empty() {
            self.threads[number].sends = Sends::Assist;
            self.take_share(number);
            return self.send_next(number);
        }
        let Thread { jobs, debt, .. } = &mut self.threads[number];
        *debt += LOCK;
        assert!(jobs.is_empty());
        self.count_awake();
        let thread = &mut self.threads[number];
        let step = self.crew.next(number, thread.leaves.drain(..), &mut thread.jobs);
        self.trace(60, number as u64);
        match step {
            Step::Work => self.turn(number),
            Step::Wait { sleeps } => {
                self.found_due = self.left_over;
                self.alarm = self.left_over;
                let sleeps = sleeps && !self.left_over;
                self.compute(number, At::Ask { sleeps }, ASK);
            }
            Step::Rest(nap) => {
                let nap = nap.map(|nap| u64::try_from(nap.as_nanos()).expect("a short one"));
                self.compute(number, At::Retire(nap), SWITCH);
            }
        }
    }

    /// The system says what has happened.
    pub(super) fn harvest(&mut self, number: usize) {
        self.threads[number].naps = 0;
        self.bell = false;
        let count = self.ready.len().min(EVENTS);
        self.found.extend(self.ready.drain(..count));
        self.compute(number, At::Found, EVENT * count as u64);
    }

    pub(super) fn announce(&mut self, number: usize) {
        let mut jobs = Vec::new();
        for place in self.found.drain(..) {
            let socket = &mut self.sockets[place];
            (socket.has_event, socket.is_readable) = (false, true);
            if !std::mem::replace(&mut socket.is_taken, true) {
                jobs.push(Job::Socket(place));
            }
        }
        if take(&mut self.found_due) {
            jobs.push(Job::Time);
        }
        let mut wake = Vec::new();
        self.count_awake();
        self.crew.found(jobs, &mut wake);
        if self.crew.is_short()
            && let Some(threads) = self.measure()
        {
            self.crew.limit(threads);
        }
        self.wake(number, wake);
        self.step(number);
    }

    pub(super) fn wake(&mut self, by: usize, wake: Vec<usize>) {
        for number in wake {
            self.threads[by].debt += CALL;
            self.unpark(number);
        }
    }

    /// For how many threads there have been processors, as `processors` says.
    pub(super) fn measure(&mut self) -> Option<usize> {
        let at = self.machine.now;
        if self.sample.is_some_and(|(before, ..)| at - before < WINDOW) {
            return None;
        }
        let now = (at, self.machine.idle(), self.used);
        let before = self.sample.replace(now)?;
        let window = now.0 - before.0;
        usize::try_from((now.1 - before.1 + now.2 - before.2 + window / 4) / window).ok()
    }

    pub(super) fn count_awake(&mut self) {
        if self.measured.is_on {
            let now = self.machine.now;
            self.awake.1 += (now - self.awake.0) * self.crew.awake() as u64;
            self.awake.0 = now;
        }
    }

    // `Worker::turn`.
}
