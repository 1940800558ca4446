//! The charts of an index.

use uds_index::{SaveState, SubIndexCensus};

use crate::chart::Chart;
use crate::look::Look;
use crate::units;

/// What the ages are counted in.
const AGES: (&str, &str) = ("records", "age");
const SAMPLE_AGES: (&str, &str) = ("samples", "age");
const LENGTHS: (&str, &str) = ("lists", "entries");

/// What there is to say of an index before its charts.
pub(super) fn facts(look: &Look) -> Vec<(&'static str, String)> {
    let census = &look.census;
    let (oldest, newest) = (census.oldest_chapter.get(), census.newest_chapter.get());
    let live = units::count(census.by_chapter().sum());
    let state = match &look.info.save {
        SaveState::Clean(saved) => format!("saved {}", units::utc(saved.saved_at_ms)),
        _ => "not closed cleanly; as a recovery has it".into(),
    };
    let from = match newest - oldest {
        0 => String::new(),
        _ => format!(", from {}", units::count(oldest)),
    };
    let is_sparse = look.info.configuration.geometry().is_sparse();
    let found = if is_sparse { "known to the volume index" } else { "can be found" };
    vec![
        ("Index", look.kind()),
        ("State", state),
        ("Chapters", format!("{} closed{from}", units::count(newest - oldest))),
        ("Records", format!("{live} {found}")),
    ]
}

/// All charts of an index.
pub(super) fn of(look: &Look) -> Vec<Chart> {
    let census = &look.census;
    let mut charts = Vec::new();
    match &census.samples {
        None => charts.push(ages(
            "record_age",
            "Age of the records",
            "Records that can be found, by how many chapters are newer than theirs. One that is \
             found again is new again.",
            AGES,
            (census.by_chapter(), usize::MAX),
        )),
        Some(samples) => {
            let geometry = look.info.configuration.geometry();
            charts.push(ages(
                "record_age",
                "Age of the records of dense chapters",
                "Records that the volume index knows, by how many chapters are newer than theirs. \
                 One that is found again is new again.",
                AGES,
                (census.by_chapter(), geometry.dense_chapters_per_volume() as usize),
            ));
            charts.push(ages(
                "sample_age",
                "Age of the samples of all chapters",
                format!(
                    "Of sparse chapters, the volume index knows one record in {}: so many, by how \
                     many chapters are newer than theirs.",
                    geometry.sample_rate()
                ),
                SAMPLE_AGES,
                (samples.by_chapter.iter().copied(), usize::MAX),
            ));
        }
    }
    let part = |id, name: &str, part: &SubIndexCensus| {
        let note = "How many lists have so many entries, those that are to expire included.";
        Chart::new(id, format!("Delta lists of the volume index{name}"), note, LENGTHS)
            .with_distribution(&part.list_entries)
    };
    match &census.samples {
        None => charts.push(part("volume_index_lists", "", &census.names)),
        Some(samples) => {
            charts.push(part("volume_index_lists", ": names but samples", &census.names));
            charts.push(part("sample_lists", ": samples", samples));
        }
    }
    let note = "How many lists of the closed chapters' indexes have so many entries.";
    charts.push(
        Chart::new("chapter_index_lists", "Delta lists of the chapter indexes", note, LENGTHS)
            .with_distribution(&look.survey.list_entries),
    );
    charts
}

/// A chart of records by the age of their chapters, of which there are the oldest first and the
/// open one last: of so many, the newest.
fn ages(
    id: &'static str,
    title: &str,
    note: impl Into<String>,
    counts_and_by: (&'static str, &'static str),
    (by_chapter, chapters): (impl ExactSizeIterator<Item = u64>, usize),
) -> Chart {
    let mut counts: Vec<u64> = by_chapter.collect();
    counts.reverse();
    counts.truncate(chapters);
    Chart::new(id, title, note, counts_and_by).with_row(0, &counts, Some("open"))
}
