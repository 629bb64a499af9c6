//! A timer wheel: when which slot of a shard wants to be looked at. Forgetful on purpose: an entry only says "look", and
//! the client's own timers say whether anything is due. So a heartbeat costs the same with one client as with a million.

use crate::time::Time;
use alloc::vec::Vec;

/// Milliseconds of one tick: how late a timer may fire.
const TICK: u64 = 8;
/// Ticks of one turn, 33 seconds. What is farther away is looked at once in between.
const TICKS: u64 = 4096;
/// Words of bits for them: as many as a word has bits.
const WORDS: usize = 64;

#[derive(Debug)]
pub(crate) struct Wheel {
    ticks: Vec<Vec<u32>>,
    /// A bit for each tick that has entries.
    filled: [u64; WORDS],
    /// A bit for each word of those that has bits. The next tick is asked for after everything that happens.
    words: u64,
    /// The tick that is looked at next.
    cursor: u64,
}

impl Wheel {
    #[expect(clippy::cast_possible_truncation, reason = "TICKS is small")]
    pub(crate) fn new() -> Self {
        let ticks = core::iter::repeat_with(Vec::new).take(TICKS as usize).collect();
        Self { ticks, filled: [0; WORDS], words: 0, cursor: 0 }
    }

    /// When a look that is wanted at `at` would be: then or shortly after, but earlier if that is too far away.
    pub(crate) fn look(&self, at: Time) -> Time {
        Time::from_millis(self.tick(at).saturating_mul(TICK))
    }

    /// Asks for a look at `slot` at `at`. Returns when it will be.
    pub(crate) fn arm(&mut self, slot: u32, at: Time) -> Time {
        let tick = self.tick(at);
        let index = Self::index(tick);
        self.ticks[index].push(slot);
        self.filled[index / 64] |= 1 << (index % 64);
        self.words |= 1 << (index / 64);
        Time::from_millis(tick.saturating_mul(TICK))
    }

    /// When there is something to look at next.
    pub(crate) fn next(&self) -> Option<Time> {
        let start = Self::index(self.cursor);
        let (first, bit) = (start / 64, start % 64);
        // The word that the cursor is in, without the ticks before it, then the words after it in a circle, itself the last.
        let (index, word) = match self.filled[first] & (!0 << bit) {
            0 if self.words == 0 => return None,
            0 => {
                let index = match self.words >> first >> 1 {
                    0 => self.words.trailing_zeros() as usize,
                    after => first + 1 + after.trailing_zeros() as usize,
                };
                (index, self.filled[index])
            }
            word => (first, word),
        };
        let found = index as u64 * 64 + u64::from(word.trailing_zeros());
        let distance = (found + TICKS - start as u64) % TICKS;
        Some(Time::from_millis((self.cursor + distance) * TICK))
    }

    /// Moves on to `now` and appends the slots that are to be looked at, each with the time it was armed for.
    pub(crate) fn advance(&mut self, now: Time, into: &mut Vec<(u32, Time)>) {
        while let Some(at) = self.next().filter(|at| *at <= now) {
            let tick = at.as_millis() / TICK;
            let index = Self::index(tick);
            into.extend(core::mem::take(&mut self.ticks[index]).into_iter().map(|slot| (slot, at)));
            self.filled[index / 64] &= !(1 << (index % 64));
            if self.filled[index / 64] == 0 {
                self.words &= !(1 << (index / 64));
            }
            self.cursor = tick + 1;
        }
        self.cursor = self.cursor.max(now.as_millis() / TICK + 1);
    }

    fn tick(&self, at: Time) -> u64 {
        at.as_millis().div_ceil(TICK).clamp(self.cursor, self.cursor.saturating_add(TICKS - 1))
    }

    /// How many looks are asked for.
    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.ticks.iter().map(Vec::len).sum()
    }

    fn index(tick: u64) -> usize {
        (tick % TICKS) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_look_is_the_earliest_wherever_the_wheel_stands() {
        let mut rng = fastrand::Rng::with_seed(7);
        for round in 0..1_000 {
            let mut wheel = Wheel::new();
            let now = rng.u64(0..3 * TICK * TICKS);
            wheel.advance(Time::from_millis(now), &mut Vec::new());
            let armed = (0..rng.u32(0..4)).map(|slot| {
                let at = now + rng.u64(0..2 * TICK * TICKS) / (1 << rng.u32(0..18));
                wheel.arm(slot, Time::from_millis(at))
            });
            let earliest = armed.min();
            assert_eq!(wheel.next(), earliest, "round {round}, at {now}");
        }
    }

    #[test]
    fn a_look_is_asked_for_in_time_or_within_a_tick_after() {
        let mut wheel = Wheel::new();
        wheel.advance(Time::from_millis(1_000_000), &mut Vec::new());
        for at in 1_000_008..1_000_100 {
            let look = wheel.arm(0, Time::from_millis(at));
            assert_eq!(look, wheel.look(Time::from_millis(at)));
            assert!((at..at + TICK).contains(&look.as_millis()), "{look} for {at}");
        }
    }

    #[test]
    fn looks_come_in_order_and_never_early() {
        let mut wheel = Wheel::new();
        let mut due = Vec::new();
        wheel.advance(Time::from_millis(1_000_000), &mut due);
        let mut rng = fastrand::Rng::with_seed(7);
        let mut want: Vec<_> = (0..1_000).map(|slot| (1_000_000 + rng.u64(0..100_000), slot)).collect();
        let mut armed: Vec<_> =
            want.iter().map(|(at, slot)| (*slot, wheel.arm(*slot, Time::from_millis(*at)))).collect();
        let mut fired = Vec::new();
        while let Some(at) = wheel.next() {
            let mut due = Vec::new();
            wheel.advance(at, &mut due);
            for (slot, look) in due {
                assert_eq!(armed[slot as usize].1, look);
                let wanted = want[slot as usize].0;
                if look.as_millis() < wanted {
                    armed[slot as usize].1 = wheel.arm(slot, Time::from_millis(wanted));
                } else {
                    assert!(look.as_millis() < wanted + TICK, "{look} for {wanted}");
                    fired.push((wanted.div_ceil(TICK), slot));
                }
            }
        }
        assert_eq!(fired.len(), want.len());
        assert!(fired.is_sorted_by_key(|(tick, _)| *tick));
        want.sort_unstable();
    }
}
