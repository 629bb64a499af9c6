//! What happens to the clients: who says something, whose connections are cut and how, who comes back, and the storm.

use super::super::Cuts;
use super::super::agenda::Words;
use super::super::run::{QUIET, RUSH};
use super::clients::ByteSimulation;
use super::net::{Event, How};
use sanket::Time;

impl ByteSimulation {
    /// Somebody says something to the room.
    pub(super) fn speak(&mut self) {
        let pause = 1_000_000 / self.plan.messages.max(1);
        let micros = self.net.rng.u64(0..=2 * pause);
        self.next_message = self.net.now.after(micros.div_ceil(1_000).max(1));
        if self.end.since(self.net.now).as_millis() < u128::from(QUIET) {
            self.next_message = Time::NEVER;
            return;
        }
        // More than one in a millisecond, where there are many.
        for _ in 0..(self.plan.messages / 1_000).max(1) {
            let who = self.net.rng.u32(..u32::try_from(self.guests.len()).unwrap_or(u32::MAX));
            let person = &self.guest(who).person;
            if person.joined && person.inside {
                self.figures.said += 1;
                self.say(who, Words::Message);
            }
        }
    }

    /// The network cuts somebody's connections, or the client ends its directions and reads on.
    pub(super) fn cut(&mut self, who: u32) {
        self.figures.cuts += 1;
        let Some(Cuts { silent, .. }) = self.plan.cuts else { return };
        // In the end everybody is to hear everything.
        if self.end.since(self.net.now).as_millis() < u128::from(QUIET) {
            return;
        }
        let how = match self.net.rng.u8(0..100) {
            chance if chance < silent => How::Silence,
            chance if chance % 2 == 0 => How::Reset,
            _ => How::Close,
        };
        let ws = self.guest(who).ws.filter(|_| how == How::Close && self.net.rng.bool());
        if let Some(ws) = ws {
            return self.net.half_close(ws);
        }
        self.leave(who, how);
    }

    /// Somebody has no connection any more, and makes another one in a while.
    pub(super) fn leave(&mut self, who: u32, how: How) {
        let away = self.plan.cuts.map_or(RUSH, |cuts| cuts.away * 1_000);
        for number in self.guest(who).lose() {
            self.net.leave(number, how);
        }
        let at = self.net.now.after(self.net.rng.u64(50..away.max(51)));
        self.plan(at, who, Event::Arrive);
    }

    pub(super) fn come_back(&mut self, who: u32) {
        self.leave(who, How::Close);
    }

    /// In the middle everybody's connection breaks.
    pub(super) fn storm(&mut self) {
        if self.stormed || self.elapsed() < self.plan.minutes * 30_000 {
            return;
        }
        self.stormed = true;
        for who in 0..u32::try_from(self.guests.len()).unwrap_or(u32::MAX) {
            if self.guest(who).is_here {
                self.figures.cuts += 1;
                self.leave(who, How::Reset);
            }
        }
    }
}
