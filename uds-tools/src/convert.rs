//! `uds convert`: a new index of another size or kind, with the records of an old one.
//!
//! # Invariants
//!
//! 1. The old index is opened for reading only.
//! 2. The new index is saved once it has all records, and not before. After a failure, and after
//!    Ctrl-C, its place is as it was, but for what `--force` let be overwritten.

mod report;

use std::fs;
use std::ops::ControlFlow;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Instant;

use uds_index::{CopyError, CopyReport, Index, IndexInfo, OpenOptions, copy_records};

use crate::cli::ConvertArgs;
use crate::create::{self, Making};
use crate::exit::{Exit, Failure};
use crate::output::print;
use crate::recover;
use crate::size::configuration;
use crate::source::Source;
use crate::stop::Stop;
use crate::storage::about_file;
use crate::watch::{Stage, Watch};
use report::Report;

/// What the first Ctrl-C says.
const STOPPING: &str = "stopping; once more ends at once";

/// Runs the command.
pub(crate) fn run(arguments: &ConvertArgs) -> Result<Exit, Failure> {
    let (old, new) = (&arguments.index.file, &arguments.new);
    check_places(old, new)?;
    let stop = Stop::default();
    stop.on_interrupt(STOPPING)?;
    let start = Instant::now();
    let source = Source::open(&arguments.index, arguments.quiet, &stop)?;
    let about_old = |error| about_file(Failure::from(error), old);
    let info = IndexInfo::read(source.storage(), source.offset).map_err(about_old)?;
    let is_sparse = arguments.sparse || info.configuration.is_sparse() && !arguments.dense;
    let making = Making {
        configuration: configuration(arguments.memory, is_sparse),
        nonce: arguments.nonce.unwrap_or(info.client_nonce),
        offset: arguments.new_offset,
        force: arguments.force,
        sparse_file: arguments.sparse_file,
    };
    let options = OpenOptions { offset_blocks: source.offset, ..OpenOptions::default() };
    let from = recover::open(source.storage(), &options, arguments.quiet, &stop);
    let from = from.map_err(about_old)?;
    if let Some(recovery) = from.recovery() {
        recover::tell(old, recovery);
    }
    let (into, place) = create::begin(new, &making, &stop)?;
    let finished = fill(&from, &into, arguments.quiet, &stop).and_then(|copied| {
        let statistics = into.statistics();
        into.shut_down().map_err(CopyError::Target)?;
        Ok((copied, statistics))
    });
    drop(into);
    match finished {
        Ok((copied, statistics)) => {
            place.keep();
            let (copy, recovered) = ((&copied, &statistics), from.recovery().is_some());
            let report = Report::new(arguments, &info, &making, copy, recovered, start.elapsed());
            print(arguments.format, || report.text(), &report)?;
            Ok(if report.is_whole() { Exit::Done } else { Exit::Problem })
        }
        Err(error) => {
            place.restore();
            Err(failure(error, arguments))
        }
    }
}

/// Refuses to make the new index where the old one is, with better words than that it is in use.
fn check_places(old: &Path, new: &Path) -> Result<(), Failure> {
    let identity = |path| fs::metadata(path).ok().map(|it| (it.dev(), it.ino(), it.rdev()));
    if identity(old).is_some_and(|old| identity(new) == Some(old)) {
        return Err(Failure::usage(format_args!(
            "{new:?} is the old index: choose another file for the new one"
        )));
    }
    Ok(())
}

/// Copies the records; a bar on standard error shows how far that is, and Ctrl-C ends it.
fn fill(from: &Index, into: &Index, quiet: bool, stop: &Stop) -> Result<CopyReport, CopyError> {
    let (done, total) = (AtomicU64::new(0), AtomicU64::new(0));
    let stage = || {
        let (done, total) = (done.load(Relaxed), total.load(Relaxed));
        (total > 0).then_some(Stage { what: "chapters", done, total })
    };
    Watch { name: "converting", quiet, stop }.over(
        stage,
        || {},
        || {
            copy_records(from, into, &mut |progress| {
                done.store(progress.done, Relaxed);
                total.store(progress.total, Relaxed);
                if stop.is_wished() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            })
        },
    )
}

fn failure(error: CopyError, arguments: &ConvertArgs) -> Failure {
    let (error, path) = match error {
        CopyError::Source(error) => (error, &arguments.index.file),
        CopyError::Target(error) => (error, &arguments.new),
        _ => {
            let message = "stopped before the new index was complete; the old one is as it was";
            return Failure::new(Exit::Interrupted, anyhow::Error::msg(message));
        }
    };
    about_file(error.into(), path)
}
