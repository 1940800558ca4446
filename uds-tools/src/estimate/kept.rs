//! The model beside the index of `--index`: what makes a later run go on with the curve, too.
//!
//! The index `FILE` has the model in `FILE.curve`: how the names were made, where the index stood,
//! and then the model as `uds-sizing` saves it. Without that file, or with one that does not belong
//! to the index as it is, the curve covers the run alone.
//!
//! # Invariants
//!
//! 1. The model is saved after the index, and only if that was. If it says that the index stood
//!    where it stands now, and that it is whole, both have seen the same blocks. One that began
//!    later than the index is not whole, and none that goes on from it is.
//! 2. The file is replaced as a whole, or not at all.

use std::fs::File;
use std::io::{BufReader, BufWriter, ErrorKind, Read, Write};
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use uds_index::Index;
use uds_sizing::Model;

use super::observer::candidates;
use super::walk::Identity;
use super::{Chunker, Naming};
use crate::exit::{Failure, complain};
use crate::new_file::NewFile;
use crate::stop::Stop;

/// `UDSCURVE`, and the version of what precedes the model.
const MAGIC: [u8; 8] = *b"UDSCURV1";
/// Bytes of how the names were made, at most.
const MOST_WORDS: usize = 64;

/// A model, and what it does not count itself.
#[derive(Debug)]
pub(crate) struct Kept {
    pub(crate) model: Model,
    /// Whether it has seen all that the index has.
    pub(crate) is_whole: bool,
    /// Bytes of the zero blocks of all runs.
    pub(crate) zero_bytes: u64,
}

/// Which index it is and where it stands: its nonce, its newest chapter, and the records in that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Standing([u64; 3]);

impl Standing {
    /// Where `index` stands.
    pub(crate) fn of(index: &Index) -> Self {
        let statistics = index.statistics();
        let newest = statistics.newest_chapter.get();
        Self([index.nonce().get(), newest, statistics.open_chapter_records])
    }

    /// Whether nothing was posted yet.
    pub(crate) fn is_start(self) -> bool {
        self.0[1..] == [0, 0]
    }
}

/// How names are made: two models of different names have nothing in common.
fn words(naming: Naming, chunker: Chunker) -> String {
    format!("{} {chunker}", naming.as_str())
}

/// The file of the model for an index in `path`; none for a device.
fn file_of(path: &Path) -> Option<PathBuf> {
    let is_device = std::fs::metadata(path).is_ok_and(|it| it.file_type().is_block_device());
    let mut name = path.as_os_str().to_owned();
    name.push(".curve");
    (!is_device).then(|| name.into())
}

/// The model of the index in `path`, if there is one that has seen what the index has, and nothing
/// else. One that cannot be read is told.
pub(crate) fn load(
    path: &Path,
    standing: Standing,
    (naming, chunker): (Naming, Chunker),
) -> Option<Kept> {
    let file = file_of(path).filter(|_| !standing.is_start())?;
    match read(&file, standing, &words(naming, chunker)) {
        Ok(kept) => kept,
        Err(error) => {
            complain(format_args!("warning: {file:?} is not used: {error:#}"));
            None
        }
    }
}

/// The model's file, which is no data to estimate.
pub(crate) fn identity(path: &Path) -> Option<Identity> {
    let metadata = std::fs::metadata(file_of(path)?).ok()?;
    Some((metadata.dev(), metadata.ino()))
}

/// Reads the file; nothing where there is none, or one of another state of the index: somebody
/// has used the index without a curve meanwhile.
fn read(path: &Path, standing: Standing, words: &str) -> Result<Option<Kept>> {
    let file = match File::open(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        file => file.context("cannot open it")?,
    };
    let mut file = BufReader::new(file);
    let mut take = || {
        let mut bytes = [0; 8];
        file.read_exact(&mut bytes).context("it ends early")?;
        Ok::<_, anyhow::Error>(bytes)
    };
    ensure!(take()? == MAGIC, "it is no curve of this version");
    let mut number = || take().map(u64::from_le_bytes);
    let found = Standing([number()?, number()?, number()?]);
    let (is_whole, zero_bytes, length) = (number()? == 1, number()?, number()?);
    ensure!(length <= MOST_WORDS as u64, "it is damaged");
    let mut bytes = vec![0; length as usize];
    file.read_exact(&mut bytes).context("it ends early")?;
    let found_words = String::from_utf8_lossy(&bytes);
    ensure!(
        found_words == words,
        "its names were made otherwise: found {found_words}, wanted {words}"
    );
    if found != standing {
        return Ok(None);
    }
    let model = Model::load(&candidates(), file)?;
    Ok(Some(Kept { model, is_whole, zero_bytes }))
}

/// What is to be kept of a run.
pub(crate) struct Keeping<'a> {
    pub(crate) standing: Standing,
    pub(crate) how: (Naming, Chunker),
    pub(crate) model: &'a Model,
    pub(crate) is_whole: bool,
    /// Bytes of the zero blocks of all runs.
    pub(crate) zero_bytes: u64,
}

/// Saves the model of the index in `path`, which is saved.
pub(crate) fn save(path: &Path, keeping: &Keeping<'_>, stop: &Stop) -> Result<(), Failure> {
    let Some(path) = file_of(path) else { return Ok(()) };
    let written = NewFile::plan(&path, true, None)
        .and_then(|file| file.write_with(stop, |file| write(file, keeping)));
    written.map_err(|failure| {
        failure.about("the index is saved, its curve is not; a later run begins a new one")
    })
}

fn write(file: &File, keeping: &Keeping<'_>) -> Result<()> {
    let mut to = BufWriter::new(file);
    let words = words(keeping.how.0, keeping.how.1);
    let [nonce, newest, records] = keeping.standing.0;
    let (is_whole, length) = (u64::from(keeping.is_whole), words.len() as u64);
    to.write_all(&MAGIC)?;
    for number in [nonce, newest, records, is_whole, keeping.zero_bytes, length] {
        to.write_all(&number.to_le_bytes())?;
    }
    to.write_all(words.as_bytes())?;
    keeping.model.save(&mut to)?;
    Ok(to.flush()?)
}
