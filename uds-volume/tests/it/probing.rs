//! Probes of slots, and the range of a volume's chapters (row C32).

use std::sync::Arc;

use uds_geometry::{Configuration, Geometry, MemorySize, PhysicalChapter, Remapping};
use uds_volume::{MemoryStorage, Storage, Volume, chapter_range};

use crate::support::{START, chapter, open, reopen, scratch, small_geometry, storage_bytes, write};

/// The chapters that the slots of a volume hold.
fn probe_all(volume: &Volume) -> Vec<Option<u64>> {
    let mut pages = Vec::new();
    let slots = volume.geometry().chapters_per_volume();
    let probe = |slot| volume.probe(PhysicalChapter::new(slot), &mut pages);
    (0..slots).map(probe).map(|probed| Some(probed.ok()?.chapter.get())).collect()
}

// Guards the way back from pages to chapters: each slot says what it holds, and a map made from
// probes leads to the same pages as the one that was kept.
#[test]
fn slots_say_what_they_hold() {
    let geometry = small_geometry(2, 5);
    let storage = Arc::new(MemoryStorage::new(storage_bytes(&geometry)));
    let volume = open(storage.clone(), &geometry);
    assert_eq!(probe_all(&volume), [None; 5]);
    let mut scratch = scratch(&geometry);
    for number in 0..7 {
        write(&volume, chapter(number), &mut scratch);
    }
    assert_eq!(probe_all(&volume), [Some(5), Some(6), Some(2), Some(3), Some(4)]);
    let again = open(storage.clone(), &geometry);
    let mut pages = Vec::new();
    for slot in 0..5 {
        let probed = again.probe(PhysicalChapter::new(slot), &mut pages).unwrap();
        again.adopt(&probed).unwrap();
    }
    let kept = reopen(storage, &volume);
    let saved = |volume: &Volume| {
        let mut bytes = Vec::new();
        volume.page_map().save(&mut bytes).unwrap();
        // The chapter of the latest update depends on the order of the probes.
        bytes.split_off(16)
    };
    assert_eq!(saved(&again), saved(&kept));
}

// Guards the chapter of the latest update, where chapters have one index page and the map no
// entries for them.
#[test]
fn a_map_made_from_probes_knows_its_latest_chapter() {
    for record_pages in [1, 40] {
        let geometry = small_geometry(record_pages, 4);
        assert_eq!(geometry.index_pages_per_chapter() == 1, record_pages == 1);
        let storage = Arc::new(MemoryStorage::new(storage_bytes(&geometry)));
        let volume = open(storage.clone(), &geometry);
        let mut scratch = scratch(&geometry);
        (0..3).for_each(|number| write(&volume, chapter(number), &mut scratch));
        let again = open(storage, &geometry);
        for slot in 0..3 {
            let probed = again.probe(PhysicalChapter::new(slot), &mut Vec::new()).unwrap();
            again.adopt(&probed).unwrap();
        }
        assert_eq!(again.page_map().last_update(), chapter(2));
        assert_eq!(again.page_map().last_update(), volume.page_map().last_update());
    }
}

// Guards against a slot that is taken for sound: any damage to an index page's header, offsets or
// lists is found, or does not matter.
#[test]
fn damaged_slots_are_bad() {
    let geometry = small_geometry(1, 4);
    let storage = Arc::new(MemoryStorage::new(storage_bytes(&geometry)));
    let volume = open(storage.clone(), &geometry);
    let mut scratch = scratch(&geometry);
    for number in 0..4 {
        write(&volume, chapter(number), &mut scratch);
    }
    let start = START + 4096 * (1 + u64::from(geometry.pages_per_chapter()));
    let mut sound = vec![0; 4096];
    storage.read_at(start, &mut sound).unwrap();
    let mut pages = Vec::new();
    for at in 0..20 {
        let mut damaged = sound.clone();
        damaged[at] ^= 1;
        storage.write_at(start, &damaged).unwrap();
        // With one index page, nothing gainsays the number of another chapter of the slot.
        let probed = volume.probe(PhysicalChapter::new(1), &mut pages);
        match probed {
            Ok(probed) => assert!(probed.chapter.get() > 4, "byte {at}"),
            Err(error) => assert!(error.is_corruption(), "byte {at}: {error}"),
        }
    }
    // Another slot's chapter.
    let mut other = vec![0; 4096];
    storage.read_at(START + 4096, &mut other).unwrap();
    storage.write_at(start, &other).unwrap();
    let error = volume.probe(PhysicalChapter::new(1), &mut pages).unwrap_err();
    assert!(error.to_string().contains("belongs into slot 0"), "{error}");
    assert!(error.is_corruption());
    assert!(volume.probe(PhysicalChapter::new(4), &mut pages).is_err(), "there is no slot 4");
}

/// What slots hold, `None` for a bad one.
type Slots = [Option<u64>];

/// The range as the specification's section 7.8 finds it, for an ordinary geometry.
fn range_of_the_specification(slots: &Slots) -> Option<(u64, u64)> {
    const BAD: u64 = u64::MAX;
    let probe = |slot: usize| slots[slot].unwrap_or(BAD);
    let (mut limit, mut span, mut tries) = (slots.len(), 1_usize, 0);
    while limit > 0 {
        let slot = limit.saturating_sub(span);
        if probe(slot) == BAD {
            limit = slot;
            tries += 1;
            if tries > 1 {
                span *= 2;
            }
        } else if span == 1 {
            break;
        } else {
            (span, tries) = (span / 2, 0);
        }
    }
    if limit == 0 {
        return None;
    }
    let zero = probe(0);
    let (mut left, mut right) = (0, limit);
    while left < right {
        let middle = (left + right) / 2;
        if zero <= probe(middle) {
            left = middle + 1;
        } else {
            right = middle;
        }
    }
    if left >= limit {
        left = 0;
    }
    let lowest = probe(left);
    let mut right = left;
    for _ in 0..=100 {
        right = (right + limit - 1) % limit;
        if probe(right) != BAD {
            return Some((lowest, probe(right)));
        }
    }
    None
}

// C32. Guards the range of volumes of every age, with bad slots where the chapter that was being
// written has been: the same as the specification's search finds, but for the chapter whose slot
// the open one needs.
#[test]
fn the_range_is_that_of_the_specification() {
    for slots in 2..12_u64 {
        let geometry = small_geometry(1, slots as u32);
        for newest in 0..4 * slots {
            for bad in 0..slots.min(4) {
                let mut held: Vec<Option<u64>> = vec![None; slots as usize];
                for number in newest.saturating_sub(slots - 1)..=newest {
                    held[(number % slots) as usize] = Some(number);
                }
                // What was being written when the power failed.
                for number in newest + 1..=newest + bad {
                    held[(number % slots) as usize] = None;
                }
                let chapters: Vec<_> = held.iter().flatten().map(|&n| chapter(n)).collect();
                let range = chapter_range(&geometry, &chapters);
                // It overlooks chapters between bad slots; ours does not.
                let Some((lowest, highest)) = range_of_the_specification(&held) else { continue };
                let oldest = if lowest + slots == highest + 1 { lowest + 1 } else { lowest };
                let found = (range.start.get(), range.end.get());
                assert_eq!(found, (oldest, highest + 1), "{held:?}");
            }
        }
    }
}

// Guards the range against bad slots anywhere, which the specification's search does not survive.
#[test]
fn bad_slots_may_be_anywhere() {
    let geometry = small_geometry(1, 8);
    let range = |numbers: &[u64]| {
        let chapters: Vec<_> = numbers.iter().map(|&number| chapter(number)).collect();
        let range = chapter_range(&geometry, &chapters);
        (range.start.get(), range.end.get())
    };
    assert_eq!(range(&[]), (0, 0));
    assert_eq!(range(&[0]), (0, 1));
    assert_eq!(range(&[3, 1]), (1, 4));
    assert_eq!(range(&[20, 21, 23, 25, 18]), (19, 26), "slot 2 of chapter 18 is needed by 26");
    assert_eq!(range(&[20, 22, 27]), (21, 28));
    // One number that is damaged, by a lap or by many, does not take the others with it.
    assert_eq!(range(&[20, 21, 22, 24, 25, 26, 27, 31]), (21, 28));
    assert_eq!(range(&[20, 21, 22, 24, 25, 26, 27, 15]), (21, 28));
    assert_eq!(range(&[20, 21, 22, 24, 25, 26, 27, 23 + (1 << 50)]), (21, 28));
    assert_eq!(range(&[20, 21, u64::MAX, u64::MAX - 8]), (20, 22));
}

// C32, converted. Guards the range where one chapter is in another's slot (spec 2.5, the example):
// chapters that the open one's slot has had are left out, and no others.
#[test]
fn the_range_of_a_converted_volume() {
    let configuration = Configuration::dense(MemorySize::MB_256).reduced();
    let remapping = Remapping { virtual_chapter: 4096, physical_chapter: 904 };
    let geometry = Geometry::new(&configuration, remapping);
    for newest in (5001..5010).chain(5110..5130).chain(6015..6030).chain(8990..8999) {
        // As the index goes on, opening chapter after chapter.
        let mut oldest = 3978;
        for opened in 5001..=newest {
            oldest += geometry.chapters_to_expire(chapter(opened));
        }
        let live: Vec<_> = (oldest..newest).map(chapter).collect();
        let range = chapter_range(&geometry, &live);
        assert_eq!((range.start.get(), range.end.get()), (oldest, newest));
        // What has expired last may still be in its slot.
        let mut with_stale = live.clone();
        with_stale.push(chapter(oldest - 1));
        let range = chapter_range(&geometry, &with_stale);
        let taken = |number| geometry.physical_chapter(chapter(number));
        if taken(oldest - 1) == taken(newest) {
            assert_eq!((range.start.get(), range.end.get()), (oldest, newest));
        }
    }
}
