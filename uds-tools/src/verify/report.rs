//! What `uds verify` prints.
//!
//! # Invariants
//!
//! 1. No line of the text is wider than 76 columns, the path and single words excepted.
//! 2. Every finding that the library has kept is told; how many more there are is told too.

use std::fmt::Write;
use std::path::Path;
use std::time::Duration;

use serde::Serialize;
use uds_geometry::{ChapterPage, DeltaListNumber, VirtualChapter};
use uds_index::{Checked, DeepChecked, Finding, Region, Severity, Verification, VerifiedState};

use crate::output::SCHEMA_VERSION;
use crate::units;

const WIDTH: usize = 76;
/// Findings of the text; the JSON object has all that were kept.
const MAX_LINES: usize = 100;

/// The JSON object.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    schema_version: u32,
    path: String,
    sound: bool,
    /// `clean`, `needs_recovery` or `save_unusable`.
    state: &'static str,
    /// Why the index needs a recovery.
    reason: Option<String>,
    oldest_chapter: u64,
    newest_chapter: u64,
    damage: u64,
    notes: u64,
    findings: Vec<Found>,
    checked: Counts,
    /// What a deep verification has compared.
    deep: Option<DeepCounts>,
    seconds: f64,
}

/// A finding.
#[derive(Debug, Serialize)]
struct Found {
    severity: &'static str,
    region: &'static str,
    /// The byte of the file.
    offset: u64,
    save_slot: Option<u8>,
    zone: Option<u8>,
    chapter: Option<u64>,
    slot: Option<u32>,
    index_page: Option<u32>,
    record_page: Option<u32>,
    list: Option<u32>,
    message: String,
}

#[derive(Debug, Serialize)]
struct Counts {
    chapters: u64,
    index_pages: u64,
    index_lists: u64,
    index_entries: u64,
    record_pages: u64,
    records: u64,
    copies: u64,
    records_without_room: u64,
    records_not_looked_up: u64,
    open_chapter_records: u64,
    volume_index_lists: u64,
    volume_index_entries: u64,
    volume_index_expired: u64,
    page_map_entries: u64,
    bytes_read: u64,
}

#[derive(Debug, Serialize)]
struct DeepCounts {
    entries_matched: u64,
    entries_dangling: u64,
    entries_not_checked: u64,
    records_superseded: u64,
    records_not_sampled: u64,
}

impl Report {
    pub(super) fn new(path: &Path, verification: &Verification, time: Duration) -> Self {
        let (state, reason) = match &verification.state {
            VerifiedState::Clean => ("clean", None),
            VerifiedState::NeedsRecovery(reason) => ("needs_recovery", Some(units::chain(reason))),
            VerifiedState::SaveUnusable => ("save_unusable", None),
            _ => ("unknown", None),
        };
        Self {
            schema_version: SCHEMA_VERSION,
            path: path.display().to_string(),
            sound: verification.is_sound(),
            state,
            reason,
            oldest_chapter: verification.window.start.get(),
            newest_chapter: verification.window.end.get(),
            damage: verification.damage_count,
            notes: verification.note_count,
            findings: verification.findings.iter().map(Found::new).collect(),
            checked: Counts::new(&verification.checked),
            deep: verification.checked.deep.as_ref().map(DeepCounts::new),
            seconds: time.as_secs_f64(),
        }
    }

    /// The text for people.
    pub(super) fn text(&self) -> String {
        let mut text = format!("{}\n\n", units::path(Path::new(&self.path)));
        // Writing to a string cannot fail.
        let _ = self.write_state(&mut text);
        let _ = self.write_checked(&mut text);
        let _ = self.write_findings(&mut text);
        let _ = self.write_advice(&mut text);
        text
    }

    fn write_state(&self, text: &mut String) -> std::fmt::Result {
        let state = match self.state {
            "clean" => "closed cleanly",
            "save_unusable" => "its latest save is damaged; opening it recovers it",
            _ => "not closed cleanly; opening it recovers it",
        };
        writeln!(text, "State      {state}")?;
        if let Some(reason) = &self.reason {
            for line in units::wrapped(reason, WIDTH - 11).lines() {
                writeln!(text, "           {line}")?;
            }
        }
        let count = self.newest_chapter - self.oldest_chapter;
        writeln!(
            text,
            "Window     {} from {} on",
            units::counted(count, "closed chapter"),
            units::count(self.oldest_chapter)
        )
    }

    fn write_checked(&self, text: &mut String) -> std::fmt::Result {
        let checked = &self.checked;
        let time = units::duration(Duration::from_secs_f64(self.seconds));
        writeln!(text, "\nRead       {} in {time}", units::bytes(checked.bytes_read))?;
        let mut line = |what: &str, count: u64, of: &str| {
            let line = format!("  {what:<9}{:>14} {of}", units::count(count));
            writeln!(text, "{}", line.trim_end())
        };
        line("chapters", checked.chapters, "")?;
        line("pages", checked.index_pages, "index pages")?;
        line("", checked.record_pages, "record pages")?;
        line("lists", checked.index_lists, "lists of chapter indexes")?;
        line("", checked.index_entries, "entries")?;
        line("records", checked.records, "on record pages")?;
        let rare = [
            (checked.copies, "copies that fill places"),
            (checked.records_without_room, "no index had room for"),
            (checked.records_not_looked_up, "not looked up"),
        ];
        for (count, of) in rare.into_iter().filter(|(count, _)| *count > 0) {
            line("", count, of)?;
        }
        line("save", checked.open_chapter_records, "records in the open chapter")?;
        line("", checked.volume_index_lists, "lists of the volume index")?;
        line("", checked.volume_index_entries, "entries")?;
        line("", checked.page_map_entries, "entries of the page map")?;
        let Some(deep) = &self.deep else { return Ok(()) };
        line("deep", deep.entries_matched, "entries lead to a record")?;
        line("", deep.entries_dangling, "lead to none")?;
        line("", deep.records_superseded, "records no entry leads to")?;
        let rare = [
            (deep.entries_not_checked, "entries not compared"),
            (deep.records_not_sampled, "records that are no samples"),
        ];
        for (count, of) in rare.into_iter().filter(|(count, _)| *count > 0) {
            line("", count, of)?;
        }
        Ok(())
    }

    fn write_findings(&self, text: &mut String) -> std::fmt::Result {
        for found in self.findings.iter().take(MAX_LINES) {
            let what = if found.severity == "damage" { "DAMAGE" } else { "Note" };
            write!(text, "\n{}", units::wrapped(&format!("{what}: {}", found.message), WIDTH))?;
        }
        let told = self.findings.len().min(MAX_LINES) as u64;
        let more = (self.damage + self.notes).saturating_sub(told);
        if more > 0 {
            writeln!(text, "\n... and {} more", units::counted(more, "finding"))?;
        }
        Ok(())
    }

    fn write_advice(&self, text: &mut String) -> std::fmt::Result {
        if self.sound {
            let notes = units::counted(self.notes, "note");
            let but = if self.notes > 0 { format!(", {notes}") } else { String::new() };
            return writeln!(text, "\nSOUND: nothing is damaged{but}");
        }
        writeln!(text, "\nDAMAGED: {}", units::counted(self.damage, "finding"))?;
        text.push_str(
            "No wrong data comes of this; records are lost. What to do: docs/verify.md\n",
        );
        Ok(())
    }
}

impl Found {
    fn new(finding: &Finding) -> Self {
        let mut found = Self {
            severity: match finding.severity {
                Severity::Damage => "damage",
                Severity::Note => "note",
            },
            region: "other",
            offset: finding.offset,
            save_slot: None,
            zone: None,
            chapter: None,
            slot: None,
            index_page: None,
            record_page: None,
            list: finding.list.map(DeltaListNumber::get),
            message: finding.to_string(),
        };
        match finding.region {
            Region::SuperBlock => found.region = "super_block",
            Region::Configuration => found.region = "configuration",
            Region::SlotHeader { slot } => {
                (found.region, found.save_slot) = ("save_header", Some(slot));
            }
            Region::OpenChapter { slot } => {
                (found.region, found.save_slot) = ("open_chapter", Some(slot));
            }
            Region::VolumeIndex { slot, zone } => {
                (found.region, found.save_slot) = ("volume_index", Some(slot));
                found.zone = Some(zone.get());
            }
            Region::PageMap { slot } => (found.region, found.save_slot) = ("page_map", Some(slot)),
            Region::Chapter { chapter, slot, page } => {
                found.chapter = chapter.map(VirtualChapter::get);
                found.slot = Some(slot.get());
                match page {
                    ChapterPage::Index(number) => {
                        (found.region, found.index_page) = ("index_page", Some(number.get()));
                    }
                    ChapterPage::Record(number) => {
                        (found.region, found.record_page) = ("record_page", Some(number.get()));
                    }
                }
            }
            _ => {}
        }
        found
    }
}

impl Counts {
    fn new(checked: &Checked) -> Self {
        Self {
            chapters: checked.chapters,
            index_pages: checked.index_pages,
            index_lists: checked.index_lists,
            index_entries: checked.index_entries,
            record_pages: checked.record_pages,
            records: checked.records,
            copies: checked.copies,
            records_without_room: checked.records_without_room,
            records_not_looked_up: checked.records_not_looked_up,
            open_chapter_records: checked.open_chapter_records,
            volume_index_lists: checked.volume_index_lists,
            volume_index_entries: checked.volume_index_entries,
            volume_index_expired: checked.volume_index_expired,
            page_map_entries: checked.page_map_entries,
            bytes_read: checked.bytes_read,
        }
    }
}

impl DeepCounts {
    fn new(deep: &DeepChecked) -> Self {
        Self {
            entries_matched: deep.entries_matched,
            entries_dangling: deep.entries_dangling,
            entries_not_checked: deep.entries_not_checked,
            records_superseded: deep.records_superseded,
            records_not_sampled: deep.records_not_sampled,
        }
    }
}
