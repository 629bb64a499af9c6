//! A client that does not read what it is sent is closed, and told apart from one that has gone; the others never notice.

use crate::client::{Client, handshake, post};
use crate::house::House;
use async_std::task::block_on;
use sanket::{Config, Reason};
use sanket_async_std::Origins;

/// More than the kernel's buffers on both sides take (4 and 6 MiB by default), in bytes of one event and number of events.
const FLOOD: (usize, usize) = (100_000, 40);

#[test]
fn a_websocket_that_is_not_read_is_closed() {
    block_on(async {
        let mut house = House::open(Config { max_queue: 1_000_000, ..Config::default() }, Origins::same()).await;
        let slow = Client::join(house.address).await;
        let mut witness = Client::join(house.address).await;
        let mut speaker = Client::join(house.address).await;
        let mut rounds = 0;
        while house.server.host().sessions() == 3 {
            // The witness and the speaker read everything, so each of them gets each round whole, and in time.
            speaker.send(&format!(r#"421["flood",4,{}]"#, FLOOD.0)).await;
            for _ in 0..4 {
                assert!(witness.next_like(r#"42["flood","#).await.len() > FLOOD.0);
                speaker.next_like(r#"42["flood","#).await;
            }
            speaker.next_like("431[true]").await;
            rounds += 1;
            assert!(rounds < 10 * FLOOD.1, "the slow one is still there");
        }
        assert_eq!(house.next_to_leave().await, Reason::SlowConsumer);
        drop((slow, witness, speaker));
        house.assert_empty().await;
    });
}

#[test]
fn a_session_that_is_not_polled_is_closed() {
    block_on(async {
        let mut house = House::open(Config { max_queue: 1_000_000, ..Config::default() }, Origins::same()).await;
        let sid = handshake(house.address).await;
        let answer = post(house.address, &sid, "40").await;
        assert!(answer.ends_with("ok"), "{answer}");
        let mut speaker = Client::join(house.address).await;
        for _ in 0..3 {
            speaker.send(&format!(r#"421["flood",4,{}]"#, FLOOD.0)).await;
            speaker.next_like("431[true]").await;
        }
        assert_eq!(house.next_to_leave().await, Reason::SlowConsumer);
        let answer = post(house.address, &sid, "3").await;
        assert!(answer.contains(r#"{"code":1,"message":"Session ID unknown"}"#), "{answer}");
        drop(speaker);
        house.assert_empty().await;
    });
}
