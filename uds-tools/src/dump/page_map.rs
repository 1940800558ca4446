//! `uds dump FILE page-map`: the index page map of the latest save, beside the index pages.
//!
//! Invariant: no line of the text is wider than 60 columns.

use std::io::{self, Write};

use serde::Serialize;
use uds_index::{Inspector, MappedPage};

use super::sink::{Ended, Row, Sink, Table, or_dash};
use crate::units;

pub(super) const TABLE: Table = Table {
    what: "page_map",
    columns: &[
        "kind",
        "save_slot",
        "offset",
        "last_update",
        "slot",
        "index_page",
        "last_list",
        "expected_chapter",
        "chapter",
        "page_last_list",
        "agrees",
    ],
};

#[derive(Serialize)]
struct MapRow {
    kind: &'static str,
    save_slot: u8,
    offset: u64,
    last_update: u64,
}

#[derive(Serialize)]
struct EntryRow {
    kind: &'static str,
    slot: u32,
    index_page: u32,
    /// The byte of the entry in the file.
    offset: u64,
    last_list: u32,
    expected_chapter: Option<u64>,
    chapter: Option<u64>,
    page_last_list: Option<u32>,
    agrees: Option<bool>,
}

/// Dumps the map. Says whether no page differs from it.
pub(super) fn dump(inspector: &Inspector, sink: &mut Sink<'_>) -> Result<bool, Ended> {
    let map = inspector.page_map()?;
    sink.row(&MapRow {
        kind: "page_map",
        save_slot: map.save_slot(),
        offset: map.offset(),
        last_update: map.last_update().get(),
    })?;
    let (slot, page, chapter) = ("slot", "page", "chapter");
    sink.words(&format!(
        "\n{slot:>6} {page:>4} {:>10} {:>10} {chapter:>14}\n",
        "last list", "on page"
    ))?;
    let mut is_sound = true;
    for page in map.pages()? {
        let row = EntryRow::new(&page);
        is_sound &= row.agrees != Some(false);
        sink.row(&row)?;
    }
    Ok(is_sound)
}

impl Row for MapRow {
    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        let Self { save_slot, offset, .. } = self;
        writeln!(out, "Page map   of save slot {save_slot}, at byte {offset}")?;
        writeln!(out, "  updated  for chapter {}", units::count(self.last_update))
    }
}

impl EntryRow {
    fn new(page: &MappedPage) -> Self {
        let last = |end: u32| end.saturating_sub(1);
        Self {
            kind: "map_entry",
            slot: page.slot.get(),
            index_page: page.page.get(),
            offset: page.offset,
            last_list: page.last_list.get(),
            expected_chapter: page.expected.map(uds_geometry::VirtualChapter::get),
            chapter: page.chapter.map(uds_geometry::VirtualChapter::get),
            page_last_list: page.lists.as_ref().map(|lists| last(lists.end.get())),
            agrees: page.agrees(),
        }
    }
}

impl Row for EntryRow {
    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        let on_page = or_dash(self.page_last_list);
        let chapter = or_dash(self.chapter.map(units::count));
        let Self { slot, index_page, last_list, .. } = self;
        write!(out, "{slot:>6} {index_page:>4} {last_list:>10} {on_page:>10} {chapter:>14}")?;
        let verdict = match (self.agrees, self.expected_chapter) {
            (Some(true), _) => "",
            (Some(false), _) => "  DIFFERS",
            (None, Some(_)) => "  changed",
            (None, None) => "  unused",
        };
        writeln!(out, "{verdict}")
    }
}
