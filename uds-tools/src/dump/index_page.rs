//! `uds dump FILE index-page`: the lists of an index page, and their entries.
//!
//! Invariant: no line of the text is wider than 76 columns. A name takes 32 of them.

use std::io::{self, Write};

use serde::Serialize;
use uds_geometry::IndexPageNumber;
use uds_index::{IndexPage, Inspector, PageEntry};

use super::Which;
use super::sink::{Ended, Row, Sink, Table};
use crate::units;

const WIDTH: usize = 76;

pub(super) const TABLE: Table = Table {
    what: "index_page",
    columns: &[
        "kind",
        "chapter",
        "slot",
        "index_page",
        "offset",
        "first_list",
        "list_count",
        "free_bits",
        "list",
        "bit_offset",
        "bits",
        "key",
        "delta",
        "record_page",
        "name",
        "message",
    ],
};

#[derive(Serialize)]
struct PageRow {
    kind: &'static str,
    chapter: u64,
    slot: u32,
    index_page: u32,
    offset: u64,
    first_list: u32,
    list_count: u32,
    free_bits: u64,
}

#[derive(Serialize)]
struct ListRow {
    kind: &'static str,
    list: u32,
    /// The byte of the file that has its first bit.
    offset: u64,
    /// The bit of the page where it begins.
    bit_offset: u64,
    bits: u64,
}

#[derive(Serialize)]
struct EntryRow {
    kind: &'static str,
    list: u32,
    offset: u64,
    bit_offset: u64,
    bits: u32,
    key: u32,
    delta: u32,
    record_page: u32,
    name: Option<String>,
}

/// A list that makes no sense.
#[derive(Serialize)]
struct ProblemRow {
    kind: &'static str,
    list: Option<u32>,
    message: String,
}

/// Dumps an index page. Says whether all of its lists make sense.
pub(super) fn dump(
    inspector: &Inspector,
    which: Which,
    number: IndexPageNumber,
    sink: &mut Sink<'_>,
) -> Result<bool, Ended> {
    let page = match which {
        Which::Chapter(chapter) => inspector.index_page_of(chapter, number)?,
        Which::Slot(slot) => inspector.index_page(slot, number)?,
    };
    sink.row(&PageRow::new(&page))?;
    let mut is_sound = true;
    let mut problem = |list, message, sink: &mut Sink<'_>| {
        is_sound = false;
        sink.row(&ProblemRow { kind: "problem", list, message })
    };
    for list in page.lists() {
        let list = match list {
            Ok(list) => list,
            Err(error) => {
                problem(None, units::chain(&error), sink)?;
                continue;
            }
        };
        let number = list.number().get();
        let (bit_offset, end) = (list.bits().start, list.bits().end);
        let offset = page.offset() + bit_offset / 8;
        let bits = end - bit_offset;
        sink.row(&ListRow { kind: "list", list: number, offset, bit_offset, bits })?;
        if bits > 0 {
            let (key, delta, page) = ("key", "delta", "on page");
            let (bit, bits) = ("bit", "bits");
            sink.words(&format!("{bit:>8} {bits:>5} {key:>9} {delta:>9} {page:>7}\n"))?;
        }
        for entry in list.entries() {
            match entry {
                Ok(entry) => sink.row(&EntryRow::new(number, page.offset(), &entry))?,
                Err(error) => problem(Some(number), units::chain(&error), sink)?,
            }
        }
    }
    Ok(is_sound)
}

impl PageRow {
    fn new(page: &IndexPage) -> Self {
        let lists = page.list_range();
        Self {
            kind: "index_page",
            chapter: page.chapter().get(),
            slot: page.slot().get(),
            index_page: page.number().get(),
            offset: page.offset(),
            first_list: lists.start.get(),
            list_count: lists.end.get() - lists.start.get(),
            free_bits: page.free_bits(),
        }
    }
}

impl Row for PageRow {
    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        let Self { slot, index_page, offset, .. } = self;
        writeln!(out, "Chapter    {}, in slot {slot}", units::count(self.chapter))?;
        writeln!(out, "Page       index page {index_page}, at byte {offset}")?;
        match self.list_count {
            0 => writeln!(out, "Lists      none; the next would be {}", self.first_list)?,
            count => {
                let last = self.first_list + count - 1;
                writeln!(out, "Lists      {count}, from {} to {last}", self.first_list)?;
            }
        }
        writeln!(out, "Free       {}", units::counted(self.free_bits, "bit"))
    }
}

impl Row for ListRow {
    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        let bits = units::counted(self.bits, "bit");
        let Self { list, bit_offset, offset, .. } = self;
        writeln!(out, "\nList {list}: {bits} from bit {bit_offset} of the page on (byte {offset})")
    }
}

impl EntryRow {
    fn new(list: u32, page_offset: u64, entry: &PageEntry) -> Self {
        Self {
            kind: "entry",
            list,
            offset: page_offset + entry.bit_offset / 8,
            bit_offset: entry.bit_offset,
            bits: entry.bits,
            key: entry.key.get(),
            delta: entry.delta,
            record_page: entry.record_page.get(),
            name: entry.name.map(|name| name.to_string()),
        }
    }
}

impl Row for EntryRow {
    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        let Self { bit_offset, bits, key, delta, record_page, .. } = self;
        write!(out, "{bit_offset:>8} {bits:>5} {key:>9} {delta:>9} {record_page:>7}")?;
        match &self.name {
            Some(name) => writeln!(out, " {name}"),
            None => writeln!(out),
        }
    }
}

impl Row for ProblemRow {
    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        let text = format!("DAMAGE: {}", self.message);
        out.write_all(units::wrapped(&text, WIDTH).as_bytes())
    }
}
