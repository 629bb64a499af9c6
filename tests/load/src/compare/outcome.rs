//! What all runs found, and the figures that are made of it: medians, and how far runs were apart.

use super::servers::{FLOOR, OURS, PEERS};
use crate::report::Report;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// How many times the floor's figure ours may have and is near it.
pub const NEAR: f64 = 1.2;

/// One run of one server.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Run {
    /// The server's name.
    pub server: String,
    /// The scenario's name.
    pub scenario: String,
    /// How many processors the server had.
    pub processors: usize,
    /// In which round, beginning with 0.
    pub round: usize,
    /// What was found.
    pub report: Option<Report>,
    /// Or why nothing was.
    pub fault: Option<String>,
}

/// All runs.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Outcome {
    /// In the order in which they were made.
    pub runs: Vec<Run>,
}

/// The median of some figures, and the least and the greatest of them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spread {
    /// The one in the middle.
    pub median: f64,
    /// The least.
    pub min: f64,
    /// The greatest.
    pub max: f64,
}

impl Spread {
    /// Of some figures, if there are any.
    #[must_use]
    pub fn of(mut figures: Vec<f64>) -> Option<Self> {
        figures.sort_by(f64::total_cmp);
        let (min, max) = (*figures.first()?, *figures.last()?);
        let middle = figures.len() / 2;
        let median =
            if figures.len() % 2 == 1 { figures[middle] } else { f64::midpoint(figures[middle - 1], figures[middle]) };
        Some(Self { median, min, max })
    }
}

impl Outcome {
    /// With how many processors our server ran, ascending.
    #[must_use]
    pub fn processors(&self) -> Vec<usize> {
        let counts: BTreeSet<usize> = self.runs.iter().map(|run| run.processors).collect();
        counts.into_iter().collect()
    }

    fn reports_with<'a>(
        &'a self,
        processors: usize,
        server: &'a str,
        scenario: &'a str,
    ) -> impl Iterator<Item = (usize, &'a Report)> {
        let is_asked =
            move |run: &&Run| run.server == server && run.scenario == scenario && run.processors == processors;
        self.runs.iter().filter(is_asked).filter_map(|run| Some((run.round, run.report.as_ref()?)))
    }

    /// Those of runs with as many processors as there were.
    fn reports<'a>(&'a self, server: &'a str, scenario: &'a str) -> impl Iterator<Item = (usize, &'a Report)> {
        self.reports_with(self.processors().last().copied().unwrap_or_default(), server, scenario)
    }

    /// Something of each report of a server in a scenario.
    #[must_use]
    pub fn spread(&self, server: &str, scenario: &str, what: impl Fn(&Report) -> Option<f64>) -> Option<Spread> {
        Spread::of(self.reports(server, scenario).filter_map(|(_, report)| what(report)).collect())
    }

    /// Something of each report of a server that had so many processors.
    #[must_use]
    pub fn spread_with(
        &self,
        processors: usize,
        server: &str,
        scenario: &str,
        what: impl Fn(&Report) -> Option<f64>,
    ) -> Option<Spread> {
        let reports = self.reports_with(processors, server, scenario);
        Spread::of(reports.filter_map(|(_, report)| what(report)).collect())
    }

    /// The peer with the least figure in a scenario.
    #[must_use]
    pub fn best_peer(&self, scenario: &str) -> Option<&'static str> {
        let figure = |server| Some(self.spread(server, scenario, Report::figure)?.median);
        let figures = PEERS.into_iter().filter_map(|server| Some((server, figure(server)?)));
        figures.min_by(|(_, one), (_, other)| one.total_cmp(other)).map(|(server, _)| server)
    }

    /// Whether ours costs no more than every peer in a scenario, and at most [`NEAR`] times as much as the floor; nothing of
    /// what was not run.
    #[must_use]
    pub fn is_ahead(&self, scenario: &str) -> (bool, bool) {
        let within = |server, bound| self.ratio(OURS, server, scenario).is_none_or(|ratio| ratio.median <= bound);
        let runs = !self.failed(OURS, scenario);
        (runs && PEERS.into_iter().all(|peer| within(peer, 1.0)), runs && within(FLOOR, NEAR))
    }

    /// A server's figure as a share of another's, round by round.
    #[must_use]
    pub fn ratio(&self, server: &str, other: &str, scenario: &str) -> Option<Spread> {
        let shares = self.reports(server, scenario).filter_map(|(round, report)| {
            let (_, base) = self.reports(other, scenario).find(|(of, _)| *of == round)?;
            Some(report.figure()? / base.figure().filter(|figure| *figure > 0.0)?)
        });
        Spread::of(shares.collect())
    }

    /// The most of something that a scenario counts, by its name, in the runs of a server.
    #[must_use]
    pub fn most(&self, server: &str, scenario: &str, name: &str) -> f64 {
        let counts = self.reports(server, scenario).filter_map(|(_, report)| report.more.get(name).copied());
        counts.fold(0.0, f64::max)
    }

    /// What went wrong.
    pub fn faults(&self) -> impl Iterator<Item = (&Run, &str)> {
        self.runs.iter().filter_map(|run| Some((run, run.fault.as_deref()?)))
    }

    /// Whether a run of a server in a scenario failed.
    #[must_use]
    pub fn failed(&self, server: &str, scenario: &str) -> bool {
        self.faults().any(|(run, _)| run.server == server && run.scenario == scenario)
    }

    /// The share of a server's units in a scenario that came out of order.
    #[must_use]
    pub fn disordered(&self, server: &str, scenario: &str) -> f64 {
        let (mut disordered, mut all) = (0.0, 0.0);
        for (_, report) in self.reports(server, scenario) {
            disordered += report.disordered as f64;
            // In a storm it is notices that come out of order, and there are more of them than joins.
            all += report.more.get("notices").copied().unwrap_or(report.units as f64);
        }
        if all == 0.0 { 0.0 } else { disordered / all }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians_are_in_the_middle() {
        let spread = |figures: &[f64]| Spread::of(figures.to_vec());
        assert_eq!(spread(&[]), None);
        assert_eq!(spread(&[3.0, 1.0, 2.0]), Some(Spread { median: 2.0, min: 1.0, max: 3.0 }));
        assert_eq!(spread(&[3.0, 1.0]), Some(Spread { median: 2.0, min: 1.0, max: 3.0 }));
    }
}
