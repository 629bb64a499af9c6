//! Tests that steps grow in proportion to the input. Each shape is decoded at a length, at twice and at four times that
//! length.

use super::{Count, measure};
use sanket_tests::hostile::{DECODERS, Decoder, counted, random, shapes, wide_open};

const GROUP: &str = "linear";
/// The group of shapes made by chance.
const BY_CHANCE: &str = "linear, by chance";
/// Bytes of the shortest input. What is the same for every input makes the ratios smaller, not larger; at this length a
/// factor that grows with the logarithm makes them 2.14, and what an allocator does at some length and not at half of it
/// makes them 2.05.
const BYTES: usize = 16 << 10;
/// What twice the input may cost.
const MOST: f64 = 2.1;
/// What it may cost once, of the two times, where a shape was made by chance: text that happens to lie at another boundary
/// is looked through in other steps, which is a twelfth more or less. What grows faster than its input does so twice.
const ONCE: f64 = 2.4;
/// Random shapes for each decoder.
const RANDOM: usize = 4;

/// Decodes everything.
pub(crate) fn work(seed: u64) {
    let mut rng = fastrand::Rng::with_seed(seed);
    let random =
        DECODERS.iter().flat_map(|decoder| (0..RANDOM).map(|_| random(decoder.name, &mut rng)).collect::<Vec<_>>());
    let shapes = shapes().into_iter().map(|shape| (GROUP, shape));
    for (group, shape) in shapes.chain(random.map(|shape| (BY_CHANCE, shape))) {
        let n = shape.in_bytes(BYTES);
        decode(group, Decoder::named(shape.decoder), &shape.name(), [n, 2 * n, 4 * n].map(|n| shape.times(n)));
    }
    let [once, twice, four] = [1, 2, 4].map(|k| counted(k * BYTES / 4));
    for (((name, once), (_, twice)), (_, four)) in once.into_iter().zip(twice).zip(four) {
        let decoder = name.split_once(':').map_or("msgpack", |(decoder, _)| decoder);
        decode(GROUP, Decoder::named(decoder), &name, [once, twice, four]);
    }
}

fn decode(group: &str, decoder: Decoder, name: &str, inputs: [Vec<u8>; 3]) {
    let config = wide_open();
    // What the allocator does for the first time, it does for nobody.
    (decoder.decode)(&inputs[2], &config);
    for input in inputs {
        measure(group, &format!("{name}, {} bytes", input.len()), || {
            (decoder.decode)(&input, &config);
            1
        });
    }
}

/// Says what is not linear. Whether everything is.
pub(crate) fn judge(counts: &[Count]) -> bool {
    let mut wrong = 0;
    for group in [GROUP, BY_CHANCE] {
        let counts: Vec<&Count> = counts.iter().filter(|count| count.group == group).collect();
        let mut worst = (0.0, "");
        for shape in counts.chunks(3) {
            let mut ratios = [0.0; 2];
            for (pair, ratio) in shape.windows(2).zip(&mut ratios) {
                #[expect(clippy::cast_precision_loss, reason = "a ratio of two digits")]
                let times = pair[1].instructions as f64 / pair[0].instructions as f64;
                *ratio = times;
                if times > worst.0 {
                    worst = (times, &*pair[1].name);
                }
            }
            let (least, most) = (ratios[0].min(ratios[1]), ratios[0].max(ratios[1]));
            let fits = most <= MOST || (group == BY_CHANCE && least <= MOST && most <= ONCE);
            if !fits {
                wrong += 1;
                let name = shape.last().map_or("", |count| &*count.name);
                println!("{name}: twice as long costs {:.2} and {:.2} times as much", ratios[0], ratios[1]);
            }
        }
        println!(
            "{group}: {} shapes at three lengths; twice as long is at most {:.3} times as dear:",
            counts.len() / 3,
            worst.0
        );
        println!("  {}", worst.1);
    }
    wrong == 0
}
