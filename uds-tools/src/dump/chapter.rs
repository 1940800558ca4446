//! `uds dump FILE chapter`: the records of a chapter, or of the open one in the latest save.
//!
//! Invariant: no line of the text is wider than 76 columns. Names and data take 65 of them.

use std::io::{self, Write};

use serde::Serialize;
use uds_geometry::{ChapterPage, RECORD_BYTES, RecordData, RecordName};
use uds_index::{
    ChapterContents, ChapterRecord, Finding, Inspector, Naming, OpenChapterRecords, Region,
    Severity,
};

use super::Which;
use super::sink::{Ended, Row, Sink, Table, as_text, or_dash};
use crate::units;

const WIDTH: usize = 76;
/// Bytes before the first record of a saved open chapter (specification, section 5.5).
const OPEN_HEADER_BYTES: u64 = 14;

pub(super) const TABLE: Table = Table {
    what: "chapter",
    columns: &[
        "kind",
        "chapter",
        "slot",
        "offset",
        "findings",
        "severity",
        "message",
        "record_page",
        "node",
        "name",
        "data",
        "list",
        "index_page",
        "naming",
        "leads_to_page",
        "leads_to_node",
    ],
};

pub(super) const OPEN_TABLE: Table = Table {
    what: "open_chapter",
    columns: &["kind", "save_slot", "offset", "records", "position", "name", "data"],
};

#[derive(Serialize)]
struct ChapterRow {
    kind: &'static str,
    chapter: Option<u64>,
    slot: u32,
    offset: u64,
    findings: u64,
}

#[derive(Serialize)]
struct FindingRow {
    kind: &'static str,
    severity: &'static str,
    offset: u64,
    index_page: Option<u32>,
    record_page: Option<u32>,
    list: Option<u32>,
    message: String,
}

#[derive(Serialize)]
struct RecordRow {
    kind: &'static str,
    record_page: u32,
    node: u32,
    offset: u64,
    #[serde(serialize_with = "as_text")]
    name: RecordName,
    #[serde(serialize_with = "as_text")]
    data: RecordData,
    list: u32,
    index_page: Option<u32>,
    naming: &'static str,
    leads_to_page: Option<u32>,
    leads_to_node: Option<u32>,
}

#[derive(Serialize)]
struct OpenRow {
    kind: &'static str,
    save_slot: u8,
    offset: u64,
    records: u32,
}

#[derive(Serialize)]
struct OpenRecordRow {
    kind: &'static str,
    position: u32,
    offset: u64,
    #[serde(serialize_with = "as_text")]
    name: RecordName,
    #[serde(serialize_with = "as_text")]
    data: RecordData,
}

/// Dumps a chapter. Says whether nothing of it is damaged.
pub(super) fn dump(
    inspector: &Inspector,
    which: Which,
    sink: &mut Sink<'_>,
) -> Result<bool, Ended> {
    let contents = match which {
        Which::Chapter(number) => inspector.chapter(number)?,
        Which::Slot(slot) => inspector.chapter_in_slot(slot)?,
    };
    sink.row(&ChapterRow::new(&contents))?;
    for finding in contents.findings() {
        sink.row(&FindingRow::new(finding))?;
    }
    let is_damage = |finding: &Finding| finding.severity == Severity::Damage;
    for page in contents.record_pages() {
        sink.words(&format!("\nRecord page {page}\nnode    index {:<32} data\n", "name"))?;
        for record in contents.records(page) {
            sink.row(&RecordRow::new(&record))?;
        }
    }
    Ok(!contents.findings().iter().any(is_damage))
}

/// Dumps the open chapter of the latest save.
pub(super) fn dump_open(inspector: &Inspector, sink: &mut Sink<'_>) -> Result<bool, Ended> {
    let records = inspector.open_chapter()?;
    let start = records.offset() + OPEN_HEADER_BYTES;
    sink.row(&OpenRow::new(&records))?;
    sink.words(&format!("\n{:>9} {:<32} data\n", "position", "name"))?;
    for (position, record) in (0..).zip(records) {
        let record = record?;
        let offset = start + u64::from(position) * RECORD_BYTES as u64;
        let (name, data) = (record.name, record.data);
        sink.row(&OpenRecordRow { kind: "open_record", position, offset, name, data })?;
    }
    Ok(true)
}

impl ChapterRow {
    fn new(contents: &ChapterContents<'_>) -> Self {
        Self {
            kind: "chapter",
            chapter: contents.chapter().map(uds_geometry::VirtualChapter::get),
            slot: contents.slot().get(),
            offset: contents.offset(),
            findings: contents.finding_count(),
        }
    }
}

impl Row for ChapterRow {
    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        match self.chapter {
            Some(chapter) => write!(out, "Chapter {}", units::count(chapter))?,
            None => write!(out, "No chapter of this index")?,
        }
        writeln!(out, ", in slot {}, from byte {} on", self.slot, self.offset)?;
        writeln!(out, "Behind a node: + a query finds it, c a copy, n no room in the index,")?;
        writeln!(out, "! the index does not lead to it, ? its index page is damaged")
    }
}

impl FindingRow {
    fn new(finding: &Finding) -> Self {
        let page = match finding.region {
            Region::Chapter { page, .. } => Some(page),
            _ => None,
        };
        let (index_page, record_page) = match page {
            Some(ChapterPage::Index(number)) => (Some(number.get()), None),
            Some(ChapterPage::Record(number)) => (None, Some(number.get())),
            None => (None, None),
        };
        Self {
            kind: "finding",
            severity: if finding.severity == Severity::Damage { "damage" } else { "note" },
            offset: finding.offset,
            index_page,
            record_page,
            list: finding.list.map(uds_geometry::DeltaListNumber::get),
            message: finding.to_string(),
        }
    }
}

impl Row for FindingRow {
    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        let text = format!("{}: {}", self.severity.to_uppercase(), self.message);
        out.write_all(units::wrapped(&text, WIDTH).as_bytes())
    }
}

impl RecordRow {
    fn new(record: &ChapterRecord) -> Self {
        let (naming, leads_to) = match record.naming {
            Naming::Indexed => ("indexed", Some((record.page, Some(record.node)))),
            Naming::Copy { page, node } => ("copy", Some((page, Some(node)))),
            Naming::NoRoom => ("no_room", None),
            Naming::Lost { leads_to } => ("lost", leads_to.map(|page| (page, None))),
            _ => ("unknown", None),
        };
        Self {
            kind: "record",
            record_page: record.page.get(),
            node: record.node,
            offset: record.offset,
            name: record.name,
            data: record.data,
            list: record.list.get(),
            index_page: record.index_page.map(uds_geometry::IndexPageNumber::get),
            naming,
            leads_to_page: leads_to.map(|(page, _)| page.get()),
            leads_to_node: leads_to.and_then(|(_, node)| node),
        }
    }
}

impl Row for RecordRow {
    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        let mark = match self.naming {
            "indexed" => '+',
            "copy" => 'c',
            "no_room" => 'n',
            "lost" => '!',
            _ => '?',
        };
        let Self { node, name, data, .. } = self;
        let page = or_dash(self.index_page);
        writeln!(out, "{node:>4} {mark} {page:>3} {name} {data}")
    }
}

impl OpenRow {
    fn new(records: &OpenChapterRecords<'_>) -> Self {
        Self {
            kind: "open_chapter",
            save_slot: records.save_slot(),
            offset: records.offset(),
            records: records.remaining(),
        }
    }
}

impl Row for OpenRow {
    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        let records = units::counted(self.records.into(), "record");
        let Self { save_slot, offset, .. } = self;
        writeln!(out, "Open chapter: {records} in save slot {save_slot}, from byte {offset} on")
    }
}

impl Row for OpenRecordRow {
    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        let Self { position, name, data, .. } = self;
        writeln!(out, "{position:>9} {name} {data}")
    }
}
