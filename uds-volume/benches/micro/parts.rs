//! Look-ups in pages that are not cached, but at hand: of each page only a part is read, which here
//! is a copy of memory.
//!
//! A page that is used three times is read whole and cached. So the names are chosen such that none
//! is, and a searcher, which counts the uses, is for one round.

use std::sync::Arc;
use std::time::Duration;

use uds_bench_support::{Digest, Suite, name, record};
use uds_geometry::{
    Configuration, CustomConfiguration, Geometry, Nonce, RecordName, VirtualChapter, ZoneId,
};
use uds_volume::{
    ChapterScratch, Lookup, MemoryStorage, ReadCompletion, Readers, Searcher, Storage,
    StorageError, Volume,
};

use crate::cached::NothingIsRead;

/// Chapters that are asked for names.
const CHAPTERS: u32 = 64;
/// Chapters that are written after them. The cache has room for one, and that is where the index
/// pages of new chapters are.
const LEFT_OUT: u32 = 16;

/// Memory that is always at hand, as a file is that the system has cached.
#[derive(Debug)]
struct AtHand(MemoryStorage);

/// A zone that looks names up. The fields end in their order.
struct Zone {
    searcher: Option<Searcher>,
    asked: Vec<(VirtualChapter, RecordName)>,
    readers: Readers,
}

pub(crate) fn benchmarks(suite: &mut Suite) {
    // Pages as those of a 256M index, or small ones.
    let (bytes_per_page, record_pages_per_chapter) = suite.size((32768, 64), (4096, 32));
    let custom = CustomConfiguration {
        bytes_per_page,
        record_pages_per_chapter,
        chapters_per_volume: CHAPTERS + LEFT_OUT,
        cache_chapters: 1,
        ..CustomConfiguration::default()
    };
    let geometry = Configuration::custom(&custom).expect("the numbers fit together").geometry();
    let count = CHAPTERS * names_of_chapter(&geometry);
    let (work, undo) = (Zone::look_up_all, Zone::forget_uses);
    suite.bench_and_undo("look-up.in-parts", count, || Zone::new(&geometry), work, undo);
}

/// How many names of a chapter are asked for: one for each second index page.
fn names_of_chapter(geometry: &Geometry) -> u32 {
    (geometry.index_pages_per_chapter() / 2).max(1)
}

/// Of a chapter whose records have counters from `first` on, names that are on different record
/// pages and, their lists being far apart, on different index pages.
fn far_apart(geometry: &Geometry, first: u64) -> impl Iterator<Item = RecordName> {
    let per_page = u64::from(geometry.records_per_page());
    let count = names_of_chapter(geometry);
    (0..count).map(move |number| {
        let list = geometry.delta_lists_per_chapter() * (2 * number + 1) / (2 * count);
        let first = first + u64::from(number) * per_page;
        let distance = |name: &RecordName| geometry.chapter_list(name).get().abs_diff(list);
        (first..first + per_page).map(name).min_by_key(distance).expect("a page has records")
    })
}

impl Zone {
    /// A zone, and names from all chapters of a full volume.
    fn new(geometry: &Geometry) -> Self {
        let storage = AtHand(MemoryStorage::new(geometry.bytes_per_volume()));
        let volume = Volume::new(Arc::new(storage), geometry.clone(), 0, Nonce::new(1));
        let volume = Arc::new(volume.expect("the storage fits"));
        let mut scratch = ChapterScratch::new(geometry).expect("there is memory");
        let per_chapter = u64::from(geometry.records_per_chapter());
        let mut asked = Vec::new();
        for chapter in 0..u64::from(geometry.chapters_per_volume()) {
            let first = chapter * per_chapter;
            let chapter = VirtualChapter::new(chapter);
            let records: Vec<_> = (first..first + per_chapter).map(record).collect();
            volume.write_chapter(chapter, &records, &[], &mut scratch).expect("memory is sound");
            asked.extend(far_apart(geometry, first).map(|name| (chapter, name)));
        }
        asked.truncate((CHAPTERS * names_of_chapter(geometry)) as usize);
        let completion: Arc<dyn ReadCompletion> = Arc::new(NothingIsRead);
        let readers = Arc::clone(&volume).start_readers(1, &completion).expect("it has none yet");
        let mut zone = Self { searcher: None, asked, readers };
        zone.forget_uses();
        zone.look_up_all();
        zone.forget_uses();
        // Of each look-up, an index page and a record page.
        assert_eq!(volume.statistics().parts_read, 2 * zone.asked.len() as u64);
        zone
    }

    /// Makes a new searcher, which does not know which pages were used.
    fn forget_uses(&mut self) {
        drop(self.searcher.take());
        self.searcher = Some(self.readers.searcher(ZoneId::ZERO).expect("the last one is gone"));
    }

    fn look_up_all(&mut self) -> u64 {
        let searcher = self.searcher.as_mut().expect("there is always one");
        let mut digest = Digest::new();
        for (chapter, name) in &self.asked {
            let asked = searcher.look_up(*chapter, name, None, 0).expect("the pages are sound");
            let Lookup::Found(data) = asked else { panic!("{name} is not found at once") };
            digest.add(u128::from_le_bytes(*data.as_bytes()) as u64);
        }
        digest.finish()
    }
}

impl Storage for AtHand {
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<(), StorageError> {
        self.0.read_at(offset, buffer)
    }

    fn read_now(&self, offset: u64, buffer: &mut [u8]) -> bool {
        self.0.read_at(offset, buffer).is_ok()
    }

    fn write_at(&self, offset: u64, bytes: &[u8]) -> Result<(), StorageError> {
        self.0.write_at(offset, bytes)
    }

    fn sync(&self) -> Result<(), StorageError> {
        self.0.sync()
    }

    fn len(&self) -> u64 {
        self.0.len()
    }

    fn now(&self) -> Duration {
        self.0.now()
    }
}
