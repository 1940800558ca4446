//! `uds create`: makes an empty index, and never half of one.
//!
//! # Invariants
//!
//! 1. Without `--force` nothing is written where the file has bytes already, or where the device
//!    begins with anything but zeroes.
//! 2. After a failure, a file that did not exist is gone, and any other has the length that it had.
//!    What it held is unchanged, unless it was the storage that failed.

mod place;

use std::path::Path;

use uds_geometry::{Configuration, Nonce};
use uds_index::{CreateOptions, Index};

use self::place::Content;
pub(crate) use self::place::Place;
use crate::cli::CreateArgs;
use crate::exit::{Exit, Failure};
use crate::output::{Format, print};
use crate::size::configuration;
use crate::stop::Stop;
use crate::storage::{about_file, file_bytes};
use crate::units;

/// What the first Ctrl-C says.
const STOPPING: &str = "stopping; once more ends at once";

/// How an index is made.
#[derive(Debug)]
pub(crate) struct Making {
    pub(crate) configuration: Configuration,
    pub(crate) nonce: Nonce,
    pub(crate) offset: u64,
    pub(crate) force: bool,
    pub(crate) sparse_file: bool,
}

/// Runs the command.
pub(crate) fn run(arguments: &CreateArgs) -> Result<Exit, Failure> {
    let making = Making {
        configuration: configuration(arguments.memory, arguments.sparse),
        nonce: arguments.nonce,
        offset: arguments.offset,
        force: arguments.force,
        sparse_file: arguments.sparse_file,
    };
    let path = &arguments.file;
    let bytes = file_bytes(&making.configuration, making.offset)?;
    let stop = Stop::default();
    stop.on_interrupt(STOPPING)?;
    let index = make(path, &making, &stop)?;
    let window = index.geometry().records_per_volume();
    index.close().map_err(|error| about_file(error.into(), path))?;
    let text = || {
        format!(
            "Created {}\nmemory {}{}, {} on disk, remembers {} records\n({} in blocks of 4 KiB)\n",
            units::path(path),
            arguments.memory,
            if arguments.sparse { ", sparse" } else { "" },
            units::bytes(bytes),
            units::count(window),
            units::bytes(window * 4096),
        )
    };
    print(Format::Text, text, &())?;
    Ok(Exit::Done)
}

/// Makes an index, saves it so that it can be opened again, and leaves it open.
pub(crate) fn make(path: &Path, making: &Making, stop: &Stop) -> Result<Index, Failure> {
    let (index, place) = begin(path, making, stop)?;
    match index.save() {
        Ok(()) => {
            place.keep();
            Ok(index)
        }
        Err(error) => {
            drop(index);
            place.restore();
            Err(about_file(error.into(), path))
        }
    }
}

/// Makes an index, and leaves it open. It has to be saved, and its place to be kept; or to be
/// restored, once the index is closed.
pub(crate) fn begin<'a>(
    path: &Path,
    making: &Making,
    stop: &'a Stop,
) -> Result<(Index, Place<'a>), Failure> {
    let end = file_bytes(&making.configuration, making.offset)?;
    let about = |failure| about_file(failure, path);
    let mut place = Place::take(path, making.sparse_file, stop).map_err(about)?;
    match fill(&mut place, making, end, stop) {
        Ok(index) => Ok((index, place)),
        Err(failure) => {
            place.restore();
            Err(about(failure))
        }
    }
}

/// Makes the index in its place. After a failure it is closed.
fn fill(place: &mut Place<'_>, making: &Making, end: u64, stop: &Stop) -> Result<Index, Failure> {
    let configuration = &making.configuration;
    let start = end - file_bytes(configuration, 0)?;
    let content = if making.force { None } else { place.content(making.offset, start..end)? };
    if let Some(content) = content {
        let found = match content {
            Content::Data => "is not empty",
            Content::Index => "holds an index",
        };
        return Err(Failure::usage(format_args!(
            "it {found} and would be lost; choose another file, or add --force to overwrite it"
        )));
    }
    place.grow(end)?;
    let options = CreateOptions {
        nonce: making.nonce,
        offset_blocks: making.offset,
        ..CreateOptions::default()
    };
    let index = Index::create(place.storage(), configuration, &options)?;
    if stop.is_wished() && place.was_empty() {
        return Err(place::stopped());
    }
    Ok(index)
}
