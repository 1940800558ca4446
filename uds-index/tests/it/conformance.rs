//! Rows of the reference's own tests, scaled to small geometries (reliability C50, C53, C58, C61).

use std::ops::Range;
use std::sync::Arc;

use uds_geometry::{Configuration, RecordName, VolumeIndexParameters, ZoneCount, ZoneId};
use uds_index::{Batch, CreateOptions, ErrorKind, Index, OpenOptions};
use uds_volume::{FileStorage, MemoryStorage};

use crate::common::{bytes_of, create_in, data, memory, name, open_in, small, small_sparse, zones};

/// The first names, by counters, that belong to a zone.
fn names_of(
    parameters: &VolumeIndexParameters,
    zone: ZoneId,
    count: ZoneCount,
) -> impl Iterator<Item = (u64, RecordName)> {
    let is_of_zone = move |(_, name): &(u64, RecordName)| parameters.zone_of(name, count) == zone;
    (0..).map(|counter| (counter, name(counter))).filter(is_of_zone)
}

// C58. Guards the zones against falling apart: one that has nothing to do closes its chapters with
// the others, so that records of later days do not get into earlier chapters.
#[test]
fn lagging_zones_stay_in_the_same_chapter() {
    let configuration = small(4, 9);
    let parameters = VolumeIndexParameters::new(&configuration.geometry()).unwrap();
    for count in [2, 3, 8, 16] {
        let index =
            Index::create(memory(&configuration, 0), &configuration, &create_in(count)).unwrap();
        let count = zones(count);
        let capacity = 512 / u64::from(count.get());
        let mut names: Vec<_> =
            count.zones().map(|zone| names_of(&parameters, zone, count)).collect();
        let post = |(counter, name): (u64, RecordName)| {
            assert!(!index.post(name, data(counter, 0)).unwrap().is_found());
        };
        // One zone alone fills its part. All close the chapter.
        names[0].by_ref().take(capacity as usize).for_each(post);
        index.flush().unwrap();
        assert_eq!(index.statistics().newest_chapter.get(), 1);
        assert_eq!(index.statistics().open_chapter_records, 0);
        // Three quarters of a chapter, spread over the zones, fill none.
        for _ in 0..capacity * 3 / 4 {
            names.iter_mut().for_each(|names| post(names.next().unwrap()));
        }
        assert_eq!(index.statistics().newest_chapter.get(), 1);
        // Half a chapter more: the first zone that is full closes it, and the rest goes to the
        // next, whatever zone it is of.
        for _ in 0..capacity / 2 {
            names.iter_mut().for_each(|names| post(names.next().unwrap()));
        }
        index.flush().unwrap();
        let statistics = index.statistics();
        assert_eq!(statistics.newest_chapter.get(), 2);
        let rounds_of_chapter = capacity - capacity * 3 / 4;
        let rounds_after = capacity / 2 - rounds_of_chapter;
        let zone_count = u64::from(count.get());
        // In the round that filled the first zone the others were already in the next chapter.
        assert_eq!(statistics.open_chapter_records, rounds_after * zone_count + zone_count - 1);
    }
}

// C61. Guards the number of zones: 1 to 16 are taken as they are, others cannot be asked for.
#[test]
fn zones_are_as_many_as_asked_for() {
    assert_eq!(ZoneCount::new(0), None);
    assert_eq!(ZoneCount::new(17), None);
    let configuration = small(1, 4);
    for count in 1..=16 {
        let storage = memory(&configuration, 0);
        let index = Index::create(storage.clone(), &configuration, &create_in(count)).unwrap();
        index.close().unwrap();
        let info = uds_index::IndexInfo::read(storage, 0).unwrap();
        let saved = format!("{info:?}");
        assert!(saved.contains(&format!("{count} zones")), "{saved}");
    }
}

// C61. Guards a busy index: who opens or creates it a second time is told at once.
#[test]
fn an_index_that_is_open_is_busy() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("index");
    let configuration = small(1, 4);
    let storage = Arc::new(FileStorage::create(&path, bytes_of(&configuration)).unwrap());
    let index = Index::create(storage, &configuration, &CreateOptions::default()).unwrap();
    let error = uds_index::IndexError::from(FileStorage::open(&path).unwrap_err());
    assert_eq!(error.kind(), ErrorKind::InUse);
    assert!(FileStorage::create(&path, 1 << 20).is_err());
    index.close().unwrap();
    drop(FileStorage::open(&path).unwrap());
}

/// An index of C50, and what it must have counted since it was opened.
struct Suite {
    storage: Arc<MemoryStorage>,
    index: Option<Index>,
    zones: u8,
    posts: [u64; 2],
    queries: [u64; 2],
}

impl Suite {
    fn new(zones: u8, configuration: &Configuration) -> Self {
        let storage = memory(configuration, 0);
        let index = Index::create(storage.clone(), configuration, &create_in(zones)).unwrap();
        Self { storage, index: Some(index), zones, posts: [0; 2], queries: [0; 2] }
    }

    fn index(&self) -> &Index {
        self.index.as_ref().unwrap()
    }

    /// Posts or queries a group, in batches, all of which must be there, or not.
    fn group(&mut self, counters: Range<u64>, posts: bool, are_there: bool) {
        let counts = if posts { &mut self.posts } else { &mut self.queries };
        counts[usize::from(are_there)] += counters.end - counters.start;
        let mut batch = Batch::new();
        for start in counters.clone().step_by(500) {
            batch.clear();
            let part = start..(start + 500).min(counters.end);
            for counter in part.clone() {
                if posts {
                    batch.post(name(counter), data(counter, 0));
                } else {
                    batch.query(name(counter));
                }
            }
            self.index().run(&mut batch).unwrap();
            for (counter, answer) in part.zip(batch.answers()) {
                let found = answer.unwrap().as_ref().unwrap().data();
                assert_eq!(found, are_there.then(|| data(counter, 0)), "{counter}");
            }
        }
    }

    fn check_statistics(&self) {
        let statistics = self.index().statistics();
        assert_eq!([statistics.posts_not_found, statistics.posts_found], self.posts);
        assert_eq!([statistics.queries_not_found, statistics.queries_found], self.queries);
        let all: u64 = self.posts.iter().chain(&self.queries).sum();
        assert_eq!(statistics.requests, all);
        let by_place = statistics.posts_found_open + statistics.posts_found_dense;
        assert_eq!(by_place, self.posts[1]);
    }

    fn reopen(&mut self) {
        self.index.take().unwrap().close().unwrap();
        let index = Index::open(self.storage.clone(), &open_in(self.zones)).unwrap();
        self.index = Some(index);
        (self.posts, self.queries) = ([0; 2], [0; 2]);
    }
}

// C50. Guards whole sessions: groups within the open chapter and of ten chapters, posted, queried,
// posted again, kept over a save and a reopening, in one index and in two at the same time; every
// answer and every count is exact.
#[test]
fn groups_of_records_are_kept_exactly() {
    for zones in [1, 3] {
        for simultaneous in [1, 2] {
            let configuration = small(4, 250);
            let new = |_| Suite::new(zones, &configuration);
            let mut suites: Vec<_> = (0..simultaneous).map(new).collect();
            // Within an open chapter, then ten chapters and more.
            for (first, size) in [(0, 100), (1000, 100), (10_000, 6000), (20_000, 100)] {
                let group = first..first + size;
                for suite in &mut suites {
                    suite.group(group.clone(), false, false);
                    suite.group(group.clone(), true, false);
                }
                for suite in &mut suites {
                    suite.group(group.clone(), false, true);
                    suite.group(group.clone(), true, true);
                    suite.check_statistics();
                }
                for suite in &mut suites {
                    suite.index().save().unwrap();
                    suite.group(group.clone(), false, true);
                    suite.check_statistics();
                    suite.reopen();
                    suite.group(group.clone(), true, true);
                    suite.group(50_000..50_100, false, false);
                    suite.check_statistics();
                }
            }
            for suite in &mut suites {
                suite.group(0..100, false, true);
                suite.group(10_000..16_000, true, true);
            }
        }
    }
}

// C50, sparse. Guards the same groups where most of them are in sparse chapters when they come
// again: what is found has its data, no more is found than was stored, and the totals are exact.
#[test]
fn groups_of_records_are_kept_in_a_sparse_index() {
    for zones in [1, 3] {
        let configuration = small_sparse(4, 40, 36, 8);
        let storage = memory(&configuration, 0);
        let index = Index::create(storage.clone(), &configuration, &create_in(zones)).unwrap();
        let mut batch = Batch::new();
        let mut group = |index: &Index, counters: Range<u64>, posts: bool| {
            let count = counters.end - counters.start;
            let before = index.statistics();
            let mut found = 0;
            for start in counters.clone().step_by(500) {
                batch.clear();
                let part = start..(start + 500).min(counters.end);
                for counter in part.clone() {
                    match posts {
                        true => batch.post(name(counter), data(counter, 0)),
                        false => batch.query(name(counter)),
                    }
                }
                index.run(&mut batch).unwrap();
                for (counter, answer) in part.zip(batch.answers()) {
                    if let Some(stored) = answer.unwrap().as_ref().unwrap().data() {
                        assert_eq!(stored, data(counter, 0), "{counter}");
                        found += 1;
                    }
                }
            }
            let after = index.statistics();
            let counted = match posts {
                true => after.posts_found - before.posts_found,
                false => after.queries_found - before.queries_found,
            };
            assert_eq!(counted, found);
            assert_eq!(after.requests - before.requests, count);
            if posts {
                let by_place = |all: &uds_index::Statistics| {
                    all.posts_found_open + all.posts_found_dense + all.posts_found_sparse
                };
                assert_eq!(by_place(&after) - by_place(&before), found);
            }
            (found, count)
        };
        // Within an open chapter everything is found; of ten chapters, which stream by in the
        // order in which they were stored, all but what comes before the first sample of each.
        assert_eq!(group(&index, 0..100, true).0, 0);
        assert_eq!(group(&index, 0..100, false).0, 100);
        assert_eq!(group(&index, 1000..7000, true).0, 0);
        let (found, count) = group(&index, 1000..7000, false);
        assert!(found <= count && found * 100 >= count * 95, "{found} of {count}, {zones} zones");
        index.close().unwrap();
        let index = Index::open(storage, &open_in(zones)).unwrap();
        let (found, count) = group(&index, 1000..7000, true);
        assert!(found <= count && found * 100 >= count * 90, "{found} of {count}, {zones} zones");
        assert_eq!(group(&index, 50_000..50_100, false).0, 0);
        index.close().unwrap();
    }
}

// C53. Guards posts and updates of the same names from two threads: every name keeps data that one
// of the two has given it, and the last pass of updates wins.
#[test]
fn posts_and_updates_from_two_threads() {
    const NAMES: u64 = 2000;
    for zones in [1, 2, 4] {
        let configuration = small(4, 60);
        let storage = memory(&configuration, 0);
        let index = Index::create(storage.clone(), &configuration, &create_in(zones)).unwrap();
        let pass = |update: bool, version: u64| {
            for start in (0..NAMES).step_by(100) {
                let mut batch = Batch::new();
                for counter in start..start + 100 {
                    if update {
                        batch.update(name(counter), data(counter, version));
                    } else {
                        batch.post(name(counter), data(counter, version));
                    }
                }
                index.run(&mut batch).unwrap();
                for (counter, answer) in (start..).zip(batch.answers()) {
                    if let Some(found) = answer.unwrap().as_ref().unwrap().data() {
                        assert!((0..10).any(|version| found == data(counter, version)));
                    }
                }
            }
        };
        for round in 0..5 {
            std::thread::scope(|scope| {
                scope.spawn(|| pass(false, 2 * round));
                scope.spawn(|| pass(true, 2 * round + 1));
            });
        }
        index.close().unwrap();
        let index =
            Index::open(storage, &OpenOptions { read_threads: 1, ..open_in(zones) }).unwrap();
        for counter in 0..NAMES {
            assert_eq!(index.query(name(counter)).unwrap().data(), Some(data(counter, 9)));
        }
    }
}
