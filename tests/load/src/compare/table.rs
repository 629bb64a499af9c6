//! A comparison as a table of Markdown.

use super::outcome::{Outcome, Spread};
use crate::scenario::{Kind, Plan, Target};
use std::fmt::Write as _;

/// The whole page: versions, figures, latencies, and what was to be said of the runs.
#[must_use]
pub fn page(outcome: &Outcome, plans: &[Plan], versions: &[(&str, String)], rounds: usize, seconds: f64) -> String {
    let mut page = format!(
        "# Compared\n\nMedians of {rounds} rounds of {seconds} s each (least–greatest), the servers in alternation, each run a \
         new process, load and server on the same machine. Written by `tests/load/compare`; each run is in \
         [`runs.json`](runs.json).\n\n![The same as bars](bars.svg)\n\n"
    );
    for (name, version) in versions {
        // Writing into a string does not fail, here and below.
        let _ = writeln!(page, "- {name}: {version}");
    }
    page += "\n## Costs\n\nMicroseconds of the server's processor time, or KiB of its resident memory; the ratios are round by round. \
             In the storm the peers tell everybody of each join, as the tutorial's server does, and ours tells everybody once in 100 ms \
             who has come and how many: its clients know as much, after fewer notices.\n\n";
    page += &costs(outcome, plans);
    page += "\n## Latency, and what the load tool took itself\n\nMilliseconds from when a message was due to when somebody had it, \
             half and 99 of 100; microseconds of the tool's own processor time.\n\n";
    page += &latencies(outcome, plans);
    page += &remarks(outcome, plans);
    page
}

/// The figures, the ratios and the targets.
#[must_use]
pub fn costs(outcome: &Outcome, plans: &[Plan]) -> String {
    let mut table = String::from(
        "| scenario | each | socket.io | socketioxide | Sanket | ÷ socket.io | ÷ socketioxide | target | met |\n\
         |---|---|---|---|---|---|---|---|---|\n",
    );
    for plan in plans {
        let figure = |server| shown(outcome.spread(server, plan.name, crate::report::Report::figure));
        let ratio = |server| outcome.ratio("sanket", server, plan.name);
        let (target, met) = match plan.target {
            Target::Ratio(share) => {
                (format!("÷ {share:.2}"), ratio("socketioxide").map(|spread| spread.median <= share))
            }
            Target::Kib(kib) => {
                let ours = outcome.spread("sanket", plan.name, |report| report.kib_per_client);
                (format!("{kib} KiB"), ours.map(|spread| spread.median <= kib))
            }
            Target::None => (String::new(), None),
        };
        let _ = writeln!(
            table,
            "| {} (`{}`) | {} | {} | {} | {} | {} | {} | {target} | {} |",
            plan.title,
            plan.name,
            unit(plan.kind),
            figure("socket.io"),
            figure("socketioxide"),
            figure("sanket"),
            shown(ratio("socket.io")),
            shown(ratio("socketioxide")),
            match met {
                Some(true) if outcome.failed("sanket", plan.name) => "no: it failed",
                Some(true) => "yes",
                Some(false) => "no",
                None => "",
            }
        );
    }
    table
}

fn latencies(outcome: &Outcome, plans: &[Plan]) -> String {
    let mut table =
        String::from("| scenario | socket.io | socketioxide | Sanket | tool, with Sanket |\n|---|---|---|---|---|\n");
    for plan in plans.iter().filter(|plan| !matches!(plan.kind, Kind::Memory | Kind::Heartbeats)) {
        let millis = |server, high: bool| {
            let of = |report: &crate::report::Report| {
                let latency = report.latency_us?;
                Some(if high { latency.p99 } else { latency.p50 } as f64 / 1000.0)
            };
            outcome.spread(server, plan.name, of).map_or_else(|| "–".to_owned(), |spread| number(spread.median))
        };
        let pair = |server| format!("{} / {}", millis(server, false), millis(server, true));
        let own = outcome.spread("sanket", plan.name, |report| Some(report.own_cpu_us));
        let own = own.map_or_else(|| "–".to_owned(), |spread| number(spread.median));
        let (node, oxide, ours) = (pair("socket.io"), pair("socketioxide"), pair("sanket"));
        let _ = writeln!(table, "| `{}` | {node} | {oxide} | {ours} | {own} |", plan.name);
    }
    table
}

/// What failed, and what came out of order.
#[must_use]
pub fn remarks(outcome: &Outcome, plans: &[Plan]) -> String {
    let mut remarks = String::new();
    let shares: Vec<String> = plans
        .iter()
        .map(|plan| (plan.name, outcome.disordered("socketioxide", plan.name) * 100.0))
        .filter(|(_, percent)| *percent > 0.0)
        .map(|(name, percent)| format!("{} % in `{name}`", number(percent)))
        .collect();
    if !shares.is_empty() {
        let _ = write!(
            remarks,
            "\nsocketioxide runs each handler in a task of its own: of what came, out of the order in which it was sent \
             came {}.\n",
            shares.join(", ")
        );
    }
    if outcome.faults().next().is_none() {
        remarks += "\nIn all these runs nothing was lost and nothing came twice; with Sanket and socket.io everything came in order.\n";
    }
    for (run, fault) in outcome.faults() {
        let _ = write!(remarks, "\n{} failed in `{}`, round {}: {fault}\n", run.server, run.scenario, run.round + 1);
    }
    remarks
}

fn unit(kind: Kind) -> &'static str {
    match kind {
        Kind::Broadcast(_) => "µs a delivery",
        Kind::Echo { .. } => "µs an ack",
        Kind::Connect { .. } => "µs a client",
        Kind::Storm { each: false } => "µs a join",
        Kind::Storm { each: true } => "µs a notice",
        Kind::Return { .. } => "ms until 99 % are in",
        Kind::Memory => "KiB a client",
        Kind::Heartbeats => "µs a client and minute",
    }
}

fn shown(spread: Option<Spread>) -> String {
    spread.map_or_else(
        || "–".to_owned(),
        |Spread { median, min, max }| match number(median) {
            alone if min == max => alone,
            median => format!("{median} ({}–{})", number(min), number(max)),
        },
    )
}

/// Three digits, more where there are more before the point.
pub(super) fn number(value: f64) -> String {
    match value.abs() {
        size if size >= 100.0 => format!("{value:.0}"),
        size if size >= 10.0 => format!("{value:.1}"),
        size if size > 0.0 && size < 0.1 => format!("{value:.3}"),
        _ => format!("{value:.2}"),
    }
}
