//! Exact places of records, and searches (example of section 6; reliability C10 and C11).

use uds_geometry::{Record, RecordData, RecordName};

use super::{RecordPageEncoder, RecordPageOrder, in_order, records_of_page, search_record_page};
use crate::error::VolumeError;
use crate::testing::Random;

/// A record whose name orders like `rank`.
fn ranked(rank: u16) -> Record {
    let mut name = [0; 16];
    name[..2].copy_from_slice(&rank.to_be_bytes());
    Record { name: RecordName::new(name), data: RecordData::new([rank as u8; 16]) }
}

fn rank_of(record: &Record) -> u16 {
    let name = record.name.as_bytes();
    u16::from_be_bytes([name[0], name[1]])
}

// Guards the format: the specification's heap orders of 7 and of 1024 records.
#[test]
fn records_lie_in_heap_order() {
    let ranks = |count: u16| -> Vec<u16> {
        let records: Vec<Record> = (0..count).rev().map(ranked).collect();
        let mut page = vec![0; usize::from(count) * 32];
        RecordPageEncoder::new(u32::from(count)).encode(&records, &mut page).unwrap();
        records_of_page(&page).map(|record| rank_of(&record)).collect()
    };
    assert_eq!(ranks(7), [3, 1, 5, 0, 2, 4, 6]);
    let page = ranks(1024);
    let known =
        [(0, 512), (1, 256), (2, 768), (3, 128), (511, 1), (512, 3), (1022, 1023), (1023, 0)];
    for (node, rank) in known {
        assert_eq!(page[node], rank, "node {node}");
    }
}

// Guards the walk for every size of page: each node once, and in order.
#[test]
fn in_order_walks_visit_every_node_once() {
    for count in 0..200_u32 {
        let mut nodes = in_order(count).to_vec();
        for (rank, &node) in nodes.iter().enumerate() {
            let place = |child: u32| nodes.iter().position(|&other| other == child);
            assert!(place(2 * node + 1).is_none_or(|left| left < rank), "{count}: left of {node}");
            assert!(
                place(2 * node + 2).is_none_or(|right| right > rank),
                "{count}: right of {node}"
            );
        }
        nodes.sort_unstable();
        assert!(nodes.into_iter().eq(0..count), "{count}");
    }
}

// Guards the search against missing a record at any place of the tree, or finding what is not
// there (C10, C11).
#[test]
fn every_record_is_found_and_no_other() {
    let mut random = Random::new(7);
    for count in [1, 2, 128, 256, 1024] {
        let mut encoder = RecordPageEncoder::new(count);
        for round in 0..20 {
            let records: Vec<Record> = (0..count).map(|_| random.record()).collect();
            let mut page = vec![0; count as usize * 32];
            encoder.encode(&records, &mut page).unwrap();
            for record in &records {
                let found = search_record_page(&page, &record.name);
                assert_eq!(found, Some(record.data), "{count} records, round {round}");
            }
            assert_eq!(search_record_page(&page, &RecordName::new([0; 16])), None);
            assert_eq!(search_record_page(&page, &RecordName::new([255; 16])), None);
            assert_eq!(search_record_page(&page, &random.record().name), None);
        }
    }
}

// Guards fill records: copies of one record fill places that no other needs.
#[test]
fn copies_of_a_record_do_not_hide_others() {
    let mut records = vec![ranked(500); 1024];
    for rank in 0..10 {
        records[usize::from(rank) * 100] = ranked(rank * 100);
    }
    let mut page = vec![0; 32768];
    RecordPageEncoder::new(1024).encode(&records, &mut page).unwrap();
    for rank in 0..10 {
        assert!(search_record_page(&page, &ranked(rank * 100).name).is_some(), "{rank}");
    }
    assert_eq!(search_record_page(&page, &ranked(501).name), None);
}

// Guards against panics and endless walks on bytes that are no record page.
#[test]
fn any_bytes_can_be_searched() {
    let mut random = Random::new(9);
    for length in [0, 1, 31, 32, 33, 100, 4096] {
        let page: Vec<u8> = (0..length).map(|_| random.next() as u8).collect();
        assert_eq!(search_record_page(&page, &random.record().name), None, "{length}");
        assert_eq!(records_of_page(&page).len(), length / 32);
    }
}

// Guards against a page with places that nobody filled.
#[test]
fn wrong_sizes_are_refused() {
    let mut encoder = RecordPageEncoder::new(4);
    let records = [Record::default(); 5];
    for (count, bytes) in [(3, 128), (5, 128), (4, 127), (4, 160)] {
        let result = encoder.encode(&records[..count], &mut vec![0; bytes]);
        assert!(matches!(result, Err(VolumeError::Argument { .. })), "{count} in {bytes}");
    }
}

// Guards the check of a page's order: a sound page passes, and each swap of two records is seen.
#[test]
fn misplaced_records_are_seen() {
    let records: Vec<Record> = (0..128_u32)
        .map(|number| Record {
            name: RecordName::of_block(&number.to_le_bytes()),
            data: RecordData::default(),
        })
        .collect();
    let mut page = vec![0; 4096];
    RecordPageEncoder::new(128).encode(&records, &mut page).unwrap();
    let order = RecordPageOrder::new(128);
    assert_eq!(order.first_misplaced(&page), None);
    for (a, b) in [(0, 1), (5, 100), (126, 127), (63, 64)] {
        let mut swapped = page.clone();
        for byte in 0..32 {
            swapped.swap(a * 32 + byte, b * 32 + byte);
        }
        assert!(order.first_misplaced(&swapped).is_some(), "{a} and {b}");
        let lost =
            records.iter().filter(|record| search_record_page(&swapped, &record.name).is_none());
        assert!(lost.count() > 0);
    }
}
