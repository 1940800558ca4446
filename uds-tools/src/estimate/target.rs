//! The index that an estimate posts to: a temporary one, or the one of `--index`.

use std::fs;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::{SystemTime, UNIX_EPOCH};

use uds_geometry::{Configuration, MemorySize, Nonce};
use uds_index::{
    Answer, Batch, CreateOptions, ErrorKind, Index, IndexError, IndexInfo, OpenOptions, SaveState,
    Statistics,
};
use uds_volume::{FileOptions, FileStorage, Storage, StorageError};

use super::name::{BLAKE3_NONCE, Naming};
use super::walk::Identity;
use super::worker::{BATCH_NAMES, Block, Posted, Poster};
use crate::cli::EstimateArgs;
use crate::create::{self, Making};
use crate::exit::{Exit, Failure, complain};
use crate::recover;
use crate::size::configuration;
use crate::stop::Stop;
use crate::storage::{Shortage, about_file, file_bytes, is_free, shortage};
use crate::units;

/// An open index, and what it is to be called.
pub(crate) struct Target {
    pub(crate) index: Index,
    /// The file of `--index`, or nothing for a temporary index.
    pub(crate) path: Option<PathBuf>,
    /// Where a temporary index lies.
    temp_dir: PathBuf,
    /// Statistics when it was opened, to tell this run's work from earlier ones'.
    pub(crate) before: Statistics,
    /// Why the first name that could not be looked up could not.
    failure: OnceLock<Arc<IndexError>>,
}

impl Target {
    /// Opens or makes the index that the arguments ask for.
    pub(crate) fn open(arguments: &EstimateArgs, stop: &Stop) -> Result<Self, Failure> {
        let memory = arguments.memory.unwrap_or(MemorySize::MB_256);
        let wanted = configuration(memory, arguments.sparse);
        let temp_dir = arguments.temp_dir.clone().unwrap_or_else(std::env::temp_dir);
        let index = match &arguments.index {
            None => temporary(&temp_dir, &wanted)
                .map_err(|failure| about_temporary(failure, &temp_dir))?,
            Some(path) if is_free(path) && arguments.reuse => {
                return Err(Failure::usage(format_args!(
                    "{path:?} is no index yet, and --reuse wants one; leave --reuse out, and it \
                     is made"
                )));
            }
            Some(path) if is_free(path) => {
                let making = Making {
                    configuration: wanted,
                    nonce: arguments.nonce.unwrap_or_else(|| arguments.hash.nonce()),
                    offset: arguments.offset,
                    force: false,
                    sparse_file: false,
                };
                create::make(path, &making, stop)?
            }
            Some(path) => {
                existing(path, arguments, stop).map_err(|failure| about_file(failure, path))?
            }
        };
        let before = index.statistics();
        let path = arguments.index.clone();
        Ok(Self { index, path, temp_dir, before, failure: OnceLock::new() })
    }

    /// The file of the index, which must not be estimated itself.
    pub(crate) fn identity(&self) -> Option<Identity> {
        let metadata = fs::metadata(self.path.as_ref()?).ok()?;
        Some(if metadata.file_type().is_block_device() {
            super::walk::device_identity(&metadata)
        } else {
            (metadata.dev(), metadata.ino())
        })
    }

    /// Says which index a failure is about, and what can be done where it is the temporary one.
    pub(crate) fn explain(&self, failure: Failure) -> Failure {
        match &self.path {
            Some(path) => about_file(failure, path),
            None => about_temporary(failure, &self.temp_dir),
        }
    }

    /// Says why the index could not look up `blocks` blocks, if there are any.
    pub(crate) fn check_lookups(&self, blocks: u64) -> Result<(), Failure> {
        let Some(error) = self.failure.get() else { return Ok(()) };
        let blocks = units::counted(blocks, "block");
        let what = format!("{blocks} could not be looked up");
        Err(self.explain(Failure::from(Arc::clone(error)).about(what)))
    }

    /// Saves an index of `--index`; a temporary one vanishes.
    pub(crate) fn finish(self) -> Result<(), Failure> {
        match self.path {
            Some(path) => self.index.close().map_err(|error| about_file(error.into(), &path)),
            None => Ok(()),
        }
    }
}

fn existing(path: &Path, arguments: &EstimateArgs, stop: &Stop) -> Result<Index, Failure> {
    let storage: Arc<dyn Storage> = Arc::new(FileStorage::open(path)?);
    // Looked at before anything can change, so that a wrong call leaves no trace.
    let info = IndexInfo::read(Arc::clone(&storage), arguments.offset)?;
    let found = info.configuration.memory_size();
    if let Some(wanted) = arguments.memory.filter(|&wanted| found != Some(wanted)) {
        let found = found.map_or("no named size".into(), |found| found.to_string());
        return Err(Failure::usage(format_args!(
            "the index has {found} of memory, not the {wanted} of --memory; leave --memory out, \
             or choose another file for --index"
        )));
    }
    if arguments.sparse && !info.configuration.is_sparse() {
        return Err(Failure::usage(format_args!(
            "the index is dense, not sparse; leave --sparse out, or choose another file for --index"
        )));
    }
    if arguments.nonce.is_none() {
        check_hash(arguments.hash, &info)?;
    }
    let options = OpenOptions {
        nonce: arguments.nonce,
        offset_blocks: arguments.offset,
        ..OpenOptions::default()
    };
    if let SaveState::Clean(_) = info.save {
        for slot in &info.damaged_slots {
            complain(format_args!(
                "warning: {path:?}: save slot {slot}: its header is damaged; going on with the \
                 save in the other one, which can be older: what came after it is lost then"
            ));
        }
    }
    let index = recover::open(storage, &options, arguments.quiet, stop)?;
    if let Some(report) = index.recovery() {
        recover::tell(path, report);
    }
    Ok(index)
}

/// Refuses names that would find nothing in this index, as far as its nonce tells. Other nonces
/// than ours say nothing about hashes; and whoever gives the nonce knows the index.
fn check_hash(hash: Naming, info: &IndexInfo) -> Result<(), Failure> {
    let holds_records = match &info.save {
        SaveState::Clean(saved) => saved.closed_chapters() > 0 || saved.open_chapter_records > 0,
        // It cannot be opened anyway.
        _ => false,
    };
    let nonce = info.client_nonce;
    match hash {
        Naming::Murmur if nonce == BLAKE3_NONCE => Err(Failure::usage(format_args!(
            "the index was made for --hash blake3, as its nonce says: names of murmur would find \
             nothing in it. Add --hash blake3, or choose another file for --index; --nonce {nonce} \
             says that you mean it"
        ))),
        Naming::Blake3 if nonce == Nonce::default() && holds_records => {
            Err(Failure::usage(format_args!(
                "the index was made for --hash murmur, as its nonce 0 says: names of blake3 would \
                 find nothing in it. Leave --hash out, or choose another file for --index; \
                 --nonce 0 says that you mean it"
            )))
        }
        Naming::Murmur | Naming::Blake3 => Ok(()),
    }
}

/// Says which index failed, and what helps.
fn about_temporary(failure: Failure, directory: &Path) -> Failure {
    let problem = match shortage(&failure) {
        Some(Shortage::Full) => format!("the disk of {directory:?} is full (temporary index)"),
        Some(Shortage::TooLarge) => format!(
            "the temporary index in {directory:?} would be larger than the limit on the size of \
             files (ulimit -f), or the file system, allows"
        ),
        None => {
            let what = "choose another place with --temp-dir";
            return failure.about(format!("the temporary index in {directory:?} failed; {what}"));
        }
    };
    // What the storage says of its bytes helps nobody here.
    let message = format!("{problem}: choose another place with --temp-dir");
    Failure::new(Exit::InputOutput, anyhow::Error::msg(message))
}

/// An index in a file that has no name any more, so that it vanishes however the process ends.
fn temporary(directory: &Path, configuration: &Configuration) -> Result<Index, Failure> {
    let bytes = file_bytes(configuration, 0)?;
    let storage = unnamed_file(directory, bytes)?;
    Ok(Index::create(Arc::new(storage), configuration, &CreateOptions::default())?)
}

fn unnamed_file(directory: &Path, bytes: u64) -> Result<FileStorage, StorageError> {
    let options = FileOptions::new().sparse(true).ephemeral(true);
    let process = std::process::id();
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
    let mut attempt = 0;
    loop {
        let path = directory.join(format!(".uds-estimate-{process}-{:x}", now + attempt));
        match options.create(&path, bytes) {
            Err(StorageError::AlreadyExists { .. }) if attempt < 100 => attempt += 1,
            Err(error) => return Err(error),
            Ok(storage) => {
                // Should this fail, a sparse file is left behind, which is no reason to stop.
                let _ = fs::remove_file(&path);
                return Ok(storage);
            }
        }
    }
}

/// Posts a worker's names to the index.
pub(crate) struct IndexPoster<'a> {
    target: &'a Target,
    batch: Batch,
    /// The bytes of the batch's blocks.
    lengths: Vec<u32>,
}

impl<'a> IndexPoster<'a> {
    pub(crate) fn new(target: &'a Target) -> Self {
        let batch = Batch::with_capacity(BATCH_NAMES);
        Self { target, batch, lengths: Vec::with_capacity(BATCH_NAMES) }
    }
}

impl Poster for IndexPoster<'_> {
    fn add(&mut self, block: &Block<'_>) {
        self.batch.post(block.name, block.data);
        // No block has more than 16 MiB.
        self.lengths.push(block.bytes.len() as u32);
    }

    fn waiting(&self) -> usize {
        self.batch.len()
    }

    fn post(&mut self) -> Posted {
        let mut posted = Posted::default();
        let count = self.batch.len() as u64;
        let outcome = self.target.index.run(&mut self.batch);
        for (answer, &length) in self.batch.answers().zip(&self.lengths) {
            match answer {
                Some(Ok(Answer::Found { .. })) => {
                    posted.known += 1;
                    posted.known_bytes += u64::from(length);
                }
                Some(Ok(Answer::Absent)) => {
                    posted.new += 1;
                    posted.new_bytes += u64::from(length);
                }
                Some(Err(error)) if is_final(error) => {
                    posted.end.get_or_insert_with(|| Arc::clone(error).into());
                }
                // One name cannot be looked up: the next one perhaps can.
                Some(Err(error)) => drop(self.target.failure.set(Arc::clone(error))),
                None => {}
            }
        }
        posted.failed = count - posted.known - posted.new;
        // Where the batch was not taken at all, no request says why.
        if let Some(error) = outcome.err().filter(is_final) {
            posted.end.get_or_insert_with(|| error.into());
        }
        self.batch.clear();
        self.lengths.clear();
        posted
    }
}

/// Whether every further request would fail too.
fn is_final(error: &IndexError) -> bool {
    matches!(error.kind(), ErrorKind::Poisoned | ErrorKind::Closed | ErrorKind::Bug)
}

#[cfg(test)]
mod tests {
    use std::io;

    use uds_volume::Operation;

    use super::*;

    fn told(kind: io::ErrorKind) -> String {
        let source = io::Error::from(kind);
        let error = StorageError::Io { operation: Operation::Write, offset: 0, length: 1, source };
        let cause = Arc::new(IndexError::Storage(error));
        let source = Arc::new(IndexError::Poisoned { cause });
        let error = IndexError::RequestsFailed { failed: 17, first: 3, source };
        about_temporary(error.into(), Path::new("/tmp")).to_string()
    }

    // Guards the way out of a full disk, which must not be hidden behind the index's inner life.
    #[test]
    fn a_full_temporary_directory_is_told_with_what_helps() {
        assert_eq!(
            told(io::ErrorKind::StorageFull),
            "the disk of \"/tmp\" is full (temporary index): choose another place with --temp-dir"
        );
        let text = told(io::ErrorKind::FileTooLarge);
        assert!(text.contains("larger than the limit") && !text.contains("full"), "{text}");
        let text = told(io::ErrorKind::PermissionDenied);
        assert!(text.contains("/tmp") && text.contains("cannot write 1 bytes"), "{text}");
        assert!(!text.contains("batch") && !text.contains("takes no more changes"), "{text}");
    }
}
