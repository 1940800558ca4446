//! The reference model of a dense index: what it must answer, by the definitions alone.
//!
//! It is exact for names that differ in their volume index addresses, as long as no list
//! overflows and no record is dropped when the number of zones changes.

use std::collections::HashMap;

use uds_geometry::{
    Configuration, Geometry, RecordData, RecordName, SubIndexParameters, VirtualChapter,
    VolumeIndexParameters, ZoneCount,
};
use uds_index::{Answer, Location, Operation};

/// A record, and the chapter that it was stored in last.
#[derive(Clone, Copy, Debug)]
struct Stored {
    data: RecordData,
    chapter: VirtualChapter,
}

/// What an index holds.
#[derive(Clone, Debug)]
pub(super) struct Model {
    geometry: Geometry,
    parameters: SubIndexParameters,
    zones: ZoneCount,
    newest: VirtualChapter,
    oldest: VirtualChapter,
    records: HashMap<RecordName, Stored>,
    /// How many places of the open chapter each zone has used up.
    arrivals: Vec<u32>,
}

impl Model {
    pub(super) fn new(configuration: &Configuration, zones: ZoneCount) -> Self {
        let geometry = configuration.geometry();
        Self {
            parameters: VolumeIndexParameters::new(&geometry).unwrap().non_hook,
            geometry,
            zones,
            newest: VirtualChapter::ZERO,
            oldest: VirtualChapter::ZERO,
            records: HashMap::new(),
            arrivals: vec![0; usize::from(zones.get())],
        }
    }

    /// Carries out a request.
    pub(super) fn execute(
        &mut self,
        operation: Operation,
        name: RecordName,
        data: RecordData,
    ) -> Answer {
        let old = self.records.get(&name).copied();
        let answer = match old {
            Some(Stored { data, chapter }) => {
                let location =
                    if chapter == self.newest { Location::Open } else { Location::Dense };
                Answer::Found { data, location }
            }
            None => Answer::Absent,
        };
        match (operation, old) {
            (Operation::Delete, _) => drop(self.records.remove(&name)),
            (Operation::QueryNoUpdate, _) | (Operation::Query, None) => {}
            (Operation::Post | Operation::Query, Some(old)) => {
                if old.chapter != self.newest {
                    self.store(name, old.data);
                }
            }
            (Operation::Post, None) | (Operation::Update, _) => {
                if old.is_some_and(|old| old.chapter == self.newest) {
                    let chapter = self.newest;
                    self.records.insert(name, Stored { data, chapter });
                } else {
                    self.store(name, data);
                }
            }
        }
        answer
    }

    /// A record arrives in the open chapter, and may close it.
    fn store(&mut self, name: RecordName, data: RecordData) {
        self.records.insert(name, Stored { data, chapter: self.newest });
        let zone = self.zone_of(&name, self.zones);
        self.arrivals[zone] += 1;
        if self.arrivals[zone] < self.capacity(self.zones) {
            return;
        }
        self.newest = self.newest.next();
        self.arrivals.fill(0);
        self.oldest = self.oldest.later_by(self.geometry.chapters_to_expire(self.newest));
        let oldest = self.oldest;
        self.records.retain(|_, stored| stored.chapter >= oldest);
    }

    fn capacity(&self, zones: ZoneCount) -> u32 {
        self.geometry.records_per_chapter() / u32::from(zones.get())
    }

    fn zone_of(&self, name: &RecordName, zones: ZoneCount) -> usize {
        usize::from(self.parameters.zone_of(self.parameters.locate(name).0, zones).get())
    }

    /// How many records of the open chapter each of so many zones would have.
    fn open_records(&self, zones: ZoneCount) -> Vec<u32> {
        let mut counts = vec![0; usize::from(zones.get())];
        for (name, stored) in &self.records {
            if stored.chapter == self.newest {
                counts[self.zone_of(name, zones)] += 1;
            }
        }
        counts
    }

    /// Whether a saved index would lose records if it were opened in so many zones.
    pub(super) fn would_drop(&self, zones: ZoneCount) -> bool {
        self.open_records(zones).iter().any(|&count| count >= self.capacity(zones))
    }

    /// The index was saved and opened again in so many zones: places of deleted records are
    /// free again.
    pub(super) fn reopen(&mut self, zones: ZoneCount) {
        self.arrivals = self.open_records(zones);
        self.zones = zones;
    }

    /// The open chapter and the oldest one.
    pub(super) fn window(&self) -> (VirtualChapter, VirtualChapter) {
        (self.newest, self.oldest)
    }

    /// How many records the open chapter has.
    pub(super) fn open_count(&self) -> u64 {
        self.open_records(ZoneCount::ONE).iter().map(|&count| u64::from(count)).sum()
    }
}
