//! Open chapters: probing, deleting, closing and saving (rows C15 and C16).

use uds_geometry::ZoneId;

use super::*;
use crate::error::UncleanReason;

fn record(number: u64) -> Record {
    let name = RecordName::of_block(&number.to_le_bytes());
    let mut data = [0; 16];
    data[..8].copy_from_slice(&number.to_le_bytes());
    Record { name, data: RecordData::new(data) }
}

fn put(chapter: &mut OpenChapter, number: u64) -> Put {
    let record = record(number);
    chapter.put(&record.name, &record.data)
}

fn filled(capacity: u32, numbers: std::ops::Range<u64>) -> OpenChapter {
    let mut chapter = OpenChapter::new(capacity).unwrap();
    for number in numbers {
        assert!(matches!(put(&mut chapter, number), Put::Stored { .. }));
    }
    chapter
}

// Guards the table of section 5.1.
#[test]
fn slots_by_capacity() {
    for (capacity, slots) in
        [(65536, 262_144), (21845, 65536), (4096, 16384), (12288, 32768), (87381, 262_144)]
    {
        assert_eq!(OpenChapter::new(capacity).unwrap().slots.len(), slots);
    }
}

// Guards the count of free places, on which the close of a chapter depends (trap 40).
#[test]
fn a_full_chapter_takes_nothing() {
    let mut chapter = OpenChapter::new(3).unwrap();
    assert_eq!(put(&mut chapter, 0), Put::Stored { space: 2 });
    assert_eq!(put(&mut chapter, 1), Put::Stored { space: 1 });
    assert_eq!(put(&mut chapter, 1), Put::Stored { space: 1 });
    assert_eq!(put(&mut chapter, 2), Put::Stored { space: 0 });
    assert_eq!(put(&mut chapter, 3), Put::Full);
    assert_eq!(put(&mut chapter, 2), Put::Full, "not even in place");
    assert_eq!(chapter.search(&record(3).name), None);
    chapter.reset();
    assert_eq!(chapter.search(&record(2).name), None);
    assert_eq!(put(&mut chapter, 3), Put::Stored { space: 2 });
}

// Guards overwriting: newest data, oldest place.
#[test]
fn overwriting_keeps_the_place() {
    let mut chapter = filled(10, 0..3);
    let newer = record(77).data;
    assert_eq!(chapter.put(&record(1).name, &newer), Put::Stored { space: 7 });
    assert_eq!(chapter.search(&record(1).name), Some(newer));
    assert_eq!(chapter.records()[1].data, newer);
}

// Guards deleting and coming back: a new record, while the old place stays empty for ever.
#[test]
fn a_deleted_name_comes_back_as_a_new_record() {
    let mut chapter = filled(10, 0..3);
    chapter.remove(&record(1).name);
    chapter.remove(&record(1).name);
    assert_eq!(chapter.search(&record(1).name), None);
    assert_eq!(chapter.live_count(), 2);
    assert_eq!(put(&mut chapter, 1), Put::Stored { space: 6 });
    assert_eq!(chapter.search(&record(1).name), Some(record(1).data));
    assert!(chapter.is_deleted(1) && !chapter.is_deleted(3));
    assert_eq!(chapter.search(&record(2).name), Some(record(2).data));
}

// Guards probing: names that all hash to slot 0 must still be told apart.
#[test]
fn colliding_names_are_probed() {
    let mut chapter = OpenChapter::new(64).unwrap();
    let name = |number: u8| RecordName::new([number, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    for number in 0..64 {
        let data = RecordData::new([number; 16]);
        assert!(matches!(chapter.put(&name(number), &data), Put::Stored { .. }));
    }
    for number in 0..64 {
        assert_eq!(chapter.search(&name(number)), Some(RecordData::new([number; 16])));
    }
    assert_eq!(chapter.search(&name(64)), None);
}

fn collated(zones: &[OpenChapter], count: usize) -> (Vec<Record>, Vec<u32>) {
    let zones: Vec<_> = zones.iter().collect();
    let mut buffers = Buffers::default();
    let collation = collate(&zones, count, &mut buffers).unwrap();
    (collation.records.to_vec(), collation.unindexed.to_vec())
}

// Guards the order of a chapter with one full zone: the order of arrival.
#[test]
fn one_zone_is_written_as_it_came() {
    let (records, unindexed) = collated(&[filled(8, 0..8)], 8);
    assert_eq!(records, (0..8).map(record).collect::<Vec<_>>());
    assert!(unindexed.is_empty());
}

// Guards the fill record: deleted places get it, and the chapter index must not know.
#[test]
fn deleted_records_are_replaced_by_the_fill_record() {
    let mut chapter = filled(8, 0..8);
    chapter.remove(&record(2).name);
    chapter.remove(&record(5).name);
    let (records, unindexed) = collated(&[chapter], 8);
    assert_eq!(unindexed, [2, 5]);
    assert_eq!((records[2], records[5], records[7]), (record(7), record(7), record(7)));
    assert_eq!(records[6], record(6));
}

// Guards the turns of several zones, some not full, and a count that they do not divide.
#[test]
fn zones_take_turns() {
    let zones = [filled(3, 0..2), filled(3, 10..13), filled(3, 20..21)];
    let (records, unindexed) = collated(&zones, 11);
    let fill = 12;
    let expected = [0, 10, 20, 1, 11, fill, fill, 12, fill, fill, fill];
    assert_eq!(records, expected.map(record));
    assert_eq!(unindexed, [5, 6, 8, 9, 10]);
}

// Guards against closing a chapter that nobody filled.
#[test]
fn without_a_full_zone_there_is_no_fill_record() {
    let zone = filled(3, 0..2);
    assert!(collate(&[&zone], 3, &mut Buffers::default()).is_none());
}

fn saved(zones: &[OpenChapter]) -> Vec<u8> {
    let zones: Vec<_> = zones.iter().collect();
    let mut bytes = Vec::new();
    save(&zones, &mut bytes).unwrap();
    bytes
}

// Guards the bytes on disk, and that deleted records are not saved.
#[test]
fn saved_form() {
    let mut zone = filled(8, 0..3);
    zone.remove(&record(1).name);
    let bytes = saved(&[zone, filled(8, 10..12)]);
    assert_eq!(&bytes[..10], b"ALBOC02.00");
    assert_eq!(bytes[10..14], 4_u32.to_le_bytes());
    let records: Vec<_> =
        bytes[14..].chunks(32).map(|bytes| Record::from_bytes(bytes.try_into().unwrap())).collect();
    assert_eq!(records, [0, 10, 11, 2].map(record));
}

fn loaded(bytes: &[u8], zone_count: u8, capacity: u32) -> Result<Vec<OpenChapter>, IndexError> {
    let mut zones: Vec<_> = (0..zone_count).map(|_| OpenChapter::new(capacity).unwrap()).collect();
    let zone_of = |record: &Record| ZoneId::new(record.data.as_bytes()[0] % zone_count);
    let total = capacity * u32::from(zone_count);
    load(&mut zones, zone_of, total, &mut &bytes[..], 9).map(|_| zones)
}

// Guards loading, also into other zones, and that no zone is loaded full (row C16).
#[test]
fn a_saved_chapter_comes_back() {
    for count in [0, 1, 30, 63] {
        let zones = loaded(&saved(&[filled(64, 0..count)]), 1, 64).unwrap();
        assert_eq!(zones[0].live_count() as u64, count);
        for number in 0..count {
            assert_eq!(zones[0].search(&record(number).name), Some(record(number).data));
        }
    }
    let full = saved(&[filled(64, 0..64)]);
    let zones = loaded(&full, 1, 64).unwrap();
    assert_eq!(zones[0].live_count(), 63, "one place is left free");
    let zones = loaded(&full, 3, 22).unwrap();
    for number in 0..64 {
        let zone = &zones[number as usize % 3];
        let found = zone.search(&record(number).name);
        assert_eq!(found.is_some(), number / 3 < 21, "the rank in its zone decides");
    }
}

// Guards every check of a saved open chapter, fed the wrong thing.
#[test]
fn wrong_bytes_are_refused() {
    let good = saved(&[filled(64, 0..5)]);
    let mut wiped = good.clone();
    wiped[..14].fill(0);
    assert!(matches!(
        loaded(&wiped, 1, 64),
        Err(IndexError::NotSavedCleanly { reason: UncleanReason::WrittenSince })
    ));
    for (at, expected) in [(0, "magic"), (4, "magic"), (5, "version"), (9, "version")] {
        let mut bad = good.clone();
        bad[at] ^= 1;
        match loaded(&bad, 1, 64) {
            Err(IndexError::Corrupt { field, block: 9, .. }) => assert_eq!(field, expected),
            other => panic!("byte {at}: {other:?}"),
        }
    }
    let mut too_many = good.clone();
    too_many[13] = 255;
    assert!(matches!(
        loaded(&too_many, 1, 64),
        Err(IndexError::Corrupt { field: "record count", .. })
    ));
    assert!(loaded(&good[..good.len() - 1], 1, 64).is_err(), "cut off");
    assert!(loaded(&good[..13], 1, 64).is_err(), "cut off in the header");
}
