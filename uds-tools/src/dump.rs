//! `uds dump`: what is in an index, row by row. Opens for reading only, and writes nothing.

mod chapter;
mod chapters;
mod index_page;
mod page_map;
mod saves;
mod sink;

use std::ops::ControlFlow;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use uds_geometry::{IndexPageNumber, PhysicalChapter, VirtualChapter};
use uds_index::{IndexError, Inspector, Window};

use crate::cli::{Chapter, DumpArgs, What};
use crate::exit::{Exit, Failure};
use crate::source::Source;
use crate::stop::{STOPPING, Stop};
use crate::storage::about_file;
use crate::watch::{Stage, Watch};
use sink::{Ended, Header, Sink, Table};

/// Runs the command.
pub(crate) fn run(arguments: &DumpArgs) -> Result<Exit, Failure> {
    let part = Part::of(&arguments.what)?;
    let index = arguments.index();
    let stop = Stop::default();
    stop.on_interrupt(STOPPING)?;
    let source = Source::open(&index, arguments.quiet, &stop)?;
    let opened = Inspector::open(source.storage(), source.offset)
        .and_then(|inspector| Ok((inspector.info()?, inspector)));
    let (info, inspector) = opened.map_err(|error| about_file(error.into(), &index.file))?;
    let table = part.table();
    let header = Header::new(table.what, &index.file, &info);
    let mut sink = Sink::new(arguments.format, table, header, &stop);
    let watched = Watched { quiet: arguments.quiet, stop: &stop };
    let mut outcome = part.dump(&inspector, &watched, &mut sink);
    if !matches!(outcome, Err(Ended::Closed)) {
        let flushed = sink.flush();
        // What ended the rows first is what is told.
        if outcome.is_ok() {
            outcome = flushed.and(outcome);
        }
    }
    match outcome {
        Ok(exit) => Ok(exit),
        Err(Ended::Closed) => Ok(Exit::Done),
        Err(Ended::Unwritten(failure)) => Err(failure),
        Err(Ended::Failed(failure)) => Err(about_file(failure, &index.file)),
    }
}

/// What is dumped.
#[derive(Clone, Copy, Debug)]
enum Part {
    Chapters,
    Chapter(Which),
    OpenChapter,
    IndexPage(Which, IndexPageNumber),
    PageMap,
    Saves,
}

/// A chapter: by its number, or by the place where it lies.
#[derive(Clone, Copy, Debug)]
enum Which {
    Chapter(VirtualChapter),
    Slot(PhysicalChapter),
}

impl Part {
    fn of(what: &What) -> Result<Self, Failure> {
        Ok(match what {
            What::Chapters => Self::Chapters,
            What::PageMap => Self::PageMap,
            What::Saves => Self::Saves,
            What::Chapter { chapter, slot } => match (chapter, slot) {
                (_, Some(slot)) => Self::Chapter(Which::Slot(PhysicalChapter::new(*slot))),
                (Some(Chapter::Closed(number)), None) => {
                    Self::Chapter(Which::Chapter(VirtualChapter::new(*number)))
                }
                (Some(Chapter::Open) | None, None) => Self::OpenChapter,
            },
            What::IndexPage { numbers, slot } => Self::index_page(numbers, *slot)?,
        })
    }

    fn index_page(numbers: &[u64], slot: Option<u32>) -> Result<Self, Failure> {
        let (which, page) = match (numbers, slot) {
            ([page], Some(slot)) => (Which::Slot(PhysicalChapter::new(slot)), page),
            ([chapter, page], None) => (Which::Chapter(VirtualChapter::new(*chapter)), page),
            _ => {
                return Err(Failure::usage(
                    "index-page takes the number of a chapter and that of a page, or --slot and \
                     the number of a page",
                ));
            }
        };
        // Larger numbers are refused like all that are too large.
        let page = u32::try_from(*page).unwrap_or(u32::MAX);
        Ok(Self::IndexPage(which, IndexPageNumber::new(page)))
    }

    fn table(self) -> Table {
        match self {
            Self::Chapters => chapters::TABLE,
            Self::Chapter(_) => chapter::TABLE,
            Self::OpenChapter => chapter::OPEN_TABLE,
            Self::IndexPage(..) => index_page::TABLE,
            Self::PageMap => page_map::TABLE,
            Self::Saves => saves::TABLE,
        }
    }

    fn dump(
        self,
        inspector: &Inspector,
        watched: &Watched<'_>,
        sink: &mut Sink<'_>,
    ) -> Result<Exit, Ended> {
        let is_sound = match self {
            Self::Chapters => chapters::dump(inspector, &watched.window(inspector)?, sink)?,
            Self::Chapter(which) => chapter::dump(inspector, which, sink)?,
            Self::OpenChapter => chapter::dump_open(inspector, sink)?,
            Self::IndexPage(which, page) => index_page::dump(inspector, which, page, sink)?,
            Self::PageMap => page_map::dump(inspector, sink)?,
            Self::Saves => saves::dump(inspector, sink)?,
        };
        Ok(if is_sound { Exit::Done } else { Exit::Problem })
    }
}

/// How work is watched that comes before the first row.
struct Watched<'a> {
    quiet: bool,
    stop: &'a Stop,
}

impl Watched<'_> {
    /// The chapters that the index has. Where they have to be looked for on the volume, a bar shows
    /// how far that is, and Ctrl-C ends it.
    fn window(&self, inspector: &Inspector) -> Result<Window, IndexError> {
        let looked_at = AtomicU64::new(0);
        let total = inspector.geometry().chapters_per_volume().into();
        let Self { quiet, stop } = *self;
        Watch { name: "looking for chapters", quiet, stop }.over(
            || Some(Stage { what: "slots", done: looked_at.load(Relaxed), total }),
            || {},
            || {
                inspector.window(&mut |slots| {
                    looked_at.store(slots.into(), Relaxed);
                    if stop.is_wished() {
                        ControlFlow::Break(())
                    } else {
                        ControlFlow::Continue(())
                    }
                })
            },
        )
    }
}
