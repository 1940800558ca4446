//! Damage of each kind, found where it is.

use std::sync::Arc;

use uds_geometry::{
    ChapterPage, Configuration, IndexPageNumber, LayoutSizes, RecordPageNumber, VirtualChapter,
};
use uds_index::{
    Cause, Finding, Index, Region, Severity, Verification, VerifiedState, VerifyControl,
    VerifyOptions, verify,
};
use uds_volume::sim::{Fault, SimDisk};
use uds_volume::{Operation, Storage};

use super::{image, lines, verified, verified_bytes};
use crate::common::{BLOCK, create_in, memory, post_singly, small, small_sparse};

const PAGE: usize = 4096;

/// Where a page of a chapter begins, in an index without an offset.
fn page_start(configuration: &Configuration, chapter: u64, page: ChapterPage) -> usize {
    let geometry = configuration.geometry();
    let slot = geometry.physical_chapter(VirtualChapter::new(chapter));
    2 * BLOCK as usize + geometry.physical_page(slot, page).get() as usize * PAGE
}

const fn index_page(number: u32) -> ChapterPage {
    ChapterPage::Index(IndexPageNumber::new(number))
}

const fn record_page(number: u32) -> ChapterPage {
    ChapterPage::Record(RecordPageNumber::new(number))
}

/// The damage on pages of chapters, by chapter and page.
fn pages(found: &Verification) -> Vec<(u64, ChapterPage)> {
    let place = |finding: &Finding| match finding.region {
        Region::Chapter { chapter: Some(chapter), page, .. } => (chapter.get(), page),
        _ => panic!("{finding}"),
    };
    let damage = |finding: &&Finding| finding.severity == Severity::Damage;
    let mut pages: Vec<_> = found.findings.iter().filter(damage).map(place).collect();
    pages.sort_unstable();
    pages
}

fn swap(image: &mut [u8], a: usize, b: usize, bytes: usize) {
    for at in 0..bytes {
        image.swap(a + at, b + at);
    }
}

// Guards against chapters in each other's places, and against one that is gone.
#[test]
fn chapters_that_are_not_where_they_belong() {
    for configuration in [small(2, 6), small_sparse(2, 9, 6, 4)] {
        let image = image(&configuration, 1);
        let window = verified_bytes(&image).unwrap().window;
        let newest = window.end.get() - 1;
        let chapter_bytes = configuration.geometry().pages_per_chapter() as usize * PAGE;
        let start = |chapter| page_start(&configuration, chapter, index_page(0));

        let mut swapped = image.clone();
        swap(&mut swapped, start(newest - 2), start(newest - 1), chapter_bytes);
        let found = verified_bytes(&swapped).unwrap();
        let expected = [(newest - 2, index_page(0)), (newest - 1, index_page(0))];
        assert_eq!(pages(&found), expected, "{:#?}", lines(&found));
        let is_other = |finding: &Finding| matches!(finding.cause, Cause::OtherChapter { .. });
        assert!(found.findings.iter().all(is_other));
        let deep = found.checked.deep.clone().unwrap();
        assert!(deep.entries_not_checked > 0 && deep.entries_dangling == 0, "{deep:?}");

        for gone in [newest - 2, newest] {
            let mut damaged = image.clone();
            damaged[start(gone)..][..chapter_bytes].fill(0);
            let found = verified_bytes(&damaged).unwrap();
            assert_eq!(pages(&found), [(gone, index_page(0))], "{:#?}", lines(&found));
            let offset = start(gone) as u64;
            assert_eq!(found.findings[0].offset, offset);
        }
    }
}

// Guards record pages: records in each other's places, on a page and across pages, a name that has
// changed, data of a copy that differs, and a lost sector.
#[test]
fn records_that_are_not_where_they_belong() {
    let configuration = small(3, 6);
    let image = image(&configuration, 1);
    let chapter = verified_bytes(&image).unwrap().window.start.get() + 1;
    let start = |page| page_start(&configuration, chapter, record_page(page));
    let check = |what: &str, expected: &[u32], damage: &dyn Fn(&mut Vec<u8>)| {
        let mut damaged = image.clone();
        damage(&mut damaged);
        let found = verified_bytes(&damaged).unwrap();
        let mut pages = pages(&found);
        pages.dedup();
        let expected: Vec<_> = expected.iter().map(|&page| (chapter, record_page(page))).collect();
        assert_eq!(pages, expected, "{what}: {:#?}", lines(&found));
        found
    };
    let found = check("two records of a page", &[1], &|image| {
        swap(image, start(1) + 5 * 32, start(1) + 99 * 32, 32);
    });
    let unfound = found.findings.iter().find_map(|finding| match finding.cause {
        Cause::RecordOrder { unfound, .. } => Some(unfound),
        _ => None,
    });
    assert!(unfound > Some(0), "{:#?}", lines(&found));
    check("two pages", &[0, 2], &|image| swap(image, start(0), start(2), PAGE));
    check("two sectors", &[0, 1], &|image| swap(image, start(0) + 512, start(1) + 512, 512));
    check("a lost sector", &[2], &|image| image[start(2) + 1024..][..512].fill(0));
    let found = check("a name", &[1], &|image| image[start(1) + 126 * 32 + 13] ^= 1);
    let is_one = |finding: &Finding| matches!(finding.cause, Cause::NotIndexed { records: 1, .. });
    assert!(found.findings.iter().any(is_one), "{:#?}", lines(&found));
}

// Guards the copies that fill places: they are compared.
#[test]
fn copies_with_different_data_are_damage() {
    let configuration = small(2, 5);
    let storage = memory(&configuration, 0);
    let index = Index::create(storage.clone(), &configuration, &create_in(1)).unwrap();
    post_singly(&index, 0..200);
    for counter in 0..40 {
        index.delete(crate::common::name(counter)).unwrap();
    }
    post_singly(&index, 200..300);
    index.close().unwrap();
    let image = storage.to_vec();
    let found = verified_bytes(&image).unwrap();
    assert_eq!((found.damage_count, found.checked.copies), (0, 40), "{:#?}", lines(&found));
    // Copies lie beside one another in the order of names: look for two.
    let records = &image[page_start(&configuration, 0, record_page(0))..][..2 * PAGE];
    let name = |at: usize| &records[at * 32..][..16];
    let copy = (0..256).find(|&at| (0..at).any(|before| name(before) == name(at))).unwrap();
    let mut damaged = image.clone();
    damaged[page_start(&configuration, 0, record_page(0)) + copy * 32 + 20] ^= 4;
    let found = verified_bytes(&damaged).unwrap();
    assert!(matches!(found.findings[..], [Finding { cause: Cause::CopiesDiffer { .. }, .. }]));
}

// Guards the save: damage in each of its parts is told of there, and the index said to need a
// recovery where it will.
#[test]
fn each_part_of_the_save() {
    let configuration = small(2, 5);
    let sizes = LayoutSizes::new(&configuration.geometry()).unwrap();
    for zones in [1_u8, 3] {
        let image = image(&configuration, zones);
        let latest = (2 + sizes.volume_blocks + sizes.save_blocks()) * BLOCK;
        let page_map = latest + BLOCK;
        let zone_blocks = sizes.volume_index_blocks / u64::from(zones);
        let index =
            |zone: u8| latest + (1 + sizes.page_map_blocks + u64::from(zone) * zone_blocks) * BLOCK;
        let open = index(zones);
        let mut parts = vec![
            (latest + 20, latest, "save slot 1, header", true),
            (page_map + 3, page_map, "save slot 1, index page map", false),
            (page_map + 9, page_map + 8, "save slot 1, index page map", true),
            (open + 1, open, "save slot 1, open chapter", false),
            (open + 13, open, "save slot 1, open chapter", false),
        ];
        let last = zones - 1;
        let text = format!("save slot 1, volume index of zone {last}");
        let lists = 256_u64.div_ceil(u64::from(zones));
        let own = if last == 0 { lists } else { 256 - lists * u64::from(last) };
        let items = index(last) + 40 + 8 * own + 40 + 2 * own;
        parts.push((items + 5, index(last), &text, false));
        for (at, offset, region, is_usable) in parts {
            let mut damaged = image.clone();
            damaged[at as usize] ^= 2;
            let found = verified_bytes(&damaged).unwrap();
            let lines = lines(&found);
            let told = found.findings.iter().find(|finding| {
                finding.region.to_string() == region && finding.severity == Severity::Damage
            });
            let told = told.unwrap_or_else(|| panic!("{region} at {at}: {lines:#?}"));
            assert_eq!(told.offset, offset, "{told}");
            let is_unusable = matches!(found.state, VerifiedState::SaveUnusable);
            assert_eq!(is_unusable, !is_usable, "{region}: {:?}", found.state);
        }
    }
}

// Guards entries of the volume index whose chapter has changed: they lead nowhere. In an index that
// no change of zones can have left so, that is damage.
#[test]
fn entries_that_lead_nowhere() {
    let configuration = small(2, 5);
    let image = image(&configuration, 1);
    let sizes = LayoutSizes::new(&configuration.geometry()).unwrap();
    let latest = (2 + sizes.volume_blocks + sizes.save_blocks()) * BLOCK;
    let items = (latest + 2 * BLOCK + 40 + 8 * 256 + 40 + 2 * 256) as usize;
    let mut dangling = 0;
    for bit in 0..3 {
        // The first three bits of a list are the chapter of its first entry.
        let mut damaged = image.clone();
        damaged[items + 8] ^= 1 << bit;
        let found = verified_bytes(&damaged).unwrap();
        for finding in &found.findings {
            let is_there = matches!(finding.region, Region::VolumeIndex { slot: 1, .. });
            assert!(is_there && finding.list.is_some(), "{finding}");
            dangling += u32::from(matches!(finding.cause, Cause::Dangling { entries: 1, .. }));
        }
    }
    assert!(dangling > 0);
}

// Guards against a device that cannot be read in places: they are told of, and all else is
// examined.
#[test]
fn pages_that_cannot_be_read() {
    let configuration = small(3, 6);
    let image = image(&configuration, 1);
    let sizes = LayoutSizes::new(&configuration.geometry()).unwrap();
    let sound = verified_bytes(&image).unwrap();
    let chapter = sound.window.start.get() + 1;
    let latest = (2 + sizes.volume_blocks + sizes.save_blocks()) * BLOCK;
    let index = page_start(&configuration, chapter, index_page(0)) as u64;
    let record = page_start(&configuration, chapter, record_page(2)) as u64;
    let text = |page| format!("chapter {chapter} in slot {}, {page}", chapter % 6);
    for (at, region) in [
        (index, text("index page 0")),
        (record, text("record page 2")),
        (latest, "save slot 1, header".into()),
        (latest + BLOCK, "save slot 1, index page map".into()),
        (latest + 2 * BLOCK, "save slot 1, volume index of zone 0".into()),
        (latest + (2 + sizes.volume_index_blocks) * BLOCK, "save slot 1, open chapter".into()),
    ] {
        let disk = Arc::new(SimDisk::from_bytes(&image, 1));
        disk.inject(Fault::of(Operation::Read).within(at..at + 1).forever());
        let storage: Arc<dyn Storage> = disk.clone();
        let found = verified(&storage, 0);
        let lines = lines(&found);
        let told = found.findings.iter().find(|finding| finding.region.to_string() == region);
        let told = told.unwrap_or_else(|| panic!("{region}: {lines:#?}"));
        assert!(matches!(told.cause, Cause::Unreadable(_)), "{told}");
        assert_eq!(told.offset, at, "{told}");
        if at == record {
            assert_eq!(lines.len(), 1, "{lines:#?}");
            assert_eq!(found.checked.records, sound.checked.records - 128);
            let deep = found.checked.deep.clone().unwrap();
            assert!(deep.entries_not_checked > 0 && deep.entries_dangling == 0, "{deep:?}");
        }
    }
    // The super block alone is an error.
    let disk = Arc::new(SimDisk::from_bytes(&image, 1));
    disk.inject(Fault::of(Operation::Read).within(0..1).forever());
    assert!(verify(disk, &VerifyOptions::default(), &VerifyControl::new()).is_err());
}

// Guards an index that has to be recovered: damage in old chapters is damage all the same.
#[test]
fn damage_behind_an_unclean_end() {
    let configuration = small(2, 6);
    let chapters = 9;
    let disk = Arc::new(SimDisk::new(crate::common::bytes_of(&configuration), 1));
    let index = Index::create(disk.clone(), &configuration, &create_in(1)).unwrap();
    post_singly(&index, 0..256 * chapters + 7);
    index.flush().unwrap();
    drop(index);
    let image = disk.to_vec();
    for chapter in 4..9 {
        for page in [index_page(0), record_page(1)] {
            let mut damaged = image.clone();
            let at = page_start(&configuration, chapter, page);
            damaged[at + 77] ^= 1;
            let found = verified_bytes(&damaged).unwrap();
            if chapter == 8 {
                // Nobody can tell whether the newest one was complete.
                assert!(found.is_sound() && found.note_count > 0, "{:#?}", lines(&found));
                continue;
            }
            assert_eq!(pages(&found), [(chapter, page)], "{:#?}", lines(&found));
            assert!(matches!(found.state, VerifiedState::NeedsRecovery(_)));
        }
        // Wholly gone, or overwritten by another.
        let mut gone = image.clone();
        let start = page_start(&configuration, chapter, index_page(0));
        gone[start..][..3 * PAGE].fill(0);
        let found = verified_bytes(&gone).unwrap();
        assert_eq!(found.is_sound(), chapter == 8, "{chapter}: {:#?}", lines(&found));
    }
}
