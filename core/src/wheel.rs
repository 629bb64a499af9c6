//! A timer wheel with a resolution of one millisecond: when each slot of a shard has to be looked at.
//!
//! An entry is not a deadline. At its time the client of the slot may have a deadline; its own timers say whether it
//! has. Entries are never removed or moved, so setting a timer costs the same with one client and with a million.

use crate::time::Time;
use alloc::vec::Vec;

/// Milliseconds of a tick. All entries of a tick are in one list. Each says which millisecond of the tick it is for.
const TICK: u64 = 8;
/// Ticks of the wheel: 33 seconds. An entry for a later time is made for the last tick.
const TICKS: u64 = 4096;
/// Words of bits for the ticks: as many as a word has bits.
const WORDS: usize = 64;
/// Bits of an entry for the millisecond of its tick. The other bits are the slot, of which there are up to 2^28.
const OFFSET_BITS: u32 = TICK.trailing_zeros();

#[derive(Debug)]
pub(crate) struct Wheel {
    ticks: Vec<Vec<u32>>,
    /// For each tick, a bit for each millisecond that has entries.
    offsets: Vec<u8>,
    /// A bit for each tick that has entries.
    filled: [u64; WORDS],
    /// A bit for each word of `filled` that has bits.
    words: u64,
    /// The first millisecond that may have entries.
    cursor: u64,
    /// The time of the earliest entry.
    next: Time,
}

impl Wheel {
    #[expect(clippy::cast_possible_truncation, reason = "TICKS is small")]
    pub(crate) fn new() -> Self {
        let ticks = core::iter::repeat_with(Vec::new).take(TICKS as usize).collect();
        let offsets = alloc::vec![0; TICKS as usize];
        Self { ticks, offsets, filled: [0; WORDS], words: 0, cursor: 0, next: Time::NEVER }
    }

    /// The time of an entry for `at`: `at` itself, unless it is past or too far away.
    pub(crate) fn look(&self, at: Time) -> Time {
        let end = (self.cursor / TICK).saturating_add(TICKS).saturating_mul(TICK);
        Time::from_millis(at.as_millis().clamp(self.cursor, end.saturating_sub(1).max(self.cursor)))
    }

    /// Makes an entry for `slot` at `at`. Returns the time of the entry.
    #[expect(clippy::cast_possible_truncation, reason = "an offset is less than TICK")]
    pub(crate) fn arm(&mut self, slot: u32, at: Time) -> Time {
        let at = self.look(at);
        let (index, offset) = Self::place(at);
        self.ticks[index].push(slot << OFFSET_BITS | offset as u32);
        self.offsets[index] |= 1 << offset;
        self.filled[index / 64] |= 1 << (index % 64);
        self.words |= 1 << (index / 64);
        self.next = self.next.min(at);
        at
    }

    /// The time of the earliest entry; [`Time::NEVER`] if there is none.
    pub(crate) fn next(&self) -> Time {
        self.next
    }

    /// Moves on to `now`, and appends the slots of all entries that are due, in the order of their times, with that
    /// time.
    pub(crate) fn advance(&mut self, now: Time, into: &mut Vec<(u32, Time)>) {
        while self.next <= now && self.next != Time::NEVER {
            let at = self.next;
            let (index, offset) = Self::place(at);
            let entries = &mut self.ticks[index];
            let taken = |entry: &u32| u64::from(*entry) % TICK == offset;
            into.extend(entries.iter().filter(|entry| taken(entry)).map(|entry| (entry >> OFFSET_BITS, at)));
            self.offsets[index] &= !(1 << offset);
            if self.offsets[index] == 0 {
                *entries = Vec::new();
                self.filled[index / 64] &= !(1 << (index % 64));
                if self.filled[index / 64] == 0 {
                    self.words &= !(1 << (index / 64));
                }
            } else {
                entries.retain(|entry| !taken(entry));
            }
            self.cursor = at.as_millis() + 1;
            self.next = self.find();
        }
        self.skip(now);
    }

    /// Moves on to `now`, if no entry is due by then.
    pub(crate) fn skip(&mut self, now: Time) {
        self.cursor = self.cursor.max(now.as_millis().saturating_add(1));
    }

    /// The time of the earliest entry at or after the cursor.
    fn find(&self) -> Time {
        let tick = self.cursor / TICK;
        let start = Self::index(tick);
        let (first, bit) = (start / 64, start % 64);
        // The cursor's word without the ticks before the cursor, then the words after it in a circle, then the
        // cursor's word again.
        let (index, word) = match self.filled[first] & (!0 << bit) {
            0 if self.words == 0 => return Time::NEVER,
            0 => {
                let index = match self.words >> first >> 1 {
                    0 => self.words.trailing_zeros() as usize,
                    after => first + 1 + after.trailing_zeros() as usize,
                };
                (index, self.filled[index])
            }
            word => (first, word),
        };
        let found = index * 64 + word.trailing_zeros() as usize;
        let distance = (found as u64 + TICKS - start as u64) % TICKS;
        Time::from_millis((tick + distance) * TICK + u64::from(self.offsets[found].trailing_zeros()))
    }

    /// How many entries there are.
    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.ticks.iter().map(Vec::len).sum()
    }

    /// The tick of a time, and the millisecond within the tick.
    fn place(at: Time) -> (usize, u64) {
        (Self::index(at.as_millis() / TICK), at.as_millis() % TICK)
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
            let earliest = armed.min().unwrap_or(Time::NEVER);
            assert_eq!(wheel.next(), earliest, "round {round}, at {now}");
        }
    }

    #[test]
    fn an_entry_is_made_for_its_very_millisecond_unless_that_is_past_or_far() {
        let mut wheel = Wheel::new();
        let now = Time::from_millis(1_000_003);
        wheel.advance(now, &mut Vec::new());
        for millis in 1..100 {
            assert_eq!(wheel.look(now.after(millis)), now.after(millis));
            assert_eq!(wheel.arm(0, now.after(millis)), now.after(millis));
        }
        assert_eq!(wheel.look(now), now.after(1), "this moment has passed");
        let last = wheel.look(Time::NEVER);
        assert!((now.after(TICK * (TICKS - 1))..now.after(TICK * TICKS)).contains(&last), "{last}");
        assert_eq!(wheel.arm(0, Time::NEVER), last);
    }

    #[test]
    fn entries_come_in_order_and_in_their_time() {
        let mut wheel = Wheel::new();
        wheel.advance(Time::from_millis(1_000_000), &mut Vec::new());
        let mut rng = fastrand::Rng::with_seed(7);
        let wanted: Vec<u64> = (0..1_000).map(|_| 1_000_001 + rng.u64(0..100_000)).collect();
        let mut armed: Vec<Time> =
            (0..).zip(&wanted).map(|(slot, at)| wheel.arm(slot, Time::from_millis(*at))).collect();
        let mut fired = Vec::new();
        while wheel.next() != Time::NEVER {
            // A driver is sometimes in time, and sometimes late.
            let now = wheel.next().after(rng.u64(0..20));
            let mut due = Vec::new();
            wheel.advance(now, &mut due);
            assert!(due.is_sorted_by_key(|(_, at)| *at));
            assert!(wheel.next() > now);
            for (slot, look) in due {
                assert_eq!(armed[slot as usize], look);
                let at = wanted[slot as usize];
                if now.as_millis() < at {
                    armed[slot as usize] = wheel.arm(slot, Time::from_millis(at));
                } else {
                    assert!(look.as_millis() == at || look < now, "{look} for {at}");
                    fired.push(slot);
                }
            }
        }
        fired.sort_unstable();
        assert_eq!(fired, (0..1_000).collect::<Vec<_>>());
        assert_eq!(wheel.len(), 0);
    }
}
