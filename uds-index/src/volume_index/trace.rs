//! Looking a name up in a list, and telling what that comes by.
//!
//! Invariant: what is told is what [`get`](SubIndexZone::get) does, because it is `get` that does
//! it, to a copy of the list: with expired entries among them, the list itself would change.

use uds_delta_index::Neighbourhood;
use uds_geometry::{RecordName, VirtualChapter};

use super::sub_index::{Entry, SubIndexZone, chapter_of_value};
use crate::IndexError;

/// What a look-up in the volume index came by.
#[derive(Debug)]
pub(crate) struct EntryTrace {
    /// Bits of the list.
    pub(crate) bits: u32,
    /// The lower bound that the list keeps of its entries' chapters.
    pub(crate) flush_chapter: VirtualChapter,
    /// The first chapter that the zone can name, and the last one.
    pub(crate) window: (VirtualChapter, VirtualChapter),
    /// Entries of expired chapters, which a look-up removes.
    pub(crate) expired: u32,
    /// The chapters of those of them that have the name's key.
    pub(crate) expired_here: Vec<VirtualChapter>,
    /// What is around the key when they are gone.
    pub(crate) around: Neighbourhood,
    /// The chapters of those that are shown, in order.
    pub(crate) chapters: Vec<VirtualChapter>,
    /// What triage sees of a sample.
    pub(crate) peeked: Result<Option<VirtualChapter>, IndexError>,
    /// The chapter of the entry that is taken for the name's, and whether it has the whole name.
    pub(crate) found: Result<Option<(VirtualChapter, bool)>, IndexError>,
}

impl SubIndexZone {
    /// Looks `name` up as [`get`](Self::get) does, and leaves the list as it is.
    pub(crate) fn trace(&self, name: &RecordName) -> Result<EntryTrace, IndexError> {
        let (list, key) = self.parameters().locate(name);
        let mut copy = self.copy_of_list(list)?;
        let (low, high) = self.window();
        let flush_chapter = copy.flush_chapter(list)?;
        let chapter_of = |value| {
            let chapter = chapter_of_value(self.parameters(), low, flush_chapter, value);
            VirtualChapter::new(chapter)
        };
        let bits = copy.lists().list_bits(list)?;
        let before = Neighbourhood::of(copy.lists().entries(list)?, key);
        let peeked = copy.peek(name);
        let entry = copy.get(name, None);
        let around = Neighbourhood::of(copy.lists().entries(list)?, key);
        let has_gone = |chapter: &VirtualChapter| chapter.get() < low;
        let with_key = before.shown.iter().filter(|shown| shown.key == key);
        let chapters = around.shown.iter().map(|shown| chapter_of(shown.value)).collect();
        Ok(EntryTrace {
            bits,
            flush_chapter: VirtualChapter::new(flush_chapter),
            window: (VirtualChapter::new(low), VirtualChapter::new(high)),
            expired: before.entries.saturating_sub(around.entries),
            expired_here: with_key.map(|shown| chapter_of(shown.value)).filter(has_gone).collect(),
            around,
            chapters,
            peeked,
            found: entry.map(found),
        })
    }
}

/// What an entry says.
fn found(entry: Entry) -> Option<(VirtualChapter, bool)> {
    entry.chapter.map(|chapter| (chapter, entry.is_collision))
}
