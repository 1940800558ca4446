//! `uds dump FILE saves`: both save slots, and what is in them.
//!
//! Invariant: no line of the text is wider than 60 columns.

use std::io::{self, Write};

use serde::Serialize;
use uds_index::{
    Inspector, OpenChapterHeader, RegionKind, SaveRegion, SaveSlot, SaveSlotState, SavedHeader,
    StreamHead,
};

use super::sink::{Ended, Row, Sink, Table};
use crate::output::sub_index;
use crate::units;

const WIDTH: usize = 60;

pub(super) const TABLE: Table = Table {
    what: "saves",
    columns: &[
        "kind",
        "save_slot",
        "first_block",
        "blocks",
        "state",
        "latest",
        "saved_at_unix_ms",
        "zones",
        "newest_chapter",
        "oldest_chapter",
        "last_save",
        "nonce",
        "open_chapter",
        "open_chapter_records",
        "problem",
        "region",
        "zone",
        "part",
        "first_list",
        "list_count",
        "low_chapter",
        "high_chapter",
        "records",
        "collisions",
        "bytes",
        "reason",
    ],
};

#[derive(Serialize)]
struct SlotRow {
    kind: &'static str,
    save_slot: u8,
    first_block: u64,
    blocks: u64,
    state: &'static str,
    latest: bool,
    saved_at_unix_ms: Option<u64>,
    zones: Option<u8>,
    newest_chapter: Option<u64>,
    oldest_chapter: Option<u64>,
    last_save: Option<u64>,
    nonce: Option<String>,
    open_chapter: Option<&'static str>,
    open_chapter_records: Option<u32>,
    problem: Option<String>,
}

#[derive(Serialize)]
struct RegionRow {
    kind: &'static str,
    save_slot: u8,
    region: &'static str,
    zone: Option<u8>,
    first_block: u64,
    blocks: u64,
}

#[derive(Serialize)]
struct StreamRow {
    kind: &'static str,
    save_slot: u8,
    zone: u8,
    part: &'static str,
    first_list: u32,
    list_count: u32,
    low_chapter: u64,
    high_chapter: u64,
    records: i64,
    collisions: i64,
    bytes: u64,
}

/// A stream that makes no sense.
#[derive(Serialize)]
struct ProblemRow {
    kind: &'static str,
    save_slot: u8,
    zone: u8,
    problem: String,
}

/// Which save the index would be opened with.
#[derive(Serialize)]
struct LoadRow {
    kind: &'static str,
    save_slot: Option<u8>,
    reason: Option<String>,
}

/// Dumps the save slots. Says whether the index would be opened with one of them, and nothing of
/// them is damaged.
pub(super) fn dump(inspector: &Inspector, sink: &mut Sink<'_>) -> Result<bool, Ended> {
    let mut is_sound = true;
    for slot in inspector.saves() {
        is_sound &= matches!(slot.state, SaveSlotState::Saved(_) | SaveSlotState::Unsaved);
        sink.row(&SlotRow::new(&slot))?;
        for region in &slot.regions {
            sink.row(&RegionRow::new(slot.slot, region))?;
        }
        sink.words("\n")?;
    }
    if let Some(streams) = inspector.stream_heads()? {
        sink.words(&format!("Volume index in save slot {}\n", streams.slot))?;
        for head in &streams.heads {
            sink.row(&StreamRow::new(streams.slot, head))?;
        }
        if let Some((zone, error)) = &streams.problem {
            is_sound = false;
            let (save_slot, zone) = (streams.slot, zone.get());
            sink.row(&ProblemRow {
                kind: "stream_problem",
                save_slot,
                zone,
                problem: units::chain(error),
            })?;
        }
        sink.words("\n")?;
    }
    let usable = inspector.usable_save()?;
    let reason = usable.as_ref().err().map(|reason| units::chain(reason));
    sink.row(&LoadRow { kind: "load", save_slot: usable.as_ref().ok().copied(), reason })?;
    Ok(is_sound && usable.is_ok())
}

impl SlotRow {
    fn new(slot: &SaveSlot) -> Self {
        let mut row = Self {
            kind: "save_slot",
            save_slot: slot.slot,
            first_block: slot.first_block,
            blocks: slot.blocks,
            state: "unknown",
            latest: slot.is_latest,
            saved_at_unix_ms: None,
            zones: None,
            newest_chapter: None,
            oldest_chapter: None,
            last_save: None,
            nonce: None,
            open_chapter: None,
            open_chapter_records: None,
            problem: None,
        };
        match &slot.state {
            SaveSlotState::Empty => row.state = "empty",
            SaveSlotState::Unsaved => row.state = "unsaved",
            SaveSlotState::Saved(header) => row.set_header(header),
            SaveSlotState::Damaged(error) => {
                row.state = "damaged";
                row.problem = Some(units::chain(error));
            }
            _ => {}
        }
        row
    }

    fn set_header(&mut self, header: &SavedHeader) {
        self.state = "saved";
        self.saved_at_unix_ms = Some(header.saved_at_ms);
        self.zones = Some(header.zones.get());
        self.newest_chapter = Some(header.newest_chapter.get());
        self.oldest_chapter = Some(header.oldest_chapter.get());
        self.last_save = header.last_save.map(uds_geometry::VirtualChapter::get);
        self.nonce = Some(header.nonce.to_string());
        self.open_chapter = Some(match &header.open_chapter {
            OpenChapterHeader::Records(count) => {
                self.open_chapter_records = Some(*count);
                "records"
            }
            OpenChapterHeader::Discarded => "discarded",
            OpenChapterHeader::Damaged(error) => {
                self.problem = Some(units::chain(error));
                "damaged"
            }
            _ => "unknown",
        });
    }
}

impl Row for SlotRow {
    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        let latest = if self.latest { ", the latest" } else { "" };
        writeln!(out, "Save slot {}: {}{latest}", self.save_slot, self.state)?;
        if let (Some(time), Some(zones)) = (self.saved_at_unix_ms, self.zones) {
            let zones = units::counted(zones.into(), "zone");
            writeln!(out, "  saved    {}, {zones}", units::utc(time))?;
        }
        if let (Some(newest), Some(oldest)) = (self.newest_chapter, self.oldest_chapter) {
            writeln!(out, "  newest   chapter {}, which is open", units::count(newest))?;
            writeln!(out, "  oldest   chapter {}", units::count(oldest))?;
        }
        if let Some(open) = self.open_chapter {
            let text = match self.open_chapter_records {
                Some(count) => units::counted(count.into(), "record"),
                None => open.into(),
            };
            writeln!(out, "  open     {text}")?;
        }
        if let Some(nonce) = &self.nonce {
            writeln!(out, "  nonce    {nonce}")?;
        }
        if let Some(problem) = &self.problem {
            out.write_all(units::wrapped(&format!("DAMAGE: {problem}"), WIDTH).as_bytes())?;
        }
        if matches!(self.state, "saved" | "unsaved") {
            writeln!(out, "{:<22} {:>17} {:>17}", "  region", "first block", "blocks")?;
        }
        Ok(())
    }
}

impl RegionRow {
    fn new(save_slot: u8, region: &SaveRegion) -> Self {
        let (name, zone) = match region.kind {
            RegionKind::Header => ("header", None),
            RegionKind::PageMap => ("page_map", None),
            RegionKind::VolumeIndex(zone) => ("volume_index", Some(zone.get())),
            RegionKind::OpenChapter => ("open_chapter", None),
            RegionKind::Free => ("free", None),
            _ => ("unknown", None),
        };
        let (first_block, blocks) = (region.first_block, region.blocks);
        Self { kind: "region", save_slot, region: name, zone, first_block, blocks }
    }
}

impl Row for RegionRow {
    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        let mut name = self.region.replace('_', " ");
        if let Some(zone) = self.zone {
            name = format!("{name} {zone}");
        }
        let (start, blocks) = (units::count(self.first_block), units::count(self.blocks));
        writeln!(out, "  {name:<20} {start:>17} {blocks:>17}")
    }
}

impl StreamRow {
    fn new(save_slot: u8, head: &StreamHead) -> Self {
        Self {
            kind: "stream",
            save_slot,
            zone: head.zone.get(),
            part: sub_index(head.part),
            first_list: head.first_list.get(),
            list_count: head.list_count,
            low_chapter: head.low.get(),
            high_chapter: head.high.get(),
            records: head.records,
            collisions: head.collisions,
            bytes: head.bytes,
        }
    }
}

impl Row for StreamRow {
    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        let part = match self.part {
            "whole" => "",
            "hook" => ", samples",
            _ => ", all but samples",
        };
        let lists = match self.list_count {
            0 => "none".into(),
            count => format!("{} to {}", self.first_list, self.first_list + (count - 1)),
        };
        let (low, high) = (units::count(self.low_chapter), units::count(self.high_chapter));
        writeln!(out, "  zone {}{part}", self.zone)?;
        writeln!(out, "    lists       {lists}, {} bytes", units::count(self.bytes))?;
        writeln!(out, "    chapters    {low} to {high}")?;
        writeln!(out, "    records     {}", signed(self.records))?;
        writeln!(out, "    collisions  {}", signed(self.collisions))
    }
}

impl Row for ProblemRow {
    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        let text = format!("DAMAGE: zone {}: {}", self.zone, self.problem);
        out.write_all(units::wrapped(&text, WIDTH).as_bytes())
    }
}

impl Row for LoadRow {
    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        let text = match (self.save_slot, &self.reason) {
            (Some(slot), _) => format!("The index opens with save slot {slot}."),
            (None, reason) => {
                let reason = reason.as_deref().unwrap_or("it was not closed cleanly");
                format!("The index opens with neither, and has to be recovered: {reason}.")
            }
        };
        out.write_all(units::wrapped(&text, WIDTH).as_bytes())
    }
}

/// A count that can be below zero.
fn signed(number: i64) -> String {
    let sign = if number < 0 { "-" } else { "" };
    format!("{sign}{}", units::count(number.unsigned_abs()))
}
