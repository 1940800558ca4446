//! The file of the index that is measured: new, and gone afterwards.

use std::fs;
use std::path::{Path, PathBuf};

use uds_bench::{Ending, IndexMaker, IndexSubject, IndexTrouble, Maker, Plan};
use uds_geometry::{Configuration, LayoutSizes};
use uds_index::RecoveryControl;

use crate::exit::{Exit, Failure};
use crate::stop::Stop;
use crate::units;

/// What to do where the disk is full.
pub(super) const SHORT_OF_ROOM: &str =
    "no room for the index: choose a place with more by --file, or fill less of it by --fill";

/// Chapters that are written beside those that the phases fill: while the index is opened and
/// closed, and because chapters of several zones are not quite full.
const MORE_CHAPTERS: u64 = 8;

/// The file to make the index in: that which the user has named, or one in the system's temporary
/// directory. It must not exist.
pub(super) fn path(named: Option<&Path>) -> Result<PathBuf, Failure> {
    let path = match named {
        Some(path) => path.to_path_buf(),
        None => std::env::temp_dir().join(format!("uds-bench-{}.uds", std::process::id())),
    };
    // A link that leads nowhere is something, too.
    if fs::symlink_metadata(&path).is_ok() {
        return Err(Failure::usage(format_args!(
            "{path:?} is there already, and the file of a benchmark is removed at its end; choose \
             the name of a new one"
        )));
    }
    Ok(path)
}

/// Refuses to begin what would fill the disk.
pub(super) fn check_room(
    path: &Path,
    configuration: &Configuration,
    plan: &Plan,
) -> Result<(), Failure> {
    let wanted = bytes_needed(configuration, plan)?;
    let directory = path.parent().filter(|it| !it.as_os_str().is_empty());
    // Where the system does not say, a write will.
    let Ok(system) = rustix::fs::statvfs(directory.unwrap_or(Path::new("."))) else {
        return Ok(());
    };
    let free = system.f_bavail.saturating_mul(system.f_frsize);
    if free >= wanted {
        return Ok(());
    }
    let error = anyhow::Error::msg(format!(
        "{path:?} would take up to {}, and {} are free",
        units::bytes(wanted),
        units::bytes(free)
    ));
    Err(Failure::new(Exit::InputOutput, error.context(SHORT_OF_ROOM)))
}

/// The most that the file takes of the disk, in bytes: places of chapters that are never written
/// take nothing.
fn bytes_needed(configuration: &Configuration, plan: &Plan) -> Result<u64, Failure> {
    let geometry = configuration.geometry();
    let sizes = LayoutSizes::new(&geometry).map_err(|error| Failure::new(Exit::Usage, error))?;
    let posts = plan.fill.saturating_add(plan.ops.saturating_mul(2));
    let chapters = posts / u64::from(geometry.records_per_chapter()) + MORE_CHAPTERS;
    let unwritten = u64::from(geometry.chapters_per_volume()).saturating_sub(chapters);
    let chapter_bytes =
        u64::from(geometry.pages_per_chapter()) * u64::from(geometry.bytes_per_page());
    Ok(sizes.total_bytes() - unwritten * chapter_bytes)
}

/// Makes the index in its file, and removes the file at the end.
#[derive(Debug)]
pub(super) struct Place<'a> {
    index: IndexMaker,
    path: &'a Path,
    stop: &'a Stop,
}

impl<'a> Place<'a> {
    pub(super) fn new(index: IndexMaker, path: &'a Path, stop: &'a Stop) -> Self {
        Self { index, path, stop }
    }

    /// By which the recovery can be ended.
    pub(super) fn recovery(&self) -> &RecoveryControl {
        self.index.recovery()
    }
}

impl Maker for Place<'_> {
    type Error = IndexTrouble;
    type Subject = IndexSubject;

    fn create(&self) -> Result<IndexSubject, IndexTrouble> {
        self.stop.begin_file(self.path, || self.index.create())
    }

    fn open(&self, ending: Ending) -> Result<IndexSubject, IndexTrouble> {
        self.index.open(ending)
    }

    fn abandon(&self, subject: IndexSubject) -> Result<(), IndexTrouble> {
        self.index.abandon(subject)
    }

    fn bytes_on_storage(&self) -> u64 {
        self.index.bytes_on_storage()
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.stop.remove_unfinished();
    }
}

#[cfg(test)]
mod tests {
    use uds_geometry::MemorySize;

    use super::*;

    // Guards against a small trial that is refused for want of room for a full index, and against
    // a full one that is not.
    #[test]
    fn what_is_filled_is_what_takes_room() {
        let configuration = Configuration::dense(MemorySize::MB_256);
        let total = LayoutSizes::new(&configuration.geometry()).unwrap().total_bytes();
        let needed = |fill, ops| bytes_needed(&configuration, &Plan::new(fill, ops)).unwrap();
        assert_eq!(needed(67_108_864, 4_000_000), total);
        assert_eq!(needed(u64::MAX, u64::MAX), total);
        let little = needed(65_536, 1000);
        assert!((1 << 28..1 << 30).contains(&little), "{little}");
    }
}
