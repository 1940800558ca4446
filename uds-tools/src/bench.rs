//! `uds bench`: what requests to an index cost on this machine.
//!
//! # Invariants
//!
//! 1. The index is made in a file that is new, and that does not outlive the command. Nothing that
//!    exists is touched.
//! 2. A run with a wrong answer has no numbers.

mod place;
mod report;

use std::ops::ControlFlow;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use uds_bench::{BenchError, IndexMaker, IndexTrouble, PhaseName, Plan, run_phases};
use uds_geometry::Configuration;

use crate::cli::BenchArgs;
use crate::exit::{Exit, Failure};
use crate::output::print;
use crate::size::configuration;
use crate::stop::Stop;
use crate::storage::{about_file, shortage};
use crate::watch::{Stage, Watch};
use place::Place;
use report::Report;

/// What the first Ctrl-C says.
const STOPPING: &str = "stopping; once more ends at once";
/// Records in a sparse index unless the user says how many: enough for most of them to be in
/// sparse chapters, and a part of what takes half an hour.
const SPARSE_RECORDS: u64 = 80_000_000;

/// Runs the command.
pub(crate) fn run(arguments: &BenchArgs) -> Result<Exit, Failure> {
    let configuration = configuration(arguments.memory, arguments.sparse);
    let plan = plan(arguments, &configuration);
    let path = place::path(arguments.file.as_deref())?;
    place::check_room(&path, &configuration, &plan)?;
    let stop = Stop::default();
    stop.on_interrupt(STOPPING)?;
    let mut runs = Vec::new();
    for _ in 0..arguments.runs {
        let index = IndexMaker::new(&path, configuration.clone(), arguments.zones);
        let place = Place::new(index, &path, &stop);
        runs.push(watched(&place, &plan, arguments.quiet, &stop).map_err(|it| failure(it, &path))?);
    }
    let medians = uds_bench::Report::median(&runs);
    let medians = medians.expect("clap wants one run or more");
    let report = Report::new(arguments, &configuration, &plan, &path, medians);
    print(arguments.format, || report.text(), &report)?;
    Ok(Exit::Done)
}

fn plan(arguments: &BenchArgs, configuration: &Configuration) -> Plan {
    let window = configuration.geometry().records_per_volume();
    let fill = match arguments.fill {
        Some(fraction) => ((window as f64 * fraction).round() as u64).clamp(1, window),
        None if arguments.sparse => SPARSE_RECORDS.min(window),
        None => window,
    };
    Plan {
        callers: usize::from(arguments.callers),
        sparse: arguments.sparse,
        ..Plan::new(fill, arguments.ops)
    }
}

/// Runs all phases; a bar on standard error shows how far that is, and Ctrl-C ends it.
fn watched(
    place: &Place<'_>,
    plan: &Plan,
    quiet: bool,
    stop: &Stop,
) -> Result<uds_bench::Report, BenchError<IndexTrouble>> {
    let now: Mutex<Option<(PhaseName, u64, u64)>> = Mutex::new(None);
    let lock = || -> MutexGuard<'_, _> { now.lock().unwrap_or_else(PoisonError::into_inner) };
    let stage = || {
        let (phase, done, total) = (*lock())?;
        Some(Stage { what: phase.as_str(), done, total })
    };
    Watch { name: "measuring", quiet, stop }.over(
        stage,
        || place.recovery().abandon(),
        || {
            run_phases(place, plan, &mut |phase, done, count| {
                *lock() = Some((phase, done, count));
                if stop.is_wished() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            })
        },
    )
}

/// What a run that ended early means for the user.
fn failure(error: BenchError<IndexTrouble>, path: &Path) -> Failure {
    let (phase, trouble) = match error {
        BenchError::Stopped => return stopped(),
        BenchError::NoWindow { .. } => return Failure::new(Exit::Usage, error),
        BenchError::Create { source } => (None, source),
        BenchError::Store { phase, source } => (Some(phase), source),
        error => return Failure::new(Exit::Problem, error),
    };
    let failure = match trouble {
        IndexTrouble::Index(error) => Failure::from(error),
        IndexTrouble::Request { source, .. } => Failure::from(source),
        IndexTrouble::Storage(error) => Failure::from(error),
        IndexTrouble::Geometry(error) => Failure::new(Exit::Usage, error),
        trouble => Failure::new(Exit::Problem, trouble),
    };
    if failure.exit == Exit::Interrupted {
        return stopped();
    }
    let is_short = shortage(&failure).is_some();
    let failure = about_file(failure, path);
    let failure = match phase {
        Some(phase) => failure.about(format!("phase {phase}")),
        None => failure,
    };
    if is_short { failure.about(place::SHORT_OF_ROOM) } else { failure }
}

/// The user stopped it.
fn stopped() -> Failure {
    let message = "stopped before the end; the index is removed, and there are no numbers";
    Failure::new(Exit::Interrupted, anyhow::Error::msg(message))
}
