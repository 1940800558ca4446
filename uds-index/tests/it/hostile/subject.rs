//! Good images to damage, and what happens to them then.

use std::ops::Range;
use std::sync::{Arc, OnceLock};

use uds_geometry::{Configuration, LayoutSizes};
use uds_index::{
    Batch, ChapterSurvey, CreateOptions, ErrorKind, Index, Inspector, OpenMode, OpenOptions,
    SurveyControl,
};
use uds_volume::{CountingStorage, MemoryStorage, Storage};

use super::Tally;
use super::oracle::Oracle;
use crate::common::{BLOCK, create_in, data, memory, name, small, small_sparse, story, zones};

/// How an image was left.
#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    Closed,
    /// Never saved.
    Dropped,
    /// Saved two chapters before it was dropped.
    DroppedAfterSave,
}

/// A good image.
pub(super) struct Subject {
    pub(super) what: String,
    configuration: Configuration,
    sizes: LayoutSizes,
    zones: u8,
    pub(super) image: Vec<u8>,
    /// Names were stored of all counters below this.
    pub(super) records: u64,
    /// Whether the name of each counter is found as long as nothing is damaged.
    found: Vec<bool>,
    memory_used: u64,
}

impl Subject {
    /// Dense and sparse, in one zone and three, wrapped and not, closed and not.
    pub(super) fn all() -> &'static [Self] {
        static ALL: OnceLock<Vec<Subject>> = OnceLock::new();
        ALL.get_or_init(|| {
            vec![
                Self::new(small(1, 4), 1, 6, End::Closed),
                Self::new(small(2, 5), 3, 3, End::Closed),
                Self::new(small(1, 5), 1, 8, End::Dropped),
                Self::new(small(1, 6), 3, 4, End::DroppedAfterSave),
                Self::new(small_sparse(1, 10, 5, 2), 1, 13, End::Closed),
                Self::new(small_sparse(1, 10, 5, 2), 3, 12, End::Dropped),
            ]
        })
    }

    fn new(configuration: Configuration, zones: u8, chapters: u64, end: End) -> Self {
        let geometry = configuration.geometry();
        let sizes = LayoutSizes::new(&geometry).unwrap();
        let storage = memory(&configuration, 0);
        let options = CreateOptions { read_threads: 0, ..create_in(zones) };
        let index = Index::create(storage.clone(), &configuration, &options).unwrap();
        let chapter = u64::from(geometry.records_per_chapter());
        // Updates count too, so that the open chapter is not empty, and not full.
        let records = chapter * chapters * 9 / 10 + 7;
        for counter in 0..records {
            if end == End::DroppedAfterSave && counter == records - 2 * chapter {
                index.save().unwrap();
            }
            index.post(name(counter), data(counter, 0)).unwrap();
            // A tenth is stored again some time later.
            let older = counter.saturating_sub(50);
            if older % 10 == 3 {
                index.update(name(older), data(older, 1)).unwrap();
            }
        }
        index.flush().unwrap();
        match end {
            End::Closed => index.close().unwrap(),
            End::Dropped | End::DroppedAfterSave => drop(index),
        }
        let what = format!("{chapters} chapters in {zones} zones of {configuration:?}");
        let image = storage.to_vec();
        let found = vec![false; records as usize];
        let mut subject =
            Self { what, configuration, sizes, zones, image, records, found, memory_used: 0 };
        let (index, _) = subject.open(&subject.image, OpenMode::Load).unwrap();
        subject.memory_used = index.statistics().memory_used;
        subject.found = subject.query_all(&index, &subject.oracle(&subject.image), "undamaged");
        assert!(subject.found.iter().filter(|&&found| found).count() > 2 * chapter as usize);
        subject
    }

    pub(super) fn is_sparse(&self) -> bool {
        self.configuration.sample_rate() > 0
    }

    pub(super) fn records_per_chapter(&self) -> u64 {
        self.configuration.geometry().records_per_chapter().into()
    }

    pub(super) fn open_chapter_bytes(&self) -> usize {
        (self.sizes.open_chapter_blocks * BLOCK) as usize
    }

    /// How many versions of a counter's data were stored.
    pub(super) fn versions(&self, counter: u64) -> u64 {
        1 + u64::from(counter % 10 == 3 && counter + 50 < self.records)
    }

    pub(super) fn oracle<'a>(&'a self, image: &'a [u8]) -> Oracle<'a> {
        Oracle { subject: self, image }
    }

    /// The blocks that are not all zeroes.
    pub(super) fn used_blocks(&self) -> Vec<u64> {
        let blocks = (0..).zip(self.image.chunks_exact(BLOCK as usize));
        let used = blocks.filter(|(_, block)| block.iter().any(|&byte| byte != 0));
        used.map(|(number, _)| number).collect()
    }

    fn slot_block(&self, slot: u64) -> u64 {
        2 + self.sizes.volume_blocks + slot * self.sizes.save_blocks()
    }

    /// Where the saved volume index of each zone begins, in both save slots.
    fn volume_index_blocks(&self) -> Vec<u64> {
        let zones = u64::from(self.zones);
        let blocks = self.sizes.volume_index_blocks / zones;
        let first = |slot| self.slot_block(slot) + 1 + self.sizes.page_map_blocks;
        (0..2).flat_map(|slot| (0..zones).map(move |zone| first(slot) + zone * blocks)).collect()
    }

    /// Where the headers are: super block, config block, and of each save slot its own, those of
    /// the page map, of each zone's volume index, and of the open chapter. The first index page's
    /// too.
    pub(super) fn headers(&self) -> Vec<Range<u64>> {
        let bytes = |block: u64, count: u64| block * BLOCK..block * BLOCK + count;
        let mut headers = vec![bytes(0, 304), bytes(1, 58), bytes(3, 30)];
        headers.extend(self.volume_index_blocks().iter().map(|&block| bytes(block, 64)));
        for slot in 0..2 {
            let start = self.slot_block(slot);
            let zones = u64::from(self.zones);
            let table = 24 * (4 + zones) + 64;
            headers.extend([bytes(start, table + 8), bytes(start + 1, 24)]);
            let index_blocks = self.sizes.volume_index_blocks / zones * zones;
            headers.push(bytes(start + 1 + self.sizes.page_map_blocks + index_blocks, 20));
        }
        // A slot that was never used has nothing to say.
        headers.retain(|range| {
            self.image[range.start as usize..range.end as usize].iter().any(|&byte| byte != 0)
        });
        headers
    }

    /// Whether a byte is one of the oldest chapter of a saved volume index. A larger one cannot be
    /// told from that of an index that was short of memory: older chapters are not found before
    /// the next is closed.
    pub(super) fn is_window(&self, at: u64) -> bool {
        let volume_indexes = self.volume_index_blocks();
        volume_indexes.iter().any(|block| (16..24).contains(&at.wrapping_sub(block * BLOCK)))
    }

    /// Opens an image; nothing where it is refused. Says whether it was recovered.
    ///
    /// An error must be one that damage explains, and nothing may have been written.
    fn open(
        &self,
        image: &[u8],
        mode: OpenMode,
    ) -> Option<(Index, Arc<CountingStorage<MemoryStorage>>)> {
        let storage = Arc::new(CountingStorage::new(MemoryStorage::from_bytes(image)));
        let options = OpenOptions {
            mode,
            zones: zones(self.zones),
            read_threads: 0,
            ..OpenOptions::default()
        };
        let opened = Index::open(storage.clone(), &options);
        assert_eq!((storage.counts().writes, storage.counts().syncs), (0, 0), "{}", self.what);
        match opened {
            Ok(index) => Some((index, storage)),
            Err(error) => {
                let kind = error.kind();
                let is_expected = matches!(
                    kind,
                    ErrorKind::NotAnIndex | ErrorKind::UnsupportedVersion | ErrorKind::Damaged
                );
                assert!(is_expected, "{}: {kind:?}: {}", self.what, story(&error));
                assert!(storage.inner().to_vec() == image, "a failed open has written");
                None
            }
        }
    }

    /// Opens a damaged image, asks for everything, goes on working, closes it, and opens it again.
    pub(super) fn survive(&self, image: &[u8], damage: &str) -> Tally {
        let mut tally = Tally { cases: 1, ..Tally::default() };
        let what = format!("{}, {damage}", self.what);
        let Some((index, storage)) = self.open(image, OpenMode::Load) else {
            tally.refused = 1;
            return tally;
        };
        tally.recovered = u64::from(index.recovery().is_some());
        let oracle = self.oracle(image);
        let found = self.query_all(&index, &oracle, &what);
        let lost = self.found.iter().zip(&found).filter(|&(good, found)| *good && !found);
        tally.worst = lost.count() as u64;
        if *index.configuration() == self.configuration {
            let used = index.statistics().memory_used;
            assert!(used <= 2 * self.memory_used, "{what}: {used} bytes of memory");
        }
        Self::count_all(&index, storage.clone(), &what);
        // A chapter is filled, over whatever was in its slot.
        let new = self.records..self.records + self.records_per_chapter() + 10;
        let mut batch = Batch::new();
        new.clone().for_each(|counter| batch.post(name(counter), data(counter, 0)));
        let _ = index.run(&mut batch);
        let is_stored = |answer: &Result<_, Arc<uds_index::IndexError>>| match answer {
            Ok(_) => true,
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::Damaged, "{what}: {}", story(&**error));
                false
            }
        };
        let stored: Vec<bool> = batch.answers().map(|answer| is_stored(answer.unwrap())).collect();
        index.close().unwrap_or_else(|error| panic!("{what}: {}", story(&error)));
        let options = OpenOptions { read_threads: 0, ..OpenOptions::default() };
        let index = Index::open(storage, &options)
            .unwrap_or_else(|error| panic!("{what}, closed: {}", story(&error)));
        let mut batch = Batch::new();
        new.clone().for_each(|counter| batch.query_no_update(name(counter)));
        let _ = index.run(&mut batch);
        for ((counter, was_stored), answer) in new.zip(stored).zip(batch.answers()) {
            if let Ok(answer) = answer.unwrap() {
                let right = answer.data().is_none_or(|found| oracle.allows(counter, found));
                assert!(right, "{what}, closed: {answer:?} for {counter}");
                let is_there = answer.is_found() || !was_stored || self.is_sparse();
                assert!(is_there, "{what}: {counter} was stored, and is lost");
            }
        }
        tally
    }

    /// Counts what is there: every entry of every list, whatever it says.
    fn count_all(index: &Index, storage: Arc<dyn Storage>, what: &str) {
        let control = SurveyControl::new();
        let census = index.census(&control).unwrap();
        for part in census.sub_indexes() {
            let entries = part.live + part.expired + part.stray;
            assert_eq!(entries, part.list_entries.sum(), "{what}");
        }
        let window = census.oldest_chapter..census.newest_chapter;
        let closed = window.end.get() - window.start.get();
        assert_eq!(census.by_chapter().len() as u64, closed + 1, "{what}");
        let survey = Inspector::open(storage, 0).unwrap().survey(window, 1, &control).unwrap();
        assert_eq!(survey.chapters.len() as u64, closed, "{what}");
        let entries: u64 = survey.chapters.iter().map(ChapterSurvey::entries).sum();
        assert_eq!(entries, survey.list_entries.sum(), "{what}");
    }

    /// Asks for all names. Whatever is found must be right, whatever fails must be damaged. Says
    /// which were found.
    fn query_all(&self, index: &Index, oracle: &Oracle<'_>, what: &str) -> Vec<bool> {
        let mut batch = Batch::new();
        for counter in 0..self.records {
            batch.query_no_update(name(counter));
        }
        let _ = index.run(&mut batch);
        let check = |(counter, answer): (u64, &Result<uds_index::Answer, Arc<_>>)| match answer {
            Ok(answer) => {
                let right = answer.data().is_none_or(|found| oracle.allows(counter, found));
                assert!(right, "{what}: {answer:?} for {counter}");
                answer.is_found()
            }
            Err(error) => {
                let error: &uds_index::IndexError = error;
                assert_eq!(error.kind(), ErrorKind::Damaged, "{what}: {}", story(error));
                false
            }
        };
        (0..self.records).zip(batch.answers().map(Option::unwrap)).map(check).collect()
    }
}
