//! The numbers of a server: asking for them disturbs nobody, and they know of what goes wrong.

use crate::client::Client;
use crate::house::House;
use async_std::task::block_on;
use sanket::{Config, Reason};
use sanket_async_std::Origins;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

/// Whoever asks holds the hub's lock for a moment, and has to do what others have left undone because of that.
#[test]
fn nobody_waits_because_somebody_asks_for_the_numbers() {
    block_on(async {
        let house = House::open(Config::default(), Origins::same()).await;
        let ends = Arc::new(AtomicBool::new(false));
        let (server, asking) = (house.server.clone(), ends.clone());
        let asks = thread::spawn(move || {
            let mut rounds = 0;
            while !asking.load(Ordering::Relaxed) {
                let stats = server.host().stats();
                assert!(stats.hub.is_some());
                rounds += 1;
                // Other tests run on the same processors.
                thread::yield_now();
            }
            rounds
        });
        let mut client = Client::join(house.address).await;
        for n in 0..1_000 {
            client.send(&format!(r#"42{n}["say",1]"#)).await;
            client.next_like(&format!("43{n}[true]")).await;
        }
        ends.store(true, Ordering::Relaxed);
        assert!(asks.join().expect("it goes well") > 0);
        let stats = house.server.host().stats();
        let hub = stats.hub.expect("the application is there");
        assert_eq!((hub.events_received, hub.sockets, hub.connected), (1_000, 1, 1));
        // The welcome, and for each event what is said and the acknowledgement.
        assert_eq!((hub.events_sent, hub.deliveries), (2_001, 2_001));
        // CONNECT and the events; the handshake and the answer to CONNECT are no events.
        assert_eq!((stats.shards.packets_received, stats.shards.packets_sent), (1_001, 2_003));
    });
}

#[test]
fn a_slow_consumer_is_counted_and_so_is_what_waits_for_it() {
    block_on(async {
        let house = House::open(Config { max_queue: 1_000_000, ..Config::default() }, Origins::same()).await;
        let slow = Client::join(house.address).await;
        let mut speaker = Client::join(house.address).await;
        let stats = || house.server.host().stats();
        let mut longest = 0;
        while stats().shards.closed[Reason::SlowConsumer] == 0 {
            speaker.send(r#"421["flood",1,100000]"#).await;
            speaker.next_like("431[true]").await;
            let census = stats().census;
            assert!(census.queued >= census.longest_queue);
            longest = longest.max(census.longest_queue);
        }
        assert!(longest > 100_000, "{longest} bytes were queued at most");
        let stats = stats();
        assert_eq!((stats.census.sessions.total(), stats.shards.closed.total()), (1, 1));
        assert!(stats.bytes_sent > stats.bytes_received);
        drop((slow, speaker));
        house.assert_empty().await;
    });
}
