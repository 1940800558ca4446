//! Chapters, written and found (reliability C30 and C31).

use std::collections::HashSet;
use std::sync::Arc;

use uds_geometry::{
    ChapterPage, Configuration, Geometry, IndexPageNumber, MemorySize, PhysicalChapter, Record,
    RecordName, RecordPageNumber,
};
use uds_volume::{
    CountingStorage, FileStorage, MemoryStorage, RecordPageEncoder, Storage, VolumeError,
    records_of_page,
};

use crate::support::{
    START, assert_all_found, assert_none_found, chapter, open, record, records, reopen, scratch,
    small_geometry, storage_bytes, write,
};

fn memory(geometry: &Geometry) -> Arc<CountingStorage<MemoryStorage>> {
    Arc::new(CountingStorage::new(MemoryStorage::new(storage_bytes(geometry))))
}

/// Writes a full chapter and finds every record: directly on its page, and through the index.
fn check_full_chapter(geometry: &Geometry) -> Result<(), VolumeError> {
    let storage = memory(geometry);
    let volume = open(storage.clone(), geometry);
    let number = chapter(3 * u64::from(geometry.chapters_per_volume()) + 5);
    let slot = PhysicalChapter::new(5);
    let written = records(geometry, number);
    let mut scratch = scratch(geometry);
    volume.write_chapter(number, &written, &[], &mut scratch)?;
    let counts = storage.counts();
    let chapter_bytes =
        u64::from(geometry.pages_per_chapter()) * u64::from(geometry.bytes_per_page());
    assert_eq!((counts.bytes_written, counts.syncs), (chapter_bytes, 1));
    assert_eq!(counts.writes, chapter_bytes.div_ceil(1 << 20), "writes are large");
    assert_eq!(counts.reads, 0);

    let reopened = reopen(storage, &volume);
    for volume in [&volume, &reopened] {
        for (position, record) in (0_u32..).zip(&written) {
            let page = RecordPageNumber::new(position / geometry.records_per_page());
            let found = volume.find_record_page(number, &record.name)?;
            assert_eq!(found, Some(page), "record {position}");
            let found = volume.find_in_record_page(number, page, &record.name)?;
            assert_eq!(found, Some(record.data), "record {position}");
        }
        let foreign = record(chapter(77), 1).name;
        assert_eq!(volume.find_record(number, &foreign)?, None);
    }
    let index_pages = u64::from(geometry.index_pages_per_chapter());
    let record_pages = u64::from(geometry.record_pages_per_chapter());
    let statistics = volume.statistics();
    assert_eq!(statistics.index_page_misses, 0, "the index pages were donated");
    assert_eq!(statistics.record_page_misses, record_pages);
    assert_eq!(reopened.statistics().index_page_misses, index_pages);

    let mut page = vec![0; geometry.bytes_per_page() as usize];
    let mut stored = HashSet::new();
    for number in (0..geometry.record_pages_per_chapter()).map(RecordPageNumber::new) {
        volume.read_record_page(slot, number, &mut page)?;
        stored.extend(records_of_page(&page).map(|record| record.to_bytes()));
    }
    assert!(written.iter().all(|record| stored.contains(&record.to_bytes())));
    assert_eq!(stored.len(), written.len());
    Ok(())
}

// Guards the whole path of a chapter of a 256 MB index: 65,536 records.
#[test]
fn every_record_of_a_full_256_megabyte_chapter_is_found() {
    check_full_chapter(&Configuration::dense(MemorySize::MB_256).geometry()).unwrap();
}

// Guards the same for the larger lists and 26 index pages of a 1 GB index: 262,144 records.
#[test]
fn every_record_of_a_full_1_gigabyte_chapter_is_found() {
    check_full_chapter(&Configuration::dense(MemorySize::gigabytes(1).unwrap()).geometry())
        .unwrap();
}

// Guards the place of every page: 128 chapters of small pages read back byte for byte, at random
// and in order, and each record is found where a walk over all pages happens to look.
#[test]
fn every_page_reads_back_as_it_was_written() {
    let geometry = small_geometry(8, 128);
    let storage = memory(&geometry);
    let volume = open(storage.clone(), &geometry);
    let mut scratch = scratch(&geometry);
    for number in 0..128 {
        write(&volume, chapter(number), &mut scratch);
    }
    let per_page = geometry.records_per_page();
    let mut encoder = RecordPageEncoder::new(per_page);
    let (mut expected, mut found) = (vec![0; 4096], vec![0; 4096]);
    let mut index = Vec::new();
    for number in 0..128_u32 {
        let all = records(&geometry, chapter(number.into()));
        let slot = PhysicalChapter::new(number);
        for (page, records) in (0..).zip(all.chunks(per_page as usize)) {
            let page = RecordPageNumber::new(page);
            encoder.encode(records, &mut expected).unwrap();
            volume.read_record_page(slot, page, &mut found).unwrap();
            assert_eq!(found, expected, "{slot:?} {page:?}");
            let place = START
                + 4096 * u64::from(geometry.physical_page(slot, ChapterPage::Record(page)).get());
            storage.read_at(place, &mut found).unwrap();
            assert_eq!(found, expected, "{slot:?} {page:?} lies elsewhere");
        }
        let headers =
            volume.read_chapter_index(chapter(number.into()), &mut index).unwrap().unwrap();
        assert_eq!(headers.len() as u32, geometry.index_pages_per_chapter());
        let page = ChapterPage::Index(IndexPageNumber::new(0));
        storage.read_at(volume.place(slot, page).offset, &mut found).unwrap();
        assert_eq!(found, index[..4096]);
    }

    // A random walk: a quarter back, a quarter stays, a half goes forward.
    let pages = 128 * 8;
    let mut at = 0;
    for step in 0..20_000_u32 {
        let chance = u32::from(record(chapter(999), step).name.as_bytes()[0]);
        at = (at + [pages - 1, 0, 1, 1][chance as usize % 4]) % pages;
        let (number, page) = (chapter(u64::from(at / 8)), RecordPageNumber::new(at % 8));
        let record = record(number, at % 8 * per_page + step % per_page);
        let found = volume.find_in_record_page(number, page, &record.name).unwrap();
        assert_eq!(found, Some(record.data), "step {step}, {number:?} {page:?}");
    }
    let statistics = volume.statistics();
    assert_eq!(statistics.record_page_hits + statistics.record_page_misses, 20_000);
    assert!(statistics.record_page_misses < 15_000, "the walk stays near: {statistics:?}");
}

// Guards the reuse of slots: a new chapter replaces the old one in every look-up, cached or not.
#[test]
fn a_new_chapter_replaces_the_one_in_its_slot() {
    let geometry = small_geometry(4, 3);
    let volume = open(memory(&geometry), &geometry);
    let mut scratch = scratch(&geometry);
    for number in 0..10_u64 {
        write(&volume, chapter(number), &mut scratch);
        for present in number.saturating_sub(2)..=number {
            assert_all_found(&volume, chapter(present));
        }
        if let Some(gone) = number.checked_sub(3) {
            assert_none_found(&volume, chapter(gone));
        }
    }
    assert_eq!(volume.statistics().chapters_written, 10);
}

// Guards forgetting: a chapter that left the index is not found, others are not disturbed, and
// forgetting late does not hit the chapter that came after.
#[test]
fn a_forgotten_chapter_is_not_found() {
    let geometry = small_geometry(4, 3);
    let volume = open(memory(&geometry), &geometry);
    let mut scratch = scratch(&geometry);
    (0..3).for_each(|number| write(&volume, chapter(number), &mut scratch));
    assert_all_found(&volume, chapter(0));
    volume.forget_chapter(chapter(0));
    assert_none_found(&volume, chapter(0));
    assert_all_found(&volume, chapter(1));
    write(&volume, chapter(3), &mut scratch);
    volume.forget_chapter(chapter(0));
    assert_all_found(&volume, chapter(3));
}

// Guards fill records: they stand on their pages without index entries, in any number.
#[test]
fn unindexed_records_are_on_pages_only() {
    let geometry = small_geometry(4, 3);
    let volume = open(memory(&geometry), &geometry);
    let mut written = records(&geometry, chapter(0));
    let fill = written[100];
    let unindexed: Vec<u32> = (0..512).filter(|position| position % 3 == 1).collect();
    for &position in &unindexed {
        written[position as usize] = fill;
    }
    volume.write_chapter(chapter(0), &written, &unindexed, &mut scratch(&geometry)).unwrap();
    for (position, original) in (0..).zip(records(&geometry, chapter(0))) {
        let found = volume.find_record(chapter(0), &original.name).unwrap();
        let expected = (!unindexed.contains(&position)).then_some(original.data);
        assert_eq!(found, expected, "record {position}");
    }
}

// Guards names that all belong to one delta list: entries that do not fit are counted, and the
// chapter is written all the same (trap 36).
#[test]
fn overflowing_records_are_counted() {
    let geometry = small_geometry(64, 3);
    let volume = open(memory(&geometry), &geometry);
    let written: Vec<Record> = (0..geometry.records_per_chapter())
        .map(|position| {
            // Equal chapter index bytes: every name but the first is a collision in full.
            let mut name = [0; 16];
            name[..4].copy_from_slice(&position.to_be_bytes());
            Record { name: RecordName::new(name), ..record(chapter(0), position) }
        })
        .collect();
    let report = volume.write_chapter(chapter(0), &written, &[], &mut scratch(&geometry)).unwrap();
    let found = written
        .iter()
        .filter(|record| volume.find_record(chapter(0), &record.name).unwrap() == Some(record.data))
        .count() as u64;
    assert!(report.overflowed > 0, "{report:?}");
    assert!(found + report.overflowed + report.evicted >= written.len() as u64, "{report:?}");
    assert!(found < written.len() as u64);
}

// Guards against bad arguments that write half a chapter, or panic.
#[test]
fn bad_arguments_change_nothing() {
    let geometry = small_geometry(4, 3);
    let storage = memory(&geometry);
    let volume = open(storage.clone(), &geometry);
    let mut scratch = scratch(&geometry);
    write(&volume, chapter(0), &mut scratch);
    let before = storage.counts();
    let good = records(&geometry, chapter(3));
    let mut other = crate::support::scratch(&small_geometry(4, 5));
    let mut twice = good.clone();
    twice[1] = twice[0];
    twice[2] = twice[0];
    let argument = |result| matches!(result, Err(VolumeError::Argument { .. }));
    assert!(argument(volume.write_chapter(chapter(3), &good[1..], &[], &mut scratch)));
    assert!(argument(volume.write_chapter(chapter(3), &good, &[512], &mut scratch)));
    assert!(argument(volume.write_chapter(chapter(3), &good, &[7, 7], &mut scratch)));
    assert!(argument(volume.write_chapter(chapter(3), &good, &[], &mut other)));
    let duplicate = volume.write_chapter(chapter(3), &twice, &[], &mut scratch);
    assert!(matches!(duplicate, Err(VolumeError::ChapterIndex { .. })), "{duplicate:?}");
    assert_eq!(storage.counts(), before);
    assert_all_found(&volume, chapter(0));

    let beyond = PhysicalChapter::new(3);
    assert!(volume.read_index_pages(beyond, &mut Vec::new()).is_err());
    let page = RecordPageNumber::new(4);
    assert!(volume.read_record_page(PhysicalChapter::new(0), page, &mut [0; 4096]).is_err());
    let page = RecordPageNumber::new(0);
    assert!(volume.read_record_page(PhysicalChapter::new(0), page, &mut [0; 4095]).is_err());
    assert!(
        volume.find_in_record_page(chapter(0), RecordPageNumber::new(4), &good[0].name).is_err()
    );
    volume.read_ahead(beyond, true);
}

// Guards the real storage: a file that is closed and opened again.
#[test]
fn chapters_survive_in_a_file() {
    let geometry = small_geometry(8, 4);
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("volume");
    let storage = FileStorage::create(&path, storage_bytes(&geometry)).unwrap();
    let volume = open(Arc::new(storage), &geometry);
    let mut scratch = scratch(&geometry);
    (0..6).for_each(|number| write(&volume, chapter(number), &mut scratch));
    let mut saved = Vec::new();
    volume.page_map().save(&mut saved).unwrap();
    drop(volume);

    let volume = open(Arc::new(FileStorage::open_read_only(&path).unwrap()), &geometry);
    volume.page_map().load(&mut saved.as_slice()).unwrap();
    volume.read_ahead(PhysicalChapter::new(2), true);
    (2..6).for_each(|number| assert_all_found(&volume, chapter(number)));
    assert_eq!(volume.page_map().last_update(), chapter(5));
}
