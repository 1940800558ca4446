//! Writing a chapter, and finding its records while all its pages are in the page cache.

use std::sync::Arc;

use uds_bench_support::{Digest, Suite, records};
use uds_geometry::{
    Configuration, MemorySize, Nonce, PhysicalChapter, Record, RecordData, VirtualChapter, ZoneId,
};
use uds_volume::{
    ChapterScratch, FinishedRead, Lookup, MemoryStorage, ReadCompletion, Readers, Searcher, Volume,
};

const CHAPTER: VirtualChapter = VirtualChapter::new(1);
/// Where that chapter is on the volume.
const SLOT: PhysicalChapter = PhysicalChapter::new(1);

/// A volume, and the records of its one chapter.
struct Chapter {
    volume: Volume,
    records: Vec<Record>,
    scratch: ChapterScratch,
}

/// All pages are cached, or at hand: no reader is asked.
#[derive(Debug)]
pub(crate) struct NothingIsRead;

impl ReadCompletion for NothingIsRead {
    fn finished(&self, reads: &mut Vec<FinishedRead>) {
        panic!("{reads:?} were read by a reader");
    }
}

/// A zone's searcher, and what it looks for. The fields end in their order.
struct Zone {
    searcher: Searcher,
    records: Vec<Record>,
    _readers: Readers,
}

pub(crate) fn benchmarks(suite: &mut Suite) {
    let is_tiny = suite.size(false, true);
    let count = configuration(is_tiny).geometry().records_per_chapter();
    suite.bench("chapter.write", count, || Chapter::new(is_tiny), Chapter::write_and_hash);

    // From all of its pages.
    let step = suite.size(16, 1);
    let count = count / step;
    let setup = || Chapter::new(is_tiny).written();
    suite.bench("page-cache.hit-under-mutex", count, setup, |chapter| {
        let find = |record: &Record| chapter.volume.find_record(CHAPTER, &record.name);
        let found = chapter.records.iter().step_by(step as usize).map(find);
        hash(found.map(|found| found.expect("the pages are sound")))
    });
    suite.bench("page-cache.hit", count, || Zone::new(setup(), step), Zone::look_up_all);
}

fn configuration(is_tiny: bool) -> Configuration {
    if is_tiny { Configuration::tiny(false) } else { Configuration::dense(MemorySize::MB_256) }
}

fn hash(found: impl Iterator<Item = Option<RecordData>>) -> u64 {
    let mut digest = Digest::new();
    for data in found {
        let data = data.expect("every record is found");
        digest.add(u128::from_le_bytes(*data.as_bytes()) as u64);
    }
    digest.finish()
}

impl Chapter {
    fn new(is_tiny: bool) -> Self {
        let geometry = configuration(is_tiny).geometry();
        let storage = Arc::new(MemoryStorage::new(geometry.bytes_per_volume()));
        let records = records(geometry.records_per_chapter());
        let scratch = ChapterScratch::new(&geometry).expect("there is memory");
        let volume = Volume::new(storage, geometry, 0, Nonce::new(1)).expect("the storage fits");
        Self { volume, records, scratch }
    }

    fn write(&mut self) {
        let Self { volume, records, scratch } = self;
        volume.write_chapter(CHAPTER, records, &[], scratch).expect("memory does not fail");
    }

    fn written(mut self) -> Self {
        self.write();
        self
    }

    fn write_and_hash(&mut self) -> u64 {
        self.write();
        let mut pages = Vec::new();
        self.volume.read_index_pages(SLOT, &mut pages).expect("memory does not fail");
        let mut digest = Digest::new();
        digest.add_bytes(&pages);
        digest.finish()
    }
}

impl Zone {
    /// A zone that looks for one of `step` records of a chapter, whose pages are all in the cache.
    fn new(chapter: Chapter, step: u32) -> Self {
        let Chapter { volume, records, .. } = chapter;
        for record in &records {
            let found = volume.find_record(CHAPTER, &record.name).expect("the pages are sound");
            assert_eq!(found, Some(record.data), "every record is found");
        }
        let records = records.into_iter().step_by(step as usize).collect();
        let completion: Arc<dyn ReadCompletion> = Arc::new(NothingIsRead);
        let readers = Arc::new(volume).start_readers(1, &completion).expect("there are none yet");
        let searcher = readers.searcher(ZoneId::ZERO).expect("it is the zone's first");
        Self { searcher, records, _readers: readers }
    }

    fn look_up_all(&mut self) -> u64 {
        let searcher = &mut self.searcher;
        let found = self.records.iter().map(|record| {
            match searcher.look_up(CHAPTER, &record.name, None, 0).expect("the pages are sound") {
                Lookup::Found(data) => Some(data),
                Lookup::Absent | Lookup::Queued => None,
            }
        });
        hash(found)
    }
}
