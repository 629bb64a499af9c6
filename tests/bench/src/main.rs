//! Reads what criterion has left, and prints how the two sides compare. Judges nothing: time depends on the machine.
//!
//! The only argument is criterion's directory.

use serde_json::Value;
use std::collections::BTreeMap;
use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};

/// What it is about and its size, and the nanoseconds of each side.
type Times = BTreeMap<(String, u64), BTreeMap<String, f64>>;

fn main() -> Result<(), Box<dyn Error>> {
    let directory = std::env::args_os().nth(1).ok_or("wants criterion's directory")?;
    let mut times = Times::new();
    collect(Path::new(&directory), &mut times)?;
    println!("{:<48} {:>9} {:>12} {:>14} {:>8}", "", "bytes", "sanket", "socketioxide", "times");
    for ((work, size), sides) in &times {
        let Some(theirs) = sides.get("socketioxide") else { continue };
        for (side, ours) in sides.iter().filter(|(side, _)| *side != "socketioxide") {
            let work = format!("{work}{}", side.strip_prefix("sanket").unwrap_or(side));
            println!("{work:<48} {size:>9} {:>12} {:>14} {:>8.2}", time(*ours), time(*theirs), theirs / ours);
        }
    }
    Ok(())
}

/// Goes through the directories for those of the last run.
fn collect(directory: &Path, times: &mut Times) -> Result<(), Box<dyn Error>> {
    let mut entries: Vec<PathBuf> =
        fs::read_dir(directory)?.map(|entry| Ok(entry?.path())).collect::<Result<_, std::io::Error>>()?;
    entries.sort();
    for path in entries.into_iter().filter(|path| path.is_dir()) {
        if !path.ends_with("new") {
            collect(&path, times)?;
            continue;
        }
        let read =
            |name: &str| -> Result<Value, Box<dyn Error>> { Ok(serde_json::from_slice(&fs::read(path.join(name))?)?) };
        let (benchmark, estimates) = (read("benchmark.json")?, read("estimates.json")?);
        let text = |name: &str| benchmark[name].as_str().unwrap_or_default().to_owned();
        let size = benchmark["throughput"]["Bytes"].as_u64().unwrap_or_default();
        // The slope where there is one: what criterion calls the time.
        let slope = estimates["slope"]["point_estimate"].as_f64();
        let nanoseconds = slope.or(estimates["mean"]["point_estimate"].as_f64()).ok_or("no estimate")?;
        times.entry((text("group_id"), size)).or_default().insert(text("function_id"), nanoseconds);
    }
    Ok(())
}

fn time(nanoseconds: f64) -> String {
    match nanoseconds {
        ns if ns < 1e3 => format!("{ns:.1} ns"),
        ns if ns < 1e6 => format!("{:.2} µs", ns / 1e3),
        ns => format!("{:.2} ms", ns / 1e6),
    }
}
