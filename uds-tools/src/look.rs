//! A look at all that an index holds: its volume index, opened as a query would have it, and its
//! chapter indexes. Nothing is written.

use std::sync::Arc;

use uds_geometry::ZoneCount;
use uds_index::{
    Census, IndexInfo, Inspector, OpenOptions, RecoveryReport, SaveState, Statistics, Survey,
    SurveyControl,
};

use crate::cli::IndexArgs;
use crate::exit::Failure;
use crate::recover;
use crate::source::Source;
use crate::stop::Stop;
use crate::storage::about_file;
use crate::units;
use crate::watch::{Stage, Watch};

/// What an index holds.
pub(crate) struct Look {
    pub(crate) info: IndexInfo,
    /// The zones in which it was opened: those of its latest save.
    pub(crate) zones: ZoneCount,
    /// What was recovered, where the index was not closed cleanly.
    pub(crate) recovery: Option<RecoveryReport>,
    pub(crate) statistics: Statistics,
    pub(crate) census: Census,
    /// The chapters that are closed.
    pub(crate) survey: Survey,
}

impl Look {
    /// Opens an index and counts what is in it. Bars on standard error show how far that is, and
    /// Ctrl-C ends it.
    pub(crate) fn at(arguments: &IndexArgs, quiet: bool, stop: &Stop) -> Result<Self, Failure> {
        let source = Source::open(arguments, quiet, stop)?;
        Self::at_source(&source, quiet, stop)
            .map_err(|failure| about_file(failure, &arguments.file))
    }

    fn at_source(source: &Source, quiet: bool, stop: &Stop) -> Result<Self, Failure> {
        let info = IndexInfo::read(source.storage(), source.offset)?;
        // In as many zones as before nothing of its open chapter has to be left out, and its
        // memory is divided as it was.
        let zones = match &info.save {
            SaveState::Clean(saved) | SaveState::Unclean { last: Some(saved), .. } => saved.zones,
            _ => ZoneCount::ONE,
        };
        let options = OpenOptions {
            offset_blocks: source.offset,
            zones,
            read_threads: 0,
            ..OpenOptions::default()
        };
        let index = recover::open(source.storage(), &options, quiet, stop)?;
        let census = watched("counting", "lists", quiet, stop, |control| index.census(control))?;
        let (statistics, recovery) = (index.statistics(), index.recovery().cloned());
        // Its memory is not needed any more.
        drop(index);
        let inspector = Inspector::open(source.storage(), source.offset)?;
        let chapters = census.oldest_chapter..census.newest_chapter;
        let survey = watched("counting", "chapters", quiet, stop, |control| {
            inspector.survey(chapters, 0, control)
        })?;
        Ok(Self { info, zones, recovery, statistics, census, survey })
    }

    /// What index it is: `dense, memory 256M, 1 zone`.
    pub(crate) fn kind(&self) -> String {
        let configuration = &self.info.configuration;
        let kind = if configuration.geometry().is_sparse() { "sparse" } else { "dense" };
        let memory = configuration.memory_size().map(|memory| format!(", memory {memory}"));
        let zones = units::counted(self.zones.get().into(), "zone");
        format!("{kind}{}, {zones}", memory.unwrap_or_default())
    }

    /// Whether something was damaged, and could not be counted.
    pub(crate) fn is_damaged(&self) -> bool {
        let is_lost =
            |report: &RecoveryReport| report.bad_chapters > 0 || report.unreadable_pages > 0;
        self.survey.chapters.iter().any(|chapter| !chapter.is_whole())
            || self.census.sub_indexes().any(|part| part.stray + part.damaged_lists > 0)
            || self.recovery.as_ref().is_some_and(is_lost)
    }
}

/// Counts, with a bar.
fn watched<T>(
    name: &'static str,
    what: &'static str,
    quiet: bool,
    stop: &Stop,
    count: impl FnOnce(&SurveyControl) -> T,
) -> T {
    let control = Arc::new(SurveyControl::new());
    Watch { name, quiet, stop }.over(
        || {
            let progress = control.progress();
            (progress.total > 0).then_some(Stage {
                what,
                done: progress.done,
                total: progress.total,
            })
        },
        || control.abandon(),
        || count(&control),
    )
}
