//! The census of the volume index and the survey of the chapter indexes, against a model that knows
//! every record.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use uds_geometry::{
    Configuration, DeltaListNumber, Geometry, RecordName, VirtualChapter, VolumeIndexParameters,
    ZoneCount,
};
use uds_index::{
    Census, ErrorKind, Index, Inspector, OpenOptions, SubIndexCensus, Survey, SurveyControl,
};
use uds_volume::{MemoryStorage, Storage};

use crate::common::{
    Random, bytes_of, create_in, data, memory, name, post, small, small_sparse, zones,
};

/// Where each name is, and when chapters are closed: computed from the names alone.
struct Model {
    geometry: Geometry,
    parameters: VolumeIndexParameters,
    zones: ZoneCount,
    newest: u64,
    chapter_of: HashMap<RecordName, u64>,
    /// Records that each zone has in the open chapter, those that were deleted there included.
    open: Vec<u32>,
    /// Records that were put into each chapter and deleted before it was closed.
    deleted: HashMap<u64, u64>,
    put: HashMap<u64, u64>,
}

impl Model {
    fn new(configuration: &Configuration, count: u8) -> Self {
        let geometry = configuration.geometry();
        Self {
            parameters: VolumeIndexParameters::new(&geometry).unwrap(),
            geometry,
            zones: zones(count),
            newest: 0,
            chapter_of: HashMap::new(),
            open: vec![0; usize::from(count)],
            deleted: HashMap::new(),
            put: HashMap::new(),
        }
    }

    fn oldest(&self) -> u64 {
        (self.newest + 1).saturating_sub(self.geometry.chapters_per_volume().into())
    }

    /// The oldest chapter of which the volume index knows a name.
    fn known_from(&self, is_sample: bool) -> u64 {
        let chapters = match is_sample {
            true => self.geometry.chapters_per_volume(),
            false => self.geometry.dense_chapters_per_volume(),
        };
        (self.newest + 1).saturating_sub(chapters.into())
    }

    fn is_sample(&self, name: &RecordName) -> bool {
        self.parameters.hook_of(name).is_some()
    }

    /// A record that is posted, or found again: it goes to the open chapter.
    fn put(&mut self, name: RecordName) {
        if self.chapter_of.insert(name, self.newest) == Some(self.newest) {
            return;
        }
        let zone = usize::from(self.parameters.zone_of(&name, self.zones).get());
        self.open[zone] += 1;
        *self.put.entry(self.newest).or_default() += 1;
        let capacity = self.geometry.records_per_chapter() / u32::from(self.zones.get());
        if self.open[zone] == capacity {
            self.newest += 1;
            self.open.fill(0);
        }
    }

    fn delete(&mut self, name: &RecordName) {
        if self.chapter_of.remove(name) == Some(self.newest) {
            *self.deleted.entry(self.newest).or_default() += 1;
        }
    }

    /// The names that one sub-index knows, and their chapters.
    fn known(&self, is_sample: bool) -> impl Iterator<Item = (&RecordName, u64)> {
        let all = self.chapter_of.iter().map(|(name, &chapter)| (name, chapter));
        all.filter(move |&(name, chapter)| {
            self.is_sample(name) == is_sample && chapter >= self.known_from(is_sample)
        })
    }

    /// Checks what a census has of one sub-index. Where all lists were flushed, they have no
    /// others' entries.
    fn check(&self, is_sample: bool, counted: &SubIndexCensus, is_flushed: bool) {
        let mut by_chapter = vec![0; (self.newest + 1 - self.oldest()) as usize];
        let mut lists: HashMap<DeltaListNumber, u32> = HashMap::new();
        let parameters = match &self.parameters.hook {
            Some(hook) if is_sample => hook,
            _ => &self.parameters.non_hook,
        };
        for (name, chapter) in self.known(is_sample) {
            by_chapter[(chapter - self.oldest()) as usize] += 1;
            *lists.entry(parameters.locate(name).0).or_default() += 1;
        }
        assert_eq!(counted.by_chapter, by_chapter);
        assert_eq!(counted.live, by_chapter.iter().sum::<u64>());
        assert_eq!((counted.stray, counted.damaged_lists, counted.full_lists), (0, 0, 0));
        let all = counted.live + counted.expired;
        assert_eq!(counted.list_entries.sum(), all);
        assert_eq!(counted.list_entries.count(), parameters.list_count.into());
        assert_eq!(counted.list_bits.count(), parameters.list_count.into());
        assert_eq!(counted.zones.len(), usize::from(self.zones.get()));
        let used: u64 = counted.zones.iter().map(|zone| zone.used_bits).sum();
        assert_eq!(counted.list_bits.sum(), used);
        let of_zones: u32 = counted.zones.iter().map(|zone| zone.lists).sum();
        assert_eq!(of_zones, parameters.list_count);
        for zone in &counted.zones {
            assert_eq!(zone.early_expiry_bits, parameters.max_zone_bits(self.zones));
            assert_eq!(zone.memory_bits, 8 * parameters.zone_bytes(self.zones));
            assert_eq!(zone.oldest_chapter.get(), self.known_from(is_sample));
        }
        if is_flushed {
            assert_eq!(counted.expired, 0);
            let longest = lists.values().max().copied().unwrap_or_default();
            let mut expected: Vec<u32> = lists.into_values().collect();
            expected.resize(parameters.list_count as usize, 0);
            assert_eq!(counted.list_entries, expected.into_iter().collect());
            assert_eq!(counted.list_entries.max(), Some(longest));
        }
    }

    fn check_all(&self, index: &Index, is_flushed: bool) -> Census {
        let census = index.census(&SurveyControl::new()).unwrap();
        assert_eq!(census.oldest_chapter.get(), self.oldest());
        assert_eq!(census.newest_chapter.get(), self.newest);
        self.check(false, &census.names, is_flushed);
        assert_eq!(census.samples.is_some(), self.geometry.is_sparse());
        if let Some(samples) = &census.samples {
            self.check(true, samples, is_flushed);
        }
        let statistics = index.statistics();
        let sum = |of: fn(&SubIndexCensus) -> u64| census.sub_indexes().map(of).sum::<u64>();
        assert_eq!(sum(|part| part.live + part.expired), statistics.entries_indexed);
        assert_eq!(sum(|part| part.collisions), statistics.collisions);
        assert_eq!(census.by_chapter().sum::<u64>(), sum(|part| part.live));
        census
    }
}

/// A name with the same place in the volume index as another's.
fn twin(name: &RecordName) -> RecordName {
    let mut bytes = *name.as_bytes();
    bytes[9] ^= 1;
    RecordName::new(bytes)
}

/// Posts, repeats, updates and deletions, some of names that share their places: of as many
/// records as fill `chapters` chapters.
fn live_through(index: &Index, model: &mut Model, chapters: u64) {
    let mut random = Random::new(11);
    let mut names: Vec<RecordName> = Vec::new();
    while model.newest < chapters {
        let some = random.below(names.len().max(1) as u64) as usize;
        let known = names.get(some).copied();
        match (random.below(16), known) {
            (0, Some(name)) => {
                index.delete(name).unwrap();
                model.delete(&name);
            }
            (1, Some(name)) => {
                index.update(name, data(some as u64, 1)).unwrap();
                model.put(name);
            }
            (2, Some(name)) => {
                names.push(twin(&name));
                index.post(twin(&name), data(0, 0)).unwrap();
                model.put(twin(&name));
            }
            (3, Some(name)) => {
                index.post(name, data(some as u64, 0)).unwrap();
                model.put(name);
            }
            _ => {
                let counter = names.len() as u64;
                names.push(name(counter));
                index.post(name(counter), data(counter, 0)).unwrap();
                model.put(name(counter));
            }
        }
    }
}

/// Looks up names that are not there, until each list was looked at and has been flushed.
fn flush_all_lists(index: &Index, configuration: &Configuration) {
    let parameters = VolumeIndexParameters::new(&configuration.geometry()).unwrap();
    let hook_lists = parameters.hook.as_ref().map_or(0, |hook| hook.list_count);
    for list in 0..parameters.non_hook.list_count.max(hook_lists) {
        for sample_bits in [0_u16, 1] {
            let mut bytes = [0xee; 16];
            bytes[..8].copy_from_slice(&(u64::from(list) << 20 | 0xf_0f0f).to_be_bytes());
            bytes[14..].copy_from_slice(&sample_bits.to_be_bytes());
            let answer = index.query_no_update(RecordName::new(bytes)).unwrap();
            assert!(!answer.is_found());
        }
    }
}

fn configurations() -> [Configuration; 2] {
    [small(1, 6), small_sparse(1, 10, 6, 4)]
}

// Guards every number of a census: of dense and sparse indexes, of any zones, before the window is
// full and after it has moved on, with deleted, repeated and colliding names, and the same after a
// save and after a recovery.
#[test]
fn a_census_counts_what_is_there() {
    for configuration in configurations() {
        for count in [1, 2, 3] {
            let mut model = Model::new(&configuration, count);
            let storage = memory(&configuration, 0);
            let index = Index::create(storage.clone(), &configuration, &create_in(count)).unwrap();
            model.check_all(&index, true);
            for chapters in [1, 4, 5, 9, 25] {
                live_through(&index, &mut model, chapters);
                model.check_all(&index, false);
            }
            let census = model.check_all(&index, false);
            assert!(census.names.expired > 0, "the window moved on, so something waits");
            assert!(census.names.collisions > 0, "twins have collisions");
            flush_all_lists(&index, &configuration);
            let census = model.check_all(&index, true);
            index.close().unwrap();
            let options = OpenOptions { zones: zones(count), ..OpenOptions::default() };
            let index = Index::open(storage, &options).unwrap();
            let again = model.check_all(&index, true);
            assert_eq!(again.names.list_bits, census.names.list_bits);
        }
    }
}

// Guards a census that is made while the index is in use: each record counts once, whatever moves
// meanwhile, none is counted for a chapter that is gone, and nobody waits for ever.
#[test]
fn a_census_of_an_index_in_use() {
    for configuration in configurations() {
        let index =
            Index::create(memory(&configuration, 0), &configuration, &create_in(3)).unwrap();
        let per_chapter = u64::from(configuration.geometry().records_per_chapter());
        let posted = AtomicU64::new(0);
        std::thread::scope(|scope| {
            let poster = scope.spawn(|| {
                for start in (0..40 * per_chapter).step_by(32) {
                    post(&index, start..start + 32);
                    // Names of this chapter and the one before are there again.
                    post(&index, start.saturating_sub(100)..start);
                    posted.store(start + 32, Ordering::SeqCst);
                }
            });
            let (mut censuses, mut is_over) = (0, false);
            while !is_over {
                is_over = poster.is_finished();
                let before = posted.load(Ordering::SeqCst);
                let census = index.census(&SurveyControl::new()).unwrap();
                let after = posted.load(Ordering::SeqCst) + 32;
                censuses += 1;
                let span = census.newest_chapter.get() - census.oldest_chapter.get() + 1;
                assert_eq!(census.by_chapter().len() as u64, span);
                assert!(census.by_chapter().all(|records| records <= per_chapter), "{census:?}");
                let live: u64 = census.by_chapter().sum();
                assert!(live <= after, "{live} of {after}");
                if !configuration.geometry().is_sparse() && census.newest_chapter.get() < 6 {
                    assert!(live >= before, "{live} of {before}");
                }
                assert_eq!(census.sub_indexes().map(|part| part.stray).sum::<u64>(), 0);
            }
            poster.join().unwrap();
            println!("{censuses} censuses");
        });
    }
}

// Guards the end that another thread wants, the count of what is done, and an index that is
// suspended, or closed for new requests.
#[test]
fn a_census_can_be_given_up() {
    let configuration = small(1, 6);
    let index = Index::create(memory(&configuration, 0), &configuration, &create_in(2)).unwrap();
    post(&index, 0..300);
    let control = SurveyControl::new();
    index.census(&control).unwrap();
    let progress = control.progress();
    assert_eq!((progress.done, progress.total), (256, 256));
    control.abandon();
    assert_eq!(index.census(&control).unwrap_err().kind(), ErrorKind::Abandoned);
    index.suspend(uds_index::SuspendMode::NoSave).unwrap();
    let census = index.census(&SurveyControl::new()).unwrap();
    assert_eq!(census.by_chapter().sum::<u64>(), 300);
    index.resume().unwrap();
    index.shut_down().unwrap();
    assert_eq!(index.census(&SurveyControl::new()).unwrap(), census);
}

fn survey(storage: Arc<dyn Storage>, first: u64, end: u64, threads: usize) -> Survey {
    let inspector = Inspector::open(storage, 0).unwrap();
    let chapters = VirtualChapter::new(first)..VirtualChapter::new(end);
    inspector.survey(chapters, threads, &SurveyControl::new()).unwrap()
}

// Guards the survey's counts: an entry for each record, the copies that fill the places of deleted
// ones, the bits of each page.
#[test]
fn a_survey_counts_entries_and_copies() {
    for count in [1, 3] {
        let configuration = small(2, 6);
        let mut model = Model::new(&configuration, count);
        let storage = memory(&configuration, 0);
        let index = Index::create(storage.clone(), &configuration, &create_in(count)).unwrap();
        live_through(&index, &mut model, 8);
        index.close().unwrap();
        let surveyed = survey(storage.clone(), model.oldest(), model.newest, 2);
        assert_eq!(surveyed, survey(storage, model.oldest(), model.newest, 1));
        assert_eq!(surveyed.chapters.len() as u64, model.newest - model.oldest());
        let mut entries = 0;
        for (number, chapter) in (model.oldest()..).zip(&surveyed.chapters) {
            assert_eq!(chapter.chapter.get(), number);
            assert!(chapter.is_whole());
            let deleted = model.deleted.get(&number).copied().unwrap_or_default();
            assert_eq!(chapter.entries(), model.put[&number] - deleted);
            let places = u64::from(model.geometry.records_per_chapter());
            assert_eq!(chapter.copies, Some(places - chapter.entries()));
            assert_eq!(chapter.unnamed, Some(0));
            entries += chapter.entries();
        }
        assert_eq!(surveyed.list_entries.sum(), entries);
        let lists = model.geometry.delta_lists_per_chapter() as usize * surveyed.chapters.len();
        assert_eq!(surveyed.list_entries.count(), lists as u64);
        let pages = surveyed.chapters.iter().flat_map(|chapter| chapter.pages.iter().flatten());
        let used: u64 = pages.map(|page| page.used_bits).sum();
        assert_eq!(used, surveyed.list_bits.sum() + 19 * lists as u64);
        assert_eq!(surveyed.page_bits, 8 * 4096 - 160 - 19 - 56);
    }
}

// Guards records that a chapter's index had no room for: they are told from copies.
#[test]
fn a_survey_counts_records_without_room() {
    let configuration = small(16, 4);
    let storage = memory(&configuration, 0);
    let index = Index::create(storage.clone(), &configuration, &create_in(1)).unwrap();
    let places = configuration.geometry().records_per_chapter();
    for number in 0..places {
        let mut bytes = *name(number.into()).as_bytes();
        // All in one list of the chapter's index, whatever the geometry takes from these.
        bytes[8..12].fill(0);
        index.post(RecordName::new(bytes), data(0, 0)).unwrap();
    }
    index.flush().unwrap();
    let lost = index.statistics().chapter_index_overflows;
    index.close().unwrap();
    let surveyed = survey(storage, 0, 1, 1);
    let chapter = &surveyed.chapters[0];
    assert!(lost > 0);
    assert_eq!((chapter.unnamed, chapter.copies), (Some(lost), Some(0)));
    assert_eq!(chapter.entries() + lost, u64::from(places));
    assert!(chapter.pages.iter().flatten().any(|page| page.lists == 0));
}

// Guards damage against being counted as what it is not, and against an end of the survey.
#[test]
fn a_survey_leaves_damage_out() {
    let configuration = small(16, 4);
    let storage = memory(&configuration, 0);
    let index = Index::create(storage.clone(), &configuration, &create_in(1)).unwrap();
    post(&index, 0..3 * 16 * 128);
    index.close().unwrap();
    let sound = survey(storage.clone(), 0, 3, 1);
    let geometry = configuration.geometry();
    let mut bytes = storage.to_vec();
    // The nonce of the second index page of chapter 1.
    let page = geometry.pages_per_chapter() as usize + 1;
    bytes[2 * 4096 + 4096 * (1 + page)] ^= 1;
    let damaged = survey(Arc::new(MemoryStorage::from_bytes(&bytes)), 0, 3, 2);
    assert_eq!(damaged.chapters[0], sound.chapters[0]);
    assert_eq!(damaged.chapters[2], sound.chapters[2]);
    let (chapter, before) = (&damaged.chapters[1], &sound.chapters[1]);
    assert!(before.is_whole() && !chapter.is_whole());
    assert_eq!((chapter.pages[0], chapter.pages[1]), (before.pages[0], None));
    assert_eq!((chapter.copies, chapter.unnamed), (None, None));
    // A slot with another chapter than the one that is asked for.
    let other = survey(storage.clone(), 4, 5, 1);
    assert!(other.chapters[0].pages.iter().all(Option::is_none));
    let inspector = Inspector::open(storage, 0).unwrap();
    let all = VirtualChapter::new(0)..VirtualChapter::new(u64::MAX);
    let error = inspector.survey(all, 1, &SurveyControl::new()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidArgument);
    let control = SurveyControl::new();
    control.abandon();
    let some = VirtualChapter::new(0)..VirtualChapter::new(3);
    let error = inspector.survey(some, 1, &control).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Abandoned);
    assert_eq!(bytes.len() as u64, bytes_of(&configuration));
}
