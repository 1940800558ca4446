//! The sorter's order, over names of all shapes (reliability C03).

use proptest::prelude::*;
use uds_geometry::{Record, RecordName};

use super::{RadixSorter, SMALL};
use crate::error::VolumeError;
use crate::testing::Random;

fn named(bytes: [u8; 16]) -> Record {
    Record { name: RecordName::new(bytes), ..Record::default() }
}

/// Sorts, and checks that the result is a permutation in order.
fn check(sorter: &mut RadixSorter, records: &[Record], what: &str) {
    let order: Vec<usize> = sorter.sort(records).unwrap().collect();
    let mut seen = vec![false; records.len()];
    for &position in &order {
        assert!(!std::mem::replace(&mut seen[position], true), "{what}: {position} came twice");
    }
    assert_eq!(order.len(), records.len(), "{what}");
    let sorted = order.is_sorted_by_key(|&position| records[position].name);
    assert!(sorted, "{what}: not in order");
    let again: Vec<Record> = order.iter().map(|&position| records[position]).collect();
    let names: Vec<_> = sorter.sort(&again).unwrap().map(|p| again[p].name).collect();
    assert!(names.iter().eq(again.iter().map(|record| &record.name)), "{what}: not idempotent");
}

// Guards the smallest inputs, where loops over "the others" go wrong.
#[test]
fn nothing_and_one_record_are_sorted() {
    for capacity in [0, 1, 8] {
        let mut sorter = RadixSorter::new(capacity);
        check(&mut sorter, &[], "no records");
    }
    check(&mut RadixSorter::new(1), &[named([7; 16])], "one record");
}

// Guards every pair of bytes at every position, in both orders.
#[test]
fn all_pairs_of_small_bytes_are_sorted() {
    let mut sorter = RadixSorter::new(8);
    for position in 0..16 {
        for (left, right) in (0..16_u8).map(|pair| (pair / 4, pair % 4)) {
            let mut names = [[9; 16]; 2];
            names[0][position] = left * 85;
            names[1][position] = right * 85;
            let records = names.map(named);
            check(&mut sorter, &records, &format!("{left} and {right} at byte {position}"));
        }
    }
}

// Guards equal names: fill records repeat one name many times.
#[test]
fn identical_names_are_sorted() {
    check(&mut RadixSorter::new(1000), &[named([0x5a; 16]); 1000], "1000 identical names");
}

// Guards names that differ in few bits only: the American flag passes, at each of the 16 bytes.
#[test]
fn names_that_differ_late_are_sorted() {
    let mut sorter = RadixSorter::new(4096);
    let mut random = Random::new(3);
    for position in 0..16 {
        let records: Vec<Record> = (0..4096)
            .map(|_| {
                let mut name = [0; 16];
                name[position] = random.next() as u8;
                named(name)
            })
            .collect();
        check(&mut sorter, &records, &format!("random byte {position} only"));
    }
    let mut mixed = vec![named([0; 16]); SMALL + 1];
    mixed.extend((0..2000).map(|_| random.record()));
    check(&mut sorter, &mixed, "one large pile among small ones");
}

// Guards the sizes of a page and of a chapter; sorted and reversed input too.
#[test]
fn random_names_are_sorted() {
    let mut random = Random::new(1);
    for count in [2, SMALL, SMALL + 1, 255, 256, 1024, 65_536] {
        let mut sorter = RadixSorter::new(count as u32);
        let mut records: Vec<Record> = (0..count).map(|_| random.record()).collect();
        check(&mut sorter, &records, &format!("{count} random names"));
        records.sort_by_key(|record| record.name);
        check(&mut sorter, &records, &format!("{count} sorted names"));
        records.reverse();
        check(&mut sorter, &records, &format!("{count} names in reverse"));
    }
}

// Guards the buffers against more records than they hold, and a sorter against its own past.
#[test]
fn too_many_records_are_refused() {
    let mut sorter = RadixSorter::new(8);
    let mut random = Random::new(2);
    let records: Vec<Record> = (0..9).map(|_| random.record()).collect();
    assert!(matches!(sorter.sort(&records).map(drop), Err(VolumeError::Argument { found: 9, .. })));
    check(&mut sorter, &records[..8], "after a refusal");
    check(&mut sorter, &records[..3], "fewer than before");
}

proptest! {
    // Guards the order of names with few different bytes, in piles of all sizes and depths.
    #[test]
    fn biased_names_are_sorted(
        names in prop::collection::vec(prop::array::uniform16(0..3_u8), 0..300),
    ) {
        let records: Vec<Record> = names.into_iter().map(named).collect();
        check(&mut RadixSorter::new(300), &records, "biased names");
    }
}
