//! Comparing the volume index with the chapters: every entry must be for a record that its chapter
//! has.
//!
//! The volume index is loaded, and the names of a group of chapters are sorted by their places in
//! it. Then each list is walked once for the group, beside the names that belong there. Memory is
//! bounded: the index's own, and that of a group.

use std::collections::BTreeMap;

use uds_delta_index::DeltaEntry;
use uds_geometry::{
    DeltaListNumber, Geometry, RecordName, RecordPageNumber, SubIndexParameters, VirtualChapter,
    VolumeIndexParameters, bits_per,
};
use uds_volume::{Volume, records_of_page};

use super::chapter::{Examiner, record_bits};
use super::checked::DeepChecked;
use super::save::{LatestSave, saved_index};
use crate::IndexError;
use crate::layout::Layout;
use crate::sync::Arc;
use crate::volume_index::{SubIndexZone, chapter_of_value, load};

/// Bytes of the names of a group.
const GROUP_BYTES: u64 = 128 << 20;
/// Lists whose names are sorted together: so few that they stay in the processor's cache.
const LISTS_OF_BUCKET: u32 = 1024;
/// The most such buckets.
const MAX_BUCKETS: u32 = 4096;

/// A sub-index of the volume index, in memory.
struct Part {
    zones: Vec<SubIndexZone>,
    parameters: SubIndexParameters,
    lists_per_zone: u32,
    lists_per_bucket: u32,
    /// Bits of a name's chapter in its group and its number there.
    locator_bits: u32,
}

/// What a comparison works with.
pub(super) struct Comparison<'a> {
    volume: &'a Volume,
    parameters: &'a VolumeIndexParameters,
    parts: Vec<Part>,
    pub(super) latest: LatestSave,
    open_names: &'a [RecordName],
}

/// Names of a group by place: for each part the buckets, and what was left out.
pub(super) struct Places {
    parts: Vec<Vec<Vec<u64>>>,
    not_sampled: u64,
    placed: u64,
}

/// The chapters of a group.
pub(super) struct Group<'a> {
    /// Closed chapters that follow one another.
    pub(super) chapters: &'a [VirtualChapter],
    /// Whether the records of each are all known, and those that were written.
    pub(super) is_reliable: &'a [bool],
    /// Whether the open chapter belongs to it too, behind the others.
    pub(super) has_open: bool,
}

/// Entries for records that a chapter does not have.
#[derive(Clone, Copy, Debug)]
pub(super) struct Dangling {
    pub(super) entries: u64,
    pub(super) is_hook: bool,
    pub(super) list: DeltaListNumber,
}

/// What came out for some lists.
#[derive(Default)]
pub(super) struct Outcome {
    checked: DeepChecked,
    /// Names that have a place in the volume index.
    placed: u64,
    pub(super) dangling: BTreeMap<VirtualChapter, Dangling>,
}

/// The names of some neighbouring lists.
pub(super) struct Bucket {
    part: usize,
    number: u32,
    names: Vec<Vec<u64>>,
}

impl Outcome {
    pub(super) fn add(&mut self, other: Self) {
        let (sum, more) = (&mut self.checked, other.checked);
        sum.entries_matched += more.entries_matched;
        sum.entries_dangling += more.entries_dangling;
        sum.entries_not_checked += more.entries_not_checked;
        sum.records_not_sampled += more.records_not_sampled;
        self.placed += other.placed;
        for (chapter, more) in other.dangling {
            let known = self.dangling.entry(chapter).or_insert(Dangling { entries: 0, ..more });
            known.entries += more.entries;
            if (more.is_hook, more.list) < (known.is_hook, known.list) {
                (known.is_hook, known.list) = (more.is_hook, more.list);
            }
        }
    }

    /// What all lists and all groups come to.
    pub(super) fn total(&self) -> DeepChecked {
        let superseded = self.placed.saturating_sub(self.checked.entries_matched);
        DeepChecked { records_superseded: superseded, ..self.checked.clone() }
    }

    fn dangle(&mut self, chapter: u64, is_hook: bool, list: DeltaListNumber) {
        self.checked.entries_dangling += 1;
        let chapter = VirtualChapter::new(chapter);
        let new = Dangling { entries: 0, is_hook, list };
        self.dangling.entry(chapter).or_insert(new).entries += 1;
    }
}

impl<'a> Comparison<'a> {
    /// Loads the volume index of the latest save.
    pub(super) fn new(
        layout: &Layout,
        volume: &'a Volume,
        parameters: &'a Arc<VolumeIndexParameters>,
        latest: LatestSave,
        open_names: &'a [RecordName],
    ) -> Result<Self, IndexError> {
        let count = latest.save.zones;
        let zones = load(saved_index(layout, latest), parameters, count)?;
        let (mut non_hooks, mut hooks) = (Vec::new(), Vec::new());
        for zone in zones {
            let (non_hook, hook) = zone.into_parts()?;
            non_hooks.push(non_hook);
            hooks.extend(hook);
        }
        let part = |zones, parameters: &SubIndexParameters| {
            let lists_per_bucket = LISTS_OF_BUCKET.max(parameters.list_count.div_ceil(MAX_BUCKETS));
            let list_bits = bits_per(u64::from(lists_per_bucket) - 1);
            Part {
                zones,
                lists_per_zone: parameters.lists_per_zone(count),
                lists_per_bucket,
                locator_bits: (64 - parameters.address_bits - list_bits).min(32),
                parameters: parameters.clone(),
            }
        };
        let mut parts = vec![part(non_hooks, &parameters.non_hook)];
        parts.extend(parameters.hook.as_ref().map(|hook| part(hooks, hook)));
        Ok(Self { volume, parameters, parts, latest, open_names })
    }

    /// How many chapters there are in a group.
    pub(super) fn group_size(&self) -> usize {
        let geometry = self.volume.geometry();
        let names = GROUP_BYTES / size_of::<u64>() as u64;
        let fit = names / u64::from(geometry.records_per_chapter());
        let bits = self.parts.iter().map(|part| part.locator_bits).min().unwrap_or(0);
        let chapter_bits = bits.saturating_sub(record_bits(geometry)).min(20);
        // One number is for the open chapter.
        fit.clamp(1, (1 << chapter_bits) - 1) as usize
    }

    /// No names yet, for one of some threads that share a group of so many chapters.
    pub(super) fn places(&self, chapters: usize, threads: usize) -> Places {
        let names = chapters as u64 * u64::from(self.volume.geometry().records_per_chapter());
        let samples = names.checked_div(self.parameters.sample_rate.into()).unwrap_or(0);
        let buckets = |(part, names): (&Part, u64)| {
            let count = part.parameters.list_count.div_ceil(part.lists_per_bucket);
            let share = names / u64::from(count) / threads as u64;
            let capacity = (share + share / 16 + 8) as usize;
            (0..count).map(|_| Vec::with_capacity(capacity)).collect()
        };
        let parts = self.parts.iter().zip([names, samples]).map(buckets).collect();
        Places { parts, not_sampled: 0, placed: 0 }
    }

    /// Places the names of a chapter, the one of this number in its group, whose pages were read.
    pub(super) fn place_chapter(
        &self,
        examiner: &Examiner<'_>,
        chapter: VirtualChapter,
        number: usize,
        places: &mut Places,
    ) {
        let geometry = self.volume.geometry();
        let save = &self.latest.save;
        // An index that was just converted still knows all names of one chapter more.
        let judged = if self.latest.is_remapped { chapter.next() } else { chapter };
        let is_sparse = geometry.is_chapter_sparse(save.oldest, save.newest, judged);
        let first = (number as u64) << record_bits(geometry);
        for (page, content) in examiner.read_pages() {
            let start = first + u64::from(page.get() * geometry.records_per_page());
            for (locator, record) in (start..).zip(records_of_page(content)) {
                if is_sparse && !geometry.is_sample(&record.name) {
                    places.not_sampled += 1;
                } else {
                    self.place(&record.name, locator, places);
                }
            }
        }
    }

    /// Places the names of the open chapter, as the one of this number in its group.
    pub(super) fn place_open(&self, number: usize, places: &mut Places) {
        let first = (number as u64) << record_bits(self.volume.geometry());
        for (locator, name) in (first..).zip(self.open_names) {
            self.place(name, locator, places);
        }
    }

    fn place(&self, name: &RecordName, locator: u64, places: &mut Places) {
        let is_hook = self.parameters.hook_of(name).is_some();
        let part = &self.parts[usize::from(is_hook)];
        let (list, key) = part.parameters.locate(name);
        let bucket = list.get() / part.lists_per_bucket;
        let within = u64::from(list.get() % part.lists_per_bucket);
        let place = within << part.parameters.address_bits | u64::from(key.get());
        let packed = place << part.locator_bits | locator;
        places.parts[usize::from(is_hook)][bucket as usize].push(packed);
        places.placed += 1;
    }

    /// The names that all threads have placed, bucket by bucket, and what that counts.
    pub(super) fn buckets(&self, places: Vec<Places>) -> (Vec<Bucket>, Outcome) {
        let mut outcome = Outcome::default();
        let mut buckets = Vec::new();
        for (part, shape) in self.parts.iter().enumerate() {
            let count = shape.parameters.list_count.div_ceil(shape.lists_per_bucket);
            buckets.extend((0..count).map(|number| Bucket { part, number, names: Vec::new() }));
        }
        for of_thread in places {
            outcome.checked.records_not_sampled += of_thread.not_sampled;
            outcome.placed += of_thread.placed;
            let names = of_thread.parts.into_iter().flatten();
            for (bucket, names) in buckets.iter_mut().zip(names) {
                bucket.names.push(names);
            }
        }
        (buckets, outcome)
    }

    /// Compares the entries of the lists of a bucket that are for chapters of a group with the
    /// names of the group.
    pub(super) fn compare(&self, bucket: Bucket, group: &Group<'_>) -> Outcome {
        let part = &self.parts[bucket.part];
        let mut names = bucket.names.into_iter();
        let mut sorted = names.next().unwrap_or_default();
        names.for_each(|more| sorted.extend(more));
        sorted.sort_unstable();
        let mut outcome = Outcome::default();
        let key_bits = part.parameters.address_bits;
        let first = bucket.number * part.lists_per_bucket;
        let end = (first + part.lists_per_bucket).min(part.parameters.list_count);
        let mut rest = &sorted[..];
        for list in first..end {
            let list_of = |packed: u64| first + (packed >> part.locator_bits >> key_bits) as u32;
            let count = rest.partition_point(|&packed| list_of(packed) == list);
            let (of_list, behind) = rest.split_at(count);
            rest = behind;
            self.compare_list(part, bucket.part == 1, list, of_list, group, &mut outcome);
        }
        outcome
    }

    fn compare_list(
        &self,
        part: &Part,
        is_hook: bool,
        list: u32,
        mut names: &[u64],
        group: &Group<'_>,
        outcome: &mut Outcome,
    ) {
        let Some(zone) = part.zones.get((list / part.lists_per_zone) as usize) else { return };
        let number = DeltaListNumber::new(list);
        // Every list was walked before the index was loaded: there is no error.
        let Ok(entries) = zone.lists().entries(number) else { return };
        let (low, high) = zone.window();
        let Ok(flush_chapter) = zone.flush_chapter(number) else { return };
        let key_mask = (1 << part.parameters.address_bits) - 1;
        let key_of = |packed: u64| (packed >> part.locator_bits) as u32 & key_mask;
        for entry in entries.map_while(Result::ok) {
            let chapter = chapter_of_value(&part.parameters, low, flush_chapter, entry.value);
            if chapter < low || chapter > high {
                continue;
            }
            let place = match group.locate(chapter, &self.latest) {
                Place::Within(place) => place,
                Place::Elsewhere => continue,
                Place::Nowhere => {
                    outcome.dangle(chapter, is_hook, number);
                    continue;
                }
            };
            let key = entry.key.get();
            let before = names.iter().take_while(|&&packed| key_of(packed) < key).count();
            names = &names[before..];
            let same_key = names.iter().take_while(|&&packed| key_of(packed) == key).count();
            let same_key = &names[..same_key];
            if self.has_record(part, same_key, place, &entry, group) {
                outcome.checked.entries_matched += 1;
            } else if group.is_reliable.get(place).is_none_or(|&is_reliable| is_reliable) {
                outcome.dangle(chapter, is_hook, number);
            } else {
                outcome.checked.entries_not_checked += 1;
            }
        }
    }

    /// Whether names with the key of an entry have one that the entry can be for, in the chapter
    /// of this number in the group.
    fn has_record(
        &self,
        part: &Part,
        same_key: &[u64],
        number: usize,
        entry: &DeltaEntry,
        group: &Group<'_>,
    ) -> bool {
        let bits = record_bits(self.volume.geometry());
        let locator = |packed: u64| packed & ((1 << part.locator_bits) - 1);
        let mut of_chapter = same_key
            .iter()
            .map(|&packed| locator(packed))
            .filter(|locator| (locator >> bits) as usize == number)
            .map(|locator| (locator & ((1 << bits) - 1)) as u32);
        match entry.name {
            None => of_chapter.next().is_some(),
            Some(name) => {
                of_chapter.any(|record| self.name_of(group, number, record) == Some(name))
            }
        }
    }

    /// The name of a record.
    fn name_of(&self, group: &Group<'_>, number: usize, record: u32) -> Option<RecordName> {
        let geometry: &Geometry = self.volume.geometry();
        let Some(&chapter) = group.chapters.get(number) else {
            return self.open_names.get(record as usize).copied();
        };
        let page = RecordPageNumber::new(record / geometry.records_per_page());
        let node = record % geometry.records_per_page();
        let slot = geometry.physical_chapter(chapter);
        self.volume.read_record(slot, page, node).ok().map(|record| record.name)
    }
}

/// Where a chapter is, seen from a group.
enum Place {
    /// In the group, as the one of this number.
    Within(usize),
    /// In another group.
    Elsewhere,
    /// In none: it is not in the index.
    Nowhere,
}

impl Group<'_> {
    fn locate(&self, chapter: u64, latest: &LatestSave) -> Place {
        if chapter == latest.save.newest.get() {
            let open = Place::Within(self.chapters.len());
            return if self.has_open { open } else { Place::Elsewhere };
        }
        if chapter < latest.save.oldest.get() {
            // Told of once, with the open chapter.
            let is_told = self.has_open && !latest.is_remapped;
            return if is_told { Place::Nowhere } else { Place::Elsewhere };
        }
        let first = self.chapters.first().map(|first| first.get());
        let number = first.and_then(|first| chapter.checked_sub(first));
        match number {
            Some(number) if number < self.chapters.len() as u64 => Place::Within(number as usize),
            _ => Place::Elsewhere,
        }
    }
}
