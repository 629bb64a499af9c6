//! What all runs found, and the figures that are made of it: medians, and how far runs were apart.

use crate::report::Report;
use serde::{Deserialize, Serialize};

/// One run of one server.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Run {
    /// The server's name.
    pub server: String,
    /// The scenario's name.
    pub scenario: String,
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
    fn reports<'a>(&'a self, server: &'a str, scenario: &'a str) -> impl Iterator<Item = (usize, &'a Report)> {
        let runs = self.runs.iter().filter(move |run| run.server == server && run.scenario == scenario);
        runs.filter_map(|run| Some((run.round, run.report.as_ref()?)))
    }

    /// Something of each report of a server in a scenario.
    #[must_use]
    pub fn spread(&self, server: &str, scenario: &str, what: impl Fn(&Report) -> Option<f64>) -> Option<Spread> {
        Spread::of(self.reports(server, scenario).filter_map(|(_, report)| what(report)).collect())
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
