//! Somebody says something to everybody of its circle. A message is under way until all of them have it.

use super::circles::Circles;
use super::rollcall::is_call;
use super::{Found, Stage, micros, recorder};
use crate::fault::{Fault, Result};
use crate::ledger::Ledger;
use crate::packet::said;
use crate::world::{Orders, Scenario};
use hdrhistogram::Histogram;
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// How much is said, by whom, to whom.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Talk {
    /// How many messages are under way in each circle, at most.
    pub in_flight: usize,
    /// How many are said a second in each circle, if they are paced.
    pub per_second: Option<u32>,
    /// How many clients of each circle take turns in speaking; all of them if there are fewer.
    pub senders: usize,
    /// Who hears whom.
    pub circles: Circles,
    /// What makes messages as long as they are.
    pub padding: &'static str,
}

pub(super) fn run(stage: &mut Stage, talk: Talk) -> Result<Found> {
    talk.circles.gather(&mut stage.world, stage.clients)?;
    let mut broadcast = Broadcast::new(stage.clients, stage.strict, talk)?;
    broadcast.go_on_for(stage.warm_up);
    stage.world.run(&mut broadcast)?;
    let (before, measured) = (broadcast.delivered, stage.measured);
    broadcast.latency.reset();
    let cost = stage.cost_of(|world| {
        broadcast.go_on_for(measured);
        world.run(&mut broadcast)
    })?;
    let delivered = broadcast.delivered - before;
    let mut found = Found::new("delivery", delivered, cost)?;
    found.disordered = broadcast.rooms.iter().map(|room| room.ledger.disordered).sum();
    found.latency = broadcast.latency;
    Ok(found)
}

#[derive(Debug)]
struct Broadcast {
    talk: Talk,
    rooms: Vec<Room>,
    /// Between two messages of a room, if they are paced.
    pace: Option<Duration>,
    /// When there is enough.
    until: Instant,
    over: bool,
    /// Messages that somebody has not got.
    open: usize,
    delivered: u64,
    latency: Histogram<u64>,
}

/// A circle, and what is said in it.
#[derive(Debug)]
struct Room {
    members: usize,
    senders: Vec<Sender>,
    /// Members and senders by their places in the circle.
    ledger: Ledger,
    /// When the next one is due, if they are paced.
    due: Instant,
    said: u64,
    open: usize,
}

/// Somebody who speaks, and what it said that not everybody has.
#[derive(Debug, Default)]
struct Sender {
    client: usize,
    said: u64,
    /// When each was said, and how many have not got it.
    open: VecDeque<(Instant, usize)>,
}

impl Broadcast {
    fn new(clients: usize, strict: bool, talk: Talk) -> Result<Self> {
        let (count, now) = (talk.circles.count(), Instant::now());
        let room = |circle: usize| {
            let members = talk.circles.members(circle, clients);
            let senders = talk.senders.clamp(1, members.max(1));
            let client = |n: usize| n * members / senders * count + circle;
            Room {
                members,
                senders: (0..senders).map(|n| Sender { client: client(n), ..Sender::default() }).collect(),
                ledger: Ledger::new(members, senders, strict),
                due: now,
                said: 0,
                open: 0,
            }
        };
        Ok(Self {
            talk,
            rooms: (0..count.min(clients)).map(room).collect(),
            pace: talk.per_second.map(|n| Duration::from_secs(1) / n),
            until: now,
            over: false,
            open: 0,
            delivered: 0,
            latency: recorder()?,
        })
    }

    fn go_on_for(&mut self, duration: Duration) {
        let now = Instant::now();
        self.until = now + duration;
        self.over = false;
        self.rooms.iter_mut().for_each(|room| room.due = now);
    }

    fn speak(&mut self, circle: usize, now: Instant, orders: &mut Orders) {
        self.over |= now >= self.until;
        let (talk, room) = (self.talk, &mut self.rooms[circle]);
        while !self.over && room.open < talk.in_flight && self.pace.is_none_or(|_| room.due <= now) {
            let at = self.pace.map_or(now, |_| room.due);
            room.due += self.pace.unwrap_or_default();
            let index = usize::try_from(room.said % room.senders.len() as u64).unwrap_or_default();
            let sender = &mut room.senders[index];
            // The number of a sender says which circle it is of.
            let number = index * talk.circles.count() + circle;
            talk.circles.say(sender.client, (number, sender.said), talk.padding, orders);
            sender.open.push_back((at, room.members));
            sender.said += 1;
            room.said += 1;
            room.open += 1;
            self.open += 1;
        }
    }
}

impl Scenario for Broadcast {
    fn packet(&mut self, who: usize, packet: &[u8], at: Instant, orders: &mut Orders) -> Result<()> {
        if is_call(packet) {
            return Ok(());
        }
        let (sender, number) =
            said(packet).ok_or_else(|| Fault::new(format!("an unexpected {}", String::from_utf8_lossy(packet))))?;
        let count = self.talk.circles.count();
        let (circle, index) = (who % count, sender / count);
        if sender % count != circle {
            return Err(Fault::new(format!("it is in circle {circle}, and heard what was said in {}", sender % count)));
        }
        let room = &mut self.rooms[circle];
        room.ledger.seen(who / count, index, number).map_err(|fault| fault.at(format!("circle {circle}")))?;
        let sender = &mut room.senders[index];
        let first = sender.said - sender.open.len() as u64;
        let place = number.checked_sub(first).and_then(|place| usize::try_from(place).ok());
        let Some((said, missing)) = place.and_then(|place| sender.open.get_mut(place)) else {
            return Err(Fault::new(format!("number {number} of {index} came, which was not said, or which all had")));
        };
        *missing -= 1;
        self.delivered += 1;
        self.latency.saturating_record(micros(at.saturating_duration_since(*said)));
        let before = room.open;
        while sender.open.front().is_some_and(|(_, missing)| *missing == 0) {
            sender.open.pop_front();
            room.open -= 1;
            self.open -= 1;
        }
        if self.pace.is_none() && room.open < before {
            self.speak(circle, at, orders);
        }
        Ok(())
    }

    fn tick(&mut self, now: Instant, orders: &mut Orders) -> Option<Instant> {
        (0..self.rooms.len()).for_each(|circle| self.speak(circle, now, orders));
        let due = self.rooms.iter().map(|room| room.due).min().filter(|_| self.pace.is_some());
        Some(due.map_or(self.until, |due| due.min(self.until))).filter(|_| !self.over)
    }

    fn is_done(&self) -> bool {
        self.over && self.open == 0
    }

    fn progress(&self) -> u64 {
        self.delivered
    }

    fn missing(&self) -> String {
        let (count, mut all, mut some) = (self.talk.circles.count(), 0, Vec::new());
        for (circle, room) in self.rooms.iter().enumerate() {
            let sent: Vec<u64> = room.senders.iter().map(|sender| sender.said).collect();
            let behind = room.ledger.behind(&sent);
            all += behind.len();
            let client = |place: usize| place * count + circle;
            some.extend(behind.iter().map(|(who, of, next)| format!("{} waits for {next} of {of}", client(*who))));
        }
        some.truncate(5);
        format!("{all} deliveries of senders to clients are behind: {}", some.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_elsewhere_is_not_to_be_heard() {
        let circles = Circles::Rooms(2);
        let talk = Talk { in_flight: 2, per_second: None, senders: usize::MAX, circles, padding: "" };
        let mut broadcast = Broadcast::new(4, true, talk).unwrap();
        let (now, mut orders) = (Instant::now(), Orders::default());
        broadcast.go_on_for(Duration::from_secs(60));
        broadcast.tick(now, &mut orders);
        // Clients 0 and 2 are in one room, and each of them has said something; so have 1 and 3.
        for who in [0, 2] {
            assert!(broadcast.packet(who, br#"2["said",1,0,""]"#, now, &mut orders).is_err());
            broadcast.packet(who, br#"2["said",0,0,""]"#, now, &mut orders).unwrap();
            broadcast.packet(who, br#"2["said",2,0,""]"#, now, &mut orders).unwrap();
            assert!(broadcast.packet(who, br#"2["said",0,0,""]"#, now, &mut orders).is_err());
        }
        // Two more are under way in their room, and two still in the other.
        assert_eq!((broadcast.delivered, broadcast.open), (4, 4));
        assert!(broadcast.missing().contains("1 waits for 0 of 0"), "{}", broadcast.missing());
    }
}
