//! `uds lookup`: which names an index has, and how it finds them, or does not. Opens for reading
//! only, and writes nothing.
//!
//! | module | part |
//! |---|---|
//! | `names`, `input` | the names that are asked for, as a stream |
//! | `report`, `steps` | what is said of a name, and of the way of its look-up |
//! | `text` | the same for people |
//! | `sink` | standard output |

mod input;
mod names;
mod report;
mod sink;
mod steps;
mod text;

use std::ops::ControlFlow;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use uds_index::{Batch, Copies, Index, IndexError, Inspector, OpenOptions};

use crate::cli::LookupArgs;
use crate::estimate::{BLAKE3_NONCE, Naming};
use crate::exit::{Exit, Failure};
use crate::recover;
use crate::source::Source;
use crate::stop::{STOPPING, Stop};
use crate::storage::{about_file, exit_for_index};
use crate::watch::{Stage, Watch};
use names::{Asked, Names};
use report::Report;
use sink::Sink;

/// Names that are looked up together.
const BATCH: usize = 1024;

/// Runs the command.
pub(crate) fn run(arguments: &LookupArgs) -> Result<Exit, Failure> {
    let sources = names::sources(arguments)?;
    let path = &arguments.index.file;
    let stop = Stop::default();
    stop.on_interrupt(STOPPING)?;
    let source = Source::open(&arguments.index, arguments.quiet, &stop)?;
    let options = OpenOptions { offset_blocks: source.offset, ..OpenOptions::default() };
    let index = recover::open(source.storage(), &options, arguments.quiet, &stop)
        .map_err(|error| about_file(error.into(), path))?;
    if let Some(report) = index.recovery() {
        recover::tell(path, report);
    }
    let inspector = if arguments.everywhere {
        let opened = Inspector::open(source.storage(), source.offset);
        Some(opened.map_err(|error| about_file(error.into(), path))?)
    } else {
        None
    };
    let is_blake3 = index.nonce() == BLAKE3_NONCE;
    let naming = if is_blake3 { Naming::Blake3 } else { Naming::Murmur };
    let names = Names::new(sources, arguments.hash.unwrap_or(naming), &stop);
    let mut asking = Asking {
        index,
        inspector,
        arguments,
        stop: &stop,
        sink: Sink::new(arguments.format, path)?,
        failure: None,
    };
    let outcome = asking.ask(names);
    asking.sink.end()?;
    outcome.map_err(|failure| about_file_unless_usage(failure, arguments))?;
    Ok(asking.exit())
}

/// What is wrong with a name is not about the index.
fn about_file_unless_usage(failure: Failure, arguments: &LookupArgs) -> Failure {
    match failure.source::<std::sync::Arc<IndexError>>() {
        Some(_) => about_file(failure, &arguments.index.file),
        None => failure,
    }
}

/// What a run works with.
struct Asking<'a> {
    index: Index,
    /// For copies in all chapters.
    inspector: Option<Inspector>,
    arguments: &'a LookupArgs,
    stop: &'a Stop,
    sink: Sink,
    /// What the first name that could not be looked up says of the exit code.
    failure: Option<Exit>,
}

impl Asking<'_> {
    /// Asks for all names, group by group. What comes before a failure is answered.
    fn ask(&mut self, names: Names) -> Result<(), Failure> {
        let mut names = names.peekable();
        while names.peek().is_some() && self.sink.is_read && !self.stop.is_wished() {
            let (mut group, mut failure) = (Vec::new(), None);
            for next in names.by_ref().take(BATCH) {
                match next {
                    Ok(asked) => group.push(asked),
                    Err(error) => failure = Some(error),
                }
            }
            let is_explained = self.arguments.explain || self.inspector.is_some();
            if is_explained {
                self.explain(&group)?;
            } else {
                self.look_up(&group)?;
            }
            self.sink.flush()?;
            if let Some(failure) = failure {
                return Err(failure);
            }
        }
        Ok(())
    }

    /// Looks names up as a client would.
    fn look_up(&mut self, group: &[Asked]) -> Result<(), Failure> {
        let mut batch = Batch::with_capacity(group.len());
        group.iter().for_each(|asked| batch.query_no_update(asked.name));
        match self.index.run(&mut batch) {
            Ok(()) | Err(IndexError::RequestsFailed { .. }) => {}
            Err(error) => return Err(error.into()),
        }
        for (asked, answer) in group.iter().zip(batch.answers()) {
            let answer = match answer {
                Some(Ok(answer)) => Ok(*answer),
                Some(Err(error)) => Err(&**error),
                None => Err(&IndexError::Abandoned),
            };
            if let Err(error) = answer {
                self.failure.get_or_insert(exit_for_index(error));
            }
            self.sink.add(&Report::new(asked, answer))?;
        }
        Ok(())
    }

    /// Looks names up step by step.
    fn explain(&mut self, group: &[Asked]) -> Result<(), Failure> {
        let copies = self.copies(group)?;
        for (position, asked) in group.iter().enumerate() {
            if self.stop.is_wished() || !self.sink.is_read {
                break;
            }
            let explanation = self.index.explain(&asked.name)?;
            if let Err(error) = explanation.answer() {
                self.failure.get_or_insert(exit_for_index(error));
            }
            let mut report = Report::explained(asked, &explanation, self.arguments.explain);
            if let Some(copies) = &copies {
                // They come in the order of the names.
                let first = copies.found.partition_point(|copy| copy.position < position);
                let of_name = copies.found[first..].iter();
                let of_name = of_name.take_while(|copy| copy.position == position);
                report.add_copies(of_name, &explanation);
            }
            self.sink.add(&report)?;
        }
        Ok(())
    }

    /// All copies of some names, if they are wanted.
    fn copies(&mut self, group: &[Asked]) -> Result<Option<Copies>, Failure> {
        let Some(inspector) = &self.inspector else { return Ok(None) };
        let names: Vec<_> = group.iter().map(|asked| asked.name).collect();
        let total = u64::from(inspector.geometry().chapters_per_volume());
        let searched = AtomicU64::new(0);
        let progress = |done: u64| {
            searched.fetch_max(done, Relaxed);
            if self.stop.is_wished() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        };
        let watch = Watch { name: "searching", quiet: self.arguments.quiet, stop: self.stop };
        let copies = watch.over(
            || Some(Stage { what: "chapters", done: searched.load(Relaxed), total }),
            || {},
            || inspector.copies(&names, &progress),
        )?;
        let counts = &mut self.sink.counts;
        counts.chapters_searched = Some(copies.chapters);
        counts.damaged_slots = copies.damaged.iter().map(|slot| slot.get()).collect();
        Ok(Some(copies))
    }

    fn exit(&self) -> Exit {
        let counts = &self.sink.counts;
        match self.failure {
            _ if self.stop.is_wished() => Exit::Interrupted,
            Some(exit) => exit,
            None if counts.absent > 0 => Exit::Problem,
            None => Exit::Done,
        }
    }
}
