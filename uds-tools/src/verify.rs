//! `uds verify`: examines a whole index. Opens for reading only, and writes nothing.

mod report;

use std::io::{IsTerminal, stderr};
use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};
use uds_index::{
    IndexError, Verification, VerifyControl, VerifyOptions, VerifyPhase, verify as examine,
};
use uds_volume::{FileStorage, Storage};

use crate::cli::VerifyArgs;
use crate::exit::{Exit, Failure};
use crate::output::print;
use crate::stop::Stop;
use crate::storage::about_file;
use report::Report;

/// How often the watcher looks.
const TICK: Duration = Duration::from_millis(100);
/// What the first Ctrl-C says.
const STOPPING: &str = "stopping";

/// Runs the command.
pub(crate) fn run(arguments: &VerifyArgs) -> Result<Exit, Failure> {
    let path = &arguments.file;
    let stop = Stop::default();
    stop.on_interrupt(STOPPING)?;
    let start = Instant::now();
    let options = VerifyOptions {
        offset_blocks: arguments.offset,
        deep: arguments.deep,
        threads: arguments.threads.unwrap_or(0).into(),
    };
    let verify = || -> Result<Verification, Failure> {
        let storage = Arc::new(FileStorage::open_read_only(path)?);
        Ok(watched(storage, &options, arguments.quiet, &stop)?)
    };
    let verification = verify().map_err(|failure| about_file(failure, path))?;
    let report = Report::new(path, &verification, start.elapsed());
    print(arguments.format, || report.text(), &report)?;
    Ok(if verification.is_sound() { Exit::Done } else { Exit::Problem })
}

/// Verifies an index; a bar on standard error shows how far that is, and Ctrl-C ends it.
fn watched(
    storage: Arc<dyn Storage>,
    options: &VerifyOptions,
    quiet: bool,
    stop: &Stop,
) -> Result<Verification, IndexError> {
    let control = VerifyControl::new();
    let (done, is_done) = channel::<()>();
    std::thread::scope(|scope| {
        let watched = control.clone();
        scope.spawn(move || {
            let mut bar = None;
            while is_done.recv_timeout(TICK) == Err(RecvTimeoutError::Timeout) {
                if stop.is_wished() {
                    watched.abandon();
                }
                if !quiet && stderr().is_terminal() {
                    show(&watched, &mut bar);
                }
            }
            if let Some(bar) = bar {
                bar.finish_and_clear();
            }
        });
        let verification = examine(storage, options, &control);
        drop(done);
        verification
    })
}

fn show(control: &VerifyControl, bar: &mut Option<ProgressBar>) {
    let progress = control.progress();
    let what = match progress.phase {
        VerifyPhase::Saves => "save slots",
        VerifyPhase::Chapters => "chapters",
        _ => return,
    };
    let bar = bar.get_or_insert_with(|| {
        let template = "verifying: {msg} {wide_bar} {pos}/{len}, {eta} left";
        let style = ProgressStyle::with_template(template);
        ProgressBar::new(0).with_style(style.expect("the template is well formed"))
    });
    bar.set_message(what);
    bar.set_length(progress.total);
    bar.set_position(progress.done);
}
