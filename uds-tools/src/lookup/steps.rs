//! An explanation as a JSON object. The text is written from it too, so that both say the same.

use serde::Serialize;
use uds_delta_index::Neighbour;
use uds_geometry::{DeltaKey, RecordName, RecordPageNumber, VirtualChapter};
use uds_index::{
    Absence, CacheSearch, ChapterSearch, ChapterState, EntryMatch, EntrySearch, Explanation,
    MemorySearch, NameParts, Outcome,
};
use uds_volume::{IndexPageTrace, RecordPageTrace, RecordTrace};

use crate::output::sub_index;
use crate::units;

#[derive(Debug, Serialize)]
pub(super) struct Steps {
    pub(super) oldest_chapter: u64,
    pub(super) newest_chapter: u64,
    pub(super) newest_sparse_chapter: Option<u64>,
    pub(super) parts: Parts,
    pub(super) entry: Entry,
    pub(super) brought_in: Option<BroughtIn>,
    pub(super) chapter: Option<Chapter>,
    pub(super) cache: Option<Cache>,
    /// `found`, or where the trail ends.
    pub(super) outcome: &'static str,
    pub(super) outcome_chapter: Option<u64>,
    pub(super) needs_company: bool,
}

#[derive(Debug, Serialize)]
pub(super) struct Parts {
    pub(super) volume_index_bits: String,
    pub(super) chapter_index_bits: String,
    pub(super) sample_bits: u16,
    pub(super) sample_rate: u32,
    pub(super) is_sample: bool,
    pub(super) sub_index: &'static str,
    pub(super) list: u32,
    pub(super) address: u32,
    pub(super) zone: u8,
    pub(super) zones: u8,
    pub(super) chapter_list: u32,
    pub(super) chapter_address: u32,
}

#[derive(Debug, Serialize)]
pub(super) struct Entry {
    pub(super) list_bits: u32,
    pub(super) entries: u32,
    pub(super) flush_chapter: u64,
    pub(super) low: u64,
    pub(super) high: u64,
    pub(super) expired: u32,
    pub(super) expired_here: Vec<u64>,
    pub(super) around: Vec<ListEntry>,
    pub(super) matched_by: Option<&'static str>,
    pub(super) chapter: Option<u64>,
    pub(super) damage: Option<String>,
}

#[derive(Debug, Serialize)]
pub(super) struct ListEntry {
    pub(super) position: u32,
    pub(super) key: u32,
    pub(super) delta: u32,
    pub(super) value: u32,
    pub(super) chapter: u64,
    pub(super) name: Option<String>,
    pub(super) is_match: bool,
}

#[derive(Debug, Serialize)]
pub(super) struct BroughtIn {
    pub(super) chapter: u64,
    pub(super) is_readable: bool,
}

#[derive(Debug, Serialize)]
pub(super) struct Chapter {
    pub(super) chapter: u64,
    pub(super) state: &'static str,
    pub(super) slot: u32,
    pub(super) memory: Option<Memory>,
    pub(super) cached_index: Option<CachedIndex>,
    pub(super) pages: Option<Pages>,
}

#[derive(Debug, Serialize)]
pub(super) struct Memory {
    pub(super) slots: u64,
    pub(super) records: u64,
    pub(super) probe_count: u64,
    pub(super) probes: Vec<Probe>,
    pub(super) is_found: bool,
}

#[derive(Debug, Serialize)]
pub(super) struct Probe {
    pub(super) slot: u64,
    pub(super) name: Option<String>,
    pub(super) is_deleted: bool,
}

#[derive(Debug, Serialize)]
pub(super) struct CachedIndex {
    pub(super) record_page: Option<u32>,
}

#[derive(Debug, Serialize)]
pub(super) struct Pages {
    pub(super) slot: u32,
    pub(super) is_held: bool,
    pub(super) index_page: Option<IndexPage>,
    pub(super) record_page: Option<RecordPage>,
}

#[derive(Debug, Serialize)]
pub(super) struct IndexPage {
    pub(super) page: u32,
    pub(super) offset: u64,
    pub(super) first_list: u32,
    pub(super) list_count: u32,
    pub(super) is_cached: bool,
    pub(super) chapter: Option<u64>,
    pub(super) list: u32,
    pub(super) address: u32,
    pub(super) list_bits: u32,
    pub(super) entries: u32,
    pub(super) around: Vec<PageEntry>,
    pub(super) record_page: Option<u32>,
    pub(super) matched_by: Option<&'static str>,
}

#[derive(Debug, Serialize)]
pub(super) struct PageEntry {
    pub(super) position: u32,
    pub(super) key: u32,
    pub(super) delta: u32,
    pub(super) record_page: u32,
    pub(super) name: Option<String>,
    pub(super) is_match: bool,
}

#[derive(Debug, Serialize)]
pub(super) struct RecordPage {
    pub(super) page: u32,
    pub(super) offset: u64,
    pub(super) is_cached: bool,
    pub(super) path: Vec<Node>,
    pub(super) is_found: bool,
}

#[derive(Debug, Serialize)]
pub(super) struct Node {
    pub(super) node: u32,
    pub(super) name: String,
}

#[derive(Debug, Serialize)]
pub(super) struct Cache {
    pub(super) chapters: Vec<CachedChapter>,
    pub(super) hit_chapter: Option<u64>,
    pub(super) hit_record_page: Option<u32>,
    pub(super) pages: Option<Pages>,
}

#[derive(Debug, Serialize)]
pub(super) struct CachedChapter {
    pub(super) chapter: u64,
    pub(super) is_skipped: bool,
}

impl Steps {
    pub(super) fn new(explanation: &Explanation) -> Self {
        let name = &explanation.name;
        let (outcome, chapter) = match &explanation.outcome {
            Outcome::Found { chapter, .. } => ("found", Some(*chapter)),
            Outcome::Failed(_) => ("failed", None),
            Outcome::Absent(absence) => match absence {
                Absence::NoEntry => ("no_entry", None),
                Absence::Expired(chapter) => ("expired", Some(*chapter)),
                Absence::Forgotten(chapter) => ("forgotten", Some(*chapter)),
                Absence::OtherName(chapter) => ("other_name", Some(*chapter)),
                Absence::Lost(chapter) => ("lost", Some(*chapter)),
            },
        };
        Self {
            oldest_chapter: explanation.oldest.get(),
            newest_chapter: explanation.newest.get(),
            newest_sparse_chapter: explanation.newest_sparse.map(VirtualChapter::get),
            parts: Parts::new(&explanation.parts),
            entry: Entry::new(&explanation.entry),
            brought_in: explanation
                .brought_in
                .map(|(chapter, is_readable)| BroughtIn { chapter: chapter.get(), is_readable }),
            chapter: explanation.chapter.as_ref().map(|search| Chapter::new(search, name)),
            cache: explanation.cache.as_ref().map(|search| Cache::new(search, name)),
            outcome,
            outcome_chapter: chapter.map(VirtualChapter::get),
            needs_company: explanation.needs_company(),
        }
    }
}

impl Parts {
    fn new(parts: &NameParts) -> Self {
        Self {
            volume_index_bits: format!("{:016x}", parts.volume_index_bits),
            chapter_index_bits: format!("{:012x}", parts.chapter_index_bits),
            sample_bits: parts.sample_bits,
            sample_rate: parts.sample_rate,
            is_sample: parts.is_sample,
            sub_index: sub_index(parts.sub_index),
            list: parts.list.get(),
            address: parts.address.get(),
            zone: parts.zone.get(),
            zones: parts.zones.get(),
            chapter_list: parts.chapter_list.get(),
            chapter_address: parts.chapter_address.get(),
        }
    }
}

impl Entry {
    fn new(search: &EntrySearch) -> Self {
        let around = search.around.iter().map(|entry| ListEntry {
            position: entry.position,
            key: entry.key.get(),
            delta: entry.delta,
            value: entry.value,
            chapter: entry.chapter.get(),
            name: entry.name.map(|name| name.to_string()),
            is_match: entry.is_match,
        });
        Self {
            list_bits: search.list_bits,
            entries: search.entries,
            flush_chapter: search.flush_chapter.get(),
            low: search.low.get(),
            high: search.high.get(),
            expired: search.expired,
            expired_here: search.expired_here.iter().map(|chapter| chapter.get()).collect(),
            around: around.collect(),
            matched_by: match search.matched {
                EntryMatch::Nothing => None,
                EntryMatch::Key => matched_by(false),
                EntryMatch::Name => matched_by(true),
            },
            chapter: search.chapter.map(VirtualChapter::get),
            damage: search.damage.as_ref().map(|error| units::chain(error)),
        }
    }
}

fn matched_by(is_whole_name: bool) -> Option<&'static str> {
    Some(if is_whole_name { "name" } else { "key" })
}

impl Chapter {
    fn new(search: &ChapterSearch, name: &RecordName) -> Self {
        Self {
            chapter: search.chapter.get(),
            state: match search.state {
                ChapterState::Open => "open",
                ChapterState::Closed => "closed",
                ChapterState::Dense => "dense",
                ChapterState::Sparse => "sparse",
                ChapterState::Forgotten => "forgotten",
            },
            slot: search.slot.get(),
            memory: search.memory.as_ref().map(Memory::new),
            cached_index: search
                .cached
                .map(|page| CachedIndex { record_page: page.map(RecordPageNumber::get) }),
            pages: search.pages.as_ref().map(|trace| Pages::new(trace, name)),
        }
    }
}

impl Memory {
    fn new(search: &MemorySearch) -> Self {
        let probes = search.probes.iter().map(|probe| Probe {
            slot: probe.slot,
            name: probe.name.map(|name| name.to_string()),
            is_deleted: probe.is_deleted,
        });
        Self {
            slots: search.slots,
            records: search.records,
            probe_count: search.probe_count,
            probes: probes.collect(),
            is_found: search.found.is_some(),
        }
    }
}

impl Pages {
    fn new(trace: &RecordTrace, name: &RecordName) -> Self {
        Self {
            slot: trace.slot.get(),
            is_held: trace.is_held,
            index_page: trace.index_page.as_ref().map(|page| IndexPage::new(page, name)),
            record_page: trace.record_page.as_ref().map(RecordPage::new),
        }
    }
}

impl IndexPage {
    fn new(trace: &IndexPageTrace, name: &RecordName) -> Self {
        let found = trace.found;
        let is_match = |entry: &Neighbour, key: DeltaKey| match found {
            Some((_, true)) => entry.name == Some(*name),
            Some((_, false)) => entry.name.is_none() && entry.key == key,
            None => false,
        };
        let around = trace.around.shown.iter().map(|entry| PageEntry {
            position: entry.position,
            key: entry.key.get(),
            delta: entry.delta,
            record_page: entry.value,
            name: entry.name.map(|name| name.to_string()),
            is_match: is_match(entry, trace.key),
        });
        Self {
            page: trace.page.get(),
            offset: trace.place.offset,
            first_list: trace.lists.start.get(),
            list_count: trace.lists.end.get().saturating_sub(trace.lists.start.get()),
            is_cached: trace.is_cached,
            chapter: trace.header.map(|header| header.chapter().get()),
            list: trace.list.get(),
            address: trace.key.get(),
            list_bits: trace.list_bits,
            entries: trace.around.entries,
            around: around.collect(),
            record_page: found.map(|(page, _)| page.get()),
            matched_by: found.and_then(|(_, is_whole_name)| matched_by(is_whole_name)),
        }
    }
}

impl RecordPage {
    fn new(trace: &RecordPageTrace) -> Self {
        let node =
            |step: &uds_volume::HeapStep| Node { node: step.node, name: step.name.to_string() };
        Self {
            page: trace.page.get(),
            offset: trace.place.offset,
            is_cached: trace.is_cached,
            path: trace.path.iter().map(node).collect(),
            is_found: trace.found.is_some(),
        }
    }
}

impl Cache {
    fn new(search: &CacheSearch, name: &RecordName) -> Self {
        let chapters = search.chapters.iter().map(|cached| CachedChapter {
            chapter: cached.chapter.get(),
            is_skipped: cached.is_skipped,
        });
        Self {
            chapters: chapters.collect(),
            hit_chapter: search.hit.map(|(chapter, _)| chapter.get()),
            hit_record_page: search.hit.map(|(_, page)| page.get()),
            pages: search.pages.as_ref().map(|trace| Pages::new(trace, name)),
        }
    }
}
