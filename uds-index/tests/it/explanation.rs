//! Explanations: they end as queries do, leave the index as it is, and say where the trail ends.

use std::collections::BTreeSet;
use std::sync::Arc;

use uds_geometry::{Configuration, RecordName};
use uds_index::{
    Absence, ChapterState, CreateOptions, EntryMatch, Explanation, Index, IndexError, OpenOptions,
    Operation, Outcome, SubIndex,
};
use uds_volume::Storage;
use uds_volume::sim::SimDisk;

use crate::common::{
    BLOCK, Random, bytes_of, create_in, data, memory, name, open_in, post, recover_in, scale,
    small, small_sparse, story,
};

/// Which ends the explanations of some names came to.
#[derive(Default)]
struct Seen {
    found: BTreeSet<&'static str>,
    absent: BTreeSet<&'static str>,
    failed: u64,
    by_name: u64,
    brought_in: u64,
    cached: u64,
}

/// Explains a name, before and after it is asked for, and holds the explanations to the answer.
fn explain(index: &Index, name: RecordName, seen: &mut Seen) -> Explanation {
    let counted = index.statistics();
    let explanation = index.explain(&name).unwrap();
    assert_eq!(format!("{:?}", index.statistics()), format!("{counted:?}"));
    let answer = index.query_no_update(name);
    let again = index.explain(&name).unwrap();
    for explanation in [&explanation, &again] {
        match (explanation.answer(), &answer) {
            (Ok(explained), Ok(answer)) => assert_eq!(explained, *answer, "{explanation:#?}"),
            (Err(explained), Err(answer)) => assert_eq!(root(explained), root(answer)),
            (explained, answer) => panic!("{explained:?}, but {answer:?}: {explanation:#?}"),
        }
    }
    seen.by_name += u64::from(explanation.entry.matched == EntryMatch::Name);
    seen.brought_in += u64::from(explanation.brought_in.is_some());
    let is_cached = explanation.chapter.as_ref().is_some_and(|it| it.cached.is_some());
    let is_hit = explanation.cache.as_ref().is_some_and(|cache| cache.hit.is_some());
    seen.cached += u64::from(is_cached || is_hit);
    match &explanation.outcome {
        Outcome::Found { .. } => {
            let state = explanation.chapter.as_ref().map(|chapter| chapter.state);
            seen.found.insert(match state {
                Some(ChapterState::Open) => "open",
                Some(ChapterState::Closed) => "closed",
                Some(ChapterState::Dense) => "dense",
                Some(ChapterState::Sparse) => "sparse",
                _ => "cache",
            });
        }
        Outcome::Absent(absence) => {
            seen.absent.insert(match absence {
                Absence::NoEntry => "no entry",
                Absence::Expired(_) => "expired",
                Absence::Forgotten(_) => "forgotten",
                Absence::OtherName(_) => "other name",
                Absence::Lost(_) => "lost",
            });
        }
        Outcome::Failed(_) => seen.failed += 1,
    }
    explanation
}

/// What is wrong, without what a batch adds.
fn root(error: &IndexError) -> String {
    match error {
        IndexError::RequestsFailed { source, .. } => story(&**source),
        error => story(error),
    }
}

/// A name with the place of another one in the volume index, and sometimes in chapters too.
fn twin(counter: u64) -> RecordName {
    let mut bytes = *name(counter).as_bytes();
    let is_near = counter % 2 == 0;
    bytes[if is_near { 8 } else { 10 }] ^= 0x55;
    RecordName::new(bytes)
}

/// Lives a life: posts, updates, queries and deletions of names that come back, and their twins.
fn live(index: &Index, random: &mut Random, requests: u64) -> u64 {
    let mut newest = 1;
    for _ in 0..requests {
        let counter = if random.below(3) == 0 { random.below(newest) } else { newest };
        newest = newest.max(counter + 1);
        let name = if random.below(8) == 0 { twin(counter) } else { name(counter) };
        let operation = match random.below(20) {
            0 | 1 => Operation::Delete,
            2 | 3 => Operation::Query,
            4 | 5 => Operation::Update,
            _ => Operation::Post,
        };
        let mut batch = uds_index::Batch::new();
        batch.push(operation, name, data(counter, 0));
        index.run(&mut batch).unwrap();
    }
    settle(index);
    newest
}

/// Has every zone close the chapter that it is to close: a request would do it otherwise.
fn settle(index: &Index) {
    for _ in 0..2 {
        let mut batch = uds_index::Batch::new();
        (0..200).for_each(|number| batch.query_no_update(name((1 << 50) + number)));
        index.run(&mut batch).unwrap();
        index.flush().unwrap();
    }
}

fn explain_all(index: &Index, newest: u64, seen: &mut Seen) {
    for counter in 0..newest + 50 {
        explain(index, name(counter), seen);
        if counter % 4 == 0 {
            explain(index, twin(counter), seen);
        }
    }
}

fn shapes() -> [(Configuration, u64); 3] {
    [(small(1, 8), 3000), (small(2, 5), 2500), (small_sparse(1, 12, 7, 4), 3500)]
}

// Guards the promise of an explanation: it ends as the query does, for names that were never
// there, stored, moved, deleted, superseded and forgotten, and for those that share their places;
// before and after the index was saved, in whatever number of zones.
#[test]
fn explanations_end_as_queries_do() {
    let mut seen = Seen::default();
    for (configuration, requests) in shapes() {
        for (zones, read_threads) in [(1, 0), (3, 2)] {
            let storage = memory(&configuration, 0);
            let options = CreateOptions { read_threads, ..create_in(zones) };
            let index = Index::create(storage.clone(), &configuration, &options).unwrap();
            let mut random = Random::new(u64::from(zones));
            let newest = live(&index, &mut random, requests * u64::from(scale()));
            explain_all(&index, newest, &mut seen);
            index.close().unwrap();
            let options = OpenOptions { read_threads, ..open_in(4 - zones) };
            let index = Index::open(storage, &options).unwrap();
            settle(&index);
            explain_all(&index, newest, &mut seen);
        }
    }
    assert_eq!(seen.failed, 0);
    let all = ["cache", "dense", "open", "sparse"];
    assert!(all.iter().all(|state| seen.found.contains(state)), "{:?}", seen.found);
    let all = ["expired", "no entry", "other name"];
    assert!(all.iter().all(|end| seen.absent.contains(end)), "{:?}", seen.absent);
    assert!(seen.by_name > 50 && seen.brought_in > 5 && seen.cached > 50);
}

// Guards explanations of damaged and unreadable pages: they fail where the query fails, for the
// same reason, and nowhere else.
#[test]
fn explanations_of_damage_end_as_queries_do() {
    let mut seen = Seen::default();
    for (configuration, requests) in shapes() {
        let disk = Arc::new(SimDisk::new(bytes_of(&configuration), 1));
        let options = CreateOptions { read_threads: 0, ..create_in(1) };
        let index = Index::create(disk.clone(), &configuration, &options).unwrap();
        let newest = live(&index, &mut Random::new(5), requests);
        index.close().unwrap();
        let geometry = configuration.geometry();
        for (seed, zones) in [(1, 1), (2, 3), (3, 1)] {
            let disk = Arc::new(disk.snapshot());
            let mut random = Random::new(seed);
            for _ in 0..6 {
                let page = 2 + 1 + random.below(geometry.pages_per_volume());
                let length = 1 + random.below(30) as usize;
                // Index pages have their lists within the first bytes.
                let at = BLOCK * page + random.below(500);
                disk.write_at(at, &vec![random.next() as u8; length]).unwrap();
            }
            let index = Index::open(disk, &open_in(zones)).unwrap();
            explain_all(&index, newest, &mut seen);
        }
    }
    assert!(seen.failed > 100, "{} failed", seen.failed);
}

// Guards the step in the list: entries that share an address, by which of them a name is found,
// and what an entry of another name leads to.
#[test]
fn entries_that_share_an_address() {
    let configuration = small(1, 8);
    let index = Index::create(memory(&configuration, 0), &configuration, &create_in(1)).unwrap();
    post(&index, 0..100);
    let stranger = twin(7);
    let explanation = index.explain(&stranger).unwrap();
    assert!(matches!(explanation.outcome, Outcome::Absent(Absence::OtherName(_))));
    assert_eq!(explanation.entry.matched, EntryMatch::Key);
    let probes = &explanation.chapter.unwrap().memory.unwrap().probes;
    assert_eq!(probes.last().unwrap().name, None, "an empty slot ends the search");

    index.post(stranger, data(1, 1)).unwrap();
    let explanation = index.explain(&stranger).unwrap();
    assert_eq!(explanation.entry.matched, EntryMatch::Name);
    let entry = explanation.entry.around.iter().find(|entry| entry.is_match).unwrap();
    assert_eq!((entry.name, entry.delta), (Some(stranger), 0));
    let first = index.explain(&name(7)).unwrap();
    assert_eq!(first.entry.matched, EntryMatch::Key);
    let entry = first.entry.around.iter().find(|entry| entry.is_match).unwrap();
    assert_eq!((entry.name, entry.key), (None, first.parts.address));
    assert_eq!(first.parts.sub_index, SubIndex::Whole);
    assert_eq!(first.answer().unwrap().data(), Some(data(7, 0)));
}

// Guards the steps on the volume: the index page that the map names, the record page that it
// names, the path through that, and where they lie.
#[test]
fn pages_are_named_where_they_lie() {
    let configuration = small(2, 6);
    let geometry = configuration.geometry();
    let index = Index::create(memory(&configuration, 0), &configuration, &create_in(1)).unwrap();
    // The last chapter that was closed is still in memory.
    post(&index, 0..600);
    index.flush().unwrap();
    for counter in 0..256 {
        let explanation = index.explain(&name(counter)).unwrap();
        let chapter = explanation.chapter.unwrap();
        assert_eq!((chapter.state, chapter.slot.get()), (ChapterState::Dense, 0));
        let pages = chapter.pages.unwrap();
        let page = pages.index_page.unwrap();
        assert!(page.lists.contains(&page.list) && page.header.unwrap().contains(page.list));
        let (number, is_whole_name) = page.found.unwrap();
        assert!(!is_whole_name);
        let entry = page.around.shown.iter().find(|entry| entry.key == page.key).unwrap();
        assert_eq!(entry.value, number.get());
        assert_eq!(page.place.offset, BLOCK * (2 + 1 + u64::from(page.page.get())));
        let record = pages.record_page.unwrap();
        assert_eq!(record.page, number);
        let before = u64::from(geometry.index_pages_per_chapter() + number.get());
        assert_eq!(record.place.offset, BLOCK * (2 + 1 + before));
        assert_eq!(record.path[0].node, 0);
        for step in record.path.windows(2) {
            let is_right = name(counter) > step[0].name;
            assert_eq!(step[1].node, 2 * step[0].node + 1 + u32::from(is_right));
        }
        assert_eq!(record.path.last().unwrap().name, name(counter));
        assert_eq!(record.found, Some(data(counter, 0)));
    }
}

// Guards what is said of names that a sparse index forgot by intent.
#[test]
fn names_that_need_company() {
    let configuration = small_sparse(1, 10, 5, 2);
    let geometry = configuration.geometry();
    let index = Index::create(memory(&configuration, 0), &configuration, &create_in(1)).unwrap();
    (0..9 * 128).for_each(|counter| post(&index, counter..counter + 1));
    settle(&index);
    let (samples, others): (Vec<u64>, Vec<u64>) =
        (0..128).partition(|&counter| geometry.is_sample(&name(counter)));
    let explanation = index.explain(&name(others[0])).unwrap();
    assert!(explanation.needs_company() && explanation.cache.unwrap().chapters.is_empty());
    let explanation = index.explain(&name(samples[0])).unwrap();
    assert_eq!(explanation.parts.sub_index, SubIndex::Hook);
    assert!(matches!(explanation.brought_in, Some((chapter, true)) if chapter.get() == 0));
    assert!(!explanation.needs_company());
    let still = index.explain(&name(others[0])).unwrap();
    assert!(still.needs_company(), "explaining has brought nothing in");
    assert!(index.query_no_update(name(samples[0])).unwrap().is_found());
    let found = index.explain(&name(others[0])).unwrap();
    assert!(found.cache.unwrap().hit.is_some() && found.chapter.is_none());
}

// Guards the doors of the index: an explanation is a request like any other there.
#[test]
fn a_suspended_index_explains_nothing() {
    let configuration = small(1, 4);
    let index = Index::create(memory(&configuration, 0), &configuration, &create_in(1)).unwrap();
    index.suspend(uds_index::SuspendMode::NoSave).unwrap();
    assert!(matches!(index.explain(&name(1)), Err(IndexError::Suspended)));
    index.resume().unwrap();
    assert!(index.explain(&name(1)).is_ok());
    index.shut_down().unwrap();
    assert!(matches!(index.explain(&name(1)), Err(IndexError::Closed)));
}

// Guards explanations beside requests of other threads: no deadlock at meetings of the zones, and
// names that nobody touches stay explained as they are.
#[test]
fn explanations_beside_requests() {
    let configuration = small_sparse(1, 12, 7, 4);
    let index = Index::create(memory(&configuration, 0), &configuration, &create_in(3)).unwrap();
    post(&index, 0..1200);
    std::thread::scope(|scope| {
        for thread in 0..2_u64 {
            let index = &index;
            scope.spawn(move || {
                let mut random = Random::new(thread);
                for _ in 0..100 {
                    let start = random.below(1200);
                    let mut batch = uds_index::Batch::new();
                    (start..start + 20).for_each(|counter| batch.query_no_update(name(counter)));
                    index.run(&mut batch).unwrap();
                }
            });
        }
        for counter in 0..1200 {
            let explanation = index.explain(&name(counter)).unwrap();
            let found = explanation.answer().unwrap().data();
            assert!(found.is_none_or(|found| found == data(counter, 0)));
        }
    });
}

// Guards explanations of an index that had to be recovered.
#[test]
fn recovered_indexes_are_explained() {
    let configuration = small(1, 8);
    let disk = Arc::new(SimDisk::new(bytes_of(&configuration), 1));
    let index = Index::create(disk.clone(), &configuration, &create_in(1)).unwrap();
    let newest = live(&index, &mut Random::new(11), 2500);
    drop(index);
    let index = Index::open(disk, &recover_in(2)).unwrap();
    assert!(index.recovery().is_some());
    explain_all(&index, newest, &mut Seen::default());
}
