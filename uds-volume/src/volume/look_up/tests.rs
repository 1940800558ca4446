//! Look-ups that a writer overtakes between any two of their steps.

use uds_geometry::{
    ChapterPage, Configuration, CustomConfiguration, IndexPageNumber, Nonce, Record,
    RecordPageNumber, VirtualChapter,
};

use super::Held;
use crate::cache::table::Page;
use crate::error::VolumeError;
use crate::storage::MemoryStorage;
use crate::sync::Arc;
use crate::testing::Random;
use crate::volume::{ChapterScratch, Volume};

const INDEX_PAGE: ChapterPage = ChapterPage::Index(IndexPageNumber::new(0));
const RECORD_PAGE: ChapterPage = ChapterPage::Record(RecordPageNumber::new(0));

/// A search that finds something on any page.
fn anything(_: &Page) -> Result<Option<()>, VolumeError> {
    Ok(Some(()))
}

/// A volume with chapter 0 in its slot 0, nothing cached, and a look-up that has just begun.
fn begun() -> (Volume, Held, Record) {
    let custom = CustomConfiguration { record_pages_per_chapter: 2, ..Default::default() };
    let geometry = Configuration::custom(&custom).unwrap().geometry();
    let storage = Arc::new(MemoryStorage::new(geometry.bytes_per_volume()));
    let volume = Volume::new(storage, geometry.clone(), 0, Nonce::new(1)).unwrap();
    let mut random = Random::new(1);
    let records: Vec<Record> = (0..2048).map(|_| random.record()).collect();
    let mut scratch = ChapterScratch::new(&geometry).unwrap();
    volume.write_chapter(VirtualChapter::ZERO, &records, &[], &mut scratch).unwrap();
    let slot = geometry.physical_chapter(VirtualChapter::ZERO);
    volume.cache.forget(volume.pages_of(slot));
    let held = Held { chapter: VirtualChapter::ZERO, slot, state: volume.slots.state(slot) };
    (volume, held, records[0])
}

// Guards the cache against pages that are read after the writer has dropped those of the slot:
// they would be found again in the new chapter.
#[test]
fn a_look_up_that_comes_too_late_loads_nothing() {
    let (volume, held, _) = begun();
    // What a writer does first.
    volume.slots.vacate(held.slot);
    volume.cache.forget(volume.pages_of(held.slot));

    let before = volume.statistics().pages_read;
    assert!(volume.in_page(held, RECORD_PAGE, anything).unwrap().is_none());
    assert!(volume.in_page(held, INDEX_PAGE, anything).unwrap().is_none());
    assert_eq!(volume.statistics().pages_read, before);
    volume.slots.hold(held.slot, VirtualChapter::new(4));
    assert!(volume.in_page(held, RECORD_PAGE, anything).unwrap().is_none());
}

// Guards the answer: neither a find nor an error of an overtaken look-up may come out.
#[test]
fn an_overtaken_look_up_finds_nothing() {
    let (volume, held, record) = begun();
    let mut overtake = false;
    for expected in [Some(record.data), None] {
        let found = volume.while_held(held.chapter, |held| {
            let found = volume.in_page(held, RECORD_PAGE, |page| {
                Ok(crate::search_record_page(&page.bytes, &record.name))
            });
            if overtake {
                volume.forget_chapter(held.chapter);
            }
            found
        });
        assert_eq!(found.unwrap(), expected);
        overtake = true;
    }
    let never = volume.while_held(held.chapter, |_| -> Result<Option<()>, _> {
        panic!("a chapter that is gone was searched")
    });
    assert_eq!(never.unwrap(), None);
}
