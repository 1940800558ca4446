//! Closing a chapter: the order in which its records go to the pages (specification, section 5.4).

use uds_geometry::Record;

use super::OpenChapter;

/// A closed chapter's records in the order of its pages, before each page is sorted.
#[derive(Debug)]
pub(crate) struct Collation<'a> {
    /// Exactly a chapter's worth of records.
    pub(crate) records: &'a [Record],
    /// The positions, increasing, that hold copies of the fill record: the chapter index must not
    /// name them.
    pub(crate) unindexed: &'a [u32],
}

/// Buffers for [`collate`], kept from chapter to chapter.
#[derive(Debug, Default)]
pub(crate) struct Buffers {
    records: Vec<Record>,
    unindexed: Vec<u32>,
}

/// Orders the records of all zones' parts, one from each zone in turn. Where a zone has none
/// left, or a deleted one, a copy of the fill record takes its place: the last record of the first
/// zone that is full.
///
/// Returns `None` where no zone is full, which no closed chapter is.
pub(crate) fn collate<'a>(
    zones: &[&'a OpenChapter],
    records_per_chapter: usize,
    buffers: &'a mut Buffers,
) -> Option<Collation<'a>> {
    let full = zones.iter().find(|zone| zone.is_full())?;
    let fill = *full.records().last()?;
    if let [only] = zones {
        if only.live_count() == records_per_chapter {
            return Some(Collation { records: only.records(), unindexed: &[] });
        }
    }
    buffers.records.clear();
    buffers.unindexed.clear();
    for position in 0..records_per_chapter {
        let zone = zones[position % zones.len()];
        let index = position / zones.len();
        match zone.records().get(index) {
            Some(record) if !zone.is_deleted(index) => buffers.records.push(*record),
            _ => {
                buffers.records.push(fill);
                buffers.unindexed.push(position as u32);
            }
        }
    }
    Some(Collation { records: &buffers.records, unindexed: &buffers.unindexed })
}
