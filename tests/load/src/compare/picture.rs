//! A comparison as bars: a group for each scenario, scaled to its longest. Plain SVG, for light and dark pages.

use super::outcome::Outcome;
use super::servers::{FLOOR, OURS};
use super::table::{number, unit};
use crate::report::Report;
use crate::scenario::Plan;
use std::fmt::Write as _;

/// The servers in the order of their bars, with their colours.
const SERVERS: [(&str, &str); 5] =
    [(FLOOR, "#334155"), (OURS, "#0f766e"), ("bun", "#be185d"), ("socketioxide", "#d97706"), ("socket.io", "#94a3b8")];
const WIDTH: usize = 880;
/// Where bars begin.
const LEFT: usize = 290;
/// How long the longest is.
const LONGEST: f64 = 480.0;
const BAR: usize = 12;
const GROUP: usize = SERVERS.len() * BAR + 12;
const TOP: usize = 56;

/// The picture.
#[must_use]
pub fn bars(outcome: &Outcome, plans: &[Plan]) -> String {
    let height = TOP + plans.len() * GROUP;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{WIDTH}\" height=\"{height}\" viewBox=\"0 0 {WIDTH} {height}\" \
         font-family=\"system-ui, sans-serif\" font-size=\"11\">\n<title>What servers cost, by scenario</title>\n\
         <rect width=\"{WIDTH}\" height=\"{height}\" fill=\"#ffffff\"/>\n\
         <text x=\"12\" y=\"20\" font-size=\"13\" fill=\"#0f172a\">Processor time of the server, memory a client, or time until clients are in; shorter is \
         better. Each group has its own scale.</text>\n"
    );
    for (n, (name, colour)) in SERVERS.iter().enumerate() {
        let x = 12 + n * 130;
        // Writing into a string does not fail, here and below.
        let _ = writeln!(
            svg,
            "<rect x=\"{x}\" y=\"30\" width=\"10\" height=\"10\" fill=\"{colour}\"/>\
             <text x=\"{}\" y=\"39\" fill=\"#0f172a\">{name}</text>",
            x + 15
        );
    }
    for (n, plan) in plans.iter().enumerate() {
        group(&mut svg, outcome, plan, TOP + n * GROUP);
    }
    svg + "</svg>\n"
}

fn group(svg: &mut String, outcome: &Outcome, plan: &Plan, y: usize) {
    let medians =
        SERVERS.map(|(server, _)| outcome.spread(server, plan.name, Report::figure).map(|spread| spread.median));
    let greatest = medians.iter().flatten().copied().fold(f64::MIN_POSITIVE, f64::max);
    let unit = unit(plan.kind).split(' ').next().unwrap_or_default();
    let middle = y + SERVERS.len() * BAR / 2 + 4;
    let _ = writeln!(
        svg,
        "<text x=\"{}\" y=\"{middle}\" text-anchor=\"end\" fill=\"#0f172a\">{}</text>",
        LEFT - 10,
        plan.title
    );
    for (n, ((_, colour), median)) in SERVERS.iter().zip(medians).enumerate() {
        let (top, Some(median)) = (y + n * BAR, median) else { continue };
        let length = (median / greatest * LONGEST).max(1.0);
        let _ = writeln!(
            svg,
            "<rect x=\"{LEFT}\" y=\"{top}\" width=\"{length:.1}\" height=\"{}\" fill=\"{colour}\"/>\
             <text x=\"{:.1}\" y=\"{}\" fill=\"#334155\">{} {unit}</text>",
            BAR - 2,
            LEFT as f64 + length + 5.0,
            top + BAR - 3,
            number(median)
        );
    }
}
