//! Tests of the page form.

use uds_geometry::{DeltaCoding, DeltaKey, DeltaListNumber, Nonce, RecordName, VirtualChapter};

use super::{IndexPageHeader, lists_that_fit, write_page};
use crate::coding::EntryCoding;
use crate::{DeltaZone, Insertion, ZoneConfiguration};

const NONCE: Nonce = Nonce::new(0x1122_3344_5566_7788);
const CHAPTER: VirtualChapter = VirtualChapter::new(5);

/// The two lists of example 14.3.
fn worked_zone() -> DeltaZone {
    let mut zone = DeltaZone::new(&ZoneConfiguration {
        first_list: DeltaListNumber::new(0),
        list_count: 2,
        memory_bytes: 65536,
        coding: DeltaCoding::chapter_index(),
        value_bits: 6,
    })
    .unwrap();
    for (list, key, value) in [(0, 100, 2), (1, 30000, 1), (1, 130_000, 63)] {
        let (list, key) = (DeltaListNumber::new(list), DeltaKey::new(key));
        let mut cursor = zone.find(list, key, &RecordName::default()).unwrap();
        assert_eq!(zone.insert(&mut cursor, key, value, None).unwrap(), Insertion::Inserted);
    }
    zone
}

/// The page of example 14.3.
fn worked_page() -> Vec<u8> {
    let zone = worked_zone();
    // Bytes from an earlier use: free bits must become zero.
    let mut page = vec![0xa5; 64];
    let views: Vec<_> = zone.views().map(|(_, view)| view).collect();
    let sizes = views.iter().map(|view| view.size.into());
    assert_eq!(lists_that_fit(page.len(), sizes).unwrap(), 2);
    write_page(&mut page, NONCE, CHAPTER, 0, views.into_iter()).unwrap();
    page
}

// Guards the page form bit for bit (example 14.3).
#[test]
fn the_worked_page() {
    let expected = "\
        88 77 66 55 44 33 22 11 05 00 00 00 00 00 00 00 00 00 02 00 d9 00 78 07 80 47 00 04 32 80 \
        00 a6 ee ef 52 2d 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 ff ff ff \
        ff ff ff ff";
    let expected: Vec<u8> =
        expected.split(' ').map(|byte| u8::from_str_radix(byte, 16).unwrap()).collect();
    let page = worked_page();
    assert_eq!(page, expected);
    let header = IndexPageHeader::parse(&page, NONCE).unwrap();
    assert_eq!(header.chapter(), CHAPTER);
    assert_eq!(header.highest_list(), Some(DeltaListNumber::new(1)));

    let coding = EntryCoding::new(DeltaCoding::chapter_index(), 6).unwrap();
    let list = header.list(&page, DeltaListNumber::new(1), &coding).unwrap();
    assert_eq!(list.size, 286 - 239);
}
