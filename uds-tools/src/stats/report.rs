//! What `uds stats` knows: its JSON object.

use std::path::Path;

use serde::Serialize;
use uds_index::{
    ChapterSurvey, Distribution, PageSurvey, RecoveryReport, Statistics, SubIndex as Part,
    SubIndexCensus, ZoneOccupancy,
};

use crate::look::Look;
use crate::output::{SCHEMA_VERSION, sub_index};

/// The JSON object.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    schema_version: u32,
    pub(super) path: String,
    memory: Option<String>,
    pub(super) sparse: bool,
    zones: u8,
    /// What was recovered in memory, where the index was not closed cleanly.
    recovered: Option<Recovered>,
    /// Whether something was damaged, and is not counted.
    damaged: bool,
    pub(super) oldest_chapter: u64,
    pub(super) newest_chapter: u64,
    pub(super) records_per_chapter: u32,
    statistics: Counters,
    pub(super) volume_index: Vec<SubIndex>,
    pub(super) chapter_indexes: ChapterIndexes,
    /// The closed ones, the oldest first.
    pub(super) chapters: Vec<Chapter>,
    pub(super) open_chapter: OpenChapter,
}

#[derive(Debug, Serialize)]
struct Recovered {
    chapters: u64,
    records: u64,
    bad_chapters: u64,
    unreadable_pages: u64,
    stale_pages: u64,
}

/// The counters of section 11.11 of the specification, and more.
#[derive(Debug, Serialize)]
struct Counters {
    requests: u64,
    posts_found: u64,
    posts_not_found: u64,
    posts_found_open: u64,
    posts_found_dense: u64,
    posts_found_sparse: u64,
    updates_found: u64,
    updates_not_found: u64,
    deletions_found: u64,
    deletions_not_found: u64,
    queries_found: u64,
    queries_not_found: u64,
    entries_indexed: u64,
    collisions: u64,
    entries_discarded: u64,
    overflows: u64,
    chapter_index_overflows: u64,
    early_flushes: u64,
    rebalances: u64,
    memory_used: u64,
    chapters_forgotten: u64,
    records_forgotten: u64,
    sparse_chapters_cached: u64,
    sparse_chapters_unreadable: u64,
    pages_read: u64,
    page_cache_hits: u64,
}

/// A sub-index of the volume index.
#[derive(Debug, Serialize)]
pub(super) struct SubIndex {
    /// `all`, or `names` and `samples` where the index is sparse.
    pub(super) part: &'static str,
    pub(super) live: u64,
    pub(super) expired: u64,
    pub(super) stray: u64,
    pub(super) collisions: u64,
    pub(super) lists: u64,
    pub(super) damaged_lists: u64,
    pub(super) full_lists: u64,
    pub(super) list_entries: Summary,
    pub(super) list_bits: Summary,
    pub(super) max_list_bits: u32,
    pub(super) zones: Vec<Zone>,
}

/// What there is to say of many numbers. Nothing, where there are none.
#[derive(Debug, Serialize)]
pub(super) struct Summary {
    pub(super) min: Option<u32>,
    pub(super) mean: Option<f64>,
    pub(super) median: Option<u32>,
    pub(super) p99: Option<u32>,
    pub(super) max: Option<u32>,
}

#[derive(Debug, Serialize)]
pub(super) struct Zone {
    pub(super) zone: u8,
    lists: u32,
    pub(super) used_bits: u64,
    pub(super) early_expiry_bits: u64,
    pub(super) memory_bits: u64,
    oldest_chapter: u64,
}

/// What the chapter indexes have in common.
#[derive(Debug, Serialize)]
pub(super) struct ChapterIndexes {
    pub(super) entries: u64,
    /// Places that copies of records fill.
    pub(super) copies: u64,
    /// Records that no index has.
    pub(super) unnamed: u64,
    pub(super) damaged_pages: u64,
    pub(super) list_entries: Summary,
    pub(super) list_bits: Summary,
    /// Bits of a page that lists and their offsets can take.
    pub(super) page_bits: u64,
    pub(super) pages: Vec<PageSummary>,
}

/// What the index pages of one number are like, over all chapters.
#[derive(Debug, Serialize)]
pub(super) struct PageSummary {
    pub(super) page: u32,
    /// Chapters whose page could be read.
    pub(super) chapters: u64,
    /// Chapters, of these, whose page has no list.
    pub(super) without_lists: u64,
    pub(super) min_used_bits: Option<u64>,
    pub(super) mean_used_bits: Option<f64>,
    pub(super) max_used_bits: Option<u64>,
}

#[derive(Debug, Serialize)]
pub(super) struct Chapter {
    chapter: u64,
    slot: u32,
    /// Records that the volume index finds here.
    pub(super) records: u64,
    copies: Option<u64>,
    unnamed: Option<u64>,
    pages: Vec<Option<Page>>,
}

#[derive(Debug, Serialize)]
struct Page {
    first_list: u32,
    lists: u32,
    entries: u64,
    collisions: u64,
    used_bits: u64,
}

#[derive(Debug, Serialize)]
pub(super) struct OpenChapter {
    chapter: u64,
    /// Records in memory.
    pub(super) held: u64,
    /// Records that the volume index finds here.
    records: u64,
}

impl Report {
    pub(super) fn new(path: &Path, look: &Look) -> Self {
        let (info, census, survey) = (&look.info, &look.census, &look.survey);
        let geometry = info.configuration.geometry();
        let names = if geometry.is_sparse() { Part::NonHook } else { Part::Whole };
        let mut volume_index = vec![SubIndex::new(names, &census.names)];
        volume_index.extend(census.samples.as_ref().map(|part| SubIndex::new(Part::Hook, part)));
        let records: Vec<u64> = census.by_chapter().collect();
        let chapters = survey.chapters.iter().zip(&records);
        Self {
            schema_version: SCHEMA_VERSION,
            path: path.display().to_string(),
            memory: info.configuration.memory_size().map(|memory| memory.to_string()),
            sparse: geometry.is_sparse(),
            zones: look.zones.get(),
            recovered: look.recovery.as_ref().map(Recovered::new),
            damaged: look.is_damaged(),
            oldest_chapter: census.oldest_chapter.get(),
            newest_chapter: census.newest_chapter.get(),
            records_per_chapter: geometry.records_per_chapter(),
            statistics: Counters::new(&look.statistics),
            volume_index,
            chapter_indexes: ChapterIndexes::new(look),
            chapters: chapters.map(|(chapter, &live)| Chapter::new(chapter, live)).collect(),
            open_chapter: OpenChapter {
                chapter: census.newest_chapter.get(),
                held: look.statistics.open_chapter_records,
                records: records.last().copied().unwrap_or_default(),
            },
        }
    }
}

impl Recovered {
    fn new(report: &RecoveryReport) -> Self {
        Self {
            chapters: report.chapters,
            records: report.records,
            bad_chapters: report.bad_chapters,
            unreadable_pages: report.unreadable_pages,
            stale_pages: report.stale_pages,
        }
    }
}

impl Counters {
    fn new(counted: &Statistics) -> Self {
        Self {
            requests: counted.requests,
            posts_found: counted.posts_found,
            posts_not_found: counted.posts_not_found,
            posts_found_open: counted.posts_found_open,
            posts_found_dense: counted.posts_found_dense,
            posts_found_sparse: counted.posts_found_sparse,
            updates_found: counted.updates_found,
            updates_not_found: counted.updates_not_found,
            deletions_found: counted.deletions_found,
            deletions_not_found: counted.deletions_not_found,
            queries_found: counted.queries_found,
            queries_not_found: counted.queries_not_found,
            entries_indexed: counted.entries_indexed,
            collisions: counted.collisions,
            entries_discarded: counted.entries_discarded,
            overflows: counted.overflows,
            chapter_index_overflows: counted.chapter_index_overflows,
            early_flushes: counted.early_flushes,
            rebalances: counted.rebalances,
            memory_used: counted.memory_used,
            chapters_forgotten: counted.chapters_forgotten,
            records_forgotten: counted.records_forgotten,
            sparse_chapters_cached: counted.sparse_chapters_cached,
            sparse_chapters_unreadable: counted.sparse_chapters_unreadable,
            pages_read: counted.pages_read,
            page_cache_hits: counted.page_cache_hits,
        }
    }
}

impl SubIndex {
    fn new(part: Part, counted: &SubIndexCensus) -> Self {
        Self {
            part: sub_index(part),
            live: counted.live,
            expired: counted.expired,
            stray: counted.stray,
            collisions: counted.collisions,
            lists: counted.list_entries.count(),
            damaged_lists: counted.damaged_lists,
            full_lists: counted.full_lists,
            list_entries: Summary::new(&counted.list_entries),
            list_bits: Summary::new(&counted.list_bits),
            max_list_bits: SubIndexCensus::MAX_LIST_BITS,
            zones: counted.zones.iter().map(Zone::new).collect(),
        }
    }
}

impl Summary {
    fn new(numbers: &Distribution) -> Self {
        Self {
            min: numbers.min(),
            mean: numbers.mean(),
            median: numbers.percentile(50),
            p99: numbers.percentile(99),
            max: numbers.max(),
        }
    }
}

impl Zone {
    fn new(zone: &ZoneOccupancy) -> Self {
        Self {
            zone: zone.zone.get(),
            lists: zone.lists,
            used_bits: zone.used_bits,
            early_expiry_bits: zone.early_expiry_bits,
            memory_bits: zone.memory_bits,
            oldest_chapter: zone.oldest_chapter.get(),
        }
    }
}

impl ChapterIndexes {
    fn new(look: &Look) -> Self {
        let (survey, geometry) = (&look.survey, look.info.configuration.geometry());
        let chapters = &survey.chapters;
        let pages = || chapters.iter().flat_map(|chapter| &chapter.pages);
        Self {
            entries: chapters.iter().map(ChapterSurvey::entries).sum(),
            copies: chapters.iter().filter_map(|chapter| chapter.copies).sum(),
            unnamed: chapters.iter().filter_map(|chapter| chapter.unnamed).sum(),
            damaged_pages: pages().filter(|page| page.is_none()).count() as u64,
            list_entries: Summary::new(&survey.list_entries),
            list_bits: Summary::new(&survey.list_bits),
            page_bits: survey.page_bits,
            pages: (0..geometry.index_pages_per_chapter())
                .map(|page| PageSummary::new(page, chapters))
                .collect(),
        }
    }
}

impl PageSummary {
    fn new(page: u32, chapters: &[ChapterSurvey]) -> Self {
        let pages = || chapters.iter().filter_map(|chapter| chapter.pages[page as usize].as_ref());
        let used = || pages().map(|page| page.used_bits);
        let count = pages().count() as u64;
        let sum: u64 = used().sum();
        Self {
            page,
            chapters: count,
            without_lists: pages().filter(|page| page.lists == 0).count() as u64,
            min_used_bits: used().min(),
            mean_used_bits: (count > 0).then(|| sum as f64 / count as f64),
            max_used_bits: used().max(),
        }
    }
}

impl Chapter {
    fn new(chapter: &ChapterSurvey, records: u64) -> Self {
        Self {
            chapter: chapter.chapter.get(),
            slot: chapter.slot.get(),
            records,
            copies: chapter.copies,
            unnamed: chapter.unnamed,
            pages: chapter.pages.iter().map(|page| page.as_ref().map(Page::new)).collect(),
        }
    }
}

impl Page {
    fn new(page: &PageSurvey) -> Self {
        Self {
            first_list: page.first_list.get(),
            lists: page.lists,
            entries: page.entries,
            collisions: page.collisions,
            used_bits: page.used_bits,
        }
    }
}
