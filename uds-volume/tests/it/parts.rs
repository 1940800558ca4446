//! Look-ups in pages that are not cached, by those parts of them that the storage has at hand.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use uds_geometry::{
    ChapterPage, Geometry, IndexPageNumber, PhysicalChapter, RecordName, RecordPageNumber, ZoneId,
};
use uds_volume::{Lookup, MemoryStorage, Progress, Storage, StorageError, Volume, records_of_page};

use crate::readers::{find, inbox};
use crate::support::{START, storage_bytes};
use crate::support::{chapter, open, record, records, reopen, scratch, small_geometry, write};

/// A storage in memory that has bytes at hand, but declines once in so many times, as if by chance;
/// never where that is 0.
pub(crate) struct AtHand {
    inner: MemoryStorage,
    declines_one_in: u64,
    asked: AtomicU64,
    /// Done before the next read without waiting.
    before: Mutex<Option<Box<dyn FnOnce() + Send>>>,
}

impl AtHand {
    pub(crate) fn new(bytes: u64, declines_one_in: u64) -> Self {
        let inner = MemoryStorage::new(bytes);
        Self { inner, declines_one_in, asked: AtomicU64::new(0), before: Mutex::new(None) }
    }
}

impl std::fmt::Debug for AtHand {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AtHand").finish_non_exhaustive()
    }
}

impl Storage for AtHand {
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<(), StorageError> {
        self.inner.read_at(offset, buffer)
    }

    fn read_now(&self, offset: u64, buffer: &mut [u8]) -> bool {
        let before = self.before.lock().unwrap().take();
        if let Some(before) = before {
            before();
        }
        let number = self.asked.fetch_add(1, Ordering::Relaxed);
        let chance = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40;
        let declines = self.declines_one_in > 0 && chance % self.declines_one_in == 0;
        // What a declined read leaves in the buffer is nothing to rely on.
        buffer.fill(0xa5);
        !declines && self.inner.read_at(offset, buffer).is_ok()
    }

    fn write_at(&self, offset: u64, bytes: &[u8]) -> Result<(), StorageError> {
        self.inner.write_at(offset, bytes)
    }

    fn sync(&self) -> Result<(), StorageError> {
        Ok(())
    }

    fn len(&self) -> u64 {
        self.inner.len()
    }

    fn now(&self) -> Duration {
        Duration::ZERO
    }
}

/// A volume of so many chapters, of which nothing is cached.
fn written(geometry: &Geometry, chapters: u64, declines_one_in: u64) -> (Arc<AtHand>, Arc<Volume>) {
    let storage = Arc::new(AtHand::new(storage_bytes(geometry), declines_one_in));
    let volume = open(storage.clone(), geometry);
    let mut scratch = scratch(geometry);
    (0..chapters).for_each(|number| write(&volume, chapter(number), &mut scratch));
    let fresh = reopen(storage.clone(), &volume);
    (storage, Arc::new(fresh))
}

// Guards the short way as a whole: it is taken, what it says is what pages say, and wherever it
// breaks off, the long way goes on.
#[test]
fn parts_of_pages_are_enough() {
    let geometry = small_geometry(8, 4);
    for declines_one_in in [0, 1, 2, 10] {
        let (_, volume) = written(&geometry, 4, declines_one_in);
        let (completion, inboxes) = inbox(1);
        let readers = volume.start_readers(2, &completion).unwrap();
        let mut searcher = readers.searcher(ZoneId::ZERO).unwrap();
        for index in (0..geometry.records_per_chapter()).step_by(9) {
            for number in 0..4 {
                // Otherwise all would be cached soon.
                volume.forget_pages();
                assert!(find(&mut searcher, &inboxes[0], chapter(number), index).unwrap());
            }
        }
        let counted = volume.statistics();
        let misses = counted.index_page_misses + counted.record_page_misses;
        assert_eq!(counted.parts_read > 0, declines_one_in != 1);
        assert!(counted.parts_read <= misses);
        assert!(counted.parts_read + counted.pages_read >= misses);
        for number in 0..4 {
            for other in 0..50 {
                volume.forget_pages();
                let name = record(chapter(99), other).name;
                let found = searcher.look_up(chapter(number), &name, None, 7).unwrap();
                assert!(!matches!(found, Lookup::Found(_)));
                if found == Lookup::Queued {
                    inboxes[0].recv_timeout(Duration::from_secs(60)).unwrap().outcome.unwrap();
                }
            }
        }
    }
}

// Guards the cache against staying empty: a page that is used again and again is read whole, once,
// and then found in the cache.
#[test]
fn a_page_that_comes_back_is_cached() {
    let geometry = small_geometry(8, 4);
    let (storage, volume) = written(&geometry, 4, 0);
    let (completion, inboxes) = inbox(1);
    let readers = volume.start_readers(1, &completion).unwrap();
    let mut searcher = readers.searcher(ZoneId::ZERO).unwrap();
    // All on the chapter's first record page.
    for index in 0..100 {
        assert!(find(&mut searcher, &inboxes[0], chapter(2), index).unwrap());
    }
    let counted = volume.statistics();
    assert!((1..=4).contains(&counted.parts_read), "{counted:?}");
    let pages = u64::from(geometry.index_pages_per_chapter()) + 1;
    assert!(counted.pages_read <= pages, "{counted:?}");
    assert!(counted.record_page_hits > 90, "{counted:?}");
    let asked = storage.asked.load(Ordering::Relaxed);
    assert!(find(&mut searcher, &inboxes[0], chapter(2), 5).unwrap());
    assert_eq!(storage.asked.load(Ordering::Relaxed), asked, "cached pages need no storage");
}

// Guards the answer against a slot that is written to while parts of its pages are read.
#[test]
fn an_overtaken_look_up_in_parts_finds_nothing() {
    let geometry = small_geometry(8, 4);
    for is_known in [false, true] {
        let (storage, volume) = written(&geometry, 4, 0);
        let (completion, inboxes) = inbox(1);
        let readers = volume.start_readers(1, &completion).unwrap();
        let mut searcher = readers.searcher(ZoneId::ZERO).unwrap();
        let name = record(chapter(1), 0).name;
        let known = is_known.then_some(RecordPageNumber::new(0));
        let there = searcher.look_up(chapter(1), &name, known, 1).unwrap();
        assert_eq!(there, Lookup::Found(record(chapter(1), 0).data));
        let writer = Arc::clone(&volume);
        *storage.before.lock().unwrap() = Some(Box::new(move || {
            let mut scratch = scratch(writer.geometry());
            write(&writer, chapter(5), &mut scratch);
        }));
        // Of the new chapter's bytes parts may make nothing; then the whole page is asked for.
        let found = searcher.look_up(chapter(1), &name, known, 2).unwrap();
        assert!(!matches!(found, Lookup::Found(_)));
        if found == Lookup::Queued {
            let read = inboxes[0].recv_timeout(Duration::from_secs(60)).unwrap();
            assert_eq!(read.outcome.unwrap(), Progress::Again);
        }
        assert!(storage.before.lock().unwrap().is_none(), "the writer came between");
        // Not a matter of what the bytes say: an old chapter's name among the new one's.
        let name = record(chapter(5), 0).name;
        assert_eq!(searcher.look_up(chapter(1), &name, known, 3).unwrap(), Lookup::Absent);
    }
}

/// Whether the record page of a slot has a record with this name and data.
fn is_on_page(volume: &Volume, slot: u32, name: &RecordName, data: &[u8; 16]) -> bool {
    let geometry = volume.geometry();
    let mut page = vec![0; geometry.bytes_per_page() as usize];
    (0..geometry.record_pages_per_chapter()).any(|number| {
        let number = RecordPageNumber::new(number);
        volume.read_record_page(PhysicalChapter::new(slot), number, &mut page).unwrap();
        records_of_page(&page).any(|it| it.name == *name && it.data.as_bytes() == data)
    })
}

// Guards against damage that parts make something else of than whole pages do: what is found is
// on its page, and no name is absent but by what the whole page says.
#[test]
fn damage_is_left_to_whole_pages() {
    let geometry = small_geometry(4, 2);
    let page_bytes = u64::from(geometry.bytes_per_page());
    let index_pages = u64::from(geometry.index_pages_per_chapter());
    let (storage, volume) = written(&geometry, 2, 0);
    let first = ChapterPage::Index(IndexPageNumber::new(0));
    let start = volume.place(PhysicalChapter::new(0), first).offset;
    assert!(start >= START);
    let (mut taken, mut seed) = (0, 1_u64);
    let mut random = |below: u64| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) % below
    };
    for round in 0..150 {
        let within = match round % 3 {
            0 => random(index_pages) * page_bytes + random(200),
            // The guards, which parts do not look at, stay whole.
            1 => random(index_pages) * page_bytes + random(page_bytes - 7),
            _ => index_pages * page_bytes + random(4 * page_bytes),
        };
        let mut byte = [0];
        storage.read_at(start + within, &mut byte).unwrap();
        storage.write_at(start + within, &[byte[0] ^ 1 << random(8)]).unwrap();

        let fresh = Arc::new(reopen(storage.clone(), &volume));
        let whole = reopen(storage.clone(), &volume);
        let (completion, _inboxes) = inbox(1);
        let readers = fresh.start_readers(1, &completion).unwrap();
        let mut searcher = readers.searcher(ZoneId::ZERO).unwrap();
        for record in records(&geometry, chapter(0)).iter().step_by(3) {
            let Ok(found) = searcher.look_up(chapter(0), &record.name, None, 1) else { continue };
            let expected = whole.find_record(chapter(0), &record.name);
            match found {
                Lookup::Queued => {}
                Lookup::Absent => assert_eq!(expected.unwrap(), None, "{within}"),
                Lookup::Found(data) => {
                    taken += 1;
                    assert!(is_on_page(&whole, 0, &record.name, data.as_bytes()), "{within}");
                    let expected = expected.expect("a damaged index page tells nothing");
                    assert!(expected.is_none_or(|it| it == data), "{within}");
                }
            }
        }
        storage.write_at(start + within, &byte).unwrap();
    }
    assert!(taken > 0);
}
