//! Which processors a server may use. Linux only: elsewhere a server can only have all of them.

use crate::fault::{Fault, Result};
use std::num::NonZero;
use std::process::{Child, Command};
use std::str::FromStr;
use std::thread::{available_parallelism, scope};

/// How many processors a server is to have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Processors {
    /// So many.
    Some(NonZero<usize>),
    /// All that this process has.
    All,
}

impl FromStr for Processors {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Self, String> {
        match text {
            "all" => Ok(Self::All),
            count => count.parse().map(Self::Some).map_err(|_| "a number of processors, or all".to_owned()),
        }
    }
}

impl Processors {
    /// How many that are here.
    ///
    /// # Errors
    ///
    /// If there are not as many.
    pub fn count(self) -> Result<usize> {
        let all = available_parallelism()?.get();
        match self {
            Self::All => Ok(all),
            Self::Some(count) if count.get() <= all => Ok(count.get()),
            Self::Some(count) => Err(Fault::new(format!("there are {all} processors, not {count}"))),
        }
    }
}

/// Starts a program that may use so many of this process's processors, the last ones. Those of this process stay as they
/// are: a process has from its beginning those of the thread that started it, so a thread is started for that.
pub(super) fn spawn(command: &mut Command, count: usize) -> Result<Child> {
    if Processors::All.count() == Ok(count) {
        return Ok(command.spawn()?);
    }
    let start = || -> Result<Child> {
        confine(count)?;
        Ok(command.spawn()?)
    };
    scope(|scope| scope.spawn(start).join()).map_err(|_| Fault::new("a thread ended early"))?
}

/// Lets this thread have so many of its processors, the last ones.
#[cfg(target_os = "linux")]
fn confine(count: usize) -> Result<()> {
    use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
    let all = sched_getaffinity(None).map_err(std::io::Error::from)?;
    let mut some = CpuSet::new();
    let here = (0..CpuSet::MAX_CPU).rev().filter(|processor| all.is_set(*processor));
    here.take(count).for_each(|processor| some.set(processor));
    Ok(sched_setaffinity(None, &some).map_err(std::io::Error::from)?)
}

#[cfg(not(target_os = "linux"))]
fn confine(count: usize) -> Result<()> {
    Err(Fault::new(format!("a program can not be confined to {count} processors on this system")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_all_are_understood() {
        assert_eq!("all".parse(), Ok(Processors::All));
        assert_eq!(
            "2".parse::<Processors>().map(Processors::count).ok(),
            Some(Processors::Some(NonZero::new(2).unwrap()).count())
        );
        assert!("0".parse::<Processors>().is_err() && "none".parse::<Processors>().is_err());
        assert!(Processors::Some(NonZero::<usize>::MAX).count().is_err());
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn only_what_is_started_is_confined() {
        let before = available_parallelism().unwrap();
        let mut command = Command::new("nproc");
        let output = spawn(command.stdout(std::process::Stdio::piped()), 1).unwrap().wait_with_output().unwrap();
        assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), "1");
        assert_eq!(available_parallelism().unwrap(), before);
    }
}
