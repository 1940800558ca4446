//! Opening an index, with its recovery where it was not closed cleanly: watched, and ended by
//! Ctrl-C.

use std::path::Path;
use std::sync::Arc;

use uds_index::{Index, IndexError, OpenOptions, RecoveryControl, RecoveryPhase, RecoveryReport};
use uds_volume::Storage;

use crate::exit::complain;
use crate::stop::Stop;
use crate::units;
use crate::watch::{Stage, Watch};

/// Opens an index. If it has to be recovered, a bar on standard error shows how far that is, and
/// Ctrl-C ends it, with nothing changed.
pub(crate) fn open(
    storage: Arc<dyn Storage>,
    options: &OpenOptions,
    quiet: bool,
    stop: &Stop,
) -> Result<Index, IndexError> {
    let control = RecoveryControl::new();
    Watch { name: "recovering", quiet, stop }.over(
        || stage(&control),
        || control.abandon(),
        || Index::open_controlled(storage, options, &control),
    )
}

fn stage(control: &RecoveryControl) -> Option<Stage> {
    let progress = control.progress();
    let what = match progress.phase {
        RecoveryPhase::Surveying => "looking for chapters",
        RecoveryPhase::Reading => "reading chapters",
        _ => return None,
    };
    Some(Stage { what, done: progress.done, total: progress.total })
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
