//! Damage inside of saves and volumes (rows F4b, F4c, F4d, F11): whatever opens gives no wrong
//! answer, and nothing panics.

use std::sync::Arc;

use uds_geometry::{LayoutSizes, RecordData, RecordName};
use uds_index::{Batch, ErrorKind, Index};
use uds_volume::{MemoryStorage, Storage};

use crate::common::{
    BLOCK, Random, create_in, data, memory, name, open_in, post, scale, small, story,
};

const RECORDS: u64 = 900;

/// An index with four closed chapters of 200 and more records, saved in some zones, and where its
/// latest save begins.
fn image(zones: u8) -> (Vec<u8>, u64) {
    let configuration = small(2, 5);
    let storage = memory(&configuration, 0);
    let index = Index::create(storage.clone(), &configuration, &create_in(zones)).unwrap();
    post(&index, 0..RECORDS);
    index.close().unwrap();
    let sizes = LayoutSizes::new(&configuration.geometry()).unwrap();
    (storage.to_vec(), (2 + sizes.volume_blocks) * BLOCK)
}

/// Whether data was ever stored for a name.
fn is_right(counter: u64, stored: RecordData) -> bool {
    stored == data(counter, 0)
}

/// Opens a damaged image, asks for everything, stores more, and closes. Nothing may be
/// wrong but for what is missing. Returns whether it opened.
fn survive(image: &[u8], zones: u8, what: &str) -> bool {
    let storage = Arc::new(MemoryStorage::from_bytes(image));
    let index = match Index::open(storage.clone(), &open_in(zones)) {
        Ok(index) => index,
        Err(error) => {
            assert_eq!(error.kind(), ErrorKind::NotSavedCleanly, "{what}: {}", story(&error));
            assert!(storage.to_vec() == image, "{what}: a failed open has written");
            return false;
        }
    };
    for round in 0..2 {
        let mut batch = Batch::new();
        for counter in 0..RECORDS {
            if round == 0 {
                batch.query_no_update(name(counter));
            } else {
                batch.post(name(counter), data(counter, 0));
            }
        }
        let _ = index.run(&mut batch);
        for (counter, answer) in (0..RECORDS).zip(batch.answers()) {
            match answer.unwrap() {
                Ok(answer) => {
                    let right = answer.data().is_none_or(|stored| is_right(counter, stored));
                    assert!(right, "{what}: {answer:?} for {counter}");
                }
                Err(error) => {
                    assert_eq!(error.kind(), ErrorKind::Damaged, "{what}: {}", story(&**error));
                }
            }
        }
    }
    let _ = index.close();
    true
}

/// Damages bytes of an image: bits that flip, bytes that change, blocks that are lost.
fn damage(image: &mut [u8], range: std::ops::Range<u64>, random: &mut Random) -> String {
    let length = range.end - range.start;
    let at = (range.start + random.below(length)) as usize;
    match random.below(8) {
        0..4 => {
            let bit = random.below(8);
            image[at] ^= 1 << bit;
            format!("bit {bit} of byte {at}")
        }
        4..6 => {
            let count = 1 + random.below(8);
            for _ in 0..count {
                let at = (range.start + random.below(length)) as usize;
                image[at] = random.next() as u8;
            }
            format!("{count} bytes")
        }
        6 => {
            image[at..].iter_mut().take(4).for_each(|byte| *byte = 0xff);
            format!("four bytes FF at {at}")
        }
        _ => {
            let sector = at / 512 * 512;
            image[sector..sector + 512].fill(0);
            format!("a sector of zeroes at {sector}")
        }
    }
}

/// Damages a part of the image in many ways, a case at a time. Returns how often it opened.
fn damage_many(image: &[u8], range: std::ops::Range<u64>, zones: u8, cases: u32) -> u32 {
    let mut opened = 0;
    for case in 0..cases * scale() {
        let mut random = Random::new(u64::from(case));
        let mut damaged = image.to_vec();
        let what = damage(&mut damaged, range.clone(), &mut random);
        opened += u32::from(survive(&damaged, zones, &format!("case {case}, {what}")));
    }
    opened
}

// Guards against a damaged save that is used, or called a failure of the storage: the page map
// and the volume index, where damage can only cost records.
#[test]
fn a_damaged_page_map_or_volume_index_costs_records_at_most() {
    for zones in [1, 3] {
        let (image, slot) = image(zones);
        let sizes = LayoutSizes::new(&small(2, 5).geometry()).unwrap();
        let page_map = slot + BLOCK..slot + BLOCK * (1 + sizes.page_map_blocks);
        let zone_bytes = sizes.volume_index_blocks / u64::from(zones) * BLOCK;
        // Headers, sizes and the first lists of each zone.
        let used = (sizes.volume_index_blocks * BLOCK / u64::from(zones)).min(10_000);
        damage_many(&image, page_map.start..page_map.start + 64, zones, 50);
        let mut opened = 0;
        for zone in 0..u64::from(zones) {
            let start = page_map.end + zone * zone_bytes;
            opened += damage_many(&image, start..start + used, zones, 250);
        }
        assert!(opened > 0);
    }
}

// Guards the list sizes of a saved volume index, on which all else in it depends: every byte.
#[test]
fn no_damaged_list_size_is_believed() {
    let (image, slot) = image(1);
    let volume_index = slot + BLOCK * 2;
    let lists = 256;
    let sizes = volume_index + 40 + 8 * lists + 40;
    for at in (sizes..sizes + lists * 2).step_by(3) {
        for value in [0, 1, 0x7f, 0xff] {
            let mut damaged = image.clone();
            damaged[at as usize] ^= value;
            survive(&damaged, 1, &format!("byte {at} changed by {value}"));
        }
    }
}

// Guards against damaged index pages that panic, or lead to another record than the one asked
// for.
#[test]
fn a_damaged_index_page_costs_records_at_most() {
    let (image, _) = image(1);
    let pages = 3;
    let mut opened = 0;
    for chapter in 0..3 {
        let start = 2 * BLOCK + BLOCK * (1 + chapter * pages);
        opened += damage_many(&image, start..start + 1200, 1, 100);
    }
    assert!(opened > 100);
}

// Guards against a record page whose records are not where they should be: a lost sector, or
// sectors of another page.
#[test]
fn a_damaged_record_page_gives_no_foreign_data() {
    let (image, _) = image(1);
    let record_page = (2 * BLOCK + BLOCK * 2) as usize;
    for sector in 0..8 {
        let place = record_page + sector * 512;
        let mut lost = image.clone();
        lost[place..place + 512].fill(0);
        assert!(survive(&lost, 1, &format!("sector {sector} lost")));
        let mut swapped = image.clone();
        swapped.copy_within(record_page + 4096..record_page + 4096 + 512, place);
        assert!(survive(&swapped, 1, &format!("sector {sector} of another page")));
    }
}

// Guards against an answer for the name of zeroes that a lost sector seems to hold: nothing was
// ever stored for it, but the format cannot tell. It must at least not panic.
#[test]
fn a_name_of_zeroes_is_a_name_like_others() {
    let configuration = small(1, 4);
    let storage = memory(&configuration, 0);
    let index = Index::create(storage.clone(), &configuration, &create_in(1)).unwrap();
    let zeroes = RecordName::new([0; 16]);
    assert!(!index.post(zeroes, data(1, 1)).unwrap().is_found());
    post(&index, 0..300);
    assert_eq!(index.query(zeroes).unwrap().data(), Some(data(1, 1)));
    index.close().unwrap();
    let index = Index::open(storage.clone(), &open_in(1)).unwrap();
    assert_eq!(index.query(zeroes).unwrap().data(), Some(data(1, 1)));
    assert!(storage.len() > 0);
}
