//! The worked example, and the rules of each operation.

use super::*;
use crate::{CursorMisuse, DeltaError};

fn hex(text: &str) -> Vec<u8> {
    text.split(' ').map(|byte| u8::from_str_radix(byte, 16).unwrap()).collect()
}

// Guards insertion, promotion and removal bit for bit (example 14.2).
#[test]
fn the_worked_list() {
    let mut zone = zone(4080, 1, 65536, 10);
    let collision = RecordName::new(std::array::from_fn(|i| 0xa0 + i as u8));
    for (key, value) in [(5, 3), (10000, 512), (1300, 1023), (1300, 7)] {
        assert_eq!(put(&mut zone, LIST, key, value, &collision), Insertion::Inserted);
    }
    assert_eq!(zone.list_bits(LIST).unwrap(), 220);
    let bits =
        "03 14 c0 ff 0f f5 00 00 00 0d 15 1d 25 2d 35 3d 45 4d 55 5d 65 6d 75 7d 05 90 7c 09";
    assert_eq!(bits_of(&zone, LIST), hex(bits));

    let mut cursor = find(&mut zone, LIST, 1300, &name(1));
    assert_eq!((cursor.is_collision(), zone.value(&cursor)), (false, Some(1023)));
    zone.remove(&mut cursor).unwrap();
    assert_eq!((cursor.is_collision(), zone.value(&cursor)), (false, Some(7)));
    assert_eq!(zone.list_bits(LIST).unwrap(), 70);
    assert_eq!(bits_of(&zone, LIST), hex("03 14 c0 01 0f 15 40 f2 25"));

    zone.remove(&mut cursor).unwrap();
    assert!(cursor.matches(DeltaKey::new(10000)));
    assert_eq!(zone.list_bits(LIST).unwrap(), 48);
    assert_eq!(bits_of(&zone, LIST), hex("03 14 00 80 e7 85"));
}

// Guards the re-encoding of the follower: inserting 700 makes 1300 one bit shorter (example 14.2).
#[test]
fn an_insertion_shortens_its_follower() {
    let mut zone = zone(4080, 1, 65536, 10);
    for key in [5, 1300] {
        assert_eq!(put(&mut zone, LIST, key, 0, &name(0)), Insertion::Inserted);
    }
    assert_eq!(zone.list_bits(LIST).unwrap(), 45);
    assert_eq!(put(&mut zone, LIST, 700, 0, &name(0)), Insertion::Inserted);
    assert_eq!(zone.list_bits(LIST).unwrap(), 66);
}

// Guards the order of collisions: 16 records of 4 keys are 4 ordinary entries and 12 collisions,
// newest first, whatever the order of insertion, over free memory of zeros and of ones.
#[test]
fn sixteen_records_make_twelve_collisions() {
    let records: Vec<(u32, u8)> = (0..16).map(|i| (100 + 1000 * (u32::from(i) / 4), i)).collect();
    let ascending = records.clone();
    let descending: Vec<_> = records.iter().rev().copied().collect();
    let mixed: Vec<_> = (0..16).map(|i| records[i * 5 % 16]).collect();
    for (order, fill) in [ascending, descending, mixed].iter().zip([0x00, 0xff, 0xff]) {
        let mut zone = zone(1024, 1, 65536, 8);
        fill_free(&mut zone, fill);
        for &(key, number) in order {
            let put = put(&mut zone, LIST, key, number.into(), &name(number));
            assert_eq!(put, Insertion::Inserted);
        }
        let census = zone.check_invariants().unwrap();
        assert_eq!((census.records, census.collisions), (16, 12));
        assert_eq!(zone.statistics().collisions, 12);
        for key in [100, 1100, 2100, 3100] {
            let arrived = order.iter().filter(|record| record.0 == key).map(|record| record.1);
            let mut expected: Vec<u32> = arrived.map(u32::from).collect();
            expected[1..].reverse();
            let found = contents(&zone, LIST).into_iter().filter(|entry| entry.0 == key);
            assert_eq!(found.map(|entry| entry.1).collect::<Vec<_>>(), expected);
        }
        // Every name but the four heads' is found exactly; they are found as possible matches.
        for &(key, number) in order {
            let cursor = find(&mut zone, LIST, key, &name(number));
            assert!(cursor.matches(DeltaKey::new(key)));
            assert_eq!(zone.value(&cursor), Some(number.into()));
        }
    }
}

// Guards the limit of 65535 bits, and that a full list is as good as ever once it has room.
#[test]
fn a_full_list_overflows_and_recovers() {
    let mut zone = zone(1024, 2, 65536, 8);
    // Deltas below 314 take 10 bits, so an entry takes 18.
    let capacity = 65535 / 18;
    for index in 0..capacity {
        assert_eq!(put(&mut zone, LIST, 3 + 100 * index, 1, &name(0)), Insertion::Inserted);
    }
    let before = bits_of(&zone, LIST);
    let key = 3 + 100 * capacity;
    assert_eq!(put(&mut zone, LIST, key, 1, &name(0)), Insertion::Overflow);
    assert_eq!(put(&mut zone, LIST, 3, 1, &name(0)), Insertion::Overflow);
    assert_eq!(zone.statistics().overflows, 2);
    assert_eq!(bits_of(&zone, LIST), before, "a refused entry changes nothing");
    zone.check_invariants().unwrap();

    for index in (0..capacity).step_by(2) {
        let mut cursor = find(&mut zone, LIST, 3 + 100 * index, &name(0));
        zone.remove(&mut cursor).unwrap();
    }
    assert_eq!(zone.statistics().discards, u64::from(capacity.div_ceil(2)));
    assert_eq!(put(&mut zone, LIST, key, 1, &name(0)), Insertion::Inserted);
    zone.check_invariants().unwrap();
}

// Guards the limit to the bit: a list of exactly 65535 bits is allowed, one of 65536 is not.
#[test]
fn a_list_fills_to_the_last_bit() {
    for (zeros, expected) in [(14, Insertion::Inserted), (15, Insertion::Overflow)] {
        let mut zone = zone(1024, 1, 65536, 8);
        for index in 0..3639 {
            assert_eq!(put(&mut zone, LIST, 3 + index, 1, &name(0)), Insertion::Inserted);
        }
        // 33 bits are left: 8 of the value, 10 of the field, the zeros and a one.
        let key = 3 + 3638 + 314 + 710 * zeros;
        assert_eq!(put(&mut zone, LIST, key, 1, &name(0)), expected);
        let full = expected == Insertion::Inserted;
        assert_eq!(zone.list_bits(LIST).unwrap(), if full { 65535 } else { 65535 - 33 });
        zone.check_invariants().unwrap();
    }
}

// Guards the refusals of an insertion: a key out of order would make all later keys wrong.
#[test]
fn keys_out_of_order_are_refused() {
    let mut zone = zone(4080, 1, 65536, 10);
    for key in [10, 20, 20] {
        assert_eq!(put(&mut zone, LIST, key, 0, &name(2)), Insertion::Inserted);
    }
    let refused = |zone: &mut DeltaZone, at, key, collision: bool| {
        let mut cursor = find(zone, LIST, at, &name(1));
        let name = collision.then(|| name(1));
        zone.insert(&mut cursor, DeltaKey::new(key), 0, name.as_ref()).unwrap_err()
    };
    for (at, key, collision) in
        [(15, 10, false), (15, 20, false), (15, 5, false), (30, 20, false), (15, 15, true)]
    {
        let error = refused(&mut zone, at, key, collision);
        assert!(matches!(error, DeltaError::KeyOrder { .. }), "{at} {key}: {error}");
    }
    let error = refused(&mut zone, 30, 30, true);
    assert!(matches!(error, DeltaError::Misuse { misuse: CursorMisuse::AtEnd, .. }), "{error}");
    let mut cursor = zone.cursor(LIST).unwrap();
    assert!(zone.insert(&mut cursor, DeltaKey::new(1), 0, None).is_err());

    let mut cursor = find(&mut zone, LIST, 20, &name(2));
    assert!(cursor.is_collision());
    let error = zone.insert(&mut cursor, DeltaKey::new(20), 0, Some(&name(2))).unwrap_err();
    assert!(matches!(error, DeltaError::DuplicateName { .. }), "{error}");
    assert_eq!(contents(&zone, LIST), [(10, 0, false), (20, 0, false), (20, 0, true)]);
}

// Guards against reads and writes where no entry is, and against values wider than their field.
#[test]
fn misuse_is_refused() {
    let mut zone = zone(4080, 2, 65536, 10);
    assert_eq!(put(&mut zone, LIST, 10, 0, &name(0)), Insertion::Inserted);
    let mut end = find(&mut zone, LIST, 11, &name(0));
    assert_eq!((end.is_at_end(), zone.value(&end)), (true, None));
    assert!(zone.set_value(&end, 0).is_err());
    assert!(zone.next(&mut end).is_err());
    assert!(zone.remove(&mut end).is_err());

    let cursor = find(&mut zone, LIST, 10, &name(0));
    assert_eq!(zone.collision_name(&cursor), None);
    let error = zone.set_value(&cursor, 1024).unwrap_err();
    assert!(matches!(error, DeltaError::InvalidArgument { found: 1024, .. }), "{error}");
    zone.set_value(&cursor, 1023).unwrap();
    assert_eq!(zone.value(&cursor), Some(1023));

    let beyond = DeltaListNumber::new(2);
    assert!(matches!(zone.cursor(beyond), Err(DeltaError::NoSuchList { count: 2, .. })));
    assert!(zone.find(beyond, DeltaKey::new(0), &name(0)).is_err());
    assert!(zone.retain(beyond, |_| true).is_err());
    assert_eq!(zone.touch(beyond, DeltaKey::new(0)), 0);
}

// Guards against a cursor that outlives a change: it would write into the middle of an entry.
#[test]
fn stale_cursors_are_refused() {
    let mut zone = zone(4080, 2, 65536, 10);
    assert_eq!(put(&mut zone, LIST, 10, 0, &name(0)), Insertion::Inserted);
    let mut old = find(&mut zone, LIST, 10, &name(0));
    assert_eq!(put(&mut zone, LIST, 5, 0, &name(0)), Insertion::Inserted);
    assert_eq!(zone.value(&old), None);
    for error in [
        zone.set_value(&old, 1).unwrap_err(),
        zone.remove(&mut old).unwrap_err(),
        zone.next(&mut old).unwrap_err(),
    ] {
        assert!(matches!(error, DeltaError::Misuse { misuse: CursorMisuse::Stale, .. }), "{error}");
    }
}

// Guards the accounting of a reset: entries become discards, and the lists are spread again.
#[test]
fn a_reset_discards_all() {
    let mut zone = zone(4080, 4, 65536, 10);
    for key in [5, 5, 9] {
        assert_eq!(put(&mut zone, LIST, key, 0, &name(1)), Insertion::Inserted);
    }
    zone.reset();
    let counts = zone.statistics();
    assert_eq!((counts.records, counts.collisions, counts.discards), (0, 0, 3));
    assert_eq!(zone.used_bits(), 0);
    assert!(find(&mut zone, LIST, 5, &name(1)).is_at_end());
    zone.check_invariants().unwrap();
}

// Guards against configurations that arithmetic could not handle.
#[test]
fn impossible_zones_are_refused() {
    let good = ZoneConfiguration {
        first_list: DeltaListNumber::new(7),
        list_count: 1,
        memory_bytes: 65536,
        coding: DeltaCoding::chapter_index(),
        value_bits: 8,
        key_bits: 20,
    };
    assert!(DeltaZone::new(&good).is_ok());
    for bad in [
        ZoneConfiguration { list_count: 0, ..good },
        ZoneConfiguration { list_count: u32::MAX, ..good },
        ZoneConfiguration { memory_bytes: 8, ..good },
        ZoneConfiguration { memory_bytes: usize::MAX / 2, ..good },
        ZoneConfiguration { value_bits: 0, ..good },
        ZoneConfiguration { value_bits: 26, ..good },
    ] {
        assert!(matches!(DeltaZone::new(&bad), Err(DeltaError::InvalidArgument { .. })), "{bad:?}");
    }
}

// Guards the list that a copy is made of, wherever in a byte it begins: it is walked, searched and
// thinned as the original would be, which stays as it is.
#[test]
fn a_copy_of_a_list_is_a_list_of_its_own() {
    for before in 0..9 {
        let mut zone = zone(4080, 3, 4096, 10);
        for key in 0..before {
            let inserted = put(&mut zone, LIST, 977 * key, key, &name(1));
            assert_eq!(inserted, Insertion::Inserted);
        }
        let list = DeltaListNumber::new(1);
        for key in 0..40 {
            let inserted = put(&mut zone, list, 555 * (key / 2), key, &name(key as u8));
            assert_eq!(inserted, Insertion::Inserted);
        }
        let _ = find(&mut zone, list, 555 * 10, &name(1));
        let original = contents(&zone, list);
        let counted = zone.statistics();
        let mut copy = zone.copy_of_list(list).unwrap();
        copy.check_invariants().unwrap();
        assert_eq!(contents(&copy, list), original);
        assert_eq!((copy.first_list(), copy.list_count()), (list, 1));
        assert!(copy.entries(LIST).is_err());
        let cursor = find(&mut copy, list, 555 * 7, &name(15));
        assert!(cursor.is_collision() && copy.value(&cursor) == Some(15));
        let gone = copy.retain(list, |value| value % 4 != 0).unwrap();
        assert_eq!((gone, contents(&copy, list).len()), (10, 30));
        zone.retain(DeltaListNumber::new(2), |_| false).unwrap();
        assert_eq!((contents(&zone, list), zone.statistics()), (original, counted));
        zone.check_invariants().unwrap();
    }
}
