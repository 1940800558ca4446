//! Walking a saved volume index list by list, without loading it.

use std::io::Read;

use uds_delta_index::{Entries, SavedLists, read_guard};
use uds_geometry::{DeltaListNumber, SubIndexParameters, VolumeIndexParameters, ZoneId};

use super::{Part, STRUCTURE, Saved, read_heads};
use crate::IndexError;
use crate::error::Reading;

/// A list of a saved volume index that has entries.
pub(crate) struct WalkedList<'a> {
    /// The stream that it is in.
    pub(crate) stream: ZoneId,
    /// The sub-index that it belongs to.
    pub(crate) parameters: &'a SubIndexParameters,
    pub(crate) list: DeltaListNumber,
    pub(crate) entries: Entries<'a>,
    /// The oldest chapter that the sub-index knows, as whoever loads it will have it.
    pub(crate) low: u64,
    /// A lower bound of the chapters of the list's entries.
    pub(crate) flush_chapter: u64,
}

/// The window of a sub-index, as its streams say it is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct DeclaredWindow {
    /// The oldest chapter that it knows.
    pub(crate) low: u64,
    /// How many chapters it has room to know.
    pub(crate) chapters: u32,
    /// How many it knows right after its index was converted.
    pub(crate) rounded_chapters: u32,
}

/// What a walk found besides the lists.
#[derive(Clone, Debug, Default)]
pub(crate) struct Declared {
    /// The entries, and the collisions among them, that the streams say they have.
    pub(crate) records: u64,
    pub(crate) collisions: u64,
    /// All lists, those without entries too.
    pub(crate) lists: u64,
    /// The windows of the sub-indexes.
    pub(crate) windows: Vec<DeclaredWindow>,
    /// The largest flush chapter of all.
    pub(crate) last_flush_chapter: u64,
    /// Bytes of the lists.
    pub(crate) bytes: u64,
}

/// Reads all streams to their ends and shows each list with entries to `visit`.
///
/// # Errors
///
/// As for [`load`](super::load), with the stream that it was found in: the first of them where
/// the streams do not go together. Entries that make no sense are left to `visit`.
pub(crate) fn walk<R: Read>(
    saved: &mut Saved<R>,
    parameters: &VolumeIndexParameters,
    mut visit: impl FnMut(WalkedList<'_>) -> Result<(), IndexError>,
) -> Result<Declared, (ZoneId, IndexError)> {
    let nowhere = |error| (ZoneId::ZERO, error);
    let (non_hook, hook) = read_heads(saved, parameters).map_err(nowhere)?;
    let mut declared = Declared::default();
    let parts = || [Some(&non_hook), hook.as_ref()].into_iter().flatten();
    for part in parts() {
        part.check_complete(saved.first_block).map_err(nowhere)?;
        declared.windows.push(DeclaredWindow {
            low: part.low,
            chapters: part.parameters.chapter_count,
            rounded_chapters: part.parameters.rounded_chapter_count,
        });
        let last = part.flush_chapters.iter().copied().max().unwrap_or_default();
        declared.last_flush_chapter = declared.last_flush_chapter.max(last);
        for header in &part.headers {
            declared.records = declared.records.wrapping_add(header.records());
            declared.collisions = declared.collisions.wrapping_add(header.collisions());
            declared.lists += u64::from(header.list_count());
            let sizes = header.list_sizes().iter();
            declared.bytes += sizes.map(|&size| u64::from(size).div_ceil(8)).sum::<u64>();
        }
    }
    for (stream, input) in non_hook.stream_count.zones().zip(&mut saved.streams) {
        for part in parts() {
            part.walk(stream, input, &mut visit).map_err(|error| (stream, error))?;
        }
        read_guard(stream, input).map_err(|error| (stream, error.into()))?;
    }
    Ok(declared)
}

impl Part<'_> {
    /// Checks that the streams have all lists among them.
    fn check_complete(&self, first_block: u64) -> Result<(), IndexError> {
        let reading = Reading { structure: STRUCTURE, block: first_block };
        let found = self.flush_chapters.len() as u64;
        reading.check("number of all delta lists", found, self.parameters.list_count)
    }

    fn walk(
        &self,
        stream: ZoneId,
        input: &mut impl Read,
        visit: &mut impl FnMut(WalkedList<'_>) -> Result<(), IndexError>,
    ) -> Result<(), IndexError> {
        let Some(header) = self.headers.get(usize::from(stream.get())) else { return Ok(()) };
        let (coding, bits) = (self.parameters.coding, self.parameters.chapter_bits);
        let mut lists = SavedLists::new(header, self.tag, coding, bits)?;
        while let Some((list, entries)) = lists.read(input)? {
            // The streams' lists follow one another from 0.
            let flush_chapter = self.flush_chapters[list.get() as usize];
            let (parameters, low) = (self.parameters, self.low);
            visit(WalkedList { stream, parameters, list, entries, low, flush_chapter })?;
        }
        Ok(())
    }
}
