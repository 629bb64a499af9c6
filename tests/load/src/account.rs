//! What a process has cost so far, as the system accounts for it. Linux only: elsewhere there is no `/proc`, and a run says
//! nothing of costs.

use crate::fault::{Fault, Result};
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::{read_dir, read_to_string};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// Microseconds of one tick of `/proc/PID/stat`: `USER_HZ` is 100 on every architecture of Linux that Rust knows but Alpha.
const TICK: u64 = 10_000;
/// The system's name of how often a listener's queue was full when somebody wanted to connect.
pub const OVERFLOWS: &str = "ListenOverflows";
/// Ticks that two readings may be apart from each other by chance.
const CHANCE: u64 = 3 * TICK;
/// How often [`Process::settled`] looks.
const LOOK: Duration = Duration::from_millis(60);
/// How long it looks.
const PATIENCE: Duration = Duration::from_secs(3);

/// A process to look at.
#[derive(Clone, Copy, Debug)]
pub struct Process(pub u32);

impl Process {
    /// This one.
    #[must_use]
    pub fn own() -> Self {
        Self(std::process::id())
    }

    /// Microseconds of processor time that all its threads have used, those that have ended among them, in user and kernel
    /// mode. In steps of ten milliseconds.
    ///
    /// # Errors
    ///
    /// If there is no such process, or no `/proc`.
    pub fn cpu(self) -> Result<u64> {
        let path = format!("/proc/{}/stat", self.0);
        let stat = read_to_string(&path).map_err(|error| Fault::from(error).at(&path))?;
        // The name, in parentheses, may contain anything.
        let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
        let ticks = |index: usize| fields.get(index).and_then(|field| field.parse::<u64>().ok());
        match (ticks(11), ticks(12)) {
            (Some(user), Some(system)) => Ok((user + system) * TICK),
            _ => Err(Fault::new(format!("{path} is not what it was expected to be"))),
        }
    }

    /// The account as it is now.
    ///
    /// # Errors
    ///
    /// As [`Process::cpu`].
    pub fn account(self) -> Result<Account> {
        let cpu = self.cpu()?;
        let mut threads = BTreeMap::new();
        for thread in read_dir(format!("/proc/{}/task", self.0)).into_iter().flatten().flatten() {
            // A thread may end meanwhile, and not every kernel counts so.
            let text = read_to_string(thread.path().join("schedstat")).unwrap_or_default();
            if let Some(nanos) = text.split_whitespace().next().and_then(|nanos| nanos.parse().ok()) {
                threads.insert(thread.file_name(), nanos);
            }
        }
        Ok(Account { cpu, threads })
    }

    /// The account once it has stopped rising: what a server does after the last answer belongs to it, too.
    ///
    /// # Errors
    ///
    /// As [`Process::cpu`].
    pub fn settled(self) -> Result<Account> {
        let until = Instant::now() + PATIENCE;
        let mut before = self.cpu()?;
        loop {
            sleep(LOOK);
            let now = self.cpu()?;
            if now == before || Instant::now() > until {
                return self.account();
            }
            before = now;
        }
    }

    /// KiB of memory that are resident.
    ///
    /// # Errors
    ///
    /// As [`Process::cpu`].
    pub fn resident(self) -> Result<u64> {
        self.status("VmRSS:")
    }

    /// Threads.
    ///
    /// # Errors
    ///
    /// As [`Process::cpu`].
    pub fn threads(self) -> Result<u64> {
        self.status("Threads:")
    }

    /// Descriptors that are open. Of a process of the same user.
    ///
    /// # Errors
    ///
    /// As [`Process::cpu`].
    pub fn descriptors(self) -> Result<u64> {
        let path = format!("/proc/{}/fd", self.0);
        Ok(read_dir(&path).map_err(|error| Fault::from(error).at(&path))?.count() as u64)
    }

    /// A number of `/proc/PID/status`.
    fn status(self, field: &str) -> Result<u64> {
        let path = format!("/proc/{}/status", self.0);
        let status = read_to_string(&path).map_err(|error| Fault::from(error).at(&path))?;
        let line = status.lines().find_map(|line| line.strip_prefix(field));
        line.and_then(|rest| rest.trim().trim_end_matches("kB").trim().parse().ok())
            .ok_or_else(|| Fault::new(format!("{path} says nothing of {field}")))
    }
}

/// What a process has used until some moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// Microseconds of all its threads, in steps of ten milliseconds.
    cpu: u64,
    /// Nanoseconds of each thread that there is.
    threads: BTreeMap<OsString, u64>,
}

impl Account {
    /// Microseconds of processor time since an earlier account of the same process: exactly, if no thread has ended meanwhile,
    /// otherwise in steps of ten milliseconds.
    #[must_use]
    pub fn since(&self, before: &Self) -> u64 {
        let steps = self.cpu.saturating_sub(before.cpu);
        if self.threads.is_empty() || before.threads.keys().any(|thread| !self.threads.contains_key(thread)) {
            return steps;
        }
        let used = |(thread, now): (&OsString, &u64)| now - before.threads.get(thread).unwrap_or(&0).min(now);
        let exact = self.threads.iter().map(used).sum::<u64>() / 1_000;
        // Threads that both began and ended meanwhile are only in the other one.
        if exact + CHANCE < steps { steps } else { exact }
    }
}

/// What the system has counted of connections that had to be tried again, by its own names: those that found a listener's
/// queue full or were not answered in time. Of all processes. Nothing where there is no `/proc`.
#[must_use]
pub fn tcp_counters() -> BTreeMap<String, u64> {
    const WANTED: [&str; 4] = [OVERFLOWS, "ListenDrops", "TCPTimeouts", "TCPSynRetrans"];
    let mut counters = extended(&read_to_string("/proc/net/netstat").unwrap_or_default());
    counters.retain(|name, _| WANTED.contains(&name.as_str()));
    counters
}

/// Two lines that begin alike: names, and their numbers.
fn extended(text: &str) -> BTreeMap<String, u64> {
    let mut lines = text.lines().filter_map(|line| line.strip_prefix("TcpExt:"));
    let (names, numbers) = (lines.next().unwrap_or_default(), lines.next().unwrap_or_default());
    let pairs = names.split_whitespace().zip(numbers.split_whitespace());
    pairs.filter_map(|(name, number)| Some((name.to_owned(), number.parse().ok()?))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_system_counts_what_was_tried_again() {
        let counters = extended("TcpExt: A B\nTcpExt: 1 22\nIpExt: C\nIpExt: 3\n");
        assert_eq!(counters.into_iter().collect::<Vec<_>>(), [("A".to_owned(), 1), ("B".to_owned(), 22)]);
        assert!(tcp_counters().contains_key("ListenOverflows"));
    }

    #[test]
    fn threads_are_counted_exactly_while_none_ends() {
        let account = |cpu, threads: &[(&str, u64)]| Account {
            cpu,
            threads: threads.iter().map(|(thread, nanos)| (OsString::from(thread), *nanos)).collect(),
        };
        let before = account(10_000, &[("1", 7_000_000), ("2", 1_000_000)]);
        // One has worked for 4 ms, and one has begun.
        assert_eq!(account(20_000, &[("1", 11_000_000), ("2", 1_000_000), ("3", 500_000)]).since(&before), 4_500);
        // One has ended.
        assert_eq!(account(20_000, &[("1", 11_000_000)]).since(&before), 10_000);
        // Another one began, worked for long, and ended.
        assert_eq!(account(90_000, &[("1", 11_000_000), ("2", 1_000_000)]).since(&before), 80_000);
        assert_eq!(account(30_000, &[]).since(&before), 20_000);
    }

    #[test]
    fn what_this_process_does_is_on_its_account() {
        let before = Process::own().cpu().unwrap();
        let mut sum = 0_u64;
        let until = Instant::now() + Duration::from_secs(20);
        while Process::own().cpu().unwrap() == before {
            sum = (0..100_000_u64).fold(sum, |sum, n| sum.wrapping_mul(31).wrapping_add(n));
            assert!(Instant::now() < until, "twenty seconds of work cost nothing ({sum})");
        }
        assert!(Process::own().resident().unwrap() > 100);
        assert!(Process::own().threads().unwrap() > 0);
        assert!(Process::own().descriptors().unwrap() > 2);
    }
}
