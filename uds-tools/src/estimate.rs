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
//! | `progress`, `report` | what is shown while it runs, and in the end |

mod chunker;
mod failures;
mod filter;
mod footprint;
mod name;
mod paths;
mod pipeline;
mod progress;
mod report;
mod source;
mod target;
mod totals;
mod walk;
mod worker;

use std::num::NonZeroUsize;
use std::thread::available_parallelism;
use std::time::Instant;

pub(crate) use chunker::Chunker;
pub(crate) use name::{BLAKE3_NONCE, BLOCK_BYTES, Naming, is_zero};

use crate::cli::EstimateArgs;
use crate::exit::{Exit, Failure};
use crate::output::print;
use crate::stop::Stop;
use failures::Failures;
use filter::Filters;
use paths::Paths;
use pipeline::Scan;
use progress::Progress;
use report::{Report, Stage};
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
    let stop = Stop::default();
    stop.on_interrupt(if arguments.index.is_some() { SAVING } else { STOPPING })?;
    let start = Instant::now();
    let paths = Paths::open(&arguments.paths, arguments.files_from.as_deref(), arguments.null)?;
    let filters = Filters::new(&arguments.exclude, &arguments.exclude_from, arguments.ignore)?;
    let target = Target::open(arguments, &stop)?;
    let excluded: Vec<_> = target.identity().into_iter().collect();
    let walk = || Walk::new(arguments.one_file_system, &excluded, &filters);
    let (totals, failures) = (Totals::default(), Failures::default());
    let scan = Scan {
        paths: &paths,
        naming: arguments.hash,
        chunker: arguments.chunker,
        threads: arguments.threads.map_or_else(cores, usize::from),
        totals: &totals,
        failures: &failures,
        stop: &stop,
    };
    let mut progress = Progress::new(arguments.quiet, &paths, walk(), &stop);
    let scanned =
        pipeline::run(&scan, walk(), || IndexPoster::new(&target), || progress.update(&totals));
    progress.finish();
    // From here on a first Ctrl-C comes too late to be obeyed, and changes nothing.
    let interrupted = stop.is_wished();
    let how = (arguments.hash, arguments.chunker);
    let mut report = Report::new(&totals, &failures, &target, how, interrupted);
    let scanned = scanned.map_err(|failure| target.explain(failure));
    let looked_up = target.check_lookups(totals.failed.get());
    // An index that could not answer can perhaps be saved; what it was told before is not lost.
    let saved = target.finish();
    report.failed = match (&scanned, &saved, &looked_up) {
        (Err(_), ..) => Some(Stage::Scan),
        (_, Err(_), _) => Some(Stage::Save),
        (.., Err(_)) => Some(Stage::Lookup),
        (Ok(()), Ok(()), Ok(())) => None,
    };
    report.seconds = start.elapsed().as_secs_f64();
    let printed = print(arguments.format, || report.text(), &report);
    failures.report();
    scanned.and(saved).and(looked_up).and(printed)?;
    Ok(match (interrupted, failures.count()) {
        (true, _) => Exit::Interrupted,
        (false, 0) => Exit::Done,
        (false, _) => Exit::InputOutput,
    })
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
                crate::exit::complain(format_args!("cannot read {path:?}: {error}"));
            }
            let what = format!("cannot read {path:?}");
            Err(Failure::new(Exit::InputOutput, error).about(what))
        }
        None => Ok(()),
    }
}
