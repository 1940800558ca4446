//! The volume index: windows, expiry, the memory budget and saves (rows C20 to C22).

mod model;
mod sparse;

use uds_delta_index::{DeltaStatistics, Insertion};
use uds_geometry::{
    Configuration, CustomConfiguration, Nonce, RecordName, VirtualChapter, VolumeIndexParameters,
    ZoneCount,
};

use super::{Saved, VolumeIndexZone, load, save};
use crate::IndexError;
use crate::error::ErrorKind;
use crate::sync::Arc;

const NONCE: Nonce = Nonce::new(0x0102_0304_0506_0708);

/// The parameters of an index with so many pages of 128 records a chapter.
fn parameters(pages: u32, chapters: u32) -> Arc<VolumeIndexParameters> {
    let custom = CustomConfiguration {
        bytes_per_page: 4096,
        record_pages_per_chapter: pages,
        chapters_per_volume: chapters,
        ..CustomConfiguration::default()
    };
    let geometry = Configuration::custom(&custom).unwrap().geometry();
    Arc::new(VolumeIndexParameters::new(&geometry).unwrap())
}

fn zone_count(count: u8) -> ZoneCount {
    ZoneCount::new(count).unwrap()
}

fn empty(parameters: &Arc<VolumeIndexParameters>, zones: ZoneCount) -> Vec<VolumeIndexZone> {
    zones.zones().map(|zone| VolumeIndexZone::new(parameters, zone, zones).unwrap()).collect()
}

fn chapter(number: u64) -> VirtualChapter {
    VirtualChapter::new(number)
}

/// The name of a place: its list, its key there, and what tells it from others in that place.
fn name_at(list: u32, key: u32, number: u64) -> RecordName {
    let mut bytes = [0; 16];
    let volume_bits = u64::from(list) << 20 | u64::from(key);
    bytes[..8].copy_from_slice(&volume_bits.to_be_bytes());
    bytes[8..].copy_from_slice(&number.to_le_bytes());
    RecordName::new(bytes)
}

fn name(number: u64) -> RecordName {
    RecordName::of_block(&number.to_le_bytes())
}

/// All zones of a volume index.
struct Zones {
    parameters: Arc<VolumeIndexParameters>,
    count: ZoneCount,
    zones: Vec<VolumeIndexZone>,
}

impl Zones {
    fn new(parameters: &Arc<VolumeIndexParameters>, zones: u8) -> Self {
        let count = zone_count(zones);
        Self { zones: empty(parameters, count), parameters: Arc::clone(parameters), count }
    }

    fn zone_of(&mut self, name: &RecordName) -> &mut VolumeIndexZone {
        &mut self.zones[usize::from(self.parameters.zone_of(name, self.count).get())]
    }

    fn open(&mut self, number: u64) {
        self.zones.iter_mut().for_each(|zone| zone.set_open_chapter(chapter(number)));
    }

    /// Puts an entry that must not be refused.
    fn put(&mut self, name: &RecordName, number: u64) {
        let zone = self.zone_of(name);
        let entry = zone.get(name, None).unwrap();
        let insertion = zone.put(entry, name, chapter(number)).unwrap();
        assert_eq!(insertion, Insertion::Inserted);
    }

    fn get(&mut self, name: &RecordName) -> Option<u64> {
        self.zone_of(name).get(name, None).unwrap().chapter().map(VirtualChapter::get)
    }

    fn statistics(&self) -> DeltaStatistics {
        let all = self.zones.iter().map(VolumeIndexZone::statistics);
        all.fold(DeltaStatistics::default(), DeltaStatistics::plus)
    }

    fn early_flushes(&self) -> u64 {
        self.zones.iter().map(VolumeIndexZone::early_flushes).sum()
    }

    fn save(&self) -> Vec<Vec<u8>> {
        let zones = self.count.zones().zip(&self.zones);
        zones
            .map(|(id, zone)| {
                let mut stream = Vec::new();
                save(zone, &self.parameters, id, self.count, NONCE, &mut stream).unwrap();
                stream
            })
            .collect()
    }
}

fn restore(
    streams: &[Vec<u8>],
    newest: u64,
    parameters: &Arc<VolumeIndexParameters>,
    zones: u8,
) -> Result<Zones, IndexError> {
    let saved = Saved {
        streams: streams.iter().map(Vec::as_slice).collect(),
        nonce: NONCE,
        newest: chapter(newest),
        first_block: 77,
    };
    let count = zone_count(zones);
    let zones = load(saved, parameters, count)?;
    Ok(Zones { parameters: Arc::clone(parameters), count, zones })
}

// Guards against entries of chapters that no stored value could stand for (row C20).
#[test]
fn chapters_outside_the_window_are_refused() {
    let parameters = parameters(1, 8);
    for newest in [0, 1, 7, 8, 20, (1 << 40) + 3] {
        let mut zones = Zones::new(&parameters, 1);
        zones.open(newest);
        let oldest = (newest + 1).saturating_sub(8);
        let name = name(newest);
        for wrong in [newest + 1, newest + 8, oldest.wrapping_sub(1), u64::MAX] {
            if (oldest..=newest).contains(&wrong) {
                continue;
            }
            let entry = zones.zones[0].get(&name, None).unwrap();
            let error = zones.zones[0].put(entry, &name, chapter(wrong)).unwrap_err();
            assert!(matches!(error, IndexError::OutsideWindow { .. }), "{error}");
            assert_eq!(error.kind(), ErrorKind::InvalidArgument);
            assert_eq!(zones.get(&name), None);
        }
        zones.put(&name, oldest);
        assert_eq!(zones.get(&name), Some(oldest));
        let entry = zones.zones[0].get(&name, None).unwrap();
        assert!(zones.zones[0].set_chapter(&entry, chapter(newest + 1)).is_err());
        zones.zones[0].set_chapter(&entry, chapter(newest)).unwrap();
        assert_eq!(zones.get(&name), Some(newest));
        assert_eq!(zones.statistics().records, 1);
    }
}

// Guards what a stored value stands for, in every chapter of the window and over its end.
#[test]
fn every_chapter_of_the_window_can_be_named() {
    for chapters in [2, 3, 8, 9, 256] {
        let parameters = parameters(1, chapters);
        let count = u64::from(chapters);
        let mut zones = Zones::new(&parameters, 2);
        for newest in 0..3 * count {
            zones.open(newest);
            zones.put(&name(newest), newest);
            for number in (newest + 1).saturating_sub(count)..=newest {
                assert_eq!(zones.get(&name(number)), Some(number), "{newest} of {chapters}");
            }
        }
    }
}

// Guards the counts of entries and of discarded ones: exact after every chapter, with windows that
// wrap (row C20).
#[test]
fn expired_entries_are_counted_exactly() {
    for zone_count in [1, 2, 3] {
        let parameters = parameters(1, 8);
        let mut zones = Zones::new(&parameters, zone_count);
        // Chapter c has 20 + c names, so each expiry changes the counts differently.
        let count_of = |chapter: u64| 20 + chapter;
        for newest in 0..30 {
            zones.open(newest);
            for number in 0..count_of(newest) {
                zones.put(&name(newest << 32 | number), newest);
            }
            // Looking into a list flushes it; here nothing is ever found.
            for list in 0..parameters.non_hook.list_count {
                zones.get(&name_at(list, 0xf_ffff, u64::MAX));
            }
            let oldest = (newest + 1).saturating_sub(8);
            let live: u64 = (oldest..=newest).map(count_of).sum();
            let all: u64 = (0..=newest).map(count_of).sum();
            let statistics = zones.statistics();
            assert_eq!(statistics.records, live, "chapter {newest}");
            assert_eq!(statistics.discards, all - live, "chapter {newest}");
        }
        // All at once: a window that has moved beyond everything.
        zones.open(1000);
        for list in 0..parameters.non_hook.list_count {
            zones.get(&name_at(list, 0, 0));
        }
        assert_eq!(zones.statistics().records, 0);
        assert!(zones.zones.iter().all(|zone| zone.non_hook.lists().used_bits() < 10_000));
    }
}

const ORDERS: [[u64; 3]; 6] = [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]];

// Guards the flush of a list against losing a live entry, or keeping an expired one, wherever in
// the list they are (row C20, six permutations).
#[test]
fn entries_expire_in_any_order_of_keys() {
    for order in ORDERS {
        let parameters = parameters(1, 8);
        let mut zones = Zones::new(&parameters, 1);
        for newest in 0..3 {
            zones.open(newest);
            let place = order.iter().position(|&chapter| chapter == newest).unwrap();
            zones.put(&name_at(5, 1000 * (place as u32 + 1), 1), newest);
        }
        for gone in 0..=3 {
            zones.open(7 + gone);
            for (place, number) in order.into_iter().enumerate() {
                let expected = (number >= gone).then_some(number);
                let name = name_at(5, 1000 * (place as u32 + 1), 1);
                assert_eq!(zones.get(&name), expected, "{order:?}, {gone} gone");
            }
            assert_eq!(zones.statistics().records, 3 - gone);
        }
    }
}

// Guards collision entries when the head that they hang on expires, and when they do (trap 3).
#[test]
fn collisions_expire_in_any_order() {
    for order in ORDERS {
        let parameters = parameters(1, 8);
        let mut zones = Zones::new(&parameters, 1);
        for number in 0..3_u64 {
            // The first is the head; the others follow as collisions. All in chapters 0 to 2.
            zones.open(2);
            zones.put(&name_at(9, 77, number), order[number as usize]);
        }
        assert_eq!(zones.statistics().collisions, 2);
        for gone in 0..=3 {
            zones.open(7 + gone);
            zones.get(&name_at(9, 77, 99));
            assert_eq!(zones.statistics().records, 3 - gone, "{order:?}");
            for number in 0..3_u64 {
                let own = order[number as usize];
                if own >= gone {
                    assert_eq!(zones.get(&name_at(9, 77, number)), Some(own), "{order:?}");
                }
            }
        }
        assert_eq!(zones.statistics().collisions, 0);
    }
}

// Guards the memory budget (row C22): a full window fits twice over without a loss; an eighth more
// makes chapters expire early, and still no list overflows.
#[test]
fn the_memory_budget_holds() {
    let parameters = parameters(8, 256);
    let mut number = 0;
    for zone_count in [1, 3] {
        let mut zones = Zones::new(&parameters, zone_count);
        let fill = |zones: &mut Zones, round: u64, per_chapter: u64, number: &mut u64| {
            for newest in round * 256..(round + 1) * 256 {
                zones.open(newest);
                for _ in 0..per_chapter {
                    *number += 1;
                    zones.put(&name(*number), newest);
                }
            }
        };
        for round in 0..2 {
            fill(&mut zones, round, 1024, &mut number);
            assert_eq!(zones.early_flushes(), 0, "{zone_count} zones, fill {round}");
        }
        fill(&mut zones, 2, 1024 + 128, &mut number);
        assert!(zones.early_flushes() > 0, "{zone_count} zones");
        assert_eq!(zones.statistics().overflows, 0);
        let memory: usize = zones.zones.iter().map(VolumeIndexZone::memory_bytes).sum();
        let nominal =
            parameters.non_hook.memory_bytes + u64::from(parameters.non_hook.list_count) * 16;
        assert!(memory as u64 <= nominal + u64::from(zone_count) * 65536 * 2, "{memory} bytes");
    }
}

/// A volume index whose window has wrapped, with collisions, and what it holds.
fn filled(parameters: &Arc<VolumeIndexParameters>, zone_count: u8) -> (Zones, Vec<RecordName>) {
    let mut zones = Zones::new(parameters, zone_count);
    let mut names = Vec::new();
    for newest in 0..20 {
        zones.open(newest);
        for number in 0..200 {
            let number = newest << 32 | number;
            let name = if number % 8 == 0 { name_at(3, 7, number) } else { name(number) };
            zones.put(&name, newest);
            names.push(name);
        }
    }
    (zones, names)
}

// Guards a save that is loaded into another number of zones: every answer and every sum is the same
// (row C21), and it can go on.
#[test]
fn a_save_loads_into_any_number_of_zones() {
    let parameters = parameters(2, 8);
    for saved_in in [1, 2, 3, 16] {
        let (mut before, names) = filled(&parameters, saved_in);
        let chapters: Vec<_> = names.iter().map(|name| before.get(name)).collect();
        let streams = before.save();
        for loaded_in in [1, 2, 3, 4, 16] {
            let mut after = restore(&streams, 19, &parameters, loaded_in).unwrap();
            let (old, new) = (before.statistics(), after.statistics());
            assert_eq!((old.records, old.collisions), (new.records, new.collisions));
            for (name, chapter) in names.iter().zip(&chapters) {
                assert_eq!(after.get(name), *chapter, "{saved_in} zones to {loaded_in}");
            }
            after.open(20);
            let name = name(u64::MAX);
            after.put(&name, 20);
            assert_eq!(after.get(&name), Some(20));
        }
    }
}

// Guards a save made while chapters have expired early: the window comes back as it was.
#[test]
fn early_expiry_survives_a_save() {
    let parameters = parameters(8, 64);
    let mut zones = Zones::new(&parameters, 2);
    let mut number = 0;
    let mut newest = 0;
    while zones.early_flushes() == 0 {
        newest += 1;
        assert!(newest < 1000);
        zones.open(newest);
        for _ in 0..2500 {
            number += 1;
            zones.put(&name(number), newest);
        }
    }
    let low = zones.zones.iter().map(|zone| zone.non_hook.window().0).max();
    let restored = restore(&zones.save(), newest, &parameters, 2).unwrap();
    assert_eq!(restored.zones.iter().map(|zone| zone.non_hook.window().0).max(), low);
    let mut again = restored;
    for number in 0..number {
        let found = again.get(&name(number));
        assert!(found.is_none_or(|chapter| Some(chapter) >= low), "name {number}: {found:?}");
    }
}

// Guards lists that were not looked at for long, when a save is loaded while chapters had expired
// early: what is long gone must not come back as another chapter when the window grows again.
#[test]
fn what_expired_long_ago_does_not_come_back() {
    let parameters = parameters(1, 8);
    let name = name_at(3, 5, 0);
    let mut zones = Zones::new(&parameters, 1);
    zones.put(&name, 0);
    zones.open(9);
    zones.zones[0].non_hook.low = 9;
    let streams = zones.save();
    let mut loaded = restore(&streams, 9, &parameters, 1).unwrap();
    assert!(loaded.save() == streams, "flush chapters must stay lower bounds");
    for newest in 10..20 {
        loaded.open(newest);
        assert_eq!(loaded.get(&name), None, "at {newest}");
    }
}

// Guards zones that have expired chapters early against those that have not: all get the window of
// the one that has lost most, whichever stream it is (section 9.9).
#[test]
fn the_shortest_window_of_the_streams_counts() {
    let parameters = parameters(1, 8);
    let (zones, _) = filled(&parameters, 3);
    for (lows, expected) in [([12, 15, 13], 15), ([16, 12, 12], 16), ([12, 12, 17], 17)] {
        let mut streams = zones.save();
        for (stream, low) in streams.iter_mut().zip(lows) {
            stream[16] = low;
        }
        let restored = restore(&streams, 19, &parameters, 2).unwrap();
        assert!(restored.zones.iter().all(|zone| zone.non_hook.window() == (expected, 19)));
    }
}

// Guards each check of the saved form (section 9.9): every one is fed the wrong thing.
#[test]
fn a_wrong_save_is_refused() {
    let parameters = parameters(2, 8);
    let (zones, _) = filled(&parameters, 2);
    let streams = zones.save();
    let wrong: [(usize, usize, u8, &str); 12] = [
        (0, 0, b'x', "magic"),
        (1, 7, b'6', "magic"),
        (0, 8, 0, "nonce"),
        (1, 15, 9, "nonce"),
        (0, 16, 20, "oldest chapter"),
        // A window of more chapters than entries can tell apart.
        (0, 16, 11, "oldest chapter"),
        (0, 24, 18, "newest chapter"),
        (1, 24, 20, "newest chapter"),
        (0, 32, 1, "first delta list"),
        (1, 32, 0, "first delta list"),
        (0, 37, 2, "number of delta lists"),
        (1, 36, 255, "number of delta lists"),
    ];
    for (stream, at, value, wanted) in wrong {
        let mut streams = streams.clone();
        assert_ne!(streams[stream][at], value, "byte {at} would not change");
        streams[stream][at] = value;
        match restore(&streams, 19, &parameters, 3).err() {
            Some(IndexError::Corrupt { field, block: 77, .. }) => assert_eq!(field, wanted),
            other => panic!("stream {stream}, byte {at}: {other:?}"),
        }
    }
    // The delta lists' own header, and the guard behind the last list.
    let delta_header = 40 + 8 * (parameters.non_hook.list_count as usize / 2);
    let guard = streams[0].len() - 8;
    for at in [delta_header, guard] {
        let mut streams = streams.clone();
        streams[0][at] ^= 1;
        let error = restore(&streams, 19, &parameters, 2).err().unwrap();
        assert!(matches!(error, IndexError::VolumeIndex(_)), "byte {at}: {error}");
    }
    // Streams that are swapped, missing, twice there, or none at all.
    let (first, second) = (&streams[0], &streams[1]);
    let sets = [
        vec![second.clone(), first.clone()],
        vec![first.clone()],
        vec![second.clone()],
        vec![first.clone(), first.clone()],
        vec![first.clone(), second.clone(), second.clone()],
        vec![],
    ];
    for set in sets {
        let error = restore(&set, 19, &parameters, 2).err().expect("not the zones of an index");
        assert_eq!(error.kind(), ErrorKind::Damaged, "{error}");
    }
    // Another newest chapter than the saved state says.
    assert!(restore(&streams, 18, &parameters, 2).is_err());
}

// Guards against a stream that ends early: wherever it is cut, it is refused.
#[test]
fn a_truncated_save_is_refused() {
    let parameters = parameters(1, 8);
    let (zones, _) = filled(&parameters, 1);
    let streams = zones.save();
    let length = streams[0].len();
    for cut in (0..length).step_by(37).chain([length - 1]) {
        let error = restore(&[streams[0][..cut].to_vec()], 19, &parameters, 1).err().unwrap();
        assert_eq!(error.kind(), ErrorKind::Damaged, "{cut} of {length} bytes: {error}");
    }
    restore(&streams, 19, &parameters, 1).unwrap();
}
