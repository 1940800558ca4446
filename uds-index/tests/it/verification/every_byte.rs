//! One bit is flipped in each byte of a part of an index, one at a time. Each must be told of, but
//! for those that the format does not use, or cannot check: these are listed here.

use std::collections::BTreeSet;
use std::ops::Range;

use uds_geometry::{Geometry, LayoutSizes};

use super::{image, verified_bytes, verified_plainly};
use crate::common::{BLOCK, scale, small};

/// The bytes of a range, counted from its start, whose change is not told of.
fn unseen(image: &[u8], range: Range<u64>, deep: bool) -> BTreeSet<u64> {
    let mut damaged = image.to_vec();
    let mut unseen = BTreeSet::new();
    for at in range.clone() {
        let bit = 1 << (at * 5 % 8);
        damaged[at as usize] ^= bit;
        let found = if deep { verified_bytes(&damaged) } else { verified_plainly(&damaged) };
        damaged[at as usize] ^= bit;
        if found.is_ok_and(|found| found.is_sound() && found.note_count == 0) {
            unseen.insert(at - range.start);
        }
    }
    unseen
}

/// Where the save slots begin, and where the chapter in a slot of the volume.
fn slots(geometry: &Geometry) -> ([u64; 2], impl Fn(u64) -> u64 + use<>) {
    let sizes = LayoutSizes::new(geometry).unwrap();
    let first = (2 + sizes.volume_blocks) * BLOCK;
    let pages = u64::from(geometry.pages_per_chapter());
    let page = u64::from(geometry.bytes_per_page());
    ([first, first + sizes.save_blocks() * BLOCK], move |slot| {
        2 * BLOCK + (1 + slot * pages) * page
    })
}

// Guards the header blocks: all of their bytes, used or not.
#[test]
fn headers() {
    for zones in [1, 3] {
        let configuration = small(1, 4);
        let image = image(&configuration, zones);
        let ([older, latest], _) = slots(&configuration.geometry());
        let regions = u64::from(image[latest as usize + 20]);
        let used = 24 + 24 * regions + 64;
        assert_eq!(unseen(&image, latest..latest + used, false), BTreeSet::new());
        // The oldest chapter of a save that is not used is in no other place.
        let oldest = 24 + 24 * regions + 40;
        let expected: BTreeSet<u64> = (oldest..oldest + 8).collect();
        assert_eq!(unseen(&image, older..older + used, false), expected, "{zones} zones");
        assert_eq!(unseen(&image, 0..304, false), BTreeSet::new(), "super block");
        // Of the configuration: the nonce of the client, which only they know, and how many
        // chapters the caches are made for.
        let unchecked = unseen(&image, BLOCK..BLOCK + 64, false);
        let expected: BTreeSet<u64> = (22..24).chain(42..50).collect();
        assert!(unchecked.is_subset(&expected), "{unchecked:?}");
        if scale() > 1 {
            for block in [0, BLOCK, older, latest] {
                let rest = unseen(&image, block + 320..block + BLOCK, false);
                assert_eq!(rest, BTreeSet::new(), "bytes that nothing reads");
            }
        }
    }
}

// Guards the index pages: every byte but those between the last list and the guard.
#[test]
fn index_pages() {
    let configuration = small(1, 4);
    let geometry = configuration.geometry();
    let image = image(&configuration, 1);
    let (_, chapter) = slots(&geometry);
    let window = verified_bytes(&image).unwrap().window;
    for number in window.start.get()..window.end.get() {
        let start = chapter(number % 4);
        let page = &image[start as usize..][..4096];
        let lists = u64::from(u16::from_le_bytes([page[18], page[19]]));
        let bit = 160 + 19 * lists;
        let word = page[bit as usize / 8..][..4].try_into().unwrap();
        let end = u64::from(u32::from_le_bytes(word) >> (bit % 8) & 0x7_ffff);
        let used = unseen(&image, start..start + end / 8, false);
        assert_eq!(used, BTreeSet::new(), "chapter {number}");
        let guard = unseen(&image, start + 4096 - 7..start + 4096, false);
        assert_eq!(guard, BTreeSet::new(), "chapter {number}");
        let free = start + end.div_ceil(8)..start + end.div_ceil(8) + 10;
        assert_eq!(unseen(&image, free, false).len(), 10, "what nothing reads is no damage");
    }
}

// Guards the index page map: every entry for a chapter of the window, and what is before them.
#[test]
fn page_map() {
    let configuration = small(32, 4);
    let geometry = configuration.geometry();
    let row = 2 * (u64::from(geometry.index_pages_per_chapter()) - 1);
    assert!(row >= 4);
    let image = image(&configuration, 1);
    let ([_, latest], _) = slots(&geometry);
    let open = verified_plainly(&image).unwrap().window.end.get() % 4;
    let unseen = unseen(&image, latest + BLOCK..latest + BLOCK + 16 + 4 * row, false);
    // The slot of the open chapter has nothing that the map could agree with.
    let unused = 16 + open * row..16 + (open + 1) * row;
    assert!(unseen.iter().all(|at| unused.contains(at)), "{unseen:?}, {unused:?}");
}

// Guards the saved open chapter: its header, and the bytes of its names that an index uses.
#[test]
fn open_chapter() {
    let configuration = small(1, 4);
    let sizes = LayoutSizes::new(&configuration.geometry()).unwrap();
    for zones in [1, 3] {
        let image = image(&configuration, zones);
        let ([_, latest], _) = slots(&configuration.geometry());
        let blocks = sizes.volume_index_blocks / u64::from(zones) * u64::from(zones);
        let start = latest + (1 + sizes.page_map_blocks + blocks) * BLOCK;
        assert_eq!(&image[start as usize..][..10], b"ALBOC02.00");
        assert_eq!(unseen(&image, start..start + 14, true), BTreeSet::new());
        // 20 bits of address, 8 of list.
        for record in 0..10 {
            let name = start + 14 + 32 * record;
            assert_eq!(unseen(&image, name + 5..name + 8, true), BTreeSet::new());
        }
    }
}

// Guards the names on record pages: the bytes that place them in their chapter's index, and those
// that place them in the volume index.
#[test]
fn names_of_records() {
    let configuration = small(2, 4);
    let geometry = configuration.geometry();
    let image = image(&configuration, 1);
    let (_, chapter) = slots(&geometry);
    let page = chapter(5 % 4) + 4096;
    for record in (0..128).step_by(11) {
        let name = page + 32 * record;
        assert_eq!(unseen(&image, name + 11..name + 14, false), BTreeSet::new());
        assert_eq!(unseen(&image, name + 5..name + 8, true), BTreeSet::new());
    }
}

// Guards the saved volume index: its headers, and the sizes of its lists.
#[test]
fn volume_index() {
    let configuration = small(1, 4);
    let image = image(&configuration, 1);
    let ([_, latest], _) = slots(&configuration.geometry());
    let start = latest + 2 * BLOCK;
    assert_eq!(&image[start as usize..][..8], b"MI5-0005");
    assert_eq!(unseen(&image, start..start + 40, false), BTreeSet::new());
    // A list's own lower bound of its chapters may be too low: it is walked once more then.
    let header = start + 40 + 8 * 256;
    assert_eq!(&image[header as usize..][..8], b"DI-00002");
    assert_eq!(unseen(&image, header..header + 40 + 2 * 256, false), BTreeSet::new());
    // Of the lists: what comes of the entries of chapters that have been forgotten does not
    // matter, and an entry may seem to be one of them.
    let lists = header + 40 + 2 * 256;
    let unseen = unseen(&image, lists..lists + 600, true);
    assert!(unseen.len() < 300, "{} of 600 are not seen", unseen.len());
}
