//! The same for sparse volume indexes: the samples live as long as the window, all other names as
//! long as the dense chapters.

use super::*;

/// The parameters of a sparse index with so many pages of 128 records a chapter, that samples one
/// name in four.
fn sparse(pages: u32, chapters: u32, sparse_chapters: u32) -> Arc<VolumeIndexParameters> {
    let custom = CustomConfiguration {
        bytes_per_page: 4096,
        record_pages_per_chapter: pages,
        chapters_per_volume: chapters,
        sparse_chapters_per_volume: sparse_chapters,
        sample_rate: 4,
        ..CustomConfiguration::default()
    };
    let geometry = Configuration::custom(&custom).unwrap().geometry();
    Arc::new(VolumeIndexParameters::new(&geometry).unwrap())
}

/// The name of a place in one of the sub-indexes.
fn name_in(is_hook: bool, list: u32, key: u32, number: u64) -> RecordName {
    let mut bytes = *name_at(list, key, number).as_bytes();
    bytes[15] = if is_hook { 0 } else { 1 };
    RecordName::new(bytes)
}

// Guards both windows against each other: a sample is known for all 10 chapters, another name for
// the 4 dense ones, and what has expired is counted exactly (row C20).
#[test]
fn samples_outlive_other_names() {
    let parameters = sparse(1, 10, 6);
    for zone_count in [1, 2, 3] {
        let mut zones = Zones::new(&parameters, zone_count);
        let name = |chapter: u64, number: u64| name(chapter << 32 | number);
        let is_sample = |name: &RecordName| parameters.hook_of(name).is_some();
        for newest in 0..35 {
            zones.open(newest);
            for number in 0..60 {
                zones.put(&name(newest, number), newest);
            }
            let mut live = 0;
            for chapter in 0..=newest {
                for number in 0..60 {
                    let name = name(chapter, number);
                    let window = if is_sample(&name) { 10 } else { 4 };
                    let is_live = chapter + window > newest;
                    live += u64::from(is_live);
                    let expected = is_live.then_some(chapter);
                    assert_eq!(zones.get(&name), expected, "{chapter} of {newest}: {number}");
                }
            }
            for is_hook in [false, true] {
                let part = parameters.hook.as_ref().filter(|_| is_hook);
                for list in 0..part.unwrap_or(&parameters.non_hook).list_count {
                    zones.get(&name_in(is_hook, list, 0xf_ffff, u64::MAX));
                }
            }
            let statistics = zones.statistics();
            assert_eq!(statistics.records, live, "chapter {newest}");
            assert_eq!(statistics.records + statistics.discards, 60 * (newest + 1));
        }
    }
}

// Guards names with the same volume index bits, of which one is a sample: they are in different
// lists, and neither is the other's collision.
#[test]
fn samples_and_other_names_do_not_meet() {
    let parameters = sparse(1, 10, 6);
    let mut zones = Zones::new(&parameters, 1);
    let (sample, other) = (name_in(true, 5, 1000, 1), name_in(false, 5, 1000, 1));
    zones.put(&sample, 0);
    assert_eq!(zones.get(&other), None);
    zones.open(1);
    zones.put(&other, 1);
    assert_eq!((zones.get(&sample), zones.get(&other)), (Some(0), Some(1)));
    assert_eq!(zones.statistics().collisions, 0);
    assert_eq!(zones.statistics().records, 2);
}

// Guards triage's look-up (section 9.6): it sees what the zone has put, changes nothing, and takes
// no expired entry for one of a chapter to come.
#[test]
fn triage_sees_samples_and_flushes_nothing() {
    let parameters = sparse(1, 10, 6);
    let mut zones = Zones::new(&parameters, 1);
    let (sample, absent) = (name_in(true, 5, 1000, 1), name_in(true, 5, 2000, 1));
    zones.put(&sample, 0);
    let hooks = zones.zones[0].hooks().unwrap().clone();
    assert_eq!(hooks.peek(&sample).unwrap(), Some(chapter(0)));
    assert_eq!(hooks.peek(&absent).unwrap(), None);
    zones.open(12);
    let expired = hooks.peek(&sample).unwrap();
    assert!(expired.is_none_or(|chapter| chapter.get() <= 12), "{expired:?}");
    assert_eq!(zones.statistics().records, 1, "nothing was flushed");
    assert_eq!(zones.get(&sample), None);
    assert_eq!(zones.statistics().records, 0);
}

// Guards the lock between a zone at work and triage on other threads (row C21, parallel).
#[test]
fn triage_may_look_while_a_zone_works() {
    let parameters = sparse(8, 40, 30);
    let mut zones = Zones::new(&parameters, 1);
    let samples: Vec<RecordName> =
        (0..20_000).map(name).filter(|name| parameters.hook_of(name).is_some()).collect();
    let hooks = zones.zones[0].hooks().unwrap().clone();
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                for _ in 0..5 {
                    for (number, name) in samples.iter().enumerate() {
                        let found = hooks.peek(name).unwrap();
                        let own = chapter(number as u64 / 1000);
                        assert!(found.is_none_or(|found| found == own), "{name}: {found:?}");
                    }
                }
            });
        }
        for (number, name) in samples.iter().enumerate() {
            let newest = number as u64 / 1000;
            zones.open(newest);
            zones.put(name, newest);
        }
    });
    for (number, name) in samples.iter().enumerate() {
        assert_eq!(hooks.peek(name).unwrap(), Some(chapter(number as u64 / 1000)));
    }
}

// Guards the memory budget of both sub-indexes (row C22): a full window fits twice over without a
// loss; an eighth more makes chapters expire early, and still no list overflows.
#[test]
fn the_memory_budget_of_both_parts_holds() {
    let parameters = sparse(32, 150, 86);
    let mut number = 0;
    for zone_count in [1, 2] {
        let mut zones = Zones::new(&parameters, zone_count);
        let mut newest = 0;
        let mut fill = |zones: &mut Zones, chapters: u64, per_chapter: u64| {
            for _ in 0..chapters {
                zones.open(newest);
                for _ in 0..per_chapter {
                    number += 1;
                    // Each chapter has just as many samples as the memory is made for.
                    let mut bytes = *name(number).as_bytes();
                    bytes[15] = number as u8;
                    zones.put(&RecordName::new(bytes), newest);
                }
                newest += 1;
            }
        };
        fill(&mut zones, 300, 4096);
        assert_eq!(zones.early_flushes(), 0, "{zone_count} zones");
        fill(&mut zones, 100, 4096 + 512);
        assert!(zones.early_flushes() > 0, "{zone_count} zones");
        assert_eq!(zones.statistics().overflows, 0);
    }
}

/// A sparse volume index whose windows have wrapped, with collisions in both parts.
fn filled_sparse(
    parameters: &Arc<VolumeIndexParameters>,
    zone_count: u8,
) -> (Zones, Vec<RecordName>) {
    let mut zones = Zones::new(parameters, zone_count);
    let mut names = Vec::new();
    for newest in 0..25 {
        zones.open(newest);
        for number in 0..200 {
            let number = newest << 32 | number;
            let name = match number % 16 {
                0 => name_in(false, 3, 7, number),
                1 => name_in(true, 3, 7, number),
                _ => name(number),
            };
            zones.put(&name, newest);
            names.push(name);
        }
    }
    (zones, names)
}

// Guards a sparse save that is loaded into another number of zones (row C21): every answer and
// every sum is the same, for samples and others, and it can go on.
#[test]
fn a_sparse_save_loads_into_any_number_of_zones() {
    let parameters = sparse(2, 10, 6);
    for saved_in in [1, 2, 3, 16] {
        let (mut before, names) = filled_sparse(&parameters, saved_in);
        let chapters: Vec<_> = names.iter().map(|name| before.get(name)).collect();
        let streams = before.save();
        for loaded_in in [1, 2, 3, 4, 16] {
            let mut after = restore(&streams, 24, &parameters, loaded_in).unwrap();
            let (old, new) = (before.statistics(), after.statistics());
            assert_eq!((old.records, old.collisions), (new.records, new.collisions));
            for (name, chapter) in names.iter().zip(&chapters) {
                assert_eq!(after.get(name), *chapter, "{saved_in} zones to {loaded_in}");
            }
            after.open(25);
            for name in [name_in(true, 1, 1, u64::MAX), name_in(false, 1, 1, u64::MAX)] {
                after.put(&name, 25);
                assert_eq!(after.get(&name), Some(25));
            }
        }
    }
}

// Guards each check of the sparse part of the saved form (section 9.9), the sample rate above all:
// one from a file must not replace the index's own (trap 10).
#[test]
fn a_wrong_sparse_save_is_refused() {
    let parameters = sparse(2, 10, 6);
    let (zones, _) = filled_sparse(&parameters, 2);
    let streams = zones.save();
    for (stream, at, wanted) in [
        (0, 0, "magic"),
        (1, 7, "magic"),
        (0, 8, "sample rate"),
        (1, 8, "sample rate"),
        (1, 11, "sample rate"),
        (0, 12, "magic"),
    ] {
        let mut streams = streams.clone();
        streams[stream][at] ^= 1;
        match restore(&streams, 24, &parameters, 3).err() {
            Some(IndexError::Corrupt { field, block: 77, .. }) => assert_eq!(field, wanted),
            other => panic!("stream {stream}, byte {at}: {other:?}"),
        }
    }
    for at in (0..streams[0].len()).step_by(41) {
        let cut = vec![streams[0][..at].to_vec(), streams[1].clone()];
        let error = restore(&cut, 24, &parameters, 1).err().unwrap();
        assert_eq!(error.kind(), ErrorKind::Damaged, "cut at byte {at}: {error}");
    }
    // A dense index of as many chapters does not take a sparse one's save, nor the other way round.
    let dense = super::parameters(2, 10);
    assert!(restore(&streams, 24, &dense, 2).is_err());
    let (dense_zones, _) = filled(&dense, 2);
    assert!(restore(&dense_zones.save(), 19, &parameters, 2).is_err());
}

// Guards what is done ahead for other names against samples, whose lists may be another zone's.
#[test]
fn samples_do_not_keep_others_from_being_flushed() {
    // So many pages that the two parts have not equally many lists.
    let parameters = sparse(64, 40, 20);
    let mut zones = Zones::new(&parameters, 2);
    let key = 7;
    let stranger = |is_hook, zone| {
        let names = (0..1000).map(|list| name_in(is_hook, list, key, 0));
        let mut names = names.filter(|name| {
            let list = parameters.non_hook.locate(name).0;
            let zone_of_list = parameters.non_hook.zone_of(list, zone_count(2)).get();
            let zone_of_name = parameters.zone_of(name, zone_count(2)).get();
            zone_of_name == zone && (zone_of_list != zone_of_name) == is_hook
        });
        names.next().unwrap()
    };
    for zone in [0, 1] {
        let (sample, other) = (stranger(true, zone), stranger(false, zone));
        zones.open(0);
        zones.put(&other, 0);
        zones.open(20);
        let zone = &mut zones.zones[usize::from(zone)];
        zone.look_ahead([&sample, &other].into_iter());
        assert_eq!(zone.statistics().discards, 1);
        assert_eq!(zone.get(&sample, Some(0)).unwrap().chapter(), None);
        assert_eq!(zone.get(&other, Some(1)).unwrap().chapter(), None);
    }
}
