//! Table 9.1, the early-expiry limits and example 14.4.

use super::*;
use crate::{Configuration, MemorySize};

fn parameters(configuration: &Configuration) -> VolumeIndexParameters {
    VolumeIndexParameters::new(&configuration.geometry()).unwrap()
}

#[track_caller]
fn check(sub: &SubIndexParameters, expected: [u64; 6]) {
    let [chapters, lists, chapter_bits, size_bits, memory, target_free] = expected;
    assert_eq!(u64::from(sub.chapter_count), chapters);
    assert_eq!(u64::from(sub.list_count), lists);
    assert_eq!(u64::from(sub.chapter_bits), chapter_bits);
    assert_eq!((sub.mean_delta, sub.address_bits), (4080, 20));
    assert_eq!(sub.chapter_size_bits, size_bits);
    assert_eq!(sub.memory_bytes, memory);
    assert_eq!(sub.target_free_bytes, target_free);
}

// Guards the sizes that decide where regions begin and when chapters expire early (table 9.1).
#[test]
fn sub_index_sizes() {
    type Sizes = [u64; 6];
    let dense: [(MemorySize, Sizes); 4] = [
        (MemorySize::MB_256, [1024, 262_144, 10, 1_540_096, 209_776_476, 9_895_116]),
        (MemorySize::MB_512, [1024, 524_288, 10, 3_080_192, 419_552_952, 19_790_233]),
        (MemorySize::GB_1, [1024, 1_048_576, 10, 6_160_384, 839_105_904, 39_580_467]),
        (
            MemorySize::gigabytes(2).unwrap(),
            [2048, 2_097_152, 11, 6_422_528, 1_749_625_077, 82_529_484],
        ),
    ];
    for (memory, mut expected) in dense {
        let found = parameters(&Configuration::dense(memory));
        assert_eq!(found.hook, None);
        check(&found.non_hook, expected);
        // A reduced index keeps every number but the count of chapters.
        expected[0] -= 1;
        check(&parameters(&Configuration::dense(memory).reduced()).non_hook, expected);
    }
    let sparse: [(MemorySize, Sizes, Sizes); 2] = [
        (
            MemorySize::MB_256,
            [10240, 81920, 14, 56320, 76_713_472, 3_618_560],
            [512, 126_976, 9, 1_428_480, 97_286_630, 4_588_992],
        ),
        (
            MemorySize::GB_1,
            [10240, 327_680, 14, 225_280, 306_853_888, 14_474_240],
            [512, 507_904, 9, 5_713_920, 389_146_521, 18_355_968],
        ),
    ];
    for (memory, hook, non_hook) in sparse {
        let found = parameters(&Configuration::sparse(memory));
        check(found.hook.as_ref().unwrap(), hook);
        check(&found.non_hook, non_hook);
    }
}

// Guards the limits of early expiry (section 9.1, below its table).
#[test]
fn early_expiry_limits() {
    let sub = parameters(&Configuration::dense(MemorySize::MB_256)).non_hook;
    let limits = [
        (1, 1_599_084_960),
        (2, 799_804_624),
        (3, 533_028_320),
        (4, 400_164_456),
        (16, 100_434_330),
    ];
    for (zones, bits) in limits {
        assert_eq!(sub.max_zone_bits(ZoneCount::new(zones).unwrap()), bits, "{zones} zones");
    }
}

// Guards the way from a name to its list, key and zone (example 14.4).
#[test]
fn names_in_a_volume_index() {
    let counting = RecordName::new(std::array::from_fn(|i| i as u8));
    for memory in [MemorySize::MB_256, MemorySize::GB_1] {
        let (list, key) = parameters(&Configuration::dense(memory)).non_hook.locate(&counting);
        assert_eq!((list.get(), key.get()), (12352, 329_223));
    }
    let sparse = parameters(&Configuration::sparse(MemorySize::MB_256)).non_hook;
    let (list, _) = sparse.locate(&counting);
    let four = ZoneCount::new(4).unwrap();
    assert_eq!(list.get(), 86080);
    assert_eq!(sparse.lists_per_zone(four), 31744);
    assert_eq!(sparse.zone_of(list, four), ZoneId::new(2));
    let fox = RecordName::of_block(b"The quick brown fox jumps over the lazy dog");
    let (list, key) = parameters(&Configuration::dense(MemorySize::MB_256)).non_hook.locate(&fox);
    assert_eq!((list.get(), key.get()), (216_633, 230_981));
}

// Guards against panics where no volume index can exist: too many lists for 32 bits.
#[test]
fn the_largest_indexes_are_computed_or_refused() {
    let largest = MemorySize::gigabytes(1024).unwrap();
    let dense = parameters(&Configuration::dense(largest));
    assert_eq!(dense.non_hook.list_count, 1 << 30);
    assert!(parameters(&Configuration::sparse(largest)).hook.is_some());
}
