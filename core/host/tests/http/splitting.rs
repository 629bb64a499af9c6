//! The same bytes are the same conversation, whole, byte by byte, and cut anywhere: all that the client and the host see of it
//! is the same. Left out is what depends on what has come by when it is asked for: `Expect: 100-continue`, and the pieces of
//! a response that is made while its request comes.
use crate::bench::Bench;
use crate::conversations::conversation;
use proptest::collection::vec;
use proptest::prelude::*;
use sanket_host::http::HttpConfig;

/// Everything that was seen, of bytes that come in pieces of these sizes. What is written is taken in pieces, too.
fn seen(bytes: &[u8], mut sizes: impl Iterator<Item = usize>, window: usize) -> String {
    let mut bench = Bench::new(HttpConfig { max_body: 1_000, linger_bytes: 500, ..HttpConfig::default() });
    bench.app.max_message = 2_000;
    let mut rest = bytes;
    while !rest.is_empty() {
        let (piece, after) = rest.split_at(sizes.next().unwrap_or(usize::MAX).clamp(1, rest.len()));
        bench.window = window;
        bench.send(piece);
        rest = after;
    }
    bench.window = usize::MAX;
    bench.turn();
    bench.finish_sending();
    assert!(bench.connection.is_over(), "{:?}", bench.connection);
    assert_eq!(bench.app.waiting(), None);
    let Bench { app, outbox, messages, ends, gone, refused, .. } = bench;
    let refused: Vec<_> = refused.iter().map(|(status, _)| status).collect();
    format!("{} calls, {gone:?}, {refused:?}, {messages:?}, {ends:?}, {}", app.calls, outbox.escape_ascii())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn conversations_are_the_same_however_they_are_cut(
        bytes in conversation(),
        sizes in vec(1_usize..200, 0..30),
        window in 1_usize..300,
    ) {
        let whole = seen(&bytes, std::iter::empty(), usize::MAX);
        prop_assert_eq!(&seen(&bytes, std::iter::repeat(1), usize::MAX), &whole, "{}", bytes.escape_ascii());
        prop_assert_eq!(&seen(&bytes, sizes.into_iter(), window), &whole, "{}", bytes.escape_ascii());
    }
}
