//! Chapters to write, and volumes to write them to.

use std::sync::Arc;

use uds_geometry::{
    Configuration, CustomConfiguration, Geometry, Nonce, Record, RecordData, RecordName,
    VirtualChapter,
};
use uds_volume::{ChapterScratch, Storage, Volume};

/// The nonce of all test volumes.
pub(crate) const NONCE: Nonce = Nonce::new(0x1234_5678_9abc_def0);
/// Where test volumes start on their storage: as in an index whose layout starts at 0.
pub(crate) const START: u64 = 8192;

/// Pages of 4 KiB, and as many record pages and chapters as given.
pub(crate) fn small_geometry(record_pages: u32, chapters: u32) -> Geometry {
    let custom = CustomConfiguration {
        bytes_per_page: 4096,
        record_pages_per_chapter: record_pages,
        chapters_per_volume: chapters,
        ..CustomConfiguration::default()
    };
    Configuration::custom(&custom).expect("the numbers are in range").geometry()
}

/// Bytes of a storage for a test volume.
pub(crate) fn storage_bytes(geometry: &Geometry) -> u64 {
    START + geometry.bytes_per_volume()
}

pub(crate) fn open(storage: Arc<dyn Storage>, geometry: &Geometry) -> Volume {
    Volume::new(storage, geometry.clone(), START, NONCE).expect("the storage is long enough")
}

/// A volume on `storage` that knows what `map` knew.
pub(crate) fn reopen(storage: Arc<dyn Storage>, map: &Volume) -> Volume {
    let mut saved = Vec::new();
    map.page_map().save(&mut saved).expect("a vector takes all");
    let volume = open(storage, map.geometry());
    volume.page_map().load(&mut saved.as_slice()).expect("a saved map can be loaded");
    volume
}

pub(crate) fn scratch(geometry: &Geometry) -> ChapterScratch {
    ChapterScratch::new(geometry).expect("the geometry is sound")
}

/// Record `position` of a chapter: its name is unique, and its data says where it is from.
pub(crate) fn record(chapter: VirtualChapter, position: u32) -> Record {
    let number = u128::from(chapter.get()) << 32 | u128::from(position);
    Record {
        name: RecordName::of_block(&number.to_le_bytes()),
        data: RecordData::new(number.to_le_bytes()),
    }
}

/// All records of a chapter.
pub(crate) fn records(geometry: &Geometry, chapter: VirtualChapter) -> Vec<Record> {
    (0..geometry.records_per_chapter()).map(|position| record(chapter, position)).collect()
}

/// Writes a chapter of [`records`].
pub(crate) fn write(volume: &Volume, chapter: VirtualChapter, scratch: &mut ChapterScratch) {
    let records = records(volume.geometry(), chapter);
    let report = volume.write_chapter(chapter, &records, &[], scratch).expect("all is well");
    assert_eq!((report.overflowed, report.evicted), (0, 0), "{chapter:?}");
}

/// Checks that every record of a chapter is found.
pub(crate) fn assert_all_found(volume: &Volume, chapter: VirtualChapter) {
    for (position, record) in records(volume.geometry(), chapter).iter().enumerate() {
        let found = volume.find_record(chapter, &record.name).expect("all is well");
        assert_eq!(found, Some(record.data), "{chapter:?}, record {position}");
    }
}

/// Checks that no record of a chapter is found, and that looking is no error.
pub(crate) fn assert_none_found(volume: &Volume, chapter: VirtualChapter) {
    for record in records(volume.geometry(), chapter) {
        assert_eq!(volume.find_record(chapter, &record.name).expect("all is well"), None);
    }
}

pub(crate) const fn chapter(number: u64) -> VirtualChapter {
    VirtualChapter::new(number)
}
