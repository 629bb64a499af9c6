//! Attachments that never come, of many clients at once.

use crate::client::Client;
use crate::house::House;
use async_std::task::block_on;
use sanket::stats::Limit;
use sanket::{Config, Reason};
use sanket_async_std::Origins;

#[test]
fn attachments_in_waiting_have_a_limit_over_all_clients_and_only_who_goes_beyond_it_is_closed() {
    block_on(async {
        let config = Config { max_incomplete: 1_000_000, ..Config::default() };
        let mut house = House::open(config, Origins::same()).await;
        let mut witness = Client::join(house.address).await;
        let mut crowd = Vec::new();
        for _ in 0..20 {
            let mut client = Client::join(house.address).await;
            client.send(r#"453-["say",1]"#).await;
            client.send_binary(&[7; 95_000]).await;
            crowd.push(client);
        }
        // Each had 95 KB: nine were within what they left, and the tenth went beyond.
        for _ in 9..20 {
            assert_eq!(house.next_to_leave().await, Reason::ForcedClose);
        }
        let stats = house.server.host().stats();
        assert_eq!(stats.shards.limits[Limit::MaxIncomplete], 11);
        assert!((855_000..855_200).contains(&stats.incomplete), "{}", stats.incomplete);
        // What is small has room.
        witness.send(r#"452-7["say",2]"#).await;
        witness.send_binary(&[7; 10_000]).await;
        witness.send_binary(&[7; 10_000]).await;
        witness.next_like("437[true]").await;
        // Those who go give back what they had.
        drop(crowd);
        for _ in 0..9 {
            house.next_to_leave().await;
        }
        assert_eq!(house.server.host().stats().incomplete, 0);
        witness.send(r#"451-8["say",3]"#).await;
        witness.send_binary(&[7; 400_000]).await;
        witness.next_like("438[true]").await;
        drop(witness);
        house.assert_empty().await;
    });
}
