//! Tests of the page form.

use uds_geometry::{DeltaCoding, DeltaKey, DeltaListNumber, Nonce, RecordName, VirtualChapter};

use super::{IndexPageHeader, lists_that_fit, write_page};
use crate::coding::EntryCoding;
use crate::{DeltaError, DeltaZone, Insertion, ZoneConfiguration};

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
        key_bits: 20,
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

// Guards pages of old big-endian writers: header fields in the other order, the rest as usual.
#[test]
fn big_endian_headers_are_read() {
    let mut page = worked_page();
    for field in [0..8, 8..16, 16..18, 18..20] {
        page[field].reverse();
    }
    let header = IndexPageHeader::parse(&page, NONCE).unwrap();
    assert_eq!(header, IndexPageHeader::parse(&worked_page(), NONCE).unwrap());
}

/// Damages the worked page and returns the field that the error names.
fn refusal(damage: impl FnOnce(&mut Vec<u8>)) -> &'static str {
    let mut page = worked_page();
    damage(&mut page);
    match IndexPageHeader::parse(&page, NONCE).unwrap_err() {
        DeltaError::CorruptPage { field, .. } => field,
        error => panic!("{error}"),
    }
}

/// Overwrites offset `index` of a page.
fn set_offset(page: &mut [u8], index: u64, offset: u64) {
    crate::bits::store(page, 160 + 19 * index, 19, offset);
}

// Guards each check of a page: every one is fed the wrong thing.
#[test]
fn damaged_pages_are_refused() {
    assert_eq!(refusal(|page| page[0] ^= 1), "nonce");
    assert_eq!(refusal(|page| page[18] = 19), "list count");
    assert_eq!(refusal(|page| page[18] = 3), "offset of the first list");
    assert_eq!(refusal(|page| set_offset(page, 0, 218)), "offset of the first list");
    assert_eq!(refusal(|page| set_offset(page, 1, 216)), "offset of a list");
    assert_eq!(refusal(|page| set_offset(page, 2, 238)), "offset of a list");
    assert_eq!(refusal(|page| set_offset(page, 2, 8 * 57 + 1)), "end of the last list");
    for byte in 57..64 {
        assert_eq!(refusal(|page| page[byte] = 0xfe), "guard");
    }
    for length in [0, 1, 19, 20, 29] {
        assert_eq!(refusal(|page| page.truncate(length)), "page size");
    }
    // A page that was never written, in both fills.
    assert_eq!(refusal(|page| page.fill(0)), "nonce");
    assert_eq!(refusal(|page| page.fill(0xff)), "nonce");
}

// Guards against a header that is used with another page's bytes: nothing may be read from there
// unchecked.
#[test]
fn a_header_with_other_bytes_reads_nothing() {
    let header = IndexPageHeader::parse(&worked_page(), NONCE).unwrap();
    let coding = EntryCoding::new(DeltaCoding::chapter_index(), 6).unwrap();
    for page in [vec![0xff; 64], vec![], vec![0xff; 20]] {
        let list = header.list(&page, DeltaListNumber::new(1), &coding);
        if let Ok(list) = list {
            assert_eq!(list.size, 0, "nothing but an empty list is within these bytes");
        }
    }
    let beyond = header.list(&[], DeltaListNumber::new(2), &coding);
    assert!(matches!(beyond, Err(DeltaError::NoSuchList { count: 2, .. })));
}

// Guards the rule of what fits: each list costs its bits and 19, of the bits that the header, one
// offset and the guard leave.
#[test]
fn what_fits_a_page() {
    let free = 8 * 32768 - 179 - 56;
    assert_eq!(free, 261_909);
    assert_eq!(lists_that_fit(32768, [free - 19]).unwrap(), 1);
    assert_eq!(lists_that_fit(32768, [free - 18]).unwrap(), 0);
    assert_eq!(lists_that_fit(32768, [free - 38, 0]).unwrap(), 2);
    assert_eq!(lists_that_fit(32768, [free - 37, 0]).unwrap(), 1);
    assert_eq!(lists_that_fit(32768, []).unwrap(), 0);
    assert_eq!(lists_that_fit(32768, [0; 20000]).unwrap(), 13784);
    // Less than one offset free: no page at all.
    assert!(matches!(lists_that_fit(31, [0]), Err(DeltaError::PageTooSmall { page_bytes: 31 })));
    assert!(lists_that_fit(0, [0]).is_err());
    assert_eq!(lists_that_fit(32, [0]).unwrap(), 1);
}

// Guards a page whose lists come behind all others: its first list has to fit 16 bits.
#[test]
fn list_numbers_beyond_the_header_are_refused() {
    let mut page = vec![0; 64];
    let none = std::iter::empty::<crate::list::ListView<'_>>;
    write_page(&mut page, NONCE, CHAPTER, 65535, none()).unwrap();
    let header = IndexPageHeader::parse(&page, NONCE).unwrap();
    assert_eq!((header.lowest_list().get(), header.highest_list()), (65535, None));
    let error = write_page(&mut page, NONCE, CHAPTER, 65536, none()).unwrap_err();
    assert!(matches!(error, DeltaError::InvalidArgument { found: 65536, .. }), "{error}");
}
