//! Clients and hosts that do anything at any time. Nothing may panic, hang, or be told twice.
use crate::bench::Bench;
use crate::conversations::conversation;
use crate::frames;
use proptest::collection::vec;
use proptest::prelude::*;
use sanket_host::http::HttpConfig;

#[derive(Debug, Clone)]
enum Step {
    Send(Vec<u8>),
    /// Handed over although nothing should be read.
    Force(Vec<u8>),
    Take(usize),
    Pass(u64),
    Finish,
    LetPass,
    Close,
    Drain,
    Cut,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => conversation().prop_map(Step::Send),
        2 => proptest::sample::select(vec![
            "POST /stream HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nExpect: 100-continue\r\n\r\n",
            "5\r\nhello\r\n0\r\n\r\n",
            "GET /big HTTP/1.1\r\nHost: a\r\n\r\n",
            "GET /gate HTTP/1.1\r\nHost: a\r\n\r\n",
            "POST /pieces HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n",
            "hello",
            "GET /abort HTTP/1.1\r\nHost: a\r\n\r\n",
        ]).prop_map(|text| Step::Send(text.into())),
        1 => Just(Step::Send(frames::ping(&[b'x'; 125]).repeat(300))),
        1 => conversation().prop_map(Step::Force),
        6 => (0_usize..100_000).prop_map(Step::Take),
        3 => (0_u64..100_000).prop_map(Step::Pass),
        1 => Just(Step::Finish),
        2 => Just(Step::LetPass),
        1 => Just(Step::Close),
        1 => Just(Step::Drain),
        1 => Just(Step::Cut),
    ]
}

fn act(bench: &mut Bench, step: Step) {
    let now = bench.time();
    match step {
        Step::Send(bytes) => drop(bench.send(bytes)),
        Step::Force(bytes) => bench.connection.receive(&bytes, now),
        Step::Take(n) => bench.window = n,
        Step::Pass(millis) => bench.pass(millis),
        Step::Finish => bench.finish_sending(),
        Step::LetPass => drop(bench.app.pass(&mut bench.connection, now)),
        Step::Close => bench.connection.close(now),
        Step::Drain => bench.connection.drain(now),
        Step::Cut => bench.connection.cut(now),
    }
    bench.turn();
    // A megabyte is what the host itself hands over at once.
    assert!(bench.connection.transmit().len() < (64 << 10) + (17 << 10) + 500_000, "the output is bounded");
    assert!(!bench.connection.is_over() || bench.connection.poll_timeout().is_none());
    assert!(!bench.connection.is_over() || bench.connection.wants_shutdown());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_is_done_the_connection_ends_in_order(steps in vec(step(), 1..12)) {
        let mut bench = Bench::new(HttpConfig::default());
        bench.window = 50_000;
        let mut shut = false;
        for step in steps {
            act(&mut bench, step);
            prop_assert!(bench.connection.wants_shutdown() || !shut, "the write direction is open again");
            shut = bench.connection.wants_shutdown();
        }
        // Whoever waits at the gate, or for a client that goes on, is let go.
        for _ in 0..1_000 {
            let now = bench.time();
            bench.window = usize::MAX;
            bench.app.pass(&mut bench.connection, now);
            bench.turn();
        }
        bench.finish_sending();
        bench.connection.close(bench.time());
        bench.turn();
        bench.pass(10_000_000);
        if bench.app.waiting().is_some() {
            // One that never reads what it was sent, behind a request that nobody answers.
            prop_assert!(!bench.connection.wants_read());
            bench.connection.cut(bench.time());
            bench.turn();
        }
        prop_assert!(bench.connection.is_over(), "{:?}", bench.connection);
        prop_assert_eq!(bench.app.waiting(), None);
        prop_assert_eq!(bench.ends.len(), usize::from(bench.connection.is_upgraded()));
        prop_assert_eq!(bench.connection.poll_timeout(), None);
    }
}
