//! The memory that decoding takes: at its peak, with the result, at most a stated multiple of the input and a stated
//! constant. Over the seeds of the fuzz targets, inputs that are made to be expensive, and generated ones.

use peak_alloc::PeakAlloc;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use sanket::Config;
use sanket::driver::Incoming;
use sanket_tests::hostile::{DECODERS, Decoder, counted, random, shapes};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

#[global_allocator]
static ALLOCATOR: PeakAlloc = PeakAlloc;

/// At most `per_byte` bytes for each of the input, and `always` beside them.
struct Bound {
    decoder: &'static str,
    per_byte: usize,
    always: usize,
}

const fn bound(decoder: &'static str, per_byte: usize, always: usize) -> Bound {
    Bound { decoder, per_byte, always }
}

/// What a packet takes in the list of a body's packets.
const LISTED: usize = size_of::<Incoming<'_>>();
/// A list or a text that grows is moved to one twice as large, and for that moment there are both: when it has outgrown
/// `n`, there are `3 n`.
const GROWING: usize = 3;

/// Where the bytes come from. The default limits are part of it: of packets in a body, of depth, of attachments, of the
/// length of a namespace's name.
const BOUNDS: [Bound; 15] = [
    // All is borrowed but base64, which is three quarters of its text, rounded up.
    bound("payload v4", 1, 2),
    bound("payload v3", 1, 2),
    bound("payload v3b", 0, 0),
    bound("text v4", 1, 2),
    bound("text v3", 1, 2),
    bound("binary", 0, 0),
    // The list of the packets, of which the smallest are two, three and four bytes; it begins with room for four.
    bound("body v4", GROWING * LISTED / 2, 4 * LISTED),
    bound("body v3", GROWING * LISTED / 3, 1_024),
    bound("body v3b", GROWING * LISTED / 4, 4 * LISTED),
    // The arguments are borrowed. What is not, where there are attachments, is a list of the containers that are open: 12 bytes
    // for each, which are two brackets.
    bound("packet", GROWING * 12 / 2, 256),
    bound("message v4", GROWING * 12 / 2, 256),
    // And what a query becomes: a map of strings, its nodes at least half full.
    bound("message v3", 70, 1_024),
    // A level of depth takes 8 bytes and is one byte; other bytes become up to 6 of JSON (`\u0000`). And 10 attachments.
    bound("msgpack", GROWING * 8 + 2, 2_048),
    // A name or value without its plusses, then without its percents, then as text; one at a time.
    bound("request", 7, 64),
    // The same, and the payload without what hides its line feeds. What is no UTF-8 becomes three bytes of it.
    bound("jsonp", 8, 64),
];

/// What the dearest input of a decoder took: bytes, of how many, and which it was.
type Worst = BTreeMap<&'static str, (f64, String)>;

/// One test, so that nothing else allocates meanwhile.
#[test]
fn decoding_takes_no_more_than_a_multiple_of_its_input() {
    let config = Config::default();
    let mut worst = Worst::new();
    let mut one = |decoder: Decoder, name: &str, input: &[u8]| {
        let taken = check(decoder, name, input, &config);
        let worst = worst.entry(decoder.name).or_default();
        if taken > worst.0 {
            *worst = (taken, format!("{name}, {} bytes", input.len()));
        }
    };
    let mut all = |name: &str, input: &[u8]| DECODERS.iter().for_each(|decoder| one(*decoder, name, input));
    // A power of two is when a list has just been moved, or is about to be.
    for size in [1, 8, 60, 300, 1_000, 4_096] {
        shapes().iter().for_each(|shape| all(&shape.name(), &shape.times(shape.in_bytes(size))));
        counted(size).iter().for_each(|(name, input)| all(name, input));
    }
    for (name, input) in seeds() {
        all(&name, &input);
    }
    // 2^40 packets or elements are no more than what says so, in any of the ways to say so.
    for claim in [
        &b"1099511627776:4"[..],
        b"\x00\x01\x00\x09\x09\x05\x01\x01\x06\x02\x07\x07\x07\x06\xff4",
        b"51099511627776-[]",
    ] {
        all("a claim", claim);
    }
    for marker in [0xd9, 0xda, 0xdb, 0xc4, 0xc5, 0xc6, 0xc7, 0xc8, 0xc9, 0xdc, 0xdd, 0xde, 0xdf] {
        let claims =
            [b"\x83\xa4type\x02\xa3nsp\xa1/\xa4data\x92\xa1a", &[marker, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff][..]];
        all("a claim in MessagePack", &claims.concat());
    }
    // Large ones, each for the decoder that it was made for: 330,000 empty packets among them (CVE-2020-36048).
    for size in [16_384, 131_074, 660_000] {
        for shape in shapes() {
            one(Decoder::named(shape.decoder), &shape.name(), &shape.times(shape.in_bytes(size)));
        }
        for (name, input) in counted(size / 4) {
            let (decoder, _) = name.split_once(':').expect("a decoder's name");
            one(Decoder::named(decoder), &name, &input);
        }
    }
    for (decoder, (taken, name)) in &worst {
        println!("{decoder}: {taken:.1} bytes for each, of {name}");
    }
    for bound in BOUNDS.iter().filter(|bound| bound.per_byte > 0) {
        let (taken, name) = &worst[bound.decoder];
        #[expect(clippy::cast_precision_loss, reason = "small numbers")]
        let third = bound.per_byte as f64 / 3.0;
        assert!(*taken >= third, "{}: {taken} is far from what is said to be needed, by {name}", bound.decoder);
    }
    generated(&config);
}

fn generated(config: &Config) {
    let settings = ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() };
    let bytes = vec(any::<u8>(), 0..3_000);
    let outcome = TestRunner::new(settings.clone()).run(&bytes, |input| {
        for decoder in DECODERS {
            let _ = check(decoder, "any bytes", &input, config);
        }
        Ok(())
    });
    outcome.expect("it holds for any bytes");
    let repeated = (0..DECODERS.len(), any::<u64>(), 1_usize..50_000);
    let outcome = TestRunner::new(settings).run(&repeated, |(decoder, seed, size)| {
        let shape = random(DECODERS[decoder].name, &mut fastrand::Rng::with_seed(seed));
        let _ = check(DECODERS[decoder], &shape.name(), &shape.times(shape.in_bytes(size)), config);
        Ok(())
    });
    outcome.expect("it holds for any fragments");
}

/// Decodes, and returns how much that took for each byte, beside what it may always take.
fn check(decoder: Decoder, name: &str, input: &[u8], config: &Config) -> f64 {
    let bound = BOUNDS.iter().find(|bound| bound.decoder == decoder.name).expect("each decoder has a bound");
    let before = ALLOCATOR.current_usage();
    ALLOCATOR.reset_peak_usage();
    (decoder.decode)(input, config);
    let taken = ALLOCATOR.peak_usage() - before;
    let most = bound.per_byte * input.len() + bound.always;
    assert!(taken <= most, "{} takes {taken} bytes, not {most}, for the {} of {name}", decoder.name, input.len());
    #[expect(clippy::cast_precision_loss, reason = "shown with one digit")]
    let each = taken.saturating_sub(bound.always) as f64 / input.len().max(1) as f64;
    each
}

/// What the fuzz targets begin with.
fn seeds() -> Vec<(String, Vec<u8>)> {
    let entries = |directory: &Path| -> Vec<_> {
        let entries = fs::read_dir(directory).expect("a directory can be listed");
        entries.map(|entry| entry.expect("an entry").path()).collect()
    };
    let targets = entries(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/seeds"));
    let mut seeds = Vec::new();
    for path in targets.iter().flat_map(|target| entries(target)) {
        let name = path.file_name().expect("a name").to_string_lossy().into_owned();
        seeds.push((name, fs::read(&path).expect("a seed can be read")));
    }
    assert!(!seeds.is_empty());
    seeds
}
