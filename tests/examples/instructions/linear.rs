//! Whether steps grow with the input, and no faster. Each shape is decoded at one length, twice and four times that.

use super::{Count, measure};
use sanket_tests::hostile::{DECODERS, Decoder, counted, random, shapes, wide_open};

const GROUP: &str = "linear";
/// Bytes of the shortest input. What is the same for every input makes the ratios smaller, not larger; at this length a
/// factor that grows with the logarithm makes them 2.14, and what an allocator does at some
/// length and not at half of it makes them 2.05.
const BYTES: usize = 16 << 10;
/// What twice the input may cost.
const MOST: f64 = 2.1;
/// Random shapes for each decoder.
const RANDOM: usize = 4;

/// Decodes everything.
pub(crate) fn work(seed: u64) {
    let mut rng = fastrand::Rng::with_seed(seed);
    let random =
        DECODERS.iter().flat_map(|decoder| (0..RANDOM).map(|_| random(decoder.name, &mut rng)).collect::<Vec<_>>());
    for shape in shapes().into_iter().chain(random) {
        let n = shape.in_bytes(BYTES);
        decode(Decoder::named(shape.decoder), &shape.name(), [n, 2 * n, 4 * n].map(|n| shape.times(n)));
    }
    let [once, twice, four] = [1, 2, 4].map(|k| counted(k * BYTES / 4));
    for (((name, once), (_, twice)), (_, four)) in once.into_iter().zip(twice).zip(four) {
        let decoder = name.split_once(':').map_or("msgpack", |(decoder, _)| decoder);
        decode(Decoder::named(decoder), &name, [once, twice, four]);
    }
}

fn decode(decoder: Decoder, name: &str, inputs: [Vec<u8>; 3]) {
    let config = wide_open();
    // What the allocator does for the first time, it does for nobody.
    (decoder.decode)(&inputs[2], &config);
    for input in inputs {
        measure(GROUP, &format!("{name}, {} bytes", input.len()), || {
            (decoder.decode)(&input, &config);
            1
        });
    }
}

/// Says what is not linear. Whether everything is.
pub(crate) fn judge(counts: &[Count]) -> bool {
    let counts: Vec<&Count> = counts.iter().filter(|count| count.group == GROUP).collect();
    let mut worst = (0.0, "");
    let mut wrong = 0;
    for shape in counts.chunks(3) {
        for pair in shape.windows(2) {
            #[expect(clippy::cast_precision_loss, reason = "a ratio of two digits")]
            let ratio = pair[1].instructions as f64 / pair[0].instructions as f64;
            if ratio > worst.0 {
                worst = (ratio, &*pair[1].name);
            }
            if ratio > MOST {
                wrong += 1;
                println!("{} is {} steps, {ratio:.2} times those of half of it", pair[1].name, pair[1].instructions);
            }
        }
    }
    println!("{} shapes at three lengths: twice as long costs at most {:.3} times as much", counts.len() / 3, worst.0);
    println!("  (which is {})", worst.1);
    wrong == 0
}
