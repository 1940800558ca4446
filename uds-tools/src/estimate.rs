//! `uds estimate`: what would deduplication save on these files?
//!
//! | module | part |
//! |---|---|
//! | `paths`, `filter` | which paths to scan, and what to leave out |
//! | `walk` | finds every file once |
//! | `source` | reads a file in pieces |
//! | `footprint` | leaves the page cache as it was |
//! | `chunker` | how files are cut into blocks or chunks |
//! | `name` | names blocks, and knows zero ones |
//! | `worker` | reads, names and posts |
//! | `pipeline` | the threads and the queue between them |
//! | `target` | the index that names are posted to |
//! | `totals`, `failures` | what was counted, and what could not be read |
//! | `observer`, `poster` | what the workers tell: the model, the files' counts, a sample |
//! | `kept` | the model beside an index, for the next run |
//! | `breakdown`, `compress` | where the savings are, and what compression would add |
//! | `sizing` | how much index the data needs: curve, knee, recommendation |
//! | `progress`, `report` | what is shown while it runs, and in the end |

mod breakdown;
mod chunker;
mod compress;
mod failures;
mod filter;
mod footprint;
mod kept;
mod name;
mod observer;
mod paths;
mod pipeline;
mod poster;
mod progress;
mod report;
pub(crate) mod sizing;
mod source;
mod target;
mod totals;
mod walk;
mod worker;

use std::num::NonZeroUsize;
use std::path::Path;
use std::thread::available_parallelism;
use std::time::Instant;

pub(crate) use chunker::Chunker;
pub(crate) use name::{BLAKE3_NONCE, BLOCK_BYTES, Naming, is_zero};

use crate::cli::EstimateArgs;
use crate::exit::{Exit, Failure, complain};
use crate::new_file::NewFile;
use crate::output::print;
use crate::stop::Stop;
use crate::terminal::Canvas;
use failures::Failures;
use filter::Filters;
use kept::{Keeping, Kept, Standing};
use observer::{Observer, Question};
use paths::Paths;
use pipeline::Scan;
use poster::ScanPoster;
use progress::Progress;
use report::{Basis, Report, Stage};
use target::{IndexPoster, Target};
use totals::Totals;
use walk::Walk;

/// What the first Ctrl-C says.
const STOPPING: &str = "stopping; once more ends at once, without the estimate";
/// The same where an index is kept.
const SAVING: &str = "stopping, and saving the index; once more ends at once and leaves it \
    unsaved: it has to be rebuilt then, and lacks its newest records";

/// Runs the command.
pub(crate) fn run(arguments: &EstimateArgs) -> Result<Exit, Failure> {
    check_paths(arguments)?;
    let page = arguments.html.as_deref();
    let page = page.map(|path| NewFile::plan(path, arguments.force, arguments.index.as_deref()));
    let page = page.transpose()?;
    let stop = Stop::default();
    stop.on_interrupt(if arguments.index.is_some() { SAVING } else { STOPPING })?;
    let start = Instant::now();
    let paths = Paths::open(&arguments.paths, arguments.files_from.as_deref(), arguments.null)?;
    let filters = Filters::new(&arguments.exclude, &arguments.exclude_from, arguments.ignore)?;
    let target = wants_index(arguments).then(|| Target::open(arguments, &stop)).transpose()?;
    let (observer, curve_is_whole) = observer(arguments, target.as_ref())?;
    let model_file = arguments.index.as_deref().and_then(kept::identity);
    let index_file = target.as_ref().and_then(Target::identity);
    let excluded: Vec<_> = index_file.into_iter().chain(model_file).collect();
    let walk = || Walk::new(arguments.one_file_system, &excluded, &filters);
    let (totals, failures) = (Totals::default(), Failures::default());
    let scan = Scan {
        paths: &paths,
        naming: arguments.hash,
        chunker: arguments.chunker,
        threads: arguments.threads.map_or_else(cores, usize::from),
        totals: &totals,
        failures: &failures,
        breakdown: &observer.breakdown,
        stop: &stop,
    };
    let mut progress = Progress::new(arguments.quiet, &paths, walk(), &stop);
    let poster = || ScanPoster::new(&observer, target.as_ref().map(IndexPoster::new));
    let scanned = pipeline::run(&scan, walk(), poster, || progress.update(&totals, &observer));
    progress.finish();
    // From here on a first Ctrl-C comes too late to be obeyed, and changes nothing.
    let interrupted = stop.is_wished();
    if target.is_none() {
        observer.count_without_limit(&totals);
    }
    let basis = target.as_ref().map_or(Basis::Model(&observer), Basis::Index);
    let mut report = Report::new(&totals, &failures, basis, &observer, how(arguments));
    report.interrupted = interrupted;
    report.curve_is_whole = curve_is_whole;
    let ended = end(scanned, target, &totals, |path, standing, index_took_all| {
        let Some(model) = observer.model() else { return };
        let keeping = Keeping {
            standing,
            how: how(arguments),
            model: &model,
            is_whole: curve_is_whole && index_took_all,
            zero_bytes: observer.earlier_zero_bytes + totals.zero_bytes.get(),
        };
        if let Err(error) = kept::save(path, &keeping, &stop) {
            complain(format_args!("warning: {error:#}"));
        }
    });
    report.failed = ended.as_ref().err().map(|&(stage, _)| stage);
    report.seconds = start.elapsed().as_secs_f64();
    let printed = print(arguments.format, || report.text(Canvas::of_report()), &report);
    let page = page.zip(report.page()).map_or(Ok(()), |(file, page)| file.write(&page, &stop));
    failures.report();
    ended.map_err(|(_, failure)| failure).and(page).and(printed)?;
    Ok(match (interrupted, failures.count()) {
        (true, _) => Exit::Interrupted,
        (false, 0) => Exit::Done,
        (false, _) => Exit::InputOutput,
    })
}

/// Whether names are to be posted to a real index: one that is kept, or one of a size or in a place
/// that was asked for.
fn wants_index(arguments: &EstimateArgs) -> bool {
    let asks = arguments.memory.is_some() || arguments.sparse || arguments.temp_dir.is_some();
    arguments.index.is_some() || (asks && question(arguments) != Question::Compression)
}

fn question(arguments: &EstimateArgs) -> Question {
    match (arguments.dedupe_only, arguments.compression_only) {
        (true, _) => Question::Deduplication,
        (false, true) => Question::Compression,
        (false, false) => Question::Both,
    }
}

/// How names are made.
fn how(arguments: &EstimateArgs) -> (Naming, Chunker) {
    (arguments.hash, arguments.chunker)
}

/// The observer: it goes on where the last run with the same index ended, if that is known; and
/// whether it has seen all that the index has.
fn observer(
    arguments: &EstimateArgs,
    target: Option<&Target>,
) -> Result<(Observer, bool), Failure> {
    let standing = target.map(|target| Standing::of(&target.index));
    let path = target.and_then(|target| target.path.as_deref());
    let kept =
        standing.zip(path).and_then(|(standing, path)| kept::load(path, standing, how(arguments)));
    let Kept { model, is_whole, zero_bytes } = match kept {
        Some(kept) => kept,
        None => Kept {
            model: observer::new_model()?,
            is_whole: standing.is_none_or(Standing::is_start),
            zero_bytes: 0,
        },
    };
    Ok((Observer::new(question(arguments), model, zero_bytes), is_whole))
}

/// Saves the index and the model beside it, and says what failed first, and where.
fn end(
    scanned: Result<(), Failure>,
    target: Option<Target>,
    totals: &Totals,
    keep: impl FnOnce(&Path, Standing, bool),
) -> Result<(), (Stage, Failure)> {
    let Some(target) = target else { return scanned.map_err(|failure| (Stage::Scan, failure)) };
    let scanned = scanned.map_err(|failure| (Stage::Scan, target.explain(failure)));
    let looked_up = target.check_lookups(totals.failed.get());
    let (path, standing) = (target.path.clone(), Standing::of(&target.index));
    // An index that could not answer can perhaps be saved; what it was told before is not lost.
    let saved = target.finish();
    if let (Ok(()), Some(path)) = (&saved, path) {
        // What the index did not take, the model has seen all the same.
        keep(&path, standing, scanned.is_ok() && looked_up.is_ok());
    }
    scanned?;
    saved.map_err(|failure| (Stage::Save, failure))?;
    looked_up.map_err(|failure| (Stage::Lookup, failure))
}

fn cores() -> usize {
    available_parallelism().map_or(1, NonZeroUsize::get)
}

/// Fails where none of the paths can be examined: no index need be made for that. What a list holds
/// is seen only when it is read.
fn check_paths(arguments: &EstimateArgs) -> Result<(), Failure> {
    if arguments.files_from.is_some() {
        return Ok(());
    }
    let mut failures = Vec::new();
    for path in &arguments.paths {
        match std::fs::metadata(path) {
            Ok(_) => return Ok(()),
            Err(error) => failures.push((path, error)),
        }
    }
    match failures.pop() {
        Some((path, error)) => {
            for (path, error) in failures {
                complain(format_args!("cannot read {path:?}: {error}"));
            }
            let what = format!("cannot read {path:?}");
            Err(Failure::new(Exit::InputOutput, error).about(what))
        }
        None => Ok(()),
    }
}
