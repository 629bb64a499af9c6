//! A turn, as in the host: sockets are read, the hub is heard at the desk, and what it says is sent.

use super::{
    At, BLOCKS, CALL, DELIVERIES, FRAME, HEARS, Job, LOCK, MESSAGE, Message, NET, READ, RECIPIENT, ROUNDS, Sends,
    WRITE, World,
};
use crate::load::Kind;
use sanket_host::host::crew::{BATCH, SHARE};
use std::mem::take;

impl World {
    pub(super) fn turn(&mut self, number: usize) {
        let thread = &mut self.threads[number];
        for job in thread.jobs.drain(..) {
            match job {
                Job::Socket(place) => {
                    let socket = &mut self.sockets[place];
                    assert!(socket.is_taken, "nobody has announced it");
                    assert_eq!(socket.hands.replace(number), None, "two threads have one socket");
                    thread.hands.push(place);
                }
                Job::Time => thread.is_due = true,
            }
        }
        thread.next_hand = 0;
        self.read_next(number);
    }

    pub(super) fn read_next(&mut self, number: usize) {
        let thread = &self.threads[number];
        match thread.hands.get(thread.next_hand) {
            Some(place) => {
                let socket = &mut self.sockets[*place];
                socket.is_readable = false;
                let further = (socket.inbox.len() as u64).saturating_sub(1);
                self.compute(number, At::Read, READ + MESSAGE * further);
            }
            None => self.perform(number),
        }
    }

    pub(super) fn read(&mut self, number: usize) {
        let thread = &mut self.threads[number];
        let place = thread.hands[thread.next_hand];
        thread.next_hand += 1;
        for message in self.sockets[place].inbox.split_off(0) {
            match self.messages[message as usize].kind {
                Kind::Echo | Kind::Broadcast => {
                    self.events.push_back(message);
                    self.threads[number].has_events = true;
                }
                Kind::Beat => self.arrived(message, self.machine.now),
                Kind::Blocks => {
                    self.threads[number].blocks = true;
                    self.messages[message as usize].left = 0;
                }
            }
        }
        self.read_next(number);
    }

    // `Turn::perform`.

    pub(super) fn perform(&mut self, number: usize) {
        self.threads[number].round = 0;
        self.next_round(number);
    }

    pub(super) fn next_round(&mut self, number: usize) {
        let thread = &mut self.threads[number];
        if !take(&mut thread.has_events) {
            return self.performed(number);
        }
        self.desk_wanted = true;
        if self.desk_taken {
            return self.performed(number);
        }
        (self.desk_taken, self.desk_wanted) = (true, false);
        let room = self.plan.load.room as u64;
        let (mut time, mut deliveries) = (0, 0);
        while deliveries < DELIVERIES
            && let Some(message) = self.events.pop_front()
        {
            let recipients = if self.messages[message as usize].kind == Kind::Broadcast { room } else { 1 };
            time += HEARS + RECIPIENT * recipients;
            deliveries += 1;
            thread.hears.push(message);
        }
        thread.has_more = !self.events.is_empty();
        self.compute(number, At::Hub, time + LOCK);
    }

    pub(super) fn heard(&mut self, number: usize) {
        let thread = &mut self.threads[number];
        for message in thread.hears.drain(..) {
            let Message { kind, from, .. } = self.messages[message as usize];
            let from = from as usize;
            let first = from - from % self.plan.load.room;
            let to = if kind == Kind::Broadcast { first..first + self.plan.load.room } else { from..from + 1 };
            for place in to {
                let socket = &mut self.sockets[place];
                socket.frames.push(message);
                if !std::mem::replace(&mut socket.is_noticed, true) {
                    thread.list.push_back(place);
                }
            }
        }
        thread.sends = Sends::Desk;
        let count = thread.list.len();
        if count > SHARE {
            thread.sends = Sends::Shared;
            self.fanout.append(&mut thread.list);
            let mut wake = Vec::new();
            self.count_awake();
            let must_ring = self.crew.offer(count, &mut wake);
            self.wake(number, wake);
            if must_ring {
                self.threads[number].debt += CALL;
                self.ring();
            }
        }
        self.send_next(number);
    }

    pub(super) fn take_share(&mut self, number: usize) {
        let count = self.fanout.len().min(BATCH);
        let thread = &mut self.threads[number];
        thread.debt += LOCK;
        thread.list.extend(self.fanout.drain(..count));
    }

    pub(super) fn send_next(&mut self, number: usize) {
        loop {
            let Some(place) = self.threads[number].list.pop_front() else {
                match self.threads[number].sends {
                    Sends::Shared if !self.fanout.is_empty() => self.take_share(number),
                    Sends::Desk | Sends::Shared => return self.leave_desk(number),
                    Sends::Assist => return self.step(number),
                }
                continue;
            };
            if self.write(number, place) {
                return;
            }
        }
    }

    /// Begins a write, unless somebody else is at it, or has done it.
    pub(super) fn write(&mut self, number: usize, place: usize) -> bool {
        let (thread, socket) = (&mut self.threads[number], &mut self.sockets[place]);
        if socket.is_being_written || socket.frames.is_empty() {
            socket.is_wanted = socket.is_being_written;
            thread.debt += LOCK;
            return false;
        }
        (socket.is_being_written, socket.is_noticed) = (true, false);
        std::mem::swap(&mut thread.frames, &mut socket.frames);
        let time = WRITE + FRAME * thread.frames.len() as u64;
        self.compute(number, At::Write(place), time);
        true
    }

    pub(super) fn written(&mut self, number: usize, place: usize) {
        let mut frames = take(&mut self.threads[number].frames);
        if self.measured.is_on {
            self.measured.writes += 1;
            self.measured.frames += frames.len() as u64;
        }
        let at = self.machine.now + NET;
        frames.drain(..).for_each(|message| self.arrived(message, at));
        self.threads[number].frames = frames;
        let socket = &mut self.sockets[place];
        socket.is_being_written = false;
        if !take(&mut socket.is_wanted) || !self.write(number, place) {
            self.send_next(number);
        }
    }

    pub(super) fn leave_desk(&mut self, number: usize) {
        self.desk_taken = false;
        let thread = &mut self.threads[number];
        thread.has_events = take(&mut thread.has_more) | self.desk_wanted;
        thread.round += 1;
        if thread.has_events && thread.round == ROUNDS {
            thread.has_events = false;
            self.left_over = true;
            if !std::mem::replace(&mut self.alarm, true) && self.crew.ring() {
                self.threads[number].debt += CALL;
                self.ring();
            }
        }
        self.next_round(number);
    }

    /// The turn has ended: the application is called.
    pub(super) fn performed(&mut self, number: usize) {
        if take(&mut self.threads[number].blocks) {
            let held = self.threads[number].hands.iter().flat_map(|place| &self.sockets[*place].inbox);
            held.for_each(|message| self.messages[*message as usize].is_held = true);
            return self.compute(number, At::Block(BLOCKS), 0);
        }
        self.look(number);
    }

    /// `Worker::look`, and what is due.
    pub(super) fn look(&mut self, number: usize) {
        let thread = &mut self.threads[number];
        for place in thread.hands.drain(..) {
            let socket = &mut self.sockets[place];
            socket.hands = None;
            thread.debt += LOCK / 2;
            if socket.is_readable {
                thread.leaves.push(Job::Socket(place));
            } else {
                socket.is_taken = false;
            }
        }
        if take(&mut thread.is_due) {
            thread.has_events = take(&mut self.left_over);
            return self.perform(number);
        }
        self.step(number);
    }

    // Clients.
}
