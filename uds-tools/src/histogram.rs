//! `uds histogram`: how old the records of an index are, and how long its delta lists. Opens for
//! reading only; the page that it may write is a new file.

mod charts;

use std::fmt::Write;
use std::path::Path;

use serde::Serialize;

use crate::chart::Chart;
use crate::cli::HistogramArgs;
use crate::exit::{Exit, Failure, complain};
use crate::html::Page;
use crate::look::Look;
use crate::new_file::NewFile;
use crate::output::{SCHEMA_VERSION, print};
use crate::recover;
use crate::stop::{STOPPING, Stop};
use crate::terminal::Canvas;
use crate::units;

/// The JSON object.
#[derive(Serialize)]
struct Report {
    schema_version: u32,
    path: String,
    /// Whether the index was recovered in memory, because it was not closed cleanly.
    recovered: bool,
    /// Whether something was damaged, and is not counted.
    damaged: bool,
    oldest_chapter: u64,
    newest_chapter: u64,
    charts: Vec<Chart>,
}

/// Runs the command.
pub(crate) fn run(arguments: &HistogramArgs) -> Result<Exit, Failure> {
    let path = &arguments.index.file;
    let stop = Stop::default();
    stop.on_interrupt(STOPPING)?;
    let plan = |page| NewFile::plan(page, arguments.force, Some(path));
    let file = arguments.html.as_deref().map(plan).transpose()?;
    let look = Look::at(&arguments.index, arguments.quiet, &stop)?;
    if let Some(report) = &look.recovery {
        recover::tell(path, report);
    }
    if look.is_damaged() {
        complain(format_args!("warning: {path:?}: what is damaged is not counted; see uds verify"));
    }
    let report = Report {
        schema_version: SCHEMA_VERSION,
        path: path.display().to_string(),
        recovered: look.recovery.is_some(),
        damaged: look.is_damaged(),
        oldest_chapter: look.census.oldest_chapter.get(),
        newest_chapter: look.census.newest_chapter.get(),
        charts: charts::of(&look),
    };
    if let Some(file) = file {
        let title = format!("Histograms of {}", units::path(path));
        let facts = charts::facts(&look);
        let page = Page { title: &title, facts: &facts, charts: &report.charts };
        file.write(&page.html(), &stop)?;
    }
    print(arguments.format, || text(&report, &look, path), &report)?;
    Ok(if report.damaged { Exit::Problem } else { Exit::Done })
}

fn text(report: &Report, look: &Look, path: &Path) -> String {
    let canvas = Canvas::of_stdout();
    let mut text = format!("{}\n\n", units::path(path));
    for (name, value) in charts::facts(look) {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{name:<10} {value}");
    }
    for chart in &report.charts {
        text.push('\n');
        text.push_str(&chart.text(canvas));
    }
    text
}
