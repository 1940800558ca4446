//! The map, its saved form and what it refuses (reliability C09).

use uds_geometry::{
    Configuration, CustomConfiguration, DeltaListNumber, Geometry, IndexPageNumber, MemorySize,
    PhysicalChapter, VirtualChapter, page_map_bytes,
};

use super::IndexPageMap;
use crate::error::{VolumeError, Wanted};
use crate::testing::Random;

fn list(number: u32) -> DeltaListNumber {
    DeltaListNumber::new(number)
}

fn page(number: u32) -> IndexPageNumber {
    IndexPageNumber::new(number)
}

/// The last lists of a chapter's index pages, ascending, the last of all included.
fn random_ends(geometry: &Geometry, random: &mut Random) -> Vec<u32> {
    let lists = geometry.delta_lists_per_chapter();
    let mut ends: Vec<u32> = (1..geometry.index_pages_per_chapter())
        .map(|_| (random.next() % u64::from(lists)) as u32)
        .collect();
    ends.push(lists - 1);
    ends.sort_unstable();
    ends
}

fn fill(map: &IndexPageMap, geometry: &Geometry, random: &mut Random) -> Vec<Vec<u32>> {
    (0..geometry.chapters_per_volume())
        .map(|slot| {
            let ends = random_ends(geometry, random);
            for (number, &end) in (0..).zip(&ends) {
                let chapter = VirtualChapter::new(u64::from(slot) + 5000);
                map.update(chapter, PhysicalChapter::new(slot), page(number), list(end)).unwrap();
            }
            ends
        })
        .collect()
}

// Guards the mapping of all lists of all chapters of a 1 GB index, through a save and a load.
#[test]
fn every_list_is_on_its_page_after_a_reload() {
    let geometry = Configuration::dense(MemorySize::gigabytes(1).unwrap()).geometry();
    let saved = IndexPageMap::new(&geometry);
    let ends = fill(&saved, &geometry, &mut Random::new(1));
    let mut bytes = Vec::new();
    saved.save(&mut bytes).unwrap();
    assert_eq!(bytes.len() as u64, page_map_bytes(&geometry));
    assert_eq!(saved.saved_bytes(), page_map_bytes(&geometry));

    let map = IndexPageMap::new(&geometry);
    map.load(&mut bytes.as_slice()).unwrap();
    assert_eq!(map.last_update(), VirtualChapter::new(5000 + 1023));
    for (slot, ends) in (0..).map(PhysicalChapter::new).zip(&ends) {
        for number in 0..geometry.delta_lists_per_chapter() {
            let expected = ends.iter().position(|&end| number <= end).unwrap();
            assert_eq!(map.page_for(slot, list(number)).unwrap(), page(expected as u32));
        }
        let mut next = 0;
        for (number, &end) in (0..).zip(ends) {
            let lists = map.lists_of(slot, page(number)).unwrap();
            assert_eq!(lists, list(next)..list(end + 1), "{slot:?} page {number}");
            next = end + 1;
        }
    }
}

// Guards the bytes of the format.
#[test]
fn the_saved_form_is_exact() {
    let custom = CustomConfiguration { chapters_per_volume: 2, ..CustomConfiguration::default() };
    let geometry = Configuration::custom(&custom).unwrap().geometry();
    assert_eq!(geometry.index_pages_per_chapter(), 3);
    let map = IndexPageMap::new(&geometry);
    let chapter = VirtualChapter::new(0x0102_0304_0506_0708);
    map.update(chapter, PhysicalChapter::new(1), page(0), list(0x103)).unwrap();
    map.update(chapter, PhysicalChapter::new(1), page(1), list(0x104)).unwrap();
    map.update(chapter, PhysicalChapter::new(1), page(2), list(511)).unwrap();
    let mut bytes = Vec::new();
    map.save(&mut bytes).unwrap();
    let expected = b"ALBIPM02\x08\x07\x06\x05\x04\x03\x02\x01\0\0\0\0\x03\x01\x04\x01";
    assert_eq!(bytes, expected);
}

// Guards against a damaged map that would send look-ups to wrong pages, or beyond the volume.
#[test]
fn damaged_maps_are_refused_and_change_nothing() {
    let geometry = Configuration::dense(MemorySize::MB_256).geometry();
    let map = IndexPageMap::new(&geometry);
    fill(&map, &geometry, &mut Random::new(2));
    let mut good = Vec::new();
    map.save(&mut good).unwrap();
    let refused = |at: usize, bytes: &[u8]| {
        let mut bad = good.clone();
        bad[at..at + bytes.len()].copy_from_slice(bytes);
        let error = map.load(&mut bad.as_slice()).unwrap_err();
        let mut after = Vec::new();
        map.save(&mut after).unwrap();
        assert_eq!(after, good, "a refused map changed the old one");
        match error {
            VolumeError::PageMapCorrupt { offset, found, wanted, .. } => (offset, found, wanted),
            other => panic!("{other}"),
        }
    };
    let magic = Wanted::Exactly(u64::from_le_bytes(*b"ALBIPM02"));
    assert_eq!(refused(0, b"ALBIPM01"), (0, u64::from_le_bytes(*b"ALBIPM01"), magic));
    assert_eq!(refused(16, &1024_u16.to_le_bytes()), (16, 1024, Wanted::Below(1024)));
    // The fifth entry of slot 3 falls below the fourth.
    let at = 16 + 2 * (3 * 5 + 3);
    let falling = [9_u8, 3, 8, 3];
    assert_eq!(refused(at, &falling), (at as u64 + 2, 0x308, Wanted::AtLeast(0x309)));

    let truncated = map.load(&mut &good[..good.len() - 1]);
    assert!(matches!(truncated, Err(VolumeError::PageMapIo { .. })));
}

// Guards the bounds that the reference only asserts (trap 50).
#[test]
fn places_outside_the_geometry_are_errors() {
    let geometry = Configuration::dense(MemorySize::MB_256).geometry();
    let map = IndexPageMap::new(&geometry);
    let slot = PhysicalChapter::new(0);
    let beyond = PhysicalChapter::new(1024);
    let chapter = VirtualChapter::ZERO;
    assert!(map.page_for(beyond, list(0)).is_err());
    assert!(map.page_for(slot, list(1024)).is_err());
    assert!(map.lists_of(slot, page(6)).is_err());
    assert!(map.lists_of(beyond, page(0)).is_err());
    assert!(map.update(chapter, beyond, page(0), list(0)).is_err());
    assert!(map.update(chapter, slot, page(6), list(0)).is_err());
    assert!(map.update(chapter, slot, page(0), list(1024)).is_err());
    assert_eq!(map.page_for(slot, list(1023)).unwrap(), page(5));
}

// Guards geometries with a single index page, whose rows are empty.
#[test]
fn a_single_index_page_has_all_lists() {
    let custom = CustomConfiguration {
        record_pages_per_chapter: 1,
        cache_chapters: 1,
        ..CustomConfiguration::default()
    };
    let geometry = Configuration::custom(&custom).unwrap().geometry();
    assert_eq!(geometry.index_pages_per_chapter(), 1);
    let map = IndexPageMap::new(&geometry);
    let slot = PhysicalChapter::new(3);
    let last = list(geometry.delta_lists_per_chapter() - 1);
    map.update(VirtualChapter::new(3), slot, page(0), last).unwrap();
    assert_eq!(map.page_for(slot, last).unwrap(), page(0));
    assert_eq!(map.lists_of(slot, page(0)).unwrap().start, list(0));
    let mut bytes = Vec::new();
    map.save(&mut bytes).unwrap();
    map.load(&mut bytes.as_slice()).unwrap();
    assert_eq!(map.last_update(), VirtualChapter::new(3));
}
