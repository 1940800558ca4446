//! Looking into an index that nobody has open: slots, chapters, index pages, the page map, saves.

mod damaged;

use std::collections::BTreeMap;
use std::ops::{ControlFlow, Range};
use std::sync::Arc;

use uds_geometry::{
    Configuration, DeltaKey, IndexPageNumber, Nonce, PhysicalChapter, RecordData, RecordName,
    VirtualChapter,
};
use uds_index::{
    CreateOptions, ErrorKind, Index, IndexError, Inspector, Naming, RegionKind, SaveSlotState,
    SlotState, SlotSummary, Staleness, SubIndex, UncleanReason, Window, WindowSource,
};
use uds_volume::{MemoryStorage, Storage};

use crate::common::{
    create_in, data, memory, name, open_in, post, post_singly, recover_in, small, small_sparse,
};

/// The shapes that are looked into: the last two have chapters of several index pages.
fn configurations() -> Vec<Configuration> {
    vec![
        small(1, 4),
        small(3, 5),
        small_sparse(2, 9, 6, 4),
        small(24, 4),
        Configuration::tiny(true),
    ]
}

fn window(inspector: &Inspector) -> Window {
    inspector.window(&mut |_| ControlFlow::Continue(())).unwrap()
}

fn numbers(window: &Window) -> Range<u64> {
    window.chapters.start.get()..window.chapters.end.get()
}

fn summaries(inspector: &Inspector) -> Vec<SlotSummary> {
    inspector.slots(&window(inspector)).unwrap().collect()
}

/// Every record of a chapter, by name, with what its index says of it.
fn records(inspector: &Inspector, chapter: u64) -> Vec<(RecordName, RecordData, Naming)> {
    let contents = inspector.chapter(VirtualChapter::new(chapter)).unwrap();
    assert_eq!(contents.chapter(), Some(VirtualChapter::new(chapter)));
    assert_eq!(contents.findings().len(), 0, "{:?}", contents.findings());
    let mut records = Vec::new();
    for page in contents.record_pages() {
        let of_page: Vec<_> = contents.records(page).collect();
        assert!(of_page.windows(2).all(|pair| pair[0].name <= pair[1].name), "page {page}");
        records.extend(of_page.iter().map(|record| (record.name, record.data, record.naming)));
    }
    records
}

// Guards the whole way from what was stored to what is shown: in indexes of all shapes, in one zone
// and several, each chapter has just the records that were put there, and the index names each.
#[test]
fn what_was_stored_is_shown() {
    for configuration in configurations() {
        let per_chapter = u64::from(configuration.geometry().records_per_chapter());
        let slots = u64::from(configuration.geometry().chapters_per_volume());
        for chapters in [2, slots + 2] {
            let storage = memory(&configuration, 0);
            let index = Index::create(storage.clone(), &configuration, &create_in(1)).unwrap();
            post(&index, 0..per_chapter * chapters + 7);
            index.close().unwrap();
            let inspector = Inspector::open(storage, 0).unwrap();
            let window = window(&inspector);
            assert!(matches!(window.source, WindowSource::Save(0)), "{window:?}");
            let oldest = (chapters + 1).saturating_sub(slots);
            assert_eq!(numbers(&window), oldest..chapters);
            for chapter in numbers(&window) {
                let mut shown = records(&inspector, chapter);
                let counters = chapter * per_chapter..(chapter + 1) * per_chapter;
                let mut stored: Vec<_> =
                    counters.map(|c| (name(c), data(c, 0), Naming::Indexed)).collect();
                shown.sort_unstable_by_key(|record| record.0);
                stored.sort_unstable_by_key(|record| record.0);
                assert!(shown == stored, "{configuration:?}, chapter {chapter}");
            }
            let open = inspector.open_chapter().unwrap();
            assert_eq!((open.remaining(), open.save_slot()), (7, 0));
            let open: Vec<_> = open.map(|record| record.unwrap().data).collect();
            let first = per_chapter * chapters;
            assert_eq!(open, (first..first + 7).map(|c| data(c, 0)).collect::<Vec<_>>());
        }
    }
}

// Guards the states of sound slots: in use, forgotten, never written, of another index.
#[test]
fn slots_have_their_states() {
    let configuration = small(24, 4);
    let geometry = configuration.geometry();
    let per_chapter = u64::from(geometry.records_per_chapter());
    let storage = memory(&configuration, 0);
    let options = CreateOptions { nonce: Nonce::new(1), ..create_in(1) };
    let index = Index::create(storage.clone(), &configuration, &options).unwrap();
    post(&index, 0..per_chapter * 2 + 5);
    index.close().unwrap();
    let states = |inspector: &Inspector| -> Vec<_> {
        let summary = |it: SlotSummary| (it.state, it.chapter.map(VirtualChapter::get));
        summaries(inspector).into_iter().map(summary).collect()
    };
    let inspector = Inspector::open(storage.clone(), 0).unwrap();
    let old_nonce = inspector.info().unwrap().volume_nonce;
    let (sound, never) = (SlotState::Sound, (SlotState::NeverWritten, None));
    assert_eq!(states(&inspector), [(sound, Some(0)), (sound, Some(1)), never, never]);
    for summary in &summaries(&inspector)[..2] {
        assert_eq!(summary.entries(), Some(per_chapter));
        assert!(summary.problem().is_none() && !summary.is_loss());
        assert!(summary.pages.len() > 1);
        let mut next = 0;
        for page in &summary.pages {
            let lists = page.lists.clone().unwrap();
            assert_eq!(lists.start.get(), next);
            next = lists.end.get();
        }
        assert_eq!(next, geometry.delta_lists_per_chapter());
    }
    // Another index in the same place.
    let options = CreateOptions { nonce: Nonce::new(2), ..create_in(1) };
    let index = Index::create(storage.clone(), &configuration, &options).unwrap();
    post(&index, 0..per_chapter);
    index.close().unwrap();
    let inspector = Inspector::open(storage.clone(), 0).unwrap();
    let other = (SlotState::Stale(Staleness::OtherIndex(old_nonce)), None);
    assert_eq!(states(&inspector), [(sound, Some(0)), other, never, never]);
    // A full volume: the chapter in the slot of the open one is forgotten, and still there.
    let index = Index::open(storage.clone(), &open_in(1)).unwrap();
    post(&index, per_chapter..per_chapter * 6);
    index.close().unwrap();
    let inspector = Inspector::open(storage, 0).unwrap();
    let forgotten = (SlotState::Stale(Staleness::Forgotten), Some(2));
    let wanted = [(sound, Some(4)), (sound, Some(5)), forgotten, (sound, Some(3))];
    assert_eq!(states(&inspector), wanted);
    assert_eq!(records(&inspector, 2).len() as u64, per_chapter);
    let error = inspector.chapter(VirtualChapter::new(1)).unwrap_err();
    let wanted = "chapter 1 is not on the volume: slot 1, where it belongs, has chapter 5";
    assert_eq!((error.kind(), error.to_string()), (ErrorKind::InvalidArgument, wanted.into()));
}

// Guards against records without an entry of their own that are shown as damage, or as found:
// copies that fill a chapter, and records for which a list had no room.
#[test]
fn copies_and_records_without_room_are_told_apart() {
    let configuration = small(3, 4);
    let per_chapter = u64::from(configuration.geometry().records_per_chapter());
    // Three zones that are filled unevenly: who is first closes the chapter for all.
    let storage = memory(&configuration, 0);
    let index = Index::create(storage.clone(), &configuration, &create_in(3)).unwrap();
    post_singly(&index, 0..per_chapter * 2);
    index.close().unwrap();
    let inspector = Inspector::open(storage, 0).unwrap();
    let shown = records(&inspector, 0);
    let mut by_name: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for (name, data, naming) in shown {
        by_name.entry(name).or_default().push((data, naming));
    }
    let copied: Vec<_> = by_name.values().filter(|same| same.len() > 1).collect();
    assert_eq!(copied.len(), 1, "one record fills the places of all that are missing");
    for same in by_name.values() {
        let is_indexed = |&&(_, naming): &&(RecordData, Naming)| naming == Naming::Indexed;
        assert_eq!(same.iter().filter(is_indexed).count(), 1, "{same:?}");
        let is_known =
            |(_, naming): &(_, Naming)| matches!(naming, Naming::Indexed | Naming::Copy { .. });
        assert!(same.iter().all(is_known), "{same:?}");
    }
    // Too many names for one list.
    let storage = memory(&small(4, 4), 0);
    let index = Index::create(storage.clone(), &small(4, 4), &create_in(1)).unwrap();
    for counter in 0..512 {
        let mut bytes = *name(counter).as_bytes();
        if counter < 300 {
            bytes[8..14].copy_from_slice(b"place!");
        }
        index.post(RecordName::new(bytes), data(counter, 0)).unwrap();
    }
    index.flush().unwrap();
    let lost = index.statistics().chapter_index_overflows;
    assert!(lost > 0 && lost < 512, "{lost} lost");
    index.close().unwrap();
    let inspector = Inspector::open(storage, 0).unwrap();
    let shown = records(&inspector, 0);
    let without = shown.iter().filter(|record| record.2 == Naming::NoRoom).count() as u64;
    let indexed = shown.iter().filter(|record| record.2 == Naming::Indexed).count() as u64;
    assert_eq!((without, indexed), (lost, 512 - lost));
}

// Guards the entries of index pages against the records that they are for: list, key and page of
// each, names only behind others with the same key, and bits without a gap.
#[test]
fn index_pages_lead_to_the_records() {
    let configuration = small(24, 4);
    let geometry = configuration.geometry();
    let storage = memory(&configuration, 0);
    let index = Index::create(storage.clone(), &configuration, &create_in(1)).unwrap();
    for counter in 0..u64::from(geometry.records_per_chapter()) {
        let mut bytes = *name(counter).as_bytes();
        if counter % 50 == 0 {
            bytes[8..14].copy_from_slice(b"place!");
        }
        index.post(RecordName::new(bytes), data(counter, 0)).unwrap();
    }
    index.flush().unwrap();
    index.close().unwrap();
    let inspector = Inspector::open(storage, 0).unwrap();
    let chapter = VirtualChapter::new(0);
    let mut entries = Vec::new();
    let mut named = Vec::new();
    for number in (0..geometry.index_pages_per_chapter()).map(IndexPageNumber::new) {
        let page = inspector.index_page_of(chapter, number).unwrap();
        assert_eq!((page.chapter(), page.number()), (chapter, number));
        let (mut end, mut next_list) = (None, page.list_range().start.get());
        for list in page.lists() {
            let list = list.unwrap();
            assert_eq!(list.number().get(), next_list);
            next_list += 1;
            let (number, bits) = (list.number(), list.bits().clone());
            assert_eq!(end.unwrap_or(bits.start), bits.start);
            let (mut bit, mut key) = (bits.start, 0);
            for entry in list.entries() {
                let entry = entry.unwrap();
                key += entry.delta;
                assert_eq!((entry.bit_offset, entry.key), (bit, DeltaKey::new(key)));
                bit += u64::from(entry.bits);
                assert_eq!(entry.name.is_some(), entry.bits > 128);
                entries.push((number, entry.key, entry.record_page));
                named.extend(entry.name);
            }
            assert_eq!(bit, bits.end);
            end = Some(bits.end);
        }
        assert_eq!(next_list, page.list_range().end.get());
        let all = u64::from(geometry.bytes_per_page()) * 8;
        let end = end.unwrap_or(160 + 19);
        assert_eq!(page.free_bits(), all - 56 - end);
    }
    let contents = inspector.chapter(chapter).unwrap();
    let mut wanted = Vec::new();
    for page in contents.record_pages() {
        for record in contents.records(page) {
            assert_eq!(record.naming, Naming::Indexed);
            wanted.push((record.list, geometry.chapter_key(&record.name), page));
        }
    }
    entries.sort_unstable();
    wanted.sort_unstable();
    assert!(entries == wanted);
    let at_place = u64::from(geometry.records_per_chapter()).div_ceil(50);
    assert_eq!(named.len() as u64, at_place - 1);
    assert!(named.iter().all(|name| &name.as_bytes()[8..14] == b"place!"));
    for (slot, page) in [(4, 0), (0, geometry.index_pages_per_chapter())] {
        let (slot, page) = (PhysicalChapter::new(slot), IndexPageNumber::new(page));
        let error = inspector.index_page(slot, page).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidArgument, "{error}");
    }
}

// Guards what both save slots say, from an index that was never closed to one that was written to
// after its save, in several zones.
#[test]
fn saves_are_told() {
    let configuration = small_sparse(2, 9, 6, 4);
    let per_chapter = u64::from(configuration.geometry().records_per_chapter());
    let storage = memory(&configuration, 0);
    let index = Index::create(storage.clone(), &configuration, &create_in(3)).unwrap();
    let is_open = Inspector::open(Arc::new(copy(&storage)), 0).unwrap();
    assert!(is_open.saves().iter().all(|save| matches!(save.state, SaveSlotState::Unsaved)));
    assert!(matches!(is_open.usable_save().unwrap(), Err(UncleanReason::NoSave)));
    assert!(is_open.stream_heads().unwrap().is_none());
    post_singly(&index, 0..per_chapter * 2 + 40);
    let records = index.statistics().entries_indexed;
    index.close().unwrap();

    let inspector = Inspector::open(storage.clone(), 0).unwrap();
    assert!(matches!(inspector.usable_save().unwrap(), Ok(0)));
    let saves = inspector.saves();
    assert!(saves[0].is_latest && !saves[1].is_latest);
    let SaveSlotState::Saved(header) = &saves[0].state else { panic!("{saves:?}") };
    assert_eq!((header.zones.get(), header.newest_chapter.get()), (3, 2));
    assert_eq!(header.last_save, Some(VirtualChapter::new(1)));
    let kinds: Vec<_> = saves[0].regions.iter().map(|region| region.kind).collect();
    let zones = header.zones.zones().map(RegionKind::VolumeIndex);
    assert_eq!(kinds[..2], [RegionKind::Header, RegionKind::PageMap]);
    assert!(kinds[2..5].iter().copied().eq(zones));
    assert_eq!(kinds[5], RegionKind::OpenChapter);
    for save in &saves {
        let mut next = save.first_block;
        for region in &save.regions {
            assert_eq!(region.first_block, next, "{save:?}");
            next += region.blocks;
        }
        assert_eq!(next, save.first_block + save.blocks);
    }
    let streams = inspector.stream_heads().unwrap().unwrap();
    assert!(streams.problem.is_none());
    let parts: Vec<_> = streams.heads.iter().map(|head| (head.zone.get(), head.part)).collect();
    let both = |zone| [(zone, SubIndex::NonHook), (zone, SubIndex::Hook)];
    assert_eq!(parts, [both(0), both(1), both(2)].concat());
    assert_eq!(streams.heads.iter().map(|head| head.records).sum::<i64>(), records as i64);
    assert!(streams.heads.iter().all(|head| head.high.get() == 2 && head.bytes > 0));

    // Written to since, and not closed.
    let index = Index::open(storage.clone(), &recover_in(1)).unwrap();
    post_singly(&index, per_chapter * 3..per_chapter * 5);
    index.flush().unwrap();
    let inspector = Inspector::open(Arc::new(copy(&storage)), 0).unwrap();
    assert!(matches!(inspector.usable_save().unwrap(), Err(UncleanReason::WrittenSince)));
    let error = inspector.open_chapter().unwrap_err();
    assert!(matches!(error, IndexError::NotSavedCleanly { .. }), "{error}");
    let window = window(&inspector);
    assert!(matches!(window.source, WindowSource::Volume(UncleanReason::WrittenSince)));
    assert_eq!(window.chapters.end.get(), index_newest(&inspector));
    let stopped = inspector.window(&mut |_| ControlFlow::Break(())).unwrap_err();
    assert_eq!(stopped.kind(), ErrorKind::Abandoned);
}

/// The chapter after the newest sound one.
fn index_newest(inspector: &Inspector) -> u64 {
    let newest = summaries(inspector).iter().filter_map(|it| it.chapter).max();
    newest.map_or(0, |chapter| chapter.get() + 1)
}

fn copy(storage: &Arc<MemoryStorage>) -> MemoryStorage {
    let mut bytes = vec![0; storage.len() as usize];
    storage.read_at(0, &mut bytes).unwrap();
    MemoryStorage::from_bytes(&bytes)
}
