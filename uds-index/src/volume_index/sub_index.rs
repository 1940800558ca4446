//! One zone of a sub-index: look-up, flushing, expiry (specification, sections 9.2 to 9.5).
//!
//! # Invariants
//!
//! 1. Each list and each of its segments has a *flush chapter*: no entry of it is of an older one.
//!    The list's is the smallest of its segments'. They are the tags of the delta lists.
//! 2. When an entry is put into a list, no segment has a flush chapter before `low`: so all entries
//!    of the list are of chapters within one round of the values that entries have.

use uds_delta_index::{
    Cursor, DeltaStatistics, DeltaZone, Insertion, ListTags, MAX_LIST_BITS, MergeScratch, SEGMENTS,
    ZoneConfiguration,
};
use uds_geometry::{
    DeltaKey, DeltaListNumber, RecordName, SubIndexParameters, VirtualChapter, ZoneCount, ZoneId,
};

use super::flush::StaleSegments;
use crate::IndexError;

/// The most that a flush chapter is kept behind the newest chapter: far more than the values of
/// entries tell apart, and so little that a tag of 32 bits means the same for as long again.
const MOST_BEHIND: u64 = 1 << 31;

/// One zone of a sub-index of the volume index.
#[derive(Debug)]
pub(crate) struct SubIndexZone {
    pub(super) parameters: SubIndexParameters,
    pub(super) lists: DeltaZone,
    pub(super) low: u64,
    pub(super) high: u64,
    early_flushes: u64,
    max_bits: u64,
    chapter_bits: u64,
    /// Room for what is flushed together.
    pub(super) stale: StaleSegments,
    /// Room for where names are that are looked up together.
    places: Vec<Option<(DeltaListNumber, DeltaKey)>>,
}

/// What a look-up found, and where: an entry, or the place where one would go.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entry {
    cursor: Cursor,
    key: DeltaKey,
    /// The chapter that the entry names; none where there is no entry.
    pub(crate) chapter: Option<VirtualChapter>,
    /// Whether the entry knows its whole name, so that it is this name's for certain.
    pub(crate) is_collision: bool,
}

impl SubIndexZone {
    /// An empty zone. Its memory is not touched before entries come.
    pub(crate) fn new(
        parameters: &SubIndexParameters,
        zone: ZoneId,
        zones: ZoneCount,
    ) -> Result<Self, IndexError> {
        let lists = DeltaZone::new(&zone_configuration(parameters, zone, zones)?)?;
        Ok(Self::with_lists(parameters, lists, zones))
    }

    /// A zone with these lists, whose window is chapter 0 alone.
    pub(super) fn with_lists(
        parameters: &SubIndexParameters,
        lists: DeltaZone,
        zones: ZoneCount,
    ) -> Self {
        Self {
            parameters: parameters.clone(),
            lists,
            low: 0,
            high: 0,
            early_flushes: 0,
            max_bits: parameters.max_zone_bits(zones),
            chapter_bits: parameters.chapter_zone_bits(zones),
            stale: StaleSegments::default(),
            places: Vec::new(),
        }
    }

    /// Sets the window and the lists' flush chapters, as a save has them.
    pub(super) fn restore_window(
        &mut self,
        low: u64,
        high: u64,
        flush_chapters: impl IntoIterator<Item = u64>,
    ) -> Result<(), IndexError> {
        self.low = low;
        self.high = high;
        for (list, chapter) in self.lists.lists().zip(flush_chapters) {
            self.set_flush_chapters(list, [chapter; SEGMENTS])?;
        }
        Ok(())
    }

    pub(crate) fn lists(&self) -> &DeltaZone {
        &self.lists
    }

    pub(super) fn into_lists(self) -> DeltaZone {
        self.lists
    }

    pub(crate) fn window(&self) -> (u64, u64) {
        (self.low, self.high)
    }

    /// The lower bound of the chapters of a list's entries.
    pub(crate) fn flush_chapter(&self, list: DeltaListNumber) -> Result<u64, IndexError> {
        Ok(self.chapter_of_tag(self.lists.tags(list)?.list))
    }

    /// The chapter that the tag of a list stands for.
    pub(super) fn chapter_of_tag(&self, tag: u32) -> u64 {
        self.high.saturating_sub(u64::from((self.high as u32).wrapping_sub(tag)))
    }

    /// Sets the lower bounds of the chapters of a list's segments.
    pub(super) fn set_flush_chapters(
        &mut self,
        list: DeltaListNumber,
        mut chapters: [u64; SEGMENTS],
    ) -> Result<(), IndexError> {
        // Where `high` is so far ahead, all entries have expired whatever their values say, and
        // will whatever `low` is next: it may go back when chapters had expired early.
        let least = self.high.saturating_sub(MOST_BEHIND);
        for chapter in &mut chapters {
            *chapter = least.max(self.high.min(*chapter));
        }
        let oldest = chapters.iter().copied().min().unwrap_or(least);
        // One that is too far above the oldest gets a lower bound than it could have.
        let above = |chapter: u64| u16::try_from(chapter - oldest).unwrap_or(u16::MAX);
        let tags = ListTags { list: oldest as u32, segments: chapters.map(above) };
        Ok(self.lists.set_tags(list, tags)?)
    }

    /// Bits of all lists with more of which chapters expire early.
    pub(crate) fn early_expiry_bits(&self) -> u64 {
        self.max_bits
    }

    /// Whether a list of so many bits has room for another entry, if it goes to its end.
    pub(crate) fn has_room_in(&self, list_bits: u32) -> bool {
        let least = self.parameters.chapter_bits + self.parameters.coding.min_bits();
        list_bits + least <= MAX_LIST_BITS
    }

    /// Calls `see` with the chapter of each entry of a list, which need not be in the window, and
    /// whether the entry is a collision.
    pub(crate) fn chapters_of(
        &self,
        list: DeltaListNumber,
        mut see: impl FnMut(u64, bool),
    ) -> Result<(), IndexError> {
        let flush_chapter = self.flush_chapter(list)?;
        for entry in self.lists.entries(list)? {
            let entry = entry?;
            let chapter = chapter_of_value(&self.parameters, self.low, flush_chapter, entry.value);
            see(chapter, entry.name.is_some());
        }
        Ok(())
    }

    /// How many chapters expired early for want of memory.
    pub(crate) fn early_flushes(&self) -> u64 {
        self.early_flushes
    }

    /// What the delta lists have counted. The records include expired ones not yet flushed.
    pub(crate) fn statistics(&self) -> DeltaStatistics {
        self.lists.statistics()
    }

    /// Bytes of memory in use, or set aside.
    pub(crate) fn memory_bytes(&self) -> usize {
        self.lists.memory_bytes()
    }

    /// A zone that has a copy of one list, and no other: what a look-up does to the copy leaves the
    /// list as it is.
    pub(super) fn copy_of_list(&self, list: DeltaListNumber) -> Result<Self, IndexError> {
        let lists = self.lists.copy_of_list(list)?;
        let (parameters, stale) = (self.parameters.clone(), StaleSegments::default());
        Ok(Self { parameters, lists, stale, places: Vec::new(), ..*self })
    }

    pub(super) fn parameters(&self) -> &SubIndexParameters {
        &self.parameters
    }

    pub(super) fn mask(&self) -> u64 {
        (1 << self.parameters.chapter_bits) - 1
    }

    /// The chapter that a stored value stands for (invariant 1).
    pub(super) fn chapter_of(&self, value: u64) -> u64 {
        self.low.saturating_add(value.wrapping_sub(self.low) & self.mask())
    }

    /// Moves the window to `chapter`, which is now open (specification, section 9.3).
    pub(crate) fn set_open_chapter(&mut self, chapter: VirtualChapter) {
        let count = u64::from(self.parameters.chapter_count);
        self.high = chapter.get();
        self.low = self.high.saturating_add(1).saturating_sub(count);
        let used = self.lists.used_bits();
        if used <= self.max_bits {
            return;
        }
        let early = 1 + (used - self.max_bits) / self.chapter_bits;
        // The open chapter stays, whatever it takes.
        let early = early.min(self.high - self.low);
        self.low += early;
        self.early_flushes += early;
    }

    /// Reads memory that looking up `name` will need, so that many look-ups can wait for memory
    /// together. The result means nothing.
    pub(crate) fn touch(&self, name: &RecordName) -> u64 {
        let (list, key) = self.parameters.locate(name);
        self.lists.touch(list, key).into()
    }

    /// Begins to look names up, which [`get`](Self::get) ends: together they wait for memory, and
    /// are walked to, much faster than one by one. `None` stands for a name that is not looked up
    /// here, so that positions are those of the caller's batch.
    pub(super) fn look_ahead<'a>(&mut self, names: impl Iterator<Item = Option<&'a RecordName>>) {
        let mut places = std::mem::take(&mut self.places);
        places.clear();
        places.extend(names.map(|name| name.map(|name| self.parameters.locate(name))));
        let own = places.iter().flatten();
        let touched = own.clone().fold(0, |all, &(list, key)| all ^ self.lists.touch(list, key));
        std::hint::black_box(touched);
        // If a list is damaged, the look-up itself will say so.
        let _ = self.flush_stale(own.map(|&(list, _)| list));
        self.lists.look_ahead(places.iter().copied());
        self.places = places;
    }

    /// Looks `name` up (specification, section 9.4), which was the one at `ahead` among those of
    /// [`look_ahead`](Self::look_ahead), if it was any.
    pub(crate) fn get(
        &mut self,
        name: &RecordName,
        ahead: Option<usize>,
    ) -> Result<Entry, IndexError> {
        let (list, key) = self.parameters.locate(name);
        self.flush_if_stale(list)?;
        let cursor = match ahead {
            Some(position) => self.lists.find_ahead(position, list, key, name)?,
            None => self.lists.find(list, key, name)?,
        };
        Ok(self.entry_at(cursor, key))
    }

    /// Makes the window that of `newest`, in an empty zone that will get the entries of older
    /// chapters.
    pub(super) fn begin_replay(&mut self, newest: VirtualChapter) -> Result<(), IndexError> {
        let count = u64::from(self.parameters.chapter_count);
        self.high = newest.get();
        self.low = self.high.saturating_add(1).saturating_sub(count);
        // Nothing older will come, so no list has anything to flush.
        for list in self.lists.lists() {
            self.set_flush_chapters(list, [self.low; SEGMENTS])?;
        }
        Ok(())
    }

    /// Puts entries at places of one list, in ascending order, where there are none yet. Returns
    /// the positions of those whose places are taken; `None` where they do not fit together.
    pub(crate) fn merge<'a>(
        &mut self,
        list: DeltaListNumber,
        entries: &[(DeltaKey, u32)],
        scratch: &'a mut MergeScratch,
    ) -> Result<Option<&'a [usize]>, IndexError> {
        Ok(self.lists.merge(list, entries, scratch)?)
    }

    /// Appends the chapters that some keys of a list stand for, given in ascending order, to
    /// `chapters`: `None` for a key that has no entry, or more than one.
    pub(crate) fn sole_chapters(
        &self,
        list: DeltaListNumber,
        keys: impl IntoIterator<Item = DeltaKey>,
        values: &mut Vec<Option<u32>>,
        chapters: &mut Vec<Option<VirtualChapter>>,
    ) -> Result<(), IndexError> {
        values.clear();
        self.lists.sole_values(list, keys, values)?;
        let chapter = |value| VirtualChapter::new(self.chapter_of(u64::from(value)));
        chapters.extend(values.iter().map(|value| value.map(chapter)));
        Ok(())
    }

    /// Makes the ordinary entries of some keys of a list, given in ascending order with the new
    /// values, name other chapters.
    pub(crate) fn set_values(
        &mut self,
        list: DeltaListNumber,
        entries: &[(DeltaKey, u32)],
    ) -> Result<(), IndexError> {
        Ok(self.lists.set_values(list, entries.iter().copied())?)
    }

    fn entry_at(&self, cursor: Cursor, key: DeltaKey) -> Entry {
        let value = if cursor.matches(key) { self.lists.value(&cursor) } else { None };
        let chapter = value.map(|value| VirtualChapter::new(self.chapter_of(u64::from(value))));
        Entry { cursor, key, chapter, is_collision: cursor.is_collision() }
    }

    /// The chapter that `name` is probably in, without flushing its list: entries of expired
    /// chapters stand for others then (specification, section 9.6).
    pub(super) fn peek(&mut self, name: &RecordName) -> Result<Option<VirtualChapter>, IndexError> {
        let (list, key) = self.parameters.locate(name);
        let cursor = self.lists.find(list, key, name)?;
        let value = if cursor.matches(key) { self.lists.value(&cursor) } else { None };
        let chapter = value.map(|value| self.chapter_of(u64::from(value)));
        Ok(chapter.filter(|&chapter| chapter <= self.high).map(VirtualChapter::new))
    }

    /// Puts an entry for `name` where [`get`](Self::get) found that it goes. Where another entry
    /// has the same key, the new one carries its whole name.
    pub(crate) fn put(
        &mut self,
        mut entry: Entry,
        name: &RecordName,
        chapter: VirtualChapter,
    ) -> Result<Insertion, IndexError> {
        let value = self.value_of(chapter)?;
        let collision_name = entry.chapter.is_some().then_some(name);
        let insertion = self.lists.insert(&mut entry.cursor, entry.key, value, collision_name)?;
        Ok(insertion)
    }

    /// Makes an entry name another chapter.
    pub(crate) fn set_chapter(
        &mut self,
        entry: &Entry,
        chapter: VirtualChapter,
    ) -> Result<(), IndexError> {
        let value = self.value_of(chapter)?;
        Ok(self.lists.set_value(&entry.cursor, value)?)
    }

    /// Removes an entry.
    pub(crate) fn remove(&mut self, mut entry: Entry) -> Result<(), IndexError> {
        Ok(self.lists.remove(&mut entry.cursor)?)
    }

    /// What is stored for a chapter.
    pub(crate) fn value_of(&self, chapter: VirtualChapter) -> Result<u32, IndexError> {
        if !(self.low..=self.high).contains(&chapter.get()) {
            return Err(IndexError::OutsideWindow {
                chapter,
                oldest: VirtualChapter::new(self.low),
                newest: VirtualChapter::new(self.high),
            });
        }
        Ok((chapter.get() & self.mask()) as u32)
    }
}

/// The chapter that a value of a list stands for, in a sub-index whose oldest chapter is `low`:
/// one before `low` where the entry has expired, and one after the newest where the entry is
/// damaged. `flush_chapter` is the lower bound that the list keeps.
pub(crate) fn chapter_of_value(
    parameters: &SubIndexParameters,
    low: u64,
    flush_chapter: u64,
    value: u32,
) -> u64 {
    let mask = (1 << parameters.chapter_bits) - 1;
    // What was not flushed since is still to be told apart from what came later (section 9.4).
    let base = flush_chapter.min(low);
    base.saturating_add(u64::from(value).wrapping_sub(base) & mask)
}

/// The delta lists of one zone of a sub-index.
pub(super) fn zone_configuration(
    parameters: &SubIndexParameters,
    zone: ZoneId,
    zones: ZoneCount,
) -> Result<ZoneConfiguration, IndexError> {
    let per_zone = parameters.lists_per_zone(zones);
    let first = u32::from(zone.get()) * per_zone;
    let bytes = parameters.zone_bytes(zones);
    Ok(ZoneConfiguration {
        first_list: DeltaListNumber::new(first),
        list_count: per_zone.min(parameters.list_count.saturating_sub(first)),
        memory_bytes: usize::try_from(bytes)
            .map_err(|_| IndexError::OutOfMemory { what: "volume index", bytes })?,
        coding: parameters.coding,
        value_bits: parameters.chapter_bits,
        key_bits: parameters.address_bits,
    })
}
