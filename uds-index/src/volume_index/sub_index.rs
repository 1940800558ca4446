//! One zone of a sub-index: look-up, flushing, expiry (specification, sections 9.2 to 9.5).

use uds_delta_index::{
    Cursor, DeltaStatistics, DeltaZone, Insertion, MAX_LIST_BITS, MergeScratch, ZoneConfiguration,
};
use uds_geometry::{
    DeltaKey, DeltaListNumber, RecordName, SubIndexParameters, VirtualChapter, ZoneCount, ZoneId,
};

use crate::IndexError;

/// One zone of a sub-index of the volume index.
#[derive(Debug)]
pub(crate) struct SubIndexZone {
    parameters: SubIndexParameters,
    lists: DeltaZone,
    /// For each list of the zone, a lower bound of the chapters of its entries.
    flush_chapters: Vec<u64>,
    low: u64,
    high: u64,
    early_flushes: u64,
    max_bits: u64,
    chapter_bits: u64,
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
        Self::with_lists(parameters, lists, zones)
    }

    /// A zone with these lists, whose window is chapter 0 alone.
    pub(super) fn with_lists(
        parameters: &SubIndexParameters,
        lists: DeltaZone,
        zones: ZoneCount,
    ) -> Result<Self, IndexError> {
        let count = lists.list_count() as usize;
        let mut flush_chapters = Vec::new();
        flush_chapters.try_reserve_exact(count).map_err(|_| IndexError::OutOfMemory {
            what: "volume index",
            bytes: (count * size_of::<u64>()) as u64,
        })?;
        flush_chapters.resize(count, 0);
        Ok(Self {
            parameters: parameters.clone(),
            lists,
            flush_chapters,
            low: 0,
            high: 0,
            early_flushes: 0,
            max_bits: parameters.max_zone_bits(zones),
            chapter_bits: parameters.chapter_zone_bits(zones),
        })
    }

    /// Sets the window and the lists' flush chapters, as a save has them.
    pub(super) fn restore_window(&mut self, low: u64, high: u64, flush_chapters: &[u64]) {
        self.low = low;
        self.high = high;
        self.flush_chapters.copy_from_slice(flush_chapters);
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

    pub(crate) fn flush_chapters(&self) -> &[u64] {
        &self.flush_chapters
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
        let flush_chapter = self.flush_chapters[self.list_index(list)];
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
        self.lists.memory_bytes() + self.flush_chapters.capacity() * size_of::<u64>()
    }

    /// A zone that has a copy of one list, and no other: what a look-up does to the copy leaves the
    /// list as it is.
    pub(super) fn copy_of_list(&self, list: DeltaListNumber) -> Result<Self, IndexError> {
        let lists = self.lists.copy_of_list(list)?;
        let flush_chapters = vec![self.flush_chapters[self.list_index(list)]];
        Ok(Self { parameters: self.parameters.clone(), lists, flush_chapters, ..*self })
    }

    pub(super) fn parameters(&self) -> &SubIndexParameters {
        &self.parameters
    }

    fn mask(&self) -> u64 {
        (1 << self.parameters.chapter_bits) - 1
    }

    /// The chapter that a stored value stands for (invariant 1).
    fn chapter_of(&self, value: u64) -> u64 {
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
        let (list, _) = self.parameters.locate(name);
        self.flush_chapters[self.list_index(list)] ^ u64::from(self.lists.touch(list))
    }

    /// Looks `name` up (specification, section 9.4).
    pub(crate) fn get(&mut self, name: &RecordName) -> Result<Entry, IndexError> {
        let (list, key) = self.parameters.locate(name);
        if self.flush_chapters[self.list_index(list)] < self.low {
            self.flush(list)?;
        }
        let cursor = self.lists.find(list, key, name)?;
        Ok(self.entry_at(cursor, key))
    }

    /// Makes the window that of `newest`, in an empty zone that will get the entries of older
    /// chapters.
    pub(super) fn begin_replay(&mut self, newest: VirtualChapter) {
        let count = u64::from(self.parameters.chapter_count);
        self.high = newest.get();
        self.low = self.high.saturating_add(1).saturating_sub(count);
        // Nothing older will come, so no list has anything to flush.
        self.flush_chapters.fill(self.low);
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

    /// Removes the entries of expired chapters from a list, and learns its new flush chapter.
    fn flush(&mut self, list: DeltaListNumber) -> Result<(), IndexError> {
        let index = self.list_index(list);
        let mask = self.mask();
        let flush_chapter = self.flush_chapters[index];
        let base = flush_chapter & mask;
        let expired = (self.low - flush_chapter).min(mask + 1);
        let mut oldest = mask;
        self.lists.retain(list, |value| {
            let relative = u64::from(value).wrapping_sub(base) & mask;
            let is_live = relative >= expired;
            if is_live {
                oldest = oldest.min(relative);
            }
            is_live
        })?;
        let oldest = base.wrapping_add(oldest) & mask;
        self.flush_chapters[index] = self.chapter_of(oldest).min(self.high);
        Ok(())
    }

    /// The index of a list of this zone among the zone's lists.
    fn list_index(&self, list: DeltaListNumber) -> usize {
        (list.get() - self.lists.first_list().get()) as usize
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
    })
}
