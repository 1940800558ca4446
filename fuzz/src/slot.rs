//! The target `slot`: a slot of a volume with other bytes is probed, and what passes is searched.
//!
//! | byte | what |
//! |---|---|
//! | 0 | which volume: one index page a chapter, or several |
//! | 1 | which slot |
//! | 2.. | patches: offset (u16), count (u8), bytes; what is left over, chapter numbers |

use std::sync::{Arc, OnceLock};

use uds_geometry::{Geometry, Nonce, PhysicalChapter, Record, VirtualChapter};
use uds_volume::{ChapterScratch, MemoryStorage, Volume, chapter_range};

use crate::bases::{data, dense, name};
use crate::flat::FlatStorage;
use crate::input::Input;

const NONCE: Nonce = Nonce::new(42);

/// A volume whose every slot has a chapter: chapter `n` the counters from `n` times its records on.
struct Whole {
    geometry: Geometry,
    image: Vec<u8>,
}

fn whole(byte: u8) -> &'static Whole {
    static WHOLE: [OnceLock<Whole>; 2] = [const { OnceLock::new() }; 2];
    WHOLE[usize::from(byte % 2)].get_or_init(|| {
        let geometry = if byte % 2 == 0 { dense(1, 4) } else { dense(16, 3) }.geometry();
        let storage = Arc::new(MemoryStorage::new(geometry.bytes_per_volume()));
        let volume = Volume::new(storage.clone(), geometry.clone(), 0, NONCE).expect("it fits");
        let mut scratch = ChapterScratch::new(&geometry).expect("there is memory");
        for chapter in 0..u64::from(geometry.chapters_per_volume()) {
            let records: Vec<Record> = counters(&geometry, chapter)
                .map(|counter| Record { name: name(counter), data: data(counter, 0) })
                .collect();
            let chapter = VirtualChapter::new(chapter);
            volume.write_chapter(chapter, &records, &[], &mut scratch).expect("it works");
        }
        Whole { image: storage.to_vec(), geometry }
    })
}

fn counters(geometry: &Geometry, chapter: u64) -> std::ops::Range<u64> {
    let count = u64::from(geometry.records_per_chapter());
    chapter * count..(chapter + 1) * count
}

/// Probes all slots of a damaged volume, and searches the chapters that are sound.
pub fn slot(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let whole = whole(input.byte());
    let geometry = &whole.geometry;
    let slots = geometry.chapters_per_volume();
    let damaged_slot = u32::from(input.byte()) % slots;
    let page_bytes = geometry.bytes_per_page() as usize;
    let index_bytes = geometry.index_pages_per_chapter() as usize * page_bytes;
    let start = (1 + damaged_slot * geometry.pages_per_chapter()) as usize * page_bytes;
    let mut image = whole.image.clone();
    for _ in 0..input.byte() % 16 {
        let at = usize::from(input.short()) % index_bytes;
        let count = usize::from(input.byte()) + 1;
        let patch = input.take(count.min(index_bytes - at));
        image[start + at..start + at + patch.len()].copy_from_slice(patch);
    }
    let storage = Arc::new(FlatStorage::new(&image));
    let volume = Volume::new(storage.clone(), geometry.clone(), 0, NONCE).expect("it fits");
    let mut pages = Vec::new();
    let mut chapters = Vec::new();
    for slot in (0..slots).map(PhysicalChapter::new) {
        let probed = match volume.probe(slot, &mut pages) {
            Ok(probed) => probed,
            Err(error) => {
                assert_eq!(slot.get(), damaged_slot, "a good slot: {error:?}");
                assert!(error.is_corruption(), "{error:?}");
                continue;
            }
        };
        volume.adopt(&probed).expect("it is of this volume");
        search(&volume, probed.chapter, slot.get() == damaged_slot);
        chapters.push(probed.chapter);
    }
    check_range(geometry, &chapters);
    while !input.is_empty() {
        chapters.push(VirtualChapter::new(input.long()));
    }
    check_range(geometry, &chapters);
    assert!(!storage.is_touched(), "looking has written");
}

/// Looks up what the chapter had, and what it had not: nothing fails, and nothing is wrong.
fn search(volume: &Volume, chapter: VirtualChapter, is_damaged: bool) {
    let geometry = volume.geometry();
    let mut pages = Vec::new();
    let headers = volume.read_sound_chapter_index(chapter, &mut pages).expect("it was sound");
    assert!(headers.is_some(), "the slot holds the chapter");
    let original = chapter.get() % u64::from(geometry.chapters_per_volume());
    // A chapter has up to 2048 records: a part of them is as good as all.
    for counter in counters(geometry, original).step_by(11) {
        let found = volume.find_record(chapter, &name(counter)).expect("it is sound");
        assert!(is_damaged || found.is_some(), "counter {counter} of a good chapter");
        assert!(found.is_none_or(|found| found == data(counter, 0)), "{found:?} for {counter}");
    }
}

/// Checks the range of some chapters.
fn check_range(geometry: &Geometry, chapters: &[VirtualChapter]) {
    let range = chapter_range(geometry, chapters);
    let (start, end) = (range.start.get(), range.end.get());
    let slots = u64::from(geometry.chapters_per_volume());
    assert!(start <= end && end - start < slots.max(1), "{range:?}");
    assert!(start == end || chapters.iter().any(|chapter| chapter.get() == end - 1), "{range:?}");
}
