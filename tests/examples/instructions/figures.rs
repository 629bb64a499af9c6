//! The table of figures in the tree, and the report of differences from it.

use super::{Count, hot};
use std::collections::BTreeMap;
use std::error::Error;
use std::fmt::Write as _;
use std::process::Command;

/// Per cent that a figure may be off: other versions of the C library count a little differently.
const TOLERANCE: u64 = 5;

/// The table of these counts.
pub(crate) fn table(counts: &[Count]) -> String {
    let mut table = String::new();
    for line in [
        "# Instructions of what the core does most, as tests/instructions/run --record has counted them.",
        &format!("# Counted with {}.", compiler()),
    ] {
        let _ = writeln!(table, "{line}");
    }
    for count in counts.iter().filter(|count| count.group == hot::GROUP) {
        let _ = writeln!(table, "{:>9} {}", count.each(), count.name);
    }
    table
}

/// Compares with the table, and prints what has become of each figure. Whether none is worse, beyond the tolerance, than
/// it was; whatever it is, if another version of the compiler has made it.
pub(crate) fn compare(table: &str, counts: &[Count]) -> Result<bool, Box<dyn Error>> {
    let mut recorded = BTreeMap::new();
    for line in table.lines().filter(|line| !line.starts_with('#')) {
        let (figure, name) = line.trim_start().split_once(' ').ok_or_else(|| format!("what is {line:?}?"))?;
        recorded.insert(name, figure.parse::<u64>()?);
    }
    let compiler = compiler();
    let same = table.lines().any(|line| minor(line).is_some() && minor(line) == minor(&compiler));
    let (mut worse, mut better) = (0, 0);
    println!("{:>9} {:>9} {:>7}", "recorded", "now", "");
    for count in counts.iter().filter(|count| count.group == hot::GROUP) {
        let now = count.each();
        let Some(was) = recorded.remove(&*count.name) else {
            worse += 1;
            println!("{:>9} {now:>9} {:>7} {}: not recorded yet", "", "", count.name);
            continue;
        };
        let word = match was * TOLERANCE / 100 {
            slack if now > was + slack => {
                worse += 1;
                ": more than it was"
            }
            slack if now + slack < was => {
                better += 1;
                ": less than it was"
            }
            _ => "",
        };
        #[expect(clippy::cast_precision_loss, reason = "shown with one digit")]
        let change = 100.0 * (now as f64 / was as f64 - 1.0);
        println!("{was:>9} {now:>9} {change:>+6.1}% {}{word}", count.name);
    }
    for (name, was) in &recorded {
        worse += 1;
        println!("{was:>9} {:>9} {:>7} {name}: recorded, but not counted", "", "");
    }
    if better > 0 {
        println!("{better} better than recorded: keep it so, with tests/instructions/run --record");
    }
    if worse > 0 && !same {
        println!("{worse} worse than recorded, but with another compiler, {compiler}: this is only a warning");
    } else if worse > 0 {
        println!(
            "{worse} worse than recorded by more than {TOLERANCE} %; if it has to be, tests/instructions/run --record"
        );
    }
    Ok(worse == 0 || !same)
}

/// What compiles here, and has compiled this, since `tests/instructions/run` has built it.
fn compiler() -> String {
    let version = Command::new("rustc").arg("--version").output();
    version.map_or("an unknown rustc".into(), |output| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// The version behind `rustc`, without its last number.
fn minor(text: &str) -> Option<&str> {
    let version = text.split_once("rustc ")?.1.split_whitespace().next()?;
    version.rsplit_once('.').map(|(minor, _)| minor)
}
