//! Counts the instructions of the core with valgrind's callgrind: of its most frequent operations, compared with the
//! figures in the tree, and of every decoder with hostile inputs of doubling length, whose steps must double too.
//! Counts do not depend on the load of the machine, unlike times. `tests/instructions/run` builds and runs this
//! program.
//!
//! It does not use gungraun (once iai-callgrind). That needs a runner of exactly its own version, keeps figures in the
//! build directory instead of the tree, starts valgrind for each of several hundred cases, and compares a case only
//! with its own past, not with another input. This program starts valgrind once, and reads its sums.
//!
//! The program starts itself under valgrind, which counts what happens inside of [`measured`] and writes the sum
//! whenever that returns. The names of the cases come in the same order over standard output.

mod applications;
mod clients;
mod figures;
mod hot;
mod linear;

use clap::{Parser, Subcommand};
use std::error::Error;
use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::{env, fs, io};

/// Counts the core's instructions.
#[derive(Parser)]
struct Flags {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// Compares with the figures in the tree, and fails where there are more.
    Check(Measuring),
    /// Writes the figures anew.
    Record(Measuring),
    /// Does the work, without a word on what it costs: what valgrind runs.
    Work {
        /// What the random inputs are made from.
        #[arg(long)]
        seed: u64,
    },
}

#[derive(clap::Args)]
struct Measuring {
    /// The table of figures.
    #[arg(long)]
    figures: PathBuf,
    /// A directory for what valgrind writes, which `callgrind_annotate` reads.
    #[arg(long)]
    out: PathBuf,
    /// What the random inputs are made from; by chance, if it is not said.
    #[arg(long)]
    seed: Option<u64>,
}

fn main() -> Result<ExitCode, Box<dyn Error>> {
    match Flags::parse().what {
        What::Work { seed } => {
            hot::work();
            linear::work(seed);
            Ok(ExitCode::SUCCESS)
        }
        What::Check(measuring) => {
            let counts = measuring.count()?;
            let hot = figures::compare(&fs::read_to_string(&measuring.figures)?, &counts)?;
            let (level, linear) = (hot::judge(&counts), linear::judge(&counts));
            Ok(if hot && level && linear { ExitCode::SUCCESS } else { ExitCode::FAILURE })
        }
        What::Record(measuring) => {
            let counts = measuring.count()?;
            fs::write(&measuring.figures, figures::table(&counts))?;
            let (level, linear) = (hot::judge(&counts), linear::judge(&counts));
            Ok(if level && linear { ExitCode::SUCCESS } else { ExitCode::FAILURE })
        }
    }
}

/// What is counted. Nothing else is: it must stay one function, whatever the compiler thinks of it.
#[inline(never)]
fn measured(work: &mut dyn FnMut()) {
    work();
    // A jump to the work instead of a call would end this function before the work begins.
    black_box(());
}

/// Does some work and says what it is called, for [`Measuring::count`] to know. The work says how often it was done.
fn measure(group: &str, name: &str, mut work: impl FnMut() -> usize) {
    let mut times = 0;
    measured(&mut || times = work());
    println!("{group}\t{name}\t{times}");
}

/// Instructions of one piece of work.
struct Count {
    group: String,
    name: String,
    /// How often the work was done, and what all of it took.
    times: u64,
    instructions: u64,
}

impl Count {
    /// Rounded up: the figures are small numbers.
    fn each(&self) -> u64 {
        self.instructions.div_ceil(self.times)
    }
}

impl Measuring {
    fn count(&self) -> Result<Vec<Count>, Box<dyn Error>> {
        let seed = self.seed.unwrap_or_else(|| fastrand::u32(..).into());
        eprintln!("the random inputs are those of --seed {seed}");
        match fs::remove_dir_all(&self.out) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error.into()),
            _ => fs::create_dir_all(&self.out)?,
        }
        // As valgrind knows it, which leaves out the compiler's hash.
        const MEASURED: &str = "instructions::measured";
        // Long copies and fillings are otherwise, on some processors, one instruction that counts as one for every byte.
        const COPIES: &str =
            "glibc.cpu.x86_rep_movsb_threshold=1000000000:glibc.cpu.x86_rep_stosb_threshold=1000000000";
        let run = Command::new("valgrind")
            .env("GLIBC_TUNABLES", COPIES)
            .args(["--quiet", "--tool=callgrind", "--collect-atstart=no", "--compress-strings=no"])
            .args([format!("--toggle-collect={MEASURED}"), format!("--dump-after={MEASURED}")])
            .arg(format!("--callgrind-out-file={}", self.out.join("count").display()))
            .arg(env::current_exe()?)
            .args(["work", "--seed", &seed.to_string()])
            .stderr(Stdio::inherit())
            .output()
            .map_err(|error| format!("valgrind can not be started: {error}"))?;
        if !run.status.success() {
            return Err(format!("valgrind: {}", run.status).into());
        }
        let mut counts = Vec::new();
        for (n, line) in String::from_utf8(run.stdout)?.lines().enumerate() {
            let mut fields = line.split('\t').map(str::to_owned);
            let mut field = || fields.next().ok_or_else(|| format!("what is {line:?}?"));
            let (group, name, times) = (field()?, field()?, field()?.parse()?);
            let instructions = summary(&self.out.join(format!("count.{}", n + 1)))?;
            counts.push(Count { group, name, times, instructions });
        }
        Ok(counts)
    }
}

/// The sum that callgrind has written.
fn summary(path: &Path) -> Result<u64, Box<dyn Error>> {
    let written = fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
    let line = written.lines().find_map(|line| line.strip_prefix("summary: ").or(line.strip_prefix("totals: ")));
    Ok(line.ok_or("no sum")?.trim().parse()?)
}
