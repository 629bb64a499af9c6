//! What `/metrics` says: the numbers of the server and of the process, in Prometheus' words. `docs/metrics.md` has the list.

use crate::process;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::text::encode;
use prometheus_client::encoding::{DescriptorEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::{Registry, Unit};
use sanket::chat::Chat;
use sanket::driver::Transport;
use sanket::stats::{ByLimit, ByReason, ByWay, HubStats};
use sanket_async_std::{RefusalKind, Server, Stats};
use std::fmt;

/// The media type of [`Metrics::text`].
pub(crate) const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// The numbers of a server.
#[derive(Debug)]
pub(crate) struct Metrics(Registry);

impl Metrics {
    pub(crate) fn new(server: Server<Chat>) -> Self {
        let mut registry = Registry::default();
        registry.register_collector(Box::new(Numbers(server)));
        Self(registry)
    }

    /// The numbers as they are now. Takes some milliseconds when there are many clients.
    pub(crate) fn text(&self) -> String {
        let mut text = String::new();
        // Writing to a `String` does not fail.
        let _ = encode(&mut text, &self.0);
        text
    }
}

#[derive(Debug)]
struct Numbers(Server<Chat>);

impl Collector for Numbers {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let stats = self.0.host().stats();
        let mut out = Writer(encoder);
        connections(&mut out, &stats)?;
        sessions(&mut out, &stats)?;
        if let Some(hub) = &stats.hub {
            sockets(&mut out, hub)?;
        }
        limits(&mut out, &stats)?;
        process::write(&mut out)
    }
}

/// Labels of a sample.
type Labels<'a> = Vec<(&'static str, &'a str)>;

/// Writes metrics one by one.
pub(crate) struct Writer<'a>(DescriptorEncoder<'a>);

impl Writer<'_> {
    /// A number that goes up and down.
    pub(crate) fn gauge(&mut self, name: &str, help: &str, unit: Option<Unit>, value: u64) -> fmt::Result {
        self.0.encode_descriptor(name, help, unit.as_ref(), MetricType::Gauge)?.encode_gauge(&value)
    }

    /// A number that goes up and down, with a fraction.
    pub(crate) fn gauge_f64(&mut self, name: &str, help: &str, unit: Option<Unit>, value: f64) -> fmt::Result {
        self.0.encode_descriptor(name, help, unit.as_ref(), MetricType::Gauge)?.encode_gauge(&value)
    }

    /// A number that only grows. The encoder puts the unit and `_total` behind the name.
    pub(crate) fn counter(&mut self, name: &str, help: &str, unit: Option<Unit>, value: u64) -> fmt::Result {
        let mut encoder = self.0.encode_descriptor(name, help, unit.as_ref(), MetricType::Counter)?;
        encoder.encode_counter::<NoLabelSet, _, u64>(&value, None)
    }

    /// The same, with a fraction.
    pub(crate) fn counter_f64(&mut self, name: &str, help: &str, unit: Option<Unit>, value: f64) -> fmt::Result {
        let mut encoder = self.0.encode_descriptor(name, help, unit.as_ref(), MetricType::Counter)?;
        encoder.encode_counter::<NoLabelSet, _, u64>(&value, None)
    }

    fn gauges<'a>(
        &mut self,
        name: &str,
        help: &str,
        samples: impl IntoIterator<Item = (Labels<'a>, u64)>,
    ) -> fmt::Result {
        let mut encoder = self.0.encode_descriptor(name, help, None, MetricType::Gauge)?;
        samples.into_iter().try_for_each(|(labels, value)| encoder.encode_family(&labels)?.encode_gauge(&value))
    }

    fn counters<'a>(
        &mut self,
        name: &str,
        help: &str,
        samples: impl IntoIterator<Item = (Labels<'a>, u64)>,
    ) -> fmt::Result {
        let mut encoder = self.0.encode_descriptor(name, help, None, MetricType::Counter)?;
        samples.into_iter().try_for_each(|(labels, value)| {
            encoder.encode_family(&labels)?.encode_counter::<NoLabelSet, _, u64>(&value, None)
        })
    }

    fn counters_by_reason(&mut self, name: &str, help: &str, counts: &ByReason) -> fmt::Result {
        let reasons: Vec<(String, u64)> = counts.iter().map(|(reason, n)| (reason.to_string(), n)).collect();
        self.counters(name, help, reasons.iter().map(|(reason, n)| (vec![("reason", &**reason)], *n)))
    }
}

fn by_way(counts: &ByWay) -> impl Iterator<Item = (Labels<'static>, u64)> {
    counts.iter().map(|((transport, revision), n)| {
        let transport = match transport {
            Transport::Polling => "polling",
            Transport::WebSocket => "websocket",
        };
        let revision = if revision.number() == 3 { "3" } else { "4" };
        (vec![("transport", transport), ("revision", revision)], n)
    })
}

fn connections(out: &mut Writer<'_>, stats: &Stats) -> fmt::Result {
    out.gauge("sanket_connections", "TCP connections", None, stats.connections)?;
    out.gauge("sanket_http_connections", "TCP connections that speak HTTP", None, stats.http_connections)?;
    out.gauge("sanket_websockets", "WebSockets", None, stats.websockets)?;
    out.gauge("sanket_waiting", "Requests and WebSockets that wait for something to be sent", None, stats.waiting)?;
    out.counter(
        "sanket_connections_accepted",
        "TCP connections, those that were refused included",
        None,
        stats.accepted,
    )?;
    let requests = [("server", stats.requests), ("application", stats.other_requests)];
    let requests = requests.map(|(of, n)| (vec![("for", of)], n));
    out.counters("sanket_requests", "HTTP requests, for the Socket.IO server and for the page and the like", requests)?;
    let refusals = RefusalKind::ALL.map(|kind| {
        let n = stats.refusals.get(&kind).copied().unwrap_or(0);
        (vec![("kind", kind.name())], n)
    });
    out.counters("sanket_refusals", "Requests for the Socket.IO server that were refused", refusals)?;
    let statuses: Vec<(String, u64)> = stats.http_refusals.iter().map(|(status, n)| (status.to_string(), *n)).collect();
    let statuses = statuses.iter().map(|(status, n)| (vec![("status", &**status)], *n));
    out.counters("sanket_http_refusals", "Requests that are malformed, too slow or not supported", statuses)?;
    out.counter("sanket_received", "Bytes read from connections", Some(Unit::Bytes), stats.bytes_received)?;
    out.counter("sanket_sent", "Bytes written to connections", Some(Unit::Bytes), stats.bytes_sent)
}

fn sessions(out: &mut Writer<'_>, stats: &Stats) -> fmt::Result {
    let (shards, census) = (&stats.shards, &stats.census);
    out.gauges("sanket_sessions", "Engine.IO sessions, by the transport that they use", by_way(&census.sessions))?;
    let opened = "Engine.IO sessions that were opened, by the transport that they began on";
    out.counters("sanket_sessions_opened", opened, by_way(&shards.opened))?;
    out.counters_by_reason("sanket_sessions_closed", "Engine.IO sessions that ended", &shards.closed)?;
    out.gauge("sanket_upgrades_under_way", "Upgrades to WebSocket that are under way", None, census.upgrading)?;
    out.counter("sanket_upgrades_tried", "Upgrades to WebSocket that began", None, shards.upgrades_tried)?;
    out.counter("sanket_upgrades_done", "Upgrades to WebSocket that succeeded", None, shards.upgrades_done)?;
    out.counter("sanket_upgrades_failed", "Upgrades to WebSocket that did not", None, shards.upgrades_failed)?;
    out.counter("sanket_packets_received", "Engine.IO packets of clients", None, shards.packets_received)?;
    out.counter("sanket_packets_sent", "Engine.IO packets for clients", None, shards.packets_sent)?;
    out.gauge("sanket_queue", "Bytes that are queued for clients", Some(Unit::Bytes), census.queued)?;
    let longest = "Bytes that are queued for the client that has most";
    out.gauge("sanket_longest_queue", longest, Some(Unit::Bytes), census.longest_queue)?;
    let incomplete = "Bytes of packets that wait for attachments";
    out.gauge("sanket_incomplete", incomplete, Some(Unit::Bytes), stats.incomplete)?;
    out.counter("sanket_hub_turns", "Times that the hub was given what clients had said", None, stats.hub_turns)?;
    out.gauge("sanket_backlog", "Bytes of what clients said that wait for the hub", Some(Unit::Bytes), stats.backlog)
}

fn sockets(out: &mut Writer<'_>, hub: &HubStats) -> fmt::Result {
    out.gauge("sanket_sockets", "Connected sockets", None, hub.sockets)?;
    out.gauge("sanket_namespaces", "Namespaces with sockets", None, hub.namespaces)?;
    out.gauge("sanket_rooms", "Rooms with sockets", None, hub.rooms)?;
    out.gauge("sanket_connects_pending", "CONNECTs that are not decided on", None, hub.pending_connects)?;
    out.counter("sanket_connects", "Sockets that were connected anew", None, hub.connected)?;
    out.counter("sanket_connects_refused", "CONNECTs that were refused", None, hub.refused)?;
    out.counters_by_reason("sanket_disconnects", "Sockets that were disconnected", &hub.disconnected)?;
    let recoveries = hub.recoveries.iter().map(|(outcome, n)| (vec![("outcome", outcome.name())], n));
    out.counters("sanket_recoveries", "CONNECTs that asked for recovery", recoveries)?;
    out.gauge("sanket_persisted_sessions", "Sessions kept for recovery", None, hub.persisted_sessions)?;
    out.gauge("sanket_persisted", "Bytes of sessions kept for recovery", Some(Unit::Bytes), hub.persisted_bytes)?;
    out.gauge("sanket_recovery_log", "Bytes of events kept for recovery", Some(Unit::Bytes), hub.log_bytes)?;
    out.counter("sanket_events_received", "Events of clients", None, hub.events_received)?;
    let sent = "Events and acknowledgements for clients, each counted once";
    out.counter("sanket_events_sent", sent, None, hub.events_sent)?;
    out.counter("sanket_deliveries", "The recipients of these, together", None, hub.deliveries)?;
    out.gauge("sanket_acks_pending", "Acknowledgements of clients that are waited for", None, hub.pending_acks)?;
    out.counter("sanket_acks_received", "Acknowledgements of clients that were waited for", None, hub.acks_received)?;
    let late = "Acknowledgements of clients that did not arrive in time";
    out.counter("sanket_acks_timed_out", late, None, hub.acks_timed_out)
}

/// Each limit by the name of its field, wherever it is counted.
fn limits(out: &mut Writer<'_>, stats: &Stats) -> fmt::Result {
    let mut limits: ByLimit = stats.shards.limits;
    limits += stats.hub.map(|hub| hub.limits).unwrap_or_default();
    let mine = [
        ("max_backlog", stats.pauses),
        ("max_connections", stats.refused_in_total),
        ("max_refusals", stats.dropped),
        ("max_connections_per_ip", stats.addresses.connections),
        ("connect_rate", stats.addresses.connects),
        ("max_sessions_per_ip", stats.addresses.sessions),
        ("max_unjoined_per_ip", stats.addresses.unjoined),
        ("handshake_rate", stats.addresses.handshakes),
        ("join_rate", stats.addresses.joins),
        ("byte_rate", stats.addresses.bytes),
    ];
    let all = limits.iter().map(|(limit, n)| (limit.name(), n)).chain(mine);
    out.counters("sanket_limit_hits", "Times that a limit was hit", all.map(|(limit, n)| (vec![("limit", limit)], n)))
}
