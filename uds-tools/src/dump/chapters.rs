//! `uds dump FILE chapters`: what each slot of the volume holds.
//!
//! Invariant: no line of the text is wider than 60 columns.

use std::io::{self, Write};

use serde::Serialize;
use uds_index::{Inspector, SlotState, SlotSummary, Staleness, Window, WindowSource};

use super::sink::{Ended, Row, Sink, Table, or_dash};
use crate::units;

const WIDTH: usize = 60;
/// Columns before what is said of a slot on further lines.
const INDENT: usize = 7;

pub(super) const TABLE: Table = Table {
    what: "chapters",
    columns: &[
        "kind",
        "oldest_chapter",
        "newest_chapter",
        "source",
        "save_slot",
        "reason",
        "slot",
        "offset",
        "chapter",
        "expected_chapter",
        "state",
        "stale",
        "other_nonce",
        "entries",
        "lists",
        "problem",
        "problem_page",
        "problem_offset",
    ],
};

/// The chapters that the index has.
#[derive(Serialize)]
struct WindowRow {
    kind: &'static str,
    oldest_chapter: u64,
    newest_chapter: u64,
    source: &'static str,
    save_slot: Option<u8>,
    reason: Option<String>,
}

#[derive(Serialize)]
struct SlotRow {
    kind: &'static str,
    slot: u32,
    offset: u64,
    chapter: Option<u64>,
    expected_chapter: Option<u64>,
    state: &'static str,
    stale: Option<&'static str>,
    other_nonce: Option<String>,
    entries: Option<u64>,
    /// The first and the last list of each index page; none where it has none.
    lists: Vec<Option<Vec<u32>>>,
    problem: Option<String>,
    problem_page: Option<u32>,
    problem_offset: Option<u64>,
}

/// Dumps all slots. Says whether no chapter of the window is damaged.
pub(super) fn dump(
    inspector: &Inspector,
    window: &Window,
    sink: &mut Sink<'_>,
) -> Result<bool, Ended> {
    sink.row(&WindowRow::new(window))?;
    let (slot, chapter, state, byte) = ("slot", "chapter", "state", "byte");
    sink.words(&format!("\n{slot:>6} {chapter:>14}  {state:<13} {:>9} {byte:>13}\n", "entries"))?;
    let mut is_sound = true;
    for summary in inspector.slots(window)? {
        is_sound &= !summary.is_loss();
        sink.row(&SlotRow::new(&summary))?;
    }
    Ok(is_sound)
}

impl WindowRow {
    fn new(window: &Window) -> Self {
        let (source, save_slot, reason) = match &window.source {
            WindowSource::Save(slot) => ("save", Some(*slot), None),
            WindowSource::Volume(reason) => ("volume", None, Some(units::chain(reason))),
            _ => ("unknown", None, None),
        };
        Self {
            kind: "window",
            oldest_chapter: window.chapters.start.get(),
            newest_chapter: window.chapters.end.get(),
            source,
            save_slot,
            reason,
        }
    }
}

impl Row for WindowRow {
    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        let closed = self.newest_chapter.saturating_sub(self.oldest_chapter);
        let chapters = units::counted(closed, "closed chapter");
        writeln!(out, "Window     {chapters} from {} on", units::count(self.oldest_chapter))?;
        match (self.save_slot, &self.reason) {
            (Some(slot), _) => writeln!(out, "           as save slot {slot} has it"),
            (None, Some(reason)) => {
                let text = format!("not closed cleanly, as found on the volume: {reason}");
                let wrapped = units::wrapped(&text, WIDTH - 11);
                wrapped.lines().try_for_each(|line| writeln!(out, "           {line}"))
            }
            (None, None) => Ok(()),
        }
    }
}

impl SlotRow {
    fn new(summary: &SlotSummary) -> Self {
        let (state, stale) = match summary.state {
            SlotState::Sound => ("sound", None),
            SlotState::NeverWritten => ("never_written", None),
            SlotState::Stale(why) => ("stale", Some(why)),
            SlotState::Damaged => ("damaged", None),
            _ => ("unknown", None),
        };
        let other_nonce = match stale {
            Some(Staleness::OtherIndex(nonce)) => Some(nonce.to_string()),
            _ => None,
        };
        let stale = stale.map(|why| match why {
            Staleness::Forgotten => "forgotten",
            Staleness::Beyond => "beyond",
            Staleness::OtherIndex(_) => "other_index",
            _ => "unknown",
        });
        let lists = summary.pages.iter().map(|page| {
            let lists = page.lists.as_ref()?;
            let (first, end) = (lists.start.get(), lists.end.get());
            Some(if first < end { vec![first, end - 1] } else { Vec::new() })
        });
        let problem = summary.problem();
        Self {
            kind: "slot",
            slot: summary.slot.get(),
            offset: summary.offset,
            chapter: summary.chapter.map(uds_geometry::VirtualChapter::get),
            expected_chapter: summary.expected.map(uds_geometry::VirtualChapter::get),
            state,
            stale,
            other_nonce,
            entries: summary.entries(),
            lists: lists.collect(),
            problem: problem.map(|(_, problem)| units::chain(problem)),
            problem_page: problem.map(|(page, _)| page.number.get()),
            problem_offset: problem.map(|(page, _)| page.offset),
        }
    }

    /// What is said besides the numbers.
    fn remark(&self) -> Option<String> {
        let remark = match (self.stale, &self.problem) {
            (Some("forgotten"), _) => "the index has forgotten this chapter".into(),
            (Some("beyond"), _) => "its number is beyond the window".into(),
            (Some(_), _) => {
                let nonce = self.other_nonce.as_deref().unwrap_or("unknown");
                format!("of another index, with nonce {nonce}")
            }
            (None, Some(problem)) => match self.expected_chapter {
                Some(expected) if self.chapter != Some(expected) => {
                    format!("chapter {expected} is missing: {problem}")
                }
                _ => problem.clone(),
            },
            (None, None) => return None,
        };
        Some(remark)
    }
}

impl Row for SlotRow {
    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        let chapter = or_dash(self.chapter.map(units::count));
        let entries = or_dash(self.entries.map(units::count));
        let state = self.state.replace('_', " ");
        let Self { slot, offset, .. } = self;
        writeln!(out, "{slot:>6} {chapter:>14}  {state:<13} {entries:>9} {offset:>13}")?;
        let range = |range: &Option<Vec<u32>>| match range.as_deref() {
            Some([first, last]) => format!("{first}-{last}"),
            Some(_) => "none".into(),
            None => "?".into(),
        };
        let mut remarks = Vec::new();
        if self.lists.iter().any(Option::is_some) {
            let ranges: Vec<_> = self.lists.iter().map(range).collect();
            remarks.push(format!("lists {}", ranges.join(" ")));
        }
        remarks.extend(self.remark());
        for remark in remarks {
            for line in units::wrapped(&remark, WIDTH - INDENT).lines() {
                writeln!(out, "{:INDENT$}{line}", "")?;
            }
        }
        Ok(())
    }
}
