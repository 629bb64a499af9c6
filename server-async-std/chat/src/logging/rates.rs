//! How many lines each place of the program may log: what a peer can cause many times a second does not hide the rest. Knows the
//! time as it is told it.

use log::{Level, Record};
use std::collections::HashMap;
use std::hash::{BuildHasher as _, RandomState};
use std::time::{Duration, Instant};

/// For so long lines are counted together.
const PERIOD: Duration = Duration::from_secs(1);
/// Places that are told apart. There are some fifty that log; all beyond share one count.
const MAX_PLACES: usize = 256;
/// Letters of the first line that was left out, to be said with the count.
const MAX_SAMPLE: usize = 200;

#[derive(Debug)]
pub(super) struct Rates {
    /// Lines of one place in a period.
    limit: u32,
    /// By a hash of target, level, file and line.
    places: HashMap<u64, Place>,
    hasher: RandomState,
}

#[derive(Debug)]
struct Place {
    since: Instant,
    lines: u32,
    left_out: Option<LeftOut>,
}

/// Lines that were not logged, to be said.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct LeftOut {
    pub(super) count: u64,
    pub(super) level: Level,
    /// The first of them, or the beginning of it.
    pub(super) sample: String,
}

/// What becomes of a line.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It is logged; what was left out before it is said first.
    Log(Option<LeftOut>),
    /// It is left out and counted. The first in a period: the count is to be said at this time.
    LeaveOut(Option<Instant>),
    /// It would be the first that is left out: it is to be shown, without holding any lock, since what is shown may itself log or
    /// panic; then [`Rates::admit`] is to be asked again, with a sample.
    Show,
}

/// The line, or the beginning of it.
pub(super) fn sample(record: &Record<'_>) -> String {
    record.args().to_string().chars().take(MAX_SAMPLE).collect()
}

impl Rates {
    pub(super) fn new(limit: u32) -> Self {
        Self { limit, places: HashMap::new(), hasher: RandomState::new() }
    }

    /// What becomes of a line. It has a [`sample`] if one was asked for.
    pub(super) fn admit(&mut self, record: &Record<'_>, now: Instant, sample: Option<String>) -> Verdict {
        // Nobody who asks for that much wants less.
        if record.level() == Level::Trace {
            return Verdict::Log(None);
        }
        let mut key = self.hasher.hash_one((record.target(), record.level(), record.file(), record.line()));
        if self.places.len() >= MAX_PLACES && !self.places.contains_key(&key) {
            self.places.retain(|_, place| place.left_out.is_some() || now < place.since + PERIOD);
            if self.places.len() >= MAX_PLACES {
                key = 0;
            }
        }
        let place = self.places.entry(key).or_insert(Place { since: now, lines: 0, left_out: None });
        let mut said = None;
        if now >= place.since + PERIOD {
            (place.since, place.lines) = (now, 0);
            said = place.left_out.take();
        }
        if place.lines < self.limit {
            place.lines += 1;
            return Verdict::Log(said);
        }
        if let Some(left_out) = &mut place.left_out {
            left_out.count += 1;
            return Verdict::LeaveOut(None);
        }
        let Some(sample) = sample else { return Verdict::Show };
        place.left_out = Some(LeftOut { count: 1, level: record.level(), sample });
        Verdict::LeaveOut(Some(place.since + PERIOD))
    }

    /// What was left out in periods that are over by now, and is to be said; and when the next period is over of those in which
    /// something was left out.
    pub(super) fn over(&mut self, now: Instant) -> (Vec<LeftOut>, Option<Instant>) {
        let over = self.places.values_mut().filter(|place| now >= place.since + PERIOD);
        let over = over.filter_map(|place| place.left_out.take()).collect();
        let rest = self.places.values().filter(|place| place.left_out.is_some());
        (over, rest.map(|place| place.since + PERIOD).min())
    }

    /// What was left out at all.
    pub(super) fn rest(&mut self) -> Vec<LeftOut> {
        self.places.values_mut().filter_map(|place| place.left_out.take()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use log::RecordBuilder;

    fn admit(rates: &mut Rates, line: u32, level: Level, now: Instant) -> Verdict {
        admit_record(rates, Record::builder().args(format_args!("line {line}")).level(level).line(Some(line)), now)
    }

    fn admit_record(rates: &mut Rates, record: &mut RecordBuilder<'_>, now: Instant) -> Verdict {
        let record = record.file(Some("a.rs")).build();
        match rates.admit(&record, now, None) {
            Verdict::Show => rates.admit(&record, now, Some(sample(&record))),
            verdict => verdict,
        }
    }

    #[test]
    fn each_place_has_its_lines_a_second_and_the_rest_is_counted() {
        let (mut rates, start) = (Rates::new(2), Instant::now());
        let end = start + PERIOD;
        let expected = [Verdict::Log(None), Verdict::Log(None), Verdict::LeaveOut(Some(end)), Verdict::LeaveOut(None)];
        for verdict in expected {
            assert_eq!(admit(&mut rates, 1, Level::Warn, start), verdict);
        }
        assert_eq!(admit(&mut rates, 2, Level::Warn, start), Verdict::Log(None), "another line of the source");
        assert_eq!(admit(&mut rates, 1, Level::Info, start), Verdict::Log(None), "another level");
        assert_eq!(rates.over(end - Duration::from_millis(1)), (vec![], Some(end)));
        let left_out = |count| LeftOut { count, level: Level::Warn, sample: "line 1".to_owned() };
        assert_eq!(admit(&mut rates, 1, Level::Warn, end), Verdict::Log(Some(left_out(2))), "with the next line");
        for _ in 0..3 {
            admit(&mut rates, 1, Level::Warn, end);
        }
        assert_eq!(rates.over(end + PERIOD), (vec![left_out(2)], None), "or at the end of the second");
        assert_eq!((rates.over(end + PERIOD), rates.rest()), ((vec![], None), vec![]));
    }

    #[test]
    fn the_table_of_places_is_bounded() {
        let (mut rates, start) = (Rates::new(1), Instant::now());
        for line in 0..10_000 {
            admit(&mut rates, line, Level::Warn, start);
        }
        assert_eq!(rates.places.len(), MAX_PLACES + 1);
        let counts: Vec<_> = rates.over(start + PERIOD).0.into_iter().map(|left_out| left_out.count).collect();
        assert_eq!(counts, [10_000 - 1 - MAX_PLACES as u64]);
        assert_eq!(admit(&mut rates, 10_000, Level::Warn, start + PERIOD), Verdict::Log(None), "old ones make room");
    }

    #[test]
    fn a_trace_is_whole() {
        let (mut rates, start) = (Rates::new(1), Instant::now());
        assert!((0..100).all(|_| admit(&mut rates, 1, Level::Trace, start) == Verdict::Log(None)));
    }
}
