//! Saving: which slot, when, for how long it stands, and in how many zones it comes back.

use std::sync::Arc;
use std::time::Duration;

use uds_geometry::{Configuration, LayoutSizes};
use uds_index::{CreateOptions, Index, IndexInfo, SaveState, SavedState};
use uds_volume::MemoryStorage;
use uds_volume::sim::SimDisk;

use crate::common::{
    BLOCK, assert_holds, bytes_of, clean_only, create_in, data, found, memory, name, open_in, post,
    post_singly, scale, small,
};
use crate::disks::{Event, Recorder};

/// What the clock says in a round, with a start and the length of a year.
type Clock = fn(u32, Duration, Duration) -> Duration;
/// Something that changes an index.
type Change = fn(&Index);

fn disk(configuration: &Configuration) -> SimDisk {
    SimDisk::new(bytes_of(configuration), 1)
}

fn create(storage: Arc<Recorder>, configuration: &Configuration) -> Index {
    Index::create(storage, configuration, &CreateOptions::default()).unwrap()
}

fn open(storage: Arc<Recorder>) -> Index {
    Index::open(storage, &clean_only()).unwrap()
}

fn saved(storage: &Arc<Recorder>) -> SavedState {
    match IndexInfo::read(storage.clone(), 0).unwrap().save {
        SaveState::Clean(state) => state,
        other => panic!("{other:?}"),
    }
}

/// The first byte of each region of a slot, of an index in one zone: header, page map, volume
/// index, open chapter.
fn slot_places(configuration: &Configuration, slot: u64) -> [u64; 4] {
    let sizes = LayoutSizes::new(&configuration.geometry()).unwrap();
    let header = 2 + sizes.volume_blocks + slot * sizes.save_blocks();
    let page_map = header + 1;
    let volume_index = page_map + sizes.page_map_blocks;
    let open_chapter = volume_index + sizes.volume_index_blocks;
    [header, page_map, volume_index, open_chapter].map(|block| block * BLOCK)
}

/// Where each write went, and `None` for each sync.
fn order(events: &[Event]) -> Vec<Option<u64>> {
    events
        .iter()
        .map(|event| match event {
            Event::Write { offset, .. } => Some(*offset),
            Event::Sync => None,
        })
        .collect()
}

// Guards the order of writes in creation and saves (section 10.7): a header says "saved" only
// when all else is durable, and the super block comes last.
#[test]
fn creating_and_saving_write_in_order() {
    let configuration = small(1, 4);
    let storage = Recorder::new(disk(&configuration));
    let index = create(storage.clone(), &configuration);
    let slots = [slot_places(&configuration, 0), slot_places(&configuration, 1)];
    let created = order(&storage.take());
    let expected =
        [Some(0), None, Some(slots[0][0]), Some(slots[1][0]), Some(BLOCK), None, Some(0), None];
    assert_eq!(created, expected);
    for round in 0..6 {
        post(&index, round * 10..round * 10 + 10);
        index.save().unwrap();
        let [header, page_map, volume_index, open_chapter] = slots[round as usize % 2];
        let expected = [
            Some(header),
            None,
            Some(open_chapter),
            None,
            Some(volume_index),
            None,
            Some(page_map),
            None,
            Some(header),
            None,
        ];
        assert_eq!(order(&storage.take()), expected, "save {round}");
        assert_eq!(u64::from(saved(&storage).slot), round % 2);
    }
}

// Guards against a clock that runs backwards, stands still or jumps (row F14, trap 17): the save
// completed last is the one that is loaded, whichever slot it is in.
#[test]
fn the_newest_save_wins_whatever_the_clock_says() {
    let configuration = small(1, 4);
    let year = Duration::from_secs(365 * 24 * 3600);
    let start = 50 * year;
    let clocks: [(&str, Clock); 5] = [
        ("frozen", |_, start, _| start),
        ("backwards", |round, start, year| start - year * round),
        ("to and fro", |round, start, year| start + year * 10 * (round % 2)),
        ("at zero", |_, _, _| Duration::ZERO),
        ("at the end of time", |_, _, _| Duration::MAX),
    ];
    for (clock, time) in clocks {
        let storage = Recorder::new(disk(&configuration));
        let mut index = Some(create(storage.clone(), &configuration));
        let mut latest = 0;
        // 128 records a chapter: chapters close on the way, so each state differs from the last.
        for round in 0..20 * scale() {
            storage.disk.set_now(time(round % 40, start, year));
            let first = u64::from(round) * 50;
            let open_index = index.take().unwrap_or_else(|| open(storage.clone()));
            post(&open_index, first..first + 50);
            open_index.close().unwrap();
            let state = saved(&storage);
            assert!(state.saved_at_ms > latest, "{clock}, round {round}: {state:?}");
            latest = state.saved_at_ms;
            let index = open(storage.clone());
            let held = found(&index, 0..first + 60);
            assert_eq!(held.last(), Some(&(first + 49)), "{clock}, round {round}");
            assert!(held.len() as u64 >= (first + 50).min(512 - 128), "{clock}, round {round}");
        }
    }
}

// Guards the rule that a save is destroyed, durably, before the first chapter after it is
// written, and not before (invariant 4 of the engine, traps 18 and 21).
#[test]
fn a_save_is_discarded_at_the_first_chapter_after_it() {
    let configuration = small(2, 4);
    let [_, _, _, open_chapter] = slot_places(&configuration, 0);
    let volume = 2 * BLOCK..slot_places(&configuration, 0)[0];
    for reopened in [false, true] {
        let storage = Recorder::new(disk(&configuration));
        let mut index = create(storage.clone(), &configuration);
        post(&index, 0..200);
        if reopened {
            index.close().unwrap();
            index = open(storage.clone());
        } else {
            index.save().unwrap();
        }
        storage.take();
        post(&index, 200..255);
        index.flush().unwrap();
        assert_eq!(storage.take(), [], "the chapter has room for one more");
        assert!(matches!(IndexInfo::read(storage.clone(), 0).unwrap().save, SaveState::Clean(_)));
        post(&index, 255..256);
        index.flush().unwrap();
        let events = storage.take();
        let first_sync = events.iter().position(|event| *event == Event::Sync).unwrap();
        for event in &events[..first_sync] {
            let Event::Write { offset, bytes } = event else { unreachable!("before the sync") };
            assert_eq!(*offset, open_chapter);
            assert!(bytes.iter().all(|&byte| byte == 0));
        }
        assert!(first_sync > 0, "the discard must be durable before a page is written");
        let first_page = events.iter().position(
            |event| matches!(event, Event::Write { offset, .. } if volume.contains(offset)),
        );
        assert!(first_page.is_some_and(|first_page| first_page > first_sync));
        // The next chapter has nothing to discard.
        post(&index, 256..512);
        index.flush().unwrap();
        let again = order(&storage.take());
        assert!(again.iter().flatten().all(|offset| volume.contains(offset)), "{again:?}");
        drop(index);
        let info = IndexInfo::read(storage.clone(), 0).unwrap();
        assert!(matches!(info.save, SaveState::Unclean { last: Some(_), .. }), "{info:?}");
    }
}

// Guards against wear, and against a save that replaces a good one for nothing.
#[test]
fn nothing_is_written_where_nothing_has_changed() {
    let configuration = small(1, 4);
    let storage = Recorder::new(disk(&configuration));
    let index = create(storage.clone(), &configuration);
    post(&index, 0..300);
    index.close().unwrap();
    storage.take();
    for _ in 0..3 {
        let index = open(storage.clone());
        assert_holds(&index, 0..300, 400);
        assert!(!index.query(name(1000)).unwrap().is_found());
        assert!(!index.delete(name(1000)).unwrap().is_found());
        assert!(index.post(name(299), data(7, 7)).unwrap().is_found());
        index.flush().unwrap();
        index.save().unwrap();
        index.close().unwrap();
        drop(open(storage.clone()));
        assert_eq!(storage.take(), []);
    }
    // Each of these changes something that the next open must see.
    let changes: [(&str, Change); 4] = [
        ("post", |index| assert!(!index.post(name(500), data(500, 0)).unwrap().is_found())),
        ("update", |index| assert!(index.update(name(500), data(500, 1)).unwrap().is_found())),
        ("query", |index| assert!(index.query(name(0)).unwrap().is_found())),
        ("delete", |index| assert!(index.delete(name(500)).unwrap().is_found())),
    ];
    for (what, change) in changes {
        let index = open(storage.clone());
        change(&index);
        index.close().unwrap();
        assert_ne!(storage.take(), [], "{what}");
    }
    let index = open(storage);
    assert!(!index.query_no_update(name(500)).unwrap().is_found());
}

// Guards the answers of an index that is saved on the way and goes on (section 11.10).
#[test]
fn an_index_that_was_not_closed_is_as_at_its_last_save() {
    let configuration = small(1, 4);
    let storage = memory(&configuration, 0);
    let index = Index::create(storage.clone(), &configuration, &create_in(1)).unwrap();
    post(&index, 0..200);
    index.save().unwrap();
    post(&index, 200..250);
    index.delete(name(5)).unwrap();
    index.update(name(6), data(6, 1)).unwrap();
    drop(index);
    let index = Index::open(storage, &open_in(1)).unwrap();
    assert_holds(&index, 0..200, 300);
}

// Guards records on their way from one number of zones to another: every pair (row F18).
#[test]
fn every_number_of_zones_opens_every_other() {
    let configuration = small(3, 4);
    for saved_in in 1..=16_u8 {
        let storage = memory(&configuration, 0);
        let index = Index::create(storage.clone(), &configuration, &create_in(saved_in)).unwrap();
        // Chapters close when a zone is full, so how many depends on the names' zones. Stop when
        // the open chapter has few enough records for the zones of any other number.
        let mut count = 0;
        while count < 1200 || !(40..90).contains(&index.statistics().open_chapter_records) {
            post_singly(&index, count..count + 10);
            count += 10;
            assert!(count < 3000);
        }
        let held = found(&index, 0..count);
        assert_eq!(held.last(), Some(&(count - 1)));
        let open_records = index.statistics().open_chapter_records;
        let entries = index.statistics().entries_indexed;
        index.close().unwrap();
        let image = storage.to_vec();
        for opened_in in 1..=16_u8 {
            let storage = Arc::new(MemoryStorage::from_bytes(&image));
            let index = Index::open(storage.clone(), &open_in(opened_in)).unwrap();
            let statistics = index.statistics();
            let pair = format!("{saved_in} zones to {opened_in}");
            assert_eq!(found(&index, 0..count), held, "{pair}");
            assert_eq!(statistics.open_chapter_records, open_records, "{pair}");
            assert_eq!(statistics.entries_indexed, entries, "{pair}");
            // And on: it takes records, closes chapters, and comes back.
            post_singly(&index, count..count + 400);
            let more = found(&index, 0..count + 400);
            assert_eq!(
                more[more.len() - 400..],
                (count..count + 400).collect::<Vec<_>>(),
                "{pair}"
            );
            index.close().unwrap();
            let index = Index::open(storage, &open_in(saved_in)).unwrap();
            assert!(found(&index, 0..count + 400).len() >= more.len() - 96, "{pair}");
        }
    }
}

// Guards the rule for an open chapter that does not fit its new zones (section 5.5, row C16): the
// latest records of a zone are dropped, no other, and the index goes on.
#[test]
fn a_zone_that_is_too_small_drops_the_surplus() {
    let configuration = small(1, 4);
    let storage = memory(&configuration, 0);
    let index = Index::create(storage.clone(), &configuration, &create_in(1)).unwrap();
    post(&index, 0..127);
    index.close().unwrap();
    let image = storage.to_vec();
    let index = Index::open(storage, &open_in(16)).unwrap();
    let held = found(&index, 0..127);
    assert_eq!(held.len() as u64, index.statistics().open_chapter_records);
    // Sixteen zones have room for eight records each, and are loaded with seven at most.
    assert!(held.len() <= 16 * 7 && held.len() > 16 * 4, "{}", held.len());
    // What was dropped can be posted again, and then is there. One by one: a zone that runs ahead
    // of others closes chapters that they have not filled.
    post_singly(&index, 0..127);
    index.flush().unwrap();
    assert_eq!(found(&index, 0..127), (0..127).collect::<Vec<_>>());
    drop(index);
    // The save still stands: in one zone all are there.
    let storage = Arc::new(MemoryStorage::from_bytes(&image));
    let index = Index::open(storage, &open_in(1)).unwrap();
    assert_holds(&index, 0..127, 200);
}
