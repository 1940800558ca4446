//! `uds rebuild`: recovers an index that was not closed cleanly, and saves it.

use std::fmt::Write;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::Serialize;
use uds_index::{IndexInfo, OpenOptions, RecoveryReport, SaveState};
use uds_volume::{FileStorage, Storage};

use crate::cli::RebuildArgs;
use crate::exit::{Exit, Failure};
use crate::output::{SCHEMA_VERSION, print};
use crate::recover;
use crate::stop::Stop;
use crate::storage::about_file;
use crate::units;

/// What the first Ctrl-C says.
const STOPPING: &str = "stopping; the index stays as it was";

/// The JSON object.
#[derive(Serialize)]
struct Report {
    schema_version: u32,
    path: String,
    /// Whether there was nothing to do.
    was_clean: bool,
    chapters: u64,
    records: u64,
    bad_chapters: u64,
    unreadable_pages: u64,
    stale_pages: u64,
    oldest_chapter: u64,
    newest_chapter: u64,
    seconds: f64,
}

/// Runs the command.
pub(crate) fn run(arguments: &RebuildArgs) -> Result<Exit, Failure> {
    let path = &arguments.file;
    let stop = Stop::default();
    stop.on_interrupt(STOPPING)?;
    let start = Instant::now();
    let rebuild = || -> Result<Option<RecoveryReport>, Failure> {
        let storage: Arc<dyn Storage> = Arc::new(FileStorage::open(path)?);
        let info = IndexInfo::read(Arc::clone(&storage), arguments.offset)?;
        let options = OpenOptions { offset_blocks: arguments.offset, ..OpenOptions::default() };
        let index = recover::open(storage, &options, arguments.quiet, &stop)?;
        let report = index.recovery().cloned();
        // A slot whose header is damaged is mended by a save; so is all that was recovered.
        if report.is_some() || !info.damaged_slots.is_empty() {
            index.close()?;
        }
        debug_assert!(report.is_some() || matches!(info.save, SaveState::Clean(_)));
        Ok(report)
    };
    let recovered = rebuild().map_err(|failure| about_file(failure, path))?;
    let was_clean = recovered.is_none();
    let found = recovered.unwrap_or_default();
    let report = Report {
        schema_version: SCHEMA_VERSION,
        path: path.display().to_string(),
        was_clean,
        chapters: found.chapters,
        records: found.records,
        bad_chapters: found.bad_chapters,
        unreadable_pages: found.unreadable_pages,
        stale_pages: found.stale_pages,
        oldest_chapter: found.oldest_chapter.get(),
        newest_chapter: found.newest_chapter.get(),
        seconds: start.elapsed().as_secs_f64(),
    };
    print(arguments.format, || text(&report, &units::path(path)), &report)?;
    let is_whole = report.bad_chapters == 0 && report.unreadable_pages == 0;
    Ok(if is_whole { Exit::Done } else { Exit::Problem })
}

fn text(report: &Report, path: &str) -> String {
    if report.was_clean {
        return format!("{path}\nwas closed cleanly: there is nothing to rebuild\n");
    }
    let mut text = String::new();
    let time = units::duration(Duration::from_secs_f64(report.seconds));
    // Writing to a string cannot fail.
    let _ = writeln!(text, "Rebuilt {path}");
    let _ = writeln!(
        text,
        "{} with {} in {time}, and saved it",
        units::counted(report.chapters, "chapter"),
        units::counted(report.records, "record"),
    );
    let losses = [
        (report.bad_chapters, "damaged chapter"),
        (report.unreadable_pages, "unreadable page"),
        (report.stale_pages, "page not written in time"),
    ];
    for (count, what) in losses.into_iter().filter(|(count, _)| *count > 0) {
        let _ = writeln!(text, "LOST       the records of {}", units::counted(count, what));
    }
    text.push_str("The records of the chapter that was open are lost.\n");
    text
}
