//! What the server's process had of memory, descriptors and threads at each second, and whether that is flat. Knows
//! neither the server nor its clients.

use crate::account::Process;
use crate::fault::{Fault, Result};
use std::fmt;

/// By how much memory may grow from the beginning to the end of what is judged: a share, and KiB. The program's memory
/// moves by that much with the number of clients that happen to be slow at the moment.
const MEMORY: (f64, f64) = (0.05, 5.0 * 1_024.0);
/// By how much descriptors may grow: a share, and a count. There are as many as clients have connections at the moment.
const DESCRIPTORS: (f64, f64) = (0.05, 20.0);
/// Parts whose highest values are compared: the first and the last one. A leak that a few large blocks hide from the
/// line shows there.
const PARTS: usize = 5;
/// Samples below which nothing can be said.
const FEWEST: usize = 60;

/// What a process had at one moment.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sample {
    /// Seconds since the soak began.
    pub at: f64,
    /// KiB of memory that are resident.
    pub resident: u64,
    /// Descriptors that are open.
    pub descriptors: u64,
    /// Threads.
    pub threads: u64,
}

impl Sample {
    /// What the process has now.
    ///
    /// # Errors
    ///
    /// If there is no such process, or no `/proc`.
    pub fn of(process: Process, at: f64) -> Result<Self> {
        let (descriptors, threads) = (process.descriptors()?, process.threads()?);
        Ok(Self { at, resident: process.resident()?, descriptors, threads })
    }
}

impl fmt::Display for Sample {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let megabytes = self.resident as f64 / 1_024.0;
        write!(
            f,
            "{:7.1} s  {megabytes:7.1} MiB  {:5} descriptors  {:3} threads",
            self.at, self.descriptors, self.threads
        )
    }
}

/// What a series was found to be.
#[derive(Debug)]
pub struct Verdict {
    /// What was measured, in words.
    pub lines: Vec<String>,
    /// What is not flat, in words.
    pub findings: Vec<String>,
}

/// Judges what came after the warm-up.
///
/// # Errors
///
/// If there are too few samples to say anything.
pub fn judge(samples: &[Sample], warm_up: f64) -> Result<Verdict> {
    let (before, judged) = samples.split_at(samples.partition_point(|sample| sample.at < warm_up));
    if judged.len() < FEWEST {
        return Err(Fault::new(format!("{} samples after a warm-up of {warm_up:.0} s are too few", judged.len())));
    }
    let mut verdict = Verdict { lines: Vec::new(), findings: Vec::new() };
    let series =
        |of: fn(&Sample) -> u64| judged.iter().map(|sample| (sample.at, of(sample) as f64)).collect::<Vec<_>>();
    verdict.growth("memory, KiB", &series(|sample| sample.resident), MEMORY);
    verdict.growth("descriptors", &series(|sample| sample.descriptors), DESCRIPTORS);
    let highest = |samples: &[Sample]| samples.iter().map(|sample| sample.threads).max().unwrap_or(0);
    let (warm, later) = (highest(before), highest(judged));
    verdict.lines.push(format!("threads: at most {warm} in the warm-up, at most {later} later"));
    if later > warm {
        verdict.findings.push(format!("there were {warm} threads in the warm-up, and {later} later"));
    }
    Ok(verdict)
}

impl Verdict {
    fn growth(&mut self, what: &str, series: &[(f64, f64)], (share, constant): (f64, f64)) {
        let (mean, rise) = line(series);
        let part = series.len().div_ceil(PARTS);
        let highest = |values: &[(f64, f64)]| values.iter().map(|(_, value)| *value).fold(0.0, f64::max);
        let (first, last) = (highest(&series[..part]), highest(&series[series.len() - part..]));
        self.lines.push(format!(
            "{what}: {mean:.0} on average, the line rises by {rise:.0}, \
             at most {first:.0} in the first part and {last:.0} in the last"
        ));
        let may = mean * share + constant;
        if rise > may {
            self.findings.push(format!("{what}: the line rises by {rise:.0}, more than {may:.0}"));
        }
        let may = first * (1.0 + share) + constant;
        if last > may {
            self.findings.push(format!("{what}: {last:.0} at most in the last part, more than {may:.0}"));
        }
    }
}

/// The mean of a series, and by how much the line rises that is fitted to it by least squares, from its first to its
/// last point.
fn line(series: &[(f64, f64)]) -> (f64, f64) {
    let count = series.len() as f64;
    let mean = |of: fn(&(f64, f64)) -> f64| series.iter().map(of).sum::<f64>() / count;
    let (middle, height) = (mean(|point| point.0), mean(|point| point.1));
    let (above, below) = series.iter().fold((0.0, 0.0), |(above, below), (x, y)| {
        (above + (x - middle) * (y - height), below + (x - middle) * (x - middle))
    });
    let span = series.last().map_or(0.0, |last| last.0) - series.first().map_or(0.0, |first| first.0);
    (height, if below > 0.0 { above / below * span } else { 0.0 })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Ten minutes of samples, of a process whose figures move as those of a busy server do.
    fn samples(resident: impl Fn(u64) -> u64) -> Vec<Sample> {
        let sample = |second: u64| Sample {
            at: second as f64,
            resident: resident(second) + second * 7_919 % 3_000,
            descriptors: 400 + second * 104_729 % 50,
            threads: 6,
        };
        (0..600).map(sample).collect()
    }

    fn findings(samples: &[Sample]) -> usize {
        judge(samples, 100.0).unwrap().findings.len()
    }

    #[test]
    fn what_is_level_is_flat_however_it_began() {
        assert_eq!(findings(&samples(|second| 40_000 + second.min(90) * 500)), 0);
    }

    #[test]
    fn a_leak_of_a_few_bytes_a_client_is_found() {
        // 100 clients a second that each leave 256 bytes: 25 KiB a second.
        assert!(findings(&samples(|second| 30_000 + second * 25)) > 0);
    }

    #[test]
    fn a_step_late_in_the_run_is_found() {
        assert!(findings(&samples(|second| if second < 570 { 30_000 } else { 50_000 })) > 0);
    }

    #[test]
    fn descriptors_and_threads_that_stay_are_found() {
        let mut leaky = samples(|_| 30_000);
        leaky.iter_mut().enumerate().for_each(|(second, sample)| sample.descriptors += second as u64 / 5);
        assert!(findings(&leaky) > 0);
        let mut leaky = samples(|_| 30_000);
        leaky[500].threads = 7;
        assert_eq!(findings(&leaky), 1);
    }

    #[test]
    fn too_few_samples_say_nothing() {
        assert!(judge(&samples(|_| 30_000)[..120], 100.0).is_err());
    }
}
