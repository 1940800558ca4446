//! Names whose places are taken: each is the newer copy of what has the place, which then names the
//! newer chapter, or another name, which gets an entry of its own.
//!
//! To tell, both have to be read. A volume whose records were found again and again has millions
//! of such pairs, so they are gathered, and read chapter by chapter.

use std::collections::HashMap;
use std::mem;

use uds_delta_index::Insertion;
use uds_geometry::{DeltaKey, DeltaListNumber, RECORD_BYTES, Record, RecordName, VirtualChapter};
use uds_volume::records_of_page;

use super::Recovery;
use super::control::Working;
use super::scan::{Group, Placed};
use crate::IndexError;
use crate::volume_index::SubIndexZone;

/// How many names are settled together: some megabytes for each thread.
const MAX_CONTESTED: usize = 1 << 16;
/// From so many names of a chapter on, all its record pages are read.
const MANY: usize = 48;

/// What is known of a name whose place is taken.
#[derive(Clone, Copy, Debug, Default)]
struct Known {
    name: RecordName,
    /// The older chapter that its place leads to, where there is one entry.
    rival: Option<VirtualChapter>,
    state: State,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    /// It could not be read (any more), so it cannot be found either.
    #[default]
    Unreadable,
    /// It is not in the chapter of its rival, as far as is known.
    Other,
    /// It is there.
    Copy,
}

/// Gathers the names of a part of a zone whose places are taken, and settles who gets them.
pub(super) struct Settler<'a> {
    recovery: &'a Recovery<'a>,
    /// In the order of their places, then of their chapters.
    contested: Vec<Placed>,
    /// Those that are settled now, each place once, and what is known of them.
    round: Vec<Placed>,
    known: Vec<Known>,
    /// Positions in both, in some order.
    order: Vec<u32>,
    records: Vec<u8>,
}

impl<'a> Settler<'a> {
    pub(super) fn new(recovery: &'a Recovery<'a>) -> Self {
        Self {
            recovery,
            contested: Vec::new(),
            round: Vec::new(),
            known: Vec::new(),
            order: Vec::new(),
            records: Vec::new(),
        }
    }

    /// Notes a name whose place is taken. Names come in the order of their places.
    pub(super) fn add(&mut self, placed: Placed) {
        self.contested.push(placed);
    }

    /// Whether there are so many that they should be settled now, at the end of a list.
    pub(super) fn is_full(&self) -> bool {
        self.contested.len() >= MAX_CONTESTED
    }

    /// Settles all that was noted: names of `group`, in `part`.
    pub(super) fn settle(
        &mut self,
        group: &Group,
        part: &mut SubIndexZone,
        working: &mut Working<'_>,
    ) -> Result<(), IndexError> {
        while !self.contested.is_empty() {
            // Of names with the same place, one after the other.
            self.round.clear();
            let mut before = None;
            self.contested.retain(|placed| {
                let place = (placed.list, placed.key);
                let is_first = before.replace(place) != Some(place);
                if is_first {
                    self.round.push(*placed);
                }
                !is_first
            });
            if self.round.len() < MANY {
                for &placed in &self.round {
                    working.pass()?;
                    put(self.recovery, group, placed, part)?;
                }
                continue;
            }
            self.find_rivals(group, part)?;
            self.read_names(group, working)?;
            self.compare(working)?;
            self.apply(group, part)?;
        }
        Ok(())
    }

    /// Finds the chapters that the places lead to.
    fn find_rivals(&mut self, group: &Group, part: &mut SubIndexZone) -> Result<(), IndexError> {
        let mut values = Vec::new();
        let mut chapters = Vec::new();
        self.known.clear();
        for list in self.round.chunk_by(|a, b| a.list == b.list) {
            let keys = list.iter().map(|placed| DeltaKey::new(placed.key));
            chapters.clear();
            let number = DeltaListNumber::new(list[0].list);
            part.sole_chapters(number, keys, &mut values, &mut chapters)?;
            self.known.extend(list.iter().zip(&chapters).map(|(placed, rival)| Known {
                // A rival in the same chapter is another record.
                rival: rival.filter(|&rival| rival != group.chapter_of(*placed)),
                ..Known::default()
            }));
        }
        Ok(())
    }

    /// Reads the names of all, chapter by chapter.
    fn read_names(&mut self, group: &Group, working: &mut Working<'_>) -> Result<(), IndexError> {
        let volume = self.recovery.volume;
        let bytes = volume.geometry().bytes_per_page() as usize;
        let round = &self.round;
        let placed = |&number: &u32| round[number as usize];
        let chapter_of = |number: &u32| group.chapter_of(placed(number));
        self.order.clear();
        self.order.extend(0..round.len() as u32);
        self.order.sort_unstable_by_key(|number| placed(number).locator);
        for numbers in self.order.chunk_by(|a, b| chapter_of(a) == chapter_of(b)) {
            working.pass()?;
            let slot = volume.geometry().physical_chapter(chapter_of(&numbers[0]));
            let is_whole =
                numbers.len() >= MANY && volume.read_record_pages(slot, &mut self.records).is_ok();
            for number in numbers {
                let (page, node) = group.place_of(placed(number));
                let record = if is_whole {
                    let start = page.get() as usize * bytes + node as usize * RECORD_BYTES;
                    let record = self.records.get(start..).and_then(<[u8]>::first_chunk);
                    record.map(Record::from_bytes)
                } else {
                    volume.read_record(slot, page, node).ok()
                };
                if let Some(record) = record {
                    let known = &mut self.known[*number as usize];
                    (known.name, known.state) = (record.name, State::Other);
                }
            }
        }
        Ok(())
    }

    /// Looks which of the names are in the chapters of their rivals.
    fn compare(&mut self, working: &mut Working<'_>) -> Result<(), IndexError> {
        let mut order = mem::take(&mut self.order);
        order.retain(|&number| {
            let known = &self.known[number as usize];
            known.rival.is_some() && known.state == State::Other
        });
        order.sort_unstable_by_key(|&number| self.known[number as usize].rival);
        let mut rest = &order[..];
        while let Some(rival) = rest.first().map(|&first| self.known[first as usize].rival) {
            let end = rest.partition_point(|&number| self.known[number as usize].rival == rival);
            let numbers;
            (numbers, rest) = rest.split_at(end);
            working.pass()?;
            if let Some(chapter) = rival {
                self.compare_with(chapter, numbers);
            }
        }
        self.order = order;
        Ok(())
    }

    /// Looks which of some names are in a chapter.
    fn compare_with(&mut self, chapter: VirtualChapter, numbers: &[u32]) {
        let volume = self.recovery.volume;
        let slot = volume.geometry().physical_chapter(chapter);
        if numbers.len() < MANY || volume.read_record_pages(slot, &mut self.records).is_err() {
            for &number in numbers {
                let known = &mut self.known[number as usize];
                if matches!(volume.find_record(chapter, &known.name), Ok(Some(_))) {
                    known.state = State::Copy;
                }
            }
            return;
        }
        let name = |&number: &u32| self.known[number as usize].name;
        let wanted: HashMap<RecordName, u32> =
            numbers.iter().map(|number| (name(number), *number)).collect();
        let filter = Filter::new(wanted.keys());
        let bytes = volume.geometry().bytes_per_page() as usize;
        for record in self.records.chunks_exact(bytes).flat_map(records_of_page) {
            if filter.may_have(&record.name) {
                if let Some(&number) = wanted.get(&record.name) {
                    self.known[number as usize].state = State::Copy;
                }
            }
        }
    }

    /// Gives each place to whom it belongs.
    fn apply(&self, group: &Group, part: &mut SubIndexZone) -> Result<(), IndexError> {
        let mut entries = Vec::new();
        let mut first = 0;
        for list in self.round.chunk_by(|a, b| a.list == b.list) {
            let known = &self.known[first..first + list.len()];
            first += list.len();
            entries.clear();
            for (&placed, _) in
                list.iter().zip(known).filter(|(_, known)| known.state == State::Copy)
            {
                let value = part.value_of(group.chapter_of(placed))?;
                entries.push((DeltaKey::new(placed.key), value));
            }
            part.set_values(DeltaListNumber::new(list[0].list), &entries)?;
            for (&placed, _) in
                list.iter().zip(known).filter(|(_, known)| known.state == State::Other)
            {
                put(self.recovery, group, placed, part)?;
            }
        }
        Ok(())
    }
}

/// Puts one name whose place may be taken.
pub(super) fn put(
    recovery: &Recovery<'_>,
    group: &Group,
    placed: Placed,
    part: &mut SubIndexZone,
) -> Result<(), IndexError> {
    let volume = recovery.volume;
    let chapter = group.chapter_of(placed);
    let (page, node) = group.place_of(placed);
    let slot = volume.geometry().physical_chapter(chapter);
    // It was read before. If it cannot be any more, it cannot be found either.
    let Ok(record) = volume.read_record(slot, page, node) else { return Ok(()) };
    let entry = part.get(&record.name, None)?;
    let is_its_own = match entry.chapter {
        // The first in a chapter of several with the same place, or the same name once more.
        Some(known) if known == chapter => entry.is_collision,
        Some(known) => {
            entry.is_collision || matches!(volume.find_record(known, &record.name), Ok(Some(_)))
        }
        None => false,
    };
    if !is_its_own {
        let _: Insertion = part.put(entry, &record.name, chapter)?;
    } else if entry.chapter != Some(chapter) {
        part.set_chapter(&entry, chapter)?;
    }
    Ok(())
}

/// Tells most names apart from those of a set, faster than the set does.
struct Filter {
    bits: Vec<u64>,
    mask: u64,
}

impl Filter {
    fn new<'n>(names: impl ExactSizeIterator<Item = &'n RecordName>) -> Self {
        let words = (names.len() / 4).next_power_of_two();
        let mut filter = Self { bits: vec![0; words], mask: 64 * words as u64 - 1 };
        for name in names {
            let bit = filter.bit(name);
            filter.bits[(bit / 64) as usize] |= 1 << (bit % 64);
        }
        filter
    }

    fn bit(&self, name: &RecordName) -> u64 {
        name.chapter_index_bits() & self.mask
    }

    fn may_have(&self, name: &RecordName) -> bool {
        let bit = self.bit(name);
        self.bits[(bit / 64) as usize] >> (bit % 64) & 1 == 1
    }
}
