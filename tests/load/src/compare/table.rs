//! A comparison as tables of Markdown.

use super::outcome::{NEAR, Outcome, Spread};
use super::servers::{FLOOR, OURS};
use crate::account::OVERFLOWS;
use crate::report::Report;
use crate::scenario::{CAME_AGAIN, Kind, Plan, Target};
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// All servers in the order of their columns, with what is written above them.
const COLUMNS: [(&str, &str); 5] = [
    (FLOOR, "floor"),
    ("bun", "socket.io on Bun"),
    ("socketioxide", "socketioxide"),
    ("socket.io", "socket.io on Node"),
    (OURS, "Sanket"),
];

/// The whole page: versions, figures, what is faster with more processors, latencies, and what was to be said of the runs.
#[must_use]
pub fn page(outcome: &Outcome, plans: &[Plan], versions: &[(&str, String)], rounds: usize, seconds: f64) -> String {
    let processors = outcome.processors().last().copied().unwrap_or_default();
    let mut page = format!(
        "# Compared\n\nMedians of {rounds} rounds of {seconds} s each (least–greatest), the servers in alternation, each run a \
         new process with {processors} processors, load and server on the same machine. Written by `tests/load/compare`; each run \
         is in [`runs.json`](runs.json), and [here](where-time-goes.md) is what the time is spent on.\n\n\
         ![The same as bars](bars.svg)\n\n"
    );
    for (name, version) in versions {
        // Writing into a string does not fail, here and below.
        let _ = writeln!(page, "- {name}: {version}");
    }
    page += "\nCosts are microseconds of the server's processor time, or KiB of its resident memory. Where all clients come at once, it \
             is the time until 99 of 100 are in. Ratios are round by round; the best peer is the one that costs least.\n";
    page += &costs(outcome, plans);
    page += "\nThe floor has WebSockets only. In `storm` it and the peers tell everybody of each join, as the tutorial's server does, \
             and ours tells everybody once in 100 ms who has come and how many: its clients know as much, after fewer notices. In \
             `storm-told` all tell everybody of each.\n\n## Units a second, and frames a read\n\n\
             How many there were a second in a loop with the load tool, and how many WebSocket frames a client's read brought on \
             average: what comes in one piece is cheaper, for both sides. Of scenarios that are paced, the first is the pace.\n\n";
    page += &rates(outcome, plans);
    page += &scaled(outcome, plans);
    page += "\n## Latency, and what the load tool took itself\n\nMilliseconds from when a message was due to when somebody had it, \
             half and 99 of 100; microseconds of the tool's own processor time.\n\n";
    page += &latencies(outcome, plans);
    page += &remarks(outcome, plans);
    page
}

/// The figures and the ratios: first of the scenarios in which a peer costs less than ours, or ours is not near the floor.
#[must_use]
pub fn costs(outcome: &Outcome, plans: &[Plan]) -> String {
    let place = |plan: &Plan| outcome.is_ahead(plan.name);
    let mut text = String::new();
    let headings = [
        ("A peer costs less", "Or ours failed.".to_owned()),
        (
            "No peer costs less, but ours is not near the floor",
            format!("More than {NEAR} times what the floor costs; the farthest from it first."),
        ),
        ("No peer costs less, and ours is near the floor where that can do the same", String::new()),
    ];
    for ((heading, note), wanted) in headings.iter().zip([(false, None), (true, Some(false)), (true, Some(true))]) {
        let (ahead, near) = wanted;
        let mut some: Vec<&Plan> = plans
            .iter()
            .filter(|plan| place(plan).0 == ahead && near.is_none_or(|near| place(plan).1 == near))
            .collect();
        if some.is_empty() {
            continue;
        }
        if near == Some(false) {
            let far = |plan: &Plan| outcome.ratio(OURS, FLOOR, plan.name).map_or(0.0, |ratio| ratio.median);
            some.sort_by(|one, other| far(other).total_cmp(&far(one)));
        }
        let note = if note.is_empty() { String::new() } else { format!("{note}\n\n") };
        let _ = write!(text, "\n## {heading}\n\n{note}{}", cost_table(outcome, &some));
    }
    text
}

fn cost_table(outcome: &Outcome, plans: &[&Plan]) -> String {
    let mut table =
        header(&["scenario", "each"], COLUMNS.map(|(_, title)| title), &["÷ floor", "÷ best peer", "target"]);
    for plan in plans {
        let _ = write!(table, "| {} (`{}`) | {} |", plan.title, plan.name, unit(plan.kind));
        for (server, _) in COLUMNS {
            let _ = write!(table, " {} |", shown(outcome.spread(server, plan.name, Report::figure)));
        }
        let best = outcome.best_peer(plan.name);
        let of_best = best.and_then(|peer| Some((peer, outcome.ratio(OURS, peer, plan.name)?)));
        let of_best = of_best.map_or_else(none, |(peer, ratio)| format!("{}, {peer}", shown(Some(ratio))));
        let of_floor = shown(outcome.ratio(OURS, FLOOR, plan.name));
        let _ = writeln!(table, " {of_floor} | {of_best} | {} |", target(outcome, plan));
    }
    table
}

/// What was aimed at, and whether it is met.
fn target(outcome: &Outcome, plan: &Plan) -> String {
    let (aim, found, bound) = match plan.target {
        Target::Ratio(share) => {
            (format!("{share:.2} × socketioxide"), outcome.ratio(OURS, "socketioxide", plan.name), share)
        }
        Target::Kib(kib) => {
            (format!("{kib} KiB"), outcome.spread(OURS, plan.name, |report| report.kib_per_client), kib)
        }
        Target::None => return String::new(),
    };
    match found {
        Some(spread) if spread.median <= bound && !outcome.failed(OURS, plan.name) => format!("{aim}: met"),
        Some(_) => format!("{aim}: **missed**"),
        None => aim,
    }
}

fn rates(outcome: &Outcome, plans: &[Plan]) -> String {
    let mut table = header(&["scenario"], COLUMNS.map(|(_, title)| title), &[]);
    for plan in plans.iter().filter(|plan| is_timed(plan)) {
        let _ = write!(table, "| `{}` |", plan.name);
        for (server, _) in COLUMNS {
            let rate = outcome.spread(server, plan.name, |report| Some(report.units_per_second));
            let frames = outcome.spread(server, plan.name, |report| report.frames_per_read);
            let _ = match (rate, frames) {
                (Some(rate), Some(frames)) => {
                    write!(table, " {}, {} |", thousands(rate.median), number(frames.median))
                }
                (Some(rate), None) => write!(table, " {} |", thousands(rate.median)),
                (None, _) => write!(table, " {} |", none()),
            };
        }
        table.push('\n');
    }
    table
}

/// Ours with the fewest and with the most processors, where it ran with several numbers of them.
#[must_use]
pub fn scaled(outcome: &Outcome, plans: &[Plan]) -> String {
    let counts = outcome.processors();
    let (Some(few), Some(many)) = (counts.first(), counts.last()) else { return String::new() };
    if few == many {
        return String::new();
    }
    let mut table = format!(
        "\n## Sanket with {few} and {many} processors\n\nThe load tool may use all of them in both cases, and shares them with the \
         server. Each as it is with {few}, with {many}, and how many times as much that is: units a second, what one costs (µs, KiB or \
         ms as above), the latency of 99 of 100 (ms), frames a read.\n\n"
    );
    table += &header(&["scenario"], ["units a second", "cost", "p99", "frames a read"], &[]);
    for plan in plans.iter().filter(|plan| is_timed(plan)) {
        let _ = write!(table, "| `{}` |", plan.name);
        let with = |what: &dyn Fn(&Report) -> Option<f64>, show: fn(f64) -> String| {
            let median = |n: &usize| outcome.spread_with(*n, OURS, plan.name, what).map(|spread| spread.median);
            match (median(few), median(many)) {
                (Some(one), Some(all)) if one > 0.0 => {
                    format!(" {}, {}, × {} |", show(one), show(all), number(all / one))
                }
                (Some(one), Some(all)) => format!(" {}, {} |", show(one), show(all)),
                _ => format!(" {} |", none()),
            }
        };
        table += &with(&|report| Some(report.units_per_second), thousands);
        table += &with(&Report::figure, number);
        table += &with(&|report| Some(report.latency_us?.p99 as f64 / 1000.0), number);
        table += &with(&|report| report.frames_per_read, number);
        table.push('\n');
    }
    table
}

fn latencies(outcome: &Outcome, plans: &[Plan]) -> String {
    let mut table = header(&["scenario"], COLUMNS.map(|(_, title)| title), &["tool, with Sanket"]);
    for plan in plans.iter().filter(|plan| is_timed(plan)) {
        let millis = |server, high: bool| {
            let of = |report: &Report| {
                let latency = report.latency_us?;
                Some(if high { latency.p99 } else { latency.p50 } as f64 / 1000.0)
            };
            outcome.spread(server, plan.name, of).map(|spread| number(spread.median))
        };
        let _ = write!(table, "| `{}` |", plan.name);
        for (server, _) in COLUMNS {
            let pair = millis(server, false).zip(millis(server, true));
            let _ = write!(table, " {} |", pair.map_or_else(none, |(half, most)| format!("{half} / {most}")));
        }
        let own = outcome.spread(OURS, plan.name, |report| Some(report.own_cpu_us));
        let _ = writeln!(table, " {} |", own.map_or_else(none, |spread| number(spread.median)));
    }
    table
}

fn header<const N: usize>(before: &[&str], servers: [&str; N], after: &[&str]) -> String {
    let titles: Vec<&str> = before.iter().copied().chain(servers).chain(after.iter().copied()).collect();
    format!("| {} |\n|{}\n", titles.join(" | "), "---|".repeat(titles.len()))
}

/// Whether there is something to be counted a second, and a latency.
fn is_timed(plan: &Plan) -> bool {
    !matches!(plan.kind, Kind::Memory | Kind::Heartbeats)
}

fn none() -> String {
    "–".to_owned()
}

/// A number of many digits, in thousands or millions.
fn thousands(value: f64) -> String {
    match value {
        size if size >= 1e6 => format!("{} M", number(size / 1e6)),
        size if size >= 1e4 => format!("{} k", number(size / 1e3)),
        size => number(size),
    }
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
    for plan in plans.iter().filter(|plan| matches!(plan.kind, Kind::Return { .. })) {
        for (server, title) in COLUMNS {
            let most = |name| outcome.most(server, plan.name, name);
            let (full, again) = (most(OVERFLOWS), most(CAME_AGAIN));
            if full + again > 0.0 {
                let _ = write!(
                    remarks,
                    "\n`{}` with {title}: a listener's queue was full {full:.0} times, and {again:.0} times a client was turned away \
                     and came again (the most in a round).\n",
                    plan.name
                );
            }
        }
    }
    // What can not be started fails in every run for the same reason.
    let mut faults: BTreeMap<(&str, &str), Vec<String>> = BTreeMap::new();
    for (run, fault) in outcome.faults() {
        let place = format!("`{}` (round {}, {} processors)", run.scenario, run.round + 1, run.processors);
        faults.entry((&run.server, fault)).or_default().push(place);
    }
    for ((server, fault), places) in faults {
        let _ = write!(remarks, "\n{server} failed in {}: {fault}\n", places.join(", "));
    }
    remarks
}

pub(super) fn unit(kind: Kind) -> &'static str {
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
    spread.map_or_else(none, |Spread { median, min, max }| match number(median) {
        alone if min == max => alone,
        median => format!("{median} ({}–{})", number(min), number(max)),
    })
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compare::outcome::Run;
    use crate::scenario::plans;

    fn outcome(figures: &[(&str, usize, f64)]) -> Outcome {
        let run = |(server, processors, cost): &(&str, usize, f64)| Run {
            server: (*server).to_owned(),
            scenario: "echo-1".to_owned(),
            processors: *processors,
            round: 0,
            report: Some(Report {
                scenario: "echo-1".to_owned(),
                eio: 4,
                transport: "websocket".to_owned(),
                clients: 100,
                unit: "ack".to_owned(),
                units: 1000,
                seconds: 1.0,
                units_per_second: 1e6 * *processors as f64,
                frames_per_read: Some(1.5),
                server_cpu_us: Some(*cost),
                server_cpu_total_us: None,
                own_cpu_us: 1.0,
                latency_us: None,
                disordered: 0,
                kib_per_client: None,
                until_in_ms: None,
                more: BTreeMap::new(),
            }),
            fault: None,
        };
        Outcome { runs: figures.iter().map(run).collect() }
    }

    fn heading(figures: &[(&str, usize, f64)]) -> String {
        let plans: Vec<Plan> = plans().into_iter().filter(|plan| plan.name == "echo-1").collect();
        let costs = costs(&outcome(figures), &plans);
        costs.lines().find_map(|line| line.strip_prefix("## ")).unwrap_or_default().to_owned()
    }

    #[test]
    fn where_ours_is_not_ahead_is_said() {
        assert_eq!(heading(&[(OURS, 2, 5.0), ("bun", 2, 4.0), (FLOOR, 2, 5.0)]), "A peer costs less");
        assert!(heading(&[(OURS, 2, 5.0), ("bun", 2, 6.0), (FLOOR, 2, 4.0)]).starts_with("No peer costs less, but"));
        assert!(heading(&[(OURS, 2, 5.0), ("bun", 2, 6.0), (FLOOR, 2, 4.5)]).starts_with("No peer costs less, and"));
        // With fewer processors is another matter.
        assert!(heading(&[(OURS, 1, 9.0), (OURS, 2, 5.0), ("bun", 2, 6.0)]).starts_with("No peer costs less, and"));
    }

    #[test]
    fn what_more_processors_bring_is_told() {
        let plans = plans();
        assert_eq!(scaled(&outcome(&[(OURS, 2, 5.0)]), &plans), "");
        let table = scaled(&outcome(&[(OURS, 1, 4.0), (OURS, 2, 5.0)]), &plans);
        assert!(table.contains("| `echo-1` | 1.00 M, 2.00 M, × 2.00 | 4.00, 5.00, × 1.25 |"), "{table}");
    }
}
