//! Looking into damaged indexes: damage is shown where it is, and nothing panics.

use std::sync::Arc;

use uds_geometry::{
    ChapterPage, Configuration, IndexPageNumber, LayoutSizes, PhysicalChapter, RecordPageNumber,
    VirtualChapter,
};
use uds_index::{Index, Inspector, Naming, SaveSlotState, SlotState, SlotSummary};
use uds_volume::sim::{Fault, SimDisk};
use uds_volume::{MemoryStorage, Operation, Storage};

use super::{summaries, window};
use crate::common::{BLOCK, Random, create_in, memory, post, scale, small, small_sparse};

const PAGE: usize = 4096;

/// A closed index of three chapters and a half.
fn image(configuration: &Configuration) -> Vec<u8> {
    let storage = memory(configuration, 0);
    let index = Index::create(storage.clone(), configuration, &create_in(1)).unwrap();
    post(&index, 0..u64::from(configuration.geometry().records_per_chapter()) * 7 / 2);
    index.close().unwrap();
    let mut bytes = vec![0; storage.len() as usize];
    storage.read_at(0, &mut bytes).unwrap();
    bytes
}

fn open(image: &[u8]) -> Inspector {
    Inspector::open(Arc::new(MemoryStorage::from_bytes(image)), 0).unwrap()
}

/// Where a page begins.
fn page_start(configuration: &Configuration, slot: u32, page: ChapterPage) -> usize {
    let number = configuration.geometry().physical_page(PhysicalChapter::new(slot), page).get();
    2 * BLOCK as usize + number as usize * PAGE
}

const fn index_page(number: u32) -> ChapterPage {
    ChapterPage::Index(IndexPageNumber::new(number))
}

const fn record_page(number: u32) -> ChapterPage {
    ChapterPage::Record(RecordPageNumber::new(number))
}

// Guards each kind of damage to index pages: the slot says what is wrong and on which page, and the
// other pages are shown all the same.
#[test]
fn damaged_slots_say_what_and_where() {
    let configuration = small(24, 6);
    let image = image(&configuration);
    let start = page_start(&configuration, 1, index_page(1));
    let cases: [(usize, u8, &str); 4] = [
        (0, 1, "nonce"),
        (8, 7, "belongs to chapter 6, but should to 1"),
        (16, 1, "delta lists"),
        (PAGE - 1, 0x10, "guard"),
    ];
    for (at, flip, words) in cases {
        let mut image = image.clone();
        image[start + at] ^= flip;
        let inspector = open(&image);
        let summaries = summaries(&inspector);
        let summary = &summaries[1];
        assert!(summary.is_loss() && summary.state == SlotState::Damaged, "{summary:?}");
        let (page, problem) = summary.problem().unwrap();
        assert_eq!((page.number.get(), page.offset), (1, start as u64), "{problem}");
        let mut text = problem.to_string();
        if let Some(source) = std::error::Error::source(problem) {
            text += &source.to_string();
        }
        assert!(text.contains(words), "{text}");
        assert!(summary.pages[0].problem.is_none() && summary.pages[0].entries.is_some());
        assert_eq!(summaries.iter().filter(|summary| summary.is_loss()).count(), 1);
        // Records whose list is on that page cannot be told; all others can.
        let contents = inspector.chapter(VirtualChapter::new(1)).unwrap();
        assert!(!contents.findings().is_empty());
        let (mut known, mut unknown) = (0, 0);
        for page in contents.record_pages() {
            for record in contents.records(page) {
                assert_eq!(record.index_page.is_none(), record.naming == Naming::Unknown);
                let is_known = record.naming == Naming::Indexed;
                assert!(is_known || record.naming == Naming::Unknown, "{record:?}");
                *if is_known { &mut known } else { &mut unknown } += 1;
            }
        }
        assert!(known > 0 && unknown > 0, "{known} known, {unknown} unknown");
    }
}

// Guards a chapter that is gone, and one that lies in another's place: the slot of the window is
// damaged, and whoever asks for the slot still gets its records.
#[test]
fn chapters_that_are_gone_or_elsewhere() {
    let configuration = small(24, 6);
    let mut image = image(&configuration);
    let bytes = configuration.geometry().pages_per_chapter() as usize * PAGE;
    let (first, second) = (
        page_start(&configuration, 0, index_page(0)),
        page_start(&configuration, 1, index_page(0)),
    );
    image.copy_within(first..first + bytes, second);
    let inspector = open(&image);
    let summaries = summaries(&inspector);
    assert!(summaries[1].is_loss());
    assert_eq!(summaries[1].chapter, Some(VirtualChapter::new(0)));
    assert_eq!(summaries[1].expected, Some(VirtualChapter::new(1)));
    let error = inspector.chapter(VirtualChapter::new(1)).unwrap_err().to_string();
    assert!(error.contains("slot 1, where it belongs, has chapter 0"), "{error}");
    let contents = inspector.chapter_in_slot(PhysicalChapter::new(1)).unwrap();
    assert_eq!(contents.chapter(), None);
    assert_eq!(contents.findings().len(), 1);
    let records: Vec<_> = contents.record_pages().flat_map(|page| contents.records(page)).collect();
    assert_eq!(records.len() as u32, configuration.geometry().records_per_chapter());
    assert!(records.iter().all(|record| record.naming == Naming::Unknown));
    // Zeroes where a chapter should be.
    image[second..second + bytes].fill(0);
    let inspector = open(&image);
    assert!(super::summaries(&inspector)[1].is_loss());
    let error = inspector.chapter(VirtualChapter::new(1)).unwrap_err().to_string();
    assert!(error.ends_with("has no chapter of this index"), "{error}");
}

// Guards a record that its chapter's index does not lead to any more: it is shown as lost, and only
// it.
#[test]
fn lost_records_are_told() {
    let configuration = small(3, 6);
    let mut image = image(&configuration);
    let start = page_start(&configuration, 2, record_page(1));
    // A byte of a name that places it in the chapter's index, but not in the order of its page.
    image[start + 32 * 50 + 13] ^= 1;
    let inspector = open(&image);
    let contents = inspector.chapter(VirtualChapter::new(2)).unwrap();
    let records = contents.record_pages().flat_map(|page| contents.records(page));
    let lost: Vec<_> = records
        .filter(|record| record.naming != Naming::Indexed)
        .map(|record| (record.page.get(), record.node, record.offset as usize, record.naming))
        .collect();
    assert!(matches!(lost[..], [(1, 50, at, Naming::Lost { .. })] if at == start + 32 * 50));
    assert!(!contents.findings().is_empty());
}

// Guards the page map: the one entry that differs from its page is told, with its place.
#[test]
fn a_page_map_that_differs() {
    let configuration = small(24, 6);
    let mut image = image(&configuration);
    let sizes = LayoutSizes::new(&configuration.geometry()).unwrap();
    let map = ((3 + sizes.volume_blocks) * BLOCK) as usize;
    let row = configuration.geometry().index_pages_per_chapter() as usize - 1;
    assert!(row > 0);
    let verdicts = |image: &[u8]| -> Vec<_> {
        let inspector = open(image);
        let map = inspector.page_map().unwrap();
        assert_eq!((map.save_slot(), map.last_update().get()), (0, 2));
        map.pages().unwrap().map(|page| (page.offset, page.agrees())).collect()
    };
    let sound = verdicts(&image);
    assert_eq!(sound.len(), 6 * row);
    for (number, verdict) in sound.iter().enumerate() {
        let is_used = number < 3 * row;
        assert_eq!(*verdict, ((map + 16 + 2 * number) as u64, is_used.then_some(true)));
    }
    let at = map + 16 + 2 * (row + 1);
    image[at] ^= 1;
    let changed = verdicts(&image);
    for (before, after) in sound.iter().zip(&changed) {
        let agrees = if after.0 == at as u64 { Some(false) } else { before.1 };
        assert_eq!(*after, (before.0, agrees));
    }
}

// Guards headers of save slots that make no sense: each is told, and the other slot still is.
#[test]
fn damaged_save_slots() {
    let configuration = small(2, 6);
    let image = image(&configuration);
    let sizes = LayoutSizes::new(&configuration.geometry()).unwrap();
    let save = ((2 + sizes.volume_blocks) * BLOCK) as usize;
    let mut damaged = image.clone();
    damaged[save] ^= 1;
    let saves = open(&damaged).saves();
    let SaveSlotState::Damaged(error) = &saves[0].state else { panic!("{saves:?}") };
    // Not "there is no index": nobody looked for one there.
    assert!(error.to_string().starts_with("the save slot at block"), "{error}");
    assert!(saves[0].regions.is_empty() && !saves[0].is_latest);
    assert!(matches!(saves[1].state, SaveSlotState::Unsaved));
    damaged[save..save + BLOCK as usize].fill(0);
    assert!(matches!(open(&damaged).saves()[0].state, SaveSlotState::Empty));
    // A stream that makes no sense: the header of the slot does not know.
    let mut damaged = image;
    damaged[save + 2 * BLOCK as usize] ^= 1;
    let inspector = open(&damaged);
    assert!(matches!(inspector.saves()[0].state, SaveSlotState::Saved(_)));
    let streams = inspector.stream_heads().unwrap().unwrap();
    assert!(streams.heads.is_empty());
    let (zone, error) = streams.problem.unwrap();
    assert_eq!(zone.get(), 0);
    assert!(error.to_string().contains("magic"), "{error}");
}

/// Looks at everything that can be looked at.
fn look_at_all(inspector: &Inspector) -> u64 {
    let mut seen = 0;
    let geometry = inspector.geometry();
    for summary in inspector.slots(&window(inspector)).unwrap() {
        assert!(summary.state != SlotState::Damaged || summary.problem().is_some());
        assert!(summary.state == SlotState::Damaged || summary.problem().is_none());
        let contents = inspector.chapter_in_slot(summary.slot).unwrap();
        for page in contents.record_pages() {
            seen += contents.records(page).count() as u64;
        }
        for page in (0..geometry.index_pages_per_chapter()).map(IndexPageNumber::new) {
            let Ok(page) = inspector.index_page(summary.slot, page) else { continue };
            for list in page.lists().flatten() {
                seen += list.entries().flatten().count() as u64;
            }
        }
        if let Some(chapter) = summary.chapter {
            let _ = inspector.chapter(chapter);
        }
    }
    if let Ok(map) = inspector.page_map() {
        seen += map.pages().unwrap().count() as u64;
    }
    seen += inspector.saves().len() as u64;
    let _ = inspector.stream_heads().unwrap();
    if let Ok(open) = inspector.open_chapter() {
        seen += open.flatten().count() as u64;
    }
    seen
}

// Guards against a panic, an endless walk, or a damaged slot without a problem, whatever bytes
// there are: half of the images lose much of some pages, half single bits.
#[test]
fn any_bytes_can_be_looked_at() {
    for (seed, configuration) in (0..).zip([small(3, 5), small_sparse(2, 9, 6, 4)]) {
        let sound = image(&configuration);
        let mut random = Random::new(seed);
        for round in 0..60 * scale() {
            let mut image = sound.clone();
            // The headers of the index stay: without them there is nothing to look at.
            let end = image.len() as u64;
            for _ in 0..1 + random.below(20) {
                let at = (2 * BLOCK + random.below(end - 2 * BLOCK)) as usize;
                if round % 2 == 0 {
                    image[at] ^= 1 << random.below(8);
                } else {
                    let length = (random.below(3000) as usize).min(image.len() - at);
                    for byte in &mut image[at..at + length] {
                        *byte = random.below(256) as u8;
                    }
                }
            }
            assert!(look_at_all(&open(&image)) > 0);
        }
    }
}

// Guards against pages that cannot be read and end the whole walk: they are told of, alone.
#[test]
fn pages_that_cannot_be_read() {
    let configuration = small(24, 6);
    let image = image(&configuration);
    for page in [index_page(1), record_page(5)] {
        let at = page_start(&configuration, 1, page) as u64;
        let disk = Arc::new(SimDisk::from_bytes(&image, 1));
        disk.inject(Fault::of(Operation::Read).within(at..at + 1).forever());
        let inspector = Inspector::open(disk, 0).unwrap();
        let losses: Vec<_> =
            summaries(&inspector).into_iter().filter(SlotSummary::is_loss).collect();
        let contents = inspector.chapter(VirtualChapter::new(1)).unwrap();
        let pages = contents.record_pages().count();
        if page == record_page(5) {
            assert_eq!((losses.len(), pages), (0, 23));
            assert_eq!(contents.records(RecordPageNumber::new(5)).count(), 0);
        } else {
            assert_eq!((losses.len(), pages), (1, 24));
            assert_eq!(losses[0].problem().unwrap().0.offset, at);
        }
        assert_eq!(contents.finding_count(), 1, "{:?}", contents.findings());
    }
}
