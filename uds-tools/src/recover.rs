//! Opening an index, with its recovery where it was not closed cleanly: watched, and ended by
//! Ctrl-C.

use std::io::{IsTerminal, stderr};
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use uds_index::{Index, IndexError, OpenOptions, RecoveryControl, RecoveryPhase, RecoveryReport};
use uds_volume::Storage;

use crate::exit::complain;
use crate::stop::Stop;
use crate::units;

/// How often the watcher looks.
const TICK: Duration = Duration::from_millis(100);

/// Opens an index. If it has to be recovered, a bar on standard error shows how far that is, and
/// Ctrl-C ends it, with nothing changed.
pub(crate) fn open(
    storage: Arc<dyn Storage>,
    options: &OpenOptions,
    quiet: bool,
    stop: &Stop,
) -> Result<Index, IndexError> {
    let control = RecoveryControl::new();
    let (done, is_done) = channel::<()>();
    std::thread::scope(|scope| {
        let watched = control.clone();
        scope.spawn(move || {
            let mut bar = None;
            while is_done.recv_timeout(TICK) == Err(RecvTimeoutError::Timeout) {
                if stop.is_wished() {
                    watched.abandon();
                }
                let shows = !quiet && stderr().is_terminal();
                show(shows, &watched, &mut bar);
            }
            if let Some(bar) = bar {
                bar.finish_and_clear();
            }
        });
        let index = Index::open_controlled(storage, options, &control);
        drop(done);
        index
    })
}

fn show(shows: bool, control: &RecoveryControl, bar: &mut Option<ProgressBar>) {
    let progress = control.progress();
    let what = match progress.phase {
        RecoveryPhase::Surveying => "looking for chapters",
        RecoveryPhase::Reading => "reading chapters",
        _ => return,
    };
    if !shows {
        return;
    }
    let bar = bar.get_or_insert_with(|| {
        let template = "recovering: {msg} {wide_bar} {pos}/{len}, {eta} left";
        let style = ProgressStyle::with_template(template);
        ProgressBar::new(0).with_style(style.expect("the template is well formed"))
    });
    bar.set_message(what);
    bar.set_length(progress.total);
    bar.set_position(progress.done);
}

/// Says what was recovered, on standard error.
pub(crate) fn tell(path: &Path, report: &RecoveryReport) {
    let chapters = units::counted(report.chapters, "chapter");
    complain(format_args!(
        "{path:?} was not closed cleanly: {chapters} recovered from its volume; the records of its \
         open chapter are lost"
    ));
    let lost = [
        (report.bad_chapters, "damaged chapter"),
        (report.unreadable_pages, "unreadable page"),
        (report.stale_pages, "page that was not written in time"),
    ];
    for (count, what) in lost.into_iter().filter(|(count, _)| *count > 0) {
        let what = units::counted(count, what);
        complain(format_args!("warning: {path:?}: the records of {what} are lost"));
    }
}
