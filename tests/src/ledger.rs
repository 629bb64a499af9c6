//! What a server counts, compared with what is known of it: gauges are what a look at everything finds, counters only
//! grow, and the ways into a state and out of it add up.

use sanket::Reason;
use sanket::driver::{Key, Server};
use sanket::stats::{Census, CountKey, Counts, HubStats, RecoveryOutcome, ShardStats};
use std::collections::BTreeMap;

/// The numbers as they were last.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    shard: ShardStats,
    hub: HubStats,
}

impl Ledger {
    /// Compares the numbers of a server with what has gone through it.
    ///
    /// `keys` are those of all sessions that were ever opened, and `ended` says why those ended that did.
    pub(crate) fn check<A: sanket::App>(&mut self, server: &Server<A>, keys: &[Key], ended: &BTreeMap<Key, Reason>) {
        let (shard, hub) = (server.shard.stats(), server.hub.stats());
        self.check_shard(server, &shard, keys, ended);
        self.check_hub(server, &hub);
        (self.shard, self.hub) = (shard, hub);
    }

    fn check_shard<A: sanket::App>(
        &self,
        server: &Server<A>,
        now: &ShardStats,
        keys: &[Key],
        ended: &BTreeMap<Key, Reason>,
    ) {
        let was = &self.shard;
        grow(&was.opened, &now.opened);
        grow(&was.closed, &now.closed);
        grow(&was.limits, &now.limits);
        assert!(was.upgrades_tried <= now.upgrades_tried && was.upgrades_done <= now.upgrades_done);
        assert!(was.upgrades_failed <= now.upgrades_failed);
        assert!(was.packets_received <= now.packets_received && was.packets_sent <= now.packets_sent);

        let shard = &server.shard;
        let (census, rest) = shard.census(0, usize::MAX);
        assert_eq!(rest, None);
        // In pieces it is the same.
        let (mut pieces, mut from) = (Census::default(), Some(0));
        while let Some(place) = from {
            let (piece, next) = shard.census(place, 2);
            pieces += piece;
            from = next;
        }
        assert_eq!(pieces, census);

        let queues = keys.iter().map(|key| shard.queued(*key) as u64);
        assert_eq!(census.sessions.total(), shard.len() as u64);
        assert_eq!(census.queued, queues.clone().sum::<u64>());
        assert_eq!(census.longest_queue, queues.max().unwrap_or(0));
        assert_eq!(now.opened.total(), keys.len() as u64);
        assert_eq!(now.opened.total(), now.closed.total() + census.sessions.total(), "opened, closed and there");
        for reason in Reason::ALL {
            let n = ended.values().filter(|why| **why == reason).count() as u64;
            assert_eq!(now.closed[reason], n, "{reason}");
        }
        let upgrades = now.upgrades_done + now.upgrades_failed + census.upgrading;
        assert_eq!(now.upgrades_tried, upgrades, "tried, done, failed and under way");
    }

    fn check_hub<A: sanket::App>(&self, server: &Server<A>, now: &HubStats) {
        let was = &self.hub;
        grow(&was.recoveries, &now.recoveries);
        grow(&was.disconnected, &now.disconnected);
        grow(&was.limits, &now.limits);
        for (was, now) in [
            (was.connected, now.connected),
            (was.refused, now.refused),
            (was.events_received, now.events_received),
            (was.acks_received, now.acks_received),
            (was.acks_timed_out, now.acks_timed_out),
            (was.events_sent, now.events_sent),
            (was.deliveries, now.deliveries),
        ] {
            assert!(was <= now, "{was} has become {now}");
        }
        assert!(now.events_sent <= now.deliveries, "an event for nobody was sent");
        assert_eq!(now.sockets, server.hub.len() as u64);
        let restored = now.recoveries[RecoveryOutcome::Restored];
        assert_eq!(now.connected + restored, now.sockets + now.disconnected.total(), "connected, gone and there");
        let (persisted, log) = server.hub.kept();
        assert_eq!((now.persisted_sessions, now.log_bytes), (persisted as u64, log as u64));
        assert_eq!(now.persisted_sessions == 0, now.persisted_bytes == 0);
    }
}

fn grow<K: CountKey, const N: usize>(was: &Counts<K, N>, now: &Counts<K, N>) {
    for ((key, was), (_, now)) in was.iter().zip(now.iter()) {
        assert!(was <= now, "{key:?}: {was} has become {now}");
    }
}
