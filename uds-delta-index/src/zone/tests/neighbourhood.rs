//! Re-spacing of a neighbourhood instead of the whole zone.

use super::*;

/// A number that looks random.
fn scatter(state: &mut u64) -> u32 {
    *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    (*state >> 33) as u32
}

/// Puts names into a zone until one is refused. Returns how many went in.
fn fill_up(zone: &mut DeltaZone) -> u64 {
    let mut state = 1;
    let lists = zone.list_count();
    for count in 0.. {
        let list = DeltaListNumber::new(scatter(&mut state) % lists);
        let key = scatter(&mut state) & 0xf_ffff;
        if put(zone, list, key, key & 0x3ff, &name(1)) == Insertion::Overflow {
            return count;
        }
        if zone.statistics().records % 4096 == 0 {
            zone.check_invariants().unwrap();
        }
    }
    unreachable!("every zone is full some day")
}

// Guards against overflow before its time: a zone that re-spaces neighbourhoods takes as many
// records as one that is always re-spaced as a whole, give or take the bits that different places
// within a byte cost.
#[test]
fn neighbourhoods_lose_no_room() {
    let mut counts = [0_u64; 2];
    for (count, whole_zone_lists) in counts.iter_mut().zip([0, u32::MAX]) {
        let mut zone = zone(4080, 256, 65536, 10);
        zone.whole_zone_lists = whole_zone_lists;
        *count = fill_up(&mut zone);
        let census = zone.check_invariants().unwrap();
        assert_eq!(census.records, *count);
        // Nearly all of the memory is in use.
        assert!(zone.used_bits() > 8 * 64_500, "{} bits", zone.used_bits());
    }
    assert!(counts[0].abs_diff(counts[1]) < 64, "{counts:?}");
}

// Guards against re-spacing the whole of a large zone where a neighbourhood would do: between them
// the lists would move hundreds of megabytes. Lists far from the growing one must stay in place.
#[test]
fn a_large_zone_moves_a_few_lists() {
    let mut zone = zone(4080, 5000, 5000 * 200, 10);
    let starts: Vec<u64> =
        zone.headers.iter().map(super::super::header::ListHeader::start).collect();
    let list = DeltaListNumber::new(2500);
    let mut key = 0;
    while zone.statistics().rebalances == 0 {
        key += 1000;
        assert_eq!(put(&mut zone, list, key, 1, &name(0)), Insertion::Inserted);
    }
    zone.check_invariants().unwrap();
    let moved =
        zone.headers.iter().zip(&starts).filter(|(header, start)| header.start() != **start);
    let moved = moved.count();
    assert!((2..100).contains(&moved), "{moved} lists moved");
}
