//! For how many threads of this process the system has processors, beside what else runs on the machine.

use std::time::{Duration, Instant};

/// How long is measured: the system counts in hundredths of a second.
const WINDOW: Duration = Duration::from_millis(100);

/// What was measured last.
#[derive(Debug, Default)]
pub(super) struct Processors(Option<Sample>);

/// Since the system, or the process, was started.
#[derive(Clone, Copy, Debug)]
struct Sample {
    at: Instant,
    /// Of all processors together.
    idle: Duration,
    /// Of this process.
    used: Duration,
}

impl Processors {
    /// For how many threads there have been processors since this was asked last, if that is not too short ago, and the system
    /// says so.
    pub(super) fn measure(&mut self) -> Option<usize> {
        let at = Instant::now();
        if self.0.is_some_and(|before| at - before.at < WINDOW) {
            return None;
        }
        let (idle, used) = system::read()?;
        let now = Sample { at, idle, used };
        Some(between(self.0.replace(now)?, now))
    }
}

/// What this process used, and what nobody did. A processor that others use less than a quarter of counts.
fn between(before: Sample, now: Sample) -> usize {
    let (idle, used) = (now.idle.saturating_sub(before.idle), now.used.saturating_sub(before.used));
    let window = (now.at - before.at).as_micros().max(1);
    usize::try_from((idle + used).as_micros().saturating_add(window / 4) / window).unwrap_or(usize::MAX)
}

#[cfg(target_os = "linux")]
mod system {
    use rustix::time::{ClockId, clock_gettime};
    use std::fs::File;
    use std::io::Read as _;
    use std::time::Duration;

    /// Hundredths of a second are what `/proc/stat` counts in, on every architecture of Linux that Rust knows but Alpha.
    const TICK: u64 = 10;

    /// How long processors were idle, all together, and how long this process used them.
    pub(super) fn read() -> Option<(Duration, Duration)> {
        // The first line is about all processors.
        let mut line = [0; 256];
        let length = File::open("/proc/stat").and_then(|mut file| file.read(&mut line)).ok()?;
        let idle = idle(std::str::from_utf8(&line[..length]).ok()?)?;
        let used = clock_gettime(ClockId::ProcessCPUTime);
        Some((idle, Duration::try_from(used).ok()?))
    }

    /// The fourth and the fifth number: idle, and idle while something waits for a disk.
    pub(super) fn idle(stat: &str) -> Option<Duration> {
        let mut fields = stat.lines().next()?.strip_prefix("cpu ")?.split_ascii_whitespace().skip(3);
        let mut ticks = || fields.next()?.parse::<u64>().ok();
        Some(Duration::from_millis(ticks()?.saturating_add(ticks()?).saturating_mul(TICK)))
    }
}

/// Elsewhere nobody knows: all threads are woken when there is work for them.
#[cfg(not(target_os = "linux"))]
mod system {
    use std::time::Duration;

    pub(super) fn read() -> Option<(Duration, Duration)> {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_others_use_is_not_there() {
        let start = Instant::now();
        let sample = |at: u64, idle: u64, used: u64| Sample {
            at: start + Duration::from_millis(at),
            idle: Duration::from_millis(idle),
            used: Duration::from_millis(used),
        };
        let threads =
            |idle: u64, used: u64| between(sample(1_000, 7_000, 3_000), sample(1_100, 7_000 + idle, 3_000 + used));
        // Of two processors: another process uses one, a third of one, hardly any.
        assert_eq!((threads(0, 100), threads(0, 110), threads(0, 166), threads(70, 120)), (1, 1, 1, 2));
        // Of eight.
        assert_eq!((threads(700, 100), threads(0, 800), threads(100, 400), threads(0, 0)), (8, 8, 5, 0));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn the_first_line_counts() {
        let idle = |stat| system::idle(stat).map(|idle| idle.as_millis());
        assert_eq!(idle("cpu  1 2 3 400 50 6 7\ncpu0 1 2 3 4 5 6 7\n"), Some(4_500));
        assert_eq!(idle("cpu  1 2 3 50000000000 5"), Some(500_000_000_050));
        assert_eq!((idle("cpu 1 2 3"), idle("intr 1 2 3 4 5"), idle("")), (None, None, None));
        assert!(system::read().is_some());
    }
}
