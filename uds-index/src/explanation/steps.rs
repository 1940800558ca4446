//! The steps of a look-up.

use uds_delta_index::DeltaError;
use uds_geometry::{
    DeltaKey, PhysicalChapter, RecordData, RecordName, RecordPageNumber, VirtualChapter,
};
use uds_volume::RecordTrace;

use crate::open_chapter::OpenChapter;
use crate::volume_index::EntryTrace;

/// Probes that are told; a search among hostile names can make more.
const MAX_PROBES: usize = 64;

/// What the volume index said of a name.
#[derive(Debug)]
#[non_exhaustive]
pub struct EntrySearch {
    /// Bits of the name's list.
    pub list_bits: u32,
    /// No entry of the list is of an older chapter.
    pub flush_chapter: VirtualChapter,
    /// The first chapter that entries of the zone can name.
    pub low: VirtualChapter,
    /// The last one, which is open.
    pub high: VirtualChapter,
    /// Entries of expired chapters in the list, which a query would remove.
    pub expired: u32,
    /// The chapters of those of them that have the name's address.
    pub expired_here: Vec<VirtualChapter>,
    /// Entries of the list, the expired ones not counted; where the list is damaged, those before
    /// that place.
    pub entries: u32,
    /// The entries around the address: all that have it, and two on each side.
    pub around: Vec<ListEntry>,
    /// Where the list is damaged, and how. A look-up that does not come so far is not concerned.
    pub damage: Option<DeltaError>,
    /// By what an entry was taken for the name's.
    pub matched: EntryMatch,
    /// The chapter that this entry names.
    pub chapter: Option<VirtualChapter>,
}

/// An entry of a delta list of the volume index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ListEntry {
    /// Its position in the list, from 0.
    pub position: u32,
    /// Its key: the address of its name.
    pub key: DeltaKey,
    /// How much larger that is than the key before.
    pub delta: u32,
    /// Its value: the chapter's number without its upper bits.
    pub value: u32,
    /// The chapter that the value stands for.
    pub chapter: VirtualChapter,
    /// The whole name, for a collision entry.
    pub name: Option<RecordName>,
    /// Whether it is the entry that was taken for the name's.
    pub is_match: bool,
}

/// By what an entry was taken for a name's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EntryMatch {
    /// There is no entry with the key.
    Nothing,
    /// By the key alone: it may be another name's, with the same address.
    Key,
    /// By the whole name.
    Name,
}

/// What a chapter said of a name.
#[derive(Debug)]
#[non_exhaustive]
pub struct ChapterSearch {
    /// The chapter.
    pub chapter: VirtualChapter,
    /// What it is to the index.
    pub state: ChapterState,
    /// Its slot on the volume.
    pub slot: PhysicalChapter,
    /// The search in memory, where the chapter's records are there.
    pub memory: Option<MemorySearch>,
    /// What the chapter's index said where it is in the sparse cache: the record page, or that it
    /// does not have the name.
    pub cached: Option<Option<RecordPageNumber>>,
    /// The search on the pages of the volume.
    pub pages: Option<RecordTrace>,
}

/// What a chapter is to the index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChapterState {
    /// It is open, in memory.
    Open,
    /// It is closed, and its records are still in memory: it is being written, or just was.
    Closed,
    /// It is on the volume, and the volume index knows all its names.
    Dense,
    /// It is on the volume, and the volume index knows its samples.
    Sparse,
    /// It is not in the index any more.
    Forgotten,
}

/// A search in the hash table of a chapter in memory.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct MemorySearch {
    /// Slots of the hash table of the zone's part.
    pub slots: u64,
    /// Records of the part, deleted ones included.
    pub records: u64,
    /// The slots that were looked at, in order: the first 64.
    pub probes: Vec<Probe>,
    /// How many slots were looked at.
    pub probe_count: u64,
    /// The data of the record that was found.
    pub found: Option<RecordData>,
}

/// A look at a slot of the hash table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Probe {
    /// The slot.
    pub slot: u64,
    /// The name of its record; none where it is empty, which ends the search.
    pub name: Option<RecordName>,
    /// Whether the record was deleted: the search goes on behind it.
    pub is_deleted: bool,
}

/// What the sparse cache said of a name that the volume index does not know.
#[derive(Debug)]
#[non_exhaustive]
pub struct CacheSearch {
    /// The chapters in the cache, in the order in which they are searched.
    pub chapters: Vec<CachedChapter>,
    /// The chapter whose index has the name, or another one with its address, and the record
    /// page.
    pub hit: Option<(VirtualChapter, RecordPageNumber)>,
    /// The search on that page.
    pub pages: Option<RecordTrace>,
}

/// A chapter whose index is in the sparse cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CachedChapter {
    /// The chapter.
    pub chapter: VirtualChapter,
    /// Whether it is passed by, because it was of no use for long.
    pub is_skipped: bool,
}

impl EntrySearch {
    /// What a trace of the volume index says of `name`, whose key is `key`.
    pub(crate) fn new(
        trace: EntryTrace,
        name: &RecordName,
        key: DeltaKey,
        found: Option<(VirtualChapter, bool)>,
    ) -> Self {
        let matched = match found {
            None => EntryMatch::Nothing,
            Some((_, false)) => EntryMatch::Key,
            Some((_, true)) => EntryMatch::Name,
        };
        let around = trace.around.shown.iter().zip(&trace.chapters).map(|(shown, &chapter)| {
            let is_named = match matched {
                EntryMatch::Nothing => false,
                EntryMatch::Key => shown.name.is_none(),
                EntryMatch::Name => shown.name == Some(*name),
            };
            ListEntry {
                position: shown.position,
                key: shown.key,
                delta: shown.delta,
                value: shown.value,
                chapter,
                name: shown.name,
                is_match: is_named && shown.key == key,
            }
        });
        Self {
            list_bits: trace.bits,
            flush_chapter: trace.flush_chapter,
            low: trace.window.0,
            high: trace.window.1,
            expired: trace.expired,
            expired_here: trace.expired_here,
            entries: trace.around.entries,
            around: around.collect(),
            damage: trace.around.damage,
            matched,
            chapter: found.map(|(chapter, _)| chapter),
        }
    }
}

impl MemorySearch {
    /// Searches the records of a chapter.
    pub(crate) fn new(records: &OpenChapter, name: &RecordName) -> Self {
        let mut search = Self {
            slots: records.slot_count() as u64,
            records: records.records().len() as u64,
            probes: Vec::new(),
            probe_count: 0,
            found: records.search(name),
        };
        records.probe_with(name, |slot, index| {
            search.probe_count += 1;
            if search.probes.len() < MAX_PROBES {
                search.probes.push(Probe {
                    slot: slot as u64,
                    name: index.map(|index| records.records()[index].name),
                    is_deleted: index.is_some_and(|index| records.is_deleted(index)),
                });
            }
        });
        search
    }
}
