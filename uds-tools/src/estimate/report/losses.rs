//! What the index did not keep, and the warning about it.

use serde::Serialize;
use uds_index::Statistics;

use crate::units;

/// What the index did not keep, in this run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Losses {
    /// Places of the records that were forgotten because the window was full.
    pub(crate) records_discarded: u64,
    /// Records that were not stored because there was no room where they belong.
    pub(crate) overflows: u64,
    /// Records that can no longer be found since their chapter was closed, for the same reason.
    pub(crate) chapter_index_overflows: u64,
    /// Chapters that were forgotten early because the memory was full.
    pub(crate) early_flushes: u64,
    /// Indexes of sparse chapters that could not be read, so that what only they know was missed.
    pub(crate) sparse_chapters_unreadable: u64,
}

impl Losses {
    /// What was lost between two moments.
    pub(super) fn between(before: &Statistics, after: &Statistics) -> Self {
        let grown = |count: fn(&Statistics) -> u64| count(after).saturating_sub(count(before));
        Self {
            records_discarded: grown(|statistics| statistics.records_forgotten),
            overflows: grown(|statistics| statistics.overflows),
            chapter_index_overflows: grown(|statistics| statistics.chapter_index_overflows),
            early_flushes: grown(|statistics| statistics.early_flushes),
            sparse_chapters_unreadable: grown(|statistics| statistics.sparse_chapters_unreadable),
        }
    }

    /// The warning that cannot be missed, with `memory`, the size that would have held all; or
    /// nothing where all was kept.
    pub(super) fn warning(&self, memory: Option<&str>, sparse: bool) -> String {
        let clauses = self.clauses();
        let Some(first) = clauses.first() else { return String::new() };
        let is_full = self.records_discarded > 0;
        let mut lines = vec![
            if is_full {
                "WARNING: THE INDEX WAS TOO SMALL FOR THIS DATA".to_owned()
            } else {
                "WARNING: THE INDEX COULD NOT KEEP ALL RECORDS".to_owned()
            },
            format!("It {first}"),
        ];
        lines.extend_from_slice(&clauses[1..]);
        lines.push("and did not see later duplicates of them.".into());
        lines.push("The true saving may be higher.".into());
        match memory {
            Some(memory) => lines.push(format!("--memory {memory} would have held all of it.")),
            None if is_full => {
                let kind = if sparse { "sparse" } else { "dense" };
                lines.push(format!("No {kind} index is large enough to hold all of it."));
            }
            None => {}
        }
        let rule = "*".repeat(60);
        let framed = lines.iter().map(|line| format!("* {line:<56} *\n"));
        format!("\n{rule}\n{}{rule}\n", framed.collect::<String>())
    }

    /// What the index did, one clause a line.
    fn clauses(&self) -> Vec<String> {
        let (forgotten, flushed) = (self.records_discarded, self.early_flushes);
        let unreadable = self.sparse_chapters_unreadable;
        let dropped = self.overflows.saturating_add(self.chapter_index_overflows);
        let clauses = [
            (
                forgotten,
                format!("forgot {}, the oldest ones,", units::counted(forgotten, "record")),
            ),
            (flushed, format!("forgot {} early,", units::counted(flushed, "chapter"))),
            (dropped, format!("had no room for {},", units::counted(dropped, "record"))),
            (unreadable, format!("could not read {},", units::counted(unreadable, "chapter"))),
        ];
        clauses.into_iter().filter(|(count, _)| *count > 0).map(|(_, clause)| clause).collect()
    }
}
