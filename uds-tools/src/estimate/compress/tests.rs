//! The sample against a model that keeps everything, the packing against all ways to pack, and the
//! errors against what they are errors of.

use proptest::prelude::*;

use super::packing::{BLOCK_BYTES, MAX_FRAGMENTS, ROOM, costs};
use super::*;

const UNIQUE: Population = Population {
    is_of_all_blocks: false,
    shares_blocks: true,
    bytes: 4_096_000,
    zero_bytes: 0,
    duplicate_bytes: 0,
};

fn name(number: u64) -> RecordName {
    RecordName::of_block(&number.to_le_bytes())
}

fn sampled(keys: impl IntoIterator<Item = (SampleKey, u32)>) -> Sampler {
    let sampler = Sampler::default();
    for (key, compressed) in keys {
        if sampler.wants(key) {
            sampler.add(key, BLOCK_BYTES, compressed);
        }
    }
    sampler
}

fn content(sampler: &Sampler) -> Vec<(u64, Sample)> {
    sampler.samples.lock().unwrap().iter().map(|(key, sample)| (*key, *sample)).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    // Guards against a sample that depends on the order, on copies, or on anything but the keys:
    // it would favour some blocks.
    #[test]
    fn the_sample_is_of_the_lowest_keys(
        seed in any::<u32>(),
        count in 0..20_000_u64,
        copies in 1..4_u64,
    ) {
        let key = |number: u64| {
            let number = (u64::from(seed) << 32) | (number % count);
            (SampleKey::of_name(&name(number)), (number % 4000) as u32)
        };
        let forward = sampled((0..count * copies).map(key));
        let backward = sampled((0..count * copies).rev().map(key));
        let found = content(&forward);
        prop_assert_eq!(&found, &content(&backward));
        let mut expected: Vec<_> = (0..count)
            .map(key)
            .map(|(key, compressed_bytes)| (key.0, Sample { bytes: BLOCK_BYTES, compressed_bytes }))
            .collect();
        expected.sort_by_key(|(key, _)| *key);
        prop_assert!(found.len() <= MAX_SAMPLES);
        prop_assert!(found.len() >= expected.len().min(MAX_SAMPLES / 3));
        prop_assert_eq!(&expected[..found.len()], &found[..]);
        prop_assert_eq!(forward.result(&UNIQUE).is_exact, count <= MAX_SAMPLES as u64);
    }

    // Guards the packing: fewer blocks than any packing can do, many more than the best one
    // needs, and costs that are not those of the blocks.
    #[test]
    fn packing_is_no_better_than_the_best_and_little_worse(
        sizes in prop::collection::vec(prop_oneof![20..600_u32, 20..4200_u32], 0..9)
    ) {
        let found = costs(&sizes, true);
        let blocks: f64 = found.iter().sum();
        let best = fewest_blocks(&sizes, &mut Vec::new()) as f64;
        prop_assert!((blocks - blocks.round()).abs() < 1e-9, "{}", blocks);
        prop_assert!(blocks + 1e-9 >= best, "{} of {}", blocks, best);
        // Best fit as fragments come takes at most 1.7 times the best, and with so few of them
        // no block has to be written early.
        prop_assert!(blocks <= (best * 1.7).floor() + 1e-9, "{} of {}", blocks, best);
        for (size, cost) in sizes.iter().zip(&found) {
            // Nobody pays less than its part of a full block.
            let least = f64::from(*size.min(&ROOM)) / f64::from(ROOM);
            prop_assert!(*cost <= 1.0 + 1e-9 && *cost >= least - 1e-9);
        }
    }
}

/// The fewest blocks for fragments, by trying all ways.
fn fewest_blocks(sizes: &[u32], blocks: &mut Vec<(u32, usize)>) -> usize {
    let Some((size, rest)) = sizes.split_first() else { return blocks.len() };
    blocks.push((*size, 1));
    let mut fewest = fewest_blocks(rest, blocks);
    blocks.pop();
    for at in 0..blocks.len() {
        let (bytes, count) = blocks[at];
        if bytes + size <= ROOM && count < MAX_FRAGMENTS {
            blocks[at] = (bytes + size, count + 1);
            fewest = fewest.min(fewest_blocks(rest, blocks));
            blocks[at] = (bytes, count);
        }
    }
    fewest
}

// Guards the limits of the rule: 14 fragments, a header, and nothing saved alone.
#[test]
fn blocks_are_shared_as_the_rule_says() {
    let blocks = |size: u32, count: usize| -> f64 { costs(&vec![size; count], true).iter().sum() };
    let cases = [
        (20, 14, 1.0),
        (20, 15, 2.0),
        (20, 140, 10.0),
        (ROOM / 2, 2, 1.0),
        (ROOM / 2 + 1, 2, 2.0),
        (ROOM / 3, 30, 10.0),
        (ROOM, 5, 5.0),
        (BLOCK_BYTES + 20, 5, 5.0),
        (100, 0, 0.0),
    ];
    for (size, count, expected) in cases {
        assert!((blocks(size, count) - expected).abs() < 1e-9, "{count} of {size}");
    }
    // Of more than a sample, the blocks that are open in the end do not count.
    let cost: f64 = costs(&[20; 15], false).iter().sum::<f64>() / 15.0;
    assert!((cost - 1.0 / 14.0).abs() < 0.001, "{cost}");
}

/// Sizes of a made-up data set, from the number of a block.
fn size_of_block(number: u64) -> u32 {
    let bits = mixed(number);
    match bits % 10 {
        0..3 => 4112,
        3..6 => 1500 + (bits >> 32) as u32 % 2000,
        _ => 200 + (bits >> 32) as u32 % 900,
    }
}

// Guards the estimate and its error: samples of a large data set are compared with the packing of
// all of it. Two standard errors hold 95% of them; the data is fixed, so the count is, too.
#[test]
fn a_sample_says_what_all_blocks_would() {
    let all: Vec<u32> = (0..200_000).map(size_of_block).collect();
    let truth = 1.0 - costs(&all, true).iter().sum::<f64>() / all.len() as f64;
    let mut within = 0;
    for seed in 0..40_u64 {
        let keys =
            (0..200_000).map(|number| (SampleKey::of_place(seed, number), size_of_block(number)));
        let found = sampled(keys).result(&UNIQUE);
        assert!(!found.is_exact && found.error > 0.0 && found.error < 0.03, "{found:?}");
        let distance = (found.saved_share - truth).abs();
        assert!(distance < 2.0 * found.error, "{found:?}, in truth {truth}");
        within += u32::from(distance <= found.error);
    }
    assert!(within >= 36, "{within} of 40");
}

// Guards what is told of both together, zero blocks and chunks included.
#[test]
fn together_is_what_is_left_compressed() {
    let sampler = sampled((0..40).map(|number| (SampleKey::of_place(7, number), ROOM / 2)));
    let population = Population { zero_bytes: 409_600, duplicate_bytes: 1_638_400, ..UNIQUE };
    let found = sampler.result(&population);
    let near = |found: f64, expected: f64| assert!((found - expected).abs() < 1e-9, "{found}");
    assert!(found.is_exact);
    near(found.error, 0.0);
    near(found.saved_share, 0.5);
    near(found.share_of_all_data, 0.25);
    near(found.together_saved_share, 0.75);
    let only = sampler.result(&Population { is_of_all_blocks: true, ..population });
    near(only.share_of_all_data, 0.45);
    near(only.together_saved_share, 0.55);
    // Chunks are stored at their length, and never at more than that.
    let chunks = Sampler::default();
    chunks.add(SampleKey::of_place(1, 1), 10_000, 5000);
    chunks.add(SampleKey::of_place(1, 2), 30_000, 30_100);
    let found = chunks.result(&Population { shares_blocks: false, ..UNIQUE });
    near(found.saved_share, 1.0 - 35_000.0 / 40_000.0);
    near(found.incompressible_share, 0.5);
    let nothing = Sampler::default().result(&Population { bytes: 0, ..UNIQUE });
    near(nothing.saved_share, 0.0);
    near(nothing.together_saved_share, 0.0);
}

// Guards what is told of both together: an error that leaves out that of the duplicates.
#[test]
fn the_error_of_duplicates_counts() {
    let sampler = sampled((0..40).map(|number| (SampleKey::of_place(7, number), ROOM / 2)));
    let found = sampler.result(&UNIQUE);
    let near = |found: f64, expected: f64| assert!((found - expected).abs() < 1e-9, "{found}");
    // A block that may be a duplicate takes half a block where it is none.
    near(found.clone().with_duplicate_error(0.02).together_error, 0.01);
    let unsure = Compression { together_error: 0.0075, ..found };
    near(unsure.with_duplicate_error(0.02).together_error, 0.0125);
    let all = sampler.result(&Population { is_of_all_blocks: true, ..UNIQUE });
    near(all.with_duplicate_error(0.02).together_error, 0.0);
}

// Guards against blocks that take more than they are stored at.
#[test]
fn no_block_is_larger_compressed() {
    let sizes = [4112, 4112, 4096, 1000];
    let sampler = sampled((0..4).map(|at| (SampleKey::of_place(7, at), sizes[at as usize])));
    let mean = sampler.result(&UNIQUE).mean_compressed_bytes;
    assert!((mean - 13_288.0 / 4.0).abs() < 1e-9, "{mean}");
}

// Guards the compressor: a table that is not cleared between blocks, an output that is too small,
// and sizes that are not those of LZ4's block format.
#[test]
fn sizes_are_those_of_lz4() {
    let mut compressor = Compressor::default();
    let random: Vec<u8> = (0..1024).flat_map(|number| mixed(number).to_le_bytes()).collect();
    for _ in 0..2 {
        for length in [1, 4096, 100, 8192] {
            let block = &random[..length];
            let alone = lz4_flex::block::compress(block).len() as u32;
            assert_eq!(compressor.compressed_bytes(block), alone, "{length}");
            assert!(alone >= length as u32);
        }
        let text = b"the same again and again, ".repeat(200);
        let compressed = compressor.compressed_bytes(&text[..4096]);
        assert_eq!(compressed, lz4_flex::block::compress(&text[..4096]).len() as u32);
        assert!(compressed < 100);
        // A long chunk needs another table.
        assert!(compressor.compressed_bytes(&vec![7; 1 << 20]) < 10_000);
    }
}

// Guards against a block that comes a million times and is compressed as often.
#[test]
fn a_known_block_is_not_wanted_again() {
    let sampler = Sampler::default();
    let keys: Vec<_> = (0..100).map(|number| SampleKey::of_name(&name(number))).collect();
    for key in &keys {
        assert!(sampler.wants(*key));
        sampler.add(*key, BLOCK_BYTES, 100);
    }
    // Two keys may share a place; then one of them is compressed again.
    let wanted = keys.iter().filter(|key| sampler.wants(**key)).count();
    assert!(wanted < 5, "{wanted}");
}

// Not a check: prints what asking, compressing and packing cost.
// cargo test --release -p uds-tools --bin uds sampling_costs -- --ignored --nocapture
#[test]
#[ignore = "it prints what sampling costs"]
fn sampling_costs() {
    const NAMES: u64 = 1 << 20;
    let names: Vec<_> = (0..NAMES).map(name).collect();
    let sampler = Sampler::default();
    let mut wanted = 0;
    for round in ["while the threshold falls", "after that"] {
        let start = std::time::Instant::now();
        for name in &names {
            let key = SampleKey::of_name(name);
            if sampler.wants(key) {
                sampler.add(key, BLOCK_BYTES, 1000 + u32::from(name.sample_bits()) % 3200);
                wanted += 1;
            }
        }
        let each = start.elapsed().as_nanos() as f64 / NAMES as f64;
        println!("asking, {round}: {each:.1} ns a block; {wanted} to be compressed so far");
    }
    let start = std::time::Instant::now();
    let result = sampler.result(&UNIQUE);
    println!("{result:?} in {:?}", start.elapsed());
    let random: Vec<u8> = (0..512).flat_map(|number| mixed(number).to_le_bytes()).collect();
    let text = b"the same again and again, ".repeat(200);
    for (name, block) in [("random", &random[..]), ("text", &text[..4096])] {
        let mut compressor = Compressor::default();
        let start = std::time::Instant::now();
        let sum: u32 = (0..1000).map(|_| compressor.compressed_bytes(block)).sum();
        println!("compressing {name}: {:?} a block, to {}", start.elapsed() / 1000, sum / 1000);
    }
}
