//! What a run found, for people and for programs.

use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// Latencies of one run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Latency {
    /// Half were shorter, in microseconds.
    pub p50: u64,
    /// Nine of ten were.
    pub p90: u64,
    /// All but one of a hundred.
    pub p99: u64,
    /// None was longer.
    pub max: u64,
}

impl Latency {
    /// The percentiles of what was recorded, if anything was.
    #[must_use]
    pub fn of(recorded: &Histogram<u64>) -> Option<Self> {
        let at = |quantile| recorded.value_at_quantile(quantile);
        (!recorded.is_empty()).then(|| Self { p50: at(0.5), p90: at(0.9), p99: at(0.99), max: recorded.max() })
    }
}

/// What one run found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// The scenario's name.
    pub scenario: String,
    /// `EIO` of the clients' requests.
    pub eio: u8,
    /// How clients spoke.
    pub transport: String,
    /// How many there were.
    pub clients: usize,
    /// What is counted.
    pub unit: String,
    /// How many of them there were while it was measured.
    pub units: u64,
    /// How long that took.
    pub seconds: f64,
    /// How many that is a second.
    pub units_per_second: f64,
    /// WebSocket frames that a client's read brought on average, of the reads that brought any: how many messages were in
    /// one piece. None where none came.
    pub frames_per_read: Option<f64>,
    /// Microseconds of the server's processor time for each.
    pub server_cpu_us: Option<f64>,
    /// The whole of it.
    pub server_cpu_total_us: Option<u64>,
    /// Microseconds of this process's own processor time for each: the generator's, to be told apart.
    pub own_cpu_us: f64,
    /// From when something was due to when it had come, in microseconds.
    pub latency_us: Option<Latency>,
    /// Units that came before their time, where order was not insisted upon.
    pub disordered: u64,
    /// Resident KiB of the server for each client.
    pub kib_per_client: Option<f64>,
    /// Milliseconds from the beginning until 99 of 100 clients were in, and until all were, where they all come at once.
    pub until_in_ms: Option<[f64; 2]>,
    /// What else the scenario counts, by name.
    pub more: std::collections::BTreeMap<String, f64>,
}

impl Report {
    /// The figure that the scenario is about: memory where that is measured, how long it takes until 99 of 100 are in where
    /// they all come at once, otherwise processor time.
    #[must_use]
    pub fn figure(&self) -> Option<f64> {
        self.kib_per_client.or(self.until_in_ms.map(|[most, _]| most)).or(self.server_cpu_us)
    }

    /// A few lines for a terminal.
    #[must_use]
    pub fn lines(&self) -> String {
        let or_dash = |value: Option<f64>| value.map_or_else(|| "–".to_owned(), |value| format!("{value:.2}"));
        let mut lines = format!(
            "{:<17} EIO={} {:<9} {:>6} clients {:>10} × {:<8} in {:>5.1} s",
            self.scenario, self.eio, self.transport, self.clients, self.units, self.unit, self.seconds
        );
        lines += &match self.kib_per_client {
            Some(kib) => format!("  server {kib:.2} KiB a client"),
            None => {
                let (server, own) = (or_dash(self.server_cpu_us), self.own_cpu_us);
                format!("  server {server:>8} µs each, this tool {own:.2}")
            }
        };
        lines += &format!("\n{:17} {:.0} a second", "", self.units_per_second);
        if let Some(frames) = self.frames_per_read {
            lines += &format!(", {frames:.2} frames a read");
        }
        if let Some(latency) = self.latency_us {
            let shown = |micros| format!("{:.2?}", Duration::from_micros(micros));
            lines += &format!(
                "\n{:17} latency p50 {} p90 {} p99 {} max {}",
                "",
                shown(latency.p50),
                shown(latency.p90),
                shown(latency.p99),
                shown(latency.max)
            );
        }
        if let Some([most, all]) = self.until_in_ms {
            lines += &format!("\n{:17} 99 % were in after {most:.0} ms, all after {all:.0} ms", "");
        }
        for (name, value) in &self.more {
            lines += &format!("\n{:17} {name} {value:.2}", "");
        }
        if self.disordered > 0 {
            lines += &format!("\n{:17} {} came out of order", "", self.disordered);
        }
        lines
    }
}
